/*
 * tests/unit/ike-lite/test_setup.c: what set-up meets on its way: cookies, groups, NATs, fragments, PPKs, virtual
 * addresses, narrowing, wrong secrets, ids and proposals; what the other side is told, and what a person.
 */
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/pair.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
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

static void begin(void)
{
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
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

static void check_down(void)
{
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(p.side[i].sa_count, 0);
		ck_assert_uint_eq(p.side[i].policy_count, 0);
		ck_assert_uint_eq(p.side[i].address_count, 0);
	}
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
}

static void propose(unsigned side, const char *ike, const char *esp)
{
	struct side *s = &p.side[side];

	if (ike)
		pair_proposals(&s->connection.proposal_count, s->connection.proposals,
			       IKE_PROTO_IKE, ike);
	if (esp)
		pair_proposals(&s->kids[0].proposal_count, s->kids[0].proposals, IKE_PROTO_ESP,
			       esp);
}

/* ---- every suite ------------------------------------------------------------------------------------------ */

static const struct {
	const char *ike, *esp;
} suites[] = {
	{"aes128-sha256-modp2048", "aes128-sha256-modp2048"},
	{"aes256-sha384-ecp384", "aes256-sha384-ecp384-esn"},
	{"aes192-sha512-modp3072", "aes192-sha512"},
	{"aes128-sha256-ecp256", "aes128gcm16iiv-aes128gcm16-esn"},
	{"aes128-sha256-ecp256", "aes256gcm16iiv"},
	{"aes128-sha256-ecp256", "chacha20poly1305iiv-ecp256"},
	{"aes256gcm16-prfsha384-ecp521", "aes256gcm16-ecp521-esn-noesn"},
	{"chacha20poly1305-prfsha512-x448", "chacha20poly1305-x448"},
	{"aes128gcm16-prfsha256-ecp256", "aes128ctr-sha256-ecp256"},
	{"aes256gcm16-prfsha256-modp4096", "null-sha256"},
};

START_TEST(test_setup_works_with_every_suite)
{
	for (unsigned i = 0; i < SIDES; i++)
		propose(i, suites[_i].ike, suites[_i].esp);
	begin();
	pair_run(&p);
	check_up();
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	(void)ike_rekey(p.side[B].ike, p.now, "net", NULL);
	pair_collect(&p, A);
	pair_collect(&p, B);
	pair_wait(&p, 20000);
	check_up();
}
END_TEST

/* RFC 8750 §5: an implicit IV, and the same with an IV for peers who know no other; never unasked. */
static const struct {
	const char *a, *b;
	bool chosen, esn;
} implicit[] = {
	{"aes128gcm16iiv-aes128gcm16", "aes128gcm16iiv", true, false},
	{"aes128gcm16iiv-aes128gcm16-esn", "aes128gcm16-aes128gcm16iiv-esn", false, true},
	{"aes128gcm16iiv-aes128gcm16", "default", false, false},
	{"chacha20poly1305iiv-esn", "chacha20poly1305iiv-chacha20poly1305-esn", true, true},
};

START_TEST(test_setup_implicit_iv)
{
	propose(A, NULL, implicit[_i].a);
	if (strcmp(implicit[_i].b, "default") != 0)
		propose(B, NULL, implicit[_i].b);
	else
		p.side[B].kids[0].proposal_count =
			ike_proposal_default(IKE_PROTO_ESP, p.side[B].kids[0].proposals);
	begin();
	pair_run(&p);
	check_up();
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert(esp_suite_has_implicit_iv(&p.side[i].sas[0].suite) ==
			  implicit[_i].chosen);
		ck_assert(p.side[i].sas[0].esn == implicit[_i].esn);
	}
}
END_TEST

START_TEST(test_setup_implicit_iv_is_not_for_everybody)
{
	propose(A, NULL, "aes128gcm16iiv");
	propose(B, NULL, "aes128gcm16");
	begin();
	pair_run(&p);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "aes128gcm16iiv"));
	ck_assert_uint_eq(p.side[A].sa_count + p.side[B].sa_count, 0);
}
END_TEST

/* ---- outer and inner families --------------------------------------------------------------------------------- */

