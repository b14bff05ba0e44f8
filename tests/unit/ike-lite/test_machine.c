/*
 * tests/unit/ike-lite/test_machine.c: set-up, deletes, liveness, repetition, message by message: RFC 7296 §1.2, §1.4,
 * §2.1 to §2.4. Both ends are ours here; strangers' are tests/interop's.
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

START_TEST(test_machine_comes_up_in_four_messages)
{
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 7);
	/* IKE_SA_INIT { SA, KE, Ni, N(NATD_S_IP), N(NATD_D_IP), N(FRAG_SUP) } --> */
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_CONNECTING), 1);
	pair_expect(&p, A, IKE_SA_INIT, false);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 1);
	/* <-- IKE_SA_INIT { SA, KE, Nr, N(NATD_S_IP), N(NATD_D_IP), N(FRAG_SUP) } */
	pair_expect(&p, B, IKE_SA_INIT, true);
	/* IKE_AUTH { IDi, N(INIT_CONTACT), IDr, AUTH, SA, TSi, TSr } --> */
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	pair_expect(&p, A, IKE_AUTH, false);
	ck_assert_uint_eq(p.side[B].sa_count, 2);
	ck_assert_uint_eq(p.side[B].policy_count, 1);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	ck_assert(pair_has_event(&p, B, IKE_EV_IKE_UP, "a.example"));
	/* <-- IKE_AUTH { IDr, AUTH, SA, TSi, TSr } */
	pair_expect(&p, B, IKE_AUTH, true);
	ck_assert_uint_eq(p.queued, 0);
	ck_assert_uint_eq(p.side[A].sa_count, 2);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(pair_traffic_flows(&p));
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
		ck_assert_uint_eq(pair_children(&p, i), 1);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_UP), 1);
	}
	ck_assert_uint_eq(p.side[A].events[p.side[A].event_count - 1].request, 7);
}
END_TEST

/* Deletes, by either side: of the child, of the IKE SA. */
static const struct {
	unsigned side;
	const char *child;
	unsigned ike_sas_left;
} deletes[] = {{A, "lan", 1}, {B, "lan", 1}, {A, NULL, 0}, {B, NULL, 0}};

START_TEST(test_machine_deletes)
{
	unsigned by = deletes[_i].side, other = by == A ? B : A;

	pair_up(&p);
	p.checks_traffic = false;
	ck_assert_int_eq(ike_terminate(p.side[by].ike, p.now, "net", deletes[_i].child, 9), 0);
	pair_collect(&p, by);
	/* INFORMATIONAL { D } --> */
	pair_expect(&p, by, IKE_INFORMATIONAL, false);
	/* <-- INFORMATIONAL { D } or { } */
	pair_expect(&p, other, IKE_INFORMATIONAL, true);
	ck_assert_uint_eq(p.queued, 0);
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(p.side[i].sa_count, 0);
		ck_assert_uint_eq(p.side[i].policy_count, 0);
		ck_assert_uint_eq(pair_children(&p, i), 0);
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), deletes[_i].ike_sas_left);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_DOWN), 1);
	}
	ck_assert_int_eq(ike_terminate(p.side[by].ike, p.now, "net", "lan", 9), -ENOENT);
}
END_TEST

START_TEST(test_machine_commands_know_names)
{
	pair_configure(&p, A);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "nothing", NULL, 0), -ENOENT);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", "nothing", 0), -ENOENT);
	ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", NULL, 0), -ENOENT);
	ck_assert_int_eq(ike_rekey(p.side[A].ike, p.now, "net", NULL), -ENOENT);
	p.side[A].no_route = true;
	p.side[A].connection.local_count = 0;
	pair_configure(&p, A);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", "lan", 0), -EHOSTUNREACH);
}
END_TEST

/* A name may have addresses of a family there is no way to: the next one is taken. */
START_TEST(test_machine_takes_an_address_with_a_route)
{
	struct ike_connection *c = &p.side[A].connection;
	struct ike_status status;

	c->local_count = 0;
	c->remote[1] = c->remote[0];
	c->remote[0] =
		(struct ip_prefix){.addr = {.family = AF_INET6, .bytes = {0x20, 1}}, .len = 128};
	c->remote_count = 2;
	pair_up(&p);
	ck_assert(ike_status_at(p.side[A].ike, p.now, 0, &status));
	ck_assert_int_eq(status.state, IKE_STATE_UP);
	ck_assert(ip_addr_equal(&status.ends.remote, &p.side[B].addr));
}
END_TEST

/* Each message of set-up, delete and probe lost, repeated, or overtaken by its own repetition: it comes out
 * the same. */
enum { MESSAGES = 6, MISHAPS = 4 };

