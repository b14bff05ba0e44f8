/*
 * default_block.h: what becomes of packets no policy speaks of, for capture.c: XFRM_MSG_SETDEFAULT's block
 * (decision 18). Such packets do not come by cygnetd, so a table of nftables drops them, written from the
 * SPD: what any policy of the direction matches passes it, whatever the policy does with it then.
 *
 * The table outlives the process, as the guard's do (guard.h), and with it the default: the next process
 * blocks what the dead one blocked, until it is told otherwise. Its sets stay, too, until the
 * policies had time to come back, or the table has to be written anew for another reason: a change of the
 * default or of the output marks, or a table that somebody deleted.
 */
#ifndef CYGNET_DEFAULT_BLOCK_H
#define CYGNET_DEFAULT_BLOCK_H

#include "gateway/dataplane/capture/fib_rules.h"
#include "gateway/dataplane/capture/guard_plan.h"

struct nft_ctx;

struct default_block {
	struct nft_ctx *nft;	       /* borrowed; NULL: this kernel has no nftables */
	struct sadb *db;	       /* borrowed */
	const struct fib_marks *marks; /* borrowed; of sealed packets, beside ours */
	char tun[IF_NAMESIZE];
	bool block[POLICY_DIRS]; /* as last told; there is a table if any is true */
	bool leftover;		 /* the table is of a process before us */
	bool torn;		 /* the table is not what plan says */
	struct guard_plan plan;	 /* owned; as it stands in the kernel */
	/* Drops counted by tables that are no more, less those before our start. */
	uint64_t gone[POLICY_DIRS];
};

/* Finds what a process before us left. */
void default_block_open(struct default_block *d, struct nft_ctx *nft, const char *tun,
			struct sadb *db, const struct fib_marks *marks);
/* From here on these directions are blocked, and no others. 0; -EOPNOTSUPP: there is no nftables; another
 * -errno (logged): all is as it was. */
int default_block_set(struct default_block *d, const bool block[POLICY_DIRS]);
/* The SPD changed: the table follows in one transaction. 0; -errno (logged): what was in force stays, which may
 * let too much pass, and the next call tries again. keep_leftovers: the table of a process before us stays. */
int default_block_refresh(struct default_block *d, bool keep_leftovers);
/* The marks changed. 0; -errno (logged): the table, if there is one, is as it was until the next refresh. */
int default_block_marks(struct default_block *d);
/* Somebody else may have deleted the table. True if so: the next refresh writes it anew. */
bool default_block_is_gone(struct default_block *d);
bool default_block_have_leftovers(const struct default_block *d);
/* Packets dropped in that direction since default_block_open. */
uint64_t default_block_dropped(const struct default_block *d, enum policy_dir dir);
/* Removes the table. */
void default_block_remove(struct default_block *d);
void default_block_fini(struct default_block *d); /* the kernel's table stays */

#endif
