/* tests/unit/gateway/test_iked_request.c: what the machine wants, in XFRM's words. */
#include "gateway/iked/key_table.h"
#include "gateway/iked/request.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char said[4096];

/* "out 10.1.0.0/16[0/0] 10.2.0.0/16[80/ffff] 6" */
static void say(void *ctx, const struct policy_config *p)
{
	static const char *const names[] = {
		[POLICY_IN] = "in", [POLICY_OUT] = "out", [POLICY_FWD] = "fwd"};
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];
	size_t used = strlen(said);

	ck_assert_uint_eq(p->tmpl.reqid, 7);
	ck_assert_int_eq(p->action, POLICY_PROTECT);
	ck_assert_int_eq(p->tmpl.mode, XFRM_MODE_TUNNEL);
	/* A template looks the way its packets go. */
	ck_assert_uint_eq(p->tmpl.src.bytes[3], p->dir == POLICY_OUT ? 1 : 2);
	if (ctx)
		*(uint32_t *)ctx = p->priority;
	snprintf(said + used, sizeof(said) - used, "%s %s/%u[%u/%x] %s/%u[%u/%x] %u\n",
		 names[p->dir], ip_addr_format(&p->sel.src.addr, src), p->sel.src.len, p->sel.sport,
		 p->sel.sport_mask, ip_addr_format(&p->sel.dst.addr, dst), p->sel.dst.len,
		 p->sel.dport, p->sel.dport_mask, p->sel.proto);
}

static bool request(const char *local, const char *remote, uint32_t *priority)
{
	struct policy_wish wish = {.reqid = 7};
	struct ike_ts a, b;

	said[0] = '\0';
	ck_assert(ip_addr_parse("192.0.2.1", &wish.local));
	ck_assert(ip_addr_parse("192.0.2.2", &wish.remote));
	ck_assert(ike_ts_parse_text(local, &a) && ike_ts_parse_text(remote, &b));
	return request_policies(&wish, &a, &b, say, priority);
}

START_TEST(test_request_says_selectors_as_policies)
{
	static const struct {
		const char *local, *remote, *want; /* want NULL: XFRM cannot say it */
	} rows[] = {
		{"10.1.0.0/16", "10.2.0.0/16",
		 "out 10.1.0.0/16[0/0] 10.2.0.0/16[0/0] 0\n"
		 "in 10.2.0.0/16[0/0] 10.1.0.0/16[0/0] 0\n"
		 "fwd 10.2.0.0/16[0/0] 10.1.0.0/16[0/0] 0\n"},
		{"fd00::/64[tcp]", "fd01::1[tcp/80]",
		 "out fd00::/64[0/0] fd01::1/128[80/ffff] 6\n"
		 "in fd01::1/128[80/ffff] fd00::/64[0/0] 6\n"
		 "fwd fd01::1/128[80/ffff] fd00::/64[0/0] 6\n"},
		{"10.1.0.0/16", "10.2.0.1[udp/1024-2047]",
		 "out 10.1.0.0/16[0/0] 10.2.0.1/32[1024/fc00] 17\n"
		 "in 10.2.0.1/32[1024/fc00] 10.1.0.0/16[0/0] 17\n"
		 "fwd 10.2.0.1/32[1024/fc00] 10.1.0.0/16[0/0] 17\n"},
		{"10.1.0.1-10.1.0.2", "10.2.0.0/16",
		 "out 10.1.0.1/32[0/0] 10.2.0.0/16[0/0] 0\n"
		 "in 10.2.0.0/16[0/0] 10.1.0.1/32[0/0] 0\n"
		 "fwd 10.2.0.0/16[0/0] 10.1.0.1/32[0/0] 0\n"
		 "out 10.1.0.2/32[0/0] 10.2.0.0/16[0/0] 0\n"
		 "in 10.2.0.0/16[0/0] 10.1.0.2/32[0/0] 0\n"
		 "fwd 10.2.0.0/16[0/0] 10.1.0.2/32[0/0] 0\n"},
		/* Echo requests: type 8, code 0; the same places whichever way they go. */
		{"10.1.0.0/16[icmp/2048]", "10.2.0.0/16[icmp/2048]",
		 "out 10.1.0.0/16[8/ffff] 10.2.0.0/16[0/ffff] 1\n"
		 "in 10.2.0.0/16[8/ffff] 10.1.0.0/16[0/ffff] 1\n"
		 "fwd 10.2.0.0/16[8/ffff] 10.1.0.0/16[0/ffff] 1\n"},
		{"10.1.0.0/16", "fd00::/8", NULL},
		{"10.1.0.0/16[tcp]", "10.2.0.0/16[udp]", NULL},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		bool ok = request(rows[i].local, rows[i].remote, NULL);

		ck_assert_msg(ok == (rows[i].want != NULL), "row %zu", i);
		if (ok)
			ck_assert_msg(!strcmp(said, rows[i].want), "row %zu: said\n%s", i, said);
	}
}
END_TEST

