/*
 * tests/unit/xfrm/test_kernel.c: the kernel as judge. In a network namespace of its own, what our
 * encoder says is given to NETLINK_XFRM, and what the kernel's dump says is read by our parser: it
 * must be what went in. Policies work with every kernel that has XFRM; SAs only with one that has
 * ESP (tests/interop boots one). Needs root.
 */
#include "tests/unit/xfrm/sample.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLICIES = 100, SAS = 100, SKIP = 77 };

static struct xfrm_client *client;
static struct xfrm_message msg, reply;
static struct xfrm_error err;

/* Times in which nothing expires; the kernel computes with signed seconds. */
static void calm(struct sadb_limits *limits)
{
	limits->soft_add_s %= 1000000;
	limits->hard_add_s %= 1000000;
	limits->soft_use_s %= 1000000;
	limits->hard_use_s %= 1000000;
	limits->soft_add_s += 1000;
	limits->hard_add_s += 1000;
	limits->soft_use_s += 1000;
	limits->hard_use_s += 1000;
}

static int ask(uint16_t type)
{
	msg.type = type;
	return xfrm_client_request(client, &msg, &err);
}

static void expect(uint16_t type, int code)
{
	int rc = ask(type);

	ck_assert_msg(rc == code, "type %u: %d (%s), expected %d", type, rc, err.text, code);
}

/* ---- policies ---- */

static struct xfrm_policy policies[POLICIES];
static unsigned found;

static int find_policy(void *ctx, const struct xfrm_message *entry)
{
	struct policy_config got = entry->policy.config;

	(void)ctx;
	for (unsigned i = 0; i < POLICIES; i++) {
		struct policy_config want = policies[i].config;

		if (want.priority != got.priority)
			continue;
		if (want.index == 0)
			want.index = got.index; /* the kernel has chosen */
		want.share = XFRM_SHARE_ANY;	/* the kernel forgets it */
		ck_assert_same_policy(&got, &want);
		ck_assert_uint_gt(entry->policy.add_time, 0);
		found++;
		return 0;
	}
	ck_abort_msg("a policy nobody made");
}

static void count_policies(unsigned count)
{
	int rc;

	memset(&msg, 0, sizeof(msg));
	msg.type = XFRM_MSG_GETPOLICY;
	found = 0;
	rc = xfrm_client_dump(client, &msg, find_policy, NULL, &err);
	ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
	ck_assert_uint_eq(found, count);
}

START_TEST(test_kernel_keeps_our_policies)
{
	uint64_t rng = sample_seed();

	expect(XFRM_MSG_FLUSHPOLICY, 0);
	for (unsigned i = 0; i < POLICIES; i++) {
		sample_policy(&rng, false, &policies[i]);
		calm(&policies[i].config.limits);
		policies[i].config.priority = i;
		msg.policy = policies[i];
		expect(i & 1 ? XFRM_MSG_NEWPOLICY : XFRM_MSG_UPDPOLICY, 0);
	}
	count_policies(POLICIES);
	for (unsigned i = 0; i < POLICIES; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.policy.config = policies[i].config;
		msg.policy.config.index = 0;
		msg.type = XFRM_MSG_GETPOLICY;
		ck_assert_msg(xfrm_client_get(client, &msg, &reply, &err) == 0, "%s", err.text);
		ck_assert_uint_eq(reply.policy.config.priority, i);
		expect(XFRM_MSG_NEWPOLICY, -EEXIST);
		if (i & 1)
			msg.policy.config.index = reply.policy.config.index;
		if (i < POLICIES / 2)
			expect(XFRM_MSG_DELPOLICY, 0);
	}
	count_policies(POLICIES - POLICIES / 2);
	expect(XFRM_MSG_FLUSHPOLICY, 0);
	count_policies(0);
	expect(XFRM_MSG_DELPOLICY, -ENOENT);
}
END_TEST

/* The same answer from the kernel and from our parser, for what both refuse. */
static void agree(uint16_t type, const char *what)
{
	static struct sample_buffer buf;
	struct xfrm_error ours;
	int rc = ask(type);

	sample_put(&msg, &buf);
	ck_assert_int_eq(xfrm_parse((const void *)buf.bytes, buf.len, &reply, &ours), ours.code);
	ck_assert_msg(rc == ours.code, "%s: kernel %d (%s), we %d (%s)", what, rc, err.text,
		      ours.code, ours.text);
	ck_assert_int_lt(rc, 0);
	ck_assert_int_ne(err.text[0], '\0');
}

