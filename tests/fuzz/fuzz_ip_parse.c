/*
 * tests/fuzz/fuzz_ip_parse.c: whatever ip_parse accepts goes through everything that packet/ does
 * to packets. Input: seven bytes that choose what the functions are asked for, then the packet.
 * Besides the sanitizers' own, promises of packet.h are checked: lengths, sums, order.
 */
#include "packet/packet.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICES = 7 };

/* What the first bytes choose. */
struct choices {
	uint8_t next_header, outer_tos, gso_type;
	uint16_t mtu, gso_size;
};

static void must(bool truth)
{
	if (!truth)
		abort();
}

static struct ip_view parse_again(const uint8_t *data, uint32_t len)
{
	struct ip_view v;

	must(ip_parse(data, len, 0, &v) == V_OK && v.total_len == len);
	return v;
}

static void drive_checksums(uint8_t *copy, const struct ip_view *v, const struct choices *c)
{
	const struct outer_options options = {.hide_dscp = c->mtu & 1,
					      .take_dscp = c->mtu & 2,
					      .no_ecn = c->mtu & 4,
					      .clear_df = c->mtu & 8};
	struct ip_view view = *v, after;

	(void)checksum_l4_ok(copy, v);
	(void)outer_from_inner(v, AF_INET, &options);
	if (outer_to_inner(copy, &view, c->outer_tos, &options) == V_OK) {
		after = parse_again(copy, v->total_len);
		must(after.tos == view.tos);
	}
	(void)checksum_complete(copy, v->total_len, c->mtu, c->gso_size, c->gso_type & 1);
}

static void drive_icmp(const uint8_t *data, const struct ip_view *v, const struct choices *c)
{
	uint8_t out[ICMP_ERROR_MAX];
	size_t len;

	(void)icmp_error_allowed(data, v);
	len = icmp_too_big_put(data, v, c->mtu, &v->dst, out);
	must(len > 8 && len <= sizeof(out));
}

static void drive_fragmenter(const uint8_t *data, const struct ip_view *v, const struct choices *c)
{
	struct packet out = {.size = c->mtu};
	uint32_t got = 0;
	struct fragmenter f;
	struct ip_view piece;

	if (!fragmenter_init(&f, data, v, c->mtu))
		return;
	out.buf = malloc(out.size);
	must(out.buf);
	while (fragmenter_next(&f, &out)) {
		piece = parse_again(out.buf, out.len);
		must(piece.frag_off == v->frag_off + got);
		got += out.len - piece.l4_off;
	}
	must(got == (uint32_t)v->total_len - v->l4_off);
	free(out.buf);
}

static void merge(struct packet *p, unsigned count)
{
	struct iovec iov[GRO_BATCH + 1];
	struct virtio_net_hdr vnet;
	uint32_t came = 0, packets = 0;
	struct ip_view v;
	struct gro g;

	gro_init(&g, true);
	for (unsigned i = 0; i < count; i++) {
		v = parse_again(packet_data(&p[i]), p[i].len);
		must(gro_add(&g, &p[i], &v));
		came += p[i].len;
	}
	for (unsigned i = 0; i < g.group_count; i++) {
		unsigned n = gro_finish(&g, i, &vnet, iov);
		uint32_t len = 0;

		for (unsigned k = 1; k <= n; k++)
			len += (uint32_t)iov[k].iov_len;
		must(len == g.group[i].total && len <= came);
		must(n == 1 || len <= GRO_TOTAL_MAX);
		packets += n;
	}
	must(packets == count);
}

/* Splits what can be split and merges the segments again. */
static void drive_gso(const uint8_t *data, const struct ip_view *v, const struct choices *c)
{
	struct virtio_net_hdr vnet = {
		.flags = c->gso_type >> 7, .gso_type = c->gso_type & 0x85, .gso_size = c->gso_size};
	struct packet p[GRO_BATCH] = {{0}};
	struct gso_split s;
	unsigned count = 0;
	bool more = true;

	if (gso_split_init(&s, data, v, &vnet) != V_OK)
		return;
	while (more) {
		for (count = 0; count < GRO_BATCH; count++) {
			p[count].size = gso_segment_max(&s);
			if (!p[count].buf)
				p[count].buf = malloc(p[count].size);
			must(p[count].buf);
			more = gso_split_next(&s, &p[count]);
			if (!more)
				break;
		}
		merge(p, count);
	}
	must(s.done == s.payload_len);
	for (unsigned i = 0; i < GRO_BATCH; i++)
		free(p[i].buf);
}

static void drive(const uint8_t *data, size_t size, const struct choices *c)
{
	struct packet p;
	struct ip_view v;
	uint8_t *copy;

	if (ip_parse(data, size, c->next_header, &v) != V_OK)
		return;
	must(v.total_len <= size && v.l4_off <= v.total_len);
	copy = malloc(v.total_len);
	must(copy);
	memcpy(copy, data, v.total_len);
	drive_icmp(copy, &v, c);
	drive_fragmenter(copy, &v, c);
	drive_gso(copy, &v, c);
	p = (struct packet){.buf = copy, .size = v.total_len, .len = v.total_len};
	merge(&p, 1);
	drive_checksums(copy, &v, c);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c;

	if (size < CHOICES)
		return 0;
	c = (struct choices){
		.next_header = data[0],
		.outer_tos = data[1],
		.gso_type = data[2],
		.mtu = (uint16_t)(data[3] << 8 | data[4]),
		.gso_size = (uint16_t)(data[5] << 8 | data[6]),
	};
	drive(data + CHOICES, size - CHOICES, &c);
	/* The same bytes with a right IPv4 header checksum, which a fuzzer does not find. */
	if (size >= CHOICES + IP4_HEADER_MIN && data[CHOICES] >> 4 == 4) {
		size_t len = size - CHOICES, header = (data[CHOICES] & 0xf) * 4u;
		uint8_t *copy = malloc(len);
		uint16_t sum;

		must(copy);
		memcpy(copy, data + CHOICES, len);
		copy[10] = copy[11] = 0;
		sum = checksum_fold(checksum_add(0, copy, header < len ? header : len));
		copy[10] = (uint8_t)(sum >> 8);
		copy[11] = (uint8_t)sum;
		drive(copy, len, &c);
		free(copy);
	}
	return 0;
}
