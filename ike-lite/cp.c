/*
 * ike-lite/cp.c: the Configuration payload, RFC 7296 §3.15.
 *
 *     | type 1 | 0 3 | attributes: | type 2 (high bit 0) | length 2 | value .. |
 */
#include "ike-lite/cp.h"

#include "ike-lite/bytes.h"

#include <sys/socket.h>

enum {
	CP_HEADER = 4,
	ATTR_HEADER = 4,
	INTERNAL_IP4_ADDRESS = 1,
	INTERNAL_IP6_ADDRESS = 8,
	IP6_VALUE_LEN = 17, /* with the prefix length behind */
	PREFIX_LEN = 128,
	TYPE_MASK = 0x7fff /* §3.15.1: the high bit is ignored */
};

static void keep(struct ike_cp *cp, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < cp->count; i++)
		if (cp->addrs[i].family == addr->family)
			return;
	if (cp->count < IKE_CP_ADDRS_MAX)
		cp->addrs[cp->count++] = *addr;
}

/* Reads one attribute's value. False: malformed. */
static bool attribute_parse(struct ike_cp *cp, uint16_t type, struct ike_span value)
{
	static const uint8_t any[16];
	struct ip_addr addr;

	/* An empty value asks for any address, §3.15.1. */
	if (type == INTERNAL_IP4_ADDRESS) {
		if (value.len != 0 && value.len != 4)
			return false;
		addr = ip_addr_v4(value.len ? value.data : any);
	} else if (type == INTERNAL_IP6_ADDRESS) {
		/* Without a prefix length some send it, and strongSwan reads it. */
		if (value.len != 0 && value.len != 16 && value.len != IP6_VALUE_LEN)
			return false;
		addr = ip_addr_v6(value.len ? value.data : any);
	} else {
		return true;
	}
	keep(cp, &addr);
	return true;
}

bool ike_cp_parse(struct ike_span body, struct ike_cp *out)
{
	struct ike_cp cp = {0};
	const uint8_t *at = body.data + CP_HEADER;
	uint32_t left;

	if (body.len < CP_HEADER)
		return false;
	cp.type = body.data[0];
	left = body.len - CP_HEADER;
	while (left > 0) {
		uint16_t len;

		if (left < ATTR_HEADER)
			return false;
		len = load_u16(at + 2);
		if (len > left - ATTR_HEADER)
			return false;
		if (!attribute_parse(&cp, load_u16(at) & TYPE_MASK,
				     (struct ike_span){at + ATTR_HEADER, len}))
			return false;
		at += ATTR_HEADER + len;
		left -= (uint32_t)ATTR_HEADER + len;
	}
	*out = cp;
	return true;
}

static void put_address(struct ike_writer *w, const struct ip_addr *addr)
{
	bool v4 = addr->family == AF_INET, empty = ip_addr_is_any(addr);

	ike_put_u16(w, v4 ? INTERNAL_IP4_ADDRESS : INTERNAL_IP6_ADDRESS);
	ike_put_u16(w, empty ? 0 : v4 ? 4 : IP6_VALUE_LEN);
	if (empty)
		return;
	ike_put_bytes(w, addr->bytes, v4 ? 4 : 16);
	if (!v4)
		ike_put_u8(w, PREFIX_LEN);
}

void ike_put_cp(struct ike_writer *w, const struct ike_cp *cp)
{
	uint32_t start = ike_payload_begin(w, IKE_CP);

	ike_put_u8(w, cp->type);
	ike_put_bytes(w, "\0\0\0", 3);
	for (unsigned i = 0; i < cp->count; i++)
		put_address(w, &cp->addrs[i]);
	ike_payload_end(w, start);
}
