/*
 * tests/unit/ike-lite/test_sk.c: encrypted payloads and fragments: what is sealed opens, what was touched
 * does not, and what a peer may make us keep.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/frag.h"
#include "prim.h"

#include <errno.h>
#include <string.h>

enum { BEFORE = IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN, MESSAGE_MAX = 1200 };

static const struct ike_header from_initiator = {.spi_i = 1,
						 .spi_r = 2,
						 .version = IKE_VERSION_2,
						 .exchange = IKE_AUTH,
						 .flags = IKE_FLAG_INITIATOR,
						 .id = 1};

static int open_sealed(const struct ike_keys *keys, const uint8_t *message, uint32_t len,
		       uint8_t *plain, struct ike_span *inner)
{
	return ike_sk_open(keys, (struct ike_span){message, len},
			   (struct ike_span){message + BEFORE, len - BEFORE}, plain, inner);
}

START_TEST(test_sealed_opens_for_every_length_and_side)
{
	const char *words;

	for (unsigned s = 0; (words = prim_suite_words(s)); s++) {
		struct ike_keys keys = prim_keys(words);
		struct prim_random random = {.state = s};
		const struct ike_env env = prim_env(&random);
		uint8_t text[100], out[400], plain[400];
		struct ike_header h = from_initiator;
		struct ike_span inner;

		env.random(env.ctx, text, sizeof(text));
		for (uint32_t n = 0; n <= sizeof(text); n++) {
			uint32_t len;

			h.flags = n & 1 ? IKE_FLAG_INITIATOR : IKE_FLAG_RESPONSE;
			len = ike_sk_seal(&keys, &env, &h, IKE_IDI, (struct ike_span){text, n}, out,
					  sizeof(out));
			ck_assert_uint_eq(len, ike_sk_sealed_len(&keys.suite, n));
			ck_assert_uint_eq(out[16], IKE_SK);
			ck_assert_uint_eq(out[IKE_HEADER_LEN], IKE_IDI);
			ck_assert_uint_eq(load_u32(out + 24), len);
			ck_assert_int_eq(open_sealed(&keys, out, len, plain, &inner), 0);
			ck_assert_uint_eq(inner.len, n);
			ck_assert_mem_eq(inner.data, text, n);
		}
		ck_assert_uint_eq(keys.sealed, sizeof(text) + 1);
	}
}
END_TEST

START_TEST(test_touched_messages_are_not_opened)
{
	const char *words;

	for (unsigned s = 0; (words = prim_suite_words(s)); s++) {
		struct ike_keys keys = prim_keys(words), other = prim_keys(words);
		struct prim_random random = {.state = s};
		const struct ike_env env = prim_env(&random);
		uint8_t out[200], plain[200];
		struct ike_span inner;
		uint32_t len = ike_sk_seal(&keys, &env, &from_initiator, IKE_IDI,
					   PRIM_TEXT("inner payloads"), out, sizeof(out));

		for (uint32_t bit = 0; bit < 8 * len; bit++) {
			/* a length that is not the datagram's is no message at all */
			bool lie = bit / 8 >= 24 && bit / 8 < 28;

			out[bit / 8] ^= (uint8_t)(1u << bit % 8);
			memset(plain, 0xa5, sizeof(plain));
			ck_assert_int_eq(open_sealed(&keys, out, len, plain, &inner),
					 lie ? -EBADMSG : -EACCES);
			/* nothing of the text is left lying about */
			ck_assert_ptr_null(memmem(plain, sizeof(plain), "inner", 5));
			out[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		other.er[0] ^= 1;
		other.ar[0] ^= 1;
		ck_assert_int_eq(open_sealed(&other, out, len, plain, &inner), 0);
		other = keys;
		other.ei[0] ^= 1;
		other.ai[0] ^= 1;
		ck_assert_int_eq(open_sealed(&other, out, len, plain, &inner), -EACCES);
		ike_keys_cleanse(&keys);
	}
}
END_TEST

START_TEST(test_every_wrong_length_is_refused)
{
	const char *words;

	for (unsigned s = 0; (words = prim_suite_words(s)); s++) {
		struct ike_keys keys = prim_keys(words);
		struct prim_random random = {.state = s};
		const struct ike_env env = prim_env(&random);
		uint8_t out[200], plain[200];
		struct ike_span inner;
		uint32_t len = ike_sk_seal(&keys, &env, &from_initiator, IKE_IDI,
					   PRIM_TEXT("inner payloads"), out, sizeof(out));

		for (uint32_t cut = BEFORE; cut < len; cut++) {
			struct prim_exact exact = prim_exact(out, cut);
			int err;

			store_u32(exact.owned + 24, cut);
			err = open_sealed(&keys, exact.owned, cut, plain, &inner);
			ck_assert(err == -EBADMSG || err == -EACCES);
			prim_exact_free(&exact);
		}
	}
}
END_TEST

