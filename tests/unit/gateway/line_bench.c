/*
 * line_bench.c: see line_bench.h.
 */
#include "tests/unit/gateway/line_bench.h"

/* ---- the wire, the host and ICMP, made of memory ------------------------------------------ */

struct packet *wire_reserve(struct wire *w, uint32_t inner_max)
{
	struct packet *p = &w->tx_packet[w->tx_count];

	if (w->tx_count == WIRE_BATCH || ESP_HEADROOM + inner_max + ESP_TAILROOM > BUF)
		return NULL;
	*p = (struct packet){w->tx[w->tx_count], ESP_HEADROOM + inner_max + ESP_TAILROOM,
			     ESP_HEADROOM, 0};
	return p;
}

unsigned wire_room(const struct wire *w)
{
	(void)w;
	return WIRE_BATCH;
}

void wire_commit(struct wire *w, const struct wire_dest *dest)
{
	w->dest[w->tx_count++] = *dest;
}

void wire_flush(struct wire *w, uint64_t verdicts[static V_COUNT])
{
	enum verdict v = V_OK;

	if (w->refuse)
		v = w->refuse == ENOBUFS ? V_WIRE_QUEUE : V_WIRE_REFUSED;
	verdicts[v] += w->tx_count;
	w->sent = w->tx_count;
	w->tx_count = 0;
}

int wire_recv(struct wire *w, uint8_t family, struct wire_rx rx[static WIRE_BATCH])
{
	unsigned n = w->rx_count;

	(void)family;
	memcpy(rx, w->rx_packet, n * sizeof(*rx));
	w->rx_count = 0;
	return (int)n;
}

int wire_recv_udp(struct wire *w, uint8_t family, uint16_t port,
		  struct wire_rx rx[static WIRE_BATCH], bool *more)
{
	*more = false;
	for (unsigned i = 0; i < w->rx_count; i++)
		w->rx_packet[i].dport = port;
	return wire_recv(w, family, rx);
}

bool ike_taken; /* does anybody own the port's IKE? */

bool wire_hand_over(const struct wire *w, const struct wire_rx *rx)
{
	(void)w;
	(void)rx;
	return ike_taken;
}

int wire_fd(const struct wire *w, uint8_t family)
{
	(void)w;
	(void)family;
	return -1;
}

int wire_error_fd(const struct wire *w, uint8_t family)
{
	(void)w;
	(void)family;
	return -1;
}

bool wire_recv_error(struct wire *w, uint8_t family, struct wire_error *out)
{
	(void)w;
	(void)family;
	(void)out;
	return false; /* test_path_error.c has them */
}

struct ip_addr local_addr; /* the host's only address */

bool hostnet_is_local(const struct hostnet *h, const struct ip_addr *addr)
{
	(void)h;
	return ip_addr_equal(addr, &local_addr);
}

unsigned icmp_errors;
uint16_t icmp_mtu;

void icmp_socket_too_big(struct icmp_socket *s, const uint8_t *data, const struct ip_view *v,
			 uint16_t mtu, uint64_t now_s)
{
	(void)s;
	(void)data;
	(void)v;
	(void)now_s;
	icmp_errors++;
	icmp_mtu = mtu;
}

/* ---- the bench ----------------------------------------------------------------------------- */

struct bench b;

struct ip_addr address(const char *text)
{
	struct ip_addr a;

	ck_assert(ip_addr_parse(text, &a));
	return a;
}

const struct sadb_limits no_limits = {
	.soft_bytes = SADB_NO_LIMIT,
	.hard_bytes = SADB_NO_LIMIT,
	.soft_packets = SADB_NO_LIMIT,
	.hard_packets = SADB_NO_LIMIT,
};

struct sa_config sa_config(uint32_t spi)
{
	static const struct esp_suite_spec spec = {ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 16};
	struct sa_config c = {
		.id = {address("192.0.2.2"), spi, IPPROTO_ESP},
		.src = address("192.0.2.1"),
		.mode = XFRM_MODE_TUNNEL,
		.replay_window = 64,
		.limits = no_limits,
	};
	const char *why = "";

	ck_assert_msg(esp_suite_find(&spec, &c.suite, &why) == 0, "%s", why);
	memset(c.keys.encr, 0x42, sizeof(c.keys.encr));
	return c;
}

struct sa *add_sa(const struct sa_config *config, unsigned directions, uint64_t last_seq)
{
	const struct sa_grant grant = {.directions = directions, .seq = {1, last_seq}};
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(b.db, config, &grant, 1000, &sa), 0);
	return sa;
}

