/*
 * tests/unit/tools/test_ranges.c: policies written as ranges of addresses and ports, which setkey
 * turns into those that XFRM has words for: docs/decisions/0012.
 */
#include "setkey_program.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TUNNEL "-P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/"

/* The selectors of -DP in its order, a line each. */
static void selectors(char *out, size_t size)
{
	const char *line;

	setkey("-DP", NULL);
	out[0] = '\0';
	for (line = r.out; *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n") + 1;

		if (line[0] == '\t' || strlen(out) + len >= size)
			continue;
		strncat(out, line, len);
	}
}

START_TEST(test_ranges_become_policies)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"spdadd 10.0.0.5-10.0.0.17 10.2.0.0/16 any " TUNNEL "require;",
		 "10.0.0.5[any] 10.2.0.0/16[any] any\n10.0.0.6/31[any] 10.2.0.0/16[any] any\n"
		 "10.0.0.8/29[any] 10.2.0.0/16[any] any\n10.0.0.16/31[any] 10.2.0.0/16[any] any\n"},
		{"spdadd 10.0.0.1[80] 10.2.0.1-10.2.0.2[443] tcp " TUNNEL "require;",
		 "10.0.0.1[80] 10.2.0.1[443] tcp\n10.0.0.1[80] 10.2.0.2[443] tcp\n"},
		{"spdadd fd00::1-fd00::2 fd01::/64 any " TUNNEL "require;",
		 "fd00::1[any] fd01::/64[any] any\nfd00::2[any] fd01::/64[any] any\n"},
		{"spdadd 10.0.0.0-10.0.0.255 10.2.0.0/16 any " TUNNEL "require;",
		 "10.0.0.0/24[any] 10.2.0.0/16[any] any\n"},
		{"spdadd 10.0.0.1 10.2.0.1[7-8] udp " TUNNEL "require;",
		 "10.0.0.1[any] 10.2.0.1[7] udp\n10.0.0.1[any] 10.2.0.1[8] udp\n"},
		{"spdadd 10.0.0.1[8-15] 10.2.0.1[1000-2047] udp " TUNNEL "require;",
		 "10.0.0.1[8-15] 10.2.0.1[1000-1007] udp\n10.0.0.1[8-15] 10.2.0.1[1008-1023] udp\n"
		 "10.0.0.1[8-15] 10.2.0.1[1024-2047] udp\n"},
	};
	char got[1024];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		script(rows[i].text);
		selectors(got, sizeof(got));
		ck_assert_str_eq(got, rows[i].want);
		script("spdflush;");
	}
}
END_TEST

/* An in policy's pieces each have their fwd twin; what is deleted is named by the same range. */
START_TEST(test_ranges_are_deleted_as_they_were_written)
{
	script("spdadd 10.0.0.1-10.0.0.3 10.2.0.0/16 any -P in ipsec "
	       "esp/tunnel/192.0.2.1-192.0.2.2/require;\n"
	       "spdadd 10.0.0.4 10.2.0.0/16 any -P in none;\n");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "\tin prio"), 3);
	ck_assert_uint_eq(count(r.out, "\tfwd prio"), 3);
	script("spddelete 10.0.0.1-10.0.0.3 10.2.0.0/16 any -P in;\n");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "\tin prio"), 1);
	ck_assert_uint_eq(count(r.out, "\tfwd prio"), 1);
	setkey("-f -", "spddelete 10.0.0.1-10.0.0.3 10.2.0.0/16 any -P in;\n");
	expect(0, "", "setkey: -,1: No such process\n");
}
END_TEST

/* To the writer it is one policy: one SA of its own, and all of it or nothing. */
START_TEST(test_ranges_stay_one_policy)
{
	char *id;

	script("spdadd 10.0.0.1-10.0.0.6 10.2.0.0/16 any " TUNNEL "unique;");
	setkey("-DP", NULL);
	id = strstr(r.out, "unique#");
	ck_assert_ptr_nonnull(id);
	id = strndup(id, strcspn(id, "\n"));
	ck_assert_uint_eq(count(r.out, id), 4); /* .1, .2/31, .4/31, .6 */
	ck_assert_uint_eq(count(r.out, "unique#"), 4);
	free(id);
	/* 9.255.255.255, 10.0.0.0/30, and then 10.0.0.4/31, which is there: the first two go again. */
	setkey("-f -", "spdadd 9.255.255.255-10.0.0.6 10.2.0.0/16 any -P out discard;\n");
	expect(1, "", "setkey: -,1: File exists\n");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "\tout prio"), 4);
	ck_assert_uint_eq(count(r.out, "discard"), 0);
	script("spdupdate 10.0.0.1-10.0.0.6 10.2.0.0/16 any -P out none;");
}
END_TEST

START_TEST(test_ranges_that_are_none_are_refused)
{
	static const struct {
		const char *ends, *says;
	} rows[] = {
		{"10.0.0.9-10.0.0.1 10.2.0.1 any", "a range ends before it begins"},
		{"10.0.0.1-10.0.0.9/24 10.2.0.1 any", "prefix too long, or behind a range"},
		{"10.0.0.1-fd00::1 10.2.0.1 any", "Family mismatch"},
		{"10.0.0.1-10.0.0.9 fd00::1 any", "Family mismatch"},
		{"10.0.0.1[9-8] 10.2.0.1 tcp", "9-8"},
		{"10.0.0.1[8-] 10.2.0.1 tcp", "8-"},
		{"10.0.0.1[1-65536] 10.2.0.1 tcp", "1-65536"},
		{"10.0.0.1[1-2-3] 10.2.0.1 tcp", "1-2-3"},
		{"10.0.0.1-10.0.0.9- 10.2.0.1 any", "10.0.0.9-"},
		{"0.0.0.1-255.255.255.254[1-65534] 10.2.0.1 tcp", "more than 1024 selectors"},
	};
	char text[200];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		snprintf(text, sizeof(text), "spdadd %s -P out none;", rows[i].ends);
		setkey("-f -", text);
		ck_assert_msg(r.status == 1 && strstr(r.err, rows[i].says), "%s: %s", rows[i].ends,
			      r.err);
		setkey("-DP", NULL);
		ck_assert_str_eq(r.out, "No SPD entries.\n");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ranges");
	TCase *tests = tcase_create("ranges");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setkey_server_start, setkey_server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_ranges_become_policies);
	tcase_add_test(tests, test_ranges_are_deleted_as_they_were_written);
	tcase_add_test(tests, test_ranges_stay_one_policy);
	tcase_add_test(tests, test_ranges_that_are_none_are_refused);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
