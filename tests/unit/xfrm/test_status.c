/*
 * tests/unit/xfrm/test_status.c: Cygnet's own messages, and that programs of other versions can
 * still read them: attributes missing, unknown, and counter lists of another length.
 */
#include "tests/unit/xfrm/wire.h"

#include "xfrm/message.h"

static struct sample_buffer buf;
static struct xfrm_message msg;
static struct xfrm_error err;

static struct xfrm_message full_status(void)
{
	struct xfrm_message full;

	memset(&full, 0, sizeof(full));
	full.type = CYGNET_MSG_STATUS;
	full.seq = 3;
	strcpy(full.status.version, "0.1.0");
	strcpy(full.status.tun, "fifteen-letters");
	strcpy(full.status.wire, "raw");
	strcpy(full.status.crypto, "openssl");
	full.status.workers = 2;
	full.status.sas = 10;
	full.status.policies = 11;
	full.status.started = 1700000000000;
	full.status.forwarding[1] = true;
	for (unsigned i = 0; i < V_COUNT; i++) {
		full.status.verdict_in[i] = 1000 + i;
		full.status.verdict_out[i] = UINT64_MAX - i;
	}
	return full;
}

START_TEST(test_status_is_what_was_put)
{
	struct xfrm_message full = full_status();

	sample_put(&full, &buf);
	ck_assert_uint_le(buf.len, XFRM_DATAGRAM_MAX);
	ck_assert_msg(wire_parse(&buf, &msg, &err) == 0, "%s", err.text);
	ck_assert_mem_eq(&msg.status, &full.status, sizeof(full.status));
}
END_TEST

START_TEST(test_status_cuts_strings_that_have_no_end)
{
	struct xfrm_message full = full_status();

	memset(full.status.tun, 'x', sizeof(full.status.tun));
	sample_put(&full, &buf);
	ck_assert_msg(wire_parse(&buf, &msg, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(strlen(msg.status.tun), sizeof(msg.status.tun) - 1);
}
END_TEST

static void empty_status(void)
{
	struct nlmsghdr nlh = {.nlmsg_len = sizeof(nlh), .nlmsg_type = CYGNET_MSG_STATUS};

	memcpy(buf.bytes, &nlh, sizeof(nlh));
	buf.len = sizeof(nlh);
}

START_TEST(test_status_reads_other_versions)
{
	uint64_t more[V_COUNT + 5], fewer[2] = {7, 8};

	for (unsigned i = 0; i < V_COUNT + 5; i++)
		more[i] = i;
	empty_status();
	ck_assert_int_eq(wire_parse(&buf, &msg, &err), 0);
	ck_assert_str_eq(msg.status.version, "");
	wire_append(&buf, CYGNETA_VERDICT_IN, more, sizeof(more));
	wire_append(&buf, CYGNETA_VERDICT_OUT, fewer, sizeof(fewer));
	wire_append(&buf, CYGNETA_END + 7, fewer, sizeof(fewer)); /* of a later version */
	ck_assert_msg(wire_parse(&buf, &msg, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(msg.status.verdict_in[V_COUNT - 1], V_COUNT - 1);
	ck_assert_uint_eq(msg.status.verdict_out[1], 8);
	ck_assert_uint_eq(msg.status.verdict_out[2], 0);
}
END_TEST

START_TEST(test_status_rejects_wrong_lengths)
{
	static const struct {
		unsigned type;
		uint8_t len;
		uint8_t fill;
	} wrong[] = {
		{CYGNETA_VERSION, 0, 0},      {CYGNETA_VERSION, 4, 'a'},
		{CYGNETA_VERSION, 33, 0},     {CYGNETA_VERSION, 2, 0},
		{CYGNETA_TUN, 17, 0},	      {CYGNETA_WORKERS, 3, 1},
		{CYGNETA_WORKERS, 8, 1},      {CYGNETA_STARTED, 4, 1},
		{CYGNETA_FORWARDING, 1, 1},   {CYGNETA_VERDICT_IN, 7, 1},
		{CYGNETA_VERDICT_OUT, 12, 1},
	};
	uint8_t data[UINT8_MAX];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		empty_status();
		memset(data, wrong[i].fill, sizeof(data));
		wire_append(&buf, wrong[i].type, data, wrong[i].len);
		ck_assert_msg(wire_parse(&buf, &msg, &err) == -EINVAL, "type %x of %u bytes",
			      wrong[i].type, wrong[i].len);
	}
}
END_TEST

START_TEST(test_status_rejects_every_cut)
{
	struct xfrm_message full = full_status();

	sample_put(&full, &buf);
	wire_check_cuts(&buf, 0);
}
END_TEST

START_TEST(test_tunnel_is_what_was_put)
{
	uint64_t rng = sample_seed();

	for (int i = 0; i < 500; i++) {
		struct xfrm_message full = {.type = CYGNET_MSG_TUNNEL, .flags = NLM_F_MULTI};
		struct xfrm_policy policy;

		sample_policy(&rng, false, &policy);
		full.tunnel.policy = policy.config;
		full.tunnel.spi = (uint32_t)sample_next(&rng);
		full.tunnel.outer_mtu = (uint32_t)sample_next(&rng);
		full.tunnel.inner_mtu = (uint32_t)sample_next(&rng);
		sample_put(&full, &buf);
		ck_assert_msg(wire_parse(&buf, &msg, &err) == 0, "%s", err.text);
		ck_assert_same_policy(&msg.tunnel.policy, &full.tunnel.policy);
		ck_assert_uint_eq(msg.tunnel.spi, full.tunnel.spi);
		ck_assert_uint_eq(msg.tunnel.outer_mtu, full.tunnel.outer_mtu);
		ck_assert_uint_eq(msg.tunnel.inner_mtu, full.tunnel.inner_mtu);
		if (i < 5)
			wire_check_cuts(&buf, sizeof(struct xfrm_userpolicy_info));
	}
}
END_TEST

START_TEST(test_requests_are_empty)
{
	struct xfrm_message request = {.type = CYGNET_MSG_GETSTATUS, .flags = NLM_F_REQUEST};

	sample_put(&request, &buf);
	ck_assert_uint_eq(buf.len, sizeof(struct nlmsghdr));
	ck_assert_int_eq(wire_parse(&buf, &msg, &err), 0);
	ck_assert(!msg.dump);
	request.type = CYGNET_MSG_GETTUNNEL;
	request.dump = true;
	sample_put(&request, &buf);
	ck_assert_int_eq(wire_parse(&buf, &msg, &err), 0);
	ck_assert(msg.dump);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm status");
	TCase *tc = tcase_create("status");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_status_is_what_was_put);
	tcase_add_test(tc, test_status_cuts_strings_that_have_no_end);
	tcase_add_test(tc, test_status_reads_other_versions);
	tcase_add_test(tc, test_status_rejects_wrong_lengths);
	tcase_add_test(tc, test_status_rejects_every_cut);
	tcase_add_test(tc, test_tunnel_is_what_was_put);
	tcase_add_test(tc, test_requests_are_empty);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
