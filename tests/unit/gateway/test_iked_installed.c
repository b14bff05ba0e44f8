/*
 * tests/unit/gateway/test_iked_installed.c: what cygnet-iked keeps in XFRM. XFRM here is a list of policies and one of
 * SAs, which does what it is told and says of what is not there that it is not there.
 */
#include "gateway/iked/installed.h"
#include "gateway/iked/xfrm_link.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- XFRM ------------------------------------------------------------------------------------------------ */

enum { XFRM_MAX = 64 };

static struct {
	unsigned policy_count, sa_count, requests;
	struct policy_config policies[XFRM_MAX];
	struct sa_config sas[XFRM_MAX];
	int refuses; /* the next request; 0: it does not */
} xfrm;

static int put_policy(const struct policy_config *p)
{
	unsigned i = 0;

	while (i < xfrm.policy_count &&
	       (xfrm.policies[i].dir != p->dir || !selector_equal(&xfrm.policies[i].sel, &p->sel)))
		i++;
	ck_assert_uint_lt(i, XFRM_MAX);
	xfrm.policies[i] = *p;
	xfrm.policy_count += i == xfrm.policy_count;
	return 0;
}

static int drop_policy(const struct policy_config *p)
{
	for (unsigned i = 0; i < xfrm.policy_count; i++) {
		if (xfrm.policies[i].dir != p->dir ||
		    !selector_equal(&xfrm.policies[i].sel, &p->sel))
			continue;
		xfrm.policies[i] = xfrm.policies[--xfrm.policy_count];
		return 0;
	}
	return -ENOENT;
}

static struct sa_config *find_sa(const struct sa_id *id)
{
	for (unsigned i = 0; i < xfrm.sa_count; i++) {
		if (xfrm.sas[i].id.spi == id->spi && ip_addr_equal(&xfrm.sas[i].id.dst, &id->dst))
			return &xfrm.sas[i];
	}
	return NULL;
}

static int change_sa(const struct xfrm_message *msg)
{
	struct sa_config *sa = find_sa(&msg->sa.config.id);

	switch (msg->type) {
	case XFRM_MSG_NEWSA:
		if (sa)
			return -EEXIST;
		ck_assert_uint_lt(xfrm.sa_count, XFRM_MAX);
		xfrm.sas[xfrm.sa_count++] = msg->sa.config;
		return 0;
	case XFRM_MSG_UPDSA:
		if (!sa)
			return -ESRCH;
		*sa = msg->sa.config;
		return 0;
	default:
		ck_assert_uint_eq(msg->type, XFRM_MSG_DELSA);
		if (!sa)
			return -ESRCH;
		*sa = xfrm.sas[--xfrm.sa_count];
		return 0;
	}
}

int xfrm_link_request(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_error *err)
{
	int rc = xfrm.refuses;

	(void)link;
	xfrm.refuses = 0;
	xfrm.requests++;
	if (rc == 0 && msg->type == XFRM_MSG_UPDPOLICY)
		rc = put_policy(&msg->policy.config);
	else if (rc == 0 && msg->type == XFRM_MSG_DELPOLICY)
		rc = drop_policy(&msg->policy.config);
	else if (rc == 0)
		rc = change_sa(msg);
	return rc ? xfrm_error_set(err, rc, 0, "%s", strerror(-rc)) : 0;
}

int xfrm_link_get(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_message *reply,
		  struct xfrm_error *err)
{
	const struct sa_config *sa = find_sa(&msg->sa.config.id);

	(void)link;
	ck_assert_uint_eq(msg->type, XFRM_MSG_GETSA);
	if (!sa)
		return xfrm_error_set(err, -ESRCH, 0, "%s", strerror(ESRCH));
	*reply = (struct xfrm_message){.type = XFRM_MSG_NEWSA, .sa.config = *sa};
	return 0;
}

/* ---- wishes ---------------------------------------------------------------------------------------------- */

static struct installed *in;

static void set_up(void)
{
	memset(&xfrm, 0, sizeof(xfrm));
	ck_assert_int_eq(installed_new(&in, NULL), 0);
}

