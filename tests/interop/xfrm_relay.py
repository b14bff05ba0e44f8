"""Stands between clients of cygnetd's socket and cygnetd, and takes the sentences out of refusals: a
program that is shown one (ip) keeps the errno to itself.

    xfrm_relay.py SOCKET OWN-SOCKET
"""
import socket
import struct
import sys
import threading

ERROR, ACK_TLVS, HEADER = 2, 0x200, 16


def bare(datagram):
    """The datagram, a refusal in it without its attributes."""
    length, kind, flags, seq, pid = struct.unpack("=LHHLL", datagram[:HEADER])
    if kind != ERROR or not flags & ACK_TLVS:
        return datagram
    body = datagram[HEADER:HEADER + 4 + HEADER]
    return struct.pack("=LHHLL", HEADER + len(body), kind, flags & ~ACK_TLVS, seq, pid) + body


def pump(source, sink, change):
    try:
        while datagram := source.recv(65536):
            sink.send(change(datagram))
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(sys.argv[2])
    listener.listen(64)
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.connect(sys.argv[1])
        for ends in ((client, server, bytes), (server, client, bare)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


main()