START_TEST(test_kernel_refuses_the_same_policies)
{
	memset(&msg, 0, sizeof(msg));
	msg.policy = sample_plain_policy();
	msg.policy.config.dir = 3;
	agree(XFRM_MSG_NEWPOLICY, "direction 3");
	agree(XFRM_MSG_DELPOLICY, "delete direction 3");
	msg.policy = sample_plain_policy();
	msg.policy.config.share = 4;
	agree(XFRM_MSG_NEWPOLICY, "share 4");
	msg.policy = sample_plain_policy();
	msg.policy.config.index = 8;
	agree(XFRM_MSG_NEWPOLICY, "index of another direction");
	msg.policy = sample_plain_policy();
	msg.policy.config.sel.src.len = 33;
	agree(XFRM_MSG_NEWPOLICY, "prefix 33");
	msg.policy = sample_plain_policy();
	msg.policy.config.sel.family = AF_UNSPEC;
	agree(XFRM_MSG_NEWPOLICY, "no family");
	msg.policy = sample_plain_policy();
	msg.policy.config.tmpl.proto = 6;
	agree(XFRM_MSG_NEWPOLICY, "template for TCP");
	msg.policy = sample_plain_policy();
	msg.policy.config.tmpl.mode = 6;
	agree(XFRM_MSG_NEWPOLICY, "template mode 6");
	msg.policy = sample_plain_policy();
	msg.policy.config.tmpl.dst.family = 99;
	agree(XFRM_MSG_NEWPOLICY, "template family 99");
	msg.policy = sample_plain_policy();
	msg.policy.config.tmpl.optional = true;
	agree(XFRM_MSG_NEWPOLICY, "level use outbound");
}
END_TEST

START_TEST(test_kernel_refuses_the_same_sas)
{
	memset(&msg, 0, sizeof(msg));
	msg.sa = sample_plain_sa();
	msg.sa.config.id.dst.family = 7;
	agree(XFRM_MSG_NEWSA, "family 7");
	msg.sa = sample_plain_sa();
	msg.sa.config.id.proto = 6;
	agree(XFRM_MSG_NEWSA, "TCP");
	msg.sa = sample_plain_sa();
	msg.sa.config.mode = 6;
	agree(XFRM_MSG_NEWSA, "mode 6");
	msg.sa = sample_plain_sa();
	msg.sa.config.sel = sample_plain_policy().config.sel;
	msg.sa.config.sel.dst.len = 33;
	agree(XFRM_MSG_NEWSA, "prefix 33");
	msg.sa = sample_plain_sa();
	expect(XFRM_MSG_DELSA, -ESRCH);
	msg.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(xfrm_client_get(client, &msg, &reply, &err), -ESRCH);
	expect(XFRM_MSG_FLUSHSA, 0);
}
END_TEST

/* ---- SAs ---- */

static struct xfrm_sa sas[SAS];

static int find_sa(void *ctx, const struct xfrm_message *entry)
{
	struct xfrm_sa got = entry->sa, want;

	(void)ctx;
	for (unsigned i = 0; i < SAS; i++) {
		want = sas[i];
		if (want.config.id.spi != got.config.id.spi)
			continue;
		ck_assert_uint_gt(got.status.add_time, 0);
		want.status.add_time = got.status.add_time;
		ck_assert_same_sa(&got, &want);
		found++;
		return 0;
	}
	ck_abort_msg("an SA nobody made");
}

static void count_sas(unsigned count)
{
	int rc;

	memset(&msg, 0, sizeof(msg));
	msg.type = XFRM_MSG_GETSA;
	found = 0;
	rc = xfrm_client_dump(client, &msg, find_sa, NULL, &err);
	ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
	ck_assert_uint_eq(found, count);
}

START_TEST(test_kernel_keeps_our_sas)
{
	uint64_t rng = sample_seed();

	msg.sa = sample_plain_sa();
	if (ask(XFRM_MSG_NEWSA)) {
		printf("SAs not tried: %s\n", err.text);
		ck_assert_msg(err.code == -ENOSYS || err.code == -EPROTONOSUPPORT, "%s", err.text);
		return;
	}
	expect(XFRM_MSG_NEWSA, -EEXIST);
	expect(XFRM_MSG_FLUSHSA, 0);
	for (unsigned i = 0; i < SAS; i++) {
		sample_sa(&rng, false, &sas[i]);
		calm(&sas[i].config.limits);
		sas[i].config.extra_flags &= XFRM_SA_XFLAG_DONT_ENCAP_DSCP;
		sas[i].config.id.spi = 0x1000 + i;
		msg.sa = sas[i];
		expect(XFRM_MSG_NEWSA, 0);
	}
	count_sas(SAS);
	for (unsigned i = 0; i < SAS / 2; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.sa.config.id = sas[i].config.id;
		msg.sa.config.mark.value = sas[i].config.mark.value;
		msg.sa.config.mark.mask = UINT32_MAX;
		expect(XFRM_MSG_DELSA, 0);
	}
	count_sas(SAS - SAS / 2);
	msg.proto = 50;
	expect(XFRM_MSG_FLUSHSA, 0);
	count_sas(0);
}
END_TEST

/* ---- larval SAs, which take no algorithm ---- */

