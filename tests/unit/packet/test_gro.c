/*
 * tests/unit/packet/test_gro.c: every rule of merging broken one by one, order within a flow, and
 * the way back: what gro.c merges, gso.c cuts into the same segments.
 */
#include "tests/unit/packet/build.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { SLOT = 2048, PAYLOAD = 100 };

/* A batch of packets in slots, each with a copy of how it came. */
struct batch {
	struct gro gro;
	unsigned count;
	struct packet p[GRO_BATCH];
	struct ip_view view[GRO_BATCH];
	uint8_t slot[GRO_BATCH][SLOT];
	uint8_t came[GRO_BATCH][SLOT];
};

static struct batch batch;

static void batch_init(void)
{
	gro_init(&batch.gro, true);
	batch.count = 0;
}

static void batch_take(unsigned i, uint32_t len)
{
	batch.p[i].len = len;
	batch.view[i] = build_view(batch.slot[i] + 32, len);
	memcpy(batch.came[i], batch.slot[i] + 32, len);
	ck_assert(gro_add(&batch.gro, &batch.p[i], &batch.view[i]));
}

static void batch_add(const struct build_tcp *b)
{
	unsigned i = batch.count++;

	batch.p[i] = (struct packet){.buf = batch.slot[i], .size = SLOT, .off = 32};
	batch_take(i, build_tcp(b, batch.slot[i] + 32));
}

