/*
 * packet/ip.c: reads IPv4 (RFC 791) and IPv6 (RFC 8200) headers, options and extension headers
 * into a view. Called once for every packet in both directions, on bytes that a stranger may have
 * chosen: each length is checked as minimum, stated <= given, stated >= header, in this order.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

enum ip_limits {
	/* RFC 8200 §4.1 knows at most seven in a packet; a longer chain is made to cost time. */
	IP6_CHAIN_MAX = 16,
	IP6_EXTENSION_MIN = 8,
};

enum { IP4_DF = 0x4000, IP4_MF = 0x2000, IP4_OFFSET = 0x1fff };

bool ip_proto_has_ports(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
	case IPPROTO_MH:
		return true;
	default:
		return false;
	}
}

/* Ports, or what stands in their place in a selector: RFC 4301 §4.4.1.1. Only the part of the
 * packet that carries the upper-layer header has them. */
static void read_ports(const uint8_t *data, struct ip_view *v)
{
	const uint8_t *l4 = data + v->l4_off;
	unsigned l4_len = (unsigned)v->total_len - v->l4_off;

	switch (v->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		if (l4_len < 4)
			return;
		v->sport = load_be16(l4);
		v->dport = load_be16(l4 + 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (l4_len < 2 || (v->proto == IPPROTO_ICMP) != (v->version == 4))
			return;
		v->sport = l4[0];
		v->dport = l4[1];
		break;
	case IPPROTO_MH: /* RFC 6275 §6.1.1: the type is the third byte */
		if (l4_len < 3 || v->version != 6)
			return;
		v->sport = l4[2];
		break;
	default:
		return;
	}
	v->has_ports = true;
}

static enum verdict parse_v4(const uint8_t *data, size_t len, struct ip_view *v)
{
	uint16_t header_len, frag;

	if (len < IP4_HEADER_MIN)
		return V_INNER_MALFORMED;
	header_len = (uint16_t)((data[0] & 0x0f) * 4);
	v->total_len = load_be16(data + 2);
	if (header_len < IP4_HEADER_MIN || v->total_len > len || v->total_len < header_len)
		return V_INNER_MALFORMED;
	if (checksum_fold(checksum_add(0, data, header_len)) != 0)
		return V_INNER_MALFORMED;

	frag = load_be16(data + 6);
	v->version = 4;
	v->l4_off = header_len;
	v->has_extensions = header_len > IP4_HEADER_MIN;
	v->tos = data[1];
	v->ip_id = load_be16(data + 4);
	v->df = frag & IP4_DF;
	v->more_frags = frag & IP4_MF;
	v->frag_off = (uint16_t)((frag & IP4_OFFSET) * 8);
	v->ttl = data[8];
	v->proto = data[9];
	v->src = ip_addr_v4(data + 12);
	v->dst = ip_addr_v4(data + 16);
	/* A fragment that ends behind the largest packet there can be lies about its place. */
	if (v->frag_off > IP_PACKET_MAX - v->total_len)
		return V_INNER_MALFORMED;
	if (v->frag_off == 0)
		read_ports(data, v);
	return V_OK;
}

/* Reads the extension header that v->proto names at v->l4_off and returns its length; 0 if it is
 * not an extension header. The packet holds IP6_EXTENSION_MIN bytes of it, or more. */
static unsigned extension_len(const uint8_t *ext, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (ext[1] + 1u) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		/* RFC 4301 §4.4.1.1 lets us choose which headers to look behind. An authenticated
		 * packet is still one of the protocol it carries. RFC 4302 §2.2 for the length. */
		return (ext[1] + 2u) * 4;
	default:
		return 0;
	}
}

/* Walks from v->l4_off, just behind the fixed header, to the upper-layer header. */
static enum verdict skip_extensions(const uint8_t *data, struct ip_view *v)
{
	bool fragment_seen = false;

	for (int i = 0; i <= IP6_CHAIN_MAX; i++) {
		static const uint8_t none[IP6_EXTENSION_MIN];
		const uint8_t *ext = data + v->l4_off;
		unsigned left = (unsigned)v->total_len - v->l4_off;
		unsigned ext_len = extension_len(left < IP6_EXTENSION_MIN ? none : ext, v->proto);

		if (ext_len == 0)
			return V_OK;
		if (left < IP6_EXTENSION_MIN || left < ext_len)
			return V_INNER_MALFORMED; /* RFC 7112 §5: the whole chain in one packet */
		if (v->proto == IPPROTO_FRAGMENT) {
			uint16_t frag = load_be16(ext + 2);

			if (fragment_seen)
				return V_INNER_MALFORMED;
			fragment_seen = true;
			v->more_frags = frag & 1;
			v->frag_off = frag & 0xfff8;
		}
		v->has_extensions = true;
		v->proto = ext[0];
		v->l4_off = (uint16_t)(v->l4_off + ext_len);
		if (v->frag_off != 0)
			return V_OK; /* what follows is not a header */
	}
	return V_INNER_MALFORMED;
}

static enum verdict parse_v6(const uint8_t *data, size_t len, struct ip_view *v)
{
	uint32_t first, payload_len;

	if (len < IP6_HEADER_LEN)
		return V_INNER_MALFORMED;
	first = load_be32(data);
	payload_len = load_be16(data + 4);
	/* Zero announces a jumbogram, RFC 2675 §3. Nothing that fits a tunnel is one. */
	if (payload_len == 0 || payload_len > IP_PACKET_MAX - IP6_HEADER_LEN ||
	    payload_len > len - IP6_HEADER_LEN)
		return V_INNER_MALFORMED;

	v->version = 6;
	v->total_len = (uint16_t)(IP6_HEADER_LEN + payload_len);
	v->l4_off = IP6_HEADER_LEN;
	v->tos = (uint8_t)(first >> 20);
	v->flow_label = first & 0xfffff;
	v->proto = data[6];
	v->ttl = data[7];
	v->src = ip_addr_v6(data + 8);
	v->dst = ip_addr_v6(data + 24);
	v->df = true;
	if (skip_extensions(data, v) != V_OK)
		return V_INNER_MALFORMED;
	/* RFC 8200 §4.5: no fragment ends behind the largest payload. */
	if (v->frag_off > IP_PACKET_MAX - (v->total_len - v->l4_off))
		return V_INNER_MALFORMED;
	if (v->frag_off == 0)
		read_ports(data, v);
	return V_OK;
}

enum verdict ip_parse(const uint8_t *data, size_t len, uint8_t next_header, struct ip_view *out)
{
	struct ip_view v = {0};
	enum verdict verdict = V_INNER_MALFORMED;

	if (len == 0)
		return V_INNER_MALFORMED;
	if (data[0] >> 4 == 4 && (next_header == 0 || next_header == IPPROTO_IPIP))
		verdict = parse_v4(data, len, &v);
	else if (data[0] >> 4 == 6 && (next_header == 0 || next_header == IPPROTO_IPV6))
		verdict = parse_v6(data, len, &v);
	if (verdict == V_OK)
		*out = v;
	return verdict;
}
