"""Carries bytes over one TCP connection and says their hash, at both ends.

    tcp_copy.py serve ADDRESS PORT          accepts one connection, prints "BYTES SHA256"
    tcp_copy.py send  ADDRESS PORT BYTES    sends that many pseudo-random bytes, prints the same
"""
import hashlib
import random
import socket
import sys


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(address, port):
    with socket.socket(family(address), socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(1)
        print("listening", flush=True)
        peer, _ = server.accept()
        digest, count = hashlib.sha256(), 0
        with peer:
            while data := peer.recv(1 << 20):
                digest.update(data)
                count += len(data)
            print(count, digest.hexdigest(), flush=True)
            peer.sendall(b"done")


def send(address, port, total):
    digest = hashlib.sha256()
    block = random.Random(7).randbytes(1 << 20)
    with socket.create_connection((address, port), timeout=30) as peer:
        left = total
        while left:
            data = block[:left]
            peer.sendall(data)
            digest.update(data)
            left -= len(data)
        peer.shutdown(socket.SHUT_WR)
        if peer.recv(4) != b"done":
            sys.exit("the far end did not read everything")
    print(total, digest.hexdigest())


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
