"""The messages of XFRM that ip has no command for, to whoever serves AF_NETLINK here: a kernel, or
cygnetd under `cygnet exec`. One command and its answer each, for kernel-judge.sh.

Written from the kernel's header, not from xfrm/.
"""
import errno
import ipaddress
import socket
import struct

import xfrm_message as wire

REQUEST, ACK, REPLACE, CREATE = 1, 4, 0x100, 0x400
ERROR, NEWSA, DELSA, NEWPOLICY, ACQUIRE, EXPIRE, POLEXPIRE = 2, 0x10, 0x11, 0x13, 0x17, 0x18, 0x1B
FLUSHSA, FLUSHPOLICY, NEWAE, GETAE, REPORT, MIGRATE = 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21
NEWSADINFO, GETSADINFO, NEWSPDINFO, GETSPDINFO, MAPPING, GETDEFAULT = 0x22, 0x23, 0x24, 0x25, 0x26, 0x28
TMPL, LTIME_VAL, REPLAY_VAL, MIGRATE_ATTR, REPLAY_ESN_VAL, PAD = 5, 9, 10, 17, 23, 27
INFINITE = 2**64 - 1


class Talk:
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)  # NETLINK_XFRM
        self.socket.bind((0, 0))
        self.seq = 0

    def ask(self, kind, body, flags=ACK):
        """errno and None, or None and (type, body)."""
        self.seq += 1
        head = struct.pack("=LHHLL", 16 + len(body), kind, REQUEST | flags, self.seq, 0)
        self.socket.send(head + body)
        while True:
            answer = self.socket.recv(65536)
            _, got, _, seq, _ = struct.unpack("=LHHLL", answer[:16])
            if seq != self.seq:
                continue
            if got == ERROR:
                return -struct.unpack("=l", answer[16:20])[0], None
            return None, (got, answer[16:])


def raw(address):
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")


def sa_id(dst, spi, family=socket.AF_INET, proto=50):
    return raw(dst) + struct.pack("!L", spi) + struct.pack("=HBx", family, proto)


def selector(src, dst, bits=24, family=socket.AF_INET):
    return raw(dst) + raw(src) + struct.pack("=HHHHHBBBxxxiL", 0, 0, 0, 0, family, bits, bits, 0, 0, 0)


def policy_info(src, dst, direction=1):
    lifetime = struct.pack("=8Q", *[INFINITE] * 4, 0, 0, 0, 0)
    return selector(src, dst) + lifetime + bytes(32) + struct.pack("=LLBBBBxxxx", 0, 0, direction, 0, 0, 0)


def policy_id(src, dst, direction=1, index=0):
    return selector(src, dst) + struct.pack("=LBxxx", index, direction)


def template(src, dst, reqid, mode=1):
    return (raw(dst) + struct.pack("=LBxxx", 0, 50) + struct.pack("=Hxx", socket.AF_INET) + raw(src)
            + struct.pack("=LBBBxLLL", reqid, mode, 0, 0, *[2**32 - 1] * 3))


def new_sa(talk, src, dst, spi, reqid):
    info = bytearray(wire.sa_info(src, dst, spi, False, 0))
    struct.pack_into("=L", info, 208, reqid)
    return talk.ask(NEWSA, bytes(info) + wire.algorithm(18, "rfc4106(gcm(aes))", bytes(range(20)), 128)
                    + wire.attribute(REPLAY_ESN_VAL, struct.pack("=8L", 2, 0, 0, 0, 0, 64, 0, 0)))


def aevent(dst, spi, flags=0, family=socket.AF_INET):
    return sa_id(dst, spi, family) + raw("0.0.0.0") + struct.pack("=LL", flags, 0)


def move(old_src, old_dst, new_src, new_dst, reqid, mode=1):
    return (raw(old_dst) + raw(old_src) + raw(new_dst) + raw(new_src)
            + struct.pack("=BBHLHH", 50, mode, 0, reqid, socket.AF_INET, socket.AF_INET))


def migrate(src, dst, *moves, direction=1):
    return policy_id(src, dst, direction) + wire.attribute(MIGRATE_ATTR, b"".join(moves))


