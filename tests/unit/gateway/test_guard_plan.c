/*
 * test_guard_plan.c: from inbound and forward policies to what the spoof guard drops, and from all of them
 * to what a default that blocks lets pass. Tables of cases, and models: random policies and packets, the
 * plan's sets asked one by one by hand, and the SPD must agree.
 */
#include "gateway/dataplane/capture/default_text.h"
#include "gateway/dataplane/capture/guard_plan.h"
#include "gateway/dataplane/capture/guard_text.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES_MAX = 16, TEXT_MAX = 4096 };

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

/* "in protect SRC DST [PROTO SPORT/MASK DPORT/MASK]", ports in hexadecimal; "use" is the level. */
static struct policy_config policy_from(const char *text)
{
	static const char *const actions[] = {"protect", "bypass", "discard", "use"};
	char dir[8], action[16], src[64], dst[64];
	unsigned proto = 0, sport = 0, smask = 0, dport = 0, dmask = 0;
	struct policy_config p = {.action = 99};
	int n = sscanf(text, "%7s %15s %63s %63s %u %x/%x %x/%x", dir, action, src, dst, &proto,
		       &sport, &smask, &dport, &dmask);

	ck_assert_msg(n == 4 || n == 9, "%s", text);
	p.dir = strcmp(dir, "in") == 0	  ? POLICY_IN
		: strcmp(dir, "fwd") == 0 ? POLICY_FWD
					  : POLICY_OUT;
	for (uint8_t i = 0; i < 4; i++)
		if (strcmp(actions[i], action) == 0)
			p.action = i;
	ck_assert_uint_ne(p.action, 99);
	if (p.action == 3) {
		p.action = POLICY_PROTECT;
		p.tmpl.optional = true;
	}
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
	return p;
}

/* "forward drop PORTS SRC DST 6 0-65535 80-80 <LEN": the last for links with longer prefixes. */
static void set_text(const struct guard_plan *plan, const struct guard_set *set,
		     const struct guard_match *m, FILE *out)
{
	static const char *const shapes[] = {"addrs", "proto",	   "ports",
					     "types", "fragments", "bits"};
	static const char *const hooks[] = {"input", "forward", "output"};
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	(void)fprintf(out, "%s %s %s %s/%u %s/%u", hooks[set->hook], set->drop ? "drop" : "accept",
		      shapes[set->shape], ip_addr_format(&m->src.addr, src), m->src.len,
		      ip_addr_format(&m->dst.addr, dst), m->dst.len);
	if (m->proto)
		(void)fprintf(out, " %u", m->proto);
	if (set->shape == GUARD_PORTS || set->shape == GUARD_TYPES)
		(void)fprintf(out, " %u-%u %u-%u", m->sport[0], m->sport[1], m->dport[0],
			      m->dport[1]);
	if (set->shape == GUARD_BITS)
		(void)fprintf(out, " %x/%x %x/%x", m->sport[0], m->sport[1], m->dport[0],
			      m->dport[1]);
	if (set->links != GUARD_NO_LINKS)
		(void)fprintf(out, " >%u", plan->links[set->links].longer_than);
	(void)fputc('\n', out);
}

