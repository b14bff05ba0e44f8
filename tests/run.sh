#!/usr/bin/env bash
# Everything a change must pass, on a fresh Debian 12 machine as root: installs what is missing
# (and says so), builds in build/, runs lint and every test; then the same under ASan+UBSan, the
# threaded tests under TSan, and a clang build. Takes about 20 minutes on two cores.
#
#   tests/run.sh [--quick]      --quick: the first build and its tests only
#
# Nothing leaves the machine but apt's downloads: networks are namespaces, made and removed here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
quick=false
[[ ${1:-} == --quick ]] && quick=true
jobs=$(nproc)
results=build/results
failed=()
summary=()

say() { echo; echo "==> $*"; }

configure_and_build() { # DIR PRESET; TARGETS, if they are set
    say "build $1 (preset $2)"
    cmake --preset "$2" -B "$1" > "$results/$1-cmake.log" || { cat "$results/$1-cmake.log"; return 1; }
    cmake --build "$1" -j "$jobs" ${TARGETS:+--target $TARGETS} > "$results/$1-build.log" || { tail -n 60 "$results/$1-build.log"; return 1; }
}

# run_tests DIR CTEST-ARGS...: a stage goes on after a failure; the end of the script tells.
run_tests() {
    local dir=$1
    shift
    say "tests of $dir $*"
    ctest --test-dir "$dir" --output-on-failure --output-junit "$PWD/$results/$dir.xml" "$@" 2>&1 |
        tee "$results/$dir.log" || failed+=("$dir")
    # Passed, but worth a look: ctest keeps the output of what passed only in its own log.
    grep -h '^again: .* second attempt$' "$dir/Testing/Temporary/LastTest.log" | sed "s/^/$dir: /" || true
    summary+=("$dir: $(grep -E 'tests (passed|failed)' "$results/$dir.log" || echo 'no test ran')")
}

stage() { # DIR PRESET CTEST-ARGS...
    local dir=$1 preset=$2
    shift 2
    if configure_and_build "$dir" "$preset"; then
        run_tests "$dir" "$@"
    else
        failed+=("$dir")
        summary+=("$dir: does not build")
    fi
}

tests/install-packages.sh
mkdir -p "$results"
rm -f "$results"/*
# Two at a time, but never two guest kernels or loads: cygnet_script_test's LOCK.
stage build dev -j "$jobs" --no-tests=error
if ! $quick; then
    # What needs no second look under a sanitizer (lint, timing, the kernel peer) stays out.
    stage build-asan asan -j "$jobs" -L '^(unit|model|vectors|fuzz|smoke)$'
    threaded='test_shim test_grant test_sadb_threads test_xfrm_client test_control test_control_flow'
    TARGETS="cygnetd cygnet setkey cygnet-xfrm $threaded" stage build-tsan tsan -j "$jobs" \
        -R "^(${threaded// /|}|netns_(two-gateways|restart|verdicts|workers))\$"
    stage build-clang clang -j "$jobs" -L '^(unit|model|vectors|fuzz)$'
fi

say "${#failed[@]} of ${#summary[@]} builds failed: ${failed[*]:-none}"
printf '%s\n' "${summary[@]}"
# The first build's closing lines are the last ones, for whoever reads only those.
tail -n 40 "$results/build.log" | sed -n '/tests \(passed\|failed\)/,$p' | grep -vE '^$|^Label|sec\*proc' || true
((${#failed[@]} == 0))
