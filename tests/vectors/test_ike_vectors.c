/*
 * tests/vectors/test_ike_vectors.c: does our IKEv2 compute what others compute? Every value of
 * ike_cases.h: key exchange, key schedule, child keys, PPK, AUTH, sealed messages and fragments.
 */
#include "ike-lite/auth.h"
#include "ike-lite/bytes.h"
#include "ike-lite/dh.h"
#include "ike-lite/frag.h"
#include "prim.h"
#include "tests/vectors/ike_cases.h"

#include <errno.h>
#include <string.h>

START_TEST(test_exchange_is_the_others_exchange)
{
	unsigned groups = 0;

	for (size_t i = 0; i < ARRAY_LEN(ike_dh_cases); i++) {
		const struct ike_dh_case *c = &ike_dh_cases[i];
		struct prim_bytes random = prim_unhex(c->random), peer = prim_unhex(c->peer);
		uint8_t secret[IKE_DH_SECRET_MAX];
		struct ike_dh *dh;
		uint32_t len;

		ck_assert_uint_eq(random.len, ike_dh_random_len(c->group));
		ck_assert_uint_eq(peer.len, ike_dh_public_len(c->group));
		ck_assert_int_eq(ike_dh_new(&dh, c->group, random.data), 0);
		ck_assert_uint_eq(ike_dh_group(dh), c->group);
		prim_expect(ike_dh_public(dh), c->public, c->name);
		ck_assert_int_eq(ike_dh_secret(dh, prim_span(&peer), secret, &len), 0);
		prim_expect((struct ike_span){secret, len}, c->secret, c->name);
		ike_dh_free(dh);
		groups |= 1u << (c->group % 32);
	}
	/* 14, 15, 16, 19, 20, 21, 31, 32 */
	ck_assert_uint_eq(groups, 0x8039c001);
}
END_TEST

START_TEST(test_prf_plus_is_nists)
{
	for (size_t i = 0; i < ARRAY_LEN(ike_kdf_cases); i++) {
		const struct ike_kdf_case *c = &ike_kdf_cases[i];
		const struct ike_transform t = {IKE_PRF, c->prf, 0};
		const struct ike_algorithm *prf = ike_algorithm_of(&t);
		struct prim_bytes key = prim_unhex(c->skeyseed), ni = prim_unhex(c->ni),
				  nr = prim_unhex(c->nr), spi_i = prim_unhex(c->spi_i),
				  spi_r = prim_unhex(c->spi_r), shared = prim_unhex(c->shared),
				  fresh = prim_unhex(c->new_shared);
		const struct ike_span seed[] = {prim_span(&ni), prim_span(&nr), prim_span(&spi_i),
						prim_span(&spi_r)};
		const struct ike_span again[] = {prim_span(&fresh), seed[0], seed[1]};
		struct prim_bytes nonces = ni;
		const struct ike_span g = prim_span(&shared);
		uint8_t out[132], skeyseed[IKE_PRF_LEN_MAX];

		memcpy(nonces.data + ni.len, nr.data, nr.len);
		nonces.len += nr.len;
		ck_assert(ike_prf(prf, prim_span(&nonces), &g, 1, skeyseed));
		prim_expect((struct ike_span){skeyseed, prf->key_len}, c->skeyseed, "SKEYSEED");
		/* whole, and cut within a block */
		for (uint32_t len = 132; len > 0; len -= 11) {
			char part[265] = "";

			memcpy(part, c->okm, 2 * len);
			ck_assert(ike_prf_plus(prf, prim_span(&key), seed, 4, out, len));
			prim_expect((struct ike_span){out, len}, part, "prf+");
		}
		ck_assert(ike_prf_plus(prf, prim_span(&key), seed, 4, out, 132));
		ck_assert(ike_prf(prf, (struct ike_span){out, prf->key_len}, again, 3, skeyseed));
		prim_expect((struct ike_span){skeyseed, prf->key_len}, c->new_skeyseed, "rekeyed");
	}
}
END_TEST

/* ---- whole IKE SAs ------------------------------------------------------------------------- */

