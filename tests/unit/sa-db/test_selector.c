/*
 * test_selector.c: what a selector matches, equals and overlaps. RFC 4301 §4.4.1.1, §7.1; ports and
 * masks as XFRM means them.
 */
#include "entries.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

#define PORTS(s, sm, d, dm) .sport = (s), .sport_mask = (sm), .dport = (d), .dport_mask = (dm)

/* One selector, one packet, one answer. */
static const struct {
	const char *what;
	const char *src, *dst;
	struct selector rest; /* family, protocol and ports */
	const char *from, *to;
	uint8_t proto;
	uint16_t sport, dport;
	bool matches;
} match_cases[] = {
	{"inside both prefixes",
	 "10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_UDP,
	 1,
	 2,
	 true},
	{"source outside",
	 "10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 "10.3.2.3",
	 "10.2.3.4",
	 IPPROTO_UDP,
	 1,
	 2,
	 false},
	{"destination outside",
	 "10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 "10.1.2.3",
	 "10.3.3.4",
	 IPPROTO_UDP,
	 1,
	 2,
	 false},
	{"host bits take no part",
	 "10.1.9.9/16",
	 "10.2.9.9/16",
	 {.family = AF_INET},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_UDP,
	 1,
	 2,
	 true},
	{"everything of IPv4",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_ICMP,
	 8,
	 0,
	 true},
	{"IPv6 is not IPv4",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 "2001:db8::1",
	 "2001:db8::2",
	 IPPROTO_TCP,
	 1,
	 2,
	 false},
	{"IPv4 is not IPv6",
	 "::/0",
	 "::/0",
	 {.family = AF_INET6},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 2,
	 false},
	{"IPv6 prefix",
	 "2001:db8:1::/48",
	 "2001:db8:2::/48",
	 {.family = AF_INET6},
	 "2001:db8:1::9",
	 "2001:db8:2::9",
	 IPPROTO_TCP,
	 1,
	 2,
	 true},
	{"IPv6 prefix missed by a bit",
	 "2001:db8:1::/49",
	 "2001:db8:2::/48",
	 {.family = AF_INET6},
	 "2001:db8:1:8000::9",
	 "2001:db8:2::9",
	 IPPROTO_TCP,
	 1,
	 2,
	 false},
	{"no family takes IPv4",
	 "::/0",
	 "::/0",
	 {.family = AF_UNSPEC},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 2,
	 true},
	{"no family takes IPv6",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_UNSPEC},
	 "2001:db8::1",
	 "2001:db8::2",
	 IPPROTO_TCP,
	 1,
	 2,
	 true},
	{"protocol",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_TCP},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 2,
	 true},
	{"another protocol",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_TCP},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_UDP,
	 1,
	 2,
	 false},
	{"port",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 80, 0xffff)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 999,
	 80,
	 true},
	{"another port",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 80, 0xffff)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 80,
	 81,
	 false},
	{"source port",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(80, 0xffff, 0, 0)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 81,
	 80,
	 false},
	{"masked port, low end",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 0x400, 0xfc00)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 0x400,
	 true},
	{"masked port, high end",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 0x400, 0xfc00)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 0x7ff,
	 true},
	{"masked port, beyond",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 0x400, 0xfc00)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 0x800,
	 false},
	{"value bits outside the mask",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 0x4ff, 0xfc00)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 0x400,
	 true},
	{"no ports to be read",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 0, 0xffff)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 0,
	 0,
	 false},
	{"no ports to be read, none asked",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_TCP},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 0,
	 0,
	 true},
	{"ICMP type and code",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_ICMP, PORTS(3, 0xffff, 4, 0xffff)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_ICMP,
	 3,
	 4,
	 true},
	{"ICMP, another code",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_ICMP, PORTS(3, 0xffff, 4, 0xffff)},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_ICMP,
	 3,
	 5,
	 false},
	{"interface and user take no part",
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .ifindex = 7, .user = 8},
	 "10.1.2.3",
	 "10.2.3.4",
	 IPPROTO_TCP,
	 1,
	 2,
	 true},
};

