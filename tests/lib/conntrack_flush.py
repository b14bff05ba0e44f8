"""Makes a NAT forget its mappings: ctnetlink's delete message without anything that narrows it."""
import socket
import struct

NETLINK_NETFILTER, CTNETLINK, DELETE, REQUEST_AND_ACK = 12, 1, 2, 5
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
s.send(struct.pack("=IHHIIBBH", 20, CTNETLINK << 8 | DELETE, REQUEST_AND_ACK, 1, 0, socket.AF_UNSPEC, 0, 0))
error, = struct.unpack_from("=i", s.recv(4096), 16)
if error:
    raise OSError(-error, "conntrack flush")
