/* tests/unit/tools/test_dialect.c: where the two setkeys contradict each other, and the statements
 * that only one of them has. */
#include "setkey_program.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BSD "--dialect bsd "

START_TEST(test_dialect_shapes_messages)
{
	static const struct {
		const char *text, *linux_err, *bsd_out;
	} rows[] = {
		{"floosh;", "setkey: -,1: syntax error at `floosh'\nsetkey: -,1: parse failed\n",
		 "line 1: syntax error at [floosh]\nparse failed, line 1.\n"},
		{"\nadd 192.0.2.1 192.0.2.2 esp 300 -E aes-cbc \"abcdefgh\" -A hmac-sha1 \"x\";",
		 "64 128 256\nsetkey: -,2: Invalid key length at `aes-cbc'\n"
		 "setkey: -,2: parse failed\n",
		 "line 2: Invalid key length at [aes-cbc]\nparse failed, line 2.\n"},
		{"add 192.0.2.1 192.0.2.2 ah 300 -A hmac-sha1 \"x\"\n;",
		 "setkey: -,2: add: AH is not supported\n", "line 2: add: AH is not supported.\n"},
		{"spdadd ::1 ::2 any -P out none; spdadd ::1 ::2 any -P out none; spdflush;",
		 "setkey: -,1: File exists\n", "File exists.\n"},
		{"add 192.0.2.1 192.0.2.2 esp 0" GCM,
		 "setkey: -,1: Invalid argument: SPI 0 is reserved\n",
		 "Invalid argument: SPI 0 is reserved.\n"},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		setkey("-f -", rows[i].text);
		expect(1, "", rows[i].linux_err);
		setkey(BSD "-f -", rows[i].text);
		expect(1, rows[i].bsd_out, "");
	}
	setkey("-f -", "delete 192.0.2.1 192.0.2.2 esp 300;");
	expect(0, "", "setkey: -,1: No such process\n");
	setkey(BSD "-f -", "delete 192.0.2.1 192.0.2.2 esp 300;");
	expect(0, "No entry.\n", "");
}
END_TEST

START_TEST(test_dialect_says_whether_c_goes_on)
{
	setkey("-c", "floosh; dump;");
	expect(1, "syntax error at `floosh'\nNo SAD entries.\n", "");
	setkey(BSD "-c", "floosh; dump;");
	expect(1, "line 1: syntax error at [floosh]\nparse failed, line 1.\n", "");
}
END_TEST

START_TEST(test_dialect_is_the_environments_or_the_command_lines)
{
	setenv("SETKEY_DIALECT", "bsd", 1);
	setkey("-c", "floosh;");
	expect(1, "line 1: syntax error at [floosh]\nparse failed, line 1.\n", "");
	setkey("--dialect linux -c", "floosh;");
	expect(1, "syntax error at `floosh'\n", "");
	setenv("SETKEY_DIALECT", "irix", 1);
	setkey("-D", NULL);
	expect(1, "", "setkey: SETKEY_DIALECT: linux or bsd is expected, not `irix'\n");
	unsetenv("SETKEY_DIALECT");
}
END_TEST

/* A window of 4 is 4 packets here and 32 there, and each shows what it was told. */
START_TEST(test_dialect_is_the_unit_of_r)
{
	static const char add[] = "add 192.0.2.1 192.0.2.2 esp 300 -r 4" GCM;

	script(add);
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, " replay=4 "), 1);
	setkey(BSD "-D", NULL);
	ck_assert_uint_eq(count(r.out, " replay=0 "), 1);
	script("flush;");
	setkey(BSD "-f -", add);
	expect(0, "", "");
	setkey(BSD "-D", NULL);
	ck_assert_uint_eq(count(r.out, " replay=4 "), 1);
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, " replay=32 "), 1);
	setkey(BSD "-f -", "add 192.0.2.1 192.0.2.2 esp 301 -r 512" GCM);
	expect(0, "", "");
	setkey(BSD "-f -", "add 192.0.2.1 192.0.2.2 esp 302 -r 513" GCM);
	expect(1, "line 1: add: a replay window above 4096 packets is not supported.\n", "");
	setkey(BSD "-f -", "add 192.0.2.1 192.0.2.2 esp 302 -r 536870912" GCM);
	expect(1, "line 1: number too large at [536870912]\nparse failed, line 1.\n", "");
}
END_TEST

START_TEST(test_dialect_is_what_h_and_k_mean)
{
	setkey("-h", NULL);
	ck_assert_int_eq(r.status, 1);
	ck_assert_uint_eq(count(r.out, "usage: setkey"), 1);
	setkey(BSD "-?", NULL);
	ck_assert_int_eq(r.status, 1);
	ck_assert_uint_eq(count(r.out, "usage: setkey"), 1);
	setkey(BSD "-k -D", NULL);
	expect(0, "setkey: -k is not supported here and ignored\nNo SAD entries.\n", "");
}
END_TEST

#define SEL  " 10.0.1.0/24 10.0.2.0/24 any -P "
#define RULE " ipsec esp/tunnel/192.0.2.1-192.0.2.2/"

