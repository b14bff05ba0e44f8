/*
 * test_spd.c: the SPD keeps XFRM's contract: identities, indexes, order, replacement; the flow cache
 * says what the SPD says; and RFC 4301 §5.2 step 4 is asked in its order.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

static struct shelf shelf;
static struct sadb *db;
static struct spd_cache *cache;
static struct ip_view packet;

static void setup(void)
{
	db = sadb_new(shelf_retire(&shelf));
	cache = spd_cache_new();
	ck_assert(db && cache);
	packet = view_of("10.1.0.1", "10.2.0.1", IPPROTO_TCP, 1000, 80);
}

static void teardown(void)
{
	spd_cache_free(cache);
	sadb_free(db);
	shelf_empty(&shelf);
}

static struct selector nets(unsigned i)
{
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);

	sel.user = i; /* another identity, the same packets */
	return sel;
}

static struct policy *add(unsigned i, enum policy_dir dir, uint32_t priority)
{
	const struct selector sel = nets(i);
	const struct policy_config c = plain_of(&sel, dir, POLICY_BYPASS, priority);

	return policy_added(db, &c);
}

/* Both ways of asking, the cached one twice: a miss and a hit. */
static struct policy *lookup(enum policy_dir dir)
{
	struct policy *p = spd_lookup(db, dir, &packet);

	ck_assert_ptr_eq(spd_lookup_cached(db, cache, dir, &packet), p);
	ck_assert_ptr_eq(spd_lookup_cached(db, cache, dir, &packet), p);
	return p;
}

START_TEST(test_lowest_priority_wins_then_age)
{
	struct policy *p100 = add(0, POLICY_OUT, 100), *p50, *later;

	ck_assert_ptr_eq(lookup(POLICY_OUT), p100);
	p50 = add(1, POLICY_OUT, 50);
	ck_assert_ptr_eq(lookup(POLICY_OUT), p50);
	later = add(2, POLICY_OUT, 50);
	ck_assert_ptr_eq(lookup(POLICY_OUT), p50);
	ck_assert_int_eq(sadb_policy_delete(db, &p50->config), 0);
	ck_assert_ptr_eq(lookup(POLICY_OUT), later);
	(void)add(3, POLICY_OUT, UINT32_MAX);
	(void)add(4, POLICY_OUT, 0);
	ck_assert_uint_eq(lookup(POLICY_OUT)->config.priority, 0);
}
END_TEST

START_TEST(test_directions_are_apart)
{
	struct policy *in = add(0, POLICY_IN, 1), *fwd;

	ck_assert_ptr_eq(lookup(POLICY_IN), in);
	ck_assert_ptr_null(lookup(POLICY_FWD));
	ck_assert_ptr_null(lookup(POLICY_OUT));
	fwd = add(0, POLICY_FWD, 1); /* the same selector is another policy */
	ck_assert_ptr_eq(lookup(POLICY_FWD), fwd);
	ck_assert_uint_eq(sadb_policy_count(db, POLICY_IN), 1);
	ck_assert_uint_eq(sadb_policy_count(db, POLICY_OUT), 0);
	ck_assert_uint_eq(sadb_policy_count(db, POLICY_FWD), 1);
}
END_TEST

START_TEST(test_add_refuses_a_duplicate)
{
	struct policy *p = add(0, POLICY_OUT, 100), *other = (struct policy *)&shelf;
	struct policy_config c = p->config;

	c.index = 0;
	c.priority = 7;
	ck_assert_int_eq(sadb_policy_add(db, &c, false, 1, &other), -EEXIST);
	ck_assert_ptr_eq(other, (struct policy *)&shelf);
	c.mark = (struct xfrm_mark_value){1, 0xff}; /* part of the identity */
	ck_assert_int_eq(sadb_policy_add(db, &c, false, 1, &other), 0);
	/* And no packet has that mark, though its priority is better. */
	ck_assert_ptr_eq(lookup(POLICY_OUT), p);
}
END_TEST

START_TEST(test_replace_is_a_new_insertion_with_the_old_index)
{
	struct policy *a = add(0, POLICY_OUT, 100), *b = add(1, POLICY_OUT, 100), *a2;
	struct policy_config c = a->config;
	const uint32_t index = a->config.index;

	ck_assert_ptr_eq(lookup(POLICY_OUT), a);
	c.action = POLICY_DISCARD;
	c.index = 0;
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 2000, &a2), 0);
	ck_assert_ptr_eq(lookup(POLICY_OUT), b); /* older now */
	ck_assert_uint_eq(a2->config.index, index);
	ck_assert_uint_eq(a2->add_time, 2000);
	ck_assert(shelf_has(&shelf, a));
	ck_assert_uint_eq(sadb_policy_count(db, POLICY_OUT), 2);
	ck_assert_ptr_eq(sadb_policy_find(db, &a2->config), a2);
	c.priority = 1;
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 2000, &a2), 0);
	ck_assert_ptr_eq(lookup(POLICY_OUT), a2);
	/* What is not there is created. */
	c.sel.user = 99;
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 2000, &a2), 0);
	ck_assert_uint_eq(sadb_policy_count(db, POLICY_OUT), 3);
	ck_assert_uint_ne(a2->config.index, index);
}
END_TEST