static void tear_down(void)
{
	installed_free(in);
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	ck_assert(ip_addr_parse(text, &a));
	return a;
}

static void set_ts(struct ike_ts_list *list, const char *text)
{
	list->count = 1;
	ck_assert(ike_ts_parse_text(text, &list->at[0]));
}

enum { WISHES = 5, PLACES = 3 };

/* Of one place, all different. */
static const struct {
	uint32_t reqid, priority;
	bool trap;
	const char *remote;
} wishes[WISHES] = {
	{1, 0, false, "192.0.2.2"}, {2, 0, false, "192.0.2.2"}, {1, 0, true, "192.0.2.2"},
	{1, 0, false, "192.0.2.3"}, {1, 7, false, "192.0.2.2"},
};

static void ask(bool add, unsigned wish, unsigned place, bool no_policies)
{
	static const char *const remotes[PLACES] = {"10.2.0.0/16", "10.3.0.0/16",
						    "10.2.0.0/16[tcp/80]"};
	struct ike_child_config config = {.priority = wishes[wish].priority,
					  .no_policies = no_policies};
	struct ike_ts_list local, remote;
	struct ike_policy_action action = {.reqid = wishes[wish].reqid,
					   .trap = wishes[wish].trap,
					   .local = addr("192.0.2.1"),
					   .remote = addr(wishes[wish].remote),
					   .config = &config,
					   .local_ts = &local,
					   .remote_ts = &remote};

	set_ts(&local, "10.1.0.0/16");
	set_ts(&remote, remotes[place]);
	if (add)
		installed_add_policies(in, &action);
	else
		installed_delete_policies(in, &action);
}

/* Of this place in this direction there is the policy of this wish; -1: none. Which of two that differ by .trap
 * alone XFRM cannot tell. */
static void check_policy(unsigned place, unsigned dir, int wish)
{
	static const char *const nets[PLACES] = {"10.2.0.0", "10.3.0.0", "10.2.0.0"};
	struct ip_addr net = addr(nets[place]), peer;
	const struct policy_config *found = NULL;

	for (unsigned i = 0; i < xfrm.policy_count; i++) {
		const struct policy_config *p = &xfrm.policies[i];
		const struct ip_prefix *there = dir == POLICY_OUT ? &p->sel.dst : &p->sel.src;

		if (p->dir == dir && ip_addr_equal(&there->addr, &net) &&
		    (p->sel.proto == IPPROTO_TCP) == (place == 2)) {
			ck_assert_ptr_null(found);
			found = p;
		}
	}
	ck_assert_int_eq(found != NULL, wish >= 0);
	if (!found)
		return;
	peer = addr(wishes[wish].remote);
	ck_assert_uint_eq(found->tmpl.reqid, wishes[wish].reqid);
	ck_assert(ip_addr_equal(dir == POLICY_OUT ? &found->tmpl.dst : &found->tmpl.src, &peer));
	ck_assert_int_eq(found->priority == 7, wishes[wish].priority == 7);
}

static void check_place(unsigned place, int wish)
{
	static const unsigned dirs[] = {POLICY_IN, POLICY_OUT, POLICY_FWD};

	for (unsigned i = 0; i < ARRAY_LEN(dirs); i++)
		check_policy(place, dirs[i], wish);
}

/* ---- policies ---------------------------------------------------------------------------------------------- */

