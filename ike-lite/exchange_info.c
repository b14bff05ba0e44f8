/*
 * ike-lite/exchange_info.c: INFORMATIONAL: deletes, liveness, notifies: RFC 7296 §1.4, §1.4.1, §2.4, §2.25.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/wishes.h"

#include <stdio.h>

/* ---- asking --------------------------------------------------------------------------------------------- */

static void put_task(struct task *t, struct draft *d)
{
	uint8_t spi[4];

	switch (t->kind) {
	case TASK_DELETE_CHILD:
		ike_put_delete_esp(&d->w, &t->child->spi_in, 1);
		break;
	case TASK_DISOWN:
		ike_put_delete_esp(&d->w, &t->spi, 1);
		break;
	case TASK_DELETE_IKE:
		ike_put_delete_ike(&d->w);
		break;
	case TASK_NOTIFY:
		store_u32(spi, t->spi);
		ike_put_notify(&d->w, &(struct ike_notify){.protocol = IKE_PROTO_ESP,
							   .type = IKE_N_INVALID_SELECTORS,
							   .spi = IKE_SPAN(spi),
							   .data = {t->note, t->note_len}});
		break;
	default:
		break; /* empty: are you there? */
	}
}

bool info_ask(struct ike_sa *sa)
{
	struct task *t = sa->active;
	struct draft d;

	if (t->kind == TASK_DELETE_CHILD && (!t->child || t->child->phase == CHILD_DELETING ||
					     t->child->phase == CHILD_LINGERING)) {
		sa_task_done(sa);
		return true;
	}
	draft_begin(&d);
	put_task(t, &d);
	if (!sa_ask(sa, IKE_INFORMATIONAL, &d))
		return false;
	if (t->kind == TASK_DELETE_CHILD)
		t->child->phase = CHILD_DELETING;
	if (t->kind == TASK_DELETE_IKE)
		sa->phase = SA_DELETING;
	return true;
}

/* ---- what comes back ---------------------------------------------------------------------------------- */

static void child_is_gone(struct child *c, uint32_t request)
{
	if (c->replaced)
		child_linger(c);
	else
		child_end(c, request);
}

void info_take_answer(struct ike_sa *sa, const struct message *m)
{
	struct task *t = sa->active;
	uint32_t request;

	(void)m;
	/* A set-up that we broke off, or our goodbye. */
	if (!t || t->kind == TASK_DELETE_IKE || sa->phase == SA_DELETING) {
		sa_end(sa, "deleted");
		return;
	}
	if (t->kind == TASK_DELETE_CHILD) {
		request = wish_settle(sa->ike, t);
		if (t->child)
			child_is_gone(t->child, request);
		else
			wish_answer(sa, t, IKE_EV_CHILD_DOWN, "deleted");
	}
	sa_task_done(sa);
}

/* ---- answering ---------------------------------------------------------------------------------------- */

/* The peer deletes a child. True: it is to be deleted in the answer too; not if our own delete is under way,
 * §1.4.1. */
static bool delete_child(struct child *c)
{
	struct child *fresh = child_successor(c);
	struct conn *conn = conn_get(c->sa->conn);
	struct kid *kid = kid_get(c->kid);
	bool ours_too = c->phase == CHILD_DELETING, replaced;
	struct ike *ike = c->sa->ike;

	/* Also if our own rekey is still under way: the peer's is the one then. */
	if (fresh && c->phase == CHILD_UP)
		child_succeed(c, fresh);
	if (fresh)
		child_switch(c, fresh);
	replaced = c->replaced;
	child_is_gone(c, 0);
	if (!replaced && !ours_too)
		wish_after_end(ike, conn, kid, kid->c.close_action);
	kid_put(kid);
	conn_put(conn);
	return !ours_too;
}

enum { DELETES_MAX = 64 };

/* count: what other Delete payloads of the message had already. */
static unsigned delete_children(struct ike_sa *sa, const struct ike_delete *d, unsigned count,
				uint32_t gone[static DELETES_MAX])
{
	for (unsigned i = 0; i < d->count && count < DELETES_MAX; i++) {
		uint32_t spi = load_u32(d->spis.data + 4 * (size_t)i);
		struct child *c = sa_child_by_spi_out(sa, spi);
		uint32_t spi_in = c ? c->spi_in : 0;

		if (!c && sa->active)
			sa->active->dead_spi = spi;
		if (c && delete_child(c))
			gone[count++] = spi_in;
	}
	return count;
}

