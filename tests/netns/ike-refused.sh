#!/usr/bin/env bash
# A data plane that refuses an SA which IKE agreed on: cygnetd's state folder is full, so that no sequence numbers can be
# reserved. Who asked hears of it, nothing leaves in clear, no further children are made, and when there is room again
# the tunnel comes up by itself.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-refused
offices_up
site_conf 192.0.2.1 192.0.2.2 a.example b.example 10.1.0.0/24 10.2.0.0/24 | iked_conf gwA
site_conf 192.0.2.2 192.0.2.1 b.example a.example 10.2.0.0/24 10.1.0.0/24 | iked_conf gwB

# Small, and filled up: no page is left for more than what a first one of reservations holds.
state=$(state_of gwA)
mkdir "$state"
mount -t tmpfs -o "size=32k,mode=700,uid=$(id -u cygnet)" tmpfs "$state"
at_end umount -l "$state"
for gateway in gwA gwB; do
    gateway_start "$gateway"
    iked_start "$gateway"
done

say "the folder fills"
dd if=/dev/zero of="$state/filler" bs=4k count=8 2> "$WORK/filler.txt" || true
full() {
    ! for ((i = 1; i <= 300; i++)); do
        echo "add 192.0.2.1 203.0.113.1 esp $((0x5000 + i)) -m tunnel -E aes-gcm-16 $(hex_key 20);"
    done | sk gwA -c > "$WORK/filling.txt" 2>&1
}
full || fail 'cygnetd reserves for 300 keys without a place to write to'
grep -m 1 -i 'space' "$WORK/filling.txt" || fail "refused for another reason: $(head -n 1 "$WORK/filling.txt")"

say "up is answered by what was refused"
capture pub br0 refused.pcap icmp
refused ike gwA up site/net
assert_match "$SAID" 'agreed on with the peer, but its outbound SA was refused here: .*space'

refused ike gwA up site/net
assert_match "$SAID" 'an SA of it was refused here; new keys are being made'

say "what the policies hold is held: nothing in clear, and no children for it"
on hostA ping -q -n -c 20 -i 0.1 -W 0.1 10.2.0.2 > "$WORK/held.txt" && fail 'a ping came through without an SA'
ike_is gwA '.[0].children | length' 1 || fail "gwA has other children than the one: $(ike gwA status)"
ike_is gwB '.[0].children | length' 1 || fail "gwB has other children than the one: $(ike gwB status)"
sk gwA -DP | grep -F '10.1.0.0/24' > /dev/null || fail 'its policies are gone'
capture_end
assert_eq "$(tcpdump -n -r "$WORK/refused.pcap" 2> /dev/null | grep -c 'echo request')" 0 'pings in clear'

say "room again: by itself, in half a minute"
rm "$state/filler"
flows() { on hostA ping -q -n -c 1 -W 1 10.2.0.2 > /dev/null; }
wait_for 45 flows
wait_for 5 ike_is gwA '.[0].children | length' 1 # the one that lacked an SA is deleted
wait_for 5 ike_is gwB '.[0].children | length' 1
reaches hostB 10.1.0.2
