/*
 * tests/unit/ike-lite/test_rekey.c: children and IKE SAs replaced while traffic flows, and what collides with what:
 * RFC 7296 §1.3, §2.8, §2.25. After every single step each side's outbound SA is one that the other can open
 * (pair.h, checks_traffic).
 */
#include "ike-lite/bytes.h"
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/inside.h"

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

/* One IKE SA, one child, one pair of SAs with equal keys on either side, and nothing left to do. */
static void check_settled(void)
{
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_REKEYED), 0);
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_DELETING), 0);
		ck_assert_uint_eq(pair_children(&p, i), 1);
		ck_assert_uint_eq(pair_count(&p, i, true), 1);
		ck_assert_uint_eq(pair_count(&p, i, false), 1);
		ck_assert_uint_eq(p.side[i].policy_count, 1);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_DOWN), 0);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_IKE_DOWN), 0);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_FAILED), 0);
	}
	ck_assert(pair_traffic_flows(&p));
}

static uint16_t group_of(unsigned side)
{
	struct ike_child_status s;

	ck_assert(ike_child_status_at(p.side[side].ike, p.now, 0, 0, &s));
	return s.dh_group;
}

/* ---- one at a time ---------------------------------------------------------------------------------------- */

START_TEST(test_rekey_child_is_made_before_it_is_broken)
{
	unsigned by = (unsigned)_i, to = pair_other(by);
	uint32_t old_out;
	uint64_t answered;

	pair_up(&p);
	old_out = p.side[to].sas[1].spi;
	pair_rekey(&p, by, "lan");
	/* CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KE, TSi, TSr } --> */
	pair_expect(&p, by, IKE_CREATE_CHILD_SA, false);
	ck_assert_uint_eq(pair_count(&p, to, true), 2);
	ck_assert_uint_eq(pair_count(&p, to, false), 1); /* goes on through the old one */
	ck_assert_uint_eq(p.side[to].sas[1].spi, old_out);
	/* <-- CREATE_CHILD_SA { SA, Nr, KE, TSi, TSr } */
	pair_expect(&p, to, IKE_CREATE_CHILD_SA, true);
	ck_assert_uint_eq(pair_count(&p, by, true), 2);
	ck_assert_uint_eq(pair_count(&p, by, false), 1); /* the new one */
	/* What went through the old one has a moment to arrive: the peer may close it with the delete. */
	ck_assert_uint_eq(p.queued, 0);
	answered = p.now;
	pair_until_queued(&p, 1);
	ck_assert_uint_eq(p.now - answered, 500);
	/* INFORMATIONAL { D } --> */
	pair_expect(&p, by, IKE_INFORMATIONAL, false);
	ck_assert_uint_eq(pair_count(&p, to, true), 2); /* what is under way still comes in */
	ck_assert_uint_eq(pair_count(&p, to, false), 1);
	/* <-- INFORMATIONAL { D } */
	pair_expect(&p, to, IKE_INFORMATIONAL, true);
	ck_assert_uint_eq(p.queued, 0);
	ck_assert_uint_eq(pair_count(&p, by, true), 2);
	pair_wait(&p, 6000);
	check_settled();
	ck_assert_uint_eq(group_of(A), IKE_DH_CURVE25519);
	ck_assert_uint_eq(group_of(B), IKE_DH_CURVE25519);
}
END_TEST

START_TEST(test_rekey_child_without_a_group)
{
	for (unsigned i = 0; i < SIDES; i++)
		pair_proposals(&p.side[i].kids[0].proposal_count, p.side[i].kids[0].proposals,
			       IKE_PROTO_ESP, "aes256-sha256-esn");
	pair_up(&p);
	pair_rekey(&p, B, "lan");
	pair_wait(&p, 6000);
	check_settled();
	ck_assert_uint_eq(group_of(A), 0);
	ck_assert(p.side[A].sas[0].esn);
}
END_TEST

