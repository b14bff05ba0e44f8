/*
 * tests/unit/ike-lite/test_wishes.c: what is to be up, and comes up, and comes back: start actions, ACQUIREs, retries,
 * new configurations, changed addresses; what ike.h's ike_on_* bring about.
 */
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/inside.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct pair p;
static const bool both_lost[SIDES] = {true, true};

static void set_up(void)
{
	pair_init(&p, 1);
}

static void tear_down(void)
{
	pair_fini(&p);
}

static void check_up(void)
{
	ck_assert(pair_traffic_flows(&p));
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_count(&p, i, true), 1);
		ck_assert_uint_eq(pair_count(&p, i, false), 1);
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
	}
}

/* ---- on demand ---------------------------------------------------------------------------------------------- */

static void acquire(unsigned side, uint32_t seq)
{
	struct ike_ts src = pair_ts("10.1.0.7/32[tcp/1025]"), dst = pair_ts("10.2.0.9/32[tcp/80]");

	ike_on_acquire(p.side[side].ike, p.now, p.side[side].policies[0].reqid, &src, &dst, seq);
	pair_collect(&p, side);
}

START_TEST(test_wishes_trap_comes_up_on_demand)
{
	uint32_t reqid;

	p.side[A].kids[0].start_action = IKE_START_TRAP;
	pair_configure(&p, B);
	pair_configure(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(p.side[A].policies[0].trap);
	reqid = p.side[A].policies[0].reqid;
	acquire(A, 77);
	acquire(A, 78); /* the same wish */
	ck_assert_uint_eq(p.queued, 1);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].sas[0].acquire_seq, 78);
	ck_assert_uint_eq(p.side[A].sas[0].reqid, reqid);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(!p.side[A].policies[0].trap);
	/* Taken down, the trap is there again. */
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	pair_run(&p);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(p.side[A].policies[0].trap);
	acquire(A, 79);
	pair_run(&p);
	check_up();
	/* A number that is nobody's. */
	ike_on_acquire(p.side[A].ike, p.now, 4711, &p.side[A].policies[0].local.at[0],
		       &p.side[A].policies[0].remote_ts.at[0], 1);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
}
END_TEST

/* The packet's own selectors go first: who must narrow to less than all takes the part that holds them. */
START_TEST(test_wishes_trap_offers_the_packet_first)
{
	static struct inside in;
	const uint8_t *ts;
	uint32_t len;

	p.side[A].kids[0].start_action = IKE_START_TRAP;
	p.side[A].kids[0].remote_ts.at[0] = pair_ts("10.0.0.0/8");
	pair_configure(&p, B);
	pair_configure(&p, A);
	acquire(A, 1);
	pair_deliver(&p);
	pair_deliver(&p);
	ck_assert(inside_open(&p, &p.queue[0], &in));
	for (unsigned i = 0; i < 2; i++) {
		/* | count 1 | 0 3 | type 1 | protocol 1 | length 2 | ports 4 | first address .. */
		ts = inside_find(&in, i == 0 ? IKE_TSI : IKE_TSR, &len);
		ck_assert_ptr_nonnull(ts);
		ck_assert_uint_eq(ts[0], 2);
		ck_assert_uint_eq(ts[5], IPPROTO_TCP);
		ck_assert_mem_eq(ts + 12, i == 0 ? "\x0a\x01\x00\x07" : "\x0a\x02\x00\x09", 4);
	}
	pair_run(&p);
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert(pair_traffic_flows(&p));
	/* Narrowed, it stands beside the trap. */
	ck_assert_uint_eq(p.side[A].policy_count, 2);
}
END_TEST

/* trap|start: at once; and when it went down a packet is enough. */
START_TEST(test_wishes_trap_and_start)
{
	p.side[A].kids[0].start_action = IKE_START_BOTH;
	pair_configure(&p, B);
	pair_configure(&p, A);
	/* Nothing leaves in clear while it is being made. */
	ck_assert_uint_eq(p.queued, 1);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(p.side[A].policies[0].trap);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(!p.side[A].policies[0].trap);
	/* The same file once more changes nothing. */
	pair_configure(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	ck_assert(!p.side[A].policies[0].trap);
	ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", NULL, 0), 0);
	pair_collect(&p, A);
	pair_run(&p);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(p.side[A].policies[0].trap);
	acquire(A, 5);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].sas[0].acquire_seq, 5);
}
END_TEST

