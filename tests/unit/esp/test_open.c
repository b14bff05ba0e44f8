/*
 * tests/unit/esp/test_open.c: what esp_open refuses, in which order, and that nothing moves the
 * replay window but an authentic packet. Packets with a right ICV over a broken inside are made
 * with the crypto layer itself.
 */
#include "esp/crypto.h"
#include "esp/wire.h"
#include "tests/unit/esp/pair.h"

#include <errno.h>

/* What is neither payload nor padding: shortest packet less the trailer. */
static uint32_t around(const struct esp_suite *suite)
{
	return ESP_HEADER_LEN + suite->encr->iv_len + esp_suite_icv_len(suite);
}

/* A packet whose decrypted bytes are exactly text, with a right ICV. */
static void seal_raw(const struct esp_suite *suite, struct pair_packet *pp, uint32_t seq,
		     const uint8_t *text, uint32_t text_len)
{
	struct esp_crypto *c;
	uint8_t *esp = pp->buf;

	ck_assert_int_eq(esp_crypto_new(&c, suite, &pair_keys, ESP_CRYPTO_SEAL, false), 0);
	store_be32(esp, PAIR_SPI);
	store_be32(esp + 4, seq);
	memcpy(esp + ESP_HEADER_LEN + suite->encr->iv_len, text, text_len);
	ck_assert(esp_crypto_seal(c, esp, text_len, seq, seq));
	esp_crypto_free(c);
	pp->p = (struct packet){pp->buf, PAIR_BUF, 0, text_len + around(suite)};
}

static enum verdict open_copy(struct esp_in *in, const struct pair_packet *pp)
{
	struct pair_packet copy = *pp;
	uint8_t nh;
	uint64_t seq;

	copy.p.buf = copy.buf;
	return esp_open(in, &copy.p, &nh, &seq);
}

START_TEST(test_open_refuses_every_short_packet)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_in *in = pair_in(&suite, false, 64);
		uint32_t min = around(&suite) + ESP_TRAILER_LEN;

		for (uint32_t len = 0; len < min + 64; len++) {
			/* Exactly as long as it says, so that a sanitizer sees a read beyond. */
			uint8_t *bytes = calloc(1, len ? len : 1);
			struct packet p = {bytes, len, 0, len};
			bool whole = (len - around(&suite)) % esp_suite_align(&suite) == 0;
			uint64_t seq = 77;
			uint8_t nh = 77;
			enum verdict v;

			ck_assert_ptr_nonnull(bytes);
			if (len >= 8)
				bytes[7] = 1;
			v = esp_open(in, &p, &nh, &seq);
			ck_assert_int_eq(v, len < min ? V_RUNT : whole ? V_ICV : V_BAD_LENGTH);
			ck_assert_uint_eq(seq, v == V_ICV ? 1 : 77);
			ck_assert_uint_eq(nh, 77);
			free(bytes);
		}
		ck_assert_uint_eq(esp_in_seq(in), 0);
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_open_refuses_more_than_ip_can_carry)
{
	enum { LEN = IP_PACKET_MAX + 1 };
	uint8_t *bytes = calloc(1, LEN);
	struct packet p = {bytes, LEN, 0, LEN};
	struct esp_suite suite;
	uint64_t seq;
	uint8_t nh;

	ck_assert_ptr_nonnull(bytes);
	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_in *in = pair_in(&suite, false, 64);

		ck_assert_int_eq(esp_open(in, &p, &nh, &seq), V_BAD_LENGTH);
		esp_in_free(in);
	}
	free(bytes);
}
END_TEST

START_TEST(test_open_notices_every_flipped_bit)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		for (int esn = 0; esn < 2; esn++) {
			struct esp_out *out = pair_out(&suite, esn, 5, 5);
			struct esp_in *in = pair_in(&suite, esn, 64);
			struct pair_packet pp;

			pair_fill(&pp, 33);
			ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPV6), V_OK);
			for (uint32_t bit = 0; bit < pp.p.len * 8; bit++) {
				uint8_t *byte = packet_data(&pp.p) + bit / 8;

				*byte ^= (uint8_t)(1u << bit % 8);
				ck_assert_int_eq(open_copy(in, &pp), V_ICV);
				ck_assert_uint_eq(esp_in_seq(in), 0);
				*byte ^= (uint8_t)(1u << bit % 8);
			}
			ck_assert_int_eq(open_copy(in, &pp), V_OK);
			ck_assert_uint_eq(esp_in_seq(in), 5);
			esp_out_free(out);
			esp_in_free(in);
		}
	}
}
END_TEST

