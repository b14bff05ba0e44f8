/*
 * ike-lite/wishes.c: from a wish to a task of an IKE SA, and back to who waits for it.
 */
#include "ike-lite/wishes.h"

#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/ts.h"

#include <errno.h>
#include <string.h>

/* ---- where to ------------------------------------------------------------------------------------ */

static bool is_single(const struct ip_prefix *p)
{
	return p->len == ip_addr_bits(&p->addr) && !ip_addr_is_any(&p->addr);
}

/* Of those listed one that is there. */
static bool local_for(const struct ike *ike, const struct conn *conn, const struct ip_addr *remote,
		      struct ip_addr *out)
{
	const struct ip_prefix *first = NULL;

	for (unsigned i = 0; i < conn->c.local_count; i++) {
		const struct ip_prefix *p = &conn->c.local[i];

		if (!is_single(p) || p->addr.family != remote->family)
			continue;
		if (ike->env.is_ours(ike->env.ctx, &p->addr)) {
			*out = p->addr;
			return true;
		}
		if (!first)
			first = p;
	}
	if (ike->env.source_for(ike->env.ctx, remote, out) &&
	    conn_takes_addresses(conn, out, remote))
		return true;
	if (first)
		*out = first->addr; /* it may come yet */
	return first != NULL;
}

/* The first of the peer's addresses to which there is a way: a name may have some of either family. */
static bool addresses_of(const struct ike *ike, const struct conn *conn, struct ike_ends *ends)
{
	for (unsigned i = 0; i < conn->c.remote_count; i++) {
		const struct ip_prefix *p = &conn->c.remote[i];

		if (is_single(p) && local_for(ike, conn, &p->addr, &ends->local)) {
			ends->remote = p->addr;
			return true;
		}
	}
	return false;
}

int conn_ends(const struct ike *ike, const struct conn *conn, struct ike_ends *out)
{
	const struct ike_connection *c = &conn->c;
	struct ike_ends ends = {0};

	if (!addresses_of(ike, conn, &ends))
		return -EHOSTUNREACH;
	ends.remote_port = c->remote_port ? c->remote_port : 500;
	ends.local_port = c->local_port ? c->local_port : ike->settings.c.port;
	/* A peer's port other than 500 is one that takes the marker: ours has to be such too. */
	if (ends.remote_port != 500 && !c->local_port)
		ends.local_port = ike->settings.c.encap_port;
	*out = ends;
	return 0;
}

struct ike_sa *conn_sa(const struct ike *ike, const struct conn *conn)
{
	struct ike_sa *coming = NULL;

	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa->conn != conn)
			continue;
		if (sa_is_current(sa) && !sa_find_task(sa, TASK_DELETE_IKE, NULL))
			return sa;
		if (sa->phase == SA_WAITING || sa->phase == SA_INIT_SENT ||
		    sa->phase == SA_AUTH_SENT)
			coming = sa;
	}
	return coming;
}

/* ---- wanting a child --------------------------------------------------------------------------------- */

static struct task *pending_child(const struct ike_sa *sa, const struct kid *kid)
{
	if (sa->active && sa->active->kind == TASK_CHILD && sa->active->kid == kid)
		return sa->active;
	for (struct task *t = sa->tasks; t; t = t->next) {
		if (t->kind == TASK_CHILD && t->kid == kid)
			return t;
	}
	return NULL;
}

static struct task *child_task(struct kid *kid, uint32_t request, const struct flow *flow)
{
	struct task *t = task_new(TASK_CHILD);

	if (!t)
		return NULL;
	t->kid = kid_get(kid);
	t->request = request;
	if (flow) {
		t->acquire_seq = flow->seq;
		t->has_flow = true;
		t->flow_local = flow->local;
		t->flow_remote = flow->remote;
	}
	return t;
}