/* No delete comes: who answered the rekey turns to the new SA all the same. */
START_TEST(test_rekey_responder_turns_after_a_while)
{
	static const bool lost[SIDES] = {true, true};
	uint32_t old_out;

	pair_up(&p);
	old_out = p.side[B].sas[1].spi;
	pair_rekey(&p, A, "lan");
	pair_deliver(&p);
	pair_deliver(&p);
	pair_wait_losing(&p, 160000, lost);
	ck_assert_uint_eq(p.side[B].sas[1].spi, old_out);
	/* Here a peer that never deletes: A's retransmission would give up at 165 s. */
	p.side[A].config.retransmit_tries = 9;
	pair_configure(&p, A);
	pair_wait_losing(&p, 21000, lost);
	ck_assert_uint_eq(pair_count(&p, B, false), 1);
	ck_assert(pair_traffic_flows(&p));
	ck_assert_uint_ne(p.side[B].sas[1].spi, old_out);
	pair_wait(&p, 200000);
	check_settled();
}
END_TEST

START_TEST(test_rekey_ike_keeps_children)
{
	unsigned by = (unsigned)_i, to = pair_other(by);
	uint32_t spi;
	struct ike_status s;
	uint64_t spi_i;

	pair_up(&p);
	spi = p.side[A].sas[0].spi;
	ck_assert(ike_status_at(p.side[A].ike, p.now, 0, &s));
	spi_i = s.spi_i;
	pair_rekey(&p, by, NULL);
	/* CREATE_CHILD_SA { SA, Ni, KE } --> */
	ck_assert_uint_eq(pair_ike_sas(&p, by, IKE_STATE_REKEYING), 1);
	pair_expect(&p, by, IKE_CREATE_CHILD_SA, false);
	/* <-- CREATE_CHILD_SA { SA, Nr, KE } */
	pair_expect(&p, to, IKE_CREATE_CHILD_SA, true);
	/* INFORMATIONAL { D } --> */
	pair_expect(&p, by, IKE_INFORMATIONAL, false);
	/* <-- INFORMATIONAL { } */
	pair_expect(&p, to, IKE_INFORMATIONAL, true);
	check_settled();
	ck_assert_uint_eq(p.side[A].sas[0].spi, spi);
	ck_assert(ike_status_at(p.side[A].ike, p.now, 0, &s));
	ck_assert(s.spi_i != spi_i);
	ck_assert(s.initiator == (by == A));
	/* The new one works, from both ends, and can be replaced in turn. */
	pair_rekey(&p, to, "lan");
	pair_wait(&p, 6000);
	pair_rekey(&p, by, "lan");
	pair_wait(&p, 6000);
	pair_rekey(&p, to, NULL);
	pair_wait(&p, 6000);
	check_settled();
}
END_TEST

START_TEST(test_rekey_times_are_kept)
{
	for (unsigned i = 0; i < SIDES; i++) {
		p.side[i].kids[0].rekey_time_s = 3600;
		p.side[i].kids[0].life_time_s = 3960;
		p.side[i].kids[0].rand_time_s = 360;
		p.side[i].connection.rekey_time_s = 14400;
		p.side[i].connection.over_time_s = 1440;
		p.side[i].connection.rand_time_s = 1440;
	}
	pair_up(&p);
	ck_assert_uint_eq(p.side[A].sas[0].hard_time_s, 3960);
	ck_assert(p.side[A].sas[0].soft_time_s <= 3600 && p.side[A].sas[0].soft_time_s >= 3240);
	pair_wait(&p, 3000000);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 0);
	pair_wait(&p, 700000);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 1);
	check_settled();
	pair_wait(&p, 24u * 3600 * 1000);
	ck_assert_uint_ge(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 24);
	ck_assert_uint_ge(pair_count_events(&p, A, IKE_EV_IKE_REKEYED), 6);
	pair_wait(&p, 6000);
	check_settled();
}
END_TEST

START_TEST(test_rekey_begins_when_the_data_plane_says)
{
	pair_up(&p);
	ike_on_expire(p.side[A].ike, p.now, &p.side[A].sas[0].dst, p.side[A].sas[0].spi, false);
	pair_collect(&p, A);
	pair_wait(&p, 6000);
	check_settled();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 1);
	/* An SA that is none of ours. */
	ike_on_expire(p.side[A].ike, p.now, &p.side[A].addr, 256, true);
	pair_collect(&p, A);
	check_settled();
	/* Used up before a rekey came about: deleted, and made anew if it is to be up. */
	p.checks_traffic = false;
	p.side[A].kids[0].start_action = IKE_START_START;
	pair_configure(&p, A);
	pair_wait(&p, 6000);
	pair_forget_events(&p);
	ike_on_expire(p.side[A].ike, p.now, &p.side[A].sas[1].dst, p.side[A].sas[1].spi, true);
	pair_collect(&p, A);
	pair_wait(&p, 6000);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_DOWN), 1);
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

