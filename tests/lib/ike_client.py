"""A client of cygnetd that owns a port's IKE datagrams: it prints each and sends it back reversed.

    ike_client.py SOCKET PORT
"""
import array
import socket
import struct
import sys

IKEREG, ACK_REQUEST = 0xc4, 5
HEADER = struct.Struct("=B3xHH16s16s")      # struct cygnet_ike_header


def address(family, octets):
    return socket.inet_ntop(family, octets[:4] if family == socket.AF_INET else octets)


def register(path, port):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(path)
    attribute = struct.pack("=HHH2x", 6, 0x20e, port)       # CYGNETA_PORT
    server.send(struct.pack("=IHHII", 16 + len(attribute), IKEREG, ACK_REQUEST, 1, 0) + attribute)
    answer, beside, _, _ = server.recvmsg(4096, socket.CMSG_SPACE(4))
    error, = struct.unpack_from("=i", answer, 16)
    if error:
        sys.exit(f"refused: {-error}: {answer[36:].decode(errors='replace').replace(chr(0), '')}")
    descriptors = array.array("i", beside[0][2])
    return socket.socket(fileno=descriptors[0])


def main():
    pair = register(sys.argv[1], int(sys.argv[2]))
    pair.setblocking(True)
    print("registered", flush=True)
    while True:
        datagram = pair.recv(65536)
        if not datagram:
            sys.exit("cygnetd is gone")
        family, sport, dport, src, dst = HEADER.unpack_from(datagram)
        message = datagram[HEADER.size:]
        print(f"from {address(family, src)} port {sport} to {address(family, dst)} port {dport}: "
              f"{message.decode(errors='replace')}", flush=True)
        pair.send(HEADER.pack(family, dport, sport, dst, src) + message[::-1])


main()
