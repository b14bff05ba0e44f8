#!/usr/bin/env bash
# A path that becomes narrower while traffic flows: real TCP goes on and arrives whole, because the
# gateway hears the routers' "too big". It hears it from nobody else: forged errors change nothing
# and are counted.
#
#   hostA --- gwA === rA ===[ 1500, then 1300 bytes ]=== rB === gwB --- hostB
#   10.1.0.2   192.0.2.1    forgers sit here           198.51.100.1    10.2.0.2
#   fd00:1::2  2001:db8:a::1                           2001:db8:b::1   fd00:2::2
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin pmtu
ns_add hostA gwA rA rB gwB hostB
veth hostA lan gwA lan
veth gwA pub0 rA gw
veth rA far rB far
veth rB gw gwB pub0
veth gwB lan hostB lan
addr hostA lan 10.1.0.2/24 fd00:1::2/64
addr gwA lan 10.1.0.1/24 fd00:1::1/64
addr gwA pub0 192.0.2.1/24 2001:db8:a::1/64
addr rA gw 192.0.2.254/24 2001:db8:a::fe/64
addr rA far 203.0.113.1/24 2001:db8:f::1/64
addr rB far 203.0.113.2/24 2001:db8:f::2/64
addr rB gw 198.51.100.254/24 2001:db8:b::fe/64
addr gwB pub0 198.51.100.1/24 2001:db8:b::1/64
addr gwB lan 10.2.0.1/24 fd00:2::1/64
addr hostB lan 10.2.0.2/24 fd00:2::2/64
default_via() {
    ip -n "$LAB$1" route add default via "$2"
    ip -n "$LAB$1" -6 route add default via "$3"
}
default_via hostA 10.1.0.1 fd00:1::1
default_via gwA 192.0.2.254 2001:db8:a::fe
default_via rA 203.0.113.2 2001:db8:f::2
default_via rB 203.0.113.1 2001:db8:f::1
default_via gwB 198.51.100.254 2001:db8:b::fe
default_via hostB 10.2.0.1 fd00:2::1
forwarding_on gwA rA rB gwB

# AES-GCM for IPv4 in IPv4 and IPv6 in IPv4, AES-CBC with SHA-256 for the IPv6 wire; hostB's side of
# the third has only IPv4 inside.
IN_UDP=''
keys() {
    cat > "$WORK/sas.conf" <<CONF
add 192.0.2.1 198.51.100.1 esp 0x1004 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);
add 198.51.100.1 192.0.2.1 esp 0x2004 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);
add 2001:db8:a::1 2001:db8:b::1 esp 0x1006 -m tunnel -r 64 -E aes-cbc $(hex_key 32) -A hmac-sha2-256 $(hex_key 32);
add 2001:db8:b::1 2001:db8:a::1 esp 0x2006 -m tunnel -r 64 -E aes-cbc $(hex_key 32) -A hmac-sha2-256 $(hex_key 32);
CONF
    if [[ $IN_UDP ]]; then
        sed -i -E 's/^add (\S+) (\S+) esp /add \1 [4500] \2 [4500] esp-udp /' "$WORK/sas.conf"
    fi
}
protect() {
    echo "spdadd $1 $2 any -P out ipsec esp/tunnel/$3-$4/require;"
    echo "spdadd $2 $1 any -P in ipsec esp/tunnel/$4-$3/require;"
}
load_both() {
    keys
    { echo 'flush; spdflush;'; cat "$WORK/sas.conf"
      protect 10.1.0.0/24 10.2.0.0/24 192.0.2.1 198.51.100.1
      protect fd00:1::/64 fd00:2::/64 2001:db8:a::1 2001:db8:b::1; } | load gwA
    { echo 'flush; spdflush;'; cat "$WORK/sas.conf"
      protect 10.2.0.0/24 10.1.0.0/24 198.51.100.1 192.0.2.1
      protect fd00:2::/64 fd00:1::/64 2001:db8:b::1 2001:db8:a::1; } | load gwB
}
wire_mtu() {
    ip -n "${LAB}rA" link set far mtu "$1"
    ip -n "${LAB}rB" link set far mtu "$1"
}
# inner_mtus GATEWAY: "MTU-of-the-IPv4-tunnel MTU-of-the-IPv6-tunnel", as status says
inner_mtus() { status_json "$1" | jq -r '[.tunnels[] | .inner_mtu] | sort | reverse | join(" ")'; }
route_mtu() {
    ip -n "$LAB$1" route get "$2" from "$3" iif lan | sed -n 's/.* mtu \([0-9]*\).*/\1/p'
}
gateway_start gwA
gateway_start gwB
load_both
reaches hostA 10.2.0.2 -M do -s $((1446 - 28))
reaches hostA fd00:2::2 -M do -s $((1406 - 48))
assert_eq "$(inner_mtus gwA)" '1446 1406' 'inner MTUs over 1500 bytes'

