/*
 * ike-lite/emit.c: sends and events on their way out. SAs and policies are child.c's and policies.c's.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool rate_allows(struct rate *r, uint64_t now_ms, unsigned limit)
{
	if (r->second != now_ms / 1000)
		*r = (struct rate){.second = now_ms / 1000};
	return r->count++ < limit;
}

bool engine_may_answer(struct ike *ike)
{
	return rate_allows(&ike->answers, ike->now, STRANGER_ANSWERS_A_SECOND);
}

void emit_send(struct ike *ike, const struct ike_ends *ends, const uint8_t *data, uint32_t len)
{
	struct action_entry *e = actions_add(&ike->actions, IKE_SEND);

	if (!e)
		return;
	e->action.send.ends = *ends;
	e->bytes = malloc(len);
	if (!e->bytes)
		return; /* nothing is sent: len 0 */
	memcpy(e->bytes, data, len);
	e->action.send.data = e->bytes;
	e->action.send.len = len;
}

void emit_keepalive(struct ike *ike, const struct ike_ends *ends)
{
	static const uint8_t keepalive = 0xff;
	struct action_entry *e = actions_add(&ike->actions, IKE_SEND);

	if (!e)
		return;
	e->action.send.ends = *ends;
	e->action.send.data = &keepalive;
	e->action.send.len = sizeof(keepalive);
	e->action.send.keepalive = true;
}

void emit_address(struct ike *ike, enum ike_action_kind kind, const struct ip_addr *address)
{
	struct action_entry *e = actions_add(&ike->actions, kind);

	if (e)
		e->action.address = *address;
}

void emit_keys(struct ike_sa *sa)
{
	struct action_entry *e;
	struct ike_key_action *k;
	const struct ike_keys *keys = &sa->keys;

	if (!sa->ike->export_keys || !sa->has_keys)
		return;
	e = actions_add(&sa->ike->actions, IKE_KEYS);
	if (!e)
		return;
	k = &e->action.keys;
	k->spi_i = sa->spi_i;
	k->spi_r = sa->spi_r;
	k->suite = sa->suite;
	k->encr_len = ike_keys_encr_len(&keys->suite);
	k->integ_len = ike_keys_integ_len(&keys->suite);
	memcpy(e->keys[0], keys->ei, sizeof(keys->ei));
	memcpy(e->keys[1], keys->er, sizeof(keys->er));
	memcpy(e->keys[2], keys->ai, sizeof(keys->ai));
	memcpy(e->keys[3], keys->ar, sizeof(keys->ar));
	k->sk_ei = e->keys[0];
	k->sk_er = e->keys[1];
	k->sk_ai = e->keys[2];
	k->sk_ar = e->keys[3];
}

/* ---- events ---------------------------------------------------------------------------------------- */

static struct ike_event *add_event(struct ike *ike, enum ike_event_kind kind, struct conn *conn,
				   struct kid *kid, const char *text)
{
	struct action_entry *e = actions_add(&ike->actions, IKE_EVENT);

	if (!e)
		return NULL;
	action_entry_hold(e, conn, kid);
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
	e->action.event = (struct ike_event){.kind = kind,
					     .connection = conn ? conn->c.name : NULL,
					     .child = kid ? kid->c.name : NULL,
					     .text = e->text};
	return &e->action.event;
}

static void put_sa(struct ike_event *event, const struct ike_sa *sa)
{
	event->ends = sa->ends;
	event->spi_i = sa->spi_i;
	event->spi_r = sa->spi_r;
}

void emit_event(struct ike_sa *sa, enum ike_event_kind kind, const char *text)
{
	struct ike_event *event = add_event(sa->ike, kind, sa->conn, NULL, text);

	if (event)
		put_sa(event, sa);
}

void emit_child_event(const struct child *c, enum ike_event_kind kind, uint32_t request,
		      const char *text)
{
	struct ike_event *event = add_event(c->sa->ike, kind, c->sa->conn, c->kid, text);

	if (!event)
		return;
	put_sa(event, c->sa);
	event->request = request;
	event->spi_in = c->spi_in;
	event->spi_out = c->spi_out;
}

void emit_wish_event(struct ike_sa *sa, enum ike_event_kind kind, struct kid *kid, uint32_t request,
		     const char *text)
{
	struct ike_event *event = add_event(sa->ike, kind, sa->conn, kid, text);

	if (!event)
		return;
	put_sa(event, sa);
	event->request = request;
}

void emit_refused(struct ike *ike, const struct ike_ends *ends, uint64_t spi_i, const char *why)
{
	struct ike_event *event;

	if (!rate_allows(&ike->events, ike->now, STRANGER_EVENTS_A_SECOND))
		return;
	event = add_event(ike, IKE_EV_REFUSED, NULL, NULL, why);
	if (!event)
		return;
	event->ends = *ends;
	event->spi_i = spi_i;
}