/* What the peer's end of the IKE SA leaves us to do; the IKE SA itself is over. */
static void close_all(struct ike_sa *sa)
{
	struct conn *conn = conn_get(sa->conn);
	struct ike *ike = sa->ike;
	struct kid *again[CHILDREN_MAX];
	unsigned count = 0;
	bool ours_too = sa->phase == SA_DELETING;

	for (struct child *c = sa->children; c && count < CHILDREN_MAX && !ours_too; c = c->next) {
		if (c->phase != CHILD_UP)
			continue;
		again[count++] = kid_get(c->kid);
		if (c->kid->c.close_action & IKE_START_START)
			policies_hold(ike, conn, c->kid);
	}
	sa_end(sa, "the peer deleted it");
	sa_keep_answer(sa);
	for (unsigned i = 0; i < count; i++) {
		wish_after_end(ike, conn, again[i], again[i]->c.close_action);
		kid_put(again[i]);
	}
	conn_put(conn);
}

static void delete_ike(struct ike_sa *sa, const struct message *m)
{
	struct draft d;

	draft_begin(&d);
	sa_answer(sa, m, &d);
	/* §2.25.2: the peer has the successor that it made, and ours comes to nothing. */
	if (sa->active && sa->active->rival_sa)
		create_rival_wins(sa);
	close_all(sa);
}

static void take_notifies(struct ike_sa *sa, const struct message *m)
{
	static const char text[] = "the peer got a packet through a child SA whose selectors do "
				   "not hold it: INVALID_SELECTORS";
	const struct child *c;
	struct ike_notify n;

	if (!ike_notify_find(&m->list, IKE_N_INVALID_SELECTORS, &n))
		return;
	/* §3.10.1: the SPI is that of the child SA, which the peer receives by. */
	c = n.protocol == IKE_PROTO_ESP && n.spi.len == 4
		    ? sa_child_by_spi_out(sa, load_u32(n.spi.data))
		    : NULL;
	if (c)
		emit_child_event(c, IKE_EV_NOTICE, 0, text);
	else
		emit_event(sa, IKE_EV_NOTICE, text);
}

enum deletes { DELETES_NONE, DELETES_ESP, DELETES_IKE, DELETES_MALFORMED };

/* What the Delete payloads of a message are about; there may be several, §1.4.1. An IKE SA takes its children along,
 * whatever else is said of them. */
static enum deletes look_at_deletes(const struct message *m)
{
	enum deletes found = DELETES_NONE;
	struct ike_delete del;

	for (unsigned i = 0; i < m->list.count; i++) {
		if (m->list.at[i].type != IKE_DELETE)
			continue;
		if (!ike_delete_parse(m->list.at[i].body, &del))
			return DELETES_MALFORMED;
		if (del.protocol == IKE_PROTO_IKE)
			found = DELETES_IKE;
		else if (del.protocol == IKE_PROTO_ESP && found == DELETES_NONE)
			found = DELETES_ESP;
	}
	return found;
}

static unsigned delete_all_children(struct ike_sa *sa, const struct message *m,
				    uint32_t gone[static DELETES_MAX])
{
	struct ike_delete del;
	unsigned count = 0;

	for (unsigned i = 0; i < m->list.count; i++) {
		if (m->list.at[i].type == IKE_DELETE &&
		    ike_delete_parse(m->list.at[i].body, &del) && del.protocol == IKE_PROTO_ESP)
			count = delete_children(sa, &del, count, gone);
	}
	return count;
}

void info_take_request(struct ike_sa *sa, const struct message *m)
{
	enum deletes deletes = look_at_deletes(m);
	uint32_t gone[DELETES_MAX];
	unsigned count = 0;
	struct draft d;

	if (deletes == DELETES_MALFORMED) {
		sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
		sa_peer_is_dead(sa, "a request of the peer was malformed");
		sa_keep_answer(sa);
		return;
	}
	if (deletes == DELETES_IKE) {
		delete_ike(sa, m);
		return;
	}
	if (deletes == DELETES_ESP)
		count = delete_all_children(sa, m, gone);
	take_notifies(sa, m);
	draft_begin(&d);
	if (count)
		ike_put_delete_esp(&d.w, gone, (uint16_t)count);
	sa_answer(sa, m, &d);
}
