"""Runs inside the kernel peer: obeys datagrams of the test outside, answers each with one.

A request is a number of 8 bytes, a letter and a body; the answer carries the number, "+" or, where
it could not be obeyed, "-" and why. A request that comes again is answered again, not obeyed again.

  X script    runs it with sh; answers its exit status and output
  P packet    sends a whole IP packet as it is
  B packet    the same from a socket bound to its source: policies go by the socket's address
  Q packets   P for each of several, one behind the other; C packets: B for each
  E json      [source, destination, sizes]: pings; answers the sizes no echo came back for
  M json      [source, destination]: the MTU a sender of a large packet is told
  S           answers /proc/net/xfrm_stat
"""
import collections
import json
import socket
import subprocess

import echoes

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("192.0.2.2", 9999))
# The kernel takes ESP out of UDP only at a socket that says so: UDP_ENCAP, UDP_ENCAP_ESPINUDP.
nat_t = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
nat_t[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for taker in nat_t:
    taker.bind(("", 4500))
    taker.setsockopt(socket.IPPROTO_UDP, 100, 2)
raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)


def send_bound(body):
    four = body[0] >> 4 == 4
    family, at = (socket.AF_INET, 12) if four else (socket.AF_INET6, 8)
    size = 4 if four else 16
    src, dst = (socket.inet_ntop(family, body[i:i + size]) for i in (at, at + size))
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.bind((src, 0))
        raw.sendto(body, (dst, 0))


def packets(body):
    while body:
        size = int.from_bytes(body[2:4], "big") if body[0] >> 4 == 4 else 40 + int.from_bytes(body[4:6], "big")
        yield body[:size]
        body = body[size:]


def obey(order, body):
    if order in (b"Q", b"C"):
        for packet in packets(body):
            obey(b"P" if order == b"Q" else b"B", packet)
        return b"sent"
    if order == b"B":
        send_bound(body)
        return b"sent"
    if order == b"X":
        done = subprocess.run(["sh"], input=body, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return b"%d\n" % done.returncode + done.stdout
    if order == b"P" and body[0] >> 4 == 4:
        raw4.sendto(body, (socket.inet_ntoa(body[16:20]), 0))
        return b"sent"
    if order == b"P":
        raw6.sendto(body, (socket.inet_ntop(socket.AF_INET6, body[24:40]), 0))
        return b"sent"
    if order == b"E":
        return json.dumps(echoes.unanswered(*json.loads(body))).encode()
    if order == b"M":
        return json.dumps(echoes.told_mtu(*json.loads(body))).encode()
    with open("/proc/net/xfrm_stat", "rb") as stat:
        return stat.read()


def answer(order, body):
    try:
        return b"+" + obey(order, body)
    except Exception as error:          # whatever it is, the test outside must hear of it
        return b"-" + repr(error).encode()


answered = collections.OrderedDict()
while True:
    message, sender = server.recvfrom(65536)
    number = message[:8]
    if number not in answered:
        answered[number] = number + answer(message[8:9], message[9:])[:60000]
        if len(answered) > 64:
            answered.popitem(last=False)
    server.sendto(answered[number], sender)