static const struct {
	bool outer6;
	const char *a, *b;
} families[] = {
	{false, "10.1.0.0/16", "10.2.0.0/16"},
	{false, "fd01::/32", "fd02::/32"},
	{true, "10.1.0.0/16", "10.2.0.0/16"},
	{true, "fd01::/32", "fd02::/32"},
};

START_TEST(test_setup_mixes_families)
{
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &p.side[i];

		s->kids[0].local_ts.at[0] = pair_ts(i == A ? families[_i].a : families[_i].b);
		s->kids[0].remote_ts.at[0] = pair_ts(i == A ? families[_i].b : families[_i].a);
		if (!families[_i].outer6)
			continue;
		s->addr = pair_addr(i == A ? "2001:db8::1" : "2001:db8:2::2");
		s->connection.local[0] = (struct ip_prefix){s->addr, 128};
		s->connection.remote[0] = (struct ip_prefix){
			pair_addr(i == A ? "2001:db8:2::2" : "2001:db8::1"), 128};
	}
	begin();
	pair_run(&p);
	check_up();
	ck_assert_int_eq(p.side[A].sas[0].src.family, families[_i].outer6 ? AF_INET6 : AF_INET);
}
END_TEST

/* ---- selectors ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *a_local, *a_remote, *b_local, *b_remote;
	const char *local, *remote; /* as agreed on, A's view; NULL: nothing in common */
} narrowings[] = {
	{"10.1.0.0/16", "0.0.0.0/0", "10.2.0.0/16", "10.1.0.0/16", "10.1.0.0/16", "10.2.0.0/16"},
	{"0.0.0.0/0", "0.0.0.0/0", "10.2.0.0/16", "10.1.7.0/24", "10.1.7.0/24", "10.2.0.0/16"},
	{"10.1.0.0/16", "10.2.0.0/16[tcp/80]", "10.2.0.0/16", "10.1.0.0/16", "10.1.0.0/16",
	 "10.2.0.0/16[tcp/80]"},
	{"10.1.0.0/16", "10.2.0.0/16[tcp]", "10.2.0.0/16[tcp/1000-2000]", "10.1.0.0/16",
	 "10.1.0.0/16", "10.2.0.0/16[tcp/1000-2000]"},
	{"10.1.0.0/16", "10.3.0.0/16", "10.2.0.0/16", "10.1.0.0/16", NULL, NULL},
	{"10.1.0.0/16", "10.2.0.0/16[tcp]", "10.2.0.0/16[udp]", "10.1.0.0/16", NULL, NULL},
	{"fd01::/32", "fd02::/32", "10.2.0.0/16", "10.1.0.0/16", NULL, NULL},
};

START_TEST(test_setup_narrows_selectors)
{
	struct ike_child_status s;
	char text[IKE_TS_TEXT_MAX];

	p.side[A].kids[0].local_ts.at[0] = pair_ts(narrowings[_i].a_local);
	p.side[A].kids[0].remote_ts.at[0] = pair_ts(narrowings[_i].a_remote);
	p.side[B].kids[0].local_ts.at[0] = pair_ts(narrowings[_i].b_local);
	p.side[B].kids[0].remote_ts.at[0] = pair_ts(narrowings[_i].b_remote);
	begin();
	pair_run(&p);
	if (!narrowings[_i].local) {
		check_down();
		/* The IKE SA stands: it was the child that could not be. */
		ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_UP), 1);
		ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "TS_UNACCEPTABLE"));
		ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "side.conf:12"));
		ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, "no child has selectors"));
		ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, narrowings[_i].b_local));
		return;
	}
	check_up();
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert(ike_child_status_at(p.side[i].ike, p.now, 0, 0, &s));
		ck_assert_str_eq(ike_ts_format(&(i == A ? s.local_ts : s.remote_ts)->at[0], text),
				 narrowings[_i].local);
		ck_assert_str_eq(ike_ts_format(&(i == A ? s.remote_ts : s.local_ts)->at[0], text),
				 narrowings[_i].remote);
	}
}
END_TEST

