/*
 * tests/unit/ike-lite/test_proposal.c: proposals as words and on the wire, and what is chosen of them.
 */
#include "ike-lite/bytes.h"
#include "prim.h"

#include <errno.h>
#include <string.h>

/* ---- words ----------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	enum ike_protocol protocol;
	const char *format;
} words[] = {
	{"aes256gcm16-prfsha384-ecp384", IKE_PROTO_IKE, "aes256gcm16-prfsha384-ecp384"},
	{"aes128-sha256-modp2048", IKE_PROTO_IKE, "aes128-sha256-prfsha256-modp2048"},
	{"modp2048-sha256-aes128", IKE_PROTO_IKE, "aes128-sha256-prfsha256-modp2048"},
	{"aes-sha2_512-x25519", IKE_PROTO_IKE, "aes128-sha512-prfsha512-curve25519"},
	{"aes128-aes256-sha256-sha512-ecp256-ecp384", IKE_PROTO_IKE,
	 "aes128-aes256-sha256-sha512-prfsha256-prfsha512-ecp256-ecp384"},
	{"aes128-sha256-prfsha512-ecp256", IKE_PROTO_IKE, "aes128-sha256-prfsha512-ecp256"},
	{"aes128-aes128-sha256-ecp256", IKE_PROTO_IKE, "aes128-sha256-prfsha256-ecp256"},
	{"aes128gcm-sha256-ecp256", IKE_PROTO_IKE, "aes128gcm16-prfsha256-ecp256"},
	{"chacha20poly1305-prfsha256-curve448", IKE_PROTO_IKE,
	 "chacha20poly1305-prfsha256-curve448"},
	{"aes256gcm128", IKE_PROTO_ESP, "aes256gcm16"},
	{"aes256gcm16-noesn", IKE_PROTO_ESP, "aes256gcm16"},
	{"aes256gcm16-esn", IKE_PROTO_ESP, "aes256gcm16-esn"},
	{"aes256gcm16-esn-noesn", IKE_PROTO_ESP, "aes256gcm16-esn-noesn"},
	{"aes256gcm16-ecp384", IKE_PROTO_ESP, "aes256gcm16-ecp384"},
	{"aes256gcm16-ecp384-none", IKE_PROTO_ESP, "aes256gcm16-ecp384-modpnone"},
	{"aes128-sha1", IKE_PROTO_ESP, "aes128-sha1"},
	{"aes128-sha256-prfsha256", IKE_PROTO_ESP, "aes128-sha256"},
	{"null-sha256", IKE_PROTO_ESP, "null-sha256"},
	{"aes128ccm-aes128ccm12-aes128ccm8", IKE_PROTO_ESP, "aes128ccm16-aes128ccm12-aes128ccm8"},
	{"aes256gmac", IKE_PROTO_ESP, "aes256gmac"},
	{"aes128gcm16iiv-aes128gcm16-esn", IKE_PROTO_ESP, "aes128gcm16iiv-aes128gcm16-esn"},
	{"aes192gcm16iiv-aes256gcm16iiv", IKE_PROTO_ESP, "aes192gcm16iiv-aes256gcm16iiv"},
	{"chacha20poly1305iiv-ecp256", IKE_PROTO_ESP, "chacha20poly1305iiv-ecp256"},
	{"aes128ctr-aesxcbc", IKE_PROTO_ESP, "aes128ctr-aesxcbc"},
};

START_TEST(test_words_are_read_and_written)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct ike_proposal p, again;
		char why[160] = "", buf[IKE_PROPOSAL_TEXT_MAX];

		ck_assert_msg(ike_proposal_parse(words[i].text, words[i].protocol, &p, why) == 0,
			      "%s: %s", words[i].text, why);
		ck_assert_uint_eq(p.protocol, words[i].protocol);
		ck_assert_str_eq(ike_proposal_format(&p, buf, sizeof(buf)), words[i].format);
		ck_assert_int_eq(ike_proposal_parse(buf, words[i].protocol, &again, why), 0);
		ck_assert_str_eq(ike_proposal_format(&again, buf, sizeof(buf)), words[i].format);
	}
}
END_TEST

static const struct {
	const char *text;
	enum ike_protocol protocol;
	const char *why; /* within the sentence */
} refused[] = {
	{"", IKE_PROTO_IKE, "missing"},
	{"-aes128", IKE_PROTO_ESP, "missing"},
	{"aes128-", IKE_PROTO_ESP, "missing"},
	{"aes128--sha256", IKE_PROTO_ESP, "missing"},
	{"aes1280-sha256-ecp256", IKE_PROTO_IKE, "'aes1280' is no algorithm"},
	{"AES128-sha256-ecp256", IKE_PROTO_IKE, "'AES128' is no algorithm"},
	{"aes128-sha1-ecp256", IKE_PROTO_IKE, "'sha1' is not for IKE"},
	{"aes128-sha256-prfsha1-ecp256", IKE_PROTO_IKE, "'prfsha1' is refused"},
	{"3des-sha256-ecp256", IKE_PROTO_IKE, "'3des' is refused"},
	{"aes128-md5", IKE_PROTO_ESP, "'md5' is refused"},
	{"aes128-sha256-modp1024", IKE_PROTO_IKE, "'modp1024' is refused"},
	{"aes128-sha256-modp1024", IKE_PROTO_ESP, "'modp1024' is refused"},
	{"aes128-sha256-esn-ecp256", IKE_PROTO_IKE, "'esn' is not for IKE"},
	{"aes128-sha256-none", IKE_PROTO_IKE, "'none' is not for IKE"},
	{"aes128ctr-sha256-ecp256", IKE_PROTO_IKE, "'aes128ctr' is not for IKE"},
	{"null-sha256-ecp256", IKE_PROTO_IKE, "'null' is not for IKE"},
	{"aes128gcm8-prfsha256-ecp256", IKE_PROTO_IKE, "'aes128gcm8' is not for IKE"},
	{"aes128gcm16iiv-prfsha256-ecp256", IKE_PROTO_IKE, "'aes128gcm16iiv' is not for IKE"},
	{"chacha20poly1305iiv-prfsha256-ecp256", IKE_PROTO_IKE,
	 "'chacha20poly1305iiv' is not for IKE"},
	{"aes128ccm8iiv", IKE_PROTO_ESP, "'aes128ccm8iiv' is no algorithm"},
	{"sha256-ecp256", IKE_PROTO_IKE, "no encryption"},
	{"aes128-ecp256", IKE_PROTO_IKE, "no integrity"},
	{"null", IKE_PROTO_ESP, "no integrity"},
	{"aes128gcm16-ecp256", IKE_PROTO_IKE, "no PRF"},
	{"aes128-sha256", IKE_PROTO_IKE, "no DH group"},
	{"aes128gcm16-aes128-sha256-ecp256", IKE_PROTO_IKE, "two proposals"},
	{"aes128gcm16-aes128-sha256", IKE_PROTO_ESP, "two proposals"},
};

