/*
 * default_text.c: see default_text.h. Which packets the kernel's XFRM never asks a policy about is in
 * net/xfrm, net/ipv4 and net/ipv6: loopback, ESP itself, sockets with a bypass policy of their own.
 *
 *     table inet cygnet_default
 *       counter dropped_in, dropped_fwd, dropped_out      of the directions blocked
 *       set tun                the device of the tunnels: cygnetd judges what it takes and gives
 *       set s0 ..              the plan's sets
 *       chain input            in: what is for this host
 *       chain forward          fwd: what is for others
 *       chain output, leaving  out: what this host sends, and what is for others
 *
 * Nothing else passes, neighbour discovery and IGMP no more than with the kernel's XFRM.
 */
#include "gateway/dataplane/capture/default_text.h"

#include "gateway/dataplane/capture/guard_text.h"

static const struct direction {
	const char *counter;
	uint8_t hook;
} directions[POLICY_DIRS] = {
	[POLICY_IN] = {"dropped_in", GUARD_INPUT},
	[POLICY_FWD] = {"dropped_fwd", GUARD_FORWARD},
	[POLICY_OUT] = {"dropped_out", GUARD_OUTPUT},
};

/* IKE's sockets and cygnetd's have our mark, CAPTURE_MARK, and a bypass policy where there is XFRM.
 * IPv6 fragments are put together behind this hook, so a datagram's first one speaks for the others: without
 * it they become nothing. */
static const char input_head[] = "  chain input {\n"
				 "    type filter hook input priority filter - 5; policy accept;\n"
				 "    iifname \"lo\" accept\n"
				 "    iifname @tun accept\n"
				 "    meta l4proto 50 accept\n"
				 "    socket mark 0x219 accept\n"
				 "    frag frag-off != 0 accept\n";

static const char forward_head[] =
	"  chain forward {\n"
	"    type filter hook forward priority filter - 5; policy accept;\n"
	"    iifname @tun accept\n";

static const char output_head[] =
	"  chain output {\n"
	"    type filter hook output priority filter - 5; policy accept;\n"
	"    oifname \"lo\" accept\n"
	"    oifname @tun accept\n"
	"    meta mark 0x219 accept\n";

static const char leaving_head[] =
	"  chain leaving {\n"
	"    type filter hook forward priority filter - 5; policy accept;\n"
	"    oifname @tun accept\n";

const char *default_text_counter(enum policy_dir dir)
{
	return directions[dir].counter;
}

static void put_rest(FILE *out, const struct default_rules *rules, const struct direction *d)
{
	guard_text_rules(out, rules->plan, d->hook);
	(void)fprintf(out, "    counter name %s drop\n  }\n", d->counter);
}

static void put_out(FILE *out, const struct default_rules *rules, const struct direction *d)
{
	(void)fputs(output_head, out);
	/* As fib_rules.c: others may have that mark too. */
	for (size_t i = 0; i < rules->marks->count; i++)
		(void)fprintf(out, "    meta mark 0x%x meta skuid %u accept\n",
			      (unsigned)rules->marks->all[i].mark,
			      (unsigned)rules->marks->all[i].uid);
	put_rest(out, rules, d);
	(void)fputs(leaving_head, out);
	put_rest(out, rules, d);
}

void default_text_table(FILE *out, const struct default_rules *rules)
{
	/* "add" before "delete" makes the delete succeed whether or not a table was there. */
	(void)fprintf(out,
		      "add table inet " DEFAULT_TABLE "\n"
		      "delete table inet " DEFAULT_TABLE "\n"
		      "table inet " DEFAULT_TABLE " {\n"
		      "  set tun { type ifname; elements = { \"%s\" }; }\n",
		      rules->tun);
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		if (rules->block[dir])
			(void)fprintf(out, "  counter %s { }\n", directions[dir].counter);
	guard_text_sets(out, rules->plan);
	if (rules->block[POLICY_IN]) {
		(void)fputs(input_head, out);
		put_rest(out, rules, &directions[POLICY_IN]);
	}
	if (rules->block[POLICY_FWD]) {
		(void)fputs(forward_head, out);
		put_rest(out, rules, &directions[POLICY_FWD]);
	}
	if (rules->block[POLICY_OUT])
		put_out(out, rules, &directions[POLICY_OUT]);
	(void)fputs("}\n", out);
}
