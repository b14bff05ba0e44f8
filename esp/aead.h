/*
 * esp/aead.h: the combined-mode half of the OpenSSL back end: GCM, CCM, GMAC, ChaCha20-Poly1305,
 * with the IV on the wire or implicit; an engine's cipher takes the place of OpenSSL's where it has
 * one. Private to it; crypto_openssl.c calls it.
 */
#ifndef CYGNET_ESP_AEAD_H
#define CYGNET_ESP_AEAD_H

#include "esp/ccm.h"
#include "esp/suite.h"

enum { ESP_NONCE_MAX = 12 };

struct esp_aead {
	/* Set at creation, then immutable. */
	const struct esp_encr *encr;
	bool esn;
	const struct esp_engine *engine; /* borrowed; NULL: OpenSSL */
	/* Secret; written by the SA's data thread with every packet. */
	void *engine_key;	      /* owned, the engine's; never written after */
	EVP_CIPHER_CTX *ctx;	      /* owned; NULL with CCM or an engine */
	struct esp_ccm ccm;	      /* with CCM */
	uint8_t nonce[ESP_NONCE_MAX]; /* the salt stays, eight bytes behind it are the IV */
};

/* 0, -ENOMEM; esp_aead_fini undoes what was done. keys->encr: with its salt. */
int esp_aead_init(struct esp_aead *a, const struct esp_encr *encr, const struct esp_keys *keys,
		  bool seal, bool esn) __attribute__((warn_unused_result));
void esp_aead_fini(struct esp_aead *a); /* all zero is fine */
/* As esp_crypto_seal and esp_crypto_open. */
bool esp_aead_seal(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq,
		   uint64_t unique);
bool esp_aead_open(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq);

#endif
