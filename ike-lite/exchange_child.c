/*
 * ike-lite/exchange_child.c: CREATE_CHILD_SA for children, new ones and rekeys, as its initiator: RFC 7296
 * §1.3.1, §1.3.3, §2.8, §2.8.1, §2.25.1.
 */
#include "ike-lite/bargain.h"
#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/ts.h"
#include "ike-lite/wishes.h"

#include <openssl/crypto.h>

enum {
	GROUP_RETRIES_MAX = 3,
	TEMPORARY_MS = 1000,
	TEMPORARY_DOUBLINGS = 5,
	/* So often a peer may be busy while a child has lost its SAs: half a minute to a whole one. */
	LOST_REFUSALS_MAX = 5
};

/* ---- asking --------------------------------------------------------------------------------------------- */

/* The wish was fulfilled, or became void, while the task waited. */
static bool is_void(struct ike_sa *sa)
{
	struct task *t = sa->active;
	struct child *up;

	if (t->kind == TASK_REKEY_CHILD)
		return !t->child || t->child->phase != CHILD_UP || !t->child->kid->current;
	if (!t->kid->current) {
		wish_answer(sa, t, IKE_EV_FAILED, "it is no longer configured");
		return true;
	}
	up = sa_child_of(sa, t->kid);
	/* A packet that found a child up wants another; one that found none is content with what came up
	 * since, if that holds it. */
	if (!up ||
	    (t->has_flow && (t->beside || !ike_ts_list_covers(&up->local_ts, &t->flow_local) ||
			     !ike_ts_list_covers(&up->remote_ts, &t->flow_remote))))
		return false;
	wish_answer(sa, t, up->not_installed ? IKE_EV_FAILED : IKE_EV_CHILD_UP,
		    up->not_installed ? "an SA of it was refused here" : "is up already");
	return true;
}

bool create_child_ask(struct ike_sa *sa)
{
	struct task *t = sa->active;
	struct draft d;
	bool asked;

	if (is_void(sa)) {
		sa_task_done(sa);
		return true;
	}
	if (!t->kid)
		t->kid = kid_get(t->child->kid);
	draft_begin(&d);
	/* §1.3.3: named by the SPI under which we receive. */
	if (t->kind == TASK_REKEY_CHILD)
		draft_notify_spi(&d, IKE_N_REKEY_SA, t->child->spi_in);
	asked = bargain_offer(sa, t->kid, t->kind == TASK_REKEY_CHILD ? t->child : NULL, false,
			      &d) &&
		sa_ask(sa, IKE_CREATE_CHILD_SA, &d);
	OPENSSL_cleanse(&d, sizeof(d));
	return asked;
}

/* ---- what comes back ---------------------------------------------------------------------------------- */

uint64_t create_later_ms(struct ike_sa *sa)
{
	struct task *t = sa->active;
	uint64_t ms = (uint64_t)TEMPORARY_MS
		      << (t->refusals < TEMPORARY_DOUBLINGS ? t->refusals : TEMPORARY_DOUBLINGS);

	t->refusals++;
	/* By chance, since the peer may wait for the same. */
	return ms + engine_random64(sa->ike) % (ms + 1);
}

/* Its SAs are gone from the data plane, and the peer makes no new ones: it is of no use to anybody. What a person would
 * do then is done: all is made anew. A new IKE SA, and not the child alone, since IKE_AUTH asks for no group, about
 * which the ends may disagree. A peer that only begins itself is asked again: what stands keeps its traffic from
 * leaving in clear. */
static void begin_anew(struct ike_sa *sa, const struct child *c)
{
	if (sa_find_task(sa, TASK_DELETE_IKE, NULL))
		return;
	if (!wish_replacement(sa)) {
		emit_child_event(c, IKE_EV_RETRY, 0,
				 "its SAs are lost and the peer makes no new ones; we cannot begin "
				 "with it, and ask again");
		return;
	}
	emit_child_event(c, IKE_EV_RETRY, 0,
			 "its SAs are lost and the peer makes no new ones: the connection begins "
			 "anew");
	sa_queue_first(sa, task_new(TASK_DELETE_IKE));
}