START_TEST(test_room_is_kept_to)
{
	struct ike_keys keys = prim_keys("aes128-sha256-ecp256");
	struct prim_random random = {0};
	const struct ike_env env = prim_env(&random);
	uint8_t out[200];
	uint32_t need = ike_sk_sealed_len(&keys.suite, 20);
	const uint8_t text[20] = {0};
	static uint8_t huge[70000];

	for (uint32_t room = 0; room < need; room++) {
		struct prim_exact exact = prim_exact(out, room);

		ck_assert_uint_eq(ike_sk_seal(&keys, &env, &from_initiator, 0, IKE_SPAN(text),
					      exact.owned, room),
				  0);
		prim_exact_free(&exact);
	}
	ck_assert_uint_eq(
		ike_sk_seal(&keys, &env, &from_initiator, 0, IKE_SPAN(huge), huge, sizeof(huge)),
		0);
	ck_assert_uint_eq(keys.sealed, 0);
}
END_TEST

/* IVs: a counter for AEADs, so that no two are equal; random bytes for CBC. */
START_TEST(test_ivs_do_not_repeat)
{
	struct ike_keys gcm = prim_keys("aes256gcm16-prfsha256-ecp256"),
			cbc = prim_keys("aes128-sha256-ecp256");
	struct prim_random random = {.script = PRIM_TEXT("0123456789abcdef0123456789ABCDEF")};
	const struct ike_env env = prim_env(&random);
	uint8_t out[200];

	for (uint64_t i = 0; i < 3; i++) {
		ck_assert(ike_sk_seal(&gcm, &env, &from_initiator, 0, PRIM_TEXT("x"), out,
				      sizeof(out)));
		ck_assert_uint_eq(load_u64(out + BEFORE), i);
	}
	ck_assert_uint_eq(random.script.len, 32);
	ck_assert(ike_sk_seal(&cbc, &env, &from_initiator, 0, PRIM_TEXT("x"), out, sizeof(out)));
	ck_assert_mem_eq(out + BEFORE, "0123456789abcdef", 16);
	ck_assert(ike_sk_seal(&cbc, &env, &from_initiator, 0, PRIM_TEXT("x"), out, sizeof(out)));
	ck_assert_mem_eq(out + BEFORE, "0123456789ABCDEF", 16);
}
END_TEST

/* In one block of CBC the IV's last byte moves the pad length; the MAC is made anew. */
START_TEST(test_a_pad_length_that_lies_is_told_apart)
{
	struct ike_keys keys = prim_keys("aes128-sha256-ecp256");
	struct prim_random random = {0};
	const struct ike_env env = prim_env(&random);
	uint8_t out[200], plain[200], last;
	struct ike_span inner;
	uint32_t len =
		ike_sk_seal(&keys, &env, &from_initiator, 0, PRIM_TEXT("abc"), out, sizeof(out));
	const struct ike_span covered = {out, len - 16};

	ck_assert_uint_eq(len, BEFORE + 16 + 16 + 16);
	last = out[BEFORE + 15];
	for (unsigned pad = 0; pad < 256; pad++) {
		int err;

		out[BEFORE + 15] = (uint8_t)(last ^ 12 ^ pad);
		ck_assert(ike_integ(keys.suite.integ, keys.ai, &covered, 1, out + len - 16));
		err = open_sealed(&keys, out, len, plain, &inner);
		ck_assert_int_eq(err, pad < 16 ? 0 : -EPROTO);
		if (!err)
			ck_assert_uint_eq(inner.len, 15 - pad);
	}
}
END_TEST

START_TEST(test_text_max_is_the_inverse_of_crypt_len)
{
	const char *words;

	for (unsigned s = 0; (words = prim_suite_words(s)); s++) {
		struct ike_suite suite = prim_suite(words);

		for (uint32_t room = 0; room < 300; room++) {
			uint32_t text = ike_sk_text_max(&suite, room);

			if (text)
				ck_assert_uint_le(ike_sk_crypt_len(&suite, text), room);
			ck_assert_uint_gt(ike_sk_crypt_len(&suite, text + 1), room);
		}
	}
}
END_TEST

/* ---- fragments -------------------------------------------------------------------------------------- */

struct flight {
	struct ike_keys keys;
	struct prim_random random;
	struct ike_env env;
	uint8_t text[5000];
	uint32_t text_len;
	struct ike_frags frags;
};

static void flight_init(struct flight *f, const char *words, uint32_t text_len)
{
	*f = (struct flight){.keys = prim_keys(words), .text_len = text_len};
	f->random.state = text_len;
	f->env = prim_env(&f->random);
	f->env.random(f->env.ctx, f->text, text_len);
}

