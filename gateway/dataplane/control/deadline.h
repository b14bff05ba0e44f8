/*
 * deadline.h: what is due next, among many: a binary heap, so that ten thousand SAs need one timer.
 * A deadline is a part of whatever waits for it. Pure; the control thread's.
 */
#ifndef CYGNET_DEADLINE_H
#define CYGNET_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: due never. */
struct deadline {
	uint64_t at;
	size_t place; /* in the heap, from 1; 0: not there */
};

/* Zeroed: empty. */
struct deadline_heap {
	struct deadline **slot; /* owned; slot[0] is not used; entries borrowed */
	size_t count, room;
};

void deadline_heap_fini(struct deadline_heap *heap);
/* d is due at that time, from now on. 0; -ENOMEM, and it is due when it was before. */
int deadline_set(struct deadline_heap *heap, struct deadline *d, uint64_t at)
	__attribute__((warn_unused_result));
/* d is due never. */
void deadline_clear(struct deadline_heap *heap, struct deadline *d);
/* The one that is due first; NULL: none. */
struct deadline *deadline_first(const struct deadline_heap *heap);

#endif
