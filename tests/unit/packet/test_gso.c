/*
 * tests/unit/packet/test_gso.c: superpackets cut byte for byte into the segments that scapy built
 * one by one, and superpackets that cannot be cut.
 */
#include "tests/unit/packet/build.h"
#include "tests/vectors/packets/packets.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct virtio_net_hdr header_for(const struct ip_view *v, uint16_t gso_size)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = v->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = gso_size,
		.hdr_len = 1, /* a lie that must not matter */
		.csum_start = v->l4_off,
		.csum_offset = 16,
	};
}

/* Turns the complete checksum of a vector into the partial one TUN gives: the complete sum less
 * that of the TCP bytes is the sum of the pseudo header, whatever destination is in it. */
static void make_partial(uint8_t *ip, uint32_t len, uint32_t l4_off)
{
	uint8_t *field = ip + l4_off + 16;
	uint32_t complete = (uint32_t)(field[0] << 8 | field[1]);
	uint32_t sum;

	field[0] = field[1] = 0;
	sum = (uint16_t)~complete + (uint32_t)build_checksum(0, ip + l4_off, len - l4_off);
	sum = (sum & 0xffff) + (sum >> 16);
	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
}

START_TEST(test_gso_split_agrees_with_scapy)
{
	for (size_t i = 0; i < LENGTH(segment_vectors); i++) {
		const struct segment_vector *row = &segment_vectors[i];
		uint8_t super[4096], before[4096], buf[1024];
		struct packet out = {.buf = buf, .size = sizeof(buf), .off = 64};
		struct virtio_net_hdr vnet;
		struct gso_split s;
		struct ip_view v;
		unsigned count = 0;
		size_t at = 0;

		memcpy(super, row->data, row->len);
		v = build_view(super, (uint32_t)row->len);
		make_partial(super, (uint32_t)row->len, v.l4_off);
		memcpy(before, super, row->len);
		vnet = header_for(&v, row->gso_size);
		ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
		for (; gso_split_next(&s, &out); count++) {
			ck_assert_uint_eq(out.off, 64);
			ck_assert_uint_le(out.len, gso_segment_max(&s));
			ck_assert_uint_le(at + out.len, row->segments_len);
			ck_assert_msg(!memcmp(packet_data(&out), row->segments + at, out.len),
				      "row %zu segment %u", i, count);
			at += out.len;
		}
		ck_assert_uint_eq(at, row->segments_len);
		ck_assert_uint_eq(count, row->count);
		ck_assert(!gso_split_next(&s, &out));
		ck_assert_mem_eq(super, before, row->len); /* borrowed, not changed */
	}
}
END_TEST

/* The largest superpacket, at sizes from small up; out has exactly the room promised. */
START_TEST(test_gso_split_gives_every_byte_once)
{
	static uint8_t super[65535];
	static const uint16_t sizes[] = {29, 100, 536, 1398, 1460, 8949, 32767, 65475, 65535};

	for (size_t k = 0; k < 2 * LENGTH(sizes); k++) {
		struct build_tcp b = {.version = k % 2 ? 6 : 4,
				      .ttl = 9,
				      .timestamp = 77,
				      .flags = BUILD_ACK,
				      .payload = 65535 - (k % 2 ? 72 : 52)};
		uint32_t len = build_tcp(&b, super);
		struct ip_view v = build_view(super, len), seg;
		uint16_t size = sizes[k / 2];
		struct virtio_net_hdr vnet = header_for(&v, size);
		struct packet out = {0};
		struct gso_split s;
		uint32_t got = 0;

		ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
		out.size = gso_segment_max(&s);
		out.buf = malloc(out.size);
		ck_assert_ptr_nonnull(out.buf);
		while (gso_split_next(&s, &out)) {
			uint32_t header = v.l4_off + 32u;

			seg = build_view(out.buf, out.len);
			ck_assert(checksum_l4_ok(out.buf, &seg));
			ck_assert_mem_eq(out.buf + header, super + header + got, out.len - header);
			got += out.len - header;
			ck_assert(got == b.payload || out.len - header == size);
		}
		ck_assert_uint_eq(got, b.payload);
		free(out.buf);
	}
}
END_TEST