START_TEST(test_wrong_words_are_refused_by_name)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct ike_proposal p = {.count = 55};
		char why[160] = "";

		ck_assert_msg(ike_proposal_parse(refused[i].text, refused[i].protocol, &p, why) ==
				      -EINVAL,
			      "%s", refused[i].text);
		ck_assert_uint_eq(p.count, 55);
		ck_assert_msg(strstr(why, refused[i].why), "%s: %s", refused[i].text, why);
	}
}
END_TEST

START_TEST(test_defaults_are_suites_and_nothing_weak)
{
	static const enum ike_protocol protocols[] = {IKE_PROTO_IKE, IKE_PROTO_ESP};

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		struct ike_proposal p[2];

		ck_assert_uint_eq(ike_proposal_default(protocols[i], p), 2);
		for (unsigned k = 0; k < 2; k++) {
			char buf[IKE_PROPOSAL_TEXT_MAX], why[160];
			struct ike_proposal again;

			ike_proposal_format(&p[k], buf, sizeof(buf));
			ck_assert_int_eq(ike_proposal_parse(buf, protocols[i], &again, why), 0);
			ck_assert(ike_proposal_equal(&p[k], &again));
			ck_assert_int_eq(strstr(buf, "gcm16") != NULL, k == 0);
			ck_assert_ptr_null(strstr(buf, "iiv"));
			ck_assert_int_eq(strstr(buf, "sha1") != NULL,
					 protocols[i] == IKE_PROTO_ESP && k == 1);
		}
	}
}
END_TEST

