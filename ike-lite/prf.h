/*
 * ike-lite/prf.h: keyed hashes: PRF and prf+ (RFC 7296 §2.13), INTEG (RFC 4868). The rows come from
 * the table of algorithms. Each returns false only if OpenSSL could not: out of memory.
 */
#ifndef CYGNET_IKE_PRF_H
#define CYGNET_IKE_PRF_H

#include "ike-lite/message.h"
#include "ike-lite/transform.h"

enum { IKE_PRF_LEN_MAX = 64, IKE_PARTS_MAX = 8 };

#define IKE_SPAN(array) ((struct ike_span){(const uint8_t *)(array), sizeof(array)})

/* prf(key, parts one after the other): prf->key_len bytes to out. */
bool ike_prf(const struct ike_algorithm *prf, struct ike_span key, const struct ike_span *parts,
	     unsigned count, uint8_t *out) __attribute__((warn_unused_result));
/* prf+(key, parts): len bytes to out, at most 255 times the PRF's own length (§2.13; asserted).
 * At most IKE_PARTS_MAX parts. */
bool ike_prf_plus(const struct ike_algorithm *prf, struct ike_span key,
		  const struct ike_span *parts, unsigned count, uint8_t *out, uint32_t len)
	__attribute__((warn_unused_result));
/* integ->icv_len bytes of checksum over the parts; key: integ->key_len bytes. */
bool ike_integ(const struct ike_algorithm *integ, const uint8_t *key, const struct ike_span *parts,
	       unsigned count, uint8_t *out) __attribute__((warn_unused_result));

#endif