/* hook: of both, only this one's sets. */
static void plan_text(const struct guard_plan *plan, uint8_t hook, char text[static TEXT_MAX])
{
	FILE *out = fmemopen(text, TEXT_MAX, "w");

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < plan->set_count; i++)
		for (size_t j = 0; plan->sets[i].hook == hook && j < plan->sets[i].count; j++)
			set_text(plan, &plan->sets[i], &plan->sets[i].matches[j], out);
	ck_assert_int_eq(fclose(out), 0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

struct plan_case {
	const char *what;
	const char *policies[LINES_MAX];
	const char *expected; /* of one hook */
	uint8_t hook;
};

typedef void plan_maker(const struct policy_config *policies, size_t count,
			struct guard_plan *plan);

static void check_case(const struct plan_case *c, plan_maker *make)
{
	struct policy_config policies[LINES_MAX];
	char text[TEXT_MAX] = "";
	struct guard_plan plan;
	size_t n = 0;

	while (c->policies[n]) {
		policies[n] = policy_from(c->policies[n]);
		n++;
	}
	make(policies, n, &plan);
	plan_text(&plan, c->hook, text);
	ck_assert_msg(strcmp(text, c->expected) == 0, "%s\n%s", c->what, text);
	guard_plan_fini(&plan);
}

static void check_passes_over_mark(const char *text, plan_maker *make)
{
	struct policy_config policy = policy_from(text);
	struct guard_plan plan;

	policy.mark = (struct xfrm_mark_value){.value = 7, .mask = 0xff};
	make(&policy, 1, &plan);
	ck_assert_uint_eq(plan.set_count, 0);
	guard_plan_fini(&plan);
}

static const struct plan_case cases[] = {
	{"no policies, no guard", {0}, "", GUARD_INPUT},
	{"protection",
	 {"in protect 10.2.0.0/16 10.1.0.0/16"},
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"host bits are no part of it",
	 {"in protect 10.2.3.4/16 fd00::/0"},
	 "input drop addrs 10.2.0.0/16 0.0.0.0/0\n",
	 GUARD_INPUT},
	{"without forward policies the inbound ones cover both",
	 {"in protect 10.2.0.0/16 10.1.0.0/16"},
	 "forward drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_FORWARD},
	{"with forward policies they do not",
	 {"in protect 10.2.0.0/16 10.1.0.0/16", "fwd protect 10.3.0.0/16 10.1.0.0/16"},
	 "forward drop addrs 10.3.0.0/16 10.1.0.0/16\n",
	 GUARD_FORWARD},
	{"level use lets cleartext in", {"in use 10.2.0.0/16 10.1.0.0/16"}, "", GUARD_INPUT},
	{"level use above protection",
	 {"in use 10.2.1.0/24 10.1.0.0/16", "in protect 10.2.0.0/16 10.1.0.0/16"},
	 "input accept addrs 10.2.1.0/24 10.1.0.0/16\n"
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"a bypass that comes first is honoured, one that comes last needs no words",
	 {"in bypass 10.2.1.0/24 10.1.0.0/16", "in protect 10.2.0.0/16 10.1.0.0/16",
	  "in bypass 10.0.0.0/8 10.1.0.0/16"},
	 "input accept addrs 10.2.1.0/24 10.1.0.0/16\n"
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"discard",
	 {"in discard 10.2.0.0/16 10.1.0.0/16"},
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"what another covers is left out",
	 {"in protect 10.2.5.0/24 10.1.0.0/24", "in discard 10.2.0.0/16 10.1.0.0/16"},
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"what overlaps goes to another set",
	 {"in protect 10.2.0.0/16 10.1.0.0/24", "in protect 10.2.5.0/24 10.1.0.0/16"},
	 "input drop addrs 10.2.0.0/16 10.1.0.0/24\n"
	 "input drop addrs 10.2.5.0/24 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"a protocol",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 47 0/0 0/0"},
	 "input drop proto 10.2.0.0/16 10.1.0.0/16 47\n",
	 GUARD_INPUT},
	{"ports, and fragments that may have them",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 6 0/0 50/ffff"},
	 "input drop ports 10.2.0.0/16 10.1.0.0/16 6 0-65535 80-80\n"
	 "input drop fragments 10.2.0.0/16 10.1.0.0/16 6\n",
	 GUARD_INPUT},
	{"a bypass of ports says nothing of fragments",
	 {"in bypass 10.2.0.0/16 10.1.0.0/16 6 0/0 16/ffff", "in protect 10.2.0.0/16 10.1.0.0/16"},
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 6 0-65535 22-22\n"
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"a port mask that is a range, value bits outside it ignored",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 17 403/fff0 0/0"},
	 "input drop ports 10.2.0.0/16 10.1.0.0/16 17 1024-1039 0-65535\n"
	 "input drop fragments 10.2.0.0/16 10.1.0.0/16 17\n",
	 GUARD_INPUT},
	{"a port mask that is none",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 17 0/0 1/1"},
	 "input drop fragments 10.2.0.0/16 10.1.0.0/16 17\n"
	 "input drop bits 10.2.0.0/16 10.1.0.0/16 17 0/0 1/1\n",
	 GUARD_INPUT},
	{"ICMP type and code",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 1 8/ffff 0/ffff"},
	 "input drop types 10.2.0.0/16 10.1.0.0/16 1 8-8 0-0\n"
	 "input drop fragments 10.2.0.0/16 10.1.0.0/16 1\n",
	 GUARD_INPUT},
	{"an ICMP type no packet has",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 1 108/ffff 0/0"},
	 "",
	 GUARD_INPUT},
	{"a mobility header's type",
	 {"in protect fd02::/16 fd01::/16 135 5/ffff 0/0"},
	 "input drop fragments fd02::/16 fd01::/16 135\n"
	 "input drop bits fd02::/16 fd01::/16 135 5/ff 0/0\n",
	 GUARD_INPUT},
	{"ports of a protocol that has none match nothing",
	 {"in protect 10.2.0.0/16 10.1.0.0/16 47 0/0 50/ffff"},
	 "",
	 GUARD_INPUT},
	{"ports of any protocol",
	 {"in bypass 10.2.0.0/16 10.1.0.0/16 0 0/0 50/ffff", "in discard 10.2.0.0/16 10.1.0.0/16"},
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 6 0-65535 80-80\n"
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 17 0-65535 80-80\n"
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 33 0-65535 80-80\n"
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 132 0-65535 80-80\n"
	 "input accept ports 10.2.0.0/16 10.1.0.0/16 136 0-65535 80-80\n"
	 "input accept types 10.2.0.0/16 10.1.0.0/16 1 0-255 80-80\n"
	 "input drop addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"no family: both",
	 {"in protect any any"},
	 "input drop addrs 0.0.0.0/0 0.0.0.0/0 >0\n"
	 "input drop addrs ::/0 ::/0 >0\n",
	 GUARD_INPUT},
	{"a wide policy spares links",
	 {"in protect 0.0.0.0/0 10.1.0.0/16", "in protect 10.1.0.0/16 10.1.0.0/16"},
	 "input drop addrs 0.0.0.0/0 10.1.0.0/16 >0\n"
	 "input drop addrs 10.1.0.0/16 10.1.0.0/16 >16\n",
	 GUARD_INPUT},
	{"one that names a link's prefix does not, nor one that discards",
	 {"in protect 10.1.7.128/25 10.1.0.0/16", "in discard 0.0.0.0/0 10.1.0.0/16"},
	 "input drop addrs 0.0.0.0/0 10.1.0.0/16\n",
	 GUARD_INPUT},
};

/* The links of all cases and of the model. */
static const struct guard_link links[] = {
	{{{{10, 1, 7, 0}, AF_INET}, 24}, "lan"},  {{{{10, 1, 7, 128}, AF_INET}, 25}, "lan"},
	{{{{192, 0, 2, 0}, AF_INET}, 24}, "pub"}, {{{{0xfd, 0x07}, AF_INET6}, 64}, "lan"},
	{{{{10, 0, 0, 4}, AF_INET}, 30}, "lan"},
};

enum { LINKS = sizeof(links) / sizeof(links[0]) };

static void make(const struct policy_config *policies, size_t count, struct guard_plan *plan)
{
	const struct policy_config *in[64], *fwd[64];
	struct guard_input input = {.in = in, .fwd = fwd, .links = links, .link_count = LINKS};

	for (size_t i = 0; i < count; i++)
		if (policies[i].dir == POLICY_IN)
			in[input.in_count++] = &policies[i];
		else
			fwd[input.fwd_count++] = &policies[i];
	ck_assert_int_eq(guard_plan_make(&input, plan), 0);
}

START_TEST(test_plan_says_what_policies_ask)
{
	check_case(&cases[_i], make);
}
END_TEST

START_TEST(test_plan_passes_over_policies_with_a_mark)
{
	check_passes_over_mark("in protect 10.2.0.0/16 10.1.0.0/16", make);
}
END_TEST

START_TEST(test_plan_names_each_link_once)
{
	struct policy_config policy = policy_from("in protect 0.0.0.0/0 10.1.0.0/16");
	struct guard_plan plan;

	make(&policy, 1, &plan);
	ck_assert_uint_eq(plan.links_count, 1);
	ck_assert_uint_eq(plan.links[0].count, 3); /* 10.1.7.128/25 lies on 10.1.7.0/24 */
	guard_plan_fini(&plan);
}
END_TEST

/* ---- text ------------------------------------------------------------------------------------ */

static char *changes(const struct guard_plan *from, const struct guard_plan *to)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	guard_text_changes(out, "cygnet_guard_1", from, to);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(test_changes_delete_before_they_add)
{
	const struct policy_config before[] = {policy_from("in protect 10.2.0.0/16 10.1.0.0/16"),
					       policy_from("in protect 10.4.0.0/16 10.1.0.0/16"),
					       policy_from("fwd protect 10.9.0.0/16 10.1.0.0/16")};
	const struct policy_config after[] = {policy_from("in protect 10.2.0.0/16 10.1.0.0/16"),
					      policy_from("in protect 10.4.0.0/15 10.1.0.0/16"),
					      policy_from("fwd protect 10.9.0.0/16 10.1.0.0/16")};
	struct guard_plan from, to;
	char *text;

	make(before, 3, &from);
	make(after, 3, &to);
	ck_assert(guard_plan_same_shape(&from, &to));
	ck_assert(!guard_plan_equal(&from, &to));
	text = changes(&from, &to);
	ck_assert_str_eq(text,
			 "delete element inet cygnet_guard_1 s0 { 10.4.0.0/16 . 10.1.0.0/16 }\n"
			 "add element inet cygnet_guard_1 s0 { 10.4.0.0/15 . 10.1.0.0/16 }\n");
	free(text);
	text = changes(&to, &to);
	ck_assert_str_eq(text, "");
	ck_assert(guard_plan_equal(&to, &to));
	free(text);
	guard_plan_fini(&from);
	guard_plan_fini(&to);
}
END_TEST

/* ---- what a default that blocks lets pass ------------------------------------------------------ */

static void make_any(const struct policy_config *policies, size_t count, struct guard_plan *plan)
{
	static const uint8_t hooks[POLICY_DIRS] = {GUARD_INPUT, GUARD_OUTPUT, GUARD_FORWARD};
	const struct policy_config *all[POLICY_DIRS][64];
	struct guard_list lists[GUARD_HOOKS] = {{NULL, 0}};

	for (size_t i = 0; i < count; i++) {
		struct guard_list *list = &lists[hooks[policies[i].dir]];

		all[policies[i].dir][list->count++] = &policies[i];
		list->policies = all[policies[i].dir];
	}
	ck_assert_int_eq(guard_plan_any(lists, plan), 0);
}

static const struct plan_case any_cases[] = {
	{"no policies", {0}, "", GUARD_OUTPUT},
	{"whatever they do",
	 {"out protect 10.2.0.0/16 10.1.0.0/16", "out bypass 10.3.0.0/16 10.1.0.0/16",
	  "out discard 10.4.0.0/16 10.1.0.0/16", "out use 10.5.0.0/16 10.1.0.0/16"},
	 "output accept addrs 10.2.0.0/16 10.1.0.0/16\n"
	 "output accept addrs 10.3.0.0/16 10.1.0.0/16\n"
	 "output accept addrs 10.4.0.0/16 10.1.0.0/16\n"
	 "output accept addrs 10.5.0.0/16 10.1.0.0/16\n",
	 GUARD_OUTPUT},
	{"each direction its own, the last of them too",
	 {"in bypass 10.2.0.0/16 10.1.0.0/16", "fwd protect 10.3.0.0/16 10.1.0.0/16",
	  "out bypass 10.4.0.0/16 10.1.0.0/16"},
	 "input accept addrs 10.2.0.0/16 10.1.0.0/16\n",
	 GUARD_INPUT},
	{"inbound policies do not stand in for forward ones",
	 {"in protect 10.2.0.0/16 10.1.0.0/16"},
	 "",
	 GUARD_FORWARD},
	{"no link is spared, and none needs to be",
	 {"in protect 0.0.0.0/0 0.0.0.0/0"},
	 "input accept addrs 0.0.0.0/0 0.0.0.0/0\n",
	 GUARD_INPUT},
	{"ports, and nothing of fragments",
	 {"fwd protect 10.2.0.0/16 10.1.0.0/16 6 0/0 50/ffff"},
	 "forward accept ports 10.2.0.0/16 10.1.0.0/16 6 0-65535 80-80\n",
	 GUARD_FORWARD},
	{"no family: both",
	 {"out discard any any"},
	 "output accept addrs 0.0.0.0/0 0.0.0.0/0\n"
	 "output accept addrs ::/0 ::/0\n",
	 GUARD_OUTPUT},
};

START_TEST(test_any_policy_lets_pass)
{
	check_case(&any_cases[_i], make_any);
}
END_TEST

START_TEST(test_any_passes_over_policies_with_a_mark)
{
	check_passes_over_mark("out bypass 10.2.0.0/16 10.1.0.0/16", make_any);
}
END_TEST

static char *default_table(const bool block[POLICY_DIRS], const struct policy_config *policies,
			   size_t count, const struct fib_marks *marks)
{
	struct default_rules rules = {.tun = "cyg0", .marks = marks};
	struct guard_plan plan;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	memcpy(rules.block, block, sizeof(rules.block));
	make_any(policies, count, &plan);
	rules.plan = &plan;
	default_text_table(out, &rules);
	ck_assert_int_eq(fclose(out), 0);
	guard_plan_fini(&plan);
	return text;
}

/* The whole of it, with a policy to see where its set is asked. */
START_TEST(test_default_table_has_the_chains_of_its_directions)
{
	static const char head[] = "add table inet cygnet_default\n"
				   "delete table inet cygnet_default\n"
				   "table inet cygnet_default {\n"
				   "  set tun { type ifname; elements = { \"cyg0\" }; }\n";
	static const char set[] = "  set s0 { type ipv4_addr . ipv4_addr; flags interval; "
				  "elements = { 10.2.0.0/16 . 10.1.0.0/16 }; }\n";
	static const struct {
		const char *policy;
		bool block[POLICY_DIRS]; /* in, out, fwd */
		const char *counter, *chains;
	} rows[] = {
		{"in bypass 10.2.0.0/16 10.1.0.0/16",
		 {true, false, false},
		 "  counter dropped_in { }\n",
		 "  chain input {\n"
		 "    type filter hook input priority filter - 5; policy accept;\n"
		 "    iifname \"lo\" accept\n"
		 "    iifname @tun accept\n"
		 "    meta l4proto 50 accept\n"
		 "    socket mark 0x219 accept\n"
		 "    frag frag-off != 0 accept\n"
		 "    ip saddr . ip daddr @s0 accept\n"
		 "    counter name dropped_in drop\n"
		 "  }\n"},
		{"fwd protect 10.2.0.0/16 10.1.0.0/16",
		 {false, false, true},
		 "  counter dropped_fwd { }\n",
		 "  chain forward {\n"
		 "    type filter hook forward priority filter - 5; policy accept;\n"
		 "    iifname @tun accept\n"
		 "    ip saddr . ip daddr @s0 accept\n"
		 "    counter name dropped_fwd drop\n"
		 "  }\n"},
		{"out discard 10.2.0.0/16 10.1.0.0/16",
		 {false, true, false},
		 "  counter dropped_out { }\n",
		 "  chain output {\n"
		 "    type filter hook output priority filter - 5; policy accept;\n"
		 "    oifname \"lo\" accept\n"
		 "    oifname @tun accept\n"
		 "    meta mark 0x219 accept\n"
		 "    meta mark 0x7 meta skuid 123 accept\n"
		 "    ip saddr . ip daddr @s0 accept\n"
		 "    counter name dropped_out drop\n"
		 "  }\n"
		 "  chain leaving {\n"
		 "    type filter hook forward priority filter - 5; policy accept;\n"
		 "    oifname @tun accept\n"
		 "    ip saddr . ip daddr @s0 accept\n"
		 "    counter name dropped_out drop\n"
		 "  }\n"},
	};
	struct fib_mark mark = {.mark = 7, .uid = 123, .users = 1};
	const struct fib_marks marks = {.all = &mark, .count = 1};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct policy_config policy = policy_from(rows[i].policy);
		char *text = default_table(rows[i].block, &policy, 1, &marks);
		char expected[TEXT_MAX];

		(void)snprintf(expected, sizeof(expected), "%s%s%s%s}\n", head, rows[i].counter,
			       set, rows[i].chains);
		ck_assert_str_eq(text, expected);
		free(text);
	}
}
END_TEST

