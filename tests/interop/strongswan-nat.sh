#!/usr/bin/env bash
# charon behind a NAT: the daemons find it, ESP goes in UDP, and when the NAT forgets the mapping and makes
# another one, cygnetd's MAPPING moves charon's SAs to it. Topology: nat_offices of tests/lib/strongswan.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin strongswan-nat
nat_offices
nat_map 20000

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
nat_map 30000
# Its packet tells of the new mapping; the answer may still go to the former one.
on officeA ping -q -n -c 1 -W 1 10.2.0.2 > /dev/null || true
moved() { ex gwB ip xfrm state | grep -q 'encap type espinudp sport 4500 dport 30000'; }
wait_for 10 moved
charon_said gwB 'NAT mappings of CHILD_SA' || fail "charon was not told"
reaches officeB 10.1.0.2
reaches officeA 10.2.0.2
assert_ge "$(swan_packets gwB net in)" 3 "packets that charon counts over the change"
echo "charon behind a NAT: all is as it should be"
