/*
 * esp/crypto.h: the cryptography of one SA in one direction, private to esp. A back end knows two
 * shapes of transform, AEAD and cipher with separate MAC, and works on a packet laid out in
 * place; sequence numbers, padding and the replay window are not its concern. seal.c and open.c
 * call it; crypto_openssl.c is the back end.
 *
 *     esp | SPI seq | IV | text_len bytes, a multiple of esp_suite_align | ICV |
 */
#ifndef CYGNET_ESP_CRYPTO_H
#define CYGNET_ESP_CRYPTO_H

#include "esp/suite.h"

struct esp_crypto;

enum esp_crypto_direction { ESP_CRYPTO_SEAL, ESP_CRYPTO_OPEN };

/* Expands the keys, once; they are not kept beyond the contexts. With esn the high half of the
 * sequence number is authenticated too. 0, -ENOMEM (the library has no other way to fail on keys
 * of the right length). */
int esp_crypto_new(struct esp_crypto **out, const struct esp_suite *suite,
		   const struct esp_keys *keys, enum esp_crypto_direction direction, bool esn)
	__attribute__((warn_unused_result));
void esp_crypto_free(struct esp_crypto *c); /* NULL is fine; cleanses keys */

/* Writes IV and ICV, encrypts. unique is a number this key has not sealed under before: what the
 * IV is made of. seq is the whole sequence number. False if the library failed: the bytes must not
 * leave then. */
bool esp_crypto_seal(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq,
		     uint64_t unique) __attribute__((warn_unused_result));
/* Verifies the ICV and decrypts. False: not authentic, the text is undefined. */
bool esp_crypto_open(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq)
	__attribute__((warn_unused_result));

#endif
