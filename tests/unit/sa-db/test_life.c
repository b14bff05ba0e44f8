/*
 * test_life.c: limits at their edges: one below, at, one above, none; times since the SA was made
 * and since its first packet; and the last 2^16 sequence numbers.
 */
#include "entries.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { NOW = 1000 };

static struct sadb *db;

static void setup(void)
{
	db = sadb_new((struct sadb_retire){0});
	ck_assert_ptr_nonnull(db);
}

static void teardown(void)
{
	sadb_free(db);
}

static const struct sadb_limits none = {
	.soft_bytes = SADB_NO_LIMIT,
	.hard_bytes = SADB_NO_LIMIT,
	.soft_packets = SADB_NO_LIMIT,
	.hard_packets = SADB_NO_LIMIT,
};

static struct sa *sa_with(const struct sadb_limits *limits, bool esn, struct esp_grant seq)
{
	struct sa_config config = sa_config_of("192.0.2.1", "192.0.2.2", 0x1001, 0);
	const struct sa_grant grant = {.directions = SA_OUT, .seq = seq};
	struct sa *sa;

	config.limits = *limits;
	config.esn = esn;
	ck_assert_int_eq(sadb_sa_add(db, &config, &grant, NOW, &sa), 0);
	return sa;
}

static const struct {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* limits; 0 here: none */
	uint64_t bytes, packets;
	enum sa_life life;
} counts[] = {
	{0, 0, 0, 0, UINT64_MAX - 1, UINT64_MAX - 1, SA_ALIVE},
	{100, 0, 0, 0, 99, 1, SA_ALIVE},
	{100, 0, 0, 0, 100, 1, SA_SOFT},
	{100, 0, 0, 0, 101, 1, SA_SOFT},
	{0, 100, 0, 0, 99, 1, SA_ALIVE},
	{0, 100, 0, 0, 100, 1, SA_HARD},
	{0, 100, 0, 0, 101, 1, SA_HARD},
	{0, 0, 7, 0, 1, 6, SA_ALIVE},
	{0, 0, 7, 0, 1, 7, SA_SOFT},
	{0, 0, 7, 0, 1, 8, SA_SOFT},
	{0, 0, 0, 7, 1, 6, SA_ALIVE},
	{0, 0, 0, 7, 1, 7, SA_HARD},
	{0, 0, 0, 7, 1, 8, SA_HARD},
	{100, 100, 0, 0, 100, 1, SA_HARD},     /* both: the hard one */
	{0, 100, 5, 0, 50, 5, SA_SOFT},	       /* each on its own */
	{200, 100, 0, 0, 100, 1, SA_HARD},     /* soft above hard */
	{1ULL << 63, 0, 0, 0, 1, 1, SA_ALIVE}, /* pluto's "none" */
};

static uint64_t limit_of(uint64_t value)
{
	return value ? value : SADB_NO_LIMIT;
}

START_TEST(test_life_compares_counts)
{
	const struct sadb_limits limits = {
		.soft_bytes = limit_of(counts[_i].soft_bytes),
		.hard_bytes = limit_of(counts[_i].hard_bytes),
		.soft_packets = limit_of(counts[_i].soft_packets),
		.hard_packets = limit_of(counts[_i].hard_packets),
	};
	struct sa *sa = sa_with(&limits, false, (struct esp_grant){1, UINT32_MAX});

	atomic_store(&sa->counters->bytes, counts[_i].bytes);
	atomic_store(&sa->counters->packets, counts[_i].packets);
	ck_assert_int_eq(sa_life(sa), counts[_i].life);
}
END_TEST

/* As the kernel: a limit of 0 bytes is reached before the first packet. */
START_TEST(test_life_limit_zero_carries_nothing)
{
	struct sadb_limits limits = none;

	limits.hard_bytes = 0;
	ck_assert_int_eq(sa_life(sa_with(&limits, false, (struct esp_grant){1, 9})), SA_HARD);
}
END_TEST

enum { NEVER = -1 };

