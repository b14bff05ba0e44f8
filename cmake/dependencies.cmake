# What each library is for stands in docs/architecture.md. All come as Debian packages;
# tests/packages lists them by name.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(BISON 3.0 REQUIRED)
find_package(FLEX 2.6 REQUIRED)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core libevent_extra libevent_pthreads)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-qsbr)
pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CAPNG REQUIRED IMPORTED_TARGET libcap-ng)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
# Optional: a header at build time, a library at run time, both only on x86.
find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
if(CYGNET_TESTS)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
