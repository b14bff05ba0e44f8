#!/usr/bin/env bash
# Instructions of the packet path, cipher excluded, counted by callgrind: stable from run to run where
# time is not. Prints each piece beside its recorded figure, and fails where one grew by more than 5%.
# The figures are of Debian 12's gcc; another compiler has others.
#
#   instructions.sh PROGRAM [--record]      --record writes tests/bench/instructions.txt anew
set -euo pipefail
program=$1
recorded=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/instructions.txt
limit=5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count PIECE: instructions a unit of work.
count() {
    local units total
    units=$(valgrind --tool=callgrind --callgrind-out-file="$work/out" --collect-atstart=no \
        --toggle-collect=measured "$program" "$1" 2> "$work/log") || { cat "$work/log" >&2; return 1; }
    total=$(awk '$1 == "totals:" {print $2}' "$work/out")
    echo $((total / units))
}

pieces=$("$program" --list)
if [[ ${2:-} == --record ]]; then
    for piece in $pieces; do echo "$piece $(count "$piece")"; done > "$work/new"
    cp "$work/new" "$recorded"
    cat "$recorded"
    exit 0
fi
worse=0
printf '%-28s %12s %9s %8s\n' piece instructions recorded change
for piece in $pieces; do
    now=$(count "$piece")
    was=$(awk -v piece="$piece" '$1 == piece {print $2}' "$recorded")
    [[ -n $was ]] || { echo "instructions: no figure for $piece: run with --record" >&2; exit 1; }
    change=$(awk -v now="$now" -v was="$was" 'BEGIN {printf "%+.1f%%", 100 * (now - was) / was}')
    printf '%-28s %12d %9d %8s\n' "$piece" "$now" "$was" "$change"
    ((now * 100 <= was * (100 + limit))) || worse=$((worse + 1))
done
if ((worse)); then
    echo "instructions: $worse pieces grew by more than $limit%; if that is worth it, record the new figures" >&2
    exit 1
fi
