/*
 * test_control_misfit.c: the server tells who asked for it, and nobody else, which packets did not fit
 * their SA (RFC 4301 §5.2).
 */
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, EVERYTHING = -1, SPI = 0x100, MARK_SPI = 0x200 };

static struct xfrm_client *writer, *all, *hearer;
static uint32_t marks;
static struct xfrm_error err;

static struct xfrm_client *open_client(void)
{
	struct xfrm_client *client = NULL;

	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	return client;
}

static void setup(void)
{
	struct xfrm_message sa = sa_message(XFRM_MSG_NEWSA, 2, 1, SPI);
	struct xfrm_message mark = sa_message(XFRM_MSG_NEWSA, 2, 1, MARK_SPI);

	server_start();
	writer = open_client();
	all = open_client();
	hearer = open_client();
	ck_assert_int_eq(xfrm_client_request(writer, &sa, &err), 0);
	ck_assert_int_eq(xfrm_client_request(writer, &mark, &err), 0);
	/* What `ip xfrm monitor` joins. */
	ck_assert_int_eq(xfrm_client_subscribe(all, (uint32_t)EVERYTHING, &err), 0);
	ck_assert_msg(xfrm_client_hear_misfits(hearer, &err) == 0, "%s", err.text);
}

static void teardown(void)
{
	xfrm_client_close(writer);
	xfrm_client_close(all);
	xfrm_client_close(hearer);
	server_stop();
}

struct about {
	uint32_t spi;
	uint64_t serial_off;
};

/* As a packet thread tells it of the SA with this SPI. */
static void on_misfit(void *arg)
{
	const struct about *about = arg;
	const struct xfrm_message key = sa_message(0, 2, 1, about->spi);
	const struct sa *sa =
		sadb_sa_find(server.db, &key.sa.config.id, &(struct xfrm_mark_value){0});
	struct notice notice;

	ck_assert_ptr_nonnull(sa);
	notice = notice_about(NOTICE_MISFIT, sa);
	notice.serial += about->serial_off;
	notice.flow = policy_message(0, POLICY_IN, 7, 2).policy.config.sel;
	notice.quote_len = 28;
	memset(notice.quote, 0x5a, sizeof(notice.quote));
	control_on_notice(server.control, &notice);
}

static void misfit(uint64_t serial_off)
{
	server_call(on_misfit, &(struct about){SPI, serial_off});
}

