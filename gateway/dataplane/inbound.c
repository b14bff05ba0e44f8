/*
 * inbound.c: the straight line in. A protocol-50 packet arrives from the public side, is opened, and
 * the private packet inside goes to the TUN device. RFC 4301 §5.2, RFC 4303 §3.4.
 *
 *     wire_recv -> spi -> sad_lookup -> esp_open -> ip_parse -> policy check -> merge -> tun_write
 *
 * Orders that never change: the replay window is checked before and moved after authentication
 * (inside esp_open); the policy is asked after decryption and before the TUN device; nothing about
 * the peer is believed or booked before the packet is authentic.
 */
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/worker.h"

#include <assert.h>
#include <netinet/in.h>

/* A packet on its way in. */
struct arrival {
	struct sa *sa; /* borrowed until the end of the batch; NULL before the look-up */
	struct ip_view view;
	uint32_t spi;
	uint64_t seq;
};

/* After opening: to an address of this host by `in` policies, else by `fwd` ones; where there are no
 * fwd policies at all (BSD scripts) `in` covers both. */
static struct policy *find_policy(struct worker *w, const struct ip_view *v)
{
	enum policy_dir dir = POLICY_FWD;

	if (hostnet_is_local(w->hostnet, &v->dst) || sadb_policy_count(w->db, POLICY_FWD) == 0)
		dir = POLICY_IN;
	return spd_lookup_cached(w->db, w->cache, dir, v);
}

/* What came out of esp_open has to be an IP packet of the family the trailer names (RFC 4303 §2.6);
 * what follows it is TFC padding (§2.7) and is cut off. */
static enum verdict parse_inner(struct packet *p, uint8_t next_header, struct ip_view *view)
{
	enum verdict v;

	if (next_header != IPPROTO_IPIP && next_header != IPPROTO_IPV6)
		return V_NEXT_HEADER;
	v = ip_parse(packet_data(p), p->len, next_header, view);
	if (v == V_OK)
		packet_trim(p, view->total_len);
	return v;
}

/* RFC 3948 §2: what else comes by a UDP port of ESP. */
static enum verdict sort_udp(const struct worker *w, const struct wire_rx *rx)
{
	switch (udp_kind(packet_data(&rx->p), rx->p.len)) {
	case UDP_KEEPALIVE:
		return V_KEEPALIVE;
	case UDP_IKE:
		return wire_hand_over(w->wire, rx) ? V_IKE : V_NO_IKE;
	case UDP_ESP:
		break;
	}
	return V_OK;
}

/* RFC 7296 §2.23: a NAT may let the peer appear elsewhere at any time. Only an authentic packet says
 * so, and only one newer than all before: an old one may have been held back to mislead. */
static void note_peer(struct worker *w, const struct wire_rx *rx, const struct sa *sa)
{
	const struct sa_peer came = {rx->src, rx->sport};
	const struct sa_peer known = sa_peer(sa, SA_IN);

	if (known.port == came.port && ip_addr_equal(&known.addr, &came.addr))
		return;
	/* Once a second: a peer that is followed is known after the first time. */
	if (atomic_load_explicit(&sa->counters->mapping_time, memory_order_relaxed) == w->now)
		return;
	atomic_store_explicit(&sa->counters->mapping_time, w->now, memory_order_relaxed);
	worker_notify_mapping(w, sa, &came);
}

/* esp_open, and what an authentic packet tells about the peer. */
static enum verdict open_packet(struct worker *w, struct wire_rx *rx, struct arrival *a,
				uint8_t *next_header)
{
	const uint64_t newest = esp_in_seq(a->sa->in);
	enum verdict v = esp_open(a->sa->in, &rx->p, next_header, &a->seq);

	if (v == V_OK && rx->dport && a->seq > newest)
		note_peer(w, rx, a->sa);
	return v;
}

/* A host behind us is told what fits the way back: the MTU of the policy its answers will take. */
static void clamp_mss(struct worker *w, const struct wire_rx *rx, const struct ip_view *v)
{
	const struct policy *policy;
	struct ip_view back = *v;

	if (!tcp_is_syn(packet_data(&rx->p), v))
		return;
	back.src = v->dst;
	back.dst = v->src;
	back.sport = v->dport;
	back.dport = v->sport;
	policy = spd_lookup(w->db, POLICY_OUT, &back);
	if (policy)
		(void)tcp_clamp_mss(packet_data(&rx->p), v,
				    atomic_load_explicit(&policy->inner_mtu, memory_order_relaxed));
}

/* One ciphertext packet. Returns why it stopped; frees nothing. */
static enum verdict inbound_one(struct worker *w, struct wire_rx *rx, struct arrival *a)
{
	struct outer_options options;
	struct policy *policy;
	uint8_t next_header;
	enum verdict v;

