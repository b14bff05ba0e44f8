/*
 * test_control_info.c: what the server tells about its databases as a whole, and what an SA has done
 * so far: read, given back with a new SA (charon's change of address), and set. No sequence number
 * is ever used twice, whatever a client gives back.
 */
#include "control_double.h"
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 5000 };

static struct xfrm_client *client;
static struct xfrm_error err;

static void setup(void)
{
	server_start();
	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
}

static void teardown(void)
{
	xfrm_client_close(client);
	server_stop();
}

static int request(struct xfrm_message msg)
{
	return xfrm_client_request(client, &msg, &err);
}

static struct xfrm_message get(struct xfrm_message msg, uint16_t type)
{
	struct xfrm_message reply;
	int rc = xfrm_client_get(client, &msg, &reply, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_eq(reply.type, type);
	return reply;
}

static struct xfrm_message plain(uint16_t type)
{
	return (struct xfrm_message){.type = type};
}

/* ---- databases -------------------------------------------------------------------------------- */

START_TEST(test_info_counts_what_is_there)
{
	struct xfrm_message reply;

	ck_assert_uint_eq(get(plain(XFRM_MSG_GETSADINFO), XFRM_MSG_NEWSADINFO).sad.count, 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x101)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 2, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_FWD, 1, 2)), 0);
	reply = get((struct xfrm_message){.type = XFRM_MSG_GETSADINFO, .info_flags = 7},
		    XFRM_MSG_NEWSADINFO);
	ck_assert_uint_eq(reply.sad.count, 2);
	ck_assert_uint_eq(reply.info_flags, 7);
	reply = get(plain(XFRM_MSG_GETSPDINFO), XFRM_MSG_NEWSPDINFO);
	ck_assert_uint_eq(reply.spd.count[POLICY_IN], 0);
	ck_assert_uint_eq(reply.spd.count[POLICY_OUT], 2);
	ck_assert_uint_eq(reply.spd.count[POLICY_FWD], 1);
}
END_TEST

START_TEST(test_info_thresholds_are_kept)
{
	struct xfrm_message reply = get(plain(XFRM_MSG_GETSPDINFO), XFRM_MSG_NEWSPDINFO);
	struct xfrm_message set = plain(XFRM_MSG_NEWSPDINFO);

	ck_assert_uint_eq(reply.spd.ipv4.local, 32);
	ck_assert_uint_eq(reply.spd.ipv6.remote, 128);
	set.spd.ipv4 = (struct xfrm_threshold){true, 24, 16};
	ck_assert_int_eq(request(set), 0);
	reply = get(plain(XFRM_MSG_GETSPDINFO), XFRM_MSG_NEWSPDINFO);
	ck_assert_uint_eq(reply.spd.ipv4.local, 24);
	ck_assert_uint_eq(reply.spd.ipv4.remote, 16);
	ck_assert_uint_eq(reply.spd.ipv6.local, 128);
}
END_TEST

enum { KEEP = XFRM_USERPOLICY_UNSPEC, BLOCK = XFRM_USERPOLICY_BLOCK, OK = XFRM_USERPOLICY_ACCEPT };

static void check_default(const uint8_t expected[POLICY_DIRS])
{
	const struct xfrm_message reply = get(plain(XFRM_MSG_GETDEFAULT), XFRM_MSG_GETDEFAULT);

	ck_assert_mem_eq(reply.defaults.action, expected, POLICY_DIRS);
}

START_TEST(test_info_default_is_what_was_set)
{
	static const struct {
		uint8_t asked[POLICY_DIRS], is[POLICY_DIRS]; /* in, out, fwd */
	} rows[] = {
		{{OK, OK, OK}, {OK, OK, OK}},
		{{KEEP, BLOCK, KEEP}, {OK, BLOCK, OK}},
		{{BLOCK, KEEP, KEEP}, {BLOCK, BLOCK, OK}},
		{{KEEP, KEEP, KEEP}, {BLOCK, BLOCK, OK}},
		{{77, OK, BLOCK}, {BLOCK, OK, BLOCK}},
		{{OK, OK, OK}, {OK, OK, OK}},
	};
	struct xfrm_message set = plain(XFRM_MSG_SETDEFAULT), event;
	struct xfrm_client *listener;

	ck_assert_int_eq(xfrm_client_open(server.path, false, &listener, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(listener, XFRMGRP_POLICY, &err), 0);
	check_default(rows[0].is);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(set.defaults.action, rows[i].asked, POLICY_DIRS);
		ck_assert_int_eq(request(set), 0);
		check_default(rows[i].is);
		for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
			ck_assert_uint_eq(double_state.default_block[dir],
					  rows[i].is[dir] == BLOCK);
		/* As the kernel, the news is an answer to nobody. */
		ck_assert_int_eq(xfrm_client_event(listener, PATIENCE_MS, &event, &err), 0);
		ck_assert_uint_eq(event.type, XFRM_MSG_GETDEFAULT);
		ck_assert_uint_eq(event.seq, 0);
		ck_assert_mem_eq(event.defaults.action, rows[i].is, POLICY_DIRS);
	}
	xfrm_client_close(listener);
}
END_TEST

