/*
 * net.h: cygnet-iked's datagrams: its own sockets on port 500, and port 4500 either through cygnetd,
 * which gives ESP's part of it to its packet thread, or as own sockets that give ESP to the kernel
 * (UDP_ENCAP). All carry the mark that keeps them out of tunnels, and with a kernel's XFRM a bypass
 * policy of their own.
 */
#ifndef CYGNET_IKED_NET_H
#define CYGNET_IKED_NET_H

#include "ike-lite/ike.h"

struct event_base;
struct net;

struct net_options {
	uint16_t port, encap_port;
	bool kernel; /* port 4500 is ours, and XFRM the kernel's */
};

struct net_listener {
	/* One datagram, without marker; data is the callee's during the call. */
	void (*datagram)(void *ctx, const struct ike_ends *ends, const uint8_t *data, size_t len);
	/* cygnetd closed its end of the encapsulation port. */
	void (*relay_lost)(void *ctx);
	void *ctx;
};

/* Binds; needs privileges. 0 and *out (owned); -errno, logged. */
int net_open(struct net **out, struct event_base *base, const struct net_options *options,
	     struct net_listener listener) __attribute__((warn_unused_result));
void net_close(struct net *net); /* NULL is fine */

/* From now on the encapsulation port is fd, cygnetd's end of IKEREG; takes it. 0, -ENOMEM. */
int net_use_relay(struct net *net, int fd) __attribute__((warn_unused_result));
/* Sends from ends.local and its port. A failure is logged at debug: IKE sends again. */
void net_send(struct net *net, const struct ike_ends *ends, const uint8_t *data, size_t len,
	      bool keepalive);
/* The address packets to dst would leave from. */
bool net_source_for(struct net *net, const struct ip_addr *dst, struct ip_addr *src);
/* False if this host has not the address now, or nothing of its family; true too if that cannot be told. With the
 * sysctl ip_nonlocal_bind every address is there. */
bool net_is_ours(const struct ip_addr *addr);

/* ---- between net.c, net_socket.c and net_relay.c --------------------------------------------- */

enum { NET_MARK = 0x219, NET_TURN = 64, NET_DATAGRAM_MAX = 65536 };

/* A bound UDP socket; *out is owned by the caller. 0, -errno. */
int net_socket_open(uint8_t family, uint16_t port, bool encap, bool kernel, int *out);
/* One datagram into buf: its length and ends; -EAGAIN: none is there. */
ssize_t net_socket_receive(int fd, uint16_t port, uint8_t *buf, size_t size, struct ike_ends *ends);
int net_socket_send(int fd, const struct ike_ends *ends, bool marker, const uint8_t *data,
		    size_t len);
/* The same over IKEREG's pair; -EAGAIN: none; other errors: it is closed. */
ssize_t net_relay_receive(int fd, uint8_t *buf, size_t size, struct ike_ends *ends);
int net_relay_send(int fd, const struct ike_ends *ends, const uint8_t *data, size_t len);

#endif
