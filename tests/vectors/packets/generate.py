#!/usr/bin/python3
"""Prints packets.h: packets, fragments, ICMP errors and TCP segments built by scapy.

packet/ is tested against them because scapy shares nothing with it. The output is the same on
every run; run it again only to add a case:

    tests/vectors/packets/generate.py > tests/vectors/packets/packets.h
"""
import logging

logging.getLogger("scapy").setLevel(logging.ERROR)
# pylint: disable=wrong-import-position
from scapy.layers.inet import (  # noqa: E402
    ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_Router_Alert, IPOption_RR, fragment)
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, MIP6MH_BU, PadN, RouterAlert)
from scapy.layers.ipsec import AH, ESP  # noqa: E402
from scapy.layers.l2 import GRE  # noqa: E402
from scapy.layers.sctp import SCTP, SCTPChunkCookieAck  # noqa: E402
from scapy.packet import Raw, bind_layers  # noqa: E402

bind_layers(AH, IPv6ExtHdrDestOpt, nh=60)

A4, B4 = "192.0.2.17", "198.51.100.200"
A6, B6 = "2001:db8::17", "2001:db8:1:2:3:4:5:6"
TEXT = bytes(range(0x30, 0x6f))  # 63 bytes: odd
OPTIONS = [("NOP", None), ("NOP", None), ("Timestamp", (0x01020304, 0xa0b0c0d0))]
EXTENSIONS = (IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, AH)


def v4(**fields):
    return IP(src=A4, dst=B4, **fields)


def v6(**fields):
    return IPv6(src=A6, dst=B6, **fields)


def ah(next_header):
    return AH(nh=next_header, spi=0x1234, seq=9, icv=bytes(12), payloadlen=4)


def hop():
    return IPv6ExtHdrHopByHop(options=[RouterAlert(), PadN(optdata=b"\0\0")])


def dest():
    return IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))])


def routing(left):
    return IPv6ExtHdrRouting(type=0, segleft=left, addresses=["2001:db8::99"])


def broken(packet):
    """The same bytes with the last one changed: the upper-layer checksum is wrong then."""
    data = bytearray(bytes(packet))
    data[-1] ^= 0x40
    return packet.__class__(bytes(data))


def no_udp_checksum(packet):
    packet[UDP].chksum = 0
    return packet


