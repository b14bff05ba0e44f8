/*
 * tests/vectors/test_primitive_vectors.c: the parts of ESP that have published vectors of their
 * own: MACs (RFC 3566 §4.6, RFC 4493 §4 which RFC 4494 truncates, RFC 2202 §3, RFC 4868 §2.7.2),
 * AES-CTR (RFC 3686 §6, nine of them) and AES-CCM (NIST's CAVP samples with ESP's nonce of 11 bytes),
 * each put together as esp/ does it for a packet.
 */
#include "esp/crypto.h"
#include "esp/mac.h"
#include "esp/wire.h"
#include "tests/vectors/ccm_cases.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { BYTES_MAX = 1024 };

static uint32_t unhex(const char *text, uint8_t *out, size_t room)
{
	size_t len = strlen(text) / 2;

	ck_assert_uint_le(len, room);
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return (uint32_t)len;
}

#define XCBC_KEY "000102030405060708090a0b0c0d0e0f"
#define CMAC_KEY "2b7e151628aed2a6abf7158809cf4f3c"
#define CMAC_TEXT                                                          \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define COUNTING "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021"
#define OB16	 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

/* The whole MAC; ESP truncates it. len: of the text's beginning; 1000 zero bytes for text NULL. */
static const struct {
	enum esp_integ_id id;
	const char *key, *text;
	uint32_t len;
	const char *mac;
} macs[] = {
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 0, "75f0251d528ac01c4573dfd584d79f29"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 3, "5b376580ae2f19afe7219ceef172756f"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 16, "d2a246fa349b68a79998a4394ff7a263"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 20, "47f51b4564966215b8985c63055ed308"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 32, "f54f0ec8d2b9f3d36807734bd5283fd4"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, COUNTING, 34, "becbb3bccdb518a30677d5481fb6b4d8"},
	{ESP_INTEG_AES_XCBC, XCBC_KEY, NULL, 1000, "f0dafee895db30253761103b5d84528f"},
	{ESP_INTEG_AES_CMAC, CMAC_KEY, CMAC_TEXT, 0, "bb1d6929e95937287fa37d129b756746"},
	{ESP_INTEG_AES_CMAC, CMAC_KEY, CMAC_TEXT, 16, "070a16b46b4d4144f79bdd9dd04a287c"},
	{ESP_INTEG_AES_CMAC, CMAC_KEY, CMAC_TEXT, 40, "dfa66747de9ae63030ca32611497c827"},
	{ESP_INTEG_AES_CMAC, CMAC_KEY, CMAC_TEXT, 64, "51f0bebf7e3b9d92fc49741779363cfe"},
	{ESP_INTEG_HMAC_SHA1, OB16 "0b0b0b0b", "4869205468657265", 8,
	 "b617318655057264e28bc0b6fb378c8ef146be00"},
	{ESP_INTEG_HMAC_SHA2_256, OB16 OB16, "4869205468657265", 8,
	 "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"},
	{ESP_INTEG_HMAC_SHA2_384, OB16 OB16 OB16, "4869205468657265", 8,
	 "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee9737a959796489bddbc"
	 "4c5df61d5b3297b4fb68dab9f1b582c2"},
	{ESP_INTEG_HMAC_SHA2_512, OB16 OB16 OB16 OB16, "4869205468657265", 8,
	 "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"
	 "ac2878ebd5803f6f0b61dbce5e251ff8789a4722c1be65aea45fd464e89f8f5b"},
};

static const struct esp_integ *integ_row(enum esp_integ_id id)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++)
		if (suite.integ->id == id)
			return suite.integ;
	ck_abort_msg("no such algorithm");
}

