/*
 * epochs.c: see epochs.h. Retiring raises the epoch after the object was unpublished; a reader that
 * has since read the new epoch (acquire) sees the unpublishing, and its word that it is quiescent
 * (release) tells the writer that all its earlier reads are done.
 */
#include "epochs.h"

#include <stdlib.h>

void epochs_init(struct epochs *e)
{
	*e = (struct epochs){.first = NULL};
	e->last = &e->first;
}

static void retire(void *ctx, void *ptr, void (*free_fn)(void *ptr))
{
	struct epochs *e = ctx;
	struct retired *r = malloc(sizeof(*r));

	if (!r)
		abort();
	*r = (struct retired){.ptr = ptr, .free_fn = free_fn};
	r->epoch = atomic_fetch_add_explicit(&e->now, 1, memory_order_acq_rel) + 1;
	*e->last = r;
	e->last = &r->next;
}

struct sadb_retire epochs_retire(struct epochs *e)
{
	return (struct sadb_retire){.fn = retire, .ctx = e};
}

void epochs_collect(struct epochs *e)
{
	uint64_t oldest = UINT64_MAX, seen;
	struct retired *r;

	for (unsigned i = 0; i < EPOCH_READERS; i++) {
		seen = atomic_load_explicit(&e->seen[i], memory_order_acquire);
		if (seen < oldest)
			oldest = seen;
	}
	while ((r = e->first) != NULL && r->epoch <= oldest) {
		e->first = r->next;
		if (!e->first)
			e->last = &e->first;
		r->free_fn(r->ptr);
		free(r);
		e->freed++;
	}
}

void epochs_quiescent(struct epochs *e, unsigned reader)
{
	atomic_store_explicit(&e->seen[reader], atomic_load_explicit(&e->now, memory_order_acquire),
			      memory_order_release);
}

void epochs_leave(struct epochs *e, unsigned reader)
{
	atomic_store_explicit(&e->seen[reader], UINT64_MAX, memory_order_release);
}
