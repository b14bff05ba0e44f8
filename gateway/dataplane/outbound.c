/*
 * outbound.c: the straight line out. A private packet leaves the TUN device, is sealed whole, and
 * goes to the public side addressed gateway to gateway. RFC 4301 §5.1, RFC 4303 §3.3.
 *
 *     tun_read -> ip_parse -> spd_lookup -> sa -> mtu check -> complete checksum / split
 *              -> esp_seal -> outer header -> wire_send
 *
 * Each step borrows the packet and returns a verdict; nobody on the line frees anything. A packet
 * that reached the wire's batch is counted by wire_flush, any other by outbound_batch.
 */
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/worker.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

enum {
	TUN_READS = 128,	  /* before what was read goes on */
	TUN_READ_BYTES = 1 << 19, /* the same; copying takes time, too */
	BATCH = 64,		  /* packets; a superpacket counts once ... */
	BATCH_BYTES = 128 << 10,  /* ... and no more bytes: the other direction waits meanwhile */
	HURRY_BYTES = 48 << 10,	  /* the same while small packets overtake others ... */
	HURRY_ROUNDS = 64,	  /* ... and for so many rounds after */
	GRANT_LOW = 1 << 19,	  /* ask for sequence numbers with this many left ... */
	GRANT_ASK_EVERY = 1 << 12 /* ... and again after so many packets, until they come */
};

/* What went ahead leaves room in each batch for what waits in order. */
static_assert(BACKLOG_QUIET <= BATCH / 2 && BACKLOG_QUIET * BACKLOG_QUIET_BYTES <= HURRY_BYTES / 2,
	      "small packets may keep all others from the wire");

/* A packet on its way out. */
struct departure {
	const uint8_t *data;
	struct ip_view view;
	struct policy *policy; /* borrowed until the end of the batch */
	struct sa *sa;	       /* borrowed until the end of the batch */
	struct wire_dest dest;
	uint32_t mtu; /* of the inner packet; 0: not known */
};

void outbound_flush(struct worker *w)
{
	uint64_t verdicts[V_COUNT] = {0};

	wire_flush(w->wire, verdicts);
	worker_count_out(w, V_OK, verdicts[V_OK]);
	worker_count_out(w, V_WIRE_QUEUE, verdicts[V_WIRE_QUEUE]);
	worker_count_out(w, V_WIRE_REFUSED, verdicts[V_WIRE_REFUSED]);
}

/* What the packet grows to before it is sealed: RFC 4303 §2.7, where the SA asks for it. */
static uint32_t padded_len(const struct departure *d, uint32_t inner_len)
{
	return esp_padded_len(inner_len, d->sa->config.tfcpad, d->mtu);
}

/* Room in the batch, sending what is there if it is full. */
static struct packet *reserve(struct worker *w, const struct departure *d, uint32_t inner_len)
{
	uint32_t inner_max = padded_len(d, inner_len);
	struct packet *p = wire_reserve(w->wire, inner_max);

	if (p)
		return p;
	outbound_flush(w);
	return wire_reserve(w->wire, inner_max);
}

/* What follows sealing: numbers are asked for in time, the packet is booked and goes into the batch. */
static enum verdict commit(struct worker *w, struct departure *d, uint32_t inner_len,
			   enum verdict v)
{
	const uint64_t left = esp_out_left(d->sa->out);

	if (left < GRANT_LOW && left % GRANT_ASK_EVERY == 0)
		worker_ask_grant(w, d->sa);
	if (v == V_SEQ_EXHAUSTED)
		worker_sa_ends(w, d->sa, SA_HARD);
	if (v != V_OK)
		return v;
	sa_on_packet(d->sa, inner_len, w->now);
	wire_commit(w->wire, &d->dest);
	return V_OK;
}

/* Seals one inner packet, already in its slot, and puts it into the batch. */
static enum verdict seal(struct worker *w, struct departure *d, struct packet *p)
{
	uint8_t next_header = d->view.version == 6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	uint32_t inner_len = p->len;