static void failed(struct ike_sa *sa, const char *why)
{
	struct task *t = sa->active;
	struct child *c = t->child;

	/* The peer's own rekey of it counts then. */
	if (c && t->rival_child) {
		child_succeed(c, t->rival_child);
		sa_task_done(sa);
		return;
	}
	if (t->kind == TASK_REKEY_CHILD) {
		if (c && c->phase == CHILD_UP) {
			c->rekey_at = sa->ike->now + CHILD_AGAIN_MS;
			engine_due_at(sa->ike, c->rekey_at);
		}
		sa_task_failed(sa, why);
		if (c && c->phase == CHILD_UP && c->lost)
			begin_anew(sa, c);
		return;
	}
	/* What is to be up for ever is tried again. */
	if ((t->kid->c.start_action & IKE_START_START) && sa->conn->c.keyingtries == 0 &&
	    t->kid->current && !t->kid->down) {
		emit_wish_event(sa, IKE_EV_FAILED, t->kid, t->request, why);
		wish_forget(sa->ike, t->request);
		sa_task_later(sa, retry_pause_ms(sa->ike, ++t->refusals));
		return;
	}
	sa_task_failed(sa, why);
}

void child_deal_failed(struct ike_sa *sa, const char *why)
{
	struct task *t = task_new(TASK_DISOWN);

	/* The peer thinks that it is up. */
	if (t)
		t->spi = sa->active->bargain.spi_in;
	sa_queue_first(sa, t);
	failed(sa, why);
}

static bool kid_offers_group(const struct kid *kid, uint16_t group)
{
	for (unsigned i = 0; i < kid->c.proposal_count; i++) {
		if (group && ike_proposal_has_dh(&kid->c.proposals[i], group))
			return true;
	}
	return false;
}

/* §1.3: with the group that the peer wants, if we offered it. True: it is being asked again. */
static bool ask_with_group(struct ike_sa *sa, const struct message *m)
{
	struct bargain *b = &sa->active->bargain;
	uint8_t retries = (uint8_t)(b->group_retries + 1);
	struct ike_notify n;
	uint16_t group;

	if (!ike_notify_find(&m->list, IKE_N_INVALID_KE_PAYLOAD, &n) || n.data.len != 2)
		return false;
	group = load_u16(n.data.data);
	if (!kid_offers_group(sa->active->kid, group) || retries > GROUP_RETRIES_MAX)
		return false;
	bargain_reset(b);
	b->group = group;
	b->group_retries = retries;
	return create_child_ask(sa);
}

void child_refused(struct ike_sa *sa, uint16_t notify)
{
	const struct task *t = sa->active;
	char text[EVENT_TEXT_MAX];

	failed(sa, explain_child_refused(sa, t->kid, notify, &t->bargain,
					 t->kind == TASK_REKEY_CHILD, text));
}

/* §2.25.1: the peer has no such child: neither do we then; made anew from nothing. */
static void unknown_to_peer(struct ike_sa *sa)
{
	struct child *c = sa->active->child;
	struct kid *kid = kid_get(sa->active->kid);
	struct conn *conn = conn_get(sa->conn);
	struct ike *ike = sa->ike;

	sa_task_done(sa);
	if (c) {
		child_end(c, 0);
		if (kid->current && conn->current)
			(void)wish_child(ike, conn, kid, 0, NULL);
	}
	conn_put(conn);
	kid_put(kid);
}

static bool is_too_busy(const struct task *t)
{
	return t->child && t->child->lost && t->refusals >= LOST_REFUSALS_MAX;
}

