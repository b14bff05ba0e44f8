/*
 * esp/suite.h: the rows of the table of transforms, private to esp. What a row says is all that
 * sizes, padding and key checks need to know; what OpenSSL calls the algorithm stays in
 * the crypto back end. Read by seal.c, open.c, mtu.c and the crypto back end.
 */
#ifndef CYGNET_ESP_SUITE_H
#define CYGNET_ESP_SUITE_H

#include "esp/esp.h"

/* IKEv2 transform type 1. One row per key length. Lengths in bytes. */
struct esp_encr {
	const char *name;
	enum esp_encr_id id;
	uint8_t key_len;  /* the cipher's own, without salt */
	uint8_t salt_len; /* the nonce's first bytes: RFC 4106 §4, RFC 4309 §4, RFC 7634 §2 */
	uint8_t iv_len;	  /* on the wire; 0 for NULL and where it is implicit, RFC 8750 */
	uint8_t block;	  /* ciphertext is a multiple of it; 1 for stream ciphers */
	uint8_t icv_len;  /* of an AEAD; 0: needs a row of esp_integ */
};

/* IKEv2 transform type 3. */
struct esp_integ {
	const char *name;
	enum esp_integ_id id;
	uint8_t key_len;
	uint8_t icv_len;
};

/* Why not: sentences for esp_suite_find, static (refusal.c). */
const char *esp_why_encr(enum esp_encr_id id);
const char *esp_why_integ(enum esp_integ_id id);
const char *esp_why_pair(const struct esp_encr *encr);
const char *esp_why_encr_key(enum esp_encr_id id);
const char *esp_why_integ_key(enum esp_integ_id id);
const char *esp_why_icv(const struct esp_suite_spec *spec);

static inline bool esp_encr_is_aead(const struct esp_encr *encr)
{
	return encr->icv_len != 0;
}

static inline uint32_t esp_suite_icv_len(const struct esp_suite *suite)
{
	return esp_encr_is_aead(suite->encr) ? suite->encr->icv_len : suite->integ->icv_len;
}

/* Payload, padding and trailer fill whole units of this: four bytes, so that pad length and next
 * header end a 32-bit word (RFC 4303 §2.4), or the cipher's block. A power of two. */
static inline uint32_t esp_suite_align(const struct esp_suite *suite)
{
	return suite->encr->block > 4 ? suite->encr->block : 4;
}

#endif