START_TEST(test_indexes_are_small_unique_and_say_the_direction)
{
	struct policy *p;
	uint32_t seen[30];

	for (unsigned i = 0; i < 30; i++) {
		p = add(i, i % 3, 100);
		seen[i] = p->config.index;
		ck_assert_uint_ne(seen[i], 0);
		ck_assert_uint_eq(seen[i] & 7, i % 3);
		ck_assert_uint_lt(seen[i], 256); /* 30 of them, in steps of 8 */
		for (unsigned j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
	}
}
END_TEST

static const struct {
	uint32_t index;
	uint8_t dir, action;
	int result;
} index_cases[] = {
	{8 * 100 + POLICY_OUT, POLICY_OUT, POLICY_BYPASS, 0},
	{8 * 100 + POLICY_IN, POLICY_OUT, POLICY_BYPASS, -EINVAL}, /* says another direction */
	{8 * 100 + 7, POLICY_OUT, POLICY_BYPASS, -EINVAL},
	{8 * 50 + POLICY_OUT, POLICY_OUT, POLICY_BYPASS, 0}, /* taken: another */
	{8 * 50 + POLICY_IN, POLICY_IN, POLICY_BYPASS, 0},   /* not taken there */
	{0, POLICY_DIRS, POLICY_BYPASS, -EINVAL},
	{0, POLICY_OUT, POLICY_DISCARD + 1, -EINVAL},
	{UINT32_MAX - 7 + POLICY_FWD, POLICY_FWD, POLICY_BYPASS, 0},
};

START_TEST(test_given_index_must_fit)
{
	const struct selector first = nets(0), second = nets(1);
	struct policy_config c = plain_of(&first, POLICY_OUT, POLICY_BYPASS, 1);
	struct policy *p, *q = NULL;

	c.index = 8 * 50 + POLICY_OUT;
	p = policy_added(db, &c);
	ck_assert_uint_eq(p->config.index, 8 * 50 + POLICY_OUT);
	c.sel = second;
	c.dir = index_cases[_i].dir;
	c.action = index_cases[_i].action;
	c.index = index_cases[_i].index;
	ck_assert_int_eq(sadb_policy_add(db, &c, false, 1, &q), index_cases[_i].result);
	ck_assert((q != NULL) == (index_cases[_i].result == 0));
	if (q && index_cases[_i].index != p->config.index)
		ck_assert_uint_eq(q->config.index, index_cases[_i].index);
	if (q)
		ck_assert_uint_ne(q->config.index, p->config.index);
}
END_TEST

/* The generator passes by what a manager took. */
START_TEST(test_generated_index_skips_taken_ones)
{
	struct selector sel;
	struct policy_config c;
	struct policy *p;

	for (unsigned i = 0; i < 5; i++) {
		sel = nets(i);
		c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, 1);
		c.index = 8 * i + POLICY_OUT;
		(void)policy_added(db, &c);
	}
	p = add(9, POLICY_OUT, 1);
	ck_assert_uint_eq(p->config.index, 8 * 5 + POLICY_OUT);
}
END_TEST

START_TEST(test_find_and_delete_by_index_or_selector)
{
	struct policy *p = add(0, POLICY_OUT, 100), *q = add(1, POLICY_OUT, 100);
	struct policy_config by_index = {.index = p->config.index, .dir = POLICY_OUT};
	struct policy_config by_selector = {.sel = q->config.sel, .dir = POLICY_OUT};

	ck_assert_ptr_eq(sadb_policy_find(db, &by_index), p);
	by_index.dir = POLICY_IN; /* the kernel looks in that direction only */
	ck_assert_ptr_null(sadb_policy_find(db, &by_index));
	by_index.dir = POLICY_OUT;
	by_index.mark = (struct xfrm_mark_value){1, 1};
	ck_assert_ptr_null(sadb_policy_find(db, &by_index));
	by_index.mark = (struct xfrm_mark_value){0, 0};
	ck_assert_ptr_eq(sadb_policy_find(db, &by_selector), q);
	by_selector.dir = POLICY_FWD;
	ck_assert_int_eq(sadb_policy_delete(db, &by_selector), -ENOENT);
	by_selector.dir = POLICY_OUT;
	ck_assert_int_eq(sadb_policy_delete(db, &by_selector), 0);
	ck_assert_int_eq(sadb_policy_delete(db, &by_selector), -ENOENT);
	ck_assert_int_eq(sadb_policy_delete(db, &by_index), 0);
	ck_assert_int_eq(sadb_policy_delete(db, &by_index), -ENOENT);
	ck_assert_ptr_null(lookup(POLICY_OUT));
	ck_assert(shelf_has(&shelf, p) && shelf_has(&shelf, q));
}
END_TEST

