/*
 * tests/unit/ike-lite/test_inside.c: peers who have the keys, and say what they should not: RFC 7296 §1.3, §2.5, §2.21.3,
 * §2.25, §3.3.1, RFC 7619. Our own messages, changed before they are sealed.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/inside.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct pair p;
static struct inside in;

static void set_up(void)
{
	pair_init(&p, 1);
	p.side[A].connection.fragmentation = IKE_FRAGMENT_NO;
	p.side[B].connection.fragmentation = IKE_FRAGMENT_NO;
}

static void tear_down(void)
{
	pair_fini(&p);
}

static void open_first(void)
{
	ck_assert_uint_ge(p.queued, 1);
	ck_assert(inside_open(&p, &p.queue[0], &in));
}

/* The oldest datagram as changed, delivered; what comes back is opened. */
static void exchange_changed(void)
{
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	open_first();
}

static bool says_notify(uint16_t type, uint32_t *spi)
{
	uint32_t len;
	const uint8_t *n = inside_find(&in, IKE_NOTIFY, &len);

	if (!n || len < 4 || load_u16(n + 2) != type)
		return false;
	if (spi && n[1] == 4 && len >= 8)
		*spi = load_u32(n + 4);
	return true;
}

/* A's IKE_AUTH, ready to go. */
static void begin(void)
{
	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	pair_deliver(&p);
	pair_deliver(&p);
	open_first();
}

static uint8_t *must_find(uint8_t type, uint32_t *len)
{
	uint8_t *at = inside_find(&in, type, len);

	ck_assert_ptr_nonnull(at);
	return at;
}

/* ---- IKE_AUTH ---------------------------------------------------------------------------------------------- */

enum { NULL_AUTH, RSA_AUTH, WRONG_AUTH, SHORT_AUTH, OTHER_ID, AUTHS };

START_TEST(test_inside_auth_is_refused)
{
	static const char *const texts[] = {"NULL authentication", "by a pre-shared key",
					    "another one than ours", "another one than ours",
					    "no connection has these ids"};
	uint8_t *at;
	uint32_t len;

	begin();
	at = must_find(_i == OTHER_ID ? IKE_IDI : IKE_AUTH_DATA, &len);
	if (_i == NULL_AUTH)
		at[0] = IKE_AUTH_NULL;
	if (_i == RSA_AUTH)
		at[0] = 1;
	if (_i == WRONG_AUTH)
		at[len - 1] ^= 1;
	if (_i == SHORT_AUTH)
		at[4] ^= 1;
	if (_i == OTHER_ID)
		at[4] = 'x';
	exchange_changed();
	ck_assert(says_notify(IKE_N_AUTHENTICATION_FAILED, NULL));
	ck_assert(pair_has_event(&p, B, IKE_EV_REFUSED, texts[_i]));
	ck_assert_uint_eq(p.side[B].sa_count, 0);
	/* It counts as half-open for as long as the answer is kept. */
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 1);
	pair_run(&p);
	pair_wait(&p, 31000);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_IKE_UP), 0);
}
END_TEST

/* The responder's answer: wider selectors, another suite, an SPI that is reserved, a wrong AUTH. */
enum { WIDER, OTHER_SUITE, LOW_SPI, WRONG_PROOF, ANSWERS };

START_TEST(test_inside_auth_answer_is_refused)
{
	static const char *const texts[] = {"wider than ours", "did not offer", "did not offer",
					    "another one than ours"};
	uint8_t *at;
	uint32_t len;

	begin();
	pair_deliver(&p);
	open_first();
	if (_i == WIDER) {
		at = must_find(IKE_TSR, &len);
		memset(at + 12, 0, 4); /* from 0.0.0.0 */
	} else if (_i == WRONG_PROOF) {
		at = must_find(IKE_AUTH_DATA, &len);
		at[len - 1] ^= 1;
	} else {
		at = must_find(IKE_SA, &len);
		if (_i == LOW_SPI)
			store_u32(at + 8, 255);
		else
			at[12 + 11] ^= 0xc0; /* 128 bits become others */
	}
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	ck_assert_msg(pair_has_event(&p, A, IKE_EV_FAILED, texts[_i]), "row %d", _i);
	ck_assert_uint_eq(p.side[A].sa_count, 0);
	/* The responder hears of it, and has nothing left either. */
	pair_run(&p);
	ck_assert_uint_eq(p.side[B].sa_count, 0);
	ck_assert_uint_eq(pair_ike_sas(&p, A, IKE_STATE_UP), _i != WRONG_PROOF);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), _i != WRONG_PROOF);
}
END_TEST

/* ---- what cannot be read ------------------------------------------------------------------------------------- */