/* ---- the group ---------------------------------------------------------------------------------------------- */

START_TEST(test_rekey_takes_the_group_that_is_asked_for)
{
	pair_proposals(&p.side[A].kids[0].proposal_count, p.side[A].kids[0].proposals,
		       IKE_PROTO_ESP, "aes128gcm16-ecp256-x25519-noesn");
	pair_up(&p);
	pair_rekey(&p, A, "lan");
	pair_expect(&p, A, IKE_CREATE_CHILD_SA, false);
	/* <-- CREATE_CHILD_SA { N(INVALID_KE_PAYLOAD) } */
	pair_expect(&p, B, IKE_CREATE_CHILD_SA, true);
	pair_expect(&p, A, IKE_CREATE_CHILD_SA, false);
	pair_expect(&p, B, IKE_CREATE_CHILD_SA, true);
	pair_wait(&p, 6000);
	check_settled();
	ck_assert_uint_eq(group_of(A), IKE_DH_CURVE25519);
}
END_TEST

/* A mismatch of groups shows at the first rekey only: the tunnel stays, and the text says what to change. */
static const struct {
	const char *a, *b;
} mismatches[] = {
	{"aes128gcm16-x25519", "aes128gcm16"},
	{"aes128gcm16", "aes128gcm16-x25519"},
	{"aes128gcm16-x25519", "aes128gcm16-ecp384"},
};

START_TEST(test_rekey_explains_a_group_mismatch)
{
	bool preflight = _i % 2;

	pair_proposals(&p.side[A].kids[0].proposal_count, p.side[A].kids[0].proposals,
		       IKE_PROTO_ESP, mismatches[_i / 2].a);
	pair_proposals(&p.side[B].kids[0].proposal_count, p.side[B].kids[0].proposals,
		       IKE_PROTO_ESP, mismatches[_i / 2].b);
	p.side[A].kids[0].rekey_preflight = preflight;
	pair_up(&p);
	if (!preflight)
		pair_rekey(&p, A, "lan");
	pair_wait(&p, 1000);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "PFS mismatch"));
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "side.conf:12"));
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert(pair_traffic_flows(&p));
	/* It is tried again, for as long as the SA lives. */
	pair_forget_events(&p);
	pair_wait(&p, 31000);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 1);
}
END_TEST

START_TEST(test_rekey_preflight_is_made_once)
{
	p.side[A].kids[0].rekey_preflight = true;
	pair_up(&p);
	pair_wait(&p, 6000);
	check_settled();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 1);
	pair_wait(&p, 100000);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 1);
}
END_TEST

/* ---- collisions ------------------------------------------------------------------------------------------------ */

enum { WANT_CHILD_REKEY, WANT_IKE_REKEY, WANT_CHILD_DELETE, WANT_IKE_DELETE, WISHES };

static void wish(unsigned side, unsigned what)
{
	struct ike *ike = p.side[side].ike;

	if (what == WANT_CHILD_REKEY || what == WANT_IKE_REKEY)
		(void)ike_rekey(ike, p.now, "net", what == WANT_CHILD_REKEY ? "lan" : NULL);
	else
		(void)ike_terminate(ike, p.now, "net", what == WANT_CHILD_DELETE ? "lan" : NULL, 0);
	pair_collect(&p, side);
}

/* Who is served next; each order of the first eight deliveries, by the bits of a number. Messages of one side
 * never overtake each other here: test_machine and model_ike do that. */
static void deliver_in_order(unsigned order)
{
	for (unsigned n = 0; p.queued && n < 200; n++) {
		unsigned from = order >> (n % 8) & 1, i = 0;

		while (i < p.queued && p.queue[i].from != from)
			i++;
		pair_deliver_at(&p, i < p.queued ? i : 0);
	}
}