def attributes(body):
    found = {}
    while len(body) >= 4:
        length, kind = struct.unpack("=HH", body[:4])
        found[kind] = body[4:length]
        body = body[(length + 3) // 4 * 4:]
    return found


def show_ae(body):
    spi, family, proto = struct.unpack("!L", body[16:20])[0], *struct.unpack("=HB", body[20:23])
    attrs = attributes(body[48:])
    said = [f"spi 0x{spi:x} family {family} proto {proto} flags {struct.unpack('=L', body[40:44])[0]}"]
    if REPLAY_VAL in attrs:
        said.append("replay {1} oreplay {0}".format(*struct.unpack("=3L", attrs[REPLAY_VAL])))
    if REPLAY_ESN_VAL in attrs:
        said.append("words {} oseq {} seq {} oseq_hi {} seq_hi {} window {}".format(
            *struct.unpack("=6L", attrs[REPLAY_ESN_VAL][:24])))
    if LTIME_VAL in attrs:
        octets, packets, _, used = struct.unpack("=4Q", attrs[LTIME_VAL])
        said.append(f"bytes {octets} packets {packets} used {used}")
    return ", ".join(said) + f", attributes {sorted(attrs.keys() - {PAD})}"


def main():
    talk = Talk()

    def case(what, *asked, show=None):
        print(f"$ {what}")
        code, answer = talk.ask(*asked)
        if answer is None:
            print(errno.errorcode[code] if code else "ok")
        else:
            print(f"type 0x{answer[0]:x}, " + (show(answer[1]) if show else f"{len(answer[1])} bytes"))

    near, far, lan, other = "192.0.2.1", "192.0.2.2", "10.1.0.0", "10.2.0.0"
    talk.ask(FLUSHSA, bytes(1))
    talk.ask(FLUSHPOLICY, b"")
    case("GETAE of none", GETAE, aevent(near, 0x100))
    case("NEWAE of none", NEWAE, aevent(near, 0x100) + wire.attribute(REPLAY_VAL, bytes(12)), ACK | REPLACE)
    case("EXPIRE of none", EXPIRE, wire.sa_info(far, near, 0x100, False, 0) + bytes(8))
    case("POLEXPIRE of none", POLEXPIRE, policy_info(lan, other) + bytes(8))
    for kind in (REPORT, NEWSADINFO, MAPPING, 0x50):
        case(f"type 0x{kind:x} as a request", kind, bytes(256))
    case("GETSADINFO without its flags", GETSADINFO, b"")
    case("GETSPDINFO without its flags", GETSPDINFO, b"")
    case("GETDEFAULT cut", GETDEFAULT, b"", ACK)
    case("GETDEFAULT", GETDEFAULT, bytes(4), 0)
    case("NEWSPDINFO of nothing", NEWSPDINFO, bytes(4))
    case("NEWSPDINFO of an attribute cut", NEWSPDINFO, bytes(4) + wire.attribute(3, b"\1"))
    case("GETAE cut", GETAE, aevent(near, 0x100)[:40])

    new_sa(talk, far, near, 0x100, 7)
    case("GETAE", GETAE, aevent(near, 0x100, 6), 0, show=show_ae)
    case("GETAE of no family", GETAE, aevent(near, 0x100, 0, 0))
    ltime = wire.attribute(LTIME_VAL, struct.pack("=4Q", 1000, 10, 1700000000, 1700000001))
    replay = wire.attribute(REPLAY_ESN_VAL, struct.pack("=8L", 2, 0, 5, 0, 0, 64, 0, 0))
    case("NEWAE of nothing", NEWAE, aevent(near, 0x100), ACK | REPLACE)
    case("NEWAE that replaces nothing", NEWAE, aevent(near, 0x100) + ltime)
    case("NEWAE", NEWAE, aevent(near, 0x100) + ltime + replay, ACK | REPLACE)
    case("NEWAE of a longer window", NEWAE, aevent(near, 0x100) + wire.attribute(
        REPLAY_ESN_VAL, struct.pack("=9L", 3, 0, 5, 0, 0, 96, 0, 0, 0)), ACK | REPLACE)
    case("GETAE after it", GETAE, aevent(near, 0x100), 0, show=show_ae)

    talk.ask(NEWPOLICY, policy_info(lan, other) + wire.attribute(TMPL, template(near, far, 7)))
    new_sa(talk, near, far, 0x101, 7)
    there, back = ("192.0.2.3", far), (near, far)
    case("MIGRATE without a move", MIGRATE, policy_id(lan, other))
    case("MIGRATE of half a move", MIGRATE, policy_id(lan, other) + wire.attribute(MIGRATE_ATTR, bytes(40)))
    case("MIGRATE of no policy", MIGRATE, migrate(lan, "10.3.0.0", move(*back, *there, 7)))
    case("MIGRATE of no direction", MIGRATE, migrate(lan, other, move(*back, *there, 7), direction=3))
    case("MIGRATE to nowhere", MIGRATE, migrate(lan, other, move(*back, "0.0.0.0", far, 7)))
    case("MIGRATE twice the same", MIGRATE, migrate(lan, other, *[move(*back, *there, 7)] * 2))
    case("MIGRATE of others", MIGRATE, migrate(lan, other, move(*there, *back, 7)))
    case("MIGRATE of another reqid", MIGRATE, migrate(lan, other, move(*back, *there, 8)))
    case("MIGRATE", MIGRATE, migrate(lan, other, move(*back, *there, 7)))
    case("MIGRATE again", MIGRATE, migrate(lan, other, move(*back, *there, 7)))
    case("MIGRATE back", MIGRATE, migrate(lan, other, move(*there, *back, 7)))
    info = wire.sa_info(far, near, 0x100, False, 0)
    case("EXPIRE, soft", EXPIRE, info + bytes(8))
    case("EXPIRE, hard", EXPIRE, info + b"\1" + bytes(7))
    case("EXPIRE, gone", EXPIRE, info + b"\1" + bytes(7))
    case("POLEXPIRE, soft", POLEXPIRE, policy_info(lan, other) + bytes(8))
    case("POLEXPIRE, hard", POLEXPIRE, policy_info(lan, other) + b"\1" + bytes(7))
    case("POLEXPIRE, gone", POLEXPIRE, policy_info(lan, other) + b"\1" + bytes(7))


main()
