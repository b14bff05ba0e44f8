/*
 * ike-lite/prf.c: HMAC as PRF and as INTEG, RFC 7296 §2.13, RFC 4868. IKE sends few messages: the
 * plain EVP_MAC is fast enough here.
 */
#include "ike-lite/prf.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/* HMAC over the parts, whole: out holds IKE_PRF_LEN_MAX bytes. */
static bool hmac(const char *digest, struct ike_span key, const struct ike_span *parts,
		 unsigned count, uint8_t *out)
{
	/* OSSL_PARAM wants it writable and does not write. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t len;
	bool ok;

	/* Without a key OpenSSL would go on with the last one. */
	ok = ctx && EVP_MAC_init(ctx, key.data ? key.data : (const uint8_t *)"", key.len, params);
	for (unsigned i = 0; ok && i < count; i++)
		ok = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len);
	ok = ok && EVP_MAC_final(ctx, out, &len, IKE_PRF_LEN_MAX);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

bool ike_prf(const struct ike_algorithm *prf, struct ike_span key, const struct ike_span *parts,
	     unsigned count, uint8_t *out)
{
	uint8_t digest[IKE_PRF_LEN_MAX];
	bool ok = hmac(prf->openssl, key, parts, count, digest);

	if (ok)
		memcpy(out, digest, prf->key_len);
	OPENSSL_cleanse(digest, sizeof(digest));
	return ok;
}

bool ike_prf_plus(const struct ike_algorithm *prf, struct ike_span key,
		  const struct ike_span *parts, unsigned count, uint8_t *out, uint32_t len)
{
	struct ike_span all[IKE_PARTS_MAX + 2];
	uint8_t block[IKE_PRF_LEN_MAX], number = 1;
	uint32_t done = 0;
	bool ok = true;

	assert(count <= IKE_PARTS_MAX && len <= 255U * prf->key_len);
	/* T1 = prf(K, S | 1), Tn = prf(K, Tn-1 | S | n) */
	all[0] = (struct ike_span){block, 0};
	for (unsigned i = 0; i < count; i++)
		all[1 + i] = parts[i];
	all[1 + count] = (struct ike_span){&number, 1};
	for (; ok && done < len; number++) {
		uint32_t n = len - done < prf->key_len ? len - done : prf->key_len;

		ok = ike_prf(prf, key, all, count + 2, block);
		if (ok)
			memcpy(out + done, block, n);
		done += n;
		all[0].len = prf->key_len;
	}
	OPENSSL_cleanse(block, sizeof(block));
	if (!ok)
		OPENSSL_cleanse(out, len);
	return ok;
}

bool ike_integ(const struct ike_algorithm *integ, const uint8_t *key, const struct ike_span *parts,
	       unsigned count, uint8_t *out)
{
	uint8_t digest[IKE_PRF_LEN_MAX];

	if (!hmac(integ->openssl, (struct ike_span){key, integ->key_len}, parts, count, digest))
		return false;
	memcpy(out, digest, integ->icv_len); /* RFC 4868 §2.1: cut in half */
	return true;
}
