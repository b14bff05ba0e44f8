/*
 * test_backlog.c: packets between the TUN device's queue and the wire: bounds, who goes ahead, and
 * that no flow is reordered and no byte changed, whatever comes and goes.
 */
#include "gateway/dataplane/backlog.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct backlog *backlog;

static void setup(void)
{
	backlog = backlog_new();
	ck_assert_ptr_nonnull(backlog);
	ck_assert(backlog_empty(backlog));
}

static void teardown(void)
{
	backlog_free(backlog);
}

/* A packet of UDP port `flow` over either family; its number stands behind the headers. */
static void fill(uint8_t *at, uint32_t len, unsigned flow, uint32_t number, bool v6)
{
	const uint32_t header = v6 ? 40 : 20;

	memset(at, (int)(number & 0xff), len);
	at[0] = v6 ? 0x60 : 0x45;
	at[v6 ? 6 : 9] = IPPROTO_UDP;
	memset(at + (v6 ? 8 : 12), 10, v6 ? 32 : 8);
	if (!v6)
		at[6] = at[7] = 0; /* no fragment */
	at[header] = (uint8_t)(flow >> 8);
	at[header + 1] = (uint8_t)flow;
	at[header + 2] = at[header + 3] = 9;
	memcpy(at + header + 8, &number, sizeof(number));
}

static bool put(uint32_t len, unsigned flow, uint32_t number, bool v6)
{
	const struct virtio_net_hdr vnet = {.gso_type = len > 9000 ? VIRTIO_NET_HDR_GSO_UDP_L4
								   : VIRTIO_NET_HDR_GSO_NONE,
					    .hdr_len = (uint16_t)number};
	uint8_t *room = backlog_room(backlog);

	if (!room)
		return false;
	fill(room, len, flow, number, v6);
	ck_assert(backlog_add(backlog, &vnet, room, len));
	return true;
}

/* The number of the next packet, which is whole; UINT32_MAX if there is none. */
static uint32_t take(unsigned *flow)
{
	uint8_t expected[IP_PACKET_MAX + 1];
	struct backlog_packet p;
	uint32_t number, header;

	if (!backlog_next(backlog, &p))
		return UINT32_MAX;
	header = p.data[0] >> 4 == 6 ? 40 : 20;
	memcpy(&number, p.data + header + 8, sizeof(number));
	*flow = (unsigned)(p.data[header] << 8 | p.data[header + 1]);
	ck_assert_uint_eq(p.vnet.hdr_len, (uint16_t)number);
	fill(expected, p.len, *flow, number, header == 40);
	ck_assert_mem_eq(p.data, expected, p.len);
	return number;
}

START_TEST(test_backlog_quiet_flow_goes_ahead)
{
	unsigned flow;

	ck_assert(put(60000, 1, 0, false));
	ck_assert(put(60000, 1, 1, false));
	ck_assert(put(100, 1, 2, false)); /* of the busy flow: stays behind it */
	ck_assert(put(100, 2, 3, false));
	ck_assert(put(100, 2, 4, true));
	ck_assert(put(60000, 3, 5, true)); /* a superpacket of a new flow is no quiet one */
	ck_assert(put(BACKLOG_QUIET_BYTES + 1, 4, 6, false));
	for (unsigned i = 0; i < 7; i++) {
		static const uint32_t order[] = {3, 4, 0, 1, 2, 5, 6};

		ck_assert_uint_eq(take(&flow), order[i]);
	}
	ck_assert_uint_eq(take(&flow), UINT32_MAX);
	ck_assert(backlog_empty(backlog));
}
END_TEST

static void put_bare(uint8_t proto, uint8_t fragment, uint8_t number)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t *room = backlog_room(backlog);

	memset(room, 0, 1500);
	room[0] = 0x45;
	room[7] = fragment;
	room[9] = proto;
	room[20] = number; /* where a port would be */
	ck_assert(backlog_add(backlog, &vnet, room, 1500));
}

/* Pings have no ports: all between two addresses are one flow. So are fragments, few of which have any. */
START_TEST(test_backlog_what_has_no_ports_keeps_its_order)
{
	static const uint8_t order[] = {3, 0, 1, 2, 4};
	struct backlog_packet p;

	put_bare(IPPROTO_ICMP, 0, 0);
	put_bare(IPPROTO_ICMP, 0, 1);
	put_bare(IPPROTO_ICMP, 0, 2);
	put_bare(IPPROTO_UDP, 7, 3);
	ck_assert(backlog_next(backlog, &p));
	ck_assert_uint_eq(p.data[20], order[0]);
	put_bare(IPPROTO_ICMP, 0, 4);
	for (unsigned i = 1; i < 5; i++) {
		ck_assert(backlog_next(backlog, &p));
		ck_assert_uint_eq(p.data[20], order[i]);
	}
	put_bare(IPPROTO_UDP, 7, 0);
	put_bare(IPPROTO_UDP, 7, 1);
	put_bare(IPPROTO_ICMP, 0, 2);
	ck_assert(backlog_next(backlog, &p));
	ck_assert_uint_eq(p.data[20], 2);
	ck_assert(backlog_next(backlog, &p));
	ck_assert_uint_eq(p.data[20], 0);
}
END_TEST

