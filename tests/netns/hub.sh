#!/usr/bin/env bash
# Hub and spoke: what office A sends to office B is opened at the hub and goes into another tunnel,
# so traffic comes out of the hub's TUN device and goes back into it. The spokes know one peer.
#
#   hostA 10.1.0.2 --- gwA ===[ pub ]=== gwB --- hostB 10.2.0.2
#                               ||
#                              hub --- 10.9.0.2 (hostH)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin hub
offices_up
ns_add hub hostH
veth hub pub0 pub portH
ip -n "${LAB}pub" link set portH master br0
veth hub lan hostH lan
addr hub pub0 192.0.2.3/24 2001:db8::3/64
addr hub lan 10.9.0.1/24 fd00:9::1/64
addr hostH lan 10.9.0.2/24 fd00:9::2/64
ip -n "${LAB}hostH" route add default via 10.9.0.1
ip -n "${LAB}hostH" -6 route add default via fd00:9::1
ip -n "${LAB}hub" route add default via 192.0.2.9
ip -n "${LAB}hub" -6 route add default via 2001:db8::9
forwarding_on hub

# IPv4 networks between IPv4 gateways, IPv6 networks between IPv6 ones; SPI by spoke and direction.
{
    for spoke in 1 2; do
        for ends in "192.0.2.$spoke 192.0.2.3 0x4${spoke}03" "192.0.2.3 192.0.2.$spoke 0x430$spoke" \
            "2001:db8::$spoke 2001:db8::3 0x6${spoke}03" "2001:db8::3 2001:db8::$spoke 0x630$spoke"; do
            echo "add ${ends% *} esp ${ends##* } -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);"
        done
    done
} > "$WORK/sas.conf"
# spoke NUMBER: everything of ours goes through the hub.
spoke() {
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair "10.$1.0.0/24" 10.0.0.0/8 "192.0.2.$1" 192.0.2.3
    policy_pair "fd00:$1::/64" fd00::/16 "2001:db8::$1" 2001:db8::3
}
hub() {
    local spoke
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    for spoke in 1 2; do
        policy_pair 10.0.0.0/8 "10.$spoke.0.0/24" 192.0.2.3 "192.0.2.$spoke"
        policy_pair fd00::/16 "fd00:$spoke::/64" 2001:db8::3 "2001:db8::$spoke"
    done
}
gateway_start gwA
gateway_start gwB
gateway_start hub
spoke 1 | load gwA
spoke 2 | load gwB
hub | load hub

everybody() {
    reaches hostA 10.2.0.2
    reaches hostA fd00:2::2
    reaches hostB 10.1.0.2
    reaches hostB fd00:1::2
    reaches hostA 10.9.0.2
    reaches hostH 10.2.0.2
    reaches hostH fd00:1::2
    reaches hostA 10.1.0.1 # its own gateway, beside the tunnel
    reaches gwB fd00:2::2
}

say "spoke to spoke, and both to the hub's own network"
everybody
assert_eq "$(on hostA ping -n -c 1 10.2.0.2 | sed -n 's/.*ttl=//p' | cut -d ' ' -f 1)" 61 'hop limit after three gateways'

say "the wire: two tunnels, nothing else, and every letter twice"
capture pub br0 hub.pcap ip or ip6
on hostA ping -n -c 1 10.2.0.2 -p 4d61726d6f7365742121 > /dev/null
on hostA ping -n -c 1 fd00:2::2 -p 4d61726d6f7365742121 > /dev/null
capture_end
on pub "$PYTHON" "$LIB/esp_witness.py" eavesdrop "$WORK/hub.pcap" "$WORK/sas.conf" 10.2.0.2 'Marmoset!!'
# ESP of both tunnels, each twice: there and back. Nothing else, no redirect either.
on pub "$PYTHON" - "$WORK/hub.pcap" <<'PYTHON'
import collections, sys
from esp_witness import *
seen = collections.Counter(f"{v.src} > {v.dst} {v.proto}" for v in map(View, capture(sys.argv[1])) if not v.is_chatter())
ends = [("192.0.2.1", "192.0.2.3"), ("192.0.2.3", "192.0.2.2"), ("192.0.2.2", "192.0.2.3"), ("192.0.2.3", "192.0.2.1")]
ends += [tuple(e.replace("192.0.2.", "2001:db8::") for e in pair) for pair in ends]
assert seen == {f"{a} > {b} 50": 1 for a, b in ends}, seen
PYTHON

say "TCP, large, through both tunnels"
background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve 10.2.0.2 80
wait_for 5 grep -q listening "$WORK/serve.log"
on hostA timeout 20 "$PYTHON" "$LIB/tcp_copy.py" send 10.2.0.2 80 1000000
for gateway in gwA gwB hub; do assert_eq "$(verdicts $gateway)" '' "verdicts of $gateway"; done

say "a spoke that speaks for the other one is not believed"
# office A's SA, a packet of office B: authentic, but the policy asks for B's tunnel.
lies_for_b() {
    on pub "$PYTHON" - "$WORK/sas.conf" <<'PYTHON'
import sys
from esp_witness import *
sa = sas_of(sys.argv[1])[0x4103, ipaddress.ip_address("192.0.2.3")]
send_esp(sa, sa.seal(echo("10.2.0.2", "10.9.0.2"), 1 << 20))
PYTHON
}
moves_by_one hub IN_TEMPLATE lies_for_b

say "cleartext that claims to come from one spoke does not reach the other"
ip -n "${LAB}pub" route add 10.2.0.0/24 via 192.0.2.3
ip -n "${LAB}pub" -6 route add fd00:2::/64 via 2001:db8::3
capture hostB lan lies.pcap icmp or icmp6
on pub "$PYTHON" -c '
from esp_witness import *
send_ip(echo("10.1.0.2", "10.2.0.2", payload=b"a lie"))
send_ip(echo("fd00:1::2", "fd00:2::2", payload=b"a lie"))'
capture_end
on hostB "$PYTHON" -c '
import sys
from esp_witness import *
assert not any(b"a lie" in p for p in capture(sys.argv[1]))' "$WORK/lies.pcap"
assert_eq "$(verdict hub IN_CLEARTEXT)" 2 'dropped by the guard'
