/*
 * tests/unit/xfrm/sample.h: values to send through the codec, picked at random from a seed that is
 * printed, and the comparison field by field. Shared by the tests of this folder.
 */
#ifndef CYGNET_XFRM_SAMPLE_H
#define CYGNET_XFRM_SAMPLE_H

#include "xfrm/xfrm.h"

#include <check.h>

enum { SAMPLE_BUFFER = 16384 };

/* A buffer that holds any message, aligned for netlink. */
struct sample_buffer {
	_Alignas(8) uint8_t bytes[SAMPLE_BUFFER];
	size_t len;
};

/* From $CYGNET_SEED or the clock; printed, so that a failure can be had again. */
uint64_t sample_seed(void);
uint64_t sample_next(uint64_t *rng);
uint32_t sample_below(uint64_t *rng, uint32_t limit);

/* Hex digits to bytes. */
void sample_hex(const char *hex, struct sample_buffer *out);

/* Valid values; reply: with a status, as in a dump's entry. */
void sample_sa(uint64_t *rng, bool reply, struct xfrm_sa *out);
void sample_policy(uint64_t *rng, bool reply, struct xfrm_policy *out);
/* An AES-256-GCM tunnel between 192.0.2.1 and 192.0.2.2, SPI 0x1001: easy to read in a failure. */
struct xfrm_sa sample_plain_sa(void);
/* 10.1.0.0/16 to 10.2.0.0/16, out, protected by that tunnel. */
struct xfrm_policy sample_plain_policy(void);

/* Encodes; fails the test if it does not fit. */
void sample_put(const struct xfrm_message *msg, struct sample_buffer *out);

void ck_assert_same_selector(const struct selector *a, const struct selector *b);
void ck_assert_same_sa(const struct xfrm_sa *a, const struct xfrm_sa *b);
void ck_assert_same_policy(const struct policy_config *a, const struct policy_config *b);

#endif
