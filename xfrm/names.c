/*
 * xfrm/names.c: the kernel crypto API's names of the transforms, as NETLINK_XFRM carries them, with
 * the short forms the kernel understands too (charon says "aes" for CBC). And the names the kernel
 * knows that are no transforms of RFC 8221, so that a refusal explains itself; what RFC 8221 forbids
 * has an id, and esp_suite_find its reason.
 */
#include "xfrm/message.h"

#include <string.h>

struct name {
	const char *name;
	const char *alias; /* or NULL */
	int id;
	bool aead;
};

static const struct name encr_names[] = {
	{"ecb(cipher_null)", "cipher_null", ESP_ENCR_NULL, false},
	{"cbc(aes)", "aes", ESP_ENCR_AES_CBC, false},
	{"rfc3686(ctr(aes))", NULL, ESP_ENCR_AES_CTR, false},
	{"rfc4106(gcm(aes))", NULL, ESP_ENCR_AES_GCM, true},
	{"rfc4309(ccm(aes))", NULL, ESP_ENCR_AES_CCM, true},
	{"rfc4543(gcm(aes))", NULL, ESP_ENCR_AES_GMAC, true},
	{"rfc7539esp(chacha20,poly1305)", NULL, ESP_ENCR_CHACHA20_POLY1305, true},
	/* Our own: the kernel has no name for RFC 8750. */
	{"iiv(rfc4106(gcm(aes)))", NULL, ESP_ENCR_AES_GCM_IIV, true},
	{"iiv(rfc7539esp(chacha20,poly1305))", NULL, ESP_ENCR_CHACHA20_POLY1305_IIV, true},
	/* esp says why not. */
	{"cbc(des)", "des", ESP_ENCR_DES, false},
	{"cbc(des3_ede)", "des3_ede", ESP_ENCR_3DES, false},
	{"cbc(blowfish)", "blowfish", ESP_ENCR_BLOWFISH, false},
};

static const struct name integ_names[] = {
	{"digest_null", NULL, ESP_INTEG_NONE, false},
	{"hmac(sha1)", "sha1", ESP_INTEG_HMAC_SHA1, false},
	{"hmac(sha256)", "sha256", ESP_INTEG_HMAC_SHA2_256, false},
	{"hmac(sha384)", NULL, ESP_INTEG_HMAC_SHA2_384, false},
	{"hmac(sha512)", NULL, ESP_INTEG_HMAC_SHA2_512, false},
	{"xcbc(aes)", NULL, ESP_INTEG_AES_XCBC, false},
	{"cmac(aes)", NULL, ESP_INTEG_AES_CMAC, false},
	/* esp says why not. */
	{"hmac(md5)", "md5", ESP_INTEG_HMAC_MD5, false},
};

static const struct refusal {
	const char *name;
	const char *alias; /* or NULL */
	const char *why;
} refusals[] = {
	{"cbc(cast5)", "cast5", "CAST has 64-bit blocks and is not among RFC 8221's transforms"},
	{"cbc(serpent)", "serpent", "Serpent is not among RFC 8221's transforms"},
	{"cbc(twofish)", "twofish", "Twofish is not among RFC 8221's transforms"},
	{"cbc(camellia)", "camellia", "Camellia is not among RFC 8221's transforms"},
	{"cbc(sm4)", "sm4", "SM4 is not among RFC 8221's transforms"},
	{"hmac(rmd160)", "rmd160", "RIPEMD-160 is not among RFC 8221's transforms"},
	{"hmac(sm3)", "sm3", "SM3 is not among RFC 8221's transforms"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_called(const char *name, const char *alias, const char *text)
{
	return strcmp(text, name) == 0 || (alias && strcmp(text, alias) == 0);
}

const char *xfrm_encr_name(enum esp_encr_id id, bool *aead)
{
	for (size_t i = 0; i < COUNT(encr_names); i++) {
		if (encr_names[i].id != (int)id)
			continue;
		if (aead)
			*aead = encr_names[i].aead;
		return encr_names[i].name;
	}
	return NULL;
}

const char *xfrm_integ_name(enum esp_integ_id id)
{
	for (size_t i = 0; i < COUNT(integ_names); i++) {
		if (integ_names[i].id == (int)id)
			return integ_names[i].name;
	}
	return NULL;
}

bool xfrm_encr_lookup(const char *name, bool aead, enum esp_encr_id *out)
{
	for (size_t i = 0; i < COUNT(encr_names); i++) {
		if (encr_names[i].aead != aead ||
		    !is_called(encr_names[i].name, encr_names[i].alias, name))
			continue;
		*out = (enum esp_encr_id)encr_names[i].id;
		return true;
	}
	return false;
}

bool xfrm_integ_lookup(const char *name, enum esp_integ_id *out)
{
	for (size_t i = 0; i < COUNT(integ_names); i++) {
		if (!is_called(integ_names[i].name, integ_names[i].alias, name))
			continue;
		*out = (enum esp_integ_id)integ_names[i].id;
		return true;
	}
	return false;
}

const char *xfrm_refusal(const char *name)
{
	for (size_t i = 0; i < COUNT(refusals); i++) {
		if (is_called(refusals[i].name, refusals[i].alias, name))
			return refusals[i].why;
	}
	return NULL;
}
