/*
 * test_deadline.c: the heap of deadlines against a plain array, random sets and clears, and a clock
 * that only moves when told.
 */
#include "gateway/dataplane/control/deadline.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MANY = 60, ROUNDS = 3000 };

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

START_TEST(test_deadline_first_is_the_least)
{
	const char *given = getenv("CYGNET_SEED");
	uint64_t rng = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct deadline entry[MANY] = {{0}};
	struct deadline_heap heap = {0};

	printf("CYGNET_SEED=%llu\n", (unsigned long long)rng);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct deadline *d = &entry[next_random(&rng) % MANY];
		uint64_t least = UINT64_MAX;
		size_t count = 0;

		if (next_random(&rng) % 3)
			ck_assert_int_eq(deadline_set(&heap, d, next_random(&rng) % 1000), 0);
		else
			deadline_clear(&heap, d);
		for (unsigned i = 0; i < MANY; i++) {
			if (!entry[i].place)
				continue;
			count++;
			if (heap.slot[entry[i].place] != &entry[i])
				ck_abort_msg("entry %u does not know its place", i);
			if (entry[i].at < least)
				least = entry[i].at;
		}
		ck_assert_uint_eq(heap.count, count);
		if (count)
			ck_assert_uint_eq(deadline_first(&heap)->at, least);
		else
			ck_assert_ptr_null(deadline_first(&heap));
	}
	deadline_heap_fini(&heap);
}
END_TEST

START_TEST(test_deadline_come_in_order)
{
	struct deadline entry[MANY] = {{0}};
	struct deadline_heap heap = {0};
	unsigned due = 0;

	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(deadline_set(&heap, &entry[i], (i * 7919 % MANY) * 10), 0);
	for (uint64_t now = 0; now <= MANY * 10; now++) {
		struct deadline *first = deadline_first(&heap);

		while (first && first->at <= now) {
			ck_assert_uint_eq(first->at, now);
			deadline_clear(&heap, first);
			due++;
			first = deadline_first(&heap);
		}
	}
	ck_assert_uint_eq(due, MANY);
	deadline_clear(&heap, &entry[0]); /* again: nothing */
	deadline_heap_fini(&heap);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadline");
	TCase *tc = tcase_create("deadline");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_deadline_first_is_the_least);
	tcase_add_test(tc, test_deadline_come_in_order);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