# name, packet, is the TCP or UDP checksum right (None: there is none of the whole packet)
PACKETS = [
    ("v4 tcp", v4(id=7, ttl=61) / TCP(sport=40000, dport=443, seq=1, ack=2, flags="PA") / TEXT, 1),
    ("v4 tcp options", v4(flags="DF") / TCP(sport=1, dport=65535, options=OPTIONS) / TEXT, 1),
    ("v4 tcp wrong sum", broken(v4() / TCP(sport=5, dport=6) / TEXT), 0),
    ("v4 tcp no payload", v4() / TCP(sport=22, dport=50000, flags="S"), 1),
    ("v4 tcp tos", v4(tos=0xb9) / TCP() / b"x", 1),
    ("v4 udp", v4(id=0xffff) / UDP(sport=53, dport=33000) / TEXT, 1),
    ("v4 udp without checksum", no_udp_checksum(v4() / UDP(sport=53, dport=1) / TEXT), 1),
    ("v4 udp wrong sum", broken(v4() / UDP(sport=53, dport=1) / TEXT), 0),
    ("v4 udp empty", v4() / UDP(sport=9, dport=9), 1),
    ("v4 udp trailing bytes", v4() / UDP(sport=9, dport=9, len=12) / b"abcd" / b"rest", None),
    ("v4 ip options", v4(options=[IPOption_NOP(), IPOption_Router_Alert()]) / UDP() / TEXT, 1),
    ("v4 ip options 60", v4(options=[IPOption_RR(routers=["1.2.3.4"] * 9)]) / TCP() / TEXT, 1),
    ("v4 icmp echo", v4() / ICMP(type=8, code=0, id=1, seq=2) / TEXT, None),
    ("v4 icmp error", v4() / ICMP(type=3, code=1) / v4() / UDP(), None),
    ("v4 sctp", v4() / SCTP(sport=36412, dport=36413) / SCTPChunkCookieAck(), None),
    ("v4 dccp", v4(proto=33) / Raw(bytes.fromhex("13891388") + bytes(12)), None),
    ("v4 udp-lite", v4(proto=136) / Raw(bytes.fromhex("0001000200080000")), None),
    ("v4 esp", v4() / ESP(spi=0x100, seq=1, data=TEXT), None),
    ("v4 ah is a next layer", v4() / ah(6) / TCP(), None),
    ("v4 gre", v4() / GRE() / v4(), None),
    ("v4 header only", v4(proto=59), None),
    ("v4 tcp cut before ports", v4(proto=6) / Raw(b"\x12\x34\x56"), None),
    ("v4 first fragment", v4(flags="MF", proto=17, id=99) / Raw(b"\x12\x34\x56\x78" * 4), None),
    ("v4 first fragment, tiny", v4(flags="MF", proto=6, id=99) / Raw(b"\x12"), None),
    ("v4 later fragment", v4(flags="MF", frag=3, proto=17) / Raw(b"\x12\x34\x56\x78" * 4), None),
    ("v4 last fragment", v4(frag=8180, proto=17) / Raw(b"\x12\x34\x56\x78" * 4), None),
    ("v6 tcp", v6(tc=0x2e, fl=0xabcde, hlim=3) / TCP(sport=40000, dport=443) / TEXT, 1),
    ("v6 tcp options", v6() / TCP(sport=1, dport=2, options=OPTIONS) / (TEXT + b"!"), 1),
    ("v6 tcp wrong sum", broken(v6() / TCP(sport=1, dport=2) / TEXT), 0),
    ("v6 udp", v6(tc=0xff, fl=0xfffff) / UDP(sport=1000, dport=2000) / TEXT, 1),
    ("v6 udp without checksum", no_udp_checksum(v6() / UDP(sport=1, dport=2) / TEXT), 0),
    ("v6 icmp echo", v6() / ICMPv6EchoRequest(id=3, seq=4, data=TEXT), None),
    ("v6 icmp neighbour", v6() / ICMPv6ND_NS(tgt=B6), None),
    ("v6 no next header", v6(nh=59) / Raw(b"12345678"), None),
    ("v6 esp", v6() / ESP(spi=0x100, seq=1, data=TEXT), None),
    ("v6 hop-by-hop", v6() / hop() / TCP(sport=3, dport=4) / TEXT, 1),
    ("v6 destination options", v6() / dest() / UDP(sport=3, dport=4) / TEXT, 1),
    ("v6 routing, arrived", v6() / routing(0) / UDP(sport=3, dport=4) / TEXT, 1),
    ("v6 routing, under way", v6() / routing(1) / UDP(sport=3, dport=4) / TEXT, 0),
    ("v6 all headers", v6() / hop() / dest() / routing(0) / IPv6ExtHdrFragment(id=5)
     / ah(60) / dest() / TCP(sport=3, dport=4) / TEXT, 1),
    # scapy leaves the checksum out right behind AH
    ("v6 ah", v6() / ah(6) / TCP(sport=3, dport=4) / TEXT, None),
    ("v6 headers, then esp", v6() / hop() / dest() / ESP(spi=0x100, seq=1, data=TEXT), None),
    ("v6 atomic fragment", v6() / IPv6ExtHdrFragment(id=5) / UDP(sport=3, dport=4) / TEXT, 1),
    ("v6 first fragment", v6() / IPv6ExtHdrFragment(id=5, m=1, nh=17)
     / Raw(b"\x12\x34\x56\x78" * 4), None),
    ("v6 later fragment", v6() / IPv6ExtHdrFragment(id=5, m=1, offset=2, nh=17)
     / Raw(b"\x12\x34\x56\x78" * 4), None),
    ("v6 last fragment of options", v6() / IPv6ExtHdrFragment(offset=8000, nh=60)
     / Raw(b"\xff\xff\xff\xff" * 4), None),
    ("v6 mobility", v6() / MIP6MH_BU(options=[PadN(optdata=b"\0\0")]), None),
]


