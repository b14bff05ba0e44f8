/*
 * ike-lite/sk.c: the Encrypted payload, RFC 7296 §3.14. An AEAD's nonce is the salt and the IV (RFC 5282
 * §4, RFC 7634 §2), its IV a counter that belongs to the keys (RFC 5282 §3.1 wants it unique), CBC's
 * IV is random (§3.14). Padding fills CBC's blocks; an AEAD gets the pad length byte alone.
 */
#include "ike-lite/sk.h"

#include "ike-lite/bytes.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { PAD_LENGTH_LEN = 1, NONCE_LEN = 12 };

static uint32_t icv_len(const struct ike_suite *suite)
{
	return suite->encr->aead ? suite->encr->icv_len : suite->integ->icv_len;
}

/* Bytes of padding before the pad length byte. */
static uint32_t pad_len(const struct ike_suite *suite, uint32_t text_len)
{
	uint32_t block = suite->encr->block_len;

	return (block - (text_len + PAD_LENGTH_LEN) % block) % block;
}

uint32_t ike_sk_crypt_len(const struct ike_suite *suite, uint32_t text_len)
{
	return suite->encr->iv_len + text_len + pad_len(suite, text_len) + PAD_LENGTH_LEN +
	       icv_len(suite);
}

uint32_t ike_sk_text_max(const struct ike_suite *suite, uint32_t crypt_len)
{
	uint32_t fixed = suite->encr->iv_len + icv_len(suite), block = suite->encr->block_len;
	uint32_t whole;

	if (crypt_len <= fixed)
		return 0;
	whole = (crypt_len - fixed) / block * block;
	return whole > PAD_LENGTH_LEN ? whole - PAD_LENGTH_LEN : 0;
}

uint32_t ike_sk_sealed_len(const struct ike_suite *suite, uint32_t inner_len)
{
	return IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + ike_sk_crypt_len(suite, inner_len);
}

/* One pass of a cipher over text in place of out; icv: of an AEAD, written or compared. */
static bool cipher_run(const struct ike_algorithm *encr, const uint8_t *key, const uint8_t *iv,
		       bool seal, struct ike_span aad, struct ike_span text, uint8_t *out,
		       uint8_t *icv)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, encr->openssl, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_LEN];
	int n = 0, tail = 0;
	bool ok = cipher && ctx;

	if (encr->aead) {
		memcpy(nonce, key + encr->key_len, encr->salt_len);
		memcpy(nonce + encr->salt_len, iv, encr->iv_len);
	}
	ok = ok && EVP_CipherInit_ex2(ctx, cipher, key, encr->aead ? nonce : iv, seal, NULL) &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0);
	if (encr->aead) {
		ok = ok && EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len);
		if (!seal)
			ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, encr->icv_len,
						       icv) > 0;
	}
	ok = ok && EVP_CipherUpdate(ctx, out, &n, text.data, (int)text.len) &&
	     EVP_CipherFinal_ex(ctx, out + n, &tail) && (uint32_t)(n + tail) == text.len;
	if (encr->aead && seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, encr->icv_len, icv) > 0;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

static const uint8_t *encr_key(const struct ike_keys *keys, bool initiator)
{
	return initiator ? keys->ei : keys->er;
}

static const uint8_t *integ_key(const struct ike_keys *keys, bool initiator)
{
	return initiator ? keys->ai : keys->ar;
}

bool ike_sk_seal_behind(struct ike_keys *keys, bool initiator, const struct ike_env *env,
			uint8_t *out, uint32_t aad_len, struct ike_span text)
{
	const struct ike_algorithm *encr = keys->suite.encr, *integ = keys->suite.integ;
	uint32_t pad = pad_len(&keys->suite, text.len);
	uint32_t body_len = text.len + pad + PAD_LENGTH_LEN;
	uint8_t *iv = out + aad_len, *body = iv + encr->iv_len, *icv = body + body_len;
	struct ike_span covered = {out, aad_len + encr->iv_len + body_len};

	if (encr->aead)
		store_u64(iv, keys->sealed);
	else
		env->random(env->ctx, iv, encr->iv_len);
	keys->sealed++;
	memmove(body, text.data, text.len);
	memset(body + text.len, 0, pad);
	body[body_len - 1] = (uint8_t)pad;
	if (!cipher_run(encr, encr_key(keys, initiator), iv, true, (struct ike_span){out, aad_len},
			(struct ike_span){body, body_len}, body, icv)) {
		OPENSSL_cleanse(body, body_len);
		return false;
	}
	return encr->aead || ike_integ(integ, integ_key(keys, initiator), &covered, 1, icv);
}

