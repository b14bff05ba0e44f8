/*
 * xfrm/value.c: addresses, selectors, limits and marks between linux/xfrm.h and sa-db. XFRM keeps
 * addresses, ports and SPIs in network order, everything else in the host's. XFRM_INF and
 * SADB_NO_LIMIT are the same number, so limits are copied as they are.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static_assert(XFRM_INF == SADB_NO_LIMIT, "limits are copied unchanged");

struct ip_addr xfrm_addr_get(unsigned family, const xfrm_address_t *addr)
{
	struct ip_addr none = {.family = AF_UNSPEC};

	if (family == AF_INET)
		return ip_addr_v4(addr);
	if (family == AF_INET6)
		return ip_addr_v6(addr);
	return none;
}

void xfrm_addr_put(xfrm_address_t *out, const struct ip_addr *addr)
{
	static_assert(sizeof(*out) == sizeof(addr->bytes), "an address is sixteen bytes in both");
	memcpy(out, addr->bytes, sizeof(*out));
}

static bool is_zero(const xfrm_address_t *addr)
{
	return addr->a6[0] == 0 && addr->a6[1] == 0 && addr->a6[2] == 0 && addr->a6[3] == 0;
}

bool xfrm_selector_get(const struct xfrm_selector *in, struct selector *out)
{
	unsigned bits = in->family == AF_INET ? 32 : in->family == AF_INET6 ? 128 : 0;

	if (bits == 0 && in->family != AF_UNSPEC)
		return false;
	if (in->prefixlen_s > bits || in->prefixlen_d > bits)
		return false;
	if (bits == 0 && !(is_zero(&in->saddr) && is_zero(&in->daddr)))
		return false;
	*out = (struct selector){
		.family = (uint8_t)in->family,
		.proto = in->proto,
		.src = {.addr = xfrm_addr_get(in->family, &in->saddr), .len = in->prefixlen_s},
		.dst = {.addr = xfrm_addr_get(in->family, &in->daddr), .len = in->prefixlen_d},
		.sport = ntohs(in->sport),
		.sport_mask = ntohs(in->sport_mask),
		.dport = ntohs(in->dport),
		.dport_mask = ntohs(in->dport_mask),
		.ifindex = in->ifindex,
		.user = in->user,
	};
	return true;
}

int xfrm_selector_refuse(const struct xfrm_input *in, const struct selector *sel, uint32_t at)
{
	if (sel->ifindex)
		return xfrm_error_set(in->err, -EOPNOTSUPP,
				      at + (uint32_t)offsetof(struct xfrm_selector, ifindex),
				      "a selector that names a device is not supported");
	/* The kernel's meaning of GRE's is its key. Taken and not looked at, it would match nothing. */
	if (sel->proto && !ip_proto_has_ports(sel->proto) && (sel->sport_mask | sel->dport_mask))
		return xfrm_error_set(
			in->err, -EOPNOTSUPP, at + (uint32_t)offsetof(struct xfrm_selector, sport),
			"a selector of protocol %u has no ports%s", sel->proto,
			sel->proto == IPPROTO_GRE ? ": GRE keys are not supported" : "");
	return 0;
}

void xfrm_selector_put(struct xfrm_selector *out, const struct selector *in)
{
	memset(out, 0, sizeof(*out));
	out->family = in->family;
	out->proto = in->proto;
	xfrm_addr_put(&out->saddr, &in->src.addr);
	xfrm_addr_put(&out->daddr, &in->dst.addr);
	out->prefixlen_s = in->src.len;
	out->prefixlen_d = in->dst.len;
	out->sport = htons(in->sport);
	out->sport_mask = htons(in->sport_mask);
	out->dport = htons(in->dport);
	out->dport_mask = htons(in->dport_mask);
	out->ifindex = in->ifindex;
	out->user = in->user;
}

struct sadb_limits xfrm_limits_get(const struct xfrm_lifetime_cfg *in)
{
	return (struct sadb_limits){
		.soft_bytes = in->soft_byte_limit,
		.hard_bytes = in->hard_byte_limit,
		.soft_packets = in->soft_packet_limit,
		.hard_packets = in->hard_packet_limit,
		.soft_add_s = in->soft_add_expires_seconds,
		.hard_add_s = in->hard_add_expires_seconds,
		.soft_use_s = in->soft_use_expires_seconds,
		.hard_use_s = in->hard_use_expires_seconds,
	};
}

struct xfrm_lifetime_cfg xfrm_limits_put(const struct sadb_limits *in)
{
	return (struct xfrm_lifetime_cfg){
		.soft_byte_limit = in->soft_bytes,
		.hard_byte_limit = in->hard_bytes,
		.soft_packet_limit = in->soft_packets,
		.hard_packet_limit = in->hard_packets,
		.soft_add_expires_seconds = in->soft_add_s,
		.hard_add_expires_seconds = in->hard_add_s,
		.soft_use_expires_seconds = in->soft_use_s,
		.hard_use_expires_seconds = in->hard_use_s,
	};
}

struct xfrm_mark_value xfrm_mark_get(const struct xfrm_input *in)
{
	struct xfrm_mark mark = {0};

	if (in->attrs.at[XFRMA_MARK])
		memcpy(&mark, xfrm_attr_data(in->attrs.at[XFRMA_MARK]), sizeof(mark));
	/* Bits outside the mask could never match; the kernel takes them away since 6.15. */
	return (struct xfrm_mark_value){.value = mark.v & mark.m, .mask = mark.m};
}