START_TEST(test_open_refuses_a_truncated_icv)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, false, 1, 10);
		struct esp_in *in = pair_in(&suite, false, 64);
		struct pair_packet pp;

		pair_fill(&pp, 64);
		ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
		for (uint32_t whole = pp.p.len--; pp.p.len > 0; pp.p.len--) {
			enum verdict v = open_copy(in, &pp);

			ck_assert_uint_lt(pp.p.len, whole);
			ck_assert(v == V_ICV || v == V_BAD_LENGTH || v == V_RUNT);
		}
		ck_assert_uint_eq(esp_in_seq(in), 0);
		esp_out_free(out);
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_open_refuses_other_keys)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_suite_spec spec = esp_suite_spec(&suite);
		struct esp_out *out = pair_out(&suite, false, 1, 10);
		uint8_t encr[ESP_ENCR_KEY_MAX], integ[ESP_INTEG_KEY_MAX];
		bool aead = spec.integ == ESP_INTEG_NONE;
		uint8_t *key = aead ? encr : integ;
		uint32_t key_len = aead ? spec.encr_key_len : spec.integ_key_len;
		struct pair_packet pp;

		memcpy(encr, pair_encr_key, sizeof(encr));
		memcpy(integ, pair_integ_key, sizeof(integ));
		pair_fill(&pp, 40);
		ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
		/* Each byte of what authenticates, the salt's included, matters. */
		for (uint32_t k = 0; k < key_len; k++) {
			struct esp_keys keys = {encr, integ, TEST_ENGINE};
			struct esp_in *in;

			key[k] ^= 1;
			ck_assert_int_eq(esp_in_new(&in, &suite, &keys, PAIR_SPI, false, 32), 0);
			ck_assert_int_eq(open_copy(in, &pp), V_ICV);
			esp_in_free(in);
			key[k] ^= 1;
		}
		esp_out_free(out);
	}
}
END_TEST

START_TEST(test_open_checks_replay_before_the_icv)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, false, 1, 200);
		struct esp_in *in = pair_in(&suite, false, 64);
		struct pair_packet pp, first;
		uint64_t seq = 0;
		uint8_t nh;

		for (uint32_t n = 1; n <= 100; n++) {
			pair_fill(&pp, 20);
			ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
			if (n == 1)
				first = pp;
			ck_assert_int_eq(open_copy(in, &pp), V_OK);
		}
		/* Damaged too: had the cipher seen them, the verdict were V_ICV. */
		packet_data(&pp.p)[pp.p.len - 1] ^= 1;
		ck_assert_int_eq(esp_open(in, &pp.p, &nh, &seq), V_REPLAY_DUP);
		ck_assert_uint_eq(seq, 100);
		first.p.buf = first.buf;
		packet_data(&first.p)[first.p.len - 1] ^= 1;
		ck_assert_int_eq(esp_open(in, &first.p, &nh, &seq), V_REPLAY_OLD);
		ck_assert_uint_eq(seq, 1);
		ck_assert_uint_eq(esp_in_seq(in), 100);
		ck_assert_uint_eq(esp_in_window(in), 64);
		esp_out_free(out);
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_open_judges_the_trailer_last)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_in *in = pair_in(&suite, false, 64);
		uint32_t seq_no = 0;

		for (uint32_t pad = 0; pad < 256; pad++) {
			uint8_t text[32] = {0};
			struct pair_packet pp;
			uint64_t seq;
			uint8_t nh = 0;
			enum verdict v;

			text[30] = (uint8_t)pad;
			text[31] = IPPROTO_IPIP;
			seal_raw(&suite, &pp, ++seq_no, text, sizeof(text));
			v = esp_open(in, &pp.p, &nh, &seq);
			ck_assert_int_eq(v, pad <= 30 ? V_OK : V_TRAILER);
			if (v == V_OK) /* padding of any bytes: the ICV vouched for it */
				ck_assert_uint_eq(pp.p.len, 30 - pad);
			/* Authentic all the same: its number is spent. */
			ck_assert_uint_eq(esp_in_seq(in), seq_no);
		}
		esp_in_free(in);
	}
}
END_TEST