/* However the message is divided into what is in the packet and what is not. */
START_TEST(test_macs_are_the_published_ones)
{
	for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
		uint8_t key[ESP_INTEG_KEY_MAX], text[BYTES_MAX] = {0}, want[ESP_MAC_MAX];
		const struct esp_integ *integ = integ_row(macs[i].id);
		uint32_t want_len = unhex(macs[i].mac, want, sizeof(want));
		uint32_t tail_max = macs[i].len < ESP_MAC_TAIL_MAX ? macs[i].len : ESP_MAC_TAIL_MAX;
		struct esp_mac m;

		ck_assert_uint_eq(unhex(macs[i].key, key, sizeof(key)), integ->key_len);
		if (macs[i].text)
			unhex(macs[i].text, text, sizeof(text));
		ck_assert_int_eq(esp_mac_init(&m, integ, key), 0);
		for (uint32_t tail = 0; tail <= tail_max; tail++) {
			uint32_t front = macs[i].len - tail;
			uint8_t got[ESP_MAC_MAX] = {0};

			ck_assert(esp_mac_sum(&m, text, front, text + front, tail, got));
			ck_assert_msg(memcmp(got, want, want_len) == 0, "row %zu, tail %u", i,
				      tail);
		}
		esp_mac_fini(&m);
	}
}
END_TEST

#define BLOCK_TEXT "53696e676c6520626c6f636b206d7367"
#define BYTES_32   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BYTES_36   BYTES_32 "20212223"

static const struct {
	const char *key_nonce;
	uint64_t iv;
	const char *text, *cipher;
} ctr[] = {
	{"ae6852f8121067cc4bf7a5765577f39e00000030", 0, BLOCK_TEXT,
	 "e4095d4fb7a7b3792d6175a3261311b8"},
	{"7e24067817fae0d743d6ce1f32539163006cb6db", 0xc0543b59da48d90b, BYTES_32,
	 "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"},
	{"7691be035e5020a8ac6e618529f9a0dc00e0017b", 0x27777f3f4a1786f0, BYTES_36,
	 "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f"},
	{"16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb7851500000048", 0x36733c147d6d93cb, BLOCK_TEXT,
	 "4b55384fe259c9c84e7935a003cbe928"},
	{"7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a0096b03b", 0x020c6eadc2cb500d, BYTES_32,
	 "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00"},
	{"02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe0007bdfd", 0x5cbd60278dcc0912, BYTES_36,
	 "96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935"},
	{"776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c10400000060",
	 0xdb5672c97aa8f0b2, BLOCK_TEXT, "145ad01dbf824ec7560863dc71e3e0c0"},
	{"f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a2388400faac24",
	 0xc1585ef15a43d875, BYTES_32,
	 "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c"},
	{"ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d001cc5b7",
	 0x51a51d70a1c11148, BYTES_36,
	 "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8"},
};

START_TEST(test_ctr_is_the_published_one)
{
	static const uint8_t integ_key[ESP_INTEG_KEY_MAX] = {1};

	for (size_t i = 0; i < ARRAY_LEN(ctr); i++) {
		uint8_t key[ESP_ENCR_KEY_MAX], esp[256] = {0}, text[64], want[64];
		struct esp_keys keys = {key, integ_key, NULL};
		struct esp_suite_spec spec = {.encr = ESP_ENCR_AES_CTR,
					      .integ = ESP_INTEG_HMAC_SHA1,
					      .integ_key_len = 20,
					      .icv_len = 12};
		uint32_t len = unhex(ctr[i].text, text, sizeof(text));
		struct esp_crypto *seal, *open;
		struct esp_suite suite;

		spec.encr_key_len = (uint8_t)unhex(ctr[i].key_nonce, key, sizeof(key));
		ck_assert_int_eq(esp_suite_find(&spec, &suite, NULL), 0);
		ck_assert_uint_eq(unhex(ctr[i].cipher, want, sizeof(want)), len);
		ck_assert_int_eq(esp_crypto_new(&seal, &suite, &keys, ESP_CRYPTO_SEAL, false), 0);
		ck_assert_int_eq(esp_crypto_new(&open, &suite, &keys, ESP_CRYPTO_OPEN, false), 0);
		memcpy(esp + 16, text, len);
		ck_assert(esp_crypto_seal(seal, esp, len, 1, ctr[i].iv));
		ck_assert_msg(memcmp(esp + 16, want, len) == 0, "RFC 3686 vector %zu", i + 1);
		ck_assert(esp_crypto_open(open, esp, len, 1));
		ck_assert_mem_eq(esp + 16, text, len);
		esp_crypto_free(seal);
		esp_crypto_free(open);
	}
}
END_TEST

