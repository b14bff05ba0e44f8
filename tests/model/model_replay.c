/*
 * tests/model/model_replay.c: is the clever window equal to the dumb one? The dumb one remembers
 * every number it ever took in a sorted list and knows nothing of words, rings or halves; for
 * extended numbers it asks which 64-bit number near the window has the given low half. Random steps,
 * seeded: CYGNET_SEED=n repeats a run, CYGNET_ROUNDS=n makes it longer.
 */
#include "esp/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a source of random numbers that is the same everywhere (splitmix64) ------------------ */

static uint64_t state;
static unsigned long seen[V_COUNT]; /* verdicts the runs came by */

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ---- the dumb window ---------------------------------------------------------------------- */

struct naive {
	uint64_t window;
	bool esn;
	uint64_t top;
	uint64_t *taken; /* every number, in no order */
	size_t count, room;
};

static enum verdict naive_check(const struct naive *n, uint64_t seq)
{
	if (seq == 0)
		return V_REPLAY_OLD;
	if (seq <= n->top && n->top - seq >= n->window)
		return V_REPLAY_OLD;
	for (size_t i = 0; i < n->count; i++)
		if (n->taken[i] == seq)
			return V_REPLAY_DUP;
	return V_OK;
}

static void naive_commit(struct naive *n, uint64_t seq)
{
	size_t kept = 0;

	if (seq > n->top)
		n->top = seq;
	/* Forget what has become old, or a long run would crawl. */
	for (size_t i = 0; i < n->count; i++)
		if (n->top - n->taken[i] < n->window)
			n->taken[kept++] = n->taken[i];
	n->count = kept;
	if (n->count == n->room) {
		n->room = n->room ? 2 * n->room : 64;
		n->taken = realloc(n->taken, n->room * sizeof(*n->taken));
		if (!n->taken)
			abort();
	}
	n->taken[n->count++] = seq;
}

/* Of all 64-bit numbers with this low half, the lowest one that is not below the window; what
 * Appendix A2 says in one line. Where there is none, the highest there is. */
static uint64_t naive_infer(const struct naive *n, uint32_t seq_lo)
{
	uint64_t bottom = n->top < n->window - 1 ? 0 : n->top - (n->window - 1);
	uint64_t high = bottom >> 32;
	uint64_t guess = high << 32 | seq_lo;

	if (!n->esn)
		return seq_lo;
	if (guess >= bottom)
		return guess;
	return high == UINT32_MAX ? guess : guess + (1ull << 32);
}

/* ---- one run of both ------------------------------------------------------------------------ */

/* Numbers worth trying: near the top, near the edges of window and halves, anywhere. */
static uint64_t pick(const struct naive *n, uint64_t limit)
{
	static const uint64_t marks[] = {0,
					 1,
					 UINT32_MAX - 1ull,
					 UINT32_MAX,
					 1ull << 32,
					 (1ull << 32) + 1,
					 UINT64_MAX - 1,
					 UINT64_MAX};
	uint64_t jitter = draw() % 5;
	uint64_t seq;

	switch (draw() % 16) {
	case 0:
		seq = n->top - n->window + jitter - 2;
		break;
	case 1:
		seq = n->top + n->window + jitter - 2;
		break;
	case 2:
		seq = n->top + (draw() >> (32 + draw() % 32));
		break;
	case 3:
		seq = draw() % 64 ? n->top + jitter : marks[draw() % 8];
		break;
	case 4:
		seq = n->top - draw() % (3 * n->window);
		break;
	default:
		seq = draw() % 2 ? n->top + draw() % 4 : n->top - draw() % (n->window + 2);
		break;
	}
	return seq <= limit ? seq : seq & UINT32_MAX;
}

static bool differ(const struct naive *n, const char *what, uint64_t seq, uint64_t ours,
		   uint64_t theirs)
{
	fprintf(stderr,
		"%s differs: window %" PRIu64 " esn %d top %#" PRIx64 " seq %#" PRIx64
		": window says %#" PRIx64 ", model says %#" PRIx64 "\n",
		what, n->window, n->esn, n->top, seq, ours, theirs);
	return false;
}

