/*
 * plan_rules.c: see plan_rules.h. Fib rules know source, destination, protocol and port ranges
 * (Linux 4.17 and later); the kernel tries rules of one preference in the order they were added.
 */
#include "gateway/dataplane/capture/plan_rules.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { NOTED_MAX = 64 }; /* how far back duplicates are looked for: they only cost */

/* Protocols whose ports the kernel's fib rules see. */
static const uint8_t port_protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP,
					 IPPROTO_UDPLITE};

static bool has_ports(uint8_t proto)
{
	for (size_t i = 0; i < sizeof(port_protocols); i++)
		if (port_protocols[i] == proto)
			return true;
	return false;
}

/* What XFRM keeps in the port fields: ICMP type and code, mobility header type. */
static bool has_types(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 || proto == IPPROTO_MH;
}

bool plan_entry_is_empty(const struct selector *sel)
{
	/* RFC 4301 §7.1: a port selector does not match a packet without ports. */
	return (sel->sport_mask || sel->dport_mask) && sel->proto != 0 && !has_ports(sel->proto) &&
	       !has_types(sel->proto);
}

static bool port_covers(uint16_t outer, uint16_t outer_mask, uint16_t inner, uint16_t inner_mask)
{
	return (outer_mask & inner_mask) == outer_mask && ((inner ^ outer) & outer_mask) == 0;
}

bool plan_entry_hides(const struct plan_entry *outer, const struct plan_entry *inner)
{
	const struct selector *o = outer->sel, *i = inner->sel;

	return ip_prefix_covers(&outer->src, &inner->src) &&
	       (o->proto == 0 || o->proto == i->proto) &&
	       port_covers(o->sport, o->sport_mask, i->sport, i->sport_mask) &&
	       port_covers(o->dport, o->dport_mask, i->dport, i->dport_mask);
}

/* The ports that agree with value in the bits of mask as a range. False if there is none that is equal; range
 * is then the widest inside for a bypass (first > last: nothing), any for the others. */
static bool range_of(uint16_t value, uint16_t mask, bool bypass, struct plan_ports *range)
{
	uint16_t rest = (uint16_t)~mask;
	uint32_t first = value & mask, last = first | rest;
	bool exact = first >= PLAN_PORT_MIN && last <= PLAN_PORT_MAX;

	*range = (struct plan_ports){0, 0};
	if (mask == 0)
		return true;
	if (rest & (rest + 1)) { /* not a run of low bits: no range */
		if (bypass)
			*range = (struct plan_ports){PLAN_PORT_MAX, 0};
		return false;
	}
	/* Port 0 is nobody's, so leaving it out is still exact. */
	if (first == 0 && last > 0 && last <= PLAN_PORT_MAX) {
		first = PLAN_PORT_MIN;
		exact = true;
	}
	if (exact || bypass) {
		if (first < PLAN_PORT_MIN)
			first = PLAN_PORT_MIN;
		if (last > PLAN_PORT_MAX)
			last = PLAN_PORT_MAX;
		*range = (struct plan_ports){(uint16_t)first, (uint16_t)last};
	}
	return exact;
}

/* False: no rule at all (a bypass no rule can say). */
static bool rule_of(const struct plan_entry *e, struct plan_rule *rule, size_t *inexact)
{
	const struct selector *sel = e->sel;
	bool bypass = e->action == POLICY_BYPASS;
	bool exact = true;

	*rule = (struct plan_rule){.src = e->src,
				   .dst = e->dst,
				   .proto = sel->proto,
				   .action = bypass ? PLAN_SKIP : PLAN_CAPTURE};
	if (has_types(sel->proto)) {
		exact = !sel->sport_mask && !sel->dport_mask;
		if (!exact)
			(*inexact)++;
		return exact || !bypass;
	}
	exact = range_of(sel->sport, sel->sport_mask, bypass, &rule->sport);
	exact = range_of(sel->dport, sel->dport_mask, bypass, &rule->dport) && exact;
	if (!exact)
		(*inexact)++;
	return rule->sport.first <= rule->sport.last && rule->dport.first <= rule->dport.last;
}

int plan_rules_append(struct plan_rule_list *list, const struct plan_rule *rule)
{
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? list->count * 2 : 1;
		struct plan_rule *grown = reallocarray(list->rules, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->rules = grown;
	}
	list->rules[list->count++] = *rule;
	return 0;
}

/* The gateway's own packets are routed first and get their source address by it (connect, UDP
 * without bind): a rule with a source would miss them, and they would leave in clear. Where this
 * host has an address in the source selector they are captured, and the route's preferred source
 * then is that address. */
static int put_unbound(struct plan_rule_list *list, struct plan_rule rule)
{
	if (rule.src.addr.family == AF_INET6)
		return 0; /* a flag of the rule itself, see put_entry */
	rule.src = (struct ip_prefix){.addr.family = AF_INET, .len = 32};
	rule.unbound = true;
	return plan_rules_append(list, &rule);
}

