/*
 * ike-lite/id.c: identities, RFC 7296 §3.5, and strongSwan's text forms of them. Names are compared
 * without regard to case, as DNS and strongSwan do; a KEY_ID is bytes.
 */
#include "ike-lite/ike.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool set(struct ike_id *out, uint8_t type, const void *data, size_t len)
{
	struct ike_id id = {.type = type};

	if (len == 0 || len > sizeof(id.data))
		return false;
	id.len = (uint8_t)len;
	memcpy(id.data, data, len);
	*out = id;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool set_hex(struct ike_id *out, uint8_t type, const char *hex)
{
	uint8_t bytes[sizeof(out->data)];
	size_t len = strlen(hex);

	if (len % 2 != 0 || len / 2 > sizeof(bytes))
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return set(out, type, bytes, len / 2);
}

static bool set_addr(struct ike_id *out, const struct ip_addr *addr)
{
	return addr->family == AF_INET ? set(out, IKE_ID_IPV4, addr->bytes, 4)
				       : set(out, IKE_ID_IPV6, addr->bytes, 16);
}

/* "fqdn:name", "keyid:#00ff". False: no such prefix; *ok says whether what follows is right. */
static bool prefixed_parse(const char *text, struct ike_id *out, bool *ok)
{
	static const struct {
		const char *prefix;
		uint8_t type;
	} kinds[] = {
		{"ipv4:", IKE_ID_IPV4},	      {"ipv6:", IKE_ID_IPV6},	 {"fqdn:", IKE_ID_FQDN},
		{"dns:", IKE_ID_FQDN},	      {"email:", IKE_ID_RFC822}, {"rfc822:", IKE_ID_RFC822},
		{"userfqdn:", IKE_ID_RFC822}, {"keyid:", IKE_ID_KEY_ID},
	};
	struct ip_addr addr;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].prefix);
		const char *rest = text + len;
		uint8_t type = kinds[i].type;

		if (strncasecmp(text, kinds[i].prefix, len) != 0)
			continue;
		if (type == IKE_ID_IPV4 || type == IKE_ID_IPV6)
			*ok = ip_addr_parse(rest, &addr) &&
			      (addr.family == AF_INET) == (type == IKE_ID_IPV4) &&
			      set_addr(out, &addr);
		else if (*rest == '#')
			*ok = set_hex(out, type, rest + 1);
		else
			*ok = set(out, type, rest, strlen(rest));
		return true;
	}
	return false;
}

bool ike_id_parse(const char *text, struct ike_id *out)
{
	struct ip_addr addr;
	bool ok;

	if (*text == '\0' || strcmp(text, "%any") == 0 || strcmp(text, "*") == 0) {
		*out = (struct ike_id){0};
		return true;
	}
	if (ip_addr_parse(text, &addr)) {
		if (!ip_addr_is_any(&addr))
			return set_addr(out, &addr);
		*out = (struct ike_id){0};
		return true;
	}
	if (prefixed_parse(text, out, &ok))
		return ok;
	if (text[0] == '@') {
		if (text[1] == '#')
			return set_hex(out, IKE_ID_KEY_ID, text + 2);
		if (text[1] == '@')
			return set(out, IKE_ID_RFC822, text + 2, strlen(text + 2));
		return set(out, IKE_ID_FQDN, text + 1, strlen(text + 1));
	}
	/* A distinguished name belongs to a certificate. */
	if (strchr(text, '='))
		return false;
	if (strchr(text, '@'))
		return set(out, IKE_ID_RFC822, text, strlen(text));
	/* strongSwan: what holds a colon and is no address is a KEY_ID. */
	return set(out, strchr(text, ':') ? IKE_ID_KEY_ID : IKE_ID_FQDN, text, strlen(text));
}

/* ---- writing ----------------------------------------------------------------------------------- */

static bool is_printable(const struct ike_id *id)
{
	for (unsigned i = 0; i < id->len; i++)
		if (id->data[i] <= ' ' || id->data[i] > '~')
			return false;
	return id->data[0] != '#';
}

static const char *prefix_of(uint8_t type, char buf[static 16])
{
	switch (type) {
	case IKE_ID_FQDN:
		return "fqdn:";
	case IKE_ID_RFC822:
		return "email:";
	case IKE_ID_KEY_ID:
		return "keyid:";
	default: /* not ours to parse: certificates' names and the like */
		(void)snprintf(buf, 16, "type-%u:", type);
		return buf;
	}
}

static void hex_format(const struct ike_id *id, char *at)
{
	*at++ = '#';
	for (unsigned i = 0; i < id->len; i++, at += 2)
		(void)snprintf(at, 3, "%02x", id->data[i]);
}

const char *ike_id_format(const struct ike_id *id, char buf[static IKE_ID_TEXT_MAX])
{
	char text[sizeof(id->data) + 1], prefix[16];
	struct ike_id again;
	int len;

	if (id->type == 0) {
		(void)snprintf(buf, IKE_ID_TEXT_MAX, "%%any");
		return buf;
	}
	if (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6) {
		struct ip_addr addr =
			id->type == IKE_ID_IPV4 ? ip_addr_v4(id->data) : ip_addr_v6(id->data);

		return ip_addr_format(&addr, buf);
	}
	memcpy(text, id->data, id->len);
	text[id->len] = '\0';
	len = snprintf(buf, IKE_ID_TEXT_MAX, "%s", prefix_of(id->type, prefix));
	if (!is_printable(id))
		hex_format(id, buf + len);
	/* Bare where that reads back as the same. */
	else if (ike_id_parse(text, &again) && ike_id_equal(&again, id))
		(void)snprintf(buf, IKE_ID_TEXT_MAX, "%s", text);
	else
		(void)snprintf(buf, IKE_ID_TEXT_MAX, "%s%s", prefix_of(id->type, prefix), text);
	return buf;
}

/* ---- comparing ---------------------------------------------------------------------------------- */

static bool is_name(uint8_t type)
{
	return type == IKE_ID_FQDN || type == IKE_ID_RFC822;
}

static bool data_equal(uint8_t type, const uint8_t *a, const uint8_t *b, size_t len)
{
	return is_name(type) ? strncasecmp((const char *)a, (const char *)b, len) == 0
			     : memcmp(a, b, len) == 0;
}

bool ike_id_equal(const struct ike_id *a, const struct ike_id *b)
{
	return a->type == b->type && a->len == b->len &&
	       data_equal(a->type, a->data, b->data, a->len);
}

bool ike_id_matches(const struct ike_id *pattern, const struct ike_id *id)
{
	uint8_t joint = pattern->type == IKE_ID_FQDN ? '.' : '@';
	uint8_t tail = (uint8_t)(pattern->len - 1);

	if (pattern->type == 0 || ike_id_equal(pattern, id))
		return true;
	if (!is_name(pattern->type) || pattern->type != id->type || pattern->len < 3 ||
	    pattern->data[0] != '*' || pattern->data[1] != joint || id->len <= tail)
		return false;
	return data_equal(id->type, pattern->data + 1, id->data + id->len - tail, tail);
}
