/*
 * path_mtu.h: path MTUs between gateways, learned from errors that were believed (path_error.c) and
 * forgotten again, RFC 4301 §8.2.2. Kept by path, not by SA, so that a rekey does not lose them.
 * Belongs to capture.c; control thread. Time is an argument, in seconds of any clock that only
 * goes forward.
 */
#ifndef CYGNET_PATH_MTU_H
#define CYGNET_PATH_MTU_H

#include "packet/packet.h"

enum path_mtu_limits {
	PATH_MTU_AGE_S = 600, /* RFC 1191 §6.3: a wider path is looked for after ten minutes */
	PATH_MTU_PATHS_MAX = 4096
};

/* Sorted by address. All zero: none known. */
struct path_mtus {
	struct path_mtu {
		struct ip_addr src, dst;
		uint32_t mtu;
		uint64_t until;
	} * paths; /* owned */
	size_t count, room;
};

void path_mtus_fini(struct path_mtus *t);
/* True if the path is narrower now than was known. Too many paths, or no memory: nothing is learned,
 * and the next error says it again. */
bool path_mtu_lower(struct path_mtus *t, const struct ip_addr *src, const struct ip_addr *dst,
		    uint32_t mtu, uint64_t now_s);
/* 0: nothing was learned. */
uint32_t path_mtu_get(const struct path_mtus *t, const struct ip_addr *src,
		      const struct ip_addr *dst);
/* Forgets what is too old. True if anything was. */
bool path_mtu_age(struct path_mtus *t, uint64_t now_s);
/* When the next one is too old; UINT64_MAX if there is none. */
uint64_t path_mtu_next(const struct path_mtus *t);

#endif
