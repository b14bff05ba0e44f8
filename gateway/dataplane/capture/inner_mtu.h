/*
 * inner_mtu.h: how large a packet may be that a policy protects, so that what comes of it fits the
 * path between the gateways. Belongs to capture.c; control thread.
 */
#ifndef CYGNET_INNER_MTU_H
#define CYGNET_INNER_MTU_H

#include "sa-db/sadb.h"

/* The last answer for a policy without SA: mostly they ask the same. All zero: none yet. */
struct inner_mtu_memo {
	uint32_t outer, inner;
	uint8_t family;
};

/* In bytes, for an outer path of outer bytes. Exact, even below IPv6's 1280: routes and outbound.c raise it
 * to that themselves, and outbound.c has to know which packets then exceed it. 0: not known, as there is no
 * route to the peer (outer is 0). */
uint32_t inner_mtu(struct inner_mtu_memo *memo, struct policy *policy, uint32_t outer);

#endif