/* ---- everybody who waits hears --------------------------------------------------------------------------------- */

/* How often an event of A answers a request, and whether by a failure. */
static unsigned answers_to(uint32_t request, bool *failed)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p.side[A].event_count; i++) {
		if (p.side[A].events[i].request != request)
			continue;
		n++;
		*failed = p.side[A].events[i].kind == IKE_EV_FAILED;
	}
	return n;
}

enum { COMES_UP, IS_REFUSED, IS_LONELY, ENDS };

START_TEST(test_wishes_all_who_wait_are_answered)
{
	bool failed;

	if (_i == IS_REFUSED)
		p.side[B].kids[0].remote_ts.at[0] = pair_ts("10.77.0.0/16");
	pair_configure(&p, A);
	pair_configure(&p, B);
	for (uint32_t request = 1; request <= 3; request++) {
		pair_initiate(&p, A, request);
		if (_i != IS_LONELY && request < 3)
			pair_deliver(&p);
	}
	if (_i == IS_LONELY)
		pair_wait_losing(&p, 1000000, both_lost);
	pair_wait(&p, 1000);
	for (uint32_t request = 1; request <= 3; request++) {
		ck_assert_uint_eq(answers_to(request, &failed), 1);
		ck_assert(failed == (_i != COMES_UP));
	}
	ck_assert_uint_eq(pair_count(&p, A, true), _i == COMES_UP);
}
END_TEST

/* Down, and down again before the peer has answered: neither waits for what will not come. */
enum { BEFORE_IT_IS_UP, BETWEEN_TRIES, WHOLE, CHILD_ALONE, DOWNS };

START_TEST(test_wishes_down_is_always_answered)
{
	const char *child = _i == CHILD_ALONE ? "lan" : NULL;
	bool failed;

	p.side[A].connection.keyingtries = 0;
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	while (_i == BETWEEN_TRIES && pair_ike_sas(&p, A, IKE_STATE_WAITING) == 0)
		pair_wait_losing(&p, 1000, both_lost);
	if (_i == WHOLE || _i == CHILD_ALONE)
		pair_run(&p);
	ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", child, 2), 0);
	pair_collect(&p, A);
	if (_i == WHOLE)
		ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", child, 3), 0);
	else
		ck_assert_int_eq(ike_terminate(p.side[A].ike, p.now, "net", child, 3), -ENOENT);
	pair_collect(&p, A);
	pair_wait(&p, 10000);
	ck_assert_uint_eq(answers_to(2, &failed), 1);
	ck_assert(!failed);
	ck_assert_uint_eq(answers_to(3, &failed), _i == WHOLE);
	ck_assert(!failed);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
}
END_TEST

/* ---- again and again ------------------------------------------------------------------------------------------- */

static const enum ike_start starts[] = {IKE_START_START, IKE_START_BOTH};

START_TEST(test_wishes_start_is_tried_for_ever)
{
	p.side[A].kids[0].start_action = starts[_i];
	p.side[A].connection.keyingtries = 0;
	pair_configure(&p, A);
	/* Nobody there for hours. */
	pair_wait_losing(&p, 6u * 3600 * 1000, both_lost);
	ck_assert_uint_ge(pair_count_events(&p, A, IKE_EV_RETRY), 30);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_RETRY),
			  pair_count_events(&p, A, IKE_EV_FAILED));
	pair_configure(&p, B);
	pair_wait(&p, 600000);
	check_up();
}
END_TEST

START_TEST(test_wishes_are_tried_as_often_as_configured)
{
	p.side[A].connection.keyingtries = 3;
	pair_configure(&p, A);
	pair_initiate(&p, A, 9);
	pair_wait_losing(&p, 3600000, both_lost);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 3);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_RETRY), 2);
	/* Who waits hears of the first. */
	ck_assert_uint_eq(p.side[A].events[0].request, 9);
	ck_assert_uint_eq(p.side[A].events[2].request, 0);
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_WAITING), 0);
}
END_TEST

