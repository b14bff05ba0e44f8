/*
 * tests/vectors/test_esp_vectors.c: do we agree with the world? Opens every packet of esp_cases.h
 * and seals those our padding would make, byte for byte. Also each one damaged.
 */
#include "esp/crypto.h"
#include "tests/unit/esp/engine.h"
#include "tests/vectors/esp_cases.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { BYTES_MAX = 2048, CLIMB_MAX = 8 };

/* A case in binary. */
struct loaded {
	const struct esp_case *c;
	const struct esp_case_sa *sa;
	struct esp_suite suite;
	struct esp_keys keys;
	uint8_t encr_key[ESP_ENCR_KEY_MAX], integ_key[ESP_INTEG_KEY_MAX];
	uint8_t payload[BYTES_MAX], esp[BYTES_MAX];
	uint32_t esp_len;
};

static uint32_t unhex(const char *text, uint8_t *out, size_t room)
{
	size_t len = strlen(text) / 2;

	ck_assert_uint_le(len, room);
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], 0};
		char *end;

		out[i] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2) /* an assertion a byte would take longer than the test */
			ck_abort_msg("not hexadecimal: %s", text);
	}
	return (uint32_t)len;
}

static void load(struct loaded *l, const struct esp_case *c)
{
	const struct esp_case_sa *sa = &esp_case_sas[c->sa];

	l->c = c;
	l->sa = sa;
	ck_assert_msg(esp_suite_find(&sa->spec, &l->suite, NULL) == 0, "%s", sa->name);
	ck_assert_uint_eq(unhex(sa->encr_key, l->encr_key, ESP_ENCR_KEY_MAX),
			  sa->spec.encr_key_len);
	ck_assert_uint_eq(unhex(sa->integ_key, l->integ_key, ESP_INTEG_KEY_MAX),
			  sa->spec.integ_key_len);
	l->keys = (struct esp_keys){l->encr_key, l->integ_key, TEST_ENGINE};
	if (c->payload)
		ck_assert_uint_eq(unhex(c->payload, l->payload, BYTES_MAX), c->payload_len);
	else
		for (uint32_t i = 0; i < c->payload_len; i++)
			l->payload[i] = (uint8_t)(7 * i + c->payload_len);
	l->esp_len = unhex(c->esp, l->esp, BYTES_MAX);
}

static struct esp_out *out_at(const struct loaded *l, uint64_t seq)
{
	struct esp_out *out = NULL;

	ck_assert_int_eq(esp_out_new(&out, &l->suite, &l->keys, l->sa->spi, l->sa->esn,
				     (struct esp_grant){seq, seq}, l->sa->iv_mask),
			 0);
	return out;
}

/* Seals one dummy packet with this number and has it opened. */
static void step(const struct loaded *l, struct esp_in *in, uint64_t seq)
{
	uint8_t buf[ESP_HEADROOM + ESP_TAILROOM];
	struct packet p = {buf, sizeof(buf), ESP_HEADROOM, 0};
	struct esp_out *out = out_at(l, seq);
	uint64_t seen;
	uint8_t nh;

	ck_assert_int_eq(esp_seal(out, &p, ESP_NO_NEXT_HEADER), V_OK);
	ck_assert_int_eq(esp_open(in, &p, &nh, &seen), V_DUMMY);
	ck_assert_uint_eq(seen, seq);
	esp_out_free(out);
}

/* Takes a fresh window up to the case's subspace, half a subspace at a time: the only way there is
 * for a receiver (RFC 4303 Appendix A2). */
static void climb(const struct loaded *l, struct esp_in *in)
{
	for (uint64_t high = 0; high < l->c->seq >> 32; high++) {
		step(l, in, high << 32 | 0x80000000u);
		step(l, in, (high + 1) << 32 | 0x10u);
	}
}

static struct esp_in *in_for(const struct loaded *l)
{
	/* SPI 0 occurs in a published case; it takes no part in opening. */
	uint32_t spi = l->sa->spi ? l->sa->spi : 1;
	struct esp_in *in = NULL;

	ck_assert_int_eq(esp_in_new(&in, &l->suite, &l->keys, spi, l->sa->esn, 64), 0);
	return in;
}

static bool within_reach(const struct esp_case *c)
{
	return c->seq >> 32 <= CLIMB_MAX;
}

/* Every suite of esp's table is among the cases, in each size of sequence number. */
START_TEST(test_cases_cover_every_suite)
{
	struct esp_suite suite, found;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		unsigned plain = 0, esn = 0;

		for (size_t k = 0; k < ARRAY_LEN(esp_case_sas); k++) {
			ck_assert_int_eq(esp_suite_find(&esp_case_sas[k].spec, &found, NULL), 0);
			if (found.encr == suite.encr && found.integ == suite.integ)
				*(esp_case_sas[k].esn ? &esn : &plain) += 1;
		}
		ck_assert_uint_ge(plain, 1);
		ck_assert_uint_ge(esn, 2); /* high halves 0 and 5 */
	}
}
END_TEST

