/*
 * sa-db/selector.c: traffic selectors, RFC 4301 §4.4.1.1, matched as XFRM matches them. Policies
 * (spd.c, spd_cache.c) and SAs (policy.c: spd_permits) have one each; the gateway asks which
 * overlap when it plans routes.
 */
#include "sa-db/sadb.h"

#include <string.h>

static bool port_matches(uint16_t port, uint16_t value, uint16_t mask)
{
	return ((port ^ value) & mask) == 0;
}

/* A prefix of length 0 holds every address, whatever family it was written with: the selector's
 * own family has been looked at already. */
static bool prefix_matches(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	return prefix->len == 0 || ip_prefix_contains(prefix, addr);
}

bool selector_matches(const struct selector *sel, const struct ip_view *v)
{
	if (sel->family != AF_UNSPEC && sel->family != v->src.family)
		return false;
	if (sel->proto != 0 && sel->proto != v->proto)
		return false;
	/* RFC 4301 §7.1: what cannot be read cannot be matched. Later fragments need a policy
	 * without ports. */
	if ((sel->sport_mask | sel->dport_mask) != 0 && !v->has_ports)
		return false;
	return port_matches(v->sport, sel->sport, sel->sport_mask) &&
	       port_matches(v->dport, sel->dport, sel->dport_mask) &&
	       prefix_matches(&sel->dst, &v->dst) && prefix_matches(&sel->src, &v->src);
}

static bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_addr_equal(&a->addr, &b->addr);
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
	return a->family == b->family && a->proto == b->proto && prefix_equal(&a->src, &b->src) &&
	       prefix_equal(&a->dst, &b->dst) && a->sport == b->sport &&
	       a->sport_mask == b->sport_mask && a->dport == b->dport &&
	       a->dport_mask == b->dport_mask && a->ifindex == b->ifindex && a->user == b->user;
}

/* Two prefixes share an address exactly if one lies in the other. */
static bool prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == 0 || b->len == 0 || ip_prefix_covers(a, b) || ip_prefix_covers(b, a);
}

/* Some port satisfies both if they agree in the bits both look at. */
static bool port_overlaps(uint16_t a, uint16_t a_mask, uint16_t b, uint16_t b_mask)
{
	return ((a ^ b) & a_mask & b_mask) == 0;
}

bool selector_overlaps(const struct selector *a, const struct selector *b)
{
	if (a->family != AF_UNSPEC && b->family != AF_UNSPEC && a->family != b->family)
		return false;
	if (a->proto != 0 && b->proto != 0 && a->proto != b->proto)
		return false;
	return prefix_overlaps(&a->src, &b->src) && prefix_overlaps(&a->dst, &b->dst) &&
	       port_overlaps(a->sport, a->sport_mask, b->sport, b->sport_mask) &&
	       port_overlaps(a->dport, a->dport_mask, b->dport, b->dport_mask);
}

bool selector_is_address_only(const struct selector *sel)
{
	return sel->proto == 0 && sel->sport_mask == 0 && sel->dport_mask == 0;
}
