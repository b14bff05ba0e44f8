/*
 * tests/unit/esp/test_grant.c: sequence numbers: taken in order, never twice, never beyond the
 * grant or the limit, handed over by one thread while another seals.
 */
#include "tests/unit/esp/pair.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* NULL with HMAC: cheap, and it reads the number from plain bytes. */
static struct esp_suite cheap_suite(void)
{
	struct esp_suite suite;
	const struct esp_suite_spec spec = {ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA1, 0, 20, 12};

	ck_assert_int_eq(esp_suite_find(&spec, &suite, NULL), 0);
	return suite;
}

/* The low half of the sequence number the next packet carries, or ~0 with *v other than V_OK. */
static uint32_t seal_one(struct esp_out *out, enum verdict *v)
{
	uint8_t buf[ESP_HEADROOM + 4 + ESP_TAILROOM] = {0};
	struct packet p = {buf, sizeof(buf), ESP_HEADROOM, 4};
	const uint8_t *at;

	*v = esp_seal(out, &p, IPPROTO_IPIP);
	if (*v != V_OK)
		return UINT32_MAX;
	at = packet_data(&p) + 4;
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

START_TEST(test_new_refuses_bad_grants)
{
	static const struct {
		uint64_t first, last;
		uint32_t spi;
		bool esn;
	} bad[] = {
		{0, 10, PAIR_SPI, false},	  /* 0 is no sequence number */
		{5, 4, PAIR_SPI, false},	  /* empty */
		{1, 1ull << 32, PAIR_SPI, false}, /* beyond the limit */
		{1, 10, 0, false},		  /* SPI 0 never travels */
		{0, UINT64_MAX, PAIR_SPI, true},
		{2, 1, PAIR_SPI, true},
	};
	struct esp_suite suite = cheap_suite();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct esp_out *out = NULL;
		struct esp_grant grant = {bad[i].first, bad[i].last};

		ck_assert_int_eq(
			esp_out_new(&out, &suite, &pair_keys, bad[i].spi, bad[i].esn, grant, 0),
			-EINVAL);
		ck_assert_ptr_null(out);
	}
}
END_TEST

START_TEST(test_seal_counts_from_first_to_last)
{
	struct esp_suite suite = cheap_suite();
	struct esp_out *out = pair_out(&suite, false, 7, 9);
	enum verdict v;

	ck_assert_uint_eq(esp_out_seq(out), 0);
	ck_assert_uint_eq(esp_out_left(out), 3);
	for (uint32_t n = 7; n <= 9; n++) {
		ck_assert_uint_eq(seal_one(out, &v), n);
		ck_assert_uint_eq(esp_out_seq(out), n);
		ck_assert_uint_eq(esp_out_left(out), 9 - n);
	}
	for (int again = 0; again < 2; again++) {
		seal_one(out, &v);
		ck_assert_int_eq(v, V_SEQ_UNRESERVED);
	}
	ck_assert_uint_eq(esp_out_seq(out), 9);
	/* The next grant need not follow on: blocks on disk may be skipped. */
	ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){100, 101}), 0);
	ck_assert_uint_eq(esp_out_left(out), 2);
	ck_assert_uint_eq(seal_one(out, &v), 100);
	ck_assert_uint_eq(seal_one(out, &v), 101);
	seal_one(out, &v);
	ck_assert_int_eq(v, V_SEQ_UNRESERVED);
	esp_out_free(out);
}
END_TEST

START_TEST(test_counter_never_cycles)
{
	static const bool esns[] = {false, true};
	struct esp_suite suite;

	/* Whatever the suite, RFC 4303 §3.3.3. */
	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		for (size_t k = 0; k < ARRAY_LEN(esns); k++) {
			uint64_t limit = esp_seq_limit(esns[k]);
			struct esp_out *out = pair_out(&suite, esns[k], limit - 1, limit);
			enum verdict v;

			ck_assert_uint_eq(seal_one(out, &v), (uint32_t)(limit - 1));
			ck_assert_uint_eq(seal_one(out, &v), (uint32_t)limit);
			ck_assert_int_eq(v, V_OK);
			for (int again = 0; again < 3; again++) {
				seal_one(out, &v);
				ck_assert_int_eq(v, V_SEQ_EXHAUSTED);
			}
			ck_assert_uint_eq(esp_out_seq(out), limit);
			ck_assert_uint_eq(esp_out_left(out), 0);
			ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){1, 5}), -EINVAL);
			esp_out_free(out);
		}
	}
	ck_assert_uint_eq(esp_seq_limit(false), UINT32_MAX);
	ck_assert_uint_eq(esp_seq_limit(true), UINT64_MAX);
}
END_TEST

