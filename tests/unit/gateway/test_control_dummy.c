/*
 * test_control_dummy.c: dummy packets are ordered for the SAs that ask for them, at random times, of
 * lengths such an SA's other packets have.
 */
#include "control_double.h"
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <stdlib.h>

enum { ORDERS_MAX = 4000, SPI = 0x1000 };

static struct xfrm_client *client;
static struct notice orders[ORDERS_MAX];
static unsigned ordered;

static void take_order(void *ctx, const struct notice *order)
{
	(void)ctx;
	ck_assert_uint_lt(ordered, ORDERS_MAX);
	orders[ordered++] = *order;
}

static void every(void *arg)
{
	server.control->deps.order = take_order;
	server.control->deps.dummies_s = *(unsigned *)arg;
}

static void run_one(void *arg)
{
	(void)arg;
	dummy_run(server.control);
}

static void seconds(unsigned n)
{
	ordered = 0;
	while (n--)
		server_call(run_one, NULL);
}

static void setup(void)
{
	struct xfrm_error err;
	unsigned one = 1;

	server_start();
	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	server_call(every, &one);
}

static void teardown(void)
{
	xfrm_client_close(client);
	server_stop();
}

/* 10.0.0.1 is this host: from it an SA is outbound. */
static void add(uint8_t src, uint8_t dst, uint32_t spi, uint32_t flags, uint32_t tfcpad)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, src, dst, spi);
	struct xfrm_error err;

	msg.sa.config.extra_flags = flags;
	msg.sa.config.tfcpad = tfcpad;
	ck_assert_msg(xfrm_client_request(client, &msg, &err) == 0, "%s", err.text);
}

START_TEST(test_dummies_are_ordered_for_whom_they_are_configured)
{
	add(1, 2, SPI, SA_XFLAG_DUMMIES, 0);
	add(2, 1, SPI + 1, SA_XFLAG_DUMMIES, 0); /* inbound: the far end sends there */
	add(1, 2, SPI + 2, SA_XFLAG_DF_SET, 0);
	seconds(100);
	ck_assert_uint_eq(ordered, 100);
	for (unsigned i = 0; i < ordered; i++) {
		ck_assert_int_eq(orders[i].kind, NOTICE_DUMMY);
		ck_assert_uint_eq(orders[i].id.spi, SPI);
	}
}
END_TEST

/* So many on average: within seven standard deviations of 2000 draws. */
START_TEST(test_dummies_come_as_often_as_configured)
{
	unsigned four = 4;

	server_call(every, &four);
	add(1, 2, SPI, SA_XFLAG_DUMMIES, 0);
	seconds(2000);
	ck_assert_uint_gt(ordered, 500 - 7 * 20);
	ck_assert_uint_lt(ordered, 500 + 7 * 20);
}
END_TEST

/* Any length that a packet may have; with padding to one length, that one, and never above the path's. */
START_TEST(test_dummies_are_as_long_as_packets_are)
{
	static const struct {
		uint32_t outer, tfcpad, min, max;
		bool all; /* lengths differ */
	} rows[] = {
		{1500, 0, 40, 1280, true},	 {576, 0, 40, 576 - 20 - 8 - 8 - 2 - 16, true},
		{0, 0, 40, 1280, true}, /* no route: nothing is known */
		{1500, 1000, 1000, 1000, false}, {1500, 4000, 1446, 1446, false},
		{9000, 4000, 4000, 4000, false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t low = UINT32_MAX, high = 0;
		struct xfrm_message flush = {.type = XFRM_MSG_FLUSHSA};
		struct xfrm_error err;

		double_state.routed_mtu = rows[i].outer;
		add(1, 2, SPI, SA_XFLAG_DUMMIES, rows[i].tfcpad);
		seconds(500);
		ck_assert_uint_eq(ordered, 500);
		for (unsigned k = 0; k < ordered; k++) {
			low = orders[k].len < low ? orders[k].len : low;
			high = orders[k].len > high ? orders[k].len : high;
		}
		ck_assert_uint_ge(low, rows[i].min);
		ck_assert_uint_le(high, rows[i].max);
		ck_assert_int_eq(low != high, rows[i].all);
		ck_assert_int_eq(xfrm_client_request(client, &flush, &err), 0);
	}
	/* A path that has no room for one. */
	double_state.routed_mtu = 70;
	add(1, 2, SPI, SA_XFLAG_DUMMIES, 0);
	seconds(10);
	ck_assert_uint_eq(ordered, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_dummy");
	TCase *t = tcase_create("control_dummy");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_dummies_are_ordered_for_whom_they_are_configured);
	tcase_add_test(t, test_dummies_come_as_often_as_configured);
	tcase_add_test(t, test_dummies_are_as_long_as_packets_are);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