/* A task has room for one who waits; another one's stands behind it, and is void when it is up. */
static int join_pending(struct ike_sa *sa, struct task *t, uint32_t request,
			const struct flow *flow)
{
	struct task *behind = NULL;

	if (flow)
		t->acquire_seq = flow->seq;
	if (request == 0 || t->request == request)
		return 0;
	if (t->request) {
		behind = child_task(t->kid, request, NULL);
		if (!behind)
			return -ENOMEM;
		sa_queue(sa, behind);
	} else {
		t->request = request;
	}
	if (sa->phase == SA_WAITING)
		sa_start(sa);
	return 0;
}

/* A packet that a lost child's SAs would have taken: the new ones will, if they are under way. The peer may have
 * refused them: then the packet's wish is one like any other, and gets an answer. */
static bool waits_for_renewal(const struct child *up, const struct flow *flow)
{
	struct task *t;

	if (!up || !flow || !up->lost || !ike_ts_list_covers(&up->local_ts, &flow->local) ||
	    !ike_ts_list_covers(&up->remote_ts, &flow->remote))
		return false;
	t = sa_find_task(up->sa, TASK_REKEY_CHILD, up);
	if (!t)
		return up->not_installed;
	t->acquire_seq = flow->seq;
	return true;
}

static void say_it_is_up(struct child *up, uint32_t request)
{
	if (up->not_installed) {
		child_rekey(up);
		sa_run_tasks(up->sa);
	}
	if (request && up->not_installed)
		emit_child_event(up, IKE_EV_FAILED, request,
				 "an SA of it was refused here; new keys are being made");
	else if (request)
		emit_child_event(up, IKE_EV_CHILD_UP, request, "is up already");
}

int wish_child(struct ike *ike, struct conn *conn, struct kid *kid, uint32_t request,
	       const struct flow *flow)
{
	struct ike_sa *sa = conn_sa(ike, conn);
	struct child *up = sa ? sa_child_of(sa, kid) : NULL;
	struct task *t = sa ? pending_child(sa, kid) : NULL;
	struct ike_ends ends;
	int rc;

	kid->down = false;
	if (t)
		return join_pending(sa, t, request, flow);
	if (up && !flow) {
		say_it_is_up(up, request);
		return 0;
	}
	if (waits_for_renewal(up, flow))
		return 0;
	if (!sa) {
		rc = conn_ends(ike, conn, &ends);
		if (rc)
			return rc;
	}
	t = child_task(kid, request, flow);
	if (t)
		t->beside = up != NULL;
	if (t && !sa)
		sa = sa_new(ike, conn, true, &ends, 0);
	if (!sa || !t) {
		task_free(t);
		return -ENOMEM;
	}
	sa_queue(sa, t);
	if (sa->phase == SA_WAITING && (request || sa->retry_at == UINT64_MAX))
		sa_start(sa);
	else
		sa_run_tasks(sa);
	return 0;
}

/* ---- answering ------------------------------------------------------------------------------------------ */

bool wish_is_waited_for(const struct ike *ike, uint32_t request, const struct task *but)
{
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa->active && sa->active != but && sa->active->request == request)
			return true;
		for (const struct task *t = sa->tasks; t; t = t->next) {
			if (t != but && t->request == request)
				return true;
		}
	}
	return false;
}

uint32_t wish_settle(struct ike *ike, const struct task *t)
{
	if (t->request == 0 || wish_is_waited_for(ike, t->request, t))
		return 0;
	return t->request;
}

void wish_forget(struct ike *ike, uint32_t request)
{
	for (struct ike_sa *sa = ike->sas; sa && request; sa = sa->next) {
		if (sa->active && sa->active->request == request)
			sa->active->request = 0;
		for (struct task *t = sa->tasks; t; t = t->next) {
			if (t->request == request)
				t->request = 0;
		}
	}
}

