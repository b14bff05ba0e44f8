/*
 * ike-lite/frag.c: fragments of encrypted messages, RFC 7383. What a stranger sends is dropped before
 * anything is allocated for it; what an authentic peer sends is bounded in number and bytes.
 */
#include "ike-lite/frag.h"

#include "ike-lite/bytes.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { NUMBERS_LEN = 4 };
enum { BEFORE_CRYPT = IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + NUMBERS_LEN };

uint32_t ike_frag_room(uint32_t fragment_size, uint8_t family, bool marker)
{
	uint32_t around = UDP_HEADER_LEN;

	around += family == AF_INET ? IP4_HEADER_MIN : IP6_HEADER_LEN;
	around += marker ? IKE_NON_ESP_MARKER_LEN : 0;
	return fragment_size > around ? fragment_size - around : 0;
}

/* Bytes of inner payloads in each fragment but the last; 0: none fit. */
static uint32_t piece_len(const struct ike_suite *suite, uint32_t message_max)
{
	return message_max > BEFORE_CRYPT ? ike_sk_text_max(suite, message_max - BEFORE_CRYPT) : 0;
}

uint16_t ike_frag_count(const struct ike_suite *suite, uint32_t inner_len, uint32_t message_max)
{
	uint32_t piece = piece_len(suite, message_max), count;

	if (piece == 0 || inner_len > IKE_REASSEMBLED_MAX)
		return 0;
	count = inner_len ? (inner_len + piece - 1) / piece : 1;
	return count <= IKE_FRAGMENTS_MAX ? (uint16_t)count : 0;
}

uint32_t ike_frag_seal(struct ike_keys *keys, const struct ike_env *env, const struct ike_header *h,
		       uint8_t inner_first, struct ike_span inner, uint32_t message_max,
		       uint16_t number, uint8_t *out, uint32_t room)
{
	uint16_t total = ike_frag_count(&keys->suite, inner.len, message_max);
	uint32_t piece = piece_len(&keys->suite, message_max), from = piece * (number - 1U);
	struct ike_span text;
	struct ike_writer w;
	uint32_t len, start;

	assert(number >= 1 && number <= total);
	text = (struct ike_span){inner.data + from,
				 inner.len - from < piece ? inner.len - from : piece};
	len = BEFORE_CRYPT + ike_sk_crypt_len(&keys->suite, text.len);
	if (len > room)
		return 0;
	ike_writer_begin(&w, out, room, h);
	start = ike_payload_begin(&w, IKE_SKF);
	ike_put_u16(&w, number);
	ike_put_u16(&w, total);
	(void)ike_put_gap(&w, len - BEFORE_CRYPT);
	ike_payload_end(&w, start);
	/* §2.5: the type of the first payload stands in the first fragment only. */
	out[start] = number == 1 ? inner_first : IKE_NO_NEXT;
	(void)ike_writer_end(&w);
	if (!ike_sk_seal_behind(keys, h->flags & IKE_FLAG_INITIATOR, env, out, BEFORE_CRYPT, text))
		return 0;
	return len;
}

void ike_frags_drop(struct ike_frags *f)
{
	for (unsigned i = 0; i < f->total; i++) {
		if (f->pieces[i].data)
			OPENSSL_cleanse(f->pieces[i].data, f->pieces[i].len);
		free(f->pieces[i].data);
	}
	free(f->pieces);
	*f = (struct ike_frags){0};
}

/* Makes room for a message of so many fragments. */
static int begin(struct ike_frags *f, uint32_t id, uint16_t total)
{
	struct ike_frag_piece *pieces = calloc(total, sizeof(*pieces));

	if (!pieces)
		return -ENOMEM;
	ike_frags_drop(f);
	f->id = id;
	f->total = total;
	f->pieces = pieces;
	return 0;
}

static int keep(struct ike_frags *f, uint16_t number, struct ike_span text)
{
	uint8_t *data;

	if (text.len > IKE_REASSEMBLED_MAX - f->bytes)
		return -EBADMSG;
	data = malloc(text.len ? text.len : 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, text.data, text.len);
	f->pieces[number - 1] = (struct ike_frag_piece){data, text.len};
	f->bytes += text.len;
	f->have++;
	return f->have == f->total;
}

/* Authenticates a fragment and keeps it. */
static int add(struct ike_frags *f, const struct ike_keys *keys, struct ike_span datagram,
	       struct ike_span body, const struct ike_header *h, uint8_t first)
{
	uint16_t number = load_u16(body.data), total = load_u16(body.data + 2);
	uint32_t aad_len = datagram.len - body.len + NUMBERS_LEN;
	uint8_t *plain = malloc(body.len);
	struct ike_span text;
	int err;

	if (!plain)
		return -ENOMEM;
	err = ike_sk_open_behind(keys, h->flags & IKE_FLAG_INITIATOR, datagram, aad_len, plain,
				 &text);
	if (err == -EPROTO)
		err = -EBADMSG;
	if (!err && (f->total == 0 || f->id != h->id || f->total != total))
		err = begin(f, h->id, total);
	if (!err)
		err = keep(f, number, text);
	if (err >= 0 && number == 1)
		f->inner_first = first;
	OPENSSL_cleanse(plain, body.len);
	free(plain);
	return err;
}

int ike_frags_add(struct ike_frags *f, const struct ike_keys *keys, struct ike_span datagram,
		  const struct ike_payloads *outer)
{
	const struct ike_payload *skf = ike_payloads_find(outer, IKE_SKF);
	struct ike_header h;
	uint16_t number, total;

	if (!skf || skf->body.len < NUMBERS_LEN || !ike_header_parse(datagram, &h))
		return -EBADMSG;
	number = load_u16(skf->body.data);
	total = load_u16(skf->body.data + 2);
	if (number == 0 || number > total || total > IKE_FRAGMENTS_MAX)
		return -EBADMSG;
	if (f->total != 0 && f->id == h.id) {
		if (total < f->total)
			return -EBADMSG;
		if (total == f->total && f->pieces[number - 1].data)
			return -EALREADY;
	}
	return add(f, keys, datagram, skf->body, &h, outer->inner_first);
}

struct ike_span ike_frags_join(struct ike_frags *f, uint8_t *plain, uint8_t *inner_first)
{
	struct ike_span out = {plain, f->bytes};

	assert(f->total != 0 && f->have == f->total);
	for (unsigned i = 0; i < f->total; i++) {
		memcpy(plain, f->pieces[i].data, f->pieces[i].len);
		plain += f->pieces[i].len;
	}
	*inner_first = f->inner_first;
	ike_frags_drop(f);
	return out;
}
