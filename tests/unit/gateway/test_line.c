/*
 * test_line.c: the straight line, out and in again; line_bench.h says on what. test_line_out.c and
 * test_line_in.c produce each verdict a packet can get on the line.
 */
#include "tests/unit/gateway/line_bench.h"

/* ---- out and in again ------------------------------------------------------------------------ */

START_TEST(test_line_carries_a_packet_unchanged)
{
	uint8_t sent[BUF], got[BUF];
	struct sa *sa;
	ssize_t n;

	set_up_tunnel();
	make_udp(sent, 1000, true);
	send_udp(1000, true);
	assert_only(b.worker->stats.out, V_OK, 1);
	ck_assert_uint_eq(b.wire.sent, 1);
	ck_assert_uint_eq(b.wire.tx_packet[0].len, 8 + 8 + 1004 + 16); /* padded to four */
	ck_assert(b.wire.dest[0].df);
	ck_assert(ip_addr_equal(&b.wire.dest[0].dst, &(struct ip_addr){{192, 0, 2, 2}, AF_INET}));
	loop_back(0);
	(void)inbound_batch(b.worker, AF_INET);
	assert_only(b.worker->stats.in, V_OK, 1);
	n = read(b.host, got, sizeof(got));
	ck_assert_int_eq(n, (ssize_t)sizeof(struct virtio_net_hdr) + 1000);
	ck_assert_mem_eq(got + sizeof(struct virtio_net_hdr), sent, 1000);
	sa = sad_lookup(b.db, SPI, &(struct ip_addr){{192, 0, 2, 2}, AF_INET});
	ck_assert_uint_eq(sa_status(sa).packets, 2); /* out and in: it is both ends here */
	ck_assert_uint_eq(sa_status(sa).bytes, 2000);
}
END_TEST

/* RFC 4303 §2.7: all packets up to the length asked for look alike, longer ones go as they are, and
 * the far end cuts the padding off. */
START_TEST(test_line_pads_for_traffic_flow_confidentiality)
{
	static const unsigned lens[] = {100, 500, 999, 1000, 1001, INNER_MTU};
	struct sa_config sa = sa_config(SPI);
	struct policy_config p;
	uint32_t alike = esp_outer_len(&sa.suite, ESP_ENCAP_NONE, AF_INET, 1000) - 20;
	uint8_t got[BUF];

	sa.tfcpad = 1000;
	add_sa(&sa, SA_IN | SA_OUT, UINT32_MAX);
	for (int dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		p = policy_config((enum policy_dir)dir);
		add_policy(&p);
	}
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		send_udp(lens[i], true);
		ck_assert_int_eq(b.wire.tx_packet[0].len <= alike, lens[i] <= 1002);
		ck_assert(lens[i] > 1002 || b.wire.tx_packet[0].len == alike);
		loop_back(0);
		(void)inbound_batch(b.worker, AF_INET);
		ck_assert_int_eq(read(b.host, got, sizeof(got)),
				 (ssize_t)(sizeof(struct virtio_net_hdr) + lens[i]));
	}
}
END_TEST

/* XFRMA_SET_MARK, whatever is set where the mask says nothing. */
START_TEST(test_line_marks_what_it_seals)
{
	struct sa_config sa = sa_config(SPI);
	struct policy_config p = policy_config(POLICY_OUT);

	sa.output_mark = (struct xfrm_mark_value){0xff07, 0xff};
	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&p);
	send_udp(100, true);
	ck_assert_uint_eq(b.wire.sent, 1);
	ck_assert_uint_eq(b.wire.dest[0].mark, 7);
}
END_TEST

START_TEST(test_line_fragments_only_with_df_clear)
{
	uint8_t got[BUF];

	set_up_tunnel();
	send_udp(INNER_MTU, true); /* the largest that passes */
	assert_only(b.worker->stats.out, V_OK, 1);
	ck_assert_uint_le(b.wire.tx_packet[0].len + 20, 1500);
	send_udp(INNER_MTU + 1, false);
	assert_only(b.worker->stats.out, V_OK, 3);
	ck_assert_uint_eq(b.wire.sent, 2);
	ck_assert(!b.wire.dest[0].df);
	loop_back(0);
	loop_back(1);
	(void)inbound_batch(b.worker, AF_INET);
	assert_only(b.worker->stats.in, V_OK, 2);
	ck_assert_int_gt(read(b.host, got, sizeof(got)), INNER_MTU - 8);
	ck_assert_int_gt(read(b.host, got, sizeof(got)), 20);
	ck_assert_uint_eq(icmp_errors, 0);
}
END_TEST

