# How packets get to the TUN device: the host's network, the plan, and the kernel made to follow it.
cygnet_library(dataplane_capture
    addr_set.c capture.c capture_nft.c capture_plan.c capture_routes.c fib_rules.c guard.c
    guard_plan.c guard_text.c hostnet.c hostnet_snapshot.c nft_watch.c path_mtu.c plan_rules.c route_path.c rtnl.c)
target_link_libraries(dataplane_capture
    PUBLIC sadb PkgConfig::MNL
    PRIVATE dataplane_base PkgConfig::EVENT PkgConfig::NFTABLES)