START_TEST(test_format_is_cut_and_knows_strangers)
{
	struct ike_proposal p = {.protocol = IKE_PROTO_IKE,
				 .count = 4,
				 .at = {{IKE_ENCR, 23, 256},
					{IKE_ENCR, IKE_ENCR_AES_CBC, 128},
					{IKE_DH, 35, 0},
					{IKE_INTEG, IKE_INTEG_NONE, 0}}};
	char buf[64], small[10];

	ck_assert_str_eq(ike_proposal_format(&p, buf, sizeof(buf)), "encr#23/256-aes128-group#35");
	ck_assert_str_eq(ike_proposal_format(&p, small, sizeof(small)), "encr#23/2");
	ck_assert_str_eq(ike_proposal_format(&p, small, 1), "");
}
END_TEST

/* Every row esp or IKE uses makes a suite; each word and number stands once. */
START_TEST(test_table_is_consistent)
{
	const struct ike_algorithm *row, *other;

	for (unsigned i = 0; (row = ike_algorithm_at(i)); i++) {
		ck_assert_ptr_eq(ike_algorithm_named(row->word, strlen(row->word)), row);
		ck_assert_ptr_eq(ike_algorithm_of(&row->transform), row);
		if (row->alias)
			ck_assert_ptr_eq(ike_algorithm_named(row->alias, strlen(row->alias)), row);
		for (unsigned k = 0; k < i; k++) {
			other = ike_algorithm_at(k);
			ck_assert_str_ne(other->word, row->word);
		}
		if (row->transform.type == IKE_ENCR && (row->used_for & IKE_FOR_ESP)) {
			struct ike_proposal p = {
				.protocol = IKE_PROTO_ESP, .count = 1, .at = {row->transform}};
			struct esp_suite suite;
			bool esn;

			if (!row->aead)
				p.at[p.count++] = (struct ike_transform){
					IKE_INTEG, IKE_INTEG_HMAC_SHA2_256_128, 0};
			ck_assert_msg(ike_esp_suite_of(&p, &suite, &esn), "%s", row->word);
		}
	}
	ck_assert_ptr_null(ike_algorithm_named("", 0));
	ck_assert_ptr_null(ike_algorithm_named("aes128x", 7));
}
END_TEST

/* ---- choosing -------------------------------------------------------------------------------------- */

enum { LIST_MAX = 4 };

/* "a, b": proposals of a list. */
static unsigned list_of(const char *text, enum ike_protocol protocol, struct ike_proposal *out)
{
	char copy[512], why[160], *rest = copy, *one;
	unsigned count = 0;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	(void)strcpy(copy, text);
	while ((one = strsep(&rest, ",")) != NULL) {
		one += strspn(one, " ");
		ck_assert_uint_lt(count, LIST_MAX);
		ck_assert_msg(ike_proposal_parse(one, protocol, &out[count], why) == 0, "%s: %s",
			      one, why);
		count++;
	}
	return count;
}

static struct ike_span on_the_wire(const struct ike_proposal *p, unsigned count, uint8_t number,
				   uint8_t *buf, uint32_t room, struct ike_span spi)
{
	struct ike_writer w;
	struct ike_span body;

	ike_writer_begin_inner(&w, buf, room);
	ike_put_sa(&w, p, count, number, spi);
	ck_assert(!w.overflow);
	body = (struct ike_span){buf + 4, w.len - 4};
	ck_assert(ike_sa_check(body));
	return body;
}