/* --fragment after: the outer packet then. With DF nothing changes. */
START_TEST(test_line_leaves_packets_whole_when_asked)
{
	set_up_tunnel();
	b.worker->fragment_after = true;
	send_udp(INNER_MTU + 1, false);
	assert_only(b.worker->stats.out, V_OK, 1);
	ck_assert_uint_eq(b.wire.sent, 1);
	ck_assert(!b.wire.dest[0].df);
	ck_assert_uint_gt(b.wire.tx_packet[0].len + 20, 1500);
	send_udp(INNER_MTU, true);
	ck_assert(b.wire.dest[0].df);
	ck_assert_uint_eq(icmp_errors, 0);
	atomic_store(&b.worker->stats.out[V_OK], 0);
	send_udp(INNER_MTU + 1, true);
	assert_only(b.worker->stats.out, V_TOO_BIG, 1);
	ck_assert_uint_eq(icmp_mtu, INNER_MTU);
}
END_TEST

/* What an SA's flags say reaches the outer header, and the inner one. */
START_TEST(test_line_follows_the_flags_of_the_sa)
{
	struct sa_config sa = sa_config(SPI);
	const struct policy_config out = policy_config(POLICY_OUT), fwd = policy_config(POLICY_FWD);
	uint8_t got[BUF];

	sa.flags = XFRM_STATE_NOPMTUDISC | XFRM_STATE_DECAP_DSCP | XFRM_STATE_NOECN;
	add_sa(&sa, SA_IN | SA_OUT, UINT32_MAX);
	add_policy(&out);
	add_policy(&fwd);
	send_udp(100, true);
	ck_assert(!b.wire.dest[0].df);
	loop_back(0)->tos = 0xbb; /* CE around Not-ECT, and a DSCP */
	(void)inbound_batch(b.worker, AF_INET);
	assert_only(b.worker->stats.in, V_OK, 1);
	ck_assert_int_gt(read(b.host, got, sizeof(got)), 100);
	ck_assert_uint_eq(got[sizeof(struct virtio_net_hdr) + 1], 0xb8);
}
END_TEST

/* RFC 4301 §8.1: DF set whatever the inner header says, so what is too big is cut before ESP, even
 * where it would be cut behind; RFC 3948 §2.1: no checksum. */
START_TEST(test_line_follows_our_own_flags_of_the_sa)
{
	struct sa_config sa = sa_config(SPI);
	const struct policy_config out = policy_config(POLICY_OUT);

	sa.extra_flags = SA_XFLAG_DF_SET | SA_XFLAG_UDP_NO_SUM;
	sa.encap = (struct sa_encap){.sport = 4500, .dport = 4500};
	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&out);
	b.worker->fragment_after = true;
	send_udp(100, false);
	ck_assert(b.wire.dest[0].df && b.wire.dest[0].no_sum);
	send_udp(INNER_MTU + 1, false);
	assert_only(b.worker->stats.out, V_OK, 3);
	ck_assert(b.wire.dest[0].df && b.wire.dest[1].df);
}
END_TEST

/* Ordered by the control thread, sealed and counted like any packet, and thrown away by the far end. */
START_TEST(test_line_sends_dummies_that_are_ordered)
{
	static const uint32_t lens[] = {40, 777, INNER_MTU};
	struct sa_config config = sa_config(SPI);
	struct sa *sa = add_sa(&config, SA_IN | SA_OUT, UINT32_MAX);
	struct notice order = notice_about(NOTICE_DUMMY, sa);

	for (unsigned i = 0; i < 3; i++) {
		order.len = lens[i];
		ck_assert(notice_put(&b.worker->orders, &order));
	}
	order.serial++; /* another SA had this SPI then */
	ck_assert(notice_put(&b.worker->orders, &order));
	outbound_dummies(b.worker);
	assert_only(b.worker->stats.out, V_OK, 3);
	ck_assert_uint_eq(b.wire.sent, 3);
	ck_assert_uint_eq(sa_status(sa).packets, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(b.wire.tx_packet[i].len + 20,
				  esp_outer_len(&config.suite, ESP_ENCAP_NONE, AF_INET, lens[i]));
		ck_assert(b.wire.dest[i].df);
		loop_back(i);
	}
	(void)inbound_batch(b.worker, AF_INET);
	assert_only(b.worker->stats.in, V_DUMMY, 3);
	outbound_dummies(b.worker);
	ck_assert_uint_eq(b.wire.sent, 0); /* once */
}
END_TEST

