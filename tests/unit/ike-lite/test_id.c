/*
 * tests/unit/ike-lite/test_id.c: identities: strongSwan's text forms, comparison, patterns. Cookies and NAT
 * hashes too: what else is said before anybody is known.
 */
#include "ike-lite/auth.h"
#include "ike-lite/cookie.h"
#include "prim.h"

#include <string.h>

static const struct {
	const char *text;
	uint8_t type;
	const char *hex; /* of the data; NULL: refused */
	const char *format;
} ids[] = {
	{"", 0, "", "%any"},
	{"%any", 0, "", "%any"},
	{"*", 0, "", "%any"},
	{"0.0.0.0", 0, "", "%any"},
	{"::", 0, "", "%any"},
	{"192.0.2.1", IKE_ID_IPV4, "c0000201", "192.0.2.1"},
	{"ipv4:192.0.2.1", IKE_ID_IPV4, "c0000201", "192.0.2.1"},
	{"2001:db8::1", IKE_ID_IPV6, "20010db8000000000000000000000001", "2001:db8::1"},
	{"ipv6:2001:db8::1", IKE_ID_IPV6, "20010db8000000000000000000000001", "2001:db8::1"},
	{"moon", IKE_ID_FQDN, "6d6f6f6e", "moon"},
	{"@moon", IKE_ID_FQDN, "6d6f6f6e", "moon"},
	{"fqdn:moon", IKE_ID_FQDN, "6d6f6f6e", "moon"},
	{"dns:moon", IKE_ID_FQDN, "6d6f6f6e", "moon"},
	{"FQDN:moon", IKE_ID_FQDN, "6d6f6f6e", "moon"},
	{"@192.0.2.1", IKE_ID_FQDN, "3139322e302e322e31", "fqdn:192.0.2.1"},
	{"fqdn:a@b", IKE_ID_FQDN, "614062", "fqdn:a@b"},
	{"a@b", IKE_ID_RFC822, "614062", "a@b"},
	{"email:a@b", IKE_ID_RFC822, "614062", "a@b"},
	{"userfqdn:a@b", IKE_ID_RFC822, "614062", "a@b"},
	{"@@a", IKE_ID_RFC822, "61", "email:a"},
	{"*@example.org", IKE_ID_RFC822, "2a406578616d706c652e6f7267", "*@example.org"},
	{"@#00FFab", IKE_ID_KEY_ID, "00ffab", "keyid:#00ffab"},
	{"keyid:office 1", IKE_ID_KEY_ID, "6f66666963652031", "keyid:#6f66666963652031"},
	{"keyid:office", IKE_ID_KEY_ID, "6f6666696365", "keyid:office"},
	{"keyid:#23", IKE_ID_KEY_ID, "23", "keyid:#23"},
	{"office:1", IKE_ID_KEY_ID, "6f66666963653a31", "office:1"},
	{"ipv4:2001:db8::1", 0, NULL, NULL},
	{"ipv6:192.0.2.1", 0, NULL, NULL},
	{"ipv4:moon", 0, NULL, NULL},
	{"C=CH, CN=moon", 0, NULL, NULL},
	{"@", 0, NULL, NULL},
	{"@@", 0, NULL, NULL},
	{"@#", 0, NULL, NULL},
	{"@#0", 0, NULL, NULL},
	{"@#0g", 0, NULL, NULL},
	{"fqdn:", 0, NULL, NULL},
	{"keyid:#zz", 0, NULL, NULL},
};

START_TEST(test_text_is_read_and_written)
{
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct ike_id id = {.type = 99}, again;
		char buf[IKE_ID_TEXT_MAX];
		bool ok = ike_id_parse(ids[i].text, &id);

		ck_assert_msg(ok == (ids[i].hex != NULL), "%s", ids[i].text);
		if (!ok) {
			ck_assert_uint_eq(id.type, 99);
			continue;
		}
		ck_assert_msg(id.type == ids[i].type, "%s: %u", ids[i].text, id.type);
		prim_expect((struct ike_span){id.data, id.len}, ids[i].hex, ids[i].text);
		ck_assert_str_eq(ike_id_format(&id, buf), ids[i].format);
		ck_assert(ike_id_parse(buf, &again));
		ck_assert(ike_id_equal(&id, &again));
	}
}
END_TEST

START_TEST(test_lengths_are_bounded)
{
	char text[600];
	struct ike_id id;

	for (size_t len = 1; len < sizeof(text); len++) {
		memset(text, 'a', len);
		text[len] = '\0';
		ck_assert_int_eq(ike_id_parse(text, &id), len <= 255);
	}
	memcpy(text, "@#", 2);
	memset(text + 2, 'f', 512);
	text[514] = '\0';
	ck_assert(!ike_id_parse(text, &id)); /* 256 bytes */
	text[512] = '\0';
	ck_assert(ike_id_parse(text, &id));
	ck_assert_uint_eq(id.len, 255);
}
END_TEST