START_TEST(test_info_default_stays_if_it_cannot_be_had)
{
	static const struct {
		int fails;
		const char *says;
	} rows[] = {{-EOPNOTSUPP, "no nftables"}, {-EIO, "does not take"}};
	static const uint8_t before[POLICY_DIRS] = {OK, BLOCK, OK};
	struct xfrm_message set = plain(XFRM_MSG_SETDEFAULT), event;
	struct xfrm_client *listener;

	set.defaults = (struct xfrm_defaults){{KEEP, BLOCK, KEEP}};
	ck_assert_int_eq(request(set), 0);
	ck_assert_int_eq(xfrm_client_open(server.path, false, &listener, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(listener, XFRMGRP_POLICY, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double_state.default_fails = rows[i].fails;
		set.defaults = (struct xfrm_defaults){{BLOCK, OK, BLOCK}};
		ck_assert_int_eq(request(set), rows[i].fails);
		ck_assert_msg(strstr(err.text, rows[i].says) != NULL, "%s", err.text);
		check_default(before);
	}
	/* Nothing was told: the first news is the next change. */
	double_state.default_fails = 0;
	ck_assert_int_eq(request(set), 0);
	ck_assert_int_eq(xfrm_client_event(listener, PATIENCE_MS, &event, &err), 0);
	ck_assert_mem_eq(event.defaults.action, set.defaults.action, POLICY_DIRS);
	xfrm_client_close(listener);
}
END_TEST

/* ---- what an SA has done ---------------------------------------------------------------------- */

static struct xfrm_message past(struct xfrm_message msg, uint64_t out_seq, uint64_t in_seq)
{
	msg.sa.status = (struct sa_status){.bytes = 5000,
					   .packets = 50,
					   .add_time = 1700000000,
					   .use_time = 1700000001,
					   .out_seq = out_seq,
					   .in_seq = in_seq};
	msg.ae_replay = msg.ae_lifetime = true;
	return msg;
}

START_TEST(test_an_sa_goes_on_after_its_past)
{
	const struct xfrm_message sent = sa_message(XFRM_MSG_NEWSA, 2, 1, 0x101);
	struct xfrm_message reply;

	/* Out: a block above what it has used, here or elsewhere. */
	ck_assert_int_eq(request(past(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100), 70000, 0)), 0);
	ck_assert_uint_gt(double_state.next, 70000 + double_state.block);
	reply = get(sa_message(XFRM_MSG_GETAE, 1, 2, 0x100), XFRM_MSG_NEWAE);
	ck_assert_uint_ge(reply.sa.status.out_seq, 70000);
	ck_assert_uint_eq(reply.sa.status.bytes, 5000);
	ck_assert_uint_eq(reply.sa.status.packets, 50);
	ck_assert_uint_eq(reply.sa.status.add_time, 1700000000);
	ck_assert_uint_eq(reply.sa.status.use_time, 1700000001);
	/* In: everything up to that number has been seen. */
	ck_assert_int_eq(request(past(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x101), 0, 4711)), 0);
	reply = get(sa_message(XFRM_MSG_GETAE, 2, 1, 0x101), XFRM_MSG_NEWAE);
	ck_assert_uint_eq(reply.sa.status.in_seq, 4711);
	ck_assert_uint_eq(reply.sa.config.id.spi, 0x101);
	ck_assert(ip_addr_equal(&reply.sa.config.src, &sent.sa.config.src));
}
END_TEST