START_TEST(test_wishes_start_child_is_tried_again)
{
	p.side[A].kids[0].start_action = starts[_i];
	p.side[A].connection.keyingtries = 0;
	p.side[B].kids[0].remote_ts.at[0] = pair_ts("10.77.0.0/16");
	pair_configure(&p, B);
	pair_configure(&p, A);
	pair_run(&p);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "TS_UNACCEPTABLE"));
	p.side[B].kids[0].remote_ts.at[0] = pair_ts("10.1.0.0/16");
	pair_configure(&p, B);
	pair_wait(&p, 10000);
	check_up();
}
END_TEST

START_TEST(test_wishes_start_waits_for_a_route)
{
	p.side[A].kids[0].start_action = IKE_START_START;
	p.side[A].connection.keyingtries = 0;
	p.side[A].connection.local_count = 0;
	p.side[A].no_route = true;
	pair_configure(&p, B);
	pair_configure(&p, A);
	ck_assert(pair_has_event(&p, A, IKE_EV_RETRY, "no route"));
	pair_wait(&p, 100000);
	ck_assert_uint_eq(p.side[A].sent, 0);
	p.side[A].no_route = false;
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	pair_run(&p);
	check_up();
}
END_TEST

START_TEST(test_wishes_follow_the_local_address)
{
	p.side[A].connection.local_count = 0;
	p.side[B].connection.remote_count = 0;
	pair_up(&p);
	p.checks_traffic = false;
	/* Nothing that matters changed. */
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	p.side[A].addr = pair_addr("192.0.2.77");
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	pair_run(&p);
	check_up();
	ck_assert(ip_addr_equal(&p.side[A].sas[1].src, &p.side[A].addr) ||
		  ip_addr_equal(&p.side[A].sas[0].dst, &p.side[A].addr));
}
END_TEST

/* A peer of whom it is not known where it is cannot be called from the new address: what stands keeps its packets from
 * leaving in clear until it comes, or is found dead. */
START_TEST(test_wishes_stay_for_a_peer_from_anywhere)
{
	p.side[A].connection.local_count = 0;
	p.side[A].connection.remote_count = 0;
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, B, 0);
	pair_run(&p);
	check_up();
	p.checks_traffic = false;
	p.side[A].addr = pair_addr("192.0.2.77");
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_UP), 1);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
}
END_TEST

/* Of two that are listed one goes, and the other one comes; until the tunnel is up again, packets are held. */
START_TEST(test_wishes_follow_a_listed_address)
{
	struct ike_connection *c = &p.side[A].connection;

	c->local_count = 2;
	c->local[1] = (struct ip_prefix){pair_addr("192.0.2.77"), 32};
	p.side[B].connection.remote_count = 0;
	pair_up(&p);
	p.checks_traffic = false;
	p.side[A].addr = pair_addr("192.0.2.5"); /* that is none of them: they may come back */
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
	p.side[A].addr = pair_addr("192.0.2.77");
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert(p.side[A].policies[0].trap);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	ck_assert_uint_eq(p.side[A].ledger_count, 1);
	ck_assert(!p.side[A].policies[0].trap);
	ck_assert(ip_addr_equal(&p.side[A].policies[0].outer, &p.side[A].addr));
	/* The first one is there, too: no reason to move. */
	p.side[A].addr = pair_addr("192.0.2.1");
	p.side[A].also_ours = pair_addr("192.0.2.77");
	ike_on_addresses(p.side[A].ike, p.now);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.queued, 0);
}
END_TEST