/* Both sides want something at once: the wishes, whether the tunnel is to be up afterwards. */
static const struct {
	unsigned a, b;
	bool child_stays, ike_stays;
} collisions[] = {
	{WANT_CHILD_REKEY, WANT_CHILD_REKEY, true, true},
	{WANT_IKE_REKEY, WANT_IKE_REKEY, true, true},
	{WANT_CHILD_REKEY, WANT_IKE_REKEY, true, true},
	{WANT_IKE_REKEY, WANT_CHILD_REKEY, true, true},
	{WANT_CHILD_REKEY, WANT_CHILD_DELETE, false, true},
	{WANT_CHILD_DELETE, WANT_CHILD_REKEY, false, true},
	{WANT_CHILD_DELETE, WANT_CHILD_DELETE, false, true},
	{WANT_IKE_REKEY, WANT_CHILD_DELETE, false, true},
	{WANT_CHILD_DELETE, WANT_IKE_REKEY, false, true},
	{WANT_IKE_REKEY, WANT_IKE_DELETE, false, false},
	{WANT_IKE_DELETE, WANT_IKE_REKEY, false, false},
	{WANT_IKE_DELETE, WANT_IKE_DELETE, false, false},
	{WANT_CHILD_REKEY, WANT_IKE_DELETE, false, false},
	{WANT_IKE_DELETE, WANT_CHILD_DELETE, false, false},
};

/* Of the IKE SA that is up. */
static uint64_t spi_of(unsigned side)
{
	struct ike_status s;

	for (unsigned i = 0; ike_status_at(p.side[side].ike, p.now, i, &s); i++) {
		if (s.state == IKE_STATE_UP)
			return s.spi_i;
	}
	return 0;
}

static void check_collision(size_t row, unsigned order)
{
	bool child = collisions[row].child_stays, ike = collisions[row].ike_stays;

	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_msg(
			pair_ike_sas(&p, i, IKE_STATE_UP) == ike && pair_children(&p, i) == child &&
				pair_count(&p, i, true) == child &&
				pair_count(&p, i, false) == child &&
				p.side[i].policy_count == child,
			"row %zu order %#x side %c: %u IKE SAs, %u children, %u SAs, %u policies",
			row, order, "AB"[i], pair_ike_sas(&p, i, IKE_STATE_UP),
			pair_children(&p, i), p.side[i].sa_count, p.side[i].policy_count);
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_FAILED), 0);
	}
	ck_assert(spi_of(A) == spi_of(B));
	ck_assert(pair_traffic_flows(&p));
}

START_TEST(test_collisions_settle)
{
	size_t row = (size_t)_i;

	pair_fini(&p);
	for (unsigned order = 0; order < 256; order++) {
		pair_init(&p, order + 1);
		pair_up(&p);
		/* Only a delete may leave a sender without a receiver. */
		p.checks_traffic = collisions[row].child_stays;
		wish(A, collisions[row].a);
		wish(B, collisions[row].b);
		deliver_in_order(order);
		pair_wait(&p, 120000);
		/* A delete that lost against a rekey: asked for once more, as a person would. */
		if (!collisions[row].child_stays && collisions[row].ike_stays &&
		    pair_children(&p, A)) {
			wish(A, WANT_CHILD_DELETE);
			pair_wait(&p, 20000);
		}
		check_collision(row, order);
		pair_fini(&p);
	}
	pair_init(&p, 1);
}
END_TEST

/* The nonce in the oldest datagram, which is then delivered. */
static void take_nonce(uint8_t out[32])
{
	static struct inside in;
	const uint8_t *at;
	uint32_t len;

	ck_assert(inside_open(&p, &p.queue[0], &in));
	at = inside_find(&in, IKE_NONCE, &len);
	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq(len, 32);
	memcpy(out, at, 32);
	pair_deliver(&p);
}

static uint32_t deleted_spi(const struct datagram *d)
{
	static struct inside in;
	const uint8_t *at;
	uint32_t len;

	ck_assert(inside_open(&p, d, &in));
	at = inside_find(&in, IKE_DELETE, &len);
	ck_assert_ptr_nonnull(at);
	return load_u32(at + 4);
}

/* Of two children made at once the one with the lowest nonce goes, by the doing of who asked for it; the
 * other side deletes the old one. */
