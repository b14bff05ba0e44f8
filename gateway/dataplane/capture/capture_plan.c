/*
 * capture_plan.c: from an ordered SPD (RFC 4301 §4.4.1) to unordered routes, where longest prefix
 * decides, and to ordered rules where it cannot.
 *
 * Destinations of one family form a forest by containment. A node is a distinct destination; its
 * region is the node's prefix without the nodes below it; the policies that can see a packet for
 * the region are the node's own and those of the nodes above. If one answer, capture or not, is
 * right for a region whatever a packet's source and ports, a route can say it. Then what a route
 * captures beyond the policies' sources is dropped behind the TUN, as RFC 4301 §5.1 wants for
 * packets without policy. If some region of a tree has no such answer, the whole tree becomes
 * ordered rules, and its routes move to a table that only those rules reach.
 */
#include "gateway/dataplane/capture/capture_plan.h"

#include "gateway/dataplane/capture/plan_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum answer {
	ANSWER_NONE,	/* no policy is seen here */
	ANSWER_CAPTURE, /* all of it, by a route */
	ANSWER_PASS,	/* none of it: bypass, or no policy */
	ANSWER_RULES,	/* it depends */
};

/* Above so many policies for one region their mutual hiding is not looked at: it is for
 * precision only, and quadratic. */
enum { HIDING_MAX = 64 };

struct node {
	struct ip_prefix dst;
	size_t first, count; /* own entries, in forest.entries */
	struct node *parent; /* next wider destination, NULL at a root */
	struct node *root;
	enum answer answer;
	uint32_t mtu;		/* largest of the policies that capture here */
	struct ip_addr prefsrc; /* of the first that has one */
	bool captures;		/* has entries of its own that capture */
	bool by_rules;		/* at a root: the tree is ordered rules */
};

struct forest {
	const struct plan_input *in;
	struct plan *plan;
	struct plan_entry
		*entries; /* owned; sorted by destination, wide before narrow, then rank */
	size_t entry_count;
	struct node *nodes; /* owned; in the same order */
	size_t node_count;
	const struct plan_entry **seen; /* owned; scratch, entry_count long */
};

/* ---- entries ------------------------------------------------------------------------------ */

