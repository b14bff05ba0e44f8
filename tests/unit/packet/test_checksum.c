/*
 * tests/unit/packet/test_checksum.c: sums against a model that adds two bytes at a time, and
 * against the checksums scapy wrote.
 */
#include "tests/unit/packet/build.h"
#include "tests/vectors/packets/packets.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(test_checksum_equals_model_at_every_length_and_alignment)
{
	unsigned seed = 0x5eed;
	uint8_t *bytes = malloc(300);

	printf("seed %u\n", seed);
	ck_assert_ptr_nonnull(bytes);
	for (int i = 0; i < 300; i++)
		bytes[i] = (uint8_t)rand_r(&seed);
	for (size_t at = 0; at < 16; at++)
		for (size_t len = 0; at + len <= 300; len++)
			ck_assert_uint_eq(checksum_fold(checksum_add(0, bytes + at, len)),
					  build_checksum(0, bytes + at, len));
	free(bytes);
}
END_TEST

START_TEST(test_checksum_carries_at_the_extremes)
{
	static uint8_t bytes[65535];
	static const size_t lengths[] = {1, 2, 3, 8, 9, 20, 64, 1499, 65534, 65535};

	for (int fill = 0; fill < 2; fill++) {
		memset(bytes, fill ? 0xff : 0, sizeof(bytes));
		for (size_t i = 0; i < LENGTH(lengths); i++)
			ck_assert_uint_eq(checksum_fold(checksum_add(0, bytes, lengths[i])),
					  build_checksum(0, bytes, lengths[i]));
	}
	/* A sum near its top must carry around its end. */
	ck_assert_uint_eq(checksum_fold(UINT64_MAX), 0);
	bytes[0] = bytes[1] = 0;
	ck_assert_uint_eq(checksum_fold(checksum_add(UINT64_MAX, bytes, 65534)), 0);
}
END_TEST

START_TEST(test_checksum_adds_up_piece_by_piece)
{
	uint8_t bytes[200];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 77 + 3);
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 2) {
		uint64_t sum = checksum_add(0, bytes, cut);

		sum = checksum_add(sum, bytes + cut, sizeof(bytes) - cut);
		ck_assert_uint_eq(checksum_fold(sum), build_checksum(0, bytes, sizeof(bytes)));
	}
}
END_TEST

START_TEST(test_checksum_l4_ok_agrees_with_scapy)
{
	unsigned said = 0;

	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		bool tcp_or_udp, want = row->l4_ok == 1;
		struct ip_view v;

		ck_assert_int_eq(ip_parse(row->data, row->len, 0, &v), V_OK);
		tcp_or_udp = v.proto == IPPROTO_TCP || v.proto == IPPROTO_UDP;
		if (row->l4_ok < 0 && tcp_or_udp && !ip_is_fragment(&v))
			continue;
		said += row->l4_ok >= 0;
		ck_assert_msg(checksum_l4_ok(row->data, &v) == want, "%s", row->name);
	}
	ck_assert_uint_gt(said, 20);
}
END_TEST

