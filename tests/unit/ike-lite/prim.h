/*
 * tests/unit/ike-lite/prim.h: what the tests of ike-lite's primitives share: bytes written as
 * hexadecimal, surroundings whose randomness is known, keys of a suite by its words.
 */
#ifndef CYGNET_TEST_IKE_PRIM_H
#define CYGNET_TEST_IKE_PRIM_H

#include "ike-lite/keys.h"
#include "ike-lite/proposal.h"

#include <check.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { PRIM_BYTES_MAX = 2048 };

/* Bytes of a test, whole. */
struct prim_bytes {
	uint8_t data[PRIM_BYTES_MAX];
	uint32_t len;
};
struct prim_bytes prim_unhex(const char *text);
struct ike_span prim_span(const struct prim_bytes *b);
/* A span over a literal without its end. */
#define PRIM_TEXT(text) ((struct ike_span){(const uint8_t *)(text), sizeof(text) - 1})
void prim_expect(struct ike_span got, const char *hex, const char *what);

/* A copy on the heap that ends where it ends: a reader that goes on is caught by the sanitizers. */
struct prim_exact {
	struct ike_span span;
	uint8_t *owned;
};
struct prim_exact prim_exact(const uint8_t *data, uint32_t len);
void prim_exact_free(struct prim_exact *e);

/* Randomness that can be told: a run of numbers from seed, or bytes given. */
struct prim_random {
	uint64_t state;
	struct ike_span script; /* used up first */
};
struct ike_env prim_env(struct prim_random *r);
uint32_t prim_number(struct prim_random *r, uint32_t below);

struct ike_suite prim_suite(const char *words);
/* Keys of a suite, all different, of no exchange. */
struct ike_keys prim_keys(const char *words);
/* Suites that together use each cipher, each INTEG and each PRF; NULL past the end. */
const char *prim_suite_words(unsigned i);

int prim_run(TCase *tc, const char *name);

#endif