/* A tunnel to its own address that waits for a packet: the trap moves along, up or not. */
START_TEST(test_wishes_traps_follow_the_local_address)
{
	struct side *a = &p.side[A];

	a->connection.local_count = 0;
	p.side[B].connection.remote_count = 0;
	a->kids[0].start_action = IKE_START_TRAP;
	a->kids[0].local_ts.count = 0;
	a->kids[0].local_dynamic = true;
	p.side[B].kids[0].remote_ts.at[0] = pair_ts("192.0.2.0/24");
	a->no_route = true;
	pair_configure(&p, B);
	pair_configure(&p, A);
	a->no_route = false;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
		char text[IKE_TS_TEXT_MAX];

		a->addr = pair_addr(addresses[i]);
		ike_on_addresses(a->ike, p.now);
		pair_collect(&p, A);
		ck_assert_uint_eq(a->ledger_count, 1);
		ck_assert(a->policies[0].trap);
		ck_assert_str_eq(ike_ts_format(&a->policies[0].local.at[0], text),
				 i == 0	  ? "192.0.2.1/32"
				 : i == 1 ? "192.0.2.2/32"
					  : "192.0.2.3/32");
	}
	pair_initiate(&p, A, 1);
	pair_run(&p);
	check_up();
	p.checks_traffic = false;
	a->addr = pair_addr("192.0.2.9");
	ike_on_addresses(a->ike, p.now);
	pair_collect(&p, A);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(a->ledger_count, 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(ip_addr_equal(&a->ledger[i].outer, &a->addr));
	ck_assert(a->ledger[0].trap && !a->ledger[1].trap);
}
END_TEST

/* The peer is dead and is to be found again: packets are held until it is, or until nobody wants it any more. */
START_TEST(test_wishes_hold_packets_for_a_dead_peer)
{
	static const bool lost[SIDES] = {true, true};
	struct side *a = &p.side[A];
	bool down = _i;

	a->kids[0].dpd_action = IKE_START_START;
	a->connection.dpd_delay_s = 10;
	a->connection.keyingtries = 0;
	pair_up(&p);
	p.checks_traffic = false;
	pair_wait_losing(&p, 300000, lost);
	ck_assert_uint_eq(a->sa_count, 0);
	ck_assert_uint_eq(a->policy_count, 1);
	ck_assert(a->policies[0].trap);
	if (down) {
		ck_assert_int_eq(ike_terminate(a->ike, p.now, "net", NULL, 0), 0);
		pair_collect(&p, A);
		ck_assert_uint_eq(a->policy_count, 0);
		return;
	}
	pair_wait(&p, 400000);
	ck_assert_uint_eq(a->ledger_count, 1);
	ck_assert(!a->policies[0].trap);
	check_up();
}
END_TEST

/* Both sides are to start, and do at the same moment: one tunnel. */
START_TEST(test_wishes_both_start_at_once)
{
	pair_fini(&p);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		pair_init(&p, seed);
		for (unsigned i = 0; i < SIDES; i++) {
			p.side[i].kids[0].start_action = IKE_START_START;
			p.side[i].kids[0].close_action = IKE_START_START;
			p.side[i].connection.keyingtries = 0;
			pair_configure(&p, i);
		}
		pair_wait(&p, 30000);
		check_up();
		pair_fini(&p);
	}
	pair_init(&p, 1);
}
END_TEST

/* While one side waits to try again the other one has begun: one tunnel. */
START_TEST(test_wishes_retry_finds_it_up)
{
	for (unsigned i = 0; i < SIDES; i++) {
		p.side[i].kids[0].start_action = IKE_START_START;
		p.side[i].connection.keyingtries = 0;
	}
	pair_configure(&p, A);
	pair_wait_losing(&p, 167000, both_lost);
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_WAITING), 1);
	pair_configure(&p, B);
	pair_run(&p);
	pair_wait(&p, 200000);
	check_up();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_IKE_UP), 1);
}
END_TEST

/* ---- what ends ---------------------------------------------------------------------------------------------------- */

static const struct {
	enum ike_start action;
	const char *child;
	bool up, trap;
} closings[] = {
	{IKE_START_NONE, "lan", false, false}, {IKE_START_TRAP, "lan", false, true},
	{IKE_START_START, "lan", true, false}, {IKE_START_NONE, NULL, false, false},
	{IKE_START_TRAP, NULL, false, true},   {IKE_START_START, NULL, true, false},
};

