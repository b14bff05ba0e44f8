/* tests/unit/packet/test_ip.c: ip_parse against packets that scapy built, and against liars. */
#include "tests/vectors/packets/packets.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void fix_v4_checksum(uint8_t *ip, size_t header_len)
{
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = checksum_fold(checksum_add(0, ip, header_len));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* Parses a copy that lies at the very end of its allocation, for the sanitizer's sake. */
static enum verdict parse_exact(const uint8_t *data, size_t len, uint8_t next, struct ip_view *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum verdict v;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	v = ip_parse(copy, len, next, out);
	free(copy);
	return v;
}

START_TEST(test_ip_parse_agrees_with_scapy)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		struct ip_view got, want = row->view;

		ck_assert(ip_addr_parse(row->src, &want.src) && ip_addr_parse(row->dst, &want.dst));
		ck_assert_msg(parse_exact(row->data, row->len, 0, &got) == V_OK, "%s", row->name);
#define SAME(field)                                                                       \
	ck_assert_msg(got.field == want.field, "%s: " #field " is %u, not %u", row->name, \
		      (unsigned)got.field, (unsigned)want.field)
		SAME(version);
		SAME(total_len);
		SAME(l4_off);
		SAME(proto);
		SAME(sport);
		SAME(dport);
		SAME(frag_off);
		SAME(ip_id);
		SAME(flow_label);
		SAME(tos);
		SAME(ttl);
		SAME(df);
		SAME(more_frags);
		SAME(has_ports);
		SAME(has_extensions);
#undef SAME
		ck_assert_msg(ip_addr_equal(&got.src, &want.src), "%s", row->name);
		ck_assert_msg(ip_addr_equal(&got.dst, &want.dst), "%s", row->name);
	}
}
END_TEST

START_TEST(test_ip_parse_refuses_every_cut)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		struct ip_view out, before;

		memset(&out, 0xa5, sizeof(out));
		memcpy(&before, &out, sizeof(out));
		for (size_t len = 0; len < row->len; len++)
			ck_assert_msg(parse_exact(row->data, len, 0, &out) == V_INNER_MALFORMED,
				      "%s cut to %zu", row->name, len);
		ck_assert_mem_eq(&out, &before, sizeof(out));
	}
}
END_TEST

/* RFC 4303 §2.7: TFC padding behind the packet is not part of it. */
START_TEST(test_ip_parse_allows_bytes_behind)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		uint8_t padded[2048] = {0};
		struct ip_view v;

		memcpy(padded, row->data, row->len);
		ck_assert_int_eq(ip_parse(padded, row->len + 100, 0, &v), V_OK);
		ck_assert_uint_eq(v.total_len, row->len);
	}
}
END_TEST

START_TEST(test_ip_parse_insists_on_family)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		bool four = row->view.version == 4;
		struct ip_view v;

		ck_assert_int_eq(ip_parse(row->data, row->len, IPPROTO_IPIP, &v),
				 four ? V_OK : V_INNER_MALFORMED);
		ck_assert_int_eq(ip_parse(row->data, row->len, IPPROTO_IPV6, &v),
				 four ? V_INNER_MALFORMED : V_OK);
		ck_assert_int_eq(ip_parse(row->data, row->len, IPPROTO_UDP, &v), V_INNER_MALFORMED);
	}
}
END_TEST

