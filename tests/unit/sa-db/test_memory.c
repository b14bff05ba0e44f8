/*
 * test_memory.c: memory runs out at the first, second, third .. allocation of each operation. The
 * operation says -ENOMEM and the database is as it was: same SAs, same policies, same answers; at
 * the end nothing leaks (ASan watches). Allocations are counted by wrapping malloc, calloc and
 * aligned_alloc at link time.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

static long allowed = -1; /* allocations until one fails; -1: none does */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool refused(void)
{
	return allowed >= 0 && allowed-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return refused() ? NULL : __real_aligned_alloc(alignment, size);
}

static const struct xfrm_mark_value no_mark = {0, 0};

/* A database with a bit of everything; its SA table is one short of being rebuilt. */
struct world {
	struct sadb *db;
	struct policy *protect;
	struct sa_config sa, extra;
	struct policy_config policy, between;
};

enum { SAS = 8 };

static void world_init(struct world *w)
{
	const struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct selector other = sel;

	*w = (struct world){.db = sadb_new((struct sadb_retire){NULL, NULL})};
	for (uint32_t spi = 1; spi <= SAS; spi++) {
		w->sa = sa_config_of("192.0.2.1", "192.0.2.2", spi, 7);
		(void)sa_added(w->db, &w->sa);
	}
	w->extra = sa_config_of("192.0.2.1", "192.0.2.3", 99, 8);
	w->policy = protect_of(&sel, "192.0.2.1", "192.0.2.2", 7);
	w->protect = policy_added(w->db, &w->policy);
	other.user = 1;
	w->between = protect_of(&other, "192.0.2.1", "192.0.2.9", 9);
	w->between.priority = 1; /* sorts first: a copy */
}

static int op_sa_add(struct world *w)
{
	const struct sa_grant grant = grant_of(SA_IN | SA_OUT);
	struct sa *sa;

	return sadb_sa_add(w->db, &w->extra, &grant, 1, &sa);
}

static int op_sa_update(struct world *w)
{
	struct sa *sa;

	return sadb_sa_update(w->db, &w->sa, &sa);
}

static int op_sa_directions(struct world *w)
{
	const struct sa_grant none = grant_of(0);
	struct sa *sa = sadb_sa_find(w->db, &w->sa.id, &no_mark);

	return sadb_sa_set_directions(w->db, sa, &none, &sa);
}

static int op_policy_add(struct world *w)
{
	struct policy *p;

	return sadb_policy_add(w->db, &w->between, false, 1, &p);
}

static int op_policy_replace(struct world *w)
{
	int rc = sadb_policy_add(w->db, &w->policy, true, 1, &w->protect);

	return rc;
}

static int op_policy_delete(struct world *w)
{
	int rc = sadb_policy_delete(w->db, &w->policy);

	if (rc == 0)
		w->protect = NULL;
	return rc;
}

static const struct {
	const char *what;
	int (*fn)(struct world *w);
	unsigned at_least; /* failures to be met before it works */
} ops[] = {
	{"SA add", op_sa_add, 5},
	{"SA update", op_sa_update, 1},
	{"SA directions", op_sa_directions, 1},
	{"policy add", op_policy_add, 4},
	{"policy replace", op_policy_replace, 3},
	{"policy delete", op_policy_delete, 1},
};

static void check_unchanged(const struct world *w, const char *what)
{
	const struct ip_view v = view_of("10.1.0.1", "10.2.0.1", IPPROTO_UDP, 1, 2);
	struct sadb_walk walk;
	unsigned sas = 0;
	struct sa *sa;

	ck_assert_msg(spd_lookup(w->db, POLICY_OUT, &v) == w->protect, "%s", what);
	ck_assert_uint_eq(sadb_policy_count(w->db, POLICY_OUT), 1);
	ck_assert_ptr_eq(atomic_load(&w->protect->sa), sadb_sa_find(w->db, &w->sa.id, &no_mark));
	ck_assert_uint_eq(sadb_sa_count(w->db), SAS);
	sadb_walk_begin(w->db, &walk, false);
	while ((sa = sadb_walk_sa(&walk)) != NULL) {
		sas++;
		ck_assert_ptr_eq(sad_lookup(w->db, sa->config.id.spi, &sa->config.id.dst), sa);
	}
	sadb_walk_end(&walk);
	ck_assert_uint_eq(sas, SAS);
	ck_assert_ptr_null(sadb_sa_next_between(w->db, &w->extra.src, &w->extra.id.dst, NULL));
}

START_TEST(test_failure_changes_nothing)
{
	struct world w;
	unsigned failures = 0;
	int rc;

	world_init(&w);
	do {
		allowed = failures;
		rc = ops[_i].fn(&w);
		allowed = -1;
		if (rc == 0)
			break;
		ck_assert_msg(rc == -ENOMEM, "%s: %d", ops[_i].what, rc);
		check_unchanged(&w, ops[_i].what);
		failures++;
	} while (failures < 1000);
	ck_assert_msg(failures >= ops[_i].at_least && failures < 1000, "%s: %u failures",
		      ops[_i].what, failures);
	sadb_free(w.db);
}
END_TEST

START_TEST(test_new_fails_whole)
{
	struct sadb *db = NULL;
	struct spd_cache *cache;
	unsigned failures = 0;

	for (; !db; failures++) {
		allowed = failures;
		db = sadb_new((struct sadb_retire){NULL, NULL});
		allowed = -1;
		ck_assert_uint_lt(failures, 100);
	}
	ck_assert_uint_gt(failures, 5);
	sadb_free(db);
	allowed = 0;
	cache = spd_cache_new();
	allowed = -1;
	ck_assert_ptr_null(cache);
	spd_cache_free(cache);
	sadb_free(NULL);
}
END_TEST

/* Flushing asks for no memory at all, so it cannot fail. */
START_TEST(test_flush_needs_no_memory)
{
	struct world w;
	unsigned sas, policies;
	bool untouched;

	world_init(&w);
	allowed = 0;
	policies = sadb_policy_flush(w.db);
	sas = sadb_sa_flush(w.db, 0);
	untouched = allowed == 0;
	allowed = -1;
	ck_assert(untouched);
	ck_assert_uint_eq(policies, 1);
	ck_assert_uint_eq(sas, SAS);
	sadb_free(w.db);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_failure_changes_nothing, 0, sizeof(ops) / sizeof(ops[0]));
	tcase_add_test(t, test_new_fails_whole);
	tcase_add_test(t, test_flush_needs_no_memory);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
