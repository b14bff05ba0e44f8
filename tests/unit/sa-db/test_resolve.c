/*
 * test_resolve.c: an outbound protect policy always points to the newest SA that its template asks
 * for and that has an outbound end, whatever comes, goes and changes. A naive search says what that
 * is; and ten thousand of each are loaded in a time that only an index allows.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static struct sa *sa_of(struct policy *p)
{
	return atomic_load(&p->sa);
}

static struct policy *add_policy(unsigned i, uint32_t reqid)
{
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct policy_config c;

	sel.user = i;
	c = protect_of(&sel, "192.0.2.1", "192.0.2.2", reqid);
	return policy_added(db, &c);
}

static struct sa *add_sa(uint32_t spi, uint32_t reqid, unsigned directions)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", spi, reqid);
	const struct sa_grant grant = grant_of(directions);
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1, &sa), 0);
	return sa;
}

static void delete_sa(uint32_t spi)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", spi, 0);

	ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
}

START_TEST(test_either_may_come_first)
{
	struct policy *before = add_policy(0, 7), *after;
	struct sa *sa;

	ck_assert_ptr_null(sa_of(before));
	sa = add_sa(1, 7, SA_OUT);
	ck_assert_ptr_eq(sa_of(before), sa);
	after = add_policy(1, 7);
	ck_assert_ptr_eq(sa_of(after), sa);
	ck_assert_ptr_eq(sa_of(add_policy(2, 0)), sa); /* any reqid */
	ck_assert_ptr_null(sa_of(add_policy(3, 8)));
}
END_TEST

/* Rekeying without an SPI in the template: add the new, delete the old. */
START_TEST(test_newest_wins_and_the_older_is_fallen_back_to)
{
	struct policy *p = add_policy(0, 7), *any = add_policy(1, 0);
	struct sa *first = add_sa(1, 7, SA_OUT), *second = add_sa(2, 7, SA_OUT), *other;

	ck_assert_ptr_eq(sa_of(p), second);
	other = add_sa(3, 0, SA_OUT);
	ck_assert_ptr_eq(sa_of(p), second);
	ck_assert_ptr_eq(sa_of(any), other);
	delete_sa(2);
	ck_assert_ptr_eq(sa_of(p), first);
	ck_assert_ptr_eq(sa_of(any), other);
	delete_sa(3);
	ck_assert_ptr_eq(sa_of(any), first);
	delete_sa(1);
	ck_assert_ptr_null(sa_of(p));
	ck_assert_ptr_null(sa_of(any));
}
END_TEST

/* charon at rekey: the new SA is there, UPDPOLICY names its SPI. */
START_TEST(test_spi_in_the_template_is_obeyed)
{
	struct policy *p;
	struct policy_config c;
	struct sa *old = add_sa(1, 7, SA_OUT), *newest = add_sa(2, 7, SA_OUT);

	p = add_policy(0, 7);
	ck_assert_ptr_eq(sa_of(p), newest);
	c = p->config;
	c.tmpl.spi = 1;
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 2, &p), 0);
	ck_assert_ptr_eq(sa_of(p), old);
	delete_sa(1);
	ck_assert_ptr_null(sa_of(p));
	c.tmpl.spi = 2;
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 2, &p), 0);
	ck_assert_ptr_eq(sa_of(p), newest);
}
END_TEST

START_TEST(test_only_outbound_ends_and_outbound_protect_policies)
{
	struct policy *p = add_policy(0, 7), *in;
	struct policy_config c = p->config;
	struct sa *sa = add_sa(1, 7, SA_IN), *both;
	struct policy *bypass;

	ck_assert_ptr_null(sa_of(p));
	c.dir = POLICY_IN;
	c.index = 0;
	in = policy_added(db, &c);
	c.dir = POLICY_OUT;
	c.action = POLICY_BYPASS;
	c.sel.user = 9;
	bypass = policy_added(db, &c);
	both = add_sa(2, 7, SA_IN | SA_OUT);
	ck_assert_ptr_eq(sa_of(p), both);
	ck_assert_ptr_null(sa_of(in));
	ck_assert_ptr_null(sa_of(bypass));
	ck_assert_ptr_ne(sa, both);
}
END_TEST

