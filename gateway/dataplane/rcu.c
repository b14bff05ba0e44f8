/*
 * rcu.c: see rcu.h.
 *
 * ThreadSanitizer does not see through liburcu 0.13's own barriers and would report every free as
 * a race with the last read. In its builds the order liburcu gives is spelled out once more in C11
 * atomics: a reader's quiescent state releases, the freeing side acquires.
 */
#include "gateway/dataplane/rcu.h"

#include "gateway/dataplane/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

struct retired {
	struct rcu_head head;
	void *ptr;
	void (*free_fn)(void *ptr);
};

#ifdef CYGNET_SANITIZED
static _Atomic unsigned order;
#define READER_DONE()	 ((void)atomic_fetch_add_explicit(&order, 1, memory_order_release))
#define READERS_SEEN()	 ((void)atomic_load_explicit(&order, memory_order_acquire))
/* The retiring thread's writes reach the freeing thread through liburcu's queue. */
#define RETIRE_PUBLISH() ((void)atomic_fetch_add_explicit(&order, 1, memory_order_release))
#else
#define READER_DONE()	 ((void)0)
#define READERS_SEEN()	 ((void)0)
#define RETIRE_PUBLISH() ((void)0)
#endif

static void release(struct rcu_head *head)
{
	struct retired *r = (struct retired *)((char *)head - offsetof(struct retired, head));

	READERS_SEEN();
	r->free_fn(r->ptr);
	free(r);
}

void rcu_retire(void *ptr, void (*free_fn)(void *ptr))
{
	struct retired *r = malloc(sizeof(*r));

	if (!r) {
		/* Leaking is safe; freeing under a reader is not. */
		log_warnx("out of memory: a retired object is kept");
		return;
	}
	r->ptr = ptr;
	r->free_fn = free_fn;
	RETIRE_PUBLISH();
	/* The caller has to be a registered, online reader for QSBR; the control thread is one only
	 * here, so that its waiting for events never holds up a grace period. */
	urcu_qsbr_register_thread();
	urcu_qsbr_call_rcu(&r->head, release);
	urcu_qsbr_unregister_thread();
}

void rcu_drain(void)
{
	urcu_qsbr_barrier();
	READERS_SEEN();
}

void rcu_reader_register(void)
{
	urcu_qsbr_register_thread();
	urcu_qsbr_thread_offline();
}

void rcu_reader_unregister(void)
{
	READER_DONE();
	urcu_qsbr_unregister_thread();
}

void rcu_reader_enter(void)
{
	urcu_qsbr_thread_online();
}

void rcu_reader_quiescent(void)
{
	READER_DONE();
	urcu_qsbr_quiescent_state();
}

void rcu_reader_leave(void)
{
	READER_DONE();
	urcu_qsbr_thread_offline();
}
