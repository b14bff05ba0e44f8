/*
 * algorithms.c: the table of algorithm names. Names of the ipsec-tools, FreeBSD and NetBSD dialects
 * stand side by side; what Cygnet has no transform for is known all the same, so that it is
 * refused by name and not as a syntax error. The first name of a transform is the one dumps show.
 */
#include "tools/algorithms.h"

#include <string.h>

#define ENCR(n, lo, hi)                                                           \
	{                                                                         \
		.name = n, .kind = ALGORITHM_ENCR, .min_bits = lo, .max_bits = hi \
	}
#define WEAK_ENCR(n, lo, hi, i)                                                    \
	{                                                                          \
		.name = n, .kind = ALGORITHM_ENCR, .min_bits = lo, .max_bits = hi, \
		.forbidden = true, .id = i                                         \
	}
#define AUTH(n, lo, hi)                                                           \
	{                                                                         \
		.name = n, .kind = ALGORITHM_AUTH, .min_bits = lo, .max_bits = hi \
	}
#define COMP(n)                                   \
	{                                         \
		.name = n, .kind = ALGORITHM_COMP \
	}
#define HAVE_ENCR(n, lo, hi, i)                                                    \
	{                                                                          \
		.name = n, .kind = ALGORITHM_ENCR, .min_bits = lo, .max_bits = hi, \
		.supported = true, .id = i                                         \
	}
#define HAVE_AEAD(n, lo, hi, i)                                                    \
	{                                                                          \
		.name = n, .kind = ALGORITHM_ENCR, .min_bits = lo, .max_bits = hi, \
		.supported = true, .aead = true, .id = i, .icv_len = 16            \
	}
#define HAVE_AUTH(n, bits, i, icv)                                                     \
	{                                                                              \
		.name = n, .kind = ALGORITHM_AUTH, .min_bits = bits, .max_bits = bits, \
		.supported = true, .id = i, .icv_len = icv                             \
	}

static const struct algorithm table[] = {
	HAVE_ENCR("null", 0, 0, ESP_ENCR_NULL),
	HAVE_ENCR("simple", 0, 0, ESP_ENCR_NULL),
	HAVE_ENCR("aes-cbc", 128, 256, ESP_ENCR_AES_CBC),
	HAVE_ENCR("rijndael-cbc", 128, 256, ESP_ENCR_AES_CBC),
	/* Key and salt together, RFC 4106 §8.1, RFC 7634 §2. */
	HAVE_AEAD("aes-gcm-16", 160, 288, ESP_ENCR_AES_GCM),
	HAVE_AEAD("chacha20-poly1305", 288, 288, ESP_ENCR_CHACHA20_POLY1305),
	HAVE_AEAD("aes-gmac", 160, 288, ESP_ENCR_AES_GMAC),
	HAVE_ENCR("aes-ctr", 160, 288, ESP_ENCR_AES_CTR), /* nonce at the end, RFC 3686 §5.1 */
	WEAK_ENCR("3des-cbc", 192, 192, ESP_ENCR_3DES),
	WEAK_ENCR("des-cbc", 64, 64, ESP_ENCR_DES),
	ENCR("des-deriv", 64, 64),
	ENCR("des-32iv", 64, 64),
	WEAK_ENCR("blowfish-cbc", 40, 448, ESP_ENCR_BLOWFISH),
	ENCR("cast128-cbc", 40, 128),
	ENCR("camellia-cbc", 128, 256),
	ENCR("twofish-cbc", 0, 256),
	ENCR("rc5-cbc", 40, 2040),

	HAVE_AUTH("hmac-sha1", 160, ESP_INTEG_HMAC_SHA1, 12),
	HAVE_AUTH("hmac-sha256", 256, ESP_INTEG_HMAC_SHA2_256, 16),
	HAVE_AUTH("hmac-sha2-256", 256, ESP_INTEG_HMAC_SHA2_256, 16),
	{.name = "null", .kind = ALGORITHM_AUTH, .supported = true, .id = ESP_INTEG_NONE},
	HAVE_AUTH("hmac-sha384", 384, ESP_INTEG_HMAC_SHA2_384, 24),
	HAVE_AUTH("hmac-sha2-384", 384, ESP_INTEG_HMAC_SHA2_384, 24),
	HAVE_AUTH("hmac-sha512", 512, ESP_INTEG_HMAC_SHA2_512, 32),
	HAVE_AUTH("hmac-sha2-512", 512, ESP_INTEG_HMAC_SHA2_512, 32),
	HAVE_AUTH("aes-xcbc-mac", 128, ESP_INTEG_AES_XCBC, 12),
	{.name = "hmac-md5",
	 .kind = ALGORITHM_AUTH,
	 .min_bits = 128,
	 .max_bits = 128,
	 .forbidden = true,
	 .id = ESP_INTEG_HMAC_MD5},
	AUTH("hmac-ripemd160", 160, 160),
	AUTH("keyed-md5", 128, 128),
	AUTH("keyed-sha1", 160, 160),
	AUTH("tcp-md5", 8, 640),

	COMP("deflate"),
	COMP("oui"),
	COMP("lzs"),
};

enum { TABLE_LEN = sizeof(table) / sizeof(table[0]) };

const struct algorithm *algorithm_lookup(enum algorithm_kind kind, const char *name)
{
	for (unsigned i = 0; i < TABLE_LEN; i++) {
		if (table[i].kind == kind && !strcmp(table[i].name, name))
			return &table[i];
	}
	return NULL;
}

static const char *name_of(enum algorithm_kind kind, uint8_t id, uint8_t icv_len)
{
	for (unsigned i = 0; i < TABLE_LEN; i++) {
		if (table[i].kind == kind && table[i].supported && table[i].id == id &&
		    (!table[i].icv_len || table[i].icv_len == icv_len))
			return table[i].name;
	}
	return NULL;
}

const char *algorithm_encr_name(const struct esp_suite_spec *spec)
{
	const char *name = name_of(ALGORITHM_ENCR, (uint8_t)spec->encr, spec->icv_len);

	return name ? name : xfrm_encr_name(spec->encr, NULL);
}

const char *algorithm_integ_name(const struct esp_suite_spec *spec, enum setkey_dialect dialect)
{
	static const char *const bsd[] = {
		[ESP_INTEG_HMAC_SHA2_256] = "hmac-sha2-256",
		[ESP_INTEG_HMAC_SHA2_384] = "hmac-sha2-384",
		[ESP_INTEG_HMAC_SHA2_512] = "hmac-sha2-512",
	};
	const char *name = name_of(ALGORITHM_AUTH, (uint8_t)spec->integ, spec->icv_len);

	if (name && dialect == DIALECT_BSD && spec->integ < sizeof(bsd) / sizeof(bsd[0]) &&
	    bsd[spec->integ])
		return bsd[spec->integ];
	return name ? name : xfrm_integ_name(spec->integ);
}
