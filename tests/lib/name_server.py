#!/usr/bin/python3
"""A DNS server for one namespace: name_server.py ADDRESS HOSTS

Answers A and AAAA from HOSTS, a file like /etc/hosts that is read anew for each question; a name that is not
in it does not exist (RFC 1035 §4.1). Prints each question.
"""

import ipaddress
import socket
import struct
import sys

NXDOMAIN = 3
FAMILY_OF = {1: 4, 28: 6}  # A, AAAA: RFC 3596 §2.1


def question(message):
    """The name asked for, its type, and where the question ends."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode().lower())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from("!H", message, at + 1)[0], at + 5


def addresses_of(path, name):
    with open(path, encoding="ascii") as file:
        rows = [line.split() for line in file if line.strip()]
    return [ipaddress.ip_address(row[0]) for row in rows if name in row[1:]]


def answer(message, path):
    name, kind, end = question(message)
    known = addresses_of(path, name)
    given = [a.packed for a in known if a.version == FAMILY_OF.get(kind)]
    flags = 0x8580 | (0 if known else NXDOMAIN)  # a response, authoritative, recursion as asked for
    head = message[:2] + struct.pack("!HHHHH", flags, 1, len(given), 0, 0) + message[12:end]
    print(name, kind, len(given), flush=True)
    return head + b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(a)) + a for a in given)


def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sys.argv[1], 53))
        print("ready", flush=True)
        while True:
            message, asker = sock.recvfrom(4096)
            sock.sendto(answer(message, sys.argv[2]), asker)


main()