def ports_of(proto, payload, version):
    """Selector fields from the raw upper-layer bytes, RFC 4301 section 4.4.1.1."""
    if proto in (6, 17, 132, 33, 136) and len(payload) >= 4:
        return int.from_bytes(payload[0:2], "big"), int.from_bytes(payload[2:4], "big")
    if proto == (1 if version == 4 else 58) and len(payload) >= 2:
        return payload[0], payload[1]
    if proto == 135 and version == 6 and len(payload) >= 3:
        return payload[2], 0
    return None


def view4(packet):
    data = bytes(packet)
    return {
        "total_len": packet.len, "l4_off": packet.ihl * 4, "proto": packet.proto,
        "tos": packet.tos, "ttl": packet.ttl, "ip_id": packet.id, "frag_off": packet.frag * 8,
        "df": int(packet.flags.DF), "more_frags": int(packet.flags.MF), "flow_label": 0,
        "has_extensions": int(packet.ihl > 5)}, data[packet.ihl * 4:]


def view6(packet):
    view = {
        "total_len": packet.plen + 40, "proto": packet.nh, "tos": packet.tc, "ttl": packet.hlim,
        "ip_id": 0, "frag_off": 0, "df": 1, "more_frags": 0, "flow_label": packet.fl,
        "has_extensions": 0}
    layer = packet.payload
    while isinstance(layer, EXTENSIONS):
        view["has_extensions"] = 1
        view["proto"] = layer.nh
        if isinstance(layer, IPv6ExtHdrFragment):
            view["frag_off"], view["more_frags"] = layer.offset * 8, layer.m
        layer = layer.payload
        if view["frag_off"]:
            break
    payload = bytes(layer)
    view["l4_off"] = len(bytes(packet)) - len(payload)
    return view, payload


def byte_rows(data):
    rows = [data[i:i + 24] for i in range(0, len(data), 24)]
    return "\n".join("\t" + "".join(f"{b}," for b in row) for row in rows)


def print_array(name, data):
    print(f"static const uint8_t {name}[] = {{\n{byte_rows(data)}\n}};")


def print_packets():
    rows = []
    for i, (name, packet, checksum) in enumerate(PACKETS):
        packet = packet.__class__(bytes(packet))  # as dissected, not as written above
        view, payload = view4(packet) if packet.version == 4 else view6(packet)
        ports = ports_of(view["proto"], payload, packet.version) if not view["frag_off"] else None
        view["sport"], view["dport"] = ports or (0, 0)
        view["has_ports"] = int(ports is not None)
        view["version"] = packet.version
        print_array(f"packet_{i}", bytes(packet))
        fields = ", ".join(f".{key} = {int(value)}" for key, value in sorted(view.items()))
        expected = -1 if checksum is None else checksum
        rows.append(f'\t{{"{name}", packet_{i}, sizeof(packet_{i}), "{packet.src}", '
                    f'"{packet.dst}",\n\t {{{fields}}}, {expected}}},')
    print("static const struct packet_vector packet_vectors[] = {\n" + "\n".join(rows) + "\n};")


def print_fragments():
    """scapy cuts; sizes are payload bytes a fragment, so the MTU is 20 more."""
    rows = []
    cases = [(100, 24), (1000, 256), (64, 64), (65, 64), (1480, 1472), (4000, 552)]
    for i, (length, size) in enumerate(cases):
        whole = v4(id=0x4321, tos=0x28) / UDP(sport=7, dport=8) / bytes(
            k * 31 % 251 for k in range(length - 8))
        whole = IP(bytes(whole))
        pieces = b"".join(bytes(piece) for piece in fragment(whole, fragsize=size))
        print_array(f"whole_{i}", bytes(whole))
        print_array(f"pieces_{i}", pieces)
        rows.append(f"\t{{whole_{i}, sizeof(whole_{i}), {size + 20}, pieces_{i}, "
                    f"sizeof(pieces_{i})}},")
    print("static const struct fragment_vector fragment_vectors[] = {\n" + "\n".join(rows)
          + "\n};")