/* SK_* one after the other, as prf+ made them. */
static struct prim_bytes flat(const struct ike_keys *k)
{
	uint32_t prf_len = k->suite.prf->key_len, encr_len = ike_keys_encr_len(&k->suite),
		 integ_len = ike_keys_integ_len(&k->suite);
	const struct ike_span parts[] = {{k->d, prf_len},   {k->ai, integ_len}, {k->ar, integ_len},
					 {k->ei, encr_len}, {k->er, encr_len},	{k->pi, prf_len},
					 {k->pr, prf_len}};
	struct prim_bytes b = {.len = 0};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		memcpy(b.data + b.len, parts[i].data, parts[i].len);
		b.len += parts[i].len;
	}
	return b;
}

/* A case in binary. */
struct loaded {
	const struct ike_sa_case *c;
	struct ike_keys keys;
	struct prim_bytes ni, nr, shared, new_ni, new_nr, new_shared;
	struct ike_key_inputs again; /* of the rekey */
};

static void load(struct loaded *l, const struct ike_sa_case *c)
{
	struct ike_suite suite = prim_suite(c->words);
	struct prim_bytes spi_i = prim_unhex(c->spi_i), spi_r = prim_unhex(c->spi_r),
			  new_spi_i = prim_unhex(c->new_spi_i),
			  new_spi_r = prim_unhex(c->new_spi_r), all;

	l->c = c;
	l->ni = prim_unhex(c->ni);
	l->nr = prim_unhex(c->nr);
	l->shared = prim_unhex(c->shared);
	l->new_ni = prim_unhex(c->new_ni);
	l->new_nr = prim_unhex(c->new_nr);
	l->new_shared = prim_unhex(c->new_shared);
	l->again = (struct ike_key_inputs){prim_span(&l->new_shared), prim_span(&l->new_ni),
					   prim_span(&l->new_nr), load_u64(new_spi_i.data),
					   load_u64(new_spi_r.data)};
	ck_assert(ike_keys_derive(&l->keys, &suite,
				  &(struct ike_key_inputs){prim_span(&l->shared), prim_span(&l->ni),
							   prim_span(&l->nr), load_u64(spi_i.data),
							   load_u64(spi_r.data)}));
	all = flat(&l->keys);
	prim_expect(prim_span(&all), c->keys, c->words);
}

#define EACH_CASE(l)                                                                            \
	for (size_t i_ = 0; i_ < ARRAY_LEN(ike_sa_cases) && (load(&(l), &ike_sa_cases[i_]), 1); \
	     i_++)

START_TEST(test_rekeyed_and_mixed_keys_are_the_others)
{
	struct loaded l;

	EACH_CASE(l)
	{
		struct ike_suite suite = prim_suite(l.c->new_words);
		struct prim_bytes ppk = prim_unhex(l.c->ppk), all;
		uint32_t prf_len = l.keys.suite.prf->key_len;
		struct ike_keys keys;

		ck_assert(ike_keys_rekey(&keys, &suite, &l.keys, &l.again));
		all = flat(&keys);
		prim_expect(prim_span(&all), l.c->new_keys, l.c->words);

		keys = l.keys;
		ck_assert(ike_keys_mix_ppk(&keys, prim_span(&ppk)));
		memcpy(all.data, keys.d, prf_len);
		memcpy(all.data + prf_len, keys.pi, prf_len);
		memcpy(all.data + 2 * (size_t)prf_len, keys.pr, prf_len);
		all.len = 3 * prf_len;
		prim_expect(prim_span(&all), l.c->mixed, l.c->words);
		/* the other four stay */
		ck_assert_mem_eq(keys.ei, l.keys.ei, sizeof(keys.ei));
		ck_assert_mem_eq(keys.er, l.keys.er, sizeof(keys.er));
		ck_assert_mem_eq(keys.ai, l.keys.ai, sizeof(keys.ai));
		ck_assert_mem_eq(keys.ar, l.keys.ar, sizeof(keys.ar));
	}
}
END_TEST

