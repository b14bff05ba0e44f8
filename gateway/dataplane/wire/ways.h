/*
 * ways.h: which peers can be sent to by AF_XDP, and how: interface, Ethernet header, MTU. The control
 * thread finds that out (fast/fast.c) and publishes a table; the packet thread looks in it, and asks for
 * peers that are not there. What is not there, or does not fit, goes by the raw socket.
 */
#ifndef CYGNET_WAYS_H
#define CYGNET_WAYS_H

#include "gateway/dataplane/wire/wire_udp.h"
#include "gateway/dataplane/wire/xdp.h"

enum { ETHERNET_LEN = 14, WAYS_MAX = 64 };

struct way {
	struct ip_addr src, dst;
	struct xdp_port *port; /* borrowed; NULL: by raw socket */
	uint32_t mtu;	       /* of the interface */
	uint8_t ethernet[ETHERNET_LEN];
};

/* Immutable once published. */
struct way_table {
	unsigned count;
	struct way at[WAYS_MAX];
};

struct ways {
	_Atomic(struct way_table *) table; /* owned; the control thread publishes */
	/* A question of the packet thread: it fills this in and sets asked; control sets it back. */
	struct ip_addr asked_src, asked_dst;
	atomic_bool asked;
	int event_fd; /* owned; readable: something was asked */
};

/* 0, -errno. */
int ways_init(struct ways *w);
void ways_fini(struct ways *w);
/* Control thread: what was asked. False if nothing. It is forgotten then. */
bool ways_question(struct ways *w, struct ip_addr *src, struct ip_addr *dst);
/* Control thread: a new table (owned from here on). */
void ways_publish(struct ways *w, struct way_table *table);

/* Packet thread, in a read-side section: sends as many of tx[0, n), all protocol 50, from the first on
 * as go one way, and returns how many that were; 0: the first goes by raw socket. Adds to verdicts as
 * wire_flush does. */
unsigned ways_send(struct ways *w, const struct wire_tx *tx, unsigned n,
		   uint64_t verdicts[static V_COUNT]);

#endif