/* Without policies everything is dropped: no chain is left open. */
START_TEST(test_default_table_closes_each_direction)
{
	static const char *const chains[] = {"chain input {", "chain forward {", "chain output {",
					     "chain leaving {"};
	static const bool block[POLICY_DIRS] = {true, true, true};
	static const struct fib_marks none;
	char *text = default_table(block, NULL, 0, &none);

	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		const char *chain = strstr(text, chains[i]);

		ck_assert_msg(chain != NULL, "%s", chains[i]);
		chain = strstr(chain, "  }\n");
		ck_assert_ptr_nonnull(chain);
		ck_assert_int_eq(memcmp(chain - 6, " drop\n", 6), 0);
	}
	ck_assert_ptr_null(strstr(text, "skuid"));
	free(text);
}
END_TEST

/* ---- model ----------------------------------------------------------------------------------- */

/* A small world, so that everything overlaps: 10.0.0.0/29 by its subnets, four ports. */
static struct ip_prefix random_prefix(void)
{
	struct ip_prefix p = {
		.addr = {.bytes = {10, 0, 0, (uint8_t)(random() % 8)}, .family = AF_INET}};

	p.len = (uint8_t)(random() % 4 == 0 ? 0 : 29 + random() % 4);
	return p;
}

static struct policy_config random_policy(void)
{
	static const uint16_t masks[] = {0xffff, 0xfffe, 0x0001, 0};
	static const uint8_t protos[] = {0, 6, 17, 47, 1};
	struct policy_config p = {.sel = {.family = AF_INET}, .action = (uint8_t)(random() % 3)};