static const struct {
	const char *ours, *theirs;
	enum ike_protocol protocol;
	unsigned flags;
	const char *chosen; /* NULL: nothing in common */
	unsigned number;
} choices[] = {
	{"aes128-sha256-ecp256", "aes128-sha256-ecp256", IKE_PROTO_IKE, 0,
	 "aes128-sha256-prfsha256-ecp256", 1},
	{"aes128-sha256-ecp256", "aes256-sha256-ecp256", IKE_PROTO_IKE, 0, NULL, 0},
	{"aes128-sha256-ecp256", "aes128-sha256-ecp384", IKE_PROTO_IKE, 0, NULL, 0},
	{"aes128-sha256-ecp256", "aes128-sha512-prfsha256-ecp256", IKE_PROTO_IKE, 0, NULL, 0},
	{"aes128-sha256-ecp256", "aes128-sha256-prfsha512-ecp256", IKE_PROTO_IKE, 0, NULL, 0},
	{"aes128-sha256-ecp256", "aes128gcm16-prfsha256-ecp256", IKE_PROTO_IKE, 0, NULL, 0},
	/* our order decides within a proposal */
	{"aes256-aes128-sha512-sha256-ecp384-ecp256", "aes128-aes256-sha256-sha512-ecp256-ecp384",
	 IKE_PROTO_IKE, 0, "aes256-sha512-prfsha512-ecp384", 1},
	/* and among them */
	{"aes256gcm16-prfsha384-ecp384, aes128-sha256-ecp256",
	 "aes128-sha256-ecp256, aes256gcm16-prfsha384-ecp384", IKE_PROTO_IKE, 0,
	 "aes256gcm16-prfsha384-ecp384", 2},
	{"aes256gcm16-prfsha384-ecp384, aes128-sha256-ecp256", "aes128-sha256-ecp256",
	 IKE_PROTO_IKE, 0, "aes128-sha256-prfsha256-ecp256", 1},
	/* ESP: PFS is for both or none */
	{"aes256gcm16", "aes256gcm16", IKE_PROTO_ESP, 0, "aes256gcm16", 1},
	{"aes256gcm16-ecp384", "aes256gcm16", IKE_PROTO_ESP, 0, NULL, 0},
	{"aes256gcm16", "aes256gcm16-ecp384", IKE_PROTO_ESP, 0, NULL, 0},
	{"aes256gcm16-ecp384-none", "aes256gcm16", IKE_PROTO_ESP, 0, "aes256gcm16", 1},
	{"aes256gcm16", "aes256gcm16-ecp384-none", IKE_PROTO_ESP, 0, "aes256gcm16-modpnone", 1},
	{"aes256gcm16-ecp384-none", "aes256gcm16-ecp256-none", IKE_PROTO_ESP, 0,
	 "aes256gcm16-modpnone", 1},
	{"aes256gcm16-ecp384", "aes256gcm16-ecp384", IKE_PROTO_ESP, 0, "aes256gcm16-ecp384", 1},
	/* in IKE_AUTH nobody speaks of it */
	{"aes256gcm16-ecp384", "aes256gcm16", IKE_PROTO_ESP, IKE_CHOOSE_ANY_DH, "aes256gcm16", 1},
	{"aes256gcm16-ecp384", "aes256gcm16-ecp256", IKE_PROTO_ESP, IKE_CHOOSE_ANY_DH,
	 "aes256gcm16", 1},
	/* ESN */
	{"aes256gcm16-esn", "aes256gcm16", IKE_PROTO_ESP, 0, NULL, 0},
	{"aes256gcm16-esn-noesn", "aes256gcm16", IKE_PROTO_ESP, 0, "aes256gcm16", 1},
	{"aes256gcm16-noesn-esn", "aes256gcm16-esn-noesn", IKE_PROTO_ESP, 0, "aes256gcm16", 1},
	{"aes256gcm16-esn-noesn", "aes256gcm16-noesn-esn", IKE_PROTO_ESP, 0, "aes256gcm16-esn", 1},
};

