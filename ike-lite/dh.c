/*
 * ike-lite/dh.c: three kinds of group, one face. The private value of a MODP group is as long as RFC 3526
 * §8 holds right for its strength, of an ECP group it is a scalar made of 64 bits more than the order has
 * (FIPS 186-5 A.2.1), of a Curve it is the bytes as given (RFC 7748 §5 clamps them).
 */
#include "ike-lite/dh.h"

#include "ike-lite/spec.h"

#include <assert.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

enum dh_kind { KIND_MODP, KIND_ECP, KIND_CURVE };

struct dh_group {
	uint16_t id;
	enum dh_kind kind;
	uint16_t random_len, public_len;
	int nid; /* curves */
	BIGNUM *(*prime)(BIGNUM *);
};

static const struct dh_group groups[] = {
	{IKE_DH_MODP_2048, KIND_MODP, 40, 256, 0, BN_get_rfc3526_prime_2048},
	{IKE_DH_MODP_3072, KIND_MODP, 52, 384, 0, BN_get_rfc3526_prime_3072},
	{IKE_DH_MODP_4096, KIND_MODP, 60, 512, 0, BN_get_rfc3526_prime_4096},
	{IKE_DH_ECP_256, KIND_ECP, 40, 64, NID_X9_62_prime256v1, NULL},
	{IKE_DH_ECP_384, KIND_ECP, 56, 96, NID_secp384r1, NULL},
	{IKE_DH_ECP_521, KIND_ECP, 74, 132, NID_secp521r1, NULL},
	{IKE_DH_CURVE25519, KIND_CURVE, 32, 32, EVP_PKEY_X25519, NULL},
	{IKE_DH_CURVE448, KIND_CURVE, 56, 56, EVP_PKEY_X448, NULL},
};

struct ike_dh {
	const struct dh_group *group;
	BIGNUM *private; /* owned; MODP, ECP */
	EC_GROUP *curve; /* owned; ECP */
	EVP_PKEY *key;	 /* owned; CURVE */
	uint8_t public[IKE_DH_PUBLIC_MAX];
};

static const struct dh_group *group_of(uint16_t id)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].id == id)
			return &groups[i];
	return NULL;
}

uint32_t ike_dh_random_len(uint16_t group)
{
	const struct dh_group *g = group_of(group);

	return g ? g->random_len : 0;
}

uint32_t ike_dh_public_len(uint16_t group)
{
	const struct dh_group *g = group_of(group);

	return g ? g->public_len : 0;
}

/* ---- MODP ------------------------------------------------------------------------------------- */

/* base^private mod p, written as long as p. */
static bool modp_power(const struct ike_dh *dh, const BIGNUM *base, const BIGNUM *p, uint8_t *out)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *r = BN_new();
	bool ok;

	ok = ctx && r && BN_mod_exp_mont_consttime(r, base, dh->private, p, ctx, NULL) &&
	     BN_bn2binpad(r, out, dh->group->public_len) == dh->group->public_len;
	BN_clear_free(r);
	BN_CTX_free(ctx);
	return ok;
}

static bool modp_new(struct ike_dh *dh, const uint8_t *random)
{
	int bits = 8 * dh->group->random_len;
	BIGNUM *p = dh->group->prime(NULL), *generator = BN_new();
	bool ok;

	dh->private = BN_bin2bn(random, dh->group->random_len, NULL);
	/* One length for all: never nought, and nothing to learn from the time it takes. */
	ok = p && generator && dh->private && BN_set_bit(dh->private, bits - 1) &&
	     BN_set_word(generator, 2) && modp_power(dh, generator, p, dh->public);
	BN_free(generator);
	BN_free(p);
	return ok;
}

static int modp_secret(const struct ike_dh *dh, struct ike_span peer, uint8_t *secret)
{
	BIGNUM *p = dh->group->prime(NULL), *y = BN_bin2bn(peer.data, (int)peer.len, NULL);
	BIGNUM *limit = p ? BN_dup(p) : NULL;
	int err = -ENOMEM;

	if (!p || !y || !limit || !BN_sub_word(limit, 1))
		goto out;
	/* RFC 6989 §2.1: of a safe prime, 1 < y < p - 1 */
	err = -EBADMSG;
	if (BN_is_zero(y) || BN_is_one(y) || BN_cmp(y, limit) >= 0)
		goto out;
	err = modp_power(dh, y, p, secret) ? 0 : -ENOMEM;
out:
	BN_free(limit);
	BN_free(y);
	BN_free(p);
	return err;
}

/* ---- ECP ---------------------------------------------------------------------------------------- */

/* private = random mod (order - 1) + 1 */
static bool ecp_private(struct ike_dh *dh, const uint8_t *random, BN_CTX *ctx)
{
	BIGNUM *wide = BN_bin2bn(random, dh->group->random_len, NULL);
	BIGNUM *less = BN_dup(EC_GROUP_get0_order(dh->curve));
	bool ok;

	dh->private = BN_secure_new();
	ok = wide && less && dh->private && BN_sub_word(less, 1);
	if (ok) {
		BN_set_flags(wide, BN_FLG_CONSTTIME);
		BN_set_flags(dh->private, BN_FLG_CONSTTIME);
	}
	ok = ok && BN_mod(dh->private, wide, less, ctx) && BN_add_word(dh->private, 1);
	BN_clear_free(wide);
	BN_free(less);
	return ok;
}

