/*
 * tests/unit/xfrm/test_event.c: ALLOCSPI, EXPIRE, ACQUIRE, CTL, MISFIT and the events of deletions: put is
 * what is parsed, cut messages are refused, and larval SAs are understood in answers but never in
 * requests.
 */
#include "tests/unit/xfrm/wire.h"

#include <errno.h>
#include <netinet/in.h>

static struct sample_buffer buf;
static struct xfrm_message msg, got;
static struct xfrm_error err;

/* A larval SA as the kernel shows one: addresses in its selector, no algorithm. */
static struct xfrm_sa larval_sa(void)
{
	struct xfrm_sa sa = sample_plain_sa();

	sa_config_cleanse(&sa.config);
	sa.config.larval = true;
	sa.config.suite = (struct esp_suite){0};
	sa.config.replay_window = 0;
	sa.config.flags = 0;
	sa.config.esn = false;
	sa.config.sel = (struct selector){
		.family = AF_INET, .src = {sa.config.src, 32}, .dst = {sa.config.id.dst, 32}};
	sa.config.limits.hard_add_s = 30;
	sa.config.seq = 7;
	sa.status.add_time = 1700000000;
	return sa;
}

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
	ck_assert_uint_eq(got.seq, 5);
	sample_put(&got, &again);
	ck_assert_uint_eq(again.len, buf.len);
	ck_assert_mem_eq(again.bytes, buf.bytes, buf.len);
}

START_TEST(test_event_mapping_and_ikereg_are_what_is_parsed)
{
	const struct xfrm_sa sa = sample_plain_sa();

	start(XFRM_MSG_MAPPING, 0);
	msg.sa.config.id = sa.config.id;
	msg.sa.config.reqid = 9;
	msg.was = (struct sa_peer){sa.config.src, 4500};
	msg.is = (struct sa_peer){sa.config.id.dst, 61000};
	round_trip();
	/* struct xfrm_user_mapping: 24 bytes of id, reqid, two addresses, two ports. */
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(64));
	ck_assert_uint_eq(got.sa.config.id.spi, sa.config.id.spi);
	ck_assert_uint_eq(got.sa.config.reqid, 9);
	ck_assert(ip_addr_equal(&got.was.addr, &sa.config.src));
	ck_assert_uint_eq(got.was.port, 4500);
	ck_assert(ip_addr_equal(&got.is.addr, &sa.config.id.dst));
	ck_assert_uint_eq(got.is.port, 61000);
	start(CYGNET_MSG_IKEREG, NLM_F_REQUEST);
	msg.port = 4500;
	round_trip();
	ck_assert_uint_eq(got.port, 4500);
	buf.len = NLMSG_HDRLEN; /* without its attribute */
	((struct nlmsghdr *)(void *)buf.bytes)->nlmsg_len = NLMSG_HDRLEN;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

static void alloc_spi(void)
{
	const struct xfrm_sa sa = sample_plain_sa();

	start(XFRM_MSG_ALLOCSPI, NLM_F_REQUEST);
	msg.sa.config.id = sa.config.id;
	msg.sa.config.id.spi = 0;
	msg.sa.config.src = sa.config.src;
	msg.sa.config.mode = XFRM_MODE_TUNNEL;
	msg.sa.config.reqid = 9;
	msg.sa.config.seq = 11;
	msg.sa.config.mark = (struct xfrm_mark_value){0x10, 0xf0};
	msg.range = (struct xfrm_spi_range){0xc0000000, 0xcfffffff};
}

START_TEST(test_event_alloc_spi_is_what_is_parsed)
{
	alloc_spi();
	round_trip();
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(sizeof(struct xfrm_userspi_info)) + 12);
	ck_assert_uint_eq(got.range.min, 0xc0000000);
	ck_assert_uint_eq(got.range.max, 0xcfffffff);
	ck_assert_uint_eq(got.sa.config.reqid, 9);
	ck_assert_uint_eq(got.sa.config.seq, 11);
	ck_assert(ip_addr_equal(&got.sa.config.src, &msg.sa.config.src));
	ck_assert(ip_addr_equal(&got.sa.config.id.dst, &msg.sa.config.id.dst));
	ck_assert_uint_eq(got.sa.config.mark.value, 0x10);
	wire_check_cuts(&buf, sizeof(struct xfrm_userspi_info));
}
END_TEST