static uint32_t fragment(struct flight *f, uint32_t id, uint32_t message_max, uint16_t n,
			 uint8_t out[static MESSAGE_MAX])
{
	struct ike_header h = from_initiator;

	h.id = id;
	return ike_frag_seal(&f->keys, &f->env, &h, IKE_IDI,
			     (struct ike_span){f->text, f->text_len}, message_max, n, out,
			     MESSAGE_MAX);
}

static int receive(struct flight *f, const uint8_t *message, uint32_t len)
{
	struct prim_exact exact = prim_exact(message, len);
	struct ike_payloads outer;
	int err = ike_payloads_parse(
		(struct ike_span){exact.owned + IKE_HEADER_LEN, len - IKE_HEADER_LEN}, message[16],
		&outer);

	if (!err)
		err = ike_frags_add(&f->frags, &f->keys, exact.span, &outer);
	prim_exact_free(&exact);
	return err;
}

static int send_one(struct flight *f, uint32_t id, uint32_t message_max, uint16_t n)
{
	uint8_t out[MESSAGE_MAX];
	uint32_t len = fragment(f, id, message_max, n, out);

	ck_assert_uint_gt(len, 0);
	ck_assert_uint_le(len, message_max);
	return receive(f, out, len);
}

static void expect_joined(struct flight *f)
{
	static uint8_t plain[IKE_REASSEMBLED_MAX];
	uint8_t first;
	struct ike_span whole = ike_frags_join(&f->frags, plain, &first);

	ck_assert_uint_eq(whole.len, f->text_len);
	ck_assert_mem_eq(whole.data, f->text, f->text_len);
	ck_assert_uint_eq(first, IKE_IDI);
	ck_assert_uint_eq(f->frags.total, 0);
	ck_assert_ptr_null(f->frags.pieces);
}

START_TEST(test_fragments_join_in_any_order)
{
	static const uint32_t lengths[] = {1, 100, 1100, 2345, 5000};
	const char *words;

	for (unsigned s = 0; (words = prim_suite_words(s)); s++) {
		for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
			struct flight f;
			uint16_t order[IKE_FRAGMENTS_MAX], total;

			flight_init(&f, words, lengths[l]);
			total = ike_frag_count(&f.keys.suite, f.text_len, 300);
			ck_assert_uint_ge(total, 1);
			for (uint16_t i = 0; i < total; i++)
				order[i] = (uint16_t)(i + 1);
			for (uint16_t i = total; i > 1; i--) {
				uint32_t k = prim_number(&f.random, i);
				uint16_t swap = order[i - 1];

				order[i - 1] = order[k];
				order[k] = swap;
			}
			for (uint16_t i = 0; i < total; i++) {
				bool last = i + 1 == total;

				ck_assert_int_eq(send_one(&f, 1, 300, order[i]), last);
				/* a copy of it changes nothing, and vouches for nobody */
				if (!last)
					ck_assert_int_eq(send_one(&f, 1, 300, order[i]), -EALREADY);
			}
			expect_joined(&f);
		}
	}
}
END_TEST

START_TEST(test_forged_fragments_are_not_kept)
{
	struct flight f;
	uint8_t out[MESSAGE_MAX];
	uint32_t len;

	flight_init(&f, "aes256gcm16-prfsha256-ecp256", 1000);
	len = fragment(&f, 1, 300, 1, out);
	for (uint32_t at = 0; at < len; at++) {
		int err;

		out[at] ^= 0x80;
		err = receive(&f, out, len);
		ck_assert_msg(err < 0, "byte %u", at);
		ck_assert_ptr_null(f.frags.pieces);
		out[at] ^= 0x80;
	}
	/* ... nor do they drop what is there. */
	ck_assert_int_eq(receive(&f, out, len), 0);
	store_u32(out + 20, 2); /* another message's */
	ck_assert_int_eq(receive(&f, out, len), -EACCES);
	store_u32(out + 20, 1);
	store_u16(out + BEFORE + 2, 100); /* a greater total */
	ck_assert_int_eq(receive(&f, out, len), -EACCES);
	ck_assert_uint_eq(f.frags.have, 1);
	ck_assert_uint_eq(f.frags.id, 1);
	for (uint16_t n = 2; n <= ike_frag_count(&f.keys.suite, 1000, 300); n++)
		(void)send_one(&f, 1, 300, n);
	expect_joined(&f);
}
END_TEST

