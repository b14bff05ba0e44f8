#!/usr/bin/env bash
# Many SAs, and many changes: 10,000 are added by `ip -batch` and dumped, every one; and while 5,000 changes
# are made, as fast as ip can, no packet of the tunnel beside them is lost. Half of all SAs go out, and each of
# those writes its sequence numbers to the disk.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin scale
offices_open
COUNT=10000 ROUNDS=10 CHURN=250 PINGS=250

# batch VERB FIRST LAST [TAIL]: a line an SA. Every second one goes out, to nobody.
batch() {
    awk -v verb="$1" -v first="$2" -v last="$3" -v tail="${4:-}" 'BEGIN {
        for (i = first; i <= last; i++) {
            ends = i % 2 ? "src 192.0.2.2 dst 192.0.2.1" : "src 192.0.2.1 dst 192.0.2.77"
            key = tail == "" ? "" : sprintf(tail, i)
            printf "xfrm state %s %s proto esp spi 0x%x %s\n", verb, ends, i, key
        }
    }'
}
SUITE="reqid 99 mode tunnel replay-window 64 aead rfc4106(gcm(aes)) 0x%040x 128"

say "$COUNT SAs are added and dumped"
before=$(sk gwA -D | grep -c 'esp mode=tunnel')
first=$((0x10000))
batch add $first $((first + COUNT - 1)) "$SUITE" > "$WORK/add.batch"
began=$EPOCHREALTIME
ex gwA ip -batch "$WORK/add.batch"
added=$EPOCHREALTIME
ex gwA ip xfrm state list > "$WORK/dump.txt"
dumped=$EPOCHREALTIME
awk -v a="$began" -v b="$added" -v c="$dumped" 'BEGIN {printf "   added in %.2f s, dumped in %.2f s\n", b - a, c - b}'
assert_eq "$(grep -c '^src' "$WORK/dump.txt")" $((COUNT + before)) 'SAs in the dump'
assert_eq "$(grep -o 'spi 0x[0-9a-f]*' "$WORK/dump.txt" | sort -u | wc -l)" $((COUNT + before)) 'SPIs in it'
assert_match "$(ex gwA ip xfrm state count)" "SAD count $((COUNT + before))" 'the count'
reaches hostA 10.2.0.2

say "more are added and deleted one by one, while packets flow: none is lost"
first=$((0x20000))
paste -d '\n' <(batch add $first $((first + CHURN - 1)) "$SUITE") <(batch delete $first $((first + CHURN - 1))) > "$WORK/churn.batch"
# The last of them begins after the last change.
flow() {
    local enough
    while :; do
        enough=$(find "$WORK" -name enough)
        on hostA ping -q -n -i 0.002 -c $PINGS 10.2.0.2
        [[ -z $enough ]] || break
    done
}
sent() {
    ex gwA ip -s xfrm state get src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1004 |
        sed -nE 's/^[[:space:]]*[0-9]+\(bytes\), ([0-9]+)\(packets\)$/\1/p'
}
flows() { (($(sent) > start)); }
start=$(sent)
flow > "$WORK/ping.txt" &
flow=$!
BACKGROUND+=("$flow")
wait_for 10 flows
began=$EPOCHREALTIME between=0
for ((round = 0; round < ROUNDS; round++)); do
    from=$(sent)
    ex gwA ip -batch "$WORK/churn.batch"
    to=$(sent)
    # Changes and packets took turns, however slow either was.
    assert_ge $((to - from)) 20 "packets sent during the $((2 * CHURN)) changes of round $round"
    between=$((between + to - from))
done
awk -v a="$began" -v b="$EPOCHREALTIME" -v n=$((2 * CHURN * ROUNDS)) -v p=$between 'BEGIN {printf "   %d changes, %d a second, and %d packets between them\n", n, n / (b - a), p}'
touch "$WORK/enough"
wait "$flow"
assert_ge $(($(sent) - to)) $PINGS 'packets after the last change'
pings=$(grep -c 'packets transmitted' "$WORK/ping.txt")
assert_eq "$(grep -c "$PINGS packets transmitted, $PINGS received" "$WORK/ping.txt")" "$pings" 'pings without a loss'
assert_eq $(($(sent) - start)) $((pings * PINGS)) 'packets through the tunnel'
assert_match "$(ex gwA ip xfrm state count)" "SAD count $((COUNT + before))" 'the count afterwards'

say "flushed at once"
ex gwA ip xfrm state flush
assert_match "$(ex gwA ip xfrm state count)" 'SAD count 0' 'the count after the flush'
echo "scale: all is as it should be"
