/*
 * tests/unit/esp/test_seal.c: esp_seal and esp_open as the two ends of one SA, and what a sealed
 * packet looks like on the wire.
 */
#include "tests/unit/esp/pair.h"

#include <arpa/inet.h>
#include <errno.h>

/* Lengths around every padding edge of 4 and 16 byte units, and both ends of the range. */
static const uint32_t lengths[] = {0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31, 1446};

START_TEST(test_seal_roundtrips_every_suite)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		for (int esn = 0; esn < 2; esn++) {
			struct esp_out *out = pair_out(&suite, esn, 1, esp_seq_limit(esn));
			struct esp_in *in = pair_in(&suite, esn, 64);

			for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
				struct pair_packet pp;
				uint8_t nh = 0;
				uint64_t seq = 0;

				pair_fill(&pp, lengths[k]);
				ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
				ck_assert_int_eq(esp_open(in, &pp.p, &nh, &seq), V_OK);
				ck_assert_uint_eq(nh, IPPROTO_IPIP);
				ck_assert_uint_eq(seq, k + 1);
				ck_assert(pair_holds(&pp.p, lengths[k]));
			}
			ck_assert_uint_eq(esp_in_seq(in), esp_out_seq(out));
			esp_out_free(out);
			esp_in_free(in);
		}
	}
}
END_TEST

START_TEST(test_seal_length_is_what_mtu_says)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, false, 1, 1000);

		for (uint32_t len = 0; len < 70; len++) {
			struct pair_packet pp;

			pair_fill(&pp, len);
			ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
			ck_assert_uint_eq(pp.p.len + IP4_HEADER_MIN,
					  esp_outer_len(&suite, ESP_ENCAP_NONE, AF_INET, len));
		}
		esp_out_free(out);
	}
}
END_TEST

/* RFC 4303 §2.7: zero bytes behind the packet, the inner header tells where it ends. */
START_TEST(test_seal_padded_fills_up_with_zeros)
{
	static const uint32_t pads[] = {0, 1, 20, 39, 40, 41, 42, 43, 44, 100, 255, 256, 1446};
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, true, 1, 1000);
		struct esp_in *in = pair_in(&suite, true, 64);

		for (size_t k = 0; k < sizeof(pads) / sizeof(pads[0]); k++) {
			uint32_t whole = pads[k] > 40 ? pads[k] : 40;
			struct pair_packet pp;
			uint64_t seq;
			uint8_t nh;

			pair_fill(&pp, 40);
			ck_assert_int_eq(esp_seal_padded(out, &pp.p, IPPROTO_IPIP, pads[k]), V_OK);
			ck_assert_uint_eq(pp.p.len + IP4_HEADER_MIN,
					  esp_outer_len(&suite, ESP_ENCAP_NONE, AF_INET, whole));
			ck_assert_int_eq(esp_open(in, &pp.p, &nh, &seq), V_OK);
			ck_assert_uint_eq(pp.p.len, whole);
			for (uint32_t at = 40; at < whole; at++)
				ck_assert_uint_eq(packet_data(&pp.p)[at], 0);
			pp.p.len = 40;
			ck_assert(pair_holds(&pp.p, 40));
		}
		esp_out_free(out);
		esp_in_free(in);
	}
}
END_TEST

/* Room for padding is asked for like any other, and before a number is taken. */
START_TEST(test_seal_padded_needs_room)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, false, 1, 10);
		uint32_t after = esp_outer_len(&suite, ESP_ENCAP_NONE, AF_INET, 300) -
				 IP4_HEADER_MIN - ESP_HEADER_LEN;
		struct pair_packet pp;
		uint32_t iv_len = esp_suite_spec(&suite).encr == ESP_ENCR_AES_CBC ? 16 : 8;

		if (esp_suite_has_implicit_iv(&suite) ||
		    esp_suite_spec(&suite).encr == ESP_ENCR_NULL)
			iv_len = 0;
		pair_fill(&pp, 40);
		pp.p.size = ESP_HEADROOM + after - iv_len - 1;
		ck_assert_int_eq(esp_seal_padded(out, &pp.p, IPPROTO_IPIP, 300), V_NO_ROOM);
		pair_fill(&pp, 40);
		ck_assert_int_eq(esp_seal_padded(out, &pp.p, IPPROTO_IPIP, IP_PACKET_MAX + 1),
				 V_NO_ROOM);
		ck_assert_uint_eq(esp_out_seq(out), 0);
		pair_fill(&pp, 40);
		pp.p.size = ESP_HEADROOM + after - iv_len;
		ck_assert_int_eq(esp_seal_padded(out, &pp.p, IPPROTO_IPIP, 300), V_OK);
		ck_assert_uint_eq(esp_out_seq(out), 1);
		esp_out_free(out);
	}
}
END_TEST

