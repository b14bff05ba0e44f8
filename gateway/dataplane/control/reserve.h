/*
 * reserve.h: sequence numbers on disk. An outbound SA uses a number only after a block that holds
 * it was written and synced, so that a manual key which is loaded again, after a clean stop or
 * kill -9, goes on after the last block ever reserved: no (key, nonce) pair twice, and the
 * peer's replay window accepts what comes. docs/decisions/0004-nonces-on-disk.md.
 *
 * One file of fixed 32-byte records: 16 bytes HMAC-SHA-256(key, label), the next free number,
 * the key's random IV mask. No key is on disk. Control thread only.
 */
#ifndef CYGNET_RESERVE_H
#define CYGNET_RESERVE_H

#include "sa-db/sadb.h"

enum { RESERVE_BLOCK = 1 << 20, RESERVE_SLACK = 1 << 16 };

struct reserve;

/* Opens or creates DIR/sequence-numbers (mode 0600) and reads it. Refuses (logged, -errno) a file it cannot trust:
 * wrong magic, a length that is not whole, not ours to write. */
int reserve_open(struct reserve **out, const char *dir);
void reserve_close(struct reserve *r); /* NULL is fine */

/* Reserves the next block of the key of this SA; the numbers are synced to disk when this returns.
 * All SAs with one key share one counter. after: the block begins above it, too (an SA that is taken
 * over has used so many numbers; 0: none). 0; -EOVERFLOW: the key has no numbers left (limit:
 * esp_seq_limit of its esn); -errno of the disk. *iv_mask is the same for all blocks of a key. */
int reserve_take(struct reserve *r, const struct sa_config *config, uint64_t after,
		 struct esp_grant *grant, uint64_t *iv_mask) __attribute__((warn_unused_result));
/* The SA is gone; its last number was used_last at most RESERVE_SLACK ago. If its block is the last
 * one reserved, the rest is given back, less the slack. */
void reserve_return(struct reserve *r, const struct sa_config *config, uint64_t used_last,
		    const struct esp_grant *last_grant);

#endif