	if (!worker_sa_alive(w, d->sa))
		return V_OUT_EXPIRED;
	return commit(w, d, inner_len,
		      esp_seal_padded(d->sa->out, p, next_header, padded_len(d, inner_len)));
}

static enum verdict send_whole(struct worker *w, struct departure *d)
{
	struct packet *p = reserve(w, d, d->view.total_len);
	uint8_t *room = p ? packet_put(p, d->view.total_len) : NULL;

	if (!room)
		return V_NO_ROOM;
	memcpy(room, d->data, d->view.total_len);
	return seal(w, d, p);
}

static enum verdict send_fragments(struct worker *w, struct departure *d, uint16_t mtu)
{
	struct fragmenter f;
	struct packet *p;
	enum verdict v = V_OK;

	if (!fragmenter_init(&f, d->data, &d->view, mtu))
		return V_TOO_BIG;
	while (v == V_OK) {
		p = reserve(w, d, mtu);
		if (!p)
			return V_NO_ROOM;
		if (!fragmenter_next(&f, p))
			break;
		v = seal(w, d, p);
	}
	return v;
}

/* Whole, to be fragmented behind ESP; one that is too long for that even is fragmented before. */
static bool goes_whole(const struct worker *w, const struct departure *d)
{
	const struct sa_config *sa = &d->sa->config;

	return w->fragment_after && !(sa->extra_flags & SA_XFLAG_DF_SET) &&
	       esp_outer_len(&sa->suite, ESP_ENCAP_UDP, sa->id.dst.family, d->view.total_len) <=
		       IP_PACKET_MAX;
}

/* Larger than the tunnel takes, and no superpacket. RFC 4301 §8.2.1. */
static enum verdict send_too_big(struct worker *w, struct departure *d, uint16_t mtu)
{
	if (d->view.df) {
		icmp_socket_too_big(w->icmp, d->data, &d->view, mtu, w->now);
		return V_TOO_BIG;
	}
	if (!goes_whole(w, d))
		return send_fragments(w, d, mtu);
	d->dest.df = false;
	return send_whole(w, d);
}

/* Segments that are larger than the tunnel takes, of a source that allows fragments: each is treated
 * as if it had come by itself. */
static enum verdict fragment_segments(struct worker *w, const struct departure *d,
				      struct gso_split *split)
{
	struct packet segment = {.buf = w->segment, .size = IP_PACKET_MAX};
	enum verdict v = V_OK;

	while (v == V_OK && gso_split_next(split, &segment)) {
		struct departure one = *d;

		one.data = packet_data(&segment);
		v = ip_parse(one.data, segment.len, 0, &one.view);
		if (v != V_OK)
			return V_OUT_MALFORMED;
		v = one.view.total_len > one.mtu ? send_too_big(w, &one, (uint16_t)one.mtu)
						 : send_whole(w, &one);
	}
	return v;
}

static enum verdict send_segments(struct worker *w, struct departure *d,
				  const struct virtio_net_hdr *vnet)
{
	struct gso_split split;
	struct packet *p;
	uint32_t segment_max;
	enum verdict v;

	v = gso_split_init(&split, d->data, &d->view, vnet);
	if (v != V_OK)
		return v;
	segment_max = gso_segment_max(&split);
	if (d->mtu && segment_max > d->mtu && !d->view.df)
		return fragment_segments(w, d, &split);
	if (d->mtu && segment_max > d->mtu) {
		icmp_socket_too_big(w->icmp, d->data, &d->view, (uint16_t)d->mtu, w->now);
		return V_TOO_BIG;
	}
	/* Segments of one superpacket go out together: on the wire they may be one datagram to cut. */
	if (gso_segment_count(&split) > wire_room(w->wire))
		outbound_flush(w);
	while (v == V_OK) {
		p = reserve(w, d, segment_max);
		if (!p)
			return V_NO_ROOM;
		if (!gso_split_next(&split, p))
			break;
		v = seal(w, d, p);
	}
	return v;
}

