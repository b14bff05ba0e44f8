/*
 * test_control_move.c: MIGRATE and the ends that a client asks for (EXPIRE, POLEXPIRE), and the ends
 * of policies by time: what changes, who hears of it, and that a refusal changes nothing.
 */
#include "control_double.h"
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 5000 };

static struct xfrm_client *client, *listener;
static struct xfrm_error err;

static void setup(void)
{
	server_start();
	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	ck_assert_int_eq(xfrm_client_open(server.path, false, &listener, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(listener, XFRMGRP_EXPIRE | XFRM_GROUP_MIGRATE, &err),
			 0);
}

static void teardown(void)
{
	xfrm_client_close(listener);
	xfrm_client_close(client);
	server_stop();
}

static int request(struct xfrm_message msg)
{
	return xfrm_client_request(client, &msg, &err);
}

static struct xfrm_message get(struct xfrm_message msg)
{
	struct xfrm_message reply;

	ck_assert_msg(xfrm_client_get(client, &msg, &reply, &err) == 0, "%s", err.text);
	return reply;
}

static int get_error(struct xfrm_message msg)
{
	struct xfrm_message reply;

	return xfrm_client_get(client, &msg, &reply, &err);
}

static struct xfrm_message event_of(uint16_t type)
{
	struct xfrm_message msg;

	ck_assert_msg(xfrm_client_event(listener, PATIENCE_MS, &msg, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(msg.type, type);
	return msg;
}

static void expect_none(void)
{
	struct xfrm_message msg;

	ck_assert_int_eq(xfrm_client_event(listener, 50, &msg, &err), -EAGAIN);
}

/* ---- ends that are asked for ------------------------------------------------------------------ */

START_TEST(test_expire_is_announced_and_ends_if_hard)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_EXPIRE, 1, 2, 0x100);

	ck_assert_int_eq(request(msg), -ENOENT);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	for (int hard = 0; hard < 2; hard++) {
		msg.hard = hard;
		ck_assert_int_eq(request(msg), 0);
		ck_assert(event_of(XFRM_MSG_EXPIRE).hard == hard);
		ck_assert_uint_eq(sadb_sa_count(server.db), hard ? 0 : 1);
	}
	ck_assert_int_eq(request(msg), -ENOENT);
	expect_none();
}
END_TEST

START_TEST(test_policy_expire_is_announced_and_ends_if_hard)
{
	struct xfrm_message msg = policy_message(XFRM_MSG_POLEXPIRE, POLICY_OUT, 1, 2), event;

	ck_assert_int_eq(request(msg), -ENOENT);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	for (int hard = 0; hard < 2; hard++) {
		msg.hard = hard;
		ck_assert_int_eq(request(msg), 0);
		event = event_of(XFRM_MSG_POLEXPIRE);
		ck_assert(event.hard == hard);
		ck_assert_uint_eq(event.policy.config.tmpl.reqid, 2);
		ck_assert_uint_eq(sadb_policy_count(server.db, POLICY_OUT), hard ? 0 : 1);
	}
	ck_assert_int_eq(request(msg), -ENOENT);
	expect_none();
}
END_TEST

static void policies_at(void *arg)
{
	policy_life_run(server.control, *(uint64_t *)arg);
}

static void time_is(uint64_t now)
{
	server_call(policies_at, &now);
}

START_TEST(test_policies_expire_by_time)
{
	struct xfrm_message msg = policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2);
	uint64_t now = (uint64_t)time(NULL);

	msg.policy.config.limits.soft_add_s = 100;
	msg.policy.config.limits.hard_add_s = 200;
	ck_assert_int_eq(request(msg), 0);
	time_is(now + 99);
	expect_none();
	time_is(now + 101);
	ck_assert(!event_of(XFRM_MSG_POLEXPIRE).hard);
	time_is(now + 120);
	expect_none();
	time_is(now + 140); /* again, while it lasts */
	ck_assert(!event_of(XFRM_MSG_POLEXPIRE).hard);
	time_is(now + 202);
	ck_assert(event_of(XFRM_MSG_POLEXPIRE).hard);
	ck_assert_uint_eq(sadb_policy_count(server.db, POLICY_OUT), 0);
	ck_assert_uint_eq(server.control->policy_deadlines.count, 0);
	expect_none();
}
END_TEST

