#!/usr/bin/env bash
# Instructions of the packet path, cipher excluded, counted by callgrind: stable from run to run where
# time is not. Prints each piece beside its recorded figure, and fails where one grew by more than 5%, or
# where a look-up among 10,000 takes more than 10% more than one among 10 (NAME-of-10.., NAME-of-10000..).
# The figures are of Debian 12's gcc; another compiler has others.
#
#   instructions.sh PROGRAM [--record]      --record writes tests/bench/instructions.txt anew
set -euo pipefail
program=$1
recorded=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/instructions.txt
limit=5
scale_limit=10
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
declare -A figure
printf '%-28s %12s %9s %8s\n' piece instructions recorded change
for piece in $pieces; do
    now=$(count "$piece")
    figure[$piece]=$now
    was=$(awk -v piece="$piece" '$1 == piece {print $2}' "$recorded")
    [[ -n $was ]] || { echo "instructions: no figure for $piece: run with --record" >&2; exit 1; }
    change=$(awk -v now="$now" -v was="$was" 'BEGIN {printf "%+.1f%%", 100 * (now - was) / was}')
    printf '%-28s %12d %9d %8s\n' "$piece" "$now" "$was" "$change"
    ((now * 100 <= was * (100 + limit))) || worse=$((worse + 1))
done
# As many instructions among 10,000 as among 10.
pairs=0
for many in $pieces; do
    [[ $many == *-of-10000* ]] || continue
    few=${many/-of-10000/-of-10}
    [[ -n ${figure[$few]+set} ]] || { echo "instructions: $many has no $few to stand beside" >&2; exit 1; }
    pairs=$((pairs + 1))
    if ((figure[$many] * 100 > figure[$few] * (100 + scale_limit))); then
        echo "instructions: $many takes ${figure[$many]}, $few ${figure[$few]}: more than $scale_limit% apart" >&2
        exit 1
    fi
done
((pairs == 2)) || { echo "instructions: policies and SAs are to be looked up among 10 and 10,000" >&2; exit 1; }
if ((worse)); then
    echo "instructions: $worse pieces grew by more than $limit%; if that is worth it, record the new figures" >&2
    exit 1
fi
