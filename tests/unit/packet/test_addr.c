/* tests/unit/packet/test_addr.c: addresses, prefixes, and the packet buffer. */
#include "packet/packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct ip_addr addr(const char *text)
{
	struct ip_addr out = {0};

	if (text)
		ck_assert_msg(ip_addr_parse(text, &out), "%s", text);
	return out;
}

START_TEST(test_addr_parse_reads_whole_numeric_addresses)
{
	static const struct {
		const char *text;
		uint8_t family; /* 0: refused */
		const char *canonical;
	} rows[] = {
		{"192.0.2.1", AF_INET, "192.0.2.1"},
		{"0.0.0.0", AF_INET, "0.0.0.0"},
		{"2001:DB8::1", AF_INET6, "2001:db8::1"},
		{"::", AF_INET6, "::"},
		{"::ffff:192.0.2.1", AF_INET6, "::ffff:192.0.2.1"},
		{"1:2:3:4:5:6:7:8", AF_INET6, "1:2:3:4:5:6:7:8"},
		{"", 0, NULL},
		{"192.0.2", 0, NULL},
		{"192.0.2.256", 0, NULL},
		{"192.0.2.1 ", 0, NULL},
		{" 192.0.2.1", 0, NULL},
		{"192.0.2.1/24", 0, NULL},
		{"::1%eth0", 0, NULL},
		{":::", 0, NULL},
		{"localhost", 0, NULL},
	};
	char buf[IP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct ip_addr out, before;

		memset(&out, 0xa5, sizeof(out));
		before = out;
		ck_assert_msg(ip_addr_parse(rows[i].text, &out) == (rows[i].family != 0), "%s",
			      rows[i].text);
		if (!rows[i].family) {
			ck_assert(ip_addr_equal(&out, &before));
			continue;
		}
		ck_assert_uint_eq(out.family, rows[i].family);
		ck_assert_str_eq(ip_addr_format(&out, buf), rows[i].canonical);
	}
}
END_TEST

