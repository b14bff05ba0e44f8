/*
 * ike-lite/receive.c: an encrypted message on its way in: the window of message IDs (RFC 7296 §2.2, §2.3),
 * opening, putting fragments together, and to whom it goes. Nothing changes before it is authentic.
 */
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

enum turn { TURN_NONE, TURN_NEW_REQUEST, TURN_REPEATED, TURN_ANSWER };

static enum turn whose_turn(const struct ike_sa *sa, const struct ike_header *h)
{
	if (h->flags & IKE_FLAG_RESPONSE) {
		bool ours = sa->asking && h->id == sa->next_request &&
			    h->exchange == sa->asked_exchange;

		return ours ? TURN_ANSWER : TURN_NONE;
	}
	/* Not before the peer has proved himself: what comes early will come again. */
	if (sa->phase < SA_HALF_OPEN)
		return TURN_NONE;
	if (h->id == sa->next_expected && sa->phase != SA_FAILED)
		return TURN_NEW_REQUEST;
	/* A request that was answered already, §2.1. */
	if (h->id + 1 == sa->next_expected && sa->answer.count > 0)
		return TURN_REPEATED;
	return TURN_NONE;
}

/* What is inside a message, in memory of its own. */
struct opened {
	uint8_t *plain; /* owned; cleansed */
	uint32_t size;
	struct ike_span inner;
	uint8_t inner_first;
};

static int open_whole(struct ike_sa *sa, struct ike_span datagram, const struct ike_payloads *outer,
		      struct opened *o)
{
	struct ike_span body = outer->at[outer->count - 1].body;

	o->size = body.len + 1;
	o->plain = malloc(o->size);
	if (!o->plain)
		return -ENOMEM;
	o->inner_first = outer->inner_first;
	return ike_sk_open(&sa->keys, datagram, body, o->plain, &o->inner);
}

/* 0: the message is whole; -EAGAIN: not yet. */
static int open_fragment(struct ike_sa *sa, struct ike_span datagram,
			 const struct ike_payloads *outer, struct ike_frags *parts,
			 struct opened *o)
{
	int rc = ike_frags_add(parts, &sa->keys, datagram, outer);

	if (rc < 0)
		return rc;
	sa->heard_at = sa->ike->now;
	if (rc == 0)
		return -EAGAIN;
	o->size = parts->bytes + 1;
	o->plain = malloc(o->size);
	if (!o->plain) {
		ike_frags_drop(parts);
		return -ENOMEM;
	}
	o->inner = ike_frags_join(parts, o->plain, &o->inner_first);
	return 0;
}

static void opened_free(struct opened *o)
{
	if (o->plain)
		OPENSSL_cleanse(o->plain, o->size);
	free(o->plain);
}

enum { FRAGMENT_NUMBERS = 4 };

/* A repeated request is answered again if it is authentic; of fragments the first one asks, RFC 7383 §2.6.1. */
static void answer_again(struct ike_sa *sa, const struct ike_ends *ends, struct ike_span datagram,
			 const struct ike_payloads *outer)
{
	const struct ike_payload *last = &outer->at[outer->count - 1];
	struct opened o = {.size = datagram.len + 1, .plain = malloc(datagram.len + 1)};
	int rc = -ENOMEM;

	if (o.plain && last->type == IKE_SK)
		rc = ike_sk_open(&sa->keys, datagram, last->body, o.plain, &o.inner);
	else if (o.plain && last->body.len >= FRAGMENT_NUMBERS && last->body.data[0] == 0 &&
		 last->body.data[1] == 1)
		rc = ike_sk_open_behind(&sa->keys, !sa->initiator, datagram,
					(uint32_t)(last->body.data - datagram.data) +
						FRAGMENT_NUMBERS,
					o.plain, &o.inner);
	if (rc == 0 || rc == -EPROTO)
		sa_send(sa, ends, &sa->answer);
	opened_free(&o);
}

/* ---- whole and authentic -------------------------------------------------------------------------- */

/* §2.21.3: what is authentic and still makes no sense ends the IKE SA. */
static void request_malformed(struct ike_sa *sa, const struct message *m)
{
	sa->next_expected++;
	sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
	if (sa->phase == SA_HALF_OPEN) {
		sa_keep_answer(sa);
		return;
	}
	sa_peer_is_dead(sa, "a request of the peer was malformed");
	sa_keep_answer(sa);
}

