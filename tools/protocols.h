/*
 * protocols.h: upper-layer protocols by name, and the two words some of them take. A table of our
 * own, so that a rule means the same on a host without /etc/protocols.
 */
#ifndef CYGNET_TOOLS_PROTOCOLS_H
#define CYGNET_TOOLS_PROTOCOLS_H

#include "tools/statement.h"

/* A name of the table or a number; "any" and 255 are 0. -1 if it is neither. */
int protocol_lookup(const char *text);
/* The name for dumps; NULL if the table has none. */
const char *protocol_name(uint8_t proto);
/* True for those whose selector shows no ports: ICMP, ICMPv6, mobility header, GRE. */
bool protocol_has_no_ports(uint8_t proto);
/* TYPE or TYPE,CODE of ICMP, ICMPv6 and the mobility header. False if it is not that, or the
 * protocol takes no such word. */
bool protocol_parse_umisc(uint8_t proto, const char *text, uint16_t *type, uint16_t *code);

#endif
