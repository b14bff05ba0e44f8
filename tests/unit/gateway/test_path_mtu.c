/* tests/unit/gateway/test_path_mtu.c: path MTUs are lowered, found, and forgotten in time. */
#include "gateway/dataplane/capture/path_mtu.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct path_mtus t;

static void teardown(void)
{
	path_mtus_fini(&t);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	ck_assert(ip_addr_parse(text, &a));
	return a;
}

static struct ip_addr numbered(uint32_t n)
{
	const uint8_t bytes[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return ip_addr_v4(bytes);
}

START_TEST(test_path_mtu_only_goes_down)
{
	const struct ip_addr us = address("192.0.2.1"), them = address("192.0.2.2");

	ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 0);
	ck_assert(path_mtu_lower(&t, &us, &them, 1400, 100));
	ck_assert(!path_mtu_lower(&t, &us, &them, 1400, 101));
	ck_assert(!path_mtu_lower(&t, &us, &them, 1450, 102));
	ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 1400);
	ck_assert(path_mtu_lower(&t, &us, &them, 1300, 103));
	ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 1300);
	ck_assert_uint_eq(path_mtu_get(&t, &them, &us), 0);
}
END_TEST

START_TEST(test_path_mtu_is_forgotten_after_ten_minutes)
{
	const struct ip_addr us = address("2001:db8::1"), them = address("2001:db8::2"),
			     other = address("2001:db8::3");

	ck_assert_uint_eq(path_mtu_next(&t), UINT64_MAX);
	ck_assert(path_mtu_lower(&t, &us, &them, 1400, 1000));
	ck_assert(path_mtu_lower(&t, &us, &other, 1300, 1100));
	ck_assert_uint_eq(path_mtu_next(&t), 1600);
	ck_assert(!path_mtu_age(&t, 1599));
	ck_assert(path_mtu_age(&t, 1600));
	ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 0);
	ck_assert_uint_eq(path_mtu_get(&t, &us, &other), 1300);
	/* The same word again makes it last; another, higher one does not. */
	ck_assert(!path_mtu_lower(&t, &us, &other, 1350, 1500));
	ck_assert_uint_eq(path_mtu_next(&t), 1700);
	ck_assert(!path_mtu_lower(&t, &us, &other, 1300, 1500));
	ck_assert_uint_eq(path_mtu_next(&t), 2100);
	ck_assert(path_mtu_age(&t, 2100));
	ck_assert_uint_eq(path_mtu_next(&t), UINT64_MAX);
	ck_assert(path_mtu_lower(&t, &us, &other, 1400, 2200)); /* from the top again */
}
END_TEST

START_TEST(test_path_mtu_holds_so_many_paths_and_no_more)
{
	const struct ip_addr us = address("192.0.2.1");
	struct ip_addr them;

	/* 2,654,435,761 is odd, so every address comes once, in no order. */
	for (uint32_t i = 0; i < PATH_MTU_PATHS_MAX; i++) {
		them = numbered((uint32_t)(i * 2654435761u) & 0xfff);
		ck_assert(path_mtu_lower(&t, &us, &them, 1000 + (i & 0xff), i));
	}
	them = numbered(0x10000);
	ck_assert(!path_mtu_lower(&t, &us, &them, 1000, 0));
	ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 0);
	for (uint32_t i = 0; i < PATH_MTU_PATHS_MAX; i++) {
		them = numbered((uint32_t)(i * 2654435761u) & 0xfff);
		ck_assert_uint_eq(path_mtu_get(&t, &us, &them), 1000 + (i & 0xff));
	}
	ck_assert(path_mtu_age(&t, PATH_MTU_AGE_S + 9));
	ck_assert_uint_eq(t.count, PATH_MTU_PATHS_MAX - 10);
	them = numbered(0x10000);
	ck_assert(path_mtu_lower(&t, &us, &them, 1000, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("path_mtu");
	TCase *tc = tcase_create("path_mtu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, test_path_mtu_only_goes_down);
	tcase_add_test(tc, test_path_mtu_is_forgotten_after_ten_minutes);
	tcase_add_test(tc, test_path_mtu_holds_so_many_paths_and_no_more);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
