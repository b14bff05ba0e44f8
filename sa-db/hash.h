/*
 * sa-db/hash.h: a chained hash table whose nodes live inside the things it finds, for the control
 * thread: endpoints, policies by identity, policies by index. What packet threads look up is
 * sad_table.c's, which readers may use while it changes; this one they may not.
 */
#ifndef CYGNET_SADB_HASH_H
#define CYGNET_SADB_HASH_H

#include "packet/packet.h"

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash {
	struct hash_node **buckets; /* owned; the nodes are not */
	size_t size;		    /* power of two */
	size_t count;
};

/* 0, -ENOMEM. */
int hash_init(struct hash *table) __attribute__((warn_unused_result));
void hash_fini(struct hash *table);
/* Never fails: where there is no memory to grow, chains get longer instead. */
void hash_insert(struct hash *table, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *table, struct hash_node *node);
/* Nodes with this very hash, one after the other; NULL after the last. The caller compares keys. */
struct hash_node *hash_first(const struct hash *table, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node);

/* Mixes value into a running hash. Spreads well, resists nobody: keys come from managers and
 * authenticated peers. */
uint64_t hash_mix(uint64_t hash, uint64_t value);
uint64_t hash_addr(uint64_t hash, const struct ip_addr *addr);

#endif