	p.dir = POLICY_IN;
	p.tmpl.optional = random() % 5 == 0;
	p.sel.src = random_prefix();
	p.sel.dst = random_prefix();
	p.sel.proto = protos[random() % 5];
	if (random() % 3 == 0) {
		p.sel.sport_mask = masks[random() % 4];
		p.sel.dport_mask = masks[random() % 4];
		p.sel.sport = (uint16_t)(80 + random() % 4);
		p.sel.dport = (uint16_t)(80 + random() % 4);
	}
	return p;
}

static struct ip_view random_packet(void)
{
	static const uint8_t protos[] = {6, 17, 47, 1};
	struct ip_view v = {.version = 4, .proto = protos[random() % 4]};

	v.src = (struct ip_addr){{10, 0, 0, (uint8_t)(random() % 9)}, AF_INET};
	v.dst = (struct ip_addr){{10, 0, 0, (uint8_t)(random() % 9)}, AF_INET};
	v.has_ports = v.proto != 47;
	if (v.has_ports) {
		v.sport = (uint16_t)(79 + random() % 6);
		v.dport = (uint16_t)(79 + random() % 6);
	}
	return v;
}

static bool port_in(uint16_t port, const uint16_t range[2], bool bits)
{
	return bits ? (port & range[1]) == range[0] : range[0] <= port && port <= range[1];
}

