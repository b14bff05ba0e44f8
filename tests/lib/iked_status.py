"""What cygnet-iked says of itself beside its IKE SAs.

    iked_status.py SOCKET FIELD     half_open, or xfrm
"""
import json
import socket
import sys

sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sock.connect(sys.argv[1])
sock.send(b'{"verb": "status"}')
while "ok" not in (answer := json.loads(sock.recv(65536))):
    pass
print(answer[sys.argv[2]])
