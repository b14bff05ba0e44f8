/*
 * tests/unit/ike-lite/test_ts.c: traffic selectors: text, and narrowing against a dumb twin that asks packet
 * by packet.
 */
#include "ike-lite/ts.h"
#include "prim.h"

#include <string.h>

static struct ike_ts ts_of(const char *text)
{
	struct ike_ts ts;

	ck_assert_msg(ike_ts_parse_text(text, &ts), "%s", text);
	return ts;
}

static struct ike_ts_list list_of(const char *text)
{
	struct ike_ts_list list = {0};
	char copy[512], *rest = copy, *one;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	(void)strcpy(copy, text);
	while (*text && (one = strsep(&rest, ",")) != NULL)
		list.at[list.count++] = ts_of(one + strspn(one, " "));
	return list;
}

/* ---- text ------------------------------------------------------------------------------------------- */

static const struct {
	const char *text, *format; /* NULL: refused */
} texts[] = {
	{"10.1.0.0/16", "10.1.0.0/16"},
	{"10.1.2.3/16", "10.1.0.0/16"},
	{"10.0.0.1", "10.0.0.1/32"},
	{"0.0.0.0/0", "0.0.0.0/0"},
	{"::/0", "::/0"},
	{"fd00::1", "fd00::1/128"},
	{"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
	{"10.0.0.5-10.0.0.9", "10.0.0.5-10.0.0.9"},
	{"fd00::5-fd00::9[tcp]", "fd00::5-fd00::9[tcp]"},
	{"fd00::/8[tcp/80]", "fd00::/8[tcp/80]"},
	{"0.0.0.0/0[udp/1000-2000]", "0.0.0.0/0[udp/1000-2000]"},
	{"10.0.0.1[17/53]", "10.0.0.1/32[udp/53]"},
	{"10.0.0.1[200]", "10.0.0.1/32[200]"},
	{"10.0.0.1[/53]", "10.0.0.1/32[any/53]"},
	{"10.0.0.1[any/53]", "10.0.0.1/32[any/53]"},
	{"10.0.0.1[tcp/any]", "10.0.0.1/32[tcp]"},
	{"10.0.0.1[tcp/%any]", "10.0.0.1/32[tcp]"},
	{"10.0.0.1[tcp/opaque]", "10.0.0.1/32[tcp/opaque]"},
	{"10.0.0.1[icmp/2048]", "10.0.0.1/32[icmp/2048]"},
	{"10.0.0.1[]", "10.0.0.1/32"},
	{"", NULL},
	{"/16", NULL},
	{"10.1.0.0/33", NULL},
	{"10.1.0.0/", NULL},
	{"10.1.0.0/-1", NULL},
	{"10.1.0.0/16x", NULL},
	{"fd00::/129", NULL},
	{"10.1.0/16", NULL},
	{"10.0.0.9-10.0.0.5", NULL},
	{"10.0.0.5-fd00::1", NULL},
	{"10.0.0.5-", NULL},
	{"10.0.0.1[tcp", NULL},
	{"10.0.0.1[tcp]x", NULL},
	{"10.0.0.1[telnet]", NULL},
	{"10.0.0.1[256]", NULL},
	{"10.0.0.1[tcp/65536]", NULL},
	{"10.0.0.1[tcp/20-10]", NULL},
	{"10.0.0.1[tcp/20-]", NULL},
	{"10.0.0.1[tcp/http]", NULL},
	{"10.0.0.1[tcp/99999999999999999999]", NULL},
	{"10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	 "00000",
	 NULL},
};

START_TEST(test_text_is_read_and_written)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct ike_ts ts, again;
		char buf[IKE_TS_TEXT_MAX];
		bool ok = ike_ts_parse_text(texts[i].text, &ts);

		ck_assert_msg(ok == (texts[i].format != NULL), "%s", texts[i].text);
		if (!ok)
			continue;
		ck_assert_str_eq(ike_ts_format(&ts, buf), texts[i].format);
		ck_assert(ike_ts_parse_text(buf, &again));
		ck_assert(ike_ts_equal(&ts, &again));
	}
}
END_TEST

START_TEST(test_lists_are_written_and_cut)
{
	struct ike_ts_list list = list_of("10.1.0.0/16, fd00::/8[tcp/80]");
	char buf[64], small[20];

	ck_assert_str_eq(ike_ts_list_format(&list, buf, sizeof(buf)),
			 "10.1.0.0/16, fd00::/8[tcp/80]");
	ck_assert_str_eq(ike_ts_list_format(&list, small, sizeof(small)), "10.1.0.0/16, fd00::");
	list.count = 0;
	ck_assert_str_eq(ike_ts_list_format(&list, buf, sizeof(buf)), "");
}
END_TEST

