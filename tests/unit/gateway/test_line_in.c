/*
 * test_line_in.c: from wire to TUN: each verdict is produced once, and has to move its counter by one
 * and no other.
 */
#include "tests/unit/gateway/line_bench.h"

/* ---- inbound verdicts -------------------------------------------------------------------------- */

/* A sealed packet with next header nh around len bytes of data, ready on the wire. */
static struct wire_rx *arrive(const uint8_t *data, unsigned len, uint8_t nh)
{
	const struct sa_config config = sa_config(SPI);
	const struct esp_keys keys = {config.keys.encr, config.keys.integ, NULL};
	const struct esp_grant grant = {1, UINT32_MAX};
	struct esp_out *out;
	struct packet *p = &b.wire.tx_packet[0];

	ck_assert_int_eq(esp_out_new(&out, &config.suite, &keys, SPI, false, grant, 0), 0);
	*p = (struct packet){b.wire.tx[0], BUF, ESP_HEADROOM, len};
	memcpy(packet_data(p), data, len);
	ck_assert_int_eq(esp_seal(out, p, nh), V_OK);
	esp_out_free(out);
	b.wire.dest[0] = (struct wire_dest){.src = config.src, .dst = config.id.dst, .df = true};
	return loop_back(0);
}

static struct wire_rx *arrive_udp(void)
{
	uint8_t data[100];

	make_udp(data, sizeof(data), true);
	return arrive(data, sizeof(data), IPPROTO_IPIP);
}

static void receive(void)
{
	(void)inbound_batch(b.worker, AF_INET);
}

static void wire_truncated(void)
{
	set_up_tunnel();
	arrive_udp()->truncated = true;
	receive();
}

static void runt(void)
{
	set_up_tunnel();
	arrive_udp()->p.len = 7;
	receive();
}

static void runt_of_a_known_sa(void)
{
	set_up_tunnel();
	arrive_udp()->p.len = 20;
	receive();
}

static void no_sa(void)
{
	set_up_tunnel();
	arrive_udp()->dst = address("192.0.2.3");
	receive();
}

static void sa_that_only_sends(void)
{
	const struct sa_config sa = sa_config(SPI);

	add_sa(&sa, SA_OUT, UINT32_MAX);
	arrive_udp();
	receive();
}

static void icv(void)
{
	struct wire_rx *rx;

	set_up_tunnel();
	rx = arrive_udp();
	packet_data(&rx->p)[40] ^= 1;
	receive();
	ck_assert_uint_eq(
		sa_status(sad_lookup(b.db, SPI, &(struct ip_addr){{192, 0, 2, 2}, AF_INET}))
			.icv_drops,
		1);
}

static void replay_dup(void)
{
	set_up_tunnel();
	arrive_udp();
	receive();
	assert_only(b.worker->stats.in, V_OK, 1);
	atomic_store(&b.worker->stats.in[V_OK], 0);
	loop_back(0);
	receive();
	ck_assert_uint_eq(
		sa_status(sad_lookup(b.db, SPI, &(struct ip_addr){{192, 0, 2, 2}, AF_INET}))
			.replay_drops,
		1);
}

static void replay_old(void)
{
	set_up_tunnel();
	for (unsigned i = 0; i < 66; i++)
		send_udp(100, true);
	/* Number 66 is still in its slot; number 1 is sealed afresh. */
	loop_back(0);
	receive();
	atomic_store(&b.worker->stats.in[V_OK], 0);
	arrive_udp();
	receive();
}

static void dummy(void)
{
	const uint8_t noise[40] = {0};

	set_up_tunnel();
	arrive(noise, sizeof(noise), ESP_NO_NEXT_HEADER);
	receive();
}

static void next_header(void)
{
	const uint8_t noise[40] = {0};

	set_up_tunnel();
	arrive(noise, sizeof(noise), IPPROTO_TCP);
	receive();
}

static void inner_malformed(void)
{
	const uint8_t noise[40] = {0x45};

	set_up_tunnel();
	arrive(noise, sizeof(noise), IPPROTO_IPIP);
	receive();
}

static void inner_of_other_family(void)
{
	uint8_t data[100];

	set_up_tunnel();
	make_udp(data, sizeof(data), true);
	arrive(data, sizeof(data), IPPROTO_IPV6);
	receive();
}

