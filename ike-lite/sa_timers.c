/*
 * ike-lite/sa_timers.c: what time brings to an IKE SA: repetitions (RFC 7296 §2.1, §2.4), liveness checks,
 * rekeys (§2.8), keepalives (RFC 3948 §4), ends.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/wishes.h"

enum { REKEYED_WAIT_S = 60 }; /* for the peer's delete of what it rekeyed */

static uint64_t after(uint64_t now, uint64_t seconds)
{
	return seconds ? now + seconds * 1000 : UINT64_MAX;
}

void sa_set_times(struct ike_sa *sa)
{
	const struct ike_connection *c = &sa->conn->c;
	uint64_t rand_ms = c->rand_time_s * 1000, now = sa->ike->now;

	sa->up_at = now;
	sa->rekey_at = after(now, c->rekey_time_s);
	sa->over_at = c->rekey_time_s && c->over_time_s
			      ? after(now, c->rekey_time_s + c->over_time_s)
			      : UINT64_MAX;
	/* Both ends rekey at times of their own, lest they always collide, §2.8. */
	if (c->rekey_time_s && rand_ms && rand_ms < c->rekey_time_s * 1000)
		sa->rekey_at -= engine_random64(sa->ike) % (rand_ms + 1);
	engine_due_at(sa->ike, sa_due(sa));
}

static uint64_t probe_due(const struct ike_sa *sa)
{
	if (sa->phase != SA_UP || sa->asking || sa->conn->c.dpd_delay_s == 0)
		return UINT64_MAX;
	return sa->heard_at + sa->conn->c.dpd_delay_s * 1000ull;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t sa_due(const struct ike_sa *sa)
{
	uint64_t due = earlier(sa->expire_at, probe_due(sa));

	if (sa->phase == SA_DEAD)
		return UINT64_MAX;
	if (sa->asking)
		due = earlier(due, sa->resend_at);
	if (sa->setup && sa->setup->refused)
		due = earlier(due, sa->setup->refused_at);
	if (sa->phase == SA_WAITING)
		due = earlier(due, sa->retry_at);
	if (sa->phase == SA_UP)
		due = earlier(due, earlier(sa->rekey_at, sa->over_at));
	if (sa->phase == SA_UP || sa->phase == SA_AUTH_SENT)
		due = earlier(due, sa->keepalive_at);
	due = earlier(due, sa_tasks_due(sa));
	for (const struct child *c = sa->children; c; c = c->next)
		due = earlier(due, child_due(c));
	return due;
}

static void nobody_answered(struct ike_sa *sa)
{
	char text[EVENT_TEXT_MAX];

	sa->asking = false;
	if (sa->phase == SA_INIT_SENT || sa->phase == SA_AUTH_SENT)
		sa_setup_failed(sa, explain_no_answer(sa, text));
	else if (sa->phase == SA_UP)
		sa_peer_is_dead(sa, "the peer no longer answers");
	else
		sa_end(sa, "the peer no longer answers");
}

static void resend(struct ike_sa *sa)
{
	const struct ike_config *c = &sa->ike->settings.c;

	if (sa->tries == c->retransmit_tries) {
		nobody_answered(sa);
		return;
	}
	sa->tries++;
	sa->resend_after_ms = sa->resend_after_ms * c->retransmit_base_percent / 100;
	sa->resend_at = sa->ike->now + sa->resend_after_ms;
	sa_send(sa, &sa->ends, &sa->request);
}

static void tick_up(struct ike_sa *sa)
{
	uint64_t now = sa->ike->now;

	if (now >= sa->over_at) {
		sa->over_at = UINT64_MAX;
		/* Its time is over, also if there is nothing in its place. */
		(void)wish_replacement(sa);
		sa_queue_first(sa, task_new(TASK_DELETE_IKE));
	} else if (now >= sa->rekey_at) {
		sa->rekey_at = UINT64_MAX;
		if (!sa_find_task(sa, TASK_REKEY_IKE, NULL))
			sa_queue(sa, task_new(TASK_REKEY_IKE));
	}
	if (now >= probe_due(sa) && !sa_find_task(sa, TASK_PROBE, NULL))
		sa_queue(sa, task_new(TASK_PROBE));
}

static void tick_children(struct ike_sa *sa)
{
	struct child *next;

	for (struct child *c = sa->children; c; c = next) {
		next = c->next;
		if (sa->ike->now >= child_due(c))
			child_tick(c);
	}
}

/* The IKE SA itself was given its time; children and tasks have theirs. */
void sa_tick(struct ike_sa *sa)
{
	uint64_t now = sa->ike->now;
	char text[EVENT_TEXT_MAX];

	if (sa->asking && now >= sa->resend_at)
		resend(sa);
	if (sa->phase == SA_INIT_SENT && sa->setup->refused && now >= sa->setup->refused_at)
		sa_setup_failed(sa, explain_setup_refused(sa, sa->setup->refused, text));
	if (sa->phase == SA_WAITING && now >= sa->retry_at)
		sa_start(sa);
	if (sa->phase != SA_DEAD && now >= sa->expire_at)
		sa_end(sa, "it was not completed in time");
	if (sa->phase == SA_DEAD)
		return;
	if (now >= sa->keepalive_at) {
		sa->keepalive_at = after(now, sa->ike->settings.c.keepalive_s);
		emit_keepalive(sa->ike, &sa->ends);
	}
	if (sa->phase == SA_UP)
		tick_up(sa);
	tick_children(sa);
	sa_run_tasks(sa);
}

void sa_wait_for_delete(struct ike_sa *sa)
{
	sa->phase = SA_REKEYED;
	sa->expire_at = after(sa->ike->now, REKEYED_WAIT_S);
	engine_due_at(sa->ike, sa->expire_at);
}
