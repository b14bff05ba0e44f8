/*
 * tests/unit/xfrm/test_names.c: the kernel's algorithm names, both ways.
 */
#include "tests/unit/xfrm/sample.h"

#include <stdlib.h>

static const struct {
	const char *name;
	bool aead;
	enum esp_encr_id id;
	bool is_alias;
} encr[] = {
	{"ecb(cipher_null)", false, ESP_ENCR_NULL, false},
	{"cipher_null", false, ESP_ENCR_NULL, true},
	{"cbc(aes)", false, ESP_ENCR_AES_CBC, false},
	{"aes", false, ESP_ENCR_AES_CBC, true},
	{"rfc4106(gcm(aes))", true, ESP_ENCR_AES_GCM, false},
	{"rfc7539esp(chacha20,poly1305)", true, ESP_ENCR_CHACHA20_POLY1305, false},
	{"rfc3686(ctr(aes))", false, ESP_ENCR_AES_CTR, false},
	{"rfc4309(ccm(aes))", true, ESP_ENCR_AES_CCM, false},
	{"rfc4543(gcm(aes))", true, ESP_ENCR_AES_GMAC, false},
	{"iiv(rfc4106(gcm(aes)))", true, ESP_ENCR_AES_GCM_IIV, false},
	{"iiv(rfc7539esp(chacha20,poly1305))", true, ESP_ENCR_CHACHA20_POLY1305_IIV, false},
	/* Known, for esp to say why not. */
	{"cbc(des)", false, ESP_ENCR_DES, false},
	{"des3_ede", false, ESP_ENCR_3DES, true},
	{"blowfish", false, ESP_ENCR_BLOWFISH, true},
};

START_TEST(test_encr_lookup_knows_names_and_aliases)
{
	enum esp_encr_id id = (enum esp_encr_id)99;
	bool aead;

	for (size_t i = 0; i < sizeof(encr) / sizeof(encr[0]); i++) {
		ck_assert_msg(xfrm_encr_lookup(encr[i].name, encr[i].aead, &id), "%s",
			      encr[i].name);
		ck_assert_int_eq(id, encr[i].id);
		/* An AEAD is none of the plain ciphers, and the other way round. */
		ck_assert(!xfrm_encr_lookup(encr[i].name, !encr[i].aead, &id));
		if (encr[i].is_alias)
			continue;
		ck_assert_str_eq(xfrm_encr_name(encr[i].id, &aead), encr[i].name);
		ck_assert(aead == encr[i].aead);
		ck_assert_str_eq(xfrm_encr_name(encr[i].id, NULL), encr[i].name);
	}
}
END_TEST

static const struct {
	const char *name;
	enum esp_integ_id id;
	bool is_alias;
} integ[] = {
	{"digest_null", ESP_INTEG_NONE, false},
	{"hmac(sha1)", ESP_INTEG_HMAC_SHA1, false},
	{"sha1", ESP_INTEG_HMAC_SHA1, true},
	{"hmac(sha256)", ESP_INTEG_HMAC_SHA2_256, false},
	{"sha256", ESP_INTEG_HMAC_SHA2_256, true},
	{"hmac(sha384)", ESP_INTEG_HMAC_SHA2_384, false},
	{"hmac(sha512)", ESP_INTEG_HMAC_SHA2_512, false},
	{"xcbc(aes)", ESP_INTEG_AES_XCBC, false},
	{"cmac(aes)", ESP_INTEG_AES_CMAC, false},
	{"hmac(md5)", ESP_INTEG_HMAC_MD5, false},
	{"md5", ESP_INTEG_HMAC_MD5, true},
};

START_TEST(test_integ_lookup_knows_names_and_aliases)
{
	enum esp_integ_id id = (enum esp_integ_id)99;

	for (size_t i = 0; i < sizeof(integ) / sizeof(integ[0]); i++) {
		ck_assert_msg(xfrm_integ_lookup(integ[i].name, &id), "%s", integ[i].name);
		ck_assert_int_eq(id, integ[i].id);
		if (!integ[i].is_alias)
			ck_assert_str_eq(xfrm_integ_name(integ[i].id), integ[i].name);
	}
}
END_TEST

START_TEST(test_lookup_rejects_other_names)
{
	static const char *const others[] = {"",	 "AES",	     "cbc(aes) ",
					     "aes)",	 "cbc(sm4)", "hmac(sm3)",
					     "gcm(aes)", "hmac",     "null"};
	enum esp_encr_id encr_id = (enum esp_encr_id)99;
	enum esp_integ_id integ_id = (enum esp_integ_id)99;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert(!xfrm_encr_lookup(others[i], false, &encr_id));
		ck_assert(!xfrm_encr_lookup(others[i], true, &encr_id));
		ck_assert(!xfrm_integ_lookup(others[i], &integ_id));
	}
	ck_assert_int_eq(encr_id, 99); /* written only on success */
	ck_assert_int_eq(integ_id, 99);
	ck_assert_ptr_null(xfrm_encr_name((enum esp_encr_id)99, NULL));
	ck_assert_ptr_null(xfrm_integ_name((enum esp_integ_id)99));
}
END_TEST

/* Every suite esp offers must be sayable in XFRM. */
START_TEST(test_every_suite_has_names)
{
	struct esp_suite suite;
	unsigned i;

	for (i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_suite_spec spec = esp_suite_spec(&suite);
		bool aead;

		ck_assert_ptr_nonnull(xfrm_encr_name(spec.encr, &aead));
		ck_assert_ptr_nonnull(xfrm_integ_name(spec.integ));
		ck_assert(aead == (spec.integ == ESP_INTEG_NONE));
	}
	ck_assert_uint_gt(i, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm names");
	TCase *tc = tcase_create("names");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_encr_lookup_knows_names_and_aliases);
	tcase_add_test(tc, test_integ_lookup_knows_names_and_aliases);
	tcase_add_test(tc, test_lookup_rejects_other_names);
	tcase_add_test(tc, test_every_suite_has_names);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
