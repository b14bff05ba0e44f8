/*
 * ike-lite/exchange.c: what goes out under an IKE SA's keys: sealed, cut where it is too long (RFC 7383),
 * kept for repetition, RFC 7296 §2.1.
 */
#include "ike-lite/engine.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void datagrams_free(struct datagrams *d)
{
	free(d->bytes);
	*d = (struct datagrams){0};
}

void draft_begin(struct draft *d)
{
	ike_writer_begin_inner(&d->w, d->buf, sizeof(d->buf));
}

void draft_notify(struct draft *d, uint16_t type, struct ike_span data)
{
	ike_put_notify(&d->w, &(struct ike_notify){.type = type, .data = data});
}

void draft_notify_spi(struct draft *d, uint16_t type, uint32_t spi)
{
	uint8_t bytes[4] = {(uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8),
			    (uint8_t)spi};

	ike_put_notify(&d->w, &(struct ike_notify){.protocol = IKE_PROTO_ESP,
						   .type = type,
						   .spi = IKE_SPAN(bytes)});
}

/* ---- sealing ---------------------------------------------------------------------------------- */

static bool seal_whole(struct ike_sa *sa, const struct ike_header *h, const struct draft *d,
		       struct datagrams *out)
{
	struct ike_span inner = {d->buf, d->w.len};
	uint32_t room = ike_sk_sealed_len(&sa->keys.suite, inner.len);
	uint32_t len;

	out->bytes = malloc(room);
	if (!out->bytes)
		return false;
	len = ike_sk_seal(&sa->keys, &sa->ike->env, h, d->w.inner_first, inner, out->bytes, room);
	if (len == 0 || len > UINT16_MAX)
		return false;
	out->len = len;
	out->count = 1;
	out->lens[0] = (uint16_t)len;
	return true;
}

static bool seal_fragments(struct ike_sa *sa, const struct ike_header *h, const struct draft *d,
			   uint32_t message_max, uint16_t total, struct datagrams *out)
{
	struct ike_span inner = {d->buf, d->w.len};

	out->bytes = malloc((size_t)total * message_max);
	if (!out->bytes)
		return false;
	for (uint16_t i = 1; i <= total; i++) {
		uint32_t len = ike_frag_seal(&sa->keys, &sa->ike->env, h, d->w.inner_first, inner,
					     message_max, i, out->bytes + out->len, message_max);

		if (len == 0)
			return false;
		out->lens[out->count++] = (uint16_t)len;
		out->len += len;
	}
	return true;
}

/* RFC 7383 §2.5.1: cut if both can, and it is longer than a fragment may be. When forced, short ones
 * too, but for INFORMATIONAL: charon takes one that begins with a fragment for unencrypted. */
static uint16_t fragments_of(const struct ike_sa *sa, uint8_t exchange, const struct draft *d,
			     uint32_t *message_max)
{
	const struct settings *s = &sa->ike->settings;
	bool forced =
		sa->conn->c.fragmentation == IKE_FRAGMENT_FORCE && exchange != IKE_INFORMATIONAL;
	bool marker = sa->ends.remote_port != 500;

	if (!sa->fragmentation)
		return 0;
	*message_max = ike_frag_room(s->c.fragment_size, sa->ends.remote.family, marker);
	if (ike_sk_sealed_len(&sa->keys.suite, d->w.len) <= *message_max && !forced)
		return 0;
	return ike_frag_count(&sa->keys.suite, d->w.len, *message_max);
}

static bool seal(struct ike_sa *sa, uint8_t exchange, uint32_t id, bool response,
		 const struct draft *d, struct datagrams *out)
{
	struct ike_header h = {.spi_i = sa->spi_i,
			       .spi_r = sa->spi_r,
			       .version = IKE_VERSION_2,
			       .exchange = exchange,
			       .flags = (uint8_t)((sa->initiator ? IKE_FLAG_INITIATOR : 0) |
						  (response ? IKE_FLAG_RESPONSE : 0)),
			       .id = id};
	uint32_t message_max = 0;
	uint16_t total;
	bool done;

	*out = (struct datagrams){0};
	if (d->w.overflow)
		return false;
	total = fragments_of(sa, exchange, d, &message_max);
	if (total > 0 && total <= DATAGRAMS_MAX)
		done = seal_fragments(sa, &h, d, message_max, total, out);
	else
		done = seal_whole(sa, &h, d, out);
	if (!done)
		datagrams_free(out);
	return done;
}

/* ---- sending ---------------------------------------------------------------------------------- */

void sa_send(struct ike_sa *sa, const struct ike_ends *ends, const struct datagrams *d)
{
	const uint8_t *at = d->bytes;

	for (unsigned i = 0; i < d->count; i++) {
		emit_send(sa->ike, ends, at, d->lens[i]);
		at += d->lens[i];
	}
	if (sa->nat_here && sa->ike->settings.c.keepalive_s)
		sa->keepalive_at = sa->ike->now + sa->ike->settings.c.keepalive_s * 1000ull;
}

static void start_asking(struct ike_sa *sa, uint8_t exchange)
{
	sa->asking = true;
	sa->asked_exchange = exchange;
	sa->tries = 0;
	sa->resend_after_ms = sa->ike->settings.c.retransmit_timeout_ms;
	sa->resend_at = sa->ike->now + sa->resend_after_ms;
	engine_due_at(sa->ike, sa->resend_at);
	ike_frags_drop(&sa->answer_parts);
	sa_send(sa, &sa->ends, &sa->request);
}

bool sa_ask(struct ike_sa *sa, uint8_t exchange, const struct draft *d)
{
	struct datagrams sealed;

	if (!seal(sa, exchange, sa->next_request, false, d, &sealed))
		return false;
	datagrams_free(&sa->request);
	sa->request = sealed;
	start_asking(sa, exchange);
	return true;
}

bool sa_ask_plain(struct ike_sa *sa, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		return false;
	memcpy(copy, bytes, len);
	datagrams_free(&sa->request);
	sa->request = (struct datagrams){.bytes = copy, .len = len, .count = 1};
	sa->request.lens[0] = (uint16_t)len;
	start_asking(sa, IKE_SA_INIT);
	return true;
}

void sa_stop_asking(struct ike_sa *sa)
{
	sa->asking = false;
	sa->next_request++;
	datagrams_free(&sa->request);
	ike_frags_drop(&sa->answer_parts);
}

void sa_answer(struct ike_sa *sa, const struct message *m, const struct draft *d)
{
	struct datagrams sealed;

	if (!seal(sa, m->h->exchange, m->h->id, true, d, &sealed))
		return;
	datagrams_free(&sa->answer);
	sa->answer = sealed;
	/* §2.11: to where it came from. */
	sa_send(sa, m->ends, &sa->answer);
}

void sa_answer_notify(struct ike_sa *sa, const struct message *m, uint16_t type,
		      struct ike_span data)
{
	struct draft d;

	draft_begin(&d);
	draft_notify(&d, type, data);
	sa_answer(sa, m, &d);
}
