#!/usr/bin/env bash
# cygnetd is killed and started again under a running charon, which nobody tells: nothing leaves in
# clear meanwhile, the policies are back at once, and charon makes new SAs with its peer by itself.
# Topology: tests/lib/strongswan.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/strongswan.sh"
lab_begin strongswan-restart
swan_offices 0 1
gateway_start gwA
gateway_start gwB
charon_start gwA
charon_start gwB
swan_connection 192.0.2.1 192.0.2.2 '' 'net 10.1.0.0/24 10.2.0.0/24 esp_proposals=aes256gcm16' \
    'trap 10.1.1.0/24 10.2.1.0/24 esp_proposals=aes128gcm16 start_action=trap' | swan_load gwA
swan_connection 192.0.2.2 192.0.2.1 '' 'net 10.2.0.0/24 10.1.0.0/24 esp_proposals=aes256gcm16' \
    'trap 10.2.1.0/24 10.1.1.0/24 esp_proposals=aes128gcm16' | swan_load gwB
swan gwA --initiate --child net > "$WORK/initiate.log" || fail "net did not come up"
reaches officeA 10.2.0.2 -I 10.1.0.2

say "killed under charon: nothing in clear, and charon sleeps on"
capture gwB wan clear.pcap 'net 10.0.0.0/8 or icmp'
gateway_kill gwA
silent officeA 10.2.0.2 -I 10.1.0.2
ticks() { awk '{print $14 + $15}' "/proc/${CHARON_PID[gwA]}/stat"; }
before=$(ticks)
sleep 1
# A hundred would be one core; two cores busy with others' tests have shown 3.
((($(ticks) - before) < 20)) || fail "charon is busy while cygnetd is away: $(($(ticks) - before)) ticks in a second"
reaches gwA 192.0.2.2 # the control: what is in clear is seen
capture_end
seen=$(on gwB tcpdump -nr "$WORK/clear.pcap" 2> /dev/null) || fail "tcpdump cannot read clear.pcap"
[[ $seen == *'192.0.2.1 > 192.0.2.2: ICMP echo request'* ]] || fail "the control is not in the capture: $seen"
seen=$(on gwB tcpdump -nr "$WORK/clear.pcap" 'net 10.0.0.0/8' 2> /dev/null) || fail "tcpdump cannot read clear.pcap"
assert_eq "$seen" '' 'left in clear'

say "back: policies and trap at once, SAs by charon's own rekeying"
before=$(ex gwB ip xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort)
gateway_start gwA
answers() { on officeA ping -q -n -c 1 -W 1 -I "$1" "$2"; }
wait_for 15 answers 10.1.0.2 10.2.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2
[[ $(ex gwB ip xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort) != "$before" ]] || fail "the SAs are the old ones"
assert_eq "$(swan gwA --list-sas | grep -c 'INSTALLED, TUNNEL')" 1 "CHILD_SAs of net"
reaches officeA 10.2.1.2 -I 10.1.1.2 -W 5
swan gwA --terminate --ike site > /dev/null
no_sas() { [[ -z $(ex gwA ip xfrm state) ]]; }
wait_for 5 no_sas
assert_eq "$(ex gwA ip xfrm policy | grep -c '^src')" 3 "policies left: the trap's"
echo "restart under strongSwan: all is as it should be"
