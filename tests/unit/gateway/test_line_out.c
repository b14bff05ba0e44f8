/*
 * test_line_out.c: from TUN to wire: each verdict is produced once, and has to move its counter by
 * one and no other; and what waits for an SA.
 */
#include "tests/unit/gateway/line_bench.h"

/* ---- outbound verdicts ------------------------------------------------------------------------ */

static void too_big(void)
{
	set_up_tunnel();
	send_udp(INNER_MTU + 1, true);
	ck_assert_uint_eq(icmp_errors, 1);
	ck_assert_uint_eq(icmp_mtu, INNER_MTU);
}

static void out_malformed(void)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t data[60];

	set_up_tunnel();
	make_udp(data, sizeof(data), true);
	host_sends(&vnet, data, sizeof(data) - 1);
	(void)outbound_batch(b.worker);
}

static void out_bad_checksum_request(void)
{
	const struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 58, .csum_offset = 6};
	uint8_t data[60];

	set_up_tunnel();
	make_udp(data, sizeof(data), true);
	host_sends(&vnet, data, sizeof(data));
	(void)outbound_batch(b.worker);
}

static void gso_of_udp(void)
{
	const struct virtio_net_hdr vnet = {.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 100};
	uint8_t data[600];

	set_up_tunnel();
	make_udp(data, sizeof(data), true);
	host_sends(&vnet, data, sizeof(data));
	(void)outbound_batch(b.worker);
}

static void no_out_policy(void)
{
	send_udp(100, true);
}

static void out_action(enum policy_action action)
{
	struct policy_config p = policy_config(POLICY_OUT);

	p.action = (uint8_t)action;
	memset(&p.tmpl, 0, sizeof(p.tmpl));
	add_policy(&p);
	send_udp(100, true);
}

static void out_discard(void)
{
	out_action(POLICY_DISCARD);
}

static void out_bypass(void)
{
	out_action(POLICY_BYPASS);
}

static void no_out_sa(void)
{
	const struct policy_config p = policy_config(POLICY_OUT);

	add_policy(&p);
	send_udp(100, true);
}

/* The kernel's comparison: a limit of one packet lets one pass, and the next finds it reached. */
static void out_expired(void)
{
	const struct policy_config p = policy_config(POLICY_OUT);
	struct sa_config sa = sa_config(SPI);
	struct notice notice;

	sa.limits.hard_packets = 1;
	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&p);
	send_udp(100, true);
	assert_only(b.worker->stats.out, V_OK, 1);
	ck_assert(!notice_take(&b.worker->notices, &notice));
	atomic_store(&b.worker->stats.out[V_OK], 0);
	send_udp(100, true);
	ck_assert_uint_eq(b.wire.sent, 0);
	ck_assert(notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(notice.kind, NOTICE_LIFE);
	ck_assert_uint_eq(notice.id.spi, SPI);
	ck_assert(!notice_take(&b.worker->notices, &notice));
}

/* Kept while somebody listens, asked for once. */
static struct policy *keep_one(void)
{
	const struct policy_config config = policy_config(POLICY_OUT);
	struct policy *p = add_policy(&config);
	struct notice notice;

