/*
 * backlog.c: see backlog.h. Two queues: all packets in order, in a ring of bytes; and those that go ahead,
 * in slots. A packet goes ahead if it is small and no packet of its flow waits in order; so the order
 * within a flow is kept whichever way its packets go. Flows are told apart by a hash: two that share
 * one at worst wait for each other.
 */
#include "gateway/dataplane/backlog.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 256, ROOM = IP_PACKET_MAX + 1, ALIGN = 64, RING = BACKLOG_BYTES + ROOM + ALIGN };

struct entry {
	struct virtio_net_hdr vnet;
	uint32_t at, len;
	uint8_t flow;
};

struct quiet {
	struct virtio_net_hdr vnet;
	uint32_t len;
	uint8_t data[BACKLOG_QUIET_BYTES];
};

struct backlog {
	unsigned first, count; /* of entry */
	uint32_t tail;	       /* where room starts */
	unsigned quiet_first, quiet_count;
	uint16_t waiting[FLOWS]; /* packets in order, by flow */
	struct entry entry[BACKLOG_PACKETS];
	struct quiet quiet[BACKLOG_QUIET];
	uint8_t ring[RING];
};

struct backlog *backlog_new(void)
{
	return calloc(1, sizeof(struct backlog));
}

void backlog_free(struct backlog *b)
{
	free(b);
}

bool backlog_empty(const struct backlog *b)
{
	return b->count == 0 && b->quiet_count == 0;
}

bool backlog_hurries(const struct backlog *b)
{
	return b->quiet_count > 0 && b->count > 0;
}

/* The room between tail and the oldest packet, or the end; from the start where that is too short. */
uint8_t *backlog_room(struct backlog *b)
{
	uint32_t oldest;

	if (b->count == 0) {
		b->tail = 0; /* memory that is still in the cache */
		return b->ring;
	}
	if (b->count == BACKLOG_PACKETS)
		return NULL;
	oldest = b->entry[b->first].at;
	if (b->tail > oldest && RING - b->tail < ROOM)
		b->tail = 0;
	if (b->tail <= oldest && oldest - b->tail < ROOM)
		return NULL;
	return b->ring + b->tail;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* Addresses, protocol and ports where a plain header has them; what is no such packet is flow 0. */
static uint8_t flow_of(const uint8_t *p, uint32_t len)
{
	const bool v6 = len > 0 && p[0] >> 4 == 6;
	const uint32_t from = v6 ? 8 : 12, header = v6 ? 40 : (len ? (p[0] & 15u) * 4u : 0);
	const bool fragment = !v6 && len >= 8 && (p[6] & 0x3f || p[7]);
	uint32_t hash, word;

	if (header < 20 || len < header + 4)
		return 0;
	hash = p[v6 ? 6 : 9];
	for (uint32_t i = from; i < (v6 ? 40U : 20U); i += 4) {
		memcpy(&word, p + i, 4);
		hash = (hash ^ word) * 0x9e3779b1U;
		hash ^= hash >> 15;
	}
	if (has_ports(p[v6 ? 6 : 9]) && !fragment) {
		memcpy(&word, p + header, 4);
		hash = (hash ^ word) * 0x9e3779b1U;
	}
	return (uint8_t)(hash >> 24);
}

static bool goes_ahead(const struct backlog *b, const struct virtio_net_hdr *vnet, uint32_t len,
		       uint8_t flow)
{
	return b->count > 0 && b->quiet_count < BACKLOG_QUIET && b->waiting[flow] == 0 &&
	       len <= BACKLOG_QUIET_BYTES && vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE;
}

bool backlog_add(struct backlog *b, const struct virtio_net_hdr *vnet, const uint8_t *data,
		 uint32_t len)
{
	uint8_t flow = flow_of(data, len);

	if (goes_ahead(b, vnet, len, flow)) {
		struct quiet *q = &b->quiet[(b->quiet_first + b->quiet_count++) % BACKLOG_QUIET];

		q->vnet = *vnet;
		q->len = len;
		memcpy(q->data, data, len);
		return true;
	}
	if (data != b->ring + b->tail)
		return false;
	b->entry[(b->first + b->count++) % BACKLOG_PACKETS] =
		(struct entry){.vnet = *vnet, .at = b->tail, .len = len, .flow = flow};
	b->waiting[flow]++;
	/* Never nothing, or two entries were at one place; never more than the room there was. */
	b->tail += len ? (len + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	return true;
}

bool backlog_next(struct backlog *b, struct backlog_packet *out)
{
	if (b->quiet_count > 0) {
		struct quiet *q = &b->quiet[b->quiet_first];

		b->quiet_first = (b->quiet_first + 1) % BACKLOG_QUIET;
		b->quiet_count--;
		*out = (struct backlog_packet){q->vnet, q->len, q->data};
		return true;
	}
	if (b->count > 0) {
		const struct entry *e = &b->entry[b->first];

		b->first = (b->first + 1) % BACKLOG_PACKETS;
		b->count--;
		b->waiting[e->flow]--;
		*out = (struct backlog_packet){e->vnet, e->len, b->ring + e->at};
		return true;
	}
	return false;
}
