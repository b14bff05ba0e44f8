/*
 * tests/unit/ike-lite/test_strangers.c: messages that are not what they should be: RFC 7296 §2.3, §2.5, §2.21. Nobody who
 * has not proved himself changes anything that lasts, and most of them hear nothing.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/spec.h"
#include "tests/unit/ike-lite/pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct pair p;

static void set_up(void)
{
	pair_init(&p, 1);
}

static void tear_down(void)
{
	pair_fini(&p);
}

enum {
	AT_SPI_I = 0,
	AT_SPI_R = 8,
	AT_NEXT = 16,
	AT_VERSION = 17,
	AT_EXCHANGE = 18,
	AT_FLAGS = 19,
	AT_ID = 20,
	AT_LENGTH = 24,
	HEADER = 28
};

static void inject(unsigned to, const uint8_t *data, size_t len)
{
	struct side *s = &p.side[to];
	struct ike_ends ends = {s->addr, p.side[to == A ? B : A].addr, 500, 500};

	ike_input(s->ike, p.now, &ends, data, len);
	pair_collect(&p, to);
}

static void check_up(void)
{
	ck_assert(pair_traffic_flows(&p));
	for (unsigned i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(pair_count(&p, i, true), 1);
		ck_assert_uint_eq(pair_ike_sas(&p, i, IKE_STATE_UP), 1);
	}
}

/* ---- IKE_SA_INIT ------------------------------------------------------------------------------------------ */

/* An IKE_SA_INIT request of A's with one byte changed: answered or not, with what. 0: silence; else the notify, or
 * 33 (SA) if it is taken all the same. */
static const struct {
	unsigned at;
	uint8_t value;
	unsigned answer;
	const char *what;
} requests[] = {
	{AT_VERSION, 0x20, IKE_SA, "unchanged"},
	{AT_VERSION, 0x2f, IKE_SA, "a later minor version"},
	{AT_VERSION, 0x30, IKE_N_INVALID_MAJOR_VERSION, "a later major version"},
	{AT_VERSION, 0x10, 0, "IKEv1"},
	{AT_NEXT, 99, 0, "a chain that begins with something else, less an SA"},
	{AT_EXCHANGE, IKE_AUTH, 0, "no such IKE SA"},
	{AT_EXCHANGE, 99, 0, "no such exchange"},
	{AT_FLAGS, 0, 0, "not from an initiator"},
	{AT_FLAGS, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE, 0, "a response to nothing"},
	{AT_ID + 3, 1, 0, "message ID 1"},
	{AT_SPI_R, 1, 0, "with an SPI of ours"},
	{AT_LENGTH + 3, 1, 0, "a length that lies"},
	{HEADER + 3, 3, 0, "a payload that lies"},
	{HEADER + 1, IKE_CRITICAL, IKE_SA, "critical, and known"},
};

/* The first payload's type, and of a notify the notify's. */
static unsigned answer_of(const struct datagram *d)
{
	if (d->data[AT_NEXT] != IKE_NOTIFY)
		return d->data[AT_NEXT];
	return load_u16(d->data + HEADER + 6);
}

START_TEST(test_strangers_first_message)
{
	uint8_t copy[2048];
	size_t len;

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	len = p.queue[0].len;
	ck_assert_uint_le(len, sizeof(copy));
	memcpy(copy, p.queue[0].data, len);
	pair_drop(&p);
	copy[requests[_i].at] = requests[_i].value;
	inject(B, copy, len);
	ck_assert_msg(p.queued == (requests[_i].answer != 0), "%s", requests[_i].what);
	if (p.queued) {
		ck_assert_msg(answer_of(&p.queue[0]) == requests[_i].answer, "%s: %u",
			      requests[_i].what, answer_of(&p.queue[0]));
		ck_assert(p.queue[0].data[AT_FLAGS] & IKE_FLAG_RESPONSE);
	}
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), requests[_i].answer == IKE_SA);
}
END_TEST

/* Shortened anywhere, it is not taken; nor does it hurt. */
START_TEST(test_strangers_cut_messages)
{
	uint8_t copy[2048];
	size_t len;

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	len = p.queue[0].len;
	memcpy(copy, p.queue[0].data, len);
	pair_drop(&p);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut + 1);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, copy, cut);
		if (cut >= HEADER)
			store_u32(exact + AT_LENGTH, (uint32_t)cut);
		inject(B, exact, cut);
		free(exact);
	}
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	ck_assert_uint_eq(p.queued, 0);
}
END_TEST

