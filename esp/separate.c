/*
 * esp/separate.c: encrypt, then MAC, RFC 4303 §3.3.2.1: AES-CBC (RFC 3602), AES-CTR (RFC 3686) or
 * NULL (RFC 2410) on OpenSSL's EVP, each with any MAC of mac.c. Contexts are keyed when the SA is
 * made; per packet only the IV is set, and nothing is allocated.
 */
#include "esp/separate.h"

#include "esp/keyed.h"
#include "esp/wire.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>

enum { AES_BLOCK = 16, IV_KEY_LEN = 32 };

static_assert((int)IV_KEY_LEN == SHA256_DIGEST_LENGTH, "the IV key is one HMAC-SHA2-256 output");

static const EVP_CIPHER *evp_cipher(const struct esp_encr *encr)
{
	if (encr->id == ESP_ENCR_AES_CTR)
		return encr->key_len == 16   ? EVP_aes_128_ctr()
		       : encr->key_len == 24 ? EVP_aes_192_ctr()
					     : EVP_aes_256_ctr();
	assert(encr->id == ESP_ENCR_AES_CBC);
	return encr->key_len == 16   ? EVP_aes_128_cbc()
	       : encr->key_len == 24 ? EVP_aes_192_cbc()
				     : EVP_aes_256_cbc();
}

/* A key of its own for the IVs of CBC, from the encryption key: one key in two roles would let an
 * IV collide with a block of the message in a way the other side can choose. */
static EVP_CIPHER_CTX *iv_cipher_new(const struct esp_encr *encr, const uint8_t *encr_key)
{
	static const char label[] = "cygnet ESP AES-CBC IV";
	uint8_t iv_key[ESP_HMAC_MAX];
	struct esp_hmac hmac;
	EVP_CIPHER_CTX *ctx;

	esp_hmac_init(&hmac, ESP_INTEG_HMAC_SHA2_256, encr_key, encr->key_len);
	esp_hmac_begin(&hmac);
	esp_hmac_update(&hmac, label, sizeof(label) - 1);
	esp_hmac_end(&hmac, iv_key);
	esp_hmac_fini(&hmac);
	ctx = esp_keyed_cipher(EVP_aes_256_ecb(), iv_key, true);
	OPENSSL_cleanse(iv_key, sizeof(iv_key));
	return ctx;
}

int esp_separate_init(struct esp_separate *s, const struct esp_suite *suite,
		      const struct esp_keys *keys, bool seal, bool esn)
{
	s->encr = suite->encr;
	s->integ = suite->integ;
	s->esn = esn;
	if (s->encr->id != ESP_ENCR_NULL) {
		s->cipher = esp_keyed_cipher(evp_cipher(s->encr), keys->encr, seal);
		if (!s->cipher)
			return -ENOMEM;
	}
	if (s->encr->id == ESP_ENCR_AES_CTR)
		memcpy(s->nonce, keys->encr + s->encr->key_len, ESP_CTR_NONCE_LEN);
	if (s->encr->id == ESP_ENCR_AES_CBC && seal) {
		s->iv_cipher = iv_cipher_new(s->encr, keys->encr);
		if (!s->iv_cipher)
			return -ENOMEM;
	}
	return esp_mac_init(&s->mac, s->integ, keys->integ);
}

void esp_separate_fini(struct esp_separate *s)
{
	EVP_CIPHER_CTX_free(s->cipher); /* clears its key schedule */
	EVP_CIPHER_CTX_free(s->iv_cipher);
	esp_mac_fini(&s->mac);
	OPENSSL_cleanse(s, sizeof(*s));
}

/* ---- ciphers ---------------------------------------------------------------------------- */

/* RFC 3602 §3: the IV must be unpredictable. The encryption of a number never used before under a
 * key used for nothing else is a pseudo-random permutation's output: nobody without the key can
 * tell it from random, and it cannot repeat. No random source is needed, so esp stays pure. The SPI
 * keeps apart SAs that were given one key by hand. */
static bool make_cbc_iv(struct esp_separate *s, uint8_t *esp, uint64_t unique)
{
	uint8_t block[AES_BLOCK] = {0};
	int n;

	store_be64(block, unique);
	memcpy(block + 8, esp, 4);
	return EVP_CipherUpdate(s->iv_cipher, esp + ESP_HEADER_LEN, &n, block, AES_BLOCK) == 1;
}

static bool make_iv(struct esp_separate *s, uint8_t *esp, uint64_t unique)
{
	if (s->encr->id == ESP_ENCR_AES_CBC)
		return make_cbc_iv(s, esp, unique);
	store_be64(esp + ESP_HEADER_LEN, unique); /* it must differ, not surprise: RFC 3686 §2.1 */
	return true;
}

static bool cipher_pass(struct esp_separate *s, uint8_t *esp, uint32_t text_len, int seal)
{
	uint8_t *iv = esp + ESP_HEADER_LEN;
	uint8_t *text = iv + s->encr->iv_len;
	uint8_t counter[AES_BLOCK];
	int n;

	if (s->encr->id == ESP_ENCR_AES_CTR) { /* RFC 3686 §4: nonce, IV, a counter from one */
		memcpy(counter, s->nonce, ESP_CTR_NONCE_LEN);
		memcpy(counter + ESP_CTR_NONCE_LEN, iv, s->encr->iv_len);
		store_be32(counter + 12, 1);
		iv = counter;
	}
	return EVP_CipherInit_ex2(s->cipher, NULL, NULL, iv, seal, NULL) == 1 &&
	       EVP_CipherUpdate(s->cipher, text, &n, text, (int)text_len) == 1;
}

/* ---- packets ---------------------------------------------------------------------------- */

/* Header, IV and ciphertext, then with ESN the high half, which does not travel. RFC 4303 §2.8,
 * §2.2.1. */
static bool packet_mac(struct esp_separate *s, const uint8_t *esp, uint32_t text_len, uint64_t seq,
		       uint8_t mac[static ESP_MAC_MAX])
{
	uint8_t seq_hi[4];

	store_be32(seq_hi, (uint32_t)(seq >> 32));
	return esp_mac_sum(&s->mac, esp, (size_t)ESP_HEADER_LEN + s->encr->iv_len + text_len,
			   seq_hi, s->esn ? sizeof(seq_hi) : 0, mac);
}

bool esp_separate_seal(struct esp_separate *s, uint8_t *esp, uint32_t text_len, uint64_t seq,
		       uint64_t unique)
{
	uint8_t mac[ESP_MAC_MAX];

	if (s->cipher && !(make_iv(s, esp, unique) && cipher_pass(s, esp, text_len, 1)))
		return false;
	if (!packet_mac(s, esp, text_len, seq, mac))
		return false;
	memcpy(esp + ESP_HEADER_LEN + s->encr->iv_len + text_len, mac, s->integ->icv_len);
	return true;
}

bool esp_separate_open(struct esp_separate *s, uint8_t *esp, uint32_t text_len, uint64_t seq)
{
	const uint8_t *icv = esp + ESP_HEADER_LEN + s->encr->iv_len + text_len;
	uint8_t mac[ESP_MAC_MAX];
	bool authentic;

	authentic = packet_mac(s, esp, text_len, seq, mac) &&
		    CRYPTO_memcmp(mac, icv, s->integ->icv_len) == 0;
	/* The right ICV of a forged packet is a secret; it stays nowhere. */
	OPENSSL_cleanse(mac, sizeof(mac));
	if (!authentic)
		return false;
	return !s->cipher || cipher_pass(s, esp, text_len, 0);
}