/* RFC 4301 §4.4.1: what the SPD says about the packet, and the SA it names. */
static enum verdict choose_sa(struct worker *w, struct departure *d)
{
	d->policy = spd_lookup_cached(w->db, w->cache, POLICY_OUT, &d->view);
	if (!d->policy)
		return V_NO_OUT_POLICY;
	atomic_store_explicit(&d->policy->use_time, w->now, memory_order_relaxed);
	if (d->policy->config.action == POLICY_DISCARD)
		return V_OUT_DISCARD;
	if (d->policy->config.action == POLICY_BYPASS)
		return V_OUT_BYPASS;
	d->sa = atomic_load_explicit(&d->policy->sa, memory_order_acquire);
	if (!d->sa || !d->sa->out)
		return V_NO_OUT_SA;
	if (d->sa->config.sel.family != AF_UNSPEC &&
	    !selector_matches(&d->sa->config.sel, &d->view))
		return V_OUT_SELECTOR;
	return V_OK;
}

/* RFC 4301 §8: how large the inner packet may be. Never below 1280 for IPv6: its sources may send
 * that much anywhere (RFC 8200 §5), so then the outer packet is fragmented instead. */
static uint32_t mtu_for(const struct departure *d, bool *outer_fragments)
{
	uint32_t mtu = atomic_load_explicit(&d->policy->inner_mtu, memory_order_relaxed);

	*outer_fragments = false;
	if (mtu && d->view.version == 6 && mtu < IP6_MTU_MIN) {
		*outer_fragments = true;
		return IP6_MTU_MIN;
	}
	return mtu;
}

/* The outer addresses and mark, and the ports of encapsulation: RFC 3948 §3.4. */
static struct wire_dest destination(const struct sa *sa)
{
	struct sa_peer peer;

	if (!sa_encap_is_udp(&sa->config.encap))
		return (struct wire_dest){.src = sa->config.src,
					  .dst = sa->config.id.dst,
					  .mark = sa_output_mark(&sa->config)};
	peer = sa_peer(sa, SA_OUT);
	return (struct wire_dest){.src = sa->config.src,
				  .dst = peer.addr,
				  .sport = sa->config.encap.sport,
				  .dport = peer.port,
				  .mark = sa_output_mark(&sa->config),
				  .no_sum = (sa->config.extra_flags & SA_XFLAG_UDP_NO_SUM) != 0};
}