START_TEST(test_child_keys_are_the_others)
{
	struct loaded l;

	EACH_CASE(l)
	{
		struct ike_proposal p;
		struct esp_suite suite;
		struct esp_suite_spec spec;
		char why[160];
		bool esn;

		ck_assert_int_eq(ike_proposal_parse(l.c->esp_words, IKE_PROTO_ESP, &p, why), 0);
		ck_assert(ike_esp_suite_of(&p, &suite, &esn));
		spec = esp_suite_spec(&suite);
		for (int dh = 0; dh < 2; dh++) {
			struct ike_key_inputs in = l.again;
			struct ike_child_keys keys;
			const struct ike_child_key *const sides[] = {&keys.from_initiator,
								     &keys.from_responder};
			struct prim_bytes all = {.len = 0};

			if (!dh)
				in.shared = (struct ike_span){NULL, 0};
			ck_assert(ike_child_keys_derive(&keys, &suite, &l.keys, &in));
			for (unsigned s = 0; s < 2; s++) {
				memcpy(all.data + all.len, sides[s]->encr, spec.encr_key_len);
				all.len += spec.encr_key_len;
				memcpy(all.data + all.len, sides[s]->integ, spec.integ_key_len);
				all.len += spec.integ_key_len;
			}
			prim_expect(prim_span(&all), dh ? l.c->child_dh : l.c->child,
				    l.c->esp_words);
		}
	}
}
END_TEST

START_TEST(test_auth_is_the_others)
{
	struct loaded l;

	EACH_CASE(l)
	{
		struct prim_bytes secret = prim_unhex(l.c->secret), ppk = prim_unhex(l.c->ppk),
				  init = prim_unhex(l.c->init), reply = prim_unhex(l.c->reply),
				  id_i = prim_unhex(l.c->id_i), id_r = prim_unhex(l.c->id_r);
		const struct ike_auth_inputs sides[] = {
			{true, prim_span(&init), prim_span(&l.nr), prim_span(&id_i)},
			{false, prim_span(&reply), prim_span(&l.ni), prim_span(&id_r)}};
		const char *const want[2][2] = {{l.c->auth_i, l.c->auth_r},
						{l.c->auth_i_ppk, l.c->auth_r_ppk}};
		struct ike_keys keys[2] = {l.keys, l.keys};

		ck_assert(ike_keys_mix_ppk(&keys[1], prim_span(&ppk)));
		for (int mixed = 0; mixed < 2; mixed++) {
			for (int side = 0; side < 2; side++) {
				struct prim_bytes data = prim_unhex(want[mixed][side]);
				uint8_t out[IKE_PRF_LEN_MAX];

				ck_assert(ike_auth_psk(&keys[mixed], prim_span(&secret),
						       &sides[side], out));
				prim_expect((struct ike_span){out, keys->suite.prf->key_len},
					    want[mixed][side], l.c->words);
				ck_assert(ike_auth_psk_check(&keys[mixed], prim_span(&secret),
							     &sides[side], prim_span(&data)));
				ck_assert(!ike_auth_psk_check(&keys[!mixed], prim_span(&secret),
							      &sides[side], prim_span(&data)));
			}
		}
	}
}
END_TEST

/* The SK payload's body of a message. */
static struct ike_span body_of(struct ike_span message)
{
	enum { BEFORE = IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN };

	return (struct ike_span){message.data + BEFORE, message.len - BEFORE};
}

START_TEST(test_sealed_messages_are_the_others)
{
	struct loaded l;

	EACH_CASE(l)
	{
		struct prim_bytes text = prim_unhex(l.c->text), sealed = prim_unhex(l.c->sealed),
				  padded = prim_unhex(l.c->padded), ivs = prim_unhex(l.c->ivs);
		struct prim_random random = {.script = prim_span(&ivs)};
		const struct ike_env env = prim_env(&random);
		uint8_t out[PRIM_BYTES_MAX], plain[PRIM_BYTES_MAX];
		struct ike_span inner;
		struct ike_header h;
		uint32_t len;

		ck_assert(ike_header_parse(prim_span(&sealed), &h));
		len = ike_sk_seal(&l.keys, &env, &h, 41, prim_span(&text), out, sizeof(out));
		prim_expect((struct ike_span){out, len}, l.c->sealed, l.c->words);
		ck_assert_int_eq(ike_sk_open(&l.keys, prim_span(&sealed),
					     body_of(prim_span(&sealed)), plain, &inner),
				 0);
		prim_expect(inner, l.c->text, l.c->words);
		ck_assert_int_eq(ike_sk_open(&l.keys, prim_span(&padded),
					     body_of(prim_span(&padded)), plain, &inner),
				 0);
		prim_expect(inner, l.c->text, l.c->words);
	}
}
END_TEST