START_TEST(test_collision_of_child_rekeys_goes_by_nonces)
{
	unsigned a_lost = 0;

	pair_fini(&p);
	for (uint64_t seed = 1; seed <= 16; seed++) {
		uint8_t nonces[4][32]; /* Ni of A, Ni of B, Nr of B, Nr of A */
		uint32_t old_in;
		unsigned lowest = 0, from_a;

		pair_init(&p, seed);
		pair_up(&p);
		old_in = p.side[A].sas[0].spi;
		pair_rekey(&p, A, "lan");
		pair_rekey(&p, B, "lan");
		for (unsigned i = 0; i < 4; i++) {
			take_nonce(nonces[i]);
			if (memcmp(nonces[i], nonces[lowest], 32) < 0)
				lowest = i;
		}
		/* 0 and 2 are of A's exchange. Who lost closes what is new at once, the other one the old. */
		ck_assert_uint_eq(p.queued, 1);
		ck_assert_uint_eq(p.queue[0].from, lowest % 2 == 0 ? A : B);
		pair_until_queued(&p, 2);
		from_a = p.queue[0].from == A ? 0 : 1;
		ck_assert_uint_eq(p.queue[1 - from_a].from, B);
		ck_assert((deleted_spi(&p.queue[from_a]) != old_in) == (lowest % 2 == 0));
		a_lost += lowest % 2 == 0;
		pair_wait(&p, 10000);
		check_settled();
		pair_fini(&p);
	}
	ck_assert(a_lost > 0 && a_lost < 16);
	pair_init(&p, 1);
}
END_TEST

/* ---- a peer that rekeys anew before it deletes ------------------------------------------------------------------ */

enum { CHAIN = 3, ORDERS = 6, LONG_MS = 20000 };

/* How long each of three deletes waits, in every order. */
static const uint64_t delete_orders[ORDERS][CHAIN] = {
	{500, 1000, 1500}, {500, 1500, 1000}, {1000, 500, 1500},
	{1500, 500, 1000}, {1000, 1500, 500}, {1500, 1000, 500},
};

/* Lets all be delivered but the one whose number is lost, counted on. True: it was among them. */
static bool run_losing(unsigned *n, unsigned lost)
{
	bool was = false;

	while (p.queued) {
		bool loses = (*n)++ == lost;

		was |= loses;
		if (loses)
			pair_drop(&p);
		else
			pair_deliver(&p);
	}
	return was;
}

/* One child is rekeyed thrice by the same end, and only then deletes are said. After every step each side has an SA to
 * send by that the other can open (pair.h, checks_traffic), and as long as nothing was deleted all inbound SAs stand. */
static bool rekey_thrice(unsigned by, const uint64_t order[CHAIN], unsigned lost)
{
	static const uint64_t long_after[CHAIN] = {LONG_MS, LONG_MS, LONG_MS};
	bool was_lost = false;
	unsigned n = 0;

	pair_init(&p, lost + 1);
	pair_up(&p);
	for (unsigned i = 0; i < CHAIN; i++) {
		pair_rekey(&p, by, "lan");
		was_lost |= run_losing(&n, lost);
		while (pair_count(&p, by, true) < i + 2) {
			ck_assert(pair_step_time(&p));
			was_lost |= run_losing(&n, lost);
		}
		ck_assert_uint_eq(inside_hold_deletes(&p, by, long_after, CHAIN), i + 1);
	}
	for (unsigned i = 0; i < SIDES; i++)
		ck_assert_uint_eq(pair_count(&p, i, true), CHAIN + 1);
	ck_assert_uint_eq(inside_hold_deletes(&p, by, order, CHAIN), CHAIN);
	while (pair_children(&p, by) > 1 || pair_children(&p, pair_other(by)) > 1) {
		ck_assert(pair_step_time(&p));
		was_lost |= run_losing(&n, lost);
	}
	pair_wait(&p, 200000);
	check_settled();
	for (unsigned i = 0; i < SIDES; i++)
		ck_assert_uint_eq(pair_count_events(&p, i, IKE_EV_CHILD_REKEYED), CHAIN);
	pair_fini(&p);
	return was_lost;
}

START_TEST(test_rekey_anew_before_the_delete)
{
	pair_fini(&p);
	for (unsigned order = 0; order < ORDERS; order++) {
		unsigned lost = 0;

		while (rekey_thrice((unsigned)_i, delete_orders[order], lost))
			lost++;
		/* Three rekeys, three deletes, each asked and answered. */
		ck_assert_uint_eq(lost, 12);
	}
	pair_init(&p, 1);
}
END_TEST