	if (rx->truncated)
		return V_WIRE_TRUNCATED;
	v = rx->dport ? sort_udp(w, rx) : V_OK;
	if (v != V_OK)
		return v;
	if (!esp_peek_spi(&rx->p, &a->spi))
		return V_RUNT;
	a->sa = sad_lookup(w->db, a->spi, &rx->dst);
	if (!a->sa || !a->sa->in)
		return V_NO_SA;
	if ((rx->dport != 0) != sa_encap_is_udp(&a->sa->config.encap))
		return V_ENCAP;
	v = open_packet(w, rx, a, &next_header);
	if (v != V_OK)
		return v;
	/* Only now, unlike the kernel: a forged packet shall not end an SA. */
	if (!worker_sa_alive(w, a->sa))
		return V_IN_EXPIRED;
	v = parse_inner(&rx->p, next_header, &a->view);
	if (v != V_OK)
		return v;
	options = sa_outer_options(&a->sa->config);
	v = outer_to_inner(packet_data(&rx->p), &a->view, rx->tos, &options);
	if (v != V_OK)
		return v;
	/* Authentic is not the same as allowed: RFC 4301 §5.2 step 4. */
	policy = find_policy(w, &a->view);
	v = spd_permits(policy, a->sa, &a->view);
	if (v != V_OK)
		return v;
	if (a->sa->config.extra_flags & SA_XFLAG_CLAMP_MSS)
		clamp_mss(w, rx, &a->view);
	atomic_store_explicit(&policy->use_time, w->now, memory_order_relaxed);
	sa_on_packet(a->sa, a->view.total_len, w->now);
	return V_OK;
}

static void add_one(_Atomic uint32_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* RFC 4303 §4: auditable events name the SPI, addresses and sequence number; RFC 4301 §5.2, the
 * packet inside once it is authentic. */
static void audit(struct worker *w, const struct wire_rx *rx, const struct arrival *a,
		  enum verdict v)
{
	bool has_spi = v != V_WIRE_TRUNCATED && v != V_RUNT;
	bool has_flow = a->view.version != 0 && v != V_INNER_MALFORMED;
	const struct audit_event event = {.verdict = v,
					  .src = &rx->src,
					  .dst = &rx->dst,
					  .spi = has_spi ? &a->spi : NULL,
					  .seq = a->seq,
					  .flow = has_flow ? &a->view : NULL};

	if (v == V_DUMMY || v == V_KEEPALIVE || v == V_IKE)
		return;
	if (a->sa && (v == V_REPLAY_OLD || v == V_REPLAY_DUP))
		add_one(&a->sa->counters->replay_drops);
	if (a->sa && v == V_ICV)
		add_one(&a->sa->counters->icv_drops);
	audit_say(&w->audit, &event, w->now);
}

/* RFC 4301 §5.2: the peer is to hear of a packet that is not what its SA was made for. Not of one that a policy
 * discards: that is our own wish. */
static bool is_misfit(enum verdict v)
{
	return v == V_SELECTOR || v == V_NO_IN_POLICY || v == V_IN_TEMPLATE;
}

/* Writes the opened packets of the batch, merged where the rules allow it. */
static void deliver(struct worker *w)
{
	for (unsigned i = 0; i < w->gro.group_count; i++) {
		struct virtio_net_hdr vnet;
		struct iovec iov[GRO_BATCH + 1];
		unsigned count = gro_finish(&w->gro, i, &vnet, iov);
		int rc = tun_write(w->tun, &vnet, iov, count);

		worker_count_in(w, rc == 0 ? V_OK : V_TUN_WRITE, w->gro.group[i].count);
	}
}

static void open_all(struct worker *w, int n)
{
	gro_init(&w->gro, w->tun->takes_udp);
	for (int i = 0; i < n; i++) {
		struct arrival a = {0};
		enum verdict v = inbound_one(w, &w->rx[i], &a);

		if (v == V_OK) {
			bool added = gro_add(&w->gro, &w->rx[i].p, &a.view);

			assert(added); /* the batch is no larger than gro's */
			continue;
		}
		worker_count_in(w, v, 1);
		audit(w, &w->rx[i], &a, v);
		if (is_misfit(v))
			worker_notify_misfit(w, a.sa, &w->rx[i].p, &a.view);
	}
	deliver(w);
}

static void log_receive_error(int error)
{
	/* A pending error of the socket is used up by reading it. */
	log_packet("receiving from the public side: error %d", error);
}

bool inbound_batch(struct worker *w, uint8_t family)
{
	int n = wire_recv(w->wire, family, w->rx);

	if (n < 0) {
		log_receive_error(-n);
		return true;
	}
	open_all(w, n);
	return n == WIRE_BATCH;
}

void inbound_udp_batch(struct worker *w, uint8_t family, uint16_t port)
{
	bool more = true;

	while (more) {
		int n = wire_recv_udp(w->wire, family, port, w->rx, &more);

		if (n < 0)
			log_receive_error(-n);
		else
			open_all(w, n);
	}
}