START_TEST(test_choice_follows_our_order)
{
	const uint8_t spi[] = {1, 2, 3, 4, 5, 6, 7, 8};

	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct ike_proposal ours[LIST_MAX], theirs[LIST_MAX];
		unsigned our_count = list_of(choices[i].ours, choices[i].protocol, ours);
		unsigned their_count = list_of(choices[i].theirs, choices[i].protocol, theirs);
		uint8_t buf[PRIM_BYTES_MAX];
		const struct ike_span named = {
			spi, choices[i].protocol == IKE_PROTO_IKE ? sizeof(spi) : 4};
		struct ike_span body = on_the_wire(theirs, their_count, 1, buf, sizeof(buf), named);
		struct ike_choice choice, confirmed;
		char text[IKE_PROPOSAL_TEXT_MAX];
		int err = ike_proposal_choose(ours, our_count, body, choices[i].flags, &choice);

		ck_assert_msg(err == (choices[i].chosen ? 0 : -ENOENT), "%s and %s",
			      choices[i].ours, choices[i].theirs);
		if (err)
			continue;
		ck_assert_uint_eq(choice.number, choices[i].number);
		ck_assert_mem_eq(choice.spi.data, spi, choice.spi.len);
		ck_assert_uint_eq(choice.spi.len, named.len);
		ck_assert_str_eq(ike_proposal_format(&choice.chosen, text, sizeof(text)),
				 choices[i].chosen);
		/* What the responder sends back the initiator takes. */
		body = on_the_wire(&choice.chosen, 1, choice.number, buf, sizeof(buf), named);
		ck_assert_int_eq(ike_proposal_confirm(theirs, their_count, body, choices[i].flags,
						      &confirmed),
				 0);
		ck_assert(ike_proposal_equal(&confirmed.chosen, &choice.chosen));
		ck_assert_uint_eq(confirmed.ours, choice.number - 1U);
	}
}
END_TEST

static const struct {
	const char *what, *answer;
	uint8_t number;
	bool twice, ok;
	unsigned flags;
} answers[] = {
	{"the first", "aes256gcm16-ecp384", 1, false, true, 0},
	{"the second", "aes128-sha256", 2, false, true, 0},
	{"number 0", "aes256gcm16-ecp384", 0, false, false, 0},
	{"a number never given", "aes256gcm16-ecp384", 3, false, false, 0},
	{"the first's number, the second's content", "aes128-sha256", 1, false, false, 0},
	{"two proposals", "aes256gcm16-ecp384", 1, true, false, 0},
	{"an algorithm not offered", "aes192gcm16-ecp384", 1, false, false, 0},
	{"a group not offered", "aes256gcm16-ecp256", 1, false, false, 0},
	{"no group though one was offered", "aes256gcm16", 1, false, false, 0},
	{"a group though none was offered", "aes128-sha256-ecp384", 2, false, false, 0},
	{"two of a type", "aes256gcm16-aes128gcm16-ecp384", 1, false, false, 0},
	{"ESN though not offered", "aes128-sha256-esn", 2, false, false, 0},
	{"no group in IKE_AUTH", "aes256gcm16", 1, false, true, IKE_CHOOSE_ANY_DH},
	{"a group in IKE_AUTH", "aes256gcm16-ecp256", 1, false, true, IKE_CHOOSE_ANY_DH},
};

START_TEST(test_answers_are_confirmed_or_refused)
{
	const uint8_t spi[] = {1, 2, 3, 4};
	struct ike_proposal ours[LIST_MAX];
	unsigned count =
		list_of("aes256gcm16-aes128gcm16-ecp384, aes128-sha256", IKE_PROTO_ESP, ours);

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct ike_proposal p[2];
		uint8_t buf[PRIM_BYTES_MAX];
		struct ike_choice choice = {.number = 99};
		struct ike_span body;
		char why[160];
		int err;

		ck_assert_int_eq(ike_proposal_parse(answers[i].answer, IKE_PROTO_ESP, &p[0], why),
				 0);
		p[1] = p[0];
		body = on_the_wire(p, 1U + answers[i].twice, answers[i].number, buf, sizeof(buf),
				   IKE_SPAN(spi));
		err = ike_proposal_confirm(ours, count, body, answers[i].flags, &choice);
		ck_assert_msg(err == (answers[i].ok ? 0 : -EBADMSG), "%s: %d", answers[i].what,
			      err);
		ck_assert_uint_eq(choice.number, answers[i].ok ? answers[i].number : 99);
	}
	/* of another protocol, and nothing at all */
	ck_assert_int_eq(ike_proposal_confirm(ours, count, (struct ike_span){NULL, 0}, 0,
					      &(struct ike_choice){0}),
			 -EBADMSG);
}
END_TEST

