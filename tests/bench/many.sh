#!/usr/bin/env bash
# What many SAs and policies cost: memory of cygnetd for each, and one flow's throughput beside them, as
# ratios of one run. Two offices with one tunnel, then the receiving gateway gets as many more.
#
#   tests/bench/many.sh [SAS [POLICIES]]      100,000 and 10,000 if not said
# It measures an optimised build, in build-release/ unless CYGNET_BUILD names one; run.sh makes that.
CYGNET_BUILD=${CYGNET_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build-release}
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/bench/tunnels.sh
source "$ROOT/tests/bench/tunnels.sh"
sas=${1:-100000} policies=${2:-10000}
lab_begin many
tunnel_offices t
cygnet_up t raw
reaches t-hostA 10.2.0.2
pid=${GATEWAY_PID[t-gwB]}

rss_kb() { awk '/VmRSS/ {print $2}' "/proc/$pid/status"; }

# mbits: the median of five.
mbits() {
    for _ in 1 2 3 4 5; do
        background t-hostB iperf3 iperf3 -s -1 --forceflush
        wait_for 5 grep -q listening "$WORK/iperf3.log"
        on t-hostA iperf3 -c 10.2.0.2 -t 1 -J | jq '.end.sum_received.bits_per_second / 1e6 | floor'
        wait "$LAST_PID" || true
    done | sort -n | sed -n 3p
}

# grow COUNT < FILE: loads it, and says what cygnetd has grown by for each, in bytes.
grow() {
    local before
    before=$(rss_kb)
    cat > "$WORK/more.conf"
    sk t-gwB -f "$WORK/more.conf"
    echo $((($(rss_kb) - before) * 1024 / $1))
}

one=$(mbits)
echo "1 SA, 1 policy:    $one Mb/s, cygnetd $(rss_kb) kB"
bytes=$(awk -v n="$sas" 'BEGIN {for (i = 0; i < n; i++)
    printf "add 198.51.%d.%d 192.0.2.2 esp %d -m tunnel -r 64 -E aes-gcm-16 0x%040x;\n", int(i / 256) % 256, i % 256, 65536 + i, i + 1}' | grow "$sas")
many=$(mbits)
echo "$sas more SAs: $many Mb/s, $bytes bytes each, ratio $(jq -n "$many / $one * 100 | round / 100")"
awk -v n="$policies" 'BEGIN {for (i = 0; i < n; i++)
    printf "spdadd 198.18.%d.%d/32 10.2.0.0/24 any -P in none;\n", int(i / 256) % 256, i % 256}' | grow "$policies" > "$WORK/bytes"
many=$(mbits)
echo "$policies more policies: $many Mb/s, $(cat "$WORK/bytes") bytes each, ratio $(jq -n "$many / $one * 100 | round / 100")"
