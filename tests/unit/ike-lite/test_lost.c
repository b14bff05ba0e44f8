/*
 * tests/unit/ike-lite/test_lost.c: a data plane that begins anew without its SAs, or refuses some: new keys for every
 * child, whatever is under way, and nothing in clear until then.
 */
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/pair.h"

#include <check.h>
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

/* As many children on either side, each with a pair of SAs that stands. */
static void check_renewed(unsigned children)
{
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
		ck_assert_uint_eq(pair_children(&p, i), children);
		ck_assert_uint_eq(pair_count(&p, i, true), children);
		ck_assert_uint_eq(pair_count(&p, i, false), children);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_DOWN), 0);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_IKE_DOWN), 0);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_FAILED), 0);
	}
	ck_assert(pair_traffic_flows(&p));
}

enum { NOTHING, CHILD_REKEY, IKE_REKEY };

static void wish(unsigned side, unsigned what)
{
	if (what != NOTHING)
		pair_rekey(&p, side, what == CHILD_REKEY ? "lan" : NULL);
}

/* What A and B are at when one of them loses all SAs. */
static const struct {
	unsigned a, b;
} in_flight[] = {
	{NOTHING, NOTHING},	    {CHILD_REKEY, NOTHING}, {IKE_REKEY, NOTHING},
	{CHILD_REKEY, CHILD_REKEY}, {IKE_REKEY, IKE_REKEY}, {CHILD_REKEY, IKE_REKEY},
};

/* Loses after so many deliveries; false: there was nothing to deliver any more. */
static bool lose_after(unsigned row, unsigned loser, unsigned deliveries)
{
	bool pauses = in_flight[row].a == CHILD_REKEY && in_flight[row].b == NOTHING;
	bool under_way;

	pair_init(&p, deliveries + 1);
	pair_up(&p);
	p.checks_traffic = false;
	wish(A, in_flight[row].a);
	wish(B, in_flight[row].b);
	for (unsigned n = 0; n < deliveries; n++) {
		if (pauses && n == 2)
			pair_until_queued(&p, 1); /* the delete of what was replaced */
		if (p.queued)
			pair_deliver(&p);
	}
	under_way = p.queued > 0 || (pauses && deliveries == 2);
	pair_lose_sas(&p, loser);
	pair_wait(&p, 20000);
	check_renewed(1);
	pair_fini(&p);
	return under_way;
}

START_TEST(test_lost_sas_are_renewed_whatever_is_under_way)
{
	pair_fini(&p);
	for (unsigned loser = 0; loser < SIDES; loser++) {
		unsigned deliveries = 0;

		while (lose_after((unsigned)_i, loser, deliveries))
			deliveries++;
		ck_assert(deliveries >= 4 || in_flight[_i].a == NOTHING);
	}
	pair_init(&p, 1);
}
END_TEST

/* The peer was busy and is to be asked again later: not then, but now. */
START_TEST(test_lost_sas_do_not_wait_for_a_busy_peer)
{
	pair_up(&p);
	p.checks_traffic = false;
	wish(B, IKE_REKEY);
	wish(A, CHILD_REKEY);
	pair_deliver_at(&p, 1);
	/* <-- CREATE_CHILD_SA { N(TEMPORARY_FAILURE) } */
	pair_deliver_at(&p, 1);
	ck_assert_uint_eq(p.queued, 1);
	pair_lose_sas(&p, A);
	ck_assert_uint_eq(p.queued, 2);
	ck_assert_uint_eq(p.queue[1].from, A);
	pair_wait(&p, 20000);
	check_renewed(1);
}
END_TEST

/* Of two kids, one of them doubled by a packet that wanted a child of its own. */
START_TEST(test_lost_sas_of_several_children_are_all_renewed)
{
	struct ike_ts src = pair_ts("10.1.0.7[tcp/1000]"), dst = pair_ts("10.2.0.7[tcp/80]");

	pair_second_kid(&p);
	p.side[A].kids[0].reqid = 7;
	pair_up(&p);
	p.checks_traffic = false;
	ike_on_acquire(p.side[A].ike, p.now, 7, &src, &dst, 1);
	pair_collect(&p, A);
	pair_run(&p);
	ck_assert_uint_eq(pair_children(&p, A), 3);
	pair_lose_sas(&p, (unsigned)_i);
	pair_wait(&p, 10000);
	check_renewed(3);
}
END_TEST

/* A packet comes before the new SAs are there: it waits for those, and no other child is made for it. */
START_TEST(test_lost_sas_are_awaited_by_packets)
{
	struct ike_ts src = pair_ts("10.1.0.7[tcp/1000]"), dst = pair_ts("10.2.0.7[tcp/80]");

	pair_up(&p);
	p.checks_traffic = false;
	pair_lose_sas(&p, A);
	ike_on_acquire(p.side[A].ike, p.now, p.side[A].policies[0].reqid, &src, &dst, 77);
	pair_collect(&p, A);
	pair_run(&p);
	ck_assert_uint_eq(p.side[A].sas[0].acquire_seq, 77);
	pair_wait(&p, 10000);
	check_renewed(1);
}
END_TEST

