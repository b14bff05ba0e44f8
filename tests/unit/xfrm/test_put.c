/*
 * tests/unit/xfrm/test_put.c: what is put is what is parsed, for random valid values; buffers that
 * are too small are left alone; acknowledgements have the form netlink clients expect.
 */
#include "tests/unit/xfrm/sample.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 2000 };

static struct xfrm_message message(uint16_t type, uint16_t flags)
{
	struct xfrm_message msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = type;
	msg.flags = flags;
	msg.seq = 0x12345678;
	msg.pid = 77;
	return msg;
}

/* Encodes msg, parses that, encodes the result: the same bytes. */
static void round_trip(const struct xfrm_message *msg, struct xfrm_message *got)
{
	static struct sample_buffer first, second;
	const struct nlmsghdr *nlh = (const void *)first.bytes;
	struct xfrm_error err;

	sample_put(msg, &first);
	ck_assert_uint_eq(nlh->nlmsg_len, first.len);
	ck_assert_msg(xfrm_parse(nlh, first.len, got, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(got->type, msg->type);
	ck_assert_uint_eq(got->seq, msg->seq);
	ck_assert_uint_eq(got->pid, msg->pid);
	sample_put(got, &second);
	ck_assert_uint_eq(second.len, first.len);
	ck_assert_mem_eq(second.bytes, first.bytes, first.len);
}

START_TEST(test_put_sa_is_what_is_parsed)
{
	uint64_t rng = sample_seed();

	for (int i = 0; i < ROUNDS; i++) {
		bool reply = i & 1;
		struct xfrm_message got, msg = message(i & 2 ? XFRM_MSG_NEWSA : XFRM_MSG_UPDSA,
						       reply ? NLM_F_MULTI : NLM_F_REQUEST);

		sample_sa(&rng, reply, &msg.sa);
		round_trip(&msg, &got);
		ck_assert_same_sa(&got.sa, &msg.sa);
		xfrm_message_cleanse(&got);
	}
}
END_TEST

START_TEST(test_put_policy_is_what_is_parsed)
{
	uint64_t rng = sample_seed();

	for (int i = 0; i < ROUNDS; i++) {
		bool reply = i & 1;
		struct xfrm_message got,
			msg = message(i & 2 ? XFRM_MSG_NEWPOLICY : XFRM_MSG_UPDPOLICY,
				      reply ? NLM_F_MULTI : NLM_F_REQUEST);

		sample_policy(&rng, reply, &msg.policy);
		round_trip(&msg, &got);
		ck_assert_same_policy(&got.policy.config, &msg.policy.config);
		ck_assert_uint_eq(got.policy.add_time, msg.policy.add_time);
		ck_assert_uint_eq(got.policy.use_time, msg.policy.use_time);
	}
}
END_TEST

START_TEST(test_put_keys_are_what_is_parsed)
{
	static const uint16_t types[] = {XFRM_MSG_DELSA, XFRM_MSG_GETSA, XFRM_MSG_DELPOLICY,
					 XFRM_MSG_GETPOLICY};
	uint64_t rng = sample_seed();

	for (int i = 0; i < ROUNDS; i++) {
		struct xfrm_message got, msg = message(types[i % 4], NLM_F_REQUEST);
		struct xfrm_policy policy;
		struct xfrm_sa sa;

		sample_sa(&rng, false, &sa);
		sample_policy(&rng, false, &policy);
		msg.sa.config.id = sa.config.id;
		msg.sa.config.mark = sa.config.mark;
		if (i & 4)
			msg.sa.config.src = sa.config.src;
		msg.policy.config.sel = policy.config.sel;
		msg.policy.config.dir = policy.config.dir;
		msg.policy.config.index = policy.config.index;
		msg.policy.config.mark = policy.config.mark;
		round_trip(&msg, &got);
		ck_assert(!got.dump);
		if (i % 4 < 2) {
			ck_assert(ip_addr_equal(&got.sa.config.id.dst, &sa.config.id.dst));
			ck_assert_uint_eq(got.sa.config.id.spi, sa.config.id.spi);
			ck_assert_uint_eq(got.sa.config.id.proto, sa.config.id.proto);
			ck_assert(ip_addr_equal(&got.sa.config.src, &msg.sa.config.src));
			ck_assert_mem_eq(&got.sa.config.mark, &sa.config.mark,
					 sizeof(sa.config.mark));
		} else {
			ck_assert_same_policy(&got.policy.config, &msg.policy.config);
		}
	}
}
END_TEST

START_TEST(test_put_dumps_and_flushes_are_what_is_parsed)
{
	struct xfrm_message got, msg = message(XFRM_MSG_GETSA, NLM_F_REQUEST);

	msg.dump = true;
	round_trip(&msg, &got);
	ck_assert(got.dump);
	ck_assert_uint_eq(got.filter.src.addr.family, AF_UNSPEC);
	msg.filter.proto = IPPROTO_ESP;
	ck_assert(ip_addr_parse("192.0.2.0", &msg.filter.src.addr));
	msg.filter.src.len = 24;
	round_trip(&msg, &got);
	ck_assert_uint_eq(got.filter.proto, IPPROTO_ESP);
	ck_assert(ip_addr_equal(&got.filter.src.addr, &msg.filter.src.addr));
	ck_assert_uint_eq(got.filter.src.len, 24);
	ck_assert_uint_eq(got.filter.dst.addr.family, AF_INET);
	ck_assert_uint_eq(got.filter.dst.len, 0);

	msg = message(XFRM_MSG_GETPOLICY, NLM_F_REQUEST);
	msg.dump = true;
	round_trip(&msg, &got);
	ck_assert(got.dump);

	msg = message(XFRM_MSG_FLUSHSA, NLM_F_REQUEST | NLM_F_ACK);
	msg.proto = IPPROTO_ESP;
	round_trip(&msg, &got);
	ck_assert_uint_eq(got.proto, IPPROTO_ESP);
	ck_assert_uint_eq(got.flags, NLM_F_REQUEST | NLM_F_ACK);

	msg = message(XFRM_MSG_FLUSHPOLICY, NLM_F_REQUEST);
	round_trip(&msg, &got);
}
END_TEST

START_TEST(test_put_refuses_what_xfrm_cannot_say)
{
	struct xfrm_message msg = message(XFRM_MSG_NEWSA, NLM_F_REQUEST);
	static struct sample_buffer out;

	msg.sa = sample_plain_sa();
	msg.sa.config.replay_window = 4096;
	ck_assert_uint_gt(xfrm_put(out.bytes, sizeof(out.bytes), &msg), 0);
	msg.sa.config.replay_window = 4097;
	ck_assert_uint_eq(xfrm_put(out.bytes, sizeof(out.bytes), &msg), 0);

	msg = message(XFRM_MSG_GETSA, NLM_F_REQUEST);
	msg.dump = true;
	ck_assert(ip_addr_parse("192.0.2.0", &msg.filter.src.addr));
	ck_assert(ip_addr_parse("2001:db8::", &msg.filter.dst.addr));
	ck_assert_uint_eq(xfrm_put(out.bytes, sizeof(out.bytes), &msg), 0);

	msg = message(XFRM_MSG_REPORT, NLM_F_REQUEST);
	ck_assert_uint_eq(xfrm_put(out.bytes, sizeof(out.bytes), &msg), 0);
}
END_TEST

/* For every size below the one needed: 0, and no byte beyond it is touched. */
static void check_sizes(size_t need, size_t (*put)(void *buf, size_t size, const void *arg),
			const void *arg)
{
	static struct sample_buffer out;
	static uint8_t untouched[SAMPLE_BUFFER];

	memset(untouched, 0x5a, sizeof(untouched));
	for (size_t size = 0; size < need; size++) {
		memset(out.bytes, 0x5a, need + 64);
		ck_assert_uint_eq(put(out.bytes, size, arg), 0);
		ck_assert_mem_eq(out.bytes + size, untouched, need + 64 - size);
	}
	ck_assert_uint_eq(put(out.bytes, need, arg), need);
}

static size_t put_message(void *buf, size_t size, const void *arg)
{
	return xfrm_put(buf, size, arg);
}

static size_t put_refusal(void *buf, size_t size, const void *arg)
{
	struct xfrm_error err = {-EINVAL, 40, "a sentence"};

	return xfrm_put_ack(buf, size, arg, 5, &err);
}

static size_t put_done(void *buf, size_t size, const void *arg)
{
	(void)arg;
	return xfrm_put_done(buf, size, 9, 5);
}

START_TEST(test_put_respects_the_buffer)
{
	static const uint16_t types[] = {XFRM_MSG_NEWSA,     XFRM_MSG_NEWPOLICY, XFRM_MSG_GETSA,
					 XFRM_MSG_DELPOLICY, XFRM_MSG_FLUSHSA,	 CYGNET_MSG_STATUS,
					 CYGNET_MSG_TUNNEL};
	struct nlmsghdr request = {.nlmsg_len = 16, .nlmsg_type = XFRM_MSG_NEWSA};
	uint64_t rng = sample_seed();
	static struct sample_buffer out;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct xfrm_message msg = message(types[i], 0);

		sample_sa(&rng, true, &msg.sa);
		sample_policy(&rng, true, &msg.policy);
		msg.tunnel.policy = msg.policy.config;
		sample_put(&msg, &out);
		check_sizes(out.len, put_message, &msg);
	}
	check_sizes(put_refusal(out.bytes, sizeof(out.bytes), &request), put_refusal, &request);
	check_sizes(put_done(out.bytes, sizeof(out.bytes), NULL), put_done, NULL);
}
END_TEST

START_TEST(test_put_ack_has_the_kernels_form)
{
	struct nlmsghdr request = {.nlmsg_len = 300, .nlmsg_type = XFRM_MSG_NEWSA, .nlmsg_seq = 42};
	struct xfrm_error err = {-EINVAL, 40, "seven"};
	struct xfrm_error silent = {-ESRCH, 0, ""};
	static struct sample_buffer out;
	const struct nlmsghdr *nlh = (const void *)out.bytes;
	const struct nlmsgerr *body = NLMSG_DATA(nlh);
	const struct nlattr *attr = (const void *)(out.bytes + NLMSG_LENGTH(sizeof(*body)));

	ck_assert_uint_eq(xfrm_put_ack(out.bytes, sizeof(out.bytes), &request, 5, NULL), 36);
	ck_assert_uint_eq(nlh->nlmsg_type, NLMSG_ERROR);
	ck_assert_uint_eq(nlh->nlmsg_flags, NLM_F_CAPPED);
	ck_assert_uint_eq(nlh->nlmsg_seq, 42);
	ck_assert_uint_eq(nlh->nlmsg_pid, 5);
	ck_assert_int_eq(body->error, 0);
	ck_assert_mem_eq(&body->msg, &request, sizeof(request));

	ck_assert_uint_eq(xfrm_put_ack(out.bytes, sizeof(out.bytes), &request, 5, &silent), 36);
	ck_assert_int_eq(body->error, -ESRCH);
	ck_assert_uint_eq(nlh->nlmsg_flags, NLM_F_CAPPED);

	ck_assert_uint_eq(xfrm_put_ack(out.bytes, sizeof(out.bytes), &request, 5, &err),
			  36 + NLA_ALIGN(4 + 6) + 8);
	ck_assert_uint_eq(nlh->nlmsg_flags, NLM_F_CAPPED | NLM_F_ACK_TLVS);
	ck_assert_uint_eq(attr->nla_type, NLMSGERR_ATTR_MSG);
	ck_assert_uint_eq(attr->nla_len, 4 + 6);
	ck_assert_str_eq((const char *)(attr + 1), "seven");
	attr = (const void *)((const uint8_t *)attr + NLA_ALIGN(attr->nla_len));
	ck_assert_uint_eq(attr->nla_type, NLMSGERR_ATTR_OFFS);
	ck_assert_mem_eq(attr + 1, &err.offset, sizeof(err.offset));
	/* An offset that lies behind this message is nothing that ip takes. */
	err.offset = 200;
	ck_assert_uint_eq(xfrm_put_ack(out.bytes, sizeof(out.bytes), &request, 5, &err),
			  36 + NLA_ALIGN(4 + 6));
}
END_TEST

START_TEST(test_put_done_is_multi_with_zero)
{
	static struct sample_buffer out;
	const struct nlmsghdr *nlh = (const void *)out.bytes;
	int result;

	ck_assert_uint_eq(xfrm_put_done(out.bytes, sizeof(out.bytes), 9, 5), 20);
	ck_assert_uint_eq(nlh->nlmsg_type, NLMSG_DONE);
	ck_assert_uint_eq(nlh->nlmsg_flags, NLM_F_MULTI);
	ck_assert_uint_eq(nlh->nlmsg_seq, 9);
	memcpy(&result, NLMSG_DATA(nlh), sizeof(result));
	ck_assert_int_eq(result, 0);
}
END_TEST

/* The largest entry must fit a datagram that charon can read. */
START_TEST(test_put_entry_fits_a_dump_datagram)
{
	struct xfrm_message msg = message(XFRM_MSG_NEWSA, NLM_F_MULTI);
	static struct sample_buffer out;
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		msg.sa = sample_plain_sa();
		msg.sa.config.suite = suite;
		msg.sa.config.esn = true;
		msg.sa.config.replay_window = 4096;
		msg.sa.config.extra_flags = 1;
		msg.sa.config.mark = (struct xfrm_mark_value){1, 1};
		msg.sa.status.last_use = 1;
		sample_put(&msg, &out);
		ck_assert_uint_le(out.len, XFRM_DATAGRAM_MAX);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm put");
	TCase *tc = tcase_create("put");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_put_sa_is_what_is_parsed);
	tcase_add_test(tc, test_put_policy_is_what_is_parsed);
	tcase_add_test(tc, test_put_keys_are_what_is_parsed);
	tcase_add_test(tc, test_put_dumps_and_flushes_are_what_is_parsed);
	tcase_add_test(tc, test_put_refuses_what_xfrm_cannot_say);
	tcase_add_test(tc, test_put_respects_the_buffer);
	tcase_add_test(tc, test_put_ack_has_the_kernels_form);
	tcase_add_test(tc, test_put_done_is_multi_with_zero);
	tcase_add_test(tc, test_put_entry_fits_a_dump_datagram);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