/* What the kernel does with a packet from a link for one match. */
static bool match_sees(const struct guard_set *set, const struct guard_match *m,
		       const struct ip_view *v)
{
	if (!ip_prefix_contains(&m->src, &v->src) || !ip_prefix_contains(&m->dst, &v->dst) ||
	    (m->proto && m->proto != v->proto))
		return false;
	switch ((enum guard_shape)set->shape) {
	case GUARD_FRAGMENTS:
		return v->frag_off != 0;
	case GUARD_PORTS:
	case GUARD_TYPES:
	case GUARD_BITS:
		return v->has_ports && (set->shape != GUARD_TYPES || v->proto == IPPROTO_ICMP) &&
		       port_in(v->sport, m->sport, set->shape == GUARD_BITS) &&
		       port_in(v->dport, m->dport, set->shape == GUARD_BITS);
	case GUARD_ADDRS:
	case GUARD_PROTO:
		break;
	}
	return true;
}

static bool is_spared_by(const struct guard_plan *plan, const struct guard_set *set,
			 const struct ip_view *v, const char *link)
{
	if (set->links == GUARD_NO_LINKS)
		return false;
	for (size_t i = 0; i < plan->links[set->links].count; i++) {
		const struct guard_link *l = &plan->links[set->links].list[i];

		if (strcmp(l->name, link) == 0 && ip_prefix_contains(&l->prefix, &v->src))
			return true;
	}
	return false;
}

