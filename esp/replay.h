/*
 * esp/replay.h: the receiver's window of sequence numbers, RFC 4303 §3.4.3 and Appendix A. Private
 * to esp; open.c calls infer, check and commit in that order, and tests drive it alone.
 *
 *     lowest number accepted          top
 *     v                                v
 * ----|xxxxx.xxxx..xxxxxxxxxx.x.xxxxxxx|-------------->
 *  old         window bits               new, moves it
 *
 * The bits are a ring of words, RFC 6479: moving the window clears whole words instead of shifting
 * all of it, so a window of 4096 costs what one of 64 does.
 */
#ifndef CYGNET_ESP_REPLAY_H
#define CYGNET_ESP_REPLAY_H

#include "esp/esp.h"

#include <stdatomic.h>

struct esp_replay {
	/* Set at creation, then immutable. */
	_Atomic uint64_t *words; /* owned; NULL if window is 0; written as top is */
	uint64_t word_mask;
	uint32_t window;
	bool esn;
	/* The SA's data thread writes, any thread reads (relaxed: a number to look at). */
	_Atomic uint64_t top; /* highest authentic number; 0 before the first */
};

/* 0, -ENOMEM, -EINVAL (too large, or 0 with ESN). */
int esp_replay_init(struct esp_replay *r, uint32_t window, bool esn)
	__attribute__((warn_unused_result));
void esp_replay_fini(struct esp_replay *r);

/* The whole sequence number of a packet that carries these low 32 bits. RFC 4303 Appendix A2. */
uint64_t esp_replay_infer(const struct esp_replay *r, uint32_t seq_lo);
/* V_OK, V_REPLAY_OLD, V_REPLAY_DUP. Changes nothing: the number is not authentic yet. */
enum verdict esp_replay_check(const struct esp_replay *r, uint64_t seq);
/* Marks a number that passed the check and whose packet proved authentic. */
void esp_replay_commit(struct esp_replay *r, uint64_t seq);

/* For a window that was elsewhere before, see esp_in_resume. */
void esp_replay_resume(struct esp_replay *r, uint64_t seq, const struct esp_seen *seen);
/* For a window in use, see esp_in_raise. */
void esp_replay_raise(struct esp_replay *r, uint64_t seq);
/* See esp_in_seen. */
uint64_t esp_replay_seen(const struct esp_replay *r, struct esp_seen *out);

static inline uint64_t esp_replay_top(const struct esp_replay *r)
{
	return atomic_load_explicit(&r->top, memory_order_relaxed);
}

#endif