/* Whatever ends a policy ends its deadline. */
START_TEST(test_policy_deadlines_go_with_their_policies)
{
	static const uint16_t ends[] = {XFRM_MSG_DELPOLICY, XFRM_MSG_FLUSHPOLICY,
					XFRM_MSG_UPDPOLICY};
	struct xfrm_message msg = policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2);

	msg.policy.config.limits.hard_use_s = 200;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		ck_assert_int_eq(request(msg), 0);
		ck_assert_uint_eq(server.control->policy_deadlines.count, 1);
		ck_assert_int_eq(request(policy_message(ends[i], POLICY_OUT, 1, 2)), 0);
		ck_assert_uint_eq(server.control->policy_deadlines.count, 0);
	}
	time_is(UINT64_MAX / 2);
	expect_none();
}
END_TEST

/* ---- MIGRATE ---------------------------------------------------------------------------------- */

/* From 10.0.0.1 > .2 to 10.0.0.<src> > .<dst>. */
static struct xfrm_message migrate_message(uint8_t src, uint8_t dst)
{
	const struct sa_config old = sa_message(XFRM_MSG_NEWSA, 1, 2, 1).sa.config;
	const struct sa_config new = sa_message(XFRM_MSG_NEWSA, src, dst, 1).sa.config;
	struct xfrm_message msg = policy_message(XFRM_MSG_MIGRATE, POLICY_OUT, 1, 2);

	msg.migrate.count = 1;
	msg.migrate.moves[0] = (struct xfrm_migration){.old_src = old.src,
						       .old_dst = old.id.dst,
						       .new_src = new.src,
						       .new_dst = new.id.dst,
						       .reqid = 2,
						       .proto = IPPROTO_ESP,
						       .mode = XFRM_MODE_TUNNEL};
	return msg;
}

static void find_out_sa(void *arg)
{
	struct policy_config key = policy_message(0, POLICY_OUT, 1, 2).policy.config;
	struct policy *policy = sadb_policy_find(server.db, &key);

	ck_assert_ptr_nonnull(policy);
	*(struct sa **)arg = atomic_load(&policy->sa);
}

static void use_numbers(void *arg)
{
	struct sa *sa = *(struct sa **)arg;

	for (int i = 0; i < 5; i++)
		sa_on_packet(sa, 100, 1700000000);
}

START_TEST(test_migrate_moves_policy_and_sas)
{
	static const struct {
		uint8_t src, dst;
	} rows[] = {{1, 3}, {9, 2}, {9, 3}, {1, 2}};
	struct xfrm_message moved, event;
	struct sa *sa = NULL, *newer = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned takes;

		ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
		ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
		ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x101)), 0);
		server_call(find_out_sa, &sa);
		ck_assert_uint_eq(sa->config.id.spi, 0x101);
		server_call(use_numbers, &sa);
		takes = double_state.takes;
		ck_assert_msg(request(migrate_message(rows[i].src, rows[i].dst)) == 0, "%s",
			      err.text);
		/* The very same ends: no number is taken anew, no window forgotten. */
		ck_assert_uint_eq(double_state.takes, takes);
		ck_assert_uint_eq(sadb_sa_count(server.db), 2);
		server_call(find_out_sa, &newer);
		ck_assert_ptr_nonnull(newer);
		ck_assert_uint_eq(newer->config.id.spi, 0x101);
		moved = get(sa_message(XFRM_MSG_GETSA, rows[i].src, rows[i].dst, 0x101));
		ck_assert_uint_eq(moved.sa.status.packets, 5);
		ck_assert(ip_addr_equal(&moved.sa.config.src, &newer->config.src));
		moved = get(policy_message(XFRM_MSG_GETPOLICY, POLICY_OUT, 1, 2));
		ck_assert(ip_addr_equal(&moved.policy.config.tmpl.dst, &newer->config.id.dst));
		if (rows[i].dst != 2)
			ck_assert_int_eq(get_error(sa_message(XFRM_MSG_GETSA, 1, 2, 0x101)),
					 -ESRCH);
		event = event_of(XFRM_MSG_MIGRATE);
		ck_assert_uint_eq(event.migrate.count, 1);
		ck_assert(ip_addr_equal(&event.migrate.moves[0].new_dst, &newer->config.id.dst));
		ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
		ck_assert_int_eq(request(policy_message(XFRM_MSG_FLUSHPOLICY, 0, 0, 0)), 0);
	}
	/* Each grant went back when its SA did. */
	ck_assert_uint_eq(double_state.takes, double_state.returns);
}
END_TEST

