/*
 * status_text.c: the form of "cygnet status" that people read. Counters carry the sentences of
 * packet/verdict.h.
 */
#include "tools/status.h"

#include "tools/protocols.h"

#include <inttypes.h>

static void print_duration(FILE *out, uint64_t seconds)
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (days)
		fprintf(out, "%" PRIu64 " d %" PRIu64 " h", days, hours % 24);
	else if (hours)
		fprintf(out, "%" PRIu64 " h %" PRIu64 " min", hours, minutes % 60);
	else if (minutes)
		fprintf(out, "%" PRIu64 " min %" PRIu64 " s", minutes, seconds % 60);
	else
		fprintf(out, "%" PRIu64 " s", seconds);
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_daemon(FILE *out, const struct status_report *r)
{
	const struct cygnet_status *d = &r->daemon;

	fprintf(out, "cygnetd %s, up ", d->version);
	print_duration(out, since(r->now, d->started));
	fprintf(out, "\n  device      %s\n  wire        %s\n  crypto      %s\n", d->tun, d->wire,
		d->crypto);
	fprintf(out, "  workers     %" PRIu32 "\n", d->workers);
	fprintf(out, "  forwarding  IPv4 %s, IPv6 %s\n", d->forwarding[0] ? "on" : "OFF",
		d->forwarding[1] ? "on" : "OFF");
	fprintf(out, "  databases   %" PRIu32 " SA%s, %" PRIu32 " polic%s\n", d->sas,
		plural(d->sas), d->policies, d->policies == 1 ? "y" : "ies");
}

/* ---- tunnels ------------------------------------------------------------------------------- */

static void print_side(FILE *out, const struct ip_prefix *range, uint16_t port, bool ports)
{
	char text[IP_ADDR_TEXT_MAX];

	fprintf(out, "%s/%u", ip_addr_format(&range->addr, text), range->len);
	if (ports && port)
		fprintf(out, "[%u]", port);
}

static void print_selector(FILE *out, const struct selector *sel)
{
	const char *proto = protocol_name(sel->proto);
	bool ports = !protocol_has_no_ports(sel->proto);

	print_side(out, &sel->src, sel->sport, ports);
	fputs(" => ", out);
	print_side(out, &sel->dst, sel->dport, ports);
	if (sel->proto && proto)
		fprintf(out, " %s", proto);
	else if (sel->proto)
		fprintf(out, " protocol %u", sel->proto);
	if (!ports && (sel->sport || sel->dport))
		fprintf(out, " %u,%u", sel->sport, sel->dport);
}

static void print_mtu(FILE *out, const char *name, uint32_t mtu)
{
	if (mtu)
		fprintf(out, ", %s MTU %" PRIu32, name, mtu);
	else
		fprintf(out, ", %s MTU not known", name);
}

static void print_tunnel(FILE *out, const struct cygnet_tunnel *t)
{
	const struct policy_template *tmpl = &t->policy.tmpl;
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fputs("  ", out);
	print_selector(out, &t->policy.sel);
	fprintf(out, "\n      via %s -> %s, ", ip_addr_format(&tmpl->src, src),
		ip_addr_format(&tmpl->dst, dst));
	if (t->spi)
		fprintf(out, "SPI 0x%08" PRIx32, t->spi);
	else
		fputs("no SA", out);
	print_mtu(out, "inner", t->inner_mtu);
	print_mtu(out, "outer", t->outer_mtu);
	fputc('\n', out);
}

/* ---- SAs ----------------------------------------------------------------------------------- */

static const char *direction_name(uint8_t directions)
{
	switch (directions) {
	case SA_IN:
		return "in";
	case SA_OUT:
		return "out";
	case SA_IN | SA_OUT:
		return "both";
	default:
		return "none"; /* neither end is an address of this host */
	}
}

static void print_sa(FILE *out, const struct status_sa *sa, uint64_t now)
{
	const struct sa_status *s = &sa->status;
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX], suite[64];

	fprintf(out, "  %-4s SPI 0x%08" PRIx32 "  %s -> %s  %s%s\n", direction_name(s->directions),
		sa->config.id.spi, ip_addr_format(&sa->config.src, src),
		ip_addr_format(&sa->config.id.dst, dst),
		sa->config.larval ? "larval" : esp_suite_name(&sa->config.suite, suite),
		sa->config.esn ? " ESN" : "");
	fprintf(out, "       %" PRIu64 " packet%s, %" PRIu64 " byte%s", s->packets,
		plural(s->packets), s->bytes, plural(s->bytes));
	if (s->directions & SA_OUT)
		fprintf(out, ", sent up to seq %" PRIu64, s->out_seq);
	if (s->directions & SA_IN)
		fprintf(out, ", received up to seq %" PRIu64, s->in_seq);
	if (s->directions & SA_IN && sa->config.replay_window)
		fprintf(out, ", window %" PRIu32, sa->config.replay_window);
	else if (s->directions & SA_IN)
		fputs(", no replay check", out);
	if (s->last_use) {
		fputs(", last used ", out);
		print_duration(out, since(now, s->last_use));
		fputs(" ago", out);
	} else {
		fputs(", never used", out);
	}
	if (s->replay_drops)
		fprintf(out, ", %" PRIu32 " replayed", s->replay_drops);
	if (s->icv_drops)
		fprintf(out, ", %" PRIu32 " failed the integrity check", s->icv_drops);
	fputc('\n', out);
}

/* ---- counters ------------------------------------------------------------------------------ */

static void print_counters(FILE *out, const char *title, const uint64_t *counters,
			   enum verdict_direction direction, bool all)
{
	fprintf(out, "\n%s\n", title);
	for (unsigned v = 0; v < V_COUNT; v++) {
		enum verdict_direction own = verdict_direction((enum verdict)v);

		if (!counters[v] && !(all && (own == direction || own == VERDICT_BOTH)))
			continue;
		fprintf(out, "  %12" PRIu64 "  %s\n", counters[v], verdict_text((enum verdict)v));
	}
}

static bool has_counts(const uint64_t *counters)
{
	for (unsigned v = 0; v < V_COUNT; v++) {
		if (counters[v])
			return true;
	}
	return false;
}

void status_print(FILE *out, const struct status_report *r, bool all)
{
	print_daemon(out, r);
	fputs(r->tunnels_len ? "\nTunnels\n"
			     : "\nNo tunnels: no outbound policy protects anything.\n",
	      out);
	for (size_t i = 0; i < r->tunnels_len; i++)
		print_tunnel(out, &r->tunnels[i]);
	fputs(r->sas_len ? "\nSecurity associations\n" : "\nNo security associations.\n", out);
	for (size_t i = 0; i < r->sas_len; i++)
		print_sa(out, &r->sas[i], r->now);
	if (!r->same_version) {
		fputs("\nCounters are not shown: cygnetd is of another version than this "
		      "program.\n",
		      out);
		return;
	}
	if (all || has_counts(r->daemon.verdict_out))
		print_counters(out, "Packets out", r->daemon.verdict_out, VERDICT_OUT, all);
	if (all || has_counts(r->daemon.verdict_in))
		print_counters(out, "Packets in", r->daemon.verdict_in, VERDICT_IN, all);
}
