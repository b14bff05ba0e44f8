/*
 * esp/replay.c: the anti-replay window, RFC 4303 §3.4.3, with the ring of words of RFC 6479 and
 * the inference of extended sequence numbers of RFC 4303 Appendix A2. All arithmetic is on 64-bit
 * numbers and by subtraction, so nothing is special near 2^32 or 2^64.
 */
#include "esp/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

/* Window bits may begin at the last bit of a word: one word more than fits them. A power of two,
 * for the mask. */
static uint64_t words_for(uint32_t window)
{
	uint64_t need = ((uint64_t)window + WORD_BITS - 2) / WORD_BITS + 1;
	uint64_t words = 1;

	while (words < need)
		words *= 2;
	return words;
}

int esp_replay_init(struct esp_replay *r, uint32_t window, bool esn)
{
	uint64_t words = words_for(window);
	_Atomic uint64_t *bits = NULL;

	/* RFC 4303 §2.2.1: without a window there is nothing to infer the high half from. */
	if (window > ESP_WINDOW_MAX || (window == 0 && esn))
		return -EINVAL;
	if (window) {
		bits = calloc(words, sizeof(*bits));
		if (!bits)
			return -ENOMEM;
	}
	r->words = bits;
	r->word_mask = words - 1;
	r->window = window;
	r->esn = esn;
	atomic_init(&r->top, 0);
	return 0;
}

void esp_replay_fini(struct esp_replay *r)
{
	free(r->words);
	r->words = NULL;
}

uint64_t esp_replay_infer(const struct esp_replay *r, uint32_t seq_lo)
{
	uint64_t top = esp_replay_top(r);
	uint32_t top_lo = (uint32_t)top;
	uint32_t hi = (uint32_t)(top >> 32);
	uint32_t bottom_lo = top_lo - (r->window - 1); /* modulo 2^32, Appendix A2.1 */
	bool one_subspace = top_lo >= r->window - 1;

	if (!r->esn)
		return seq_lo;
	/* Case A, the window lies in one subspace: what is below it belongs to the next. Where there
	 * is no next, to this one, and the check finds it old. */
	if (one_subspace && seq_lo < bottom_lo && hi != UINT32_MAX)
		hi++;
	/* Case B, the window spans two subspaces: its lower part belongs to the one before. Before
	 * the first there is none: then it can only be a long way ahead in this one. */
	if (!one_subspace && seq_lo >= bottom_lo && hi != 0)
		hi--;
	return (uint64_t)hi << 32 | seq_lo;
}

static _Atomic uint64_t *word_of(const struct esp_replay *r, uint64_t seq)
{
	return &r->words[(seq / WORD_BITS) & r->word_mask];
}

static uint64_t bit_of(uint64_t seq)
{
	return (uint64_t)1 << (seq % WORD_BITS);
}

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* There is one writer. Release: who reads a word that the window came to, beside it, finds top there too
 * (esp_replay_seen). */
static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static bool is_set(const struct esp_replay *r, uint64_t seq)
{
	return load(word_of(r, seq)) & bit_of(seq);
}

enum verdict esp_replay_check(const struct esp_replay *r, uint64_t seq)
{
	uint64_t top = esp_replay_top(r);

	if (r->window == 0)
		return V_OK;
	/* Numbers begin at 1, RFC 4303 §2.2: 0 lies before the first. */
	if (seq == 0)
		return V_REPLAY_OLD;
	if (seq > top)
		return V_OK;
	if (top - seq >= r->window)
		return V_REPLAY_OLD;
	return is_set(r, seq) ? V_REPLAY_DUP : V_OK;
}

/* Clears the words the window moves into, RFC 6479 §3, at most each once. */
static void advance(struct esp_replay *r, uint64_t top, uint64_t seq)
{
	uint64_t steps = seq / WORD_BITS - top / WORD_BITS;

	if (steps > r->word_mask + 1)
		steps = r->word_mask + 1;
	for (uint64_t i = 0; i < steps; i++)
		store(&r->words[(seq / WORD_BITS - i) & r->word_mask], 0);
}

void esp_replay_commit(struct esp_replay *r, uint64_t seq)
{
	uint64_t top = esp_replay_top(r);

	if (seq > top) /* before any word is cleared */
		atomic_store_explicit(&r->top, seq, memory_order_relaxed);
	if (!r->window)
		return;
	if (seq > top)
		advance(r, top, seq);
	store(word_of(r, seq), load(word_of(r, seq)) | bit_of(seq));
}

/* How far back from top a record and the window both go. */
static uint32_t recorded(const struct esp_replay *r, uint64_t top)
{
	uint64_t len = r->window < ESP_SEEN_MAX ? r->window : ESP_SEEN_MAX;

	return (uint32_t)(top < len ? top : len); /* there is no number 0 */
}

/* The window ends at top, and all of it was seen. */
static void set_all(struct esp_replay *r, uint64_t top)
{
	atomic_store_explicit(&r->top, top, memory_order_relaxed);
	if (!r->window || !top)
		return;
	for (uint64_t i = 0; i <= r->word_mask; i++)
		store(&r->words[i], UINT64_MAX);
	/* What lies above in its word has not been seen: the window moves there without clearing. */
	store(word_of(r, top), UINT64_MAX >> (WORD_BITS - 1 - top % WORD_BITS));
}

void esp_replay_raise(struct esp_replay *r, uint64_t seq)
{
	const uint64_t top = esp_replay_top(r);

	if (top < seq) {
		set_all(r, seq);
		return;
	}
	for (uint64_t n = seq; n != 0 && top - n < r->window; n--)
		store(word_of(r, n), load(word_of(r, n)) | bit_of(n));
}

void esp_replay_resume(struct esp_replay *r, uint64_t seq, const struct esp_seen *seen)
{
	set_all(r, seq);
	if (!r->window)
		return;
	for (uint32_t i = 0; esp_was_seen(seen, 0) && i < recorded(r, seq); i++) {
		_Atomic uint64_t *word = word_of(r, seq - i);

		if (!esp_was_seen(seen, i))
			store(word, load(word) & ~bit_of(seq - i));
	}
}

/* What the words say of the numbers up to top. False: the window has come to one of these words again. */
static bool read_words(const struct esp_replay *r, uint64_t top, struct esp_seen *out)
{
	const uint32_t len = recorded(r, top);

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < len; i++) {
		const _Atomic uint64_t *word = word_of(r, top - i);

		if (atomic_load_explicit(word, memory_order_acquire) & bit_of(top - i))
			esp_note_seen(out, i);
	}
	return len == 0 ||
	       esp_replay_top(r) / WORD_BITS - (top - len + 1) / WORD_BITS <= r->word_mask;
}

uint64_t esp_replay_seen(const struct esp_replay *r, struct esp_seen *out)
{
	enum { TRIES = 8 };
	uint64_t top = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		top = esp_replay_top(r);
		if (read_words(r, top, out))
			return top;
	}
	/* Too fast for us. Then all of it: whoever goes on from here shall take nothing twice. */
	for (uint32_t i = 0; i < recorded(r, top); i++)
		esp_note_seen(out, i);
	return top;
}