START_TEST(test_setup_takes_several_selectors)
{
	struct ike_child_status s;

	for (unsigned i = 0; i < SIDES; i++) {
		struct ike_ts_list *l =
			i == A ? &p.side[i].kids[0].local_ts : &p.side[i].kids[0].remote_ts;
		l->count = 3;
		l->at[1] = pair_ts("10.8.0.0/16");
		l->at[2] = pair_ts("fd01::/32");
		l = i == A ? &p.side[i].kids[0].remote_ts : &p.side[i].kids[0].local_ts;
		l->count = 2;
		l->at[1] = pair_ts("fd02::/32");
	}
	begin();
	pair_run(&p);
	check_up();
	ck_assert(ike_child_status_at(p.side[B].ike, p.now, 0, 0, &s));
	ck_assert_uint_eq(s.remote_ts->count, 3);
	ck_assert_uint_eq(s.local_ts->count, 2);
}
END_TEST

/* Two children: the second comes up under the same IKE SA, each with a number of its own. */
START_TEST(test_setup_brings_all_children_up)
{
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &p.side[i];

		s->connection.child_count = 2;
		s->kids[1] = s->kids[0];
		(void)snprintf(s->kids[1].name, sizeof(s->kids[1].name), "dmz");
		s->kids[1].local_ts.at[0] = pair_ts(i == A ? "10.11.0.0/16" : "10.12.0.0/16");
		s->kids[1].remote_ts.at[0] = pair_ts(i == A ? "10.12.0.0/16" : "10.11.0.0/16");
	}
	begin();
	pair_run(&p);
	ck_assert(pair_traffic_flows(&p));
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
		ck_assert_uint_eq(pair_children(&p, i), 2);
		ck_assert_uint_eq(p.side[i].policy_count, 2);
		ck_assert_uint_ne(p.side[i].policies[0].reqid, p.side[i].policies[1].reqid);
	}
	/* Who waits hears of it when all are up. */
	ck_assert_uint_eq(p.side[A].events[p.side[A].event_count - 1].request, 1);
	for (unsigned i = 0; i + 1 < p.side[A].event_count; i++)
		ck_assert_uint_eq(p.side[A].events[i].request, 0);
	/* One may go, the other stays. */
	ck_assert_int_eq(ike_terminate(p.side[B].ike, p.now, "net", "lan", 0), 0);
	pair_collect(&p, B);
	pair_run(&p);
	ck_assert_uint_eq(pair_children(&p, A), 1);
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------------------------- */

START_TEST(test_setup_explains_ike_proposals)
{
	propose(A, "aes256gcm16-prfsha384-ecp384", NULL);
	begin();
	/* IKE_SA_INIT --> */
	pair_expect(&p, A, IKE_SA_INIT, false);
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "aes128gcm16-prfsha256-curve25519"));
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "aes256gcm16-prfsha384-ecp384"));
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "side.conf:3"));
	/* <-- IKE_SA_INIT { N(NO_PROPOSAL_CHOSEN) } */
	pair_expect(&p, B, IKE_SA_INIT, true);
	/* Nobody vouches for it: believed a little later. */
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 0);
	pair_wait(&p, 1100);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "NO_PROPOSAL_CHOSEN"));
	ck_assert_uint_eq(p.side[A].events[p.side[A].event_count - 1].request, 1);
	check_down();
}
END_TEST

START_TEST(test_setup_explains_esp_proposals)
{
	propose(A, NULL, "aes256gcm16");
	begin();
	pair_run(&p);
	check_down();
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "ours: aes256gcm16"));
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "side.conf:12"));
	ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, "theirs: aes256gcm16"));
	ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, "ours: aes128gcm16"));
}
END_TEST

enum { WRONG_SECRET, WRONG_ID, WRONG_REMOTE_ID, NO_SECRET, WRONGS };

START_TEST(test_setup_explains_authentication)
{
	static const char *const responder_says[] = {"another one than ours", "these ids",
						     "these ids", "no pre-shared key"};

	if (_i == WRONG_SECRET)
		pair_secret(&p.side[A].secrets[0], "another secret, of A only");
	if (_i == WRONG_ID)
		p.side[A].connection.local_id = pair_id("c.example");
	if (_i == WRONG_REMOTE_ID)
		p.side[A].connection.remote_id = pair_id("c.example");
	if (_i == NO_SECRET) {
		p.side[B].secrets[0].id_count = 1;
		p.side[B].secrets[0].ids[0] = pair_id("x.example");
	}
	begin();
	pair_run(&p);
	pair_wait(&p, 40000);
	check_down();
	ck_assert_msg(pair_has_event(&p, B, IKE_EV_REFUSED, responder_says[_i]), "row %d", _i);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "AUTHENTICATION_FAILED"));
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_IKE_UP), 0);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_UP), 0);
	ck_assert(!pair_has_event(&p, A, IKE_EV_FAILED, "secret, of A"));
}
END_TEST

