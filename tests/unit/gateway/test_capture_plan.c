/*
 * test_capture_plan.c: from policies and connected prefixes to routes and rules. Tables of cases,
 * and a model: random policies, random packets, and the kernel's look-up played by hand must agree
 * with the SPD on what may leave in clear.
 */
#include "gateway/dataplane/capture/capture_plan.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES_MAX = 24, LINE_MAX_LEN = 160 };

/* ---- text in, text out ---------------------------------------------------------------------- */

static struct ip_prefix prefix_from(const char *text)
{
	char addr[64];
	unsigned len;
	struct ip_prefix prefix;

	ck_assert_int_eq(sscanf(text, "%63[^/]/%u", addr, &len), 2);
	ck_assert_msg(ip_addr_parse(addr, &prefix.addr), "%s", text);
	prefix.len = (uint8_t)len;
	return prefix;
}

/* "protect SRC DST [PROTO SPORT/MASK DPORT/MASK]", ports in hexadecimal, with "mtu N" behind. */
static struct plan_policy policy_from(const char *text)
{
	static const char *const actions[] = {"protect", "bypass", "discard"};
	char action[16], src[64], dst[64];
	unsigned proto = 0, sport = 0, smask = 0, dport = 0, dmask = 0;
	const char *mtu = strstr(text, "mtu ");
	struct plan_policy p = {.action = 99};
	int n = sscanf(text, "%15s %63s %63s %u %x/%x %x/%x", action, src, dst, &proto, &sport,
		       &smask, &dport, &dmask);

	ck_assert_msg(n == 3 || n == 8, "%s", text);
	for (uint8_t i = 0; i < 3; i++)
		if (strcmp(actions[i], action) == 0)
			p.action = i;
	ck_assert_uint_ne(p.action, 99);
	if (strcmp(src, "any") != 0) {
		p.sel.src = prefix_from(src);
		p.sel.dst = prefix_from(dst);
		p.sel.family = p.sel.src.addr.family;
	}
	p.sel.proto = (uint8_t)proto;
	p.sel.sport = (uint16_t)sport;
	p.sel.sport_mask = (uint16_t)smask;
	p.sel.dport = (uint16_t)dport;
	p.sel.dport_mask = (uint16_t)dmask;
	p.mtu = mtu ? (uint32_t)atoi(mtu + 4) : 0;
	return p;
}

static const char *prefix_text(const struct ip_prefix *prefix, char *buf, size_t size)
{
	char addr[IP_ADDR_TEXT_MAX];

	(void)snprintf(buf, size, "%s/%u", ip_addr_format(&prefix->addr, addr), prefix->len);
	return buf;
}

static void route_text(const struct plan_route *r, char line[static LINE_MAX_LEN])
{
	static const char *const kinds[] = {"tun", "guard", "throw"};
	char dst[64], src[IP_ADDR_TEXT_MAX];
	int n = snprintf(line, LINE_MAX_LEN, "%u %s %s", r->table,
			 prefix_text(&r->dst, dst, sizeof(dst)), kinds[r->kind]);

	if (r->mtu)
		n += snprintf(line + n, LINE_MAX_LEN - (size_t)n, " mtu %u", r->mtu);
	if (r->prefsrc.family != AF_UNSPEC)
		(void)snprintf(line + n, LINE_MAX_LEN - (size_t)n, " src %s",
			       ip_addr_format(&r->prefsrc, src));
}

static void rule_text(const struct plan_rule *r, char line[static LINE_MAX_LEN])
{
	char src[64], dst[64];
	int n = snprintf(line, LINE_MAX_LEN, "from %s to %s",
			 prefix_text(&r->src, src, sizeof(src)),
			 prefix_text(&r->dst, dst, sizeof(dst)));

	if (r->proto)
		n += snprintf(line + n, LINE_MAX_LEN - (size_t)n, " proto %u", r->proto);
	if (r->sport.first)
		n += snprintf(line + n, LINE_MAX_LEN - (size_t)n, " sport %u-%u", r->sport.first,
			      r->sport.last);
	if (r->dport.first)
		n += snprintf(line + n, LINE_MAX_LEN - (size_t)n, " dport %u-%u", r->dport.first,
			      r->dport.last);
	(void)snprintf(line + n, LINE_MAX_LEN - (size_t)n, " %s%s",
		       r->action == PLAN_CAPTURE ? "capture" : "skip",
		       r->unbound ? " unbound" : "");
}