/* RFC 4303 §2.6: a dummy is a packet like any other until it is opened. */
START_TEST(test_seal_dummy_is_opened_as_one)
{
	static const uint8_t noise[64] = {7, 77, 177}, zeros[64];
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = pair_out(&suite, false, 1, 1000);
		struct esp_in *in = pair_in(&suite, false, 64);
		bool encrypts = esp_suite_encrypts(&suite);

		for (uint32_t len = 0; len <= 64; len++) {
			struct pair_packet pp, real;
			uint64_t seq = 0;
			uint8_t nh = 0;

			pair_fill(&pp, 0);
			pair_fill(&real, len);
			ck_assert_int_eq(esp_seal_dummy(out, &pp.p, encrypts ? NULL : noise, len),
					 V_OK);
			ck_assert_int_eq(esp_seal(out, &real.p, IPPROTO_IPIP), V_OK);
			ck_assert_uint_eq(pp.p.len, real.p.len);
			/* NULL and GMAC show what they carry: it is what the caller gave. */
			ck_assert(memmem(packet_data(&pp.p), pp.p.len, noise, len) || encrypts);
			ck_assert(len < 8 ||
				  !memmem(packet_data(&pp.p), pp.p.len,
					  encrypts ? "\0\0\0\0\0\0\0" : "\xa5\xa5\xa5\xa5\xa5",
					  encrypts ? 8 : 5));
			ck_assert_int_eq(esp_open(in, &pp.p, &nh, &seq), V_DUMMY);
			ck_assert_uint_eq(nh, ESP_NO_NEXT_HEADER);
			ck_assert_uint_eq(seq, 2 * len + 1);
			/* Nor does whoever has the key get what lay in the buffer before. */
			ck_assert_uint_eq(pp.p.len, len);
			ck_assert(memcmp(packet_data(&pp.p), encrypts ? zeros : noise, len) == 0);
		}
		esp_out_free(out);
		esp_in_free(in);
	}
}
END_TEST

START_TEST(test_seal_dummy_needs_room)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		static const uint8_t noise[16];
		struct esp_out *out = pair_out(&suite, false, 1, 2);
		uint8_t buf[ESP_HEADROOM + 16 + ESP_TAILROOM];
		struct packet p = {buf, ESP_HEADROOM + 15, ESP_HEADROOM, 0};

		ck_assert_int_eq(esp_seal_dummy(out, &p, noise, 16), V_NO_ROOM);
		p = (struct packet){buf, ESP_HEADROOM + 16, ESP_HEADROOM, 0};
		ck_assert_int_eq(esp_seal_dummy(out, &p, noise, 16), V_NO_ROOM);
		p = (struct packet){buf, sizeof(buf), ESP_HEADROOM, 0};
		ck_assert_int_eq(esp_seal_dummy(out, &p, noise, UINT32_MAX), V_NO_ROOM);
		ck_assert_uint_eq(esp_out_seq(out), 0);
		for (int n = 0; n < 3; n++) {
			p = (struct packet){buf, sizeof(buf), ESP_HEADROOM, 0};
			ck_assert_int_eq(esp_seal_dummy(out, &p, noise, 16),
					 n < 2 ? V_OK : V_SEQ_UNRESERVED);
		}
		esp_out_free(out);
	}
}
END_TEST

/* RFC 8750 §4: the IV is the sequence number, so nothing may be mixed into it; all others take a
 * mask, and both ends of its use agree. */
START_TEST(test_implicit_iv_takes_no_mask)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		bool implicit = esp_suite_has_implicit_iv(&suite);
		struct esp_out *out = NULL;
		int rc = esp_out_new(&out, &suite, &pair_keys, PAIR_SPI, false,
				     (struct esp_grant){1, 10}, 1);

		ck_assert_int_eq(rc, implicit ? -EINVAL : 0);
		ck_assert_int_eq(out == NULL, implicit);
		esp_out_free(out);
	}
}
END_TEST

/* RFC 3602 §3: not even the same packet twice, or under a second SPI, may have the same IV. */
START_TEST(test_cbc_iv_never_repeats)
{
	struct esp_suite suite;
	unsigned tried = 0;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		uint8_t ivs[3][16];

		if (esp_suite_spec(&suite).encr != ESP_ENCR_AES_CBC)
			continue;
		for (unsigned k = 0; k < 3; k++) {
			static const struct {
				uint32_t spi, seq;
			} sas[] = {{PAIR_SPI, 1}, {PAIR_SPI, 2}, {PAIR_SPI + 1, 1}};
			struct esp_out *out;
			struct pair_packet pp;

			ck_assert_int_eq(esp_out_new(&out, &suite, &pair_keys, sas[k].spi, false,
						     (struct esp_grant){sas[k].seq, 9}, 0),
					 0);
			pair_fill(&pp, 40);
			ck_assert_int_eq(esp_seal(out, &pp.p, IPPROTO_IPIP), V_OK);
			memcpy(ivs[k], packet_data(&pp.p) + ESP_HEADER_LEN, sizeof(ivs[k]));
			esp_out_free(out);
		}
		ck_assert(memcmp(ivs[0], ivs[1], 16) && memcmp(ivs[0], ivs[2], 16) &&
			  memcmp(ivs[1], ivs[2], 16));
		tried++;
	}
	ck_assert_uint_ge(tried, 3);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("seal");

	tcase_add_test(tc, test_seal_roundtrips_every_suite);
	tcase_add_test(tc, test_seal_length_is_what_mtu_says);
	tcase_add_test(tc, test_seal_padded_fills_up_with_zeros);
	tcase_add_test(tc, test_seal_padded_needs_room);
	tcase_add_test(tc, test_seal_dummy_is_opened_as_one);
	tcase_add_test(tc, test_seal_dummy_needs_room);
	tcase_add_test(tc, test_implicit_iv_takes_no_mask);
	tcase_add_test(tc, test_cbc_iv_never_repeats);
	return pair_run(tc, "esp seal");
}
