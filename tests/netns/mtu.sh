#!/usr/bin/env bash
# The edge of the tunnel: the largest packet passes whole, one byte more with DF draws the right
# ICMP with the right number, without DF it is fragmented before ESP and arrives.
#
#   hostA --- gwA ===[ pub, 1500 bytes; later 1300 ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin mtu
offices_open

# edge NEAR FAR INNER-MTU OUTER: OUTER = size of the packet on the wire at the edge
edge() {
    local near=$1 far=$2 mtu=$3 outer=$4 headers=28 said
    [[ $far == *:* ]] && headers=48
    capture pub br0 edge.pcap esp
    reaches hostA "$far" -I "$near" -M do -s $((mtu - headers))
    capture_end
    assert_eq "$(on pub "$PYTHON" -c '
import sys
from esp_witness import *
print(max(View(p).len for p in capture(sys.argv[1])))' "$WORK/edge.pcap")" "$outer" "outer size of $mtu bytes to $far"
    # What it learned must not be known yet: the next ping has to hear it from the gateway.
    on hostA ip route flush cache
    on hostA ip -6 route flush cache
    said=$(on hostA ping -n -c 1 -W 2 -M do -I "$near" -s $((mtu - headers + 1)) "$far" 2>&1) && fail "one byte more passed"
    assert_match "$said" "mtu ?= ?$mtu" "what the host is told"
    assert_match "$said" "From (10.1.0.1|fd00:1::1|10.11.0.1|fd00:11::1)" "who told it"
    on hostA ip route flush cache
    on hostA ip -6 route flush cache
    if [[ $far != *:* ]]; then
        reaches hostA "$far" -I "$near" -M dont -s $((mtu - headers + 1))
        reaches hostA "$far" -I "$near" -M dont -s 5000
        on hostA ip route flush cache
    fi
    echo "ok: $near > $far: $mtu inside is $outer outside"
}

# AES-GCM over IPv4, 1446: 20 + 8 + 8 + 1446 + 2 + 16 = 1500. AES-CBC/SHA2-256-128 over IPv6:
# 40 + 8 + 16 + 1406 + 2 + 16 = 1488, and the next block would make 1504.
edge 10.1.0.2 10.2.0.2 1446 1500
edge fd00:11::2 fd00:22::2 1446 1500
edge fd00:1::2 fd00:2::2 1406 1488
edge 10.11.0.2 10.22.0.2 1406 1488
assert_eq "$(verdicts gwA) $(verdicts gwB)" ' ' 'verdicts'

say "a route that does not know: two policies under one prefix, told apart by port only"
for side in A B; do
    us=1 them=2
    [[ $side == B ]] && us=2 them=1
    {
        cat "$WORK/sas.conf"
        policy_pair "10.$us.0.0/24[any]" "10.$them.0.0/24[any]" "2001:db8::$us" "2001:db8::$them" udp
        policy_pair "10.$us.0.0/24" "10.$them.0.0/24" "192.0.2.$us" "192.0.2.$them" icmp
    } > "$WORK/ports-$side.conf"
    { echo 'flush; spdflush;'; cat "$WORK/ports-$side.conf"; } | load "gw$side"
done
on hostA ip route flush cache
edge 10.1.0.2 10.2.0.2 1446 1500
said=$(on hostA timeout 10 "$PYTHON" - <<'PYTHON'
import errno, socket, time
# UDP takes the IPv6 tunnel, whose packets are smaller: 1406.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2)              # IP_MTU_DISCOVER, IP_PMTUDISC_DO
s.connect(("10.2.0.2", 9))
s.send(b"x" * (1407 - 28))
for _ in range(40):
    time.sleep(0.05)
    mtu = s.getsockopt(socket.IPPROTO_IP, 14)       # IP_MTU
    if mtu != 1500:
        break
print(mtu)
PYTHON
)
assert_eq "$said" 1406 'path MTU that UDP learned'
echo "ok: 1406 for UDP, 1446 for ICMP, to the same host"

say "a narrow wire: IPv6 inside never sees less than 1280, the outer packet is fragmented instead"
for side in A B; do
    ip -n "${LAB}gw$side" link set pub0 mtu 1300
    offices_load $side
done
for port in portA portB br0; do ip -n "${LAB}pub" link set $port mtu 1300; done
wait_for 5 eval "ip -n ${LAB}gwA route get 10.2.0.2 from 10.1.0.2 iif lan | grep -q 'mtu 1246'"
reaches hostA 10.2.0.2 -M do -s $((1246 - 28))
reaches hostA fd00:2::2 -M do -s $((1280 - 48))
reaches hostA fd00:22::2 -I fd00:11::2 -M do -s $((1280 - 48))
echo "ok: 1280 bytes of IPv6 pass a wire of 1300, in fragments"

say "jumbo frames: 9000 bytes outside, as much as fits inside, TCP in large segments"
for side in A B; do
    ip -n "${LAB}gw$side" link set pub0 mtu 9000
    ip -n "${LAB}gw$side" link set lan mtu 9000
    ip -n "${LAB}host$side" link set lan mtu 9000
done
for port in portA portB br0; do ip -n "${LAB}pub" link set $port mtu 9000; done
offices_load A
offices_load B
wait_for 5 eval "ip -n ${LAB}gwA route get 10.2.0.2 from 10.1.0.2 iif lan | grep -q 'mtu 8946'"
for host in hostA hostB; do
    on $host ip route flush cache
    on $host ip -6 route flush cache
done
# 20 + 8 + 8 + 8946 + 2 + 16 = 9000; 40 + 8 + 16 + 8910 + 2 + 16 = 8992, and the next block would make 9008.
edge 10.1.0.2 10.2.0.2 8946 9000
edge fd00:1::2 fd00:2::2 8910 8992
for far in 10.2.0.2 fd00:2::2; do
    background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve "$far" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    capture pub br0 jumbo.pcap esp
    sent=$(on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$far" 5001 2000000)
    wait "$server"
    capture_end
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "what $far received"
    assert_ge "$(on pub "$PYTHON" -c '
import sys
from esp_witness import *
print(sum(View(p).len > 8000 for p in capture(sys.argv[1])))' "$WORK/jumbo.pcap")" 100 'packets of more than 8000 bytes'
done
