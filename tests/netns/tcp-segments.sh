#!/usr/bin/env bash
# TCP segments that arrive together are merged for the host, but only true ones: a segment with a
# bad checksum reaches the host as it was sent, bad and alone; nothing vouches for it.
#
#   pub: makes gwA's packets with gwA's key ===> gwB --- hostB: listens
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin tcp-segments
offices_up
offices_keys
gateway_start gwB
offices_load B
# No helper on hostB's side may repair or merge what the gateway wrote.
on hostB ethtool -K lan gro off rx off > /dev/null
on gwB ethtool -K lan tx off tso off gso off > /dev/null

capture hostB lan segments.pcap tcp
on pub "$PYTHON" - "$WORK/sas.conf" <<'PYTHON'
import sys
from esp_witness import *
sas = sas_of(sys.argv[1])
for family, src, dst, key in ((4, "10.1.0.2", "10.2.0.2", (0x1004, "192.0.2.2")), (6, "fd00:1::2", "fd00:2::2", (0x1006, "2001:db8::2"))):
    sa = sas[key[0], ipaddress.ip_address(key[1])]
    at = 1000
    packets = []
    for number in range(9):
        payload = bytes([number]) * 500
        bad = 0x0101 if number == 4 else 0
        inner = tcp(src, dst, 4000, 5000, at, payload, bad=bad, **({"ident": number} if family == 4 else {}))
        packets.append(sa.seal(inner, number + 1))
        at += len(payload)
    for esp in packets:     # all made before the first is sent: they arrive in one batch
        send_esp(sa, esp)
PYTHON
# The host's neighbour may have to be found first.
all_captured() {
    "$PYTHON" -c '
import sys
from esp_witness import *
views = [View(p) for p in capture(sys.argv[1])]
sys.exit(sum(len(v.content()) for v in views if v.ports == (4000, 5000)) < 2 * 9 * 500)' "$WORK/segments.pcap"
}
wait_for 10 all_captured
capture_end
on hostB "$PYTHON" - "$WORK/segments.pcap" <<'PYTHON'
import sys
from esp_witness import *
for version in (4, 6):
    got = [View(p) for p in capture(sys.argv[1])]
    got = [v for v in got if v.version == version and v.ports == (4000, 5000)]
    stream = b"".join(v.content() for v in got)
    assert stream == b"".join(bytes([n]) * 500 for n in range(9)), f"IPv{version}: {len(got)} segments, {len(stream)} bytes"
    bad = [v for v in got if bytes([4]) * 10 in v.content()]
    assert len(bad) == 1 and bad[0].content() == bytes([4]) * 500, "the bad segment did not come alone"
    for v in got:
        total = checksum(pseudo(v.src, v.dst, 6, len(v.payload)) + v.payload)
        assert (total == 0) == (v not in bad), f"IPv{version}: checksum of the segment at {v.payload[4:8].hex()}"
    print(f"ok: IPv{version}: {len(got)} segments, the bad one as it was sent and alone")
PYTHON
