/*
 * packet/gro.c: merges the opened TCP segments and UDP datagrams of one batch into few writes to TUN,
 * because a write costs more than opening a packet does. The far end must not be able to tell: a merged
 * packet is one that gso.c would cut into the very same segments again, so every field that gso.c
 * cannot restore has to agree. RFC 9293 for TCP, RFC 768 for UDP, RFC 6864 for the IPv4 ID. Called by
 * gateway/dataplane/inbound.c.
 *
 * Order within a flow: a packet is compared with its flow's newest group only. If it does not
 * continue that one it starts a newer one, and the older never grows again.
 */
#include "packet/load.h"
#include "packet/packet.h"
#include "packet/tcp.h"
#include "packet/udp.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

enum { END_OF_GROUP = UINT16_MAX };

/* A segment as the rules look at it. */
struct segment {
	const struct ip_view *view;
	const uint8_t *l4;
	uint32_t seq;	     /* TCP */
	uint16_t header_len; /* IP and TCP or UDP headers */
	uint16_t payload_len;
	uint8_t flags; /* TCP */
};

void gro_init(struct gro *g, bool merges_udp)
{
	g->merges_udp = merges_udp;
	g->group_count = 0;
	g->packet_count = 0;
}

/* True if the packet is a plain data segment that arrived undamaged; *out is then filled. The
 * checksum comes last because it costs most. */
