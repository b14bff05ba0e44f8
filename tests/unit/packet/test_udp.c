/*
 * tests/unit/packet/test_udp.c: ESP in UDP: what a datagram is, the header in front of one, which
 * packets go together, and how they are told apart again.
 */
#include "tests/unit/packet/build.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(test_udp_kind_is_by_length_and_first_bytes)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum udp_kind kind;
	} table[] = {
		{"\xff", 1, UDP_KEEPALIVE},
		{"\xfe", 1, UDP_ESP},
		{"\xff\xff", 2, UDP_ESP},
		{"\xff\xff\xff\xff", 4, UDP_ESP},
		{"", 0, UDP_ESP},
		{"\0\0\0", 3, UDP_ESP}, /* no marker yet, and no SPI either */
		{"\0\0\0\0", 4, UDP_IKE},
		{"\0\0\0\0\1", 5, UDP_IKE},
		{"\0\0\0\1\0\0\0\0", 8, UDP_ESP},
		{"\1\0\0\0\0\0\0\0", 8, UDP_ESP},
	};

	for (size_t i = 0; i < LENGTH(table); i++)
		ck_assert_msg(udp_kind((const uint8_t *)table[i].bytes, table[i].len) ==
				      table[i].kind,
			      "row %zu", i);
}
END_TEST

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert(ip_addr_parse(text, &out));
	return out;
}

/* Pseudo header, header and payload, summed by the model, must be 0 (RFC 768). */
START_TEST(test_udp_header_has_the_right_checksum)
{
	static const char *const ends[][2] = {{"192.0.2.1", "198.51.100.2"},
					      {"2001:db8::1", "2001:db8::ffff"}};
	unsigned seed = 0x0d9;
	uint8_t bytes[40 + 8 + 1500];

	printf("seed %u\n", seed);
	for (unsigned i = 0; i < 2; i++) {
		const struct udp_ends e = {addr(ends[i][0]), addr(ends[i][1]), 4500, 61000};
		const size_t n = i ? 16 : 4;

		for (uint16_t len = 0; len < 1500; len = (uint16_t)(len + 37)) {
			uint8_t *udp = bytes + 40;

			memset(bytes, 0, 40);
			memcpy(bytes, e.src.bytes, n);
			memcpy(bytes + 16, e.dst.bytes, n);
			bytes[35] = IPPROTO_UDP;
			bytes[36] = (uint8_t)((len + 8) >> 8);
			bytes[37] = (uint8_t)(len + 8);
			for (unsigned k = 0; k < len; k++)
				udp[8 + k] = (uint8_t)rand_r(&seed);
			udp_header_put(udp, &e, udp + 8, len, false);
			ck_assert_mem_eq(udp, "\x11\x94\xee\x48", 4);
			ck_assert_uint_eq((unsigned)(udp[4] << 8 | udp[5]), len + 8U);
			ck_assert_uint_eq(build_checksum(0, bytes, 40U + 8U + len), 0);
		}
	}
}
END_TEST

/* RFC 768: a sum of 0 is sent as all ones, since 0 says that there is none. */
START_TEST(test_udp_header_never_has_checksum_0)
{
	const struct udp_ends e = {addr("0.0.0.0"), addr("0.0.0.0"), 1, 1};
	uint8_t udp[UDP_HEADER_LEN], payload[2];
	/* Protocol 17, length 10 twice, ports 1 and 1: what is missing to 0xffff. */
	const unsigned missing = 0xffff - 17 - 10 - 10 - 1 - 1;

	payload[0] = (uint8_t)(missing >> 8);
	payload[1] = (uint8_t)missing;
	udp_header_put(udp, &e, payload, 2, false);
	ck_assert_mem_eq(udp + 6, "\xff\xff", 2);
}
END_TEST

/* RFC 3948 §2.1 over IPv4; RFC 8200 §8.1 forbids it over IPv6. */
START_TEST(test_udp_header_goes_without_checksum_over_ipv4_only)
{
	const struct udp_ends v4 = {addr("192.0.2.1"), addr("192.0.2.2"), 4500, 4500};
	const struct udp_ends v6 = {addr("2001:db8::1"), addr("2001:db8::2"), 4500, 4500};
	uint8_t udp[UDP_HEADER_LEN], summed[UDP_HEADER_LEN];

	memset(udp, 0xff, sizeof(udp));
	udp_header_put(udp, &v4, (const uint8_t *)"payload", 7, true);
	ck_assert_mem_eq(udp, "\x11\x94\x11\x94\0\x0f\0\0", 8);
	udp_header_put(udp, &v6, (const uint8_t *)"payload", 7, true);
	udp_header_put(summed, &v6, (const uint8_t *)"payload", 7, false);
	ck_assert_mem_eq(udp, summed, 8);
	ck_assert_mem_ne(udp + 6, "\0\0", 2);
}
END_TEST