# shrink_under FROM TO ADDRESS GATEWAY: TCP is under way when the wire shrinks; GATEWAY seals it
shrink_under() {
    local from=$1 to=$2 address=$3 sender=$4 server sent
    background "$to" serve "$PYTHON" "$LIB/tcp_copy.py" serve "$address" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    background "$from" send timeout 100 "$PYTHON" "$LIB/tcp_copy.py" send "$address" 5001 60000000
    sent=$LAST_PID
    wait_for 5 carried "$sender" 2000
    kill -0 "$sent" 2> /dev/null || fail "the transfer was over before the wire shrank"
    wire_mtu 1300
    wait "$sent" || fail "the sender gave up: $(cat "$WORK/send.log")"
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$(tail -n 1 "$WORK/send.log")" "what $address received"
    assert_ge "$(verdict "$sender" ICMP_TOO_BIG)" 1 'errors believed'
    echo "ok: $from -> $address $(cat "$WORK/send.log")"
}
carried() { (($(status_json "$1" | jq .counters.out.OK) >= $2 + ${CARRIED:-0})); }

say "TCP through a wire that shrinks from 1500 to 1300 bytes"
shrink_under hostA hostB 10.2.0.2 gwA
assert_eq "$(route_mtu gwA 10.2.0.2 10.1.0.2)" 1246 'route MTU of the narrow path'
assert_eq "$(inner_mtus gwA)" '1406 1246' 'only this path is known to be narrow'
wire_mtu 1500
CARRIED=$(status_json gwA | jq .counters.out.OK)
shrink_under hostA hostB fd00:2::2 gwA
# 1300 less 40 + 8 + 16 + 16 is 1220, cut to whole blocks 1216, less two bytes of trailer 1214: IPv6
# inside gets no less than 1280, and its largest packets then go out in fragments.
assert_eq "$(inner_mtus gwA)" '1246 1214' 'both are known to be narrow'
wire_mtu 1500
CARRIED=0
# Else hostA announces a smaller MSS than it has heard of itself.
on hostA ip route flush cache
shrink_under hostB hostA 10.1.0.2 gwB
# gwB has yet to learn it of the IPv6 wire, so its first answer is lost.
reaches hostA fd00:2::2 -s $((1280 - 48)) -M do -c 3 -i 0.2
reaches hostA 10.2.0.2 -s $((1246 - 28)) -M do

say "status names the path, the host behind is told by ICMP, a rekey does not forget it"
assert_eq "$(status_json gwA | jq -c '[.tunnels[].outer_mtu] | unique')" '[1300]' 'outer MTUs'
on hostA ip route flush cache
said=$(on hostA ping -n -c 1 -W 2 -M do -s 1400 10.2.0.2 2>&1) && fail "1428 bytes passed"
assert_match "$said" 'From 10.1.0.1 .*mtu ?= ?1246' 'what the host is told'
{ sed -n 's/^add \([^ ]*\) \([^ ]*\) esp \([^ ]*\) .*/delete \1 \2 esp \3;/p' "$WORK/sas.conf"; } > "$WORK/delete.conf"
keys
for side in A B; do sk "gw$side" -f "$WORK/delete.conf"; load "gw$side" < "$WORK/sas.conf"; done
assert_eq "$(inner_mtus gwA)" '1246 1214' 'after a rekey'
reaches hostA 10.2.0.2 -s $((1246 - 28)) -M do
for gateway in gwA gwB; do
    assert_eq "$(verdict $gateway WIRE_REFUSED)" 0 "$gateway: packets that failed for another's error"
done

say "forged errors change nothing, and each is counted"
for gateway in gwA gwB; do
    gateway_stop $gateway
    gateway_start $gateway
