"""NEWSA of linux/xfrm.h, byte by byte, sent to cygnetd: SAs that setkey's language cannot say.

Written from the kernel's header, not from xfrm/: a second opinion on the message format too.
"""
import ipaddress
import socket
import struct

NLMSG_ERROR, NEWSA = 2, 0x10
REQUEST, ACK, EXCL, CREATE = 0x1, 0x4, 0x200, 0x400
CRYPT, ENCAP, AEAD, AUTH_TRUNC, REPLAY_ESN_VAL, SA_EXTRA_FLAGS = 2, 4, 18, 20, 23, 24
AF_UNSPEC_FLAG, ESN_FLAG, TUNNEL, ESPINUDP = 32, 128, 1, 2
NO_LIMIT = 2**64 - 1


class Refused(Exception):
    """cygnetd's answer, as text."""


def attribute(kind, payload):
    return (struct.pack("=HH", 4 + len(payload), kind) + payload).ljust((7 + len(payload)) // 4 * 4, b"\0")


def algorithm(kind, name, key, icv_bits):
    """icv_bits: None where the structure has no such field."""
    head = struct.pack("=64sI", name.encode(), 8 * len(key))
    return attribute(kind, head + (b"" if icv_bits is None else struct.pack("=I", icv_bits)) + key)


def sa_info(src, dst, spi, esn, flags):
    """struct xfrm_usersa_info; a selector of no family, so that both may go through."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    family = socket.AF_INET if dst.version == 4 else socket.AF_INET6
    selector = bytes(56)
    identity = struct.pack("=16s", dst.packed) + struct.pack("!LB3x", spi, 50)
    lifetime = struct.pack("=8Q", *[NO_LIMIT] * 4, 0, 0, 0, 0)
    current, stats = bytes(32), bytes(12)
    flags |= AF_UNSPEC_FLAG | (ESN_FLAG if esn else 0)
    tail = struct.pack("=IIHBBB7x", 0, 0, family, TUNNEL, 0, flags)
    return selector + identity + struct.pack("=16s", src.packed) + lifetime + current + stats + tail


def add_sa(path, src, dst, spi, algorithms, window, esn, flags=0, extra_flags=0, udp=None):
    """algorithms: (attribute, name, key, bits of ICV or None). udp: source and destination port.
    Raises Refused."""
    body = sa_info(src, dst, spi, esn, flags) + b"".join(algorithm(*fields) for fields in algorithms)
    if extra_flags:
        body += attribute(SA_EXTRA_FLAGS, struct.pack("=I", extra_flags))
    if udp:     # struct xfrm_encap_tmpl, its original address not given
        body += attribute(ENCAP, struct.pack("=H", ESPINUDP) + struct.pack("!HH2x16x", *udp))
    words = (window + 31) // 32
    body += attribute(REPLAY_ESN_VAL, struct.pack("=6I", words, 0, 0, 0, 0, window) + bytes(4 * words))
    message = struct.pack("=IHHII", 16 + len(body), NEWSA, REQUEST | ACK | EXCL | CREATE, 1, 0) + body
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(path)
        client.send(message)
        answer = client.recv(65536)
    kind, code = struct.unpack("=H", answer[4:6])[0], struct.unpack("=i", answer[16:20])[0]
    if kind != NLMSG_ERROR or code:
        raise Refused(f"error {-code}: {answer[20:]!r}")
