"""The cases of outer headers, RFC 4301 5.1.2 and RFC 6040, for tests/netns and tests/interop: which
inner packets go through a tunnel, and what a header has to say then. Written from the RFCs and from
linux/xfrm.h, not from packet/outer.c.
"""
import struct

import esp_witness as witness

# XFRM_STATE_NOECN, _DECAP_DSCP, _NOPMTUDISC; XFRM_SA_XFLAG_DONT_ENCAP_DSCP
NOECN, DECAP_DSCP, NOPMTUDISC, DONT_ENCAP_DSCP = 1, 2, 4, 1
# name, flags, extra flags, the words of ip xfrm
OPTIONS = [
    ("plain", 0, 0, ""),
    ("noecn", NOECN, 0, "flag noecn"),
    ("decap-dscp", DECAP_DSCP, 0, "flag decap-dscp"),
    ("nopmtudisc", NOPMTUDISC, 0, "flag nopmtudisc"),
    ("dont-encap-dscp", 0, DONT_ENCAP_DSCP, "extra-flag dont-encap-dscp"),
    ("all", NOECN | DECAP_DSCP | NOPMTUDISC, DONT_ENCAP_DSCP,
     "flag noecn decap-dscp nopmtudisc extra-flag dont-encap-dscp"),
]
MIXES = [(4, 4), (4, 6), (6, 4), (6, 6)]  # family inside, outside
# What each change is tried with: each set of flags with one mix, in turn. tests/run-all.sh has all.
FEW = [(option, *MIXES[i % len(MIXES)]) for i, option in enumerate(OPTIONS)]
ALL = [(option, *mix) for option in OPTIONS for mix in MIXES]
FLOW_LABEL = 0x54321
NOT_ECT, ECT1, ECT0, CE = range(4)
# RFC 6040 figure 4, [inner][outer]; None: dropped
FIGURE_4 = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


def inner_packet(src, dst, tag, tos, df=True, size=100):
    """An echo reply that nobody asked for and nobody answers, with a tag to know it by."""
    head = 48 if ":" in src else 28
    packet = witness.echo(src, dst, reply=True, payload=tag.encode().ljust(size - head, b"."), tos=tos, df=df)
    if packet[0] >> 4 == 6:
        packet = struct.pack("!L", struct.unpack("!L", packet[:4])[0] | FLOW_LABEL) + packet[4:]
    return packet


def tag_of(packet):
    view = witness.View(packet)
    content = view.payload[8:]
    return content.rstrip(b".").decode() if view.proto in (1, 58) and content[:1] == b"#" else None


def tos_of(packet):
    return packet[1] if packet[0] >> 4 == 4 else struct.unpack("!H", packet[:2])[0] >> 4 & 0xff


def outward():
    """(tag, tos, df, size) of the inner packets to seal; df is for IPv4 alone."""
    for tos in [0, 1, 2, 3, 0xb8, 0xb9, 0xba, 0xbb, 0xfc]:
        for df in (False, True):
            yield f"#out/{tos:#x}/{df:d}", tos, df, 100
    for size in (1280, 1281):
        yield f"#out/size{size}", 0, True, size


def outer_wanted(version, outer_version, flags, extra, tos, df, size):
    """(tos, DF or None) that the outer header has to say."""
    want = (0 if extra & DONT_ENCAP_DSCP else tos & 0xfc) | (0 if flags & NOECN else tos & 3)
    if outer_version == 6:
        return want, None
    if flags & NOPMTUDISC:
        return want, False
    return want, df if version == 4 else size > 1280


def inward():
    """(tag, inner tos, outer tos) of the sealed packets to open."""
    for inner_ecn in range(4):
        for outer_ecn in range(4):
            for inner_dscp, outer_dscp in ((0, 0), (0x28, 0xb8)):
                inner, outer = inner_dscp | inner_ecn, outer_dscp | outer_ecn
                yield f"#in/{inner:#x}/{outer:#x}", inner, outer


def inner_wanted(flags, inner, outer):
    """The tos that comes out; None: dropped."""
    ecn = inner & 3 if flags & NOECN else FIGURE_4[inner & 3][outer & 3]
    if ecn is None:
        return None
    return ((outer if flags & DECAP_DSCP else inner) & 0xfc) | ecn


def header_of(packet):
    """What the outer header of an ESP packet says."""
    if packet[0] >> 4 == 4:
        fragment = struct.unpack("!H", packet[6:8])[0]
        return {"tos": packet[1], "df": bool(fragment & 0x4000), "ttl": packet[8], "label": None,
                "id": struct.unpack("!H", packet[4:6])[0]}
    return {"tos": tos_of(packet), "df": None, "ttl": packet[7], "id": None,
            "label": struct.unpack("!L", packet[:4])[0] & 0xfffff}
