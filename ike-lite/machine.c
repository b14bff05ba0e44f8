/*
 * ike-lite/machine.c: configuration and commands: what ike.h takes from people.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/wishes.h"

#include <errno.h>

/* ---- configuration ------------------------------------------------------------------------------------ */

static bool reqid_is_taken(const struct ike *ike, uint32_t reqid)
{
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		const struct conn *conn = ike->settings.conns[i];

		for (unsigned k = 0; k < conn->kid_count; k++) {
			if (conn->kids[k]->reqid == reqid)
				return true;
		}
	}
	return false;
}

uint32_t engine_new_reqid(struct ike *ike)
{
	uint32_t reqid;

	do {
		reqid = ike->next_reqid++;
	} while (reqid == 0 || reqid_is_taken(ike, reqid));
	return reqid;
}

static void number_kids(struct ike *ike)
{
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		struct conn *conn = ike->settings.conns[i];

		for (unsigned k = 0; k < conn->kid_count; k++) {
			if (conn->kids[k]->reqid == 0)
				conn->kids[k]->reqid = engine_new_reqid(ike);
		}
	}
}

static void untrap_old(struct ike *ike, const struct settings *old)
{
	for (unsigned i = 0; i < old->conn_count; i++) {
		struct conn *conn = old->conns[i];

		for (unsigned k = 0; k < conn->kid_count; k++) {
			if (!conn->kids[k]->current)
				policies_untrap(ike, conn, conn->kids[k]);
		}
	}
}

static void drop_wishes(struct ike_sa *sa)
{
	struct task **at = &sa->tasks;

	while (*at) {
		struct task *t = *at;

		if (t->kind != TASK_CHILD || t->kid->current) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		wish_answer(sa, t, IKE_EV_FAILED, "it is no longer configured");
		task_free(t);
	}
}

/* A goodbye, ahead of all that was to be asked. */
static void sa_delete(struct ike_sa *sa, const char *why, uint32_t request)
{
	struct task *t;

	if (sa->phase != SA_UP) {
		if (sa->phase != SA_DELETING && sa->phase != SA_REKEYED)
			sa_end(sa, why);
		return;
	}
	t = task_new(TASK_DELETE_IKE);
	if (t)
		t->request = request;
	sa_queue_first(sa, t);
	sa_run_tasks(sa);
}

/* A child that is up and changed goes before its like comes: if that is to be up, its packets are held in between, and
 * for as long as the peer does not agree to the change. */
static void hold_for_successors(struct ike *ike)
{
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		struct conn *conn = settings_conn(&ike->settings, sa->conn->c.name);

		for (const struct child *c = sa->children; c && conn; c = c->next) {
			struct kid *kid = conn_kid(conn, c->kid->c.name);

			if (c->phase == CHILD_UP && !c->kid->current && kid && !kid->down &&
			    (kid->c.start_action & IKE_START_START))
				policies_hold(ike, conn, kid);
		}
	}
}

static void end_what_is_old(struct ike *ike)
{
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa->phase == SA_DEAD || sa->phase == SA_FAILED)
			continue;
		if (!sa->conn->current) {
			sa_delete(sa, "its connection changed or is gone", 0);
			continue;
		}
		drop_wishes(sa);
		for (struct child *c = sa->children; c; c = c->next) {
			if (!c->kid->current && c->phase == CHILD_UP)
				child_delete(c);
		}
		sa_run_tasks(sa);
	}
}

/* There is no way to the peer yet: tried again like any other that failed. */
static void wait_for_route(struct ike *ike, struct conn *conn, struct kid *kid)
{
	struct ike_ends ends = {0};
	struct ike_sa *sa;
	struct task *t;

	if (conn->c.remote_count == 0 ||
	    conn->c.remote[0].len != ip_addr_bits(&conn->c.remote[0].addr) ||
	    ip_addr_is_any(&conn->c.remote[0].addr))
		return;
	ends.remote = conn->c.remote[0].addr;
	sa = sa_new(ike, conn, true, &ends, 0);
	t = sa ? task_new(TASK_CHILD) : NULL;
	if (!t)
		return;
	t->kid = kid_get(kid);
	sa_queue(sa, t);
	sa->attempts = 1;
	sa->retry_at = ike->now + retry_pause_ms(ike, 1);
	engine_due_at(ike, sa->retry_at);
	emit_wish_event(sa, IKE_EV_RETRY, kid, 0, "no route to the peer yet; trying again");
}

