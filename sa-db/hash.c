/*
 * sa-db/hash.c: see hash.h. Doubles when there is a node for every bucket; never shrinks.
 */
#include "sa-db/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_SIZE_FIRST = 16 };

int hash_init(struct hash *table)
{
	struct hash_node **buckets = calloc(HASH_SIZE_FIRST, sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	*table = (struct hash){.buckets = buckets, .size = HASH_SIZE_FIRST};
	return 0;
}

void hash_fini(struct hash *table)
{
	free(table->buckets);
	*table = (struct hash){0};
}

static void link_node(struct hash_node **buckets, size_t size, struct hash_node *node)
{
	struct hash_node **bucket = &buckets[node->hash & (size - 1)];

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct hash *table)
{
	const size_t size = table->size * 2;
	struct hash_node **buckets = calloc(size, sizeof(struct hash_node *));
	struct hash_node *node, *next;

	if (!buckets)
		return;
	for (size_t i = 0; i < table->size; i++) {
		for (node = table->buckets[i]; node; node = next) {
			next = node->next;
			link_node(buckets, size, node);
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->size = size;
}

void hash_insert(struct hash *table, struct hash_node *node, uint64_t hash)
{
	if (table->count >= table->size)
		grow(table);
	node->hash = hash;
	link_node(table->buckets, table->size, node);
	table->count++;
}

void hash_remove(struct hash *table, struct hash_node *node)
{
	struct hash_node **at = &table->buckets[node->hash & (table->size - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->count--;
}

static struct hash_node *skip_others(struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash *table, uint64_t hash)
{
	return skip_others(table->buckets[hash & (table->size - 1)], hash);
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return skip_others(node->next, node->hash);
}

/* An odd constant near 2^64 divided by the golden ratio: multiplying carries every bit upwards,
 * the shift brings the high half back down. */
uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

uint64_t hash_addr(uint64_t hash, const struct ip_addr *addr)
{
	uint64_t half[2];

	memcpy(half, addr->bytes, sizeof(half));
	hash = hash_mix(hash, half[0]);
	/* The family takes no part: it costs a multiplication and tells hardly any two apart. */
	return addr->family == AF_INET ? hash : hash_mix(hash, half[1]);
}