void wish_answer(struct ike_sa *sa, struct task *t, enum ike_event_kind kind, const char *text)
{
	uint32_t request = wish_settle(sa->ike, t);

	if (request == 0)
		return;
	emit_wish_event(sa, kind, t->kid, request, text);
	wish_forget(sa->ike, request);
	t->request = 0;
}

/* ---- coming back -------------------------------------------------------------------------------------------- */

void wish_after_end(struct ike *ike, struct conn *conn, struct kid *kid, enum ike_start action)
{
	if (!conn->current || !kid->current || ike->ending)
		return;
	if (action & IKE_START_TRAP)
		policies_trap(ike, conn, kid);
	if ((action & IKE_START_START) && !kid->down)
		(void)wish_child(ike, conn, kid, 0, NULL);
}

bool wish_replacement(struct ike_sa *sa)
{
	struct ike_ends ends;
	struct ike_sa *fresh;

	if (sa->ike->ending || !sa->conn->current || conn_ends(sa->ike, sa->conn, &ends) != 0)
		return false;
	fresh = sa_new(sa->ike, sa->conn, true, &ends, 0);
	if (!fresh)
		return false;
	for (const struct child *c = sa->children; c; c = c->next) {
		if (c->phase != CHILD_UP || !c->kid->current)
			continue;
		policies_hold(sa->ike, sa->conn, c->kid);
		sa_queue(fresh, child_task(c->kid, 0, NULL));
	}
	sa_start(fresh);
	return true;
}

void wish_hand_over(struct ike_sa *sa)
{
	struct ike_sa *up = conn_sa(sa->ike, sa->conn);
	struct task *t = sa->tasks;

	if (!up || up == sa || !sa_is_current(up))
		return;
	sa->tasks = NULL;
	while (t) {
		struct task *next = t->next;

		t->next = NULL;
		/* Being asked already, or up: the queue finds out, and answers who waits. */
		sa_queue(up, t);
		t = next;
	}
	sa_run_tasks(up);
}

/* ---- twins ------------------------------------------------------------------------------------------------ */

enum { TWINS_WITHIN_MS = 60000 };

bool wish_ours_gives_way(const struct ike_sa *sa)
{
	const struct ike_id *a = &sa->local_id, *b = &sa->remote_id;

	if (a->type != b->type || a->len != b->len)
		return a->type != b->type ? a->type < b->type : a->len < b->len;
	return memcmp(a->data, b->data, a->len) < 0;
}

/* Both ends began at once, and both came through; rekeys by whichever end change nothing about that. */
static bool are_twins(const struct ike_sa *a, const struct ike_sa *b)
{
	uint64_t apart = a->up_at > b->up_at ? a->up_at - b->up_at : b->up_at - a->up_at;

	return a != b && sa_is_current(b) && b->conn == a->conn &&
	       b->line_is_ours != a->line_is_ours && b->up_at != UINT64_MAX &&
	       apart <= TWINS_WITHIN_MS && ike_id_equal(&a->remote_id, &b->remote_id) &&
	       ike_id_equal(&a->local_id, &b->local_id);
}

static void give_up_twin(struct ike_sa *goes, struct ike_sa *stays)
{
	for (struct child *c = goes->children; c; c = c->next) {
		if (c->phase == CHILD_UP && !sa_child_of(stays, c->kid) &&
		    !pending_child(stays, c->kid))
			sa_queue(stays, child_task(c->kid, 0, NULL));
	}
	if (!sa_find_task(goes, TASK_DELETE_IKE, NULL))
		sa_queue_first(goes, task_new(TASK_DELETE_IKE));
	sa_run_tasks(stays);
}

void wish_one_of_twins(struct ike_sa *sa)
{
	for (struct ike_sa *other = sa->ike->sas; other; other = other->next) {
		if (!are_twins(sa, other) || !wish_ours_gives_way(sa))
			continue;
		if (sa->line_is_ours)
			give_up_twin(sa, other);
		else
			give_up_twin(other, sa);
	}
}