static bool guard_drops(const struct guard_plan *plan, const struct ip_view *v, const char *link)
{
	for (size_t i = 0; i < plan->set_count; i++) {
		const struct guard_set *set = &plan->sets[i];

		for (size_t j = 0; set->hook == GUARD_INPUT && j < set->count; j++)
			if (!is_spared_by(plan, set, v, link) &&
			    match_sees(set, &set->matches[j], v))
				return set->drop;
	}
	return false;
}

/* The SPD, with the two things the guard adds: links that wide policies spare. */
static bool spd_drops(const struct policy_config *policies, size_t count, const struct ip_view *v,
		      const char *link)
{
	for (size_t i = 0; i < count; i++) {
		const struct policy_config *p = &policies[i];
		bool spared = false;

		if (!selector_matches(&p->sel, v))
			continue;
		for (size_t j = 0; j < LINKS && p->action == POLICY_PROTECT && !p->tmpl.optional;
		     j++)
			spared = spared || (strcmp(links[j].name, link) == 0 &&
					    links[j].prefix.len > p->sel.src.len &&
					    ip_prefix_contains(&links[j].prefix, &v->src));
		if (spared)
			continue;
		return p->action == POLICY_DISCARD ||
		       (p->action == POLICY_PROTECT && !p->tmpl.optional);
	}
	return false;
}