/* New SAs came of a new IKE SA: everything once, and the old ones are gone. */
static void check_begun_anew(unsigned loser)
{
	ck_assert(pair_has_event(&p, loser, IKE_EV_RETRY, "begins anew"));
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
		ck_assert_uint_eq(pair_children(&p, i), 1);
		ck_assert_uint_eq(pair_count(&p, i, true), 1);
		ck_assert_uint_eq(pair_count(&p, i, false), 1);
		ck_assert_uint_eq(p.side[i].policy_count, 1);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_UP), 2);
	}
	ck_assert(pair_traffic_flows(&p));
}

/* The peer refuses new SAs for those that were lost: they would be of no use until the child's end. All is made anew, and
 * a packet that comes meanwhile waits for that. */
START_TEST(test_lost_sas_that_are_refused_begin_anew)
{
	struct ike_ts src = pair_ts("10.1.0.7[tcp/1000]"), dst = pair_ts("10.2.0.7[tcp/80]");
	unsigned loser = (unsigned)_i;

	pair_proposals(&p.side[loser].kids[0].proposal_count, p.side[loser].kids[0].proposals,
		       IKE_PROTO_ESP, "aes128gcm16-ecp256-noesn");
	pair_up(&p);
	p.checks_traffic = false;
	pair_lose_sas(&p, loser);
	/* CREATE_CHILD_SA { N(REKEY_SA), .. } --> <-- CREATE_CHILD_SA { N(NO_PROPOSAL_CHOSEN) } */
	pair_expect(&p, loser, IKE_CREATE_CHILD_SA, false);
	pair_expect(&p, pair_other(loser), IKE_CREATE_CHILD_SA, true);
	/* IKE_SA_INIT --> and INFORMATIONAL { D } --> */
	ck_assert_uint_eq(p.queued, 2);
	ike_on_acquire(p.side[loser].ike, p.now, p.side[loser].policies[0].reqid,
		       loser == A ? &src : &dst, loser == A ? &dst : &src, 77);
	pair_collect(&p, loser);
	ck_assert_uint_eq(p.queued, 2);
	pair_wait(&p, 10000);
	check_begun_anew(loser);
	ck_assert_uint_eq(p.side[loser].sas[0].acquire_seq, 77);
	/* Once. */
	pair_forget_events(&p);
	pair_wait(&p, 100000);
	ck_assert_uint_eq(pair_count_events(&p, loser, IKE_EV_RETRY), 0);
}
END_TEST

/* A peer that is busy for ever: B rekeys the IKE SA and never hears the answer. */
START_TEST(test_lost_sas_begin_anew_when_the_peer_is_busy)
{
	uint64_t began;

	pair_up(&p);
	p.checks_traffic = false;
	pair_rekey(&p, B, NULL);
	pair_drop(&p);
	began = p.now;
	pair_lose_sas(&p, A);
	while (!pair_has_event(&p, A, IKE_EV_RETRY, "begins anew")) {
		while (p.queued) {
			const struct datagram *d = &p.queue[0];

			if (d->from == B && !(d->data[19] & IKE_FLAG_RESPONSE))
				pair_drop(&p);
			else
				pair_deliver(&p);
		}
		ck_assert_uint_lt(p.now - began, 70000);
		ck_assert(pair_step_time(&p));
	}
	ck_assert_uint_gt(p.now - began, 30000);
	pair_wait(&p, 200000);
	check_begun_anew(A);
}
END_TEST

/* A peer of whom it is not known where it is cannot be called: it is asked again and again, and the policies that keep
 * its packets from leaving in clear stay until it agrees. */
START_TEST(test_lost_sas_of_a_peer_from_anywhere)
{
	p.side[B].connection.remote_count = 0;
	p.side[A].kids[0].close_action = IKE_START_START;
	pair_proposals(&p.side[B].kids[0].proposal_count, p.side[B].kids[0].proposals,
		       IKE_PROTO_ESP, "aes128gcm16-ecp256-noesn");
	pair_up(&p);
	p.checks_traffic = false;
	pair_lose_sas(&p, B);
	for (unsigned asked = 1; asked <= 3; asked++) {
		pair_wait(&p, asked == 1 ? 10000 : 30000);
		ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_FAILED), asked);
		ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_RETRY), asked);
		ck_assert(pair_has_event(&p, B, IKE_EV_RETRY, "ask again"));
		ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
		ck_assert_uint_eq(p.side[B].policy_count, 1);
		ck_assert_uint_eq(p.side[B].ledger_count, 1);
	}
	/* Whoever set the group at the one end sets it at the other, too. */
	p.side[A].kids[0].proposal_count = p.side[B].kids[0].proposal_count;
	memcpy(p.side[A].kids[0].proposals, p.side[B].kids[0].proposals,
	       sizeof(p.side[A].kids[0].proposals));
	p.side[A].kids[0].start_action = IKE_START_START;
	pair_configure(&p, A);
	pair_wait(&p, 10000);
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_children(&p, i), 1);
		ck_assert_uint_eq(p.side[i].policy_count, 1);
	}
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