static int put_entry(struct plan_rule_list *list, const struct plan_entry *e,
		     const struct plan_rule *rule)
{
	bool own = e->action == POLICY_PROTECT && e->src.len > 0 && e->prefsrc.family != AF_UNSPEC;
	struct plan_rule first = *rule;
	int err;

	first.unbound = own && e->src.addr.family == AF_INET6;
	err = plan_rules_append(list, &first);
	return err || !own ? err : put_unbound(list, *rule);
}

/* Everything but the padding at the end; there is none before. */
enum { RULE_BYTES = offsetof(struct plan_rule, unbound) + sizeof(bool) };
static_assert(RULE_BYTES == 2 * sizeof(struct ip_prefix) + 2 * sizeof(struct plan_ports) + 3,
	      "rules are compared byte by byte");

static int compare_rules(const struct plan_rule *a, const struct plan_rule *b)
{
	return memcmp(a, b, RULE_BYTES);
}

/* What both rules match, as a's rule without ports. False if there is nothing. */
static bool intersect(const struct plan_rule *a, const struct plan_rule *b, struct plan_rule *both)
{
	if ((!ip_prefix_covers(&a->src, &b->src) && !ip_prefix_covers(&b->src, &a->src)) ||
	    (!ip_prefix_covers(&a->dst, &b->dst) && !ip_prefix_covers(&b->dst, &a->dst)) ||
	    (a->proto && b->proto && a->proto != b->proto))
		return false;
	*both = *a;
	if (b->src.len > a->src.len)
		both->src = b->src;
	if (b->dst.len > a->dst.len)
		both->dst = b->dst;
	return true;
}

bool plan_rules_equal(const struct plan_rule_list *a, const struct plan_rule_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (compare_rules(&a->rules[i], &b->rules[i]) != 0)
			return false;
	return true;
}

/* Fragments. When it forwards one, first or later, the kernel shows no ports to fib rules (0 in
 * their place), so a rule with ports misses it, and a protected datagram in fragments would leave
 * in clear. So before anything lets packets without ports pass, those that a capturing rule with
 * ports could have meant are captured; which of them a policy wants is decided behind the TUN.
 *
 * pass is what lets them pass: a rule of the list, or at the end the list's end. What of it shows
 * ports goes first, so that only fragments meet the captures. */
static int put_fragments(struct plan_rule_list *list, const struct plan_rule_list *fragments,
			 const struct plan_rule *pass)
{
	struct plan_rule with_ports = *pass;
	struct plan_rule both;
	bool first = true;
	int err = 0;

	for (size_t i = 0; i < fragments->count && !err; i++) {
		if (!intersect(&fragments->rules[i], pass, &both))
			continue;
		if (first) {
			with_ports.sport = (struct plan_ports){PLAN_PORT_MIN, PLAN_PORT_MAX};
			err = plan_rules_append(list, &with_ports);
			/* Source port 65535 is in no range, but the other port then tells. */
			with_ports.dport = with_ports.sport;
			with_ports.sport = (struct plan_ports){0, 0};
			if (!err)
				err = plan_rules_append(list, &with_ports);
			first = false;
		}
		if (!err)
			err = plan_rules_append(list, &both);
	}
	return err;
}

/* The rules are few: most policies with ports share addresses and protocol. */
static bool is_noted(const struct plan_rule_list *fragments, const struct plan_rule *rule)
{
	for (size_t i = 0; i < fragments->count && i < NOTED_MAX; i++)
		if (compare_rules(&fragments->rules[fragments->count - 1 - i], rule) == 0)
			return true;
	return false;
}

static int note_fragments(struct plan_rule_list *fragments, const struct plan_rule *rule)
{
	struct plan_rule whole = {.src = rule->src, .dst = rule->dst, .action = PLAN_CAPTURE};
	int err = 0;

	if (rule->action != PLAN_CAPTURE || (!rule->sport.first && !rule->dport.first))
		return 0;
	for (size_t i = 0; i < sizeof(port_protocols) && !err; i++) {
		whole.proto = port_protocols[i];
		if ((rule->proto == 0 || rule->proto == whole.proto) &&
		    !is_noted(fragments, &whole))
			err = plan_rules_append(fragments, &whole);
	}
	return err;
}

int plan_rules_put(struct plan_rule_list *list, const struct plan_entry *const *entries, size_t n,
		   size_t *inexact)
{
	struct plan_rule_list fragments = {0};
	struct plan_rule all = {.action = PLAN_SKIP};
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct plan_rule rule;

		if (!rule_of(entries[i], &rule, inexact))
			continue;
		all.src.addr.family = all.dst.addr.family = rule.src.addr.family;
		if (rule.action == PLAN_SKIP && !rule.sport.first && !rule.dport.first)
			err = put_fragments(list, &fragments, &rule);
		if (!err)
			err = put_entry(list, entries[i], &rule);
		if (!err)
			err = note_fragments(&fragments, &rule);
	}
	if (!err)
		err = put_fragments(list, &fragments, &all);
	free(fragments.rules);
	return err;
}
