/*
 * guard_plan.c: see guard_plan.h. Exact, but for fragments: a later fragment shows no ports, so
 * one that a policy with ports could mean is dropped (RFC 4301 §7.4 would have state kept), and
 * capture_plan.c does the same on the way out.
 */
#include "gateway/dataplane/capture/guard_plan.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Of one policy, before it has its place. */
struct staged {
	struct guard_match match;
	uint8_t shape, links;
};

struct builder {
	const struct guard_input *in;
	struct guard_plan *plan;
	uint8_t hook, family;
	bool drop;	       /* of the open stage */
	struct staged *staged; /* owned; the open stage */
	size_t count;
};

/* Room for one more element; NULL and failed if there is none. */
static void *append(struct guard_plan *plan, void *array, size_t *count, size_t size)
{
	void **where = array;
	char *room = *where;

	/* Grows at every power of two. */
	if ((*count & (*count - 1)) == 0) {
		room = reallocarray(*where, *count ? *count * 2 : 1, size);
		if (!room) {
			plan->failed = true;
			return NULL;
		}
		*where = room;
	}
	return memset(room + (*count)++ * size, 0, size);
}

/* ---- the links a policy spares ------------------------------------------------------------- */

static bool lies_on(const struct guard_link *outer, const struct guard_link *inner)
{
	return strcmp(outer->name, inner->name) == 0 &&
	       ip_prefix_covers(&outer->prefix, &inner->prefix);
}

/* One prefix a link; what another holds already is left out, as sets may not overlap. */
static void put_link(struct guard_plan *plan, struct guard_links *l, const struct guard_link *link)
{
	struct guard_link *entry;
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++)
		if (lies_on(&l->list[i], link))
			return;
	for (size_t i = 0; i < l->count; i++)
		if (!lies_on(link, &l->list[i]))
			l->list[kept++] = l->list[i];
	l->count = kept;
	entry = append(plan, &l->list, &l->count, sizeof(*entry));
	if (entry)
		*entry = *link;
}

static bool is_spared(const struct guard_link *link, uint8_t family, uint8_t longer_than)
{
	return link->prefix.addr.family == family && link->prefix.len > longer_than;
}

static uint8_t links_index(struct builder *b, uint8_t longer_than)
{
	struct guard_plan *plan = b->plan;
	struct guard_links *l;
	size_t i;

	for (i = 0; i < plan->links_count; i++)
		if (plan->links[i].family == b->family && plan->links[i].longer_than == longer_than)
			return (uint8_t)i;
	l = append(plan, &plan->links, &plan->links_count, sizeof(*l));
	if (!l)
		return GUARD_NO_LINKS;
	l->family = b->family;
	l->longer_than = longer_than;
	for (size_t j = 0; j < b->in->link_count; j++)
		if (is_spared(&b->in->links[j], b->family, longer_than))
			put_link(plan, l, &b->in->links[j]);
	return (uint8_t)i;
}

/* Both lengths and families make fewer than GUARD_NO_LINKS of them: only lengths below those of
 * links in the routing table occur. */
static uint8_t links_of(struct builder *b, const struct ip_prefix *src)
{
	for (size_t i = 0; i < b->in->link_count; i++)
		if (is_spared(&b->in->links[i], b->family, src->len) &&
		    ip_prefix_covers(src, &b->in->links[i].prefix))
			return links_index(b, src->len);
	return GUARD_NO_LINKS;
}

/* ---- stages ---------------------------------------------------------------------------------- */

int guard_match_compare(const struct guard_match *a, const struct guard_match *b)
{
	int order = memcmp(&a->src, &b->src, sizeof(a->src));

	if (!order)
		order = memcmp(&a->dst, &b->dst, sizeof(a->dst));
	if (!order)
		order = memcmp(a->sport, b->sport, sizeof(a->sport));
	if (!order)
		order = memcmp(a->dport, b->dport, sizeof(a->dport));
	return order ? order : a->proto - b->proto;
}

/* Addresses are compared by their bytes, and lengths behind: wide before narrow. */
static_assert(sizeof(struct ip_prefix) == 16 + 1 + 1, "prefixes are compared byte by byte");

static int compare_staged(const void *a, const void *b)
{
	const struct staged *x = a, *y = b;

	if (x->links != y->links)
		return x->links - y->links;
	if (x->shape != y->shape)
		return x->shape - y->shape;
	return guard_match_compare(&x->match, &y->match);
}

