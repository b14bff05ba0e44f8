/*
 * esp/separate.h: the other half of the OpenSSL back end: a cipher, or none, and a MAC over what it
 * wrote. Private to it; crypto_openssl.c calls it.
 */
#ifndef CYGNET_ESP_SEPARATE_H
#define CYGNET_ESP_SEPARATE_H

#include "esp/mac.h"
#include "esp/suite.h"

enum { ESP_CTR_NONCE_LEN = 4 };

struct esp_separate {
	/* Set at creation, then immutable. */
	const struct esp_encr *encr;
	const struct esp_integ *integ;
	bool esn;
	/* Secret; written by the SA's data thread with every packet. */
	EVP_CIPHER_CTX *cipher;		  /* owned; NULL with NULL encryption */
	EVP_CIPHER_CTX *iv_cipher;	  /* owned; CBC, sealing only: see make_cbc_iv */
	uint8_t nonce[ESP_CTR_NONCE_LEN]; /* CTR; behind the key */
	struct esp_mac mac;
};

/* 0, -ENOMEM; esp_separate_fini undoes what was done. */
int esp_separate_init(struct esp_separate *s, const struct esp_suite *suite,
		      const struct esp_keys *keys, bool seal, bool esn)
	__attribute__((warn_unused_result));
void esp_separate_fini(struct esp_separate *s); /* all zero is fine */
/* As esp_crypto_seal and esp_crypto_open. */
bool esp_separate_seal(struct esp_separate *s, uint8_t *esp, uint32_t text_len, uint64_t seq,
		       uint64_t unique);
bool esp_separate_open(struct esp_separate *s, uint8_t *esp, uint32_t text_len, uint64_t seq);

#endif
