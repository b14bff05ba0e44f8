#!/usr/bin/env bash
# Each way a packet can be wrong moves its own counter by one and no other.
#
#   hostA --- gwA ===[ pub: the attacker sits here ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin verdicts
offices_open
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

# attack CODE: python in the attacker's namespace. sa4 and sa6 are gwA's SAs towards gwB.
attack() {
    on pub "$PYTHON" - "$WORK/sas.conf" <<PYTHON
import os, sys
from esp_witness import *
sas = sas_of(sys.argv[1])
sa4 = sas[0x1004, ipaddress.ip_address("192.0.2.2")]
sa6 = sas[0x1006, ipaddress.ip_address("2001:db8::2")]
ping4, ping6 = echo("10.1.0.2", "10.2.0.2"), echo("fd00:1::2", "fd00:2::2")
# Sequence numbers far above what gwA uses in this test, so that nothing collides with it.
with open("$WORK/seq", "a+") as file:
    file.seek(0)
    seq = 50 + len(file.read())
    file.write("x")
$1
PYTHON
}

say "on the way in, in the order of the straight line"
moves_by_one gwB RUNT attack 'send_ip(ip(sa4.src, sa4.dst, ESP, sa4.seal(ping4, seq)[:9]))'
moves_by_one gwB RUNT attack 'send_ip(ip(sa4.src, sa4.dst, ESP, b"\0\0"))'
moves_by_one gwB NO_SA attack 'send_esp(sa4, struct.pack("!LL", 0x7777, 1) + os.urandom(60))'
moves_by_one gwB NO_SA attack 'send_ip(ip("2001:db8::1", "2001:db8::2", ESP, sa4.seal(ping4, seq)))'
moves_by_one gwB BAD_LENGTH attack 'e = sa6.seal(ping6, seq); send_esp(sa6, e[:24] + e[25:])'
capture pub br0 replay.pcap esp and src 192.0.2.1
reaches hostA 10.2.0.2
capture_end
moves_by_one gwB REPLAY_DUP attack 'send_ip(list(capture("'"$WORK/replay.pcap"'"))[0])'
moves_by_one gwB ICV attack 'e = bytearray(sa4.seal(ping4, seq)); e[-1] ^= 1; send_esp(sa4, bytes(e))'
moves_by_one gwB ICV attack 'e = bytearray(sa6.seal(ping6, seq)); e[30] ^= 0x80; send_esp(sa6, bytes(e))'
moves_by_one gwB ICV attack 'send_esp(sa4, struct.pack("!LL", 0x1004, seq) + os.urandom(80))'
moves_by_one gwB ICV attack 'forged = Sa(sa4.src, sa4.dst, sa4.spi, transform("aes-gcm-16", os.urandom(20))); send_esp(forged, forged.seal(ping4, seq))'
moves_by_one gwB TRAILER attack 'send_esp(sa6, sa6.seal(ping6[:46], seq, trailer=bytes([255, IPV6])))'
moves_by_one gwB DUMMY attack 'send_esp(sa4, sa4.seal(os.urandom(64), seq, next_header=NONE))'
moves_by_one gwB NEXT_HEADER attack 'send_esp(sa4, sa4.seal(ping4, seq, next_header=17))'
moves_by_one gwB INNER_MALFORMED attack 'send_esp(sa4, sa4.seal(ping4[:10] + b"\x13\x37" + ping4[12:], seq))'
moves_by_one gwB INNER_MALFORMED attack 'send_esp(sa4, sa4.seal(ping4, seq, next_header=IPV6))'
moves_by_one gwB INNER_MALFORMED attack 'send_esp(sa4, sa4.seal(ping4[:12], seq))'
moves_by_one gwB ECN attack 'send_esp(sa4, sa4.seal(ping4, seq), tos=3)'
moves_by_one gwB NO_IN_POLICY attack 'send_esp(sa4, sa4.seal(echo("10.66.0.2", "10.2.0.2"), seq))'
moves_by_one gwB NO_IN_POLICY attack 'send_esp(sa4, sa4.seal(echo("10.1.0.2", "10.99.0.2"), seq))'
moves_by_one gwB IN_TEMPLATE attack 'send_esp(sa6, sa6.seal(ping4, seq))'
echo 'spdadd 10.1.0.2 10.2.0.2 udp -P in prio high discard;' | sk gwB -c
moves_by_one gwB IN_DISCARD attack 'send_esp(sa4, sa4.seal(udp("10.1.0.2", "10.2.0.2", 1000, 2000, b"x" * 40), seq))'
echo 'spddelete 10.1.0.2 10.2.0.2 udp -P in;' | sk gwB -c
moves_by_one gwB REPLAY_OLD attack 'sa4.suite; send_esp(sa4, sa4.seal(ping4, 5000)); send_esp(sa4, sa4.seal(ping4, 100))'

