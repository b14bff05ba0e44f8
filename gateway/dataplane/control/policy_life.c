/*
 * policy_life.c: the end of policies, by the kernel's two clocks, since a policy was made and since
 * it was last used; bytes and packets of a policy are limits nobody counts, here as there. A soft
 * limit is announced by POLEXPIRE, and again every half a minute while it stays exceeded; a hard one
 * takes the policy out first.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

enum { WARN_EVERY_S = 30 }; /* the kernel's XFRM_KM_TIMEOUT */

struct policy_keeper {
	struct deadline deadline; /* first: found by it */
	struct policy *policy;	  /* borrowed */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void arm(struct control *c)
{
	const struct deadline *first = deadline_first(&c->policy_deadlines);
	struct timeval wait;

	if (!c->base || !first) /* what is pending for nobody finds nothing due */
		return;
	if (!c->policy_timer)
		c->policy_timer = event_new(c->base, -1, 0, on_timer, c);
	wait = life_wait_until(first->at);
	if (!c->policy_timer || event_add(c->policy_timer, &wait) < 0)
		log_warnx("out of memory: policies do not expire");
}

void policy_life_forget(struct control *c, struct policy *policy)
{
	if (!policy->keeper)
		return;
	deadline_clear(&c->policy_deadlines, &policy->keeper->deadline);
	free(policy->keeper);
	policy->keeper = NULL;
}

void policy_life_forget_all(struct control *c)
{
	struct deadline *first;

	while ((first = deadline_first(&c->policy_deadlines)))
		policy_life_forget(c, ((struct policy_keeper *)(void *)first)->policy);
}

static void watch(struct control *c, struct policy *policy, uint64_t at)
{
	if (at == UINT64_MAX) {
		policy_life_forget(c, policy);
		return;
	}
	if (!policy->keeper)
		policy->keeper = calloc(1, sizeof(*policy->keeper));
	if (policy->keeper) {
		policy->keeper->policy = policy;
		if (deadline_set(&c->policy_deadlines, &policy->keeper->deadline, at) == 0)
			return;
	}
	log_warnx("out of memory: policy %u will not expire", policy->config.index);
}

/* True if it is gone. */
static bool judge(struct control *c, struct policy *policy, uint64_t now)
{
	uint64_t next;
	enum sa_life life = policy_life_at(policy, now, &next);

	if (life == SA_HARD && policy_expire(c, policy, 0))
		return true;
	if (life != SA_ALIVE && next > now + WARN_EVERY_S)
		next = now + WARN_EVERY_S;
	if (life == SA_SOFT)
		event_policy_expire(c, policy, false, 0);
	watch(c, policy, next);
	return false;
}

void policy_life_begin(struct control *c, struct policy *policy)
{
	uint64_t next;

	(void)policy_life_at(policy, policy->add_time, &next);
	watch(c, policy, next);
	arm(c);
}

void policy_life_run(struct control *c, uint64_t now)
{
	struct deadline *first;
	bool gone = false;

	while ((first = deadline_first(&c->policy_deadlines)) && first->at <= now)
		gone |= judge(c, ((struct policy_keeper *)(void *)first)->policy, now);
	if (gone)
		policies_changed(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	policy_life_run(c, (uint64_t)time(NULL));
	arm(c);
}

void policy_life_fini(struct control *c)
{
	policy_life_forget_all(c);
	deadline_heap_fini(&c->policy_deadlines);
	if (c->policy_timer)
		event_free(c->policy_timer);
	c->policy_timer = NULL;
}
