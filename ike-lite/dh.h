/*
 * ike-lite/dh.h: Diffie-Hellman, RFC 7296 §2.14: MODP (RFC 3526), ECP (RFC 5903), Curve25519 and
 * Curve448 (RFC 8031). The private value is made of bytes the caller gives, so that a machine with the
 * same randomness says the same; all work on it takes the same time whatever it is.
 */
#ifndef CYGNET_IKE_DH_H
#define CYGNET_IKE_DH_H

#include "ike-lite/message.h"

enum { IKE_DH_PUBLIC_MAX = 512, IKE_DH_SECRET_MAX = 512, IKE_DH_RANDOM_MAX = 80 };

struct ike_dh;

/* Bytes of randomness a private value is made of, and of a public value; 0: no such group. */
uint32_t ike_dh_random_len(uint16_t group);
uint32_t ike_dh_public_len(uint16_t group);

/* Makes a key pair of ike_dh_random_len bytes. 0 and *out (owned); -EINVAL: no such group; -ENOMEM. */
int ike_dh_new(struct ike_dh **out, uint16_t group, const uint8_t *random)
	__attribute__((warn_unused_result));
void ike_dh_free(struct ike_dh *dh); /* NULL is fine; cleanses */

uint16_t ike_dh_group(const struct ike_dh *dh);
/* What the KE payload carries; borrowed until ike_dh_free. */
struct ike_span ike_dh_public(const struct ike_dh *dh);

/* g^ir as RFC 7296 §2.14 wants it: MODP as long as the prime, of ECP the x coordinate. secret holds
 * IKE_DH_SECRET_MAX bytes, which the caller cleanses. 0 and *len; -EBADMSG: the peer's value is no good:
 * wrong length, 0, 1, p - 1 or more (RFC 6989 §2.1), not on the curve (§2.3), or it makes
 * nought (RFC 7748 §6); -ENOMEM. */
int ike_dh_secret(const struct ike_dh *dh, struct ike_span peer,
		  uint8_t secret[static IKE_DH_SECRET_MAX], uint32_t *len)
	__attribute__((warn_unused_result));

#endif
