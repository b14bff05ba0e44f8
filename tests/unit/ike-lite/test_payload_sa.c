/*
 * tests/unit/ike-lite/test_payload_sa.c: proposals on the wire, RFC 7296 §3.3: each length that may lie.
 */
#include "ike-lite/bytes.h"
#include "prim.h"

#include <string.h>

/* One proposal with an SPI, AES-CBC-128 and a MAC; behind it a plain one. */
#define FIRST                      \
	"0200002001030402aabbccdd" \
	"0300000c0100000c800e0080" \
	"000000080300000c"
#define SECOND                     \
	"0000001402030401aabbccdd" \
	"0000000805000000"

static const struct {
	const char *what, *hex;
	bool ok;
} bodies[] = {
	{"two", FIRST SECOND, true},
	{"one", SECOND, true},
	{"none", "", false},
	{"the first says it is the last",
	 "0000002001030402aabbccdd0300000c0100000c800e0080"
	 "000000080300000c" SECOND,
	 false},
	{"the last says there are more", FIRST "0200001402030401aabbccdd0000000805000000", false},
	{"a mark that is neither", FIRST "0100001402030401aabbccdd0000000805000000", false},
	{"shorter than its header", "0000000702030000", false},
	{"length nought", "0000000002030000", false},
	{"longer than what is there", "0000001502030401aabbccdd0000000805000000", false},
	{"no transforms at all", "0000000c02030400aabbccdd", true},
	{"a count too high", "0000001402030402aabbccdd0000000805000000", false},
	{"a count too low", "0000001402030400aabbccdd0000000805000000", false},
	{"an SPI beyond the proposal", "000000140203ff01aabbccdd0000000805000000", false},
	{"ESP with an SPI of eight",
	 "00000018020308010102030405060708"
	 "0000000805000000",
	 false},
	{"ESP without an SPI", "00000010020300010000000805000000", false},
	{"IKE without an SPI", "00000010010100010000000805000000", true},
	{"IKE with one of eight", "000000180101080101020304050607080000000805000000", true},
	{"IKE with one of four", "0000001401010401aabbccdd0000000805000000", false},
	{"the last transform says there are more", "0000001402030401aabbccdd0300000805000000",
	 false},
	{"the first transform says it is the last",
	 "0000001c02030402aabbccdd00000008050000000000000805000001", false},
	{"a transform shorter than its header", "0000001402030401aabbccdd0000000705000000", false},
	{"a transform beyond the proposal", "0000001402030401aabbccdd0000000905000000", false},
	{"an attribute cut", "0000001602030401aabbccdd0000000a05000000800e", false},
	{"a long attribute", "0000001a02030401aabbccdd0000000e05000000000e00021234", true},
	{"a long attribute that lies", "0000001a02030401aabbccdd0000000e05000000000e00031234",
	 false},
	{"an empty long attribute", "0000001802030401aabbccdd0000000c05000000000e0000", true},
};

START_TEST(test_bodies_are_taken_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct prim_bytes b = prim_unhex(bodies[i].hex);
		struct prim_exact exact = prim_exact(b.data, b.len);

		ck_assert_msg(ike_sa_check(exact.span) == bodies[i].ok, "%s", bodies[i].what);
		prim_exact_free(&exact);
	}
}
END_TEST

START_TEST(test_cut_and_changed_bodies_stay_inside)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct prim_bytes b = prim_unhex(bodies[i].hex);
		struct ike_offer offer;

		for (uint32_t len = 0; len < b.len; len++) {
			struct prim_exact exact = prim_exact(b.data, len);

			ck_assert_msg(!ike_sa_check(exact.span) || !bodies[i].ok, "%s cut to %u",
				      bodies[i].what, len);
			prim_exact_free(&exact);
		}
		for (uint32_t at = 0; at < b.len; at++) {
			struct prim_exact exact = prim_exact(b.data, b.len);

			for (unsigned value = 0; value < 256; value++) {
				struct ike_span left = exact.span;

				exact.owned[at] = (uint8_t)value;
				if (!ike_sa_check(exact.span))
					continue;
				while (ike_sa_next(&left, &offer))
					;
				ck_assert_uint_eq(left.len, 0);
			}
			prim_exact_free(&exact);
		}
	}
}
END_TEST

