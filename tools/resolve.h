/*
 * resolve.h: names of hosts and services to numbers, with the system's resolver. Called by the
 * executor, which has decided before that the statement is one Cygnet does.
 */
#ifndef CYGNET_TOOLS_RESOLVE_H
#define CYGNET_TOOLS_RESOLVE_H

#include "tools/message.h"

enum { RESOLVE_MAX = 16 };

struct addr_list {
	struct ip_addr addr[RESOLVE_MAX];
	unsigned len;
	bool scope; /* an interface was named (%eth0) and left out */
};

struct addr_pair {
	struct ip_addr src, dst;
};

struct addr_pairs {
	struct addr_pair pair[RESOLVE_MAX * RESOLVE_MAX];
	unsigned len;
	bool scope;
};

/* The UDP encapsulation of add and update: ports of esp-udp or -natt, both 4500 if there are none,
 * and NAT-OA; all zero for plain esp. */
struct resolve_error;
bool resolve_encap(const struct statement *st, struct sa_encap *out, struct resolve_error *err);

/* Why a statement failed, and the word to show. */
struct resolve_error {
	const char *text;  /* static */
	const char *token; /* the statement's */
};

/* Every pair of one family of the two names' addresses, one at least. */
bool resolve_pairs(const struct statement *st, struct addr_pairs *out, struct resolve_error *err);
/* Names of spd* must have one address each. */
bool resolve_selector(const struct statement *st, struct resolved_selector *out, bool *scope,
		      struct resolve_error *err);

#endif
