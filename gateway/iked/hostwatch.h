/*
 * hostwatch.h: tells when addresses, links or routes of this host change (rtnetlink), and puts virtual
 * addresses on the loopback interface.
 */
#ifndef CYGNET_IKED_HOSTWATCH_H
#define CYGNET_IKED_HOSTWATCH_H

#include "packet/packet.h"

struct event_base;
struct hostwatch;

/* changed is called a moment after the last of a row of changes. 0 and *out (owned); -errno, logged. */
int hostwatch_open(struct hostwatch **out, struct event_base *base, void (*changed)(void *ctx),
		   void *ctx) __attribute__((warn_unused_result));
/* Takes away the addresses that are still there. NULL is fine. */
void hostwatch_close(struct hostwatch *watch);

/* A virtual address of ours, as a host's own. Needs CAP_NET_ADMIN. 0, -errno (not there, there already:
 * 0). */
int hostwatch_set_address(struct hostwatch *watch, const struct ip_addr *addr, bool there);

#endif