/* The responder is not who the initiator wants: he is told, and forgets what he set up. */
START_TEST(test_setup_refuses_the_wrong_responder)
{
	p.side[B].connection.local_id.type = 0;
	p.side[A].connection.remote_id = pair_id("*.example.org");
	p.side[B].connection.local_id = pair_id("b.example");
	begin();
	pair_run(&p);
	pair_wait(&p, 40000);
	check_down();
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "somebody else"));
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "b.example"));
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 0);
}
END_TEST

/* RFC 4301 §4.4.3: two peers behind one set of addresses; each has its own connection's selectors only. */
START_TEST(test_setup_gives_each_id_its_own_selectors)
{
	struct ike_connection two[2];
	struct ike_child_config dmz;

	two[0] = p.side[B].connection;
	two[1] = p.side[B].connection;
	dmz = p.side[B].kids[0];
	dmz.local_ts.at[0] = pair_ts("10.9.0.0/16");
	(void)snprintf(two[0].name, sizeof(two[0].name), "other");
	two[0].remote_id = pair_id("c.example");
	two[0].children = &dmz;
	p.side[B].config.connection_count = 2;
	p.side[B].config.connections = two;
	p.side[A].kids[0].remote_ts.at[0] = pair_ts("10.9.0.0/16");
	begin();
	pair_run(&p);
	check_down();
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "TS_UNACCEPTABLE"));
	/* As c.example it may. */
	p.side[A].connection.local_id = pair_id("c.example");
	pair_configure(&p, A);
	pair_run(&p);
	pair_initiate(&p, A, 2);
	pair_run(&p);
	check_up();
	p.side[B].config.connections = &p.side[B].connection;
	p.side[B].config.connection_count = 1;
}
END_TEST

/* ---- groups and cookies ------------------------------------------------------------------------------------------ */

START_TEST(test_setup_takes_the_group_that_is_asked_for)
{
	propose(A, "aes128gcm16-prfsha256-ecp256-x25519", NULL);
	begin();
	pair_expect(&p, A, IKE_SA_INIT, false);
	/* <-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD) } */
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	pair_expect(&p, B, IKE_SA_INIT, true);
	pair_expect(&p, A, IKE_SA_INIT, false);
	pair_run(&p);
	check_up();
}
END_TEST

START_TEST(test_setup_shows_a_cookie_under_load)
{
	p.side[B].config.cookie_threshold = 1;
	pair_configure(&p, A);
	pair_configure(&p, B);
	/* One half-open IKE SA, whose peer says no more. */
	pair_initiate(&p, A, 0);
	pair_deliver(&p);
	pair_drop(&p);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 1);
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	pair_initiate(&p, A, 1);
	/* IKE_SA_INIT { SA, KE, Ni } --> */
	pair_expect(&p, A, IKE_SA_INIT, false);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 1);
	/* <-- IKE_SA_INIT { N(COOKIE) } */
	pair_expect(&p, B, IKE_SA_INIT, true);
	/* IKE_SA_INIT { N(COOKIE), SA, KE, Ni } --> */
	pair_expect(&p, A, IKE_SA_INIT, false);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 2);
	pair_run(&p);
	check_up();
	/* The other one is forgotten. */
	pair_wait(&p, 31000);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
}
END_TEST

/* Cookie and group asked for in turn: §2.6.1. */
START_TEST(test_setup_shows_a_cookie_and_another_group)
{
	p.side[B].config.cookie_threshold = 1;
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 0);
	pair_deliver(&p);
	pair_drop(&p);
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	propose(A, "aes128gcm16-prfsha256-ecp256-x25519", NULL);
	pair_configure(&p, A);
	pair_initiate(&p, A, 1);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].sent, 1 + 3 + 1);
}
END_TEST

