/* tests/unit/packet/test_icmp.c: "too big" byte for byte as scapy writes it, and when not. */
#include "tests/vectors/packets/packets.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(test_icmp_too_big_agrees_with_scapy)
{
	for (size_t i = 0; i < LENGTH(error_vectors); i++) {
		const struct error_vector *row = &error_vectors[i];
		uint8_t out[ICMP_ERROR_MAX];
		struct ip_addr from;
		struct ip_view v;

		ck_assert(ip_addr_parse(row->from, &from));
		ck_assert_int_eq(ip_parse(row->about, row->about_len, 0, &v), V_OK);
		ck_assert(icmp_error_allowed(row->about, &v));
		ck_assert_uint_eq(icmp_too_big_put(row->about, &v, row->mtu, &from, out),
				  row->message_len);
		ck_assert_msg(memcmp(out, row->message, row->message_len) == 0, "row %zu", i);
	}
}
END_TEST

struct silence {
	const char *src, *dst;
	uint8_t proto;
	uint16_t type, frag_off;
	bool allowed;
};

/* RFC 1122 §3.2.2, RFC 4443 §2.4 (e). */
static const struct silence rows[] = {
	{"10.0.0.1", "10.0.0.2", IPPROTO_UDP, 0, 0, true},
	{"10.0.0.1", "10.0.0.2", IPPROTO_UDP, 0, 8, false},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 8, 0, true},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 0, 0, true},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 13, 0, true},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 3, 0, false},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 4, 0, false},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 5, 0, false},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 11, 0, false},
	{"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 12, 0, false},
	{"0.0.0.0", "10.0.0.2", IPPROTO_UDP, 0, 0, false},
	{"127.0.0.1", "10.0.0.2", IPPROTO_UDP, 0, 0, false},
	{"224.0.0.1", "10.0.0.2", IPPROTO_UDP, 0, 0, false},
	{"240.0.0.1", "10.0.0.2", IPPROTO_UDP, 0, 0, false},
	{"255.255.255.255", "10.0.0.2", IPPROTO_UDP, 0, 0, false},
	{"10.0.0.1", "0.0.0.0", IPPROTO_UDP, 0, 0, false},
	{"10.0.0.1", "224.0.0.5", IPPROTO_UDP, 0, 0, false},
	{"10.0.0.1", "255.255.255.255", IPPROTO_UDP, 0, 0, false},
	{"10.0.0.1", "223.255.255.255", IPPROTO_UDP, 0, 0, true},
	{"fd00::1", "fd00::2", IPPROTO_UDP, 0, 0, true},
	{"fd00::1", "fd00::2", IPPROTO_UDP, 0, 8, false},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 128, 0, true},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 129, 0, true},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 1, 0, false},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 2, 0, false},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 127, 0, false},
	{"fd00::1", "fd00::2", IPPROTO_ICMPV6, 137, 0, false},
	{"::", "fd00::2", IPPROTO_UDP, 0, 0, false},
	{"fd00::1", "::", IPPROTO_UDP, 0, 0, false},
	{"ff02::1", "fd00::2", IPPROTO_UDP, 0, 0, false},
	{"fd00::1", "ff02::1", IPPROTO_UDP, 0, 0, false},
};

START_TEST(test_icmp_error_keeps_silent_where_it_must)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct ip_view v = {.proto = rows[i].proto,
				    .sport = rows[i].type,
				    .frag_off = rows[i].frag_off,
				    .has_ports = true};

		ck_assert(ip_addr_parse(rows[i].src, &v.src));
		ck_assert(ip_addr_parse(rows[i].dst, &v.dst));
		v.version = v.src.family == AF_INET ? 4 : 6;
		ck_assert_msg(icmp_error_allowed(NULL, &v) == rows[i].allowed, "row %zu", i);
		/* Too short to show its type: it may be an error. */
		v.has_ports = false;
		if (rows[i].proto != IPPROTO_UDP)
			ck_assert(!icmp_error_allowed(NULL, &v));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("icmp");
	TCase *tc = tcase_create("icmp");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_icmp_too_big_agrees_with_scapy);
	tcase_add_test(tc, test_icmp_error_keeps_silent_where_it_must);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
