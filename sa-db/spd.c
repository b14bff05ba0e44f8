/*
 * sa-db/spd.c: the security policy database, RFC 4301 §4.4.1: adding, replacing and deleting
 * policies with XFRM's identities and indexes. The control thread's XFRM server calls it; what
 * packet threads see is spd_snapshot.c.
 *
 * The control thread's list is one ring through three heads, whose policy is NULL, so that a walk
 * over all directions is one walk:
 *
 *     head[in] - p - p - head[out] - p - p - p - head[fwd] - p - (head[in])
 *
 * A policy's end follows the order written in sad.c: it leaves the snapshot, then the indexes, the
 * list and the walks, then it is retired. Its SA pointer is left as it was: packets in flight may
 * use it, and an SA that goes later is retired later, behind them.
 */
#include "sa-db/database.h"

#include <errno.h>
#include <stdlib.h>

enum { INDEX_DIR_MASK = 7, INDEX_STEP = 8 }; /* XFRM: the low three bits are the direction */

static uint64_t hash_prefix(uint64_t hash, const struct ip_prefix *prefix)
{
	return hash_mix(hash_addr(hash, &prefix->addr), prefix->len);
}

static uint64_t hash_identity(const struct policy_config *c)
{
	const struct selector *s = &c->sel;
	uint64_t hash = hash_mix(c->dir, s->proto);

	hash = hash_prefix(hash_prefix(hash, &s->src), &s->dst);
	hash = hash_mix(hash, (uint64_t)s->sport << 48 | (uint64_t)s->sport_mask << 32 |
				      (uint64_t)s->dport << 16 | s->dport_mask);
	hash = hash_mix(hash, (uint64_t)(uint32_t)s->ifindex << 32 | s->user);
	return hash_mix(hash, (uint64_t)c->mark.mask << 32 | c->mark.value);
}

static bool mark_equal(const struct xfrm_mark_value *a, const struct xfrm_mark_value *b)
{
	return a->value == b->value && a->mask == b->mask;
}

static struct policy *find_identity(const struct sadb *db, const struct policy_config *key)
{
	struct hash_node *n;
	struct policy *p;

	for (n = hash_first(&db->identities, hash_identity(key)); n; n = hash_next(n)) {
		p = list_owner(n, struct policy_links, identity)->policy;
		if (p->config.dir == key->dir && selector_equal(&p->config.sel, &key->sel) &&
		    mark_equal(&p->config.mark, &key->mark))
			return p;
	}
	return NULL;
}

static struct policy *find_index(const struct sadb *db, uint32_t index)
{
	struct hash_node *n;
	struct policy *p;

	for (n = hash_first(&db->indexes, hash_mix(0, index)); n; n = hash_next(n)) {
		p = list_owner(n, struct policy_links, index)->policy;
		if (p->config.index == index)
			return p;
	}
	return NULL;
}

/* Small numbers that go up, one series for all directions, skipping what is taken. */
static uint32_t generate_index(struct sadb *db, uint8_t dir)
{
	uint32_t index;

	do {
		index = db->index_generator | dir;
		db->index_generator += INDEX_STEP;
	} while (index == 0 || find_index(db, index));
	return index;
}

static void link_policy(struct sadb *db, struct policy *p)
{
	const enum policy_dir dir = p->config.dir;
	const struct policy *before = spd_predecessor(db, p);

	list_add_after(before ? &before->links->all : &db->policy_heads[dir].all, &p->links->all);
	hash_insert(&db->identities, &p->links->identity, hash_identity(&p->config));
	hash_insert(&db->indexes, &p->links->index, hash_mix(0, p->config.index));
	atomic_fetch_add_explicit(&db->policy_counts[dir], 1, memory_order_relaxed);
}

/* After it left the snapshot. */
static void unlink_policy(struct sadb *db, struct policy *p)
{
	struct policy_links *links = p->links;

	resolve_leave_policy(db, p);
	hash_remove(&db->identities, &links->identity);
	hash_remove(&db->indexes, &links->index);
	walk_leave(db, &links->all);
	list_remove(&links->all);
	atomic_fetch_sub_explicit(&db->policy_counts[p->config.dir], 1, memory_order_relaxed);
	p->links = NULL;
	free(links);
	database_retire(db, p, policy_free);
}

static bool config_is_sound(const struct policy_config *c)
{
	return c->dir < POLICY_DIRS && c->action <= POLICY_DISCARD &&
	       (c->index == 0 || (c->index & INDEX_DIR_MASK) == c->dir);
}

int sadb_policy_add(struct sadb *db, const struct policy_config *config, bool replace, uint64_t now,
		    struct policy **out)
{
	struct policy *p, *old;
	int rc;

	if (!config_is_sound(config))
		return -EINVAL;
	old = find_identity(db, config);
	if (old && !replace)
		return -EEXIST;
	p = policy_new(config, now);
	if (!p)
		return -ENOMEM;
	p->serial = ++db->policy_serial;
	/* A replacement keeps the index, as in the kernel, whatever the request says. */
	if (old)
		p->config.index = old->config.index;
	else if (config->index == 0 || find_index(db, config->index))
		p->config.index = generate_index(db, config->dir);
	/* Before it is published: its first packet must find its SA. */
	rc = resolve_join_policy(db, p);
	if (rc < 0)
		goto err_free_policy;
	rc = spd_publish(db, config->dir, old, p);
	if (rc < 0)
		goto err_leave_endpoint;
	if (old)
		unlink_policy(db, old);
	link_policy(db, p);
	*out = p;
	return 0;

err_leave_endpoint:
	resolve_leave_policy(db, p);
err_free_policy:
	free(p->links);
	policy_free(p);
	return rc;
}

struct policy *sadb_policy_find(const struct sadb *db, const struct policy_config *key)
{
	struct policy *p;

	if (key->index == 0)
		return find_identity(db, key);
	/* The kernel looks among one direction's policies and compares marks. */
	p = find_index(db, key->index);
	if (p && (p->config.dir != key->dir || !mark_equal(&p->config.mark, &key->mark)))
		return NULL;
	return p;
}

int sadb_policy_delete(struct sadb *db, const struct policy_config *key)
{
	struct policy *p = sadb_policy_find(db, key);
	int rc;

	if (!p)
		return -ENOENT;
	rc = spd_publish(db, p->config.dir, p, NULL);
	if (rc < 0)
		return rc;
	unlink_policy(db, p);
	return 0;
}

unsigned sadb_policy_flush(struct sadb *db)
{
	struct list *ring = &db->policy_heads[0].all, *n, *next;
	struct policy *p;
	unsigned removed = 0;

	for (enum policy_dir dir = POLICY_IN; dir < POLICY_DIRS; dir++)
		spd_publish_none(db, dir);
	for (n = ring->next; n != ring; n = next) {
		next = n->next;
		p = list_owner(n, struct policy_links, all)->policy;
		if (!p)
			continue;
		unlink_policy(db, p);
		removed++;
	}
	return removed;
}

unsigned sadb_policy_count(const struct sadb *db, enum policy_dir dir)
{
	return atomic_load_explicit(&db->policy_counts[dir], memory_order_relaxed);
}