START_TEST(test_offers_tell_what_stands_there)
{
	struct prim_bytes b = prim_unhex(FIRST SECOND);
	struct ike_span left = prim_span(&b);
	struct ike_offer offer;

	ck_assert(ike_sa_next(&left, &offer));
	ck_assert_uint_eq(offer.number, 1);
	ck_assert_uint_eq(offer.proposal.protocol, IKE_PROTO_ESP);
	ck_assert_uint_eq(load_u32(offer.spi.data), 0xaabbccdd);
	ck_assert_uint_eq(offer.spi.len, 4);
	ck_assert_uint_eq(offer.proposal.count, 2);
	ck_assert_uint_eq(offer.proposal.at[0].type, IKE_ENCR);
	ck_assert_uint_eq(offer.proposal.at[0].id, IKE_ENCR_AES_CBC);
	ck_assert_uint_eq(offer.proposal.at[0].key_bits, 128);
	ck_assert_uint_eq(offer.proposal.at[1].id, IKE_INTEG_HMAC_SHA2_256_128);
	ck_assert_uint_eq(offer.proposal.at[1].key_bits, 0);
	ck_assert(!offer.unknown_type);
	ck_assert(ike_sa_next(&left, &offer));
	ck_assert_uint_eq(offer.number, 2);
	ck_assert_uint_eq(offer.proposal.count, 1);
	ck_assert(!ike_sa_next(&left, &offer));
}
END_TEST

START_TEST(test_transforms_beyond_our_room_are_left_out)
{
	enum { COUNT = IKE_TRANSFORMS_MAX + 10 };
	uint8_t body[12 + 8 * COUNT] = {0, 0, 0, 0, 1, IKE_PROTO_ESP, 4, COUNT};
	struct ike_span left = IKE_SPAN(body);
	struct ike_offer offer;

	store_u16(body + 2, sizeof(body));
	for (unsigned i = 0; i < COUNT; i++) {
		uint8_t *t = body + 12 + 8 * (size_t)i;

		t[0] = i + 1 == COUNT ? 0 : 3;
		t[3] = 8;
		t[4] = IKE_DH;
		t[7] = (uint8_t)i;
	}
	ck_assert(ike_sa_check(left));
	ck_assert(ike_sa_next(&left, &offer));
	ck_assert_uint_eq(offer.proposal.count, IKE_TRANSFORMS_MAX);
}
END_TEST

START_TEST(test_defaults_read_back)
{
	static const struct {
		enum ike_protocol protocol;
		uint32_t spi_len;
	} kinds[] = {{IKE_PROTO_IKE, 0}, {IKE_PROTO_IKE, 8}, {IKE_PROTO_ESP, 4}};
	const uint8_t spi[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct ike_proposal p[2];
		uint8_t buf[PRIM_BYTES_MAX];
		struct ike_writer w;
		struct ike_span left;
		struct ike_offer offer;

		(void)ike_proposal_default(kinds[k].protocol, p);
		ike_writer_begin_inner(&w, buf, sizeof(buf));
		ike_put_sa(&w, p, 2, 1, (struct ike_span){spi, kinds[k].spi_len});
		ck_assert(!w.overflow);
		left = (struct ike_span){buf + 4, w.len - 4};
		ck_assert(ike_sa_check(left));
		for (unsigned i = 0; i < 2; i++) {
			ck_assert(ike_sa_next(&left, &offer));
			ck_assert_uint_eq(offer.number, i + 1);
			ck_assert_uint_eq(offer.spi.len, kinds[k].spi_len);
			ck_assert(ike_proposal_equal(&offer.proposal, &p[i]));
		}
		ck_assert(!ike_sa_next(&left, &offer));
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("payload SA");

	tcase_add_test(tc, test_bodies_are_taken_or_refused);
	tcase_add_test(tc, test_cut_and_changed_bodies_stay_inside);
	tcase_add_test(tc, test_offers_tell_what_stands_there);
	tcase_add_test(tc, test_transforms_beyond_our_room_are_left_out);
	tcase_add_test(tc, test_defaults_read_back);
	return prim_run(tc, "ike payload SA");
}
