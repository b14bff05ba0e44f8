/*
 * audit.c: see audit.h. inbound.c and outbound.c say what stopped; the time stands before each
 * line in the system's journal.
 */
#include "gateway/dataplane/audit.h"

#include "gateway/dataplane/log.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

/* A line as it grows; what does not fit is cut. */
struct text {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	size_t room = t->size - t->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, room, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_end(struct text *t, const struct ip_addr *addr, uint8_t proto, bool has_ports,
		    unsigned port)
{
	char text[IP_ADDR_TEXT_MAX];
	bool types = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 || proto == IPPROTO_MH;

	put(t, "%s", ip_addr_format(addr, text));
	if (has_ports && !types)
		put(t, " port %u", port);
}

/* RFC 4301 §4.4.1.1's selectors of the packet. */
static void put_flow(struct text *t, const struct ip_view *v)
{
	put_end(t, &v->src, v->proto, v->has_ports, v->sport);
	put(t, " to ");
	put_end(t, &v->dst, v->proto, v->has_ports, v->dport);
	put(t, " protocol %u", v->proto);
	if (v->has_ports && (v->proto == IPPROTO_ICMP || v->proto == IPPROTO_ICMPV6))
		put(t, " type %u code %u", v->sport, v->dport);
	if (v->frag_off || v->more_frags)
		put(t, " fragment at %u", v->frag_off);
	if (v->flow_label)
		put(t, " flow label 0x%05x", v->flow_label);
}

void audit_format(const struct audit_event *e, uint32_t missed, char *buf, size_t size)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];
	struct text line = {.buf = buf, .size = size}, *t = &line;

	put(t, "%s", verdict_name(e->verdict));
	if (e->src && e->dst)
		put(t, " from %s to %s", ip_addr_format(e->src, src), ip_addr_format(e->dst, dst));
	if (e->spi)
		put(t, " SPI 0x%08x", *e->spi);
	if (e->seq)
		put(t, " sequence number %llu", (unsigned long long)e->seq);
	if (e->flow) {
		put(t, "%s", e->src ? " carrying " : " ");
		put_flow(t, e->flow);
	}
	put(t, ": %s", verdict_text(e->verdict));
	if (missed)
		put(t, " (and %u more before)", missed);
}

void audit_say(struct audit *a, const struct audit_event *e, uint64_t now)
{
	struct audit_budget *budget = &a->of[e->verdict];
	char text[AUDIT_LINE_MAX];

	if (budget->second != now) {
		budget->second = now;
		budget->lines = 0;
	}
	if (budget->lines == AUDIT_LINES_PER_SECOND) {
		budget->missed++;
		return;
	}
	budget->lines++;
	audit_format(e, budget->missed, text, sizeof(text));
	budget->missed = 0;
	log_info("audit: %s", text);
}
