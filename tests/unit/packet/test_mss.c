/* tests/unit/packet/test_mss.c: the MSS that TCP says is lowered, where there is one, and nothing else. */
#include "tests/unit/packet/build.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MTU = 1446 };

struct row {
	const char *what;
	uint8_t options[8];
	uint8_t len; /* of options; whole words */
	uint8_t flags;
	int mss_at; /* in the options; -1: nothing may change */
};

static const struct row rows[] = {
	{"alone", {2, 4, 0x05, 0xb4}, 4, BUILD_SYN, 2},
	{"in the answer", {2, 4, 0x05, 0xb4}, 4, BUILD_SYN | BUILD_ACK, 2},
	{"at an odd place", {1, 2, 4, 0xff, 0xff, 1, 1, 0}, 8, BUILD_SYN, 3},
	{"behind another option", {3, 3, 7, 2, 4, 0x05, 0xb4, 0}, 8, BUILD_SYN, 5},
	{"one too large", {2, 4, (MTU - 39) >> 8, (MTU - 39) & 0xff}, 4, BUILD_SYN, 2},
	{"small enough", {2, 4, 2, 0}, 4, BUILD_SYN, -1},
	{"no SYN", {2, 4, 0x05, 0xb4}, 4, BUILD_ACK, -1},
	{"no options", {0}, 0, BUILD_SYN, -1},
	{"another option", {8, 4, 0x05, 0xb4}, 4, BUILD_SYN, -1},
	{"behind the end of options", {0, 4, 0, 0, 2, 4, 0x05, 0xb4}, 8, BUILD_SYN, -1},
	{"length 3", {2, 3, 0x05, 0xb4}, 4, BUILD_SYN, -1},
	{"cut off", {1, 1, 2, 4}, 4, BUILD_SYN, -1},
	{"without its length", {1, 1, 1, 2}, 4, BUILD_SYN, -1},
	{"an option of length 0", {8, 0, 2, 4, 0x05, 0xb4, 0, 0}, 8, BUILD_SYN, -1},
	{"an option of length 1", {8, 1, 2, 4, 0x05, 0xb4, 0, 0}, 8, BUILD_SYN, -1},
	{"an option longer than all", {8, 200, 2, 4, 0x05, 0xb4, 0, 0}, 8, BUILD_SYN, -1},
};

/* The packet with the row's options, and data bytes behind them. */
static struct ip_view make(const struct row *r, int version, uint8_t *out)
{
	struct build_tcp b = {.version = version,
			      .ttl = 64,
			      .sport = 4000,
			      .dport = 5000,
			      .flags = r->flags,
			      .df = true,
			      .ip_options = true,
			      .payload = r->len + 5U};
	uint32_t len = build_tcp(&b, out);
	uint32_t l4_off = len - b.payload - 20;
	uint16_t check;

	memcpy(out + l4_off + 20, r->options, r->len);
	out[l4_off + 12] = (uint8_t)((20 + r->len) / 4 << 4);
	out[l4_off + 16] = out[l4_off + 17] = 0;
	check = build_l4_check(out, len, l4_off, IPPROTO_TCP);
	out[l4_off + 16] = (uint8_t)(check >> 8);
	out[l4_off + 17] = (uint8_t)check;
	return build_view(out, len);
}

START_TEST(test_mss_is_lowered_where_it_is_said)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int version = 4; version <= 6; version += 2) {
			uint8_t data[200], want[200];
			struct ip_view v = make(&rows[i], version, data);
			uint32_t mss = MTU - (version == 6 ? 60 : 40);
			uint8_t *at = want + v.l4_off + 20 + rows[i].mss_at;

			memcpy(want, data, sizeof(want));
			if (rows[i].mss_at >= 0) {
				at[0] = (uint8_t)(mss >> 8);
				at[1] = (uint8_t)mss;
			}
			ck_assert_msg(tcp_clamp_mss(data, &v, MTU) == (rows[i].mss_at >= 0), "%s",
				      rows[i].what);
			ck_assert_msg(build_l4_check(data, v.total_len, v.l4_off, IPPROTO_TCP) == 0,
				      "%s: checksum", rows[i].what);
			memcpy(want + v.l4_off + 16, data + v.l4_off + 16, 2);
			ck_assert_msg(memcmp(data, want, v.total_len) == 0, "%s", rows[i].what);
			ck_assert(!tcp_clamp_mss(data, &v, MTU)); /* small enough now */
		}
	}
}
END_TEST

/* A packet that must stay as it is, for reasons outside the option. */
static void assert_untouched(uint8_t *data, const struct ip_view *v, uint32_t mtu)
{
	uint8_t before[200];

	memcpy(before, data, sizeof(before));
	ck_assert(!tcp_clamp_mss(data, v, mtu));
	ck_assert_mem_eq(data, before, sizeof(before));
}

START_TEST(test_mss_is_left_where_it_cannot_be_lowered)
{
	for (int version = 4; version <= 6; version += 2) {
		uint8_t data[200] = {0};
		struct ip_view v = make(&rows[0], version, data), other;

		assert_untouched(data, &v, 0);
		assert_untouched(data, &v, version == 6 ? 60 : 40);
		other = v;
		other.frag_off = 8;
		assert_untouched(data, &other, MTU);
		other = v;
		other.more_frags = true;
		assert_untouched(data, &other, MTU);
		other = v;
		other.proto = IPPROTO_UDP;
		assert_untouched(data, &other, MTU);
		other = v;
		other.total_len = (uint16_t)(v.l4_off + 19);
		assert_untouched(data, &other, MTU);
		other.total_len = (uint16_t)(v.l4_off + 23); /* inside the option */
		assert_untouched(data, &other, MTU);
		data[v.l4_off + 16] ^= 1; /* bad, and bad it must arrive */
		assert_untouched(data, &v, MTU);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mss");
	TCase *t = tcase_create("mss");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_mss_is_lowered_where_it_is_said);
	tcase_add_test(t, test_mss_is_left_where_it_cannot_be_lowered);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