START_TEST(test_setup_bounds_half_open_ones)
{
	p.side[B].config.half_open_max = 3;
	pair_configure(&p, A);
	pair_configure(&p, B);
	for (unsigned i = 0; i < 10; i++) {
		pair_initiate(&p, A, 0);
		pair_deliver(&p);
		while (p.queued)
			pair_drop(&p);
		(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
		pair_collect(&p, A);
	}
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 3);
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "too many half-open"));
	ck_assert_uint_le(pair_count_events(&p, B, IKE_EV_REFUSED), 5);
	pair_wait(&p, 31000);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	pair_initiate(&p, A, 1);
	pair_run(&p);
	check_up();
}
END_TEST

/* ---- NAT -------------------------------------------------------------------------------------------------------- */

static void put_nat(void)
{
	p.nat_addr = pair_addr("203.0.113.7");
	p.nat_port = 40000;
	p.side[B].connection.remote_count = 0;
	p.side[A].config.keepalive_s = 20;
	p.side[B].config.keepalive_s = 20;
}

START_TEST(test_setup_moves_to_4500_behind_a_nat)
{
	struct ike_status s;

	put_nat();
	begin();
	pair_run(&p);
	check_up();
	ck_assert(ike_status_at(p.side[A].ike, p.now, 0, &s));
	ck_assert(s.nat_here && !s.nat_there);
	ck_assert_uint_eq(s.ends.local_port, 4500);
	ck_assert_uint_eq(s.ends.remote_port, 4500);
	ck_assert(ike_status_at(p.side[B].ike, p.now, 0, &s));
	ck_assert(!s.nat_here && s.nat_there);
	ck_assert_uint_eq(s.ends.local_port, 4500);
	ck_assert_uint_eq(s.ends.remote_port, 40000);
	ck_assert(p.side[B].sas[1].udp);
	ck_assert_uint_eq(p.side[B].sas[1].dport, 40000);
	ck_assert_uint_eq(p.side[B].sas[1].sport, 4500);
	ck_assert(p.side[A].sas[0].udp);
	/* Who is behind the NAT keeps it open. */
	ck_assert_uint_eq(p.side[A].sent, 2);
	pair_wait(&p, 61000);
	ck_assert_uint_eq(p.side[A].sent, 5);
	ck_assert_uint_eq(p.side[B].sent, 2);
}
END_TEST

START_TEST(test_setup_follows_a_nat_that_moves)
{
	put_nat();
	p.side[A].connection.dpd_delay_s = 30;
	begin();
	pair_run(&p);
	p.nat_port = 41000;
	/* INFORMATIONAL { } --> from another port */
	pair_wait(&p, 31000);
	ck_assert_uint_eq(p.side[B].moves, 2);
	ck_assert(pair_has_event(&p, B, IKE_EV_MOVED, ""));
	ck_assert_uint_eq(p.side[B].sas[1].dport, 41000);
	check_up();
	/* ESP tells the same. */
	ike_on_mapping(p.side[B].ike, p.now, &p.side[B].sas[0].dst, p.side[B].sas[0].spi,
		       &p.nat_addr, 42000);
	pair_collect(&p, B);
	ck_assert_uint_eq(p.side[B].sas[1].dport, 42000);
	/* Who is behind the NAT does not follow. */
	ike_on_mapping(p.side[A].ike, p.now, &p.side[A].sas[0].dst, p.side[A].sas[0].spi,
		       &p.nat_addr, 42000);
	pair_collect(&p, A);
	ck_assert_uint_eq(p.side[A].moves, 0);
}
END_TEST

START_TEST(test_setup_encapsulates_when_told_to)
{
	struct ike_status s;

	p.side[_i].connection.encap = true;
	begin();
	pair_run(&p);
	check_up();
	ck_assert(p.side[A].sas[0].udp && p.side[B].sas[0].udp);
	ck_assert(ike_status_at(p.side[B].ike, p.now, 0, &s));
	ck_assert_uint_eq(s.ends.local_port, 4500);
}
END_TEST

/* ---- fragments -------------------------------------------------------------------------------------------------- */