/* No delete comes at all: who answered turns to the newest, when the newest is old enough. */
START_TEST(test_rekey_anew_without_a_delete)
{
	static const uint64_t never[2] = {UINT64_MAX / 2, UINT64_MAX / 2};
	uint32_t newest;

	pair_up(&p);
	pair_rekey(&p, A, "lan");
	pair_run(&p);
	(void)inside_hold_deletes(&p, A, never, 2);
	pair_wait(&p, 100000);
	pair_rekey(&p, A, "lan");
	pair_run(&p);
	ck_assert_uint_eq(inside_hold_deletes(&p, A, never, 2), 2);
	newest = p.side[B].sas[p.side[B].sa_count - 1].spi;
	ck_assert(p.side[B].sas[p.side[B].sa_count - 1].inbound);
	pair_wait(&p, 179000);
	/* The first successor's time has come meanwhile: it is not used any more, nor is the newest one yet. */
	ck_assert_uint_eq(pair_count(&p, B, false), 1);
	ck_assert(!p.side[B].sas[1].inbound);
	pair_wait(&p, 2000);
	ck_assert_uint_eq(pair_count(&p, B, false), 1);
	ck_assert_uint_eq(p.side[B].sas[p.side[B].sa_count - 2].spi, newest);
	ck_assert(!p.side[B].sas[p.side[B].sa_count - 1].inbound);
	ck_assert_uint_eq(pair_count(&p, B, true), 3);
}
END_TEST

/* §2.25: what was rekeyed already is not rekeyed a second time: it is to be deleted. */
START_TEST(test_rekey_of_what_was_replaced)
{
	static struct inside in;
	uint32_t len, first = 0, refused;
	uint8_t *at;

	p.side[A].connection.fragmentation = p.side[B].connection.fragmentation = IKE_FRAGMENT_NO;
	pair_up(&p);
	first = p.side[A].sas[0].spi;
	pair_rekey(&p, A, "lan");
	pair_run(&p);
	pair_rekey(&p, A, "lan");
	/* CREATE_CHILD_SA { N(REKEY_SA) of the first one, .. } --> */
	ck_assert(inside_open(&p, &p.queue[0], &in));
	at = inside_find(&in, IKE_NOTIFY, &len);
	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq(len, 8);
	ck_assert(load_u32(at + 4) != first);
	store_u32(at + 4, first);
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	/* <-- CREATE_CHILD_SA { N(TEMPORARY_FAILURE) } */
	ck_assert(inside_open(&p, &p.queue[0], &in));
	at = inside_find(&in, IKE_NOTIFY, &len);
	ck_assert_ptr_nonnull(at);
	refused = load_u16(at + 2);
	ck_assert_uint_eq(refused, IKE_N_TEMPORARY_FAILURE);
	pair_wait(&p, 20000);
	check_settled();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike rekey");
	TCase *tc = tcase_create("rekey");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_rekey_child_is_made_before_it_is_broken, 0, SIDES);
	tcase_add_test(tc, test_rekey_child_without_a_group);
	tcase_add_test(tc, test_rekey_responder_turns_after_a_while);
	tcase_add_loop_test(tc, test_rekey_ike_keeps_children, 0, SIDES);
	tcase_add_test(tc, test_rekey_times_are_kept);
	tcase_add_test(tc, test_rekey_begins_when_the_data_plane_says);
	tcase_add_test(tc, test_rekey_takes_the_group_that_is_asked_for);
	tcase_add_loop_test(tc, test_rekey_explains_a_group_mismatch, 0,
			    2 * (int)ARRAY_LEN(mismatches));
	tcase_add_test(tc, test_rekey_preflight_is_made_once);
	tcase_add_loop_test(tc, test_collisions_settle, 0, (int)ARRAY_LEN(collisions));
	tcase_add_test(tc, test_collision_of_child_rekeys_goes_by_nonces);
	tcase_add_loop_test(tc, test_rekey_anew_before_the_delete, 0, SIDES);
	tcase_add_test(tc, test_rekey_anew_without_a_delete);
	tcase_add_test(tc, test_rekey_of_what_was_replaced);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