/* RFC 4303 §2.4: 1, 2, 3.. or nothing, and judged after the ICV and the pad length. */
START_TEST(test_open_inspects_padding_when_told)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_in *in = pair_in(&suite, false, 64);
		uint32_t seq_no = 0;

		esp_in_insist_on_padding(in);
		for (uint32_t pad = 0; pad <= 31; pad++) {
			/* With wrong the number of the byte that is not what it should be; 0: all are. */
			for (uint32_t wrong = 0; wrong <= pad; wrong++) {
				uint8_t text[32] = {0};
				struct pair_packet pp;
				uint64_t seq;
				uint8_t nh = 0;
				enum verdict v, want = wrong ? V_PADDING : V_OK;

				for (uint32_t k = 0; k < pad && pad <= 30; k++)
					text[30 - pad + k] = (uint8_t)(k + 1 + (k + 1 == wrong));
				text[30] = (uint8_t)pad;
				text[31] = IPPROTO_IPIP;
				seal_raw(&suite, &pp, ++seq_no, text, sizeof(text));
				v = esp_open(in, &pp.p, &nh, &seq);
				ck_assert_int_eq(v, pad > 30 ? V_TRAILER : want);
				ck_assert_uint_eq(esp_in_seq(in), seq_no);
			}
		}
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_open_discards_dummies)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, true, 1, 10);
		struct esp_in *in = pair_in(&suite, true, 64);
		struct pair_packet pp;

		for (uint32_t len = 0; len < 9; len++) {
			pair_fill(&pp, len);
			ck_assert_int_eq(esp_seal(out, &pp.p, ESP_NO_NEXT_HEADER), V_OK);
			ck_assert_int_eq(open_copy(in, &pp), V_DUMMY);
			ck_assert_int_eq(open_copy(in, &pp), V_REPLAY_DUP);
		}
		esp_out_free(out);
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_new_refuses_what_esp_cannot_have)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_in *in = NULL;

		ck_assert_int_eq(esp_in_new(&in, &suite, &pair_keys, 0, false, 64), -EINVAL);
		ck_assert_int_eq(esp_in_new(&in, &suite, &pair_keys, 1, true, 0), -EINVAL);
		ck_assert_int_eq(esp_in_new(&in, &suite, &pair_keys, 1, false, ESP_WINDOW_MAX + 1),
				 -EINVAL);
		ck_assert_ptr_null(in);
	}
	esp_in_free(NULL);
	esp_out_free(NULL);
}
END_TEST

START_TEST(test_peek_spi_reads_no_further)
{
	uint8_t bytes[8] = {0x80, 1, 2, 3, 9, 9, 9, 9};
	struct packet p = {bytes, sizeof(bytes), 0, 0};
	uint32_t spi = 5;

	for (p.len = 0; p.len < 8; p.len++) {
		ck_assert(!esp_peek_spi(&p, &spi));
		ck_assert_uint_eq(spi, 5);
	}
	ck_assert(esp_peek_spi(&p, &spi));
	ck_assert_uint_eq(spi, 0x80010203);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("open");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_open_refuses_every_short_packet);
	tcase_add_test(tc, test_open_refuses_more_than_ip_can_carry);
	tcase_add_test(tc, test_open_notices_every_flipped_bit);
	tcase_add_test(tc, test_open_refuses_a_truncated_icv);
	tcase_add_test(tc, test_open_refuses_other_keys);
	tcase_add_test(tc, test_open_checks_replay_before_the_icv);
	tcase_add_test(tc, test_open_judges_the_trailer_last);
	tcase_add_test(tc, test_open_inspects_padding_when_told);
	tcase_add_test(tc, test_open_discards_dummies);
	tcase_add_test(tc, test_new_refuses_what_esp_cannot_have);
	tcase_add_test(tc, test_peek_spi_reads_no_further);
	return pair_run(tc, "esp open");
}