static void start_kid(struct ike *ike, struct conn *conn, struct kid *kid)
{
	bool started = kid->started;

	kid->started = true;
	if (kid->c.start_action & IKE_START_TRAP)
		policies_trap(ike, conn, kid);
	if (started || kid->down)
		return;
	if ((kid->c.start_action & IKE_START_START) &&
	    wish_child(ike, conn, kid, 0, NULL) == -EHOSTUNREACH)
		wait_for_route(ike, conn, kid);
}

int ike_configure(struct ike *ike, uint64_t now_ms, const struct ike_config *config,
		  char why[static 160])
{
	struct settings fresh;
	int rc;

	engine_enter(ike, now_ms);
	rc = settings_make(config, why, &fresh);
	if (rc)
		return rc;
	settings_adopt(&ike->settings, &fresh);
	untrap_old(ike, &fresh);
	settings_fini(&fresh);
	number_kids(ike);
	hold_for_successors(ike);
	end_what_is_old(ike);
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		struct conn *conn = ike->settings.conns[i];

		for (unsigned k = 0; k < conn->kid_count; k++)
			start_kid(ike, conn, conn->kids[k]);
	}
	engine_leave(ike);
	return 0;
}

/* ---- commands ------------------------------------------------------------------------------------------- */

static int find(struct ike *ike, const char *connection, const char *child, struct conn **conn,
		struct kid **kid)
{
	*kid = NULL;
	*conn = settings_conn(&ike->settings, connection);
	if (!*conn)
		return -ENOENT;
	if (child)
		*kid = conn_kid(*conn, child);
	if (child ? !*kid : (*conn)->kid_count == 0)
		return -ENOENT;
	return 0;
}

static bool kid_is_up(const struct ike *ike, const struct conn *conn, const struct kid *kid)
{
	const struct ike_sa *sa = conn_sa(ike, conn);

	return sa && sa_child_of(sa, kid);
}

/* Those that are up would answer at once: only if nothing is to be waited for. */
static int wish_all(struct ike *ike, struct conn *conn, uint32_t request)
{
	int rc = 0;

	for (unsigned i = 0; i < conn->kid_count && rc == 0; i++) {
		if (!kid_is_up(ike, conn, conn->kids[i]))
			rc = wish_child(ike, conn, conn->kids[i], request, NULL);
	}
	for (unsigned i = 0; i < conn->kid_count && rc == 0; i++) {
		if (kid_is_up(ike, conn, conn->kids[i]) && !wish_is_waited_for(ike, request, NULL))
			rc = wish_child(ike, conn, conn->kids[i], request, NULL);
	}
	return rc;
}

int ike_initiate(struct ike *ike, uint64_t now_ms, const char *connection, const char *child,
		 uint32_t request)
{
	struct conn *conn;
	struct kid *kid;
	int rc;

	engine_enter(ike, now_ms);
	rc = find(ike, connection, child, &conn, &kid);
	if (rc)
		return rc;
	if (kid)
		rc = wish_child(ike, conn, kid, request, NULL);
	else
		rc = wish_all(ike, conn, request);
	engine_leave(ike);
	return rc;
}

/* A child that is only on its way: what waits is dropped; what was asked for goes as soon as it is there, see
 * child_task_up. True: there was one. */
static bool break_off(struct ike_sa *sa, const struct kid *kid)
{
	static const char why[] = "taken down by command";
	struct task **at = &sa->tasks;
	bool found = false;

	while (*at) {
		struct task *t = *at;

		if (t->kind != TASK_CHILD || t->kid != kid) {
			at = &t->next;
			continue;
		}
		found = true;
		*at = t->next;
		wish_answer(sa, t, IKE_EV_FAILED, why);
		task_free(t);
	}
	if (sa->active && sa->active->kind == TASK_CHILD && sa->active->kid == kid) {
		found = true;
		wish_answer(sa, sa->active, IKE_EV_FAILED, why);
		if (sa->phase != SA_UP && !sa->tasks)
			sa_delete(sa, why, 0);
	} else if (found && sa->phase == SA_WAITING && !sa->tasks) {
		sa_delete(sa, why, 0);
	}
	return found;
}

