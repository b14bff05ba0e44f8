/*
 * deadline.c: see deadline.h. Every entry knows its place, so one in the middle can be moved or
 * taken out:
 *
 *     slot[1] is due first; slot[n] is due no later than slot[2n] and slot[2n + 1]
 */
#include "gateway/dataplane/control/deadline.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16 };

void deadline_heap_fini(struct deadline_heap *heap)
{
	free(heap->slot);
	*heap = (struct deadline_heap){0};
}

static void put(struct deadline_heap *heap, size_t place, struct deadline *d)
{
	heap->slot[place] = d;
	d->place = place;
}

static void rise(struct deadline_heap *heap, struct deadline *d)
{
	size_t place = d->place;

	for (; place > 1 && heap->slot[place / 2]->at > d->at; place /= 2)
		put(heap, place, heap->slot[place / 2]);
	put(heap, place, d);
}

static void sink(struct deadline_heap *heap, struct deadline *d)
{
	size_t place = d->place, child;

	for (; (child = 2 * place) <= heap->count; place = child) {
		if (child < heap->count && heap->slot[child + 1]->at < heap->slot[child]->at)
			child++;
		if (heap->slot[child]->at >= d->at)
			break;
		put(heap, place, heap->slot[child]);
	}
	put(heap, place, d);
}

static int make_room(struct deadline_heap *heap)
{
	size_t room = heap->room ? 2 * heap->room : FIRST_ROOM;
	struct deadline **slot;

	if (heap->count + 1 < heap->room)
		return 0;
	slot = reallocarray(heap->slot, room, sizeof(struct deadline *));
	if (!slot)
		return -ENOMEM;
	heap->slot = slot;
	heap->room = room;
	return 0;
}

int deadline_set(struct deadline_heap *heap, struct deadline *d, uint64_t at)
{
	int rc;

	if (d->place == 0) {
		rc = make_room(heap);
		if (rc)
			return rc;
		put(heap, ++heap->count, d);
	}
	d->at = at;
	rise(heap, d);
	sink(heap, d);
	return 0;
}

void deadline_clear(struct deadline_heap *heap, struct deadline *d)
{
	struct deadline *last;
	size_t place = d->place;

	if (place == 0)
		return;
	last = heap->slot[heap->count--];
	d->place = 0;
	if (last == d)
		return;
	put(heap, place, last);
	rise(heap, last);
	sink(heap, last);
}

struct deadline *deadline_first(const struct deadline_heap *heap)
{
	return heap->count ? heap->slot[1] : NULL;
}
