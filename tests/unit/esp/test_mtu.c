/*
 * tests/unit/esp/test_mtu.c: the numbers of esp_outer_len and esp_inner_mtu, against a table worked
 * out by hand from the RFCs' packet pictures, and each against the other everywhere.
 */
#include "tests/unit/esp/pair.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* icv_len 0: any. */
static struct esp_suite find(enum esp_encr_id encr, enum esp_integ_id integ, uint8_t icv_len)
{
	struct esp_suite suite;
	struct esp_suite_spec spec;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		spec = esp_suite_spec(&suite);
		if (spec.encr == encr && spec.integ == integ &&
		    (icv_len == 0 || spec.icv_len == icv_len))
			return suite;
	}
	ck_abort_msg("no such suite");
}

static const struct {
	enum esp_encr_id encr;
	enum esp_integ_id integ;
	uint8_t icv_len;
	uint8_t family;
	uint32_t mtu;
	uint32_t plain, udp; /* inner MTU without and with RFC 3948 */
} table[] = {
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 1500, 1446, 1438},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET6, 1500, 1426, 1418},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 12, AF_INET, 1500, 1450, 1442},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 8, AF_INET, 1500, 1454, 1446},
	{ESP_ENCR_AES_CCM, ESP_INTEG_NONE, 16, AF_INET, 1500, 1446, 1438},
	{ESP_ENCR_AES_CCM, ESP_INTEG_NONE, 12, AF_INET6, 1500, 1430, 1422},
	{ESP_ENCR_AES_CCM, ESP_INTEG_NONE, 8, AF_INET, 1500, 1454, 1446},
	{ESP_ENCR_AES_GMAC, ESP_INTEG_NONE, 16, AF_INET, 1500, 1446, 1438},
	{ESP_ENCR_CHACHA20_POLY1305, ESP_INTEG_NONE, 16, AF_INET, 1500, 1446, 1438},
	{ESP_ENCR_AES_GCM_IIV, ESP_INTEG_NONE, 16, AF_INET, 1500, 1454, 1446},
	{ESP_ENCR_CHACHA20_POLY1305_IIV, ESP_INTEG_NONE, 16, AF_INET6, 1500, 1434, 1426},
	{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 0, AF_INET, 1500, 1438, 1422},
	{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 0, AF_INET6, 1500, 1406, 1406},
	{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA1, 0, AF_INET, 1500, 1438, 1422},
	{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_384, 0, AF_INET, 1500, 1422, 1422},
	{ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_512, 0, AF_INET, 1500, 1422, 1406},
	{ESP_ENCR_AES_CBC, ESP_INTEG_AES_XCBC, 0, AF_INET, 1500, 1438, 1422},
	{ESP_ENCR_AES_CTR, ESP_INTEG_HMAC_SHA1, 0, AF_INET, 1500, 1450, 1442},
	{ESP_ENCR_AES_CTR, ESP_INTEG_HMAC_SHA2_512, 0, AF_INET6, 1500, 1410, 1402},
	{ESP_ENCR_AES_CTR, ESP_INTEG_AES_CMAC, 0, AF_INET, 1500, 1450, 1442},
	{ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA2_256, 0, AF_INET, 1500, 1454, 1446},
	{ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA2_512, 0, AF_INET, 1500, 1438, 1430},
	{ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA1, 0, AF_INET, 1500, 1458, 1450},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 1280, 1226, 1218},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 9000, 8946, 8938},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 56, 2, 0},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 55, 0, 0},
	{ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 16, AF_INET, 0, 0, 0},
};

START_TEST(test_inner_mtu_is_the_tables)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct esp_suite suite = find(table[i].encr, table[i].integ, table[i].icv_len);

		ck_assert_uint_eq(
			esp_inner_mtu(&suite, ESP_ENCAP_NONE, table[i].family, table[i].mtu),
			table[i].plain);
		ck_assert_uint_eq(
			esp_inner_mtu(&suite, ESP_ENCAP_UDP, table[i].family, table[i].mtu),
			table[i].udp);
	}
}
END_TEST

START_TEST(test_inner_mtu_is_the_largest_that_fits)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct esp_suite s;

	for (unsigned i = 0; esp_suite_at(i, &s); i++) {
		for (unsigned k = 0; k < 4; k++) {
			enum esp_encap encap = k & 1 ? ESP_ENCAP_UDP : ESP_ENCAP_NONE;
			uint8_t family = families[k >> 1];

			for (uint32_t mtu = 0; mtu <= 1600; mtu++) {
				uint32_t inner = esp_inner_mtu(&s, encap, family, mtu);
				bool fits =
					!inner || esp_outer_len(&s, encap, family, inner) <= mtu;
				bool most = esp_outer_len(&s, encap, family, inner + 1) > mtu;

				/* One assertion costs more than all of this. */
				if (!fits || !most)
					ck_abort_msg("suite %u, MTU %u: %u", i, mtu, inner);
			}
		}
	}
}
END_TEST

/* The kernel's rule for XFRMA_TFCPAD: up to this length, but never beyond what the path takes. */
START_TEST(test_padded_len_stops_at_the_mtu)
{
	static const struct {
		uint32_t inner_len, pad_to, inner_mtu, padded;
	} rows[] = {
		{100, 0, 1446, 100},
		{100, 99, 1446, 100},
		{100, 100, 1446, 100},
		{100, 101, 1446, 101},
		{100, 1446, 1446, 1446},
		{100, 1447, 1446, 1446},
		{100, UINT32_MAX, 1446, 1446},
		{1446, UINT32_MAX, 1446, 1446},
		{1447, UINT32_MAX, 1446,
		 1447},		      /* too long by itself: to fragment is no reason to pad */
		{100, 1500, 0, 1500}, /* path MTU not known */
		{100, UINT32_MAX, 0, IP_PACKET_MAX},
		{100, UINT32_MAX, UINT32_MAX, IP_PACKET_MAX},
		{0, 0, 0, 0},
	};
	struct esp_suite s;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(esp_padded_len(rows[i].inner_len, rows[i].pad_to,
					     rows[i].inner_mtu) == rows[i].padded,
			      "row %zu", i);
	/* Padded as far as it goes, every suite's packet still fits. */
	for (unsigned i = 0; esp_suite_at(i, &s); i++) {
		uint32_t mtu = esp_inner_mtu(&s, ESP_ENCAP_UDP, AF_INET6, 1400);
		uint32_t len = esp_padded_len(1, UINT32_MAX, mtu);

		ck_assert_uint_eq(len, mtu);
		ck_assert_uint_le(esp_outer_len(&s, ESP_ENCAP_UDP, AF_INET6, len), 1400);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mtu");

	tcase_add_test(tc, test_inner_mtu_is_the_tables);
	tcase_add_test(tc, test_inner_mtu_is_the_largest_that_fits);
	tcase_add_test(tc, test_padded_len_stops_at_the_mtu);
	return pair_run(tc, "esp mtu");
}
