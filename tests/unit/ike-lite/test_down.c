/*
 * tests/unit/ike-lite/test_down.c: what a person takes down: that it goes in whatever state it is, that who asked is
 * answered, and that it stays down until somebody wants it.
 */
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/pair.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct pair p;

static void set_up(void)
{
	pair_init(&p, 1);
}

static void tear_down(void)
{
	pair_fini(&p);
}

static void down(const char *child, uint32_t request)
{
	ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", child, request), 0);
	pair_collect(&p, A);
}

static void check_children(unsigned count)
{
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_children(&p, i), count);
		ck_assert_uint_eq(pair_count(&p, i, true), count);
		ck_assert_uint_eq(pair_count(&p, i, false), count);
	}
	ck_assert(count == 0 || pair_traffic_flows(&p));
}

/* What a name does that gets one more address. */
static void add_remote_address(void)
{
	struct ike_connection *c = &p.side[A].connection;

	c->remote[c->remote_count++] = (struct ip_prefix){pair_addr("192.0.2.99"), 32};
	pair_configure(&p, A);
}

/* ---- it stays down ---------------------------------------------------------------------------------------------- */

static const char *const what[] = {NULL, "lan"};

static void start_and_take_down(const char *child)
{
	p.side[A].kids[0].start_action = IKE_START_START;
	pair_configure(&p, B);
	pair_configure(&p, A);
	pair_run(&p);
	check_children(1);
	p.checks_traffic = false;
	down(child, 0);
	pair_run(&p);
	check_children(0);
}

/* Neither the same file nor a name's other address are reasons. */
START_TEST(test_down_stays_down)
{
	start_and_take_down(what[_i]);
	pair_configure(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	add_remote_address();
	pair_wait(&p, 3600000);
	check_children(0);
	add_remote_address();
	pair_wait(&p, 3600000);
	check_children(0);
	pair_initiate(&p, A, 0);
	pair_run(&p);
	check_children(1);
}
END_TEST

/* A person who changes it wants it as the file says. */
START_TEST(test_down_ends_with_a_change)
{
	start_and_take_down(what[_i]);
	p.side[A].kids[0].rekey_time_s = 1234;
	pair_configure(&p, A);
	pair_run(&p);
	check_children(1);
	down(what[_i], 0);
	pair_run(&p);
	check_children(0);
	p.side[A].connection.dpd_delay_s = 77;
	pair_configure(&p, A);
	pair_run(&p);
	check_children(1);
}
END_TEST

/* Up again by the peer: from then on it is like any other. */
START_TEST(test_down_ends_by_the_peer)
{
	start_and_take_down(what[_i]);
	pair_initiate(&p, B, 0);
	pair_run(&p);
	check_children(1);
	add_remote_address();
	pair_wait(&p, 10000);
	check_children(1);
}
END_TEST

/* The peer's end of another child, whose close_action wants all, is none either. */
START_TEST(test_down_is_no_close)
{
	p.side[A].kids[0].close_action = IKE_START_START;
	pair_second_kid(&p);
	pair_up(&p);
	check_children(2);
	p.checks_traffic = false;
	down("other", 0);
	pair_run(&p);
	check_children(1);
	ck_assert_int_eq(ike_terminate(p.side[B].ike, p.now, "net", NULL, 0), 0);
	pair_collect(&p, B);
	pair_wait(&p, 10000);
	check_children(1);
}
END_TEST

/* What ended by itself is not started by a file that says nothing new. */
START_TEST(test_down_by_the_peer_stays_down)
{
	p.side[A].kids[0].start_action = IKE_START_START;
	pair_configure(&p, B);
	pair_configure(&p, A);
	pair_run(&p);
	ck_assert_int_eq(ike_terminate(p.side[B].ike, p.now, "net", NULL, 0), 0);
	pair_collect(&p, B);
	pair_run(&p);
	check_children(0);
	pair_configure(&p, A);
	pair_run(&p);
	check_children(0);
}
END_TEST

/* ---- on its way ------------------------------------------------------------------------------------------------- */

enum { WAITING, INIT_SENT, AUTH_SENT, ASKED, QUEUED, STATES };

/* Brings "other" on its way, and "lan" up before in those states where there is an IKE SA. */
static void bring_to(unsigned state)
{
	static const bool both_lost[SIDES] = {true, true};

	p.side[A].connection.keyingtries = 0;
	p.side[A].kids[1].start_action = IKE_START_START;
	p.side[A].connection.child_count = state >= ASKED ? 1 : 2;
	pair_configure(&p, B);
	if (state >= ASKED) {
		pair_configure(&p, A);
		pair_initiate(&p, A, 0);
		pair_run(&p);
		p.side[A].connection.child_count = 2;
	}
	if (state == QUEUED)
		ck_assert_int_eq(ike_rekey(p.side[A].ike, p.now, "net", NULL), 0);
	pair_configure(&p, A);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", "other", 1), 0);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 1);
	while (state == WAITING && pair_ike_sas(&p, A, IKE_STATE_WAITING) == 0)
		pair_wait_losing(&p, 1000, both_lost);
	if (state == AUTH_SENT) {
		pair_expect(&p, A, IKE_SA_INIT, false);
		pair_expect(&p, B, IKE_SA_INIT, true);
	}
}

static unsigned answers(uint32_t request, enum ike_event_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p.side[A].event_count; i++)
		n += p.side[A].events[i].request == request && p.side[A].events[i].kind == kind;
	return n;
}