static const struct {
	uint64_t soft_add, hard_add, soft_use, hard_use, used, now;
	enum sa_life life;
	int64_t next;
} times[] = {
	{0, 0, 0, 0, 0, NOW + 1000000, SA_ALIVE, NEVER},
	{10, 0, 0, 0, 0, NOW + 9, SA_ALIVE, NOW + 10},
	{10, 0, 0, 0, 0, NOW + 10, SA_SOFT, NEVER},
	{10, 0, 0, 0, 0, NOW + 11, SA_SOFT, NEVER},
	{0, 10, 0, 0, 0, NOW + 9, SA_ALIVE, NOW + 10},
	{0, 10, 0, 0, 0, NOW + 10, SA_HARD, NEVER},
	{10, 20, 0, 0, 0, NOW, SA_ALIVE, NOW + 10},
	{10, 20, 0, 0, 0, NOW + 10, SA_SOFT, NOW + 20},
	{10, 20, 0, 0, 0, NOW + 20, SA_HARD, NEVER},
	/* never used: the use limits have not begun, but will be looked at */
	{0, 0, 0, 10, 0, NOW + 500, SA_ALIVE, NOW + 510},
	{0, 0, 10, 20, 0, NOW + 500, SA_ALIVE, NOW + 510},
	{0, 0, 10, 20, NOW + 5, NOW + 14, SA_ALIVE, NOW + 15},
	{0, 0, 10, 20, NOW + 5, NOW + 15, SA_SOFT, NOW + 25},
	{0, 0, 10, 20, NOW + 5, NOW + 24, SA_SOFT, NOW + 25},
	{0, 0, 10, 20, NOW + 5, NOW + 25, SA_HARD, NEVER},
	{0, 30, 0, 20, NOW + 5, NOW + 6, SA_ALIVE, NOW + 25},
	/* the clock was set back: not older than new */
	{10, 20, 0, 0, 0, 1, SA_ALIVE, NOW + 10},
	/* beyond the end of time */
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 5, UINT64_MAX, SA_ALIVE, NEVER},
	{UINT64_MAX - NOW, 0, 0, 0, 0, NOW, SA_ALIVE, NEVER},
};

START_TEST(test_life_keeps_times)
{
	struct sadb_limits limits = none;
	uint64_t next = 7;
	struct sa *sa;

	limits.soft_add_s = times[_i].soft_add;
	limits.hard_add_s = times[_i].hard_add;
	limits.soft_use_s = times[_i].soft_use;
	limits.hard_use_s = times[_i].hard_use;
	sa = sa_with(&limits, false, (struct esp_grant){1, UINT32_MAX});
	atomic_store(&sa->counters->use_time, times[_i].used);
	ck_assert_int_eq(sa_life_at(sa, times[_i].now, &next), times[_i].life);
	if (times[_i].life != SA_HARD)
		ck_assert_uint_eq(next, (uint64_t)times[_i].next);
}
END_TEST

/* Seals until number seq is used. */
static void use_number(struct sa *sa)
{
	uint8_t buf[256] = {0};
	struct packet p = {buf, sizeof(buf), ESP_HEADROOM, 40};

	ck_assert_int_eq(esp_seal(sa->out, &p, IPPROTO_IPIP), V_OK);
}

START_TEST(test_life_sequence_runs_low)
{
	static const struct {
		bool esn;
		uint64_t next; /* the number that is used */
		enum sa_life life;
		bool exhausted;
	} rows[] = {
		{false, 1, SA_ALIVE, false},
		{false, UINT32_MAX - SA_SEQ_LOW, SA_ALIVE, false},
		{false, UINT32_MAX - SA_SEQ_LOW + 1, SA_SOFT, false},
		{false, UINT32_MAX - 1, SA_SOFT, false},
		{false, UINT32_MAX, SA_SOFT, true},
		{true, UINT32_MAX, SA_ALIVE, false},
		{true, UINT64_MAX - SA_SEQ_LOW, SA_ALIVE, false},
		{true, UINT64_MAX - SA_SEQ_LOW + 1, SA_SOFT, false},
		{true, UINT64_MAX, SA_SOFT, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa *sa =
			sa_with(&none, rows[i].esn,
				(struct esp_grant){rows[i].next, esp_seq_limit(rows[i].esn)});

		ck_assert(!sa_is_exhausted(sa));
		use_number(sa);
		ck_assert_msg(sa_life(sa) == rows[i].life, "row %zu", i);
		ck_assert_msg(sa_is_exhausted(sa) == rows[i].exhausted, "row %zu", i);
		(void)sadb_sa_remove(db, sa);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("life");
	TCase *tc = tcase_create("life");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_life_compares_counts, 0,
			    (int)(sizeof(counts) / sizeof(counts[0])));
	tcase_add_test(tc, test_life_limit_zero_carries_nothing);
	tcase_add_loop_test(tc, test_life_keeps_times, 0, (int)(sizeof(times) / sizeof(times[0])));
	tcase_add_test(tc, test_life_sequence_runs_low);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