done
for host in hostA hostB; do on $host ip route flush cache; done
wire_mtu 1500
load_both
reaches hostA 10.2.0.2 -c 5 -i 0.01
reaches hostA fd00:2::2 -c 5 -i 0.01
assert_eq "$(inner_mtus gwA)" '1446 1406' 'nothing is known after a restart'
# forge FAMILY SPI SEQUENCE MTU [other|udp]: a router's word about a packet gwA may have sent
forge() {
    on rA "$PYTHON" - "$@" <<'PYTHON'
import struct, sys
from esp_witness import *
family, spi, seq, mtu = (int(word, 0) for word in sys.argv[1:5])
kind = sys.argv[5:] == ["other"]
src, dst, router = {4: ("192.0.2.1", "198.51.100.1", "192.0.2.254"),
                    6: ("2001:db8:a::1", "2001:db8:b::1", "2001:db8:a::fe")}[family]
esp = struct.pack("!LL", spi, seq & 0xffffffff) + b"\0" * 1400
in_udp = sys.argv[5:] == ["udp"]
quoted = ip(src, dst, 17 if in_udp else ESP, (struct.pack("!HHHH", 4500, 4500, len(esp) + 8, 0) if in_udp else b"") + esp)
if family == 4:
    icmp = struct.pack("!BBHHH", 3, 1 if kind else 4, 0, 0, mtu) + quoted[:36 if in_udp else 28]
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    send_ip(ip(router, src, 1, icmp))
else:
    icmp = struct.pack("!BBHL", 1 if kind else 2, 0, 0, mtu) + quoted[:1000]
    icmp = icmp[:2] + struct.pack("!H", checksum(pseudo(router, src, 58, len(icmp)) + icmp)) + icmp[4:]
    send_ip(ip(router, src, 58, icmp))
PYTHON
}
for family in 4 6; do
    spi=0x100$family
    moves_by_one gwA ICMP_STRANGER forge $family 0x7777 5 1400      # another SPI
    moves_by_one gwA ICMP_STRANGER forge $family $spi 6 1400        # not sent yet
    moves_by_one gwA ICMP_STRANGER forge $family $spi 0 1400        # never sent
    moves_by_one gwA ICMP_STRANGER forge $family $spi -65537 1400   # long ago, if ever
    moves_by_one gwA ICMP_TOO_LOW forge $family $spi 5 $((family == 4 ? 575 : 1279))
    moves_by_one gwA ICMP_TOO_LOW forge $family $spi 5 0
    moves_by_one gwA ICMP_OTHER forge $family $spi 5 0 other
done
assert_eq "$(inner_mtus gwA)" '1446 1406' 'after the forgeries'
moves_by_one gwA ICMP_TOO_BIG forge 4 0x1004 5 1400     # as a router could that saw packet 5
moves_by_one gwA ICMP_TOO_BIG forge 6 0x1006 1 1400
wait_for 5 eval "[[ \$(inner_mtus gwA) == '1346 1310' ]]"
grep -q 'ICMP type 3 code 4 from 192.0.2.254.* about SPI 0x00007777 to 198.51.100.1 sequence number 5' "$WORK/cygnetd-gwA.log" ||
    fail "the forgery is not in the log"
echo "ok: strangers are not believed, and named in the log"

say "a narrower link of the gateway's own is followed, no error needed"
ip -n "${LAB}gwA" link set pub0 mtu 1350
wait_for 5 eval "[[ \$(inner_mtus gwA) == '1294 1262' ]]"
reaches hostA 10.2.0.2 -s $((1294 - 28)) -M do
assert_eq "$(verdict gwA WIRE_REFUSED)" 0 'packets the kernel refused'
ip -n "${LAB}gwA" link set pub0 mtu 1500

say "the same with ESP in UDP: the errors quote UDP, the port's socket sends on"
for gateway in gwA gwB; do
    gateway_stop $gateway
    gateway_start $gateway
done
for host in hostA hostB; do
    on $host ip route flush cache
    on $host ip -6 route flush cache
done
IN_UDP=1
load_both
reaches hostA 10.2.0.2 -c 5 -i 0.01
reaches hostA fd00:2::2 -c 5 -i 0.01
assert_eq "$(inner_mtus gwA)" '1438 1406' 'inner MTUs in UDP over 1500 bytes'
for family in 4 6; do
    spi=0x100$family
    moves_by_one gwA ICMP_STRANGER forge $family $spi 5 1400 esp    # protocol 50 is not how it travels
    moves_by_one gwA ICMP_STRANGER forge $family 0x7777 5 1400 udp
    moves_by_one gwA ICMP_STRANGER forge $family $spi 60000 1400 udp
    moves_by_one gwA ICMP_TOO_LOW forge $family $spi 5 500 udp
    forge $family 0 5 1400 udp      # IKE's, by RFC 3948 2.2: no business of ESP
done
before=$(verdicts gwA)
sleep 0.3
assert_eq "$(verdicts gwA)" "$before" 'errors about IKE'
assert_eq "$(inner_mtus gwA)" '1438 1406' 'after the forgeries'
CARRIED=$(status_json gwA | jq .counters.out.OK)
shrink_under hostA hostB 10.2.0.2 gwA
wire_mtu 1500
CARRIED=$(status_json gwA | jq .counters.out.OK)
shrink_under hostA hostB fd00:2::2 gwA
assert_eq "$(inner_mtus gwA)" '1238 1198' 'both are known to be narrow'
assert_eq "$(verdict gwA WIRE_REFUSED)" 0 'packets that failed for another'"'"'s error'
gateway_stop gwA
gateway_stop gwB
