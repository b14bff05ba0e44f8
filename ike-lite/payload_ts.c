/*
 * ike-lite/payload_ts.c: traffic selectors on the wire, RFC 7296 §3.13.
 *
 *     payload    | count 1 | 0 3 | selectors ..
 *     selector   | type 1 | protocol 1 | length 2 | first port 2 | last port 2 | first address | last address |
 */
#include "ike-lite/bytes.h"
#include "ike-lite/payload.h"

#include <sys/socket.h>

enum { TS_PAYLOAD_HEADER = 4, TS_HEADER = 8 };

static struct ip_addr address_at(const uint8_t *p, uint32_t len)
{
	return len == 4 ? ip_addr_v4(p) : ip_addr_v6(p);
}

/* Takes a selector off the front. False: malformed. *known: of a type we know. */
static bool selector_parse(struct ike_span *list, struct ike_ts *out, bool *known)
{
	const uint8_t *p = list->data;
	uint32_t len, addr_len;

	if (list->len < TS_HEADER)
		return false;
	len = load_u16(p + 2);
	if (len > list->len || len < TS_HEADER)
		return false;
	*known = p[0] == IKE_TS_IPV4_RANGE || p[0] == IKE_TS_IPV6_RANGE;
	if (*known) {
		addr_len = p[0] == IKE_TS_IPV4_RANGE ? 4 : 16;
		if (len != TS_HEADER + 2 * addr_len)
			return false;
		*out = (struct ike_ts){.proto = p[1],
				       .port_from = load_u16(p + 4),
				       .port_to = load_u16(p + 6),
				       .from = address_at(p + TS_HEADER, addr_len),
				       .to = address_at(p + TS_HEADER + addr_len, addr_len)};
		if (memcmp(p + TS_HEADER, p + TS_HEADER + addr_len, addr_len) > 0)
			return false;
	}
	*list = (struct ike_span){p + len, list->len - len};
	return true;
}

/* §3.13.1: a range from 65535 to 0 says OPAQUE; any other must not be empty. */
static bool ports_are_sane(const struct ike_ts *ts)
{
	return ts->port_from <= ts->port_to || (ts->port_from == UINT16_MAX && ts->port_to == 0);
}

bool ike_ts_parse(struct ike_span body, struct ike_ts_list *out)
{
	struct ike_ts_list list = {0};
	struct ike_span left;

	if (body.len < TS_PAYLOAD_HEADER)
		return false;
	left = (struct ike_span){body.data + TS_PAYLOAD_HEADER, body.len - TS_PAYLOAD_HEADER};
	for (unsigned n = body.data[0]; n > 0; n--) {
		struct ike_ts ts;
		bool known;

		if (!selector_parse(&left, &ts, &known) || (known && !ports_are_sane(&ts)))
			return false;
		if (known && list.count < IKE_TS_MAX)
			list.at[list.count++] = ts;
	}
	if (left.len != 0)
		return false;
	*out = list;
	return true;
}

static void put_selector(struct ike_writer *w, const struct ike_ts *ts)
{
	uint32_t addr_len = ts->from.family == AF_INET ? 4 : 16;

	ike_put_u8(w, ts->from.family == AF_INET ? IKE_TS_IPV4_RANGE : IKE_TS_IPV6_RANGE);
	ike_put_u8(w, ts->proto);
	ike_put_u16(w, (uint16_t)(TS_HEADER + 2 * addr_len));
	ike_put_u16(w, ts->port_from);
	ike_put_u16(w, ts->port_to);
	ike_put_bytes(w, ts->from.bytes, addr_len);
	ike_put_bytes(w, ts->to.bytes, addr_len);
}

void ike_put_ts(struct ike_writer *w, enum ike_payload_type type, const struct ike_ts_list *list)
{
	uint32_t start = ike_payload_begin(w, type);

	ike_put_u8(w, (uint8_t)list->count);
	ike_put_bytes(w, "\0\0\0", 3);
	for (unsigned i = 0; i < list->count; i++)
		put_selector(w, &list->at[i]);
	ike_payload_end(w, start);
}