/* What the kernel says of an SPI it has set aside, and of its end, means to us what it is. */
START_TEST(test_kernel_sets_an_spi_aside_and_lets_it_expire)
{
	struct xfrm_client *hears = NULL;
	struct xfrm_sa sa = sample_plain_sa();
	FILE *expires = fopen("/proc/sys/net/core/xfrm_acq_expires", "w");
	int rc;

	ck_assert_ptr_nonnull(expires);
	ck_assert_int_gt(fputs("1", expires), 0);
	ck_assert_int_eq(fclose(expires), 0);
	ck_assert_int_eq(xfrm_client_open(NULL, true, &hears, &err), 0);
	rc = xfrm_client_subscribe(hears, XFRMGRP_EXPIRE | XFRMGRP_SA, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	memset(&msg, 0, sizeof(msg));
	msg.type = XFRM_MSG_ALLOCSPI;
	msg.sa.config.id = sa.config.id;
	msg.sa.config.src = sa.config.src;
	msg.sa.config.mode = XFRM_MODE_TUNNEL;
	msg.sa.config.reqid = 9;
	msg.range = (struct xfrm_spi_range){0x5000, 0x5000};
	rc = xfrm_client_get(client, &msg, &reply, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_eq(reply.type, XFRM_MSG_NEWSA);
	ck_assert(reply.sa.config.larval);
	ck_assert_uint_eq(reply.sa.config.id.spi, 0x5000);
	ck_assert_uint_eq(reply.sa.config.reqid, 9);
	ck_assert_uint_eq(reply.sa.config.limits.hard_add_s, 1);
	ck_assert_uint_eq(reply.sa.config.limits.hard_bytes, SADB_NO_LIMIT);
	/* Another does not get it: the errno our server gives, too. */
	ck_assert_int_eq(xfrm_client_get(client, &msg, &reply, &err), -ENOENT);
	msg.range = (struct xfrm_spi_range){2, 1};
	ck_assert_int_eq(xfrm_client_get(client, &msg, &reply, &err), -EINVAL);
	rc = xfrm_client_event(hears, 5000, &reply, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_eq(reply.type, XFRM_MSG_EXPIRE);
	ck_assert(reply.hard);
	ck_assert_uint_eq(reply.seq, 0);
	ck_assert_uint_eq(reply.pid, 0);
	ck_assert_uint_eq(reply.sa.config.id.spi, 0x5000);
	ck_assert(ip_addr_equal(&reply.sa.config.id.dst, &sa.config.id.dst));
	xfrm_client_close(hears);
}
END_TEST

/* Events of policies, as the kernel multicasts them. */
START_TEST(test_kernel_events_are_understood)
{
	static const uint16_t types[] = {XFRM_MSG_NEWPOLICY, XFRM_MSG_UPDPOLICY, XFRM_MSG_DELPOLICY,
					 XFRM_MSG_NEWPOLICY, XFRM_MSG_FLUSHPOLICY};
	struct xfrm_client *hears = NULL;
	int rc;

	memset(&msg, 0, sizeof(msg));
	expect(XFRM_MSG_FLUSHPOLICY, 0);
	ck_assert_int_eq(xfrm_client_open(NULL, true, &hears, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(hears, XFRMGRP_POLICY, &err), 0);
	msg.policy = sample_plain_policy();
	for (unsigned i = 0; i < 5; i++)
		expect(types[i], 0);
	for (unsigned i = 0; i < 5; i++) {
		rc = xfrm_client_event(hears, 5000, &reply, &err);
		ck_assert_msg(rc == 0, "%s", err.text);
		ck_assert_uint_eq(reply.type, types[i]);
		if (i == 4)
			continue;
		ck_assert_same_selector(&reply.policy.config.sel, &msg.policy.config.sel);
		ck_assert_uint_eq(reply.policy.config.tmpl.reqid, msg.policy.config.tmpl.reqid);
	}
	ck_assert_int_eq(xfrm_client_event(hears, 50, &reply, &err), -EAGAIN);
	xfrm_client_close(hears);
}
END_TEST

static Suite *kernel_suite(void)
{
	Suite *suite = suite_create("xfrm against the kernel");
	TCase *tc = tcase_create("kernel");

	tcase_add_test(tc, test_kernel_keeps_our_policies);
	tcase_add_test(tc, test_kernel_refuses_the_same_policies);
	tcase_add_test(tc, test_kernel_refuses_the_same_sas);
	tcase_add_test(tc, test_kernel_keeps_our_sas);
	tcase_add_test(tc, test_kernel_sets_an_spi_aside_and_lets_it_expire);
	tcase_add_test(tc, test_kernel_events_are_understood);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	SRunner *runner;
	int failed;

	if (unshare(CLONE_NEWNET) < 0) {
		printf("a network namespace: %s\n", strerror(errno));
		return SKIP;
	}
	if (xfrm_client_open(NULL, true, &client, &err) < 0) {
		printf("%s\n", err.text);
		return SKIP;
	}
	runner = srunner_create(kernel_suite());
	srunner_set_fork_status(runner, CK_NOFORK); /* one connection for all */
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	xfrm_client_close(client);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