START_TEST(test_wishes_close_action)
{
	p.side[A].kids[0].close_action = closings[_i].action;
	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[B].ike, p.now, "net", closings[_i].child, 0);
	pair_collect(&p, B);
	pair_wait(&p, 10000);
	ck_assert_uint_eq(pair_count(&p, A, true), closings[_i].up);
	ck_assert_uint_eq(pair_count(&p, B, true), closings[_i].up);
	ck_assert_uint_eq(p.side[A].policy_count, closings[_i].up || closings[_i].trap);
	if (closings[_i].trap)
		ck_assert(p.side[A].policies[0].trap);
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

static const struct ike_sa_action *inbound_of(unsigned side)
{
	for (unsigned i = 0; i < p.side[side].sa_count; i++) {
		if (p.side[side].sas[i].inbound)
			return &p.side[side].sas[i];
	}
	ck_abort_msg("no inbound SA");
}

/* A packet of these selectors came through A's SA. */
static void misfit(const struct ip_addr *dst, uint32_t spi, const char *from, const char *to)
{
	static const uint8_t packet[40] = {0x45};
	const struct ike_ts from_ts = pair_ts(from), to_ts = pair_ts(to);

	ike_on_bad_selector(p.side[A].ike, p.now, dst, spi, &from_ts, &to_ts, packet,
			    sizeof(packet));
	pair_collect(&p, A);
}

START_TEST(test_wishes_bad_selector_is_told)
{
	const struct ike_sa_action *in;

	pair_up(&p);
	in = inbound_of(A);
	for (int i = 0; i < 3; i++)
		misfit(&in->dst, in->spi, "10.9.0.1", "10.1.0.1");
	/* INFORMATIONAL { N(INVALID_SELECTORS) } -->, once at a time */
	ck_assert_uint_eq(p.queued, 1);
	pair_run(&p);
	ck_assert(pair_has_event(&p, B, IKE_EV_NOTICE, "INVALID_SELECTORS"));
	/* Answered with nothing: it goes no further. */
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_NOTICE), 0);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_NOTICE), 1);
	misfit(&in->dst, in->spi, "10.2.0.1", "10.9.0.1");
	pair_run(&p);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_NOTICE), 2);
	check_up();
}
END_TEST

/* What fits did not come in by our own fault; an SA that is not there, or sends, accuses nobody. */
START_TEST(test_wishes_bad_selector_is_the_peers)
{
	const struct ike_sa_action *in, *out;

	pair_up(&p);
	in = inbound_of(A);
	out = &p.side[A].sas[p.side[A].sas[0].inbound ? 1 : 0];
	ck_assert(!out->inbound);
	misfit(&in->dst, in->spi, "10.2.0.1", "10.1.0.1");
	misfit(&in->dst, in->spi + 1, "10.9.0.1", "10.1.0.1");
	misfit(&in->src, in->spi, "10.9.0.1", "10.1.0.1");
	misfit(&out->dst, out->spi, "10.9.0.1", "10.1.0.1");
	ck_assert_uint_eq(p.queued, 0);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[A].ike, p.now, "net", "lan", 0);
	pair_collect(&p, A);
	pair_drop(&p); /* the delete is under way */
	misfit(&in->dst, in->spi, "10.9.0.1", "10.1.0.1");
	ck_assert_uint_eq(p.queued, 0);
	pair_wait(&p, 20000);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_NOTICE), 0);
}
END_TEST

/* ---- a new configuration --------------------------------------------------------------------------------------------- */

enum { NOTHING, LINES, SECRET, REKEY_TIME, CHILD_TS, IKE_PROPOSAL, CHILD_GONE, CONN_GONE, CHANGES };

static void change(unsigned what)
{
	struct side *a = &p.side[A];

	switch (what) {
	case LINES:
		a->connection.line = 99;
		a->kids[0].line = 100;
		break;
	case SECRET:
		pair_secret(&a->secrets[0], "another one");
		break;
	case REKEY_TIME:
		a->kids[0].rekey_time_s = 1234;
		break;
	case CHILD_TS:
		a->kids[0].local_ts.at[0] = pair_ts("10.1.7.0/24");
		break;
	case IKE_PROPOSAL:
		pair_proposals(&a->connection.proposal_count, a->connection.proposals,
			       IKE_PROTO_IKE, "aes128gcm16-prfsha256-ecp256-x25519");
		break;
	case CHILD_GONE:
		a->connection.child_count = 0;
		break;
	case CONN_GONE:
		a->config.connection_count = 0;
		break;
	default:
		break;
	}
}

