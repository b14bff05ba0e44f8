/*
 * tests/unit/ike-lite/test_peers.c: peers that have a secret, and want more than it gives: another's place, an address of
 * their own choosing, IKE SAs that nobody ends; and that what was broken off ends.
 */
#include "ike-lite/bytes.h"
#include "tests/unit/ike-lite/inside.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct pair p;
static struct inside in;

static void set_up(void)
{
	pair_init(&p, 1);
	p.side[A].connection.fragmentation = IKE_FRAGMENT_NO;
}

static void tear_down(void)
{
	pair_fini(&p);
}

static void begin(void)
{
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
}

static unsigned all_ike_sas(unsigned side)
{
	struct ike_status s;
	unsigned n = 0;

	while (ike_status_at(p.side[side].ike, p.now, n, &s))
		n++;
	return n;
}

/* Secrets of B, "id id=secret" each. */
static void put_secrets(const char *const text[2])
{
	struct side *b = &p.side[B];

	for (unsigned i = 0; i < 2; i++) {
		char word[128], *at = word, *id;

		(void)snprintf(word, sizeof(word), "%s", text[i]);
		pair_secret(&b->secrets[i], strchr(text[i], '=') + 1);
		*strchr(word, '=') = 0;
		b->secrets[i].id_count = 0;
		while ((id = strtok_r(at, " ", &at)))
			b->secrets[i].ids[b->secrets[i].id_count++] = pair_id(id);
	}
	b->config.secret_count = 2;
}

/* ---- whose secret it is ----------------------------------------------------------------------------------- */

static const struct {
	const char *wanted, *secret; /* A's IDr, NULL: none; A's secret */
	bool up;
} wishes[] = {
	{NULL, "of-a", true},
	{"198.51.100.2", "of-a", true},
	{NULL, "of-m", false},
	{"mallory.example", "of-m", false},
	{"mallory.example", "of-a", false},
	{"198.51.100.2", "of-m", false},
};

START_TEST(test_peers_do_not_choose_our_id)
{
	static const char *const secrets[2] = {"a.example=of-a", "mallory.example=of-m"};

	put_secrets(secrets);
	p.side[B].connection.local_id = (struct ike_id){0};
	p.side[A].connection.remote_id =
		wishes[_i].wanted ? pair_id(wishes[_i].wanted) : (struct ike_id){0};
	pair_secret(&p.side[A].secrets[0], wishes[_i].secret);
	begin();
	pair_run(&p);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), wishes[_i].up);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_UP), wishes[_i].up);
}
END_TEST

/* Of two that fit a.example and b.example the better one is "right". */
static const char *const ranked[][2] = {
	{"b.example *.example=wrong", "a.example=right"},
	{"a.example=right", "b.example *.example=wrong"},
	{"a.example=wrong", "b.example a.example=right"},
	{"*.example=wrong", "b.example a.example=right"},
	{"b.example=wrong", "b.example *.example=right"},
	{"=wrong", "b.example=right"},
	{"c.example=wrong", "=right"},
	{"b.example c.example=wrong", "=right"},
};

START_TEST(test_peers_are_asked_for_their_own_secret)
{
	put_secrets(ranked[_i]);
	pair_secret(&p.side[A].secrets[0], "right");
	begin();
	pair_run(&p);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
}
END_TEST

/* USE_PPK is answered before it is known who it is: by the one connection of two that has a PPK, if not the first. */
START_TEST(test_peers_use_the_ppk_of_their_connection)
{
	struct side *a = &p.side[A], *b = &p.side[B];
	struct ike_connection two[2] = {b->connection, b->connection};
	unsigned with = (unsigned)_i % 2;
	struct ike_status s;

	(void)snprintf(two[0].name, sizeof(two[0].name), "other");
	two[_i < 2 ? 0 : 1].remote_id = pair_id("c.example");
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *side = &p.side[i];

		side->secrets[1].is_ppk = true;
		side->secrets[1].id_count = 1;
		side->secrets[1].ids[0] = pair_id("keyid:ppk-1");
		pair_secret(&side->secrets[1], "post-quantum");
		side->config.secret_count = 2;
	}
	a->connection.ppk_id = two[with].ppk_id = pair_id("keyid:ppk-1");
	b->config.connections = two;
	b->config.connection_count = 2;
	begin();
	pair_run(&p);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
	ck_assert(ike_status_at(b->ike, p.now, 0, &s));
	ck_assert(s.ppk == ((_i < 2 ? 1u : 0u) == with));
}
END_TEST