START_TEST(test_addr_values_compare_by_byte)
{
	struct ip_addr four = ip_addr_v4((uint8_t[]){192, 0, 2, 1});
	struct ip_addr six =
		ip_addr_v6((uint8_t[]){192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
	struct ip_addr text = addr("192.0.2.1"), none = {0}, any4 = addr("0.0.0.0");
	char buf[IP_ADDR_TEXT_MAX];

	ck_assert(ip_addr_equal(&four, &text));
	ck_assert(!ip_addr_equal(&four, &six));
	ck_assert(!ip_addr_equal(&none, &any4));
	ck_assert_uint_eq(ip_addr_bits(&four), 32);
	ck_assert_uint_eq(ip_addr_bits(&six), 128);
	ck_assert_uint_eq(ip_addr_bits(&none), 0);
	ck_assert(ip_addr_is_any(&none) && ip_addr_is_any(&any4) && !ip_addr_is_any(&four));
	ck_assert_str_eq(ip_addr_format(&none, buf), "none");
}
END_TEST

START_TEST(test_prefix_contains_and_covers)
{
	static const struct {
		const char *outer;
		uint8_t outer_len;
		const char *inner;
		uint8_t inner_len;
		bool contains, covers;
	} rows[] = {
		{"10.1.0.0", 16, "10.1.255.255", 32, true, true},
		{"10.1.0.0", 16, "10.2.0.0", 32, false, false},
		{"10.1.77.5", 16, "10.1.3.4", 24, true, true}, /* host bits take no part */
		{"10.1.0.0", 16, "10.1.0.0", 16, true, true},
		{"10.1.0.0", 16, "10.1.0.0", 15, true, false},
		{"10.1.2.128", 25, "10.1.2.255", 32, true, true},
		{"10.1.2.128", 25, "10.1.2.127", 32, false, false},
		{"10.1.2.4", 31, "10.1.2.5", 32, true, true},
		{"10.1.2.4", 31, "10.1.2.6", 32, false, false},
		{"10.1.2.4", 32, "10.1.2.4", 32, true, true},
		{"10.1.2.4", 32, "10.1.2.5", 32, false, false},
		{"0.0.0.0", 0, "255.255.255.255", 32, true, true},
		{"0.0.0.0", 0, "::", 128, false, false},
		{"::", 0, "10.1.2.3", 32, false, false},
		{"::", 0, "2001:db8::1", 128, true, true},
		{"2001:db8::", 33, "2001:db8:7fff::", 128, true, true},
		{"2001:db8::", 33, "2001:db8:8000::", 128, false, false},
		{"2001:db8::1", 128, "2001:db8::1", 128, true, true},
		{"2001:db8::1", 127, "2001:db8::2", 128, false, false},
		{"10.0.0.0", 33, "10.0.0.0", 32, false, false}, /* no such prefix */
		{NULL, 0, "10.0.0.0", 32, false, false},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct ip_prefix outer = {addr(rows[i].outer), rows[i].outer_len};
		struct ip_prefix inner = {addr(rows[i].inner), rows[i].inner_len};

		ck_assert_msg(ip_prefix_contains(&outer, &inner.addr) == rows[i].contains,
			      "row %zu", i);
		ck_assert_msg(ip_prefix_covers(&outer, &inner) == rows[i].covers, "row %zu", i);
	}
}
END_TEST

/* Bit by bit: the masked prefix keeps exactly the first len bits, and contains an address that
 * differs in bit b if and only if b >= len. */
START_TEST(test_prefix_masked_keeps_first_bits)
{
	for (unsigned len = 0; len <= 128; len++) {
		struct ip_prefix prefix = {.addr.family = AF_INET6, .len = (uint8_t)len};
		struct ip_prefix masked;

		memset(prefix.addr.bytes, 0xff, 16);
		masked = ip_prefix_masked(&prefix);
		ck_assert_uint_eq(masked.len, len);
		for (unsigned bit = 0; bit < 128; bit++) {
			struct ip_addr other = prefix.addr;

			ck_assert_int_eq(masked.addr.bytes[bit / 8] >> (7 - bit % 8) & 1,
					 bit < len);
			other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			ck_assert(ip_prefix_contains(&prefix, &other) == (bit >= len));
		}
	}
}
END_TEST

START_TEST(test_buffer_moves_within_its_room)
{
	uint8_t bytes[100];
	struct packet p = {.buf = bytes, .size = 100, .off = 20, .len = 50};

	ck_assert_ptr_eq(packet_push(&p, 20), bytes);
	ck_assert_uint_eq(p.len, 70);
	ck_assert_ptr_null(packet_push(&p, 1));
	ck_assert_ptr_eq(packet_put(&p, 30), bytes + 70);
	ck_assert_ptr_null(packet_put(&p, 1));
	ck_assert_ptr_null(packet_put(&p, UINT32_MAX));
	ck_assert_uint_eq(p.len, 100);
	ck_assert_ptr_eq(packet_pull(&p, 60), bytes + 60);
	ck_assert_ptr_null(packet_pull(&p, 41));
	ck_assert_ptr_null(packet_pull(&p, UINT32_MAX));
	ck_assert_ptr_null(packet_trim(&p, 41));
	ck_assert_ptr_eq(packet_trim(&p, 10), bytes + 60);
	ck_assert_uint_eq(p.off, 60);
	ck_assert_uint_eq(p.len, 10);
}
END_TEST

START_TEST(test_verdict_rows_are_complete)
{
	for (int v = 0; v < V_COUNT; v++) {
		ck_assert_uint_gt(strlen(verdict_name((enum verdict)v)), 0);
		ck_assert_uint_gt(strlen(verdict_text((enum verdict)v)), 0);
		for (int other = 0; other < v; other++)
			ck_assert_str_ne(verdict_name((enum verdict)v),
					 verdict_name((enum verdict)other));
	}
	ck_assert_str_eq(verdict_name(V_ICV), "ICV");
	ck_assert_str_eq(verdict_kernel_name(V_REPLAY_OLD), "XfrmInStateSeqError");
	ck_assert_ptr_null(verdict_kernel_name(V_OK));
	ck_assert_int_eq(verdict_direction(V_TOO_BIG), VERDICT_OUT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_addr_parse_reads_whole_numeric_addresses);
	tcase_add_test(tc, test_addr_values_compare_by_byte);
	tcase_add_test(tc, test_prefix_contains_and_covers);
	tcase_add_test(tc, test_prefix_masked_keeps_first_bits);
	tcase_add_test(tc, test_buffer_moves_within_its_room);
	tcase_add_test(tc, test_verdict_rows_are_complete);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