/* This host: 10.1.0.1 and fd01::1. */
static bool host_addr_in(const void *ctx, const struct ip_prefix *prefix, struct ip_addr *out)
{
	static const char *const own[] = {"10.1.0.1", "fd01::1"};

	ck_assert_ptr_null(ctx);
	for (size_t i = 0; i < 2; i++) {
		struct ip_addr addr;

		ck_assert(ip_addr_parse(own[i], &addr));
		if (ip_prefix_contains(prefix, &addr)) {
			*out = addr;
			return true;
		}
	}
	return false;
}

/* ---- tables --------------------------------------------------------------------------------- */

static const struct plan_case {
	const char *what;
	const char *policies[8];
	const char *connected[4];
	const char *lines[LINES_MAX]; /* routes, then IPv4 rules, then IPv6 rules */
	size_t inexact;
} cases[] = {
	{.what = "nothing"},
	{.what = "a network to a network",
	 .policies = {"protect 10.1.0.0/16 10.2.0.0/16 mtu 1438"},
	 .connected = {"10.1.0.0/24", "192.0.2.0/24"},
	 .lines = {"219 10.2.0.0/16 tun mtu 1438 src 10.1.0.1", "219 10.2.0.0/16 guard"}},
	{.what = "host bits in the selector",
	 .policies = {"protect 10.1.7.9/16 10.2.3.4/16"},
	 .lines = {"219 10.2.0.0/16 tun src 10.1.0.1", "219 10.2.0.0/16 guard"}},
	{.what = "no address of ours in the source",
	 .policies = {"protect 10.9.0.0/16 10.2.0.0/16 mtu 1400"},
	 .lines = {"219 10.2.0.0/16 tun mtu 1400", "219 10.2.0.0/16 guard"}},
	{.what = "one destination, two sources: one route, largest MTU, first source that has one",
	 .policies = {"protect 10.9.0.0/16 10.2.0.0/16 mtu 1400",
		      "protect 10.1.0.0/16 10.2.0.0/16 mtu 1380"},
	 .lines = {"219 10.2.0.0/16 tun mtu 1400 src 10.1.0.1", "219 10.2.0.0/16 guard"}},
	{.what = "discard goes to the TUN too",
	 .policies = {"discard 0.0.0.0/0 10.7.0.0/16"},
	 .lines = {"219 10.7.0.0/16 tun", "219 10.7.0.0/16 guard"}},
	{.what = "discard lends no source and no MTU",
	 .policies = {"discard 10.1.0.0/24 10.2.0.0/16",
		      "protect 10.1.0.0/16 10.2.0.0/16 mtu 1400"},
	 .lines = {"219 10.2.0.0/16 tun mtu 1400 src 10.1.0.1", "219 10.2.0.0/16 guard"}},
	{.what = "everything from everywhere, and the LAN",
	 .policies = {"protect 0.0.0.0/0 0.0.0.0/0 mtu 1438"},
	 .connected = {"10.1.0.0/24", "192.0.2.0/24", "10.1.0.0/24"},
	 .lines = {"219 0.0.0.0/0 tun mtu 1438 src 10.1.0.1", "219 0.0.0.0/0 guard",
		   "219 10.1.0.0/24 throw", "219 192.0.2.0/24 throw", "219 224.0.0.0/24 throw",
		   "219 255.255.255.255/32 throw"}},
	{.what = "everything from the LAN: the source must count",
	 .policies = {"protect 10.1.0.0/16 0.0.0.0/0 mtu 1438"},
	 .connected = {"10.1.0.0/24"},
	 .lines = {"218 0.0.0.0/0 tun mtu 1438 src 10.1.0.1", "218 0.0.0.0/0 guard",
		   "218 10.1.0.0/24 throw", "218 224.0.0.0/24 throw",
		   "218 255.255.255.255/32 throw", "from 10.1.0.0/16 to 0.0.0.0/0 capture",
		   "from 0.0.0.0/32 to 0.0.0.0/0 capture unbound"}},
	{.what = "IPv6, everything from the LAN",
	 .policies = {"protect fd01::/16 ::/0 mtu 1100"},
	 .connected = {"fd01::/64"},
	 .lines = {"218 ::/0 tun mtu 1280 src fd01::1", "218 ::/0 guard", "218 fd01::/64 throw",
		   "218 fe80::/10 throw", "from fd01::/16 to ::/0 capture unbound"}},
	{.what = "IPv6, a network to a network",
	 .policies = {"protect fd01::/32 fd02::/32 mtu 1422"},
	 .lines = {"219 fd02::/32 tun mtu 1422 src fd01::1", "219 fd02::/32 guard"}},
	{.what = "a policy that names the LAN itself wins over it",
	 .policies = {"protect 10.1.0.0/24 10.1.0.0/24", "protect 0.0.0.0/0 10.0.0.0/8"},
	 .connected = {"10.1.0.0/24", "10.3.0.0/24"},
	 .lines = {"219 10.0.0.0/8 tun src 10.1.0.1", "219 10.0.0.0/8 guard",
		   "219 10.1.0.0/24 tun src 10.1.0.1", "219 10.1.0.0/24 guard",
		   "219 10.3.0.0/24 throw"}},
	{.what = "a policy inside the LAN that a wider one captures around",
	 .policies = {"protect 0.0.0.0/0 10.0.0.0/8", "protect 0.0.0.0/0 10.1.0.9/32"},
	 .connected = {"10.1.0.0/24"},
	 .lines = {"219 10.0.0.0/8 tun src 10.1.0.1", "219 10.0.0.0/8 guard",
		   "219 10.1.0.0/24 throw", "219 10.1.0.9/32 tun src 10.1.0.1",
		   "219 10.1.0.9/32 guard"}},
	{.what = "bypass inside protect",
	 .policies = {"bypass 0.0.0.0/0 10.2.5.0/24", "protect 10.1.0.0/16 10.2.0.0/16"},
	 .lines = {"219 10.2.0.0/16 tun src 10.1.0.1", "219 10.2.0.0/16 guard",
		   "219 10.2.5.0/24 throw"}},
	{.what = "protect inside bypass inside protect",
	 .policies = {"protect 10.1.0.0/16 10.2.5.1/32", "bypass 0.0.0.0/0 10.2.5.0/24",
		      "protect 10.1.0.0/16 10.2.0.0/16"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "218 10.2.5.1/32 tun src 10.1.0.1", "218 10.2.5.1/32 guard",
		   "from 10.1.0.0/16 to 10.2.5.1/32 capture",
		   "from 0.0.0.0/32 to 10.2.5.1/32 capture unbound",
		   "from 0.0.0.0/0 to 10.2.5.0/24 skip", "from 10.1.0.0/16 to 10.2.0.0/16 capture",
		   "from 0.0.0.0/32 to 10.2.0.0/16 capture unbound"}},
	{.what = "a bypass that leaves the protect behind it nothing",
	 .policies = {"bypass 10.1.0.0/16 10.2.5.0/24", "protect 10.1.0.0/16 10.2.0.0/16"},
	 .lines = {"219 10.2.0.0/16 tun src 10.1.0.1", "219 10.2.0.0/16 guard",
		   "219 10.2.5.0/24 throw"}},
	{.what = "a bypass alone needs nothing",
	 .policies = {"bypass 0.0.0.0/0 10.2.0.0/16", "protect 10.1.0.0/16 10.3.0.0/16"},
	 .lines = {"219 10.3.0.0/16 tun src 10.1.0.1", "219 10.3.0.0/16 guard"}},
	{.what = "a bypass behind a protect that takes all is never seen",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16", "bypass 0.0.0.0/0 10.2.5.0/24"},
	 .lines = {"219 10.2.0.0/16 tun src 10.1.0.1", "219 10.2.0.0/16 guard",
		   "219 10.2.5.0/24 tun src 10.1.0.1", "219 10.2.5.0/24 guard"}},
	{.what = "order against longest prefix: the wide protect comes first",
	 .policies = {"protect 10.1.0.0/16 10.2.0.0/16", "bypass 0.0.0.0/0 10.2.5.0/24"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 10.1.0.0/16 to 10.2.0.0/16 capture",
		   "from 0.0.0.0/32 to 10.2.0.0/16 capture unbound",
		   "from 0.0.0.0/0 to 10.2.5.0/24 skip"}},
	{.what = "a bypass for one source",
	 .policies = {"bypass 10.1.9.0/24 10.2.0.0/16", "protect 0.0.0.0/0 10.2.0.0/16"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 10.1.9.0/24 to 10.2.0.0/16 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 capture"}},
	{.what = "one port",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 6 0/0 50/ffff mtu 1400"},
	 .lines = {"218 10.2.0.0/16 tun mtu 1400 src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 dport 80-80 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 capture"}},
	{.what = "one port, and behind it everything: a route is enough",
	 .policies = {"protect 10.1.0.0/16 10.2.0.0/16 6 0/0 50/ffff mtu 1380",
		      "protect 10.1.0.0/16 10.2.0.0/16 mtu 1400"},
	 .lines = {"219 10.2.0.0/16 tun mtu 1400 src 10.1.0.1", "219 10.2.0.0/16 guard"}},
	{.what = "one port, and the rest passes, but for fragments",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 6 0/0 50/ffff", "bypass 0.0.0.0/0 0.0.0.0/0"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 dport 80-80 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 capture"}},
	{.what = "a port passes, the rest is protected",
	 .policies = {"bypass 0.0.0.0/0 10.2.0.0/16 6 0/0 16/ffff",
		      "protect 0.0.0.0/0 10.2.0.0/16"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 dport 22-22 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 capture"}},
	{.what = "a range, and a range that ends at 65535",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 17 400/fc00 0/0",
		      "protect 0.0.0.0/0 10.3.0.0/16 17 c000/c000 0/0"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "218 10.3.0.0/16 tun src 10.1.0.1", "218 10.3.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 17 sport 1024-2047 capture",
		   "from 0.0.0.0/0 to 10.3.0.0/16 proto 17 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 17 capture"},
	 .inexact = 1},
	{.what = "a bypass of such a range passes less",
	 .policies = {"bypass 0.0.0.0/0 10.2.0.0/16 17 c000/c000 0/0",
		      "bypass 0.0.0.0/0 10.2.0.0/16 17 1/1 0/0", "protect 0.0.0.0/0 10.2.0.0/16"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 17 sport 49152-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 capture"},
	 .inexact = 2},
	{.what = "ICMP types: protect widens, bypass is left out",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 1 8/ffff 0/0",
		      "bypass 0.0.0.0/0 10.2.0.0/16 1 0/ffff 0/0"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 1 capture"},
	 .inexact = 2},
	{.what = "selectors that match nothing",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 47 0/0 50/ffff"}},
	{.what = "bits of a port outside its mask say nothing",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 6 0/0 51/fff0"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 dport 80-95 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 6 capture"}},
	{.what = "a connected prefix in a tree of rules",
	 .policies = {"protect 0.0.0.0/0 10.0.0.0/8 6 0/0 50/ffff"},
	 .connected = {"10.1.0.0/24"},
	 .lines = {"218 10.0.0.0/8 tun src 10.1.0.1", "218 10.0.0.0/8 guard",
		   "218 10.1.0.0/24 throw",
		   "from 0.0.0.0/0 to 10.0.0.0/8 proto 6 dport 80-80 capture",
		   "from 0.0.0.0/0 to 0.0.0.0/0 sport 1-65534 skip",
		   "from 0.0.0.0/0 to 0.0.0.0/0 dport 1-65534 skip",
		   "from 0.0.0.0/0 to 10.0.0.0/8 proto 6 capture"}},
	{.what = "only the tree that needs rules gets them",
	 .policies = {"protect 0.0.0.0/0 10.2.0.0/16 1 0/0 0/0", "protect 10.1.0.0/16 10.3.0.0/16"},
	 .lines = {"218 10.2.0.0/16 tun src 10.1.0.1", "218 10.2.0.0/16 guard",
		   "219 10.3.0.0/16 tun src 10.1.0.1", "219 10.3.0.0/16 guard",
		   "from 0.0.0.0/0 to 10.2.0.0/16 proto 1 capture"}},
	{.what = "a selector without family",
	 .policies = {"discard any any"},
	 .lines = {"219 0.0.0.0/0 tun", "219 0.0.0.0/0 guard", "219 224.0.0.0/24 throw",
		   "219 255.255.255.255/32 throw", "219 ::/0 tun", "219 ::/0 guard",
		   "219 fe80::/10 throw"}},
};

static size_t plan_lines(const struct plan *plan, char lines[LINES_MAX][LINE_MAX_LEN])
{
	size_t n = 0;

	ck_assert_uint_le(plan->route_count + plan->ip4.count + plan->ip6.count, LINES_MAX);
	for (size_t i = 0; i < plan->route_count; i++)
		route_text(&plan->routes[i], lines[n++]);
	for (size_t i = 0; i < plan->ip4.count; i++)
		rule_text(&plan->ip4.rules[i], lines[n++]);
	for (size_t i = 0; i < plan->ip6.count; i++)
		rule_text(&plan->ip6.rules[i], lines[n++]);
	return n;
}

START_TEST(test_plan_says_what_policies_need)
{
	const struct plan_case *c = &cases[_i];
	struct plan_policy policies[8];
	struct ip_prefix connected[4];
	struct plan_input in = {
		.policies = policies, .connected = connected, .addr_in = host_addr_in};
	char lines[LINES_MAX][LINE_MAX_LEN];
	struct plan plan;
	size_t n;

	while (in.policy_count < 8 && c->policies[in.policy_count]) {
		policies[in.policy_count] = policy_from(c->policies[in.policy_count]);
		in.policy_count++;
	}
	while (in.connected_count < 4 && c->connected[in.connected_count]) {
		connected[in.connected_count] = prefix_from(c->connected[in.connected_count]);
		in.connected_count++;
	}
	ck_assert_int_eq(plan_make(&in, &plan), 0);
	n = plan_lines(&plan, lines);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(c->lines[i] && strcmp(c->lines[i], lines[i]) == 0,
			      "%s, line %zu: expected \"%s\", got \"%s\"", c->what, i,
			      c->lines[i] ? c->lines[i] : "(end)", lines[i]);
	ck_assert_msg(!c->lines[n], "%s: \"%s\" is missing", c->what, c->lines[n]);
	ck_assert_uint_eq(plan.inexact, c->inexact);
	plan_fini(&plan);
}
END_TEST

/* ---- model ---------------------------------------------------------------------------------- */

/* What the kernel does with a packet that has not our mark. */
static bool route_captures(const struct plan *plan, uint8_t table, const struct ip_addr *dst,
			   bool *found)
{
	const struct plan_route *best = NULL;

	for (size_t i = 0; i < plan->route_count; i++) {
		const struct plan_route *r = &plan->routes[i];

		if (r->table == table && r->kind != PLAN_GUARD &&
		    ip_prefix_contains(&r->dst, dst) && (!best || r->dst.len > best->dst.len))
			best = r;
	}
	*found = best && best->kind == PLAN_TUN;
	return *found;
}

static bool port_in(const struct plan_ports *ports, uint16_t port)
{
	return ports->first == 0 || (port >= ports->first && port <= ports->last);
}

static bool kernel_captures(const struct plan *plan, const struct ip_view *v, bool fragment)
{
	uint16_t sport = fragment ? 0 : v->sport, dport = fragment ? 0 : v->dport;
	bool captured;

	for (size_t i = 0; i < plan->ip4.count; i++) {
		const struct plan_rule *r = &plan->ip4.rules[i];

		if (!ip_prefix_contains(&r->src, &v->src) ||
		    !ip_prefix_contains(&r->dst, &v->dst) || (r->proto && r->proto != v->proto) ||
		    !port_in(&r->sport, sport) || !port_in(&r->dport, dport))
			continue;
		if (r->action == PLAN_SKIP)
			break;
		if (route_captures(plan, CAPTURE_RULE_TABLE, &v->dst, &captured))
			return true;
	}
	return route_captures(plan, CAPTURE_TABLE, &v->dst, &captured);
}

/* A small world, so that everything overlaps: 10.0.0.0/29 by its subnets, four ports. */
static struct ip_prefix random_prefix(void)
{
	struct ip_prefix p = {
		.addr = {.bytes = {10, 0, 0, (uint8_t)(random() % 8)}, .family = AF_INET}};

	p.len = (uint8_t)(29 + random() % 4);
	if (random() % 4 == 0)
		p.len = 0;
	return p;
}

static struct plan_policy random_policy(void)
{
	static const uint8_t protos[] = {6, 17, 47};
	struct plan_policy p = {.sel = {.family = AF_INET}, .action = (uint8_t)(random() % 3)};

	p.sel.src = random_prefix();
	p.sel.dst = random_prefix();
	if (random() % 3 == 0)
		p.sel.proto = protos[random() % 3];
	if (random() % 4 == 0 && p.sel.proto != 47) {
		p.sel.dport_mask = random() % 2 ? 0xffff : 0xfffe;
		p.sel.dport = (uint16_t)(80 + random() % 4); /* bits outside the mask, too */
	}
	if (random() % 6 == 0 && p.sel.proto != 47) {
		p.sel.sport_mask = 0xffff;
		p.sel.sport = (uint16_t)(80 + random() % 4);
	}
	return p;
}

static struct ip_view random_packet(void)
{
	static const uint8_t protos[] = {6, 17, 47, 1};
	struct ip_view v = {.version = 4, .proto = protos[random() % 4]};

	v.src = (struct ip_addr){{10, 0, 0, (uint8_t)(random() % 9)}, AF_INET};
	v.dst = (struct ip_addr){{10, 0, 0, (uint8_t)(random() % 9)}, AF_INET};
	v.has_ports = v.proto == 6 || v.proto == 17;
	if (v.has_ports) {
		v.sport = (uint16_t)(79 + random() % 6);
		v.dport = (uint16_t)(79 + random() % 6);
	}
	return v;
}

static const struct plan_policy *first_match(const struct plan_input *in, const struct ip_view *v)
{
	for (size_t i = 0; i < in->policy_count; i++)
		if (selector_matches(&in->policies[i].sel, v))
			return &in->policies[i];
	return NULL;
}

static bool on_a_link(const struct plan_input *in, const struct ip_addr *dst)
{
	for (size_t i = 0; i < in->connected_count; i++)
		if (ip_prefix_contains(&in->connected[i], dst))
			return true;
	return false;
}

/* What a failure is about, for whoever reads it. */
static void print_world(const struct plan_input *in, const struct plan *plan,
			const struct ip_view *v)
{
	static const char *const actions[] = {"protect", "bypass", "discard"};
	char line[LINE_MAX_LEN], a[64], b[64];

	for (size_t i = 0; i < in->policy_count; i++) {
		const struct selector *sel = &in->policies[i].sel;

		printf("policy %s %s %s %u %x/%x %x/%x\n", actions[in->policies[i].action],
		       prefix_text(&sel->src, a, sizeof(a)), prefix_text(&sel->dst, b, sizeof(b)),
		       sel->proto, sel->sport, sel->sport_mask, sel->dport, sel->dport_mask);
	}
	for (size_t i = 0; i < in->connected_count; i++)
		printf("connected %s\n", prefix_text(&in->connected[i], a, sizeof(a)));
	for (size_t i = 0; i < plan->route_count; i++) {
		route_text(&plan->routes[i], line);
		printf("route %s\n", line);
	}
	for (size_t i = 0; i < plan->ip4.count; i++) {
		rule_text(&plan->ip4.rules[i], line);
		printf("rule %s\n", line);
	}
	printf("packet %s %s %u %u %u\n", ip_addr_format(&v->src, a), ip_addr_format(&v->dst, b),
	       v->proto, v->sport, v->dport);
	(void)fflush(stdout);
}

static void check_packet(const struct plan_input *in, const struct plan *plan, unsigned seed)
{
	const struct ip_view v = random_packet();
	const struct plan_policy *p = first_match(in, &v);
	bool captured = kernel_captures(plan, &v, false);

	if (p && (p->action == POLICY_BYPASS) == captured && !on_a_link(in, &v.dst))
		print_world(in, plan, &v);
	if (!p)
		return; /* dropped behind the TUN, or routed as ever: both are right */
	if (p->action == POLICY_BYPASS) {
		ck_assert_msg(!captured, "seed %u: a bypass is captured", seed);
		return;
	}
	if (on_a_link(in, &v.dst))
		return; /* may stay on its link */
	ck_assert_msg(captured, "seed %u: a protected packet is not captured", seed);
	ck_assert_msg(kernel_captures(plan, &v, true),
		      "seed %u: a fragment of a protected packet is not captured", seed);
}

START_TEST(test_plan_agrees_with_spd)
{
	unsigned seed = (unsigned)time(NULL);

	printf("test_plan_agrees_with_spd: seed %u\n", seed);
	for (int round = 0; round < 3000; round++) {
		struct plan_policy policies[6];
		struct ip_prefix connected[2];
		struct plan_input in = {
			.policies = policies, .connected = connected, .addr_in = host_addr_in};
		struct plan plan;

		srandom(++seed);
		in.policy_count = 1 + (size_t)(random() % 6);
		for (size_t i = 0; i < in.policy_count; i++)
			policies[i] = random_policy();
		in.connected_count = (size_t)(random() % 3);
		for (size_t i = 0; i < in.connected_count; i++) {
			connected[i] = random_prefix();
			connected[i].len = (uint8_t)(29 + random() % 4);
		}
		ck_assert_int_eq(plan_make(&in, &plan), 0);
		ck_assert_uint_eq(plan.inexact, 0);
		for (int i = 0; i < 60; i++)
			check_packet(&in, &plan, seed);
		plan_fini(&plan);
	}
}
END_TEST

START_TEST(test_plan_copes_with_ten_thousand_policies)
{
	enum { MANY = 10000 };
	struct plan_policy *policies = calloc(MANY, sizeof(*policies));
	struct plan_input in = {
		.policies = policies, .policy_count = MANY, .addr_in = host_addr_in};
	struct plan plan;

	ck_assert_ptr_nonnull(policies);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t dst = htonl(0x0a800000u + (i << 4));

		policies[i] = policy_from("protect 10.1.0.0/16 10.0.0.0/28 mtu 1400");
		policies[i].sel.dst.addr = ip_addr_v4(&dst);
	}
	ck_assert_int_eq(plan_make(&in, &plan), 0);
	ck_assert_uint_eq(plan.route_count, 2 * MANY);
	plan_fini(&plan);
	/* All of one destination. */
	for (uint32_t i = 0; i < MANY; i++) {
		policies[i].sel.src = policies[i].sel.dst;
		policies[i].sel.dst = prefix_from("10.0.0.0/28");
	}
	ck_assert_int_eq(plan_make(&in, &plan), 0);
	ck_assert_uint_eq(plan.route_count, 2);
	plan_fini(&plan);
	free(policies);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture_plan");
	TCase *tcase = tcase_create("plan");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_plan_says_what_policies_need, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tcase, test_plan_agrees_with_spd);
	tcase_add_test(tcase, test_plan_copes_with_ten_thousand_policies);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
