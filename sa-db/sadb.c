/*
 * sa-db/sadb.c: the database as a whole: made, emptied, freed, and how what readers may still hold
 * is given back. The gateway has one; a test has as many as it likes.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <stdlib.h>

static void free_tables(struct sadb *db)
{
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		free(atomic_load_explicit(&db->spd[dir].snapshot, memory_order_relaxed));
	free(atomic_load_explicit(&db->sad, memory_order_relaxed));
	hash_fini(&db->endpoints);
	hash_fini(&db->identities);
	hash_fini(&db->indexes);
}

/* False if out of memory; what was made is in db. */
static bool make_tables(struct sadb *db)
{
	struct sad_table *sad = sad_table_new(0);
	struct spd_snapshot *snapshot;

	atomic_init(&db->sad, sad);
	if (!sad || hash_init(&db->endpoints) < 0 || hash_init(&db->identities) < 0 ||
	    hash_init(&db->indexes) < 0)
		return false;
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++) {
		snapshot = spd_snapshot_new(0);
		if (!snapshot)
			return false;
		atomic_init(&db->spd[dir].snapshot, snapshot);
		atomic_init(&db->spd[dir].generation, 1); /* 0 is an empty cache entry's */
	}
	return true;
}

struct sadb *sadb_new(struct sadb_retire retire)
{
	struct sadb *db = calloc(1, sizeof(*db));

	if (!db)
		return NULL;
	db->retire = retire;
	list_init(&db->sas);
	list_init(&db->policy_heads[0].all);
	for (unsigned dir = 1; dir < POLICY_DIRS; dir++)
		list_add_before(&db->policy_heads[0].all, &db->policy_heads[dir].all);
	db->walks.prev = &db->walks;
	db->walks.next = &db->walks;
	if (!make_tables(db)) {
		free_tables(db);
		free(db);
		return NULL;
	}
	return db;
}

void sadb_use_engine(struct sadb *db, const struct esp_engine *engine)
{
	db->engine = engine;
}

void sadb_free(struct sadb *db)
{
	if (!db)
		return;
	assert(db->walks.next == &db->walks); /* a walk that was not ended */
	db->retire.fn = NULL;		      /* no reader is left: free at once */
	(void)sadb_policy_flush(db);	      /* the numbers removed are of no use here */
	(void)sadb_sa_flush(db, 0);
	free_tables(db);
	free(db);
}

void database_retire(struct sadb *db, void *ptr, void (*free_fn)(void *ptr))
{
	if (db->retire.fn)
		db->retire.fn(db->retire.ctx, ptr, free_fn);
	else
		free_fn(ptr);
}