/* §2.5: a critical payload of a type that we do not know. */
START_TEST(test_strangers_unknown_critical_payload)
{
	static const uint8_t payload[] = {IKE_SA, IKE_CRITICAL, 0, 8, 1, 2, 3, 4};
	uint8_t copy[2048];
	size_t len;

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	len = p.queue[0].len;
	memcpy(copy, p.queue[0].data, HEADER);
	memcpy(copy + HEADER, payload, sizeof(payload));
	memcpy(copy + HEADER + sizeof(payload), p.queue[0].data + HEADER, len - HEADER);
	len += sizeof(payload);
	pair_drop(&p);
	copy[AT_NEXT] = 200;
	store_u32(copy + AT_LENGTH, (uint32_t)len);
	inject(B, copy, len);
	ck_assert_uint_eq(p.queued, 1);
	ck_assert_uint_eq(answer_of(&p.queue[0]), IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
	ck_assert_uint_eq(p.queue[0].data[HEADER + 8], 200);
	ck_assert_uint_eq(ike_half_open_count(p.side[B].ike), 0);
	pair_drop(&p);
	/* Not critical: skipped. */
	copy[HEADER + 1] = 0;
	inject(B, copy, len);
	ck_assert_uint_eq(p.queued, 1);
	ck_assert_uint_eq(answer_of(&p.queue[0]), IKE_SA);
}
END_TEST

/* A refusal that anybody may have sent does not stop the true answer that comes after it: §2.21.1. */
static const uint16_t forged[] = {IKE_N_NO_PROPOSAL_CHOSEN, IKE_N_AUTHENTICATION_FAILED,
				  IKE_N_INVALID_SYNTAX, IKE_N_INVALID_KE_PAYLOAD,
				  IKE_N_INVALID_IKE_SPI};

START_TEST(test_strangers_forged_refusals)
{
	uint8_t msg[HEADER + 8] = {0};

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	memcpy(msg, p.queue[0].data, 8);
	msg[AT_NEXT] = IKE_NOTIFY;
	msg[AT_VERSION] = IKE_VERSION_2;
	msg[AT_EXCHANGE] = IKE_SA_INIT;
	msg[AT_FLAGS] = IKE_FLAG_RESPONSE;
	store_u32(msg + AT_LENGTH, sizeof(msg));
	store_u16(msg + HEADER + 2, 8);
	store_u16(msg + HEADER + 6, forged[_i]);
	inject(A, msg, sizeof(msg));
	ck_assert_uint_eq(p.queued, 1);
	pair_run(&p);
	check_up();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_FAILED), 0);
}
END_TEST

/* ---- once it is up -------------------------------------------------------------------------------------------- */

/* Encrypted messages changed in every byte in turn: none is taken, nothing is said, nothing changes. */
START_TEST(test_strangers_change_encrypted_messages)
{
	uint8_t copy[2048];
	size_t len;

	pair_up(&p);
	p.checks_traffic = false;
	(void)ike_terminate(p.side[A].ike, p.now, "net", NULL, 0);
	pair_collect(&p, A);
	len = p.queue[0].len;
	memcpy(copy, p.queue[0].data, len);
	pair_drop(&p);
	for (size_t i = 0; i < len; i++) {
		copy[i] ^= 0x41;
		inject(B, copy, len);
		copy[i] ^= 0x41;
		ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 1);
		/* A later major version is told, whoever asks. */
		while (p.queued) {
			ck_assert_uint_eq(i, AT_VERSION);
			ck_assert_uint_eq(answer_of(&p.queue[0]), IKE_N_INVALID_MAJOR_VERSION);
			pair_drop(&p);
		}
	}
	inject(B, copy, len);
	ck_assert_uint_eq(pair_ike_sas(&p, B, IKE_STATE_UP), 0);
}
END_TEST

/* What was heard once is not taken again, nor by who sent it: §2.2. */
START_TEST(test_strangers_replay)
{
	uint8_t copy[8][2048];
	size_t lens[8];
	unsigned froms[8], n = 0, queued;

	pair_configure(&p, A);
	pair_configure(&p, B);
	pair_initiate(&p, A, 1);
	for (unsigned round = 0; round < 3; round++) {
		while (p.queued && n < ARRAY_LEN(copy)) {
			froms[n] = p.queue[0].from;
			lens[n] = p.queue[0].len;
			memcpy(copy[n++], p.queue[0].data, p.queue[0].len);
			pair_deliver(&p);
		}
		if (round == 0) {
			(void)ike_rekey(p.side[A].ike, p.now, "net", "lan");
			pair_collect(&p, A);
		} else if (round == 1) {
			pair_until_queued(&p, 1); /* the old child's delete */
		}
	}
	pair_wait(&p, 6000);
	check_up();
	p.checks_traffic = true;
	ck_assert_uint_eq(n, 8);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned to = 0; to < SIDES; to++) {
			inject(to, copy[i], lens[i]);
			queued = p.queued;
			while (p.queued)
				pair_drop(&p);
			/* The last request only has its answer again, and IKE_SA_INIT begins anew. */
			if (queued)
				ck_assert(i == 0 || (to == B && froms[i] == A && i == 6));
		}
	}
	pair_wait(&p, 40000);
	check_up();
	ck_assert_uint_eq(pair_count_events(&p, A, IKE_EV_CHILD_REKEYED), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike strangers");
	TCase *tc = tcase_create("strangers");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, test_strangers_first_message, 0, (int)ARRAY_LEN(requests));
	tcase_add_test(tc, test_strangers_cut_messages);
	tcase_add_test(tc, test_strangers_unknown_critical_payload);
	tcase_add_loop_test(tc, test_strangers_forged_refusals, 0, (int)ARRAY_LEN(forged));
	tcase_add_test(tc, test_strangers_change_encrypted_messages);
	tcase_add_test(tc, test_strangers_replay);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