START_TEST(test_any_bytes_have_a_text)
{
	struct prim_random r = {.state = 4};

	for (unsigned round = 0; round < 5000; round++) {
		static const uint8_t types[] = {IKE_ID_FQDN, IKE_ID_RFC822, IKE_ID_KEY_ID};
		struct ike_id id = {.type = types[prim_number(&r, 3)],
				    .len = (uint8_t)(1 + prim_number(&r, 255))},
			      again;
		char buf[IKE_ID_TEXT_MAX];
		bool plain = prim_number(&r, 2);

		for (unsigned i = 0; i < id.len; i++)
			id.data[i] =
				(uint8_t)(plain ? '!' + prim_number(&r, 94) : prim_number(&r, 256));
		ike_id_format(&id, buf);
		for (const char *c = buf; *c; c++)
			if (*c <= ' ' || *c > '~')
				ck_abort_msg("unprintable: %s", buf);
		ck_assert_msg(ike_id_parse(buf, &again), "%s", buf);
		ck_assert_msg(ike_id_equal(&id, &again), "%s", buf);
	}
}
END_TEST

START_TEST(test_foreign_types_have_a_text_too)
{
	const struct ike_id id = {.type = 9, .len = 2, .data = {0x30, 0x00}};
	char buf[IKE_ID_TEXT_MAX];

	ck_assert_str_eq(ike_id_format(&id, buf), "type-9:#3000");
}
END_TEST

static const struct {
	const char *pattern, *id;
	bool equal, matches;
} comparisons[] = {
	{"moon.example.org", "moon.example.org", true, true},
	{"moon.example.org", "MOON.Example.ORG", true, true},
	{"a@example.org", "A@EXAMPLE.org", true, true},
	{"moon.example.org", "sun.example.org", false, false},
	{"keyid:moon", "keyid:MOON", false, false},
	{"keyid:moon", "moon", false, false},
	{"192.0.2.1", "192.0.2.1", true, true},
	{"192.0.2.1", "192.0.2.2", false, false},
	{"%any", "moon", false, true},
	{"%any", "192.0.2.2", false, true},
	{"*.example.org", "moon.example.org", false, true},
	{"*.example.org", "a.b.EXAMPLE.org", false, true},
	{"*.example.org", "example.org", false, false},
	{"*.example.org", "badexample.org", false, false},
	{"*.example.org", "moon@a.example.org", false, false},
	{"*.example.org", ".example.org", false, false},
	{"*@example.org", "moon@example.org", false, true},
	{"*@example.org", "@@@example.org", false, false},
	{"*@example.org", "moon@sub.example.org", false, false},
	{"keyid:*.example.org", "keyid:a.example.org", false, false},
	{"moon", "%any", false, false},
};

START_TEST(test_ids_compare_and_match)
{
	for (size_t i = 0; i < ARRAY_LEN(comparisons); i++) {
		struct ike_id pattern, id;

		ck_assert(ike_id_parse(comparisons[i].pattern, &pattern));
		ck_assert(ike_id_parse(comparisons[i].id, &id));
		ck_assert_msg(ike_id_equal(&pattern, &id) == comparisons[i].equal, "%s, %s",
			      comparisons[i].pattern, comparisons[i].id);
		ck_assert_msg(ike_id_matches(&pattern, &id) == comparisons[i].matches, "%s, %s",
			      comparisons[i].pattern, comparisons[i].id);
	}
}
END_TEST

START_TEST(test_body_is_what_the_payload_holds)
{
	struct ike_id id;
	uint8_t buf[IKE_ID_BODY_MAX];

	ck_assert(ike_id_parse("moon", &id));
	prim_expect(ike_id_body(&id, buf), "020000006d6f6f6e", "body");
}
END_TEST

/* ---- cookies ------------------------------------------------------------------------------------------- */

enum { PERIOD = IKE_COOKIE_PERIOD_MS };

struct asked {
	struct ip_addr peer;
	struct ike_span ni;
	uint64_t spi_i;
};

static struct asked asker(void)
{
	struct asked a = {.ni = PRIM_TEXT("a nonce of the initiator"), .spi_i = 0x1122334455667788};

	ck_assert(ip_addr_parse("192.0.2.7", &a.peer));
	return a;
}

static bool check(const struct ike_cookies *c, const uint8_t *cookie, uint32_t len,
		  const struct asked *a)
{
	struct prim_exact exact = prim_exact(cookie, len);
	bool ok = ike_cookie_check(c, exact.span, a->ni, &a->peer, a->spi_i);

	prim_exact_free(&exact);
	return ok;
}