/* §2.21.3: authentic and malformed: INVALID_SYNTAX, and the IKE SA is over on both sides. */
START_TEST(test_inside_malformed_ends_the_ike_sa)
{
	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	open_first();
	in.bytes[3] = 255; /* the first payload's length */
	exchange_changed();
	ck_assert(says_notify(IKE_N_INVALID_SYNTAX, NULL));
	ck_assert(pair_has_event(&p, B, IKE_EV_IKE_DOWN, "malformed"));
	ck_assert_uint_eq(p.side[B].sa_count, 0);
}
END_TEST

START_TEST(test_inside_unknown_payload)
{
	bool critical = _i;

	pair_up(&p);
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	open_first();
	/* One of a type that nobody knows in front. */
	memmove(in.bytes + 8, in.bytes, in.len);
	in.len += 8;
	memcpy(in.bytes,
	       "\0\0\0\x08"
	       "what",
	       8);
	in.bytes[0] = in.first;
	in.bytes[1] = critical ? IKE_CRITICAL : 0;
	in.first = 201;
	exchange_changed();
	ck_assert(says_notify(IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, NULL) == critical);
	pair_run(&p);
	pair_wait(&p, 6000);
	ck_assert(pair_traffic_flows(&p));
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
	ck_assert_uint_eq(pair_count_events(&p, B, IKE_EV_CHILD_REKEYED), !critical);
}
END_TEST

/* ---- CREATE_CHILD_SA ------------------------------------------------------------------------------------------ */

/* §2.25.1: the peer has no such child: ours goes, and is made anew. */
START_TEST(test_inside_rekey_of_what_is_not_there)
{
	uint32_t len, spi = 0;
	uint8_t *at;

	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	open_first();
	at = must_find(IKE_NOTIFY, &len);
	store_u32(at + 4, 0x12345678);
	exchange_changed();
	ck_assert(says_notify(IKE_N_CHILD_SA_NOT_FOUND, &spi));
	ck_assert_uint_eq(spi, 0x12345678);
	pair_deliver(&p);
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_DOWN), 1);
	pair_run(&p);
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

/* A group of numbers that the exchange refuses, and a nonce too short. */
START_TEST(test_inside_bad_key_exchange)
{
	uint32_t len;
	uint8_t *at;

	pair_up(&p);
	(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
	pair_collect(&p, A);
	open_first();
	at = must_find(IKE_KE, &len);
	memset(at + 4, 0, len - 4);
	exchange_changed();
	ck_assert(says_notify(IKE_N_INVALID_SYNTAX, NULL));
	ck_assert(pair_has_event(&p, B, IKE_EV_FAILED, "public value"));
	ck_assert_uint_eq(pair_count(&p, B, true), 1);
}
END_TEST

/* RFC 4303 §2.1: a reserved SPI is not taken from a peer. */
START_TEST(test_inside_reserved_spi)
{
	uint32_t len;
	uint8_t *at;

	begin();
	at = must_find(IKE_SA, &len);
	store_u32(at + 8, 255);
	exchange_changed();
	ck_assert_ptr_nonnull(inside_find(&in, IKE_IDR, &len));
	ck_assert(says_notify(IKE_N_NO_PROPOSAL_CHOSEN, NULL));
	ck_assert_uint_eq(p.side[B].sa_count, 0);
}
END_TEST

/* ---- notifies ---------------------------------------------------------------------------------------------------- */

static void put_in_front(uint16_t notify)
{
	memmove(in.bytes + 8, in.bytes, in.len);
	in.len += 8;
	memset(in.bytes, 0, 8);
	in.bytes[0] = in.first;
	in.bytes[3] = 8;
	store_u16(in.bytes + 6, notify);
	in.first = IKE_NOTIFY;
}

START_TEST(test_inside_tfc_refusal_reaches_the_data_plane)
{
	begin();
	put_in_front(IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED);
	exchange_changed();
	ck_assert(p.side[B].sas[0].peer_refuses_tfc && p.side[B].sas[1].peer_refuses_tfc);
	put_in_front(IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED);
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	ck_assert(p.side[A].sas[0].peer_refuses_tfc);
}
END_TEST

/* Status notifies and vendors that nobody knows are passed over, §3.10.1; transport mode is not offered back. */
static const uint16_t passed_over[] = {16391 /* USE_TRANSPORT_MODE */, 16395, 16384 + 4000, 40960};

START_TEST(test_inside_unknown_status_is_passed_over)
{
	begin();
	put_in_front(passed_over[_i]);
	exchange_changed();
	ck_assert(!says_notify(passed_over[_i], NULL));
	pair_run(&p);
	ck_assert(pair_traffic_flows(&p));
	ck_assert_uint_eq(pair_count(&p, A, true), 1);
}
END_TEST

/* Deletes of what is not there are answered with nothing, §1.4.1. */
START_TEST(test_inside_delete_of_what_is_not_there)
{
	uint32_t len;
	uint8_t *at;

	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[A].ike, p.now, "net", "lan", 0);
	pair_collect(&p, A);
	open_first();
	at = must_find(IKE_DELETE, &len);
	store_u32(at + 4, 0x12345678);
	exchange_changed();
	ck_assert_uint_eq(in.len, 0);
	ck_assert_uint_eq(pair_count(&p, B, true), 1);
}
END_TEST