	atomic_store(&b.worker->acquire_heard, true);
	send_udp(100, true);
	ck_assert(notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(notice.kind, NOTICE_ACQUIRE);
	ck_assert_uint_eq(notice.policy, p->config.index);
	ck_assert_uint_eq(notice.flow.proto, IPPROTO_UDP);
	ck_assert_uint_eq(notice.flow.dport, 53);
	ck_assert(atomic_load(&p->acquiring));
	ck_assert_uint_eq(hold_count(b.worker->hold), 1);
	outbound_resume(b.worker); /* nothing has changed: it waits on */
	ck_assert_uint_eq(hold_count(b.worker->hold), 1);
	return p;
}

static void acquire_timeout(void)
{
	struct policy *p = keep_one();

	atomic_store(&p->acquiring, false);
	worker_wake(b.worker);
	outbound_resume(b.worker);
	ck_assert_uint_eq(hold_count(b.worker->hold), 0);
}

static void hold_queue(void)
{
	struct notice notice;

	keep_one();
	for (unsigned i = 1; i <= HOLD_PER_POLICY; i++)
		send_udp(100 + i, true);
	ck_assert(!notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(hold_count(b.worker->hold), HOLD_PER_POLICY);
	ck_assert_uint_eq(hold_at(b.worker->hold, 0)->len, 101);
}

/* The policy goes while a packet waits. */
static void kept_without_policy(void)
{
	const struct policy_config key = keep_one()->config;

	ck_assert_int_eq(sadb_policy_delete(b.db, &key), 0);
	outbound_resume(b.worker);
	ck_assert_uint_eq(hold_count(b.worker->hold), 0);
}

/* Nobody could be told: it is as if nobody listened. */
static void no_out_sa_and_no_notice(void)
{
	const struct policy_config config = policy_config(POLICY_OUT);
	const struct notice filler = {.kind = NOTICE_GRANT};
	struct policy *p = add_policy(&config);

	atomic_store(&b.worker->acquire_heard, true);
	while (notice_put(&b.worker->notices, &filler))
		;
	send_udp(100, true);
	ck_assert(!atomic_load(&p->acquiring));
	ck_assert_uint_eq(hold_count(b.worker->hold), 0);
}

static void out_selector(void)
{
	struct policy_config p = policy_config(POLICY_OUT);
	struct sa_config sa = sa_config(SPI);

	sa.sel = p.sel;
	sa.sel.dst = (struct ip_prefix){address("10.2.3.0"), 24};
	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&p);
	send_udp(100, true);
}

/* RFC 4301 §7: only a first fragment shows its ports. */
static void send_fragment(uint16_t field)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t data[100];

	make_udp(data, sizeof(data), false);
	put16(data + 6, field);
	put16(data + 10, 0);
	put16(data + 10, checksum_fold(checksum_add(0, data, 20)));
	host_sends(&vnet, data, sizeof(data));
	(void)outbound_batch(b.worker);
}

struct policy_config policy_of_port_53(enum policy_dir dir)
{
	struct policy_config p = policy_config(dir);

	p.sel.proto = IPPROTO_UDP;
	p.sel.dport = 53;
	p.sel.dport_mask = UINT16_MAX;
	return p;
}

static void later_fragment_and_ports(void)
{
	const struct sa_config sa = sa_config(SPI);
	const struct policy_config p = policy_of_port_53(POLICY_OUT);

	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&p);
	send_fragment(0x2000); /* the first: MF, offset 0 */
	assert_only(b.worker->stats.out, V_OK, 1);
	atomic_store(&b.worker->stats.out[V_OK], 0);
	send_fragment(10);
}

/* The SA's selector is held to the same rule. */
static void later_fragment_and_sa_ports(void)
{
	const struct policy_config p = policy_config(POLICY_OUT);
	struct sa_config sa = sa_config(SPI);

	sa.sel = policy_of_port_53(POLICY_OUT).sel;
	add_sa(&sa, SA_OUT, UINT32_MAX);
	add_policy(&p);
	send_fragment(10);
}

/* §7.1: selectors without ports carry fragments. */
START_TEST(test_outbound_carries_fragments_where_ports_do_not_matter)
{
	set_up_tunnel();
	send_fragment(0x2000);
	send_fragment(0x2000 | 10);
	send_fragment(20);
	assert_only(b.worker->stats.out, V_OK, 3);
}
END_TEST

static void use_up(uint64_t first, uint64_t last)
{
	const struct policy_config p = policy_config(POLICY_OUT);
	const struct sa_config config = sa_config(SPI);
	const struct sa_grant grant = {.directions = SA_OUT, .seq = {first, last}};
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(b.db, &config, &grant, 1000, &sa), 0);
	add_policy(&p);
	send_udp(100, true);
	assert_only(b.worker->stats.out, V_OK, 1);
	atomic_store(&b.worker->stats.out[V_OK], 0);
	send_udp(100, true);
}

