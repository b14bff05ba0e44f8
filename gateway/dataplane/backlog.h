/*
 * backlog.h: what was read from the TUN device and is not sent yet. The device's own queue counts
 * packets, and a packet may be of 64 bytes or of 64 kB; here bytes are bounded, too, and the small packets
 * of a quiet flow do not wait behind the superpackets of a busy one (as in RFC 8290 §4.2, new queues before
 * old ones). No flow is reordered, but for fragments, which show no ports: a small whole datagram may pass
 * those of its flow. The packet thread's alone; nothing is allocated for a packet.
 */
#ifndef CYGNET_BACKLOG_H
#define CYGNET_BACKLOG_H

#include "packet/packet.h"

enum backlog_limits {
	BACKLOG_BYTES = 1 << 20, /* of all packets in order */
	BACKLOG_PACKETS = 1024,	 /* the same */
	BACKLOG_QUIET = 16,	 /* packets that went ahead, at most half of a batch (outbound.c) */
	BACKLOG_QUIET_BYTES = 1536 /* of one of them */
};

struct backlog;

struct backlog_packet {
	struct virtio_net_hdr vnet;
	uint32_t len;
	uint8_t *data; /* borrowed until the next call that is not const */
};

struct backlog *backlog_new(void);    /* NULL if out of memory */
void backlog_free(struct backlog *b); /* NULL is fine */
/* Where the next packet may be written, IP_PACKET_MAX + 1 bytes; NULL if the backlog is full. */
uint8_t *backlog_room(struct backlog *b);
/* Takes the packet of len bytes at data in: at the room given out last, or anywhere where there was none;
 * then only one that goes ahead finds a place. False: it has none and must be dropped. */
bool backlog_add(struct backlog *b, const struct virtio_net_hdr *vnet, const uint8_t *data,
		 uint32_t len) __attribute__((warn_unused_result));
/* Takes the next packet out. False if there is none. */
bool backlog_next(struct backlog *b, struct backlog_packet *out);
bool backlog_empty(const struct backlog *b);
/* The next packet goes ahead of others. */
bool backlog_hurries(const struct backlog *b);

#endif