static bool range_covers(const uint16_t outer[2], const uint16_t inner[2])
{
	return outer[0] <= inner[0] && inner[1] <= outer[1];
}

static bool range_overlaps(const uint16_t a[2], const uint16_t b[2])
{
	return a[0] <= b[1] && b[0] <= a[1];
}

static bool match_covers(const struct guard_match *outer, const struct guard_match *inner)
{
	return ip_prefix_covers(&outer->src, &inner->src) &&
	       ip_prefix_covers(&outer->dst, &inner->dst) && outer->proto == inner->proto &&
	       range_covers(outer->sport, inner->sport) && range_covers(outer->dport, inner->dport);
}

static bool match_overlaps(const struct guard_match *a, const struct guard_match *b)
{
	return (ip_prefix_covers(&a->src, &b->src) || ip_prefix_covers(&b->src, &a->src)) &&
	       (ip_prefix_covers(&a->dst, &b->dst) || ip_prefix_covers(&b->dst, &a->dst)) &&
	       a->proto == b->proto && range_overlaps(a->sport, b->sport) &&
	       range_overlaps(a->dport, b->dport);
}

enum fit { FIT_FREE, FIT_COVERED, FIT_OVERLAPS };

/* Matches come sorted, so those of the set that can overlap are the ones whose source is around
 * this one's: a stack, cut back to it first. */
static enum fit fit_into(struct guard_set *set, const struct guard_match *m)
{
	enum fit fit = FIT_FREE;

	while (set->depth &&
	       !ip_prefix_covers(&set->matches[set->around[set->depth - 1]].src, &m->src))
		set->depth--;
	for (size_t i = 0; i < set->depth; i++) {
		const struct guard_match *other = &set->matches[set->around[i]];

		if (set->shape == GUARD_BITS) {
			if (guard_match_compare(other, m) == 0)
				return FIT_COVERED;
			continue;
		}
		if (match_covers(other, m))
			return FIT_COVERED;
		if (match_overlaps(other, m))
			fit = FIT_OVERLAPS;
	}
	return fit;
}

static void put_match(struct guard_plan *plan, struct guard_set *set, const struct guard_match *m)
{
	size_t room = set->count;
	size_t *around = append(plan, &set->around, &room, sizeof(*around));
	struct guard_match *entry = append(plan, &set->matches, &set->count, sizeof(*entry));

	if (!around || !entry)
		return;
	*entry = *m;
	set->around[set->depth++] = set->count - 1;
}

static void place(struct builder *b, size_t first_set, const struct staged *s)
{
	struct guard_plan *plan = b->plan;
	struct guard_set *free_set = NULL;

	for (size_t i = first_set; i < plan->set_count; i++) {
		struct guard_set *set = &plan->sets[i];
		enum fit fit;

		if (set->shape != s->shape || set->links != s->links)
			continue;
		fit = fit_into(set, &s->match);
		if (fit == FIT_COVERED)
			return;
		if (fit == FIT_FREE && !free_set)
			free_set = set;
	}
	if (!free_set) {
		free_set = append(plan, &plan->sets, &plan->set_count, sizeof(*free_set));
		if (!free_set)
			return;
		free_set->hook = b->hook;
		free_set->family = b->family;
		free_set->drop = b->drop;
		free_set->shape = s->shape;
		free_set->links = s->links;
	}
	put_match(plan, free_set, &s->match);
}

static void close_stage(struct builder *b)
{
	size_t first_set = b->plan->set_count;

	if (b->count)
		qsort(b->staged, b->count, sizeof(*b->staged), compare_staged);
	for (size_t i = 0; i < b->count && !b->plan->failed; i++)
		place(b, first_set, &b->staged[i]);
	for (size_t i = first_set; i < b->plan->set_count; i++) {
		free(b->plan->sets[i].around);
		b->plan->sets[i].around = NULL;
		b->plan->sets[i].depth = 0;
	}
	free(b->staged);
	b->staged = NULL;
	b->count = 0;
}

/* ---- policies -------------------------------------------------------------------------------- */

