/*
 * request.c: see request.h.
 */
#include "gateway/iked/request.h"

#include <netinet/in.h>
#include <string.h>

static uint64_t limit(uint64_t value)
{
	return value ? value : SADB_NO_LIMIT;
}

void request_sa(const struct ike_sa_action *action, struct sa_config *out)
{
	const struct ike_child_config *child = action->config;

	*out = (struct sa_config){
		.id = {.dst = action->dst, .spi = action->spi, .proto = IPPROTO_ESP},
		.src = action->src,
		.mode = XFRM_MODE_TUNNEL,
		/* Both address families inside: selectors are the policies' business. */
		.flags = XFRM_STATE_AF_UNSPEC,
		.reqid = action->reqid,
		.replay_window = child->replay_window,
		.seq = action->acquire_seq,
		.esn = action->esn,
		.limits = {.soft_bytes = limit(action->soft_bytes),
			   .hard_bytes = limit(action->hard_bytes),
			   .soft_packets = limit(action->soft_packets),
			   .hard_packets = limit(action->hard_packets),
			   .soft_add_s = action->soft_time_s,
			   .hard_add_s = action->hard_time_s},
		.suite = action->suite,
	};
	memcpy(out->keys.encr, action->keys.encr, sizeof(out->keys.encr));
	memcpy(out->keys.integ, action->keys.integ, sizeof(out->keys.integ));
	if (action->udp) {
		out->encap.sport = action->sport;
		out->encap.dport = action->dport;
	}
	if (child->no_ecn)
		out->flags |= XFRM_STATE_NOECN;
	if (child->clear_df)
		out->flags |= XFRM_STATE_NOPMTUDISC;
	if (child->take_dscp)
		out->flags |= XFRM_STATE_DECAP_DSCP;
	if (child->hide_dscp)
		out->extra_flags |= XFRM_SA_XFLAG_DONT_ENCAP_DSCP;
	if (!action->inbound && !action->peer_refuses_tfc)
		out->tfcpad = child->tfc_padding;
}

/* ---- selectors -------------------------------------------------------------------------------- */

static bool bit(const struct ip_addr *addr, unsigned i)
{
	return addr->bytes[i / 8] >> (7 - i % 8) & 1;
}

/* A range that is one prefix. */
static bool range_is_prefix(const struct ip_addr *from, const struct ip_addr *to,
			    struct ip_prefix *out)
{
	unsigned bits = ip_addr_bits(from), len = 0;

	while (len < bits && bit(from, len) == bit(to, len))
		len++;
	for (unsigned i = len; i < bits; i++) {
		if (bit(from, i) || !bit(to, i))
			return false;
	}
	out->addr = *from;
	out->len = (uint8_t)len;
	return true;
}

