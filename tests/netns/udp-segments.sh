#!/usr/bin/env bash
# UDP superpackets: one that a host sends whole (UDP_SEGMENT) arrives as the datagrams it stands for;
# datagrams that came together reach the host each as it was sent, to a socket that takes superpackets
# (UDP_GRO) and to one that does not; one with a bad checksum, or none, arrives as it was sent.
#
#   hostA --- gwA ===[ pub: also makes gwA's packets with gwA's key ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin udp-segments
offices_open

cat > "$WORK/receive.py" <<'PYTHON'
import socket, struct, sys
family, address, gro, want = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "gro", int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
if gro:
    s.setsockopt(socket.IPPROTO_UDP, 104, 1)
s.bind((address, 5000))
s.settimeout(10)
print("listening", flush=True)
lengths, data = [], b""
while len(data) < want:
    piece, control, _, _ = s.recvmsg(65536, 64)
    size = next((struct.unpack("i", c[2][:4])[0] for c in control if c[:2] == (socket.IPPROTO_UDP, 104)), len(piece))
    lengths += [len(piece[i:i + size]) for i in range(0, len(piece), size)]
    data += piece
expected = b"".join(n.to_bytes(4, "big") for n in range(want // 4))
assert data == expected, "other bytes arrived than were sent"
print("lengths", len(lengths), *sorted(set(lengths)))
PYTHON
cat > "$WORK/send.py" <<'PYTHON'
import socket, struct, sys
family, address, size, want = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
if "may-be-fragmented" in sys.argv:
    s.setsockopt(socket.IPPROTO_IP, 10, 0) # IP_MTU_DISCOVER: DF clear
data = b"".join(n.to_bytes(4, "big") for n in range(want // 4))
s.sendmsg([data], [(socket.IPPROTO_UDP, 103, struct.pack("H", size))], 0, (address, 5000))
PYTHON

say "UDP_SEGMENT on hostA: hostB gets the datagrams, whatever its socket takes"
total=40200 # 33 datagrams of 1200 and one of 600
# The superpacket has to reach the gateway whole, and what its device gives out must be right as it is.
capture pub br0 wire.pcap esp
for pair in '4 10.2.0.2' '6 fd00:2::2'; do
    read -r family address <<< "$pair"
    for kind in gro plain; do
        background hostB "receive-$family-$kind" "$PYTHON" "$WORK/receive.py" "$family" "$address" "$kind" "$total"
        receiver=$LAST_PID
        wait_for 5 grep -q listening "$WORK/receive-$family-$kind.log"
        on hostA "$PYTHON" "$WORK/send.py" "$family" "$address" 1200 "$total"
        wait "$receiver" || fail "IPv$family to a $kind socket"
        assert_eq "$(tail -n 1 "$WORK/receive-$family-$kind.log")" 'lengths 34 600 1200' "IPv$family to a $kind socket"
        echo "ok: IPv$family to a $kind socket: 34 datagrams, byte for byte"
    done
done
capture_end
assert_ge "$(tshark -r "$WORK/wire.pcap" 2> /dev/null | wc -l)" 136 'ESP packets on the wire' # four times 34
assert_eq "$(verdicts gwA) $(verdicts gwB)" ' ' 'verdicts'

# The kernel cuts what is larger than a route's MTU itself; with this option routes have none.
say "segments that are too big for the tunnel, DF clear: fragments, behind ESP or, where the SA sets DF, before it"
total=41816 # 28 datagrams of 1472 and one of 600
for way in behind before; do
    gateway_stop gwA
    [[ $way == behind ]] || sed -i 's/ -m tunnel / -m tunnel -f df-set /' "$WORK/sas.conf"
    gateway_start gwA --fragment after
    offices_load A
    reaches hostA 10.2.0.2
    capture pub br0 "$way.pcap" 'src 192.0.2.1 and proto 50'
    background hostB "receive-$way" "$PYTHON" "$WORK/receive.py" 4 10.2.0.2 plain "$total"
    receiver=$LAST_PID
    wait_for 5 grep -q listening "$WORK/receive-$way.log"
    on hostA "$PYTHON" "$WORK/send.py" 4 10.2.0.2 1472 "$total" may-be-fragmented
    wait "$receiver" || fail "too big, fragments $way ESP"
    capture_end
    assert_eq "$(tail -n 1 "$WORK/receive-$way.log")" 'lengths 29 600 1472' "fragments $way ESP"
    # Two packets of each datagram but the last, whichever way; only behind ESP are they fragments.
    assert_eq "$(tshark -r "$WORK/$way.pcap" -o ip.defragment:FALSE 2> /dev/null | wc -l)" 57 "packets, fragments $way ESP"
    fragments=$(tshark -r "$WORK/$way.pcap" -o ip.defragment:FALSE -Y 'ip.flags.mf == 1 or ip.frag_offset > 0' 2> /dev/null | wc -l)
    if [[ $way == behind ]]; then assert_eq "$fragments" 56 'outer fragments'; else assert_eq "$fragments" 0 'outer fragments'; fi
    echo "ok: fragments $way ESP: 29 datagrams, byte for byte"
done
assert_eq "$(verdicts gwA) $(verdicts gwB)" ' ' 'verdicts'

say "datagrams that arrive together, seen where no helper can merge or repair them"
gateway_stop gwA # its packets are made at pub now
on hostB ethtool -K lan gro off rx off > /dev/null
on gwB ethtool -K lan tx off tso off gso off tx-udp-segmentation off > /dev/null
offices_keys
offices_load B
capture hostB lan datagrams.pcap udp
on pub "$PYTHON" - "$WORK/sas.conf" <<'PYTHON'
import sys
from esp_witness import *
sas = sas_of(sys.argv[1])
for src, dst, key in (("10.1.0.2", "10.2.0.2", (0x1004, "192.0.2.2")), ("fd00:1::2", "fd00:2::2", (0x1006, "2001:db8::2"))):
    sa = sas[key[0], ipaddress.ip_address(key[1])]
    packets = []
    for number in range(12):
        inner = bytearray(udp(src, dst, 4000, 5000, bytes([number]) * 500, **({"ident": number} if sa.dst.version == 4 else {})))
        at = 26 if sa.dst.version == 4 else 46
        if number == 4:
            inner[at] ^= 1
        if number == 8 and sa.dst.version == 4:
            inner[at:at + 2] = bytes(2)
        packets.append(sa.seal(bytes(inner), number + 1))
    for esp in packets:     # all made before the first is sent: they arrive in one batch
        send_esp(sa, esp)
PYTHON
capture_end
on hostB "$PYTHON" - "$WORK/datagrams.pcap" <<'PYTHON'
import sys
from esp_witness import *
for version in (4, 6):
    got = [View(p) for p in capture(sys.argv[1])]
    got = [v for v in got if v.version == version and v.ports == (4000, 5000)]
    assert [v.payload[8:] for v in got] == [bytes([n]) * 500 for n in range(12)], f"IPv{version}: {len(got)} datagrams"
    for number, v in enumerate(got):
        total = checksum(pseudo(v.src, v.dst, 17, len(v.payload)) + v.payload)
        if number == 8 and version == 4:
            assert v.payload[6:8] == bytes(2), "a datagram without checksum was given one"
        else:
            assert (total == 0) == (number != 4), f"IPv{version}: checksum of datagram {number}"
    print(f"ok: IPv{version}: {len(got)} datagrams, each as it was sent")
PYTHON