START_TEST(test_migrate_refusals_change_nothing)
{
	struct xfrm_message msg = migrate_message(1, 3), kept;

	ck_assert_int_eq(request(msg), -ENOENT);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x101)), 0);
	msg.migrate.moves[0].reqid = 77;
	ck_assert_int_eq(request(msg), -ENODATA);
	msg = migrate_message(1, 3);
	msg.migrate.count = 0;
	ck_assert_int_eq(request(msg), -ERANGE);
	/* The second one's place is taken. */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 3, 0x101)), 0);
	ck_assert_int_eq(request(migrate_message(1, 3)), -ENODATA);
	ck_assert_ptr_nonnull(strstr(err.text, "another SA"));
	ck_assert_uint_eq(sadb_sa_count(server.db), 3);
	for (uint32_t spi = 0x100; spi < 0x102; spi++)
		(void)get(sa_message(XFRM_MSG_GETSA, 1, 2, spi));
	ck_assert_int_eq(get_error(sa_message(XFRM_MSG_GETSA, 1, 3, 0x100)), -ESRCH);
	kept = get(policy_message(XFRM_MSG_GETPOLICY, POLICY_OUT, 1, 2));
	ck_assert(ip_addr_equal(&kept.policy.config.tmpl.dst, &msg.migrate.moves[0].old_dst));
	expect_none();
	/* What was not moved still goes. */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_DELSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	ck_assert_uint_eq(double_state.takes, double_state.returns);
}
END_TEST

/* Two moves of one SA, by its reqid and by any: it goes where the first one says. */
START_TEST(test_migrate_moves_an_sa_once)
{
	struct xfrm_message msg = migrate_message(1, 3);

	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	msg.migrate.moves[1] = msg.migrate.moves[0];
	msg.migrate.moves[1].reqid = 0;
	msg.migrate.count = 2;
	ck_assert_msg(request(msg) == 0, "%s", err.text);
	(void)get(sa_message(XFRM_MSG_GETSA, 1, 3, 0x100));
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
}
END_TEST

static void tell(void *arg)
{
	control_on_notice(server.control, arg);
}

/* A packet thread speaks of a limit once. It may have done so, or do so with the version it still
 * holds, while the SA moves: what it said must count, or a spent SA would never end. */
START_TEST(test_migrate_loses_no_limit)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100);
	struct notice notice;
	struct sa *sa = NULL;

	msg.sa.config.limits.soft_packets = 5;
	msg.sa.config.limits.hard_packets = 10;
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(msg), 0);
	for (int hard = 0; hard < 2; hard++) {
		server_call(find_out_sa, &sa);
		server_call(use_numbers, &sa);
		atomic_store(&sa->counters->told, hard ? SA_HARD : SA_SOFT);
		notice = notice_about(NOTICE_LIFE, sa);
		if (!hard) {
			ck_assert_msg(request(migrate_message(1, 3)) == 0, "%s", err.text);
			(void)event_of(XFRM_MSG_MIGRATE);
		}
		server_call(tell, &notice);
		ck_assert(event_of(XFRM_MSG_EXPIRE).hard == hard);
	}
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	/* It is gone: nothing happens, wherever it was. */
	server_call(tell, &notice);
	expect_none();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control move");
	TCase *tc = tcase_create("move");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_expire_is_announced_and_ends_if_hard);
	tcase_add_test(tc, test_policy_expire_is_announced_and_ends_if_hard);
	tcase_add_test(tc, test_policies_expire_by_time);
	tcase_add_test(tc, test_policy_deadlines_go_with_their_policies);
	tcase_add_test(tc, test_migrate_moves_policy_and_sas);
	tcase_add_test(tc, test_migrate_refusals_change_nothing);
	tcase_add_test(tc, test_migrate_moves_an_sa_once);
	tcase_add_test(tc, test_migrate_loses_no_limit);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