/* Ports as value and mask. OPAQUE has no words in XFRM. */
static bool ports_are_block(uint16_t from, uint16_t to, uint16_t *value, uint16_t *mask)
{
	unsigned differ = (unsigned)(from ^ to);

	if (from > to || (differ & (differ + 1)) || (from & differ))
		return false;
	*mask = (uint16_t)~differ;
	*value = from;
	return true;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* XFRM has the type for a source port and the code for a destination port, whichever way the packet
 * goes; RFC 7296 §3.13.1 has both in each. */
static bool icmp_ports(const struct ike_ts *local, const struct ike_ts *remote,
		       struct selector *sel)
{
	const struct ike_ts *ts = local->port_from || local->port_to != UINT16_MAX ? local : remote;

	if (ts->port_from == 0 && ts->port_to == UINT16_MAX)
		return true;
	if (ts->port_from >> 8 != ts->port_to >> 8)
		return false;
	sel->sport = ts->port_from >> 8;
	sel->sport_mask = UINT16_MAX;
	if ((ts->port_from & 0xff) == 0 && (ts->port_to & 0xff) == 0xff)
		return true;
	if (ts->port_from != ts->port_to)
		return false;
	sel->dport = ts->port_from & 0xff;
	sel->dport_mask = UINT16_MAX;
	return true;
}

/* Of outbound packets. */
static bool make_selector(const struct ike_ts *local, const struct ike_ts *remote,
			  struct selector *sel)
{
	*sel = (struct selector){.family = local->from.family};
	if (local->from.family != remote->from.family ||
	    (local->proto && remote->proto && local->proto != remote->proto))
		return false;
	sel->proto = local->proto ? local->proto : remote->proto;
	if (!range_is_prefix(&local->from, &local->to, &sel->src) ||
	    !range_is_prefix(&remote->from, &remote->to, &sel->dst))
		return false;
	if (is_icmp(sel->proto))
		return icmp_ports(local, remote, sel);
	return ports_are_block(local->port_from, local->port_to, &sel->sport, &sel->sport_mask) &&
	       ports_are_block(remote->port_from, remote->port_to, &sel->dport, &sel->dport_mask);
}

/* The narrower first: longer prefixes, then a protocol, then ports. */
static uint32_t priority_of(const struct selector *sel)
{
	enum { WIDEST = 200000 };
	uint32_t narrow = (uint32_t)(sel->src.len + sel->dst.len) * 512;

	if (sel->family == AF_INET) /* so that families do not differ */
		narrow *= 4;
	narrow = narrow / 4 + (sel->proto ? 128U : 0) + (sel->sport_mask ? 64U : 0) +
		 (sel->dport_mask ? 64U : 0);
	return WIDEST - narrow;
}

static struct selector turned(const struct selector *sel)
{
	struct selector back = *sel;

	back.src = sel->dst;
	back.dst = sel->src;
	if (!is_icmp(sel->proto)) {
		back.sport = sel->dport;
		back.sport_mask = sel->dport_mask;
		back.dport = sel->sport;
		back.dport_mask = sel->sport_mask;
	}
	return back;
}

bool request_policies(const struct policy_wish *wish, const struct ike_ts *local,
		      const struct ike_ts *remote,
		      void (*fn)(void *ctx, const struct policy_config *), void *ctx)
{
	struct policy_config policy = {
		.action = POLICY_PROTECT,
		.limits = {.soft_bytes = SADB_NO_LIMIT,
			   .hard_bytes = SADB_NO_LIMIT,
			   .soft_packets = SADB_NO_LIMIT,
			   .hard_packets = SADB_NO_LIMIT},
		.tmpl = {.src = wish->local,
			 .dst = wish->remote,
			 .reqid = wish->reqid,
			 .proto = IPPROTO_ESP,
			 .mode = XFRM_MODE_TUNNEL,
			 .aalgos = UINT32_MAX,
			 .ealgos = UINT32_MAX,
			 .calgos = UINT32_MAX},
	};

	if (!make_selector(local, remote, &policy.sel))
		return false;
	policy.priority = wish->priority ? wish->priority : priority_of(&policy.sel);
	policy.dir = POLICY_OUT;
	fn(ctx, &policy);
	policy.sel = turned(&policy.sel);
	policy.tmpl.src = wish->remote;
	policy.tmpl.dst = wish->local;
	/* Without an SA there is nothing to open: what comes in clear is refused by the policy. */
	policy.dir = POLICY_IN;
	fn(ctx, &policy);
	policy.dir = POLICY_FWD;
	fn(ctx, &policy);
	return true;
}

static void whole_prefix(const struct ip_prefix *prefix, struct ike_ts *ts)
{
	struct ip_prefix first = ip_prefix_masked(prefix);
	unsigned bits = ip_addr_bits(&prefix->addr);

	ts->from = ts->to = first.addr;
	for (unsigned i = prefix->len; i < bits; i++)
		ts->to.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

void request_acquire(const struct selector *sel, struct ike_ts *src, struct ike_ts *dst)
{
	*src = (struct ike_ts){.proto = sel->proto,
			       .port_from = sel->sport & sel->sport_mask,
			       .port_to = (uint16_t)(sel->sport | (uint16_t)~sel->sport_mask)};
	*dst = (struct ike_ts){.proto = sel->proto,
			       .port_from = sel->dport & sel->dport_mask,
			       .port_to = (uint16_t)(sel->dport | (uint16_t)~sel->dport_mask)};
	whole_prefix(&sel->src, src);
	whole_prefix(&sel->dst, dst);
	if (is_icmp(sel->proto) && sel->sport_mask) {
		src->port_from = src->port_to =
			(uint16_t)((sel->sport & 0xff) << 8 | (sel->dport & 0xff));
		dst->port_from = dst->port_to = src->port_from;
	}
}