START_TEST(test_cookie_is_for_one_peer_nonce_and_spi)
{
	struct prim_random random = {.state = 1};
	const struct ike_env env = prim_env(&random);
	struct ike_cookies c = {0};
	struct asked a = asker(), b = a;
	uint8_t cookie[IKE_COOKIE_LEN + 1] = {0};

	ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &a)); /* none was made */
	ike_cookies_rotate(&c, &env, 1000);
	ck_assert(ike_cookie_make(&c, a.ni, &a.peer, a.spi_i, cookie));
	ck_assert(check(&c, cookie, IKE_COOKIE_LEN, &a));
	for (uint32_t len = 0; len <= sizeof(cookie); len++)
		ck_assert_int_eq(check(&c, cookie, len, &a), len == IKE_COOKIE_LEN);
	for (uint32_t at = 0; at < IKE_COOKIE_LEN; at++) {
		cookie[at] ^= 1;
		ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &a));
		cookie[at] ^= 1;
	}
	b.spi_i++;
	ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &b));
	b = a;
	b.peer.bytes[3]++;
	ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &b));
	b = a;
	b.ni.len--;
	ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &b));
	ck_assert(ip_addr_parse("fd00::7", &b.peer));
	ck_assert(ike_cookie_make(&c, a.ni, &b.peer, a.spi_i, cookie));
	b.ni = a.ni;
	ck_assert(check(&c, cookie, IKE_COOKIE_LEN, &b));
	ike_cookies_cleanse(&c);
	ck_assert(!check(&c, cookie, IKE_COOKIE_LEN, &b));
}
END_TEST

START_TEST(test_cookie_lives_through_one_change_of_secret)
{
	struct prim_random random = {.state = 1};
	const struct ike_env env = prim_env(&random);
	struct ike_cookies c = {0};
	struct asked a = asker();
	uint8_t cookie[IKE_COOKIE_LEN];
	uint64_t now = 5;

	/* once round the versions and more */
	for (unsigned turn = 0; turn < 600; turn++) {
		ike_cookies_rotate(&c, &env, now);
		ck_assert(ike_cookie_make(&c, a.ni, &a.peer, a.spi_i, cookie));
		ike_cookies_rotate(&c, &env, now + PERIOD - 1);
		ck_assert(check(&c, cookie, sizeof(cookie), &a));
		now += PERIOD;
		ike_cookies_rotate(&c, &env, now);
		ck_assert(check(&c, cookie, sizeof(cookie), &a));
		now += PERIOD;
		ike_cookies_rotate(&c, &env, now);
		ck_assert(!check(&c, cookie, sizeof(cookie), &a));
	}
	/* and not through a long silence */
	ck_assert(ike_cookie_make(&c, a.ni, &a.peer, a.spi_i, cookie));
	ike_cookies_rotate(&c, &env, now + (uint64_t)2 * PERIOD);
	ck_assert(!check(&c, cookie, sizeof(cookie), &a));
}
END_TEST

/* By hashlib: sha1(SPIi | SPIr | address | port). */
START_TEST(test_nat_hash_is_sha1_of_what_the_rfc_says)
{
	static const struct {
		const char *addr;
		uint16_t port;
		const char *hash;
	} hashes[] = {
		{"192.0.2.1", 500, "d798d986143f878f70765e0e869c80bbc375f701"},
		{"2001:db8::1", 4500, "1ee24423bf8f59515e0265c6d0f08be3d038f7e5"},
	};

	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct ip_addr addr;
		uint8_t out[IKE_NAT_HASH_LEN];

		ck_assert(ip_addr_parse(hashes[i].addr, &addr));
		ck_assert(ike_nat_hash(0x0102030405060708, 0x1112131415161718, &addr,
				       hashes[i].port, out));
		prim_expect(IKE_SPAN(out), hashes[i].hash, hashes[i].addr);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("id");

	tcase_add_test(tc, test_text_is_read_and_written);
	tcase_add_test(tc, test_lengths_are_bounded);
	tcase_add_test(tc, test_any_bytes_have_a_text);
	tcase_add_test(tc, test_foreign_types_have_a_text_too);
	tcase_add_test(tc, test_ids_compare_and_match);
	tcase_add_test(tc, test_body_is_what_the_payload_holds);
	tcase_add_test(tc, test_cookie_is_for_one_peer_nonce_and_spi);
	tcase_add_test(tc, test_cookie_lives_through_one_change_of_secret);
	tcase_add_test(tc, test_nat_hash_is_sha1_of_what_the_rfc_says);
	return prim_run(tc, "ike id");
}