static const struct {
	bool ike_stays, child_stays;
} changes[CHANGES] = {
	[NOTHING] = {true, true},     [LINES] = {true, true},	    [SECRET] = {true, true},
	[REKEY_TIME] = {true, false}, [CHILD_TS] = {true, false},   [IKE_PROPOSAL] = {false, false},
	[CHILD_GONE] = {true, false}, [CONN_GONE] = {false, false},
};

START_TEST(test_wishes_reload_drops_only_what_changed)
{
	pair_up(&p);
	p.checks_traffic = false;
	pair_forget_events(&p);
	change((unsigned)_i);
	pair_configure(&p, A);
	pair_run(&p);
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), changes[_i].ike_stays);
		ck_assert_uint_eq(pair_count(&p, i, true), changes[_i].child_stays);
		ck_assert_uint_eq(p.side[i].policy_count, changes[_i].child_stays);
	}
	if (changes[_i].child_stays)
		ck_assert_uint_eq(p.side[A].event_count, 0);
}
END_TEST

/* What is to be up and changed is not sent in clear between the old tunnel and the new one, nor if the peer does not agree
 * to the change. */
START_TEST(test_wishes_reload_holds_what_changed)
{
	enum { TIMES, CONNECTION, REFUSED };
	struct side *a = &p.side[A];

	a->kids[0].start_action = IKE_START_START;
	pair_configure(&p, B);
	pair_configure(&p, A);
	pair_run(&p);
	check_up();
	p.checks_traffic = false;
	a->kids[0].rekey_time_s += 100;
	if (_i == CONNECTION)
		a->connection.dpd_delay_s += 10;
	if (_i == REFUSED)
		pair_proposals(&a->kids[0].proposal_count, a->kids[0].proposals, IKE_PROTO_ESP,
			       "chacha20poly1305-ecp384-noesn");
	pair_configure(&p, A);
	while (p.queued) {
		ck_assert_uint_ge(a->policy_count, 1);
		pair_deliver(&p);
	}
	pair_wait(&p, 30000);
	ck_assert_uint_eq(a->policy_count, 1);
	ck_assert_uint_eq(a->ledger_count, 1);
	ck_assert(a->policies[0].trap == (_i == REFUSED));
	if (_i != REFUSED)
		check_up();
}
END_TEST

START_TEST(test_wishes_reload_moves_traps)
{
	p.side[A].kids[0].start_action = IKE_START_TRAP;
	pair_configure(&p, A);
	pair_configure(&p, A);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	change(CHILD_TS);
	pair_configure(&p, A);
	ck_assert_uint_eq(p.side[A].policy_count, 1);
	change(CONN_GONE);
	pair_configure(&p, A);
	ck_assert_uint_eq(p.side[A].policy_count, 0);
}
END_TEST

static struct ike_connection twice[2];

START_TEST(test_wishes_refuse_impossible_configurations)
{
	struct side *a = &p.side[A];
	char why[160] = "";

	pair_up(&p);
	twice[0] = twice[1] = a->connection;
	a->config.connections = twice;
	a->config.connection_count = 2;
	ck_assert_int_eq(ike_configure(a->ike, p.now, &a->config, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "two connections named 'net'"));
	a->config.connection_count = 1;
	twice[0].proposal_count = 0;
	ck_assert_int_eq(ike_configure(a->ike, p.now, &a->config, why), -EINVAL);
	twice[0] = a->connection;
	a->kids[1] = a->kids[0];
	twice[0].child_count = 2;
	ck_assert_int_eq(ike_configure(a->ike, p.now, &a->config, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "two children named 'lan'"));
	twice[0].child_count = 1;
	a->kids[0].local_ts.count = 0;
	ck_assert_int_eq(ike_configure(a->ike, p.now, &a->config, why), -EINVAL);
	a->kids[0].local_ts.count = 1;
	a->secrets[0].len = 0;
	ck_assert_int_eq(ike_configure(a->ike, p.now, &a->config, why), -EINVAL);
	/* Nothing changed. */
	pair_collect(&p, A);
	check_up();
}
END_TEST

