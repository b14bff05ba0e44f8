/*
 * test_hold.c: packets kept for SAs: order, bounds per policy and in all, and what is too long.
 */
#include "gateway/dataplane/hold.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct hold *hold;
static const struct virtio_net_hdr vnet = {.hdr_len = 7};

static void setup(void)
{
	hold = hold_new();
	ck_assert_ptr_nonnull(hold);
}

static void teardown(void)
{
	hold_free(hold);
}

/* Number that had to go. */
static unsigned put(uint32_t policy, uint8_t mark)
{
	uint8_t data[100];
	unsigned dropped = 99;

	memset(data, mark, sizeof(data));
	ck_assert(hold_put(hold, policy, &vnet, data, sizeof(data), &dropped));
	return dropped;
}

static uint8_t mark_at(unsigned i)
{
	ck_assert_uint_eq(hold_at(hold, i)->len, 100);
	ck_assert_uint_eq(hold_at(hold, i)->vnet.hdr_len, 7);
	return hold_at(hold, i)->data[99];
}

START_TEST(test_hold_drops_the_policys_oldest)
{
	for (uint8_t i = 0; i < HOLD_PER_POLICY; i++) {
		ck_assert_uint_eq(put(1, i), 0);
		ck_assert_uint_eq(put(2, (uint8_t)(100 + i)), 0);
	}
	ck_assert_uint_eq(put(1, 50), 1);
	ck_assert_uint_eq(hold_count(hold), 2 * HOLD_PER_POLICY);
	ck_assert_uint_eq(mark_at(0), 100); /* policy 1's first is gone */
	ck_assert_uint_eq(mark_at(1), 1);
	ck_assert_uint_eq(mark_at(2 * HOLD_PER_POLICY - 1), 50);
}
END_TEST

START_TEST(test_hold_drops_the_oldest_of_all)
{
	for (uint8_t i = 0; i < HOLD_MAX; i++)
		ck_assert_uint_eq(put(i, i), 0);
	ck_assert_uint_eq(hold_count(hold), HOLD_MAX);
	ck_assert_uint_eq(put(1000, 200), 1);
	ck_assert_uint_eq(hold_count(hold), HOLD_MAX);
	ck_assert_uint_eq(mark_at(0), 1);
	ck_assert_uint_eq(mark_at(HOLD_MAX - 1), 200);
	/* Of all, not of a policy that has its share left. */
	ck_assert_uint_eq(put(5, 201), 1);
	ck_assert_uint_eq(mark_at(0), 2);
	ck_assert_uint_eq(mark_at(3), 5);
}
END_TEST

START_TEST(test_hold_removes_from_anywhere)
{
	for (uint8_t i = 0; i < 10; i++)
		(void)put(i, i);
	hold_remove(hold, 9);
	hold_remove(hold, 0);
	hold_remove(hold, 3); /* packet 4 */
	ck_assert_uint_eq(hold_count(hold), 7);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_uint_eq(mark_at(i), i < 3 ? i + 1 : i + 2);
	/* Slots come back: it can be filled and emptied for ever. */
	for (unsigned i = 0; i < 5 * HOLD_MAX; i++)
		(void)put(i, (uint8_t)i);
	while (hold_count(hold))
		hold_remove(hold, hold_count(hold) / 2);
	ck_assert_uint_eq(put(3, 3), 0);
	ck_assert_uint_eq(mark_at(0), 3);
}
END_TEST

START_TEST(test_hold_refuses_what_is_too_long)
{
	static uint8_t data[HOLD_BYTES + 1];
	unsigned dropped = 0;

	ck_assert(!hold_put(hold, 1, &vnet, data, HOLD_BYTES + 1, &dropped));
	ck_assert_uint_eq(hold_count(hold), 0);
	ck_assert(hold_put(hold, 1, &vnet, data, HOLD_BYTES, &dropped));
	ck_assert_uint_eq(hold_at(hold, 0)->len, HOLD_BYTES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hold");
	TCase *tc = tcase_create("hold");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_hold_drops_the_policys_oldest);
	tcase_add_test(tc, test_hold_drops_the_oldest_of_all);
	tcase_add_test(tc, test_hold_removes_from_anywhere);
	tcase_add_test(tc, test_hold_refuses_what_is_too_long);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
