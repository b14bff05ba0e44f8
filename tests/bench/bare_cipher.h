/*
 * tests/bench/bare_cipher.h: what bench_esp measures ESP against: the same cipher on the same
 * library, key expanded once, then per packet nonce, AAD, one pass and tag. No ESP around it.
 */
#ifndef CYGNET_BENCH_BARE_CIPHER_H
#define CYGNET_BENCH_BARE_CIPHER_H

#include "esp/esp.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* the low-level hashes, as in esp/hmac.c */
#include <openssl/evp.h>
#include <openssl/sha.h>

union bare_hash {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};

struct bare {
	struct esp_suite_spec spec;
	EVP_CIPHER_CTX *seal, *open; /* NULL with NULL encryption */
	EVP_CIPHER_CTX *mac;	     /* AES-XCBC, AES-CMAC */
	union bare_hash inner, outer;
	uint32_t iv_len, text_len;
};

/* Ends the program with a sentence unless ok is 1. */
void need(int ok, const char *what);

void bare_init(struct bare *b, const struct esp_suite *suite, const struct esp_keys *keys,
	       uint32_t len);
void bare_fini(struct bare *b);
/* One packet in place: header, IV, text, ICV, as ESP has them. */
void bare_one(struct bare *b, uint8_t *slot, int seal);

#endif