/* Who wanted it hears that it failed, who took it down that it is; and it does not come. */
START_TEST(test_down_on_its_way)
{
	pair_second_kid(&p);
	bring_to((unsigned)_i);
	down("other", 2);
	ck_assert_uint_eq(answers(2, IKE_EV_CHILD_DOWN), 1);
	ck_assert_uint_eq(answers(2, IKE_EV_IKE_DOWN), 0);
	ck_assert_uint_eq(answers(1, IKE_EV_FAILED), 1);
	pair_wait(&p, 600000);
	ck_assert_uint_eq(answers(1, IKE_EV_CHILD_UP), 0);
	ck_assert_uint_eq(pair_children(&p, A), _i >= ASKED);
	ck_assert_uint_eq(pair_count(&p, A, false), _i >= ASKED);
	ck_assert_uint_eq(p.side[A].policy_count, _i >= ASKED);
	if (_i >= ASKED)
		check_children(1);
	ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", "other", 3), -ENOENT);
	pair_initiate(&p, A, 4);
	pair_wait(&p, 10000);
	check_children(2);
}
END_TEST

/* One of two that IKE_AUTH and what follows are to bring: the other one comes. */
START_TEST(test_down_of_one_of_two_on_their_way)
{
	pair_second_kid(&p);
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	down(_i == 0 ? "lan" : "other", 2);
	pair_wait(&p, 10000);
	check_children(1);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_UP), _i == 0 ? 2 : 1);
	ck_assert_uint_eq(answers(2, IKE_EV_CHILD_DOWN), 1);
}
END_TEST

/* ---- up, where some are -------------------------------------------------------------------------------------------- */

/* One of two is up, and the peer refuses the other: that is what is said. */
START_TEST(test_up_of_both_is_not_answered_by_one)
{
	unsigned up = (unsigned)_i;

	pair_second_kid(&p);
	pair_proposals(&p.side[A].kids[!up].proposal_count, p.side[A].kids[!up].proposals,
		       IKE_PROTO_ESP, "aes128gcm16-ecp384-noesn");
	pair_configure(&p, A);
	pair_configure(&p, B);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", p.side[A].kids[up].name, 0), 0);
	pair_collect(&p, A);
	pair_run(&p);
	check_children(1);
	pair_initiate(&p, A, 5);
	pair_run(&p);
	ck_assert_uint_eq(answers(5, IKE_EV_FAILED), 1);
	ck_assert_uint_eq(answers(5, IKE_EV_CHILD_UP), 0);
	check_children(1);
	/* All up: it is said. */
	pair_forget_events(&p);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", p.side[A].kids[up].name, 6), 0);
	pair_collect(&p, A);
	ck_assert_uint_eq(answers(6, IKE_EV_CHILD_UP), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike down");
	TCase *tc = tcase_create("down");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, test_down_stays_down, 0, (int)ARRAY_LEN(what));
	tcase_add_loop_test(tc, test_down_ends_with_a_change, 0, (int)ARRAY_LEN(what));
	tcase_add_loop_test(tc, test_down_ends_by_the_peer, 0, (int)ARRAY_LEN(what));
	tcase_add_test(tc, test_down_is_no_close);
	tcase_add_test(tc, test_down_by_the_peer_stays_down);
	tcase_add_loop_test(tc, test_down_on_its_way, 0, STATES);
	tcase_add_loop_test(tc, test_down_of_one_of_two_on_their_way, 0, 2);
	tcase_add_loop_test(tc, test_up_of_both_is_not_answered_by_one, 0, 2);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
