/*
 * esp/ccm.c: AES-CCM, RFC 3610: a CBC-MAC over the plaintext, then counter mode over both. Made of
 * OpenSSL's AES-CBC and AES-CTR, as its own CCM allocates two strings for an error report with
 * every packet whose tag is wrong: a stranger who floods would decide how often we allocate.
 *
 *     MAC over   | flags | nonce | text length |  | AAD length | AAD | 0.. |  | text | 0.. |
 *     counter    | 3 | nonce | 0 | hides the tag, then 1, 2, .. the text
 */
#include "esp/ccm.h"

#include "esp/cbc_mac.h"
#include "esp/keyed.h"
#include "esp/suite.h"
#include "esp/wire.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>

enum { BLOCK = 16, LENGTH_LEN = 4 }; /* RFC 4309 §4: L is 4 */

static_assert(1 + ESP_CCM_NONCE_LEN + LENGTH_LEN == BLOCK, "flags, nonce and length fill a block");

int esp_ccm_init(struct esp_ccm *c, const uint8_t *key, uint8_t key_len, uint8_t tag_len)
{
	const EVP_CIPHER *ctr = key_len == 16	? EVP_aes_128_ctr()
				: key_len == 24 ? EVP_aes_192_ctr()
						: EVP_aes_256_ctr();
	const EVP_CIPHER *cbc = key_len == 16	? EVP_aes_128_cbc()
				: key_len == 24 ? EVP_aes_192_cbc()
						: EVP_aes_256_cbc();

	c->tag_len = tag_len;
	c->ctr = esp_keyed_cipher(ctr, key, true);
	c->cbc = esp_keyed_cipher(cbc, key, true);
	return c->ctr && c->cbc ? 0 : -ENOMEM;
}

void esp_ccm_fini(struct esp_ccm *c)
{
	EVP_CIPHER_CTX_free(c->ctr); /* clears its key schedule */
	EVP_CIPHER_CTX_free(c->cbc);
	OPENSSL_cleanse(c, sizeof(*c));
}

/* RFC 3610 §2.2: the CBC-MAC, not yet encrypted. */
static bool plain_tag(struct esp_ccm *c, const uint8_t *nonce, const uint8_t *aad, size_t aad_len,
		      const uint8_t *text, uint32_t text_len, uint8_t tag[static BLOCK])
{
	static const uint8_t zero_iv[BLOCK];
	uint32_t head = text_len / BLOCK * BLOCK, rest = text_len - head;
	uint8_t first[2 * BLOCK] = {0}, last[BLOCK] = {0};
	bool ok;

	assert(aad_len > 0 && aad_len <= ESP_CCM_AAD_MAX);
	first[0] = (uint8_t)(1 << 6 | (c->tag_len - 2) / 2 << 3 | (LENGTH_LEN - 1));
	memcpy(first + 1, nonce, ESP_CCM_NONCE_LEN);
	store_be32(first + BLOCK - LENGTH_LEN, text_len);
	first[BLOCK + 1] = (uint8_t)aad_len;
	memcpy(first + BLOCK + 2, aad, aad_len);
	if (rest)
		memcpy(last, text + head, rest);
	ok = EVP_CipherInit_ex2(c->cbc, NULL, NULL, zero_iv, 1, NULL) == 1 &&
	     esp_cbc_absorb(c->cbc, first, sizeof(first), tag) &&
	     esp_cbc_absorb(c->cbc, text, head, tag) &&
	     esp_cbc_absorb(c->cbc, last, rest ? BLOCK : 0, tag);
	OPENSSL_cleanse(last, sizeof(last));
	return ok;
}

/* RFC 3610 §2.3: the key stream begins with the block that hides the tag. */
static bool begin_stream(struct esp_ccm *c, const uint8_t *nonce, uint8_t tag_mask[static BLOCK])
{
	uint8_t counter[BLOCK] = {LENGTH_LEN - 1};
	int n;

	memcpy(counter + 1, nonce, ESP_CCM_NONCE_LEN);
	memset(tag_mask, 0, BLOCK);
	return EVP_CipherInit_ex2(c->ctr, NULL, NULL, counter, 1, NULL) == 1 &&
	       EVP_CipherUpdate(c->ctr, tag_mask, &n, tag_mask, BLOCK) == 1;
}

static void mask(uint8_t tag[static BLOCK], const uint8_t tag_mask[static BLOCK])
{
	for (int i = 0; i < BLOCK; i++)
		tag[i] ^= tag_mask[i];
}

bool esp_ccm_seal(struct esp_ccm *c, const uint8_t nonce[static ESP_CCM_NONCE_LEN],
		  const uint8_t *aad, size_t aad_len, uint8_t *text, uint32_t text_len)
{
	uint8_t tag[BLOCK], tag_mask[BLOCK];
	bool ok;
	int n;

	ok = plain_tag(c, nonce, aad, aad_len, text, text_len, tag) &&
	     begin_stream(c, nonce, tag_mask) &&
	     EVP_CipherUpdate(c->ctr, text, &n, text, (int)text_len) == 1;
	if (ok) {
		mask(tag, tag_mask);
		memcpy(text + text_len, tag, c->tag_len);
	}
	OPENSSL_cleanse(tag_mask, sizeof(tag_mask));
	return ok;
}

bool esp_ccm_open(struct esp_ccm *c, const uint8_t nonce[static ESP_CCM_NONCE_LEN],
		  const uint8_t *aad, size_t aad_len, uint8_t *text, uint32_t text_len)
{
	uint8_t tag[BLOCK], tag_mask[BLOCK];
	bool authentic;
	int n;

	authentic = begin_stream(c, nonce, tag_mask) &&
		    EVP_CipherUpdate(c->ctr, text, &n, text, (int)text_len) == 1 &&
		    plain_tag(c, nonce, aad, aad_len, text, text_len, tag);
	if (authentic) {
		mask(tag, tag_mask);
		authentic = CRYPTO_memcmp(tag, text + text_len, c->tag_len) == 0;
	}
	/* The right tag of a forged packet is a secret; it stays nowhere. */
	OPENSSL_cleanse(tag, sizeof(tag));
	OPENSSL_cleanse(tag_mask, sizeof(tag_mask));
	/* Nobody shall look at what a forger had decrypted. RFC 3610 §2.5 */
	if (!authentic)
		OPENSSL_cleanse(text, text_len);
	return authentic;
}