/* A peer may name INTEG NONE beside an AEAD, §3.3.3, and leave ESN out, and offers of other protocols and
 * with transform types we do not know are passed over. */
START_TEST(test_foreign_ways_to_offer)
{
	static const struct {
		const char *what, *hex;
		bool chosen;
		unsigned count;
	} foreign[] = {
		{"GCM with INTEG NONE",
		 "0000002801030403aabbccdd"
		 "0300000c01000014800e0100"
		 "0300000803000000"
		 "0000000805000000",
		 true, 3},
		{"GCM without ESN",
		 "0000001801030401aabbccdd"
		 "0000000c01000014800e0100",
		 true, 1},
		{"GCM with a MAC of its own",
		 "0000002001030402aabbccdd"
		 "0300000c01000014800e0100"
		 "000000080300000c",
		 false, 0},
		{"GCM and a type from the future",
		 "0000002001030402aabbccdd"
		 "0300000c01000014800e0100"
		 "0000000806000001",
		 false, 0},
		{"GCM with an attribute from the future",
		 "0000001c01030401aabbccdd"
		 "0000001001000014800e01008fff0001",
		 false, 0},
		{"GCM without a key length",
		 "0000001401030401aabbccdd"
		 "0000000801000014",
		 false, 0},
		{"AH",
		 "0000001801020401aabbccdd"
		 "0000000c01000014800e0100",
		 false, 0},
		{"AH first, ESP second",
		 "0200001801020401aabbccdd"
		 "0000000c01000014800e0100"
		 "0000001802030401aabbccdd"
		 "0000000c01000014800e0100",
		 true, 1},
	};
	struct ike_proposal ours[LIST_MAX];
	unsigned count = list_of("aes256gcm16", IKE_PROTO_ESP, ours);

	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		struct prim_bytes b = prim_unhex(foreign[i].hex);
		struct ike_choice choice;
		struct esp_suite suite;
		bool esn;

		ck_assert_msg(ike_sa_check(prim_span(&b)), "%s", foreign[i].what);
		ck_assert_msg((ike_proposal_choose(ours, count, prim_span(&b), 0, &choice) == 0) ==
				      foreign[i].chosen,
			      "%s", foreign[i].what);
		if (!foreign[i].chosen)
			continue;
		ck_assert_uint_eq(choice.chosen.count, foreign[i].count);
		ck_assert(ike_esp_suite_of(&choice.chosen, &suite, &esn));
		ck_assert(!esn);
	}
}
END_TEST

/* ---- DH and suites -------------------------------------------------------------------------------- */

