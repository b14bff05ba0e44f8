# The XFRM server, the sequence numbers on disk and the privileges.
cygnet_library(dataplane_control control.c control_client.c control_session.c control_acquire.c control_event.c control_larval.c control_life.c control_request.c
    deadline.c
    control_sa.c control_encap.c control_policy.c control_status.c reserve.c privileges.c privileges_seccomp.c)
target_link_libraries(dataplane_control PUBLIC dataplane_base xfrm sadb
    PRIVATE PkgConfig::EVENT PkgConfig::CAPNG PkgConfig::SECCOMP OpenSSL::Crypto)