/* One number through both; false if they disagree about anything. */
static bool same_step(struct esp_replay *r, struct naive *n, uint64_t seq)
{
	uint64_t inferred = esp_replay_infer(r, (uint32_t)seq);
	uint64_t expected = naive_infer(n, (uint32_t)seq);
	enum verdict v, model;

	if (inferred != expected)
		return differ(n, "inference", seq, inferred, expected);
	v = esp_replay_check(r, inferred);
	model = naive_check(n, inferred);
	if (v != model)
		return differ(n, "check", inferred, v, model);
	seen[v]++;
	/* Half of what passes is a forgery, which must leave no trace. */
	if (v == V_OK && draw() % 2) {
		esp_replay_commit(r, inferred);
		naive_commit(n, inferred);
	}
	if (esp_replay_top(r) != n->top)
		return differ(n, "top", inferred, esp_replay_top(r), n->top);
	return true;
}

/* The sender's side of the oracle: while it sends numbers no further than half a subspace from the
 * receiver's top and not below its window, the receiver must infer each exactly. */
static bool oracle(struct esp_replay *r, const struct naive *n)
{
	uint64_t below = n->top < n->window - 1 ? n->top : n->window - 1;
	uint64_t ahead = UINT64_MAX - n->top;
	uint64_t seq;

	if (!n->esn)
		return true;
	if (ahead > 0x7fffffff)
		ahead = 0x7fffffff;
	seq = n->top - below + draw() % (below + ahead + 1);
	if (esp_replay_infer(r, (uint32_t)seq) != seq)
		return differ(n, "oracle", seq, esp_replay_infer(r, (uint32_t)seq), seq);
	return true;
}

static bool run(uint32_t window, bool esn, uint64_t start, unsigned rounds)
{
	uint64_t limit = esn ? UINT64_MAX : UINT32_MAX;
	struct naive n = {.window = window, .esn = esn};
	struct esp_replay r;
	bool same = true;

	if (esp_replay_init(&r, window, esn))
		abort();
	if (start) {
		esp_replay_commit(&r, start);
		naive_commit(&n, start);
	}
	for (unsigned i = 0; i < rounds && same; i++)
		same = same_step(&r, &n, pick(&n, limit)) && oracle(&r, &n);
	esp_replay_fini(&r);
	free(n.taken);
	return same;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
	static const uint32_t windows[] = {1, 31, 32, 33, 64, 65, 128, 1000, 4096, 5000};
	static const uint64_t starts[] = {0,
					  1,
					  63,
					  64,
					  65,
					  4999,
					  5000,
					  UINT32_MAX - 5000ull,
					  UINT32_MAX - 1ull,
					  UINT32_MAX,
					  1ull << 32,
					  (1ull << 32) + 63,
					  (7ull << 32) - 1,
					  (7ull << 32) + 4095,
					  UINT64_MAX - (1ull << 32),
					  UINT64_MAX - 5000,
					  UINT64_MAX - 1,
					  UINT64_MAX};
	uint64_t seed = setting("CYGNET_SEED", 0x43794e);
	unsigned rounds = (unsigned)setting("CYGNET_ROUNDS", 10000);
	unsigned runs = 0;

	state = seed;
	printf("CYGNET_SEED=%" PRIu64 " CYGNET_ROUNDS=%u\n", seed, rounds);
	for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
		for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
			for (int esn = 0; esn < 2; esn++) {
				if (!esn && starts[s] > UINT32_MAX)
					continue;
				if (!run(windows[w], esn, starts[s], rounds))
					return EXIT_FAILURE;
				runs++;
			}
		}
	}
	printf("%u runs agree: %lu ok, %lu old, %lu duplicate\n", runs, seen[V_OK],
	       seen[V_REPLAY_OLD], seen[V_REPLAY_DUP]);
	/* A run that never met one of the three has asked nothing about it. */
	return seen[V_OK] && seen[V_REPLAY_OLD] && seen[V_REPLAY_DUP] ? EXIT_SUCCESS : EXIT_FAILURE;
}
