/*
 * packet/gso.c: cuts a TCP superpacket into the segments its sender's kernel would have sent had
 * the TUN device not promised to do it (TSO). Each segment is written straight into the slot
 * where it will be sealed: the payload is copied once and summed once, while it is in the cache.
 * Called by gateway/dataplane/outbound.c; gro.c is the way back.
 */
#include "packet/load.h"
#include "packet/packet.h"
#include "packet/tcp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

/* The pseudo header's addresses and protocol, without a length. Behind a routing header the
 * address that counts is the last one (RFC 8200 §8.1), which only the sender's own partial
 * checksum knows; so with extension headers we take the length back out of that. */
static uint64_t pseudo_of(const uint8_t *data, const struct ip_view *v,
			  const struct virtio_net_hdr *vnet)
{
	uint16_t partial, l4_len = (uint16_t)(v->total_len - v->l4_off);

	if (v->version == 4 || !v->has_extensions || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return checksum_pseudo(v, 0);
	memcpy(&partial, data + v->l4_off + TCP_CHECKSUM, sizeof(partial));
	return (uint64_t)partial + (uint16_t)~htons(l4_len);
}

enum verdict gso_split_init(struct gso_split *s, const uint8_t *data, const struct ip_view *v,
			    const struct virtio_net_hdr *vnet)
{
	uint8_t type = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	uint8_t expected = v->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	unsigned l4_len = (unsigned)v->total_len - v->l4_off;
	unsigned tcp_len;

	if (type != expected || vnet->gso_size == 0)
		return V_GSO;
	if (v->proto != IPPROTO_TCP || ip_is_fragment(v) || l4_len < TCP_HEADER_MIN)
		return V_GSO;
	/* vnet->hdr_len is a hint (virtio 1.2 §5.1.6.2); the packet's own header decides. */
	tcp_len = (data[v->l4_off + TCP_DATA_OFFSET] >> 4) * 4u;
	if (tcp_len < TCP_HEADER_MIN || tcp_len >= l4_len)
		return V_GSO;

	*s = (struct gso_split){
		.data = data,
		.view = *v,
		.pseudo = pseudo_of(data, v, vnet),
		.payload_len = l4_len - tcp_len,
		.header_len = (uint16_t)(v->l4_off + tcp_len),
		.gso_size = vnet->gso_size,
	};
	return V_OK;
}

uint32_t gso_segment_max(const struct gso_split *s)
{
	return s->header_len + (s->gso_size < s->payload_len ? s->gso_size : s->payload_len);
}

static void patch_ip(const struct gso_split *s, uint8_t *ip, uint32_t len)
{
	if (s->view.version == 6) {
		store_be16(ip + 4, (uint16_t)(len - IP6_HEADER_LEN));
		return;
	}
	store_be16(ip + 2, (uint16_t)len);
	store_be16(ip + 4, (uint16_t)(s->view.ip_id + s->index));
	store_be16(ip + 10, 0);
	store_be16(ip + 10, checksum_fold(checksum_add(0, ip, s->view.l4_off)));
}

static void patch_tcp(const struct gso_split *s, uint8_t *tcp, uint32_t l4_len, bool last)
{
	uint64_t sum = s->pseudo + htonl(l4_len);
	uint8_t drop = 0;

	if (s->index != 0)
		drop |= TCP_CWR; /* RFC 3168 §6.1.2: said once a window */
	if (!last)
		drop |= TCP_FIN | TCP_PSH;
	tcp[TCP_FLAGS] &= (uint8_t)~drop;
	store_be32(tcp + TCP_SEQ, load_be32(tcp + TCP_SEQ) + s->done);
	store_be16(tcp + TCP_CHECKSUM, 0);
	store_be16(tcp + TCP_CHECKSUM, checksum_fold(checksum_add(sum, tcp, l4_len)));
}

bool gso_split_next(struct gso_split *s, struct packet *out)
{
	uint32_t left = s->payload_len - s->done;
	uint32_t take = left < s->gso_size ? left : s->gso_size;
	uint8_t *ip = packet_data(out);

	if (left == 0)
		return false;
	out->len = s->header_len + take;
	assert(out->off <= out->size && out->len <= out->size - out->off);
	memcpy(ip, s->data, s->header_len);
	memcpy(ip + s->header_len, s->data + s->header_len + s->done, take);
	patch_ip(s, ip, out->len);
	patch_tcp(s, ip + s->view.l4_off, out->len - s->view.l4_off, take == left);
	s->done += take;
	s->index++;
	return true;
}
