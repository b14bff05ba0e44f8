/*
 * test_options.c: cygnetd's command line: defaults, each value checked whole, and what this version
 * cannot do refused rather than ignored. Messages go to standard error, which is not looked at.
 */
#include "gateway/dataplane/options.h"
#include "xfrm/xfrm.h"

#include <check.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 6 };

static enum options_result parse(const char *const *args, struct options *out)
{
	char *argv[ARGS_MAX + 2] = {(char *)"cygnetd"};
	int argc = 1;

	while (args[argc - 1] && argc <= ARGS_MAX) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	return options_parse(argc, argv, out);
}

START_TEST(test_options_has_the_documented_defaults)
{
	const char *const none[] = {NULL};
	struct options o;

	unsetenv(CYGNET_SOCKET_ENV);
	ck_assert_int_eq(parse(none, &o), OPTIONS_RUN);
	ck_assert_str_eq(o.socket_path, "/run/cygnet/xfrm.sock");
	ck_assert_str_eq(o.state_dir, "/var/lib/cygnet");
	ck_assert_str_eq(o.tun_name, "cygnet0");
	ck_assert_str_eq(o.user, "cygnet");
	ck_assert_int_eq(o.log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(o.dummies_s, 10);
}
END_TEST

START_TEST(test_options_takes_the_socket_from_the_environment)
{
	const char *const none[] = {NULL};
	const char *const given[] = {"--socket", "/run/other", NULL};
	struct options o;

	setenv(CYGNET_SOCKET_ENV, "/run/from-env", 1);
	ck_assert_int_eq(parse(none, &o), OPTIONS_RUN);
	ck_assert_str_eq(o.socket_path, "/run/from-env");
	ck_assert_int_eq(parse(given, &o), OPTIONS_RUN);
	ck_assert_str_eq(o.socket_path, "/run/other");
	setenv(CYGNET_SOCKET_ENV, "relative", 1);
	ck_assert_int_eq(parse(none, &o), OPTIONS_WRONG);
	unsetenv(CYGNET_SOCKET_ENV);
}
END_TEST

static const struct {
	const char *args[3];
	enum options_result expected;
} cases[] = {
	{{"--wire", "raw"}, OPTIONS_RUN},
	{{"--wire", "auto"}, OPTIONS_RUN},
	{{"--wire", "fast"}, OPTIONS_RUN},
	{{"--wire", "rawest"}, OPTIONS_WRONG},
	{{"--wire", ""}, OPTIONS_WRONG},
	{{"--crypto", "openssl"}, OPTIONS_RUN},
	{{"--crypto", "ipsec-mb"}, OPTIONS_RUN},
	{{"--crypto", "aes"}, OPTIONS_WRONG},
	{{"--workers", "1"}, OPTIONS_RUN},
	{{"--workers", "2"}, OPTIONS_RUN},
	{{"--workers", "3"}, OPTIONS_WRONG},
	{{"--workers", "1x"}, OPTIONS_WRONG},
	{{"--fragment", "before"}, OPTIONS_RUN},
	{{"--fragment", "after"}, OPTIONS_RUN},
	{{"--fragment", "never"}, OPTIONS_WRONG},
	{{"--dummies", "1"}, OPTIONS_RUN},
	{{"--dummies", "86400"}, OPTIONS_RUN},
	{{"--dummies", "86401"}, OPTIONS_WRONG},
	{{"--dummies", "0"}, OPTIONS_WRONG},
	{{"--dummies", "-1"}, OPTIONS_WRONG},
	{{"--dummies", "1s"}, OPTIONS_WRONG},
	{{"--dummies", ""}, OPTIONS_WRONG},
	{{"--dummies", "99999999999999999999"}, OPTIONS_WRONG},
	{{"--log-level", "debug"}, OPTIONS_RUN},
	{{"--log-level", "loud"}, OPTIONS_WRONG},
	{{"--state-dir", "/tmp/x"}, OPTIONS_RUN},
	{{"--state-dir", "x"}, OPTIONS_WRONG},
	{{"--socket"}, OPTIONS_WRONG},
	{{"--unknown"}, OPTIONS_WRONG},
	{{"operand"}, OPTIONS_WRONG},
	{{"--help"}, OPTIONS_DONE},
	{{"--version"}, OPTIONS_DONE},
};

START_TEST(test_options_checks_each_value)
{
	struct options o;

	ck_assert_msg(parse(cases[_i].args, &o) == cases[_i].expected, "%s %s", cases[_i].args[0],
		      cases[_i].args[1] ? cases[_i].args[1] : "");
}
END_TEST

START_TEST(test_log_level_parse_knows_four_words)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};
	enum log_level level;

	for (unsigned i = 0; i < 4; i++) {
		ck_assert(log_level_parse(words[i], &level));
		ck_assert_uint_eq(level, i);
	}
	ck_assert(!log_level_parse("", &level));
	ck_assert(!log_level_parse("information", &level));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_options_has_the_documented_defaults);
	tcase_add_test(tc, test_options_takes_the_socket_from_the_environment);
	tcase_add_loop_test(tc, test_options_checks_each_value, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, test_log_level_parse_knows_four_words);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