static uint64_t load_be64(const uint8_t *at)
{
	return (uint64_t)load_be32(at) << 32 | load_be32(at + 4);
}

static void check_ccm(const struct ccm_case *c, unsigned nth_icv)
{
	uint8_t key[ESP_ENCR_KEY_MAX], nonce[11], aad[12], text[24], cipher[24], icv[16];
	uint8_t esp[8 + 8 + sizeof(text) + sizeof(icv)] = {0};
	const struct esp_keys keys = {key, NULL, NULL};
	const uint32_t key_len = unhex(c->key, key, sizeof(key));
	const uint32_t icv_len = unhex(c->icv[nth_icv], icv, sizeof(icv));
	const struct esp_suite_spec spec = {.encr = ESP_ENCR_AES_CCM,
					    .encr_key_len = (uint8_t)(key_len + 3),
					    .icv_len = (uint8_t)icv_len};
	struct esp_crypto *seal, *open;
	struct esp_suite suite;
	uint64_t seq;

	ck_assert_uint_eq(unhex(c->nonce, nonce, sizeof(nonce)), sizeof(nonce));
	ck_assert_uint_eq(unhex(c->aad, aad, sizeof(aad)), sizeof(aad));
	ck_assert_uint_eq(unhex(c->text, text, sizeof(text)), sizeof(text));
	ck_assert_uint_eq(unhex(c->cipher, cipher, sizeof(cipher)), sizeof(cipher));
	/* RFC 4309 §4, §5: nonce = salt | IV, associated data = SPI | extended sequence number. */
	memcpy(key + key_len, nonce, 3);
	memcpy(esp, aad, 4);
	memcpy(esp + 4, aad + 8, 4);
	seq = load_be64(aad + 4);
	memcpy(esp + 16, text, sizeof(text));
	ck_assert_int_eq(esp_suite_find(&spec, &suite, NULL), 0);
	ck_assert_int_eq(esp_crypto_new(&seal, &suite, &keys, ESP_CRYPTO_SEAL, true), 0);
	ck_assert_int_eq(esp_crypto_new(&open, &suite, &keys, ESP_CRYPTO_OPEN, true), 0);
	ck_assert(esp_crypto_seal(seal, esp, sizeof(text), seq, load_be64(nonce + 3)));
	ck_assert_msg(memcmp(esp + 16, cipher, sizeof(cipher)) == 0, "%s", c->name);
	ck_assert_msg(memcmp(esp + 16 + sizeof(text), icv, icv_len) == 0, "%s, ICV of %u", c->name,
		      icv_len);
	ck_assert(esp_crypto_open(open, esp, sizeof(text), seq));
	ck_assert_mem_eq(esp + 16, text, sizeof(text));
	esp_crypto_free(seal);
	esp_crypto_free(open);
}

START_TEST(test_ccm_is_the_published_one)
{
	ck_assert_uint_eq(ARRAY_LEN(ccm_cases), 30);
	for (size_t i = 0; i < ARRAY_LEN(ccm_cases); i++)
		for (unsigned nth_icv = 0; nth_icv < ARRAY_LEN(ccm_cases[i].icv); nth_icv++)
			check_ccm(&ccm_cases[i], nth_icv);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("primitive vectors");
	TCase *tc = tcase_create("vectors");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_macs_are_the_published_ones);
	tcase_add_test(tc, test_ctr_is_the_published_one);
	tcase_add_test(tc, test_ccm_is_the_published_one);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
