/*
 * guard_text.c: see guard_text.h. Addresses, protocols and ports of a policy are one element of a
 * concatenation, looked up by the kernel in one go; only matches by value and mask are rules.
 *
 *     table inet cygnet_guard_0
 *       counter dropped
 *       set tun            the device that opened packets come from
 *       set links0 ..      the links a wide policy spares
 *       set s0 ..          the plan's sets
 *       chain input        hook input: what passes always, then the plan's sets in order
 *       chain forward      hook forward: the same for what is for others
 */
#include "gateway/dataplane/capture/guard_text.h"

#include <netinet/in.h>

static const char *family_word(uint8_t family)
{
	return family == AF_INET ? "ip" : "ip6";
}

/* ---- elements -------------------------------------------------------------------------------- */

static void put_prefix(FILE *out, const struct ip_prefix *prefix)
{
	char text[IP_ADDR_TEXT_MAX];

	(void)fprintf(out, "%s/%u", ip_addr_format(&prefix->addr, text), (unsigned)prefix->len);
}

static void put_range(FILE *out, const uint16_t range[2])
{
	if (range[0] == range[1])
		(void)fprintf(out, " . %u", (unsigned)range[0]);
	else
		(void)fprintf(out, " . %u-%u", (unsigned)range[0], (unsigned)range[1]);
}

static void put_element(FILE *out, const struct guard_set *set, const struct guard_match *m)
{
	put_prefix(out, &m->src);
	(void)fputs(" . ", out);
	put_prefix(out, &m->dst);
	if (set->shape != GUARD_ADDRS && set->shape != GUARD_TYPES)
		(void)fprintf(out, " . %u", (unsigned)m->proto);
	if (set->shape == GUARD_PORTS || set->shape == GUARD_TYPES) {
		put_range(out, m->sport);
		put_range(out, m->dport);
	}
}

static void put_elements(FILE *out, const struct guard_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		(void)fputs(i ? ", " : "", out);
		put_element(out, set, &set->matches[i]);
	}
}

/* ---- sets ------------------------------------------------------------------------------------ */

static const char *set_type(const struct guard_set *set)
{
	switch ((enum guard_shape)set->shape) {
	case GUARD_PROTO:
	case GUARD_FRAGMENTS:
		return " . inet_proto";
	case GUARD_PORTS:
		return " . inet_proto . inet_service . inet_service";
	case GUARD_TYPES:
		return set->family == AF_INET ? " . icmp_type . icmp_code"
					      : " . icmpv6_type . icmpv6_code";
	case GUARD_ADDRS:
	case GUARD_BITS:
		break;
	}
	return "";
}

static const char *addr_type(uint8_t family)
{
	return family == AF_INET ? "ipv4_addr" : "ipv6_addr";
}

static void put_set(FILE *out, const struct guard_set *set, size_t number)
{
	const char *addr = addr_type(set->family);

	(void)fprintf(out, "  set s%zu { type %s . %s%s; flags interval; elements = { ", number,
		      addr, addr, set_type(set));
	put_elements(out, set);
	(void)fputs(" }; }\n", out);
}

static void put_links(FILE *out, const struct guard_links *l, size_t number)
{
	(void)fprintf(out, "  set links%zu { type ifname . %s; flags interval; elements = { ",
		      number, addr_type(l->family));
	for (size_t i = 0; i < l->count; i++) {
		(void)fprintf(out, "%s\"%s\" . ", i ? ", " : "", l->list[i].name);
		put_prefix(out, &l->list[i].prefix);
	}
	(void)fputs(" }; }\n", out);
}

