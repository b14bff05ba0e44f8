/*
 * tests/unit/packet/test_fragment.c: fragments byte for byte as scapy cuts them, put together
 * again for every MTU, and options by their copied flag.
 */
#include "tests/vectors/packets/packets.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void fix_checksum(uint8_t *ip)
{
	size_t len = (ip[0] & 0xf) * 4u;
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = checksum_fold(checksum_add(0, ip, len));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* A packet with 20 + options_len bytes of header and payload bytes behind. */
static size_t make(uint8_t *ip, const uint8_t *options, size_t options_len, size_t payload,
		   uint16_t frag_field)
{
	size_t len = 20 + options_len + payload;

	memset(ip, 0, 20);
	ip[0] = (uint8_t)(0x40 | (20 + options_len) / 4);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[6] = (uint8_t)(frag_field >> 8);
	ip[7] = (uint8_t)frag_field;
	ip[8] = 9;
	ip[9] = 17;
	if (options_len)
		memcpy(ip + 20, options, options_len);
	for (size_t i = 0; i < payload; i++)
		ip[20 + options_len + i] = (uint8_t)(i * 3 + i / 256);
	fix_checksum(ip);
	return len;
}

START_TEST(test_fragmenter_agrees_with_scapy)
{
	for (size_t i = 0; i < LENGTH(fragment_vectors); i++) {
		const struct fragment_vector *row = &fragment_vectors[i];
		uint8_t buf[2048];
		struct packet out = {.buf = buf, .size = sizeof(buf), .off = 100};
		struct fragmenter f;
		struct ip_view v;
		size_t at = 0;

		ck_assert_int_eq(ip_parse(row->data, row->len, 0, &v), V_OK);
		ck_assert(fragmenter_init(&f, row->data, &v, row->mtu));
		while (fragmenter_next(&f, &out)) {
			ck_assert_uint_eq(out.off, 100);
			ck_assert_uint_le(at + out.len, row->pieces_len);
			ck_assert_msg(!memcmp(packet_data(&out), row->pieces + at, out.len),
				      "row %zu at %zu", i, at);
			at += out.len;
		}
		ck_assert_uint_eq(at, row->pieces_len);
	}
}
END_TEST

/* Reassembles by offsets; returns the number of fragments. */
static unsigned reassemble(const uint8_t *ip, size_t len, uint16_t mtu)
{
	static uint8_t payload[65536];
	uint8_t *buf = malloc(mtu); /* exactly the room that is promised */
	struct packet out = {.buf = buf, .size = mtu};
	struct ip_view whole, v;
	struct fragmenter f;
	size_t got = 0, total;
	unsigned count = 0;

	ck_assert_ptr_nonnull(buf);
	ck_assert_int_eq(ip_parse(ip, len, 0, &whole), V_OK);
	total = (size_t)whole.total_len - whole.l4_off;
	ck_assert(fragmenter_init(&f, ip, &whole, mtu));
	for (; fragmenter_next(&f, &out); count++) {
		ck_assert_uint_le(out.len, mtu);
		ck_assert_int_eq(ip_parse(packet_data(&out), out.len, 4, &v), V_OK);
		ck_assert_uint_eq(v.total_len, out.len);
		ck_assert_uint_eq(v.frag_off, whole.frag_off + got);
		ck_assert_uint_eq(v.ip_id, whole.ip_id);
		memcpy(payload + got, packet_data(&out) + v.l4_off, out.len - v.l4_off);
		got += out.len - v.l4_off;
		ck_assert(v.more_frags == (got < total || whole.more_frags));
		ck_assert(!v.more_frags || whole.more_frags || (out.len - v.l4_off) % 8 == 0);
	}
	ck_assert_uint_eq(got, total);
	ck_assert_mem_eq(payload, ip + whole.l4_off, total);
	free(buf);
	return count;
}

START_TEST(test_fragmenter_fits_every_mtu)
{
	static uint8_t ip[65535];

	for (uint16_t mtu = 28; mtu < 600; mtu++) {
		size_t len = make(ip, NULL, 0, 555, 0);
		unsigned room = mtu - 20u, unit = room / 8 * 8;
		/* All but the last end on eight bytes; the last takes what there is room for. */
		unsigned want = room >= 555 ? 1 : 1 + (555 - room + unit - 1) / unit;

		ck_assert_uint_eq(reassemble(ip, len, mtu), want);
	}
	reassemble(ip, make(ip, NULL, 0, 65515, 0), 28);
	reassemble(ip, make(ip, NULL, 0, 65515, 0), 1500);
}
END_TEST

/* A fragment that is cut again keeps its place, and its MF on the last piece. */
START_TEST(test_fragmenter_cuts_fragments)
{
	uint8_t ip[2000];

	ck_assert_uint_eq(reassemble(ip, make(ip, NULL, 0, 800, 0x2000 | 100), 500), 2);
	ck_assert_uint_eq(reassemble(ip, make(ip, NULL, 0, 801, 100), 500), 2);
	ck_assert_uint_eq(reassemble(ip, make(ip, NULL, 0, 1000, 8064), 500), 3);
}
END_TEST

START_TEST(test_fragmenter_copies_options_by_flag)
{
	static const struct {
		uint8_t options[12];
		size_t len;
		uint8_t later[12];
		size_t later_len;
	} rows[] = {
		{{7, 7, 4, 0, 0, 0, 0, 0}, 8, {0}, 0},	  /* record route */
		{{0x94, 4, 0, 0}, 4, {0x94, 4, 0, 0}, 4}, /* router alert */
		{{1, 0x94, 4, 0, 0, 1, 1, 1}, 8, {0x94, 4, 0, 0}, 4},
		{{7, 3, 4, 0x83, 3, 4, 0, 0}, 8, {0x83, 3, 4, 0}, 4}, /* then a source route */
		{{0, 0x94, 4, 0}, 4, {0}, 0},			      /* behind the end */
		{{0x94, 0, 0, 0}, 4, {0}, 0},			      /* length 0 */
		{{0x94, 1, 0, 0}, 4, {0}, 0},
		{{0x94, 5, 0, 0}, 4, {0}, 0}, /* leaves the header */
		{{1, 1, 1, 0x94}, 4, {0}, 0}, /* has no length */
		{{0x94, 4, 0, 0, 0x94, 255, 0, 0}, 8, {0x94, 4, 0, 0}, 4},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t ip[400], buf[200];
		struct packet out = {.buf = buf, .size = sizeof(buf)};
		size_t len = make(ip, rows[i].options, rows[i].len, 300, 0);
		struct fragmenter f;
		struct ip_view v;

		ck_assert_uint_ge(reassemble(ip, len, 200), 2);
		ck_assert_int_eq(ip_parse(ip, len, 0, &v), V_OK);
		ck_assert(fragmenter_init(&f, ip, &v, 200));
		ck_assert(fragmenter_next(&f, &out));
		ck_assert_mem_eq(buf + 20, rows[i].options, rows[i].len);
		ck_assert(fragmenter_next(&f, &out));
		ck_assert_msg((buf[0] & 0xf) * 4u == 20 + rows[i].later_len, "row %zu", i);
		ck_assert_mem_eq(buf + 20, rows[i].later, rows[i].later_len);
	}
}
END_TEST

START_TEST(test_fragmenter_refuses)
{
	struct ip_view good = {.version = 4, .total_len = 1000, .l4_off = 20}, v;
	struct fragmenter f;
	uint8_t ip[1000];

	make(ip, NULL, 0, 980, 0);
	ck_assert(fragmenter_init(&f, ip, &good, 28));
	ck_assert(!fragmenter_init(&f, ip, &good, 27));
	v = good;
	v.df = true;
	ck_assert(!fragmenter_init(&f, ip, &v, 500));
	v = good;
	v.version = 6;
	ck_assert(!fragmenter_init(&f, ip, &v, 500));
	v = good;
	v.total_len = v.l4_off;
	ck_assert(!fragmenter_init(&f, ip, &v, 500));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fragment");
	TCase *tc = tcase_create("fragment");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_fragmenter_agrees_with_scapy);
	tcase_add_test(tc, test_fragmenter_fits_every_mtu);
	tcase_add_test(tc, test_fragmenter_cuts_fragments);
	tcase_add_test(tc, test_fragmenter_copies_options_by_flag);
	tcase_add_test(tc, test_fragmenter_refuses);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
