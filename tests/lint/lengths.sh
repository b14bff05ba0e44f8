#!/usr/bin/env bash
# Police the tail, not the median (docs/style.md): no function above 80 lines outside tests, no
# file above 600, no test above 1000; packets in generated headers do not count. --report prints
# the ten longest of each instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
function_max=80
file_max=600
test_max=1000

# LINES FILE:LINE NAME, longest first.
functions() {
    git ls-files -- '*.c' | grep -v '^tests/' |
        ctags -x --_xformat='%F %N %n %e' --fields=+ne --kinds-C=f -L - -f - |
        awk '{print $4 - $3 + 1, $1 ":" $3, $2}' | sort -rn
}

files() {
    git ls-files -- '*.c' '*.h' '*.l' '*.y' '*.sh' '*.py' | grep -v '^tests/vectors/.*\.h$' |
        xargs wc -l | awk '$2 != "total" {print $1, $2}' | sort -rn
}

if [[ ${1:-} == --report ]]; then
    functions | awk 'NR <= 10'
    files | awk 'NR <= 10'
    exit 0
fi
long=$(functions | awk -v max=$function_max '$1 > max {print "lengths: " $2 ": " $3 "() has " $1 " lines, " max " is the ceiling"}')
long+=$(files | awk -v product=$file_max -v test=$test_max '{max = $2 ~ /^tests\// ? test : product}
    $1 > max {print "lengths: " $2 " has " $1 " lines, " max " is the ceiling"}')
if [[ -n $long ]]; then
    echo "$long" >&2
    exit 1
fi
echo "lengths: longest function $(functions | awk 'NR == 1 {print $1 " lines, " $3}'), longest file $(files | awk 'NR == 1 {print $1 " lines, " $2}')"