START_TEST(test_numbers_that_lie_are_refused)
{
	static const struct {
		uint16_t number, total;
	} lies[] = {{0, 0}, {0, 4}, {5, 4}, {1, 0}, {1, IKE_FRAGMENTS_MAX + 1}, {65535, 65535}};
	struct flight f;
	uint8_t out[MESSAGE_MAX];
	uint32_t len;

	flight_init(&f, "aes256gcm16-prfsha256-ecp256", 1000);
	len = fragment(&f, 1, 300, 1, out);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		store_u16(out + BEFORE, lies[i].number);
		store_u16(out + BEFORE + 2, lies[i].total);
		ck_assert_int_eq(receive(&f, out, len), -EBADMSG);
	}
	/* without room for the numbers */
	for (uint32_t cut = BEFORE; cut < BEFORE + 4; cut++) {
		store_u32(out + 24, cut);
		store_u16(out + IKE_HEADER_LEN + 2, (uint16_t)(cut - IKE_HEADER_LEN));
		ck_assert_int_eq(receive(&f, out, cut), -EBADMSG);
	}
}
END_TEST

/* RFC 7383 §2.6: the peer tries smaller fragments; the old ones are of no use. */
START_TEST(test_total_may_only_grow)
{
	struct flight f;
	uint16_t few, many;

	flight_init(&f, "aes128-sha256-ecp256", 1000);
	few = ike_frag_count(&f.keys.suite, f.text_len, 500);
	many = ike_frag_count(&f.keys.suite, f.text_len, 300);
	ck_assert_uint_lt(few, many);
	ck_assert_int_eq(send_one(&f, 1, 500, 1), 0);
	ck_assert_int_eq(send_one(&f, 1, 300, 2), 0);
	ck_assert_uint_eq(f.frags.total, many);
	ck_assert_uint_eq(f.frags.have, 1);
	ck_assert_int_eq(send_one(&f, 1, 500, 2), -EBADMSG);
	for (uint16_t n = many; n >= 1; n--)
		(void)send_one(&f, 1, 300, n);
	expect_joined(&f);
}
END_TEST

START_TEST(test_another_message_drops_the_first)
{
	struct flight f;

	flight_init(&f, "aes128-sha256-ecp256", 600);
	ck_assert_int_eq(send_one(&f, 1, 300, 1), 0);
	ck_assert_int_eq(send_one(&f, 2, 300, 2), 0);
	ck_assert_uint_eq(f.frags.id, 2);
	ck_assert_uint_eq(f.frags.have, 1);
	ike_frags_drop(&f.frags);
	ck_assert_uint_eq(f.frags.total, 0);
	ike_frags_drop(&f.frags);
}
END_TEST

START_TEST(test_counts_and_rooms)
{
	struct ike_suite suite = prim_suite("aes128gcm16-prfsha256-ecp256");

	/* 36 before, 8 IV, 1 pad length, 16 ICV */
	ck_assert_uint_eq(ike_frag_count(&suite, 100, 61), 0);
	ck_assert_uint_eq(ike_frag_count(&suite, 100, 62), 100);
	ck_assert_uint_eq(ike_frag_count(&suite, 128, 62), 128);
	ck_assert_uint_eq(ike_frag_count(&suite, 129, 62), 0);
	ck_assert_uint_eq(ike_frag_count(&suite, 0, 300), 1);
	ck_assert_uint_eq(ike_frag_count(&suite, 1000, 0), 0);
	ck_assert_uint_eq(ike_frag_count(&suite, IKE_REASSEMBLED_MAX + 1, 60000), 0);
	ck_assert_uint_eq(ike_frag_room(1280, AF_INET, false), 1280 - 28);
	ck_assert_uint_eq(ike_frag_room(1280, AF_INET, true), 1280 - 32);
	ck_assert_uint_eq(ike_frag_room(1280, AF_INET6, false), 1280 - 48);
	ck_assert_uint_eq(ike_frag_room(20, AF_INET6, true), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("SK");

	tcase_add_test(tc, test_sealed_opens_for_every_length_and_side);
	tcase_add_test(tc, test_touched_messages_are_not_opened);
	tcase_add_test(tc, test_every_wrong_length_is_refused);
	tcase_add_test(tc, test_room_is_kept_to);
	tcase_add_test(tc, test_ivs_do_not_repeat);
	tcase_add_test(tc, test_a_pad_length_that_lies_is_told_apart);
	tcase_add_test(tc, test_text_max_is_the_inverse_of_crypt_len);
	tcase_add_test(tc, test_fragments_join_in_any_order);
	tcase_add_test(tc, test_forged_fragments_are_not_kept);
	tcase_add_test(tc, test_numbers_that_lie_are_refused);
	tcase_add_test(tc, test_total_may_only_grow);
	tcase_add_test(tc, test_another_message_drops_the_first);
	tcase_add_test(tc, test_counts_and_rooms);
	return prim_run(tc, "ike SK");
}
