/*
 * ike-lite/message.c: the header and the chain of payloads, RFC 7296 §3.1, §3.2, §2.5. These bytes
 * come from strangers: nothing is read before its length was checked.
 */
#include "ike-lite/message.h"

#include "ike-lite/bytes.h"

#include <errno.h>

bool ike_header_parse(struct ike_span datagram, struct ike_header *out)
{
	const uint8_t *p = datagram.data;
	struct ike_header h;

	if (datagram.len < IKE_HEADER_LEN)
		return false;
	h = (struct ike_header){.spi_i = load_u64(p),
				.spi_r = load_u64(p + 8),
				.next = p[16],
				.version = p[17],
				.exchange = p[18],
				.flags = p[19],
				.id = load_u32(p + 20),
				.length = load_u32(p + 24)};
	if (h.length != datagram.len)
		return false;
	*out = h;
	return true;
}

static bool is_known(uint8_t type)
{
	return (type >= IKE_SA && type <= IKE_EAP) || type == IKE_SKF;
}

int ike_payloads_parse(struct ike_span body, uint8_t first, struct ike_payloads *out)
{
	struct ike_payloads list = {0};
	const uint8_t *at = body.data;
	uint32_t left = body.len;
	uint8_t type = first;

	while (type != IKE_NO_NEXT) {
		struct ike_payload *p = &list.at[list.count];
		uint32_t len;

		if (left < IKE_PAYLOAD_HEADER_LEN)
			return -EBADMSG;
		len = load_u16(at + 2);
		if (len > left || len < IKE_PAYLOAD_HEADER_LEN)
			return -EBADMSG;
		if (list.count == IKE_PAYLOADS_MAX)
			return -E2BIG;
		*p = (struct ike_payload){
			.type = type,
			.critical = at[1] & IKE_CRITICAL,
			.body = {at + IKE_PAYLOAD_HEADER_LEN, len - IKE_PAYLOAD_HEADER_LEN}};
		list.count++;
		/* §2.5: for types we know the bit means nothing. */
		if (p->critical && !is_known(type) && list.unknown_critical == 0)
			list.unknown_critical = type;
		type = at[0];
		at += len;
		left -= len;
		/* §3.14: it is the last, and its next is the first inside. */
		if (p->type == IKE_SK || p->type == IKE_SKF) {
			list.inner_first = type;
			break;
		}
	}
	if (left != 0)
		return -EBADMSG;
	*out = list;
	return 0;
}

const struct ike_payload *ike_payloads_find(const struct ike_payloads *list, uint8_t type)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (list->at[i].type == type)
			return &list->at[i];
	}
	return NULL;
}

unsigned ike_payloads_count(const struct ike_payloads *list, uint8_t type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < list->count; i++)
		n += list->at[i].type == type;
	return n;
}
