#!/usr/bin/env bash
# Runs one libFuzzer target, starting from its corpus in the tree. What it finds new goes to the
# build folder; a crashing input is kept there and named.
#
#   run.sh build-fuzz/tests/fuzz/fuzz_NAME SECONDS
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$1
seconds=$2
name=$(basename "$target")
work=$(dirname "$target")/work-$name
mkdir -p "$work"
options=()
[[ -r $here/$name.dict ]] && options+=("-dict=$here/$name.dict")
if ! "$target" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="$work/" "$work" "$here/corpus/$name" > "$work.log" 2>&1; then
    tail -n 40 "$work.log" >&2
    exit 1
fi
awk -v name="$name" '/number_of_executed_units/ {n = $2} /average_exec_per_sec/ {r = $2}
    END {print name ": " n " inputs, " r " a second, no finding"}' "$work.log"
