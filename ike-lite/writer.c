/*
 * ike-lite/writer.c: messages written front to back, RFC 7296 §3.1, §3.2. Each payload writes its
 * type into the one before it.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/message.h"

#include <assert.h>

uint8_t *ike_put_gap(struct ike_writer *w, uint32_t len)
{
	uint8_t *at = w->buf + w->len;

	if (w->overflow || len > w->room - w->len) {
		w->overflow = true;
		return NULL;
	}
	w->len += len;
	memset(at, 0, len);
	return at;
}

void ike_put_bytes(struct ike_writer *w, const void *data, uint32_t len)
{
	uint8_t *at = ike_put_gap(w, len);

	if (at && len)
		memcpy(at, data, len);
}

void ike_put_u8(struct ike_writer *w, uint8_t value)
{
	ike_put_bytes(w, &value, sizeof(value));
}

void ike_put_u16(struct ike_writer *w, uint16_t value)
{
	uint8_t *at = ike_put_gap(w, sizeof(value));

	if (at)
		store_u16(at, value);
}

void ike_put_u32(struct ike_writer *w, uint32_t value)
{
	uint8_t *at = ike_put_gap(w, sizeof(value));

	if (at)
		store_u32(at, value);
}

void ike_put_u64(struct ike_writer *w, uint64_t value)
{
	uint8_t *at = ike_put_gap(w, sizeof(value));

	if (at)
		store_u64(at, value);
}

enum { AT_NEXT = 16, AT_LENGTH = 24 };

void ike_writer_begin(struct ike_writer *w, uint8_t *buf, uint32_t room, const struct ike_header *h)
{
	*w = (struct ike_writer){.buf = buf, .room = room, .next = AT_NEXT};
	ike_put_u64(w, h->spi_i);
	ike_put_u64(w, h->spi_r);
	ike_put_u8(w, IKE_NO_NEXT);
	ike_put_u8(w, h->version);
	ike_put_u8(w, h->exchange);
	ike_put_u8(w, h->flags);
	ike_put_u32(w, h->id);
	ike_put_u32(w, 0); /* the length */
}

void ike_writer_begin_inner(struct ike_writer *w, uint8_t *buf, uint32_t room)
{
	*w = (struct ike_writer){.buf = buf, .room = room, .next = IKE_INNER_FIRST};
}

uint32_t ike_writer_end(struct ike_writer *w)
{
	if (w->overflow)
		return 0;
	store_u32(w->buf + AT_LENGTH, w->len);
	return w->len;
}

uint32_t ike_payload_begin(struct ike_writer *w, enum ike_payload_type type)
{
	uint32_t start = w->len;

	ike_put_u8(w, IKE_NO_NEXT);
	ike_put_u8(w, 0);
	ike_put_u16(w, 0);
	if (w->overflow)
		return start;
	if (w->next == IKE_INNER_FIRST)
		w->inner_first = (uint8_t)type;
	else
		w->buf[w->next] = (uint8_t)type;
	w->next = start;
	return start;
}

void ike_payload_end(struct ike_writer *w, uint32_t start)
{
	if (w->overflow)
		return;
	assert(start < w->len && w->len - start <= UINT16_MAX);
	store_u16(w->buf + start + 2, (uint16_t)(w->len - start));
}
