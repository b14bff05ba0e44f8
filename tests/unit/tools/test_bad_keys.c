/* tests/unit/tools/test_bad_keys.c: files with keys in the wrong place, of the wrong length, badly
 * quoted: each is refused, and nothing of a key is ever said, whoever listens and how closely. In
 * all of them keys are made of SECRET and 5ec2e7. */
#include "setkey_program.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const options[] = {
	"-f ", "-n -f ", "-v -f ", "-vH -f ", "--dialect bsd -f ", "--dialect bsd -vh -f ",
};

static void check_file(const char *path, const char *how)
{
	char line[512];

	snprintf(line, sizeof(line), "%s%s", how, path);
	setkey(line, NULL);
	/* What is wrong with these two only the server knows. */
	if (strcmp(how, "-n -f ") != 0 ||
	    (!strstr(path, "/twice.conf") && !strstr(path, "/update-nothing.conf")))
		ck_assert_msg(r.status == 1 && r.out[0] + r.err[0] != 0, "%s", line);
	ck_assert_msg(!strcasestr(r.out, "secr") && !strcasestr(r.err, "secr") &&
			      !strstr(r.out, "5ec2") && !strstr(r.err, "5ec2") &&
			      !strstr(r.out, "5e c2") && !strstr(r.out, "53 45 43 52"),
		      "%s\n%s%s", line, r.out, r.err);
	setkey_flush_sas();
}

START_TEST(test_bad_keys_are_never_shown)
{
	glob_t files;

	ck_assert_int_eq(glob(BAD_KEYS "/*.conf", 0, NULL, &files), 0);
	ck_assert_uint_ge(files.gl_pathc, 35);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_file(files.gl_pathv[i], options[_i]);
	globfree(&files);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bad keys");
	TCase *tests = tcase_create("program");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setkey_server_start, setkey_server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_bad_keys_are_never_shown, 0, LENGTH(options));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
