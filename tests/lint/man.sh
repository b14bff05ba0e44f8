#!/usr/bin/env bash
# Manual pages that lie are worse than none: each is clean mdoc, each PROGRAM has one, and every
# option, verb and variable that the program's own help names stands in it.
#
#   tests/lint/man.sh PROGRAM...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
problems=0
problem() {
    echo "man: $*" >&2
    problems=$((problems + 1))
}

mandoc -T lint -W warning docs/man/*.[58] || problem "mandoc has complaints"

# named: the options, variables and (of lines that begin with two blanks) verbs in a help text.
named() {
    grep -oE '(^|[^A-Za-z0-9-])--?[A-Za-z?][a-z-]*' <<< "$1" | grep -oE -- '-.*' || true
    grep -oE '\$[A-Z_]+' <<< "$1" | tr -d '$' || true
    sed -nE 's/^  ([a-z]+) .*/\1/p' <<< "$1"
}

check_program() {
    local name=${1##*/} page help word
    page=docs/man/$name.8
    [[ -e $page ]] || { problem "$name has no page"; return; }
    page=$(mandoc -T ascii "$page" | col -b)
    help=$("$1" --help || true)
    [[ $name != setkey ]] || help+=$(SETKEY_DIALECT=bsd "$1" --help || true)
    [[ -n $help ]] || problem "$name says nothing to --help"
    while read -r word; do
        grep -qE -- "(^|[^A-Za-z0-9-])${word//\?/\\?}([^A-Za-z0-9-]|$)" <<< "$page" ||
            problem "docs/man/$name.8 says nothing of $word, which $name --help does"
    done < <(named "$help" | sort -u)
}

for program; do check_program "$program"; done
(($# > 0)) || problem "which programs?"
((problems == 0)) || exit 1
echo "man: $# programs, all they name in their help stands in their pages"
