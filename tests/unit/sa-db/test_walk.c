/*
 * test_walk.c: dumps go on while entries come and go between their steps: each entry that was there
 * all the time is returned exactly once, in order; none that was deleted is returned.
 */
#include "entries.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 10000 };

static const struct xfrm_mark_value no_mark = {0, 0};
static struct shelf shelf;
static struct sadb *db;

static void setup(void)
{
	db = sadb_new(shelf_retire(&shelf));
	ck_assert_ptr_nonnull(db);
}

static void teardown(void)
{
	sadb_free(db);
	shelf_empty(&shelf);
}

static struct sa *add_sa(uint32_t spi)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", spi, 0);
	const struct sa_grant grant = grant_of(0); /* no ends: the list is what is tested */
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1, &sa), 0);
	return sa;
}

static void delete_sa(uint32_t spi)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", spi, 0);

	ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
}

static struct policy *add_policy(unsigned user, enum policy_dir dir, uint32_t priority)
{
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct policy_config c;

	sel.user = user;
	c = plain_of(&sel, dir, POLICY_BYPASS, priority);
	return policy_added(db, &c);
}

START_TEST(test_empty_database_has_nothing)
{
	struct sadb_walk sas, policies;

	sadb_walk_begin(db, &sas, false);
	sadb_walk_begin(db, &policies, true);
	ck_assert_ptr_null(sadb_walk_sa(&sas));
	ck_assert_ptr_null(sadb_walk_policy(&policies));
	/* The end is a place too: what is added there is still to come. */
	ck_assert_ptr_eq(add_sa(1), sadb_walk_sa(&sas));
	ck_assert_ptr_eq(add_policy(1, POLICY_IN, 1), sadb_walk_policy(&policies));
	ck_assert_ptr_null(sadb_walk_sa(&sas));
	ck_assert_ptr_null(sadb_walk_policy(&policies));
	sadb_walk_end(&sas);
	sadb_walk_end(&policies);
}
END_TEST

START_TEST(test_policies_come_by_direction_and_order)
{
	static const struct {
		enum policy_dir dir;
		uint32_t priority;
	} added[] = {
		{POLICY_FWD, 5}, {POLICY_OUT, 9}, {POLICY_OUT, 3}, {POLICY_IN, 7},
		{POLICY_OUT, 3}, {POLICY_FWD, 1}, {POLICY_OUT, 6},
	};
	static const unsigned order[] = {3, 2, 4, 6, 1, 5, 0};
	struct policy *p[7];
	struct sadb_walk walk;

	for (unsigned i = 0; i < 7; i++)
		p[i] = add_policy(i, added[i].dir, added[i].priority);
	sadb_walk_begin(db, &walk, true);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_ptr_eq(sadb_walk_policy(&walk), p[order[i]]);
	ck_assert_ptr_null(sadb_walk_policy(&walk));
	sadb_walk_end(&walk);
}
END_TEST

/* Deleting the entry just returned, the next one, the first, the last. */
START_TEST(test_deletion_next_to_the_place)
{
	static const struct {
		uint32_t doomed;      /* after SPI 5 of 1..9 was returned */
		uint32_t expected[4]; /* what still comes */
	} cases[] = {
		{5, {6, 7, 8, 9}}, {6, {7, 8, 9, 0}}, {4, {6, 7, 8, 9}},
		{1, {6, 7, 8, 9}}, {9, {6, 7, 8, 0}},
	};
	struct sadb_walk walk;
	struct sa *sa;

	for (uint32_t spi = 1; spi <= 9; spi++)
		(void)add_sa(spi);
	sadb_walk_begin(db, &walk, false);
	for (uint32_t spi = 1; spi <= 5; spi++)
		ck_assert_uint_eq(sadb_walk_sa(&walk)->config.id.spi, spi);
	delete_sa(cases[_i].doomed);
	for (unsigned i = 0; i < 4; i++) {
		sa = sadb_walk_sa(&walk);
		ck_assert_uint_eq(sa ? sa->config.id.spi : 0, cases[_i].expected[i]);
	}
	ck_assert_ptr_null(sadb_walk_sa(&walk));
	sadb_walk_end(&walk);
}
END_TEST

START_TEST(test_flush_in_the_middle_ends_the_walk)
{
	struct sadb_walk sas, policies;

	for (unsigned i = 1; i <= 30; i++) {
		(void)add_sa(i);
		(void)add_policy(i, i % 3, i);
	}
	sadb_walk_begin(db, &sas, false);
	sadb_walk_begin(db, &policies, true);
	for (unsigned i = 0; i < 15; i++)
		ck_assert(sadb_walk_sa(&sas) && sadb_walk_policy(&policies));
	(void)sadb_sa_flush(db, 0);
	(void)sadb_policy_flush(db);
	ck_assert_ptr_null(sadb_walk_sa(&sas));
	ck_assert_ptr_null(sadb_walk_policy(&policies));
	ck_assert_ptr_eq(add_sa(99), sadb_walk_sa(&sas));
	/* It stands among the outbound ones: inbound ones belong before the place. */
	(void)add_policy(98, POLICY_IN, 1);
	ck_assert_ptr_eq(add_policy(99, POLICY_OUT, 1), sadb_walk_policy(&policies));
	ck_assert_ptr_null(sadb_walk_policy(&policies));
	sadb_walk_end(&policies);
	sadb_walk_end(&sas);
}
END_TEST

