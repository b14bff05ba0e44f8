/*
 * packet/icmp.c: the one ICMP error a tunnel sends by itself, "too big" (RFC 792, RFC 1191 §4,
 * RFC 4443 §3.2), and when it must stay silent. The kernel says it for whatever routes can tell
 * apart; gateway/dataplane asks here for the rest.
 */
#include "packet/load.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <string.h>

enum icmp_spec {
	ICMP_HEADER_LEN = 8,
	ICMP4_UNREACHABLE = 3,
	ICMP4_FRAGMENTATION_NEEDED = 4,
	ICMP6_TOO_BIG = 2,
	ICMP6_FIRST_INFORMATIONAL = 128,
	ICMP6_REDIRECT = 137,
	ICMP4_ERROR_MAX = 576 - IP4_HEADER_MIN, /* RFC 1812 §4.3.2.3 */
};

/* RFC 1122 §3.2.2: destination unreachable, source quench, redirect, time exceeded, parameter
 * problem. A message too short to have a type may be one. */
static bool is_icmp4_error(const struct ip_view *v)
{
	return v->proto == IPPROTO_ICMP && (!v->has_ports || v->sport == 3 || v->sport == 4 ||
					    v->sport == 5 || v->sport == 11 || v->sport == 12);
}

/* RFC 4443 §2.4 (e.1) and (e.2). */
static bool is_icmp6_error(const struct ip_view *v)
{
	return v->proto == IPPROTO_ICMPV6 &&
	       (!v->has_ports || v->sport < ICMP6_FIRST_INFORMATIONAL ||
		v->sport == ICMP6_REDIRECT);
}

static bool allowed_v4(const struct ip_view *v)
{
	uint8_t src = v->src.bytes[0], dst = v->dst.bytes[0];

	if (is_icmp4_error(v))
		return false;
	/* Sources that are no single host: zero, loopback, multicast, class E and broadcast. */
	if (src == 0 || src == 127 || src >= 224)
		return false;
	return dst != 0 && dst < 224;
}

static bool allowed_v6(const struct ip_view *v)
{
	if (is_icmp6_error(v))
		return false;
	/* §2.4 (e.3) would allow "too big" about multicast, but a tunnel that carries multicast
	 * to many receivers is not a thing we have. */
	return v->src.bytes[0] != 0xff && v->dst.bytes[0] != 0xff && !ip_addr_is_any(&v->src) &&
	       !ip_addr_is_any(&v->dst);
}

bool icmp_error_allowed(const uint8_t *data, const struct ip_view *v)
{
	(void)data; /* the view has read all that decides */
	if (v->frag_off != 0)
		return false;
	return v->version == 4 ? allowed_v4(v) : allowed_v6(v);
}

size_t icmp_too_big_put(const uint8_t *data, const struct ip_view *v, uint16_t mtu,
			const struct ip_addr *from, uint8_t out[static ICMP_ERROR_MAX])
{
	size_t max = v->version == 4 ? (size_t)ICMP4_ERROR_MAX : (size_t)ICMP_ERROR_MAX;
	size_t quoted = v->total_len < max - ICMP_HEADER_LEN ? v->total_len : max - ICMP_HEADER_LEN;
	size_t len = ICMP_HEADER_LEN + quoted;
	uint64_t sum = 0;

	memset(out, 0, ICMP_HEADER_LEN);
	memcpy(out + ICMP_HEADER_LEN, data, quoted);
	store_be16(out + 6, mtu); /* the low half of ICMPv6's 32 bits, too */
	if (v->version == 4) {
		out[0] = ICMP4_UNREACHABLE;
		out[1] = ICMP4_FRAGMENTATION_NEEDED;
	} else {
		/* RFC 4443 §2.3: the pseudo header of the message, not of the packet it quotes. */
		struct ip_view message = {
			.version = 6, .proto = IPPROTO_ICMPV6, .src = *from, .dst = v->src};

		out[0] = ICMP6_TOO_BIG;
		sum = checksum_pseudo(&message, (uint32_t)len);
	}
	store_be16(out + 2, checksum_fold(checksum_add(sum, out, len)));
	return len;
}