static bool ecp_new(struct ike_dh *dh, const uint8_t *random)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	uint8_t encoded[1 + IKE_DH_PUBLIC_MAX]; /* 04 | x | y */
	size_t len = 1 + (size_t)dh->group->public_len;
	EC_POINT *point = NULL;
	bool ok;

	dh->curve = EC_GROUP_new_by_curve_name(dh->group->nid);
	ok = ctx && dh->curve && ecp_private(dh, random, ctx) &&
	     (point = EC_POINT_new(dh->curve)) != NULL &&
	     EC_POINT_mul(dh->curve, point, dh->private, NULL, NULL, ctx) &&
	     EC_POINT_point2oct(dh->curve, point, POINT_CONVERSION_UNCOMPRESSED, encoded, len,
				ctx) == len;
	if (ok)
		memcpy(dh->public, encoded + 1, dh->group->public_len);
	EC_POINT_free(point);
	BN_CTX_free(ctx);
	return ok;
}

static int ecp_secret(const struct ike_dh *dh, struct ike_span peer, uint8_t *secret)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	EC_POINT *point = EC_POINT_new(dh->curve), *shared = EC_POINT_new(dh->curve);
	BIGNUM *x = BN_secure_new();
	uint8_t encoded[1 + IKE_DH_PUBLIC_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	int len = dh->group->public_len / 2, err = -ENOMEM;

	if (!ctx || !point || !shared || !x)
		goto out;
	memcpy(encoded + 1, peer.data, peer.len);
	/* Refuses coordinates beyond the prime and points not on the curve; the cofactor is 1. */
	err = -EBADMSG;
	if (!EC_POINT_oct2point(dh->curve, point, encoded, 1 + (size_t)peer.len, ctx))
		goto out;
	err = -ENOMEM;
	/* RFC 5903 §7: the x coordinate alone */
	if (EC_POINT_mul(dh->curve, shared, NULL, point, dh->private, ctx) &&
	    EC_POINT_get_affine_coordinates(dh->curve, shared, x, NULL, ctx) &&
	    BN_bn2binpad(x, secret, len) == len)
		err = 0;
out:
	BN_clear_free(x);
	EC_POINT_clear_free(shared);
	EC_POINT_free(point);
	BN_CTX_free(ctx);
	return err;
}

/* ---- Curve25519, Curve448 ----------------------------------------------------------------------- */

static bool curve_new(struct ike_dh *dh, const uint8_t *random)
{
	size_t len = dh->group->public_len;

	dh->key = EVP_PKEY_new_raw_private_key(dh->group->nid, NULL, random, dh->group->random_len);
	return dh->key && EVP_PKEY_get_raw_public_key(dh->key, dh->public, &len);
}

static int curve_secret(const struct ike_dh *dh, struct ike_span peer, uint8_t *secret)
{
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(dh->group->nid, NULL, peer.data, peer.len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(dh->key, NULL);
	size_t len = dh->group->public_len;
	int err = -ENOMEM;

	if (!theirs || !ctx || EVP_PKEY_derive_init(ctx) <= 0 ||
	    EVP_PKEY_derive_set_peer(ctx, theirs) <= 0)
		goto out;
	/* RFC 8031 §3.2: OpenSSL refuses a result of nought. */
	err = EVP_PKEY_derive(ctx, secret, &len) > 0 ? 0 : -EBADMSG;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	return err;
}

/* ---- all ---------------------------------------------------------------------------------------- */

int ike_dh_new(struct ike_dh **out, uint16_t group, const uint8_t *random)
{
	static bool (*const make[])(struct ike_dh *, const uint8_t *) = {
		[KIND_MODP] = modp_new, [KIND_ECP] = ecp_new, [KIND_CURVE] = curve_new};
	const struct dh_group *g = group_of(group);
	struct ike_dh *dh;

	if (!g)
		return -EINVAL;
	dh = calloc(1, sizeof(*dh));
	if (!dh)
		return -ENOMEM;
	dh->group = g;
	if (!make[g->kind](dh, random)) {
		ike_dh_free(dh);
		return -ENOMEM;
	}
	*out = dh;
	return 0;
}

void ike_dh_free(struct ike_dh *dh)
{
	if (!dh)
		return;
	BN_clear_free(dh->private);
	EC_GROUP_free(dh->curve);
	EVP_PKEY_free(dh->key);
	free(dh);
}

uint16_t ike_dh_group(const struct ike_dh *dh)
{
	return dh->group->id;
}

struct ike_span ike_dh_public(const struct ike_dh *dh)
{
	return (struct ike_span){dh->public, dh->group->public_len};
}

int ike_dh_secret(const struct ike_dh *dh, struct ike_span peer,
		  uint8_t secret[static IKE_DH_SECRET_MAX], uint32_t *len)
{
	static int (*const make[])(const struct ike_dh *, struct ike_span, uint8_t *) = {
		[KIND_MODP] = modp_secret, [KIND_ECP] = ecp_secret, [KIND_CURVE] = curve_secret};
	uint32_t n = dh->group->public_len;
	int err;

	if (peer.len != n)
		return -EBADMSG;
	err = make[dh->group->kind](dh, peer, secret);
	if (err) {
		OPENSSL_cleanse(secret, IKE_DH_SECRET_MAX);
		return err;
	}
	*len = dh->group->kind == KIND_ECP ? n / 2 : n;
	return 0;
}
