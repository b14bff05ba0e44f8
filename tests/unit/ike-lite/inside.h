/*
 * tests/unit/ike-lite/inside.h: what is inside an encrypted message under way: opened by its sender's keys, to be looked
 * at or changed, and sealed again. Of whole messages: fragmentation has to be off. And what is inside a machine: the
 * deletes that it is still to say.
 */
#ifndef CYGNET_TEST_IKE_INSIDE_H
#define CYGNET_TEST_IKE_INSIDE_H

#include "ike-lite/message.h"
#include "tests/unit/ike-lite/pair.h"

enum { INSIDE_ROOM = 8192 };

struct inside {
	struct ike_header header;
	uint8_t first; /* type of the first payload */
	uint32_t len;
	uint8_t bytes[INSIDE_ROOM]; /* the payloads */
};

/* False: it is not encrypted, too long, or its sender no longer has the keys. */
bool inside_open(struct pair *p, const struct datagram *d, struct inside *out);
void inside_seal(struct pair *p, struct datagram *d, const struct inside *in);
/* The body of the first payload of a type, within bytes; NULL: none. */
uint8_t *inside_find(struct inside *in, uint8_t type, uint32_t *len);

/* A peer that takes its time: of a side's deletes of children that are still to be said the i-th one waits for
 * ms[i] from now, the others for as long as they would have. Returns how many there are. */
unsigned inside_hold_deletes(struct pair *p, unsigned side, const uint64_t *ms, unsigned count);

#endif
