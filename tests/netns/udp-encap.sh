#!/usr/bin/env bash
# ESP in UDP (RFC 3948) between two gateways: both families, TCP with equal hashes, right checksums,
# other ports than 4500, and a port that another process holds.
#
#   hostA --- gwA ===[ pub: the wire, UDP only ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin udp-encap
offices_up
offices_keys

# in_udp PORT-A PORT-B: the offices' SAs in UDP between these ports, loaded anew.
cp "$WORK/sas.conf" "$WORK/raw.conf"
in_udp() {
    sed -E -e "s/^add (\S+[.:]1) (\S+) esp /add \1 [$1] \2[$2] esp-udp /" \
        -e "s/^add (\S+[.:]2) (\S+) esp /add \1[$2] \2 [$1] esp-udp /" "$WORK/raw.conf" > "$WORK/sas.conf"
    offices_load A
    offices_load B
}

# transfer FROM TO ADDRESS
transfer() {
    background "$2" serve "$PYTHON" "$LIB/tcp_copy.py" serve "$3" 5001
    local server=$LAST_PID sent
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(on "$1" timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$3" 5001 "${4:-20000000}")
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "what $3 received"
    echo "ok: $1 -> $3 $sent"
}

quiet() {
    local gateway
    for gateway in gwA gwB; do assert_eq "$(verdicts "$gateway")" '' "verdicts on $gateway"; done
}

# On the wire means behind the device: a virtual one leaves checksums to nobody.
for gateway in gwA gwB; do on "$gateway" ethtool -K pub0 tx off > /dev/null; done
gateway_start gwA
gateway_start gwB

say "ports 4500, written and shown"
in_udp 4500 4500
assert_eq "$(sk gwA -D | sed -n 1,2p)" $'192.0.2.1[4500] 192.0.2.2[4500] \n\tesp-udp mode=tunnel spi=4100(0x00001004) reqid=0(0x00000000)' 'setkey -D'
assert_match "$(on gwA ss -Hlnu)" '0.0.0.0:4500'
assert_match "$(on gwA ss -Hlnu)" '\[::\]:4500'

say "every mix of inner and outer family; the wire sees UDP with right checksums, and ESP in it"
capture pub br0 wire.pcap
for pair in '10.1.0.2 10.2.0.2' 'fd00:1::2 fd00:2::2' '10.11.0.2 10.22.0.2' 'fd00:11::2 fd00:22::2'; do
    read -r near far <<< "$pair"
    reaches hostA "$far" -I "$near" -s 100
    reaches hostB "$near" -I "$far" -s 1000
done
capture_end
fields() { tshark -r "$WORK/wire.pcap" -o udp.check_checksum:TRUE -T fields -e udp.srcport -e udp.dstport -e udp.checksum.status -e esp.spi "$@" 2> "$WORK/tshark.log"; }
assert_eq "$(fields -Y esp | sort | uniq -c | awk '{$1 = $1; print}')" $'4 4500 4500 1 0x00001004\n4 4500 4500 1 0x00001006\n4 4500 4500 1 0x00002004\n4 4500 4500 1 0x00002006' 'what went over the wire'
assert_eq "$(tshark -r "$WORK/wire.pcap" -Y 'esp and not udpencap' 2> /dev/null)" '' 'ESP that tshark does not call UDP encapsulated'
quiet

say "inner MTUs: eight bytes less than raw ESP's, rounded down to blocks"
for pair in '10.1.0.2 10.2.0.2 1438' 'fd00:1::2 fd00:2::2 1406'; do
    read -r near far mtu <<< "$pair"
    assert_match "$(on gwA ip route get "$far" from "$near" iif lan)" "mtu $mtu"
done
header=28
reaches hostA 10.2.0.2 -M do -s $((1438 - header))
if on hostA ping -q -n -c 1 -W 1 -M do -s $((1439 - header)) 10.2.0.2 > /dev/null 2>&1; then fail "one byte more passed"; fi

say "TCP both ways, both families: the kernel cuts, then the device does"
transfer hostA hostB 10.2.0.2
transfer hostB hostA fd00:1::2
for gateway in gwA gwB; do on "$gateway" ethtool -K pub0 tx on > /dev/null; done
transfer hostA hostB 10.2.0.2
transfer hostB hostA 10.1.0.2
transfer hostA hostB fd00:2::2
transfer hostB hostA fd00:1::2
for gateway in gwA gwB; do
    # A gateway slower than TCP drops what its backlog does not hold, under ASan often; TCP sends it again.
    assert_eq "$(verdicts "$gateway" | tr ' ' '\n' | grep -vE '^(TOO_BIG|TUN_QUEUE)=' || true)" '' "verdicts on $gateway"
done

say "segments larger than the device takes: refused together, sent one by one as fragments"
# An inner IPv6 packet of 1280 bytes does not fit, and IPv6 has no smaller ones.
for gateway in gwA gwB; do ip -n "$LAB$gateway" link set pub0 mtu 1300; done
wait_for 5 eval "ip -n ${LAB}gwA route get fd00:2::2 from fd00:1::2 iif lan | grep -q 'mtu 1280'"
transfer hostA hostB fd00:2::2 5000000
assert_eq "$(verdict gwA WIRE_REFUSED)" 0 'packets refused'
for gateway in gwA gwB; do ip -n "$LAB$gateway" link set pub0 mtu 1500; done

say "keepalives and IKE datagrams among the ESP"
knock() { on gwB "$PYTHON" -c 'import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(bytes.fromhex(sys.argv[1]), ("192.0.2.1", 4500))' "$1"; }
kept=$(verdict gwA KEEPALIVE)
knock ff
wait_for 5 verdict_reached gwA KEEPALIVE $((kept + 1))
moves_by_one gwA NO_IKE knock 00000000aabbccdd
moves_by_one gwA NO_SA knock 0000100000000001aabbccddeeff
moves_by_one gwA RUNT knock 000010

say "raw ESP for an SA with encapsulation, and the other way round"
cp "$WORK/raw.conf" "$WORK/sas.conf" && offices_load B
moves_by_one gwA ENCAP silent hostB 10.1.0.2
# Some other SA keeps the port open there.
echo "add 192.0.2.9 [4500] 192.0.2.2 [4500] esp-udp 0x999 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);" | sk gwB -c
moves_by_one gwB ENCAP silent hostA 10.2.0.2

say "other ports than 4500, opened and closed with their SAs"
in_udp 4501 61000
reaches hostA 10.2.0.2
reaches hostA fd00:2::2
assert_eq "$(on gwA ss -Hlnu | awk '{print $4}' | sort | tr '\n' ' ')" '0.0.0.0:4501 [::]:4501 ' 'sockets of gwA'
assert_eq "$(on gwB ss -Hlnu | awk '{print $4}' | sort | tr '\n' ' ')" '0.0.0.0:61000 [::]:61000 ' 'sockets of gwB'
assert_match "$(on gwA nft list set inet cygnet encap_ports)" '4501'
# A firewall that is loaded anew takes our tables with it.
on gwA nft flush ruleset
wait_for 5 eval 'on gwA nft list set inet cygnet encap_ports | grep -q 4501'
# Outer packets are no cleartext to guard against, even where a policy covers the peer itself.
echo 'spdadd 192.0.2.2 192.0.2.1 any -P in ipsec esp/tunnel/192.0.2.2-192.0.2.1/require;' | sk gwA -c
reaches hostA 10.2.0.2
moves_by_one gwA IN_CLEARTEXT silent gwB 192.0.2.1 -I 192.0.2.2
echo 'spddelete 192.0.2.2 192.0.2.1 any -P in;' | sk gwA -c
# Flushed and added at once: still our own, not "beside" ourselves.
in_udp 4501 61000
reaches hostA 10.2.0.2
if grep -q beside "$WORK"/cygnetd-gw?.log; then fail "took itself for another process"; fi
echo 'flush;' | sk gwA -c
no_sockets() { [[ -z $(on gwA ss -Hlnu) ]]; }
wait_for 5 no_sockets
if on gwA nft list set inet cygnet encap_ports | grep -q 4501; then fail "port 4501 is still marked"; fi

say "another process holds 4500: ESP goes past it, in both families"
background gwA owner "$PYTHON" -u -c '
import socket, select
sockets = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 4500)); sockets.append(s)
print("bound")
while True:
    for s in select.select(sockets, [], [])[0]:
        data = s.recv(65536)
        if data[:4] == bytes(4): print("ike", data[4:].hex())
'
wait_for 5 grep -q bound "$WORK/owner.log"
in_udp 4500 4500
wait_for 5 grep -q 'beside the process' "$WORK/cygnetd-gwA.log"
reaches hostA 10.2.0.2
reaches hostB fd00:1::2
transfer hostA hostB 10.2.0.2 5000000
transfer hostB hostA fd00:1::2 5000000
knock 00000000aabbccdd
wait_for 5 grep -q 'ike aabbccdd' "$WORK/owner.log"
for gateway in gwA gwB; do on "$gateway" ethtool -K pub0 tx off > /dev/null; done
capture pub br0 wire.pcap
reaches hostA 10.2.0.2
reaches hostA fd00:2::2
capture_end
assert_eq "$(fields -Y 'esp and udp.checksum.status != 1')" '' 'packets with a wrong checksum'

say "a clean stop closes everything"
gateway_stop gwA
gateway_stop gwB
assert_eq "$(on gwB ss -Hlnu)" '' 'sockets left'
