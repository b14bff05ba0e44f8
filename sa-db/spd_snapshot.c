/*
 * sa-db/spd_snapshot.c: the policies of one direction as packet threads see them, an array in order
 * of (priority, serial). Readers take the array and the count with acquire order and see a whole,
 * sorted list; the control thread never touches what they can see.
 *
 *     entries  | p p p p p p | spare ... |
 *                           ^ count      ^ capacity
 *
 * A policy that sorts last goes into the spare room and count is raised; any other change copies.
 * So loading 10,000 policies in their order writes each pointer about twice, and not 50 million
 * times.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPD_SPARE_MIN = 8 };

static struct spd_snapshot *current(const struct sadb *db, enum policy_dir dir)
{
	return atomic_load_explicit(&db->spd[dir].snapshot, memory_order_relaxed);
}

static size_t count_of(const struct spd_snapshot *s)
{
	return atomic_load_explicit(&s->count, memory_order_relaxed);
}

struct spd_snapshot *spd_snapshot_new(size_t capacity)
{
	struct spd_snapshot *s = malloc(sizeof(*s) + capacity * sizeof(struct policy *));

	if (!s)
		return NULL;
	atomic_init(&s->count, 0);
	s->capacity = capacity;
	return s;
}

static bool sorts_before(const struct policy *a, const struct policy *b)
{
	if (a->config.priority != b->config.priority)
		return a->config.priority < b->config.priority;
	return a->serial < b->serial;
}

/* Where p stands or would stand. */
static size_t position(const struct spd_snapshot *s, const struct policy *p)
{
	size_t low = 0, high = count_of(s), middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (sorts_before(s->entries[middle], p))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct policy *spd_predecessor(const struct sadb *db, const struct policy *p)
{
	const struct spd_snapshot *s = current(db, p->config.dir);
	const size_t i = position(s, p);

	return i > 0 ? s->entries[i - 1] : NULL;
}

/* The generation goes up after the change is visible: whoever reads the new number and then the
 * snapshot cannot get the old one (spd_cache.c). */
static void raise_generation(struct spd *spd)
{
	atomic_fetch_add_explicit(&spd->generation, 1, memory_order_release);
}

static void publish(struct sadb *db, enum policy_dir dir, struct spd_snapshot *newer)
{
	struct spd_snapshot *old = current(db, dir);

	atomic_store_explicit(&db->spd[dir].snapshot, newer, memory_order_release);
	raise_generation(&db->spd[dir]);
	database_retire(db, old, free);
}

/* Needs no memory, so that a flush cannot fail. Readers that took the count before go on over
 * entries that nobody writes again: without capacity the next addition copies. */
void spd_publish_none(struct sadb *db, enum policy_dir dir)
{
	struct spd_snapshot *s = current(db, dir);

	s->capacity = 0;
	atomic_store_explicit(&s->count, 0, memory_order_release);
	raise_generation(&db->spd[dir]);
}

static bool append_in_place(struct sadb *db, enum policy_dir dir, struct policy *add)
{
	struct spd_snapshot *s = current(db, dir);
	const size_t count = count_of(s);

	if (count == s->capacity || position(s, add) != count)
		return false;
	s->entries[count] = add;
	atomic_store_explicit(&s->count, count + 1, memory_order_release);
	raise_generation(&db->spd[dir]);
	return true;
}

int spd_publish(struct sadb *db, enum policy_dir dir, const struct policy *remove,
		struct policy *add)
{
	struct spd_snapshot *old = current(db, dir), *newer;
	const size_t count = count_of(old);
	size_t n = 0, add_at;

	if (!remove && append_in_place(db, dir, add))
		return 0;
	newer = spd_snapshot_new(count + count / 2 + SPD_SPARE_MIN);
	if (!newer)
		return -ENOMEM;
	add_at = add ? position(old, add) : SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		if (i == add_at)
			newer->entries[n++] = add;
		if (old->entries[i] != remove)
			newer->entries[n++] = old->entries[i];
	}
	if (add_at == count)
		newer->entries[n++] = add;
	assert(n == count + (add != NULL) - (remove != NULL));
	atomic_store_explicit(&newer->count, n, memory_order_relaxed);
	publish(db, dir, newer);
	return 0;
}

struct policy *spd_lookup(const struct sadb *db, enum policy_dir dir, const struct ip_view *v)
{
	const struct spd_snapshot *s =
		atomic_load_explicit(&db->spd[dir].snapshot, memory_order_acquire);
	const size_t count = atomic_load_explicit(&s->count, memory_order_acquire);

	for (size_t i = 0; i < count; i++) {
		if (policy_matches(s->entries[i], v))
			return s->entries[i];
	}
	return NULL;
}