START_TEST(test_bsd_has_no_fwd_policies)
{
	setkey(BSD "-f -", "spdadd" SEL "in" RULE "unique:5;");
	expect(0, "", "");
	setkey(BSD "-DP", NULL);
	ck_assert_uint_eq(count(r.out, "\tin ipsec\n"), 0);
	ck_assert_uint_eq(count(r.out, "\tin prio def ipsec\n"), 1);
	ck_assert_uint_eq(count(r.out, "refcnt="), 1);
	ck_assert_uint_eq(count(r.out, " scope=global \n"), 1);
	/* fwd is read as in, and is no duplicate if it says the same. */
	setkey(BSD "-f -", "spdadd" SEL "fwd" RULE "unique:5;");
	expect(0, "", "");
	setkey(BSD "-f -", "spdadd" SEL "fwd" RULE "unique:6;");
	expect(1, "File exists.\n", "");
	setkey(BSD "-gDP", NULL);
	ck_assert_uint_eq(count(r.out, "refcnt="), 1);
	setkey(BSD "-tDP", NULL);
	expect(0, "No SPD entries.\n", "");
	setkey(BSD "-f -", "spddelete" SEL "fwd;");
	expect(0, "", "");
	setkey(BSD "-DP", NULL);
	expect(0, "No SPD entries.\n", "");
}
END_TEST

START_TEST(test_bsd_shows_its_own_algorithm_names)
{
	script("add 192.0.2.1 192.0.2.2 esp 300 -E aes-cbc \"1234567890123456\" "
	       "-A hmac-sha256 \"12345678901234567890123456789012\";");
	setkey(BSD "-D", NULL);
	ck_assert_uint_eq(count(r.out, "\tA: hmac-sha2-256  "), 1);
}
END_TEST

START_TEST(test_getspi_sets_an_spi_aside)
{
	setkey("-f -", "getspi 192.0.2.1 192.0.2.2 esp 0x1000 -m tunnel -u 9;");
	ck_assert_int_eq(r.status, 0);
	ck_assert_str_eq(r.err, "");
	ck_assert_uint_eq(count(r.out, "\tesp mode=tunnel spi=4096(0x00001000) reqid=9("), 1);
	ck_assert_uint_eq(count(r.out, " state=larval \n"), 1);
	ck_assert_uint_eq(count(r.out, "\tE: "), 0);
	setkey("-f -", "getspi 192.0.2.1 192.0.2.2 esp 0x1000;");
	expect(1, "", "setkey: -,1: File exists\n");
	/* 0: what the server likes, which must be seen. */
	setkey("-f -", "getspi 192.0.2.1 192.0.2.2 esp 0;");
	ck_assert_uint_eq(count(r.out, "spi=256(0x00000100)"), 1);
	setkey("-n -f -", "getspi 192.0.2.1 192.0.2.2 esp 0;");
	expect(0, "", "");
	script("add 192.0.2.1 192.0.2.2 esp 0x1000" GCM);
	setkey("-f -", "get 192.0.2.1 192.0.2.2 esp 0x1000;");
	ck_assert_uint_eq(count(r.out, " state=mature \n"), 1);
}
END_TEST

START_TEST(test_exit_ends_the_script)
{
	static const char *const words[] = {"exit", "quit", "bye"};

	for (size_t i = 0; i < LENGTH(words); i++) {
		char text[64] = "dump; ";

		strcat(strcat(text, words[i]), "; dump; floosh;");
		setkey("-f -", text);
		expect(0, "No SAD entries.\n", "");
		setkey("-c", text);
		expect(0, "No SAD entries.\n", "");
	}
}
END_TEST

/* Any peer is a question for packets that come, and no answer for those that go. */
START_TEST(test_any_me_takes_every_peer)
{
	script("spdadd 10.0.1.0/24 10.0.2.0/24 any -P in ipsec esp/tunnel/any-me/require;"
	       "spdadd ::1 ::2 any -P in ipsec esp/tunnel/any-me/require;");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "\tesp/tunnel/0.0.0.0-0.0.0.0/require\n"), 2);
	ck_assert_uint_eq(count(r.out, "\tesp/tunnel/::-::/require\n"), 2);
	setkey("-f -", "spdadd 10.0.1.0/24 10.0.2.0/24 any -P out ipsec esp/tunnel/me-any/use;");
	expect(1, "", "setkey: -,1: spdadd: a tunnel to any peer is not supported\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dialect");
	TCase *tests = tcase_create("program");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setkey_server_start, setkey_server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_dialect_shapes_messages);
	tcase_add_test(tests, test_dialect_says_whether_c_goes_on);
	tcase_add_test(tests, test_dialect_is_the_environments_or_the_command_lines);
	tcase_add_test(tests, test_dialect_is_the_unit_of_r);
	tcase_add_test(tests, test_dialect_is_what_h_and_k_mean);
	tcase_add_test(tests, test_bsd_has_no_fwd_policies);
	tcase_add_test(tests, test_bsd_shows_its_own_algorithm_names);
	tcase_add_test(tests, test_getspi_sets_an_spi_aside);
	tcase_add_test(tests, test_exit_ends_the_script);
	tcase_add_test(tests, test_any_me_takes_every_peer);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
