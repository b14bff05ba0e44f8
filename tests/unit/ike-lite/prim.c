#include "prim.h"

#include <stdlib.h>
#include <string.h>

struct prim_bytes prim_unhex(const char *text)
{
	struct prim_bytes b = {.len = (uint32_t)strlen(text) / 2};

	ck_assert_uint_le(b.len, PRIM_BYTES_MAX);
	for (uint32_t i = 0; i < b.len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], 0};
		char *end;

		b.data[i] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2)
			ck_abort_msg("not hexadecimal: %s", text);
	}
	return b;
}

struct ike_span prim_span(const struct prim_bytes *b)
{
	return (struct ike_span){b->data, b->len};
}

void prim_expect(struct ike_span got, const char *hex, const char *what)
{
	struct prim_bytes want = prim_unhex(hex);

	ck_assert_msg(got.len == want.len, "%s: %u bytes, not %u", what, got.len, want.len);
	for (uint32_t i = 0; i < want.len; i++)
		if (got.data[i] != want.data[i])
			ck_abort_msg("%s: byte %u is %02x, not %02x", what, i, got.data[i],
				     want.data[i]);
}

struct prim_exact prim_exact(const uint8_t *data, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	return (struct prim_exact){{copy, len}, copy};
}

void prim_exact_free(struct prim_exact *e)
{
	free(e->owned);
}

static uint64_t next(struct prim_random *r)
{
	r->state = r->state * 6364136223846793005u + 1442695040888963407u;
	return r->state >> 33;
}

uint32_t prim_number(struct prim_random *r, uint32_t below)
{
	return (uint32_t)(next(r) % below);
}

static void fill(void *ctx, uint8_t *buf, size_t len)
{
	struct prim_random *r = ctx;

	for (size_t i = 0; i < len; i++) {
		if (r->script.len) {
			buf[i] = *r->script.data++;
			r->script.len--;
		} else {
			buf[i] = (uint8_t)next(r);
		}
	}
}

struct ike_env prim_env(struct prim_random *r)
{
	return (struct ike_env){.ctx = r, .random = fill};
}

struct ike_suite prim_suite(const char *words)
{
	struct ike_proposal p;
	struct ike_suite suite;
	char why[160] = "";

	ck_assert_msg(ike_proposal_parse(words, IKE_PROTO_IKE, &p, why) == 0, "%s: %s", words, why);
	ck_assert_msg(ike_suite_of(&p, &suite), "%s", words);
	return suite;
}

struct ike_keys prim_keys(const char *words)
{
	const struct ike_key_inputs in = {.shared = PRIM_TEXT("a shared secret"),
					  .ni = PRIM_TEXT("nonce of initiator"),
					  .nr = PRIM_TEXT("nonce of responder"),
					  .spi_i = 1,
					  .spi_r = 2};
	struct ike_suite suite = prim_suite(words);
	struct ike_keys keys;

	ck_assert(ike_keys_derive(&keys, &suite, &in));
	return keys;
}

const char *prim_suite_words(unsigned i)
{
	static const char *const words[] = {
		"aes128gcm16-prfsha256-ecp256",	    "aes192gcm16-prfsha384-ecp256",
		"aes256gcm16-prfsha512-ecp256",	    "chacha20poly1305-prfsha256-ecp256",
		"aes128-sha256-prfsha256-ecp256",   "aes192-sha384-prfsha384-ecp256",
		"aes256-sha512-prfsha512-modp2048",
	};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

int prim_run(TCase *tc, const char *name)
{
	Suite *s = suite_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
