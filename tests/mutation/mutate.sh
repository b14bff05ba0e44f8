#!/usr/bin/env bash
# Would anybody notice? Breaks one line of the program at a time, as mutations.tsv says, and sees
# the test named beside it fail. A mutation that survives means that the test is weak.
#
#   mutate.sh --all                   every row, those that need root included
#   mutate.sh --random N [--seed S]   N rows of those that need none; prints the seed
#   mutate.sh ID...                   these
#
# It works on a copy of the tree in a folder of its own, with one build there that is only ever
# brought up to date; the tree itself is not touched. CYGNET_JOBS: compilers at a time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
table=$here/mutations.tsv
jobs=${CYGNET_JOBS:-2}
build_type=(-G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-g0)

usage() {
    sed -n '5,7s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
die() {
    echo "mutate: $*" >&2
    exit 1
}

# ---- the table ----------------------------------------------------------------------------

declare -A tests_of file_of find_of put_of
ids=()
while IFS=$'\t' read -r id tests file find put; do
    [[ -z $id || $id == '#'* ]] && continue
    ids+=("$id")
    tests_of[$id]=$tests file_of[$id]=$file find_of[$id]=$find put_of[$id]=$put
done < "$table"

needs_root() { [[ ,${tests_of[$1]} =~ ,(netns|interop)_ ]]; }

# random_ids N SEED: N different rows of those that need no root
random_ids() {
    local n=$1 i pick rows=()
    RANDOM=$2
    for i in "${ids[@]}"; do needs_root "$i" || rows+=("$i"); done
    while ((n-- > 0 && ${#rows[@]} > 0)); do
        pick=$((RANDOM % ${#rows[@]}))
        chosen+=("${rows[pick]}")
        rows[pick]=${rows[-1]}
        unset 'rows[-1]'
    done
}

chosen=()
case ${1:-} in
    --all)
        (($# == 1)) || usage
        chosen=("${ids[@]}") ;;
    --random)
        [[ ${2:-} =~ ^[1-9][0-9]*$ && (${3:-} == --seed || $# -eq 2) ]] || usage
        seed=${4:-$((SRANDOM % 32768))}
        [[ $seed =~ ^[0-9]+$ && $# -le 4 ]] || usage
        echo "mutate: seed $seed (again: $0 --random $2 --seed $seed)"
        random_ids "$2" "$seed" ;;
    '' | -*) usage ;;
    *)
        chosen=("$@")
        for id in "$@"; do [[ -n ${file_of[$id]+set} ]] || die "no mutation is called $id"; done ;;
esac

# ---- the copy -----------------------------------------------------------------------------

export CYGNET_ONCE=1 # a test that fails is wanted here: no second chance
work=$(mktemp -d "${TMPDIR:-/tmp}/cygnet-mutate.XXXXXX")
trap 'rm -rf "$work"' EXIT
copy=$work/tree build=$work/build
mkdir "$copy"
tar -C "$tree" --exclude=./build --exclude='./build-*' --exclude=./.git -cf - . | tar -C "$copy" -xf -
cmake -S "$copy" -B "$build" "${build_type[@]}" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
targets=$(ninja -C "$build" -t targets all | sed -n 's/: phony$//p')

# build_for TEST[:FUNCTION],..: what these tests run; all of it for scripts
build_for() {
    local test wanted=()
    for test in ${1//,/ }; do
        test=${test%%:*}
        test=${test/#bench_instructions/instructions}
        # Of a fuzz target; test_corpus is a script, and ninja's own target "test" runs everything.
        [[ $test != fuzz_* ]] || test=${test%_corpus}
        if grep -qxF "$test" <<< "$targets"; then wanted+=("$test"); else wanted+=(all); fi
    done
    ninja -C "$build" -j "$jobs" "${wanted[@]}" > "$work/log" 2>&1
}

# run_test TEST: ctest's status; what it printed is in $work/log. A skipped test did not fail.
run_test() {
    ctest --test-dir "$build" -R "^$1\$" --no-tests=error --timeout 300 -V > "$work/log" 2>&1
}

# notices TEST[:FUNCTION]: the test fails now, in this function (in Check's words)
notices() {
    if run_test "${1%%:*}"; then return 1; fi
    [[ $1 != *:* ]] || grep -qE ":[FE]:.*:${1##*:}:" "$work/log"
}

# ---- one by one ---------------------------------------------------------------------------

# A test that fails anyway notices nothing.
declare -A sound
check_sound() {
    local test
    for test in ${1//,/ }; do
        test=${test%%:*}
        [[ -z ${sound[$test]+set} ]] || continue
        if ! build_for "$test" || ! run_test "$test"; then
            tail -n 40 "$work/log" >&2
            echo "UNSOUND  $test fails without any mutation" >&2
            return 1
        fi
        sound[$test]=1
    done
}

# write FILE TEXT: always with a new time, or the build would keep what it made before
write() { printf '%s\n' "$2" > "$copy/$1"; }

# mutate ID: 0 if each of its tests noticed
mutate() {
    local id=$1 file=${file_of[$1]} find=${find_of[$1]} test text rest status=0
    text=$(< "$copy/$file")
    rest=${text#*"$find"}
    [[ $rest != "$text" && $rest != *"$find"* ]] || die "$id: its text is not exactly once in $file"
    check_sound "${tests_of[$id]}" || return 1
    write "$file" "${text/"$find"/"${put_of[$id]}"}"
    if build_for "${tests_of[$id]}"; then
        for test in ${tests_of[$id]//,/ }; do
            if notices "$test"; then continue; fi
            echo "SURVIVED $id: $test did not notice"
            status=1
        done
    else
        grep -m 3 error: "$work/log" >&2 || true
        echo "BROKEN   $id: the mutated $file does not build"
        status=1
    fi
    write "$file" "$text"
    return "$status"
}

bad=()
for id in "${chosen[@]}"; do
    if mutate "$id"; then echo "noticed  $id"; else bad+=("$id"); fi
done
echo "mutate: $((${#chosen[@]} - ${#bad[@]})) of ${#chosen[@]} mutations noticed"
((${#bad[@]} == 0)) || die "not: ${bad[*]}"