/* The linker gives esp_seal this one (--wrap in CMakeLists.txt). */
static bool cipher_fails;
struct esp_crypto;

bool __real_esp_crypto_seal(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq,
			    uint64_t unique);
bool __wrap_esp_crypto_seal(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq,
			    uint64_t unique);

bool __wrap_esp_crypto_seal(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq,
			    uint64_t unique)
{
	return !cipher_fails && __real_esp_crypto_seal(c, esp, text_len, seq, unique);
}

static void cipher_that_fails(void)
{
	set_up_tunnel();
	cipher_fails = true;
	send_udp(100, true);
	ck_assert_uint_eq(b.wire.sent, 0);
}

/* Both are said: that few numbers are left, and that none is. */
static void seq_exhausted(void)
{
	struct notice notice;
	unsigned said = 0;

	use_up(UINT32_MAX, UINT32_MAX);
	while (notice_take(&b.worker->notices, &notice))
		said += notice.kind == NOTICE_LIFE;
	ck_assert_uint_eq(said, 2);
}

static void seq_unreserved(void)
{
	struct notice notice;

	use_up(7, 7);
	ck_assert(notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(notice.kind, NOTICE_GRANT);
	ck_assert_uint_eq(notice.id.spi, SPI);
}

static void no_room(void)
{
	struct policy_config p = policy_config(POLICY_OUT);
	const struct sa_config sa = sa_config(SPI);

	add_sa(&sa, SA_OUT, UINT32_MAX);
	atomic_store(&add_policy(&p)->inner_mtu, 0); /* not known: anything goes */
	send_udp(BUF - 8, true);		     /* the memory wire's slots are no larger */
}

/* The device's queue is emptied all the same: what waits in it would be as late. */
static void tun_queue(void)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t *room;

	set_up_tunnel();
	while ((room = backlog_room(b.worker->backlog))) {
		make_udp(room, 100, true);
		ck_assert(backlog_add(b.worker->backlog, &vnet, room, 100));
	}
	send_udp(100, true);
	ck_assert_uint_eq(atomic_exchange(&b.worker->stats.out[V_OK], 0), WIRE_BATCH);
}

static void wire_queue(void)
{
	set_up_tunnel();
	b.wire.refuse = ENOBUFS;
	send_udp(100, true);
}

static void wire_refused(void)
{
	set_up_tunnel();
	b.wire.refuse = EHOSTUNREACH;
	send_udp(100, true);
}

static const struct {
	enum verdict verdict;
	void (*produce)(void);
} out_cases[] = {
	{V_TOO_BIG, too_big},
	{V_OUT_MALFORMED, out_malformed},
	{V_OUT_MALFORMED, out_bad_checksum_request},
	{V_GSO, gso_of_udp},
	{V_NO_OUT_POLICY, no_out_policy},
	{V_OUT_DISCARD, out_discard},
	{V_OUT_BYPASS, out_bypass},
	{V_NO_OUT_SA, no_out_sa},
	{V_NO_OUT_SA, no_out_sa_and_no_notice},
	{V_ACQUIRE_TIMEOUT, acquire_timeout},
	{V_HOLD_QUEUE, hold_queue},
	{V_NO_OUT_POLICY, kept_without_policy},
	{V_OUT_EXPIRED, out_expired},
	{V_OUT_SELECTOR, out_selector},
	{V_NO_OUT_POLICY, later_fragment_and_ports},
	{V_OUT_SELECTOR, later_fragment_and_sa_ports},
	{V_SEQ_EXHAUSTED, seq_exhausted},
	{V_SEQ_UNRESERVED, seq_unreserved},
	{V_NO_ROOM, no_room},
	{V_CRYPTO, cipher_that_fails},
	{V_TUN_QUEUE, tun_queue},
	{V_WIRE_QUEUE, wire_queue},
	{V_WIRE_REFUSED, wire_refused},
};

