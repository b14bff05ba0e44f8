/*
 * esp/cbc_mac.c: AES-XCBC-MAC, RFC 3566, and AES-CMAC, RFC 4493. Both are CBC over the message with
 * a secret block XORed onto the last one; they differ in where the secret blocks come from.
 *
 * They stand on OpenSSL's AES-CBC, not its EVP_MAC: CMAC there allocates for every message, and
 * XCBC is not there at all. CBC keeps its chaining value between calls, so a message goes through
 * in pieces, whose output is of no interest but for its last block.
 */
#include "esp/cbc_mac.h"

#include "esp/keyed.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
	BLOCK = ESP_CBC_MAC_LEN,
	PIECE = 512, /* bytes at a time: what the output needs on the stack */
};

/* ---- keys ------------------------------------------------------------------------------- */

/* RFC 4493 §2.3: multiplication by x in GF(2^128). No branch on a secret. */
static void double_block(const uint8_t in[static BLOCK], uint8_t out[static BLOCK])
{
	uint8_t carry = (uint8_t)(in[0] >> 7);

	for (int i = 0; i < BLOCK - 1; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[BLOCK - 1] = (uint8_t)((in[BLOCK - 1] << 1) ^ (0x87 & -carry));
}

static bool encrypt_block(EVP_CIPHER_CTX *ecb, uint8_t value, uint8_t out[static BLOCK])
{
	uint8_t in[BLOCK];
	int n;

	memset(in, value, sizeof(in));
	return EVP_CipherUpdate(ecb, out, &n, in, sizeof(in)) == 1;
}

/* RFC 3566 §4 step 1: three keys, of which the first is the cipher's. */
static bool xcbc_keys(struct esp_cbc_mac *m, EVP_CIPHER_CTX *ecb)
{
	uint8_t key[BLOCK];

	if (encrypt_block(ecb, 1, key) && encrypt_block(ecb, 2, m->whole) &&
	    encrypt_block(ecb, 3, m->padded))
		m->cbc = esp_keyed_cipher(EVP_aes_128_cbc(), key, true);
	OPENSSL_cleanse(key, sizeof(key));
	return m->cbc != NULL;
}

/* RFC 4493 §2.3: the cipher has the key itself, the two blocks are multiples of one secret. */
static bool cmac_keys(struct esp_cbc_mac *m, EVP_CIPHER_CTX *ecb, const uint8_t key[static 16])
{
	uint8_t secret[BLOCK];

	if (encrypt_block(ecb, 0, secret)) {
		double_block(secret, m->whole);
		double_block(m->whole, m->padded);
		m->cbc = esp_keyed_cipher(EVP_aes_128_cbc(), key, true);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return m->cbc != NULL;
}

int esp_cbc_mac_init(struct esp_cbc_mac *m, enum esp_integ_id id, const uint8_t key[static 16])
{
	EVP_CIPHER_CTX *ecb = esp_keyed_cipher(EVP_aes_128_ecb(), key, true);
	bool ok;

	assert(id == ESP_INTEG_AES_XCBC || id == ESP_INTEG_AES_CMAC);
	memset(m, 0, sizeof(*m));
	if (!ecb)
		return -ENOMEM;
	ok = id == ESP_INTEG_AES_XCBC ? xcbc_keys(m, ecb) : cmac_keys(m, ecb, key);
	EVP_CIPHER_CTX_free(ecb); /* clears its key schedule */
	if (ok)
		return 0;
	esp_cbc_mac_fini(m);
	return -ENOMEM;
}

void esp_cbc_mac_fini(struct esp_cbc_mac *m)
{
	EVP_CIPHER_CTX_free(m->cbc); /* clears its key schedule */
	OPENSSL_cleanse(m, sizeof(*m));
}

/* ---- messages --------------------------------------------------------------------------- */

bool esp_cbc_absorb(EVP_CIPHER_CTX *cbc, const uint8_t *data, size_t len,
		    uint8_t chain[static ESP_CBC_MAC_LEN])
{
	uint8_t out[PIECE];
	bool ok = true;
	int n = 0;

	for (size_t done = 0; ok && done < len; done += (size_t)n) {
		n = len - done < PIECE ? (int)(len - done) : PIECE;
		ok = EVP_CipherUpdate(cbc, out, &n, data + done, n) == 1 && n >= BLOCK;
	}
	if (ok && len)
		memcpy(chain, out + n - BLOCK, BLOCK);
	/* A chaining value would let its reader extend messages. */
	OPENSSL_cleanse(out, len < PIECE ? len : PIECE);
	return ok;
}

/* The last 1 to 16 bytes, or none of an empty message: pads and masks them. */
static void mask_last(const struct esp_cbc_mac *m, uint8_t last[static BLOCK], size_t len)
{
	const uint8_t *mask = len == BLOCK ? m->whole : m->padded;

	if (len < BLOCK) {
		last[len] = 0x80;
		memset(last + len + 1, 0, BLOCK - len - 1);
	}
	for (int i = 0; i < BLOCK; i++)
		last[i] ^= mask[i];
}

bool esp_cbc_mac_sum(struct esp_cbc_mac *m, const uint8_t *data, size_t len, const uint8_t *tail,
		     size_t tail_len, uint8_t mac[static ESP_CBC_MAC_LEN])
{
	static const uint8_t zero_iv[BLOCK];
	uint8_t end[BLOCK + ESP_CBC_MAC_TAIL_MAX]; /* what absorb leaves of data, and the tail */
	size_t head = len > 0 ? (len - 1) / BLOCK * BLOCK : 0, rest = len - head;
	uint8_t *last = end; /* the block that is masked: the first of end or the second */

	assert(tail_len <= ESP_CBC_MAC_TAIL_MAX);
	if (rest)
		memcpy(end, data + head, rest);
	if (tail_len)
		memcpy(end + rest, tail, tail_len);
	rest += tail_len;
	if (rest > BLOCK) {
		last += BLOCK;
		rest -= BLOCK;
	}
	mask_last(m, last, rest);
	return EVP_CipherInit_ex2(m->cbc, NULL, NULL, zero_iv, 1, NULL) == 1 &&
	       esp_cbc_absorb(m->cbc, data, head, mac) &&
	       esp_cbc_absorb(m->cbc, end, (size_t)(last - end) + BLOCK, mac);
}
