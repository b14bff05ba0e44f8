/*
 * ike-lite/ts_text.c: traffic selectors as strongSwan writes them: a subnet, an address or a range, then
 * protocol and ports in brackets.
 */
#include "ike-lite/ts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { ADDR_TEXT_MAX = 2 * IP_ADDR_TEXT_MAX };

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"icmp", IPPROTO_ICMP},
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"gre", IPPROTO_GRE},
	{"ipv6-icmp", IPPROTO_ICMPV6},
	{"icmpv6", IPPROTO_ICMPV6},
	{"sctp", IPPROTO_SCTP},
	{"ospf", 89},
	{"l2tp", 115},
	{"udplite", IPPROTO_UDPLITE},
	{"dccp", IPPROTO_DCCP},
	{"esp", IPPROTO_ESP},
	{"ah", IPPROTO_AH},
	{"ipencap", IPPROTO_IPIP},
	{"ipv6", IPPROTO_IPV6},
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

/* A decimal number up to max that is the whole of [text, end). */
static bool number_parse(const char *text, const char *end, unsigned max, unsigned *out)
{
	unsigned value = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = 10 * value + (unsigned)(*text - '0');
		if (value > max)
			return false;
	}
	*out = value;
	return true;
}

static bool is_word(const char *text, const char *end, const char *word)
{
	size_t len = (size_t)(end - text);

	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static bool is_any(const char *text, const char *end)
{
	return text == end || is_word(text, end, "any") || is_word(text, end, "%any");
}

static bool proto_parse(const char *text, const char *end, uint8_t *out)
{
	unsigned value;

	if (is_any(text, end)) {
		*out = 0;
		return true;
	}
	for (unsigned i = 0; i < PROTOCOLS; i++) {
		if (is_word(text, end, protocols[i].name)) {
			*out = protocols[i].number;
			return true;
		}
	}
	if (!number_parse(text, end, UINT8_MAX, &value))
		return false;
	*out = (uint8_t)value;
	return true;
}

/* "80", "1000-2000", "opaque", "any" */
static bool ports_parse(const char *text, const char *end, struct ike_ts *out)
{
	const char *dash = memchr(text, '-', (size_t)(end - text));
	unsigned from = 0, to = UINT16_MAX;

	if (is_word(text, end, "opaque")) {
		from = UINT16_MAX;
		to = 0;
	} else if (dash) {
		if (!number_parse(text, dash, UINT16_MAX, &from) ||
		    !number_parse(dash + 1, end, UINT16_MAX, &to) || from > to)
			return false;
	} else if (!is_any(text, end)) {
		if (!number_parse(text, end, UINT16_MAX, &from))
			return false;
		to = from;
	}
	out->port_from = (uint16_t)from;
	out->port_to = (uint16_t)to;
	return true;
}

/* "[tcp/80]": text is behind the opening bracket. */
static bool restriction_parse(const char *text, struct ike_ts *out)
{
	const char *end = strchr(text, ']'), *slash;

	if (!end || end[1] != '\0')
		return false;
	slash = memchr(text, '/', (size_t)(end - text));
	if (!proto_parse(text, slash ? slash : end, &out->proto))
		return false;
	return !slash || ports_parse(slash + 1, end, out);
}

/* First and last address of a prefix, whatever its host bits. */
static void range_of_prefix(const struct ip_addr *addr, unsigned len, struct ike_ts *out)
{
	out->from = out->to = *addr;
	for (unsigned bit = len; bit < ip_addr_bits(addr); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		out->from.bytes[bit / 8] &= (uint8_t)~mask;
		out->to.bytes[bit / 8] |= mask;
	}
}

static bool addresses_parse(char *text, struct ike_ts *out)
{
	char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	struct ip_addr addr;
	unsigned len;

	if (slash)
		*slash = '\0';
	else if (dash)
		*dash = '\0';
	if (!ip_addr_parse(text, &addr))
		return false;
	if (!slash && dash) {
		out->from = addr;
		return ip_addr_parse(dash + 1, &out->to) && out->to.family == addr.family &&
		       memcmp(out->from.bytes, out->to.bytes, sizeof(addr.bytes)) <= 0;
	}
	len = ip_addr_bits(&addr);
	if (slash && !number_parse(slash + 1, slash + 1 + strlen(slash + 1), len, &len))
		return false;
	range_of_prefix(&addr, len, out);
	return true;
}

bool ike_ts_parse_text(const char *text, struct ike_ts *out)
{
	struct ike_ts ts = {.port_to = UINT16_MAX};
	const char *bracket = strchrnul(text, '[');
	char addresses[ADDR_TEXT_MAX];
	size_t len = (size_t)(bracket - text);

	if (len >= sizeof(addresses))
		return false;
	memcpy(addresses, text, len);
	addresses[len] = '\0';
	if (!addresses_parse(addresses, &ts))
		return false;
	if (*bracket && !restriction_parse(bracket + 1, &ts))
		return false;
	*out = ts;
	return true;
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* The length of the prefix a range is, or -1. */
static int prefix_len(const struct ike_ts *ts)
{
	int bits = ip_addr_bits(&ts->from), len = 0;
	struct ike_ts prefix = *ts;

	while (len < bits &&
	       ((ts->from.bytes[len / 8] ^ ts->to.bytes[len / 8]) & (0x80 >> len % 8)) == 0)
		len++;
	range_of_prefix(&ts->from, (unsigned)len, &prefix);
	return ike_ts_equal(&prefix, ts) ? len : -1;
}

static const char *addresses_format(const struct ike_ts *ts, char buf[static ADDR_TEXT_MAX + 4])
{
	char from[IP_ADDR_TEXT_MAX], to[IP_ADDR_TEXT_MAX];
	int len = prefix_len(ts);

	ip_addr_format(&ts->from, from);
	ip_addr_format(&ts->to, to);
	if (len >= 0)
		(void)snprintf(buf, ADDR_TEXT_MAX + 4, "%s/%d", from, len);
	else
		(void)snprintf(buf, ADDR_TEXT_MAX + 4, "%s-%s", from, to);
	return buf;
}

static const char *proto_format(uint8_t proto, char buf[static 16])
{
	for (unsigned i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == proto)
			return protocols[i].name;
	(void)snprintf(buf, 16, "%u", proto);
	return proto ? buf : "any";
}

static const char *ports_format(const struct ike_ts *ts, char buf[static 16])
{
	if (ts->port_from == UINT16_MAX && ts->port_to == 0)
		return "/opaque";
	if (ts->port_from == 0 && ts->port_to == UINT16_MAX)
		return "";
	if (ts->port_from == ts->port_to)
		(void)snprintf(buf, 16, "/%u", ts->port_from);
	else
		(void)snprintf(buf, 16, "/%u-%u", ts->port_from, ts->port_to);
	return buf;
}

const char *ike_ts_format(const struct ike_ts *ts, char buf[static IKE_TS_TEXT_MAX])
{
	char addresses[ADDR_TEXT_MAX + 4], proto_buf[16], ports_buf[16];
	const char *ports = ports_format(ts, ports_buf);

	addresses_format(ts, addresses);
	if (ts->proto == 0 && *ports == '\0')
		(void)snprintf(buf, IKE_TS_TEXT_MAX, "%s", addresses);
	else
		(void)snprintf(buf, IKE_TS_TEXT_MAX, "%s[%s%s]", addresses,
			       proto_format(ts->proto, proto_buf), ports);
	return buf;
}

const char *ike_ts_list_format(const struct ike_ts_list *list, char *buf, size_t size)
{
	char one[IKE_TS_TEXT_MAX];
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < list->count && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					ike_ts_format(&list->at[i], one));
	return buf;
}
