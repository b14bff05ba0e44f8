#!/usr/bin/env bash
# clang-tidy with .clang-tidy over the files of a compile_commands.json. The Check tests stay out:
# the analyzer takes a failed assertion, which ends the test, for a way through it.
#
#   tidy.sh [BUILD-DIR] [PATH-PREFIX]     on every core
#   tidy.sh BUILD-DIR --part N/M          every Mth file from the Nth on, on one core: a test beside others
#
# Most of the time goes into following the longest functions' paths: in parts, each function gets a ninth of the
# states that it gets by default; tests/run-all.sh has all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build}
prefix='' jobs=$(nproc) part=1 parts=1 limit=()
if [[ ${2:-} == --part ]]; then
    [[ ${3:-} =~ ^([1-9])/([1-9])$ ]] && ((BASH_REMATCH[1] <= BASH_REMATCH[2])) ||
        { echo "tidy: --part '${3:-}': expected N/M, N from 1 to M" >&2; exit 2; }
    part=${BASH_REMATCH[1]} parts=${BASH_REMATCH[2]} jobs=1
    for word in -Xclang -analyzer-config -Xclang max-nodes=25000; do limit+=("--extra-arg=$word"); done
else
    prefix=${2:-}
fi
database=$build/compile_commands.json
[[ -r $database ]] || { echo "tidy: no $database: configure first" >&2; exit 1; }
# Generated files (the grammar) live in the build folder and are not ours to tidy.
mapfile -t files < <(jq -r '.[].file' "$database" | sort -u | grep -F "$PWD/$prefix" |
    grep -vF "$(realpath "$build")/" | grep -vE '/tests/(unit|model|vectors)/' |
    awk -v part="$part" -v parts="$parts" 'NR % parts == part % parts')
((${#files[@]})) || { echo "tidy: nothing to look at" >&2; exit 1; }
printf '%s\0' "${files[@]}" |
    xargs -0 -P "$jobs" -n 4 clang-tidy --quiet -p "$build" "${limit[@]}" 2> >(grep -v 'warnings generated' >&2)
echo "tidy: ${#files[@]} files are clean"