/* One 16-bit field of a good header is overwritten; the IPv4 checksum is made right again. */
START_TEST(test_ip_parse_refuses_lies)
{
	static const uint8_t good4[40] = {0x45, 0, 0,  40, 0, 0, 0,  0, 64, 17,
					  0,	0, 10, 0,  0, 1, 10, 0, 0,  2};
	static const uint8_t good6[60] = {0x60, 0, 0, 0, 0, 20, 17, 64, 0xfd, [24] = 0xfd};
	/* A fragment of 15 bytes, whose header is eight more. */
	static const uint8_t fragment6[63] = {0x60, [5] = 23, [6] = IPPROTO_FRAGMENT, [40] = 17};
	static const struct {
		const char *name;
		const uint8_t *good;
		size_t len, at;
		uint16_t value;
		bool ok;
	} rows[] = {
		{"v4 untouched", good4, 40, 0, 0x4500, true},
		{"v4 version 5", good4, 40, 0, 0x5500, false},
		{"v4 version 0", good4, 40, 0, 0x0500, false},
		{"v4 header of 16", good4, 40, 0, 0x4400, false},
		{"v4 header of 0", good4, 40, 0, 0x4000, false},
		{"v4 header of 40", good4, 40, 0, 0x4a00, true},
		{"v4 header of 44", good4, 40, 0, 0x4b00, false},
		{"v4 total below header", good4, 40, 2, 19, false},
		{"v4 total is header", good4, 40, 2, 20, true},
		{"v4 total one too long", good4, 40, 2, 41, false},
		{"v4 total 65535", good4, 40, 2, 65535, false},
		{"v4 total 0", good4, 40, 2, 0, false},
		{"v4 fragment ends at 65528", good4, 40, 6, 8186, true},
		{"v4 fragment ends at 65536", good4, 40, 6, 8187, false},
		{"v4 fragment at the very end", good4, 40, 6, 8191, false},
		{"v6 untouched", good6, 60, 0, 0x6000, true},
		{"v6 version 7", good6, 60, 0, 0x7000, false},
		{"v6 payload one too long", good6, 60, 4, 21, false},
		{"v6 payload shorter", good6, 60, 4, 1, true},
		{"v6 payload 65535", good6, 60, 4, 65535, false},
		{"v6 fragment ends at 65535", fragment6, 63, 42, 0xfff0, true},
		{"v6 fragment ends behind", fragment6, 63, 42, 0xfff8, false},
		{"v6 jumbogram", good6, 60, 4, 0, false},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t data[63];
		struct ip_view v;

		memcpy(data, rows[i].good, rows[i].len);
		data[rows[i].at] = (uint8_t)(rows[i].value >> 8);
		data[rows[i].at + 1] = (uint8_t)rows[i].value;
		if (rows[i].good == good4 && (data[0] & 0xf) * 4u <= rows[i].len)
			fix_v4_checksum(data, (data[0] & 0xf) * 4u);
		ck_assert_msg((parse_exact(data, rows[i].len, 0, &v) == V_OK) == rows[i].ok, "%s",
			      rows[i].name);
	}
}
END_TEST

START_TEST(test_ip_parse_checks_header_checksum)
{
	for (size_t i = 0; i < LENGTH(packet_vectors); i++) {
		const struct packet_vector *row = &packet_vectors[i];
		uint8_t data[2048];
		struct ip_view v;

		if (row->view.version != 4)
			continue;
		for (size_t bit = 0; bit < row->view.l4_off * 8u; bit++) {
			memcpy(data, row->data, row->len);
			data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			ck_assert_msg(ip_parse(data, row->len, IPPROTO_IPIP, &v) ==
					      V_INNER_MALFORMED,
				      "%s: bit %zu", row->name, bit);
		}
	}
}
END_TEST

/* A chain of empty destination options headers, then UDP. RFC 8200 §4.1 has seven at most. */
static enum verdict parse_chain(unsigned count, uint8_t type, struct ip_view *v)
{
	static uint8_t data[65535];
	uint16_t payload = (uint16_t)(count * 8 + 8);

	memset(data, 0, sizeof(data));
	data[0] = 0x60;
	data[4] = (uint8_t)(payload >> 8);
	data[5] = (uint8_t)payload;
	data[6] = count ? type : 17;
	for (unsigned i = 0; i < count; i++)
		data[40 + i * 8] = i + 1 < count ? type : 17;
	return parse_exact(data, 40u + payload, 0, v);
}

START_TEST(test_ip_parse_bounds_the_chain)
{
	struct ip_view v;

	for (unsigned count = 0; count <= 16; count++) {
		ck_assert_int_eq(parse_chain(count, IPPROTO_DSTOPTS, &v), V_OK);
		ck_assert_uint_eq(v.l4_off, 40 + count * 8);
		ck_assert_uint_eq(v.proto, 17);
		ck_assert(v.has_ports);
	}
	ck_assert_int_eq(parse_chain(17, IPPROTO_DSTOPTS, &v), V_INNER_MALFORMED);
	ck_assert_int_eq(parse_chain(8000, IPPROTO_DSTOPTS, &v), V_INNER_MALFORMED);
	ck_assert_int_eq(parse_chain(1, IPPROTO_FRAGMENT, &v), V_OK);
	/* A second fragment header could call a fragment whole. */
	ck_assert_int_eq(parse_chain(2, IPPROTO_FRAGMENT, &v), V_INNER_MALFORMED);
}
END_TEST