START_TEST(test_flush_empties_and_goes_on)
{
	for (unsigned i = 0; i < 20; i++)
		(void)add(i, i % 3, i);
	ck_assert_ptr_nonnull(lookup(POLICY_OUT));
	ck_assert_uint_eq(sadb_policy_flush(db), 20);
	for (enum policy_dir dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		ck_assert_ptr_null(lookup(dir));
		ck_assert_uint_eq(sadb_policy_count(db, dir), 0);
	}
	ck_assert_uint_eq(sadb_policy_flush(db), 0);
	ck_assert_ptr_eq(lookup(POLICY_OUT), NULL);
	ck_assert_ptr_eq(add(0, POLICY_OUT, 3), lookup(POLICY_OUT));
}
END_TEST

/* Everything selector_matches looks at is in the cache's key: packets that differ in one of them
 * get their own answers. */
START_TEST(test_cache_minds_each_part_of_the_flow)
{
	struct ip_view v[8];
	struct policy *p;
	struct selector sel = nets(0);
	struct policy_config c;

	sel.proto = IPPROTO_TCP;
	sel.sport = 1000;
	sel.dport = 80;
	sel.sport_mask = sel.dport_mask = 0xffff;
	c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, 1);
	p = policy_added(db, &c);
	/* Both directions have changed as often: that does not tell their entries apart. */
	c.dir = POLICY_IN;
	c.sel.dport++;
	(void)policy_added(db, &c);
	for (unsigned i = 0; i < 8; i++)
		v[i] = packet;
	v[1].src = addr_of("10.9.0.1");
	v[2].dst = addr_of("10.9.0.1");
	v[3].proto = IPPROTO_UDP;
	v[4].sport++;
	v[5].dport++;
	v[6].has_ports = false;
	v[7].src = addr_of("a01:1::"); /* the bytes of 10.1.0.1 and 10.2.0.1, as IPv6 */
	v[7].dst = addr_of("a02:1::");
	v[7].version = 6;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 8; i++)
			ck_assert_msg(spd_lookup_cached(db, cache, POLICY_OUT, &v[i]) ==
					      (i == 0 ? p : NULL),
				      "packet %u", i);
		ck_assert_ptr_null(spd_lookup_cached(db, cache, POLICY_IN, &packet));
	}
}
END_TEST

/* CPU time of so many answers to one flow, the best of some tries, behind so many policies. */
static double seen_flow_s(unsigned policies)
{
	enum { TRIES = 5, ROUNDS = 20000 };
	struct selector sel = selector_of("172.16.0.0/16", "172.17.0.0/16", 0);
	struct timespec from, to;
	double best = 1e9, s;

	for (unsigned i = 0; i < policies; i++) {
		struct policy_config c;

		sel.user = i;
		c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, 1);
		(void)policy_added(db, &c);
	}
	ck_assert_ptr_nonnull(add(0, POLICY_OUT, 2)); /* asked last */
	for (unsigned k = 0; k < TRIES; k++) {
		ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
		for (unsigned i = 0; i < ROUNDS; i++)
			if (!spd_lookup_cached(db, cache, POLICY_OUT, &packet))
				ck_abort();
		ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
		s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
		best = s < best ? s : best;
	}
	(void)sadb_policy_flush(db);
	return best;
}

/* bench_lookup has the exact figure; here a look at each policy, a hundred times as long, is told
 * from a memory on any machine. */
START_TEST(test_seen_flow_is_not_looked_up_again)
{
	const double few = seen_flow_s(10), many = seen_flow_s(1000);

	ck_assert_msg(many < 5 * few, "10 policies: %.6f s, 1000: %.6f s", few, many);
}
END_TEST

