/*
 * dump_short.c: SAs in one line each, as setkey -Dl repeats them; and what -v shows before an
 * entry.
 */
#include "tools/dump.h"

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

void dump_trace(const struct dump_options *o, struct xfrm_message *msg)
{
	if (o->trace.on)
		trace_message(o->out, &o->trace, msg);
}

void dump_short_heading(FILE *out)
{
	fputs("time p   s spi      ltime   src -> dst\n", out);
}

/* Larval, Mature, Dying. Dead ones, d, are gone here. */
static char state_letter(const char *state)
{
	return (char)toupper((unsigned char)state[0]);
}

static void print_seconds(FILE *out, int width, uint64_t seconds)
{
	char text[8] = "big";

	if (seconds < 1000)
		snprintf(text, sizeof(text), "%u", (unsigned)seconds);
	fprintf(out, "%*s", width, text);
}

static void print_address(FILE *out, const struct ip_addr *addr, uint16_t port)
{
	char text[IP_ADDR_TEXT_MAX];

	fputs(ip_addr_format(addr, text), out);
	if (port)
		fprintf(out, "[%u]", port);
}

void dump_sa_short(const struct dump_options *o, const struct xfrm_sa *sa)
{
	const struct sa_config *c = &sa->config;
	time_t now = (time_t)o->now;
	char clock[8] = "????";
	struct tm tm;

	if (localtime_r(&now, &tm))
		(void)strftime(clock, sizeof(clock), "%M%S", &tm);
	fprintf(o->out, "%s esp %c %08" PRIx32 " ", clock, state_letter(dump_sa_state(o, sa)),
		c->id.spi);
	if (c->limits.hard_add_s) {
		print_seconds(o->out, 3, dump_sa_age(o, sa));
		fputc('/', o->out);
		print_seconds(o->out, -3, c->limits.hard_add_s);
	} else {
		fprintf(o->out, " %s/%s", "??", "???");
	}
	fputc(' ', o->out);
	print_address(o->out, &c->src, c->encap.sport);
	fputs(" -> ", o->out);
	print_address(o->out, &c->id.dst, c->encap.dport);
	fputc('\n', o->out);
}