uint32_t ike_sk_seal(struct ike_keys *keys, const struct ike_env *env, const struct ike_header *h,
		     uint8_t inner_first, struct ike_span inner, uint8_t *out, uint32_t room)
{
	uint32_t len = ike_sk_sealed_len(&keys->suite, inner.len);
	struct ike_writer w;
	uint32_t start;

	if (inner.len > IKE_MESSAGE_MAX || len > IKE_MESSAGE_MAX || len > room)
		return 0;
	ike_writer_begin(&w, out, room, h);
	start = ike_payload_begin(&w, IKE_SK);
	(void)ike_put_gap(&w, len - IKE_HEADER_LEN - IKE_PAYLOAD_HEADER_LEN);
	ike_payload_end(&w, start);
	out[start] = inner_first;
	(void)ike_writer_end(&w);
	if (!ike_sk_seal_behind(keys, h->flags & IKE_FLAG_INITIATOR, env, out,
				IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN, inner))
		return 0;
	return len;
}

/* Authenticates and decrypts; body: between IV and ICV. */
static bool decrypt(const struct ike_keys *keys, bool initiator, struct ike_span datagram,
		    uint32_t aad_len, struct ike_span body, uint8_t *plain)
{
	const struct ike_algorithm *encr = keys->suite.encr, *integ = keys->suite.integ;
	const uint8_t *iv = datagram.data + aad_len, *icv = body.data + body.len;
	struct ike_span covered = {datagram.data, (uint32_t)(icv - datagram.data)};
	uint8_t expected[IKE_PRF_LEN_MAX];

	if (encr->aead)
		memcpy(expected, icv, encr->icv_len); /* OpenSSL compares */
	else if (!ike_integ(integ, integ_key(keys, initiator), &covered, 1, expected) ||
		 CRYPTO_memcmp(expected, icv, integ->icv_len) != 0)
		return false;
	return cipher_run(encr, encr_key(keys, initiator), iv, false,
			  (struct ike_span){datagram.data, aad_len}, body, plain, expected);
}

int ike_sk_open_behind(const struct ike_keys *keys, bool initiator, struct ike_span datagram,
		       uint32_t aad_len, uint8_t *plain, struct ike_span *text)
{
	const struct ike_suite *suite = &keys->suite;
	uint32_t fixed = suite->encr->iv_len + icv_len(suite), pad;
	struct ike_span body;

	assert(aad_len <= datagram.len);
	if (datagram.len - aad_len < fixed + PAD_LENGTH_LEN)
		return -EBADMSG;
	body = (struct ike_span){datagram.data + aad_len + suite->encr->iv_len,
				 datagram.len - aad_len - fixed};
	if (body.len % suite->encr->block_len != 0)
		return -EBADMSG;
	if (!decrypt(keys, initiator, datagram, aad_len, body, plain)) {
		OPENSSL_cleanse(plain, body.len);
		return -EACCES;
	}
	pad = plain[body.len - 1];
	if (pad > body.len - PAD_LENGTH_LEN)
		return -EPROTO;
	*text = (struct ike_span){plain, body.len - PAD_LENGTH_LEN - pad};
	return 0;
}

int ike_sk_open(const struct ike_keys *keys, struct ike_span datagram, struct ike_span body,
		uint8_t *plain, struct ike_span *inner)
{
	struct ike_header h;

	if (!ike_header_parse(datagram, &h))
		return -EBADMSG;
	assert(body.data + body.len == datagram.data + datagram.len);
	return ike_sk_open_behind(keys, h.flags & IKE_FLAG_INITIATOR, datagram,
				  datagram.len - body.len, plain, inner);
}
