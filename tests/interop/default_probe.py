"""What becomes of packets when a default blocks: one gateway alone, each packet by itself.

    default_probe.py /dev/net/tun       prints a line for each default, set of policies and packet

Run as root in a network namespace that it may fill: of a kernel with XFRM, or beside a cygnetd under `cygnet
exec`. It has the wire and the LAN of the gateway at two TAP devices, so that it puts in what comes from there and
reads what goes there. Whatever speaks XFRM is `ip xfrm` and a socket option: kernel-default.sh compares.
That a packet does not come is known when the answer to an ARP request comes that was put in behind it: the kernel
takes them in order. What a timer sends, or cygnetd, has a second for it.

    (192.0.2.2, fd00:9::2)  w0  192.0.2.1, fd00:9::1 | the gateway | 10.1.0.1, fd00:1::1  l0  (10.1.0.2, fd00:1::2)
    ESP between 192.0.2.1 and 192.0.2.2 for 10.1.0.0/24 and 10.2.0.0/24
"""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

from esp_witness import ESP, Sa, View, checksum, echo, ip, pseudo, transform, udp

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
IP_XFRM_POLICY, IPV6_XFRM_POLICY = 17, 35
FAR_MAC = bytes.fromhex("020000000002")
LATER_S, LOST_S = 1, 10
KEY = bytes(range(20))


def run(*words):
    subprocess.run(" ".join(words).split(), check=True)