/* ---- pairs ------------------------------------------------------------------------------------------- */

static const struct {
	const char *a, *b, *both; /* NULL: nothing */
	bool a_covers_b, b_covers_a;
} pairs[] = {
	{"10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16", true, false},
	{"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8", true, true},
	{"10.0.0.0/8", "11.0.0.0/8", NULL, false, false},
	{"10.0.0.0/8", "fd00::/8", NULL, false, false},
	{"10.0.0.5-10.0.0.20", "10.0.0.10-10.0.0.30", "10.0.0.10-10.0.0.20", false, false},
	{"10.0.0.5-10.0.0.20", "10.0.0.20-10.0.0.30", "10.0.0.20/32", false, false},
	{"10.0.0.5-10.0.0.20", "10.0.0.21-10.0.0.30", NULL, false, false},
	{"10.0.0.0/8[tcp]", "10.1.0.0/16", "10.1.0.0/16[tcp]", false, false},
	{"10.0.0.0/8", "10.1.0.0/16[tcp]", "10.1.0.0/16[tcp]", true, false},
	{"10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", NULL, false, false},
	{"10.0.0.0/8[tcp/80]", "10.0.0.0/8", "10.0.0.0/8[tcp/80]", false, true},
	{"10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/80]", false, true},
	{"10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[tcp/85-99]", "10.0.0.0/8[tcp/85-90]", false, false},
	{"10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/81]", NULL, false, false},
	{"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/opaque]", false, true},
	{"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/opaque]", true, true},
	{"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/80]", NULL, false, false},
	{"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/1-65535]", NULL, false, false},
	{"::/0", "fd00::/8[ipv6-icmp/32768]", "fd00::/8[ipv6-icmp/32768]", true, false},
};

START_TEST(test_pairs_intersect_and_cover)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct ike_ts a = ts_of(pairs[i].a), b = ts_of(pairs[i].b), both, other;
		bool ok = ike_ts_intersect(&a, &b, &both);

		ck_assert_msg(ok == (pairs[i].both != NULL), "%s and %s", pairs[i].a, pairs[i].b);
		ck_assert_int_eq(ike_ts_intersect(&b, &a, &other), ok);
		if (ok) {
			struct ike_ts want = ts_of(pairs[i].both);

			ck_assert(ike_ts_equal(&both, &want));
			ck_assert(ike_ts_equal(&both, &other));
		}
		ck_assert_int_eq(ike_ts_covers(&a, &b), pairs[i].a_covers_b);
		ck_assert_int_eq(ike_ts_covers(&b, &a), pairs[i].b_covers_a);
	}
}
END_TEST

/* ---- narrowing ---------------------------------------------------------------------------------------- */

static const struct {
	const char *ours, *theirs, *out; /* "": nothing in common */
	bool narrowed;
} narrowings[] = {
	{"10.1.0.0/16", "10.1.0.0/16", "10.1.0.0/16", false},
	{"10.1.0.0/16", "0.0.0.0/0", "10.1.0.0/16", true},
	{"0.0.0.0/0", "10.1.0.0/16", "10.1.0.0/16", false},
	{"10.1.0.0/16", "10.2.0.0/16", "", true},
	{"10.1.0.0/16", "::/0", "", true},
	{"10.1.0.0/16, fd01::/16", "0.0.0.0/0, ::/0", "10.1.0.0/16, fd01::/16", true},
	{"10.1.0.0/16, fd01::/16", "::/0, 0.0.0.0/0", "fd01::/16, 10.1.0.0/16", true},
	/* the packet that triggered it stands first, and lies within what follows */
	{"10.1.0.0/16", "10.1.0.5[icmp/2048], 10.1.0.0/16", "10.1.0.0/16", false},
	{"10.1.0.0/24", "10.1.0.5[icmp/2048], 10.1.0.0/16", "10.1.0.0/24", true},
	{"10.1.0.0/24, 10.1.9.0/24", "10.1.9.5, 10.1.0.0/16", "10.1.9.0/24, 10.1.0.0/24", true},
	{"10.1.0.0/16[tcp]", "10.1.0.0/16", "10.1.0.0/16[tcp]", true},
	{"10.1.0.0/16[tcp/80], 10.1.0.0/16[udp/53]", "10.1.2.0/24",
	 "10.1.2.0/24[tcp/80], 10.1.2.0/24[udp/53]", true},
	{"10.1.0.0-10.1.0.99", "10.1.0.50-10.1.0.200", "10.1.0.50-10.1.0.99", true},
	{"10.1.0.0/24, 10.1.0.0/16", "10.1.0.0/16", "10.1.0.0/16", false},
};

