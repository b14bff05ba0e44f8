/*
 * esp/refusal.c: why a suite is refused, in sentences for whoever asked for it. Requirement levels
 * are RFC 8221 §4 to §6; lengths those of the transforms' own RFCs. esp_suite_find calls these once
 * it has decided; nothing is decided here. No sentence holds a secret.
 */
#include "esp/suite.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct encr_words {
	enum esp_encr_id id;
	const char *key; /* which lengths of key there are */
	const char *icv; /* which lengths of ICV there are, of an AEAD */
};

static const struct encr_words encr_words[] = {
	{ESP_ENCR_NULL, "NULL encryption takes no key", NULL},
	{ESP_ENCR_AES_CBC, "AES-CBC takes a key of 16, 24 or 32 bytes", NULL},
	{ESP_ENCR_AES_CTR,
	 "AES-CTR takes 20, 28 or 36 bytes: an AES key and four bytes of nonce (RFC 3686)", NULL},
	{ESP_ENCR_AES_GCM, "AES-GCM takes 20, 28 or 36 bytes: an AES key and four bytes of salt",
	 "the ICV of AES-GCM is 8, 12 or 16 bytes long (RFC 4106 section 6)"},
	{ESP_ENCR_AES_CCM, "AES-CCM takes 19, 27 or 35 bytes: an AES key and three bytes of salt",
	 "the ICV of AES-CCM is 8, 12 or 16 bytes long (RFC 4309 section 7.2)"},
	{ESP_ENCR_AES_GMAC, "AES-GMAC takes 20, 28 or 36 bytes: an AES key and four bytes of salt",
	 "the ICV of AES-GMAC is 16 bytes long (RFC 4543 section 3)"},
	{ESP_ENCR_CHACHA20_POLY1305,
	 "ChaCha20-Poly1305 takes 36 bytes: a key of 32 and four bytes of salt",
	 "the ICV of ChaCha20-Poly1305 is 16 bytes long (RFC 7634 section 2)"},
	{ESP_ENCR_AES_GCM_IIV,
	 "AES-GCM with implicit IV takes 20, 28 or 36 bytes: an AES key and four bytes of salt",
	 "AES-GCM with implicit IV has an ICV of 16 bytes (RFC 8750 section 6)"},
	{ESP_ENCR_CHACHA20_POLY1305_IIV,
	 "ChaCha20-Poly1305 with implicit IV takes 36 bytes: a key of 32 and four bytes of salt",
	 "ChaCha20-Poly1305 with implicit IV has an ICV of 16 bytes (RFC 8750 section 6)"},
};

static const struct integ_words {
	enum esp_integ_id id;
	const char *key;
	const char *icv;
} integ_words[] = {
	{ESP_INTEG_NONE, "without an integrity algorithm there is no integrity key", NULL},
	{ESP_INTEG_HMAC_SHA1, "HMAC-SHA1-96 takes a key of 20 bytes (RFC 2404 section 3)",
	 "HMAC-SHA1-96 is truncated to 96 bits"},
	{ESP_INTEG_HMAC_SHA2_256,
	 "HMAC-SHA2-256-128 takes a key of 32 bytes (RFC 4868 section 2.1.1)",
	 "HMAC-SHA2-256 is truncated to 128 bits (RFC 4868 section 2.3)"},
	{ESP_INTEG_HMAC_SHA2_384,
	 "HMAC-SHA2-384-192 takes a key of 48 bytes (RFC 4868 section 2.1.1)",
	 "HMAC-SHA2-384 is truncated to 192 bits (RFC 4868 section 2.3)"},
	{ESP_INTEG_HMAC_SHA2_512,
	 "HMAC-SHA2-512-256 takes a key of 64 bytes (RFC 4868 section 2.1.1)",
	 "HMAC-SHA2-512 is truncated to 256 bits (RFC 4868 section 2.3)"},
	{ESP_INTEG_AES_XCBC, "AES-XCBC-MAC-96 takes a key of 16 bytes (RFC 3566 section 4.1)",
	 "AES-XCBC-MAC is truncated to 96 bits (RFC 3566 section 4.3)"},
	{ESP_INTEG_AES_CMAC, "AES-CMAC-96 takes a key of 16 bytes (RFC 4494 section 2)",
	 "AES-CMAC is truncated to 96 bits (RFC 4494 section 2)"},
};

static const struct encr_words *words_of_encr(enum esp_encr_id id)
{
	static const struct encr_words none = {ESP_ENCR_NULL, "no such encryption algorithm",
					       "no such encryption algorithm"};

	for (size_t i = 0; i < ARRAY_LEN(encr_words); i++)
		if (encr_words[i].id == id)
			return &encr_words[i];
	return &none;
}

static const struct integ_words *words_of_integ(enum esp_integ_id id)
{
	static const struct integ_words none = {ESP_INTEG_NONE, "no such integrity algorithm",
						"no such integrity algorithm"};

	for (size_t i = 0; i < ARRAY_LEN(integ_words); i++)
		if (integ_words[i].id == id)
			return &integ_words[i];
	return &none;
}

const char *esp_why_encr(enum esp_encr_id id)
{
	switch (id) {
	case ESP_ENCR_DES:
		return "DES is broken: anybody can search its 56 bits of key (RFC 8221 section 5: "
		       "MUST NOT)";
	case ESP_ENCR_3DES:
		return "3DES has blocks of 64 bits, which repeat after some gigabytes and then "
		       "leak plaintext (RFC 8221 section 5: SHOULD NOT)";
	case ESP_ENCR_BLOWFISH:
		return "Blowfish has blocks of 64 bits, which repeat after some gigabytes and then "
		       "leak plaintext (RFC 8221 section 5: MUST NOT)";
	default:
		return "no such encryption algorithm";
	}
}

const char *esp_why_integ(enum esp_integ_id id)
{
	if (id == ESP_INTEG_HMAC_MD5)
		return "HMAC-MD5 stands on a broken hash (RFC 8221 section 6: MUST NOT)";
	return "no such integrity algorithm";
}

const char *esp_why_pair(const struct esp_encr *encr)
{
	if (esp_encr_is_aead(encr))
		return "an AEAD protects integrity itself and takes no second algorithm "
		       "(RFC 8221 section 4)";
	if (encr->id == ESP_ENCR_NULL)
		return "NULL encryption without integrity would protect nothing "
		       "(RFC 8221 section 5)";
	if (encr->id == ESP_ENCR_AES_CTR)
		return "AES-CTR needs an integrity algorithm: a flipped bit of ciphertext flips "
		       "the same bit of plaintext (RFC 3686 section 7)";
	return "AES-CBC needs an integrity algorithm: whoever may alter ciphertext can learn "
	       "plaintext (RFC 8221 section 4)";
}

const char *esp_why_encr_key(enum esp_encr_id id)
{
	return words_of_encr(id)->key;
}

const char *esp_why_integ_key(enum esp_integ_id id)
{
	return words_of_integ(id)->key;
}

const char *esp_why_icv(const struct esp_suite_spec *spec)
{
	if (spec->integ == ESP_INTEG_NONE)
		return words_of_encr(spec->encr)->icv;
	if (spec->integ == ESP_INTEG_HMAC_SHA2_256 && spec->icv_len == 12)
		return "HMAC-SHA2-256 is truncated to 128 bits (RFC 4868); the 96 bits that old "
		       "Linux kernels default to are a mistake nobody else makes";
	return words_of_integ(spec->integ)->icv;
}
