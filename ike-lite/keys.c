/*
 * ike-lite/keys.c: the key schedule, RFC 7296 §2.13 to §2.18, RFC 8784 §3.
 */
#include "ike-lite/keys.h"

#include "ike-lite/bytes.h"

#include <assert.h>
#include <openssl/crypto.h>

uint32_t ike_keys_encr_len(const struct ike_suite *suite)
{
	return (uint32_t)suite->encr->key_len + suite->encr->salt_len;
}

uint32_t ike_keys_integ_len(const struct ike_suite *suite)
{
	return suite->integ ? suite->integ->key_len : 0;
}

/* SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
static bool expand(struct ike_keys *out, const struct ike_suite *suite, struct ike_span skeyseed,
		   const struct ike_key_inputs *in)
{
	uint32_t prf_len = suite->prf->key_len, encr_len = ike_keys_encr_len(suite),
		 integ_len = ike_keys_integ_len(suite);
	struct {
		uint8_t *to;
		uint32_t len;
	} order[] = {{out->d, prf_len},	  {out->ai, integ_len}, {out->ar, integ_len},
		     {out->ei, encr_len}, {out->er, encr_len},	{out->pi, prf_len},
		     {out->pr, prf_len}};
	uint8_t stream[3 * IKE_PRF_LEN_MAX + 2 * (64 + ESP_ENCR_KEY_MAX)], *at = stream;
	uint8_t spi_i[IKE_SPI_LEN], spi_r[IKE_SPI_LEN];
	const struct ike_span seed[] = {in->ni, in->nr, IKE_SPAN(spi_i), IKE_SPAN(spi_r)};
	bool ok;

	store_u64(spi_i, in->spi_i);
	store_u64(spi_r, in->spi_r);
	ok = ike_prf_plus(suite->prf, skeyseed, seed, 4, stream,
			  3 * prf_len + 2 * (encr_len + integ_len));
	*out = (struct ike_keys){.suite = *suite};
	for (size_t i = 0; ok && i < sizeof(order) / sizeof(order[0]); i++) {
		memcpy(order[i].to, at, order[i].len);
		at += order[i].len;
	}
	OPENSSL_cleanse(stream, sizeof(stream));
	return ok;
}

bool ike_keys_derive(struct ike_keys *out, const struct ike_suite *suite,
		     const struct ike_key_inputs *in)
{
	uint8_t nonces[2 * IKE_NONCE_MAX], skeyseed[IKE_PRF_LEN_MAX];
	bool ok;

	assert(in->ni.len <= IKE_NONCE_MAX && in->nr.len <= IKE_NONCE_MAX);
	memcpy(nonces, in->ni.data, in->ni.len);
	memcpy(nonces + in->ni.len, in->nr.data, in->nr.len);
	ok = ike_prf(suite->prf, (struct ike_span){nonces, in->ni.len + in->nr.len}, &in->shared, 1,
		     skeyseed) &&
	     expand(out, suite, (struct ike_span){skeyseed, suite->prf->key_len}, in);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
	return ok;
}

bool ike_keys_rekey(struct ike_keys *out, const struct ike_suite *suite, const struct ike_keys *old,
		    const struct ike_key_inputs *in)
{
	const struct ike_span parts[] = {in->shared, in->ni, in->nr};
	const struct ike_algorithm *old_prf = old->suite.prf;
	uint8_t skeyseed[IKE_PRF_LEN_MAX];
	bool ok;

	/* §2.18: SKEYSEED by the old PRF, what follows by the new one. They may differ in length;
	 * HMAC takes any key. */
	ok = ike_prf(old_prf, (struct ike_span){old->d, old_prf->key_len}, parts, 3, skeyseed) &&
	     expand(out, suite, (struct ike_span){skeyseed, old_prf->key_len}, in);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
	return ok;
}

bool ike_keys_mix_ppk(struct ike_keys *keys, struct ike_span ppk)
{
	const struct ike_algorithm *prf = keys->suite.prf;
	uint8_t *const all[] = {keys->d, keys->pi, keys->pr};
	uint8_t mixed[IKE_PRF_LEN_MAX];
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(all) / sizeof(all[0]); i++) {
		struct ike_span plain = {all[i], prf->key_len};

		ok = ike_prf_plus(prf, ppk, &plain, 1, mixed, prf->key_len);
		if (ok)
			memcpy(all[i], mixed, prf->key_len);
	}
	OPENSSL_cleanse(mixed, sizeof(mixed));
	if (!ok)
		ike_keys_cleanse(keys);
	return ok;
}

void ike_keys_cleanse(struct ike_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

bool ike_child_keys_derive(struct ike_child_keys *out, const struct esp_suite *suite,
			   const struct ike_keys *keys, const struct ike_key_inputs *in)
{
	/* KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr): the initiator's direction first, of each the
	 * encryption key first. */
	const struct ike_span seed[] = {in->shared, in->ni, in->nr};
	const struct esp_suite_spec spec = esp_suite_spec(suite);
	struct ike_child_key *const order[] = {&out->from_initiator, &out->from_responder};
	uint32_t one = (uint32_t)spec.encr_key_len + spec.integ_key_len;
	uint8_t keymat[2 * sizeof(struct ike_child_key)], *at = keymat;
	bool ok;

	ok = ike_prf_plus(keys->suite.prf, (struct ike_span){keys->d, keys->suite.prf->key_len},
			  seed, 3, keymat, 2 * one);
	*out = (struct ike_child_keys){0};
	for (unsigned i = 0; ok && i < 2; i++) {
		memcpy(order[i]->encr, at, spec.encr_key_len);
		memcpy(order[i]->integ, at + spec.encr_key_len, spec.integ_key_len);
		at += one;
	}
	OPENSSL_cleanse(keymat, sizeof(keymat));
	return ok;
}

void ike_child_keys_cleanse(struct ike_child_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}
