#!/usr/bin/env bash
# What a second packet thread gives: four TCP streams each way through gateways with one worker and with
# two, in turn, as a ratio of one run.
#
#   tests/bench/workers.sh [ROUNDS]
# It measures an optimised build, in build-release/ unless CYGNET_BUILD names one; run.sh makes that.
CYGNET_BUILD=${CYGNET_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build-release}
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/bench/tunnels.sh
source "$ROOT/tests/bench/tunnels.sh"
rounds=${1:-3}
lab_begin bench-workers

# mbits NAME: both directions together.
mbits() {
    background "$1-hostB" iperf3 iperf3 -s -1 --forceflush
    wait_for 5 grep -q listening "$WORK/iperf3.log"
    on "$1-hostA" iperf3 -c 10.2.0.2 -t 2 -P 4 --bidir -J |
        jq '[.end | .sum_received, .sum_received_bidir_reverse | .bits_per_second] | add / 1e6 | floor'
    wait "$LAST_PID" || true
}

median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

for way in raw udp; do
    for workers in 1 2; do
        tunnel_offices "$way$workers"
        cygnet_up "$way$workers" "$way" --workers "$workers"
        reaches "$way$workers-hostA" 10.2.0.2
    done
    for ((i = 0; i < rounds; i++)); do
        for workers in 1 2; do mbits "$way$workers" >> "$WORK/$way$workers.mbits"; done
    done
    one=$(median < "$WORK/${way}1.mbits") two=$(median < "$WORK/${way}2.mbits")
    echo "$way: one worker $one Mb/s, two workers $two Mb/s, ratio $(jq -n "$two / $one * 100 | round / 100") ($(nproc) cores)"
done