START_TEST(test_request_puts_the_narrower_first)
{
	static const char *const narrower[] = {"10.2.0.5[tcp/80]", "10.2.0.5[tcp]", "10.2.0.5",
					       "10.2.0.0/16", "0.0.0.0/0"};
	uint32_t last = 0;

	for (size_t i = 0; i < LENGTH(narrower); i++) {
		uint32_t priority = 0;

		ck_assert(request("10.1.0.0/16", narrower[i], &priority));
		ck_assert_uint_gt(priority, last);
		last = priority;
	}
}
END_TEST

START_TEST(test_request_turns_a_packet_into_selectors)
{
	struct selector sel = {.family = AF_INET,
			       .proto = IPPROTO_TCP,
			       .sport = 5000,
			       .sport_mask = UINT16_MAX,
			       .src.len = 32,
			       .dst.len = 16};
	struct ike_ts src, dst;
	char text[IKE_TS_TEXT_MAX];

	ck_assert(ip_addr_parse("10.1.0.7", &sel.src.addr));
	ck_assert(ip_addr_parse("10.2.3.4", &sel.dst.addr));
	request_flow(&sel, &src, &dst);
	ck_assert_str_eq(ike_ts_format(&src, text), "10.1.0.7/32[tcp/5000]");
	ck_assert_str_eq(ike_ts_format(&dst, text), "10.2.0.0/16[tcp]");
}
END_TEST

START_TEST(test_request_carries_what_the_child_wants)
{
	const struct ike_child_config child = {.replay_window = 128,
					       .tfc_padding = 1400,
					       .no_ecn = true,
					       .clear_df = true,
					       .take_dscp = true,
					       .hide_dscp = true};
	struct ike_sa_action action = {.spi = 0x1234,
				       .reqid = 7,
				       .acquire_seq = 9,
				       .udp = true,
				       .sport = 4500,
				       .dport = 1024,
				       .soft_time_s = 100,
				       .hard_bytes = 5000,
				       .config = &child};
	struct sa_config sa;

	request_sa(&action, &sa);
	ck_assert_uint_eq(sa.id.spi, 0x1234);
	ck_assert_uint_eq(sa.seq, 9);
	ck_assert_uint_eq(sa.replay_window, 128);
	ck_assert_uint_eq(sa.encap.dport, 1024);
	ck_assert_uint_eq(sa.tfcpad, 1400);
	ck_assert_uint_eq(sa.limits.soft_add_s, 100);
	ck_assert_uint_eq(sa.limits.hard_bytes, 5000);
	ck_assert_uint_eq(sa.limits.soft_bytes, SADB_NO_LIMIT);
	ck_assert_uint_eq(sa.flags, XFRM_STATE_AF_UNSPEC | XFRM_STATE_NOECN |
					    XFRM_STATE_NOPMTUDISC | XFRM_STATE_DECAP_DSCP);
	ck_assert_uint_eq(sa.extra_flags, XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
	action.peer_refuses_tfc = true;
	request_sa(&action, &sa);
	ck_assert_uint_eq(sa.tfcpad, 0);
	sa_config_cleanse(&sa);
}
END_TEST

START_TEST(test_key_table_has_wiresharks_words)
{
	static const uint8_t a[20] = {1}, b[20] = {2};
	struct ike_key_action keys = {.spi_i = 0x1122334455667788,
				      .spi_r = 1,
				      .encr_len = 20,
				      .sk_ei = a,
				      .sk_er = b,
				      .sk_ai = a,
				      .sk_ar = b};
	char line[KEY_TABLE_LINE_MAX], why[160];

	ck_assert_int_eq(
		ike_proposal_parse("aes128gcm16-prfsha256-ecp256", IKE_PROTO_IKE, &keys.suite, why),
		0);
	key_table_format(&keys, line);
	ck_assert_str_eq(line, "1122334455667788,0000000000000001,"
			       "0100000000000000000000000000000000000000,"
			       "0200000000000000000000000000000000000000,"
			       "\"AES-GCM-128 with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("iked_request");
	Suite *suite = suite_create("iked_request");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_request_says_selectors_as_policies);
	tcase_add_test(tc, test_request_puts_the_narrower_first);
	tcase_add_test(tc, test_request_turns_a_packet_into_selectors);
	tcase_add_test(tc, test_request_carries_what_the_child_wants);
	tcase_add_test(tc, test_key_table_has_wiresharks_words);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
