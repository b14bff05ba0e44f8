/*
 * tests/unit/esp/test_alloc.c: memory. No packet allocates, an SA is small and cheap to make, and
 * every failed allocation on the way to one is an -ENOMEM that leaves nothing behind.
 *
 * OpenSSL is given our allocator; calloc and free of esp's own objects are wrapped by the linker
 * (--wrap). Check itself allocates, so only what happens while esp is at work is booked. One
 * process, no fork: the allocator must be installed before OpenSSL's first use.
 */
#include "tests/unit/esp/pair.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <time.h>

static long calls;   /* allocations so far */
static long live;    /* allocations not yet freed */
static size_t bytes; /* in them, as malloc rounds */
static long fail_at; /* the call that fails; 0 for none */
static bool at_work; /* a function of esp is running */

void *__real_calloc(size_t n, size_t size);
void __real_free(void *p);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *p);

static void *booked(void *p)
{
	if (p && at_work) {
		live++;
		bytes += malloc_usable_size(p);
	}
	return p;
}

static bool refuse(void)
{
	return at_work && ++calls == fail_at;
}

static void release(void *p)
{
	if (p && at_work) {
		live--;
		bytes -= malloc_usable_size(p);
	}
	__real_free(p);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : booked(__real_calloc(n, size));
}

void __wrap_free(void *p)
{
	release(p);
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file; /* of the caller in OpenSSL: of no interest */
	(void)line;
	return refuse() ? NULL : booked(malloc(n));
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	void *moved;

	if (!p)
		return ssl_malloc(n, file, line);
	if (refuse())
		return NULL;
	if (at_work)
		bytes -= malloc_usable_size(p);
	moved = realloc(p, n);
	if (at_work)
		bytes += malloc_usable_size(moved ? moved : p);
	return moved;
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	release(p);
}

/* ---- esp at work ------------------------------------------------------------------------- */

static int make_out(struct esp_out **out, const struct esp_suite *suite, bool esn)
{
	int rc;

	at_work = true;
	rc = esp_out_new(out, suite, &pair_keys, PAIR_SPI, esn, (struct esp_grant){1, 10000}, 0);
	at_work = false;
	return rc;
}

static int make_in(struct esp_in **in, const struct esp_suite *suite, bool esn)
{
	int rc;

	at_work = true;
	rc = esp_in_new(in, suite, &pair_keys, PAIR_SPI, esn, 64);
	at_work = false;
	return rc;
}

static void drop(struct esp_out *out, struct esp_in *in)
{
	at_work = true;
	esp_out_free(out);
	esp_in_free(in);
	at_work = false;
}

static enum verdict carry(struct esp_out *out, struct esp_in *in, struct packet *p, bool forge)
{
	enum verdict v;
	uint64_t seq;
	uint8_t nh;

	at_work = true;
	v = esp_seal(out, p, IPPROTO_IPIP);
	if (v == V_OK) {
		if (forge)
			packet_data(p)[p->len - 1] ^= 1;
		v = esp_open(in, p, &nh, &seq);
	}
	at_work = false;
	return v;
}

/* What OpenSSL caches on first use (providers, fetched algorithms) is not the SA's. */
static void warm_up(void)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		esp_out_free(pair_out(&suite, false, 1, 10));
		esp_in_free(pair_in(&suite, false, 64));
	}
}

START_TEST(test_packets_allocate_nothing)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		for (int esn = 0; esn < 2; esn++) {
			struct esp_out *out = NULL;
			struct esp_in *in = NULL;
			long before = calls;

			ck_assert_int_eq(make_out(&out, &suite, esn), 0);
			ck_assert_int_eq(make_in(&in, &suite, esn), 0);
			ck_assert_int_gt(calls, before); /* we do see allocations */
			before = calls;
			for (uint32_t n = 0; n < 1000; n++) {
				bool forge = n % 10 == 0; /* must not cost memory either */
				struct pair_packet pp;

				pair_fill(&pp, n);
				ck_assert_int_eq(carry(out, in, &pp.p, forge),
						 forge ? V_ICV : V_OK);
			}
			ck_assert_int_eq(calls, before);
			drop(out, in);
		}
	}
}
END_TEST

START_TEST(test_an_sa_is_small)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		size_t before = bytes, out_size, in_size;
		struct esp_out *out = NULL;
		struct esp_in *in = NULL;
		char name[64];

		ck_assert_int_eq(make_out(&out, &suite, true), 0);
		out_size = bytes - before;
		ck_assert_int_eq(make_in(&in, &suite, true), 0);
		in_size = bytes - before - out_size;
		printf("%-32s out %4zu bytes, in %4zu bytes\n", esp_suite_name(&suite, name),
		       out_size, in_size);
		ck_assert_uint_le(out_size, 2560);
		ck_assert_uint_le(in_size, 2560);
		drop(out, in);
		ck_assert_uint_eq(bytes, before);
	}
}
END_TEST

START_TEST(test_ten_thousand_sas_are_made_quickly)
{
	enum { COUNT = 10000 };
	static struct esp_in *in[COUNT];
	struct timespec from, to;
	struct esp_suite suite;
	unsigned suites = 0;
	double seconds;

	while (esp_suite_at(suites, &suite))
		suites++;
	ck_assert_uint_gt(suites, 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < COUNT; i++) {
		ck_assert(esp_suite_at(i % suites, &suite));
		ck_assert_int_eq(make_in(&in[i], &suite, false), 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	for (unsigned i = 0; i < COUNT; i++)
		drop(NULL, in[i]);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
	printf("%d SAs in %.3f s\n", COUNT, seconds);
	/* A hundredfold of what it takes: notices a fetch per SA, not a slow machine. */
	ck_assert_double_lt(seconds, 10.0);
}
END_TEST

START_TEST(test_failed_allocations_leave_nothing)
{
	struct esp_suite suite;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_out *out = NULL;
		struct esp_in *in = NULL;
		long before = live;
		long nth = 0;
		int rc;

		do {
			ck_assert_int_lt(++nth, 100);
			fail_at = calls + nth;
			rc = make_out(&out, &suite, true);
			ck_assert(rc == 0 || (rc == -ENOMEM && !out && live == before));
		} while (rc);
		ck_assert_int_gt(nth, 1); /* something did fail */
		nth = 0;
		do {
			ck_assert_int_lt(++nth, 100);
			fail_at = calls + nth;
			rc = make_in(&in, &suite, true);
			ck_assert(rc == 0 || (rc == -ENOMEM && !in));
		} while (rc);
		ck_assert_int_gt(nth, 1);
		fail_at = 0;
		drop(out, in);
		ck_assert_int_eq(live, before);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("alloc");
	Suite *s = suite_create("esp alloc");
	SRunner *runner;
	int failed;

	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) {
		fprintf(stderr, "OpenSSL was in use before main\n");
		return EXIT_FAILURE;
	}
	tcase_add_unchecked_fixture(tc, warm_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_packets_allocate_nothing);
	tcase_add_test(tc, test_an_sa_is_small);
	tcase_add_test(tc, test_ten_thousand_sas_are_made_quickly);
	tcase_add_test(tc, test_failed_allocations_leave_nothing);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
