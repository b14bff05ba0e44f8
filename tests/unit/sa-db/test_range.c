/*
 * tests/unit/sa-db/test_range.c: ranges as lists of selectors: cases done by hand, and what is
 * refused. tests/model/model_range.c compares with a naive reading.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 256 };

static struct selector_range range_of(const char *from, const char *to, uint16_t port_from,
				      uint16_t port_to)
{
	const struct ip_addr first = addr_of(from);
	const bool six = first.family == AF_INET6;

	return (struct selector_range){
		.family = first.family,
		.proto = IPPROTO_TCP,
		.src = {first, addr_of(to), port_from, port_to},
		.dst = {addr_of(six ? "fd00::1" : "10.9.9.9"),
			addr_of(six ? "fd00::1" : "10.9.9.9"), 0, UINT16_MAX},
	};
}

/* "10.0.0.5/32[1000/fff8]": source prefix, source port and mask. */
static const char *text_of(const struct selector *sel, char *buf, size_t size)
{
	char addr[IP_ADDR_TEXT_MAX];

	snprintf(buf, size, "%s/%u[%u/%x]", ip_addr_format(&sel->src.addr, addr), sel->src.len,
		 sel->sport, sel->sport_mask);
	return buf;
}

START_TEST(test_split_writes_the_lists_of_the_table)
{
	static const struct {
		const char *from, *to;
		uint16_t port_from, port_to;
		const char *want[8]; /* NULL-terminated */
	} rows[] = {
		{"10.0.0.5", "10.0.0.5", 0, 65535, {"10.0.0.5/32[0/0]"}},
		{"10.0.0.0", "10.0.0.255", 0, 65535, {"10.0.0.0/24[0/0]"}},
		{"0.0.0.0", "255.255.255.255", 0, 65535, {"0.0.0.0/0[0/0]"}},
		{"255.255.255.255", "255.255.255.255", 0, 65535, {"255.255.255.255/32[0/0]"}},
		{"10.0.0.5",
		 "10.0.0.17",
		 0,
		 65535,
		 {"10.0.0.5/32[0/0]", "10.0.0.6/31[0/0]", "10.0.0.8/29[0/0]", "10.0.0.16/31[0/0]"}},
		{"9.255.255.255",
		 "10.0.0.0",
		 0,
		 65535,
		 {"9.255.255.255/32[0/0]", "10.0.0.0/32[0/0]"}},
		{"10.0.0.1", "10.0.0.1", 80, 80, {"10.0.0.1/32[80/ffff]"}},
		{"10.0.0.1", "10.0.0.1", 0, 0, {"10.0.0.1/32[0/ffff]"}},
		{"10.0.0.1", "10.0.0.1", 0, 1023, {"10.0.0.1/32[0/fc00]"}},
		{"10.0.0.1", "10.0.0.1", 65535, 65535, {"10.0.0.1/32[65535/ffff]"}},
		{"10.0.0.1",
		 "10.0.0.1",
		 1024,
		 65535,
		 {"10.0.0.1/32[1024/fc00]", "10.0.0.1/32[2048/f800]", "10.0.0.1/32[4096/f000]",
		  "10.0.0.1/32[8192/e000]", "10.0.0.1/32[16384/c000]", "10.0.0.1/32[32768/8000]"}},
		{"10.0.0.1",
		 "10.0.0.2",
		 7,
		 8,
		 {"10.0.0.1/32[7/ffff]", "10.0.0.1/32[8/ffff]", "10.0.0.2/32[7/ffff]",
		  "10.0.0.2/32[8/ffff]"}},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 65535, {"::/0[0/0]"}},
		{"fd00::f", "fd00::11", 0, 65535, {"fd00::f/128[0/0]", "fd00::10/127[0/0]"}},
		{"fd00::ffff:ffff:ffff:ffff",
		 "fd00:0:0:1::",
		 0,
		 65535,
		 {"fd00::ffff:ffff:ffff:ffff/128[0/0]", "fd00:0:0:1::/128[0/0]"}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct selector_range r =
			range_of(rows[i].from, rows[i].to, rows[i].port_from, rows[i].port_to);
		struct selector out[MAX];
		int n = selector_range_split(&r, out, MAX), k;
		char buf[96];

		for (k = 0; k < n && rows[i].want[k]; k++) {
			ck_assert_str_eq(text_of(&out[k], buf, sizeof(buf)), rows[i].want[k]);
			ck_assert_uint_eq(out[k].family, r.family);
			ck_assert_uint_eq(out[k].proto, IPPROTO_TCP);
			ck_assert_uint_eq(out[k].dst.len, r.family == AF_INET ? 32 : 128);
			ck_assert_uint_eq(out[k].dport_mask, 0);
			ck_assert_int_eq(out[k].ifindex, 0);
		}
		ck_assert_msg(k == n && !rows[i].want[k], "%s: %d", rows[i].from, n);
	}
}
END_TEST

/* The longest lists there are: 2 * bits - 2. */
START_TEST(test_split_is_bounded)
{
	static const struct {
		const char *from, *to;
		uint16_t port_from, port_to;
		int want;
	} rows[] = {
		{"0.0.0.1", "255.255.255.254", 0, 65535, 62},
		{"::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 0, 65535, 254},
		{"10.0.0.1", "10.0.0.1", 1, 65534, 30},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct selector_range r =
			range_of(rows[i].from, rows[i].to, rows[i].port_from, rows[i].port_to);
		struct selector out[MAX];

		ck_assert_int_eq(selector_range_split(&r, out, MAX), rows[i].want);
		ck_assert_int_eq(selector_range_split(&r, out, (unsigned)rows[i].want),
				 rows[i].want);
		ck_assert_int_eq(selector_range_split(&r, out, (unsigned)rows[i].want - 1), -E2BIG);
		ck_assert_int_eq(selector_range_split(&r, NULL, 0), -E2BIG);
	}
}
END_TEST

START_TEST(test_split_refuses_what_is_no_range)
{
	const struct selector_range good = range_of("10.0.0.1", "10.0.0.9", 10, 20);
	struct selector_range bad[8];
	struct selector out[MAX];

	for (unsigned i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].family = AF_UNSPEC;
	bad[1].family = AF_INET6;
	bad[2].src.to = addr_of("10.0.0.0");
	bad[3].dst.from = addr_of("10.9.9.10");
	bad[4].src.from = addr_of("fd00::1");
	bad[5].dst.to = addr_of("fd00::1");
	bad[6].src.port_to = 9;
	bad[7].dst.port_from = UINT16_MAX; /* RFC 7296 §3.13.1: OPAQUE, which XFRM cannot say */
	bad[7].dst.port_to = 0;
	ck_assert_int_gt(selector_range_split(&good, out, MAX), 0);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_msg(selector_range_split(&bad[i], out, MAX) == -EINVAL, "row %u", i);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("range");
	TCase *t = tcase_create("range");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_split_writes_the_lists_of_the_table);
	tcase_add_test(t, test_split_is_bounded);
	tcase_add_test(t, test_split_refuses_what_is_no_range);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
