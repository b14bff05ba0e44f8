/*
 * wire_udp.h: the public edge's other half, ESP in UDP (RFC 3948): a port that ESP travels by, read
 * and written in batches. encap_ports.c opens ports and says which there are; wire.c calls these
 * functions for the packets that take them.
 *
 * UDP_SEGMENT and UDP_GRO cut and join in the kernel or the device, which needs real checksums: so
 * they are always real (RFC 3948 §2.1 would have them zero over IPv4).
 */
#ifndef CYGNET_WIRE_UDP_H
#define CYGNET_WIRE_UDP_H

#include "gateway/dataplane/wire/wire.h"

#include <stdatomic.h>

/* Where the IKE datagrams of a port go. */
struct ike_owner {
	int fd; /* owned; our end of a socket pair */
};

struct encap_port {
	/* Set at creation, then immutable. */
	uint8_t family;
	uint16_t port; /* ours */
	/* Another process holds the port: fd is a raw UDP socket that gets copies of the ESP in it, and
	 * our own UDP header stands in front of what is sent. */
	bool foreign;
	int fd; /* owned */

	bool df, no_sum; /* the packet thread's: what fd was last set to */

	_Atomic(struct ike_owner *) ike; /* control writes; owned; NULL: nobody */
};

/* Opens the port with SO_MARK mark; one that another process holds, too. 0 and *out (owned);
 * -errno: -EAFNOSUPPORT for a family this host does not have, -ENOMEM. */
int encap_port_open(struct encap_port **out, uint8_t family, uint16_t port, uint32_t mark);
void encap_port_close(void *port); /* a struct encap_port, with its owner */

/* All ports there are: what the packet thread looks in. Immutable once published. */
struct encap_table {
	unsigned count;
	struct encap_port *at[]; /* borrowed */
};

/* NULL if it is not there. */
struct encap_port *encap_table_find(const struct encap_table *table, uint8_t family, uint16_t port);

/* Received datagrams of which some segments have not been given out. */
enum { UDP_RECEIVES = 32 };
struct udp_pending {
	unsigned count, next; /* datagrams there are, and the one that is next */
	uint32_t done;	      /* bytes of it given out */
	struct udp_datagram {
		struct wire_rx rx; /* p: all of it */
		uint32_t segment;  /* bytes of each but the last */
	} datagram[UDP_RECEIVES];
};

/* Receives into memory, slot_size bytes for each datagram, and gives out up to WIRE_BATCH packets;
 * if pending says that some wait, it gives out those first and receives nothing. Their number, or
 * -errno. */
int wire_udp_recv(struct encap_port *port, struct udp_pending *pending, uint8_t *memory,
		  size_t slot_size, struct wire_rx rx[static WIRE_BATCH]);
static inline bool udp_pending_any(const struct udp_pending *pending)
{
	return pending->next < pending->count;
}

/* A packet in the batch. */
struct wire_tx {
	struct packet p;
	struct wire_dest dest;
};

/* Sends tx[0, n), all of one source port; adds to verdicts as wire_flush does. */
void wire_udp_send(struct encap_port *port, const struct wire_tx *tx, unsigned n,
		   uint64_t verdicts[static V_COUNT]);
/* Hands an IKE datagram to the port's owner. False if there is none, or it does not keep up. */
bool wire_udp_hand_over(const struct encap_port *port, const struct wire_rx *rx);

/* ---- wire.c's, for both halves --------------------------------------------------------------- */

/* Of a socket, in bytes; the kernel takes twice as much for what it needs beside them. What waits to be
 * received has no flows, so its length is everybody's latency (decision 17). */
enum { WIRE_RECEIVE_BUFFER = 1 << 19, WIRE_SEND_BUFFER = 4 << 20 };

enum { WIRE_CONTROL_MAX = 112 }; /* TOS, PKTINFO, a mark and a segment size, either family */

/* Fills in msg's name and control for d: addresses, port, TOS. to is large enough for either family's
 * address, control for WIRE_CONTROL_MAX bytes. Returns where another control message may follow. */
struct cmsghdr *wire_address(struct msghdr *msg, void *to, void *control,
			     const struct wire_dest *d);
/* Appends a control message. */
struct cmsghdr *wire_put_control(struct msghdr *msg, struct cmsghdr *at, int level, int type,
				 const void *data, size_t len);
void wire_log_refused(const struct wire_dest *dest, uint32_t len, int error);

#endif