/* RFC 4303 §3.3.3 holds for them as for any packet. */
START_TEST(test_line_sends_no_dummy_past_the_end)
{
	struct sa_config config = sa_config(SPI);
	struct notice order;
	struct sa *sa;

	config.limits.hard_packets = 1;
	sa = add_sa(&config, SA_OUT, UINT32_MAX);
	order = notice_about(NOTICE_DUMMY, sa);
	order.len = 100;
	ck_assert(notice_put(&b.worker->orders, &order));
	ck_assert(notice_put(&b.worker->orders, &order));
	outbound_dummies(b.worker);
	ck_assert_uint_eq(atomic_load(&b.worker->stats.out[V_OK]), 1);
	ck_assert_uint_eq(atomic_load(&b.worker->stats.out[V_OUT_EXPIRED]), 1);
}
END_TEST

/* A TCP SYN of 10.1.0.7 to 10.2.0.9 that says an MSS of 1460, and bytes behind it. */
static void make_syn(uint8_t *at, unsigned len)
{
	struct ip_view v;

	make_udp(at, len, true);
	at[9] = IPPROTO_TCP;
	put16(at + 10, 0);
	put16(at + 10, checksum_fold(checksum_add(0, at, 20)));
	memset(at + 20, 0, 24);
	at[32] = 6 << 4;
	at[33] = 2; /* SYN */
	memcpy(at + 40, "\2\4\x05\xb4", 4);
	ck_assert_int_eq(ip_parse(at, len, 0, &v), V_OK);
	put16(at + 36,
	      checksum_fold(checksum_add(checksum_pseudo(&v, len - 20), at + 20, len - 20)));
}

/* Through the tunnel and out at the host: the MSS it says then. */
static unsigned mss_behind_the_line(void)
{
	uint8_t got[BUF], *ip = got + sizeof(struct virtio_net_hdr);
	struct ip_view v;

	ck_assert_int_eq(read(b.host, got, sizeof(got)),
			 (ssize_t)sizeof(struct virtio_net_hdr) + 50);
	ck_assert_int_eq(ip_parse(ip, 50, 0, &v), V_OK);
	ck_assert(checksum_l4_ok(ip, &v));
	return (unsigned)(ip[42] << 8 | ip[43]);
}

/* Lowered by the gateway that sends it to what its own policy carries, and by the one that receives
 * it to what the answers' policy does; untouched without the flag. */
START_TEST(test_line_clamps_mss_both_ways)
{
	static const struct {
		uint32_t flags;
		uint32_t mtu_there, mtu_back;
		unsigned mss;
	} rows[] = {
		{0, 1400, 1300, 1460},
		{SA_XFLAG_CLAMP_MSS, 1400, 1500, 1360},
		{SA_XFLAG_CLAMP_MSS, 1500, 1300, 1260},
		{SA_XFLAG_CLAMP_MSS, 0, 0, 1460}, /* not known */
	};
	const struct virtio_net_hdr vnet = {0};
	struct policy_config there = policy_config(POLICY_OUT), fwd = policy_config(POLICY_FWD);
	struct policy_config back = there;
	uint8_t data[50];

	back.sel.src = there.sel.dst;
	back.sel.dst = there.sel.src;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_config sa = sa_config(SPI);

		sa.extra_flags = rows[i].flags;
		add_sa(&sa, SA_IN | SA_OUT, UINT32_MAX);
		atomic_store(&add_policy(&there)->inner_mtu, rows[i].mtu_there);
		atomic_store(&add_policy(&back)->inner_mtu, rows[i].mtu_back);
		add_policy(&fwd);
		make_syn(data, sizeof(data));
		host_sends(&vnet, data, sizeof(data));
		(void)outbound_batch(b.worker);
		loop_back(0);
		(void)inbound_batch(b.worker, AF_INET);
		ck_assert_uint_eq(mss_behind_the_line(), rows[i].mss);
		teardown();
		setup();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("line");
	TCase *tc = tcase_create("line");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_line_carries_a_packet_unchanged);
	tcase_add_test(tc, test_line_marks_what_it_seals);
	tcase_add_test(tc, test_line_fragments_only_with_df_clear);
	tcase_add_test(tc, test_line_pads_for_traffic_flow_confidentiality);
	tcase_add_test(tc, test_line_leaves_packets_whole_when_asked);
	tcase_add_test(tc, test_line_follows_the_flags_of_the_sa);
	tcase_add_test(tc, test_line_follows_our_own_flags_of_the_sa);
	tcase_add_test(tc, test_line_sends_dummies_that_are_ordered);
	tcase_add_test(tc, test_line_sends_no_dummy_past_the_end);
	tcase_add_test(tc, test_line_clamps_mss_both_ways);
	line_out_tests(tc);
	line_in_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
