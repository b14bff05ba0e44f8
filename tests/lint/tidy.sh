#!/usr/bin/env bash
# clang-tidy with .clang-tidy over the files of a compile_commands.json. The Check tests stay out:
# the analyzer takes a failed assertion, which ends the test, for a way through it.
#
#   tidy.sh [BUILD-DIR] [PATH-PREFIX]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build}
prefix=${2:-}
database=$build/compile_commands.json
[[ -r $database ]] || { echo "tidy: no $database: configure first" >&2; exit 1; }
# Generated files (the grammar) live in the build folder and are not ours to tidy.
mapfile -t files < <(jq -r '.[].file' "$database" | sort -u | grep -F "$PWD/$prefix" |
    grep -vF "$(realpath "$build")/" | grep -vE '/tests/(unit|model|vectors)/')
((${#files[@]})) || { echo "tidy: nothing to look at" >&2; exit 1; }
printf '%s\0' "${files[@]}" |
    xargs -0 -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2> >(grep -v 'warnings generated' >&2)
echo "tidy: ${#files[@]} files are clean"