void guard_text_sets(FILE *out, const struct guard_plan *plan)
{
	for (size_t i = 0; i < plan->links_count; i++)
		put_links(out, &plan->links[i], i);
	for (size_t i = 0; i < plan->set_count; i++)
		if (plan->sets[i].shape != GUARD_BITS)
			put_set(out, &plan->sets[i], i);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void put_verdict(FILE *out, bool drop)
{
	(void)fputs(drop ? " counter name " GUARD_COUNTER " drop\n" : " accept\n", out);
}

static void put_spared(FILE *out, const struct guard_set *set)
{
	if (set->links != GUARD_NO_LINKS)
		(void)fprintf(out, "iifname . %s saddr != @links%u ", family_word(set->family),
			      (unsigned)set->links);
}

/* Bits of the transport header that are to have a value. */
static void put_bits(FILE *out, unsigned offset, unsigned len, const uint16_t value_mask[2])
{
	if (value_mask[1])
		(void)fprintf(out, " @th,%u,%u & 0x%x == 0x%x", offset, len,
			      (unsigned)value_mask[1], (unsigned)value_mask[0]);
}

static void put_bits_rule(FILE *out, const struct guard_set *set, const struct guard_match *m)
{
	const char *ip = family_word(set->family);
	bool icmp = m->proto == IPPROTO_ICMP || m->proto == IPPROTO_ICMPV6;

	(void)fputs("    ", out);
	put_spared(out, set);
	(void)fprintf(out, "%s saddr ", ip);
	put_prefix(out, &m->src);
	(void)fprintf(out, " %s daddr ", ip);
	put_prefix(out, &m->dst);
	(void)fprintf(out, " meta l4proto %u", (unsigned)m->proto);
	if (m->proto == IPPROTO_MH) { /* RFC 6275 §6.1.1 */
		put_bits(out, 16, 8, m->sport);
	} else {
		put_bits(out, 0, icmp ? 8 : 16, m->sport);
		put_bits(out, icmp ? 8 : 16, icmp ? 8 : 16, m->dport);
	}
	put_verdict(out, set->drop);
}

static void put_rule(FILE *out, const struct guard_set *set, size_t number)
{
	const char *ip = family_word(set->family);

	(void)fputs("    ", out);
	put_spared(out, set);
	if (set->shape == GUARD_FRAGMENTS)
		(void)fputs(set->family == AF_INET ? "ip frag-off & 0x1fff != 0 "
						   : "exthdr frag exists ",
			    out);
	(void)fprintf(out, "%s saddr . %s daddr", ip, ip);
	if (set->shape == GUARD_PROTO || set->shape == GUARD_FRAGMENTS)
		(void)fputs(" . meta l4proto", out);
	else if (set->shape == GUARD_PORTS)
		(void)fputs(" . meta l4proto . th sport . th dport", out);
	else if (set->shape == GUARD_TYPES)
		(void)fputs(set->family == AF_INET ? " . icmp type . icmp code"
						   : " . icmpv6 type . icmpv6 code",
			    out);
	(void)fprintf(out, " @s%zu", number);
	put_verdict(out, set->drop);
}

void guard_text_rules(FILE *out, const struct guard_plan *plan, uint8_t hook)
{
	for (size_t i = 0; i < plan->set_count; i++) {
		const struct guard_set *set = &plan->sets[i];

		if (set->hook != hook)
			continue;
		if (set->shape != GUARD_BITS)
			put_rule(out, set, i);
		for (size_t j = 0; set->shape == GUARD_BITS && j < set->count; j++)
			put_bits_rule(out, set, &set->matches[j]);
	}
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Packets for this host that no policy is asked about: its own, opened ones, the outer packets
 * (IKE's sockets bypass policies in the kernel too; other encapsulation ports are known by the mark
 * of capture_nft.c), and what never leaves a link, without which
 * there is no IPv6 (RFC 4861: a hop limit of 255 proves that nobody forwarded it). */
static const char input_head[] =
	"  chain input {\n"
	"    type filter hook input priority filter - 5; policy accept;\n"
	"    iifname \"lo\" accept\n"
	"    iifname @tun accept\n"
	"    meta l4proto 50 accept\n"
	"    udp dport { 500, 4500 } accept\n"
	"    meta l4proto 17 meta mark 0x219 accept\n"
	"    ip daddr { 224.0.0.0/24, 255.255.255.255 } accept\n"
	"    ip6 daddr ff02::/16 accept\n"
	"    ip6 saddr fe80::/10 accept\n"
	"    icmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept\n";

static const char forward_head[] =
	"  chain forward {\n"
	"    type filter hook forward priority filter - 5; policy accept;\n"
	"    iifname @tun accept\n";

void guard_text_table(FILE *out, unsigned generation, const char *tun,
		      const struct guard_plan *plan)
{
	/* "add" before "delete" makes the delete succeed whether or not a table was there. */
	(void)fprintf(out,
		      "add table inet " GUARD_TABLE "%u\n"
		      "delete table inet " GUARD_TABLE "%u\n"
		      "table inet " GUARD_TABLE "%u {\n"
		      "  counter " GUARD_COUNTER " { }\n"
		      "  set tun { type ifname; elements = { \"%s\" }; }\n",
		      generation, generation, generation, tun);
	guard_text_sets(out, plan);
	(void)fputs(input_head, out);
	guard_text_rules(out, plan, GUARD_INPUT);
	(void)fputs("  }\n", out);
	(void)fputs(forward_head, out);
	guard_text_rules(out, plan, GUARD_FORWARD);
	(void)fputs("  }\n}\n", out);
}

static void put_change(FILE *out, const char *verb, const char *table, size_t number,
		       const struct guard_set *set, const struct guard_match *m)
{
	(void)fprintf(out, "%s element inet %s s%zu { ", verb, table, number);
	put_element(out, set, m);
	(void)fputs(" }\n", out);
}

/* Both lists are sorted; in each round the lesser of the two heads is dealt with. What goes goes
 * first: it may overlap what comes. */
static void put_set_changes(FILE *out, const char *table, size_t number,
			    const struct guard_set *from, const struct guard_set *to, bool coming)
{
	size_t i = 0, j = 0;

	while (i < from->count || j < to->count) {
		int order = i == from->count ? 1
			    : j == to->count
				    ? -1
				    : guard_match_compare(&from->matches[i], &to->matches[j]);

		if (order < 0 && !coming)
			put_change(out, "delete", table, number, from, &from->matches[i]);
		if (order > 0 && coming)
			put_change(out, "add", table, number, to, &to->matches[j]);
		i += order <= 0;
		j += order >= 0;
	}
}

void guard_text_changes(FILE *out, const char *table, const struct guard_plan *from,
			const struct guard_plan *to)
{
	for (int coming = 0; coming < 2; coming++)
		for (size_t i = 0; i < from->set_count; i++)
			put_set_changes(out, table, i, &from->sets[i], &to->sets[i], coming);
}