/* §1.4.1: several Delete payloads in one message; all of them count, and are answered. */
START_TEST(test_inside_several_deletes)
{
	static const uint8_t head[8] = {0, 0, 0, 12, IKE_PROTO_ESP, 4, 0, 1};
	uint32_t len, other_in = 0;
	const uint8_t *at;

	pair_second_kid(&p);
	pair_up(&p);
	p.checks_traffic = false;
	ck_assert_uint_eq(pair_children(&p, B), 2);
	for (unsigned i = 0; i < p.side[A].sa_count; i++) {
		const struct ike_sa_action *sa = &p.side[A].sas[i];

		if (sa->inbound && strcmp(sa->config->name, "other") == 0)
			other_in = sa->spi;
	}
	(void)ike_terminate(p.side[A].ike, p.now, "net", "lan", 0);
	pair_collect(&p, A);
	open_first();
	ck_assert_uint_eq(in.len, 12);
	in.bytes[0] = IKE_DELETE;
	memcpy(in.bytes + in.len, head, sizeof(head));
	store_u32(in.bytes + in.len + 8, other_in);
	in.len += 12;
	exchange_changed();
	ck_assert_uint_eq(pair_children(&p, B), 0);
	ck_assert_uint_eq(p.side[B].sa_count, 0);
	at = must_find(IKE_DELETE, &len);
	ck_assert_uint_eq(len, 12);
	ck_assert_uint_eq(load_u16(at + 2), 2);
}
END_TEST

/* The IKE SA with its child in one message, in that order or the other: the child's end is the peer's doing either way, and
 * what is to be up comes again. */
START_TEST(test_inside_deletes_of_child_and_ike)
{
	static const uint8_t ike[8] = {0, 0, 0, 8, IKE_PROTO_IKE, 0, 0, 0};
	uint8_t esp[12];

	p.side[B].kids[0].close_action = IKE_START_START;
	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[A].ike, p.now, "net", "lan", 0);
	pair_collect(&p, A);
	open_first();
	ck_assert_uint_eq(in.len, sizeof(esp));
	memcpy(esp, in.bytes, sizeof(esp));
	if (_i == 0) {
		in.bytes[0] = IKE_DELETE;
		memcpy(in.bytes + sizeof(esp), ike, sizeof(ike));
	} else {
		memcpy(in.bytes, ike, sizeof(ike));
		in.bytes[0] = IKE_DELETE;
		memcpy(in.bytes + sizeof(ike), esp, sizeof(esp));
	}
	in.len = sizeof(ike) + sizeof(esp);
	inside_seal(&p, &p.queue[0], &in);
	pair_deliver(&p);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 0);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_CONNECTING), 1);
	ck_assert_uint_eq(p.side[B].policy_count, 1);
	ck_assert(p.side[B].policies[0].trap);
	pair_run(&p);
	ck_assert_uint_eq(pair_children(&p, B), 1);
	ck_assert(pair_traffic_flows(&p));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike inside");
	TCase *tc = tcase_create("inside");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, test_inside_auth_is_refused, 0, AUTHS);
	tcase_add_loop_test(tc, test_inside_auth_answer_is_refused, 0, ANSWERS);
	tcase_add_test(tc, test_inside_malformed_ends_the_ike_sa);
	tcase_add_loop_test(tc, test_inside_unknown_payload, 0, 2);
	tcase_add_test(tc, test_inside_rekey_of_what_is_not_there);
	tcase_add_test(tc, test_inside_bad_key_exchange);
	tcase_add_test(tc, test_inside_reserved_spi);
	tcase_add_test(tc, test_inside_tfc_refusal_reaches_the_data_plane);
	tcase_add_loop_test(tc, test_inside_unknown_status_is_passed_over, 0,
			    (int)ARRAY_LEN(passed_over));
	tcase_add_test(tc, test_inside_delete_of_what_is_not_there);
	tcase_add_test(tc, test_inside_several_deletes);
	tcase_add_loop_test(tc, test_inside_deletes_of_child_and_ike, 0, 2);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
