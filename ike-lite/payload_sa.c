/*
 * ike-lite/payload_sa.c: proposals on the wire, RFC 7296 §3.3.
 *
 *     proposal    | last 0/2 1 | 0 | length 2 | number 1 | protocol 1 | SPI size 1 | transforms 1 | SPI | ..
 *     transform   | last 0/3 1 | 0 | length 2 | type 1 | 0 | id 2 | attributes ..
 *     attribute   | format 1 bit, type 15 bits | value 2 |   or   | type 2 | length 2 | value .. |
 */
#include "ike-lite/bytes.h"
#include "ike-lite/payload.h"

#include <assert.h>

enum {
	PROPOSAL_HEADER = 8,
	TRANSFORM_HEADER = 8,
	ATTR_HEADER = 4,
	MORE_PROPOSALS = 2,
	MORE_TRANSFORMS = 3,
	ATTR_SHORT = 0x8000, /* the value stands in place of the length */
};

/* Reads the attributes of a transform. False: malformed. *known: no other than the key length. */
static bool attributes_parse(const uint8_t *at, uint32_t left, uint16_t *key_bits, bool *known)
{
	*key_bits = 0;
	*known = true;
	while (left > 0) {
		uint16_t type, value;

		if (left < ATTR_HEADER)
			return false;
		type = load_u16(at);
		value = load_u16(at + 2);
		at += ATTR_HEADER;
		left -= ATTR_HEADER;
		if (type == (ATTR_SHORT | IKE_ATTR_KEY_LENGTH)) {
			*key_bits = value;
			continue;
		}
		*known = false;
		if (type & ATTR_SHORT)
			continue;
		if (value > left)
			return false;
		at += value;
		left -= value;
	}
	return true;
}

/* Takes a transform off the front. False: malformed. *usable: one we could choose. */
static bool transform_parse(struct ike_span *list, bool last, struct ike_transform *out,
			    bool *usable)
{
	const uint8_t *p = list->data;
	uint32_t len;

	if (list->len < TRANSFORM_HEADER)
		return false;
	len = load_u16(p + 2);
	if (len > list->len || len < TRANSFORM_HEADER || p[0] != (last ? 0 : MORE_TRANSFORMS))
		return false;
	*out = (struct ike_transform){.type = p[4], .id = load_u16(p + 6)};
	if (!attributes_parse(p + TRANSFORM_HEADER, len - TRANSFORM_HEADER, &out->key_bits, usable))
		return false;
	*list = (struct ike_span){p + len, list->len - len};
	return true;
}

static bool spi_length_fits(uint8_t protocol, uint8_t len)
{
	/* §3.3.1: none in IKE_SA_INIT, eight bytes when an IKE SA is rekeyed. */
	if (protocol == IKE_PROTO_IKE)
		return len == 0 || len == IKE_SPI_LEN;
	return len == 4;
}

/* Takes a proposal off the front. False: malformed. */
static bool proposal_parse(struct ike_span *list, struct ike_offer *out, bool *last)
{
	const uint8_t *p = list->data;
	struct ike_offer offer = {0};
	struct ike_span transforms;
	uint32_t len;
	uint8_t spi_len;

	if (list->len < PROPOSAL_HEADER)
		return false;
	len = load_u16(p + 2);
	if (len > list->len || len < PROPOSAL_HEADER)
		return false;
	*last = len == list->len;
	spi_len = p[6];
	if (p[0] != (*last ? 0 : MORE_PROPOSALS) || spi_len > len - PROPOSAL_HEADER ||
	    !spi_length_fits(p[5], spi_len))
		return false;
	offer.number = p[4];
	offer.proposal.protocol = p[5];
	offer.spi = (struct ike_span){p + PROPOSAL_HEADER, spi_len};
	transforms =
		(struct ike_span){p + PROPOSAL_HEADER + spi_len, len - PROPOSAL_HEADER - spi_len};
	for (unsigned left = p[7]; left > 0; left--) {
		struct ike_transform t;
		bool usable;

		if (!transform_parse(&transforms, left == 1, &t, &usable))
			return false;
		if (t.type < IKE_ENCR || t.type > IKE_ESN)
			offer.unknown_type = true;
		else if (usable && offer.proposal.count < IKE_TRANSFORMS_MAX)
			offer.proposal.at[offer.proposal.count++] = t;
	}
	if (transforms.len != 0)
		return false;
	*list = (struct ike_span){p + len, list->len - len};
	*out = offer;
	return true;
}

bool ike_sa_check(struct ike_span body)
{
	struct ike_offer offer;
	bool last;

	if (body.len == 0)
		return false;
	while (body.len > 0) {
		if (!proposal_parse(&body, &offer, &last))
			return false;
	}
	return true;
}

bool ike_sa_next(struct ike_span *body, struct ike_offer *out)
{
	bool last;

	return body->len > 0 && proposal_parse(body, out, &last);
}

static void put_transform(struct ike_writer *w, const struct ike_transform *t, bool last)
{
	ike_put_u8(w, last ? 0 : MORE_TRANSFORMS);
	ike_put_u8(w, 0);
	ike_put_u16(w, TRANSFORM_HEADER + (t->key_bits ? ATTR_HEADER : 0));
	ike_put_u8(w, t->type);
	ike_put_u8(w, 0);
	ike_put_u16(w, t->id);
	if (t->key_bits) {
		ike_put_u16(w, ATTR_SHORT | IKE_ATTR_KEY_LENGTH);
		ike_put_u16(w, t->key_bits);
	}
}

static void put_proposal(struct ike_writer *w, const struct ike_proposal *p, uint8_t number,
			 struct ike_span spi, bool last)
{
	uint32_t start = w->len;

	ike_put_u8(w, last ? 0 : MORE_PROPOSALS);
	ike_put_u8(w, 0);
	ike_put_u16(w, 0);
	ike_put_u8(w, number);
	ike_put_u8(w, p->protocol);
	ike_put_u8(w, (uint8_t)spi.len);
	ike_put_u8(w, p->count);
	ike_put_bytes(w, spi.data, spi.len);
	for (unsigned i = 0; i < p->count; i++)
		put_transform(w, &p->at[i], i + 1 == p->count);
	if (!w->overflow)
		store_u16(w->buf + start + 2, (uint16_t)(w->len - start));
}

void ike_put_sa(struct ike_writer *w, const struct ike_proposal *proposals, unsigned count,
		uint8_t first_number, struct ike_span spi)
{
	uint32_t start = ike_payload_begin(w, IKE_SA);

	assert(spi.len <= IKE_SPI_LEN);
	for (unsigned i = 0; i < count; i++)
		put_proposal(w, &proposals[i], (uint8_t)(first_number + i), spi, i + 1 == count);
	ike_payload_end(w, start);
}
