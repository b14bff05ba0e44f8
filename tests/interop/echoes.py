"""Echo requests of many sizes at once, and the MTU a sender is told of; used at both ends of
kernel_matrix.py, here and by guest_agent.py."""
import errno
import os
import select
import socket
import struct
import time

IP_MTU_DISCOVER, IP_RECVERR, IPV6_MTU_DISCOVER, IPV6_RECVERR, PMTUDISC_DO = 10, 11, 23, 25, 2


class End:
    """A raw ICMP socket at one inner address, with DF set on what it sends."""

    def __init__(self, src):
        self.six = ":" in src
        family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if self.six else (socket.AF_INET, socket.IPPROTO_ICMP)
        level = socket.IPPROTO_IPV6 if self.six else socket.IPPROTO_IP
        self.raw = socket.socket(family, socket.SOCK_RAW, protocol)
        self.raw.setsockopt(level, IPV6_MTU_DISCOVER if self.six else IP_MTU_DISCOVER, PMTUDISC_DO)
        self.raw.setsockopt(level, IPV6_RECVERR if self.six else IP_RECVERR, 1)
        self.raw.bind((src, 0))
        self.request, self.reply = (128, 129) if self.six else (8, 0)
        self.ident = struct.unpack("!H", os.urandom(2))[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def send(self, dst, seq, payload):
        head = struct.pack("!BBHHH", self.request, 0, 0, self.ident, seq)
        if not self.six:        # for ICMPv6 the kernel fills it in
            head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
        self.raw.sendto(head + payload, (dst, 0))

    def answers(self, seconds):
        """(seq, payload) of a reply to us, or None when the time is over."""
        deadline = time.monotonic() + seconds
        while select.select([self.raw], [], [], max(0, deadline - time.monotonic()))[0]:
            data = self.raw.recv(65536)
            data = data if self.six else data[(data[0] & 15) * 4:]
            kind, _, _, ident, seq = struct.unpack("!BBHHH", data[:8])
            if (kind, ident) == (self.reply, self.ident):
                return seq, data[8:]
        return None


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def payload_of(seq, size):
    return bytes((seq + i) & 0xff for i in range(size))


def unanswered(src, dst, sizes, seconds=10):
    """Which payload sizes no echo came back for, each byte as it was sent. What is missing after
    half the time is sent once more: a busy machine lets the guest sleep past a reply."""
    left = dict(enumerate(sizes))
    with End(src) as end:
        for _ in range(2):
            for seq, size in left.items():
                end.send(dst, seq, payload_of(seq, size))
            deadline = time.monotonic() + seconds / 2
            while left:
                answer = end.answers(deadline - time.monotonic())
                if not answer:
                    break
                seq, payload = answer
                if seq in left and payload == payload_of(seq, left[seq]):
                    del left[seq]
    return list(left.values())


def told_mtu(src, dst, size=1480, seconds=10):
    """What the kernel tells who sends a packet of this many bytes of payload with DF set."""
    deadline = time.monotonic() + seconds
    with End(src) as end:
        while time.monotonic() < deadline:
            try:
                end.send(dst, 0, bytes(size))
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
            poll = select.poll()
            poll.register(end.raw, 0)       # POLLERR comes unasked
            if not poll.poll(500):
                continue
            _, control, _, _ = end.raw.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            for _, _, data in control:
                code, _, _, _, _, info = struct.unpack("=IBBBBI", data[:12])
                if code == errno.EMSGSIZE:
                    return info
    return None
