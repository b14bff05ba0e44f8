/*
 * resolve.c: getaddrinfo and its kin, and the language's rules about names with several addresses:
 * an SA statement acts on every pair of one family, deletions and policies want exactly one.
 */
#include "tools/resolve.h"

#include "tools/protocols.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(struct resolve_error *err, const char *text, const struct token *token)
{
	err->text = text;
	err->token = token->text;
	return false;
}

static void append(struct addr_list *list, const struct sockaddr *sa)
{
	struct ip_addr addr;

	if (sa->sa_family == AF_INET)
		addr = ip_addr_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	else if (sa->sa_family == AF_INET6)
		addr = ip_addr_v6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	else
		return;
	for (unsigned i = 0; i < list->len; i++) {
		if (ip_addr_equal(&list->addr[i], &addr))
			return;
	}
	if (list->len < RESOLVE_MAX)
		list->addr[list->len++] = addr;
}

/* The interface behind % is cut off: addresses of SAs and policies have none. */
static const char *without_scope(const char *name, char buf[static IP_ADDR_TEXT_MAX], bool *scope)
{
	const char *percent = strchr(name, '%');
	size_t len = percent ? (size_t)(percent - name) : 0;
	struct ip_addr ignored;

	if (!percent || !percent[1] || len >= IP_ADDR_TEXT_MAX)
		return name;
	memcpy(buf, name, len);
	buf[len] = '\0';
	if (!ip_addr_parse(buf, &ignored) || ignored.family != AF_INET6)
		return name;
	*scope = true;
	return buf;
}

static bool resolve_host(const struct token *name, unsigned lookup, struct addr_list *out,
			 struct resolve_error *err)
{
	unsigned families = lookup & (LOOKUP_V4 | LOOKUP_V6);
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_family = AF_UNSPEC};
	char numeric[IP_ADDR_TEXT_MAX];
	struct addrinfo *found;
	int rc;

	if (families == LOOKUP_V4)
		hints.ai_family = AF_INET;
	else if (families == LOOKUP_V6)
		hints.ai_family = AF_INET6;
	if (lookup & LOOKUP_NUMERIC)
		hints.ai_flags = AI_NUMERICHOST;
	out->len = 0;
	out->scope = false;
	rc = getaddrinfo(without_scope(name->text, numeric, &out->scope), NULL, &hints, &found);
	if (rc)
		return fail(err, gai_strerror(rc), name);
	for (const struct addrinfo *ai = found; ai; ai = ai->ai_next)
		append(out, ai->ai_addr);
	freeaddrinfo(found);
	return out->len > 0 || fail(err, gai_strerror(EAI_NONAME), name);
}

bool resolve_pairs(const struct statement *st, struct addr_pairs *out, struct resolve_error *err)
{
	bool one = st->kind == STATEMENT_DELETE || st->kind == STATEMENT_GETSPI;
	struct addr_list src, dst;

	if (!resolve_host(&st->src.name, st->lookup, &src, err) ||
	    !resolve_host(&st->dst.name, st->lookup, &dst, err))
		return false;
	if (one && src.len > 1)
		return fail(err, "multiple address specified", &st->src.name);
	if (one && dst.len > 1)
		return fail(err, "multiple address specified", &st->dst.name);
	out->len = 0;
	out->scope = src.scope || dst.scope;
	for (unsigned i = 0; i < src.len; i++) {
		for (unsigned j = 0; j < dst.len; j++) {
			if (src.addr[i].family == dst.addr[j].family)
				out->pair[out->len++] =
					(struct addr_pair){src.addr[i], dst.addr[j]};
		}
	}
	return out->len > 0 || fail(err, "Family mismatch", &st->dst.name);
}

/* ---- policies ------------------------------------------------------------------------------ */

static bool resolve_port(const struct token *port, uint16_t *out, struct resolve_error *err)
{
	unsigned long number;
	struct servent *service;
	char *end;

	*out = 0;
	if (!port->text || !strcmp(port->text, "any"))
		return true;
	if (!port->text[strspn(port->text, "0123456789")]) {
		number = strtoul(port->text, &end, 10);
		if (number > UINT16_MAX)
			return fail(err, gai_strerror(EAI_SERVICE), port);
		*out = (uint16_t)number;
		return true;
	}
	service = getservbyname(port->text, NULL);
	if (!service)
		return fail(err, gai_strerror(EAI_SERVICE), port);
	*out = ntohs((uint16_t)service->s_port);
	return true;
}

/* "1000-2000": the first is left in *out. */
static bool resolve_ports(const struct token *port, uint16_t *out, uint16_t *to,
			  struct resolve_error *err)
{
	const char *dash = port->text ? strchr(port->text, '-') : NULL;
	unsigned long first, last;
	char *end;