static struct xfrm_message event_of(struct xfrm_client *client, uint16_t type)
{
	struct xfrm_message msg;
	int rc = xfrm_client_event(client, PATIENCE_MS, &msg, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_eq(msg.type, type);
	return msg;
}

/* A connection is in order: what had come before its mark has come, and it was nothing. The marks: to who hears
 * misfits another misfit, to who listens to groups a new SA. */
static void expect_none_before_misfit(struct xfrm_client *client)
{
	struct xfrm_message msg;

	server_call(on_misfit, &(struct about){MARK_SPI, 0});
	msg = event_of(client, CYGNET_MSG_MISFIT);
	ck_assert_uint_eq(msg.sa.config.id.spi, MARK_SPI);
}

static void expect_none_before_sa(struct xfrm_client *client)
{
	struct xfrm_message sa = sa_message(XFRM_MSG_NEWSA, 2, 1, MARK_SPI + ++marks);
	struct xfrm_message msg;

	ck_assert_int_eq(xfrm_client_request(writer, &sa, &err), 0);
	msg = event_of(client, XFRM_MSG_NEWSA);
	ck_assert_uint_eq(msg.sa.config.id.spi, MARK_SPI + marks);
}

/* Who listens to nothing: the first that comes is the answer to a question. */
static void expect_none_before_answer(struct xfrm_client *client)
{
	const struct xfrm_message key = sa_message(0, 2, 1, SPI);
	struct nlmsghdr get[64] = {{0}};
	struct xfrm_message msg = key;

	msg.type = XFRM_MSG_GETSA;
	raw_send(xfrm_client_fd(client), get, raw_request(get, sizeof(get), &msg, 0, 77, 0));
	msg = event_of(client, XFRM_MSG_NEWSA);
	ck_assert_uint_eq(msg.sa.config.id.spi, SPI);
}

START_TEST(test_misfit_is_for_who_asked)
{
	const struct xfrm_message sa = sa_message(0, 2, 1, SPI);
	const struct xfrm_message policy = policy_message(0, POLICY_IN, 7, 2);
	struct xfrm_message msg;

	misfit(0);
	msg = event_of(hearer, CYGNET_MSG_MISFIT);
	ck_assert_uint_eq(msg.sa.config.id.spi, SPI);
	ck_assert(ip_addr_equal(&msg.sa.config.id.dst, &sa.sa.config.id.dst));
	ck_assert(ip_addr_equal(&msg.sa.config.src, &sa.sa.config.src));
	ck_assert_uint_eq(msg.seq, 0);
	ck_assert_uint_eq(msg.misfit.quote_len, 28);
	ck_assert_uint_eq(msg.misfit.quote[27], 0x5a);
	ck_assert_uint_eq(msg.misfit.quote[28], 0); /* no more than that */
	ck_assert(selector_equal(&msg.misfit.flow, &policy.policy.config.sel));
	expect_none_before_misfit(hearer);
	expect_none_before_sa(all);
	expect_none_before_answer(writer);
	/* No more is heard than was asked for. */
	msg = sa_message(XFRM_MSG_DELSA, 2, 1, SPI);
	ck_assert_int_eq(xfrm_client_request(writer, &msg, &err), 0);
	(void)event_of(all, XFRM_MSG_DELSA);
	expect_none_before_misfit(hearer);
}
END_TEST

/* Both in one connection, in either order; and each stays when the other changes. */
START_TEST(test_misfit_goes_with_groups)
{
	struct xfrm_message del = sa_message(XFRM_MSG_DELSA, 2, 1, SPI);

	ck_assert_int_eq(xfrm_client_hear_misfits(all, &err), 0);
	ck_assert_int_eq(xfrm_client_subscribe(hearer, XFRMGRP_SA, &err), 0);
	ck_assert_int_eq(xfrm_client_hear_misfits(all, &err), 0); /* twice is once */
	misfit(0);
	(void)event_of(all, CYGNET_MSG_MISFIT);
	(void)event_of(hearer, CYGNET_MSG_MISFIT);
	ck_assert_int_eq(xfrm_client_request(writer, &del, &err), 0);
	(void)event_of(all, XFRM_MSG_DELSA);
	(void)event_of(hearer, XFRM_MSG_DELSA);
	/* Each of them once: the next that either hears is another one. */
	expect_none_before_misfit(all);
	(void)event_of(hearer, CYGNET_MSG_MISFIT);
	expect_none_before_sa(all);
	(void)event_of(hearer, XFRM_MSG_NEWSA);
}
END_TEST

static void count_listeners(void *arg)
{
	unsigned *n = arg;

	*n = 0;
	for (const struct session *s = server.control->listeners; s; s = s->next_listener)
		++*n;
}

START_TEST(test_misfit_listener_may_go)
{
	unsigned n = 0;

	server_call(count_listeners, &n);
	ck_assert_uint_eq(n, 2);
	xfrm_client_close(hearer);
	hearer = NULL;
	for (int i = 0; n != 1 && i < 1000; i++) {
		usleep(1000);
		server_call(count_listeners, &n);
	}
	ck_assert_uint_eq(n, 1);
	misfit(0);
	expect_none_before_sa(all);
}
END_TEST

/* The SA the notice means is gone, and another one has its name. */
START_TEST(test_misfit_of_an_sa_that_is_gone)
{
	misfit(1000);
	expect_none_before_misfit(hearer);
}
END_TEST

/* Nobody but cygnetd says so. */
START_TEST(test_misfit_is_no_request)
{
	struct xfrm_message msg = sa_message(CYGNET_MSG_MISFIT, 2, 1, SPI);

	msg.misfit.flow = policy_message(0, POLICY_IN, 7, 2).policy.config.sel;
	msg.misfit.quote_len = 20;
	ck_assert_int_eq(xfrm_client_request(writer, &msg, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "is an answer, not a request"));
	expect_none_before_misfit(hearer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control misfit");
	TCase *tc = tcase_create("misfit");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_misfit_is_for_who_asked);
	tcase_add_test(tc, test_misfit_goes_with_groups);
	tcase_add_test(tc, test_misfit_listener_may_go);
	tcase_add_test(tc, test_misfit_of_an_sa_that_is_gone);
	tcase_add_test(tc, test_misfit_is_no_request);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