class Tap:
    """A link whose other end is this program, with this address."""

    def __init__(self, name, far, *addresses):
        self.fd = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        self.name, self.far, self.near = name, far, addresses[0].split("/")[0]
        self.frames = []
        for knob in ("ipv6.conf.%s.accept_dad=0", "ipv4.conf.%s.rp_filter=0", "ipv6.conf.%s.router_solicitations=0"):
            run("sysctl -qw", "net." + knob % name)
        run("ip link set", name, "up")
        for address in addresses:
            run("ip addr add", address, "dev", name, "nodad" if ":" in address else "")
        with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:
            self.mac = bytes.fromhex(file.read().strip().replace(":", ""))

    def neighbour(self, address):
        run("ip neigh replace", address, "lladdr", FAR_MAC.hex(":"), "dev", self.name, "nud permanent")

    def put(self, packet, mac=None):
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        os.write(self.fd, (mac or self.mac) + FAR_MAC + kind + packet)

    def read(self, seconds):
        """The next frame, kept; None if there is none in time."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return None
        self.frames.append(os.read(self.fd, 65536))
        return self.frames[-1]

    def settle(self):
        """What was put in before has been dealt with."""
        near, far = map(socket.inet_aton, (self.near, self.far))
        os.write(self.fd, self.mac + FAR_MAC + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + FAR_MAC +
                 far + bytes(6) + near)
        while frame := self.read(LOST_S):
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2":
                return
        sys.exit(f"default_probe: {self.name}: no answer to ARP")

    def sees(self, wanted, by=None):
        """A packet has left by this link of which wanted is true; it came in by the other one, if said."""
        (by or self).settle()
        while self.read(0):
            pass
        return any(frame[12:14] in (b"\x08\x00", b"\x86\xdd") and wanted(View(frame[14:])) for frame in self.frames)

    def will_see(self, wanted):
        """The same of what comes later."""
        end = time.monotonic() + LATER_S
        while not (seen := self.sees(wanted)) and (left := end - time.monotonic()) > 0:
            self.read(left)
        return seen

    def forget(self):
        while self.read(0):
            pass
        self.frames = []


def socket_of(family, port, bypass=False, address=""):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if bypass:
        six = family == socket.AF_INET6
        for direction in (0, 1):
            # struct xfrm_userpolicy_info: selector's family at 40, limits, dir at 160, action ALLOW
            policy = bytearray(168)
            struct.pack_into("=H", policy, 40, family)
            struct.pack_into("=B", policy, 160, direction)
            s.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP,
                         IPV6_XFRM_POLICY if six else IP_XFRM_POLICY, bytes(policy))
    s.bind((address, port))
    s.settimeout(LATER_S)
    return s


def icmp6(src, dst, body):
    total = checksum(pseudo(src, dst, 58, len(body)) + body)
    return ip(src, dst, 58, body[:2] + struct.pack("!H", total) + body[4:], ttl=255)


class Gateway:
    """Both links, the tunnel's far end, and a question for each packet: True if it got through."""

    def __init__(self):
        self.wire = Tap("w0", "192.0.2.2", "192.0.2.1/24", "fd00:9::1/64")
        self.lan = Tap("l0", "10.1.0.2", "10.1.0.1/24", "fd00:1::1/64")
        for tap, addresses in ((self.wire, ("192.0.2.2", "fd00:9::2")), (self.lan, ("10.1.0.2", "fd00:1::2"))):
            for address in addresses:
                tap.neighbour(address)
        run("ip route replace 10.2.0.0/24 via 192.0.2.2")
        run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0")
        self.sa = Sa("192.0.2.2", "192.0.2.1", 0x2001, transform("aes-gcm-16", KEY))
        self.seq = 0
        self.member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.joined, self.asked = 0, 0x1000
        self.join("239.1.1.1")

    # ---- in: is it delivered?

    def received(self, family, port, packet, bypass=False):
        with socket_of(family, port, bypass) as s:
            self.wire.put(packet)
            self.wire.settle()
            s.setblocking(False)
            try:
                return bool(s.recv(2048))
            except BlockingIOError:
                return False

    def in_icmp(self):
        self.wire.put(echo("192.0.2.2", "192.0.2.1"))
        return self.wire.sees(lambda v: v.proto == 1 and v.payload[0] == 0)

    def in_icmp6(self):
        self.wire.put(echo("fd00:9::2", "fd00:9::1"))
        return self.wire.sees(lambda v: v.proto == 58 and v.payload[0] == 129)

    def in_udp(self):
        return self.received(socket.AF_INET, 700, udp("192.0.2.2", "192.0.2.1", 1, 700, b"x"))

    def in_udp6(self):
        return self.received(socket.AF_INET6, 700, udp("fd00:9::2", "fd00:9::1", 1, 700, b"x"))

    def in_udp_other_port(self):
        return self.received(socket.AF_INET, 701, udp("192.0.2.2", "192.0.2.1", 1, 701, b"x"))

    def in_udp_fragments(self):
        data = udp("192.0.2.2", "192.0.2.1", 1, 700, b"x" * 64)[20:]
        self.wire.put(ip("192.0.2.2", "192.0.2.1", 17, data[:32], ident=5, flags=0x2000))
        return self.received(socket.AF_INET, 700, ip("192.0.2.2", "192.0.2.1", 17, data[32:], ident=5, flags=4))

    def in_udp6_fragments(self):
        data = udp("fd00:9::2", "fd00:9::1", 1, 700, b"x" * 64)[40:]
        self.seq += 1
        parts = [ip("fd00:9::2", "fd00:9::1", 44, struct.pack("!BBHL", 17, 0, offset, self.seq) + part)
                 for offset, part in ((1, data[:32]), (32, data[32:]))]
        self.wire.put(parts[0])
        return self.received(socket.AF_INET6, 700, parts[1])

    def in_ike_no_bypass(self):
        return self.received(socket.AF_INET, 500, udp("192.0.2.2", "192.0.2.1", 500, 500, b"x"))

    def in_ike_bypass(self):
        return self.received(socket.AF_INET, 500, udp("192.0.2.2", "192.0.2.1", 500, 500, b"x"), True)

    def in_ike6_bypass(self):
        return self.received(socket.AF_INET6, 500, udp("fd00:9::2", "fd00:9::1", 500, 500, b"x"), True)

    def in_neighbour_solicitation(self):
        group = bytes.fromhex("3333ff000001")
        target = socket.inet_pton(socket.AF_INET6, "fd00:9::1")
        self.wire.put(icmp6("fd00:9::2", "ff02::1:ff00:1", bytes([135, 0, 0, 0, 0, 0, 0, 0]) + target +
                            b"\1\1" + FAR_MAC), group)
        return self.wire.sees(lambda v: v.proto == 58 and v.payload[0] == 136)

    def in_igmp_query(self):
        body = bytes([0x11, 1, 0, 0]) + bytes(4)
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        self.wire.put(ip("192.0.2.2", "224.0.0.1", 2, body, ttl=1), bytes.fromhex("01005e000001"))
        return self.wire.will_see(lambda v: v.proto == 2 and socket.inet_aton("239.1.1.1") in v.data)

    def join(self, group, option=socket.IP_ADD_MEMBERSHIP):
        self.member.setsockopt(socket.IPPROTO_IP, option, socket.inet_aton(group) + socket.inet_aton("192.0.2.1"))

    def in_lo(self):
        return self.local("127.0.0.1", socket.AF_INET)

    def in_lo6(self):
        return self.local("::1", socket.AF_INET6)

    def in_own_address(self):
        return self.local("192.0.2.1", socket.AF_INET)

    def local(self, address, family):
        with socket_of(family, 702) as s, socket.socket(family, socket.SOCK_DGRAM) as t:
            t.sendto(b"x", (address, 702))
            try:
                return bool(s.recv(2048))
            except TimeoutError:
                return False

    def in_tunnel(self):
        self.tunnel(echo("10.2.0.2", "10.1.0.1"))
        return self.wire.will_see(lambda v: v.proto == ESP)

    # ---- fwd, and out: does it leave?

    def tunnel(self, inner):
        self.seq += 1
        self.wire.put(ip("192.0.2.2", "192.0.2.1", ESP, self.sa.seal(inner, self.seq)))

    def fwd_to_lan(self):
        self.wire.put(echo("192.0.2.2", "10.1.0.2"))
        return self.lan.sees(lambda v: v.proto == 1, self.wire)

    def fwd_to_lan6(self):
        self.wire.put(echo("fd00:9::2", "fd00:1::2"))
        return self.lan.sees(lambda v: v.proto == 58 and v.payload[0] == 128, self.wire)

    def fwd_from_lan(self):
        self.lan.put(echo("10.1.0.2", "192.0.2.2"))
        return self.wire.sees(lambda v: v.proto == 1, self.lan)

    def fwd_udp(self):
        self.wire.put(udp("192.0.2.3", "10.1.0.2", 1, 700, b"x"))
        return self.lan.sees(lambda v: v.proto == 17, self.wire)

    def fragment(self, offset):
        data = udp("192.0.2.3", "10.1.0.2", 1, 700, b"x" * 64)[20:]
        part = ip("192.0.2.3", "10.1.0.2", 17, data[32:] if offset else data[:32], ident=9, flags=offset or 0x2000)
        self.wire.put(part)
        return self.lan.sees(lambda v: v.proto == 17, self.wire)

    def fwd_udp_first_fragment(self):
        return self.fragment(0)

    def fwd_udp_later_fragment(self):
        return self.fragment(4)

    def fwd_into_tunnel(self):
        self.lan.put(echo("10.1.0.2", "10.2.0.2"))
        return self.wire.will_see(lambda v: v.proto == ESP)

    def fwd_out_of_tunnel(self):
        self.tunnel(echo("10.2.0.2", "10.1.0.2"))
        return self.lan.will_see(lambda v: v.proto == 1)

    def sends(self, address, port, wanted, source="", bypass=False, later=False):
        with socket_of(socket.AF_INET6 if ":" in address else socket.AF_INET, 500 if bypass else 0, bypass,
                       source) as s:
            try:
                s.sendto(b"x", (address, port))
            except PermissionError:
                return False
        return (self.wire.will_see if later else self.wire.sees)(wanted)

    def out_udp(self):
        return self.sends("192.0.2.2", 700, lambda v: v.proto == 17)

    def out_udp_other_port(self):
        return self.sends("192.0.2.2", 701, lambda v: v.proto == 17)

    def out_udp6(self):
        return self.sends("fd00:9::2", 700, lambda v: v.proto == 17)

    def out_ike_bypass(self):
        return self.sends("192.0.2.2", 500, lambda v: v.proto == 17, bypass=True)

    def out_ike6_bypass(self):
        return self.sends("fd00:9::2", 500, lambda v: v.proto == 17, bypass=True)

    def out_neighbour_solicitation(self):
        self.asked += 1  # another one each time: of the same one the kernel asks once a second
        return self.sends(f"fd00:9::{self.asked:x}", 500, lambda v: v.proto == 58 and v.payload[0] == 135, bypass=True)

    def out_igmp_report(self):
        self.joined += 1
        group = f"239.9.9.{self.joined}"
        self.join(group)
        passes = self.wire.will_see(lambda v: v.proto == 2 and socket.inet_aton(group) in v.data)
        self.join(group, socket.IP_DROP_MEMBERSHIP)
        return passes

    def out_tunnel(self):
        return self.sends("10.2.0.2", 700, lambda v: v.proto == ESP, "10.1.0.1", later=True)


