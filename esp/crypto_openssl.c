/*
 * esp/crypto_openssl.c: the back end of esp/crypto.h on OpenSSL: combined-mode transforms are in
 * aead.c, a cipher with a separate MAC in separate.c, and here is the choice between the two.
 */
#include "esp/aead.h"
#include "esp/crypto.h"
#include "esp/keyed.h"
#include "esp/separate.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>

struct esp_crypto {
	bool is_aead; /* set at creation, then immutable; says which of the two is there */
	union {
		struct esp_aead aead;
		struct esp_separate separate;
	};
};

EVP_CIPHER_CTX *esp_keyed_cipher(const EVP_CIPHER *type, const uint8_t *key, bool seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx)
		return NULL;
	/* We pad ourselves: the trailer is ESP's, not PKCS 7's. Where there is nothing to pad it stays
	 * unsaid, since OpenSSL 3.0 would say it again to the cipher with every nonce. */
	if (EVP_CipherInit_ex2(ctx, type, key, NULL, seal, NULL) != 1 ||
	    (EVP_CIPHER_get_block_size(type) > 1 && EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int esp_crypto_new(struct esp_crypto **out, const struct esp_suite *suite,
		   const struct esp_keys *keys, enum esp_crypto_direction direction, bool esn)
{
	struct esp_crypto *c = OPENSSL_zalloc(sizeof(*c));
	bool seal = direction == ESP_CRYPTO_SEAL;
	int rc;

	if (!c)
		return -ENOMEM;
	c->is_aead = esp_encr_is_aead(suite->encr);
	rc = c->is_aead ? esp_aead_init(&c->aead, suite->encr, keys, seal, esn)
			: esp_separate_init(&c->separate, suite, keys, seal, esn);
	if (rc)
		esp_crypto_free(c);
	else
		*out = c;
	return rc;
}

void esp_crypto_free(struct esp_crypto *c)
{
	if (!c)
		return;
	if (c->is_aead)
		esp_aead_fini(&c->aead);
	else
		esp_separate_fini(&c->separate);
	OPENSSL_free(c); /* what is left holds no secret */
}

bool esp_crypto_seal(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq,
		     uint64_t unique)
{
	assert(text_len <= IP_PACKET_MAX + ESP_TAILROOM);
	if (c->is_aead)
		return esp_aead_seal(&c->aead, esp, text_len, seq, unique);
	return esp_separate_seal(&c->separate, esp, text_len, seq, unique);
}

bool esp_crypto_open(struct esp_crypto *c, uint8_t *esp, uint32_t text_len, uint64_t seq)
{
	assert(text_len <= IP_PACKET_MAX + ESP_TAILROOM);
	if (c->is_aead)
		return esp_aead_open(&c->aead, esp, text_len, seq);
	return esp_separate_open(&c->separate, esp, text_len, seq);
}
