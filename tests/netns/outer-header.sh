#!/usr/bin/env bash
# The outer header: DSCP, ECN and DF out of the inner packet, DSCP and ECN back into it, as the SA's
# flags ask, for every mix of inner and outer family. Read from real packets on the wire and behind
# the far gateway; the expectations are those of RFC 4301 5.1.2 and RFC 6040 (lib/outer_cases.py).
#
#   hostA: sends --- gwA ===[ pub: reads, and seals packets of its own ]=== gwB --- hostB: reads
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin outer-header
offices_open
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

# script NAME OPTION: the python below, for one set of SA flags
script() {
    local name=$1
    shift
    on "$name" "$PYTHON" - "$WORK" "$@"
}
# with_flags GATEWAY OPTION: the SAs of both directions anew, with these flags and the same keys
with_flags() {
    echo 'flush;' | sk "$1" -c
    script "$1" "$2" "$(socket_of "$1")" <<'PYTHON'
import sys
import outer_cases, xfrm_message
from esp_witness import *
work, option, path = sys.argv[1:]
_, flags, extra, _ = next(row for row in outer_cases.OPTIONS if row[0] == option)
for line in open(f"{work}/sas.conf", encoding="ascii"):
    words = line.rstrip(";\n").split()
    key = key_bytes(after(words, "-E")[1])
    if "aes-gcm-16" in words:
        algorithms, window, esn = [(xfrm_message.AEAD, "rfc4106(gcm(aes))", key, 128)], 64, False
    else:
        algorithms = [(xfrm_message.CRYPT, "cbc(aes)", key, None),
                      (xfrm_message.AUTH_TRUNC, "hmac(sha256)", key_bytes(after(words, "-A")[1]), 128)]
        window, esn = 256, True
    xfrm_message.add_sa(path, words[1], words[2], int(words[4], 0), algorithms, window, esn, flags, extra)
PYTHON
}
send_out() {
    script hostA <<'PYTHON'
import outer_cases
from esp_witness import send_ip
for src, dst in (("10.1.0.2", "10.2.0.2"), ("10.11.0.2", "10.22.0.2"), ("fd00:1::2", "fd00:2::2"), ("fd00:11::2", "fd00:22::2")):
    for tag, tos, df, size in outer_cases.outward():
        send_ip(outer_cases.inner_packet(src, dst, tag, tos, df, size))
PYTHON
}
check_out() {
    script pub "$1" <<'PYTHON'
import sys
import outer_cases as cases
from esp_witness import *
work, option = sys.argv[1:]
_, flags, extra, _ = next(row for row in cases.OPTIONS if row[0] == option)
sas = sas_of(f"{work}/sas.conf")
wanted = {tag: (tos, df, size) for tag, tos, df, size in cases.outward()}
seen, labels, wrong = set(), {}, 0
for packet in capture(f"{work}/out.pcap"):
    outer = View(packet)
    if outer.proto != ESP:
        continue
    sa = sas[struct.unpack("!L", outer.payload[:4])[0], outer.dst]
    inner, _ = sa.open(outer.payload)
    tag, header = cases.tag_of(inner), cases.header_of(packet)
    if tag is None:
        continue
    want = cases.outer_wanted(View(inner).version, outer.version, flags, extra, *wanted[tag])
    seen.add((View(inner).version, outer.version, tag))
    labels.setdefault(outer.dst, set()).add(header["label"])
    if (header["tos"], header["df"]) != want or header["ttl"] != 64 or (header["df"] is False and not header["id"]):
        wrong += 1
        print(f"FAIL: {option}: IPv{View(inner).version} in IPv{outer.version} {tag}: {header}, expected {want}")
assert len(seen) == 4 * len(wanted), f"{len(seen)} of {4 * len(wanted)} packets seen"
# One label a pair of gateways: nothing about the flow inside. Never the inner packet's own.
assert all(len(values) == 1 and cases.FLOW_LABEL not in values for values in labels.values()), labels
assert not wrong
print(f"ok: {option}: {len(seen)} outer headers")
PYTHON
}
send_in() {
    script pub <<'PYTHON'
import sys, time
import outer_cases as cases
from esp_witness import *
sas = sas_of(f"{sys.argv[1]}/sas.conf")
number = 0
for src, dst, key in (("10.1.0.2", "10.2.0.2", (0x1004, "192.0.2.2")), ("10.11.0.2", "10.22.0.2", (0x1006, "2001:db8::2")),
                      ("fd00:1::2", "fd00:2::2", (0x1006, "2001:db8::2")), ("fd00:11::2", "fd00:22::2", (0x1004, "192.0.2.2"))):
    sa = sas[key[0], ipaddress.ip_address(key[1])]
    for tag, inner, outer in cases.inward():
        number += 1
        send_esp(sa, sa.seal(cases.inner_packet(src, dst, tag, inner), 1000 + number), tos=outer)
PYTHON
}
check_in() {
    script hostB "$1" <<'PYTHON'
import sys
import outer_cases as cases
from esp_witness import *
work, option = sys.argv[1:]
_, flags, _, _ = next(row for row in cases.OPTIONS if row[0] == option)
came = {}
for packet in capture(f"{work}/in.pcap"):
    tag = cases.tag_of(packet)
    if tag and tag.startswith("#in"):
        came[View(packet).dst, tag] = cases.tos_of(packet)
        assert packet[0] >> 4 == 6 or checksum(packet[:20]) == 0, f"{tag}: the header's checksum is wrong"
wrong = 0
for dst in map(ipaddress.ip_address, ("10.2.0.2", "10.22.0.2", "fd00:2::2", "fd00:22::2")):
    for tag, inner, outer in cases.inward():
        want, got = cases.inner_wanted(flags, inner, outer), came.get((dst, tag))
        if got != want:
            wrong += 1
            print(f"FAIL: {option}: to {dst} {tag}: got {got}, expected {want}")
assert not wrong
print(f"ok: {option}: {len(came)} inner headers, {4 * 32 - len(came)} dropped")
PYTHON
}

for option in plain noecn decap-dscp nopmtudisc dont-encap-dscp all; do
    say "SA flags: $option"
    with_flags gwA "$option"
    with_flags gwB "$option"
    capture pub br0 out.pcap -s 2000 -B 8192 esp and \( src 192.0.2.1 or src 2001:db8::1 \)
    send_out
    capture_end
    check_out "$option"
    # Their sequence numbers are the same in each round, so the receiver begins anew.
    with_flags gwB "$option"
    before=$(verdict gwB ECN)
    capture hostB lan in.pcap -s 2000 -B 8192 icmp or icmp6
    send_in
    capture_end
    check_in "$option"
    dropped=$(($(verdict gwB ECN) - before))
    case $option in
        noecn | all) assert_eq "$dropped" 0 'CE over Not-ECT, where ECN has no say' ;;
        *) assert_eq "$dropped" 8 'CE over Not-ECT' ;;
    esac
done
