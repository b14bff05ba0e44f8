/*
 * notice.c: see notice.h. The producer publishes a slot by moving head with release, the consumer
 * returns it by moving tail with release; each reads the other's end with acquire.
 */
#include "gateway/dataplane/notice.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct notice notice_about(enum notice_kind kind, const struct sa *sa)
{
	return (struct notice){
		.kind = kind, .id = sa->config.id, .mark = sa->config.mark, .serial = sa->serial};
}

int notice_ring_init(struct notice_ring *r)
{
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->event_fd < 0 ? -errno : 0;
}

void notice_ring_fini(struct notice_ring *r)
{
	if (r->event_fd >= 0)
		close(r->event_fd);
	r->event_fd = -1;
}

bool notice_put(struct notice_ring *r, const struct notice *notice)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	const uint64_t one = 1;

	if (head - tail == NOTICE_RING)
		return false;
	r->slot[head % NOTICE_RING] = *notice;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	/* Fails only when the counter is full, and then it is readable anyway. */
	(void)!write(r->event_fd, &one, sizeof(one));
	return true;
}

bool notice_take(struct notice_ring *r, struct notice *out)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return false;
	*out = r->slot[tail % NOTICE_RING];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

void notice_rearm(struct notice_ring *r)
{
	uint64_t events;

	(void)!read(r->event_fd, &events, sizeof(events)); /* the ring says what there is */
}
