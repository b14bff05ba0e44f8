/*
 * tests/vectors/test_swan_vectors.c: does our IKEv2 key schedule give what strongSwan's gave? Every value that
 * a charon wrote into its log, swan_cases.h: SKEYSEED and SK_*, of a first IKE SA and of its successor,
 * AUTH of both ends, KEYMAT of child SAs with and without an exchange of their own.
 */
#include "ike-lite/auth.h"
#include "ike-lite/bytes.h"
#include "prim.h"
#include "tests/vectors/swan_cases.h"

#include <string.h>

/* What goes into an IKE SA's keys, and the keys. */
struct made {
	struct prim_bytes shared, ni, nr;
	struct ike_key_inputs in;
	struct ike_keys keys;
};

static void add(struct prim_bytes *b, const uint8_t *data, uint32_t len)
{
	ck_assert_uint_le(b->len + len, sizeof(b->data));
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void check_keys(const struct swan_ike *c, const struct ike_keys *k)
{
	uint32_t prf_len = k->suite.prf->key_len, encr_len = ike_keys_encr_len(&k->suite),
		 integ_len = ike_keys_integ_len(&k->suite);
	struct prim_bytes all = {.len = 0};

	add(&all, k->d, prf_len);
	add(&all, k->ai, integ_len);
	add(&all, k->ar, integ_len);
	add(&all, k->ei, encr_len);
	add(&all, k->er, encr_len);
	add(&all, k->pi, prf_len);
	add(&all, k->pr, prf_len);
	prim_expect(prim_span(&all), c->keys, c->words);
}

/* SKEYSEED is not kept by anyone; made here as ike-lite makes it. */
static void check_skeyseed(const struct swan_ike *c, const struct made *m,
			   const struct ike_keys *old)
{
	const struct ike_algorithm *prf = old ? old->suite.prf : m->keys.suite.prf;
	const struct ike_span rekey[] = {m->in.shared, m->in.ni, m->in.nr};
	struct prim_bytes nonces = m->ni;
	uint8_t seed[IKE_PRF_LEN_MAX];
	bool ok;

	add(&nonces, m->nr.data, m->nr.len);
	ok = old ? ike_prf(prf, (struct ike_span){old->d, prf->key_len}, rekey, 3, seed)
		 : ike_prf(prf, prim_span(&nonces), rekey, 1, seed);
	ck_assert(ok);
	prim_expect((struct ike_span){seed, prf->key_len}, c->skeyseed, c->words);
}

static void make(struct made *m, const struct swan_ike *c, const struct ike_keys *old)
{
	const struct prim_bytes spi_i = prim_unhex(c->spi_i), spi_r = prim_unhex(c->spi_r);
	const struct ike_suite suite = prim_suite(c->words);

	m->shared = prim_unhex(c->shared);
	m->ni = prim_unhex(c->ni);
	m->nr = prim_unhex(c->nr);
	m->in = (struct ike_key_inputs){prim_span(&m->shared), prim_span(&m->ni), prim_span(&m->nr),
					load_u64(spi_i.data), load_u64(spi_r.data)};
	if (old)
		ck_assert(ike_keys_rekey(&m->keys, &suite, old, &m->in));
	else
		ck_assert(ike_keys_derive(&m->keys, &suite, &m->in));
}

START_TEST(test_ike_keys_are_strongswans)
{
	ck_assert_uint_eq(ARRAY_LEN(swan_ikes), 8);
	for (size_t i = 0; i < ARRAY_LEN(swan_ikes); i += 2) {
		struct made first, second;

		make(&first, &swan_ikes[i], NULL);
		check_skeyseed(&swan_ikes[i], &first, NULL);
		check_keys(&swan_ikes[i], &first.keys);
		make(&second, &swan_ikes[i + 1], &first.keys);
		check_skeyseed(&swan_ikes[i + 1], &second, &first.keys);
		check_keys(&swan_ikes[i + 1], &second.keys);
	}
}
END_TEST

static void keys_of(struct made *m, unsigned row)
{
	struct made before;

	if (row % 2 == 0) {
		make(m, &swan_ikes[row], NULL);
		return;
	}
	make(&before, &swan_ikes[row - 1], NULL);
	make(m, &swan_ikes[row], &before.keys);
}

START_TEST(test_auth_is_strongswans)
{
	ck_assert_uint_eq(ARRAY_LEN(swan_auths), 8);
	for (size_t i = 0; i < ARRAY_LEN(swan_auths); i++) {
		const struct swan_auth *a = &swan_auths[i];
		struct prim_bytes secret = prim_unhex(a->secret), message = prim_unhex(a->message),
				  nonce = prim_unhex(a->nonce), id = prim_unhex(a->id),
				  data = prim_unhex(a->auth);
		struct ike_auth_inputs in = {.initiator = a->by_responder == 0,
					     .message = prim_span(&message),
					     .nonce = prim_span(&nonce),
					     .id_body = prim_span(&id)};
		uint8_t out[IKE_PRF_LEN_MAX];
		struct made m;

		keys_of(&m, a->ike);
		ck_assert(ike_auth_psk(&m.keys, prim_span(&secret), &in, out));
		prim_expect((struct ike_span){out, m.keys.suite.prf->key_len}, a->auth,
			    swan_ikes[a->ike].words);
		ck_assert(ike_auth_psk_check(&m.keys, prim_span(&secret), &in, prim_span(&data)));
		in.initiator = !in.initiator;
		ck_assert(!ike_auth_psk_check(&m.keys, prim_span(&secret), &in, prim_span(&data)));
	}
}
END_TEST

START_TEST(test_child_keys_are_strongswans)
{
	unsigned with_dh = 0;

	ck_assert_uint_eq(ARRAY_LEN(swan_children), 12);
	for (size_t i = 0; i < ARRAY_LEN(swan_children); i++) {
		const struct swan_child *c = &swan_children[i];
		struct prim_bytes shared = prim_unhex(c->shared), ni = prim_unhex(c->ni),
				  nr = prim_unhex(c->nr), all = {.len = 0};
		const struct ike_key_inputs in = {
			.shared = prim_span(&shared), .ni = prim_span(&ni), .nr = prim_span(&nr)};
		struct esp_suite_spec spec;
		struct ike_child_keys keys;
		struct esp_suite suite;
		struct ike_proposal p;
		struct made m;
		char why[160];
		bool esn;

		keys_of(&m, c->ike);
		ck_assert_msg(ike_proposal_parse(c->words, IKE_PROTO_ESP, &p, why) == 0, "%s", why);
		ck_assert(ike_esp_suite_of(&p, &suite, &esn));
		spec = esp_suite_spec(&suite);
		ck_assert(ike_child_keys_derive(&keys, &suite, &m.keys, &in));
		add(&all, keys.from_initiator.encr, spec.encr_key_len);
		add(&all, keys.from_initiator.integ, spec.integ_key_len);
		add(&all, keys.from_responder.encr, spec.encr_key_len);
		add(&all, keys.from_responder.integ, spec.integ_key_len);
		prim_expect(prim_span(&all), c->keys, c->words);
		with_dh += shared.len != 0;
	}
	ck_assert_uint_eq(with_dh, 8);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("strongSwan's log");

	tcase_add_test(tc, test_ike_keys_are_strongswans);
	tcase_add_test(tc, test_auth_is_strongswans);
	tcase_add_test(tc, test_child_keys_are_strongswans);
	return prim_run(tc, "strongSwan's key schedule");
}