START_TEST(test_backlog_is_bounded_in_bytes)
{
	uint32_t n = 0, taken = 0;
	unsigned flow;

	while (put(60000, 1, n, false))
		n++;
	ck_assert_uint_ge(n, BACKLOG_BYTES / 60000);
	ck_assert_uint_le(n, BACKLOG_BYTES / 60000 + 1);
	/* Once there is room again more fits, where the first ones were. */
	for (; taken < 3; taken++)
		ck_assert_uint_eq(take(&flow), taken);
	while (put(60000, 1, n, false))
		n++;
	for (; taken < n; taken++)
		ck_assert_uint_eq(take(&flow), taken);
	ck_assert_uint_eq(take(&flow), UINT32_MAX);
}
END_TEST

/* A sender that does not slow down costs others nothing. */
START_TEST(test_backlog_full_of_one_flow_takes_another)
{
	const struct virtio_net_hdr quiet = {.hdr_len = 7},
				    bulk = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4};
	static uint8_t elsewhere[60000];
	uint32_t n = 0;
	unsigned flow;

	while (put(60000, 1, n, false))
		n++;
	fill(elsewhere, 60000, 3, 9, false);
	ck_assert(!backlog_add(backlog, &bulk, elsewhere, 60000));
	fill(elsewhere, 100, 1, 8, false);
	ck_assert(!backlog_add(backlog, &quiet, elsewhere, 100)); /* of the busy flow */
	fill(elsewhere, 100, 2, 7, false);
	ck_assert(!backlog_hurries(backlog));
	ck_assert(backlog_add(backlog, &quiet, elsewhere, 100));
	ck_assert(backlog_hurries(backlog));
	ck_assert_uint_eq(take(&flow), 7);
	ck_assert(!backlog_hurries(backlog));
	ck_assert_uint_eq(flow, 2);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(take(&flow), i);
	ck_assert(backlog_empty(backlog));
}
END_TEST

START_TEST(test_backlog_is_bounded_in_packets)
{
	uint32_t n = 0;
	unsigned flow;

	while (put(64, 1, n, false))
		n++;
	ck_assert_uint_eq(n, BACKLOG_PACKETS);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(take(&flow), i);
	/* A quiet flow that is not quiet any more falls back into the order. */
	ck_assert(put(64, 1, 0, false));
	for (uint32_t i = 0; i < BACKLOG_QUIET + 10; i++)
		ck_assert(put(64, 2, 1 + i, false));
	for (uint32_t i = 0; i < BACKLOG_QUIET; i++)
		ck_assert_uint_eq(take(&flow), 1 + i);
	ck_assert_uint_eq(take(&flow), 0);
	ck_assert_uint_eq(take(&flow), BACKLOG_QUIET + 1);
}
END_TEST

/* What is too short to be a packet is carried all the same: the straight line says why it is none. */
START_TEST(test_backlog_takes_what_is_no_packet)
{
	const struct virtio_net_hdr vnet = {0};
	struct backlog_packet p;

	for (uint32_t len = 0; len < 48; len++) {
		uint8_t *room = backlog_room(backlog);

		memset(room, len % 2 ? 0x6f : 0x4f, 64);
		ck_assert(backlog_add(backlog, &vnet, room, len));
	}
	for (uint32_t i = 0; i < 48; i++)
		ck_assert(backlog_next(backlog, &p));
	ck_assert(!backlog_next(backlog, &p));
}
END_TEST

enum { RANDOM_FLOWS = 40, RANDOM_STEPS = 60000 };

START_TEST(test_backlog_never_reorders_a_flow)
{
	static const uint32_t sizes[] = {60,
					 64,
					 300,
					 1500,
					 BACKLOG_QUIET_BYTES,
					 9000,
					 30000,
					 IP_PACKET_MAX,
					 IP_PACKET_MAX + 1};
	uint32_t next_in[RANDOM_FLOWS] = {0}, next_out[RANDOM_FLOWS] = {0};
	uint64_t in = 0, out = 0, full = 0;
	unsigned flow;

	srand((unsigned)_i);
	for (unsigned step = 0; step < RANDOM_STEPS; step++) {
		/* By turns more comes than goes, and the other way round. */
		if (rand() % 100 < (step / 3000 % 2 ? 65 : 35)) {
			flow = (unsigned)rand() % RANDOM_FLOWS;
			if (!put(sizes[rand() % 9], flow, next_in[flow], flow % 2)) {
				full++;
				continue;
			}
			next_in[flow]++;
			in++;
		} else {
			uint32_t number = take(&flow);

			ck_assert(number != UINT32_MAX || in == out);
			if (number == UINT32_MAX)
				continue;
			ck_assert_uint_eq(number, next_out[flow]);
			next_out[flow]++;
			out++;
		}
	}
	ck_assert_uint_gt(full, 100);
	ck_assert_uint_gt(out, 10000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backlog");
	TCase *tc = tcase_create("backlog");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_backlog_quiet_flow_goes_ahead);
	tcase_add_test(tc, test_backlog_what_has_no_ports_keeps_its_order);
	tcase_add_test(tc, test_backlog_is_bounded_in_bytes);
	tcase_add_test(tc, test_backlog_full_of_one_flow_takes_another);
	tcase_add_test(tc, test_backlog_is_bounded_in_packets);
	tcase_add_test(tc, test_backlog_takes_what_is_no_packet);
	tcase_add_loop_test(tc, test_backlog_never_reorders_a_flow, 0, 4);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