static int compare_prefixes(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;
	int order = compare_prefixes(&x->dst, &y->dst);

	return order ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static int compare_ranks(const void *a, const void *b)
{
	const struct plan_entry *const *x = a, *const *y = b;

	return ((*x)->rank > (*y)->rank) - ((*x)->rank < (*y)->rank);
}

/* A selector's prefix in one family; a selector without family means all of each. */
static struct ip_prefix prefix_in(const struct ip_prefix *prefix, uint8_t sel_family,
				  uint8_t family)
{
	struct ip_prefix out = {.addr.family = family};

	if (sel_family == AF_UNSPEC || prefix->len == 0)
		return out;
	out = *prefix;
	out.addr.family = family;
	return ip_prefix_masked(&out);
}

static bool captures(const struct plan_entry *e)
{
	return e->action != POLICY_BYPASS;
}

static int collect_entries(struct forest *f, uint8_t family)
{
	const struct plan_input *in = f->in;

	f->entries = calloc(in->policy_count + 1, sizeof(*f->entries));
	f->seen = calloc(in->policy_count + 1, sizeof(*f->seen));
	f->nodes = calloc(in->policy_count + 1, sizeof(*f->nodes));
	if (!f->entries || !f->seen || !f->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < in->policy_count; i++) {
		const struct plan_policy *p = &in->policies[i];
		struct plan_entry *e = &f->entries[f->entry_count];

		if ((p->sel.family != AF_UNSPEC && p->sel.family != family) ||
		    plan_entry_is_empty(&p->sel))
			continue;
		*e = (struct plan_entry){.src = prefix_in(&p->sel.src, p->sel.family, family),
					 .dst = prefix_in(&p->sel.dst, p->sel.family, family),
					 .sel = &p->sel,
					 .rank = (uint32_t)i,
					 .mtu = p->mtu,
					 .action = p->action};
		if (p->action == POLICY_PROTECT && !in->addr_in(in->ctx, &e->src, &e->prefsrc))
			e->prefsrc = (struct ip_addr){0};
		f->entry_count++;
	}
	qsort(f->entries, f->entry_count, sizeof(*f->entries), compare_entries);
	return 0;
}

/* ---- the forest --------------------------------------------------------------------------- */

/* The narrowest of node and those above that covers prefix strictly or is equal to it. */
static struct node *covering(struct node *node, const struct ip_prefix *prefix)
{
	while (node && !ip_prefix_covers(&node->dst, prefix))
		node = node->parent;
	return node;
}

static void grow_forest(struct forest *f)
{
	struct node *last = NULL;

	for (size_t i = 0; i < f->entry_count; i++) {
		const struct plan_entry *e = &f->entries[i];

		if (!last || compare_prefixes(&last->dst, &e->dst) != 0) {
			struct node *node = &f->nodes[f->node_count++];

			*node = (struct node){.dst = e->dst, .first = i};
			node->parent = covering(last, &e->dst);
			node->root = node->parent ? node->parent->root : node;
			last = node;
		}
		last->count++;
		last->captures = last->captures || captures(e);
	}
}

/* The entries that can see a packet for node's region, in the order of the SPD, less those an
 * earlier one leaves nothing for. */
static size_t see(struct forest *f, const struct node *node)
{
	size_t n = 0, kept = 0;

	for (const struct node *at = node; at; at = at->parent)
		for (size_t i = 0; i < at->count; i++)
			f->seen[n++] = &f->entries[at->first + i];
	qsort(f->seen, n, sizeof(*f->seen), compare_ranks);
	for (size_t i = 0; i < n; i++) {
		bool hidden = false;

		for (size_t j = 0; j < kept && n <= HIDING_MAX && !hidden; j++)
			hidden = plan_entry_hides(f->seen[j], f->seen[i]);
		if (!hidden)
			f->seen[kept++] = f->seen[i];
	}
	return kept;
}

/* Everything inside its destination's own site, as 10.1.0.0/16 -> 0.0.0.0/0: a route would also
 * capture what goes to the source's networks behind an inner router, and the answers of this
 * gateway's public address. Here the source must count. */
static bool is_around_source(const struct plan_entry *e)
{
	return e->src.len > e->dst.len && ip_prefix_covers(&e->dst, &e->src);
}

/* A route has one MTU. The largest lets every policy use its own: for those that have less,
 * outbound.c fragments or sends the ICMP error, which it can as it knows the policy. */
static void note_capture(struct node *node, const struct plan_entry *e)
{
	if (e->mtu > node->mtu)
		node->mtu = e->mtu;
	if (node->prefsrc.family == AF_UNSPEC)
		node->prefsrc = e->prefsrc;
}

/* Walks what sees the region until somebody takes all that is left. */
static void answer_region(struct forest *f, struct node *node)
{
	size_t n = see(f, node);
	bool some = false, all_ports = false, depends = false, pass = false;

	for (size_t i = 0; i < n; i++) {
		const struct plan_entry *e = f->seen[i];
		bool address_only = selector_is_address_only(e->sel);

		if (captures(e)) {
			note_capture(node, e);
			some = true;
			all_ports = all_ports || address_only;
			depends = depends || is_around_source(e);
		} else {
			pass = true;
		}
		if (address_only && e->src.len == 0)
			break;
	}
	if (!some)
		node->answer = pass ? ANSWER_PASS : ANSWER_NONE;
	else if (pass || !all_ports || depends)
		node->answer = ANSWER_RULES;
	else
		node->answer = ANSWER_CAPTURE;
	if (node->answer == ANSWER_RULES)
		node->root->by_rules = true;
}

/* ---- what comes out ------------------------------------------------------------------------ */

static void put_route(struct plan *plan, const struct plan_route *route)
{
	if ((plan->route_count & (plan->route_count - 1)) == 0) {
		size_t room = plan->route_count ? plan->route_count * 2 : 1;
		struct plan_route *grown = reallocarray(plan->routes, room, sizeof(*grown));

		if (!grown) {
			plan->failed = true;
			return;
		}
		plan->routes = grown;
	}
	plan->routes[plan->route_count++] = *route;
}

static void put_capture(struct plan *plan, const struct node *node, uint8_t table)
{
	struct plan_route route = {.dst = node->dst,
				   .table = table,
				   .kind = PLAN_TUN,
				   .mtu = node->mtu,
				   .prefsrc = node->prefsrc};

	/* RFC 8200 §5: no link below 1280; then the outer packet is fragmented. */
	if (route.mtu && node->dst.addr.family == AF_INET6 && route.mtu < IP6_MTU_MIN)
		route.mtu = IP6_MTU_MIN;
	put_route(plan, &route);
	put_route(plan, &(struct plan_route){.dst = node->dst, .table = table, .kind = PLAN_GUARD});
}

static void put_throw(struct plan *plan, const struct ip_prefix *dst, uint8_t table)
{
	put_route(plan, &(struct plan_route){.dst = *dst, .table = table, .kind = PLAN_THROW});
}

/* The answer of the nearest wider region that has one. */
static enum answer answer_above(const struct node *node)
{
	while (node && node->answer == ANSWER_NONE)
		node = node->parent;
	return node ? node->answer : ANSWER_NONE;
}

static void put_node(struct forest *f, const struct node *node)
{
	if (node->root->by_rules) {
		if (node->captures)
			put_capture(f->plan, node, CAPTURE_RULE_TABLE);
	} else if (node->answer == ANSWER_CAPTURE) {
		put_capture(f->plan, node, CAPTURE_TABLE);
	} else if (node->answer == ANSWER_PASS && answer_above(node->parent) == ANSWER_CAPTURE) {
		put_throw(f->plan, &node->dst, CAPTURE_TABLE);
	}
}

/* What is on a link of ours is not taken away by a wider policy; one that names just this prefix,
 * or something inside it, is meant. */
static void put_connected(struct forest *f, const struct ip_prefix *prefix)
{
	size_t low = 0, high = f->node_count;
	const struct node *node;
	bool by_rules;

	/* The last node not after prefix; what covers prefix is that one or above it. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_prefixes(&f->nodes[mid].dst, prefix) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	node = low ? covering(&f->nodes[low - 1], prefix) : NULL;
	if (!node)
		return;
	by_rules = node->root->by_rules;
	while (node && (by_rules ? !node->captures : node->answer == ANSWER_NONE))
		node = node->parent;
	if (!node || node->dst.len == prefix->len)
		return;
	if (by_rules)
		put_throw(f->plan, prefix, CAPTURE_RULE_TABLE);
	else if (node->answer == ANSWER_CAPTURE)
		put_throw(f->plan, prefix, CAPTURE_TABLE);
}

/* Never leave a link, whatever its addresses, so they are connected everywhere: IPv4's local
 * multicast (VRRP, OSPF, mDNS) and broadcast, IPv6's link-local addresses. IPv6 multicast stands
 * in the kernel's local table, before ours. */
static const struct ip_prefix link_scoped[] = {
	{.addr = {.bytes = {224}, .family = AF_INET}, .len = 24},
	{.addr = {.bytes = {255, 255, 255, 255}, .family = AF_INET}, .len = 32},
	{.addr = {.bytes = {0xfe, 0x80}, .family = AF_INET6}, .len = 10},
};

static void put_all_connected(struct forest *f, uint8_t family)
{
	for (size_t i = 0; i < f->in->connected_count; i++) {
		struct ip_prefix prefix = ip_prefix_masked(&f->in->connected[i]);

		if (prefix.addr.family == family)
			put_connected(f, &prefix);
	}
	for (size_t i = 0; i < sizeof(link_scoped) / sizeof(link_scoped[0]); i++)
		if (link_scoped[i].addr.family == family)
			put_connected(f, &link_scoped[i]);
}

static int put_rules(struct forest *f, struct plan_rule_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < f->node_count; i++) {
		const struct node *node = &f->nodes[i];

		for (size_t j = 0; node->root->by_rules && j < node->count; j++)
			f->seen[n++] = &f->entries[node->first + j];
	}
	qsort(f->seen, n, sizeof(*f->seen), compare_ranks);
	return plan_rules_put(list, f->seen, n, &f->plan->inexact);
}

static int plan_family(const struct plan_input *in, uint8_t family, struct plan *plan)
{
	struct forest f = {.in = in, .plan = plan};
	int err = collect_entries(&f, family);

	if (!err) {
		grow_forest(&f);
		for (size_t i = 0; i < f.node_count; i++)
			answer_region(&f, &f.nodes[i]);
		for (size_t i = 0; i < f.node_count; i++)
			put_node(&f, &f.nodes[i]);
		put_all_connected(&f, family);
		err = put_rules(&f, family == AF_INET ? &plan->ip4 : &plan->ip6);
	}
	free(f.entries);
	free(f.nodes);
	free(f.seen);
	return err;
}

int plan_route_compare(const void *a, const void *b)
{
	const struct plan_route *x = a, *y = b;
	int order = (x->table > y->table) - (x->table < y->table);

	if (!order)
		order = x->dst.addr.family - y->dst.addr.family;
	if (!order)
		order = compare_prefixes(&x->dst, &y->dst);
	/* A guard has a metric of its own; to-TUN and throw take each other's place. */
	return order ? order : (x->kind == PLAN_GUARD) - (y->kind == PLAN_GUARD);
}

/* Connected prefixes may come twice, and one may be a bypass too. */
static void drop_duplicates(struct plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->route_count; i++)
		if (i == 0 || plan_route_compare(&plan->routes[i], &plan->routes[kept - 1]) != 0)
			plan->routes[kept++] = plan->routes[i];
	plan->route_count = kept;
}

int plan_make(const struct plan_input *in, struct plan *out)
{
	struct plan plan = {0};
	int err = plan_family(in, AF_INET, &plan);

	if (!err)
		err = plan_family(in, AF_INET6, &plan);
	if (err || plan.failed) {
		plan_fini(&plan);
		return -ENOMEM;
	}
	if (plan.route_count)
		qsort(plan.routes, plan.route_count, sizeof(*plan.routes), plan_route_compare);
	drop_duplicates(&plan);
	*out = plan;
	return 0;
}

void plan_fini(struct plan *plan)
{
	free(plan->routes);
	free(plan->ip4.rules);
	free(plan->ip6.rules);
	*plan = (struct plan){0};
}