START_TEST(test_udp_segment_run_takes_equals_and_a_shorter_end)
{
	static const struct {
		uint32_t len[6];
		unsigned count, run;
	} table[] = {
		{{0}, 0, 0},
		{{1400}, 1, 1},
		{{1400, 1400, 1400}, 3, 3},
		{{1400, 1400, 100, 1400}, 4, 3},
		{{1400, 1401}, 2, 1},
		{{100, 1400, 1400}, 3, 1},
		{{1400, 100, 100}, 3, 2},
		{{1400, 0, 1400}, 3, 1},
		{{30000, 30000, 30000}, 3, 2},
		{{30000, 30000, 5000, 30000}, 4, 3},
		{{30000, 30000, 5001}, 3, 2},
		{{65500}, 1, 1},
	};
	uint32_t many[UDP_SEGMENTS_MAX + 1];

	for (size_t i = 0; i < LENGTH(table); i++)
		ck_assert_msg(udp_segment_run(table[i].len, table[i].count) == table[i].run,
			      "row %zu", i);
	for (unsigned i = 0; i <= UDP_SEGMENTS_MAX; i++)
		many[i] = 100;
	ck_assert_uint_eq(udp_segment_run(many, UDP_SEGMENTS_MAX + 1), UDP_SEGMENTS_MAX);
}
END_TEST

/* ESP packets of one SA in a row, in one piece. */
static uint32_t fill(uint8_t *out, unsigned *seed, uint32_t segment, uint32_t last, unsigned count,
		     uint32_t seq)
{
	const uint32_t len = segment * (count - 1) + last;

	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)rand_r(seed);
	for (unsigned k = 0; k < count; k++) {
		const uint32_t n = seq + k;
		const uint8_t start[] = {0,
					 0,
					 0x10,
					 4,
					 (uint8_t)(n >> 24),
					 (uint8_t)(n >> 16),
					 (uint8_t)(n >> 8),
					 (uint8_t)n};

		memcpy(out + k * segment, start, sizeof(start));
	}
	return len;
}

START_TEST(test_udp_esp_segment_finds_what_was_joined)
{
	static uint8_t bytes[65536];
	unsigned seed = 0x5e6;

	printf("seed %u\n", seed);
	for (uint32_t segment = 32; segment < 1500; segment += 36) {
		for (unsigned count = 1; count <= 40; count += 13) {
			const uint32_t last = count == 1 ? segment : 28;
			const uint32_t seqs[] = {1, 0xfffffff0U}; /* ESN: the low half wraps */

			for (unsigned i = 0; i < 2; i++) {
				uint32_t len = fill(bytes, &seed, segment, last, count, seqs[i]);

				ck_assert_uint_eq(udp_esp_segment(bytes, len), segment);
			}
		}
	}
	/* Another SA's packet, or a gap, in between: nothing to go by. */
	(void)fill(bytes, &seed, 100, 100, 3, 1);
	bytes[203] ^= 1;
	ck_assert_uint_eq(udp_esp_segment(bytes, 300), 300);
	(void)fill(bytes, &seed, 100, 100, 3, 1);
	bytes[207]++;
	ck_assert_uint_eq(udp_esp_segment(bytes, 300), 300);
	for (uint32_t len = 0; len < 20; len++)
		ck_assert_uint_eq(udp_esp_segment(bytes, len), len);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("udp");
	TCase *tc = tcase_create("udp");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_udp_kind_is_by_length_and_first_bytes);
	tcase_add_test(tc, test_udp_header_has_the_right_checksum);
	tcase_add_test(tc, test_udp_header_never_has_checksum_0);
	tcase_add_test(tc, test_udp_header_goes_without_checksum_over_ipv4_only);
	tcase_add_test(tc, test_udp_segment_run_takes_equals_and_a_shorter_end);
	tcase_add_test(tc, test_udp_esp_segment_finds_what_was_joined);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
