/*
 * tests/unit/ike-lite/test_dh.c: key exchange: both ends agree, and which values of a peer are refused.
 * That the values are the right ones, tests/vectors says.
 */
#include "ike-lite/dh.h"
#include "prim.h"

#include <errno.h>
#include <string.h>

static const uint16_t groups[] = {IKE_DH_MODP_2048,  IKE_DH_MODP_3072, IKE_DH_MODP_4096,
				  IKE_DH_ECP_256,    IKE_DH_ECP_384,   IKE_DH_ECP_521,
				  IKE_DH_CURVE25519, IKE_DH_CURVE448};

static struct ike_dh *make(uint16_t group, uint64_t seed)
{
	struct prim_random r = {.state = seed};
	const struct ike_env env = prim_env(&r);
	uint8_t random[IKE_DH_RANDOM_MAX];
	struct ike_dh *dh;

	ck_assert_uint_le(ike_dh_random_len(group), sizeof(random));
	env.random(env.ctx, random, sizeof(random));
	ck_assert_int_eq(ike_dh_new(&dh, group, random), 0);
	return dh;
}

START_TEST(test_both_ends_agree)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		for (uint64_t seed = 1; seed <= 4; seed++) {
			struct ike_dh *a = make(groups[i], seed), *b = make(groups[i], seed + 100);
			uint8_t one[IKE_DH_SECRET_MAX], two[IKE_DH_SECRET_MAX];
			uint32_t one_len, two_len;

			ck_assert_int_eq(ike_dh_secret(a, ike_dh_public(b), one, &one_len), 0);
			ck_assert_int_eq(ike_dh_secret(b, ike_dh_public(a), two, &two_len), 0);
			ck_assert_uint_eq(one_len, two_len);
			ck_assert_mem_eq(one, two, one_len);
			ck_assert_mem_ne(ike_dh_public(a).data, ike_dh_public(b).data, 32);
			ike_dh_free(a);
			ike_dh_free(b);
		}
	}
}
END_TEST

START_TEST(test_same_bytes_make_the_same_value)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		struct ike_dh *a = make(groups[i], 5), *b = make(groups[i], 5);

		ck_assert_mem_eq(ike_dh_public(a).data, ike_dh_public(b).data,
				 ike_dh_public(a).len);
		ike_dh_free(a);
		ike_dh_free(b);
	}
}
END_TEST

/* The worst bytes a broken source could give still make a value. */
START_TEST(test_extreme_randomness_is_survived)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		for (int ones = 0; ones < 2; ones++) {
			struct ike_dh *extreme, *other = make(groups[i], 9);
			uint8_t random[IKE_DH_RANDOM_MAX], a[IKE_DH_SECRET_MAX],
				b[IKE_DH_SECRET_MAX];
			uint32_t len;

			memset(random, ones ? 0xff : 0, sizeof(random));
			ck_assert_int_eq(ike_dh_new(&extreme, groups[i], random), 0);
			ck_assert_int_eq(ike_dh_secret(extreme, ike_dh_public(other), a, &len), 0);
			ck_assert_int_eq(ike_dh_secret(other, ike_dh_public(extreme), b, &len), 0);
			ck_assert_mem_eq(a, b, len);
			ike_dh_free(extreme);
			ike_dh_free(other);
		}
	}
}
END_TEST

START_TEST(test_unknown_groups_are_refused)
{
	static const uint16_t unknown[] = {0, 1, 2, 5, 13, 17, 18, 22, 24, 28, 33, 0xffff};
	struct ike_dh *dh;

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		ck_assert_uint_eq(ike_dh_random_len(unknown[i]), 0);
		ck_assert_uint_eq(ike_dh_public_len(unknown[i]), 0);
		ck_assert_int_eq(ike_dh_new(&dh, unknown[i], NULL), -EINVAL);
	}
	ike_dh_free(NULL);
}
END_TEST

static int secret_of(struct ike_dh *dh, const uint8_t *value, uint32_t len)
{
	uint8_t secret[IKE_DH_SECRET_MAX];
	struct prim_exact exact = prim_exact(value, len);
	uint32_t n = 4711;
	int err = ike_dh_secret(dh, exact.span, secret, &n);

	ck_assert(err == 0 || n == 4711);
	prim_exact_free(&exact);
	return err;
}

START_TEST(test_wrong_lengths_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		struct ike_dh *dh = make(groups[i], 1), *peer = make(groups[i], 2);
		struct ike_span good = ike_dh_public(peer);
		uint8_t value[IKE_DH_PUBLIC_MAX + 1] = {0};

		memcpy(value, good.data, good.len);
		ck_assert_int_eq(secret_of(dh, value, good.len), 0);
		ck_assert_int_eq(secret_of(dh, value, good.len + 1), -EBADMSG);
		ck_assert_int_eq(secret_of(dh, value, good.len - 1), -EBADMSG);
		ck_assert_int_eq(secret_of(dh, value, 0), -EBADMSG);
		ike_dh_free(dh);
		ike_dh_free(peer);
	}
}
END_TEST

