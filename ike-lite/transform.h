/*
 * ike-lite/transform.h: the one table of algorithms: strongSwan's words for them, their numbers on the
 * wire, sizes, what OpenSSL calls them, and which row of esp's table they are. What is not in it is
 * neither offered nor chosen.
 */
#ifndef CYGNET_IKE_TRANSFORM_H
#define CYGNET_IKE_TRANSFORM_H

#include "ike-lite/ike.h"

/* Where we do an algorithm. */
enum { IKE_FOR_IKE = 1, IKE_FOR_ESP = 2 };

/* One algorithm with one key length. Lengths in bytes. */
struct ike_algorithm {
	const char *word;  /* the one we write */
	const char *alias; /* another one we read, or NULL */
	struct ike_transform transform;
	uint8_t used_for; /* IKE_FOR_IKE, IKE_FOR_ESP, both, or 0: known, and refused by name */
	bool aead;
	uint8_t key_len;  /* ENCR without salt; INTEG and PRF: key and full digest */
	uint8_t salt_len; /* ENCR: RFC 5282 §4, RFC 7634 §2; stands behind the key */
	uint8_t iv_len, block_len;
	uint8_t icv_len;     /* of an AEAD, or of INTEG */
	const char *openssl; /* cipher, digest or group; NULL where IKE does not use it */
	uint8_t esp;	     /* enum esp_encr_id or esp_integ_id */
};

/* The row of a transform; NULL: not in the table. */
const struct ike_algorithm *ike_algorithm_of(const struct ike_transform *t);
/* The row of a word, in lower case; NULL: no such word. */
const struct ike_algorithm *ike_algorithm_named(const char *word, size_t len);
/* Row i of the table; NULL past the end. */
const struct ike_algorithm *ike_algorithm_at(unsigned i);

/* What an IKE SA was agreed to use. Plain value, pointers into the table. */
struct ike_suite {
	const struct ike_algorithm *encr;
	const struct ike_algorithm *integ; /* NULL with an AEAD */
	const struct ike_algorithm *prf;
	uint16_t dh;
};

#endif