/* What is half open at B after A began this often, from one address or from many. */
START_TEST(test_peers_of_one_address_have_a_few_half_open)
{
	p.side[B].config.half_open_max = 60;
	p.side[B].config.cookie_threshold = 5;
	p.side[A].connection.local_count = p.side[B].connection.remote_count = 0;
	pair_configure(&p, A);
	pair_configure(&p, B);
	for (unsigned i = 0; i < 40; i++) {
		if (_i)
			p.side[A].addr.bytes[3] = (uint8_t)(i + 1);
		pair_initiate(&p, A, 0);
		pair_deliver(&p);
		/* A cookie, and shown. */
		if (i >= 5) {
			pair_deliver(&p);
			pair_deliver(&p);
		}
		while (p.queued)
			pair_drop(&p);
		(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
		pair_collect(&p, A);
	}
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), _i ? 40 : 16);
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "of one address") == !_i);
}
END_TEST

/* ---- which address it is ------------------------------------------------------------------------------------ */

static const struct {
	const char *asked, *given, *selectors; /* B's pool, and what B says is A's */
	const char *why;		       /* NULL: it is up */
} addresses[] = {
	{"0.0.0.0", "10.3.0.1", "0.0.0.0/0", NULL},
	{"10.3.0.1", "10.3.0.1", "10.3.0.0/24", NULL},
	{"0.0.0.0", "10.3.0.1", "10.4.0.0/16", "leave out the virtual address"},
	{"10.9.9.9", "10.3.0.1", "0.0.0.0/0", "no virtual address that we asked for"},
	{"0.0.0.0", "127.0.0.1", "0.0.0.0/0", "no virtual address that we asked for"},
	{"0.0.0.0", "224.0.0.1", "0.0.0.0/0", "no virtual address that we asked for"},
	{"::", "::1", "::/0", "no virtual address that we asked for"},
	{"::", "ff02::1", "::/0", "no virtual address that we asked for"},
};

START_TEST(test_peers_give_the_address_that_was_asked_for)
{
	struct side *a = &p.side[A], *b = &p.side[B];
	struct ike_child_status s;
	char text[IKE_TS_TEXT_MAX];

	a->connection.vip_count = 1;
	a->connection.vips[0] = pair_addr(addresses[_i].asked);
	a->kids[0].local_ts.count = 0;
	a->kids[0].local_dynamic = true;
	b->connection.pool_count = 1;
	b->connection.pools[0].from = b->connection.pools[0].to = pair_addr(addresses[_i].given);
	b->kids[0].remote_ts.at[0] = pair_ts(addresses[_i].selectors);
	begin();
	pair_run(&p);
	if (addresses[_i].why) {
		ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, addresses[_i].why));
		ck_assert_uint_eq(pair_count(&p, A, true), 0);
		return;
	}
	ck_assert(ike_child_status_at(a->ike, p.now, 0, 0, &s));
	ck_assert_uint_eq(s.local_ts->count, 1);
	ck_assert_str_eq(ike_ts_format(&s.local_ts->at[0], text), "10.3.0.1/32");
}
END_TEST

/* ---- what ends ---------------------------------------------------------------------------------------------- */

START_TEST(test_peers_not_believed_are_forgotten)
{
	p.side[A].connection.remote_id = pair_id("*.elsewhere");
	begin();
	pair_wait(&p, 31000);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "somebody else"));
	ck_assert_uint_eq(all_ike_sas(A), 0);
	ck_assert_uint_eq(all_ike_sas(B), 0);
}
END_TEST