static bool segment_parse(const uint8_t *data, const struct ip_view *v, struct segment *out)
{
	const uint8_t *tcp = data + v->l4_off;
	unsigned l4_len = (unsigned)v->total_len - v->l4_off;
	unsigned tcp_len;

	if (v->has_extensions || ip_is_fragment(v) || l4_len < TCP_HEADER_MIN)
		return false;
	tcp_len = (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	if (tcp_len < TCP_HEADER_MIN || tcp_len >= l4_len || tcp[TCP_DATA_OFFSET] & 0x0f)
		return false; /* no payload, or a reserved bit (RFC 9768: AE) */
	if ((tcp[TCP_FLAGS] & ~(TCP_PSH | TCP_FIN)) != TCP_ACK)
		return false;
	if (!checksum_l4_ok(data, v))
		return false;
	*out = (struct segment){
		.view = v,
		.l4 = tcp,
		.seq = load_be32(tcp + TCP_SEQ),
		.header_len = (uint16_t)(v->l4_off + tcp_len),
		.payload_len = (uint16_t)(l4_len - tcp_len),
		.flags = tcp[TCP_FLAGS],
	};
	return true;
}

/* The same of a UDP datagram. One without a checksum stays alone: whoever cuts it out of a superpacket
 * would give it one. */
static bool datagram_parse(const uint8_t *data, const struct ip_view *v, struct segment *out)
{
	const uint8_t *udp = data + v->l4_off;
	unsigned l4_len = (unsigned)v->total_len - v->l4_off;

	if (v->has_extensions || ip_is_fragment(v) || l4_len <= UDP_HEADER_LEN ||
	    load_be16(udp + UDP_LENGTH) != l4_len || load_be16(udp + UDP_CHECKSUM) == 0 ||
	    !checksum_l4_ok(data, v))
		return false;
	*out = (struct segment){
		.view = v,
		.l4 = udp,
		.header_len = (uint16_t)(v->l4_off + UDP_HEADER_LEN),
		.payload_len = (uint16_t)(l4_len - UDP_HEADER_LEN),
	};
	return true;
}

/* A packet without readable ports (a fragment) may belong to any flow between its hosts. */
static bool same_flow(const struct ip_view *a, const struct ip_view *b)
{
	if (a->has_ports && b->has_ports && (a->sport != b->sport || a->dport != b->dport))
		return false;
	return a->proto == b->proto && ip_addr_equal(&a->src, &b->src) &&
	       ip_addr_equal(&a->dst, &b->dst);
}

static struct gro_group *find_newest(struct gro *g, const struct ip_view *v)
{
	for (unsigned i = g->group_count; i > 0; i--)
		if (same_flow(&g->group[i - 1].view, v))
			return &g->group[i - 1];
	return NULL;
}

static const uint8_t *item_data(const struct gro *g, unsigned item)
{
	return packet_data(g->packet[item].p);
}

/* gso.c gives segment i the ID first + i. With DF set the ID means nothing (RFC 6864 §4.1) and
 * some senders leave it as it is; the second segment shows which kind this is. */
static bool id_continues(const struct gro *g, const struct gro_group *group,
			 const struct ip_view *v)
{
	uint16_t first = group->view.ip_id;
	bool counts = v->ip_id == (uint16_t)(first + group->count);
	bool stays = v->df && v->ip_id == first;

	if (v->version == 6)
		return true;
	if (group->count == 1)
		return counts || stays;
	if (load_be16(item_data(g, g->packet[group->first].next) + 4) == first)
		return stays;
	return counts;
}

static bool ip_agrees(const struct ip_view *a, const struct ip_view *b)
{
	return a->tos == b->tos && a->ttl == b->ttl && a->df == b->df &&
	       a->flow_label == b->flow_label;
}

/* Acknowledgement, window, urgent pointer and options, byte for byte. PSH and FIN close a group,
 * so those of the first are clear whenever another may follow. */
static bool tcp_agrees(const uint8_t *a, const uint8_t *b, size_t tcp_len)
{
	return memcmp(a + TCP_ACK_SEQ, b + TCP_ACK_SEQ, 4) == 0 &&
	       memcmp(a + TCP_WINDOW, b + TCP_WINDOW, 2) == 0 &&
	       memcmp(a + TCP_URGENT, b + TCP_URGENT, 2) == 0 &&
	       memcmp(a + TCP_OPTIONS, b + TCP_OPTIONS, tcp_len - TCP_HEADER_MIN) == 0;
}

static bool continues(const struct gro *g, const struct gro_group *group, const struct segment *s)
{
	const uint8_t *first = item_data(g, group->first);

	if (!group->open || s->payload_len > group->seg_len ||
	    s->payload_len > GRO_TOTAL_MAX - group->total || s->header_len != group->header_len ||
	    !ip_agrees(&group->view, s->view))
		return false;
	if (s->view->proto == IPPROTO_TCP &&
	    (s->seq != group->next_seq ||
	     !tcp_agrees(first + s->view->l4_off, s->l4, (size_t)s->header_len - s->view->l4_off)))
		return false;
	return id_continues(g, group, s->view);
}

static void append(struct gro *g, struct gro_group *group, const struct segment *s, uint16_t item)
{
	g->packet[group->last].next = item;
	group->last = item;
	group->count++;
	group->total += s->payload_len;
	group->next_seq += s->payload_len;
	if (s->payload_len < group->seg_len || s->flags & (TCP_PSH | TCP_FIN))
		group->open = false;
}

/* s is NULL for a packet that stays alone. */
static void start_group(struct gro *g, const struct ip_view *v, const struct segment *s,
			uint16_t item)
{
	struct gro_group *group = &g->group[g->group_count++];

	*group = (struct gro_group){
		.view = *v, .total = v->total_len, .count = 1, .first = item, .last = item};
	if (!s)
		return;
	group->header_len = s->header_len;
	group->seg_len = s->payload_len;
	group->next_seq = s->seq + s->payload_len;
	group->open = !(s->flags & (TCP_PSH | TCP_FIN)) && group->total < GRO_TOTAL_MAX;
}

bool gro_add(struct gro *g, struct packet *p, const struct ip_view *v)
{
	struct gro_group *group;
	struct segment segment;
	uint16_t item = (uint16_t)g->packet_count;
	bool plain;

	if (g->packet_count == GRO_BATCH)
		return false;
	assert(v->total_len <= p->len);
	g->packet[item] = (struct gro_item){.p = p, .next = END_OF_GROUP};
	g->packet_count++;

	if (v->proto == IPPROTO_TCP)
		plain = segment_parse(packet_data(p), v, &segment);
	else
		plain = g->merges_udp && v->proto == IPPROTO_UDP &&
			datagram_parse(packet_data(p), v, &segment);
	group = plain ? find_newest(g, v) : NULL;
	if (group && continues(g, group, &segment))
		append(g, group, &segment, item);
	else
		start_group(g, v, plain ? &segment : NULL, item);
	return true;
}

/* The first packet's headers come to speak for the whole group. Its checksum becomes a partial
 * one, as TUN expects with NEEDS_CSUM: the pseudo header's sum, not complemented. */
static void patch_first(const struct gro *g, const struct gro_group *group)
{
	uint8_t *ip = packet_data(g->packet[group->first].p);
	uint8_t *l4 = ip + group->view.l4_off;
	const uint8_t *last_l4 = item_data(g, group->last) + group->view.l4_off;
	uint32_t l4_len = group->total - group->view.l4_off;
	uint16_t partial = (uint16_t)~checksum_fold(checksum_pseudo(&group->view, l4_len));

	if (group->view.version == 4) {
		store_be16(ip + 2, (uint16_t)group->total);
		store_be16(ip + 10, 0);
		store_be16(ip + 10, checksum_fold(checksum_add(0, ip, group->view.l4_off)));
	} else {
		store_be16(ip + 4, (uint16_t)(group->total - IP6_HEADER_LEN));
	}
	if (group->view.proto == IPPROTO_UDP) {
		store_be16(l4 + UDP_LENGTH, (uint16_t)l4_len);
		store_be16(l4 + UDP_CHECKSUM, partial);
		return;
	}
	l4[TCP_FLAGS] |= last_l4[TCP_FLAGS] & (TCP_PSH | TCP_FIN);
	store_be16(l4 + TCP_CHECKSUM, partial);
}

/* What TUN is told about a group of several. */
static struct virtio_net_hdr group_header(const struct gro_group *group)
{
	const bool udp = group->view.proto == IPPROTO_UDP;
	const uint8_t tcp_type =
		group->view.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = udp ? VIRTIO_NET_HDR_GSO_UDP_L4 : tcp_type,
		.hdr_len = group->header_len,
		.gso_size = group->seg_len,
		.csum_start = group->view.l4_off,
		.csum_offset = udp ? UDP_CHECKSUM : TCP_CHECKSUM,
	};
}

unsigned gro_finish(struct gro *g, unsigned i, struct virtio_net_hdr *vnet,
		    struct iovec iov[static GRO_BATCH + 1])
{
	struct gro_group *group = &g->group[i];
	uint32_t left = group->total, take = left, skip = 0;
	unsigned n = 0;

	assert(i < g->group_count);
	*vnet = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	if (group->count > 1) {
		take = (uint32_t)group->header_len + group->seg_len;
		patch_first(g, group);
		*vnet = group_header(group);
	}
	for (unsigned item = group->first; item != END_OF_GROUP; item = g->packet[item].next) {
		if (take > left)
			take = left;
		iov[++n] = (struct iovec){packet_data(g->packet[item].p) + skip, take};
		left -= take;
		skip = group->header_len;
		take = group->seg_len;
	}
	return n;
}