START_TEST(test_checksum_l4_ok_sees_every_flipped_bit)
{
	for (int version = 4; version <= 6; version += 2) {
		struct build_tcp b = {.version = version,
				      .ttl = 1,
				      .sport = 1,
				      .flags = BUILD_ACK,
				      .timestamp = 9,
				      .payload = 33};
		uint8_t data[200];
		uint32_t len = build_tcp(&b, data);
		struct ip_view v = build_view(data, len);

		ck_assert(checksum_l4_ok(data, &v));
		for (uint32_t bit = v.l4_off * 8u; bit < len * 8; bit++) {
			data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			ck_assert(!checksum_l4_ok(data, &v));
			data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
		v.more_frags = true; /* the sum is of the whole packet, which this is not */
		ck_assert(!checksum_l4_ok(data, &v));
		v.more_frags = false;
		v.dst.bytes[1] ^= 1; /* the pseudo header counts */
		ck_assert(!checksum_l4_ok(data, &v));
	}
}
END_TEST

START_TEST(test_checksum_l4_ok_checks_lengths)
{
	/* UDP with zero checksum, whose own length says udp_len and the IP header l4_len. */
	static const struct {
		uint16_t udp_len, l4_len;
		bool ok;
	} rows[] = {
		{8, 8, true},  {8, 12, true}, {9, 8, false},
		{7, 8, false}, {0, 8, false}, {8, 7, false},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t data[40] = {[24] = 0, [25] = (uint8_t)rows[i].udp_len};
		struct ip_view v = {.version = 4,
				    .proto = IPPROTO_UDP,
				    .l4_off = 20,
				    .total_len = (uint16_t)(20 + rows[i].l4_len)};

		ck_assert_msg(checksum_l4_ok(data, &v) == rows[i].ok, "row %zu", i);
	}
}
END_TEST

/* What TUN hands over: the field holds the pseudo header's sum, not complemented. */
START_TEST(test_checksum_complete_finishes_what_the_kernel_began)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		uint16_t field, l4_len, partial;
		uint8_t data[2048];
		struct ip_view v;

		ck_assert_int_eq(ip_parse(row->data, row->len, 0, &v), V_OK);
		field = v.proto == IPPROTO_TCP ? 16 : 6;
		l4_len = (uint16_t)(v.total_len - v.l4_off);
		if (row->l4_ok != 1 ||
		    (row->data[v.l4_off + field] == 0 && row->data[v.l4_off + field + 1] == 0))
			continue;
		memcpy(data, row->data, row->len);
		partial = (uint16_t)~checksum_fold(checksum_pseudo(&v, l4_len));
		data[v.l4_off + field] = (uint8_t)(partial >> 8);
		data[v.l4_off + field + 1] = (uint8_t)partial;
		ck_assert(
			checksum_complete(data, row->len, v.l4_off, field, v.proto == IPPROTO_UDP));
		ck_assert_msg(memcmp(data, row->data, row->len) == 0, "%s", row->name);
	}
}
END_TEST

START_TEST(test_checksum_complete_stays_inside_the_packet)
{
	static const struct {
		size_t len;
		uint16_t start, offset;
		bool ok;
	} rows[] = {
		{40, 20, 16, true}, {38, 20, 16, true},	       {37, 20, 16, false},
		{40, 40, 0, false}, {40, 65535, 0, false},     {40, 0, 65535, false},
		{1, 0, 0, false},   {40, 65535, 65535, false}, {0, 0, 0, false},
		{2, 0, 0, true},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t data[40], before[40];
		bool ok;

		memset(data, 0x5a, sizeof(data));
		memcpy(before, data, sizeof(data));
		ok = checksum_complete(data, rows[i].len, rows[i].start, rows[i].offset, false);
		ck_assert_msg(ok == rows[i].ok, "row %zu", i);
		ck_assert((memcmp(data, before, sizeof(data)) == 0) == !ok);
	}
}
END_TEST

/* RFC 768: a UDP checksum that comes out as zero is sent as all ones; TCP's stays zero. */
START_TEST(test_checksum_complete_sends_udp_zero_as_ones)
{
	for (int is_udp = 0; is_udp < 2; is_udp++) {
		uint8_t data[4] = {0xff, 0xfe, 0x00, 0x01};

		ck_assert(checksum_complete(data, 4, 0, 2, is_udp));
		ck_assert_uint_eq(data[2], is_udp ? 0xff : 0);
		ck_assert_uint_eq(data[3], is_udp ? 0xff : 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checksum");
	TCase *tc = tcase_create("checksum");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_checksum_equals_model_at_every_length_and_alignment);
	tcase_add_test(tc, test_checksum_carries_at_the_extremes);
	tcase_add_test(tc, test_checksum_adds_up_piece_by_piece);
	tcase_add_test(tc, test_checksum_l4_ok_agrees_with_scapy);
	tcase_add_test(tc, test_checksum_l4_ok_sees_every_flipped_bit);
	tcase_add_test(tc, test_checksum_l4_ok_checks_lengths);
	tcase_add_test(tc, test_checksum_complete_finishes_what_the_kernel_began);
	tcase_add_test(tc, test_checksum_complete_stays_inside_the_packet);
	tcase_add_test(tc, test_checksum_complete_sends_udp_zero_as_ones);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
