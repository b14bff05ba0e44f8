/*
 * sa-db/sad_table.c: SAs by (SPI, destination), RFC 4301 §4.1, for packet threads that look up
 * while the control thread changes. Open addressing, linear probing, at most half full with SAs.
 *
 *     slots   | NULL | sa | GRAVE | sa | sa | NULL | ...      a chain ends at the first NULL
 *
 * Why a reader without a lock finds every SA that is there from before it began until after it
 * ended: such an SA never moves within a table, and every slot between its home and itself is
 * non-NULL as long as it stands there. Removal leaves a grave, or NULL where the next slot is NULL
 * and so no chain runs through. A table is only ever filled, or replaced by a bigger one that was
 * complete before it was published; the old one is retired, still complete.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SAD_SIZE_MIN = 16 };

/* Stands in a slot whose SA has gone while chains run through it. Never dereferenced. */
static struct sa *grave(void)
{
	return (struct sa *)(uintptr_t)1;
}

static size_t home_slot(const struct sad_table *t, uint32_t spi, const struct ip_addr *dst)
{
	return hash_addr(hash_mix(0, spi), dst) & t->mask;
}

static struct sa *slot_load(const struct sad_table *t, size_t i)
{
	return atomic_load_explicit(&t->slots[i & t->mask], memory_order_acquire);
}

static void slot_store(struct sad_table *t, size_t i, struct sa *sa)
{
	atomic_store_explicit(&t->slots[i & t->mask], sa, memory_order_release);
}

struct sa *sad_lookup(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	const struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_acquire);
	struct sa *sa;

	for (size_t i = home_slot(t, spi, dst); (sa = slot_load(t, i)) != NULL; i++) {
		if (sa == grave() || sa->config.id.spi != spi)
			continue;
		/* Packets carry mark 0 here; (0 & mask) == value says it. At most one SA of an id
		 * can have that value, the others' additions fail with EEXIST as in the kernel. */
		if (sa->config.mark.value == 0 && sa->in && ip_addr_equal(&sa->config.id.dst, dst))
			return sa;
	}
	return NULL;
}

struct sa *sad_lookup_sent(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	const struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_acquire);
	struct sa *sa;

	for (size_t i = home_slot(t, spi, dst); (sa = slot_load(t, i)) != NULL; i++) {
		if (sa != grave() && sa->config.id.spi == spi && sa->out &&
		    ip_addr_equal(&sa->config.id.dst, dst))
			return sa;
	}
	return NULL;
}

struct sa *sadb_sa_find(const struct sadb *db, const struct sa_id *id,
			const struct xfrm_mark_value *mark)
{
	const struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_relaxed);
	struct sa *sa, *found = NULL;

	for (size_t i = home_slot(t, id->spi, &id->dst); (sa = slot_load(t, i)) != NULL; i++) {
		if (sa == grave() || sa->config.id.spi != id->spi ||
		    sa->config.id.proto != id->proto ||
		    !ip_addr_equal(&sa->config.id.dst, &id->dst) || !sa_mark_matches(sa, mark))
			continue;
		/* The kernel puts new SAs at the head of their chain and takes the first. */
		if (!found || sa->serial > found->serial)
			found = sa;
	}
	return found;
}

/* A quarter full at first, so that a table lasts until it has doubled. NULL if out of memory. */
struct sad_table *sad_table_new(size_t live)
{
	struct sad_table *t;
	size_t size = SAD_SIZE_MIN;

	while (size / 4 < live)
		size *= 2;
	t = calloc(1, sizeof(*t) + size * sizeof(t->slots[0]));
	if (t)
		t->mask = size - 1;
	return t;
}

/* First slot of the chain that holds no SA. */
static size_t free_slot(const struct sad_table *t, const struct sa *sa)
{
	size_t i = home_slot(t, sa->config.id.spi, &sa->config.id.dst);
	struct sa *there;

	while ((there = slot_load(t, i)) != NULL && there != grave())
		i++;
	return i;
}

static size_t find_slot(const struct sad_table *t, const struct sa *sa)
{
	size_t i = home_slot(t, sa->config.id.spi, &sa->config.id.dst);
	struct sa *there;

	while ((there = slot_load(t, i)) != sa) {
		assert(there); /* every SA of the database stands in its table */
		i++;
	}
	return i;
}

int sad_reserve(struct sadb *db)
{
	struct sad_table *old = atomic_load_explicit(&db->sad, memory_order_relaxed);
	struct sad_table *t;
	struct sa *sa;

	if (db->sad_used < (old->mask + 1) / 2)
		return 0;
	t = sad_table_new(db->sa_count + 1);
	if (!t)
		return -ENOMEM;
	db->sad_used = 0; /* graves stay behind */
	for (size_t i = 0; i <= old->mask; i++) {
		sa = slot_load(old, i);
		if (!sa || sa == grave())
			continue;
		slot_store(t, free_slot(t, sa), sa);
		db->sad_used++;
	}
	atomic_store_explicit(&db->sad, t, memory_order_release);
	database_retire(db, old, free);
	return 0;
}

void sad_insert(struct sadb *db, struct sa *sa)
{
	struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_relaxed);
	const size_t i = free_slot(t, sa);

	if (!slot_load(t, i))
		db->sad_used++;
	slot_store(t, i, sa);
}

void sad_replace(struct sadb *db, const struct sa *old, struct sa *newer)
{
	struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_relaxed);

	slot_store(t, find_slot(t, old), newer);
}

void sad_remove(struct sadb *db, const struct sa *sa)
{
	struct sad_table *t = atomic_load_explicit(&db->sad, memory_order_relaxed);
	size_t i = find_slot(t, sa);

	if (slot_load(t, i + 1)) {
		slot_store(t, i, grave());
		return;
	}
	/* The end of its chain: it can be cut, and with it the graves that now end it. From the
	 * back, so that a slot is emptied only when its successor is empty. */
	do {
		slot_store(t, i, NULL);
		db->sad_used--;
		i--;
	} while (slot_load(t, i) == grave());
}
