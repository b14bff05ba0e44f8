"""Listens to cygnetd's events, as any client of its socket may: netlink messages on a SEQPACKET
socket. One line an event, on standard output:

    xfrm_events.py SOCKET GROUPS [COMMAND]    for ever; COMMAND runs at each ACQUIRE
    xfrm_events.py SOCKET alloc SRC DST SPI   sets an SPI aside, prints the larval SA's
"""
import ipaddress
import os
import socket
import struct
import subprocess
import sys

CTL, REQUEST, ACK = 0x0E, 1, 4
NAMES = {2: "ERROR", 0x10: "NEWSA", 0x11: "DELSA", 0x13: "NEWPOLICY", 0x14: "DELPOLICY",
         0x17: "ACQUIRE", 0x18: "EXPIRE", 0x19: "UPDPOLICY", 0x1A: "UPDSA", 0x1C: "FLUSHSA",
         0x1D: "FLUSHPOLICY", 4: "OVERRUN"}
GROUPS = {"acquire": 1, "expire": 2, "sa": 4, "policy": 8}


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    return connection


def request(connection, kind, body, flags=0):
    connection.send(struct.pack("=LHHLL", 16 + len(body), kind, REQUEST | flags, 1, 0) + body)


def address(raw, family):
    return str(ipaddress.ip_address(raw if family == socket.AF_INET6 else raw[:4]))


def usersa(info):
    """struct xfrm_usersa_info: what the tests ask for."""
    daddr, spi = info[56:72], struct.unpack("!L", info[72:76])[0]
    octets, packets = struct.unpack("=QQ", info[160:176])
    family = struct.unpack("=H", info[212:214])[0]
    return f"dst={address(daddr, family)} spi=0x{spi:x} bytes={octets} packets={packets}"


def describe(message):
    length, kind, _, seq, pid = struct.unpack("=LHHLL", message[:16])
    assert length == len(message), "one message a datagram"
    name, body = NAMES.get(kind, hex(kind)), message[16:]
    if name in ("NEWSA", "UPDSA"):
        return f"{name} {usersa(body)}"
    if name == "EXPIRE":
        assert len(body) >= 232 and seq == 0 and pid == 0
        return f"{name} {'hard' if body[224] else 'soft'} {usersa(body)}"
    if name == "ACQUIRE":
        assert seq == 0 and pid == 0
        family = struct.unpack("=H", body[80:82])[0]
        return f"{name} flow={address(body[56:72], family)}>{address(body[40:56], family)} proto={body[84]}"
    if name == "ERROR":
        return f"{name} {os.strerror(-struct.unpack('=l', body[:4])[0])}"
    return name


def listen(path, groups, command):
    connection = connect(path)
    mask = sum(GROUPS[group] for group in groups.split(","))
    request(connection, CTL, struct.pack("=LL", 0, mask), ACK)
    assert connection.recv(65536)[16:20] == bytes(4), "CTL was refused"
    print("listening", flush=True)
    while message := connection.recv(65536):
        line = describe(message)
        print(line, flush=True)
        if command and line.startswith("ACQUIRE"):
            subprocess.run(command, shell=True, check=True)


def alloc(path, source, destination, spi):
    source, destination = (ipaddress.ip_address(a).packed for a in (source, destination))
    family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
    info = bytearray(224)
    info[56:56 + len(destination)] = destination
    info[76] = socket.IPPROTO_ESP
    info[80:80 + len(source)] = source
    struct.pack_into("=LHB", info, 208, 0, family, 1)
    connection = connect(path)
    request(connection, 0x16, bytes(info) + struct.pack("=LL", int(spi, 0), int(spi, 0)))
    print(describe(connection.recv(65536)))


if __name__ == "__main__":
    if sys.argv[2] == "alloc":
        alloc(sys.argv[1], *sys.argv[3:6])
    else:
        listen(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
