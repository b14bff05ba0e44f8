#!/usr/bin/env bash
# Every drop has a name, a counter, a test (docs/decisions/0003): each verdict of packet/verdict.h is
# expected by a test that sees its counter rise by one and no other. Those are tests/unit/gateway's
# tables of the straight line and of ICMP errors, which compare all counters, and moves_by_one in
# tests/netns.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

names() { sed -n 's/^\tX(\([A-Z0-9_]*\), .*/\1/p' packet/verdict.h; }
expected() {
    git ls-files -- 'tests/unit/gateway/test_line*.c' tests/unit/gateway/test_path_error.c | xargs grep -oh '\bV_[A-Z0-9_]*' | sed 's/^V_//'
    git ls-files -- 'tests/netns/*.sh' | xargs grep -oh 'moves_by_one [a-zA-Z]* [A-Z0-9_]*' | cut -d ' ' -f 3
}

count=$(names | wc -l)
((count > 10)) || { echo "verdicts: no list found in packet/verdict.h" >&2; exit 1; }
missing=$(names | sort | comm -23 - <(expected | sort -u))
if [[ -n $missing ]]; then
    echo "$missing" | sed 's/^/verdicts: no test expects /' >&2
    exit 1
fi
echo "verdicts: $count, each expected by a test"