START_TEST(test_narrowing_keeps_what_both_hold)
{
	for (size_t i = 0; i < ARRAY_LEN(narrowings); i++) {
		struct ike_ts_list ours = list_of(narrowings[i].ours),
				   theirs = list_of(narrowings[i].theirs),
				   want = list_of(narrowings[i].out), out;

		ck_assert_msg(ike_ts_narrow(&ours, &theirs, &out) == (want.count != 0), "%s / %s",
			      narrowings[i].ours, narrowings[i].theirs);
		ck_assert_msg(out.count == want.count, "%s / %s: %u", narrowings[i].ours,
			      narrowings[i].theirs, out.count);
		for (unsigned k = 0; k < want.count; k++)
			ck_assert_msg(ike_ts_equal(&out.at[k], &want.at[k]), "%s / %s, number %u",
				      narrowings[i].ours, narrowings[i].theirs, k);
		ck_assert_int_eq(!ike_ts_list_within(&theirs, &out), narrowings[i].narrowed);
		ck_assert(ike_ts_list_within(&out, &theirs));
		ck_assert(ike_ts_list_within(&out, &ours));
	}
}
END_TEST

/* A universe of 8 addresses, 3 protocols and 8 ports (the last one OPAQUE) can be asked packet by packet. */
enum { ADDRS = 8, PROTOS = 3, PORTS = 8 };

static struct ike_ts random_ts(struct prim_random *r)
{
	struct ike_ts ts = {.proto = (uint8_t)prim_number(r, PROTOS + 1),
			    .from = {{10, 0, 0, 0}, AF_INET},
			    .to = {{10, 0, 0, 0}, AF_INET}};
	uint8_t a = (uint8_t)prim_number(r, ADDRS), b = (uint8_t)prim_number(r, ADDRS);
	uint16_t p = (uint16_t)prim_number(r, PORTS), q = (uint16_t)prim_number(r, PORTS);

	ts.from.bytes[3] = a < b ? a : b;
	ts.to.bytes[3] = a < b ? b : a;
	ts.port_from = p < q ? p : q;
	ts.port_to = p < q ? q : p;
	switch (prim_number(r, 4)) {
	case 0:
		ts.port_from = UINT16_MAX;
		ts.port_to = 0;
		break;
	case 1:
		ts.port_from = 0;
		ts.port_to = UINT16_MAX;
		break;
	default:
		break;
	}
	return ts;
}

/* port PORTS: the packet has none */
static bool holds(const struct ike_ts *ts, uint8_t addr, uint8_t proto, uint16_t port)
{
	bool all = ts->port_from == 0 && ts->port_to == UINT16_MAX;
	bool opaque = ts->port_from == UINT16_MAX && ts->port_to == 0;

	if (addr < ts->from.bytes[3] || addr > ts->to.bytes[3])
		return false;
	if (ts->proto != 0 && ts->proto != proto)
		return false;
	if (port == PORTS)
		return all || opaque;
	return all || (!opaque && port >= ts->port_from && port <= ts->port_to);
}

static bool list_holds(const struct ike_ts_list *list, uint8_t addr, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; i < list->count; i++)
		if (holds(&list->at[i], addr, proto, port))
			return true;
	return false;
}

static void expect_exact(const struct ike_ts_list *ours, const struct ike_ts_list *theirs,
			 const struct ike_ts_list *out, uint64_t seed)
{
	for (uint8_t addr = 0; addr < ADDRS; addr++)
		for (uint8_t proto = 1; proto <= PROTOS; proto++)
			for (uint16_t port = 0; port <= PORTS; port++)
				if (list_holds(out, addr, proto, port) !=
				    (list_holds(ours, addr, proto, port) &&
				     list_holds(theirs, addr, proto, port)))
					ck_abort_msg("seed %llu: address %u, protocol %u, port %u",
						     (unsigned long long)seed, addr, proto, port);
}

START_TEST(test_narrowing_is_exact_packet_by_packet)
{
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		struct prim_random r = {.state = seed};
		struct ike_ts_list ours = {.count = 1 + prim_number(&r, 4)},
				   theirs = {.count = 1 + prim_number(&r, 4)}, out;

		for (unsigned i = 0; i < ours.count; i++)
			ours.at[i] = random_ts(&r);
		for (unsigned i = 0; i < theirs.count; i++)
			theirs.at[i] = random_ts(&r);
		(void)ike_ts_narrow(&ours, &theirs, &out);
		expect_exact(&ours, &theirs, &out, seed);
		for (unsigned i = 0; i < out.count; i++)
			for (unsigned k = 0; k < out.count; k++)
				ck_assert(i == k || !ike_ts_covers(&out.at[i], &out.at[k]));
	}
}
END_TEST

