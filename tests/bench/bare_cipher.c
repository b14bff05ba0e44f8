/*
 * tests/bench/bare_cipher.c: see bare_cipher.h. The tag goes by parameter: EVP_CIPHER_CTX_ctrl would
 * make the baseline slower than it need be.
 */
#include "tests/bench/bare_cipher.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IV = 8, CCM_NONCE = 11 };

void need(int ok, const char *what)
{
	if (ok == 1)
		return;
	fprintf(stderr, "%s failed\n", what);
	exit(EXIT_FAILURE);
}

/* ---- keys ------------------------------------------------------------------------------- */

static const struct family {
	enum esp_encr_id id;
	uint32_t iv_len, align;
	const EVP_CIPHER *(*type[3])(void); /* by length of key */
} families[] = {
	{ESP_ENCR_NULL, 0, 4, {NULL, NULL, NULL}},
	{ESP_ENCR_AES_CBC, 16, 16, {EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc}},
	{ESP_ENCR_AES_CTR, IV, 4, {EVP_aes_128_ctr, EVP_aes_192_ctr, EVP_aes_256_ctr}},
	{ESP_ENCR_AES_GCM, IV, 4, {EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm}},
	{ESP_ENCR_AES_CCM, IV, 4, {EVP_aes_128_ccm, EVP_aes_192_ccm, EVP_aes_256_ccm}},
	{ESP_ENCR_AES_GMAC, IV, 4, {EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm}},
	{ESP_ENCR_CHACHA20_POLY1305, IV, 4, {NULL, NULL, EVP_chacha20_poly1305}},
	{ESP_ENCR_AES_GCM_IIV, 0, 4, {EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm}},
	{ESP_ENCR_CHACHA20_POLY1305_IIV, 0, 4, {NULL, NULL, EVP_chacha20_poly1305}},
};

static const struct family *family_of(enum esp_encr_id id)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].id == id)
			return &families[i];
	need(0, "finding the cipher");
	return NULL;
}

static EVP_CIPHER_CTX *context(const struct esp_suite_spec *spec, const uint8_t *key, int seal)
{
	const struct family *f = family_of(spec->encr);
	unsigned size = spec->encr_key_len < 24 ? 0 : spec->encr_key_len < 32 ? 1 : 2;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	need(ctx != NULL, "EVP_CIPHER_CTX_new");
	need(EVP_CipherInit_ex2(ctx, f->type[size](), NULL, NULL, seal, NULL), "cipher");
	if (spec->encr == ESP_ENCR_AES_CCM) {
		need(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, CCM_NONCE, NULL), "nonce");
		need(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, spec->icv_len, NULL), "tag");
	}
	need(EVP_CipherInit_ex2(ctx, NULL, key, NULL, seal, NULL), "key");
	if (EVP_CIPHER_CTX_get_block_size(ctx) > 1)
		need(EVP_CIPHER_CTX_set_padding(ctx, 0), "padding");
	return ctx;
}

static void hash_init(enum esp_integ_id id, union bare_hash *h)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		SHA1_Init(&h->sha1);
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		SHA256_Init(&h->sha256);
	else if (id == ESP_INTEG_HMAC_SHA2_384)
		SHA384_Init(&h->sha512);
	else
		SHA512_Init(&h->sha512);
}

static void hash_update(enum esp_integ_id id, union bare_hash *h, const uint8_t *data, size_t len)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		SHA1_Update(&h->sha1, data, len);
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		SHA256_Update(&h->sha256, data, len);
	else
		SHA512_Update(&h->sha512, data, len); /* SHA-384 differs in its ends only */
}

static void hash_final(enum esp_integ_id id, union bare_hash *h, uint8_t *out)
{
	if (id == ESP_INTEG_HMAC_SHA1)
		SHA1_Final(out, &h->sha1);
	else if (id == ESP_INTEG_HMAC_SHA2_256)
		SHA256_Final(out, &h->sha256);
	else
		SHA512_Final(out, &h->sha512);
}

static bool is_small_hash(enum esp_integ_id id)
{
	return id == ESP_INTEG_HMAC_SHA1 || id == ESP_INTEG_HMAC_SHA2_256;
}

static void hash_key(const struct bare *b, union bare_hash *h, const uint8_t *key, uint8_t pad)
{
	uint8_t block[128];

	memset(block, pad, sizeof(block));
	for (unsigned i = 0; i < b->spec.integ_key_len; i++)
		block[i] ^= key[i];
	hash_init(b->spec.integ, h);
	hash_update(b->spec.integ, h, block, is_small_hash(b->spec.integ) ? 64 : 128);
}

