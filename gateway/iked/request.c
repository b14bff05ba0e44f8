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

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* XFRM has the type for a source port and the code for a destination port, whichever way the packet
 * goes; RFC 7296 §3.13.1 has both in each. False: codes of several types. */
static bool icmp_range(const struct ike_ts *local, const struct ike_ts *remote,
		       struct selector_range *range)
{
	const struct ike_ts *ts = local->port_from || local->port_to != UINT16_MAX ? local : remote;
	bool all_codes = (ts->port_from & 0xff) == 0 && (ts->port_to & 0xff) == 0xff;

	range->dst.port_to = UINT16_MAX;
	range->src.port_to = UINT16_MAX;
	if (ts->port_from == 0 && ts->port_to == UINT16_MAX)
		return true;
	range->src.port_from = ts->port_from >> 8;
	range->src.port_to = ts->port_to >> 8;
	if (all_codes)
		return true;
	range->dst.port_from = ts->port_from & 0xff;
	range->dst.port_to = ts->port_to & 0xff;
	return range->src.port_from == range->src.port_to;
}

/* Of outbound packets. */
static bool make_range(const struct ike_ts *local, const struct ike_ts *remote,
		       struct selector_range *range)
{
	*range = (struct selector_range){
		.family = local->from.family,
		.proto = local->proto ? local->proto : remote->proto,
		.src = {.from = local->from, .to = local->to},
		.dst = {.from = remote->from, .to = remote->to},
	};
	if (local->proto && remote->proto && local->proto != remote->proto)
		return false;
	if (is_icmp(range->proto))
		return icmp_range(local, remote, range);
	range->src.port_from = local->port_from;
	range->src.port_to = local->port_to;
	range->dst.port_from = remote->port_from;
	range->dst.port_to = remote->port_to;
	return true;
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

/* In, out and fwd for one selector of outbound packets. */
static void put_three(const struct policy_wish *wish, const struct selector *sel,
		      void (*fn)(void *ctx, const struct policy_config *), void *ctx)
{
	struct policy_config policy = {
		.sel = *sel,
		.priority = wish->priority ? wish->priority : priority_of(sel),
		.dir = POLICY_OUT,
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

	fn(ctx, &policy);
	policy.sel = turned(sel);
	policy.tmpl.src = wish->remote;
	policy.tmpl.dst = wish->local;
	/* Without an SA there is nothing to open: what comes in clear is refused by the policy. */
	policy.dir = POLICY_IN;
	fn(ctx, &policy);
	policy.dir = POLICY_FWD;
	fn(ctx, &policy);
}

bool request_policies(const struct policy_wish *wish, const struct ike_ts *local,
		      const struct ike_ts *remote,
		      void (*fn)(void *ctx, const struct policy_config *), void *ctx)
{
	struct selector selectors[REQUEST_SPLIT_MAX];
	struct selector_range range;
	int count;

	if (!make_range(local, remote, &range))
		return false;
	count = selector_range_split(&range, selectors, REQUEST_SPLIT_MAX);
	for (int i = 0; i < count; i++)
		put_three(wish, &selectors[i], fn, ctx);
	return count > 0;
}

static void whole_prefix(const struct ip_prefix *prefix, struct ike_ts *ts)
{
	struct ip_prefix first = ip_prefix_masked(prefix);
	unsigned bits = ip_addr_bits(&prefix->addr);

	ts->from = ts->to = first.addr;
	for (unsigned i = prefix->len; i < bits; i++)
		ts->to.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

void request_flow(const struct selector *sel, struct ike_ts *src, struct ike_ts *dst)
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
