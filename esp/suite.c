/*
 * esp/suite.c: the one table of transforms. A row of encryption and a row of integrity make a
 * suite, as IKEv2's transform types 1 and 3 do; which pairs may be is RFC 8221 §4 and §5. The
 * control protocol and IKE ask for suites by what esp_suite_spec says; refusals are sentences, of
 * refusal.c.
 */
#include "esp/suite.h"

#include <errno.h>
#include <stdio.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define ANY UINT32_MAX

/* One row per key length: AES has three. */
#define AES_ROWS(mode, id, salt, iv, block, icv)                 \
	{"AES-128-" mode, id, 16, salt, iv, block, icv},         \
		{"AES-192-" mode, id, 24, salt, iv, block, icv}, \
	{                                                        \
		"AES-256-" mode, id, 32, salt, iv, block, icv    \
	}

static const struct esp_encr encr_rows[] = {
	AES_ROWS("GCM-16", ESP_ENCR_AES_GCM, 4, 8, 1, 16),
	{"CHACHA20-POLY1305", ESP_ENCR_CHACHA20_POLY1305, 32, 4, 8, 1, 16},
	AES_ROWS("CBC", ESP_ENCR_AES_CBC, 0, 16, 16, 0),
	{"NULL", ESP_ENCR_NULL, 0, 0, 0, 1, 0},
	AES_ROWS("GCM-12", ESP_ENCR_AES_GCM, 4, 8, 1, 12),
	AES_ROWS("GCM-8", ESP_ENCR_AES_GCM, 4, 8, 1, 8),
	AES_ROWS("CCM-16", ESP_ENCR_AES_CCM, 3, 8, 1, 16),
	AES_ROWS("CCM-12", ESP_ENCR_AES_CCM, 3, 8, 1, 12),
	AES_ROWS("CCM-8", ESP_ENCR_AES_CCM, 3, 8, 1, 8),
	AES_ROWS("CTR", ESP_ENCR_AES_CTR, 4, 8, 1, 0),
	AES_ROWS("GMAC", ESP_ENCR_AES_GMAC, 4, 8, 1, 16),
	AES_ROWS("GCM-16-IIV", ESP_ENCR_AES_GCM_IIV, 4, 0, 1, 16),
	{"CHACHA20-POLY1305-IIV", ESP_ENCR_CHACHA20_POLY1305_IIV, 32, 4, 0, 1, 16},
};

/* Key lengths are fixed: RFC 4868 §2.1.1, RFC 2404 §3, RFC 3566 §4.1, RFC 4494 §2. */
static const struct esp_integ integ_rows[] = {
	{"NONE", ESP_INTEG_NONE, .key_len = 0, .icv_len = 0},
	{"HMAC-SHA2-256-128", ESP_INTEG_HMAC_SHA2_256, .key_len = 32, .icv_len = 16},
	{"HMAC-SHA1-96", ESP_INTEG_HMAC_SHA1, .key_len = 20, .icv_len = 12},
	{"HMAC-SHA2-384-192", ESP_INTEG_HMAC_SHA2_384, .key_len = 48, .icv_len = 24},
	{"HMAC-SHA2-512-256", ESP_INTEG_HMAC_SHA2_512, .key_len = 64, .icv_len = 32},
	{"AES-XCBC-96", ESP_INTEG_AES_XCBC, .key_len = 16, .icv_len = 12},
	{"AES-CMAC-96", ESP_INTEG_AES_CMAC, .key_len = 16, .icv_len = 12},
};

static const struct esp_integ *integ_lookup(enum esp_integ_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(integ_rows); i++)
		if (integ_rows[i].id == id)
			return &integ_rows[i];
	return NULL;
}

/* The first row of this id that has this length of key and salt together, and of the ICV. */
static const struct esp_encr *encr_lookup(enum esp_encr_id id, uint32_t key_len, uint32_t icv_len)
{
	for (size_t i = 0; i < ARRAY_LEN(encr_rows); i++) {
		const struct esp_encr *row = &encr_rows[i];

		if (row->id == id &&
		    (key_len == ANY || (uint32_t)row->key_len + row->salt_len == key_len) &&
		    (icv_len == ANY || row->icv_len == icv_len))
			return row;
	}
	return NULL;
}

