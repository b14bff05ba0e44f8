"""Hears echo replies that come out of a tunnel, with their TOS: for outer_cases, on both sides of the kernel
matrix. Imports little: in the guest it starts anew with every case.
"""
import select
import socket
import struct


def listeners():
    """Raw sockets that hear echo replies, IPv4 and IPv6; for heard()."""
    four = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    six = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    return four, six


def heard(sockets, done):
    """{tag: tos} of the echo replies that came, until done() and half a second without one."""
    four, six = sockets
    found = {}
    while True:
        ready, _, _ = select.select(sockets, [], [], 0.5)
        if not ready and done():
            return found
        if four in ready:
            data = four.recv(65536)
            found[data[28:].rstrip(b".")] = data[1]
        if six in ready:
            data, extra, _, _ = six.recvmsg(65536, 256)
            found[data[8:].rstrip(b".")] = next(struct.unpack("=i", value)[0] for level, kind, value in extra
                                                if kind == socket.IPV6_TCLASS)