START_TEST(test_setup_cuts_long_messages)
{
	unsigned sent;

	for (unsigned i = 0; i < SIDES; i++) {
		p.side[i].config.fragment_size = 200;
		p.side[i].connection.fragmentation =
			_i == 0 ? IKE_FRAGMENT_YES : IKE_FRAGMENT_FORCE;
	}
	begin();
	pair_deliver(&p);
	pair_deliver(&p);
	/* IKE_AUTH in pieces, the last first, one of them twice. */
	sent = p.queued;
	ck_assert_uint_ge(sent, 2);
	pair_repeat(&p);
	while (p.queued && p.queue[p.queued - 1].from == A)
		pair_deliver_at(&p, p.queued - 1);
	pair_run(&p);
	check_up();
}
END_TEST

START_TEST(test_setup_cuts_nothing_unless_both_can)
{
	p.side[A].config.fragment_size = 200;
	p.side[B].connection.fragmentation = IKE_FRAGMENT_NO;
	begin();
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].sent, 2);
}
END_TEST

/* One fragment lost: all come again. */
START_TEST(test_setup_bears_the_loss_of_a_fragment)
{
	p.side[A].config.fragment_size = p.side[B].config.fragment_size = 200;
	begin();
	pair_deliver(&p);
	pair_deliver(&p);
	pair_drop_at(&p, (unsigned)_i);
	pair_wait(&p, 5000);
	check_up();
}
END_TEST

/* ---- PPK -------------------------------------------------------------------------------------------------------- */

enum { PPK_NONE, PPK_MAY, PPK_MUST, PPK_OTHER };

static const struct {
	unsigned a, b;
	bool up, used;
} ppks[] = {
	{PPK_MAY, PPK_MAY, true, true},	    {PPK_MUST, PPK_MUST, true, true},
	{PPK_MUST, PPK_MAY, true, true},    {PPK_MAY, PPK_NONE, true, false},
	{PPK_NONE, PPK_MAY, true, false},   {PPK_MUST, PPK_NONE, false, false},
	{PPK_NONE, PPK_MUST, false, false}, {PPK_MAY, PPK_OTHER, false, false},
};

static void put_ppk(unsigned side, unsigned how)
{
	struct side *s = &p.side[side];

	if (how == PPK_NONE)
		return;
	s->connection.ppk_id = pair_id("keyid:ppk-1");
	s->connection.ppk_required = how == PPK_MUST;
	s->secrets[1].is_ppk = true;
	s->secrets[1].id_count = 1;
	s->secrets[1].ids[0] = s->connection.ppk_id;
	pair_secret(&s->secrets[1], how == PPK_OTHER ? "something else" : "post-quantum");
	s->config.secret_count = 2;
}

START_TEST(test_setup_mixes_a_ppk)
{
	struct ike_status s;

	put_ppk(A, ppks[_i].a);
	put_ppk(B, ppks[_i].b);
	begin();
	pair_run(&p);
	if (!ppks[_i].up) {
		pair_wait(&p, 31000);
		check_down();
		if (ppks[_i].b == PPK_OTHER) {
			ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "or PPKs differ"));
			ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, "or PPK is another one"));
		}
		return;
	}
	check_up();
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert(ike_status_at(p.side[i].ike, p.now, 0, &s));
		ck_assert(s.ppk == ppks[_i].used);
	}
	(void)ike_rekey(p.side[B].ike, p.now, "net", NULL);
	pair_collect(&p, B);
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	pair_wait(&p, 20000);
	check_up();
}
END_TEST

/* ---- virtual addresses -------------------------------------------------------------------------------------------- */

static void put_pool(const char *from, const char *to)
{
	struct side *b = &p.side[B];

	p.side[A].connection.vip_count = 1;
	p.side[A].connection.vips[0] = (struct ip_addr){.family = AF_INET};
	p.side[A].kids[0].local_ts.count = 0;
	p.side[A].kids[0].local_dynamic = true;
	b->connection.pool_count = 1;
	b->connection.pools[0].from = pair_addr(from);
	b->connection.pools[0].to = pair_addr(to);
	b->kids[0].remote_ts.count = 0;
	b->kids[0].remote_dynamic = true;
}

