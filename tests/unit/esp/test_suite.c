/*
 * tests/unit/esp/test_suite.c: which suites exist, which are refused, and that a refusal says why.
 */
#include "tests/unit/esp/pair.h"

#include <errno.h>
#include <stdio.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct valid {
	struct esp_suite_spec spec;
	bool unique_iv, implicit_iv, encrypts;
	char name[64];
};

static const struct {
	const char *name; /* behind "AES-128-"; a whole name if there is one row only */
	enum esp_encr_id id;
	uint8_t extra; /* bytes of salt or nonce behind the key */
	uint8_t icv_len;
	bool unique_iv, implicit_iv, encrypts;
} modes[] = {
	{"GCM-16", ESP_ENCR_AES_GCM, 4, 16, true, false, true},
	{"GCM-12", ESP_ENCR_AES_GCM, 4, 12, true, false, true},
	{"GCM-8", ESP_ENCR_AES_GCM, 4, 8, true, false, true},
	{"CCM-16", ESP_ENCR_AES_CCM, 3, 16, true, false, true},
	{"CCM-12", ESP_ENCR_AES_CCM, 3, 12, true, false, true},
	{"CCM-8", ESP_ENCR_AES_CCM, 3, 8, true, false, true},
	{"GMAC", ESP_ENCR_AES_GMAC, 4, 16, true, false, false},
	{"GCM-16-IIV", ESP_ENCR_AES_GCM_IIV, 4, 16, true, true, true},
	{"CBC", ESP_ENCR_AES_CBC, 0, 0, false, false, true},
	{"CTR", ESP_ENCR_AES_CTR, 4, 0, true, false, true},
	{"CHACHA20-POLY1305", ESP_ENCR_CHACHA20_POLY1305, 4, 16, true, false, true},
	{"CHACHA20-POLY1305-IIV", ESP_ENCR_CHACHA20_POLY1305_IIV, 4, 16, true, true, true},
	{"NULL", ESP_ENCR_NULL, 0, 0, false, false, false},
};

static const struct {
	const char *name;
	enum esp_integ_id id;
	uint8_t key_len, icv_len;
} macs[] = {
	{"HMAC-SHA1-96", ESP_INTEG_HMAC_SHA1, 20, 12},
	{"HMAC-SHA2-256-128", ESP_INTEG_HMAC_SHA2_256, 32, 16},
	{"HMAC-SHA2-384-192", ESP_INTEG_HMAC_SHA2_384, 48, 24},
	{"HMAC-SHA2-512-256", ESP_INTEG_HMAC_SHA2_512, 64, 32},
	{"AES-XCBC-96", ESP_INTEG_AES_XCBC, 16, 12},
	{"AES-CMAC-96", ESP_INTEG_AES_CMAC, 16, 12},
};

/* Row i of all suites there shall be: every mode with every key length, each mode that is not an
 * AEAD with every MAC. */
static bool valid_at(unsigned i, struct valid *out)
{
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		bool chacha = strncmp(modes[m].name, "CHACHA", 6) == 0;
		bool null = modes[m].id == ESP_ENCR_NULL;
		unsigned keys = chacha || null ? 1 : 3, pairs = modes[m].icv_len ? 1 : 6;
		unsigned key_len = null ? 0 : chacha ? 32 : 16 + 8 * (i / pairs);
		unsigned k = i % pairs;
		int n = 0;

		if (i >= keys * pairs) {
			i -= keys * pairs;
			continue;
		}
		*out = (struct valid){.unique_iv = modes[m].unique_iv,
				      .implicit_iv = modes[m].implicit_iv,
				      .encrypts = modes[m].encrypts};
		out->spec.encr = modes[m].id;
		out->spec.encr_key_len = (uint8_t)(key_len + modes[m].extra);
		out->spec.icv_len = modes[m].icv_len;
		if (keys == 3)
			n = snprintf(out->name, 64, "AES-%u-", 8 * key_len);
		n += snprintf(out->name + n, 64 - (size_t)n, "%s", modes[m].name);
		if (pairs == 1)
			return true;
		snprintf(out->name + n, 64 - (size_t)n, "/%s", macs[k].name);
		out->spec.integ = macs[k].id;
		out->spec.integ_key_len = macs[k].key_len;
		out->spec.icv_len = macs[k].icv_len;
		return true;
	}
	return false;
}

