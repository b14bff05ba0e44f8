#!/usr/bin/env bash
# Documents that lie are worse than none: relative links lead somewhere, the folder list of
# docs/architecture.md is the tree's, decisions are numbered without gaps.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
problems=0
problem() {
    echo "docs: $*" >&2
    problems=$((problems + 1))
}

check_links() {
    local doc=$1 link target
    while read -r link; do
        [[ $link == *://* || $link == mailto:* || $link == '#'* ]] && continue
        target=$(dirname "$doc")/${link%%#*}
        [[ -e $target ]] || problem "$doc: dead link $link"
    done < <(grep -oE '\]\([^) ]+\)' "$doc" | sed -E 's/^\]\(//; s/\)$//')
    # Paths in the text, as `folder/file.ext`.
    while read -r link; do
        [[ -e $link || -e $(dirname "$doc")/$link || $link == build*/* ]] || problem "$doc: no file $link"
    done < <(grep -oE '`[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+\.(c|h|md|sh|py|conf|cmake|txt)`' "$doc" | tr -d '\140')
}

check_folders() {
    local doc=docs/architecture.md listed real
    listed=$(sed -n '/<!-- folders -->/,/<!-- end -->/p' "$doc" | grep -oE '^ *[a-z][a-z-]*/ ' | tr -d ' /' | sort)
    real=$(git ls-files | grep / | cut -d/ -f1 | grep -v '^\.' | sort -u)
    [[ $listed == "$real" ]] ||
        problem "$doc lists other folders than the tree has: $(comm -3 <(echo "$listed") <(echo "$real") | xargs)"
}

check_decisions() {
    local n=0 file
    for file in docs/decisions/[0-9]*.md; do
        n=$((n + 1))
        [[ $(basename "$file") == "$(printf %04d $n)"-* ]] || problem "$file: expected number $(printf %04d $n)"
    done
}

documents=0
while read -r doc; do
    check_links "$doc"
    documents=$((documents + 1))
done < <(git ls-files -- '*.md')
check_folders
check_decisions

((problems == 0)) || exit 1
echo "docs: $documents documents have live links, the folder list is true"