START_TEST(test_extend_takes_one_at_a_time)
{
	static const struct esp_grant bad[] = {
		{3, 20}, {10, 20}, {20, 19}, {0, 50}, {11, 1ull << 32}};
	struct esp_suite suite = cheap_suite();
	struct esp_out *out = pair_out(&suite, false, 1, 10);
	enum verdict v;

	/* A number granted before, an empty grant, one beyond the limit: never. */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(esp_out_extend(out, bad[i]), -EINVAL);
	ck_assert_uint_eq(esp_out_left(out), 10);
	ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){11, 20}), 0);
	ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){21, 30}), -EAGAIN);
	ck_assert_uint_eq(esp_out_left(out), 20);
	for (uint32_t n = 1; n <= 10; n++)
		ck_assert_uint_eq(seal_one(out, &v), n);
	ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){21, 30}), -EAGAIN);
	ck_assert_uint_eq(seal_one(out, &v), 11);
	ck_assert_int_eq(esp_out_extend(out, (struct esp_grant){21, 30}), 0);
	ck_assert_uint_eq(esp_out_left(out), 19);
	esp_out_free(out);
}
END_TEST

/* A seal that has no room must not burn a number; it is told before one is taken. */
START_TEST(test_no_room_takes_no_number)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		uint32_t outer = esp_outer_len(&suite, ESP_ENCAP_NONE, AF_INET, 61) - 20;
		struct esp_out *out = pair_out(&suite, false, 1, 100);
		uint8_t buf[256];

		for (uint32_t head = 0; head <= ESP_HEADROOM; head++) {
			for (uint32_t tail = 0; tail <= ESP_TAILROOM; tail++) {
				struct packet p = {buf, head + 61 + tail, head, 61};
				uint64_t before = esp_out_seq(out);
				enum verdict v = esp_seal(out, &p, IPPROTO_IPIP);

				if (v == V_OK) {
					ck_assert_uint_eq(p.len, outer);
					ck_assert_uint_le(p.off + p.len, p.size);
					esp_out_free(out);
					out = pair_out(&suite, false, 1, 100);
				} else {
					ck_assert_int_eq(v, V_NO_ROOM);
					ck_assert_uint_eq(esp_out_seq(out), before);
				}
			}
		}
		esp_out_free(out);
	}
}
END_TEST

/* ---- two threads ------------------------------------------------------------------------- */

enum { GRANT_SIZE = 50, GRANT_COUNT = 400 };

struct data_thread {
	struct esp_out *out;
	uint64_t sealed;
	bool in_order;
	bool only_expected_verdicts;
	atomic_bool done;
};

static void *seal_until_all(void *arg)
{
	struct data_thread *d = arg;
	uint64_t expected = 1;

	while (d->sealed < (uint64_t)GRANT_SIZE * GRANT_COUNT) {
		enum verdict v;
		uint32_t seq = seal_one(d->out, &v);

		if (v == V_SEQ_UNRESERVED) {
			sched_yield();
			continue;
		}
		if (v != V_OK)
			d->only_expected_verdicts = false;
		if (seq != expected)
			d->in_order = false;
		expected++;
		d->sealed++;
	}
	atomic_store(&d->done, true);
	return NULL;
}

START_TEST(test_extend_while_another_thread_seals)
{
	struct esp_suite suite = cheap_suite();
	struct esp_out *out = pair_out(&suite, false, 1, GRANT_SIZE);
	struct data_thread d = {.out = out, .in_order = true, .only_expected_verdicts = true};
	pthread_t thread;
	uint64_t granted = GRANT_SIZE, seq = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, seal_until_all, &d), 0);
	while (!atomic_load(&d.done)) {
		uint64_t left = esp_out_left(out), now = esp_out_seq(out);

		ck_assert_uint_le(left, 2ul * GRANT_SIZE);
		ck_assert_uint_ge(now, seq);
		seq = now;
		if (granted < (uint64_t)GRANT_SIZE * GRANT_COUNT &&
		    esp_out_extend(out, (struct esp_grant){granted + 1, granted + GRANT_SIZE}) == 0)
			granted += GRANT_SIZE;
		else
			sched_yield();
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(d.in_order);
	ck_assert(d.only_expected_verdicts);
	ck_assert_uint_eq(d.sealed, granted);
	ck_assert_uint_eq(esp_out_left(out), 0);
	esp_out_free(out);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("grant");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_new_refuses_bad_grants);
	tcase_add_test(tc, test_seal_counts_from_first_to_last);
	tcase_add_test(tc, test_counter_never_cycles);
	tcase_add_test(tc, test_extend_takes_one_at_a_time);
	tcase_add_test(tc, test_no_room_takes_no_number);
	tcase_add_test(tc, test_extend_while_another_thread_seals);
	return pair_run(tc, "esp grant");
}