/* says: a word of the sentence, so that the right rule refused. */
static const struct {
	struct esp_suite_spec spec;
	int error;
	const char *says;
} refused[] = {
	{{(enum esp_encr_id)77, ESP_INTEG_NONE, 20, 0, 16}, -ENOSYS, "no such encryption"},
	{{ESP_ENCR_NULL, (enum esp_integ_id)77, 0, 32, 16}, -ENOSYS, "no such integrity"},
	{{ESP_ENCR_NULL, ESP_INTEG_NONE, 0, 0, 0}, -EINVAL, "protect nothing"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_NONE, 16, 0, 0}, -EINVAL, "needs an integrity"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_HMAC_SHA1, 20, 20, 12}, -EINVAL, "AEAD"},
	{{ESP_ENCR_CHACHA20_POLY1305, ESP_INTEG_HMAC_SHA2_256, 36, 32, 16}, -EINVAL, "AEAD"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, 0, 16}, -EINVAL, "20, 28 or 36"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 0, 0, 16}, -EINVAL, "20, 28 or 36"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 255, 0, 16}, -EINVAL, "20, 28 or 36"},
	{{ESP_ENCR_CHACHA20_POLY1305, ESP_INTEG_NONE, 32, 0, 16}, -EINVAL, "36 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 20, 20, 12}, -EINVAL, "16, 24 or 32"},
	{{ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA1, 1, 20, 12}, -EINVAL, "no key"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 1, 16}, -EINVAL, "no integrity key"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 16, 16, 12}, -EINVAL, "20 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 16, 32, 12}, -EINVAL, "20 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 16, 20, 16}, -EINVAL, "32 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 16, 64, 16}, -EINVAL, "32 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 16, 32, 12}, -EINVAL, "96 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 16, 32, 32}, -EINVAL, "128 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 16, 20, 20}, -EINVAL, "96 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 16, 20, 0}, -EINVAL, "96 bits"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 4}, -EINVAL, "8, 12 or 16"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 10}, -EINVAL, "8, 12 or 16"},
	{{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 0}, -EINVAL, "8, 12 or 16"},
	{{ESP_ENCR_AES_CCM, ESP_INTEG_NONE, 19, 0, 10}, -EINVAL, "8, 12 or 16"},
	{{ESP_ENCR_AES_CCM, ESP_INTEG_NONE, 20, 0, 8}, -EINVAL, "19, 27 or 35"},
	{{ESP_ENCR_AES_CCM, ESP_INTEG_AES_XCBC, 19, 16, 12}, -EINVAL, "AEAD"},
	{{ESP_ENCR_AES_GMAC, ESP_INTEG_NONE, 20, 0, 8}, -EINVAL, "AES-GMAC is 16"},
	{{ESP_ENCR_AES_GMAC, ESP_INTEG_NONE, 16, 0, 16}, -EINVAL, "20, 28 or 36"},
	{{ESP_ENCR_AES_GMAC, ESP_INTEG_HMAC_SHA1, 20, 20, 12}, -EINVAL, "AEAD"},
	{{ESP_ENCR_CHACHA20_POLY1305, ESP_INTEG_NONE, 36, 0, 8}, -EINVAL, "is 16 bytes"},
	{{ESP_ENCR_AES_GCM_IIV, ESP_INTEG_NONE, 20, 0, 8}, -EINVAL, "implicit IV has an ICV"},
	{{ESP_ENCR_AES_GCM_IIV, ESP_INTEG_NONE, 19, 0, 16}, -EINVAL, "20, 28 or 36"},
	{{ESP_ENCR_CHACHA20_POLY1305_IIV, ESP_INTEG_NONE, 36, 0, 12}, -EINVAL, "an ICV of 16"},
	{{ESP_ENCR_CHACHA20_POLY1305_IIV, ESP_INTEG_NONE, 32, 0, 16}, -EINVAL, "36 bytes"},
	{{ESP_ENCR_AES_CTR, ESP_INTEG_NONE, 20, 0, 0}, -EINVAL, "flips"},
	{{ESP_ENCR_AES_CTR, ESP_INTEG_HMAC_SHA1, 16, 20, 12}, -EINVAL, "four bytes of nonce"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_384, 16, 32, 24}, -EINVAL, "48 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_384, 16, 48, 16}, -EINVAL, "192 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_512, 16, 32, 32}, -EINVAL, "64 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_512, 16, 64, 64}, -EINVAL, "256 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_AES_XCBC, 16, 20, 12}, -EINVAL, "16 bytes"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_AES_XCBC, 16, 16, 16}, -EINVAL, "96 bits"},
	{{ESP_ENCR_NULL, ESP_INTEG_AES_CMAC, 0, 32, 12}, -EINVAL, "16 bytes"},
	{{ESP_ENCR_NULL, ESP_INTEG_AES_CMAC, 0, 16, 16}, -EINVAL, "96 bits"},
	/* RFC 8221 §5, §6: refused whatever they come with, and the reason is the algorithm's. */
	{{ESP_ENCR_DES, ESP_INTEG_HMAC_SHA1, 8, 20, 12}, -ENOSYS, "DES is broken"},
	{{ESP_ENCR_DES, ESP_INTEG_NONE, 8, 0, 0}, -ENOSYS, "MUST NOT"},
	{{ESP_ENCR_3DES, ESP_INTEG_HMAC_SHA2_256, 24, 32, 16}, -ENOSYS, "SHOULD NOT"},
	{{ESP_ENCR_BLOWFISH, ESP_INTEG_HMAC_SHA1, 16, 20, 12}, -ENOSYS, "64 bits"},
	{{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_MD5, 16, 16, 12}, -ENOSYS, "broken hash"},
};