static bool pair_is_valid(const struct esp_encr *encr, const struct esp_integ *integ)
{
	return esp_encr_is_aead(encr) == (integ->id == ESP_INTEG_NONE);
}

static int refuse(int error, const char *sentence, const char **why)
{
	if (why)
		*why = sentence;
	return error;
}

int esp_suite_find(const struct esp_suite_spec *spec, struct esp_suite *out, const char **why)
{
	struct esp_suite suite = {encr_lookup(spec->encr, ANY, ANY), integ_lookup(spec->integ)};
	uint32_t aead_icv_len;

	if (!suite.encr)
		return refuse(-ENOSYS, esp_why_encr(spec->encr), why);
	if (!suite.integ)
		return refuse(-ENOSYS, esp_why_integ(spec->integ), why);
	if (!pair_is_valid(suite.encr, suite.integ))
		return refuse(-EINVAL, esp_why_pair(suite.encr), why);
	if (!encr_lookup(spec->encr, spec->encr_key_len, ANY))
		return refuse(-EINVAL, esp_why_encr_key(spec->encr), why);
	if (spec->integ_key_len != suite.integ->key_len)
		return refuse(-EINVAL, esp_why_integ_key(spec->integ), why);
	aead_icv_len = esp_encr_is_aead(suite.encr) ? spec->icv_len : 0;
	suite.encr = encr_lookup(spec->encr, spec->encr_key_len, aead_icv_len);
	if (!suite.encr || spec->icv_len != esp_suite_icv_len(&suite))
		return refuse(-EINVAL, esp_why_icv(spec), why);
	*out = suite;
	return 0;
}

struct esp_suite_spec esp_suite_spec(const struct esp_suite *suite)
{
	return (struct esp_suite_spec){
		.encr = suite->encr->id,
		.integ = suite->integ->id,
		.encr_key_len = (uint8_t)(suite->encr->key_len + suite->encr->salt_len),
		.integ_key_len = suite->integ->key_len,
		.icv_len = (uint8_t)esp_suite_icv_len(suite),
	};
}

const char *esp_suite_name(const struct esp_suite *suite, char buf[static 64])
{
	if (suite->integ->id == ESP_INTEG_NONE)
		(void)snprintf(buf, 64, "%s", suite->encr->name); /* names are short */
	else
		(void)snprintf(buf, 64, "%s/%s", suite->encr->name, suite->integ->name);
	return buf;
}

bool esp_suite_needs_unique_iv(const struct esp_suite *suite)
{
	/* GCM, CCM and ChaCha20 are counter modes like CTR: two packets under one nonce give away
	 * the XOR of their plaintexts, and with GCM, GMAC and Poly1305 the authentication key
	 * (RFC 4106 §2). */
	return esp_encr_is_aead(suite->encr) || suite->encr->id == ESP_ENCR_AES_CTR;
}

bool esp_suite_has_implicit_iv(const struct esp_suite *suite)
{
	return suite->encr->id == ESP_ENCR_AES_GCM_IIV ||
	       suite->encr->id == ESP_ENCR_CHACHA20_POLY1305_IIV;
}

bool esp_suite_encrypts(const struct esp_suite *suite)
{
	return suite->encr->id != ESP_ENCR_NULL && suite->encr->id != ESP_ENCR_AES_GMAC;
}

bool esp_suite_at(unsigned i, struct esp_suite *out)
{
	for (size_t e = 0; e < ARRAY_LEN(encr_rows); e++) {
		for (size_t k = 0; k < ARRAY_LEN(integ_rows); k++) {
			if (!pair_is_valid(&encr_rows[e], &integ_rows[k]))
				continue;
			if (i-- == 0) {
				*out = (struct esp_suite){&encr_rows[e], &integ_rows[k]};
				return true;
			}
		}
	}
	return false;
}