say "the tunnel has suffered nothing (its window is past 5000 now: new keys)"
offices_keys
offices_load A
offices_load B
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

say "after all that the window has not moved for what was not authentic"
rm -f "$WORK/seq"
moves_by_one gwB ICV attack 'e = bytearray(sa4.seal(ping4, 0x70000000)); e[-1] ^= 1; send_esp(sa4, bytes(e))'
reaches hostA 10.2.0.2
# RFC 4303 4: SPI, addresses and sequence number of what is worth an audit.
wait_for 5 grep -q "audit: ICV from 192.0.2.1 to 192.0.2.2 SPI 0x00001004 sequence number $((0x70000000)): integrity" "$WORK/cygnetd-gwB.log"
# Each event by its own name, and the inner flow where it is authentic (RFC 4301 5.2).
outer4='from 192.0.2.1 to 192.0.2.2 SPI 0x00001004' outer6='from 2001:db8::1 to 2001:db8::2 SPI 0x00001006'
while read -r line; do
    grep -qE "^cygnetd: audit: $line" "$WORK/cygnetd-gwB.log" || fail "not in the log of gwB: $line"
done <<LINES
RUNT from 192.0.2.1 to 192.0.2.2: too short
NO_SA from 192.0.2.1 to 192.0.2.2 SPI 0x00007777: no SA
REPLAY_DUP $outer4 sequence number [0-9]+: sequence number was received before
REPLAY_OLD $outer4 sequence number 100: sequence number lies before
ICV $outer6 sequence number [0-9]+: integrity check failed
NO_IN_POLICY $outer4 sequence number [0-9]+ carrying 10\.66\.0\.2 to 10\.2\.0\.2 protocol 1 type 8 code 0: no policy
IN_TEMPLATE $outer6 sequence number [0-9]+ carrying 10\.1\.0\.2 to 10\.2\.0\.2 protocol 1 type 8 code 0: the policy asks
IN_DISCARD $outer4 sequence number [0-9]+ carrying 10\.1\.0\.2 port 1000 to 10\.2\.0\.2 port 2000 protocol 17: a policy
LINES
echo "ok: the log names the packet"

say "an ECN mark on the wire reaches the inner packet that can carry it"
capture hostB lan ecn.pcap icmp
attack 'send_esp(sa4, sa4.seal(echo("10.1.0.2", "10.2.0.2", tos=2, payload=b"marked"), 40), tos=3)'
capture_end
on hostB "$PYTHON" - "$WORK/ecn.pcap" <<'PYTHON'
import sys
from esp_witness import capture
marks = [p[1] & 3 for p in capture(sys.argv[1]) if p.endswith(b"marked")]
assert marks and marks[0] == 3, marks
PYTHON

say "on the way out"
moves_by_one gwA NO_OUT_POLICY silent gwA 10.2.0.2 -I 192.0.2.1
echo 'spdadd 10.1.0.0/24 10.2.0.0/24 udp -P out prio high discard;' | sk gwA -c
moves_by_one gwA OUT_DISCARD on hostA "$PYTHON" -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.2.0.2", 9))'
echo 'spddelete 10.1.0.0/24 10.2.0.0/24 udp -P out;' | sk gwA -c
echo 'delete 192.0.2.1 192.0.2.2 esp 0x1004;' | sk gwA -c
moves_by_one gwA NO_OUT_SA silent hostA 10.2.0.2

say "the logs hold no key, nor anything a packet carried"
grep -q 'audit: NO_OUT_POLICY 192.0.2.1 to 10.2.0.2 protocol 1' "$WORK/cygnetd-gwA.log" || fail 'not in the log of gwA'
while read -r key; do
    if grep -qi "$key" "$WORK"/cygnetd-*.log; then fail 'a key is in a log'; fi
done < <(grep -o '0x[0-9a-f]\{32,\}' "$WORK/sas.conf" | cut -c 3-34)
if grep -q 'cygnet$\|marked' "$WORK"/cygnetd-*.log; then fail 'a payload is in a log'; fi