static void ecn(void)
{
	set_up_tunnel();
	arrive_udp()->tos = 3; /* CE around a Not-ECT packet, RFC 6040 §4.2 */
	receive();
}

static void in_expired(void)
{
	struct sa_config sa = sa_config(SPI);
	struct notice notice;

	sa.limits.hard_bytes = 0;
	add_sa(&sa, SA_IN, UINT32_MAX);
	arrive_udp();
	receive();
	ck_assert(notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(notice.kind, NOTICE_LIFE);
}

/* A forged packet must not end an SA: it is not authentic, whatever the limits say. */
static void forged_for_an_expired_sa(void)
{
	struct sa_config sa = sa_config(SPI);
	struct notice notice;

	sa.limits.hard_bytes = 0;
	add_sa(&sa, SA_IN, UINT32_MAX);
	packet_data(&arrive_udp()->p)[40] ^= 1;
	receive();
	ck_assert(!notice_take(&b.worker->notices, &notice));
}

static void selector(void)
{
	struct sa_config sa = sa_config(SPI);
	struct policy_config p = policy_config(POLICY_FWD);

	sa.sel = p.sel;
	sa.sel.src = (struct ip_prefix){address("10.1.9.0"), 24};
	add_sa(&sa, SA_IN, UINT32_MAX);
	add_policy(&p);
	arrive_udp();
	receive();
}

static void no_in_policy(void)
{
	const struct sa_config sa = sa_config(SPI);

	add_sa(&sa, SA_IN, UINT32_MAX);
	arrive_udp();
	receive();
}

/* A fwd policy exists, so `in` ones do not speak for forwarded packets. */
static void no_fwd_policy(void)
{
	struct policy_config p = policy_config(POLICY_IN);

	add_policy(&p);
	p = policy_config(POLICY_FWD);
	p.sel.src.addr = address("10.9.0.0");
	add_policy(&p);
	no_in_policy();
}

/* RFC 4301 §7: a later fragment shows no ports, so policies and SAs with ports do not let it in. */
static void arrive_fragment(void)
{
	uint8_t data[100];

	make_udp(data, sizeof(data), false);
	put16(data + 6, 10);
	put16(data + 10, 0);
	put16(data + 10, checksum_fold(checksum_add(0, data, 20)));
	arrive(data, sizeof(data), IPPROTO_IPIP);
	receive();
}

static void fragment_for_a_port_policy(void)
{
	const struct sa_config sa = sa_config(SPI);
	const struct policy_config p = policy_of_port_53(POLICY_FWD);

	add_sa(&sa, SA_IN, UINT32_MAX);
	add_policy(&p);
	arrive_fragment();
}

static void fragment_on_a_port_sa(void)
{
	const struct policy_config p = policy_config(POLICY_FWD);
	struct sa_config sa = sa_config(SPI);

	sa.sel = policy_of_port_53(POLICY_FWD).sel;
	add_sa(&sa, SA_IN, UINT32_MAX);
	add_policy(&p);
	arrive_fragment();
}

static void in_discard(void)
{
	struct policy_config p = policy_config(POLICY_FWD);

	p.action = POLICY_DISCARD;
	memset(&p.tmpl, 0, sizeof(p.tmpl));
	add_policy(&p);
	no_in_policy();
}

static void in_template(void)
{
	struct policy_config p = policy_config(POLICY_FWD);

	p.tmpl.reqid = 99;
	add_policy(&p);
	no_in_policy();
}

static void tun_write_fails(void)
{
	set_up_tunnel();
	arrive_udp();
	close(b.host);
	b.host = -1;
	receive();
}

/* ---- ESP in UDP ------------------------------------------------------------------------------ */

/* The tunnel in UDP, as set_up_tunnel otherwise. */
static struct sa *set_up_udp_tunnel(void)
{
	struct sa_config config = sa_config(SPI);
	struct sa *sa;

	config.encap = (struct sa_encap){.sport = 4500, .dport = 61000};
	sa = add_sa(&config, SA_IN | SA_OUT, UINT32_MAX);
	for (int dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		const struct policy_config p = policy_config((enum policy_dir)dir);

		add_policy(&p);
	}
	return sa;
}

/* A datagram of these bytes by our port. */
static void receive_in_udp(const uint8_t *bytes, uint32_t len)
{
	struct wire *w = &b.wire;

	memcpy(w->rx[0], bytes, len);
	w->rx_packet[0] = (struct wire_rx){.p = {w->rx[0], BUF, 0, len},
					   .src = address("192.0.2.1"),
					   .dst = address("192.0.2.2"),
					   .sport = 4500};
	w->rx_count = 1;
	inbound_udp_batch(b.worker, AF_INET, 61000);
}

static void keepalive(void)
{
	const uint8_t byte = 0xff;

	receive_in_udp(&byte, 1);
}

static const uint8_t ike[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

static void ike_with_an_owner(void)
{
	ike_taken = true;
	receive_in_udp(ike, sizeof(ike));
}

static void ike_without_an_owner(void)
{
	ike_taken = false;
	receive_in_udp(ike, sizeof(ike));
}

static void runt_in_udp(void)
{
	receive_in_udp(ike + 4, 3);
}

static void raw_for_a_udp_sa(void)
{
	set_up_udp_tunnel();
	send_udp(100, true);
	loop_back(0);
	receive();
}

static void udp_for_a_raw_sa(void)
{
	set_up_tunnel();
	send_udp(100, true);
	loop_back(0);
	inbound_udp_batch(b.worker, AF_INET, 61000);
}

static const struct {
	enum verdict verdict;
	void (*produce)(void);
} in_cases[] = {
	{V_KEEPALIVE, keepalive},
	{V_IKE, ike_with_an_owner},
	{V_NO_IKE, ike_without_an_owner},
	{V_RUNT, runt_in_udp},
	{V_ENCAP, raw_for_a_udp_sa},
	{V_ENCAP, udp_for_a_raw_sa},
	{V_WIRE_TRUNCATED, wire_truncated},
	{V_RUNT, runt},
	{V_RUNT, runt_of_a_known_sa},
	{V_NO_SA, no_sa},
	{V_NO_SA, sa_that_only_sends},
	{V_ICV, icv},
	{V_REPLAY_DUP, replay_dup},
	{V_REPLAY_OLD, replay_old},
	{V_DUMMY, dummy},
	{V_NEXT_HEADER, next_header},
	{V_INNER_MALFORMED, inner_malformed},
	{V_INNER_MALFORMED, inner_of_other_family},
	{V_ECN, ecn},
	{V_IN_EXPIRED, in_expired},
	{V_ICV, forged_for_an_expired_sa},
	{V_SELECTOR, selector},
	{V_NO_IN_POLICY, no_in_policy},
	{V_NO_IN_POLICY, no_fwd_policy},
	{V_NO_IN_POLICY, fragment_for_a_port_policy},
	{V_SELECTOR, fragment_on_a_port_sa},
	{V_IN_DISCARD, in_discard},
	{V_IN_TEMPLATE, in_template},
	{V_TUN_WRITE, tun_write_fails},
};

START_TEST(test_inbound_counts_the_one_right_verdict)
{
	in_cases[_i].produce();
	assert_only(b.worker->stats.in, in_cases[_i].verdict, 1);
}
END_TEST

/* Packet number i of those sent, from this address and port. */
static void comes_from(unsigned i, const char *from, uint16_t port)
{
	struct wire_rx *rx = loop_back(i);

	rx->src = address(from);
	rx->sport = port;
	inbound_udp_batch(b.worker, AF_INET, 61000);
}

static bool peer_noticed(struct sa_peer *out)
{
	struct notice notice;

	if (!notice_take(&b.worker->notices, &notice))
		return false;
	ck_assert_uint_eq(notice.kind, NOTICE_MAPPING);
	*out = notice.peer;
	return true;
}

/* RFC 7296 §2.23: only what is authentic and newer than all before tells where the peer is. */
START_TEST(test_line_notices_that_a_peer_moved)
{
	struct sa *sa = set_up_udp_tunnel();
	struct sa_peer peer;
	char text[IP_ADDR_TEXT_MAX];

	for (unsigned i = 0; i < 6; i++) {
		const struct virtio_net_hdr vnet = {0};
		uint8_t data[100];

		make_udp(data, sizeof(data), true);
		host_sends(&vnet, data, sizeof(data));
	}
	b.worker->now = 100;
	(void)outbound_batch(b.worker);
	ck_assert_uint_eq(b.wire.sent, 6);
	ck_assert_uint_eq(b.wire.dest[0].sport, 4500);
	ck_assert_uint_eq(b.wire.dest[0].dport, 61000);
	comes_from(1, "192.0.2.1", 4500);
	ck_assert(!peer_noticed(&peer));
	comes_from(0, "198.51.100.7", 1024); /* older */
	ck_assert(!peer_noticed(&peer));
	comes_from(1, "198.51.100.7", 1024); /* a replay */
	ck_assert(!peer_noticed(&peer));
	b.wire.tx[2][ESP_HEADROOM + 40] ^= 1; /* a forgery */
	comes_from(2, "198.51.100.7", 1024);
	ck_assert(!peer_noticed(&peer));
	comes_from(3, "198.51.100.7", 1024);
	ck_assert(peer_noticed(&peer));
	ck_assert_str_eq(ip_addr_format(&peer.addr, text), "198.51.100.7");
	ck_assert_uint_eq(peer.port, 1024);
	comes_from(4, "198.51.100.8", 1024); /* within the second */
	ck_assert(!peer_noticed(&peer));
	/* Once it is followed there is nothing more to say. */
	ck_assert_int_eq(sadb_sa_move_peer(b.db, sa, &peer), 0);
	b.worker->now = 102;
	comes_from(5, "198.51.100.7", 1024);
	ck_assert(!peer_noticed(&peer));
	send_udp(100, true);
	ck_assert_uint_eq(b.wire.dest[0].dport, 1024);
	ck_assert_str_eq(ip_addr_format(&b.wire.dest[0].dst, text), "198.51.100.7");
}
END_TEST

/* ---- packets that do not fit their SA ---------------------------------------------------------- */

/* A packet that no policy has, sealed by the SA with this SPI; opened at that second. */
static void misfit_arrives(unsigned i, uint64_t now)
{
	b.worker->now = now;
	loop_back(i);
	receive();
}

static bool take_misfit(struct notice *notice)
{
	if (!notice_take(&b.worker->notices, notice))
		return false;
	ck_assert_uint_eq(notice->kind, NOTICE_MISFIT);
	return true;
}

static void send_many(unsigned n)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t data[100];

	for (unsigned i = 0; i < n; i++) {
		make_udp(data, sizeof(data), true);
		host_sends(&vnet, data, sizeof(data));
	}
	(void)outbound_batch(b.worker);
	ck_assert_uint_eq(b.wire.sent, n);
}

static void delete_policy(enum policy_dir dir)
{
	const struct policy_config p = policy_config(dir);

	ck_assert_int_eq(sadb_policy_delete(b.db, &p), 0);
}

/* RFC 4301 §5.2: only what is authentic, and then its flow and first bytes, once a second. */
START_TEST(test_line_notices_misfits)
{
	struct notice notice;
	uint8_t sent[100];

	set_up_tunnel();
	send_many(7);
	misfit_arrives(0, 100);
	ck_assert(!take_misfit(&notice)); /* it fits */
	for (int dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		if (dir != POLICY_OUT)
			delete_policy((enum policy_dir)dir);
	}
	b.wire.tx[1][ESP_HEADROOM + 40] ^= 1; /* a forgery */
	misfit_arrives(1, 100);
	misfit_arrives(0, 100); /* a replay */
	ck_assert(!take_misfit(&notice));
	misfit_arrives(2, 100);
	ck_assert(take_misfit(&notice));
	ck_assert_uint_eq(notice.id.spi, SPI);
	make_udp(sent, sizeof(sent), true);
	ck_assert_uint_eq(notice.quote_len, NOTICE_QUOTE_MAX);
	ck_assert_mem_eq(notice.quote, sent, NOTICE_QUOTE_MAX);
	ck_assert_uint_eq(notice.flow.family, AF_INET);
	ck_assert_uint_eq(notice.flow.proto, IPPROTO_UDP);
	ck_assert_mem_eq(notice.flow.src.addr.bytes, sent + 12, 4);
	ck_assert_mem_eq(notice.flow.dst.addr.bytes, sent + 16, 4);
	ck_assert_uint_eq(notice.flow.src.len, 32);
	ck_assert_uint_eq(notice.flow.dst.len, 32);
	ck_assert_uint_eq(notice.flow.sport, (unsigned)(sent[20] << 8 | sent[21]));
	ck_assert_uint_eq(notice.flow.sport_mask & notice.flow.dport_mask, UINT16_MAX);
	misfit_arrives(3, 100); /* within the second */
	ck_assert(!take_misfit(&notice));
	misfit_arrives(4, 101);
	ck_assert(take_misfit(&notice));
	/* Dropped and counted all the same. */
	ck_assert_uint_eq(b.worker->stats.in[V_NO_IN_POLICY], 3);
}
END_TEST

static const struct {
	void (*produce)(void);
	bool told;
	bool ports;
} misfit_cases[] = {
	{selector, true, true},
	{no_in_policy, true, true},
	{no_fwd_policy, true, true},
	{in_template, true, true},
	{fragment_for_a_port_policy, true, false},
	{fragment_on_a_port_sa, true, false},
	/* Our own wish; not a packet; not authentic; not in time. */
	{in_discard, false, false},
	{dummy, false, false},
	{next_header, false, false},
	{inner_malformed, false, false},
	{ecn, false, false},
	{icv, false, false},
	{no_sa, false, false},
	{runt, false, false},
};

START_TEST(test_line_tells_misfits_from_the_rest)
{
	struct notice notice;

	b.worker->now = 100;
	misfit_cases[_i].produce();
	ck_assert(take_misfit(&notice) == misfit_cases[_i].told);
	if (misfit_cases[_i].told)
		ck_assert_uint_eq(notice.flow.sport_mask, misfit_cases[_i].ports ? UINT16_MAX : 0);
}
END_TEST

/* Many SAs do not fill the ring, in which others speak too. */
START_TEST(test_line_bounds_misfits_in_all)
{
	uint8_t data[100];
	struct packet p = {data, sizeof(data), 0, sizeof(data)};
	struct notice notice;
	struct ip_view v;
	unsigned got = 0;

	make_udp(data, sizeof(data), true);
	ck_assert_int_eq(ip_parse(data, sizeof(data), 0, &v), V_OK);
	b.worker->now = 100;
	for (uint32_t i = 0; i < 2 * MISFITS_PER_SECOND; i++) {
		const struct sa_config config = sa_config(SPI + i);

		worker_notify_misfit(b.worker, add_sa(&config, SA_IN, UINT32_MAX), &p, &v);
	}
	while (take_misfit(&notice))
		got++;
	ck_assert_uint_eq(got, MISFITS_PER_SECOND);
	b.worker->now = 101;
	p.len = 30; /* shorter than what is quoted */
	worker_notify_misfit(b.worker,
			     sad_lookup(b.db, SPI, &(struct ip_addr){{192, 0, 2, 2}, AF_INET}), &p,
			     &v);
	ck_assert(take_misfit(&notice));
	ck_assert_uint_eq(notice.quote_len, 30);
}
END_TEST

/* Where there are no fwd policies at all, `in` covers forwarded packets too (BSD scripts). */
START_TEST(test_inbound_lets_in_policies_stand_for_absent_fwd_ones)
{
	const struct policy_config p = policy_config(POLICY_IN);

	add_policy(&p);
	no_in_policy();
	assert_only(b.worker->stats.in, V_OK, 1);
}
END_TEST

START_TEST(test_inbound_cuts_tfc_padding)
{
	uint8_t data[300], got[BUF];

	set_up_tunnel();
	memset(data, 0xee, sizeof(data));
	make_udp(data, 100, true);
	arrive(data, sizeof(data), IPPROTO_IPIP);
	receive();
	assert_only(b.worker->stats.in, V_OK, 1);
	ck_assert_int_eq(read(b.host, got, sizeof(got)),
			 (ssize_t)sizeof(struct virtio_net_hdr) + 100);
}
END_TEST

void line_in_tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_inbound_counts_the_one_right_verdict, 0,
			    (int)(sizeof(in_cases) / sizeof(in_cases[0])));
	tcase_add_test(tc, test_line_notices_that_a_peer_moved);
	tcase_add_test(tc, test_line_notices_misfits);
	tcase_add_loop_test(tc, test_line_tells_misfits_from_the_rest, 0,
			    (int)(sizeof(misfit_cases) / sizeof(misfit_cases[0])));
	tcase_add_test(tc, test_line_bounds_misfits_in_all);
	tcase_add_test(tc, test_inbound_lets_in_policies_stand_for_absent_fwd_ones);
	tcase_add_test(tc, test_inbound_cuts_tfc_padding);
}