/* The bytes one write of the group would carry. */
static uint32_t written(unsigned group, struct virtio_net_hdr *vnet, uint8_t *out)
{
	struct iovec iov[GRO_BATCH + 1];
	unsigned n = gro_finish(&batch.gro, group, vnet, iov);
	uint32_t len = 0;

	ck_assert_uint_eq(n, batch.gro.group[group].count);
	for (unsigned i = 1; i <= n; i++) {
		memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	ck_assert_uint_eq(len, batch.gro.group[group].total);
	return len;
}

static void assert_alone(unsigned group, unsigned packet)
{
	static const struct virtio_net_hdr plain;
	struct virtio_net_hdr vnet;
	uint8_t out[SLOT];
	uint32_t len = written(group, &vnet, out);

	ck_assert_mem_eq(&vnet, &plain, sizeof(vnet));
	ck_assert_uint_eq(len, batch.view[packet].total_len);
	ck_assert_mem_eq(out, batch.came[packet], len);
}

static struct build_tcp segment(int version, unsigned index)
{
	return (struct build_tcp){
		.version = version,
		.id = (uint16_t)(100 + index),
		.df = true,
		.tos = 2,
		.ttl = 61,
		.flow_label = version == 6 ? 0x12345 : 0,
		.src_last = 1,
		.dst_last = 2,
		.sport = 5000,
		.dport = 80,
		.seq = 0xffffff00 + index * PAYLOAD,
		.ack = 77,
		.flags = BUILD_ACK,
		.window = 500,
		.timestamp = 4711,
		.payload = PAYLOAD,
		.at = index * PAYLOAD,
	};
}

enum who { FIRST = 1, SECOND = 2, BOTH = 3 };

/* Sets one field of one packet or both. ONLY: the version the row is about, 0 for both. */
struct rule {
	const char *name;
	int only;
	enum who who;
	size_t offset, size;
	uint32_t value;
	bool merges;
};

#define FIELD(name) offsetof(struct build_tcp, name), sizeof(((struct build_tcp *)0)->name)

static const struct rule rules[] = {
	{"nothing changed", 0, SECOND, FIELD(tos), 2, true},
	{"source", 0, SECOND, FIELD(src_last), 9, false},
	{"destination", 0, SECOND, FIELD(dst_last), 9, false},
	{"source port", 0, SECOND, FIELD(sport), 9, false},
	{"destination port", 0, SECOND, FIELD(dport), 9, false},
	{"ttl", 0, SECOND, FIELD(ttl), 60, false},
	{"ecn", 0, SECOND, FIELD(tos), 3, false},
	{"dscp", 0, SECOND, FIELD(tos), 0xba, false},
	{"df", 4, SECOND, FIELD(df), 0, false},
	{"df clear in both", 4, BOTH, FIELD(df), 0, true},
	{"flow label", 6, SECOND, FIELD(flow_label), 0x12344, false},
	{"id jumps", 4, SECOND, FIELD(id), 102, false},
	{"id goes back", 4, SECOND, FIELD(id), 99, false},
	{"id stays", 4, SECOND, FIELD(id), 100, true},
	{"id stays, both", 4, BOTH, FIELD(id), 100, true},
	{"id is no matter", 6, SECOND, FIELD(id), 9, true},
	{"ip options, one", 0, SECOND, FIELD(ip_options), 1, false},
	{"ip options, first", 0, FIRST, FIELD(ip_options), 1, false},
	{"ip options", 0, BOTH, FIELD(ip_options), 1, false},
	{"first fragment", 0, SECOND, FIELD(more_frags), 1, false},
	{"first fragments", 0, BOTH, FIELD(more_frags), 1, false},
	{"later fragment", 0, SECOND, FIELD(frag_off), 8, false},
	{"tcp option value", 0, SECOND, FIELD(timestamp), 4712, false},
	{"tcp options, first only", 0, SECOND, FIELD(timestamp), 0, false},
	{"tcp options, second only", 0, FIRST, FIELD(timestamp), 0, false},
	{"no tcp options", 0, BOTH, FIELD(timestamp), 0, true},
	{"ack", 0, SECOND, FIELD(ack), 78, false},
	{"window", 0, SECOND, FIELD(window), 501, false},
	{"urgent pointer", 0, SECOND, FIELD(urgent), 1, false},
	{"reserved bit", 0, SECOND, FIELD(reserved), 1, false},
	{"reserved bit, both", 0, BOTH, FIELD(reserved), 1, false},
	{"seq one more", 0, SECOND, FIELD(seq), 0xffffff00 + PAYLOAD + 1, false},
	{"seq one less", 0, SECOND, FIELD(seq), 0xffffff00 + PAYLOAD - 1, false},
	{"seq again", 0, SECOND, FIELD(seq), 0xffffff00, false},
	{"longer", 0, SECOND, FIELD(payload), PAYLOAD + 1, false},
	{"shorter", 0, SECOND, FIELD(payload), PAYLOAD - 1, true},
	{"one byte", 0, SECOND, FIELD(payload), 1, true},
	{"pure ack", 0, SECOND, FIELD(payload), 0, false},
	{"checksum", 0, SECOND, FIELD(bad_checksum), 1, false},
	{"checksum, first", 0, FIRST, FIELD(bad_checksum), 1, false},
	{"checksum, both", 0, BOTH, FIELD(bad_checksum), 1, false},
	{"push", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_PSH, true},
	{"fin", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_FIN, true},
	{"push and fin", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_PSH | BUILD_FIN, true},
	{"push first", 0, FIRST, FIELD(flags), BUILD_ACK | BUILD_PSH, false},
	{"fin first", 0, FIRST, FIELD(flags), BUILD_ACK | BUILD_FIN, false},
	{"push both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_PSH, false},
	{"no ack", 0, SECOND, FIELD(flags), 0, false},
	{"no ack, both", 0, BOTH, FIELD(flags), 0, false},
	{"syn", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_SYN, false},
	{"syn, both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_SYN, false},
	{"rst", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_RST, false},
	{"rst, both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_RST, false},
	{"urg", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_URG, false},
	{"urg, both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_URG, false},
	{"ece", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_ECE, false},
	{"ece, both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_ECE, false},
	{"cwr", 0, SECOND, FIELD(flags), BUILD_ACK | BUILD_CWR, false},
	{"cwr, first", 0, FIRST, FIELD(flags), BUILD_ACK | BUILD_CWR, false},
	{"cwr, both", 0, BOTH, FIELD(flags), BUILD_ACK | BUILD_CWR, false},
};

static void set_field(struct build_tcp *b, const struct rule *rule)
{
	uint8_t *field = (uint8_t *)b + rule->offset;

	if (rule->size == 4) {
		memcpy(field, &rule->value, 4);
	} else if (rule->size == 2) {
		uint16_t value = (uint16_t)rule->value;

		memcpy(field, &value, 2);
	} else {
		ck_assert_uint_eq(rule->size, 1);
		*field = (uint8_t)rule->value;
	}
}

START_TEST(test_gro_keeps_every_rule)
{
	for (size_t i = 0; i < 2 * LENGTH(rules); i++) {
		const struct rule *rule = &rules[i / 2];
		int version = i % 2 ? 6 : 4;
		struct build_tcp b;

		if (rule->only && rule->only != version)
			continue;
		batch_init();
		for (unsigned k = 0; k < 2; k++) {
			b = segment(version, k);
			if (rule->who & (k ? SECOND : FIRST))
				set_field(&b, rule);
			batch_add(&b);
		}
		ck_assert_msg(batch.gro.group_count == (rule->merges ? 1 : 2), "%s, IPv%d",
			      rule->name, version);
		if (rule->merges)
			continue;
		assert_alone(0, 0);
		assert_alone(1, 1);
	}
}
END_TEST

/* Rows of three packets: what the third may do depends on the first two. */
START_TEST(test_gro_remembers_what_ended_a_group)
{
	static const struct {
		const char *name;
		uint16_t id[3];
		bool df;
		uint32_t second_payload;
		uint8_t second_flags;
		unsigned groups;
	} rows[] = {
		{"three", {100, 101, 102}, true, PAYLOAD, BUILD_ACK, 1},
		{"three without df", {100, 101, 102}, false, PAYLOAD, BUILD_ACK, 1},
		{"id wraps", {65535, 0, 1}, false, PAYLOAD, BUILD_ACK, 1},
		{"id stays", {100, 100, 100}, true, PAYLOAD, BUILD_ACK, 1},
		{"id stays without df", {100, 100, 100}, false, PAYLOAD, BUILD_ACK, 3},
		{"id stays, then moves", {100, 100, 101}, true, PAYLOAD, BUILD_ACK, 2},
		{"id stays, then jumps", {100, 100, 102}, true, PAYLOAD, BUILD_ACK, 2},
		{"id moves, then stays", {100, 101, 101}, true, PAYLOAD, BUILD_ACK, 2},
		{"id moves, then returns", {100, 101, 100}, true, PAYLOAD, BUILD_ACK, 2},
		{"shorter ends it", {100, 101, 102}, true, PAYLOAD - 1, BUILD_ACK, 2},
		{"push ends it", {100, 101, 102}, true, PAYLOAD, BUILD_ACK | BUILD_PSH, 2},
		{"fin ends it", {100, 101, 102}, true, PAYLOAD, BUILD_ACK | BUILD_FIN, 2},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		uint32_t seq = 9;

		batch_init();
		for (unsigned k = 0; k < 3; k++) {
			struct build_tcp b = segment(4, k);

			b.id = rows[i].id[k];
			b.df = rows[i].df;
			b.seq = seq;
			if (k == 1) {
				b.payload = rows[i].second_payload;
				b.flags = rows[i].second_flags;
			}
			seq += b.payload;
			batch_add(&b);
		}
		ck_assert_msg(batch.gro.group_count == rows[i].groups, "%s", rows[i].name);
	}
}
END_TEST

/* A segment must not overtake a packet of its flow that came between. */
START_TEST(test_gro_keeps_order_within_a_flow)
{
	static const struct {
		const char *name;
		size_t offset, size;
		uint32_t value;
		unsigned groups; /* of: segment 0, the one between, segment 1 */
	} rows[] = {
		{"another flow", FIELD(sport), 1, 2},
		{"another host", FIELD(src_last), 1 + 8, 2},
		{"pure ack", FIELD(payload), 0, 3},
		{"reset", FIELD(flags), BUILD_RST, 3},
		{"bad checksum", FIELD(bad_checksum), 1, 3},
		{"options", FIELD(ip_options), 1, 3},
		{"first fragment", FIELD(more_frags), 1, 3},
		{"later fragment, ports unknown", FIELD(frag_off), 8, 3},
		{"out of order", FIELD(seq), 3, 3},
	};

	for (size_t i = 0; i < 2 * LENGTH(rows); i++) {
		int version = i % 2 ? 6 : 4;
		struct build_tcp between = segment(version, 0);
		struct rule set = {.offset = rows[i / 2].offset,
				   .size = rows[i / 2].size,
				   .value = rows[i / 2].value};
		struct build_tcp first = segment(version, 0), second = segment(version, 1);

		batch_init();
		set_field(&between, &set);
		batch_add(&first);
		batch_add(&between);
		batch_add(&second);
		ck_assert_msg(batch.gro.group_count == rows[i / 2].groups, "%s, IPv%d",
			      rows[i / 2].name, version);
		/* Groups are written in order of their first packets. */
		for (unsigned g = 1; g < batch.gro.group_count; g++)
			ck_assert_uint_gt(batch.gro.group[g].first, batch.gro.group[g - 1].first);
	}
}
END_TEST

/* Split a superpacket, merge its segments: the same bytes and the same virtio header. */
static void round_trip(struct build_tcp *b, uint16_t gso_size)
{
	static uint8_t super[65535], again[65535];
	uint32_t len = build_tcp(b, super);
	struct ip_view v = build_view(super, len);
	struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = b->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = (uint16_t)(v.l4_off + (b->timestamp ? 32 : 20)),
		.gso_size = gso_size,
		.csum_start = v.l4_off,
		.csum_offset = 16,
	};
	struct virtio_net_hdr got;
	struct gso_split s;
	struct packet p;

	build_partial(super, len, v.l4_off);
	batch_init();
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
	for (;;) {
		p = (struct packet){.buf = batch.slot[batch.count], .size = SLOT, .off = 32};
		if (!gso_split_next(&s, &p))
			break;
		batch.p[batch.count++] = p;
		batch_take(batch.count - 1, p.len);
	}
	ck_assert_uint_eq(batch.gro.group_count, 1);
	ck_assert_uint_eq(written(0, &got, again), len);
	ck_assert_mem_eq(again, super, len);
	ck_assert_mem_eq(&got, &vnet, sizeof(got));
}

START_TEST(test_gro_undoes_gso)
{
	static const struct {
		uint32_t payload;
		uint16_t gso_size;
		uint8_t flags;
	} rows[] = {
		{2800, 1400, BUILD_ACK},
		{2801, 1400, BUILD_ACK | BUILD_PSH},
		{4199, 1400, BUILD_ACK | BUILD_FIN},
		{64, 1, BUILD_ACK},
		{64000, 1398, BUILD_ACK | BUILD_PSH},
		{33333, 999, BUILD_ACK | BUILD_PSH},
		{GRO_TOTAL_MAX - 72, 1440, BUILD_ACK},
	};

	for (size_t i = 0; i < 8 * LENGTH(rows); i++) {
		struct build_tcp b = segment(i & 1 ? 6 : 4, 0);

		b.df = b.version == 6 || i & 2;
		b.id = 65530;
		b.timestamp = i & 4 ? 99 : 0;
		b.payload = rows[i / 8].payload;
		b.flags = rows[i / 8].flags;
		round_trip(&b, rows[i / 8].gso_size);
	}
}
END_TEST

START_TEST(test_gro_leaves_bad_segment_alone)
{
	for (int version = 4; version <= 6; version += 2) {
		batch_init();
		for (unsigned k = 0; k < 5; k++) {
			struct build_tcp b = segment(version, k);

			b.bad_checksum = k == 2;
			batch_add(&b);
		}
		ck_assert_uint_eq(batch.gro.group_count, 3);
		assert_alone(1, 2);
		ck_assert_uint_eq(batch.gro.group[0].count, 2);
		ck_assert_uint_eq(batch.gro.group[2].count, 2);
		ck_assert_uint_eq(batch.gro.group[2].first, 3);
	}
}
END_TEST

START_TEST(test_gro_stops_at_its_limits)
{
	struct build_tcp b = segment(4, 0);
	uint32_t total = 0;

	batch_init();
	b.payload = 1400;
	for (unsigned k = 0; k < GRO_BATCH; k++) {
		batch_add(&b);
		b.seq += b.payload;
		b.id++;
	}
	ck_assert_uint_eq(batch.gro.group_count, 2);
	for (unsigned g = 0; g < 2; g++) {
		ck_assert_uint_le(batch.gro.group[g].total, GRO_TOTAL_MAX);
		total += batch.gro.group[g].count;
	}
	ck_assert_uint_eq(total, GRO_BATCH);
	ck_assert_uint_gt(batch.gro.group[0].total + 1400, GRO_TOTAL_MAX);
	ck_assert(!gro_add(&batch.gro, &batch.p[0], &batch.view[0]));
	ck_assert_uint_eq(batch.gro.packet_count, GRO_BATCH);
}
END_TEST

/* RFC 4303 §2.7: what lies behind the inner packet is padding and is never written. */
START_TEST(test_gro_drops_tfc_padding)
{
	uint8_t out[65535], whole[SLOT];
	struct virtio_net_hdr vnet;

	batch_init();
	for (unsigned k = 0; k < 4; k++) {
		struct build_tcp b = segment(4, k);
		uint32_t len;

		b.dport = k == 3 ? 81 : 80; /* alone */
		batch.p[k] = (struct packet){.buf = batch.slot[k], .size = SLOT, .off = 32};
		len = build_tcp(&b, batch.slot[k] + 32);
		batch.view[k] = build_view(batch.slot[k] + 32, len);
		memcpy(batch.came[k], batch.slot[k] + 32, len);
		memset(batch.slot[k] + 32 + len, 0xee, 50);
		batch.p[k].len = len + 50;
		ck_assert(gro_add(&batch.gro, &batch.p[k], &batch.view[k]));
	}
	ck_assert_uint_eq(batch.gro.group_count, 2);
	ck_assert_uint_eq(written(0, &vnet, out), 52 + 3 * PAYLOAD);
	struct build_tcp b = segment(4, 0);
	b.payload = 3 * PAYLOAD;
	ck_assert_uint_eq(build_tcp(&b, whole), 52 + 3 * PAYLOAD);
	build_partial(whole, 52 + 3 * PAYLOAD, 20);
	ck_assert_mem_eq(out, whole, 52 + 3 * PAYLOAD);
	assert_alone(1, 3);
}
END_TEST

/* Cuts a written group again and compares each piece with the packet that came. */
static void assert_splits_back(unsigned g)
{
	static uint8_t out[65535];
	const struct gro_group *group = &batch.gro.group[g];
	struct virtio_net_hdr vnet;
	uint32_t len = written(g, &vnet, out);
	struct ip_view v = build_view(out, len);
	unsigned item = group->first;
	uint8_t buf[SLOT];
	struct packet p = {.buf = buf, .size = SLOT};
	struct gso_split s;

	if (group->count == 1) {
		ck_assert_uint_eq(vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		ck_assert_mem_eq(out, batch.came[item], len);
		return;
	}
	ck_assert_int_eq(gso_split_init(&s, out, &v, &vnet), V_OK);
	for (; gso_split_next(&s, &p); item = batch.gro.packet[item].next) {
		ck_assert_uint_lt(item, batch.count);
		ck_assert_uint_eq(p.len, batch.view[item].total_len);
		if (v.version == 4 && v.df) /* the ID means nothing then, and may have stayed */
			memcpy(batch.came[item] + 4, buf + 4, 2);
		if (v.version == 4)
			memcpy(batch.came[item] + 10, buf + 10, 2);
		ck_assert_mem_eq(buf, batch.came[item], p.len);
	}
	ck_assert_uint_eq(item, UINT16_MAX);
}

static struct build_tcp random_segment(unsigned *seed, uint32_t next_seq[4])
{
	unsigned flow = (unsigned)rand_r(seed) % 4, spoil = (unsigned)rand_r(seed) % 40;
	struct build_tcp b = segment(flow & 1 ? 6 : 4, 0);

	b.sport = (uint16_t)(1 + flow / 2);
	b.payload = rand_r(seed) % 5 ? PAYLOAD : (uint32_t)rand_r(seed) % 120;
	b.seq = next_seq[flow];
	b.id = rand_r(seed) % 9 ? (uint16_t)(b.seq / PAYLOAD) : 5;
	b.at = b.seq;
	next_seq[flow] += b.payload;
	if (spoil == 0)
		b.bad_checksum = true;
	else if (spoil == 1)
		b.flags = (uint8_t)rand_r(seed);
	else if (spoil == 2)
		b.ack++;
	else if (spoil == 3)
		b.frag_off = 8;
	else if (spoil == 4)
		b.seq += 3;
	else if (spoil < 8)
		b.flags |= BUILD_PSH;
	return b;
}

/* The far end cannot tell: whatever comes, cutting what was written gives what came, and packets
 * of a flow leave in the order they arrived. */
START_TEST(test_gro_is_transparent_to_random_streams)
{
	unsigned seed = 20260, merged = 0;

	printf("seed %u\n", seed);
	for (int run = 0; run < 300; run++) {
		uint32_t next_seq[4] = {0, 0, UINT32_MAX - 500, 9};
		int newest[3][7] = {{0}};

		batch_init();
		for (unsigned k = 0; k < GRO_BATCH; k++) {
			struct build_tcp b = random_segment(&seed, next_seq);

			batch_add(&b);
		}
		for (unsigned g = 0; g < batch.gro.group_count; g++) {
			unsigned item = batch.gro.group[g].first;

			merged += batch.gro.group[g].count > 1;
			for (; item != UINT16_MAX; item = batch.gro.packet[item].next) {
				const struct ip_view *v = &batch.view[item];
				int *last = &newest[v->sport][v->version];

				ck_assert_int_ge((int)item, *last);
				*last = (int)item;
			}
			assert_splits_back(g);
		}
	}
	ck_assert_uint_gt(merged, 1000);
}
END_TEST

struct udp_rule {
	const char *name;
	size_t offset, size; /* a field of the second datagram */
	uint32_t value;
	bool merges;
};

static const struct udp_rule udp_rules[] = {
	{"nothing changed", FIELD(tos), 2, true},
	{"source port", FIELD(sport), 9, false},
	{"destination", FIELD(dst_last), 9, false},
	{"ttl", FIELD(ttl), 60, false},
	{"ecn", FIELD(tos), 3, false},
	{"longer", FIELD(payload), PAYLOAD + 1, false},
	{"shorter", FIELD(payload), PAYLOAD - 1, true},
	{"one byte", FIELD(payload), 1, true},
	{"empty", FIELD(payload), 0, false},
	{"checksum", FIELD(bad_checksum), 1, false},
	{"sequence plays no part", FIELD(seq), 7, true},
};

static void add_datagram(const struct build_tcp *b)
{
	unsigned i = batch.count++;

	batch.p[i] = (struct packet){.buf = batch.slot[i], .size = SLOT, .off = 32};
	batch_take(i, build_udp(b, batch.slot[i] + 32));
}

/* Cuts group 0 as the receiving kernel would: the datagrams as they came. */
static void assert_datagrams_split_back(void)
{
	static uint8_t super[65536];
	struct virtio_net_hdr vnet;
	uint32_t len = written(0, &vnet, super);
	struct ip_view v = build_view(super, len);
	uint8_t buf[SLOT];
	struct packet out = {.buf = buf, .size = SLOT};
	struct gso_split s;
	unsigned i = 0;

	ck_assert_uint_eq(vnet.gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
	ck_assert_uint_eq(vnet.csum_offset, 6);
	ck_assert_int_eq(gso_split_init(&s, super, &v, &vnet), V_OK);
	for (; gso_split_next(&s, &out); i++) {
		ck_assert_uint_eq(out.len, batch.view[i].total_len);
		ck_assert_mem_eq(buf, batch.came[i], out.len);
	}
	ck_assert_uint_eq(i, batch.count);
}

START_TEST(test_gro_merges_udp_datagrams)
{
	for (size_t i = 0; i < 2 * LENGTH(udp_rules); i++) {
		const struct udp_rule *row = &udp_rules[i / 2];
		const struct rule as_rule = {
			.offset = row->offset, .size = row->size, .value = row->value};
		int version = i % 2 ? 6 : 4;
		struct build_tcp b = segment(version, 0);

		batch_init();
		add_datagram(&b);
		b = segment(version, 1);
		set_field(&b, &as_rule);
		add_datagram(&b);
		ck_assert_msg((batch.gro.group_count == 1) == row->merges, "%s", row->name);
		if (row->merges)
			assert_datagrams_split_back();
	}
}
END_TEST

START_TEST(test_gro_leaves_udp_alone)
{
	for (int version = 4; version <= 6; version += 2) {
		struct build_tcp b[2] = {segment(version, 0), segment(version, 1)};

		/* A device that does not take them. */
		batch_init();
		batch.gro.merges_udp = false;
		add_datagram(&b[0]);
		add_datagram(&b[1]);
		ck_assert_uint_eq(batch.gro.group_count, 2);
		assert_alone(0, 0);
		assert_alone(1, 1);
	}
	/* Without a checksum: IPv4 only. */
	batch_init();
	for (unsigned i = 0; i < 2; i++) {
		const struct build_tcp b = segment(4, i);
		uint32_t len = build_udp(&b, batch.slot[i] + 32);

		batch.count++;
		batch.p[i] = (struct packet){.buf = batch.slot[i], .size = SLOT, .off = 32};
		memset(batch.slot[i] + 32 + 26, 0, 2);
		batch_take(i, len);
	}
	ck_assert_uint_eq(batch.gro.group_count, 2);
	assert_alone(0, 0);
	assert_alone(1, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gro");
	TCase *tc = tcase_create("gro");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_gro_keeps_every_rule);
	tcase_add_test(tc, test_gro_remembers_what_ended_a_group);
	tcase_add_test(tc, test_gro_keeps_order_within_a_flow);
	tcase_add_test(tc, test_gro_undoes_gso);
	tcase_add_test(tc, test_gro_leaves_bad_segment_alone);
	tcase_add_test(tc, test_gro_stops_at_its_limits);
	tcase_add_test(tc, test_gro_drops_tfc_padding);
	tcase_add_test(tc, test_gro_is_transparent_to_random_streams);
	tcase_add_test(tc, test_gro_merges_udp_datagrams);
	tcase_add_test(tc, test_gro_leaves_udp_alone);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