static enum verdict outbound_one(struct worker *w, struct departure *d,
				 const struct virtio_net_hdr *vnet, uint8_t *data, size_t len)
{
	struct outer_options options;
	struct outer_fields outer;
	bool outer_fragments;
	enum verdict v;

	*d = (struct departure){.data = data};
	v = ip_parse(data, len, 0, &d->view);
	if (v != V_OK)
		return V_OUT_MALFORMED;
	v = choose_sa(w, d);
	if (v != V_OK)
		return v;
	d->mtu = mtu_for(d, &outer_fragments);
	options = sa_outer_options(&d->sa->config);
	outer = outer_from_inner(&d->view, d->sa->config.id.dst.family, &options);
	d->dest = destination(d->sa);
	d->dest.tos = outer.tos;
	d->dest.df = outer.df && !outer_fragments;
	if (vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return send_segments(w, d, vnet);
	/* A plain packet may come with its checksum left to the device, too. */
	if ((vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !checksum_complete(data, d->view.total_len, vnet->csum_start, vnet->csum_offset,
			       d->view.proto == IPPROTO_UDP))
		return V_OUT_MALFORMED;
	if (d->sa->config.extra_flags & SA_XFLAG_CLAMP_MSS)
		(void)tcp_clamp_mss(data, &d->view, d->mtu); /* most packets say none */
	if (!d->mtu || d->view.total_len <= d->mtu)
		return send_whole(w, d);
	return send_too_big(w, d, (uint16_t)d->mtu);
}

/* Says which flow stopped, and why; RFC 4303 §3.3.3 wants the SA too. */
static void drop(struct worker *w, const struct departure *d, enum verdict v)
{
	const struct sa_config *sa = d->sa ? &d->sa->config : NULL;
	const struct audit_event event = {.verdict = v,
					  .src = sa ? &sa->src : NULL,
					  .dst = sa ? &sa->id.dst : NULL,
					  .spi = sa ? &sa->id.spi : NULL,
					  .flow = d->view.version ? &d->view : NULL};

	worker_count_out(w, v, 1);
	audit_say(&w->audit, &event, w->now);
}

void outbound_again(struct worker *w, const struct virtio_net_hdr *vnet, uint8_t *data, size_t len)
{
	struct departure d;
	enum verdict v = outbound_one(w, &d, vnet, data, len);

	if (v != V_OK)
		drop(w, &d, v == V_NO_OUT_SA ? V_ACQUIRE_TIMEOUT : v);
}

/* RFC 4303 §2.6. On the wire it is like any packet of its length with DF. */
static enum verdict send_dummy(struct worker *w, struct departure *d, uint32_t len)
{
	uint8_t *noise = w->tun_buf; /* which holds no packet now */
	struct packet *p;

	if (len > IP_PACKET_MAX)
		return V_NO_ROOM;
	/* Seen by all where nothing is encrypted; elsewhere it costs little. */
	if (getrandom(noise, len, GRND_NONBLOCK) != (ssize_t)len)
		return V_CRYPTO;
	d->dest = destination(d->sa);
	d->dest.df = true;
	p = reserve(w, d, len);
	if (!p)
		return V_NO_ROOM;
	return commit(w, d, len, esp_seal_dummy(d->sa->out, p, noise, len));
}

void outbound_dummies(struct worker *w)
{
	struct notice order;

	notice_rearm(&w->orders);
	while (notice_take(&w->orders, &order)) {
		struct departure d = {.sa = sad_lookup_sent(w->db, order.id.spi, &order.id.dst)};
		enum verdict v;

		if (!d.sa || d.sa->serial != order.serial)
			continue; /* gone in the meantime */
		v = worker_sa_alive(w, d.sa) ? send_dummy(w, &d, order.len) : V_OUT_EXPIRED;
		if (v != V_OK)
			drop(w, &d, v);
	}
	outbound_flush(w);
}

/* Empties the device's queue, which knows no bytes: what is too much must not wait there either. */
static void fill_backlog(struct worker *w)
{
	struct virtio_net_hdr vnet;
	unsigned bytes = 0;

	for (unsigned i = 0; i < TUN_READS && bytes < TUN_READ_BYTES; i++) {
		uint8_t *room = backlog_room(w->backlog);
		uint8_t *at = room ? room : w->tun_buf;
		int len = tun_read(w->tun, &vnet, at, IP_PACKET_MAX + 1);

		if (len < 0)
			return;
		bytes += (unsigned)len;
		if (!backlog_add(w->backlog, &vnet, at, (uint32_t)len))
			worker_count_out(w, V_TUN_QUEUE, 1);
	}
}

/* Long rounds carry more, short ones let a small packet go sooner: those of ours that come next, and those of
 * the other direction. */
static unsigned round_bytes(struct worker *w)
{
	if (backlog_hurries(w->backlog))
		w->hurry = HURRY_ROUNDS;
	else if (w->hurry > 0)
		w->hurry--;
	return w->hurry > 0 ? HURRY_BYTES : BATCH_BYTES;
}

bool outbound_batch(struct worker *w)
{
	struct backlog_packet p;
	struct departure d;
	enum verdict v;
	unsigned bytes = 0, most;

	fill_backlog(w);
	most = round_bytes(w);
	for (unsigned i = 0; i < BATCH && bytes < most && backlog_next(w->backlog, &p); i++) {
		bytes += p.len;
		v = outbound_one(w, &d, &p.vnet, p.data, p.len);
		if (v == V_NO_OUT_SA && outbound_keep(w, &p.vnet, p.data, p.len))
			continue; /* its verdict comes later */
		if (v != V_OK)
			drop(w, &d, v);
	}
	outbound_flush(w);
	return !backlog_empty(w->backlog);
}