/* What was read by GETAE of one SA is the window of the next one. */
START_TEST(test_an_sa_goes_on_with_its_window)
{
	struct xfrm_message msg = past(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x101), 0, 4711), reply;
	struct esp_seen seen = {{0x80000005}};

	msg.sa.config.replay_window = 32;
	msg.sa.status.seen = seen;
	ck_assert_int_eq(request(msg), 0);
	reply = get(sa_message(XFRM_MSG_GETAE, 2, 1, 0x101), XFRM_MSG_NEWAE);
	ck_assert_uint_eq(reply.sa.status.seen.bits[0], 0x80000005);
	reply = get(sa_message(XFRM_MSG_GETSA, 2, 1, 0x101), XFRM_MSG_NEWSA);
	ck_assert_uint_eq(reply.sa.status.seen.bits[0], 0x80000005);
	/* No window has not seen its highest number: all of it is taken as seen. */
	msg = past(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x102), 0, 4711);
	msg.sa.config.replay_window = 32;
	ck_assert_int_eq(request(msg), 0);
	reply = get(sa_message(XFRM_MSG_GETAE, 2, 1, 0x102), XFRM_MSG_NEWAE);
	ck_assert_uint_eq(reply.sa.status.seen.bits[0], UINT32_MAX);
}
END_TEST

START_TEST(test_ae_errors_are_the_kernels)
{
	struct xfrm_message reply, larval = sa_message(XFRM_MSG_ALLOCSPI, 2, 1, 0),
				   msg = sa_message(XFRM_MSG_GETAE, 1, 2, 0x100);

	larval.range = (struct xfrm_spi_range){0x200, 0x200};
	ck_assert_int_eq(xfrm_client_get(client, &msg, &reply, &err), -ESRCH);
	msg = past(sa_message(XFRM_MSG_NEWAE, 1, 2, 0x100), 5, 5);
	ck_assert_int_eq(request(msg), -ESRCH);
	ck_assert_int_eq(xfrm_client_get(client, &larval, &reply, &err), 0);
	msg.sa.config.id = reply.sa.config.id;
	ck_assert_int_eq(request(msg), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no keys"));
	/* Numbers of 64 bits into an SA of 32. */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	msg = past(sa_message(XFRM_MSG_NEWAE, 1, 2, 0x100), (uint64_t)1 << 32, 0);
	ck_assert_int_eq(request(msg), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "32 bits"));
}
END_TEST

/* Numbers go up, and stay where they are if they are told to go down. */
START_TEST(test_ae_sets_numbers_forward_only)
{
	static const struct {
		uint64_t given, is;
	} rows[] = {{100, 100}, {50, 100}, {0, 100}, {101, 101}};
	struct xfrm_message msg, reply;
	struct xfrm_client *listener;
	unsigned takes;

	ck_assert_int_eq(xfrm_client_open(server.path, false, &listener, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(listener, XFRM_GROUP_AEVENTS, &err), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x101)), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		msg = past(sa_message(XFRM_MSG_NEWAE, 2, 1, 0x101), 0, rows[i].given);
		ck_assert_int_eq(request(msg), 0);
		reply = get(sa_message(XFRM_MSG_GETAE, 2, 1, 0x101), XFRM_MSG_NEWAE);
		ck_assert_uint_eq(reply.sa.status.in_seq, rows[i].is);
		ck_assert_uint_eq(reply.sa.status.bytes, 5000);
		ck_assert_int_eq(xfrm_client_event(listener, PATIENCE_MS, &msg, &err), 0);
		ck_assert_uint_eq(msg.type, XFRM_MSG_NEWAE);
		ck_assert_uint_eq(msg.ae_flags, XFRM_AE_CU);
		ck_assert_uint_eq(msg.sa.status.in_seq, rows[i].is);
	}
	/* Outbound, a number ahead costs a block of its own; one behind costs nothing. */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	takes = double_state.takes;
	msg = past(sa_message(XFRM_MSG_NEWAE, 1, 2, 0x100), 1 << 24, 0);
	ck_assert_int_eq(request(msg), 0);
	ck_assert_uint_eq(double_state.takes, takes + 1);
	msg.sa.status.out_seq = 1;
	ck_assert_int_eq(request(msg), 0);
	ck_assert_uint_eq(double_state.takes, takes + 1);
	reply = get(sa_message(XFRM_MSG_GETAE, 1, 2, 0x100), XFRM_MSG_NEWAE);
	ck_assert_uint_ge(reply.sa.status.out_seq, 1 << 24);
	xfrm_client_close(listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control info");
	TCase *tc = tcase_create("info");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_info_counts_what_is_there);
	tcase_add_test(tc, test_info_thresholds_are_kept);
	tcase_add_test(tc, test_info_default_is_what_was_set);
	tcase_add_test(tc, test_info_default_stays_if_it_cannot_be_had);
	tcase_add_test(tc, test_an_sa_goes_on_after_its_past);
	tcase_add_test(tc, test_an_sa_goes_on_with_its_window);
	tcase_add_test(tc, test_ae_errors_are_the_kernels);
	tcase_add_test(tc, test_ae_sets_numbers_forward_only);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