/* RFC 3526's primes begin and end with 64 ones: p - 1, p and p + 1 differ in the end only. The middle is
 * taken from our own generator: 2^e for small e shows nothing, so p comes from the vectors' witness. */
static const char modp2048[] =
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a0879"
	"8e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b"
	"0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da4836"
	"1c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804"
	"f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6"
	"955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";

START_TEST(test_modp_edges_are_refused)
{
	struct prim_bytes p = prim_unhex(modp2048);
	struct ike_dh *dh = make(IKE_DH_MODP_2048, 1);
	uint8_t value[256] = {0};

	ck_assert_uint_eq(p.len, sizeof(value));
	for (unsigned small = 0; small < 4; small++) {
		value[255] = (uint8_t)small;
		ck_assert_int_eq(secret_of(dh, value, sizeof(value)), small < 2 ? -EBADMSG : 0);
	}
	ck_assert_int_eq(secret_of(dh, p.data, p.len), -EBADMSG); /* p */
	p.data[255]--;
	ck_assert_int_eq(secret_of(dh, p.data, p.len), -EBADMSG); /* p - 1 */
	p.data[255]--;
	ck_assert_int_eq(secret_of(dh, p.data, p.len), 0); /* p - 2 */
	memset(value, 0xff, sizeof(value));
	ck_assert_int_eq(secret_of(dh, value, sizeof(value)), -EBADMSG);
	ike_dh_free(dh);
}
END_TEST

START_TEST(test_points_off_the_curve_are_refused)
{
	static const uint16_t ecp[] = {IKE_DH_ECP_256, IKE_DH_ECP_384, IKE_DH_ECP_521};

	for (size_t i = 0; i < ARRAY_LEN(ecp); i++) {
		struct ike_dh *dh = make(ecp[i], 1), *peer = make(ecp[i], 2);
		struct ike_span good = ike_dh_public(peer);
		uint8_t value[IKE_DH_PUBLIC_MAX];

		for (uint32_t at = 0; at < good.len; at++) {
			memcpy(value, good.data, good.len);
			value[at] ^= 1;
			ck_assert_int_eq(secret_of(dh, value, good.len), -EBADMSG);
		}
		memset(value, 0, sizeof(value));
		ck_assert_int_eq(secret_of(dh, value, good.len), -EBADMSG);
		memset(value, 0xff, sizeof(value));
		ck_assert_int_eq(secret_of(dh, value, good.len), -EBADMSG);
		ike_dh_free(dh);
		ike_dh_free(peer);
	}
}
END_TEST

/* RFC 7748 §6.1: points of small order make nought, whatever our own value is. */
START_TEST(test_small_order_points_are_refused)
{
	static const struct {
		uint16_t group;
		const char *value;
	} points[] = {
		{IKE_DH_CURVE25519,
		 "0000000000000000000000000000000000000000000000000000000000000000"},
		{IKE_DH_CURVE25519,
		 "0100000000000000000000000000000000000000000000000000000000000000"},
		{IKE_DH_CURVE25519,
		 "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
		{IKE_DH_CURVE25519,
		 "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
		{IKE_DH_CURVE25519,
		 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{IKE_DH_CURVE25519,
		 "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{IKE_DH_CURVE25519,
		 "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{IKE_DH_CURVE448, "0000000000000000000000000000000000000000000000000000000000000000"
				  "000000000000000000000000000000000000000000000000"},
		{IKE_DH_CURVE448, "0100000000000000000000000000000000000000000000000000000000000000"
				  "000000000000000000000000000000000000000000000000"},
		{IKE_DH_CURVE448, "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffff"
				  "ffffffffffffffffffffffffffffffffffffffffffffffff"},
	};

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct prim_bytes b = prim_unhex(points[i].value);
		struct ike_dh *dh = make(points[i].group, 3);

		ck_assert_msg(secret_of(dh, b.data, b.len) == -EBADMSG, "%s", points[i].value);
		ike_dh_free(dh);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("DH");

	tcase_add_test(tc, test_both_ends_agree);
	tcase_add_test(tc, test_same_bytes_make_the_same_value);
	tcase_add_test(tc, test_extreme_randomness_is_survived);
	tcase_add_test(tc, test_unknown_groups_are_refused);
	tcase_add_test(tc, test_wrong_lengths_are_refused);
	tcase_add_test(tc, test_modp_edges_are_refused);
	tcase_add_test(tc, test_points_off_the_curve_are_refused);
	tcase_add_test(tc, test_small_order_points_are_refused);
	return prim_run(tc, "ike DH");
}