struct policy_config policy_config(enum policy_dir dir)
{
	return (struct policy_config){
		.sel = {.family = AF_INET,
			.src = {address("10.1.0.0"), 16},
			.dst = {address("10.2.0.0"), 16}},
		.dir = (uint8_t)dir,
		.action = POLICY_PROTECT,
		.limits = no_limits,
		.tmpl = {.src = address("192.0.2.1"),
			 .dst = address("192.0.2.2"),
			 .proto = IPPROTO_ESP,
			 .mode = XFRM_MODE_TUNNEL},
	};
}

struct policy *add_policy(const struct policy_config *config)
{
	struct policy *p;

	ck_assert_int_eq(sadb_policy_add(b.db, config, false, 1000, &p), 0);
	atomic_store(&p->inner_mtu, INNER_MTU);
	return p;
}

/* One SA that is both ends, so that what was sealed can be opened; policies out, in and fwd. */
void set_up_tunnel(void)
{
	const struct sa_config sa = sa_config(SPI);
	struct policy_config p;

	add_sa(&sa, SA_IN | SA_OUT, UINT32_MAX);
	for (int dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		p = policy_config((enum policy_dir)dir);
		add_policy(&p);
	}
}

void setup(void)
{
	const struct sadb_retire at_once = {NULL, NULL};
	int pair[2];

	memset(&b, 0, sizeof(b));
	icmp_errors = 0;
	local_addr = address("10.2.0.1");
	b.db = sadb_new(at_once);
	ck_assert_ptr_nonnull(b.db);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	b.tun.fd = pair[0];
	b.host = pair[1];
	ck_assert_int_eq(
		worker_new(&b.worker, WORKER_OUT | WORKER_IN, b.db, NULL, &b.tun, &b.wire, NULL),
		0);
}

void teardown(void)
{
	worker_free(b.worker);
	sadb_free(b.db);
	close(b.tun.fd);
	if (b.host >= 0)
		close(b.host);
}

/* ---- packets ------------------------------------------------------------------------------- */

void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* An IPv4 UDP packet 10.1.0.7:1234 -> 10.2.0.9:53 of len bytes in all, checksum 0. */
void make_udp(uint8_t *at, unsigned len, bool df)
{
	const struct ip_addr src = address("10.1.0.7"), dst = address("10.2.0.9");

	memset(at, 0, len);
	at[0] = 0x45;
	put16(at + 2, len);
	at[6] = df ? 0x40 : 0;
	at[8] = 64;
	at[9] = IPPROTO_UDP;
	memcpy(at + 12, src.bytes, 4);
	memcpy(at + 16, dst.bytes, 4);
	put16(at + 10, checksum_fold(checksum_add(0, at, 20)));
	put16(at + 20, 1234);
	put16(at + 22, 53);
	put16(at + 24, len - 20);
	for (unsigned i = 28; i < len; i++)
		at[i] = (uint8_t)i;
}

void host_sends(const struct virtio_net_hdr *vnet, const uint8_t *data, size_t len)
{
	struct iovec iov[2] = {{(void *)vnet, sizeof(*vnet)}, {(void *)data, len}};

	ck_assert_int_eq(writev(b.host, iov, 2), (ssize_t)(sizeof(*vnet) + len));
}

void send_udp(unsigned len, bool df)
{
	const struct virtio_net_hdr vnet = {0};
	uint8_t data[BUF];

	make_udp(data, len, df);
	host_sends(&vnet, data, len);
	(void)outbound_batch(b.worker);
}

/* What was sealed last comes back from the wire. */
struct wire_rx *loop_back(unsigned i)
{
	struct wire *w = &b.wire;
	unsigned n = w->rx_count++;

	memcpy(w->rx[n], w->tx[i], BUF);
	w->rx_packet[n] = (struct wire_rx){
		.p = w->tx_packet[i],
		.src = w->dest[i].src,
		.dst = w->dest[i].dst,
		.tos = w->dest[i].tos,
	};
	w->rx_packet[n].p.buf = w->rx[n];
	w->rx_packet[n].p.size = BUF;
	return &w->rx_packet[n];
}

/* All counters of one direction are zero but v, which is n. */
void assert_only(const _Atomic uint64_t *counters, enum verdict v, uint64_t n)
{
	for (unsigned i = 0; i < V_COUNT; i++) {
		uint64_t got = atomic_load(&counters[i]);

		ck_assert_msg(got == (i == v ? n : 0), "%s is %llu", verdict_name((enum verdict)i),
			      (unsigned long long)got);
	}
}