START_TEST(test_setup_gives_a_virtual_address)
{
	struct ike_child_status s;
	char text[IKE_TS_TEXT_MAX];

	put_pool("10.3.0.1", "10.3.0.9");
	begin();
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(p.side[A].address_count, 1);
	ck_assert_mem_eq(p.side[A].addresses[0].bytes, "\x0a\x03\x00\x01", 4);
	ck_assert_uint_eq(p.side[B].address_count, 0);
	ck_assert(ike_child_status_at(p.side[B].ike, p.now, 0, 0, &s));
	ck_assert_str_eq(ike_ts_format(&s.remote_ts->at[0], text), "10.3.0.1/32");
	/* It outlives the IKE SA that brought it. */
	(void)ike_rekey(p.side[B].ike, p.now, "net", NULL);
	pair_collect(&p, B);
	pair_wait(&p, 6000);
	check_up();
	ck_assert_uint_eq(p.side[A].address_count, 1);
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	pair_wait(&p, 6000);
	check_up();
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	pair_run(&p);
	check_down();
	/* And is free again. */
	pair_initiate(&p, A, 2);
	pair_run(&p);
	ck_assert_mem_eq(p.side[A].addresses[0].bytes, "\x0a\x03\x00\x01", 4);
}
END_TEST

START_TEST(test_setup_has_no_address_left)
{
	put_pool("10.3.0.1", "10.3.0.1");
	begin();
	pair_run(&p);
	check_up();
	/* The same peer from elsewhere: the address is taken until the first is gone. */
	p.side[A].connection.initial_contact = false;
	(void)snprintf(p.side[A].connection.name, sizeof(p.side[A].connection.name), "again");
	pair_configure(&p, A);
	while (p.queued)
		pair_drop(&p);
	pair_forget_events(&p);
	ck_assert_int_eq(ike_initiate(p.side[A].ike, p.now, "again", NULL, 3), 0);
	pair_collect(&p, A);
	for (unsigned i = 0; i < 8 && p.queued; i++)
		pair_deliver(&p);
	ck_assert(pair_has_event(&p, A, IKE_EV_FAILED, "INTERNAL_ADDRESS_FAILURE"));
	ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, "no virtual address is free"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike setup");
	TCase *tc = tcase_create("setup");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_setup_works_with_every_suite, 0, (int)ARRAY_LEN(suites));
	tcase_add_loop_test(tc, test_setup_implicit_iv, 0, (int)ARRAY_LEN(implicit));
	tcase_add_test(tc, test_setup_implicit_iv_is_not_for_everybody);
	tcase_add_loop_test(tc, test_setup_mixes_families, 0, (int)ARRAY_LEN(families));
	tcase_add_loop_test(tc, test_setup_narrows_selectors, 0, (int)ARRAY_LEN(narrowings));
	tcase_add_test(tc, test_setup_takes_several_selectors);
	tcase_add_test(tc, test_setup_brings_all_children_up);
	tcase_add_test(tc, test_setup_explains_ike_proposals);
	tcase_add_test(tc, test_setup_explains_esp_proposals);
	tcase_add_loop_test(tc, test_setup_explains_authentication, 0, WRONGS);
	tcase_add_test(tc, test_setup_refuses_the_wrong_responder);
	tcase_add_test(tc, test_setup_gives_each_id_its_own_selectors);
	tcase_add_test(tc, test_setup_takes_the_group_that_is_asked_for);
	tcase_add_test(tc, test_setup_shows_a_cookie_under_load);
	tcase_add_test(tc, test_setup_shows_a_cookie_and_another_group);
	tcase_add_test(tc, test_setup_bounds_half_open_ones);
	tcase_add_test(tc, test_setup_moves_to_4500_behind_a_nat);
	tcase_add_test(tc, test_setup_follows_a_nat_that_moves);
	tcase_add_loop_test(tc, test_setup_encapsulates_when_told_to, 0, SIDES);
	tcase_add_loop_test(tc, test_setup_cuts_long_messages, 0, 2);
	tcase_add_test(tc, test_setup_cuts_nothing_unless_both_can);
	tcase_add_loop_test(tc, test_setup_bears_the_loss_of_a_fragment, 0, 2);
	tcase_add_loop_test(tc, test_setup_mixes_a_ppk, 0, (int)ARRAY_LEN(ppks));
	tcase_add_test(tc, test_setup_gives_a_virtual_address);
	tcase_add_test(tc, test_setup_has_no_address_left);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