/* This host's address comes and goes: an SA gains and loses its outbound end. */
START_TEST(test_directions_decide_who_may_be_used)
{
	struct policy *p = add_policy(0, 7);
	struct sa *older = add_sa(1, 7, SA_IN), *newer = add_sa(2, 7, SA_OUT), *v;
	const struct sa_grant out = grant_of(SA_OUT), in = grant_of(SA_IN);

	ck_assert_int_eq(sadb_sa_set_directions(db, older, &out, &older), 0);
	ck_assert_ptr_eq(sa_of(p), newer); /* an older one does not push a newer one out */
	ck_assert_int_eq(sadb_sa_set_directions(db, newer, &in, &v), 0);
	ck_assert_ptr_eq(sa_of(p), older);
	ck_assert_int_eq(sadb_sa_set_directions(db, v, &out, &v), 0);
	ck_assert_ptr_eq(sa_of(p), v);
	ck_assert_int_eq(sadb_sa_update(db, &v->config, &v), 0);
	ck_assert_ptr_eq(sa_of(p), v);
}
END_TEST

START_TEST(test_flush_leaves_nothing_to_point_to)
{
	struct policy *p = add_policy(0, 7), *any = add_policy(1, 0);

	for (uint32_t spi = 1; spi <= 100; spi++)
		(void)add_sa(spi, spi % 2 ? 7 : 8, SA_OUT);
	ck_assert_uint_eq(sa_of(any)->config.id.spi, 100);
	ck_assert_uint_eq(sa_of(p)->config.id.spi, 99);
	ck_assert_uint_eq(sadb_sa_flush(db, 0), 100);
	ck_assert_ptr_null(sa_of(p));
	ck_assert_ptr_null(sa_of(any));
}
END_TEST

/* The naive answer: all SAs by age, the last that fits. */
static struct sa *naive(const struct policy *p)
{
	struct sadb_walk walk;
	struct sa *sa, *best = NULL;

	sadb_walk_begin(db, &walk, false);
	while ((sa = sadb_walk_sa(&walk)) != NULL) {
		if (sa->out && template_accepts(&p->config.tmpl, &sa->config))
			best = sa;
	}
	sadb_walk_end(&walk);
	return best;
}

static void check_all_policies(void)
{
	struct sadb_walk walk;
	struct policy *p;

	sadb_walk_begin(db, &walk, true);
	while ((p = sadb_walk_policy(&walk)) != NULL)
		ck_assert_ptr_eq(sa_of(p), naive(p));
	sadb_walk_end(&walk);
}

static void random_policy(uint64_t *rng)
{
	static const char *const far[] = {"192.0.2.2", "192.0.2.3"};
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct policy_config c;
	struct policy *p;

	sel.user = (uint32_t)(random_next(rng) % 12);
	c = protect_of(&sel, "192.0.2.1", far[random_next(rng) % 2],
		       (uint32_t)(random_next(rng) % 3));
	if (random_next(rng) % 5 == 0)
		c.tmpl.spi = (uint32_t)(random_next(rng) % 16 + 1);
	if (random_next(rng) % 4 == 0)
		(void)sadb_policy_delete(db, &c); /* may not be there */
	else
		ck_assert_int_eq(sadb_policy_add(db, &c, true, 1, &p), 0);
}

