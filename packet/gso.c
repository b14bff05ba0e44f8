/*
 * packet/gso.c: cuts a TCP or UDP superpacket into the segments its sender's kernel would have sent
 * had the TUN device not promised to do it (TSO, USO). Each segment is written straight into the slot
 * where it will be sealed: the payload is copied once and summed once, while it is in the cache.
 * Called by gateway/dataplane/outbound.c; gro.c is the way back.
 */
#include "packet/load.h"
#include "packet/packet.h"
#include "packet/tcp.h"
#include "packet/udp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

static bool is_udp(const struct ip_view *v)
{
	return v->proto == IPPROTO_UDP;
}

/* The pseudo header's addresses and protocol, without a length. Behind a routing header the
 * address that counts is the last one (RFC 8200 §8.1), which only the sender's own partial
 * checksum knows; so with extension headers we take the length back out of that. */
static uint64_t pseudo_of(const uint8_t *data, const struct ip_view *v,
			  const struct virtio_net_hdr *vnet)
{
	uint16_t partial, l4_len = (uint16_t)(v->total_len - v->l4_off);

	if (v->version == 4 || !v->has_extensions || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return checksum_pseudo(v, 0);
	memcpy(&partial, data + v->l4_off + (is_udp(v) ? UDP_CHECKSUM : TCP_CHECKSUM),
	       sizeof(partial));
	return (uint64_t)partial + (uint16_t)~htons(l4_len);
}

/* Does the kind of superpacket fit the packet? */
static bool type_fits(const struct ip_view *v, const struct virtio_net_hdr *vnet)
{
	uint8_t type = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	if (is_udp(v))
		return vnet->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	return v->proto == IPPROTO_TCP &&
	       type == (v->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6);
}

/* Length of the upper header, which has payload behind it; 0 if not. */
static unsigned l4_header_len(const uint8_t *data, const struct ip_view *v)
{
	unsigned l4_len = (unsigned)v->total_len - v->l4_off, len = UDP_HEADER_LEN;

	if (!is_udp(v)) {
		if (l4_len < TCP_HEADER_MIN)
			return 0;
		/* vnet->hdr_len is a hint (virtio 1.2 §5.1.6.2); the packet's own header decides. */
		len = (data[v->l4_off + TCP_DATA_OFFSET] >> 4) * 4u;
		if (len < TCP_HEADER_MIN)
			return 0;
	}
	return len < l4_len ? len : 0;
}

enum verdict gso_split_init(struct gso_split *s, const uint8_t *data, const struct ip_view *v,
			    const struct virtio_net_hdr *vnet)
{
	unsigned l4_len = (unsigned)v->total_len - v->l4_off;
	unsigned header_len;

	if (!type_fits(v, vnet) || vnet->gso_size == 0 || ip_is_fragment(v))
		return V_GSO;
	header_len = l4_header_len(data, v);
	if (header_len == 0)
		return V_GSO;

	*s = (struct gso_split){
		.data = data,
		.view = *v,
		.pseudo = pseudo_of(data, v, vnet),
		.payload_len = l4_len - header_len,
		.header_len = (uint16_t)(v->l4_off + header_len),
		.gso_size = vnet->gso_size,
	};
	return V_OK;
}

uint32_t gso_segment_max(const struct gso_split *s)
{
	return s->header_len + (s->gso_size < s->payload_len ? s->gso_size : s->payload_len);
}

uint32_t gso_segment_count(const struct gso_split *s)
{
	return (s->payload_len + s->gso_size - 1) / s->gso_size;
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

static void patch_udp(const struct gso_split *s, uint8_t *udp, uint32_t l4_len)
{
	uint16_t checksum;

	store_be16(udp + UDP_LENGTH, (uint16_t)l4_len);
	store_be16(udp + UDP_CHECKSUM, 0);
	checksum = checksum_fold(checksum_add(s->pseudo + htonl(l4_len), udp, l4_len));
	store_be16(udp + UDP_CHECKSUM, checksum ? checksum : 0xffff); /* RFC 768: 0 is "none" */
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
	if (is_udp(&s->view))
		patch_udp(s, ip + s->view.l4_off, out->len - s->view.l4_off);
	else
		patch_tcp(s, ip + s->view.l4_off, out->len - s->view.l4_off, take == left);
	s->done += take;
	s->index++;
	return true;
}