static bool spec_equal(struct esp_suite_spec a, struct esp_suite_spec b)
{
	return a.encr == b.encr && a.integ == b.integ && a.encr_key_len == b.encr_key_len &&
	       a.integ_key_len == b.integ_key_len && a.icv_len == b.icv_len;
}

START_TEST(test_find_knows_every_valid_suite)
{
	struct valid v;

	for (unsigned i = 0; valid_at(i, &v); i++) {
		struct esp_suite suite;
		const char *why = "untouched";
		char name[64];

		ck_assert_msg(esp_suite_find(&v.spec, &suite, &why) == 0, "%s: %s", v.name, why);
		ck_assert_str_eq(why, "untouched");
		ck_assert_str_eq(esp_suite_name(&suite, name), v.name);
		ck_assert(spec_equal(esp_suite_spec(&suite), v.spec));
		ck_assert_int_eq(esp_suite_needs_unique_iv(&suite), v.unique_iv);
		ck_assert_int_eq(esp_suite_has_implicit_iv(&suite), v.implicit_iv);
		ck_assert_int_eq(esp_suite_encrypts(&suite), v.encrypts);
	}
}
END_TEST

START_TEST(test_find_refuses_with_a_sentence)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct esp_suite suite = {NULL, NULL};
		const char *why = NULL;

		ck_assert_int_eq(esp_suite_find(&refused[i].spec, &suite, &why), refused[i].error);
		ck_assert_ptr_null(suite.encr);
		ck_assert_ptr_null(suite.integ);
		ck_assert_ptr_nonnull(why);
		ck_assert_msg(strstr(why, refused[i].says) != NULL, "row %zu: \"%s\"", i, why);
		/* Whoever does not want the sentence may pass NULL. */
		ck_assert_int_eq(esp_suite_find(&refused[i].spec, &suite, NULL), refused[i].error);
	}
}
END_TEST

START_TEST(test_at_lists_each_suite_once)
{
	struct esp_suite suite, other;
	unsigned count = 0, expected = 0;
	struct valid v;

	for (; esp_suite_at(count, &suite); count++) {
		struct esp_suite_spec spec = esp_suite_spec(&suite);

		ck_assert_int_eq(esp_suite_find(&spec, &other, NULL), 0);
		ck_assert_ptr_eq(suite.encr, other.encr);
		ck_assert_ptr_eq(suite.integ, other.integ);
		for (unsigned k = 0; k < count; k++) {
			ck_assert(esp_suite_at(k, &other));
			ck_assert(suite.encr != other.encr || suite.integ != other.integ);
		}
	}
	while (valid_at(expected, &v))
		expected++;
	ck_assert_uint_eq(expected, 68);
	ck_assert_uint_eq(count, expected);
	ck_assert(!esp_suite_at(count, &suite));
	ck_assert(!esp_suite_at(~0u, &suite));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("suite");

	tcase_add_test(tc, test_find_knows_every_valid_suite);
	tcase_add_test(tc, test_find_refuses_with_a_sentence);
	tcase_add_test(tc, test_at_lists_each_suite_once);
	return pair_run(tc, "esp suite");
}