START_TEST(test_too_many_pieces_keep_the_first)
{
	struct ike_ts_list ours = {.count = IKE_TS_MAX}, theirs = {.count = IKE_TS_MAX}, out;

	for (unsigned i = 0; i < IKE_TS_MAX; i++) {
		ours.at[i] = ts_of("10.0.0.0/8[tcp]");
		ours.at[i].port_from = ours.at[i].port_to = (uint16_t)i;
		theirs.at[i] = ts_of("10.0.0.0/8");
		theirs.at[i].from.bytes[3] = theirs.at[i].to.bytes[3] = (uint8_t)i;
		theirs.at[i].to.bytes[1] = theirs.at[i].to.bytes[2] = 0;
	}
	ck_assert(ike_ts_narrow(&ours, &theirs, &out));
	ck_assert_uint_eq(out.count, IKE_TS_MAX);
	ck_assert_uint_eq(out.at[0].from.bytes[3], 0);
	ck_assert_uint_eq(out.at[0].port_from, 0);
}
END_TEST

/* ---- lists --------------------------------------------------------------------------------------------- */

START_TEST(test_lists_compare_and_grow)
{
	struct ike_ts_list a = list_of("10.1.0.0/16, fd01::/16"),
			   b = list_of("fd01::/16, 10.1.0.0/16"), c = list_of("10.1.0.0/16");
	struct ike_ts packet = ts_of("10.1.0.7[tcp/80]"), inside = ts_of("10.1.5.0/24"),
		      outside = ts_of("10.2.0.0/16");

	ck_assert(ike_ts_list_equal(&a, &b));
	ck_assert(!ike_ts_list_equal(&a, &c));
	ck_assert(!ike_ts_list_equal(&c, &a));
	ck_assert(ike_ts_list_within(&c, &a));
	ck_assert(!ike_ts_list_within(&a, &c));
	ck_assert(ike_ts_list_covers(&a, &inside));
	ck_assert(!ike_ts_list_covers(&a, &outside));
	ck_assert(ike_ts_list_add(&c, &c.at[0]));
	ck_assert_uint_eq(c.count, 1);
	ck_assert(ike_ts_list_add(&c, &outside));
	ck_assert_uint_eq(c.count, 2);
	ck_assert(ike_ts_list_put_first(&c, &packet));
	ck_assert_uint_eq(c.count, 3);
	ck_assert(ike_ts_equal(&c.at[0], &packet));
	ck_assert(ike_ts_equal(&c.at[2], &outside));
	c.count = IKE_TS_MAX;
	ck_assert(!ike_ts_list_put_first(&c, &inside));
	ck_assert(!ike_ts_list_add(&c, &inside));
	ck_assert(ike_ts_equal(&c.at[0], &packet));
}
END_TEST

START_TEST(test_whole_and_single_selectors)
{
	struct ip_addr addr;
	struct ike_ts all4 = ike_ts_all(AF_INET), all6 = ike_ts_all(AF_INET6), one;
	char buf[IKE_TS_TEXT_MAX];

	ck_assert(ip_addr_parse("fd00::7", &addr));
	one = ike_ts_of_addr(&addr);
	ck_assert_str_eq(ike_ts_format(&one, buf), "fd00::7/128");
	ck_assert_str_eq(ike_ts_format(&all4, buf), "0.0.0.0/0");
	ck_assert_str_eq(ike_ts_format(&all6, buf), "::/0");
	ck_assert(ike_ts_covers(&all6, &one));
	ck_assert(!ike_ts_covers(&all4, &one));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("TS");

	tcase_add_test(tc, test_text_is_read_and_written);
	tcase_add_test(tc, test_lists_are_written_and_cut);
	tcase_add_test(tc, test_pairs_intersect_and_cover);
	tcase_add_test(tc, test_narrowing_keeps_what_both_hold);
	tcase_add_test(tc, test_narrowing_is_exact_packet_by_packet);
	tcase_add_test(tc, test_too_many_pieces_keep_the_first);
	tcase_add_test(tc, test_lists_compare_and_grow);
	tcase_add_test(tc, test_whole_and_single_selectors);
	return prim_run(tc, "ike TS");
}
