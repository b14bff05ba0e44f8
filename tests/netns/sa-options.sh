#!/usr/bin/env bash
# What an SA may ask for beside the usual, by words of setkey's -f: DF always set (RFC 4301 8.1),
# padding inspected (RFC 4303 2.4), MSS clamped, UDP without a checksum over IPv4 (RFC 3948 2.1), dummy
# packets (RFC 4303 2.6).
#
#   hostA --- gwA ===[ pub: reads, and seals packets of its own ]=== gwB --- hostB   (lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin sa-options
offices_up
offices_keys
cp "$WORK/sas.conf" "$WORK/plain.conf"
gateway_start gwA --dummies 1
gateway_start gwB --dummies 1
# with WORDS [SED-SCRIPT]: the offices' SAs with these words, loaded anew
with() {
    sed -E -e "s/ -m tunnel / -m tunnel $1 /" -e "${2:-}" "$WORK/plain.conf" > "$WORK/sas.conf"
    offices_load A
    offices_load B
}
# on_the_wire FIELD: of each outer packet of the last capture, in a line
on_the_wire() { tshark -r "$WORK/wire.pcap" -Y 'esp or udp' -T fields "$@" 2> "$WORK/tshark.log" | sort -u | tr '\n' ' '; }
pings() {
    capture pub br0 wire.pcap "$@"
    for far in 10.2.0.2 fd00:2::2 fd00:22::2; do reaches hostA "$far" -M dont -s 100; done
    capture_end
}

say "DF set always, where the packet inside has it clear or may be fragmented"
with ''
pings esp and ip
assert_eq "$(on_the_wire -e ip.flags.df)" '0 ' 'DF without the word'
with '-f df-set'
pings esp and ip
assert_eq "$(on_the_wire -e ip.flags.df)" '1 ' 'DF with it'
reaches hostA 10.2.0.2 -M dont -s 3000      # cut before ESP
assert_eq "$(sk gwA -D | grep -c 'esp mode=tunnel')" 4 'SAs shown'

say "padding inspected: 1, 2, 3 passes, anything else does not; without the word all does"
attack() {
    on pub "$PYTHON" - "$WORK/sas.conf" "$@" <<'PYTHON'
import sys
from esp_witness import *
sas = sas_of(sys.argv[1])
family, number, pad = int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
sa = sas[(0x1004, ipaddress.ip_address("192.0.2.2")) if family == 4 else (0x1006, ipaddress.ip_address("2001:db8::2"))]
inner = echo(*(("10.1.0.2", "10.2.0.2") if family == 4 else ("fd00:1::2", "fd00:2::2")), reply=True, payload=b"x" * (17 if family == 4 else 5))
send_esp(sa, sa.seal(inner, number, trailer=pad + bytes([len(pad), IPIP if family == 4 else IPV6])))
PYTHON
}
with '-f strict-pad'
for family in 4 6; do
    moves_by_one gwB PADDING attack $family 10 000000000000000000
    moves_by_one gwB PADDING attack $family 11 010203040506070808
    moves_by_one gwB OK attack $family 12 010203040506070809
done
wait_for 5 grep -q 'audit: PADDING from 192.0.2.1 to 192.0.2.2 SPI 0x00001004 sequence number 10: padding' "$WORK/cygnetd-gwB.log"
with ''
moves_by_one gwB OK attack 4 20 000000000000000000
moves_by_one gwB OK attack 6 20 000000000000000000

say "MSS: what the hosts tell each other fits the tunnel"
# syns NEAR FAR: the MSS of SYN and answer as either host hears them
syns() {
    local server
    capture hostB lan b.pcap 'tcp or (ip6 proto 6)'
    local at_b=$CAPTURE_PID
    capture hostA lan a.pcap 'tcp or (ip6 proto 6)'
    background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve "$1" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    on hostA timeout 20 "$PYTHON" "$LIB/tcp_copy.py" send "$1" 5001 100000 > /dev/null
    wait "$server"
    capture_end
    capture_end "$at_b"
    echo "$(tshark -r "$WORK/b.pcap" -Y 'tcp.flags.syn == 1 and tcp.flags.ack == 0' -T fields -e tcp.options.mss_val 2> /dev/null | head -n 1)" \
        "$(tshark -r "$WORK/a.pcap" -Y 'tcp.flags.syn == 1 and tcp.flags.ack == 1' -T fields -e tcp.options.mss_val 2> /dev/null | head -n 1)"
}
assert_eq "$(syns 10.2.0.2)" '1460 1460' 'MSS without the word'
with '-f clamp-mss'
assert_eq "$(syns 10.2.0.2)" '1406 1406' 'MSS over IPv4'
assert_eq "$(syns fd00:2::2)" '1346 1346' 'MSS over IPv6'

say "UDP without a checksum over IPv4, with a right one over IPv6; TCP arrives whole"
for gateway in gwA gwB; do on "$gateway" ethtool -K pub0 tx off > /dev/null; done
with '-f udp-no-sum' 's/^add (\S+) (\S+) esp /add \1 [4500] \2 [4500] esp-udp /'
pings udp
assert_eq "$(tshark -r "$WORK/wire.pcap" -Y 'udp and ip' -T fields -e udp.checksum 2> /dev/null | sort -u)" 0x0000 'checksums over IPv4'
assert_eq "$(tshark -r "$WORK/wire.pcap" -o udp.check_checksum:TRUE -Y 'udp and ipv6' -T fields -e udp.checksum.status 2> /dev/null | sort -u)" 1 'checksums over IPv6'
for far in 10.2.0.2 fd00:2::2; do
    background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve "$far" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$far" 5001 5000000)
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "what $far received"
done
assert_eq "$(verdict gwA WIRE_REFUSED) $(verdict gwB WIRE_REFUSED)" '0 0' 'packets refused'

say "dummy packets: with next header 59 on the wire, counted and dropped by the far end, in both families"
assert_eq "$(verdict gwA DUMMY) $(verdict gwB DUMMY)" '0 0' 'dummies without the word'
with '-f dummies'
capture pub br0 wire.pcap esp
wait_for 10 verdict_reached gwA DUMMY 2
wait_for 10 verdict_reached gwB DUMMY 2
capture_end
on pub "$PYTHON" - "$WORK/wire.pcap" "$WORK/sas.conf" <<'PYTHON'
import sys
from esp_witness import *
sas, seen = sas_of(sys.argv[2]), {}
for view in map(View, capture(sys.argv[1])):
    spi, seq = struct.unpack("!LL", view.payload[:8])
    content, next_header = sas[spi, view.dst].open(view.payload)
    assert next_header == NONE and 40 <= len(content) <= 1280, (next_header, len(content))
    seen.setdefault(spi, []).append(seq)
assert sorted(seen) == [0x1004, 0x1006, 0x2004, 0x2006], seen
assert all(seqs == sorted(set(seqs)) for seqs in seen.values()), seen
print(f"ok: {sum(map(len, seen.values()))} dummies of {len(seen)} SAs, opened with their keys")
PYTHON
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

say "the Linux kernel's own IPsec is not asked for what it does not have"
refused sk gwA --kernel -f "$WORK/sas.conf"
assert_match "$SAID" "-f is Cygnet's own" 'what setkey says'
gateway_stop gwA
gateway_stop gwB