START_TEST(test_event_alloc_spi_is_refused)
{
	static const struct {
		size_t offset;
		uint32_t value;
		uint8_t len;
		int code;
	} rows[] = {
		{offsetof(struct xfrm_userspi_info, min), 0xd0000000, 4, -EINVAL},
		{offsetof(struct xfrm_userspi_info, info.id.proto), IPPROTO_AH, 1, -EOPNOTSUPP},
		{offsetof(struct xfrm_userspi_info, info.id.proto), IPPROTO_COMP, 1, -EOPNOTSUPP},
		{offsetof(struct xfrm_userspi_info, info.id.proto), IPPROTO_TCP, 1, -EINVAL},
		{offsetof(struct xfrm_userspi_info, info.family), AF_UNIX, 1, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		alloc_spi();
		sample_put(&msg, &buf);
		memcpy(buf.bytes + NLMSG_HDRLEN + rows[i].offset, &rows[i].value, rows[i].len);
		ck_assert_msg(wire_parse(&buf, &got, &err) == rows[i].code, "row %zu: %s", i,
			      err.text);
		ck_assert_uint_eq(err.offset, NLMSG_HDRLEN + rows[i].offset);
	}
	/* One SPI is a range. */
	alloc_spi();
	msg.range.max = msg.range.min;
	round_trip();
}
END_TEST

START_TEST(test_event_expire_is_what_is_parsed)
{
	for (int hard = 0; hard < 2; hard++) {
		start(XFRM_MSG_EXPIRE, 0);
		msg.sa = sample_plain_sa();
		msg.sa.config.sel = larval_sa().config.sel;
		msg.sa.status.bytes = 1000;
		msg.sa.status.packets = 10;
		msg.sa.config.mark = (struct xfrm_mark_value){1, 3};
		msg.hard = hard;
		round_trip();
		ck_assert_uint_eq(buf.len, NLMSG_LENGTH(232) + 12);
		/* Nothing of the key, and nothing of the stack behind the flag. */
		for (unsigned i = 225; i < 232; i++)
			ck_assert_uint_eq(buf.bytes[NLMSG_HDRLEN + i], 0);
		ck_assert_int_eq(got.hard, hard);
		ck_assert_uint_eq(got.sa.config.id.spi, msg.sa.config.id.spi);
		ck_assert_uint_eq(got.sa.status.bytes, 1000);
		ck_assert_uint_eq(got.sa.status.packets, 10);
		wire_check_cuts(&buf, sizeof(struct xfrm_user_expire));
	}
}
END_TEST

START_TEST(test_event_policy_expire_is_what_is_parsed)
{
	static const uint16_t flags[] = {0, NLM_F_REQUEST};

	for (int i = 0; i < 4; i++) {
		start(XFRM_MSG_POLEXPIRE, flags[i / 2]);
		msg.policy = sample_plain_policy();
		msg.policy.config.index = 17;
		msg.policy.config.mark = (struct xfrm_mark_value){1, 3};
		msg.hard = i & 1;
		round_trip();
		ck_assert(got.hard == (i & 1));
		ck_assert_same_policy(&got.policy.config, &msg.policy.config);
		wire_check_cuts(&buf, sizeof(struct xfrm_user_polexpire));
	}
}
END_TEST

START_TEST(test_event_acquire_is_what_is_parsed)
{
	start(XFRM_MSG_ACQUIRE, 0);
	msg.acquire.policy = sample_plain_policy();
	msg.acquire.policy.config.index = 17;
	msg.acquire.policy.config.mark = (struct xfrm_mark_value){2, 2};
	msg.acquire.id = sample_plain_sa().config.id;
	msg.acquire.id.spi = 0;
	msg.acquire.src = sample_plain_sa().config.src;
	msg.acquire.sel = msg.acquire.policy.config.sel;
	msg.acquire.sel.proto = IPPROTO_UDP;
	msg.acquire.sel.dport = 53;
	msg.acquire.sel.dport_mask = 0xffff;
	msg.acquire.seq = 3;
	round_trip();
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(sizeof(struct xfrm_user_acquire)) +
					   sizeof(struct nlattr) + sizeof(struct xfrm_user_tmpl) +
					   sizeof(struct nlattr) + 8 + 12);
	ck_assert_same_policy(&got.acquire.policy.config, &msg.acquire.policy.config);
	ck_assert_same_selector(&got.acquire.sel, &msg.acquire.sel);
	ck_assert_uint_eq(got.acquire.seq, 3);
	ck_assert(ip_addr_equal(&got.acquire.src, &msg.acquire.src));
	ck_assert(ip_addr_equal(&got.acquire.id.dst, &msg.acquire.id.dst));
	wire_check_cuts(&buf, sizeof(struct xfrm_user_acquire));
	/* Without a template nothing is asked for. */
	buf.len = NLMSG_LENGTH(sizeof(struct xfrm_user_acquire));
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

START_TEST(test_event_deletions_say_what_is_gone)
{
	uint64_t rng = sample_seed();

	for (int i = 0; i < 200; i++) {
		start(XFRM_MSG_DELSA, 0);
		sample_sa(&rng, true, &msg.sa);
		round_trip();
		ck_assert_same_sa(&got.sa, &msg.sa);
		start(XFRM_MSG_DELPOLICY, 0);
		sample_policy(&rng, true, &msg.policy);
		round_trip();
		ck_assert_same_policy(&got.policy.config, &msg.policy.config);
		xfrm_message_cleanse(&got);
	}
	/* Without the structure it is only a key, and no event. */
	start(XFRM_MSG_DELSA, NLM_F_REQUEST);
	msg.sa = sample_plain_sa();
	sample_put(&msg, &buf);
	wire_header(&buf)->nlmsg_flags = 0;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
	start(XFRM_MSG_DELPOLICY, NLM_F_REQUEST);
	msg.policy = sample_plain_policy();
	sample_put(&msg, &buf);
	wire_header(&buf)->nlmsg_flags = 0;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

START_TEST(test_event_larval_sa_is_an_answer_only)
{
	start(XFRM_MSG_NEWSA, NLM_F_MULTI);
	msg.sa = larval_sa();
	round_trip();
	ck_assert(got.sa.config.larval);
	ck_assert_uint_eq(got.sa.config.seq, 7);
	ck_assert_uint_eq(got.sa.config.limits.hard_add_s, 30);
	/* The kernel's acquire states have no SPI. */
	msg.sa.config.id.spi = 0;
	round_trip();
	ck_assert(got.sa.config.larval);
	wire_header(&buf)->nlmsg_flags = NLM_F_REQUEST;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
	msg.flags = NLM_F_REQUEST;
	ck_assert_uint_eq(xfrm_put(buf.bytes, sizeof(buf.bytes), &msg), 0);
	/* An SA with keys and without an SPI is nobody's. */
	start(XFRM_MSG_NEWSA, NLM_F_MULTI);
	msg.sa = sample_plain_sa();
	msg.sa.config.id.spi = 0;
	sample_put(&msg, &buf);
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

static void misfit(uint32_t quote_len)
{
	const struct xfrm_sa sa = sample_plain_sa();

	start(CYGNET_MSG_MISFIT, 0);
	msg.sa.config.id = sa.config.id;
	msg.sa.config.src = sa.config.src;
	msg.sa.config.mark = (struct xfrm_mark_value){1, 3};
	msg.misfit.flow = sample_plain_policy().config.sel;
	msg.misfit.flow.proto = IPPROTO_UDP;
	msg.misfit.flow.dport = 53;
	msg.misfit.flow.dport_mask = 0xffff;
	msg.misfit.quote_len = quote_len;
	for (uint32_t i = 0; i < quote_len; i++)
		msg.misfit.quote[i] = (uint8_t)(i + 1);
}

START_TEST(test_event_misfit_is_what_is_parsed)
{
	static const uint32_t lens[] = {1, 20, CYGNET_QUOTE_MAX};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		misfit(lens[i]);
		round_trip();
		ck_assert_uint_eq(got.sa.config.id.spi, msg.sa.config.id.spi);
		ck_assert(ip_addr_equal(&got.sa.config.id.dst, &msg.sa.config.id.dst));
		ck_assert(ip_addr_equal(&got.sa.config.src, &msg.sa.config.src));
		ck_assert_uint_eq(got.sa.config.mark.value, 1);
		ck_assert_same_selector(&got.misfit.flow, &msg.misfit.flow);
		ck_assert_uint_eq(got.misfit.quote_len, lens[i]);
		ck_assert_mem_eq(got.misfit.quote, msg.misfit.quote, CYGNET_QUOTE_MAX);
		wire_check_cuts(&buf, sizeof(struct xfrm_usersa_id));
		xfrm_message_cleanse(&got);
		ck_assert_uint_eq(got.misfit.quote[0], 0);
	}
	start(CYGNET_MSG_MISFITREG, NLM_F_REQUEST);
	round_trip();
	ck_assert_uint_eq(buf.len, NLMSG_HDRLEN);
}
END_TEST

START_TEST(test_event_misfit_is_refused)
{
	enum { FLOW = 0x20f, QUOTE = 0x210 };
	static const uint8_t bytes[CYGNET_QUOTE_MAX + 1] = {0};
	static const struct {
		unsigned type;
		size_t len;
	} rows[] = {
		{QUOTE, 0},
		{QUOTE, CYGNET_QUOTE_MAX + 1},
		{FLOW, 0},
		{FLOW, sizeof(struct xfrm_selector) - 1},
		{FLOW, sizeof(struct xfrm_selector) + 1},
		{FLOW, sizeof(struct xfrm_selector)}, /* of no family */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		misfit(20);
		sample_put(&msg, &buf);
		wire_append(&buf, rows[i].type, bytes, rows[i].len); /* the last one counts */
		ck_assert_msg(wire_parse(&buf, &got, &err) == -EINVAL, "row %zu: %s", i, err.text);
	}
	/* A prefix that no address has. */
	misfit(20);
	msg.misfit.flow.src.len = 33;
	sample_put(&msg, &buf);
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
	ck_assert_uint_ne(err.offset, 0);
	/* Neither flow nor quote. */
	misfit(20);
	sample_put(&msg, &buf);
	buf.len = NLMSG_LENGTH(sizeof(struct xfrm_usersa_id));
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

START_TEST(test_event_ctl_may_say_more)
{
	start(CYGNET_MSG_CTL, NLM_F_REQUEST);
	msg.ctl = (struct cygnet_ctl){4711, XFRMGRP_SA | XFRMGRP_EXPIRE};
	round_trip();
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(8));
	ck_assert_uint_eq(got.ctl.portid, 4711);
	ck_assert_uint_eq(got.ctl.groups, 6);
	memset(buf.bytes + buf.len, 0xff, 12);
	buf.len += 12;
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), 0);
	ck_assert_uint_eq(got.ctl.portid, 4711);
	buf.len = NLMSG_LENGTH(7);
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
	ck_assert_int_eq(wire_parse(&buf, &got, &err), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm events");
	TCase *tc = tcase_create("events");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_event_mapping_and_ikereg_are_what_is_parsed);
	tcase_add_test(tc, test_event_alloc_spi_is_what_is_parsed);
	tcase_add_test(tc, test_event_alloc_spi_is_refused);
	tcase_add_test(tc, test_event_expire_is_what_is_parsed);
	tcase_add_test(tc, test_event_policy_expire_is_what_is_parsed);
	tcase_add_test(tc, test_event_acquire_is_what_is_parsed);
	tcase_add_test(tc, test_event_deletions_say_what_is_gone);
	tcase_add_test(tc, test_event_larval_sa_is_an_answer_only);
	tcase_add_test(tc, test_event_misfit_is_what_is_parsed);
	tcase_add_test(tc, test_event_misfit_is_refused);
	tcase_add_test(tc, test_event_ctl_may_say_more);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