START_TEST(test_wishes_secrets_are_chosen_by_ids)
{
	struct side *b = &p.side[B];

	/* The more of the ids a secret lists, the better. */
	pair_secret(&b->secrets[0], "for everybody");
	pair_secret(&b->secrets[1], "for b's peers");
	b->secrets[1].id_count = 1;
	b->secrets[1].ids[0] = pair_id("b.example");
	pair_secret(&b->secrets[2], "a secret that both know");
	b->secrets[2].id_count = 2;
	b->secrets[2].ids[0] = pair_id("a.example");
	b->secrets[2].ids[1] = pair_id("b.example");
	pair_secret(&b->secrets[3], "of others");
	b->secrets[3].id_count = 2;
	b->secrets[3].ids[0] = pair_id("c.example");
	b->secrets[3].ids[1] = pair_id("b.example");
	b->config.secret_count = 4;
	pair_up(&p);
	check_up();
}
END_TEST

/* ... and none is missed in silence. */
START_TEST(test_wishes_a_secret_that_is_missing_is_named)
{
	p.side[A].config.secret_count = 0;
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	pair_run(&p);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "we have no pre-shared key for us as"));
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "secrets { ike-... }"));
}
END_TEST

START_TEST(test_wishes_keys_are_told_when_asked_for)
{
	pair_up(&p);
	ck_assert_uint_eq(p.side[A].keys_told, 0);
	ike_export_keys(p.side[A].ike);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.side[A].keys_told, 1);
	(void)ike_rekey(p.side[A].ike, p.now, "net", NULL);
	pair_collect(&p, A);
	pair_run(&p);
	ck_assert_uint_eq(p.side[A].keys_told, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike wishes");
	TCase *tc = tcase_create("wishes");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_wishes_trap_comes_up_on_demand);
	tcase_add_test(tc, test_wishes_trap_offers_the_packet_first);
	tcase_add_test(tc, test_wishes_trap_and_start);
	tcase_add_loop_test(tc, test_wishes_all_who_wait_are_answered, 0, ENDS);
	tcase_add_loop_test(tc, test_wishes_down_is_always_answered, 0, DOWNS);
	tcase_add_loop_test(tc, test_wishes_start_is_tried_for_ever, 0, 2);
	tcase_add_test(tc, test_wishes_are_tried_as_often_as_configured);
	tcase_add_loop_test(tc, test_wishes_start_child_is_tried_again, 0, 2);
	tcase_add_test(tc, test_wishes_start_waits_for_a_route);
	tcase_add_test(tc, test_wishes_follow_the_local_address);
	tcase_add_test(tc, test_wishes_follow_a_listed_address);
	tcase_add_test(tc, test_wishes_stay_for_a_peer_from_anywhere);
	tcase_add_test(tc, test_wishes_traps_follow_the_local_address);
	tcase_add_loop_test(tc, test_wishes_hold_packets_for_a_dead_peer, 0, 2);
	tcase_add_test(tc, test_wishes_both_start_at_once);
	tcase_add_test(tc, test_wishes_retry_finds_it_up);
	tcase_add_loop_test(tc, test_wishes_close_action, 0, (int)ARRAY_LEN(closings));
	tcase_add_test(tc, test_wishes_bad_selector_is_told);
	tcase_add_test(tc, test_wishes_bad_selector_is_the_peers);
	tcase_add_loop_test(tc, test_wishes_reload_drops_only_what_changed, 0, CHANGES);
	tcase_add_test(tc, test_wishes_reload_moves_traps);
	tcase_add_loop_test(tc, test_wishes_reload_holds_what_changed, 0, 3);
	tcase_add_test(tc, test_wishes_refuse_impossible_configurations);
	tcase_add_test(tc, test_wishes_secrets_are_chosen_by_ids);
	tcase_add_test(tc, test_wishes_a_secret_that_is_missing_is_named);
	tcase_add_test(tc, test_wishes_keys_are_told_when_asked_for);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