START_TEST(test_groups_are_found_moved_and_removed)
{
	struct ike_proposal p;
	char why[160], buf[IKE_PROPOSAL_TEXT_MAX];

	ck_assert_int_eq(
		ike_proposal_parse("ecp256-aes128-ecp384-sha256-modp2048", IKE_PROTO_IKE, &p, why),
		0);
	ck_assert_uint_eq(ike_proposal_dh(&p), IKE_DH_ECP_256);
	ck_assert(ike_proposal_has_dh(&p, IKE_DH_MODP_2048));
	ck_assert(!ike_proposal_has_dh(&p, IKE_DH_CURVE25519));
	ck_assert(!ike_proposal_has_dh(&p, IKE_DH_NONE));
	ck_assert(!ike_proposal_prefer_dh(&p, IKE_DH_CURVE25519));
	ck_assert(ike_proposal_prefer_dh(&p, IKE_DH_MODP_2048));
	ck_assert_str_eq(ike_proposal_format(&p, buf, sizeof(buf)),
			 "aes128-sha256-prfsha256-modp2048-ecp256-ecp384");
	ck_assert(ike_proposal_prefer_dh(&p, IKE_DH_MODP_2048));
	ck_assert(ike_proposal_prefer_dh(&p, IKE_DH_ECP_256));
	ck_assert_str_eq(ike_proposal_format(&p, buf, sizeof(buf)),
			 "aes128-sha256-prfsha256-ecp256-modp2048-ecp384");
	p = ike_proposal_without_dh(&p);
	ck_assert_str_eq(ike_proposal_format(&p, buf, sizeof(buf)), "aes128-sha256-prfsha256");
	ck_assert_uint_eq(ike_proposal_dh(&p), IKE_DH_NONE);
	ck_assert(ike_proposal_has_dh(&p, IKE_DH_NONE));
}
END_TEST

START_TEST(test_suites_need_one_of_each_type)
{
	struct ike_proposal p = {.protocol = IKE_PROTO_IKE};
	const struct ike_transform gcm = {IKE_ENCR, IKE_ENCR_AES_GCM_16, 256},
				   cbc = {IKE_ENCR, IKE_ENCR_AES_CBC, 128},
				   mac = {IKE_INTEG, IKE_INTEG_HMAC_SHA2_256_128, 0},
				   none = {IKE_INTEG, IKE_INTEG_NONE, 0},
				   prf = {IKE_PRF, IKE_PRF_HMAC_SHA2_256, 0},
				   dh = {IKE_DH, IKE_DH_ECP_256, 0},
				   sha1 = {IKE_PRF, IKE_PRF_HMAC_SHA1, 0},
				   esn = {IKE_ESN, IKE_ESN_YES, 0};
	const struct {
		struct ike_transform at[4];
		uint8_t count;
		bool ike, esp;
	} sets[] = {
		{{gcm, prf, dh}, 3, true, true},	{{gcm, prf, dh, none}, 4, true, true},
		{{gcm, prf, dh, mac}, 4, false, false}, {{cbc, prf, dh, mac}, 4, true, true},
		{{cbc, prf, dh}, 3, false, false},	{{cbc, prf, dh, none}, 4, false, false},
		{{gcm, prf}, 2, false, true},		{{gcm, dh}, 2, false, true},
		{{gcm, dh, sha1}, 3, false, true},	{{prf, dh}, 2, false, false},
		{{gcm, esn}, 2, false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		struct ike_suite suite;
		struct esp_suite esp;
		bool is_esn;

		p.count = sets[i].count;
		memcpy(p.at, sets[i].at, sizeof(sets[i].at));
		ck_assert_msg(ike_suite_of(&p, &suite) == sets[i].ike, "IKE, set %zu", i);
		ck_assert_msg(ike_esp_suite_of(&p, &esp, &is_esn) == sets[i].esp, "ESP, set %zu",
			      i);
		if (sets[i].esp)
			ck_assert_int_eq(is_esn, ike_proposal_find(&p, IKE_ESN) != NULL);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("proposal");

	tcase_add_test(tc, test_words_are_read_and_written);
	tcase_add_test(tc, test_wrong_words_are_refused_by_name);
	tcase_add_test(tc, test_defaults_are_suites_and_nothing_weak);
	tcase_add_test(tc, test_format_is_cut_and_knows_strangers);
	tcase_add_test(tc, test_table_is_consistent);
	tcase_add_test(tc, test_choice_follows_our_order);
	tcase_add_test(tc, test_answers_are_confirmed_or_refused);
	tcase_add_test(tc, test_foreign_ways_to_offer);
	tcase_add_test(tc, test_groups_are_found_moved_and_removed);
	tcase_add_test(tc, test_suites_need_one_of_each_type);
	return prim_run(tc, "ike proposal");
}
