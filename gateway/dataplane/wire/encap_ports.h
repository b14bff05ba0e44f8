/*
 * encap_ports.h: the UDP ports encapsulated ESP travels by (RFC 3948), and the IKE datagrams that
 * come by them. A port is open while some SA names it or a client is registered for its IKE. If
 * another process holds it (an IKE daemon of its own), ESP goes past that process.
 *
 * The control thread opens and closes; the packet thread reads the table under RCU.
 */
#ifndef CYGNET_ENCAP_PORTS_H
#define CYGNET_ENCAP_PORTS_H

#include "gateway/dataplane/wire/wire_udp.h"

struct encap_ports;
struct event_base;

/* Whom a change concerns. */
struct encap_listener {
	/* A descriptor of this family and port is to be waited for, or no longer. 0, -errno. */
	int (*watch)(void *ctx, const struct encap_port *port, bool on);
	/* Some family has this port now, or none any more. */
	void (*used)(void *ctx, uint16_t port, bool on);
	void *ctx;
};

/* 0, -ENOMEM. base runs the IKE socket pairs. */
int encap_ports_new(struct encap_ports **out, struct event_base *base, uint32_t mark,
		    struct encap_listener listener);
/* Closes what is open. NULL is fine. */
void encap_ports_free(struct encap_ports *p);

/* One more user of the port. 0, -errno (logged). */
int encap_ports_get(struct encap_ports *p, uint8_t family, uint16_t port);
/* One user less: after the last the port closes. */
void encap_ports_put(struct encap_ports *p, uint8_t family, uint16_t port);

bool encap_ports_none(const struct encap_ports *p);

/* Registers a client for a port's IKE datagrams, in both families: *client is its end of a socket
 * pair of struct cygnet_ike_header and datagram, and it is registered until that closes. 0; -EBUSY
 * another client is; -EADDRINUSE another process holds the port; -EINVAL port 0 or 500; -errno. */
int encap_ports_register(struct encap_ports *p, uint16_t port, int *client);

/* Sends a keepalive (RFC 3948 §2.3) with this mark (0: the port's own), unless another process holds the port, which then sees to that. */
void encap_ports_keepalive(const struct encap_ports *p, const struct udp_ends *ends, uint32_t mark);

/* Any thread, in a read-side section. NULL if the port is not open. */
struct encap_port *encap_ports_find(const struct encap_ports *p, uint8_t family, uint16_t port);

#endif
