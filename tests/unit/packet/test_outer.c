/* tests/unit/packet/test_outer.c: DSCP, ECN and DF between inner and outer header. */
#include "tests/unit/packet/build.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* All ways an SA can ask for it. */
static struct outer_options options_at(unsigned bits)
{
	return (struct outer_options){.hide_dscp = bits & 1,
				      .take_dscp = bits & 2,
				      .no_ecn = bits & 4,
				      .clear_df = bits & 8,
				      .set_df = bits & 16};
}

START_TEST(test_outer_takes_tos_from_inner)
{
	const uint8_t versions[] = {4, 6}, families[] = {AF_INET, AF_INET6};

	for (unsigned run = 0; run < 256 * 4 * 16; run++) {
		uint8_t tos = (uint8_t)run;
		struct outer_options o = options_at(run >> 10);
		struct ip_view inner = {
			.version = versions[run >> 8 & 1], .tos = tos, .total_len = 100};
		uint8_t want = (uint8_t)((o.hide_dscp ? 0 : tos & 0xfc) | (o.no_ecn ? 0 : tos & 3));

		ck_assert_uint_eq(outer_from_inner(&inner, families[run >> 9 & 1], &o).tos, want);
	}
}
END_TEST

START_TEST(test_outer_df_is_copied_unless_it_must_be_clear)
{
	static const struct {
		uint8_t version;
		bool df, want;
		uint16_t len;
	} cases[] = {
		{4, true, true, 28},	 {4, true, true, 1500},	 {4, false, false, 28},
		{4, false, false, 1500}, {6, true, false, 40},	 {6, true, false, 1280},
		{6, true, true, 1281},	 {6, true, true, 65535},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned bits = 0; bits < 32; bits++) {
			struct outer_options o = options_at(bits);
			struct ip_view inner = {.version = cases[i].version,
						.df = cases[i].df,
						.total_len = cases[i].len};

			ck_assert(outer_from_inner(&inner, AF_INET, &o).df ==
				  (o.set_df || (cases[i].want && !o.clear_df)));
			/* Nobody on the way could cut it; the sender does where it must. */
			ck_assert(outer_from_inner(&inner, AF_INET6, &o).df);
		}
	}
}
END_TEST

/* RFC 6040 §4.2, figure 4, in the order of the figure: Not-ECT, ECT(0), ECT(1), CE. */
static const uint8_t codes[4] = {0, 2, 1, 3};
static const int figure_4[4][4] = {
	{0, 0, 0, -1},
	{2, 2, 1, 3},
	{1, 1, 1, 3},
	{3, 3, 3, 3},
};

/* Each inner and outer codepoint, each DSCP of interest, both versions, every set of options. */
START_TEST(test_outer_to_inner_follows_figure_4)
{
	for (int run = 0; run < 2 * 64 * 16; run++) {
		int version = run & 1 ? 6 : 4, inner = run >> 1 & 3, outer = run >> 3 & 3;
		struct outer_options o = options_at((unsigned)_i);
		uint8_t dscp = (uint8_t)(run >> 5 << 2);
		struct build_tcp b = {.version = version,
				      .id = (uint16_t)(run * 31),
				      .ttl = 64,
				      .flow_label = 0xfffff,
				      .payload = 5,
				      .flags = BUILD_ACK,
				      .tos = (uint8_t)(dscp | codes[inner])};
		uint8_t data[100], before[100];
		uint32_t len = build_tcp(&b, data);
		struct ip_view v = build_view(data, len), again;
		int want = o.no_ecn ? codes[inner] : figure_4[inner][outer];
		enum verdict verdict;

		memcpy(before, data, len);
		/* The outer DSCP, here the complement, leaves no trace unless asked: RFC 2983. */
		verdict = outer_to_inner(data, &v, (uint8_t)((~dscp & 0xfc) | codes[outer]), &o);
		if (want < 0) {
			ck_assert_int_eq(verdict, V_ECN);
			ck_assert_mem_eq(data, before, len);
			continue;
		}
		ck_assert_int_eq(verdict, V_OK);
		again = build_view(data, len); /* the IPv4 checksum is right */
		ck_assert_int_eq(again.tos, (o.take_dscp ? ~dscp & 0xfc : dscp) | want);
		ck_assert_uint_eq(v.tos, again.tos);
		ck_assert_uint_eq(again.flow_label, version == 6 ? 0xfffff : 0);
		b.tos = again.tos;
		build_tcp(&b, before);
		ck_assert_mem_eq(data, before, len);
	}
}
END_TEST

START_TEST(test_outer_header_put_writes_what_ip_parse_reads)
{
	static const struct {
		const char *src, *dst;
		uint8_t tos;
		uint16_t payload_len;
		uint32_t header_len;
	} cases[] = {
		{"192.0.2.1", "198.51.100.255", 0, 60, IP4_HEADER_MIN},
		{"192.0.2.1", "192.0.2.2", 0xff, 0, IP4_HEADER_MIN},
		{"255.255.255.254", "10.0.0.1", 0xb8, 65515, IP4_HEADER_MIN},
		{"2001:db8::1", "2001:db8::2", 0, 1, IP6_HEADER_LEN},
		{"fe80::1", "fe80::2", 0xff, 1460, IP6_HEADER_LEN},
	};
	static uint8_t out[IP6_HEADER_LEN + IP_PACKET_MAX];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outer_header h = {
			.proto = 50, .tos = cases[i].tos, .payload_len = cases[i].payload_len};
		struct ip_view v;

		ck_assert(ip_addr_parse(cases[i].src, &h.src) &&
			  ip_addr_parse(cases[i].dst, &h.dst));
		memset(out, 0xee, sizeof(out));
		ck_assert_uint_eq(outer_header_put(out, &h), cases[i].header_len);
		ck_assert_uint_eq(out[cases[i].header_len], 0xee);
		/* It checks lengths and the IPv4 checksum. */
		ck_assert_int_eq(ip_parse(out, (size_t)h.payload_len + cases[i].header_len, 0, &v),
				 V_OK);
		ck_assert(ip_addr_equal(&v.src, &h.src) && ip_addr_equal(&v.dst, &h.dst));
		ck_assert_uint_eq(v.total_len, h.payload_len + cases[i].header_len);
		ck_assert_uint_eq(v.proto, 50);
		ck_assert_uint_eq(v.tos, h.tos);
		ck_assert_uint_eq(v.ttl, 64);
		ck_assert(v.df && !ip_is_fragment(&v) && v.flow_label == 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outer");
	TCase *tc = tcase_create("outer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_outer_takes_tos_from_inner);
	tcase_add_test(tc, test_outer_df_is_copied_unless_it_must_be_clear);
	tcase_add_loop_test(tc, test_outer_to_inner_follows_figure_4, 0, 16);
	tcase_add_test(tc, test_outer_header_put_writes_what_ip_parse_reads);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