START_TEST(test_outbound_counts_the_one_right_verdict)
{
	out_cases[_i].produce();
	assert_only(b.worker->stats.out, out_cases[_i].verdict, 1);
}
END_TEST

/* Once for the soft limit, and again for the hard one; a full ring loses nothing. */
START_TEST(test_line_tells_of_each_limit_once)
{
	const struct policy_config p = policy_config(POLICY_OUT);
	struct sa_config config = sa_config(SPI);
	struct notice notice, filler = {.kind = NOTICE_GRANT};
	struct sa *sa;
	unsigned before[8] = {0, 0, 1, 0, 0, 1, 0, 0};

	config.limits.soft_packets = 2;
	config.limits.hard_packets = 5;
	sa = add_sa(&config, SA_OUT, UINT32_MAX);
	add_policy(&p);
	for (unsigned i = 0; i < 8; i++) {
		send_udp(100, true);
		ck_assert_msg(notice_take(&b.worker->notices, &notice) == (before[i] == 1),
			      "packet %u", i);
	}
	ck_assert_uint_eq(atomic_load(&b.worker->stats.out[V_OK]), 5);
	ck_assert_uint_eq(atomic_load(&b.worker->stats.out[V_OUT_EXPIRED]), 3);
	ck_assert_uint_eq(sa_status(sa).packets, 5);
	atomic_store(&sa->counters->told, SA_ALIVE);
	while (notice_put(&b.worker->notices, &filler))
		;
	send_udp(100, true);
	while (notice_take(&b.worker->notices, &notice))
		ck_assert_uint_eq(notice.kind, NOTICE_GRANT);
	send_udp(100, true);
	ck_assert(notice_take(&b.worker->notices, &notice));
	ck_assert_uint_eq(notice.kind, NOTICE_LIFE);
}
END_TEST

/* The SA comes: what was kept goes out, oldest first, and is counted once. */
START_TEST(test_line_sends_what_it_kept)
{
	const struct sa_config sa = sa_config(SPI);

	keep_one();
	send_udp(120, true);
	assert_only(b.worker->stats.out, V_COUNT, 0);
	add_sa(&sa, SA_OUT, UINT32_MAX);
	worker_wake(b.worker);
	outbound_resume(b.worker);
	assert_only(b.worker->stats.out, V_OK, 2);
	ck_assert_uint_eq(b.wire.sent, 2);
	ck_assert_uint_lt(b.wire.tx_packet[0].len, b.wire.tx_packet[1].len);
	ck_assert_uint_eq(hold_count(b.worker->hold), 0);
	outbound_resume(b.worker);
	assert_only(b.worker->stats.out, V_OK, 2);
}
END_TEST

/* ---- superpackets whose segments are too big --------------------------------------------------- */

enum { SEGMENT = 1472, PIECES = 3, PAYLOAD = 2 * SEGMENT + 500 };

static void send_superpacket(bool df)
{
	const struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
					    .gso_size = SEGMENT,
					    .csum_start = 20,
					    .csum_offset = 6};
	uint8_t data[28 + PAYLOAD];

	make_udp(data, sizeof(data), df);
	for (unsigned i = 0; i < PAYLOAD; i++)
		data[28 + i] = (uint8_t)(i * 7 + i / 256);
	host_sends(&vnet, data, sizeof(data));
	(void)outbound_batch(b.worker);
}

/* What was sealed as packet i. */
static const uint8_t *opened(struct sa *sa, unsigned i, struct ip_view *view)
{
	struct wire_rx *rx = loop_back(i);
	uint8_t next_header;
	uint64_t seq;

	ck_assert_int_eq(esp_open(sa->in, &rx->p, &next_header, &seq), V_OK);
	ck_assert_int_eq(ip_parse(packet_data(&rx->p), rx->p.len, next_header, view), V_OK);
	return packet_data(&rx->p);
}