/* unique = never: the one that is up stays, whatever another with its id says. */
START_TEST(test_peers_initial_contact_is_heeded_if_wanted)
{
	p.side[B].connection.initial_contact = _i;
	p.side[A].connection.local_count = p.side[B].connection.remote_count = 0;
	pair_up(&p);
	p.checks_traffic = false;
	(void)snprintf(p.side[A].connection.name, sizeof(p.side[A].connection.name), "again");
	pair_configure(&p, A);
	while (p.queued)
		pair_drop(&p);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "again", NULL, 2), 0);
	pair_collect(&p, A);
	for (unsigned i = 0; i < 8 && p.queued; i++)
		pair_deliver(&p);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_UP), 2);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_DOWN), (unsigned)_i);
}
END_TEST

START_TEST(test_peers_end_is_told_once)
{
	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	pair_wait(&p, 60000);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_DOWN), 1);
	ck_assert_uint_eq(all_ike_sas(B), 0);
}
END_TEST

static void rekey(unsigned side, const char *child)
{
	(void)ike_rekey(p.side[side].ike, p.now, "net", child);
	pair_collect(&p, side);
}

/* The successor goes before it came into use: the clock of that use stops. */
START_TEST(test_peers_delete_before_the_switch)
{
	static const bool lost[SIDES] = {true, true};

	p.side[A].config.retransmit_tries = p.side[B].config.retransmit_tries = 9;
	pair_up(&p);
	p.checks_traffic = false;
	rekey(A, "lan");
	pair_expect(&p, A, IKE_CREATE_CHILD_SA, false);
	pair_expect(&p, B, IKE_CREATE_CHILD_SA, true);
	pair_until_queued(&p, 1);
	pair_drop(&p); /* A's delete */
	(void)ike_terminate(p.side[B].ike, p.now, "net", "lan", 2);
	pair_collect(&p, B);
	pair_wait_losing(&p, 200000, lost);
	pair_wait(&p, 600000);
	ck_assert_uint_eq(pair_children(&p, A), 0);
	ck_assert_uint_eq(pair_children(&p, B), 0);
}
END_TEST

/* B says that it rekeys the IKE SA, twice, while A does too: §2.25.2 knows of one. */
START_TEST(test_peers_make_one_successor)
{
	static const bool lost[SIDES] = {true, true};
	uint32_t len;
	uint8_t *n;

	pair_up(&p);
	p.checks_traffic = false;
	rekey(A, NULL);
	pair_drop(&p);
	rekey(B, NULL);
	ck_assert(inside_open(&p, &p.queue[0], &in));
	pair_repeat(&p);
	ck_assert_uint_eq(p.queued, 2);
	pair_drop_at(&p, 1);
	in.header.id++;
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	ck_assert(inside_open(&p, &p.queue[0], &in));
	n = inside_find(&in, IKE_NOTIFY, &len);
	ck_assert(n && load_u16(n + 2) == IKE_N_TEMPORARY_FAILURE);
	/* And what it made ends with what it was made of. */
	pair_drop(&p);
	pair_wait_losing(&p, 400000, lost);
	ck_assert_uint_eq(all_ike_sas(A), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike peers");
	TCase *tc = tcase_create("peers");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_peers_do_not_choose_our_id, 0, (int)ARRAY_LEN(wishes));
	tcase_add_loop_test(tc, test_peers_are_asked_for_their_own_secret, 0,
			    (int)ARRAY_LEN(ranked));
	tcase_add_loop_test(tc, test_peers_use_the_ppk_of_their_connection, 0, 4);
	tcase_add_loop_test(tc, test_peers_of_one_address_have_a_few_half_open, 0, 2);
	tcase_add_loop_test(tc, test_peers_initial_contact_is_heeded_if_wanted, 0, 2);
	tcase_add_loop_test(tc, test_peers_give_the_address_that_was_asked_for, 0,
			    (int)ARRAY_LEN(addresses));
	tcase_add_test(tc, test_peers_not_believed_are_forgotten);
	tcase_add_test(tc, test_peers_end_is_told_once);
	tcase_add_test(tc, test_peers_delete_before_the_switch);
	tcase_add_test(tc, test_peers_make_one_successor);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
