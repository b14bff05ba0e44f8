/*
 * esp/ccm.h: AES-CCM as ESP uses it, RFC 3610 with the parameters of RFC 4309 §4: 11 bytes of
 * nonce, a tag of 8, 12 or 16. Private to the OpenSSL back end; aead.c calls it.
 */
#ifndef CYGNET_ESP_CCM_H
#define CYGNET_ESP_CCM_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_CCM_NONCE_LEN = 11, ESP_CCM_AAD_MAX = 14 };

struct esp_ccm {
	EVP_CIPHER_CTX *ctr; /* owned, keyed */
	EVP_CIPHER_CTX *cbc; /* owned, keyed */
	uint8_t tag_len;     /* set at creation, then immutable */
};

/* 0, -ENOMEM; esp_ccm_fini undoes what was done. */
int esp_ccm_init(struct esp_ccm *c, const uint8_t *key, uint8_t key_len, uint8_t tag_len)
	__attribute__((warn_unused_result));
void esp_ccm_fini(struct esp_ccm *c); /* all zero is fine */
/* Encrypts text in place and writes the tag behind it. False if the library failed. */
bool esp_ccm_seal(struct esp_ccm *c, const uint8_t nonce[static ESP_CCM_NONCE_LEN],
		  const uint8_t *aad, size_t aad_len, uint8_t *text, uint32_t text_len);
/* Decrypts text in place; true if the tag behind it is right. */
bool esp_ccm_open(struct esp_ccm *c, const uint8_t nonce[static ESP_CCM_NONCE_LEN],
		  const uint8_t *aad, size_t aad_len, uint8_t *text, uint32_t text_len);

#endif