static bool is_goodbye(const struct message *m)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_DELETE);
	struct ike_delete d;

	return p && ike_delete_parse(p->body, &d) && d.protocol == IKE_PROTO_IKE;
}

static void take_request(struct ike_sa *sa, const struct message *m)
{
	sa->next_expected++;
	/* §2.23: who is not behind a NAT himself follows a peer who is. */
	if (sa->phase == SA_HALF_OPEN || (sa->nat_there && !sa->nat_here))
		sa_move(sa, m->ends);
	if (m->list.unknown_critical) {
		sa_answer_notify(sa, m, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD,
				 (struct ike_span){&m->list.unknown_critical, 1});
		if (sa->phase == SA_HALF_OPEN)
			sa_keep_answer(sa);
		return;
	}
	if (sa->phase == SA_HALF_OPEN) {
		if (m->h->exchange == IKE_AUTH)
			auth_take_request(sa, m);
		return;
	}
	if (sa->phase == SA_UP && sa->replaced && !is_goodbye(m))
		create_rival_is_used(sa);
	if (m->h->exchange == IKE_CREATE_CHILD_SA)
		create_take_request(sa, m);
	else if (m->h->exchange == IKE_INFORMATIONAL)
		info_take_request(sa, m);
	else
		sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
}

static void take_answer(struct ike_sa *sa, const struct message *m)
{
	sa_stop_asking(sa);
	if (sa->phase == SA_AUTH_SENT)
		auth_take_answer(sa, m);
	else if (m->h->exchange == IKE_CREATE_CHILD_SA)
		create_take_answer(sa, m);
	else
		info_take_answer(sa, m);
	sa_run_tasks(sa);
}

static void take(struct ike_sa *sa, const struct ike_ends *ends, const struct ike_header *h,
		 struct ike_span datagram, const struct opened *o, bool readable)
{
	struct message m = {.h = h, .ends = ends, .whole = datagram};
	bool response = h->flags & IKE_FLAG_RESPONSE;

	sa->heard_at = sa->ike->now;
	if (readable && ike_payloads_parse(o->inner, o->inner_first, &m.list) != 0)
		readable = false;
	if (!readable && !response) {
		request_malformed(sa, &m);
	} else if (!response) {
		take_request(sa, &m);
		sa_run_tasks(sa);
	} else if (!readable || m.list.unknown_critical) {
		sa_stop_asking(sa);
		if (sa->phase == SA_AUTH_SENT)
			sa_setup_failed(sa, "the peer's answer to IKE_AUTH is malformed");
		else
			sa_peer_is_dead(sa, "an answer of the peer was malformed");
	} else {
		take_answer(sa, &m);
	}
}

void sa_input(struct ike_sa *sa, const struct ike_ends *ends, const struct ike_header *h,
	      struct ike_span datagram)
{
	struct ike_span chain = {datagram.data + IKE_HEADER_LEN, datagram.len - IKE_HEADER_LEN};
	bool response = h->flags & IKE_FLAG_RESPONSE;
	enum turn turn = whose_turn(sa, h);
	struct ike_payloads outer;
	struct opened o = {0};
	uint8_t kind;
	int rc;

	if (turn == TURN_NONE || ike_payloads_parse(chain, h->next, &outer) != 0 ||
	    outer.count == 0)
		return;
	kind = outer.at[outer.count - 1].type;
	if (kind != IKE_SK && (kind != IKE_SKF || !sa->fragmentation))
		return;
	/* With a public value that is no good there is nothing to hope for. */
	if (!sa->has_keys && !init_make_keys(sa)) {
		sa_end(sa, "no keys");
		return;
	}
	if (turn == TURN_REPEATED) {
		answer_again(sa, ends, datagram, &outer);
		return;
	}
	if (kind == IKE_SK)
		rc = open_whole(sa, datagram, &outer, &o);
	else
		rc = open_fragment(sa, datagram, &outer,
				   response ? &sa->answer_parts : &sa->request_parts, &o);
	/* -EPROTO: authentic, and the padding lies. */
	if (rc == 0 || rc == -EPROTO)
		take(sa, ends, h, datagram, &o, rc == 0);
	opened_free(&o);
}
