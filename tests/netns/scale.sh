#!/usr/bin/env bash
# Many SAs, and many changes: 10,000 are added by `ip -batch` and dumped, every one; and while thousands
# are added and deleted, as fast as ip can, no packet of the tunnel beside them is lost.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin scale
offices_open
COUNT=10000 CHURN=1000

# batch VERB FIRST LAST [TAIL]: a line an SA. One in fifty goes out, to nobody: each of those writes its
# sequence numbers to the disk, which is not what is asked here.
batch() {
    awk -v verb="$1" -v first="$2" -v last="$3" -v tail="${4:-}" 'BEGIN {
        for (i = first; i <= last; i++) {
            ends = i % 50 ? "src 192.0.2.2 dst 192.0.2.1" : "src 192.0.2.1 dst 192.0.2.77"
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

say "more are added and deleted one by one, as long as packets flow: none is lost"
first=$((0x20000))
paste -d '\n' <(batch add $first $((first + CHURN - 1)) "$SUITE") <(batch delete $first $((first + CHURN - 1))) > "$WORK/churn.batch"
on hostA ping -q -n -i 0.002 -c 2000 10.2.0.2 > "$WORK/ping.txt" &
ping=$! began=$EPOCHREALTIME changes=0
while kill -0 "$ping" 2> /dev/null; do
    ex gwA ip -batch "$WORK/churn.batch"
    changes=$((changes + 2 * CHURN))
done
awk -v a="$began" -v b="$EPOCHREALTIME" -v n=$changes 'BEGIN {printf "   %d changes, %d a second\n", n, n / (b - a)}'
wait "$ping"
grep transmitted "$WORK/ping.txt"
assert_match "$(cat "$WORK/ping.txt")" '2000 packets transmitted, 2000 received' 'the pings'
assert_match "$(ex gwA ip xfrm state count)" "SAD count $((COUNT + before))" 'the count afterwards'

say "flushed at once"
ex gwA ip xfrm state flush
assert_match "$(ex gwA ip xfrm state count)" 'SAD count 0' 'the count after the flush'
echo "scale: all is as it should be"
