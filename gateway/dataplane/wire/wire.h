/*
 * wire.h: the public edge: raw sockets of protocol 50, IPv4 and IPv6, in batches. Sockets carry
 * the mark that keeps sealed packets out of the tunnel's own routes. A packet may have another one, which
 * capture's rules know by the user of the sockets: so they are opened when cygnetd has become that user.
 *
 * Sending: reserve room, seal into it, commit with addresses, flush the batch. The kernel writes
 * the outer header. DF is a property of a socket on Linux, so there are two to send with per
 * family. The kernel's path MTU cache, which believes strangers, is not used, but for the size of
 * outer IPv6 fragments, where a lie does no harm. ICMP errors go to sockets that do not send: one that
 * has an error pending fails its next call, whatever that sends.
 */
#ifndef CYGNET_WIRE_H
#define CYGNET_WIRE_H

#include "packet/packet.h"

enum { WIRE_BATCH = 64 };

struct encap_ports;
struct ways;
struct wire;

/* Opens the sockets with SO_MARK mark. A host without IPv6 gets an IPv4 wire (logged). 0, -errno
 * (logged). */
int wire_open(struct wire **out, uint32_t mark);
void wire_close(struct wire *w); /* NULL is fine */
/* The socket to wait on for a family, -1 if the family is not there. */
int wire_fd(const struct wire *w, uint8_t family);
/* An ICMP error about a packet of ours, as its sender, who may be anybody, wants it known. */
struct wire_error {
	struct ip_addr dst; /* of the packet it quotes */
	struct ip_addr offender;
	uint8_t type, code;
	bool too_big;
	bool names_packet; /* spi and seq were quoted, host order */
	uint32_t mtu;	   /* too_big: what the next hop takes, outer header included */
	uint32_t spi, seq;
	uint16_t sport; /* the encapsulation port it was sent from; 0: protocol 50 */
};

/* The socket to wait on for errors about ESP in UDP; those about protocol 50 come by wire_fd. No
 * packet makes it readable. -1 if the family is not there. */
int wire_error_fd(const struct wire *w, uint8_t family);
/* Takes the next error without waiting. False if there is none. */
bool wire_recv_error(struct wire *w, uint8_t family, struct wire_error *out);
/* From now on the wire sends and receives ESP in UDP too, by these ports (borrowed). */
void wire_use_ports(struct wire *w, const struct encap_ports *ports);

/* From now on the wire sends raw packets by these ways where there is one (borrowed). */
void wire_use_ways(struct wire *w, struct ways *ways);

/* "raw sockets": for status. */
const char *wire_name(const struct wire *w);

/* A received packet: p starts at the ESP header, or at what came in UDP. Borrowed until the next wire_recv of the family. */
struct wire_rx {
	struct packet p;
	struct ip_addr src, dst;
	uint16_t sport, dport; /* it came in UDP; 0: raw */
	uint8_t tos;
	bool truncated; /* longer than an IP packet can be, or not an ESP packet at all */
};

/* Receives up to WIRE_BATCH packets without waiting. Their number, 0 if there are none; -errno. */
int wire_recv(struct wire *w, uint8_t family, struct wire_rx rx[static WIRE_BATCH]);

/* The same from a UDP port, if that is open; *more: ask again before anything else is received. */
int wire_recv_udp(struct wire *w, uint8_t family, uint16_t port,
		  struct wire_rx rx[static WIRE_BATCH], bool *more);
/* Hands a packet that is IKE (UDP_IKE) to the owner of its port. False if there is none that takes it. */
bool wire_hand_over(const struct wire *w, const struct wire_rx *rx);

struct wire_dest {
	struct ip_addr src, dst;
	uint16_t sport, dport; /* of UDP; 0: raw */
	uint32_t mark;	       /* 0: the sockets' own */
	uint8_t tos;
	bool df;     /* no fragments: DF in IPv4, none of our own making in IPv6 */
	bool no_sum; /* UDP over IPv4 without a checksum */
};

/* Room for one packet of up to inner_max bytes before sealing, with ESP's head- and tailroom around
 * it; off is set, len is 0. NULL if the batch is full (flush first) or the packet can never fit. */
struct packet *wire_reserve(struct wire *w, uint32_t inner_max);
/* How many packets the batch takes before it is full. */
unsigned wire_room(const struct wire *w);
/* Puts the packet reserved last, now sealed, into the batch. A reserved packet that is not
 * committed is forgotten. */
void wire_commit(struct wire *w, const struct wire_dest *dest);
/* Sends the batch; adds to verdicts[V_OK], [V_WIRE_QUEUE] and [V_WIRE_REFUSED] how each packet
 * fared. One refused packet does not stop the others. */
void wire_flush(struct wire *w, uint64_t verdicts[static V_COUNT]);

#endif
