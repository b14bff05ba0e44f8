/*
 * ike-lite/transform.c: the table of algorithms, RFC 8247 for IKE and RFC 8221 for ESP. SHA-1 as PRF or
 * INTEG of IKE is left out on purpose, and with it what both RFCs forbid.
 */
#include "ike-lite/transform.h"

#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { ESP = IKE_FOR_ESP, IKE = IKE_FOR_IKE, BOTH = ESP | IKE, REFUSED = 0 };

/* ESP-only AEADs and counter modes; one row per key length: AES has three. */
#define AES_ROW(bits, word, alias, id, aead, salt, iv, icv, esp_id)                                \
	{                                                                                          \
		"aes" #bits word, alias, {IKE_ENCR, id, bits}, ESP, aead, (bits) / 8, salt, iv, 1, \
			icv, NULL, esp_id                                                          \
	}
#define AES_ROWS(mode, id, aead, salt, iv, icv, esp_id)                    \
	AES_ROW(128, mode, NULL, id, aead, salt, iv, icv, esp_id),         \
		AES_ROW(192, mode, NULL, id, aead, salt, iv, icv, esp_id), \
		AES_ROW(256, mode, NULL, id, aead, salt, iv, icv, esp_id)
/* strongSwan counts the ICV in bytes or in bits. */
#define AEAD_ROWS(mode, icv, icv_bits, id, salt, esp_id)                                          \
	AES_ROW(128, mode #icv, "aes128" mode #icv_bits, id, true, salt, 8, icv, esp_id),         \
		AES_ROW(192, mode #icv, "aes192" mode #icv_bits, id, true, salt, 8, icv, esp_id), \
		AES_ROW(256, mode #icv, "aes256" mode #icv_bits, id, true, salt, 8, icv, esp_id)

/* What has no sizes of its own, or none that matter. */
#define PLAIN(first, second, kind, id, bits, uses)                                 \
	{                                                                          \
		.word = (first), .alias = (second), .transform = {kind, id, bits}, \
		.used_for = (uses)                                                 \
	}

/* The order is that of the default proposals. */
static const struct ike_algorithm rows[] = {
	/* clang-format off */
	/* word, alias, {type, id, key bits}, used for, AEAD, key, salt, IV, block, ICV, OpenSSL, esp */
	{"aes128gcm16", "aes128gcm128", {IKE_ENCR, IKE_ENCR_AES_GCM_16, 128}, BOTH, true,
	 16, 4, 8, 1, 16, "AES-128-GCM", ESP_ENCR_AES_GCM},
	{"aes192gcm16", "aes192gcm128", {IKE_ENCR, IKE_ENCR_AES_GCM_16, 192}, BOTH, true,
	 24, 4, 8, 1, 16, "AES-192-GCM", ESP_ENCR_AES_GCM},
	{"aes256gcm16", "aes256gcm128", {IKE_ENCR, IKE_ENCR_AES_GCM_16, 256}, BOTH, true,
	 32, 4, 8, 1, 16, "AES-256-GCM", ESP_ENCR_AES_GCM},
	{"chacha20poly1305", NULL, {IKE_ENCR, IKE_ENCR_CHACHA20_POLY1305, 0}, BOTH, true,
	 32, 4, 8, 1, 16, "ChaCha20-Poly1305", ESP_ENCR_CHACHA20_POLY1305},
	{"aes128", "aes", {IKE_ENCR, IKE_ENCR_AES_CBC, 128}, BOTH, false,
	 16, 0, 16, 16, 0, "AES-128-CBC", ESP_ENCR_AES_CBC},
	{"aes192", NULL, {IKE_ENCR, IKE_ENCR_AES_CBC, 192}, BOTH, false,
	 24, 0, 16, 16, 0, "AES-192-CBC", ESP_ENCR_AES_CBC},
	{"aes256", NULL, {IKE_ENCR, IKE_ENCR_AES_CBC, 256}, BOTH, false,
	 32, 0, 16, 16, 0, "AES-256-CBC", ESP_ENCR_AES_CBC},
	AEAD_ROWS("gcm", 12, 96, IKE_ENCR_AES_GCM_12, 4, ESP_ENCR_AES_GCM),
	AEAD_ROWS("gcm", 8, 64, IKE_ENCR_AES_GCM_8, 4, ESP_ENCR_AES_GCM),
	AEAD_ROWS("ccm", 16, 128, IKE_ENCR_AES_CCM_16, 3, ESP_ENCR_AES_CCM),
	AEAD_ROWS("ccm", 12, 96, IKE_ENCR_AES_CCM_12, 3, ESP_ENCR_AES_CCM),
	AEAD_ROWS("ccm", 8, 64, IKE_ENCR_AES_CCM_8, 3, ESP_ENCR_AES_CCM),
	AES_ROWS("ctr", IKE_ENCR_AES_CTR, false, 4, 8, 0, ESP_ENCR_AES_CTR),
	AES_ROWS("gmac", IKE_ENCR_AES_GMAC, true, 4, 8, 16, ESP_ENCR_AES_GMAC),
	/* RFC 8750: for ESP alone, whose sequence number is the IV; strongSwan has no words for them */
	AES_ROWS("gcm16iiv", IKE_ENCR_AES_GCM_16_IIV, true, 4, 0, 16, ESP_ENCR_AES_GCM_IIV),
	{"chacha20poly1305iiv", NULL, {IKE_ENCR, IKE_ENCR_CHACHA20_POLY1305_IIV, 0}, ESP, true,
	 32, 4, 0, 1, 16, NULL, ESP_ENCR_CHACHA20_POLY1305_IIV},
	{"null", NULL, {IKE_ENCR, IKE_ENCR_NULL, 0}, ESP, false, 0, 0, 0, 1, 0, NULL, ESP_ENCR_NULL},

	/* RFC 4868 §2.1: the key is as long as the digest, the ICV half of it */
	{"sha256", "sha2_256", {IKE_INTEG, IKE_INTEG_HMAC_SHA2_256_128, 0}, BOTH, false,
	 32, 0, 0, 1, 16, "SHA2-256", ESP_INTEG_HMAC_SHA2_256},
	{"sha384", "sha2_384", {IKE_INTEG, IKE_INTEG_HMAC_SHA2_384_192, 0}, BOTH, false,
	 48, 0, 0, 1, 24, "SHA2-384", ESP_INTEG_HMAC_SHA2_384},
	{"sha512", "sha2_512", {IKE_INTEG, IKE_INTEG_HMAC_SHA2_512_256, 0}, BOTH, false,
	 64, 0, 0, 1, 32, "SHA2-512", ESP_INTEG_HMAC_SHA2_512},
	{"sha1", "sha", {IKE_INTEG, IKE_INTEG_HMAC_SHA1_96, 0}, ESP, false,
	 20, 0, 0, 1, 12, NULL, ESP_INTEG_HMAC_SHA1},
	{"aesxcbc", NULL, {IKE_INTEG, IKE_INTEG_AES_XCBC_96, 0}, ESP, false,
	 16, 0, 0, 1, 12, NULL, ESP_INTEG_AES_XCBC},
	{"aescmac", NULL, {IKE_INTEG, IKE_INTEG_AES_CMAC_96, 0}, ESP, false,
	 16, 0, 0, 1, 12, NULL, ESP_INTEG_AES_CMAC},

	{"prfsha256", NULL, {IKE_PRF, IKE_PRF_HMAC_SHA2_256, 0}, IKE, false,
	 32, 0, 0, 1, 0, "SHA2-256", 0},
	{"prfsha384", NULL, {IKE_PRF, IKE_PRF_HMAC_SHA2_384, 0}, IKE, false,
	 48, 0, 0, 1, 0, "SHA2-384", 0},
	{"prfsha512", NULL, {IKE_PRF, IKE_PRF_HMAC_SHA2_512, 0}, IKE, false,
	 64, 0, 0, 1, 0, "SHA2-512", 0},

	PLAIN("ecp256", NULL, IKE_DH, IKE_DH_ECP_256, 0, BOTH),
	PLAIN("ecp384", NULL, IKE_DH, IKE_DH_ECP_384, 0, BOTH),
	PLAIN("ecp521", NULL, IKE_DH, IKE_DH_ECP_521, 0, BOTH),
	PLAIN("curve25519", "x25519", IKE_DH, IKE_DH_CURVE25519, 0, BOTH),
	PLAIN("curve448", "x448", IKE_DH, IKE_DH_CURVE448, 0, BOTH),
	PLAIN("modp3072", NULL, IKE_DH, IKE_DH_MODP_3072, 0, BOTH),
	PLAIN("modp4096", NULL, IKE_DH, IKE_DH_MODP_4096, 0, BOTH),
	PLAIN("modp2048", NULL, IKE_DH, IKE_DH_MODP_2048, 0, BOTH),
	PLAIN("modpnone", "none", IKE_DH, IKE_DH_NONE, 0, ESP),

	PLAIN("noesn", NULL, IKE_ESN, IKE_ESN_NO, 0, ESP),
	PLAIN("esn", NULL, IKE_ESN, IKE_ESN_YES, 0, ESP),

	/* RFC 8247 §2, RFC 8221 §5, §6: must not, or should not */
	PLAIN("des", NULL, IKE_ENCR, IKE_ENCR_DES, 0, REFUSED),
	PLAIN("3des", NULL, IKE_ENCR, IKE_ENCR_3DES, 0, REFUSED),
	PLAIN("blowfish128", "blowfish", IKE_ENCR, IKE_ENCR_BLOWFISH, 128, REFUSED),
	PLAIN("md5", NULL, IKE_INTEG, IKE_INTEG_HMAC_MD5_96, 0, REFUSED),
	PLAIN("prfmd5", NULL, IKE_PRF, 1, 0, REFUSED),
	PLAIN("prfsha1", NULL, IKE_PRF, IKE_PRF_HMAC_SHA1, 0, REFUSED),
	PLAIN("modp768", NULL, IKE_DH, 1, 0, REFUSED),
	PLAIN("modp1024", NULL, IKE_DH, 2, 0, REFUSED),
	PLAIN("modp1536", NULL, IKE_DH, 5, 0, REFUSED),
	/* clang-format on */
};

const struct ike_algorithm *ike_algorithm_of(const struct ike_transform *t)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ike_transform *row = &rows[i].transform;

		if (row->type == t->type && row->id == t->id && row->key_bits == t->key_bits)
			return &rows[i];
	}
	return NULL;
}

static bool word_is(const char *known, const char *word, size_t len)
{
	return known && strlen(known) == len && memcmp(known, word, len) == 0;
}

const struct ike_algorithm *ike_algorithm_named(const char *word, size_t len)
{
	/* An ICV of 16 bytes goes without saying. */
	static const struct {
		const char *word, *meant;
	} shorter[] = {
		{"aes128gcm", "aes128gcm16"}, {"aes192gcm", "aes192gcm16"},
		{"aes256gcm", "aes256gcm16"}, {"aes128ccm", "aes128ccm16"},
		{"aes192ccm", "aes192ccm16"}, {"aes256ccm", "aes256ccm16"},
	};

	for (size_t i = 0; i < ARRAY_LEN(shorter); i++)
		if (word_is(shorter[i].word, word, len))
			return ike_algorithm_named(shorter[i].meant, strlen(shorter[i].meant));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (word_is(rows[i].word, word, len) || word_is(rows[i].alias, word, len))
			return &rows[i];
	}
	return NULL;
}

const struct ike_algorithm *ike_algorithm_at(unsigned i)
{
	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}