def print_errors():
    rows = []
    gateway4, gateway6 = "203.0.113.1", "2001:db8:f::1"
    for i, length in enumerate((0, 520, 521, 1184, 1185)):
        body = bytes(k * 7 % 256 for k in range(length))
        four = bytes(v4(flags="DF", id=3) / UDP(sport=7, dport=8) / body)
        six = bytes(v6() / UDP(sport=7, dport=8) / body)
        message4 = bytes(ICMP(type=3, code=4, nexthopmtu=1398) / Raw(four[:576 - 28]))
        message6 = bytes(IPv6(src=gateway6, dst=A6)
                         / ICMPv6PacketTooBig(mtu=1398) / Raw(six[:1280 - 48]))[40:]
        for family, gateway, about, message in ((4, gateway4, four, message4),
                                                (6, gateway6, six, message6)):
            name = f"v{family}_{i}"
            print_array(f"about_{name}", about)
            print_array(f"error_{name}", message)
            rows.append(f'\t{{about_{name}, sizeof(about_{name}), "{gateway}", 1398, '
                        f"error_{name}, sizeof(error_{name})}},")
    print("static const struct error_vector error_vectors[] = {\n" + "\n".join(rows) + "\n};")


def segments_of(header, tcp, body, size):
    for offset in range(0, len(body), size):
        piece = header.copy() / tcp.copy() / Raw(body[offset:offset + size])
        last = offset + size >= len(body)
        piece[TCP].seq = (tcp.seq + offset) % 2**32
        flags = str(tcp.flags)
        if not last:
            flags = flags.replace("F", "").replace("P", "")
        if offset:
            flags = flags.replace("C", "")
        piece[TCP].flags = flags
        if header.version == 4:
            piece.id = (header.id + offset // size) % 2**16
        yield bytes(piece)


def print_segments():
    """A superpacket as a whole, and the segments scapy builds one by one."""
    rows = []
    syn = 0xfffffe00  # sequence numbers wrap on the way
    cases = [
        (v4(id=0xfffe, flags="DF", tos=2), TCP(sport=80, dport=9, seq=syn, ack=5, flags="PA"), 3),
        (v4(id=1), TCP(sport=80, dport=9, seq=1, flags="FPAEC", options=OPTIONS), 4),
        (v6(fl=0x12345, tc=1), TCP(sport=80, dport=9, seq=syn, ack=5, flags="PA",
                                   options=OPTIONS), 3),
        (v6() / dest(), TCP(sport=80, dport=9, seq=syn, ack=5, flags="FA"), 2),
        (v6() / routing(1), TCP(sport=80, dport=9, seq=syn, ack=5, flags="A"), 2),
    ]
    for i, (header, tcp, count) in enumerate(cases):
        size = 301  # odd
        body = bytes(k * 13 % 255 for k in range(size * count - 77))
        whole = bytes(header / tcp / Raw(body))
        pieces = b"".join(segments_of(header, tcp, body, size))
        print_array(f"super_{i}", whole)
        print_array(f"segments_{i}", pieces)
        rows.append(f"\t{{super_{i}, sizeof(super_{i}), {size}, {count}, segments_{i}, "
                    f"sizeof(segments_{i})}},")
    print("static const struct segment_vector segment_vectors[] = {\n" + "\n".join(rows)
          + "\n};")


PROLOGUE = """\
/* Written by tests/vectors/packets/generate.py: do not edit. */
/* clang-format off */
#ifndef CYGNET_VECTORS_PACKETS_H
#define CYGNET_VECTORS_PACKETS_H

#include "packet/packet.h"

struct packet_vector {
\tconst char *name;
\tconst uint8_t *data;
\tsize_t len;
\tconst char *src, *dst;
\tstruct ip_view view; /* addresses as text, above */
\tint l4_ok;	     /* TCP or UDP checksum: 1 right, 0 wrong, -1 not said */
};

struct fragment_vector {
\tconst uint8_t *data;
\tsize_t len;
\tuint16_t mtu;
\tconst uint8_t *pieces;
\tsize_t pieces_len;
};

struct error_vector {
\tconst uint8_t *about;
\tsize_t about_len;
\tconst char *from;
\tuint16_t mtu;
\tconst uint8_t *message;
\tsize_t message_len;
};

struct segment_vector {
\tconst uint8_t *data; /* complete checksum, not a partial one */
\tsize_t len;
\tuint16_t gso_size;
\tunsigned count;
\tconst uint8_t *segments;
\tsize_t segments_len;
};
"""

if __name__ == "__main__":
    print(PROLOGUE)
    print_packets()
    print_fragments()
    print_errors()
    print_segments()
    print("\n#endif")
