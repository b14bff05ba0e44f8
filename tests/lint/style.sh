#!/usr/bin/env bash
# Formatting is clang-format's business (.clang-format) and not discussed. --fix rewrites.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t files < <(git ls-files -- '*.c' '*.h')
((${#files[@]})) || { echo "style: no C files are tracked" >&2; exit 1; }
if [[ ${1:-} == --fix ]]; then
    exec clang-format -i "${files[@]}"
fi
clang-format --dry-run --Werror "${files[@]}"
echo "style: ${#files[@]} files are formatted"