START_TEST(test_open_reads_foreign_packets)
{
	struct esp_in *in = NULL;

	for (size_t i = 0; i < ARRAY_LEN(esp_cases); i++) {
		const struct esp_case *c = &esp_cases[i];
		struct packet p;
		struct loaded l;
		uint64_t seq = 0;
		uint8_t nh = 0;

		if (!within_reach(c))
			continue;
		load(&l, c);
		if (i == 0 || c[-1].sa != c->sa || !in) {
			esp_in_free(in);
			in = in_for(&l);
			climb(&l, in);
		}
		p = (struct packet){l.esp, l.esp_len, 0, l.esp_len};
		ck_assert_msg(esp_open(in, &p, &nh, &seq) == V_OK, "%s, case %zu", l.sa->name, i);
		ck_assert_uint_eq(seq, c->seq);
		ck_assert_uint_eq(nh, c->next_header);
		ck_assert_uint_eq(p.len, c->payload_len);
		ck_assert_mem_eq(packet_data(&p), l.payload, c->payload_len);
		ck_assert_uint_eq(esp_in_seq(in), c->seq);
	}
	esp_in_free(in);
}
END_TEST

/* Below the replay window, where any high half can be said: reaches the published ones too. */
START_TEST(test_crypto_reads_foreign_packets)
{
	for (size_t i = 0; i < ARRAY_LEN(esp_cases); i++) {
		const struct esp_case *c = &esp_cases[i];
		struct esp_crypto *crypto;
		uint32_t text_len, front;
		struct loaded l;

		load(&l, c);
		front = ESP_HEADER_LEN + l.suite.encr->iv_len;
		text_len = l.esp_len - front - l.sa->spec.icv_len;
		ck_assert_int_eq(
			esp_crypto_new(&crypto, &l.suite, &l.keys, ESP_CRYPTO_OPEN, l.sa->esn), 0);
		ck_assert_msg(esp_crypto_open(crypto, l.esp, text_len, c->seq), "%s", l.sa->name);
		ck_assert_mem_eq(l.esp + front, l.payload, c->payload_len);
		/* With another high half the same packet is a forgery. */
		if (l.sa->esn) {
			load(&l, c);
			ck_assert(!esp_crypto_open(crypto, l.esp, text_len, c->seq + (1ull << 32)));
		}
		esp_crypto_free(crypto);
	}
}
END_TEST

START_TEST(test_seal_makes_foreign_packets)
{
	unsigned sealed = 0;

	for (size_t i = 0; i < ARRAY_LEN(esp_cases); i++) {
		const struct esp_case *c = &esp_cases[i];
		uint8_t buf[ESP_HEADROOM + BYTES_MAX + ESP_TAILROOM] = {0};
		struct packet p = {buf, sizeof(buf), ESP_HEADROOM, 0};
		struct esp_out *out;
		struct loaded l;

		if (!c->sealable)
			continue;
		load(&l, c);
		out = out_at(&l, c->seq);
		memcpy(packet_data(&p), l.payload, c->payload_len);
		p.len = c->payload_len;
		ck_assert_int_eq(esp_seal(out, &p, c->next_header), V_OK);
		/* What the other program made is as long as mtu.c said. */
		ck_assert_uint_eq(l.esp_len + IP4_HEADER_MIN,
				  esp_outer_len(&l.suite, ESP_ENCAP_NONE, AF_INET, c->payload_len));
		ck_assert_uint_eq(p.len, l.esp_len);
		ck_assert_msg(memcmp(packet_data(&p), l.esp, l.esp_len) == 0, "%s", l.sa->name);
		esp_out_free(out);
		sealed++;
	}
	ck_assert_uint_gt(sealed, 2400);
}
END_TEST

START_TEST(test_open_refuses_damaged_foreign_packets)
{
	for (size_t i = 0; i < ARRAY_LEN(esp_cases); i++) {
		const struct esp_case *c = &esp_cases[i];
		struct esp_in *in;
		struct loaded l;
		uint64_t seq;
		bool whole;
		uint8_t nh;

		if (c->seq >> 32)
			continue;
		load(&l, c);
		in = in_for(&l);
		ck_assert_uint_gt(l.esp_len, l.sa->spec.icv_len);
		whole = i == 0 || c[-1].sa != c->sa;
		/* Every bit of the ICV once an SA, then every seventh. */
		for (uint32_t bit = 0; bit < l.sa->spec.icv_len * 8u; bit += whole ? 1 : 7) {
			uint8_t copy[BYTES_MAX];
			struct packet p = {copy, sizeof(copy), 0, l.esp_len};

			memcpy(copy, l.esp, l.esp_len);
			copy[l.esp_len - 1 - bit / 8] ^= (uint8_t)(1u << bit % 8);
			ck_assert_int_eq(esp_open(in, &p, &nh, &seq), V_ICV);
		}
		ck_assert_uint_eq(esp_in_seq(in), 0);
		esp_in_free(in);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp vectors");
	TCase *tc = tcase_create("vectors");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_cases_cover_every_suite);
	tcase_add_test(tc, test_open_reads_foreign_packets);
	tcase_add_test(tc, test_crypto_reads_foreign_packets);
	tcase_add_test(tc, test_seal_makes_foreign_packets);
	tcase_add_test(tc, test_open_refuses_damaged_foreign_packets);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
