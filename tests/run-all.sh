#!/usr/bin/env bash
# tests/run.sh, then what is too long for every change: the whole matrix against the Linux kernel,
# every network test under ASan, 100,000 random schedules for two IKE machines of either kind, every
# mutation, every fuzz target for a minute.
#
#   tests/run-all.sh [FUZZ-SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}

tests/run.sh
echo "==> clang-tidy, with all the states it follows by default"
tests/lint/tidy.sh build
echo "==> the whole matrix against the Linux kernel"
CYGNET_BUILD=$PWD/build tests/interop/kernel.sh --all
echo "==> every suite and group with strongSwan on a kernel"
CYGNET_BUILD=$PWD/build tests/interop/ike-strongswan.sh --all
echo "==> every suite and group with Libreswan"
CYGNET_BUILD=$PWD/build tests/interop/ike-libreswan.sh --all
echo "==> half a minute of strangers at the door of IKE"
CYGNET_BUILD=$PWD/build tests/netns/ike-flood.sh
echo "==> every network test under ASan and UBSan"
# Without ike-flood.sh, which bounds resident memory: what ASan keeps in quarantine would count. Without the package:
# ASan's globals carry the names of source files, which the package must not.
ctest --test-dir build-asan --output-on-failure --no-tests=error -L '^(smoke|netns)$' -E '^(netns_ike-flood|packaging_deb)$'
echo "==> random schedules for IKE"
build/tests/model/model_ike 100000
build/tests/model/model_ike_storm 1 100000
echo "==> every mutation, those of network tests too"
tests/mutation/mutate.sh --all
echo "==> fuzzing, $seconds s a target"
cmake --preset fuzz > build/results/build-fuzz-cmake.log
cmake --build build-fuzz -j "$(nproc)" > build/results/build-fuzz-build.log
for target in build-fuzz/tests/fuzz/fuzz_*; do
    [[ -x $target && ! -d $target ]] || continue
    tests/fuzz/run.sh "$target" "$seconds"
done
echo "run-all: done"
