#!/usr/bin/env bash
# Fragments, inside and outside: of the far gateway, which are put together before ESP; of our own,
# before ESP or, by option, behind it; 1280 bytes of IPv6 over every wire; jumbo frames.
#
#   hostA --- gwA ===[ pub: reads, and makes fragments of its own ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin fragments
offices_open
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

lan_mtu() {
    local end
    for end in gwA hostA gwB hostB; do ip -n "$LAB$end" link set lan mtu "$1"; done
}
# far_gateway SEQ ORDER: one sealed packet of 3000 bytes a tunnel, in three pieces, in this order
far_gateway() {
    on pub "$PYTHON" - "$WORK/sas.conf" "$@" <<'PYTHON'
import sys
from esp_witness import *
sas = sas_of(sys.argv[1])
seq, order = int(sys.argv[2]), [int(piece) for piece in sys.argv[3].split(",")]
for key, src, dst in (((0x1004, "192.0.2.2"), "10.1.0.2", "10.2.0.2"), ((0x1006, "2001:db8::2"), "fd00:1::2", "fd00:2::2")):
    sa = sas[key[0], ipaddress.ip_address(key[1])]
    esp = sa.seal(echo(src, dst, reply=True, payload=bytes(3000) + b"whole"), seq)
    pieces = [(at, esp[at:at + 1200]) for at in range(0, len(esp), 1200)]
    for number in order:
        at, data = pieces[number]
        more = at + len(data) < len(esp)
        if sa.dst.version == 4:
            send_ip(ip(sa.src, sa.dst, ESP, data, ident=seq, flags=at // 8 | (0x2000 if more else 0)))
        else:
            send_ip(ip(sa.src, sa.dst, 44, struct.pack("!BBHL", ESP, 0, at | more, seq) + data))
PYTHON
}
arrived() {
    on hostB "$PYTHON" - "$WORK/$1" <<'PYTHON'
import sys
from esp_witness import *
whole = {}
for packet in capture(sys.argv[1]):
    view = View(packet)
    if view.proto in (1, 58) and not view.fragment and packet.endswith(b"whole"):
        whole[view.version] = whole.get(view.version, 0) + 1
print(whole.get(4, 0), whole.get(6, 0))
PYTHON
}
say "outer fragments are put together before ESP sees them, in any order; a missing one is a missing packet"
lan_mtu 4000
seq=1000
for order in 0,1,2 2,1,0 1,0,2; do
    capture hostB lan whole.pcap icmp or icmp6
    far_gateway $((seq += 1)) "$order"
    capture_end
    assert_eq "$(arrived whole.pcap)" '1 1' "packets of order $order"
done
capture hostB lan whole.pcap icmp or icmp6
far_gateway 2000 0,2
capture_end
assert_eq "$(arrived whole.pcap)" '0 0' 'packets with a piece missing'
assert_eq "$(verdicts gwB)" '' 'verdicts on gwB'
echo "ok: three orders, IPv4 and IPv6"

# What hostA sends with DF clear: ESP packets, outer fragments, and sealed packets as gwA counts them
wire_of() {
    on pub "$PYTHON" - "$WORK/frag.pcap" <<'PYTHON'
import sys
from esp_witness import *
packets = [View(p) for p in capture(sys.argv[1])]
fragments = [v for v in packets if v.proto == 44 or (v.version == 4 and v.fragment)]
print(len(packets), len(fragments), max(v.len for v in packets))
PYTHON
}
# big_ping FAR NEAR: 2000 bytes, DF clear, one way only
big_ping() {
    capture pub br0 frag.pcap '(ip proto 50 or ip6 proto 50 or ip6 proto 44) and (src 192.0.2.1 or src 2001:db8::1)'
    reaches hostA "$1" -I "$2" -M dont -s $((2000 - 28))
    capture_end
}
offices_keys
offices_load A
offices_load B
say "before ESP: two inner fragments are two sealed packets, none of them in pieces"
big_ping 10.2.0.2 10.1.0.2
assert_match "$(wire_of)" '^2 0 ' 'packets, fragments on the wire'
assert_eq "$(sa_bytes gwA 0x1004)" '2 2020' 'packets and bytes sealed'

say "after ESP, by option: one sealed packet, in two pieces"
gateway_stop gwA
gateway_start gwA --fragment after
offices_keys
offices_load A
offices_load B
big_ping 10.2.0.2 10.1.0.2
assert_match "$(wire_of)" '^2 2 ' 'packets, fragments on the wire'
assert_eq "$(sa_bytes gwA 0x1004)" '1 2000' 'packets and bytes sealed'
big_ping 10.22.0.2 10.11.0.2
assert_match "$(wire_of)" '^2 2 ' 'IPv4 in IPv6: packets, fragments on the wire'
for far in '10.2.0.2 10.1.0.2 1446 28' 'fd00:22::2 fd00:11::2 1446 48' 'fd00:2::2 fd00:1::2 1406 48' '10.22.0.2 10.11.0.2 1406 28'; do
    read -r far near mtu head <<< "$far"
    reaches hostA "$far" -I "$near" -M do -s $((mtu - head))
    on hostA ip route flush cache
    on hostA ip -6 route flush cache
    said=$(on hostA ping -n -c 1 -W 2 -M do -I "$near" -s $((mtu - head + 1)) "$far" 2>&1) && fail "one byte more passed"
    assert_match "$said" "mtu ?= ?$mtu" "what $near is told"
done
# The longest packet there is would be longer than IP allows when sealed: fragmented before, then.
reaches hostA 10.2.0.2 -M dont -s 65507
background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve 10.2.0.2 5001
wait_for 5 grep -q listening "$WORK/serve.log"
sent=$(on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send 10.2.0.2 5001 5000000)
assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" 'TCP through it'
assert_eq "$(verdict gwA WIRE_REFUSED)" 0 'packets the kernel refused'
echo "ok: fragments behind ESP; with DF, the same numbers as ever"

say "an IPv6 wire of 1280 bytes, the least there is"
gateway_stop gwA
gateway_start gwA
mtu_everywhere() {
    local side port
    for side in A B; do ip -n "${LAB}gw$side" link set pub0 mtu "$1"; done
    for port in portA portB br0; do ip -n "${LAB}pub" link set $port mtu "$1"; done
}
mtu_everywhere 1280
offices_keys
offices_load A
offices_load B
for host in hostA hostB; do on $host ip route flush cache; on $host ip -6 route flush cache; done
capture pub br0 frag.pcap '(ip proto 50 or ip6 proto 50 or ip6 proto 44) and (src 192.0.2.1 or src 2001:db8::1)'
reaches hostA fd00:2::2 -M do -s $((1280 - 48))
reaches hostA fd00:22::2 -I fd00:11::2 -M do -s $((1280 - 48))
capture_end
assert_match "$(wire_of)" '^4 4 1280$' 'packets, fragments and the longest'
reaches hostA 10.22.0.2 -I 10.11.0.2 -M do -s $((1182 - 28))
for address in fd00:2::2 fd00:22::2; do
    background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve "$address" 5001
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$address" 5001 5000000)
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "TCP to $address"
done
echo "ok: 1280 bytes of IPv6 pass, TCP arrives whole"

say "jumbo frames"
lan_mtu 9000
mtu_everywhere 9000
wait_for 5 eval "[[ \$(status_json gwA | jq -c '[.tunnels[].inner_mtu] | unique') == '[8910,8946]' ]]"
for host in hostA hostB; do on $host ip route flush cache; on $host ip -6 route flush cache; done
capture pub br0 frag.pcap '(ip proto 50 or ip6 proto 50 or ip6 proto 44) and (src 192.0.2.1 or src 2001:db8::1)'
reaches hostA 10.2.0.2 -M do -s $((8946 - 28))
reaches hostA fd00:2::2 -M do -s $((8910 - 48))
capture_end
assert_eq "$(wire_of)" '2 0 9000' 'packets, fragments and the longest'
for address in 10.2.0.2 fd00:2::2; do
    background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve "$address" 5001
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$address" 5001 50000000)
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "TCP to $address"
done
echo "ok: 8946 bytes pass whole, 50 MB arrive whole"