static void take_refusal(struct ike_sa *sa, const struct message *m)
{
	uint16_t notify = create_error_in(m);
	bool is_rekey = sa->active->kind == TASK_REKEY_CHILD;

	if (notify == IKE_N_INVALID_KE_PAYLOAD && ask_with_group(sa, m))
		return;
	if (is_rekey && !sa->active->child)
		sa_task_done(sa); /* deleted in the meantime: no news */
	else if (is_rekey && sa->active->rival_child)
		failed(sa, "the peer's own rekey counts");
	else if (notify == IKE_N_TEMPORARY_FAILURE && !is_too_busy(sa->active))
		sa_task_later(sa, create_later_ms(sa));
	else if (is_rekey && notify == IKE_N_CHILD_SA_NOT_FOUND)
		unknown_to_peer(sa);
	else
		child_refused(sa, notify);
}

/* ---- it is agreed ---------------------------------------------------------------------------------------- */

static void look_at_rekeys(struct ike_sa *sa, struct child *c)
{
	struct task *t;

	if (!c->kid->c.rekey_preflight || c->kid->checked)
		return;
	c->kid->checked = true;
	t = task_new(TASK_REKEY_CHILD);
	if (t)
		t->child = c;
	sa_queue(sa, t);
}

void child_task_up(struct ike_sa *sa, struct child *c)
{
	deal_install(c);
	child_is_up(c, wish_settle(sa->ike, sa->active));
	sa_task_done(sa);
	/* Taken down while it was asked for. */
	if (c->kid->down)
		child_delete(c);
	else
		look_at_rekeys(sa, c);
}

/* §2.8.1: of two that were made at once, the one with the lowest of the four nonces goes, by the doing of
 * who asked for it. */
static bool ours_goes(const struct task *t, const struct deal *deal)
{
	/* The rival may be gone already, having been replaced in its turn: its nonce still counts. */
	return t->rival_nonce_len != 0 &&
	       create_nonces_are_lower(deal->ni, deal->ni_len, deal->nr, deal->nr_len,
				       t->rival_nonce, t->rival_nonce_len);
}

static void rekeyed(struct ike_sa *sa, struct child *fresh, bool goes)
{
	struct task *t = sa->active;
	struct child *old = t->child, *rival = t->rival_child;

	child_install_in(fresh);
	if (goes) {
		/* The peer deletes the old one; until then we send through it. */
		fresh->phase = CHILD_REPLACED;
		fresh->replaced = true;
		fresh->old = NULL;
		if (old && rival)
			child_succeed(old, rival);
		sa_task_done(sa);
		child_delete(fresh);
		return;
	}
	if (rival && !rival->replaced)
		child_hand_over(rival, fresh);
	if (rival)
		rival->old = NULL; /* it takes over from nobody; the peer deletes it */
	if (old) {
		child_hand_over(old, fresh);
		child_switch(old, fresh);
		child_is_up(fresh, 0);
	} else {
		child_install_out(fresh);
		policies_add(fresh);
		child_is_up(fresh, 0);
	}
	sa_task_done(sa);
	if (old)
		child_retire(old);
}

static void take_child(struct ike_sa *sa, const struct message *m)
{
	struct task *t = sa->active;
	char why[EVENT_TEXT_MAX];
	struct deal deal;
	struct child *c;
	bool goes, dead;

	if (!bargain_take_answer(sa, m, false, &deal, why)) {
		deal_cleanse(&deal);
		child_deal_failed(sa, why);
		return;
	}
	goes = ours_goes(t, &deal);
	dead = t->dead_spi && t->dead_spi == deal.spi_out;
	c = deal_make_child(sa, &deal, t->acquire_seq);
	deal_cleanse(&deal);
	if (!c)
		child_deal_failed(sa, "out of memory");
	else if (t->kind == TASK_CHILD)
		child_task_up(sa, c);
	else
		rekeyed(sa, c, goes);
	if (c && dead)
		child_end(c, 0);
	else if (c)
		child_one_of_twins(c);
}

void create_take_answer(struct ike_sa *sa, const struct message *m)
{
	if (sa->active->kind == TASK_REKEY_IKE)
		create_take_ike(sa, m);
	else if (ike_payloads_find(&m->list, IKE_SA))
		take_child(sa, m);
	else
		take_refusal(sa, m);
}
