/*
 * ike-lite/payload.c: the payloads that are a header and some bytes, RFC 7296 §3.4 to §3.11.
 */
#include "ike-lite/payload.h"

#include "ike-lite/bytes.h"

/* Splits len bytes off the front. The caller has checked that they are there. */
static struct ike_span rest(struct ike_span body, uint32_t len)
{
	return (struct ike_span){body.data + len, body.len - len};
}

enum { KE_HEADER = 4, ID_HEADER = 4, AUTH_HEADER = 4, NOTIFY_HEADER = 4, DELETE_HEADER = 4 };

bool ike_ke_parse(struct ike_span body, struct ike_ke *out)
{
	if (body.len <= KE_HEADER)
		return false;
	*out = (struct ike_ke){.group = load_u16(body.data), .data = rest(body, KE_HEADER)};
	return true;
}

void ike_put_ke(struct ike_writer *w, uint16_t group, struct ike_span data)
{
	uint32_t start = ike_payload_begin(w, IKE_KE);

	ike_put_u16(w, group);
	ike_put_u16(w, 0);
	ike_put_bytes(w, data.data, data.len);
	ike_payload_end(w, start);
}

bool ike_nonce_parse(struct ike_span body, struct ike_span *out)
{
	if (body.len < IKE_NONCE_MIN || body.len > IKE_NONCE_MAX)
		return false;
	*out = body;
	return true;
}

void ike_put_nonce(struct ike_writer *w, struct ike_span nonce)
{
	uint32_t start = ike_payload_begin(w, IKE_NONCE);

	ike_put_bytes(w, nonce.data, nonce.len);
	ike_payload_end(w, start);
}

/* An address is as long as its family wants, a name is not empty, and no name is longer than we
 * keep. */
static bool id_length_fits(uint8_t type, uint32_t len)
{
	if (type == IKE_ID_IPV4)
		return len == 4;
	if (type == IKE_ID_IPV6)
		return len == 16;
	return len > 0 && len <= sizeof(((struct ike_id *)NULL)->data);
}

bool ike_id_payload_parse(struct ike_span body, struct ike_id *out)
{
	struct ike_span data;

	if (body.len < ID_HEADER)
		return false;
	data = rest(body, ID_HEADER);
	if (!id_length_fits(body.data[0], data.len))
		return false;
	*out = (struct ike_id){.type = body.data[0], .len = (uint8_t)data.len};
	memcpy(out->data, data.data, data.len);
	return true;
}

void ike_put_id(struct ike_writer *w, enum ike_payload_type type, const struct ike_id *id)
{
	uint32_t start = ike_payload_begin(w, type);

	ike_put_u8(w, id->type);
	ike_put_bytes(w, "\0\0\0", 3);
	ike_put_bytes(w, id->data, id->len);
	ike_payload_end(w, start);
}

bool ike_auth_parse(struct ike_span body, struct ike_auth *out)
{
	if (body.len <= AUTH_HEADER)
		return false;
	*out = (struct ike_auth){.method = body.data[0], .data = rest(body, AUTH_HEADER)};
	return true;
}

void ike_put_auth(struct ike_writer *w, enum ike_auth_method method, struct ike_span data)
{
	uint32_t start = ike_payload_begin(w, IKE_AUTH_DATA);

	ike_put_u8(w, (uint8_t)method);
	ike_put_bytes(w, "\0\0\0", 3);
	ike_put_bytes(w, data.data, data.len);
	ike_payload_end(w, start);
}

static bool spi_length_fits(uint8_t protocol, uint8_t len)
{
	/* §3.10: without an SPI the protocol is to be ignored. */
	if (len == 0)
		return true;
	if (protocol == IKE_PROTO_IKE)
		return len == IKE_SPI_LEN;
	return len == 4;
}

bool ike_notify_parse(struct ike_span body, struct ike_notify *out)
{
	uint8_t spi_len;

	if (body.len < NOTIFY_HEADER)
		return false;
	spi_len = body.data[1];
	if (spi_len > body.len - NOTIFY_HEADER || !spi_length_fits(body.data[0], spi_len))
		return false;
	*out = (struct ike_notify){.protocol = body.data[0],
				   .type = load_u16(body.data + 2),
				   .spi = {body.data + NOTIFY_HEADER, spi_len},
				   .data = rest(body, NOTIFY_HEADER + (uint32_t)spi_len)};
	return true;
}

void ike_put_notify(struct ike_writer *w, const struct ike_notify *n)
{
	uint32_t start = ike_payload_begin(w, IKE_NOTIFY);

	ike_put_u8(w, n->protocol);
	ike_put_u8(w, (uint8_t)n->spi.len);
	ike_put_u16(w, n->type);
	ike_put_bytes(w, n->spi.data, n->spi.len);
	ike_put_bytes(w, n->data.data, n->data.len);
	ike_payload_end(w, start);
}

bool ike_notify_find(const struct ike_payloads *list, uint16_t type, struct ike_notify *out)
{
	struct ike_notify n;

	for (unsigned i = 0; i < list->count; i++) {
		if (list->at[i].type != IKE_NOTIFY || !ike_notify_parse(list->at[i].body, &n) ||
		    n.type != type)
			continue;
		*out = n;
		return true;
	}
	return false;
}

bool ike_delete_parse(struct ike_span body, struct ike_delete *out)
{
	struct ike_delete d;
	uint8_t size;

	if (body.len < DELETE_HEADER)
		return false;
	size = body.data[1];
	d = (struct ike_delete){.protocol = body.data[0],
				.count = load_u16(body.data + 2),
				.spis = rest(body, DELETE_HEADER)};
	if (d.protocol == IKE_PROTO_IKE && (size != 0 || d.count != 0))
		return false;
	if (d.protocol != IKE_PROTO_IKE && size != 4)
		return false;
	if (d.spis.len != (uint32_t)size * d.count)
		return false;
	*out = d;
	return true;
}

void ike_put_delete_ike(struct ike_writer *w)
{
	uint32_t start = ike_payload_begin(w, IKE_DELETE);

	ike_put_u8(w, IKE_PROTO_IKE);
	ike_put_u8(w, 0);
	ike_put_u16(w, 0);
	ike_payload_end(w, start);
}

void ike_put_delete_esp(struct ike_writer *w, const uint32_t *spis, uint16_t count)
{
	uint32_t start = ike_payload_begin(w, IKE_DELETE);

	ike_put_u8(w, IKE_PROTO_ESP);
	ike_put_u8(w, sizeof(spis[0]));
	ike_put_u16(w, count);
	for (uint16_t i = 0; i < count; i++)
		ike_put_u32(w, spis[i]);
	ike_payload_end(w, start);
}
