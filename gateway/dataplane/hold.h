/*
 * hold.h: packets kept for SAs that are asked for: a few of each policy, oldest first. The packet
 * thread's alone; nothing is allocated for a packet. outbound_hold.c says which are kept, and when
 * they go on.
 */
#ifndef CYGNET_HOLD_H
#define CYGNET_HOLD_H

#include "packet/packet.h"

enum hold_limits {
	HOLD_PER_POLICY = 3,
	HOLD_MAX = 64,
	HOLD_BYTES = 9216, /* of a packet: jumbo frames; superpackets have no SA to wait for */
};

struct held {
	uint32_t policy; /* index */
	uint32_t len;
	struct virtio_net_hdr vnet;
	uint8_t data[HOLD_BYTES];
};

struct hold;

struct hold *hold_new(void);	   /* NULL if out of memory */
void hold_free(struct hold *hold); /* NULL is fine */
/* Keeps a copy. False if it is too long. Where there is no room the policy's oldest goes, or the
 * oldest of all: *dropped counts it. */
bool hold_put(struct hold *hold, uint32_t policy, const struct virtio_net_hdr *vnet,
	      const uint8_t *data, size_t len, unsigned *dropped);
unsigned hold_count(const struct hold *hold);
/* The i-th oldest, from 0: borrowed until it is removed or another is put. */
struct held *hold_at(struct hold *hold, unsigned i);
void hold_remove(struct hold *hold, unsigned i);

#endif
