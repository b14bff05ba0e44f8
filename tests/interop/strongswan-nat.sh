#!/usr/bin/env bash
# charon behind a NAT: the daemons find it, ESP goes in UDP, and when the NAT forgets the mapping and makes
# another one, cygnetd's MAPPING moves charon's SAs to it.
#
#   officeA --- gwA -- 10.9.0.0/24 -- nat ==[ 192.0.2.0/24 ]== gwB --- officeB
#  10.1.0.2       10.9.0.1          .254  .254              .2        10.2.0.2
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin strongswan-nat
ns_add officeA gwA nat gwB officeB
veth officeA eth0 gwA lan
veth gwA wan nat in0
veth nat out0 gwB wan
veth gwB lan officeB eth0
addr officeA eth0 10.1.0.2/24
addr gwA lan 10.1.0.1/24
addr gwA wan 10.9.0.1/24
addr nat in0 10.9.0.254/24
addr nat out0 192.0.2.254/24
addr gwB wan 192.0.2.2/24
addr gwB lan 10.2.0.1/24
addr officeB eth0 10.2.0.2/24
ip -n "${LAB}officeA" route add default via 10.1.0.1
ip -n "${LAB}officeB" route add default via 10.2.0.1
ip -n "${LAB}gwA" route add default via 10.9.0.254
forwarding_on gwA nat gwB
# map PORT: the port that gwA's 4500 has from now on; what was before is forgotten.
map() {
    on nat nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname out0 udp sport 4500 snat to 192.0.2.254:$1
    oifname out0 masquerade
  }
}
NFT
    on nat "$PYTHON" "$LIB/conntrack_flush.py"
}
map 20000

gateway_start gwA
gateway_start gwB
charon_start gwA
charon_start gwB
# Names instead of addresses: nobody knows the NAT's.
ids() { sed -E "s/id = 192.0.2.2$/id = gwB/; s/id = (10.9.0.1|%any)$/id = gwA/; s/id-1 = .*/id-1 = gwA/; s/id-2 = .*/id-2 = gwB/"; }
swan_connection 10.9.0.1 192.0.2.2 '' 'net 10.1.0.0/24 10.2.0.0/24 esp_proposals=aes256gcm16' | ids | swan_load gwA
swan_connection 192.0.2.2 %any '' 'net 10.2.0.0/24 10.1.0.0/24 esp_proposals=aes256gcm16' | ids | swan_load gwB

say "up through the NAT"
swan gwA --initiate --child net > "$WORK/initiate.log" || fail "net did not come up: $(tail -n 5 "$WORK/initiate.log")"
charon_said gwA 'local host is behind NAT' || fail "charon did not find the NAT"
reaches officeA 10.2.0.2
reaches officeB 10.1.0.2
assert_match "$(ex gwB ip xfrm state)" 'encap type espinudp sport 20000 dport 4500' "the SAs of gwB"

say "another mapping: charon of gwB is told, and follows"
map 30000
# Its packet tells of the new mapping; the answer may still go to the former one.
on officeA ping -q -n -c 1 -W 1 10.2.0.2 > /dev/null || true
moved() { ex gwB ip xfrm state | grep -q 'encap type espinudp sport 4500 dport 30000'; }
wait_for 10 moved
charon_said gwB 'NAT mappings of CHILD_SA' || fail "charon was not told"
reaches officeB 10.1.0.2
reaches officeA 10.2.0.2
assert_ge "$(swan_packets gwB net in)" 3 "packets that charon counts over the change"
echo "charon behind a NAT: all is as it should be"