static struct sa *tunnel_sa(void)
{
	set_up_tunnel();
	return sad_lookup(b.db, SPI, &(struct ip_addr){.family = AF_INET, .bytes = {192, 0, 2, 2}});
}

/* Each segment is a datagram of its own, and goes in fragments as that would. */
START_TEST(test_line_fragments_segments_that_are_too_big)
{
	static const unsigned lens[] = {20 + 1424, 20 + 56, 20 + 1424, 20 + 56, 20 + 508};
	struct sa *sa = tunnel_sa();
	uint8_t datagram[PIECES][8 + SEGMENT];
	unsigned len[PIECES] = {0}, done = 0;
	uint16_t first_id = 0;
	struct ip_view view;

	send_superpacket(false);
	assert_only(b.worker->stats.out, V_OK, 5);
	ck_assert_uint_eq(b.wire.sent, 5);
	ck_assert_uint_eq(icmp_errors, 0);
	for (unsigned i = 0; i < 5; i++) {
		const uint8_t *ip = opened(sa, i, &view);
		unsigned piece = i / 2, l4_len = view.total_len - 20U;

		first_id = i ? first_id : view.ip_id;
		ck_assert_uint_eq(view.total_len, lens[i]);
		ck_assert_uint_eq(view.ip_id, first_id + piece);
		ck_assert_uint_eq(view.frag_off, len[piece]);
		ck_assert(view.more_frags == (i == 0 || i == 2));
		ck_assert(!b.wire.dest[i].df);
		memcpy(datagram[piece] + len[piece], ip + 20, l4_len);
		len[piece] += l4_len;
	}
	for (unsigned piece = 0; piece < PIECES; piece++) {
		const uint64_t pseudo = checksum_pseudo(&view, len[piece]);

		ck_assert_uint_eq(checksum_fold(checksum_add(pseudo, datagram[piece], len[piece])),
				  0);
		for (unsigned i = 8; i < len[piece]; i++, done++)
			ck_assert_uint_eq(datagram[piece][i], (uint8_t)(done * 7 + done / 256));
	}
	ck_assert_uint_eq(done, PAYLOAD);
}
END_TEST

START_TEST(test_line_sends_segments_whole_to_fragment_after)
{
	struct sa *sa = tunnel_sa();
	struct ip_view view;

	b.worker->fragment_after = true;
	send_superpacket(false);
	assert_only(b.worker->stats.out, V_OK, PIECES);
	for (unsigned i = 0; i < PIECES; i++) {
		(void)opened(sa, i, &view);
		ck_assert_uint_eq(view.total_len, i < 2 ? 28 + SEGMENT : 28 + 500);
		ck_assert(!b.wire.dest[i].df);
	}
}
END_TEST

START_TEST(test_line_says_that_segments_with_df_are_too_big)
{
	(void)tunnel_sa();
	send_superpacket(true);
	assert_only(b.worker->stats.out, V_TOO_BIG, 1);
	ck_assert_uint_eq(icmp_errors, 1);
	ck_assert_uint_eq(icmp_mtu, INNER_MTU);
}
END_TEST

void line_out_tests(TCase *tc)
{
	tcase_add_test(tc, test_outbound_carries_fragments_where_ports_do_not_matter);
	tcase_add_loop_test(tc, test_outbound_counts_the_one_right_verdict, 0,
			    (int)(sizeof(out_cases) / sizeof(out_cases[0])));
	tcase_add_test(tc, test_line_tells_of_each_limit_once);
	tcase_add_test(tc, test_line_sends_what_it_kept);
	tcase_add_test(tc, test_line_fragments_segments_that_are_too_big);
	tcase_add_test(tc, test_line_sends_segments_whole_to_fragment_after);
	tcase_add_test(tc, test_line_says_that_segments_with_df_are_too_big);
}