TUNNEL = """src 10.1.0.0/24 dst 10.2.0.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
src 10.2.0.0/24 dst 10.1.0.0/24 dir in tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel
src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel"""
ALLOW = """src 192.0.2.2 dst 192.0.2.1 proto udp dport 700 dir in
src fd00:9::/64 dst fd00:9::1 proto udp dport 700 dir in
src ::/0 dst ::/0 proto ipv6-icmp dir in
src 192.0.2.0/24 dst 224.0.0.0/4 dir in
src 192.0.2.2 dst 10.1.0.2 dir fwd
src fd00:9::/64 dst fd00:1::/64 proto ipv6-icmp dir fwd
src 192.0.2.3 dst 10.1.0.2 proto udp dport 700 dir fwd
src 10.1.0.0/24 dst 10.2.0.0/24 dir fwd
src 192.0.2.1 dst 192.0.2.2 proto udp dport 700 dir out
src ::/0 dst ::/0 proto ipv6-icmp dir out
src 192.0.2.1 dst 224.0.0.0/4 dir out
src 192.0.2.2 dst 10.1.0.2 dir out
src 192.0.2.3 dst 10.1.0.2 proto udp dport 700 dir out
src 10.2.0.0/24 dst 10.1.0.0/24 dir out"""
# They match, and so it is not the default that drops what they drop.
BLOCK = """src 192.0.2.2 dst 192.0.2.1 proto icmp dir in action block
src 192.0.2.2 dst 10.1.0.2 dir fwd action block
src 192.0.2.0/24 dst 192.0.2.0/24 dir in priority 9
src 0.0.0.0/0 dst 0.0.0.0/0 dir fwd priority 9
src 192.0.2.1 dst 192.0.2.0/24 dir out priority 9"""
POLICIES = {"tunnel": TUNNEL, "allow": TUNNEL + "\n" + ALLOW, "block": TUNNEL + "\n" + BLOCK}


def main():
    gateway = Gateway()
    questions = [name for name in Gateway.__dict__ if name.startswith(("in_", "fwd_", "out_"))]
    for ends, spi in (("src 192.0.2.1 dst 192.0.2.2", "0x1001"), ("src 192.0.2.2 dst 192.0.2.1", "0x2001")):
        run(f"ip xfrm state add {ends} proto esp spi {spi} mode tunnel replay-window 64 aead rfc4106(gcm(aes)) "
            f"0x{KEY.hex()} 128")
    for policies, lines in POLICIES.items():
        run("ip xfrm policy flush")
        for line in lines.splitlines():
            run("ip xfrm policy add", line)
        for default in ("accept", "in block", "fwd block", "out block"):
            run("ip xfrm policy setdefault in accept fwd accept out accept")
            if default != "accept":
                run("ip xfrm policy setdefault", default)
            for question in questions:
                gateway.wire.forget()
                gateway.lan.forget()
                passes = getattr(gateway, question)()
                print(f"{policies}, {default}: {question.replace('_', ' ')}: {'passes' if passes else 'stops'}", flush=True)
    run("ip xfrm policy setdefault in accept fwd accept out accept")


main()