START_TEST(test_selector_matches_by_table)
{
	struct selector sel = match_cases[_i].rest;
	const struct ip_view v =
		view_of(match_cases[_i].from, match_cases[_i].to, match_cases[_i].proto,
			match_cases[_i].sport, match_cases[_i].dport);

	sel.src = prefix_of(match_cases[_i].src);
	sel.dst = prefix_of(match_cases[_i].dst);
	ck_assert_msg(selector_matches(&sel, &v) == match_cases[_i].matches, "%s",
		      match_cases[_i].what);
}
END_TEST

/* Every field of the identity counts, padding does not. */
START_TEST(test_selector_equal_minds_each_field)
{
	const struct selector base = selector_of("10.1.0.0/16", "10.2.0.0/16", IPPROTO_TCP);
	struct selector other[12];

	for (unsigned i = 0; i < 12; i++)
		other[i] = base;
	ck_assert(selector_equal(&base, &other[0]));
	other[1].family = AF_INET6;
	other[2].proto = IPPROTO_UDP;
	other[3].src.len = 17;
	other[4].src.addr.bytes[3] = 1; /* a host bit: another identity, the same packets */
	other[5].dst.len = 15;
	other[6].sport = 1;
	other[7].sport_mask = 1;
	other[8].dport = 1;
	other[9].dport_mask = 1;
	other[10].ifindex = 1;
	other[11].user = 1;
	for (unsigned i = 1; i < 12; i++)
		ck_assert_msg(!selector_equal(&base, &other[i]), "field %u", i);
}
END_TEST

static const struct {
	const char *a_src, *a_dst;
	struct selector a;
	const char *b_src, *b_dst;
	struct selector b;
	bool overlaps;
} overlap_cases[] = {
	{"10.0.0.0/8",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 "10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 true},
	{"10.0.0.0/16",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 "10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 false},
	{"10.1.0.0/16",
	 "10.2.0.0/16",
	 {.family = AF_INET},
	 "10.1.0.0/16",
	 "10.3.0.0/16",
	 {.family = AF_INET},
	 false},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 "::/0",
	 "::/0",
	 {.family = AF_INET6},
	 false},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_UNSPEC},
	 "2001:db8::/32",
	 "::/0",
	 {.family = AF_INET6},
	 true},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_TCP},
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_UDP},
	 false},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, .proto = IPPROTO_TCP},
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET},
	 true},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 80, 0xffff)},
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 64, 0xfff0)},
	 false},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 80, 0xffff)},
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 80, 0xfff0)},
	 true},
	{"0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(80, 0xffff, 0, 0)},
	 "0.0.0.0/0",
	 "0.0.0.0/0",
	 {.family = AF_INET, PORTS(0, 0, 81, 0xffff)},
	 true},
};

START_TEST(test_selector_overlaps_both_ways)
{
	struct selector a = overlap_cases[_i].a, b = overlap_cases[_i].b;

	a.src = prefix_of(overlap_cases[_i].a_src);
	a.dst = prefix_of(overlap_cases[_i].a_dst);
	b.src = prefix_of(overlap_cases[_i].b_src);
	b.dst = prefix_of(overlap_cases[_i].b_dst);
	ck_assert(selector_overlaps(&a, &b) == overlap_cases[_i].overlaps);
	ck_assert(selector_overlaps(&b, &a) == overlap_cases[_i].overlaps);
}
END_TEST

START_TEST(test_selector_is_address_only_without_protocol_and_ports)
{
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);

	ck_assert(selector_is_address_only(&sel));
	sel.proto = IPPROTO_TCP;
	ck_assert(!selector_is_address_only(&sel));
	sel.proto = 0;
	sel.sport_mask = 1;
	ck_assert(!selector_is_address_only(&sel));
	sel.sport_mask = 0;
	sel.dport_mask = 1;
	ck_assert(!selector_is_address_only(&sel));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("selector");
	TCase *t = tcase_create("selector");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_selector_matches_by_table, 0,
			    sizeof(match_cases) / sizeof(match_cases[0]));
	tcase_add_test(t, test_selector_equal_minds_each_field);
	tcase_add_loop_test(t, test_selector_overlaps_both_ways, 0,
			    sizeof(overlap_cases) / sizeof(overlap_cases[0]));
	tcase_add_test(t, test_selector_is_address_only_without_protocol_and_ports);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