	*to = 0;
	if (!dash || port->text[strspn(port->text, "0123456789-")])
		return resolve_port(port, out, err);
	first = strtoul(port->text, &end, 10);
	if (end != dash)
		return fail(err, gai_strerror(EAI_SERVICE), port);
	last = strtoul(dash + 1, &end, 10);
	if (end == dash + 1 || *end || last > UINT16_MAX || first > last || last == 0)
		return fail(err, gai_strerror(EAI_SERVICE), port);
	*out = (uint16_t)first;
	*to = (uint16_t)last;
	return true;
}

static bool resolve_upper(const struct statement *st, struct resolved_selector *out,
			  struct resolve_error *err)
{
	int number = protocol_lookup(st->upper.text);
	const struct protoent *known;

	if (number < 0) {
		known = getprotobyname(st->upper.text);
		number = known ? known->p_proto : -1;
	}
	if (number < 0 || number > UINT8_MAX)
		return fail(err, "invalid upper layer protocol", &st->upper);
	out->proto = (uint8_t)number;
	if (!st->umisc.text)
		return true;
	/* XFRM keeps type and code where ports stand; 0 is any. */
	if (!protocol_parse_umisc(out->proto, st->umisc.text, &out->sport, &out->dport))
		return fail(err, "invalid an upper layer protocol spec", &st->umisc);
	return true;
}

static bool resolve_one(const struct token *name, unsigned lookup, struct ip_addr *out, bool *scope,
			struct resolve_error *err)
{
	struct addr_list list;

	if (!resolve_host(name, lookup, &list, err))
		return false;
	if (list.len > 1)
		return fail(err, "multiple address specified", name);
	*out = list.addr[0];
	*scope |= list.scope;
	return true;
}

/* ---- UDP encapsulation ---------------------------------------------------------------------- */

enum { NAT_T_PORT = 4500 }; /* RFC 3948 §2.1: IKE's, after RFC 7296 §2.23 */

static bool encap_port(const struct token *port, uint16_t *out, struct resolve_error *err)
{
	if (!resolve_port(port, out, err))
		return false;
	if (*out == 0)
		*out = NAT_T_PORT;
	return true;
}

bool resolve_encap(const struct statement *st, struct sa_encap *out, struct resolve_error *err)
{
	bool natt = st->ext.natt_sport.text;
	struct sa_encap encap = {0};
	bool ignored = false;

	*out = encap;
	if (!natt && st->sproto != SPROTO_ESP_UDP)
		return true;
	if (!encap_port(natt ? &st->ext.natt_sport : &st->src.port, &encap.sport, err) ||
	    !encap_port(natt ? &st->ext.natt_dport : &st->dst.port, &encap.dport, err))
		return false;
	if (st->nat_oa.text && !resolve_one(&st->nat_oa, st->lookup, &encap.oa, &ignored, err))
		return false;
	*out = encap;
	return true;
}

/* "10.0.0.5-10.0.0.17", numeric: else it is a name with a dash. */
static bool parse_range(const char *text, struct ip_addr *from, struct ip_addr *to)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : 0;
	char first[IP_ADDR_TEXT_MAX];

	if (!dash || len >= sizeof(first))
		return false;
	memcpy(first, text, len);
	first[len] = '\0';
	return ip_addr_parse(first, from) && ip_addr_parse(dash + 1, to);
}

static bool resolve_addresses(const struct token *name, unsigned lookup, struct ip_addr *from,
			      struct ip_addr *to, bool *scope, struct resolve_error *err)
{
	if (parse_range(name->text, from, to))
		return from->family == to->family || fail(err, "Family mismatch", name);
	*to = (struct ip_addr){0};
	return resolve_one(name, lookup, from, scope, err);
}

bool resolve_selector(const struct statement *st, struct resolved_selector *out, bool *scope,
		      struct resolve_error *err)
{
	struct resolved_selector sel = {0};

	*scope = false;
	if (!resolve_addresses(&st->src.name, st->lookup, &sel.src, &sel.src_to, scope, err) ||
	    !resolve_addresses(&st->dst.name, st->lookup, &sel.dst, &sel.dst_to, scope, err))
		return false;
	if (sel.src.family != sel.dst.family)
		return fail(err, "Family mismatch", &st->dst.name);
	if (!resolve_ports(&st->src.port, &sel.sport, &sel.sport_to, err) ||
	    !resolve_ports(&st->dst.port, &sel.dport, &sel.dport_to, err) ||
	    !resolve_upper(st, &sel, err))
		return false;
	*out = sel;
	return true;
}
