/*
 * ike-lite/retry.c: setting up that failed, and peers that are dead: trying again, with longer and longer
 * pauses, for as long as the configuration wants.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/wishes.h"

#include <stdio.h>

enum { PAUSE_FIRST_MS = 4000, PAUSE_MAX_MS = 300000 };

/* Doubled each time, and a fifth of it by chance: many peers that lost one gateway shall not come back
 * all at once. */
uint64_t retry_pause_ms(struct ike *ike, unsigned attempts)
{
	uint64_t pause = PAUSE_MAX_MS;

	if (attempts <= 6)
		pause = (uint64_t)PAUSE_FIRST_MS << (attempts - 1);
	return pause + engine_random64(ike) % (pause / 5 + 1);
}

static void move_tasks(struct ike_sa *from, struct ike_sa *to)
{
	if (from->active && from->active->kind == TASK_CHILD && !from->active->kid->down) {
		bargain_reset(&from->active->bargain);
		sa_queue(to, from->active);
		from->active = NULL;
	}
	while (from->tasks) {
		struct task *t = from->tasks;

		from->tasks = t->next;
		t->next = NULL;
		if (t->kind == TASK_CHILD && t->kid->current && !t->kid->down)
			sa_queue(to, t);
		else
			task_free(t);
	}
}

static void tell_all(struct ike_sa *sa, const char *why)
{
	struct task *t = sa->active ? sa->active : sa->tasks;

	emit_wish_event(sa, IKE_EV_FAILED, t ? t->kid : NULL, t ? t->request : 0, why);
	if (!t)
		return;
	wish_forget(sa->ike, t->request);
	for (t = sa->tasks; t; t = t->next) {
		if (t->request == 0)
			continue;
		emit_wish_event(sa, IKE_EV_FAILED, t->kid, t->request, why);
		wish_forget(sa->ike, t->request);
	}
}

static void try_again(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	struct ike_ends ends = sa->ends;
	struct ike_sa *fresh;
	char text[64];
	uint64_t pause;

	(void)conn_ends(ike, sa->conn, &ends);
	fresh = sa_new(ike, sa->conn, true, &ends, 0);
	if (!fresh)
		return;
	fresh->attempts = sa->attempts + 1;
	pause = retry_pause_ms(ike, fresh->attempts);
	fresh->retry_at = ike->now + pause;
	engine_due_at(ike, fresh->retry_at);
	move_tasks(sa, fresh);
	(void)snprintf(text, sizeof(text), "trying again in %u s", (unsigned)(pause / 1000));
	emit_event(fresh, IKE_EV_RETRY, text);
}

void sa_give_up(struct ike_sa *sa, const char *why)
{
	uint32_t tries = sa->conn->c.keyingtries;
	bool wanted = sa->active || sa->tasks;

	tell_all(sa, why);
	if (wanted && sa->conn->current && !sa->ike->ending &&
	    (tries == 0 || sa->attempts + 1 < tries))
		try_again(sa);
}

void sa_setup_failed(struct ike_sa *sa, const char *why)
{
	sa_give_up(sa, why);
	sa_end(sa, why);
}

void sa_start(struct ike_sa *sa)
{
	struct ike_ends ends;

	sa->retry_at = UINT64_MAX;
	if (sa->attempts > 0)
		wish_hand_over(sa);
	/* The way there may be another one by now. */
	if (sa->tasks && sa->attempts > 0 && conn_ends(sa->ike, sa->conn, &ends) != 0) {
		sa_setup_failed(sa, "no route to the peer");
		return;
	}
	if (sa->tasks && sa->attempts > 0)
		sa->ends = ends;
	sa->active = sa->tasks;
	if (!sa->active) {
		sa_end(sa, "nothing is wanted any more");
		return;
	}
	sa->tasks = sa->active->next;
	sa->active->next = NULL;
	if (!init_ask(sa))
		sa_setup_failed(sa, "the first message could not be made");
}

void sa_peer_is_dead(struct ike_sa *sa, const char *why)
{
	struct ike *ike = sa->ike;
	struct conn *conn = conn_get(sa->conn);
	struct kid *again[CHILDREN_MAX];
	unsigned count = 0;

	for (struct child *c = sa->children; c && count < CHILDREN_MAX; c = c->next) {
		if (c->phase != CHILD_UP)
			continue;
		again[count++] = kid_get(c->kid);
		if (c->kid->c.dpd_action & IKE_START_START)
			policies_hold(ike, conn, c->kid);
	}
	sa_end(sa, why);
	for (unsigned i = 0; i < count; i++) {
		wish_after_end(ike, conn, again[i], again[i]->c.dpd_action);
		kid_put(again[i]);
	}
	conn_put(conn);
}