/* "+0" adds wish 0, "-0" deletes it, "=0" looks who has the place, "=." that nobody has. */
static const char *const ledgers[] = {
	"+0 =0 -0 =.",
	/* Who came before gets it back. */
	"+0 +1 =1 -1 =0 -0 =.",
	/* Who goes and is not the last leaves no trace. */
	"+0 +1 =1 -0 =1 -1 =.",
	/* Twice the same: two children may each need theirs. */
	"+0 +0 =0 -0 =0 -0 =.",
	/* The last one of it is meant, and it is not the former of the same that comes back. */
	"+0 +1 +0 =0 -0 =1 -0 =1 -1 =.",
	"+0 +1 +0 =0 -0 =1 -1 =0 -0 =.",
	"+0 +1 +0 =0 -1 =0 -0 =0 -0 =.",
	"+0 +0 +1 =1 -0 =1 -0 =1 -1 =.",
	"+1 +0 +0 =0 -0 =0 -0 =1 -1 =.",
	/* A trap, the child that came of it, its successor with another number, back to the trap. */
	"+2 +0 +1 =1 -0 =1 -1 =2 -2 =.",
	/* Other ends, another priority. */
	"+0 +3 =3 -0 =3 -3 =.",
	"+0 +4 =4 -4 =0 -0 =.",
	/* What was never added. */
	"-0 =. +0 -1 =0 -0 =. -0 =.",
};

START_TEST(test_installed_policies_are_a_ledger)
{
	for (const char *at = ledgers[_i]; *at; at += 2 + (at[2] == ' ')) {
		if (*at == '=')
			check_place(0, at[1] == '.' ? -1 : at[1] - '0');
		else
			ask(*at == '+', (unsigned)(at[1] - '0'), 0, false);
	}
	ck_assert_uint_eq(xfrm.policy_count, 0);
}
END_TEST

enum { LEDGER_MAX = 12 };

static unsigned below(uint64_t *random, unsigned n)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*random >> 33) % n;
}

/* Against one list of all additions, looked through from its end. */
START_TEST(test_installed_policies_by_chance)
{
	struct {
		unsigned wish, place;
	} ledger[LEDGER_MAX];
	uint64_t random = (uint64_t)_i + 1;
	unsigned count = 0;

	for (unsigned n = 0; n < 300; n++) {
		unsigned wish = below(&random, WISHES), place = below(&random, PLACES), i = count;
		bool add = count < LEDGER_MAX && below(&random, 2);

		ask(add, wish, place, false);
		if (add) {
			ledger[count].wish = wish;
			ledger[count++].place = place;
		} else {
			while (i > 0 &&
			       (ledger[i - 1].wish != wish || ledger[i - 1].place != place))
				i--;
			if (i > 0)
				memmove(&ledger[i - 1], &ledger[i],
					(count-- - i) * sizeof(ledger[0]));
		}
		if (below(&random, 20) == 0) { /* a cygnetd that is new */
			xfrm.policy_count = 0;
			installed_restore(in);
		}
		for (place = 0; place < PLACES; place++) {
			int latest = -1;

			for (i = 0; i < count; i++) {
				if (ledger[i].place == place)
					latest = (int)ledger[i].wish;
			}
			check_place(place, latest);
		}
	}
}
END_TEST

START_TEST(test_installed_policies_come_back_and_go)
{
	const struct policy_config *p;

	ask(true, 0, 0, true); /* policies = no */
	ck_assert_uint_eq(xfrm.requests, 0);
	ask(true, 0, 0, false);
	ask(true, 1, 0, false);
	ask(true, 0, 1, false);
	ck_assert_uint_eq(xfrm.policy_count, 6);
	p = &xfrm.policies[0];
	ck_assert(installed_has_policy(in, p));
	ck_assert(installed_take_changed(in));
	ck_assert(!installed_take_changed(in));
	xfrm.policy_count = 0;
	installed_restore(in);
	check_place(0, 1);
	check_place(1, 0);
	installed_clear(in);
	ck_assert_uint_eq(xfrm.policy_count, 0);
	ck_assert(!installed_has_policy(in, p));
}
END_TEST

/* ---- SAs ----------------------------------------------------------------------------------------------------- */

static struct ike_sa_action sa_action(uint32_t spi, bool inbound)
{
	static const struct ike_child_config config = {.replay_window = 32};
	struct ike_sa_action a = {.inbound = inbound,
				  .spi = spi,
				  .reqid = spi + 1,
				  .src = addr(inbound ? "192.0.2.2" : "192.0.2.1"),
				  .dst = addr(inbound ? "192.0.2.1" : "192.0.2.2"),
				  .udp = true,
				  .sport = 4500,
				  .dport = 4500,
				  .config = &config};

