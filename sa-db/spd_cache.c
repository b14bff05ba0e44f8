/*
 * sa-db/spd_cache.c: a packet thread's memory of what the SPD said about a flow, so that the next
 * packet of the flow costs the same with 10 policies and with 10,000. Sets of two entries, of
 * which the one not used last gives way.
 *
 * Why it never returns a policy that was retired before the reader's section began. Let P leave
 * the SPD. The control thread (a) publishes a snapshot without P, (b) raises the generation to G,
 * (c) retires P, in this order. A hit needs an entry whose generation is the one read now.
 *  - The reader's section began after (c) and the retirement need not wait for it. Then it sees
 *    all that came before (c): it reads a generation of G or more, and only entries filled under G
 *    or more are hits. Such an entry was filled by a look-up that read G before it took the
 *    snapshot; having read G (acquire, of (b)'s release) it sees (a), so it did not find P.
 *  - The section began before (c). Then P outlives it, whatever the cache returns.
 * Both rest on the generation being read inside the section and before the snapshot. An entry
 * filled from a newer snapshot under an older number is right now and dropped when (b) is seen.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64, CACHE_SETS = 2048, CACHE_WAYS = 2 };

/* Exactly what selector_matches looks at. */
struct flow_key {
	uint64_t src[2], dst[2];
	uint64_t rest; /* ports, protocol, direction, IP version, whether ports were read */
};

struct flow_entry {
	struct flow_key key;
	uint64_t generation;   /* of the SPD when it was filled; 0: empty */
	struct policy *policy; /* borrowed while the generation holds; NULL: no policy matches */
	uint64_t last;	       /* in way 0 only: the way used last */
};

static_assert(sizeof(struct flow_entry) == CACHE_LINE, "one cache line is one entry");

struct spd_cache {
	struct flow_entry sets[CACHE_SETS][CACHE_WAYS];
};

struct spd_cache *spd_cache_new(void)
{
	struct spd_cache *cache = aligned_alloc(CACHE_LINE, sizeof(*cache));

	if (cache)
		memset(cache, 0, sizeof(*cache));
	return cache;
}

void spd_cache_free(struct spd_cache *cache)
{
	free(cache);
}

static struct flow_key key_of(enum policy_dir dir, const struct ip_view *v)
{
	struct flow_key key;

	memcpy(key.src, v->src.bytes, sizeof(key.src));
	memcpy(key.dst, v->dst.bytes, sizeof(key.dst));
	key.rest = (uint64_t)v->sport << 48 | (uint64_t)v->dport << 32 | (uint64_t)v->proto << 24 |
		   (uint64_t)v->src.family << 16 | (uint64_t)dir << 8 | v->has_ports;
	return key;
}

static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct flow_entry *set_of(struct spd_cache *cache, const struct flow_key *key)
{
	uint64_t hash = hash_mix(key->rest, key->src[0]);

	hash = hash_mix(hash_mix(hash_mix(hash, key->src[1]), key->dst[0]), key->dst[1]);
	return cache->sets[hash % CACHE_SETS];
}

struct policy *spd_lookup_cached(const struct sadb *db, struct spd_cache *cache,
				 enum policy_dir dir, const struct ip_view *v)
{
	const uint64_t generation =
		atomic_load_explicit(&db->spd[dir].generation, memory_order_acquire);
	const struct flow_key key = key_of(dir, v);
	struct flow_entry *set = set_of(cache, &key), *e;

	for (unsigned way = 0; way < CACHE_WAYS; way++) {
		e = &set[way];
		if (e->generation == generation && key_equal(&e->key, &key)) {
			set->last = way;
			return e->policy;
		}
	}
	set->last = !set->last;
	e = &set[set->last];
	e->key = key;
	e->generation = generation;
	e->policy = spd_lookup(db, dir, v);
	return e->policy;
}
