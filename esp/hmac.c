/*
 * esp/hmac.c: HMAC-SHA1 and HMAC-SHA2 for the packet path, RFC 2104, RFC 4868. The key's two
 * blocks are hashed when the SA is made and the states copied for every packet, as RFC 2104 §4
 * proposes.
 *
 * It stands on OpenSSL's low-level hashes, which version 3 calls deprecated but keeps. EVP_MAC and
 * EVP_MD of OpenSSL 3.0 allocate and free twice for every message, which the packet path must not,
 * and take 2.4 times as long over a 96-byte packet (414 ns against 171 ns).
 */
#include "esp/hmac.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

enum { BLOCK_MAX = SHA512_CBLOCK };

static size_t block_len(enum esp_integ_id id)
{
	bool small = id == ESP_INTEG_HMAC_SHA1 || id == ESP_INTEG_HMAC_SHA2_256;

	/* Two macros with one value: the point of the assertion. NOLINTNEXTLINE(misc-redundant-expression) */
	static_assert(SHA_CBLOCK == SHA256_CBLOCK, "one block size for the two small hashes");
	return small ? SHA256_CBLOCK : SHA512_CBLOCK;
}

/* The return values of these calls are constant: they cannot fail. */
static void hash_init(enum esp_integ_id id, union esp_hash *state)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		(void)SHA1_Init(&state->sha1);
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		(void)SHA256_Init(&state->sha256);
	else if (id == ESP_INTEG_HMAC_SHA2_384)
		(void)SHA384_Init(&state->sha512);
	else
		(void)SHA512_Init(&state->sha512);
}

static void hash_update(enum esp_integ_id id, union esp_hash *state, const void *data, size_t len)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		(void)SHA1_Update(&state->sha1, data, len);
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		(void)SHA256_Update(&state->sha256, data, len);
	else if (id == ESP_INTEG_HMAC_SHA2_384)
		(void)SHA384_Update(&state->sha512, data, len);
	else
		(void)SHA512_Update(&state->sha512, data, len);
}

/* Returns the digest's length. */
static size_t hash_final(enum esp_integ_id id, union esp_hash *state, uint8_t *digest)
{
	if (id == ESP_INTEG_HMAC_SHA1) {
		(void)SHA1_Final(digest, &state->sha1);
		return SHA_DIGEST_LENGTH;
	}
	if (id == ESP_INTEG_HMAC_SHA2_256) {
		(void)SHA256_Final(digest, &state->sha256);
		return SHA256_DIGEST_LENGTH;
	}
	if (id == ESP_INTEG_HMAC_SHA2_384) {
		(void)SHA384_Final(digest, &state->sha512);
		return SHA384_DIGEST_LENGTH;
	}
	(void)SHA512_Final(digest, &state->sha512);
	return SHA512_DIGEST_LENGTH;
}

/* Copies no more than the hash in use fills: SHA-512's state is twice the others'. */
static void hash_copy(enum esp_integ_id id, union esp_hash *to, const union esp_hash *from)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		to->sha1 = from->sha1;
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		to->sha256 = from->sha256;
	else
		to->sha512 = from->sha512;
}

static void hash_key_block(enum esp_integ_id id, union esp_hash *state, const uint8_t *key,
			   size_t key_len, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
	hash_init(id, state);
	hash_update(id, state, block, block_len(id));
	OPENSSL_cleanse(block, sizeof(block));
}

void esp_hmac_init(struct esp_hmac *h, enum esp_integ_id id, const uint8_t *key, size_t key_len)
{
	assert(id == ESP_INTEG_HMAC_SHA1 || id == ESP_INTEG_HMAC_SHA2_256 ||
	       id == ESP_INTEG_HMAC_SHA2_384 || id == ESP_INTEG_HMAC_SHA2_512);
	assert(key_len <= block_len(id));
	h->id = id;
	hash_key_block(id, &h->inner, key, key_len, 0x36);
	hash_key_block(id, &h->outer, key, key_len, 0x5c);
}

void esp_hmac_fini(struct esp_hmac *h)
{
	OPENSSL_cleanse(h, sizeof(*h));
}

void esp_hmac_begin(struct esp_hmac *h)
{
	hash_copy(h->id, &h->work, &h->inner);
}

void esp_hmac_update(struct esp_hmac *h, const void *data, size_t len)
{
	hash_update(h->id, &h->work, data, len);
}

void esp_hmac_end(struct esp_hmac *h, uint8_t mac[static ESP_HMAC_MAX])
{
	size_t len = hash_final(h->id, &h->work, mac);

	hash_copy(h->id, &h->work, &h->outer);
	hash_update(h->id, &h->work, mac, len);
	(void)hash_final(h->id, &h->work, mac);
}