START_TEST(test_fragments_are_the_others)
{
	struct loaded l;

	EACH_CASE(l)
	{
		struct prim_bytes text = prim_unhex(l.c->long_text), ivs = prim_unhex(l.c->ivs);
		struct prim_random random = {.script = prim_span(&ivs)};
		const struct ike_env env = prim_env(&random);
		uint16_t total = ike_frag_count(&l.keys.suite, text.len, l.c->message_max);
		struct ike_frags frags = {0};
		uint8_t out[PRIM_BYTES_MAX], first;
		int done = 0;

		/* The first IV went to the message above. */
		if (random.script.len) {
			random.script.data += 16;
			random.script.len -= 16;
		}
		l.keys.sealed = 1;
		ck_assert_uint_gt(total, 2);
		ck_assert(total <= IKE_CASE_FRAGMENTS);
		ck_assert(total == IKE_CASE_FRAGMENTS || !l.c->fragments[total]);
		for (uint16_t n = 1; n <= total; n++) {
			struct prim_bytes theirs = prim_unhex(l.c->fragments[n - 1]);
			struct ike_payloads outer;
			struct ike_header h;
			uint32_t len;

			ck_assert(ike_header_parse(prim_span(&theirs), &h));
			len = ike_frag_seal(&l.keys, &env, &h, 41, prim_span(&text),
					    l.c->message_max, n, out, sizeof(out));
			prim_expect((struct ike_span){out, len}, l.c->fragments[n - 1], l.c->words);
			ck_assert_int_eq(
				ike_payloads_parse((struct ike_span){theirs.data + IKE_HEADER_LEN,
								     theirs.len - IKE_HEADER_LEN},
						   h.next, &outer),
				0);
			done = ike_frags_add(&frags, &l.keys, prim_span(&theirs), &outer);
			ck_assert_int_eq(done, n == total);
		}
		prim_expect(ike_frags_join(&frags, out, &first), l.c->long_text, l.c->words);
		ck_assert_uint_eq(first, 41);
	}
}
END_TEST

START_TEST(test_rfc7634_message_opens)
{
	struct prim_bytes key = prim_unhex(ike_rfc7634_key),
			  message = prim_unhex(ike_rfc7634_message);
	struct ike_keys keys = {.suite = prim_suite("chacha20poly1305-prfsha256-ecp256"),
				.sealed = 0x1011121314151617};
	struct ike_span inner;
	struct ike_header h;
	struct ike_env env = {0};
	uint8_t plain[PRIM_BYTES_MAX], out[PRIM_BYTES_MAX];
	uint32_t len;

	/* The responder of the IKE SA answers. */
	memcpy(keys.er, key.data, key.len);
	ck_assert_int_eq(ike_sk_open(&keys, prim_span(&message), body_of(prim_span(&message)),
				     plain, &inner),
			 0);
	prim_expect(inner, ike_rfc7634_text, "text");
	ck_assert(ike_header_parse(prim_span(&message), &h));
	len = ike_sk_seal(&keys, &env, &h, IKE_NOTIFY, inner, out, sizeof(out));
	prim_expect((struct ike_span){out, len}, ike_rfc7634_message, "message");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("vectors");

	tcase_add_test(tc, test_exchange_is_the_others_exchange);
	tcase_add_test(tc, test_prf_plus_is_nists);
	tcase_add_test(tc, test_rekeyed_and_mixed_keys_are_the_others);
	tcase_add_test(tc, test_child_keys_are_the_others);
	tcase_add_test(tc, test_auth_is_the_others);
	tcase_add_test(tc, test_sealed_messages_are_the_others);
	tcase_add_test(tc, test_fragments_are_the_others);
	tcase_add_test(tc, test_rfc7634_message_opens);
	return prim_run(tc, "ike vectors");
}