static const struct {
	const char *what;
	const char *sa_selector_dst; /* NULL: the SA says nothing */
	uint32_t reqid;
	enum verdict verdict;
	uint8_t action;
	bool has_policy, optional;
} permit_cases[] = {
	{"asked for", NULL, 7, V_OK, POLICY_PROTECT, true, false},
	{"another reqid", NULL, 8, V_IN_TEMPLATE, POLICY_PROTECT, true, false},
	{"any reqid", NULL, 0, V_OK, POLICY_PROTECT, true, false},
	{"optional is strict too", NULL, 8, V_IN_TEMPLATE, POLICY_PROTECT, true, true},
	{"bypass is content with any", NULL, 0, V_OK, POLICY_BYPASS, true, false},
	{"discard", NULL, 0, V_IN_DISCARD, POLICY_DISCARD, true, false},
	{"no policy", NULL, 0, V_NO_IN_POLICY, 0, false, false},
	{"inside the SA's selector", "10.2.0.0/16", 7, V_OK, POLICY_PROTECT, true, false},
	{"outside the SA's selector", "10.3.0.0/16", 7, V_SELECTOR, POLICY_PROTECT, true, false},
	{"the selector comes first", "10.3.0.0/16", 0, V_SELECTOR, 0, false, false},
	{"and before a discard", "10.3.0.0/16", 0, V_SELECTOR, POLICY_DISCARD, true, false},
};

START_TEST(test_permits_by_table)
{
	struct sa_config c = sa_config_of("192.0.2.2", "192.0.2.1", 0x1000, 7);
	const struct selector sel = nets(0);
	struct policy_config pc = protect_of(&sel, "192.0.2.2", "192.0.2.1", 0);
	const struct policy *p = NULL;

	if (permit_cases[_i].sa_selector_dst)
		c.sel = selector_of("10.1.0.0/16", permit_cases[_i].sa_selector_dst, 0);
	pc.dir = POLICY_IN;
	pc.action = permit_cases[_i].action;
	pc.tmpl.reqid = permit_cases[_i].reqid;
	pc.tmpl.optional = permit_cases[_i].optional;
	if (permit_cases[_i].has_policy)
		p = policy_added(db, &pc);
	ck_assert_msg(spd_permits(p, sa_added(db, &c), &packet) == permit_cases[_i].verdict, "%s",
		      permit_cases[_i].what);
}
END_TEST

START_TEST(test_template_minds_each_field)
{
	const struct sa_config sa = sa_config_of("192.0.2.2", "192.0.2.1", 0x1000, 7);
	const struct policy_template exact = {
		.src = sa.src,
		.dst = sa.id.dst,
		.spi = 0x1000,
		.reqid = 7,
		.proto = IPPROTO_ESP,
		.mode = XFRM_MODE_TUNNEL,
	};
	struct policy_template wrong[6];

	ck_assert(template_accepts(&exact, &sa));
	for (unsigned i = 0; i < 6; i++)
		wrong[i] = exact;
	wrong[0].src = addr_of("192.0.2.3");
	wrong[1].dst = addr_of("192.0.2.3");
	wrong[2].spi = 0x1001;
	wrong[3].reqid = 8;
	wrong[4].proto = IPPROTO_AH;
	wrong[5].mode = XFRM_MODE_TRANSPORT;
	for (unsigned i = 0; i < 6; i++)
		ck_assert_msg(!template_accepts(&wrong[i], &sa), "field %u", i);
	wrong[0].src = addr_of("0.0.0.0");
	wrong[1].dst = (struct ip_addr){.family = AF_UNSPEC};
	wrong[2].spi = 0;
	wrong[3].reqid = 0;
	for (unsigned i = 0; i < 4; i++)
		ck_assert_msg(template_accepts(&wrong[i], &sa), "open field %u", i);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
	Suite *s = suite_create("spd");
	TCase *t = tcase_create("spd");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_lowest_priority_wins_then_age);
	tcase_add_test(t, test_directions_are_apart);
	tcase_add_test(t, test_add_refuses_a_duplicate);
	tcase_add_test(t, test_replace_is_a_new_insertion_with_the_old_index);
	tcase_add_test(t, test_indexes_are_small_unique_and_say_the_direction);
	tcase_add_loop_test(t, test_given_index_must_fit, 0, COUNT(index_cases));
	tcase_add_test(t, test_generated_index_skips_taken_ones);
	tcase_add_test(t, test_find_and_delete_by_index_or_selector);
	tcase_add_test(t, test_flush_empties_and_goes_on);
	tcase_add_test(t, test_cache_minds_each_part_of_the_flow);
	tcase_add_test(t, test_seen_flow_is_not_looked_up_again);
	tcase_add_loop_test(t, test_permits_by_table, 0, COUNT(permit_cases));
	tcase_add_test(t, test_template_minds_each_field);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