	memset(a.keys.encr, 0xab, sizeof(a.keys.encr));
	return a;
}

static int add_sa(uint32_t spi, bool inbound)
{
	struct ike_sa_action a = sa_action(spi, inbound);
	struct xfrm_error err;

	return installed_add_sa(in, &a, &err);
}

START_TEST(test_installed_sas)
{
	struct ip_addr us = addr("192.0.2.1"), them = addr("192.0.2.2"), dst, src;
	struct ike_sa_action a = sa_action(0x101, true);
	uint32_t spi;

	ck_assert_int_eq(add_sa(0x101, true), 0);
	ck_assert_int_eq(add_sa(0x102, false), 0);
	ck_assert_uint_eq(xfrm.sa_count, 2);
	ck_assert(installed_has_sa(in, &us, 0x101) && installed_has_sa(in, &them, 0x102));
	ck_assert(!installed_has_sa(in, &them, 0x101));
	ck_assert(installed_inbound_at(in, 0, &dst, &src, &spi));
	ck_assert(spi == 0x101 && ip_addr_equal(&dst, &us) && ip_addr_equal(&src, &them));
	ck_assert(!installed_inbound_at(in, 1, &dst, &src, &spi));
	/* One that XFRM does not take is not there. */
	xfrm.refuses = -EINVAL;
	ck_assert_int_eq(add_sa(0x103, true), -EINVAL);
	ck_assert(!installed_has_sa(in, &us, 0x103));
	/* One that has gone by itself is forgotten all the same. */
	xfrm.sa_count = 0;
	installed_delete_sa(in, &a);
	ck_assert(!installed_has_sa(in, &us, 0x101) && installed_has_sa(in, &them, 0x102));
}
END_TEST

/* Ports change in place, with the keys that XFRM has; at another address the SA would begin anew with old keys: it
 * goes. */
START_TEST(test_installed_sas_move)
{
	struct ip_addr us = addr("192.0.2.1"), other = addr("192.0.2.9");
	struct ike_sa_action a = sa_action(0x101, true);

	ck_assert_int_eq(add_sa(0x101, true), 0);
	memset(a.keys.encr, 0, sizeof(a.keys.encr));
	a.sport = 4711;
	ck_assert(installed_move_sa(in, &us, &a));
	ck_assert_uint_eq(xfrm.sas[0].encap.sport, 4711);
	ck_assert_uint_eq(xfrm.sas[0].keys.encr[0], 0xab);
	a.dst = other;
	ck_assert(!installed_move_sa(in, &us, &a));
	ck_assert_uint_eq(xfrm.sa_count, 0);
	ck_assert(!installed_has_sa(in, &us, 0x101) && !installed_has_sa(in, &other, 0x101));
	/* One that is not there has not moved. */
	ck_assert(!installed_move_sa(in, &us, &a));
}
END_TEST

START_TEST(test_installed_sas_are_forgotten_with_xfrm)
{
	struct ip_addr us = addr("192.0.2.1");
	unsigned requests;

	ck_assert_int_eq(add_sa(0x101, true), 0);
	xfrm.sa_count = 0;
	requests = xfrm.requests;
	installed_restore(in);
	ck_assert(!installed_has_sa(in, &us, 0x101));
	ck_assert_uint_eq(xfrm.requests, requests); /* nothing is put back */
	ck_assert_int_eq(add_sa(0x104, true), 0);
	ck_assert_int_eq(add_sa(0x105, false), 0);
	installed_clear(in);
	ck_assert_uint_eq(xfrm.sa_count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("iked installed");
	TCase *tc = tcase_create("installed");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, test_installed_policies_are_a_ledger, 0, (int)ARRAY_LEN(ledgers));
	tcase_add_loop_test(tc, test_installed_policies_by_chance, 0, 20);
	tcase_add_test(tc, test_installed_policies_come_back_and_go);
	tcase_add_test(tc, test_installed_sas);
	tcase_add_test(tc, test_installed_sas_move);
	tcase_add_test(tc, test_installed_sas_are_forgotten_with_xfrm);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
