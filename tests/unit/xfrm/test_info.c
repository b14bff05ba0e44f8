/*
 * tests/unit/xfrm/test_info.c: GETAE, NEWAE, SADINFO, SPDINFO and DEFAULT: put is what is parsed, cut
 * messages are refused, and fields out of range too. What iproute2 6.1 sends is among them.
 */
#include "tests/unit/xfrm/wire.h"

static struct sample_buffer buf;
static struct xfrm_message msg, got;
static struct xfrm_error err;

static void start(uint16_t type, uint16_t flags)
{
	memset(&msg, 0, sizeof(msg));
	msg.type = type;
	msg.flags = flags;
	msg.seq = 5;
}

static void round_trip(void)
{
	static struct sample_buffer again;

	sample_put(&msg, &buf);
	ck_assert_msg(wire_parse(&buf, &got, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(got.type, msg.type);
	sample_put(&got, &again);
	ck_assert_uint_eq(again.len, buf.len);
	ck_assert_mem_eq(again.bytes, buf.bytes, buf.len);
}

static void expect(int code, const char *words)
{
	int rc = wire_parse(&buf, &got, &err);

	ck_assert_msg(rc == code && (!words || strstr(err.text, words)), "%d (%s), expected %d", rc,
		      err.text, code);
}

/* ---- SADINFO, SPDINFO, DEFAULT ---------------------------------------------------------------- */

START_TEST(test_info_sad_is_what_is_parsed)
{
	start(XFRM_MSG_GETSADINFO, NLM_F_REQUEST);
	msg.info_flags = UINT32_MAX;
	round_trip();
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(4));
	ck_assert_uint_eq(got.info_flags, UINT32_MAX);
	wire_check_cuts(&buf, 4);
	start(XFRM_MSG_NEWSADINFO, 0);
	msg.sad = (struct xfrm_sad_info){10000, 8, 1 << 20};
	round_trip();
	ck_assert_mem_eq(&got.sad, &msg.sad, sizeof(msg.sad));
	wire_check_cuts(&buf, 4);
	sample_hex("14000000230001009121036b00000000ffffffff", &buf); /* ip xfrm state count */
	expect(0, NULL);
	ck_assert_uint_eq(got.type, XFRM_MSG_GETSADINFO);
}
END_TEST

START_TEST(test_info_spd_is_what_is_parsed)
{
	start(XFRM_MSG_GETSPDINFO, NLM_F_REQUEST);
	round_trip();
	wire_check_cuts(&buf, 4);
	start(XFRM_MSG_NEWSPDINFO, 0);
	msg.spd = (struct xfrm_spd_info){.count = {1, 2, 3},
					 .socket_count = {4, 5, 6},
					 .buckets = 7,
					 .buckets_max = 8,
					 .ipv4 = {true, 32, 0},
					 .ipv6 = {true, 128, 64}};
	round_trip();
	for (unsigned i = 0; i < POLICY_DIRS; i++) {
		ck_assert_uint_eq(got.spd.count[i], msg.spd.count[i]);
		ck_assert_uint_eq(got.spd.socket_count[i], msg.spd.socket_count[i]);
	}
	ck_assert_uint_eq(got.spd.buckets, 7);
	ck_assert_uint_eq(got.spd.buckets_max, 8);
	ck_assert_uint_eq(got.spd.ipv4.local, 32);
	ck_assert_uint_eq(got.spd.ipv6.remote, 64);
	wire_check_cuts(&buf, 4);
}
END_TEST

START_TEST(test_info_thresholds_are_checked)
{
	static const struct {
		struct xfrm_threshold ipv4, ipv6;
		int code;
	} rows[] = {
		{{true, 32, 32}, {true, 128, 128}, 0},	  {{true, 0, 0}, {false, 0, 0}, 0},
		{{true, 33, 0}, {false, 0, 0}, -EINVAL},  {{true, 0, 33}, {false, 0, 0}, -EINVAL},
		{{false, 0, 0}, {true, 129, 0}, -EINVAL}, {{false, 0, 0}, {true, 0, 129}, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(XFRM_MSG_NEWSPDINFO, NLM_F_REQUEST);
		msg.spd.ipv4 = rows[i].ipv4;
		msg.spd.ipv6 = rows[i].ipv6;
		sample_put(&msg, &buf);
		expect(rows[i].code, rows[i].code ? "thresholds" : NULL);
		if (rows[i].code == 0) {
			ck_assert(got.spd.ipv6.said == rows[i].ipv6.said);
			ck_assert_uint_eq(got.spd.count[POLICY_OUT], 0);
		}
	}
	wire_append(&buf, XFRMA_SPD_MAX + 1, &msg, 4);
	expect(-EOPNOTSUPP, "attribute type");
}
END_TEST

START_TEST(test_info_default_is_what_is_parsed)
{
	static const uint16_t types[] = {XFRM_MSG_SETDEFAULT, XFRM_MSG_GETDEFAULT};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		start(types[i], NLM_F_REQUEST);
		msg.defaults.action[POLICY_IN] = XFRM_USERPOLICY_ACCEPT;
		msg.defaults.action[POLICY_FWD] = XFRM_USERPOLICY_BLOCK;
		msg.defaults.action[POLICY_OUT] = 9;
		round_trip();
		/* iproute2 6.1 takes less for a broken message. */
		ck_assert_uint_ge(buf.len, 20);
		ck_assert_mem_eq(&got.defaults, &msg.defaults, sizeof(got.defaults));
		wire_check_cuts(&buf, sizeof(struct xfrm_userpolicy_default));
	}
}
END_TEST

/* ---- GETAE, NEWAE ----------------------------------------------------------------------------- */

static void new_ae(uint16_t flags)
{
	const struct xfrm_sa sa = sample_plain_sa();

	start(XFRM_MSG_NEWAE, flags);
	msg.sa.config.id = sa.config.id;
	msg.sa.config.src = sa.config.src;
	msg.sa.config.reqid = 9;
	msg.sa.config.mark = (struct xfrm_mark_value){0x10, 0xf0};
	msg.sa.status = (struct sa_status){.bytes = 1000,
					   .packets = 10,
					   .add_time = 1700000000,
					   .use_time = 1700000001,
					   .out_seq = 77,
					   .in_seq = 66};
	msg.ae_flags = XFRM_AE_CU;
}

START_TEST(test_info_ae_is_what_is_parsed)
{
	const uint64_t large = (uint64_t)3 << 32 | 9;

	start(XFRM_MSG_GETAE, NLM_F_REQUEST);
	msg.sa.config.id = sample_plain_sa().config.id;
	msg.ae_flags = XFRM_AE_RVAL;
	round_trip();
	ck_assert_uint_eq(got.sa.config.id.spi, msg.sa.config.id.spi);
	ck_assert_uint_eq(got.ae_flags, XFRM_AE_RVAL);
	wire_check_cuts(&buf, sizeof(struct xfrm_aevent_id));
	for (int wide = 0; wide < 2; wide++) {
		new_ae(0);
		if (wide)
			msg.sa.status.out_seq = msg.sa.status.in_seq = large;
		round_trip();
		ck_assert_uint_eq(got.sa.status.out_seq, wide ? large : 77);
		ck_assert_uint_eq(got.sa.status.in_seq, wide ? large : 66);
		ck_assert_uint_eq(got.sa.status.bytes, 1000);
		ck_assert_uint_eq(got.sa.status.packets, 10);
		ck_assert_uint_eq(got.sa.status.add_time, 1700000000);
		ck_assert_uint_eq(got.sa.status.use_time, 1700000001);
		ck_assert_uint_eq(got.sa.config.reqid, 9);
		ck_assert_uint_eq(got.sa.config.mark.mask, 0xf0);
		ck_assert(ip_addr_equal(&got.sa.config.src, &msg.sa.config.src));
		wire_check_cuts(&buf, sizeof(struct xfrm_aevent_id));
	}
}
END_TEST

/* A request sets what it brings, and only that. */
START_TEST(test_info_new_ae_says_what_it_sets)
{
	for (int parts = 1; parts < 4; parts++) {
		new_ae(NLM_F_REQUEST | NLM_F_REPLACE);
		msg.ae_replay = parts & 1;
		msg.ae_lifetime = parts & 2;
		round_trip();
		ck_assert(got.ae_replay == msg.ae_replay);
		ck_assert(got.ae_lifetime == msg.ae_lifetime);
		ck_assert_uint_eq(got.sa.status.in_seq, parts & 1 ? 66 : 0);
		ck_assert_uint_eq(got.sa.status.bytes, parts & 2 ? 1000 : 0);
	}
}
END_TEST

START_TEST(test_info_new_ae_is_refused)
{
	static const uint32_t zeros[4];

	new_ae(NLM_F_REQUEST | NLM_F_REPLACE);
	sample_put(&msg, &buf);
	expect(-EINVAL, "needs replay state");
	wire_append(&buf, XFRMA_REPLAY_THRESH, zeros, 4);
	expect(-EOPNOTSUPP, "thresholds");
	new_ae(NLM_F_REQUEST);
	msg.ae_replay = true;
	sample_put(&msg, &buf);
	expect(-EINVAL, "NLM_F_REPLACE");
	new_ae(NLM_F_REQUEST | NLM_F_REPLACE);
	msg.ae_replay = true;
	msg.sa.config.id.dst.family = AF_UNSPEC;
	sample_put(&msg, &buf);
	expect(-ESRCH, "family 0");
	new_ae(NLM_F_REQUEST | NLM_F_REPLACE);
	msg.ae_replay = true;
	sample_put(&msg, &buf);
	wire_append(&buf, XFRMA_IF_ID, (const uint32_t[]){7}, 4);
	expect(-EOPNOTSUPP, "XFRM interfaces");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm info");
	TCase *tc = tcase_create("info");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_info_sad_is_what_is_parsed);
	tcase_add_test(tc, test_info_spd_is_what_is_parsed);
	tcase_add_test(tc, test_info_thresholds_are_checked);
	tcase_add_test(tc, test_info_default_is_what_is_parsed);
	tcase_add_test(tc, test_info_ae_is_what_is_parsed);
	tcase_add_test(tc, test_info_new_ae_says_what_it_sets);
	tcase_add_test(tc, test_info_new_ae_is_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
