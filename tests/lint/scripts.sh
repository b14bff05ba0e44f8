#!/usr/bin/env bash
# Shell scripts are code too: shellcheck's warnings are errors; Python at least compiles.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)
mapfile -t python < <(git ls-files -- '*.py')
# SC1010: ping -M do is no loop.
shellcheck -x -S warning -e SC1010 "${scripts[@]}"
/usr/bin/python3 - "${python[@]}" <<'PYTHON'
import ast
import sys

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        ast.parse(file.read(), path)
PYTHON
echo "scripts: ${#scripts[@]} shell and ${#python[@]} python files"