static void mishap(unsigned n, unsigned which, unsigned kind)
{
	static const bool none[SIDES];

	if (n != which)
		return;
	if (kind == 0) {
		pair_drop(&p);
	} else if (kind == 1) {
		pair_repeat(&p);
	} else if (kind == 2) {
		/* It comes late: after its sender has repeated it. */
		struct datagram late = p.queue[0];

		p.queued = 0;
		pair_wait_losing(&p, 4100, none);
		p.queue[p.queued++] = late;
	} else {
		pair_repeat(&p);
		pair_repeat(&p);
	}
}

START_TEST(test_machine_bears_loss_and_repetition)
{
	unsigned which = (unsigned)_i / MISHAPS, kind = (unsigned)_i % MISHAPS, n = 0;

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	for (; n < 4; n++) {
		mishap(n, which, kind);
		if (p.queued)
			pair_deliver(&p);
		else
			pair_wait(&p, 10000);
	}
	pair_wait(&p, 10000);
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert_uint_eq(pair_count(&p, B, true), 1);
	ck_assert(pair_traffic_flows(&p));
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_UP), 1);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_CHILD_UP), 1);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 0);
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	for (; n < MESSAGES && p.queued; n++) {
		mishap(n, which, kind);
		if (p.queued)
			pair_deliver(&p);
		else
			pair_wait(&p, 10000);
	}
	pair_wait(&p, 200000);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	ck_assert_uint_eq(p.side[B].sa_count, 0);
}
END_TEST

START_TEST(test_machine_gives_up_after_its_tries)
{
	static const bool lost[SIDES] = {true, true};

	pair_configure(&p, A);
	pair_initiate(&p, A, 5);
	/* 4 + 7.2 + 12.96 + 23.3 + 42 + 75.6 s */
	pair_wait_losing(&p, 164000, lost);
	ck_assert_uint_eq(p.side[A].sent, 6);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 0);
	pair_wait_losing(&p, 2000, lost);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "no answer from 198.51.100.2"));
	ck_assert_uint_eq(p.side[A].events[p.side[A].event_count - 1].request, 5);
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_CONNECTING), 0);
	ck_assert(ike_next_tick(p.side[A].ike) == UINT64_MAX);
}
END_TEST

START_TEST(test_machine_probes_who_is_silent)
{
	static const bool lost[SIDES] = {false, true};

	p.side[A].connection.dpd_delay_s = 30;
	p.side[A].kids[0].dpd_action = IKE_START_START;
	pair_up(&p);
	/* INFORMATIONAL { } --> */
	pair_wait(&p, 31000);
	ck_assert_uint_eq(p.side[A].sent, 3);
	ck_assert_uint_eq(p.side[B].sent, 3);
	/* ESP that comes in says enough. */
	pair_wait(&p, 25000);
	ike_on_inbound(p.side[A].ike, p.now, &p.side[A].addr, p.side[A].sas[0].spi, 1);
	pair_wait(&p, 20000);
	ck_assert_uint_eq(p.side[A].sent, 3);
	/* Nobody answers: what dpd_action says. */
	p.checks_traffic = false;
	pair_wait_losing(&p, 200000, lost);
	ck_assert(pair_has_event(&p, A, IKE_EV_IKE_DOWN, "no longer answers"));
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_CONNECTING), 1);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	pair_wait(&p, 100000);
	ck_assert(pair_traffic_flows(&p));
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert_uint_eq(pair_count(&p, B, true), 1);
	/* INITIAL_CONTACT told B that the old ones are dead. */
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
}
END_TEST

START_TEST(test_machine_says_goodbye)
{
	pair_up(&p);
	p.checks_traffic = false;
	ike_shutdown(p.side[A].ike, p.now);
	pair_collect(&p, A);
	pair_expect(&p, A, IKE_INFORMATIONAL, false);
	ck_assert_uint_eq(p.side[B].sa_count, 0);
	pair_run(&p);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike machine");
	TCase *tc = tcase_create("machine");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, test_machine_comes_up_in_four_messages);
	tcase_add_loop_test(tc, test_machine_deletes, 0, (int)ARRAY_LEN(deletes));
	tcase_add_test(tc, test_machine_commands_know_names);
	tcase_add_test(tc, test_machine_takes_an_address_with_a_route);
	tcase_add_loop_test(tc, test_machine_bears_loss_and_repetition, 0, MESSAGES * MISHAPS);
	tcase_add_test(tc, test_machine_gives_up_after_its_tries);
	tcase_add_test(tc, test_machine_probes_who_is_silent);
	tcase_add_test(tc, test_machine_says_goodbye);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
