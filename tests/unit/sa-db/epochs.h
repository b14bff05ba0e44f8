/*
 * epochs.h: the smallest thing that keeps sa-db's promise to readers, in C11 atomics alone so that
 * ThreadSanitizer understands it. Each reader says "quiescent" between its sections; what was
 * retired is freed when all readers said so after its retirement.
 */
#ifndef CYGNET_TEST_EPOCHS_H
#define CYGNET_TEST_EPOCHS_H

#include "sa-db/sadb.h"

enum { EPOCH_READERS = 2 };

struct epochs {
	_Atomic uint64_t now;
	_Atomic uint64_t seen[EPOCH_READERS]; /* UINT64_MAX: gone */
	/* Writer only. */
	struct retired {
		struct retired *next;
		uint64_t epoch;
		void *ptr;
		void (*free_fn)(void *ptr);
	} * first, **last;
	uint64_t freed;
};

void epochs_init(struct epochs *e);
struct sadb_retire epochs_retire(struct epochs *e);
/* Frees what may be freed. Writer only. */
void epochs_collect(struct epochs *e);
/* Between two sections of a reader. */
void epochs_quiescent(struct epochs *e, unsigned reader);
void epochs_leave(struct epochs *e, unsigned reader);

#endif