START_TEST(test_gso_split_cuts_udp)
{
	static const uint16_t sizes[] = {1, 100, 1372, 9000};

	for (size_t k = 0; k < 2 * LENGTH(sizes); k++) {
		struct build_tcp b = {.version = k % 2 ? 6 : 4,
				      .id = 65535,
				      .df = true,
				      .ttl = 9,
				      .sport = 4433,
				      .dport = 53,
				      .payload = 3000};
		static uint8_t super[4096], buf[4096], want[4096];
		uint32_t len = build_udp(&b, super), left = b.payload;
		struct packet out = {.buf = buf, .size = sizeof(buf)};
		struct virtio_net_hdr vnet;
		struct gso_split s;
		struct ip_view v = build_view(super, len);

		vnet = header_for(&v, sizes[k / 2]);
		vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
		ck_assert_uint_eq(gso_segment_count(&s), (left + sizes[k / 2] - 1) / sizes[k / 2]);
		/* Each is the datagram its sender would have built. */
		while (gso_split_next(&s, &out)) {
			b.payload = left < sizes[k / 2] ? left : sizes[k / 2];
			len = build_udp(&b, want);
			ck_assert_uint_eq(out.len, len);
			ck_assert_mem_eq(buf, want, len);
			b.at += b.payload;
			b.id++;
			left -= b.payload;
		}
		ck_assert_uint_eq(left, 0);
	}
}
END_TEST

struct refusal {
	const char *name;
	int version;
	uint8_t gso_type;
	uint16_t gso_size;
	uint8_t data_offset; /* of the TCP header, bytes */
	uint32_t payload;
	enum verdict want;
};

static const struct refusal refusals[] = {
	{"v4", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 20, 300, V_OK},
	{"v6", 6, VIRTIO_NET_HDR_GSO_TCPV6, 100, 20, 300, V_OK},
	{"v4 ecn", 4, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 100, 20, 300, V_OK},
	{"v6 ecn", 6, VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, 100, 20, 300, V_OK},
	{"largest header", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 60, 300, V_OK},
	{"one segment", 4, VIRTIO_NET_HDR_GSO_TCPV4, 300, 20, 300, V_OK},
	{"size 0", 4, VIRTIO_NET_HDR_GSO_TCPV4, 0, 20, 300, V_GSO},
	{"wrong family", 4, VIRTIO_NET_HDR_GSO_TCPV6, 100, 20, 300, V_GSO},
	{"wrong family", 6, VIRTIO_NET_HDR_GSO_TCPV4, 100, 20, 300, V_GSO},
	{"udp", 4, VIRTIO_NET_HDR_GSO_UDP, 100, 20, 300, V_GSO},
	{"udp l4", 4, 5, 100, 20, 300, V_GSO},
	{"none", 4, VIRTIO_NET_HDR_GSO_NONE, 100, 20, 300, V_GSO},
	{"ecn alone", 4, VIRTIO_NET_HDR_GSO_ECN, 100, 20, 300, V_GSO},
	{"header of 16", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 16, 300, V_GSO},
	{"header of 0", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 0, 300, V_GSO},
	{"header to the end", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 60, 40, V_GSO},
	{"udp of tcp", 6, VIRTIO_NET_HDR_GSO_UDP_L4, 100, 20, 300, V_GSO},
	{"header past the end", 4, VIRTIO_NET_HDR_GSO_TCPV4, 100, 60, 39, V_GSO},
	{"no payload", 6, VIRTIO_NET_HDR_GSO_TCPV6, 100, 20, 0, V_GSO},
};

START_TEST(test_gso_split_refuses)
{
	for (size_t i = 0; i < LENGTH(refusals); i++) {
		const struct refusal *row = &refusals[i];
		struct build_tcp b = {.version = row->version, .payload = row->payload};
		uint8_t super[512];
		struct ip_view v = build_view(super, build_tcp(&b, super));
		struct virtio_net_hdr vnet = header_for(&v, row->gso_size);
		struct gso_split s;

		vnet.gso_type = row->gso_type;
		super[v.l4_off + 12] = (uint8_t)(row->data_offset / 4 << 4);
		ck_assert_msg(gso_split_init(&s, super, &v, &vnet) == row->want, "%s", row->name);
	}
}
END_TEST

START_TEST(test_gso_split_refuses_what_is_not_whole_tcp)
{
	struct build_tcp b = {.version = 4, .payload = 300};
	uint8_t super[512];
	struct ip_view good = build_view(super, build_tcp(&b, super)), v = good;
	struct virtio_net_hdr vnet = header_for(&good, 100);
	struct gso_split s;

	v.proto = 17;
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_GSO);
	vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	v.total_len = (uint16_t)(v.l4_off + 8); /* a header without payload */
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_GSO);
	v.total_len = (uint16_t)(v.l4_off + 9);
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
	vnet = header_for(&good, 100);
	v = good;
	v.proto = 132;
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_GSO);
	v = good;
	v.more_frags = true;
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_GSO);
	v = good;
	v.total_len = (uint16_t)(v.l4_off + 19);
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_GSO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gso");
	TCase *tc = tcase_create("gso");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_gso_split_agrees_with_scapy);
	tcase_add_test(tc, test_gso_split_gives_every_byte_once);
	tcase_add_test(tc, test_gso_split_cuts_udp);
	tcase_add_test(tc, test_gso_split_refuses);
	tcase_add_test(tc, test_gso_split_refuses_what_is_not_whole_tcp);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