/* What stands is left alone. */
START_TEST(test_sas_that_stand_are_kept)
{
	uint32_t spi;

	pair_up(&p);
	spi = p.side[A].sas[0].spi;
	ike_on_sas_lost(p.side[A].ike, p.now, pair_stands, &p.side[A]);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	check_renewed(1);
	ck_assert_uint_eq(p.side[A].sas[0].spi, spi);
	/* One of the two is enough. */
	p.checks_traffic = false;
	p.side[A].lost[p.side[A].lost_count++] = p.side[A].sas[--p.side[A].sa_count].spi;
	ike_on_sas_lost(p.side[A].ike, p.now, pair_stands, &p.side[A]);
	pair_collect(&p, A);
	pair_wait(&p, 10000);
	check_renewed(1);
	ck_assert_uint_ne(p.side[A].sas[0].spi, spi);
}
END_TEST

/* ---- a data plane that refuses ---------------------------------------------------------------------------------- */

/* The latest of a side's SAs, in this direction, was not taken. */
static void refuse_latest(unsigned side, bool inbound)
{
	struct side *s = &p.side[side];
	unsigned i = s->sa_count;

	while (i > 0 && s->sas[i - 1].inbound != inbound)
		i--;
	ck_assert_uint_gt(i, 0);
	s->lost[s->lost_count++] = s->sas[i - 1].spi;
	memmove(&s->sas[i - 1], &s->sas[i], (s->sa_count - i) * sizeof(s->sas[0]));
	s->sa_count--;
	ike_on_sas_refused(s->ike, p.now, pair_stands, s);
	pair_collect(&p, side);
}

/* Not at once, or it would go round and round; nor is another child made for a packet; nor is it sent in clear. */
START_TEST(test_refused_sas_are_tried_again_later)
{
	struct ike_ts src = pair_ts("10.1.0.7[tcp/1000]"), dst = pair_ts("10.2.0.7[tcp/80]");
	struct side *a = &p.side[A];

	pair_up(&p);
	p.checks_traffic = false;
	for (unsigned tries = 1; tries <= 3; tries++) {
		refuse_latest(A, _i == 0);
		ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_RETRY), tries);
		ike_on_acquire(a->ike, p.now, a->policies[0].reqid, &src, &dst, tries);
		pair_collect(&p, A);
		/* Told again for whatever reason, it is the same refusal. */
		ike_on_sas_refused(a->ike, p.now, pair_stands, a);
		pair_collect(&p, A);
		ck_assert_uint_eq(p.queued, 0);
		pair_wait(&p, 25000);
		ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), tries - 1);
		ck_assert_uint_eq(a->policy_count, 1);
		ck_assert_uint_eq(a->ledger_count, 1);
		pair_wait(&p, 10000);
		ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), tries);
	}
	pair_wait(&p, 100000);
	check_renewed(1);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 3);
}
END_TEST

/* Who asks for it meanwhile does not hear that it is up, and need not wait. */
START_TEST(test_refused_sas_are_not_up)
{
	pair_up(&p);
	p.checks_traffic = false;
	refuse_latest(A, _i == 0);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", "lan", 7), 0);
	pair_collect(&p, A);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "new keys are being made"));
	ck_assert_uint_eq(p.side[A].events[p.side[A].event_count - 1].request, 7);
	pair_expect(&p, A, IKE_CREATE_CHILD_SA, false);
	pair_forget_events(&p);
	pair_wait(&p, 10000);
	check_renewed(1);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "net", "lan", 8), 0);
	pair_collect(&p, A);
	ck_assert(pair_has_event(&p, A, IKE_EV_CHILD_UP, "is up already"));
	ck_assert_uint_eq(p.queued, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike lost");
	TCase *tc = tcase_create("lost");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_lost_sas_are_renewed_whatever_is_under_way, 0,
			    (int)ARRAY_LEN(in_flight));
	tcase_add_test(tc, test_lost_sas_do_not_wait_for_a_busy_peer);
	tcase_add_loop_test(tc, test_lost_sas_of_several_children_are_all_renewed, 0, SIDES);
	tcase_add_test(tc, test_lost_sas_are_awaited_by_packets);
	tcase_add_loop_test(tc, test_lost_sas_that_are_refused_begin_anew, 0, SIDES);
	tcase_add_test(tc, test_lost_sas_begin_anew_when_the_peer_is_busy);
	tcase_add_test(tc, test_lost_sas_of_a_peer_from_anywhere);
	tcase_add_test(tc, test_sas_that_stand_are_kept);
	tcase_add_loop_test(tc, test_refused_sas_are_tried_again_later, 0, 2);
	tcase_add_loop_test(tc, test_refused_sas_are_not_up, 0, 2);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
