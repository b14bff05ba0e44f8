/*
 * resolve.h: names of hosts in a configuration, asked for again and again (libevent's resolver), as
 * peers with changing addresses have them.
 */
#ifndef CYGNET_IKED_RESOLVE_H
#define CYGNET_IKED_RESOLVE_H

#include "gateway/iked/config/config.h"

struct event_base;
struct resolve;

/* changed: some name has other addresses than before. 0 and *out (owned), -ENOMEM. */
int resolve_new(struct resolve **out, struct event_base *base, void (*changed)(void *ctx),
		void *ctx) __attribute__((warn_unused_result));
void resolve_free(struct resolve *resolve); /* NULL is fine */

/* From now on these names; those known already keep their addresses. -ENOMEM, 0. */
int resolve_watch(struct resolve *resolve, const struct iked_config *config);
/* Addresses of a watched name, at most max; their number, 0 if it has none yet. */
unsigned resolve_lookup(const struct resolve *resolve, const char *name, struct ip_addr *out,
			unsigned max);

#endif
