/*
 * life.c: the end of SAs, RFC 4301 §4.4.2.1, RFC 4303 §3.3.3. Times are kept here, all by
 * one timer over a heap of deadlines; that bytes, packets or sequence numbers run out is found on
 * the packet thread, which stops the SA by itself and sends NOTICE_LIFE, and is judged once more
 * here, since the limits may have changed in between.
 *
 * As in the kernel, the soft limits of an SA announce EXPIRE once, whichever comes first, and once
 * more when an update renews them; a hard one takes the SA out and announces that.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

enum {
	/* The wall clock may be set: deadlines are looked at this often at least. */
	LOOK_EVERY_S = 60,
	NS_PER_US = 1000,
};

/* An SA with a deadline. */
struct sa_keeper {
	struct deadline deadline; /* first: found by it */
	struct sa *sa;		  /* borrowed: the newest version */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

/* ---- the timer --------------------------------------------------------------------------------- */

struct timeval life_wait_until(uint64_t at)
{
	struct timeval wait = {.tv_sec = LOOK_EVERY_S};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (at <= (uint64_t)now.tv_sec)
		return (struct timeval){0};
	if (at - (uint64_t)now.tv_sec > LOOK_EVERY_S)
		return wait;
	wait.tv_sec = (time_t)at - now.tv_sec;
	if (now.tv_nsec > 0) {
		wait.tv_sec--;
		wait.tv_usec = 1000000 - now.tv_nsec / NS_PER_US;
	}
	return wait;
}

static void arm(struct control *c)
{
	const struct deadline *first = deadline_first(&c->deadlines);
	struct timeval wait;

	if (!c->base) /* a test without a loop calls life_run itself */
		return;
	if (!c->life_timer)
		c->life_timer = event_new(c->base, -1, 0, on_timer, c);
	if (!c->life_timer) {
		log_warnx("out of memory: SAs do not expire by time");
		return;
	}
	if (!first) {
		(void)event_del(c->life_timer); /* cannot fail for an event that is ours */
		return;
	}
	wait = life_wait_until(first->at);
	if (event_add(c->life_timer, &wait) < 0)
		log_warnx("out of memory: SAs do not expire by time");
}

static void forget(struct control *c, struct sa *sa)
{
	if (!sa->keeper)
		return;
	deadline_clear(&c->deadlines, &sa->keeper->deadline);
	free(sa->keeper);
	sa->keeper = NULL;
}

void life_forget(struct control *c, struct sa *sa)
{
	forget(c, sa);
	arm(c);
}

static void watch(struct control *c, struct sa *sa, uint64_t at)
{
	if (at == UINT64_MAX) {
		forget(c, sa);
		return;
	}
	if (!sa->keeper)
		sa->keeper = calloc(1, sizeof(*sa->keeper));
	if (sa->keeper) {
		sa->keeper->sa = sa;
		if (deadline_set(&c->deadlines, &sa->keeper->deadline, at) == 0)
			return;
	}
	log_warnx("SA 0x%08x: out of memory, it will not expire by time", sa->config.id.spi);
}

/* ---- judging ----------------------------------------------------------------------------------- */

static enum sa_life later(enum sa_life a, enum sa_life b)
{
	return a > b ? a : b;
}

/* Acts on what the SA's limits say at now. counted: bytes, packets and sequence numbers, too. True
 * if the SA is gone, and then *used tells whether a policy used it. */
static bool judge(struct control *c, struct sa *sa, uint64_t now, bool counted, bool *used)
{
	struct sa_counters *counters = sa->counters;
	enum sa_life counts = SA_ALIVE, life;
	uint64_t next;

	life = sa_life_at(sa, now, &next);
	if (counted)
		counts = sa_is_exhausted(sa) ? SA_HARD : sa_life(sa);
	life = later(life, counts);
	if (life == SA_HARD) {
		*used |= sa_expire(c, sa, 0);
		return true;
	}
	/* The packet thread may have spoken of limits that are no longer: let it speak again of what is not
	 * reached yet, the hard one above all. */
	if (counted)
		atomic_store_explicit(&counters->told, (uint8_t)counts, memory_order_relaxed);
	if (life == SA_SOFT && !counters->soft_announced) {
		counters->soft_announced = true;
		event_expire(c, sa, false, 0);
	}
	watch(c, sa, next);
	return false;
}

static void judge_one(struct control *c, struct sa *sa, bool counted)
{
	bool used = false;

	(void)judge(c, sa, (uint64_t)time(NULL), counted, &used);
	arm(c);
	if (used)
		capture_refresh(c->deps.capture);
}

void life_begin(struct control *c, struct sa *sa)
{
	judge_one(c, sa, false);
}

void life_schedule(struct control *c, struct sa *sa)
{
	uint64_t next;

	(void)sa_life_at(sa, sa->add_time, &next); /* nothing has passed when it was made */
	watch(c, sa, next);
	arm(c);
}

void life_renew(struct control *c, struct sa *sa)
{
	sa->counters->soft_announced = false;
	atomic_store_explicit(&sa->counters->told, SA_ALIVE, memory_order_relaxed);
	/* As the kernel: what was never used has not counted anything. */
	judge_one(c, sa, sa_status(sa).use_time != 0);
}

void life_moved(struct sa *sa)
{
	if (sa->keeper)
		sa->keeper->sa = sa;
}

void life_on_notice(struct control *c, const struct notice *notice)
{
	/* Said once: one that MIGRATE moved in the meantime would never end. */
	struct sa *sa = notice_sa_moved(c, notice);

	if (sa)
		judge_one(c, sa, true);
}

void life_run(struct control *c, uint64_t now)
{
	struct deadline *first;
	bool used = false;

	while ((first = deadline_first(&c->deadlines)) && first->at <= now)
		(void)judge(c, ((struct sa_keeper *)(void *)first)->sa, now, false, &used);
	if (used)
		capture_refresh(c->deps.capture);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	life_run(c, (uint64_t)time(NULL));
	arm(c);
}

void life_fini(struct control *c)
{
	struct deadline *first;

	while ((first = deadline_first(&c->deadlines)))
		forget(c, ((struct sa_keeper *)(void *)first)->sa);
	deadline_heap_fini(&c->deadlines);
	if (c->life_timer)
		event_free(c->life_timer);
	c->life_timer = NULL;
}