static void random_sa(uint64_t *rng)
{
	static const char *const far[] = {"192.0.2.2", "192.0.2.3"};
	struct sa_config c = sa_config_of("192.0.2.1", far[random_next(rng) % 2],
					  (uint32_t)(random_next(rng) % 16 + 1),
					  (uint32_t)(random_next(rng) % 3));
	const struct sa_grant grant = grant_of((unsigned)(random_next(rng) % 4));
	struct sa *sa = sadb_sa_find(db, &c.id, &no_mark);

	if (!sa)
		ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1, &sa), 0);
	else if (random_next(rng) % 3 == 0)
		ck_assert_int_eq(sadb_sa_set_directions(db, sa, &grant, &sa), 0);
	else if (random_next(rng) % 2 == 0)
		ck_assert_int_eq(sadb_sa_update(db, &c, &sa), 0);
	else
		ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
}

START_TEST(test_random_changes_agree_with_a_naive_search)
{
	uint64_t rng = seed_of_run(0x5e501);

	for (unsigned step = 0; step < 4000; step++) {
		if (random_next(&rng) % 2)
			random_policy(&rng);
		else
			random_sa(&rng);
		check_all_policies();
		if (step % 100 == 0)
			shelf_empty(&shelf);
	}
}
END_TEST

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* 10,000 tunnels, and 10,000 reqids of one tunnel (many children of one IKE SA): loaded SAs first
 * or policies first, and taken down again. Quadratic work would be 10^8 steps a phase. */
START_TEST(test_ten_thousand_load_in_seconds)
{
	enum { MANY = 10000 };
	const bool one_tunnel = _i & 1, policies_first = _i & 2;
	const double start = seconds();
	char far[32] = "192.0.2.2", net[32];
	struct sa_config sc;
	struct selector sel;
	struct policy_config pc;
	const struct sa_grant grant = grant_of(SA_OUT);
	struct sa *sa;
	struct sadb_walk walk;
	struct policy *p;
	unsigned tied = 0;

	for (unsigned phase = 0; phase < 2; phase++) {
		for (unsigned i = 0; i < MANY; i++) {
			if (!one_tunnel)
				snprintf(far, sizeof(far), "198.51.%u.%u", i >> 8, i & 255);
			snprintf(net, sizeof(net), "10.%u.%u.0/24", i >> 8, i & 255);
			if ((phase == 0) == policies_first) {
				sel = selector_of("172.16.0.0/16", net, 0);
				pc = protect_of(&sel, "192.0.2.1", far, i + 1);
				(void)policy_added(db, &pc);
			} else {
				sc = sa_config_of("192.0.2.1", far, i + 1, i + 1);
				ck_assert_int_eq(sadb_sa_add(db, &sc, &grant, 1, &sa), 0);
			}
		}
	}
	sadb_walk_begin(db, &walk, true);
	while ((p = sadb_walk_policy(&walk)) != NULL)
		tied += sa_of(p) && sa_of(p)->config.reqid == p->config.tmpl.reqid;
	sadb_walk_end(&walk);
	ck_assert_uint_eq(tied, MANY);
	ck_assert_uint_eq(sadb_sa_flush(db, 0), MANY);
	ck_assert_uint_eq(sadb_policy_flush(db), MANY);
	printf("%s, %s first: %.2f s\n", one_tunnel ? "one tunnel" : "10,000 tunnels",
	       policies_first ? "policies" : "SAs", seconds() - start);
#ifndef CYGNET_SANITIZED
	ck_assert_msg(seconds() - start < 5, "%.2f s", seconds() - start);
#endif
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolve");
	TCase *t = tcase_create("resolve");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_either_may_come_first);
	tcase_add_test(t, test_newest_wins_and_the_older_is_fallen_back_to);
	tcase_add_test(t, test_spi_in_the_template_is_obeyed);
	tcase_add_test(t, test_only_outbound_ends_and_outbound_protect_policies);
	tcase_add_test(t, test_directions_decide_who_may_be_used);
	tcase_add_test(t, test_flush_leaves_nothing_to_point_to);
	tcase_add_test(t, test_random_changes_agree_with_a_naive_search);
	tcase_add_loop_test(t, test_ten_thousand_load_in_seconds, 0, 4);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
