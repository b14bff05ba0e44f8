/*
 * esp/aead.c: AEADs on OpenSSL's EVP: AES-GCM (RFC 4106), AES-CCM (RFC 4309, by ccm.c), AES-GMAC
 * (RFC 4543), ChaCha20-Poly1305 (RFC 7634), and the implicit IV of RFC 8750. Contexts are keyed when the SA is
 * made; per packet only the nonce is set, and nothing is allocated.
 *
 *     nonce   | salt: 4 bytes, CCM 3 | IV on the wire, or the sequence number: 8 bytes |
 *     AAD     | SPI | with ESN the high half | low half |, GMAC: | IV | text | besides
 */
#include "esp/aead.h"

#include "esp/keyed.h"
#include "esp/wire.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

enum { NONCE_IV_LEN = 8 };

static const EVP_CIPHER *gcm_type(uint8_t key_len)
{
	return key_len == 16   ? EVP_aes_128_gcm()
	       : key_len == 24 ? EVP_aes_192_gcm()
			       : EVP_aes_256_gcm();
}

int esp_aead_init(struct esp_aead *a, const struct esp_encr *encr, const struct esp_keys *keys,
		  bool seal, bool esn)
{
	const uint8_t *key = keys->encr;

	a->encr = encr;
	a->esn = esn;
	memcpy(a->nonce, key + encr->key_len, encr->salt_len);
	if (keys->engine && keys->engine->has(encr->id, encr->key_len)) {
		a->engine = keys->engine;
		a->engine_key = a->engine->key_new(encr->id, key, encr->key_len);
		return a->engine_key ? 0 : -ENOMEM;
	}
	if (encr->id == ESP_ENCR_AES_CCM)
		return esp_ccm_init(&a->ccm, key, encr->key_len, encr->icv_len);
	if (encr->id == ESP_ENCR_CHACHA20_POLY1305 || encr->id == ESP_ENCR_CHACHA20_POLY1305_IIV)
		a->ctx = esp_keyed_cipher(EVP_chacha20_poly1305(), key, seal);
	else
		a->ctx = esp_keyed_cipher(gcm_type(encr->key_len), key, seal);
	return a->ctx ? 0 : -ENOMEM;
}

void esp_aead_fini(struct esp_aead *a)
{
	if (a->engine)
		a->engine->key_free(a->engine_key);
	EVP_CIPHER_CTX_free(a->ctx); /* clears its key schedule */
	esp_ccm_fini(&a->ccm);
	OPENSSL_cleanse(a, sizeof(*a));
}

/* RFC 4106 §5: SPI and sequence number as they stand, or with ESN the whole 64 bits of it. The
 * others follow it, RFC 8750 included. */
static int put_aad(const struct esp_aead *a, const uint8_t *esp, uint64_t seq, uint8_t aad[12])
{
	memcpy(aad, esp, ESP_HEADER_LEN);
	if (!a->esn)
		return ESP_HEADER_LEN;
	store_be64(aad + 4, seq);
	return 12;
}

static void set_nonce(struct esp_aead *a, const uint8_t *esp, uint64_t seq)
{
	uint8_t *at = a->nonce + a->encr->salt_len;

	if (a->encr->iv_len)
		memcpy(at, esp + ESP_HEADER_LEN, NONCE_IV_LEN);
	else /* RFC 8750 §4: without ESN the upper half is zero */
		store_be64(at, seq);
}

/* Sets the nonce and runs AAD and text through the cipher. */
static bool pass(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq, int seal)
{
	uint8_t *iv = esp + ESP_HEADER_LEN;
	uint8_t *text = iv + a->encr->iv_len;
	uint8_t aad[12];
	int aad_len = put_aad(a, esp, seq, aad);
	int n;

	set_nonce(a, esp, seq);
	if (EVP_CipherInit_ex2(a->ctx, NULL, NULL, a->nonce, seal, NULL) != 1 ||
	    EVP_CipherUpdate(a->ctx, NULL, &n, aad, aad_len) != 1)
		return false;
	/* RFC 4543 §3.3: to GMAC everything is AAD, the IV too. */
	if (a->encr->id == ESP_ENCR_AES_GMAC)
		return EVP_CipherUpdate(a->ctx, NULL, &n, iv, a->encr->iv_len + (int)text_len) == 1;
	return EVP_CipherUpdate(a->ctx, text, &n, text, (int)text_len) == 1;
}

static bool ccm_pass(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq, bool seal)
{
	uint8_t *text = esp + ESP_HEADER_LEN + a->encr->iv_len;
	uint8_t aad[12];
	size_t aad_len = (size_t)put_aad(a, esp, seq, aad);

	set_nonce(a, esp, seq);
	return seal ? esp_ccm_seal(&a->ccm, a->nonce, aad, aad_len, text, text_len)
		    : esp_ccm_open(&a->ccm, a->nonce, aad, aad_len, text, text_len);
}

static struct esp_aead_pass engine_pass(struct esp_aead *a, uint8_t *esp, uint32_t text_len,
					uint64_t seq)
{
	struct esp_aead_pass pass;

	static_assert(sizeof(pass.nonce) == sizeof(a->nonce), "engines take the nonce whole");
	set_nonce(a, esp, seq);
	memcpy(pass.nonce, a->nonce, sizeof(pass.nonce));
	pass.aad_len = (uint32_t)put_aad(a, esp, seq, pass.aad);
	pass.text = esp + ESP_HEADER_LEN + a->encr->iv_len;
	pass.text_len = text_len;
	pass.icv = pass.text + text_len;
	pass.icv_len = a->encr->icv_len;
	return pass;
}

bool esp_aead_seal(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq,
		   uint64_t unique)
{
	uint8_t *iv = esp + ESP_HEADER_LEN;
	uint8_t *icv = iv + a->encr->iv_len + text_len;
	OSSL_PARAM tag[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, icv, a->encr->icv_len),
		OSSL_PARAM_END};
	int n;

	/* A counter is a fine IV for these: it must differ, not surprise. RFC 4106 §3.1. */
	if (a->encr->iv_len)
		store_be64(iv, unique);
	if (a->engine) {
		const struct esp_aead_pass engine = engine_pass(a, esp, text_len, seq);

		a->engine->seal(a->engine_key, &engine);
		return true;
	}
	if (a->encr->id == ESP_ENCR_AES_CCM)
		return ccm_pass(a, esp, text_len, seq, true);
	return pass(a, esp, text_len, seq, 1) && EVP_CipherFinal_ex(a->ctx, icv, &n) == 1 &&
	       EVP_CIPHER_CTX_get_params(a->ctx, tag) == 1;
}

bool esp_aead_open(struct esp_aead *a, uint8_t *esp, uint32_t text_len, uint64_t seq)
{
	uint8_t *icv = esp + ESP_HEADER_LEN + a->encr->iv_len + text_len;
	OSSL_PARAM tag[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, icv, a->encr->icv_len),
		OSSL_PARAM_END};
	int n;

	if (a->engine) {
		const struct esp_aead_pass engine = engine_pass(a, esp, text_len, seq);

		return a->engine->open(a->engine_key, &engine);
	}
	if (a->encr->id == ESP_ENCR_AES_CCM)
		return ccm_pass(a, esp, text_len, seq, false);
	return pass(a, esp, text_len, seq, 0) && EVP_CIPHER_CTX_set_params(a->ctx, tag) == 1 &&
	       EVP_CipherFinal_ex(a->ctx, icv, &n) == 1;
}
