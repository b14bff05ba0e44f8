/*
 * dump_policy.c: one SPD entry as setkey -DP prints it, and all of them.
 */
#include "tools/dump.h"

#include "tools/protocols.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { REQID_MANUAL_MAX = 0x3fff }; /* above it a reqid was not written by hand */

/* The ports that agree with port in the bits of mask. Blocks, which ranges are made into, can be
 * read again; other masks are no setkey's. */
static void print_port(FILE *out, uint16_t port, uint16_t mask)
{
	unsigned open = UINT16_MAX & ~(unsigned)mask, first = port & mask;

	if (!mask)
		fputs("[any]", out);
	else if (!open)
		fprintf(out, "[%u]", port);
	else if (!(open & (open + 1)))
		fprintf(out, "[%u-%u]", first, first | open);
	else
		fprintf(out, "[%u/0x%04x]", port, mask);
}

static void print_range(const struct dump_options *o, const struct ip_prefix *range, uint8_t proto,
			uint16_t port, uint16_t mask)
{
	char text[IP_ADDR_TEXT_MAX];

	fputs(ip_addr_format(&range->addr, text), o->out);
	if (range->len != ip_addr_bits(&range->addr))
		fprintf(o->out, "/%u", range->len);
	if (!protocol_has_no_ports(proto))
		print_port(o->out, port, mask);
	fputc(' ', o->out);
}

static void print_upper(const struct dump_options *o, const struct selector *sel)
{
	const char *name = protocol_name(sel->proto);

	if (name)
		fputs(name, o->out);
	else
		fprintf(o->out, "%u", sel->proto);
	if (!protocol_has_no_ports(sel->proto) || (!sel->sport && !sel->dport))
		return;
	if (sel->proto == IPPROTO_GRE)
		fprintf(o->out, " %" PRIu32, (uint32_t)sel->sport << 16 | sel->dport);
	else
		fprintf(o->out, " %u,%u", sel->sport, sel->dport);
}

static const char *dir_name(uint8_t dir)
{
	static const char *const names[] = {
		[POLICY_IN] = "in",
		[POLICY_OUT] = "out",
		[POLICY_FWD] = "fwd",
	};

	return dir < POLICY_DIRS ? names[dir] : "unknown";
}

/* The nearest of the three bases, and the way from it: what is stored is smaller the earlier it is
 * searched, what is shown is larger. */
static void print_priority(const struct dump_options *o, uint32_t stored)
{
	const char *name = "def";
	uint32_t base = 0x80000000;

	if (!stored)
		return;
	if (stored < 0x60000000) {
		name = "high";
		base = 0x40000000;
	} else if (stored >= 0xA0000000) {
		name = "low";
		base = 0xC0000000;
	}
	fprintf(o->out, "prio %s ", name);
	if (stored < base)
		fprintf(o->out, "+ %" PRIu32 " ", base - stored);
	else if (stored > base)
		fprintf(o->out, "- %" PRIu32 " ", stored - base);
}

static const char *action_name(uint8_t action)
{
	switch (action) {
	case POLICY_PROTECT:
		return "ipsec";
	case POLICY_BYPASS:
		return "none";
	default:
		return "discard";
	}
}

static void print_template(const struct dump_options *o, const struct policy_template *tmpl)
{
	const char *port = o->ports ? "[0]" : "";
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(o->out, "\tesp/%s/%s%s-%s%s/",
		tmpl->mode == XFRM_MODE_TUNNEL ? "tunnel" : "transport",
		ip_addr_format(&tmpl->src, src), port, ip_addr_format(&tmpl->dst, dst), port);
	if (tmpl->optional)
		fputs("use\n", o->out);
	else if (!tmpl->reqid)
		fputs("require\n", o->out);
	else
		fprintf(o->out, "unique%c%" PRIu32 "\n", tmpl->reqid > REQID_MANUAL_MAX ? '#' : ':',
			tmpl->reqid);
}

void dump_policy(const struct dump_options *o, const struct xfrm_policy *policy, unsigned seq)
{
	const struct policy_config *c = &policy->config;
	char created[32], used[32];

	if (policy->socket) {
		fputs("(per-socket policy) ", o->out);
	} else {
		print_range(o, &c->sel.src, c->sel.proto, c->sel.sport, c->sel.sport_mask);
		print_range(o, &c->sel.dst, c->sel.proto, c->sel.dport, c->sel.dport_mask);
		print_upper(o, &c->sel);
	}
	fprintf(o->out, "\n\t%s ", dir_name(c->dir));
	print_priority(o, c->priority);
	fprintf(o->out, "%s\n", action_name(c->action));
	if (c->action == POLICY_PROTECT)
		print_template(o, &c->tmpl);
	fprintf(o->out, "\tcreated: %s  lastused: %s\n", dump_time(policy->add_time, created),
		dump_time(policy->use_time, used));
	fprintf(o->out, "\tlifetime: %" PRIu64 "(s) validtime: %" PRIu64 "(s)\n",
		c->limits.hard_add_s, c->limits.hard_use_s);
	fprintf(o->out, "\tspid=%" PRIu32 " seq=%u pid=%" PRId64 "%s\n\trefcnt=1\n", c->index, seq,
		o->pid, o->dialect == DIALECT_BSD ? " scope=global " : "");
}

/* ---- all of them --------------------------------------------------------------------------- */

struct policy_node {
	struct policy_node *next;
	struct xfrm_policy policy;
};

struct policy_list {
	struct policy_node *first;
	struct policy_node **end;
	unsigned len;
	bool hide_sockets;
	unsigned hidden;
};

static int collect_policy(void *ctx, const struct xfrm_message *entry)
{
	struct policy_list *list = ctx;
	struct policy_node *node;

	if (entry->policy.socket && list->hide_sockets) {
		list->hidden++;
		return 0;
	}
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->next = NULL;
	node->policy = entry->policy;
	*list->end = node;
	list->end = &node->next;
	list->len++;
	return 0;
}

static void show(const struct dump_options *o, const struct xfrm_policy *policy, unsigned seq)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWPOLICY, .flags = NLM_F_MULTI, .seq = seq};

	msg.policy = *policy;
	dump_trace(o, &msg);
	dump_policy(o, policy, seq);
}

int dump_all_policies(const struct dump_options *o, struct xfrm_client *client,
		      struct xfrm_error *err)
{
	struct xfrm_message request = {.type = XFRM_MSG_GETPOLICY, .dump = true};
	struct policy_list list = {.end = &list.first, .hide_sockets = o->sockets};
	struct policy_node *node;
	unsigned seq;
	int rc;

	request.flags = NLM_F_REQUEST | NLM_F_DUMP;
	dump_trace(o, &request);
	rc = xfrm_client_dump(client, &request, collect_policy, &list, err);
	seq = o->interface_only ? 0 : list.len;
	if (rc == 0 && !seq)
		fprintf(o->out, "No SPD entries.\n");
	while ((node = list.first)) {
		list.first = node->next;
		if (!o->interface_only)
			show(o, &node->policy, --seq);
		free(node);
	}
	if (rc == 0 && o->sockets)
		fprintf(o->out, "%u per-socket policies hidden.\n", list.hidden);
	return rc;
}
