/*
 * packet/outer.c: what passes between inner and outer header. The tunnel copies DSCP, ECN and DF
 * outwards (RFC 4301 §5.1.2.1, RFC 6040 §4.1) and carries congestion marks back inwards
 * (RFC 6040 §4.2); an SA may ask for less or more, in XFRM's terms. Called by gateway/dataplane on
 * each packet. docs/decisions/0008 lists where the Linux kernel differs.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <string.h>

enum ecn { NOT_ECT, ECT_1, ECT_0, CE, ECN_MASK = 3 }; /* RFC 3168 §5, figure 1 */

/* DF of an IPv4 outer header. RFC 4301 §8.1: set, clear, or copied. IPv6 never fragments on its way, so
 * its sources find path MTUs; but up to 1280 bytes they may send unasked (RFC 8200 §5), and a narrow
 * IPv4 path must then be let cut the outer packet. The kernel does the same. */
static bool outer_df(const struct ip_view *inner, const struct outer_options *o)
{
	if (o->set_df)
		return true;
	if (o->clear_df)
		return false;
	return inner->version == 6 ? inner->total_len > IP6_MTU_MIN : inner->df;
}

struct outer_fields outer_from_inner(const struct ip_view *inner, uint8_t outer_family,
				     const struct outer_options *o)
{
	uint8_t tos = inner->tos;

	/* RFC 2983 §4: a DSCP that means something inside only, or is nobody's business outside. */
	if (o->hide_dscp)
		tos &= ECN_MASK;
	/* RFC 6040 §4.1, compatibility mode: an outer packet that cannot be marked. */
	if (o->no_ecn)
		tos &= (uint8_t)~ECN_MASK;
	return (struct outer_fields){.tos = tos,
				     .df = outer_family == AF_INET6 || outer_df(inner, o)};
}

/* RFC 6040 §4.2, figure 4: [inner][outer] gives the field to forward. CE over Not-ECT drops the
 * packet and is looked at before. ECT(1) over ECT(0) counts as a (weaker) mark; nothing ever
 * takes a CE of the inner header away. */
static const uint8_t figure_4[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

/* RFC 1624 §3, equation 3. TOS is the low byte of the first word, so its change is the word's. */
static void set_tos_v4(uint8_t *ip, uint8_t tos)
{
	uint32_t sum = (uint16_t)~load_be16(ip + 10);

	sum += (uint16_t)~load_be16(ip);
	ip[1] = tos;
	sum += load_be16(ip);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(ip + 10, (uint16_t)~sum);
}

static void set_tos_v6(uint8_t *ip, uint8_t tos)
{
	ip[0] = (uint8_t)((ip[0] & 0xf0) | tos >> 4);
	ip[1] = (uint8_t)((ip[1] & 0x0f) | tos << 4);
}

/* V_ECN for CE over Not-ECT: the sender cannot hear of congestion but by the loss. */
static enum verdict ecn_inwards(uint8_t *tos, uint8_t outer_tos)
{
	uint8_t inner_ecn = *tos & ECN_MASK;
	uint8_t outer_ecn = outer_tos & ECN_MASK;

	if (inner_ecn == NOT_ECT && outer_ecn == CE)
		return V_ECN;
	*tos = (uint8_t)((*tos & ~ECN_MASK) | figure_4[inner_ecn][outer_ecn]);
	return V_OK;
}

enum verdict outer_to_inner(uint8_t *inner, struct ip_view *view, uint8_t outer_tos,
			    const struct outer_options *o)
{
	uint8_t tos = view->tos;
	enum verdict v;

	if (o->take_dscp)
		tos = (uint8_t)((outer_tos & ~ECN_MASK) | (tos & ECN_MASK));
	if (!o->no_ecn) {
		v = ecn_inwards(&tos, outer_tos);
		if (v != V_OK)
			return v;
	}
	if (tos == view->tos)
		return V_OK;
	view->tos = tos;
	if (view->version == 4)
		set_tos_v4(inner, tos);
	else
		set_tos_v6(inner, tos);
	return V_OK;
}

enum { TTL = 64, DF = 0x4000 };

static uint32_t put_ip6(uint8_t *out, const struct outer_header *h)
{
	store_be32(out, 6u << 28 | (uint32_t)h->tos << 20);
	store_be16(out + 4, h->payload_len);
	out[6] = h->proto;
	out[7] = TTL;
	memcpy(out + 8, h->src.bytes, 16);
	memcpy(out + 24, h->dst.bytes, 16);
	return IP6_HEADER_LEN;
}

uint32_t outer_header_put(uint8_t out[static IP6_HEADER_LEN], const struct outer_header *h)
{
	if (h->dst.family == AF_INET6)
		return put_ip6(out, h);
	out[0] = 0x45;
	out[1] = h->tos;
	store_be16(out + 2, (uint16_t)(IP4_HEADER_MIN + h->payload_len));
	store_be16(out + 4, 0);
	store_be16(out + 6, DF);
	out[8] = TTL;
	out[9] = h->proto;
	store_be16(out + 10, 0);
	memcpy(out + 12, h->src.bytes, 4);
	memcpy(out + 16, h->dst.bytes, 4);
	store_be16(out + 10, checksum_fold(checksum_add(0, out, IP4_HEADER_MIN)));
	return IP4_HEADER_MIN;
}