/* ICMP belongs to IPv4, ICMPv6 and mobility to IPv6; over the other they are just protocols. */
START_TEST(test_ip_parse_reads_types_of_own_family_only)
{
	static const struct {
		uint8_t proto;
		bool v4, v6;
		uint16_t sport, dport; /* or type and code */
	} rows[] = {
		{IPPROTO_ICMP, true, false, 8, 9}, {IPPROTO_ICMPV6, false, true, 8, 9},
		{IPPROTO_MH, false, true, 10, 0},  {IPPROTO_TCP, true, true, 0x0809, 0x0a0b},
		{IPPROTO_GRE, false, false, 0, 0},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t four[28] = {0x45, 0, 0, 28, [9] = rows[i].proto, [20] = 8, 9, 10, 11};
		uint8_t six[48] = {0x60, [5] = 8, [6] = rows[i].proto, [40] = 8, 9, 10, 11};
		struct ip_view v;

		fix_v4_checksum(four, 20);
		ck_assert_int_eq(parse_exact(four, sizeof(four), 0, &v), V_OK);
		ck_assert_int_eq(v.has_ports, rows[i].v4);
		ck_assert_uint_eq(v.sport, rows[i].v4 ? rows[i].sport : 0);
		ck_assert_uint_eq(v.dport, rows[i].v4 ? rows[i].dport : 0);
		ck_assert_int_eq(parse_exact(six, sizeof(six), 0, &v), V_OK);
		ck_assert_int_eq(v.has_ports, rows[i].v6);
		ck_assert_uint_eq(v.sport, rows[i].v6 ? rows[i].sport : 0);
		ck_assert_uint_eq(v.dport, rows[i].v6 ? rows[i].dport : 0);
	}
}
END_TEST

START_TEST(test_ip_parse_refuses_headers_that_run_out)
{
	static const struct {
		uint8_t type, len_field;
		uint16_t payload;
		bool ok;
	} rows[] = {
		{IPPROTO_HOPOPTS, 0, 8, true},	     {IPPROTO_HOPOPTS, 0, 7, false},
		{IPPROTO_HOPOPTS, 1, 15, false},     {IPPROTO_HOPOPTS, 1, 16, true},
		{IPPROTO_ROUTING, 255, 2047, false}, {IPPROTO_ROUTING, 255, 2048, true},
		{IPPROTO_DSTOPTS, 3, 31, false},     {IPPROTO_DSTOPTS, 3, 32, true},
		{IPPROTO_FRAGMENT, 255, 7, false},   {IPPROTO_FRAGMENT, 255, 8, true},
		{IPPROTO_AH, 1, 11, false},	     {IPPROTO_AH, 1, 12, true},
		{IPPROTO_NONE, 255, 1, true},	     {IPPROTO_ESP, 255, 1, true},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint8_t data[40 + 2048] = {0x60};
		struct ip_view v;

		data[4] = (uint8_t)(rows[i].payload >> 8);
		data[5] = (uint8_t)rows[i].payload;
		data[6] = rows[i].type;
		data[40] = IPPROTO_NONE;
		data[41] = rows[i].len_field;
		ck_assert_msg((parse_exact(data, 40u + rows[i].payload, 0, &v) == V_OK) ==
				      rows[i].ok,
			      "row %zu", i);
		if (rows[i].ok)
			ck_assert(v.l4_off <= v.total_len && !v.has_ports);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ip");
	TCase *tc = tcase_create("ip");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_ip_parse_agrees_with_scapy);
	tcase_add_test(tc, test_ip_parse_refuses_every_cut);
	tcase_add_test(tc, test_ip_parse_allows_bytes_behind);
	tcase_add_test(tc, test_ip_parse_insists_on_family);
	tcase_add_test(tc, test_ip_parse_refuses_lies);
	tcase_add_test(tc, test_ip_parse_checks_header_checksum);
	tcase_add_test(tc, test_ip_parse_bounds_the_chain);
	tcase_add_test(tc, test_ip_parse_reads_types_of_own_family_only);
	tcase_add_test(tc, test_ip_parse_refuses_headers_that_run_out);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