void bare_init(struct bare *b, const struct esp_suite *suite, const struct esp_keys *keys,
	       uint32_t len)
{
	static const struct esp_suite_spec cbc = {ESP_ENCR_AES_CBC, ESP_INTEG_NONE, 16, 0, 0};
	const struct family *f;

	memset(b, 0, sizeof(*b));
	b->spec = esp_suite_spec(suite);
	f = family_of(b->spec.encr);
	b->iv_len = f->iv_len;
	b->text_len = (len + ESP_TRAILER_LEN + f->align - 1) & ~(f->align - 1);
	if (b->spec.encr != ESP_ENCR_NULL) {
		b->seal = context(&b->spec, keys->encr, 1);
		b->open = context(&b->spec, keys->encr, b->spec.encr == ESP_ENCR_AES_CTR);
	}
	if (b->spec.integ == ESP_INTEG_AES_XCBC || b->spec.integ == ESP_INTEG_AES_CMAC)
		b->mac = context(&cbc, keys->integ, 1);
	else if (b->spec.integ != ESP_INTEG_NONE) {
		hash_key(b, &b->inner, keys->integ, 0x36);
		hash_key(b, &b->outer, keys->integ, 0x5c);
	}
}

void bare_fini(struct bare *b)
{
	EVP_CIPHER_CTX_free(b->seal);
	EVP_CIPHER_CTX_free(b->open);
	EVP_CIPHER_CTX_free(b->mac);
}

/* ---- packets ---------------------------------------------------------------------------- */

/* The CBC of whole blocks stands for both MACs made of it: that is what they cost. */
static void cbc_mac(EVP_CIPHER_CTX *ctx, const uint8_t *data, size_t len, uint8_t mac[64])
{
	static const uint8_t zero[16];
	uint8_t out[4096];
	int n, whole = (int)((len + 15) & ~(size_t)15); /* what lies behind is as good as padding */

	need(EVP_CipherInit_ex2(ctx, NULL, NULL, zero, 1, NULL), "MAC IV");
	need(EVP_CipherUpdate(ctx, out, &n, data, whole), "MAC");
	memcpy(mac, out + n - 16, 16);
}

static void mac_of(struct bare *b, const uint8_t *data, size_t len, uint8_t mac[64])
{
	static const uint8_t lengths[] = {20, 32, 48, 64};
	enum esp_integ_id id = b->spec.integ;
	union bare_hash h;

	if (b->mac) {
		cbc_mac(b->mac, data, len, mac);
		return;
	}
	h = b->inner;
	hash_update(id, &h, data, len);
	hash_final(id, &h, mac);
	h = b->outer;
	hash_update(id, &h, mac, lengths[id - ESP_INTEG_HMAC_SHA1]);
	hash_final(id, &h, mac);
}

static void aead(struct bare *b, EVP_CIPHER_CTX *ctx, uint8_t *slot, int seal)
{
	uint8_t *iv = slot + ESP_HEADER_LEN, *text = iv + b->iv_len, *icv = text + b->text_len;
	OSSL_PARAM tag[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, icv, b->spec.icv_len),
		OSSL_PARAM_END};
	bool ccm = b->spec.encr == ESP_ENCR_AES_CCM, gmac = b->spec.encr == ESP_ENCR_AES_GMAC;
	uint8_t nonce[12] = {0};
	int n, text_len = (int)b->text_len;

	memcpy(nonce + (ccm ? 3 : 4), b->iv_len ? iv : slot, IV);
	need(EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, seal, NULL), "nonce");
	if (!seal)
		need(EVP_CIPHER_CTX_set_params(ctx, tag), "set tag");
	if (ccm)
		need(EVP_CipherUpdate(ctx, NULL, &n, NULL, text_len), "length");
	need(EVP_CipherUpdate(ctx, NULL, &n, slot, ESP_HEADER_LEN), "AAD");
	need(EVP_CipherUpdate(ctx, gmac ? NULL : text, &n, text, text_len), "text");
	need(EVP_CipherFinal_ex(ctx, icv, &n), "final");
	if (seal)
		need(EVP_CIPHER_CTX_get_params(ctx, tag), "get tag");
}

static void crypt(struct bare *b, EVP_CIPHER_CTX *ctx, uint8_t *slot)
{
	uint8_t counter[16] = {0}, *iv = slot + ESP_HEADER_LEN, *text = iv + b->iv_len;
	int n;

	memcpy(counter + (b->iv_len == IV ? 4 : 0), iv, b->iv_len);
	need(EVP_CipherInit_ex2(ctx, NULL, NULL, counter, -1, NULL), "IV");
	need(EVP_CipherUpdate(ctx, text, &n, text, (int)b->text_len), "text");
}

void bare_one(struct bare *b, uint8_t *slot, int seal)
{
	EVP_CIPHER_CTX *ctx = seal ? b->seal : b->open;
	uint8_t *icv = slot + ESP_HEADER_LEN + b->iv_len + b->text_len;
	uint8_t mac[64];

	if (b->spec.integ == ESP_INTEG_NONE) {
		aead(b, ctx, slot, seal);
		return;
	}
	if (!seal) {
		mac_of(b, slot, (size_t)(icv - slot), mac);
		/* A MAC over the bytes behind the text, too, has changed by now: see cbc_mac. */
		need(b->mac || memcmp(mac, icv, b->spec.icv_len) == 0, "MAC");
	}
	if (ctx)
		crypt(b, ctx, slot);
	if (seal) {
		mac_of(b, slot, (size_t)(icv - slot), mac);
		memcpy(icv, mac, b->spec.icv_len);
	}
}