static bool delete_kid(struct ike_sa *sa, const struct kid *kid, uint32_t request)
{
	bool found = break_off(sa, kid);

	for (struct child *c = sa->children; c; c = c->next) {
		struct task *t;

		if (c->kid != kid || c->phase != CHILD_UP)
			continue;
		found = true;
		child_delete(c);
		t = sa_find_task(sa, TASK_DELETE_CHILD, c);
		if (t && t->request == 0)
			t->request = request;
	}
	sa_run_tasks(sa);
	return found;
}

static void mark_down(struct conn *conn, const struct kid *kid)
{
	for (unsigned i = 0; i < conn->kid_count; i++)
		conn->kids[i]->down |= !kid || kid == conn->kids[i];
}

/* What is taken down is not waited for any more. */
static void stop_holding(struct ike *ike, struct conn *conn, const struct kid *kid)
{
	for (unsigned i = 0; i < conn->kid_count; i++) {
		if (conn->kids[i]->held && (!kid || kid == conn->kids[i]))
			policies_untrap(ike, conn, conn->kids[i]);
	}
}

int ike_terminate(struct ike *ike, uint64_t now_ms, const char *connection, const char *child,
		  uint32_t request)
{
	struct ike_sa *found = NULL;
	struct conn *conn;
	struct kid *kid;
	int rc;

	engine_enter(ike, now_ms);
	rc = find(ike, connection, child, &conn, &kid);
	if (rc)
		return rc;
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (sa->conn != conn || sa->phase == SA_DEAD || sa->phase == SA_FAILED ||
		    sa->phase == SA_HALF_OPEN || sa->replaced)
			continue;
		if (kid) {
			found = delete_kid(sa, kid, request) ? sa : found;
		} else {
			found = sa;
			sa_delete(sa, "taken down by command", request);
		}
	}
	if (found)
		mark_down(conn, kid);
	stop_holding(ike, conn, kid);
	/* There was no peer to be told, or he is being told already: no answer of his will come. */
	if (found && request && !wish_is_waited_for(ike, request, NULL))
		emit_wish_event(found, kid ? IKE_EV_CHILD_DOWN : IKE_EV_IKE_DOWN, kid, request,
				"taken down by command");
	rc = found ? 0 : -ENOENT;
	engine_leave(ike);
	return rc;
}

int ike_rekey(struct ike *ike, uint64_t now_ms, const char *connection, const char *child)
{
	bool found = false;
	struct conn *conn;
	struct kid *kid;
	int rc;

	engine_enter(ike, now_ms);
	rc = find(ike, connection, child, &conn, &kid);
	if (rc)
		return rc;
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		struct child *c = kid && sa_is_current(sa) ? sa_child_of(sa, kid) : NULL;

		if (sa->conn != conn || !sa_is_current(sa) || (kid && !c))
			continue;
		found = true;
		if (c)
			child_rekey(c);
		else if (!sa_find_task(sa, TASK_REKEY_IKE, NULL))
			sa_queue(sa, task_new(TASK_REKEY_IKE));
		sa_run_tasks(sa);
	}
	engine_leave(ike);
	return found ? 0 : -ENOENT;
}

void ike_shutdown(struct ike *ike, uint64_t now_ms)
{
	engine_enter(ike, now_ms);
	ike->ending = true;
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		/* What we asked last will not be waited for. */
		if (sa->phase == SA_UP && sa->asking) {
			sa_stop_asking(sa);
			sa_task_done(sa);
		}
		if (sa->phase != SA_DEAD && sa->phase != SA_FAILED)
			sa_delete(sa, "shutting down", 0);
	}
	engine_leave(ike);
}

void ike_export_keys(struct ike *ike)
{
	ike->export_keys = true;
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next)
		emit_keys(sa);
}
