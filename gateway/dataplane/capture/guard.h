/*
 * guard.h: the spoof guard as it stands in nftables, for capture.c. Cleartext that an inbound or
 * forward policy protects is dropped unless it came out of our TUN device (RFC 4301 §5.2).
 *
 * The table outlives the process, and so guards after a crash. Each table is a generation: the one
 * a process before us left stays beside ours until its policies had time to come back; a packet
 * has to pass both.
 */
#ifndef CYGNET_GUARD_H
#define CYGNET_GUARD_H

#include "gateway/dataplane/capture/guard_plan.h"

struct hostnet;
struct nft_ctx;

enum { GUARD_GENERATIONS = 3 }; /* as fib_rules.h: a leftover one, the present one, the next one */

struct guard {
	struct nft_ctx *nft; /* borrowed; NULL: this kernel has no nftables */
	char tun[IF_NAMESIZE];
	struct guard_plan plan;		  /* owned; as it stands in the kernel, empty: no table */
	uint8_t present;		  /* the generation that has plan */
	bool standing[GUARD_GENERATIONS]; /* there is a table */
	uint64_t gone; /* drops counted by tables that are no more, less those before our start */
};

/* Finds what a process before us left. */
void guard_open(struct guard *g, struct nft_ctx *nft, const char *tun);
/* The SPD or the links changed: what they ask for is put in force, in one transaction, if it is not
 * already. On failure, which is logged, what was in force stays, and the next call tries again.
 * keep_leftovers: the tables of a process before us stay. */
void guard_refresh(struct guard *g, struct sadb *db, const struct hostnet *hostnet,
		   bool keep_leftovers);
/* Somebody else may have deleted our tables. True if so: the next refresh writes ours anew; one of a
 * process before us is lost. */
bool guard_is_gone(struct guard *g);
bool guard_have_leftovers(const struct guard *g);
/* Packets dropped since guard_open. */
uint64_t guard_dropped(struct guard *g);
/* Removes all tables. */
void guard_remove(struct guard *g);
void guard_fini(struct guard *g); /* the kernel's tables stay */

#endif
