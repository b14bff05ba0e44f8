#!/bin/bash
# tests/unit/tools/test_corpus.sh SETKEY SAMPLES: checks files of the setkey language without a
# server (-n). Of each SAMPLES/x.conf the messages and the exit status stand in x.expect. With
# CYGNET_CORPUS, a folder of files found in the wild, what its MANIFEST.tsv says of each is checked
# too: what must load, what must be refused at which lines, and what is a syntax error.
set -u
setkey=$1
samples=$2
failed=0
files=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# What setkey says about FILE, under the name it has in its folder, and its exit status.
verdict() {
	(cd "$(dirname "$1")" && "$setkey" -n -f "$(basename "$1")" 2>&1; echo "exit $?")
}

check_sample() {
	local expect=${1%.conf}.expect
	diff -u "$expect" <(verdict "$1") || fail "$1"
	files=$((files + 1))
}

# True if line $1 lies in one of the ranges in the text $2 ("ALG 8-11,15-18").
in_ranges() {
	local range
	for range in $(grep -oE '(^|[ ,:])[0-9]+(-[0-9]+)?' <<<"$2" | tr -d ' ,:'); do
		[ "$1" -ge "${range%-*}" ] && [ "$1" -le "${range#*-}" ] && return 0
	done
	return 1
}

# FILE EXPECT REFUSE, the columns of the manifest.
check_found() {
	local file=$1 expect=$2 refuse=$3 said status refused data line
	said=$(verdict "$file")
	status=${said##*exit }
	refused=$(grep -cE 'is not supported($|:)' <<<"$said")
	files=$((files + 1))
	for line in $(sed -n 's/^setkey: [^,]*,\([0-9]*\): .*/\1/p' <<<"$said"); do
		in_ranges "$line" "$refuse" || fail "$file: line $line should load"
	done
	if [ "$expect" = syntax ]; then
		[ "$status" = 1 ] && grep -q 'parse failed$' <<<"$said" ||
			fail "$file: the syntax error was not seen"
		return
	fi
	grep -q 'parse failed$' <<<"$said" && fail "$file: $said"
	data=$(sed 's/#.*//' "$file" | grep -cE '^[[:space:]]*(add|spdadd)[[:space:]]')
	case $expect in
	full) # but for what Cygnet refuses on purpose
		[ "$status" = $((refused > 0)) ] || fail "$file: exit $status" ;;
	partial)
		[ "$status" = 1 ] && [ "$refused" -gt 0 ] || fail "$file: exit $status" ;;
	none)
		[ "$status" = 1 ] && [ "$refused" = "$data" ] ||
			fail "$file: $refused of $data refused" ;;
	*)
		fail "$file: what is '$expect'?" ;;
	esac
}

for file in "$samples"/*.conf; do
	check_sample "$file"
done
if [ -n "${CYGNET_CORPUS:-}" ]; then
	while IFS=$'\t' read -r name _ _ _ expect refuse; do
		case $name in '#'* | file) continue ;; esac
		check_found "$CYGNET_CORPUS/$name" "$expect" "$refuse"
	done <"$CYGNET_CORPUS/MANIFEST.tsv"
fi
echo "$files files checked"
[ "$files" -ge 15 ] || fail "where are the samples?"
exit $failed