/* nftables refuses them. */
static void check_no_overlap(const struct guard_set *set)
{
	for (size_t i = 0; i < set->count && set->shape != GUARD_BITS; i++)
		for (size_t j = 0; j < i; j++) {
			const struct guard_match *a = &set->matches[i], *b = &set->matches[j];

			ck_assert((!ip_prefix_covers(&a->src, &b->src) &&
				   !ip_prefix_covers(&b->src, &a->src)) ||
				  (!ip_prefix_covers(&a->dst, &b->dst) &&
				   !ip_prefix_covers(&b->dst, &a->dst)) ||
				  a->proto != b->proto || a->sport[1] < b->sport[0] ||
				  b->sport[1] < a->sport[0] || a->dport[1] < b->dport[0] ||
				  b->dport[1] < a->dport[0]);
		}
}

/* What a failure is about, for whoever reads it. */
static void print_world(const struct policy_config *policies, size_t count,
			const struct guard_plan *plan, const struct ip_view *v, const char *link)
{
	static const char *const actions[] = {"protect", "bypass", "discard"};
	char text[TEXT_MAX] = "", a[IP_ADDR_TEXT_MAX], b[IP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct selector *sel = &policies[i].sel;

		printf("policy %s%s %s/%u %s/%u %u %x/%x %x/%x\n", actions[policies[i].action],
		       policies[i].tmpl.optional ? " (use)" : "", ip_addr_format(&sel->src.addr, a),
		       sel->src.len, ip_addr_format(&sel->dst.addr, b), sel->dst.len, sel->proto,
		       sel->sport, sel->sport_mask, sel->dport, sel->dport_mask);
	}
	plan_text(plan, GUARD_INPUT, text);
	printf("%spacket from %s: %s %s %u %u %u\n", text, link, ip_addr_format(&v->src, a),
	       ip_addr_format(&v->dst, b), v->proto, v->sport, v->dport);
	(void)fflush(stdout);
}

static void check_packet(const struct policy_config *policies, size_t count,
			 const struct guard_plan *plan, unsigned seed)
{
	const char *link = random() % 2 ? "lan" : "pub";
	struct ip_view v = random_packet();
	bool drops = spd_drops(policies, count, &v, link);

	if (guard_drops(plan, &v, link) != drops)
		print_world(policies, count, plan, &v, link);
	ck_assert_msg(guard_drops(plan, &v, link) == drops, "seed %u: %s", seed,
		      drops ? "cleartext comes in" : "what may come in is dropped");
	/* A fragment: never more than its whole packet. */
	v.frag_off = 8;
	v.has_ports = false;
	if (drops && v.proto != 47)
		ck_assert_msg(guard_drops(plan, &v, link), "seed %u: a fragment comes in", seed);
}

