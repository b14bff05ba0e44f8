#!/usr/bin/env bash
# Reads the results tests/run.sh left and fails when a test was skipped, unless
# tests/allowed-skips names it with a kernel feature that this machine really lacks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# feature_is_missing NAME
feature_is_missing() {
    case $1 in
        esp)    # the kernel's own ESP: an SA can be added in a namespace of its own
            ! unshare -n ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 \
                mode tunnel enc 'ecb(cipher_null)' '' auth 'hmac(sha256)' 0x00 2> /dev/null ;;
        tun)
            ! (exec 3<> /dev/net/tun) 2> /dev/null ;;
        *)
            echo "check-skips: tests/allowed-skips names an unknown feature: $1" >&2
            return 1 ;;
    esac
}

# BUILD TEST, a line each. No results at all is a failure of its own.
not_run=$(/usr/bin/python3 - build/results/*.xml <<'PYTHON'
import pathlib
import sys
import xml.etree.ElementTree as tree

for path in sys.argv[1:]:
    for case in tree.parse(path).getroot().iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            print(pathlib.Path(path).stem, case.get("name"))
PYTHON
)

bad=0
skipped=0
while read -r build name; do
    [[ -n $name ]] || continue
    skipped=$((skipped + 1))
    feature=$(awk -v name="$name" '$1 == name {print $2}' tests/allowed-skips)
    if [[ -z $feature ]]; then
        echo "check-skips: $name was skipped in $build, and tests/allowed-skips does not name it" >&2
        bad=1
    elif ! feature_is_missing "$feature"; then
        echo "check-skips: $name was skipped in $build, but this machine has $feature" >&2
        bad=1
    else
        echo "check-skips: $name was skipped: the kernel has no $feature"
    fi
done <<< "$not_run"
if ((bad)); then exit 1; fi
if ((skipped)); then echo "check-skips: $skipped skipped, each with its reason"; fi
