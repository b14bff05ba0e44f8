/*
 * icmp_socket.h: our own "too big" errors to inner sources, for what routes cannot tell apart
 * (policies that differ by port under one prefix). Sent from raw ICMP sockets: written into the
 * TUN device they would be martians.
 */
#ifndef CYGNET_ICMP_SOCKET_H
#define CYGNET_ICMP_SOCKET_H

#include "packet/packet.h"

struct icmp_socket;

int icmp_socket_open(struct icmp_socket **out); /* as root. 0, -errno (logged) */
void icmp_socket_close(struct icmp_socket *s);	/* NULL is fine */
/* Tells the packet's source that mtu bytes are the most the tunnel takes, if the RFCs allow an
 * error about it and the rate (RFC 4443 §2.4 (f)) does. now_s: seconds, for the rate. */
void icmp_socket_too_big(struct icmp_socket *s, const uint8_t *data, const struct ip_view *v,
			 uint16_t mtu, uint64_t now_s);

#endif