START_TEST(test_plan_agrees_with_spd)
{
	unsigned seed = (unsigned)time(NULL);

	printf("test_plan_agrees_with_spd: seed %u\n", seed);
	for (int round = 0; round < 4000; round++) {
		struct policy_config policies[6];
		struct guard_plan plan;
		size_t count;

		srandom(++seed);
		count = 1 + (size_t)(random() % 6);
		for (size_t i = 0; i < count; i++)
			policies[i] = random_policy();
		make(policies, count, &plan);
		for (size_t i = 0; i < plan.set_count; i++)
			check_no_overlap(&plan.sets[i]);
		for (int i = 0; i < 60; i++)
			check_packet(policies, count, &plan, seed);
		guard_plan_fini(&plan);
	}
}
END_TEST

/* A packet passes if any selector matches it, its ports being there or not. */
START_TEST(test_any_agrees_with_selectors)
{
	unsigned seed = (unsigned)time(NULL), passed = 0;

	printf("test_any_agrees_with_selectors: seed %u\n", seed);
	for (int round = 0; round < 4000; round++) {
		struct policy_config policies[6];
		struct guard_plan plan;
		size_t count;

		srandom(++seed);
		count = 1 + (size_t)(random() % 6);
		for (size_t i = 0; i < count; i++)
			policies[i] = random_policy();
		make_any(policies, count, &plan);
		for (size_t i = 0; i < plan.set_count; i++)
			check_no_overlap(&plan.sets[i]);
		for (int i = 0; i < 60; i++) {
			struct ip_view v = random_packet();
			bool wanted = false, passes = false;

			if (random() % 4 == 0) {
				v.frag_off = 8;
				v.has_ports = false;
			}
			for (size_t j = 0; j < count; j++)
				wanted = wanted || selector_matches(&policies[j].sel, &v);
			for (size_t j = 0; j < plan.set_count; j++) {
				ck_assert(!plan.sets[j].drop);
				for (size_t k = 0; k < plan.sets[j].count; k++)
					passes = passes || match_sees(&plan.sets[j],
								      &plan.sets[j].matches[k], &v);
			}
			ck_assert_msg(passes == wanted, "seed %u: %s", seed,
				      wanted ? "what a policy matches is dropped"
					     : "what none matches passes");
			passed += passes;
		}
		guard_plan_fini(&plan);
	}
	ck_assert_uint_gt(passed, 10000); /* both kinds were met */
	ck_assert_uint_lt(passed, 230000);
}
END_TEST

START_TEST(test_plan_needs_few_sets_for_many_policies)
{
	enum { MANY = 10000 };
	struct policy_config *policies = calloc(MANY, sizeof(*policies));
	const struct policy_config **in = calloc(MANY, sizeof(*in));
	struct guard_input input = {.in = in, .in_count = MANY};
	struct guard_plan plan;

	ck_assert(policies && in);
	for (uint32_t i = 0; i < MANY; i++) {
		policies[i] = policy_from("in protect 10.0.0.0/28 10.1.0.0/16");
		policies[i].sel.src.addr.bytes[1] = (uint8_t)(128 + i / 4096);
		policies[i].sel.src.addr.bytes[2] = (uint8_t)(i / 16);
		policies[i].sel.src.addr.bytes[3] = (uint8_t)(i % 16 * 16);
		in[i] = &policies[i];
	}
	ck_assert_int_eq(guard_plan_make(&input, &plan), 0);
	ck_assert_uint_eq(plan.set_count, 2); /* input and forward */
	ck_assert_uint_eq(plan.sets[0].count, MANY);
	guard_plan_fini(&plan);
	free(policies);
	free(in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard_plan");
	TCase *tcase = tcase_create("plan");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_plan_says_what_policies_ask, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tcase, test_plan_passes_over_policies_with_a_mark);
	tcase_add_test(tcase, test_plan_names_each_link_once);
	tcase_add_test(tcase, test_changes_delete_before_they_add);
	tcase_add_loop_test(tcase, test_any_policy_lets_pass, 0,
			    (int)(sizeof(any_cases) / sizeof(any_cases[0])));
	tcase_add_test(tcase, test_any_passes_over_policies_with_a_mark);
	tcase_add_test(tcase, test_default_table_has_the_chains_of_its_directions);
	tcase_add_test(tcase, test_default_table_closes_each_direction);
	tcase_add_test(tcase, test_plan_agrees_with_spd);
	tcase_add_test(tcase, test_any_agrees_with_selectors);
	tcase_add_test(tcase, test_plan_needs_few_sets_for_many_policies);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