/* Protocols in whose headers selectors see ports, or types in their place (packet/ip.c). */
static const struct {
	uint8_t proto, family; /* AF_UNSPEC: both */
	bool types;
} readable[] = {
	{IPPROTO_TCP, AF_UNSPEC, false},     {IPPROTO_UDP, AF_UNSPEC, false},
	{IPPROTO_SCTP, AF_UNSPEC, false},    {IPPROTO_DCCP, AF_UNSPEC, false},
	{IPPROTO_UDPLITE, AF_UNSPEC, false}, {IPPROTO_ICMP, AF_INET, true},
	{IPPROTO_ICMPV6, AF_INET6, true},    {IPPROTO_MH, AF_INET6, true},
};

/* The values with (x & mask) == value as a range, as wide as field allows; false: they are none. */
static bool range_of(uint16_t value, uint16_t mask, uint16_t field, uint16_t range[2])
{
	uint16_t rest = (uint16_t)(~mask & field);

	range[0] = value & mask;
	range[1] = range[0] | rest;
	return (rest & (rest + 1)) == 0;
}

static void stage(struct builder *b, const struct guard_match *m, uint8_t shape, uint8_t links)
{
	struct staged *s = append(b->plan, &b->staged, &b->count, sizeof(*s));

	if (s)
		*s = (struct staged){.match = *m, .shape = shape, .links = links};
}

/* A selector with ports, for one protocol that has them. */
static void stage_ports(struct builder *b, const struct selector *sel, struct guard_match m,
			bool types, uint8_t links)
{
	uint16_t field = types ? 0xff : 0xffff;
	uint8_t shape = types ? GUARD_TYPES : GUARD_PORTS;

	/* Beyond the field's size nothing matches; a mobility header has one type and no code. */
	if (((sel->sport & sel->sport_mask) | (sel->dport & sel->dport_mask)) & ~field ||
	    (m.proto == IPPROTO_MH && (sel->dport & sel->dport_mask)))
		return;
	if (m.proto == IPPROTO_MH || !range_of(sel->sport, sel->sport_mask, field, m.sport) ||
	    !range_of(sel->dport, sel->dport_mask, field, m.dport)) {
		shape = GUARD_BITS;
		m.sport[0] = sel->sport & sel->sport_mask;
		m.sport[1] = sel->sport_mask & field;
		m.dport[0] = sel->dport & sel->dport_mask;
		m.dport[1] = m.proto == IPPROTO_MH ? 0 : sel->dport_mask & field;
	}
	stage(b, &m, shape, links);
	if (!b->drop)
		return;
	memset(m.sport, 0, sizeof(m.sport));
	memset(m.dport, 0, sizeof(m.dport));
	stage(b, &m, GUARD_FRAGMENTS, links);
}

/* A selector's prefix; one without family, or of length 0, means all addresses. */
static struct ip_prefix prefix_in(const struct ip_prefix *prefix, const struct selector *sel,
				  uint8_t family)
{
	struct ip_prefix out = {.addr.family = family};

	if (sel->family == AF_UNSPEC || prefix->len == 0)
		return out;
	out = *prefix;
	out.addr.family = family;
	return ip_prefix_masked(&out);
}

static void stage_policy(struct builder *b, const struct policy_config *p)
{
	const struct selector *sel = &p->sel;
	struct guard_match m = {.src = prefix_in(&sel->src, sel, b->family),
				.dst = prefix_in(&sel->dst, sel, b->family),
				.proto = sel->proto};
	/* A policy that discards means it, wherever the packet comes from. */
	uint8_t links =
		b->drop && p->action == POLICY_PROTECT ? links_of(b, &m.src) : GUARD_NO_LINKS;

	if (!sel->sport_mask && !sel->dport_mask) {
		stage(b, &m, sel->proto ? GUARD_PROTO : GUARD_ADDRS, links);
		return;
	}
	/* RFC 4301 §7.1: without readable ports there is no match. */
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		if ((sel->proto && sel->proto != readable[i].proto) ||
		    (readable[i].family != AF_UNSPEC && readable[i].family != b->family))
			continue;
		m.proto = readable[i].proto;
		stage_ports(b, sel, m, readable[i].types, links);
	}
}

/* The kernel lets cleartext pass where the template is optional (level use). */
static bool drops(const struct policy_config *p)
{
	return p->action == POLICY_DISCARD || (p->action == POLICY_PROTECT && !p->tmpl.optional);
}

static bool is_for(const struct builder *b, const struct policy_config *p)
{
	return (p->sel.family == AF_UNSPEC || p->sel.family == b->family) && policy_is_met(p);
}

