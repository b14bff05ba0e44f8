/*
 * ike-lite/tasks.c: what an IKE SA is still to ask, one after the other: the window is one request, RFC
 * 7296 §2.3.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/wishes.h"

void sa_queue(struct ike_sa *sa, struct task *t)
{
	struct task **at = &sa->tasks;

	if (!t)
		return;
	while (*at)
		at = &(*at)->next;
	*at = t;
	engine_due_at(sa->ike, t->not_before > sa->ike->now ? t->not_before : sa->ike->now);
}

void sa_queue_first(struct ike_sa *sa, struct task *t)
{
	if (!t)
		return;
	t->next = sa->tasks;
	sa->tasks = t;
	engine_due_at(sa->ike, sa->ike->now);
}

struct task *sa_find_task(const struct ike_sa *sa, enum task_kind kind, const struct child *child)
{
	if (sa->active && sa->active->kind == kind && sa->active->child == child)
		return sa->active;
	for (struct task *t = sa->tasks; t; t = t->next) {
		if (t->kind == kind && t->child == child)
			return t;
	}
	return NULL;
}

void sa_drop_tasks_of(struct ike_sa *sa, const struct child *child)
{
	struct task **at = &sa->tasks;

	while (*at) {
		struct task *t = *at;

		if (t->child != child) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		wish_answer(sa, t, IKE_EV_CHILD_DOWN, "deleted");
		task_free(t);
	}
	/* Its answer will find it gone. */
	if (sa->active && sa->active->child == child)
		sa->active->child = NULL;
	if (sa->active && sa->active->rival_child == child)
		sa->active->rival_child = NULL;
}

static enum ike_event_kind how_it_ended(const struct task *t)
{
	if (t->kind == TASK_DELETE_CHILD)
		return IKE_EV_CHILD_DOWN;
	return t->kind == TASK_DELETE_IKE ? IKE_EV_IKE_DOWN : IKE_EV_FAILED;
}

void sa_drop_tasks(struct ike_sa *sa, const char *why)
{
	struct task *t = sa->active;

	sa->active = NULL;
	if (t) {
		t->next = sa->tasks;
		sa->tasks = t;
	}
	while (sa->tasks) {
		t = sa->tasks;
		sa->tasks = t->next;
		wish_answer(sa, t, how_it_ended(t), why);
		task_free(t);
	}
}

static bool start(struct ike_sa *sa)
{
	switch (sa->active->kind) {
	case TASK_CHILD:
	case TASK_REKEY_CHILD:
		return create_child_ask(sa);
	case TASK_REKEY_IKE:
		return create_ike_ask(sa);
	default:
		return info_ask(sa);
	}
}

/* Takes the first task whose time has come out of the queue. */
static struct task *take_task(struct ike_sa *sa)
{
	for (struct task **at = &sa->tasks; *at; at = &(*at)->next) {
		struct task *t = *at;

		if (t->not_before > sa->ike->now ||
		    (sa->phase == SA_REKEYED && t->kind != TASK_DELETE_IKE))
			continue;
		*at = t->next;
		t->next = NULL;
		return t;
	}
	return NULL;
}

void sa_run_tasks(struct ike_sa *sa)
{
	while ((sa->phase == SA_UP || sa->phase == SA_REKEYED) && !sa->asking && !sa->active) {
		sa->active = take_task(sa);
		if (!sa->active)
			return;
		if (!start(sa))
			sa_task_failed(sa, "the request could not be made");
	}
}

uint64_t sa_tasks_due(const struct ike_sa *sa)
{
	uint64_t due = UINT64_MAX;

	if ((sa->phase != SA_UP && sa->phase != SA_REKEYED) || sa->asking || sa->active)
		return due;
	for (const struct task *t = sa->tasks; t; t = t->next) {
		if (t->not_before < due)
			due = t->not_before;
	}
	return due;
}

void sa_task_done(struct ike_sa *sa)
{
	struct task *t = sa->active;

	sa->active = NULL;
	task_free(t);
}

void sa_task_failed(struct ike_sa *sa, const char *why)
{
	struct task *t = sa->active;
	struct kid *kid = t->kid ? t->kid : t->child ? t->child->kid : NULL;

	sa->active = NULL;
	emit_wish_event(sa, IKE_EV_FAILED, kid, t->request, why);
	wish_forget(sa->ike, t->request);
	task_free(t);
}

void sa_task_later(struct ike_sa *sa, uint64_t delay_ms)
{
	struct task *t = sa->active;

	sa->active = NULL;
	bargain_reset(&t->bargain);
	t->rival_child = NULL;
	t->rival_sa = NULL;
	t->rival_won = false;
	t->rival_nonce_len = 0;
	t->not_before = sa->ike->now + delay_ms;
	sa_queue(sa, t);
}
