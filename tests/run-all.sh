#!/usr/bin/env bash
# tests/run.sh, then what is too long for every change: the whole matrix against the Linux kernel,
# the 10,000-SA and restart tests again under ASan, 100,000 random schedules for two IKE machines of
# either kind, every fuzz target for a minute.
#
#   tests/run-all.sh [FUZZ-SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}

tests/run.sh
echo "==> the whole matrix against the Linux kernel"
CYGNET_BUILD=$PWD/build tests/interop/kernel.sh --all
echo "==> every suite and group with strongSwan on a kernel"
CYGNET_BUILD=$PWD/build tests/interop/ike-strongswan.sh --all
echo "==> half a minute of strangers at the door of IKE"
CYGNET_BUILD=$PWD/build tests/netns/ike-flood.sh 30
echo "==> every network test under ASan and UBSan"
ctest --test-dir build-asan --output-on-failure -L '^(smoke|netns)$'
echo "==> random schedules for IKE"
build/tests/model/model_ike 100000
build/tests/model/model_ike_storm 1 100000
echo "==> fuzzing, $seconds s a target"
cmake --preset fuzz > build/results/build-fuzz-cmake.log
cmake --build build-fuzz -j "$(nproc)" > build/results/build-fuzz-build.log
for target in build-fuzz/tests/fuzz/fuzz_*; do
    [[ -x $target && ! -d $target ]] || continue
    tests/fuzz/run.sh "$target" "$seconds"
done
echo "run-all: done"