static void plan_chain(struct builder *b, const struct policy_config *const *policies, size_t count)
{
	struct guard_plan *plan = b->plan;
	size_t first_set = plan->set_count;

	for (size_t i = 0; i < count; i++) {
		const struct policy_config *p = policies[i];

		if (!is_for(b, p))
			continue;
		if (b->count && drops(p) != b->drop)
			close_stage(b);
		b->drop = drops(p);
		stage_policy(b, p);
	}
	close_stage(b);
	/* What nothing follows that drops need not be accepted. */
	while (plan->set_count > first_set && !plan->sets[plan->set_count - 1].drop)
		free(plan->sets[--plan->set_count].matches);
}

static const uint8_t families[] = {AF_INET, AF_INET6};

static int finish(struct guard_plan *plan, struct guard_plan *out)
{
	if (plan->failed) {
		guard_plan_fini(plan);
		return -ENOMEM;
	}
	*out = *plan;
	return 0;
}

int guard_plan_any(const struct guard_list lists[GUARD_HOOKS], struct guard_plan *out)
{
	struct guard_plan plan = {0};

	for (unsigned hook = 0; hook < GUARD_HOOKS; hook++) {
		for (size_t i = 0; i < 2; i++) {
			struct builder b = {
				.plan = &plan, .hook = (uint8_t)hook, .family = families[i]};

			for (size_t j = 0; j < lists[hook].count; j++)
				if (is_for(&b, lists[hook].policies[j]))
					stage_policy(&b, lists[hook].policies[j]);
			close_stage(&b);
		}
	}
	return finish(&plan, out);
}

int guard_plan_make(const struct guard_input *in, struct guard_plan *out)
{
	bool fwd = in->fwd_count > 0;
	struct guard_plan plan = {0};

	for (unsigned hook = GUARD_INPUT; hook <= GUARD_FORWARD; hook++) {
		bool by_fwd = hook == GUARD_FORWARD && fwd;

		for (size_t i = 0; i < 2; i++) {
			struct builder b = {.in = in,
					    .plan = &plan,
					    .hook = (uint8_t)hook,
					    .family = families[i]};

			plan_chain(&b, by_fwd ? in->fwd : in->in,
				   by_fwd ? in->fwd_count : in->in_count);
		}
	}
	return finish(&plan, out);
}

void guard_plan_fini(struct guard_plan *plan)
{
	for (size_t i = 0; i < plan->set_count; i++) {
		free(plan->sets[i].matches);
		free(plan->sets[i].around);
	}
	for (size_t i = 0; i < plan->links_count; i++)
		free(plan->links[i].list);
	free(plan->sets);
	free(plan->links);
	*plan = (struct guard_plan){0};
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool matches_equal(const struct guard_set *a, const struct guard_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (guard_match_compare(&a->matches[i], &b->matches[i]) != 0)
			return false;
	return true;
}

static bool sets_alike(const struct guard_set *a, const struct guard_set *b)
{
	return a->hook == b->hook && a->family == b->family && a->shape == b->shape &&
	       a->drop == b->drop && a->links == b->links &&
	       (a->shape != GUARD_BITS || matches_equal(a, b));
}

static bool links_equal(const struct guard_links *a, const struct guard_links *b)
{
	if (a->family != b->family || a->longer_than != b->longer_than || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (memcmp(&a->list[i].prefix, &b->list[i].prefix, sizeof(a->list[i].prefix)) !=
			    0 ||
		    strcmp(a->list[i].name, b->list[i].name) != 0)
			return false;
	return true;
}

bool guard_plan_same_shape(const struct guard_plan *a, const struct guard_plan *b)
{
	if (a->set_count != b->set_count || a->links_count != b->links_count)
		return false;
	for (size_t i = 0; i < a->links_count; i++)
		if (!links_equal(&a->links[i], &b->links[i]))
			return false;
	for (size_t i = 0; i < a->set_count; i++)
		if (!sets_alike(&a->sets[i], &b->sets[i]))
			return false;
	return true;
}

bool guard_plan_equal(const struct guard_plan *a, const struct guard_plan *b)
{
	if (!guard_plan_same_shape(a, b))
		return false;
	for (size_t i = 0; i < a->set_count; i++)
		if (!matches_equal(&a->sets[i], &b->sets[i]))
			return false;
	return true;
}
