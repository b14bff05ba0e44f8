/*
 * protocols.c: the table of upper-layer protocol names; numbers are IANA's. setkey's own names
 * (icmp6, ip4) stand before the usual ones and are those a dump shows.
 */
#include "tools/protocols.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { PROTO_MH = 135, PROTO_ANY_PFKEY = 255 };

static const struct {
	const char *name;
	uint8_t number;
} table[] = {
	{"any", 0},
	{"icmp", 1},
	{"igmp", 2},
	{"ip4", 4},
	{"ipencap", 4},
	{"ipip", 4},
	{"tcp", 6},
	{"egp", 8},
	{"udp", 17},
	{"dccp", 33},
	{"ipv6", 41},
	{"rsvp", 46},
	{"gre", 47},
	{"esp", 50},
	{"ah", 51},
	{"icmp6", 58},
	{"icmpv6", 58},
	{"ipv6-icmp", 58},
	{"eigrp", 88},
	{"ospf", 89},
	{"ospfigp", 89},
	{"etherip", 97},
	{"pim", 103},
	{"ipcomp", 108},
	{"vrrp", 112},
	{"l2tp", 115},
	{"sctp", 132},
	{"mh", PROTO_MH},
	{"mobility-header", PROTO_MH},
	{"udplite", 136},
};

enum { TABLE_LEN = sizeof(table) / sizeof(table[0]) };

int protocol_lookup(const char *text)
{
	unsigned long number;
	char *end;

	for (unsigned i = 0; i < TABLE_LEN; i++) {
		if (!strcmp(table[i].name, text))
			return table[i].number;
	}
	if (!*text || text[strspn(text, "0123456789")])
		return -1;
	number = strtoul(text, &end, 10);
	if (number > UINT8_MAX)
		return -1;
	return number == PROTO_ANY_PFKEY ? 0 : (int)number;
}

const char *protocol_name(uint8_t proto)
{
	for (unsigned i = 0; i < TABLE_LEN; i++) {
		if (table[i].number == proto)
			return table[i].name;
	}
	return NULL;
}

bool protocol_has_no_ports(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 || proto == PROTO_MH ||
	       proto == IPPROTO_GRE;
}

bool protocol_parse_umisc(uint8_t proto, const char *text, uint16_t *type, uint16_t *code)
{
	unsigned long first, second = 0;
	char *end;

	if (!protocol_has_no_ports(proto) || proto == IPPROTO_GRE)
		return false;
	/* The scanner may have read any word. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	first = strtoul(text, &end, 10);
	if (*end == ',') {
		if (end[1] < '0' || end[1] > '9')
			return false;
		second = strtoul(end + 1, &end, 10);
	}
	if (*end || first > UINT8_MAX || second > UINT8_MAX)
		return false;
	*type = (uint16_t)first;
	*code = (uint16_t)second;
	return true;
}