/* A version switched in is at the place of the old one. */
START_TEST(test_update_keeps_the_place)
{
	struct sadb_walk walk;
	struct sa *sa[4];

	for (uint32_t i = 0; i < 4; i++)
		sa[i] = add_sa(i + 1);
	sadb_walk_begin(db, &walk, false);
	ck_assert_ptr_eq(sadb_walk_sa(&walk), sa[0]);
	ck_assert_ptr_eq(sadb_walk_sa(&walk), sa[1]);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(sadb_sa_update(db, &sa[i]->config, &sa[i]), 0);
	ck_assert_ptr_eq(sadb_walk_sa(&walk), sa[2]);
	ck_assert_ptr_eq(sadb_walk_sa(&walk), sa[3]);
	ck_assert_ptr_null(sadb_walk_sa(&walk));
	sadb_walk_end(&walk);
}
END_TEST

/* 10,000 SAs, three walks at different speeds, deletions and additions between all steps. */
START_TEST(test_dumps_of_ten_thousand_sas_under_change)
{
	enum { WALKS = 3 };
	static bool alive[3 * MANY], touched[3 * MANY];
	static uint8_t seen[WALKS][3 * MANY];
	struct sadb_walk walks[WALKS];
	uint64_t rng = seed_of_run(0x3a1c), last[WALKS] = {0};
	uint32_t spi, next = MANY;
	bool more = true;
	struct sa *sa;

	for (spi = 0; spi < MANY; spi++) {
		(void)add_sa(spi + 1);
		alive[spi] = true;
	}
	for (unsigned w = 0; w < WALKS; w++)
		sadb_walk_begin(db, &walks[w], false);
	while (more) {
		more = false;
		for (unsigned w = 0; w < WALKS; w++) {
			for (unsigned n = 0; n < 1 + 3 * w; n++) {
				sa = sadb_walk_sa(&walks[w]);
				if (!sa)
					continue;
				more = true;
				ck_assert_uint_gt(sa->serial, last[w]);
				last[w] = sa->serial;
				ck_assert(alive[sa->config.id.spi - 1]);
				seen[w][sa->config.id.spi - 1]++;
			}
		}
		spi = (uint32_t)(random_next(&rng) % next);
		if (alive[spi]) {
			delete_sa(spi + 1);
			alive[spi] = false;
			touched[spi] = true;
		}
		if (next < 2 * MANY && random_next(&rng) % 2) {
			(void)add_sa(next + 1);
			alive[next++] = true;
		}
	}
	for (unsigned w = 0; w < WALKS; w++) {
		/* The slow walk was there to the end; each saw all that stood from start to end. */
		for (spi = 0; spi < MANY; spi++)
			ck_assert(touched[spi] ? seen[w][spi] <= 1 : seen[w][spi] == 1);
		sadb_walk_end(&walks[w]);
	}
}
END_TEST

/* The same for policies, of all directions and priorities. */
START_TEST(test_dump_of_ten_thousand_policies_under_change)
{
	static struct policy *p[2 * MANY];
	static uint8_t seen[2 * MANY];
	struct sadb_walk walk;
	uint64_t rng = seed_of_run(0x901c);
	unsigned i, next = MANY;
	const struct policy *last = NULL, *now;

	for (i = 0; i < MANY; i++)
		p[i] = add_policy(i, (unsigned)(random_next(&rng) % 3),
				  (uint32_t)(random_next(&rng) % 500));
	sadb_walk_begin(db, &walk, true);
	while ((now = sadb_walk_policy(&walk)) != NULL) {
		i = now->config.sel.user;
		ck_assert_ptr_eq(p[i], now);
		seen[i]++;
		ck_assert(!last || last->config.dir != now->config.dir ||
			  last->config.priority <= now->config.priority);
		last = now;
		if (random_next(&rng) % 2) {
			i = (unsigned)(random_next(&rng) % next);
			if (p[i])
				ck_assert_int_eq(sadb_policy_delete(db, &p[i]->config), 0);
			p[i] = NULL; /* last is on the shelf, its memory still there */
		}
		if (next < 2 * MANY && random_next(&rng) % 2) {
			p[next] = add_policy(next, (unsigned)(random_next(&rng) % 3),
					     (uint32_t)(random_next(&rng) % 500));
			next++;
		}
	}
	for (i = 0; i < MANY; i++)
		ck_assert(p[i] ? seen[i] == 1 : seen[i] <= 1);
	for (; i < next; i++)
		ck_assert(seen[i] <= 1);
	sadb_walk_end(&walk);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("walk");
	TCase *t = tcase_create("walk");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_empty_database_has_nothing);
	tcase_add_test(t, test_policies_come_by_direction_and_order);
	tcase_add_loop_test(t, test_deletion_next_to_the_place, 0, 5);
	tcase_add_test(t, test_flush_in_the_middle_ends_the_walk);
	tcase_add_test(t, test_update_keeps_the_place);
	tcase_add_test(t, test_dumps_of_ten_thousand_sas_under_change);
	tcase_add_test(t, test_dump_of_ten_thousand_policies_under_change);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
