/* tests/unit/tools/test_setkey.c: the whole program against a server without packets. */
#include "setkey_program.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_setkey_shows_what_it_added)
{
	static const char fixed[] =
		"192.0.2.1 198.51.100.2 \n"
		"\tesp mode=tunnel spi=4096(0x00001000) reqid=100(0x00000064)\n"
		"\tE: aes-cbc  00112233 44556677 8899aabb ccddeeff\n"
		"\tA: hmac-sha256  00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b "
		"1c1d1e1f\n"
		"\tseq=0x00000000 replay=64 flags=0x00000040 state=dying \n"
		"\tcreated: Mar  3 09:00:00 2025\tcurrent: ";
	static const char policy[] = "10.1.0.0/16[any] 10.2.0.0/16[any] any\n"
				     "\tout prio high + 100 ipsec\n"
				     "\tesp/tunnel/192.0.2.1-198.51.100.2/unique:100\n"
				     "\tcreated: Mar  3 09:00:00 2025  lastused: ";

	script("add 192.0.2.1 198.51.100.2 esp 0x1000 -m any -r 64 -u 100 -lh 3600 -ls 2880\n"
	       "  -E aes-cbc 0x00112233445566778899aabbccddeeff\n"
	       "  -A hmac-sha256 0x000102030405060708090a0b0c0d0e0f"
	       "101112131415161718191a1b1c1d1e1f;\n"
	       "spdadd 10.1.0.0/16 10.2.0.0/16 any -P out prio high + 100 ipsec\n"
	       "  esp/tunnel/192.0.2.1-198.51.100.2/unique:100;\n");
	setkey("-D", NULL);
	ck_assert_int_eq(r.status, 0);
	ck_assert_msg(!strncmp(r.out, fixed, strlen(fixed)), "%s", r.out);
	ck_assert_ptr_nonnull(strstr(r.out, "\thard: 3600(s)\tsoft: 2880(s)\n"));
	ck_assert_ptr_nonnull(strstr(r.out, "\tsadb_seq=0 pid="));
	for (unsigned i = 0; i < 3; i++) {
		static const char *const forms[] = {"-DP", "-PD", "-D -P"};

		setkey(forms[i], NULL);
		ck_assert_int_eq(r.status, 0);
		ck_assert_msg(!strncmp(r.out, policy, strlen(policy)), "%s", r.out);
	}
}
END_TEST

START_TEST(test_setkey_of_nothing_prints_so)
{
	setkey("-D", NULL);
	expect(0, "No SAD entries.\n", "");
	setkey("-DP", NULL);
	expect(0, "No SPD entries.\n", "");
	setkey("-F", NULL);
	expect(0, "", "");
	setkey("-FP", NULL);
	expect(0, "", "");
	setkey("-f -", "flush; flush ah; spdflush; dump; dump ah; spddump; # that is all");
	expect(0, "No SAD entries.\nNo SAD entries.\nNo SPD entries.\n", "");
}
END_TEST

START_TEST(test_setkey_goes_on_after_a_refusal)
{
	setkey("-f -", "add 192.0.2.1 192.0.2.2 esp 4096" GCM "\n"
		       "add 192.0.2.1 192.0.2.2 esp 4096" GCM "\n"
		       "spdadd 10.0.0.1 10.0.0.2 any -P out none;\n"
		       "spdadd 10.0.0.1 10.0.0.2 any -P out discard;\n"
		       "add 192.0.2.1 192.0.2.2 ah 1 -A hmac-sha1 \"x\"\n;\n"
		       "add 192.0.2.1 192.0.2.2 esp 0" GCM "\n"
		       "spdadd 10.0.0.1/33 10.0.0.2 any -P out none;\n"
		       "add 192.0.2.1 192.0.2.2 esp 4098 -E aes-gcm-16 \"123456789012345678901\";\n"
		       "add 192.0.2.1 192.0.2.2 esp 100" GCM "\n"
		       "add 192.0.2.1 192.0.2.3 esp 4096" GCM "\n");
	expect(1, "",
	       "setkey: -,2: File exists\n"
	       "setkey: -,4: File exists\n"
	       "setkey: -,6: add: AH is not supported\n"
	       "setkey: -,7: Invalid argument: SPI 0 is reserved\n"
	       "setkey: -,8: Invalid argument: prefix too long\n"
	       "setkey: -,9: Invalid argument: AES-GCM takes 20, 28 or 36 bytes: an AES key and "
	       "four "
	       "bytes of salt\n"
	       "setkey: -,10: WARNING: SPI 100 (0x64) is in the reserved range 1..255\n");
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, "spi="), 3);
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "none\n"), 1);
}
END_TEST

START_TEST(test_setkey_script_ends_at_a_syntax_error)
{
	setkey("-f -", "spdadd 10.0.0.1 10.0.0.2 any -P out none;\n"
		       "add 192.0.2.1 192.0.2.2 esp 1 -E aes-cbc \"SECRET\" -A hmac-sha1 \"x\";\n"
		       "spdadd 10.0.0.3 10.0.0.4 any -P out none;\n");
	expect(1, "",
	       "48 128 256\n"
	       "setkey: -,2: Invalid key length at `aes-cbc'\n"
	       "setkey: -,2: parse failed\n");
	setkey("-f -", "spdadd 10.0.0.5 10.0.0.2 any -P out ipsec esp/tunnel/a-b/use;spdflush;");
	expect(1, "",
	       "libipsec: syntax error while parsing \"a\"\n"
	       "setkey: -,1: Invalid argument at `a'\n"
	       "setkey: -,1: parse failed\n");
	setkey("-f -", "spddump");
	expect(1, "", "setkey: -,1: syntax error at `spddump'\nsetkey: -,1: parse failed\n");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "refcnt"), 1); /* what came before stays */
}
END_TEST

START_TEST(test_setkey_c_goes_on_and_speaks_to_stdout)
{
	setkey("-c", "add 192.0.2.1 192.0.2.2 esp 4096" GCM "add 192.0.2.1 192.0.2.2 esp 4096" GCM
		     "floosh; spdadd 1.2.3.4 5.6.7.8 any -P in entrust;\n"
		     "delete 192.0.2.1 192.0.2.2 esp 4096; dump;");
	expect(1,
	       "File exists.\n"
	       "syntax error at `floosh'\n"
	       "spdadd: entrust is not supported.\n"
	       "No SAD entries.\n",
	       "");
	setkey("-e", NULL);
	ck_assert_int_eq(r.status, 1);
	setkey("-e dump;", NULL);
	expect(0, "No SAD entries.\n", "");
}
END_TEST

START_TEST(test_setkey_deletes)
{
	script("add 192.0.2.1 192.0.2.2 esp 4096" GCM "add 192.0.2.1 192.0.2.2 esp 4097" GCM
	       "add 192.0.2.2 192.0.2.1 esp 4096" GCM "add 2001:db8::1 2001:db8::2 esp 4096" GCM
	       "delete 192.0.2.1 192.0.2.2 esp 4096;");
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, "spi="), 3);
	/* Scripts under "set -e" delete what may not be there. */
	setkey("-f -", "delete 192.0.2.1 192.0.2.2 esp 4096 -m tunnel;\n"
		       "spddelete 10.0.0.1 10.0.0.2 any -P out;\n"
		       "get 192.0.2.1 192.0.2.2 esp 4096;");
	expect(0, "",
	       "setkey: -,1: WARNING: mode is obsolete\n"
	       "setkey: -,1: No such process\n"
	       "setkey: -,2: No such process\n"
	       "setkey: -,3: No such process\n");
	setkey("-f -", "get 192.0.2.1 192.0.2.2 esp 0x1001;");
	ck_assert_uint_eq(count(r.out, "spi=4097(0x00001001)"), 1);
	script("deleteall 192.0.2.1 192.0.2.2 esp; deleteall 192.0.2.1 192.0.2.2 esp;");
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, "spi="), 2);
	ck_assert_uint_eq(count(r.out, "spi=4097"), 0);
	script("flush esp;");
	setkey("-D", NULL);
	expect(0, "No SAD entries.\n", "");
}
END_TEST

START_TEST(test_setkey_deleteall_takes_more_than_one_batch)
{
	char *text = malloc(200 * 100), *at = text;

	ck_assert_ptr_nonnull(text);
	for (unsigned i = 0; i < 200; i++)
		at += sprintf(at, "add 192.0.2.%u 192.0.2.2 esp %u" GCM "\n", i < 150 ? 1 : 3,
			      4096 + i);
	script(text);
	free(text);
	script("deleteall 192.0.2.1 192.0.2.2 esp;");
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, "spi="), 50);
	ck_assert_uint_eq(count(r.out, "192.0.2.1 "), 0);
	/* seq counts down to 0 at the last. */
	ck_assert_ptr_nonnull(strstr(r.out, "\tsadb_seq=49 pid="));
	ck_assert_uint_eq(count(r.out, "\tsadb_seq=0 pid="), 1);
	ck_assert_ptr_nonnull(strstr(strstr(r.out, "sadb_seq=1 "), "sadb_seq=0 "));
}
END_TEST

START_TEST(test_setkey_update_replaces)
{
	script("spdupdate 10.0.0.1 10.0.0.2 any -P out none;"
	       "spdupdate 10.0.0.1 10.0.0.2 any -P out discard;"
	       "add 192.0.2.1 192.0.2.2 esp 4096 -lh 5" GCM
	       "update 192.0.2.1 192.0.2.2 esp 4096 -lh 6" GCM);
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "discard\n"), 1);
	ck_assert_uint_eq(count(r.out, "none\n"), 0);
	setkey("-D", NULL);
	ck_assert_uint_eq(count(r.out, "hard: 6(s)"), 1);
	setkey("-f -", "update 192.0.2.1 192.0.2.2 esp 4097" GCM);
	expect(1, "", "setkey: -,1: No such process\n");
}
END_TEST

#define SEL  "spdadd 10.0.1.0/24 10.0.2.0/24 any -P "
#define RULE " ipsec esp/tunnel/192.0.2.1-192.0.2.2/"

static void expect_policies(const char *where, unsigned in, unsigned fwd, const char *fwd_level)
{
	setkey("-DP", NULL);
	ck_assert_msg(count(r.out, "\tin ") == in && count(r.out, "\tfwd ") == fwd, "%s: %s", where,
		      r.out);
	if (fwd_level) {
		const char *entry = strstr(r.out, "\tfwd ");

		ck_assert_ptr_nonnull(entry);
		entry = strchr(entry, '\n') + 1;
		ck_assert_msg(!strncmp(strchr(entry, '\n') - strlen(fwd_level), fwd_level,
				       strlen(fwd_level)),
			      "%s: %s", where, entry);
	}
}

START_TEST(test_setkey_gives_in_policies_a_fwd_twin)
{
	script(SEL "in" RULE "unique:5;");
	expect_policies("twin", 1, 1, "/require");
	script(SEL "fwd" RULE "unique:6;"); /* no duplicate: it takes the twin's place */
	expect_policies("explicit", 1, 1, "/unique:6");
	setkey("-f -", SEL "fwd" RULE "unique:7;");
	expect(1, "", "setkey: -,1: File exists\n");
	script("spddelete 10.0.1.0/24 10.0.2.0/24 any -P in;");
	expect_policies("deleted", 0, 0, NULL);

	script(SEL "fwd" RULE "unique:8;" SEL "in" RULE "require;");
	expect_policies("explicit first", 1, 1, "/unique:8");
	script("spdflush;");
	expect_policies("flushed", 0, 0, NULL);

	setkey("-k -f -", SEL "in" RULE "require;");
	expect(0, "", "");
	expect_policies("-k", 1, 0, NULL);
	setkey("-k -r -f -", "spdupdate 10.0.1.0/24 10.0.2.0/24 any -P in" RULE "require;");
	expect(0, "", "");
	expect_policies("-r", 1, 1, "/require");
	setkey("-k -f -", "spddelete 10.0.1.0/24 10.0.2.0/24 any -P in;");
	expect_policies("-k delete", 0, 1, "/require");
}
END_TEST

START_TEST(test_setkey_chooses_a_reqid_for_unique)
{
	script("spdadd 10.0.0.1 10.0.0.2 any -P out" RULE "unique;"
	       "spdadd 10.0.0.3 10.0.0.2 any -P out" RULE "unique;");
	setkey("-DP", NULL);
	ck_assert_uint_eq(count(r.out, "/unique#16384\n"), 1);
	ck_assert_uint_eq(count(r.out, "/unique#16385\n"), 1);
}
END_TEST

START_TEST(test_setkey_n_sends_nothing)
{
	setkey("-n -f -", "add 192.0.2.1 192.0.2.2 esp 4096" GCM "dump; spddump; flush; spdflush;"
			  "spdadd 10.0.0.3 10.0.0.2 any -P in" RULE "unique;"
			  "delete 192.0.2.1 192.0.2.2 esp 1; deleteall 192.0.2.1 192.0.2.2 esp;"
			  "get 192.0.2.1 192.0.2.2 esp 1;");
	expect(0, "", "");
	setkey("-n -f -", "add 192.0.2.1 192.0.2.2 esp 4096 -E aes-cbc \"x\" -A hmac-sha1 \"x\";");
	expect(1, "",
	       "8 128 256\nsetkey: -,1: Invalid key length at `aes-cbc'\nsetkey: -,1: parse "
	       "failed\n");
	setkey("-D", NULL);
	expect(0, "No SAD entries.\n", "");
	/* Nor does it need a server. */
	setkey("--socket /nowhere/xfrm.sock -n -f -", "flush; spddump;");
	expect(0, "", "");
}
END_TEST

START_TEST(test_setkey_looks_names_up)
{
	static const struct {
		const char *text, *err;
		int status;
	} rows[] = {
		{"add -4 localhost 127.0.0.9 esp 4096" GCM, "", 0},
		{"add -n localhost 127.0.0.9 esp 4096" GCM,
		 "setkey: -,1: Name or service not known at `localhost'\n"
		 "setkey: -,1: parse failed\n",
		 1},
		{"add 192.0.2.1 2001:db8::1 esp 4096" GCM,
		 "setkey: -,1: Family mismatch at `2001:db8::1'\nsetkey: -,1: parse failed\n", 1},
		{"spdadd 192.0.2.1 2001:db8::1 any -P in none;",
		 "setkey: -,1: Family mismatch at `2001:db8::1'\nsetkey: -,1: parse failed\n", 1},
		{"spdadd 192.0.2.1 192.0.2.2 nosuch -P in none;",
		 "setkey: -,1: invalid upper layer protocol at `nosuch'\n"
		 "setkey: -,1: parse failed\n",
		 1},
		{"spdadd 192.0.2.1 192.0.2.2 256 -P in none;",
		 "setkey: -,1: invalid upper layer protocol at `256'\nsetkey: -,1: parse failed\n",
		 1},
		{"spdadd 192.0.2.1 192.0.2.2 icmp 8,256 -P in none;",
		 "setkey: -,1: invalid an upper layer protocol spec at `8,256'\n"
		 "setkey: -,1: parse failed\n",
		 1},
		{"spdadd 192.0.2.1 192.0.2.2 udp 8 -P in none;",
		 "setkey: -,1: invalid an upper layer protocol spec at `8'\n"
		 "setkey: -,1: parse failed\n",
		 1},
		{"spdadd 192.0.2.1[65536] 192.0.2.2 udp -P in none;",
		 "setkey: -,1: Servname not supported for ai_socktype at `65536'\n"
		 "setkey: -,1: parse failed\n",
		 1},
		{"add fe80::1%eth0 fe80::2 esp 4096" GCM,
		 "setkey: -,1: add: the interface of an address is ignored\n", 0},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		setkey("-f -", rows[i].text);
		expect(rows[i].status, "", rows[i].err);
	}
	setkey("-DP", NULL);
	expect(0, "No SPD entries.\n", "");
}
END_TEST

START_TEST(test_setkey_selectors_come_back)
{
	static const struct {
		const char *written, *shown;
	} rows[] = {
		{"10.0.11.41/32[21] 10.0.11.33/32[any] any",
		 "10.0.11.41[21] 10.0.11.33[any] any\n"},
		{"10.0.3.2/24 10.0.4.0/24 tcp", "10.0.3.2/24[any] 10.0.4.0/24[any] tcp\n"},
		{"::/0 2001:db8::/32[53] udp", "::/0[any] 2001:db8::/32[53] udp\n"},
		{"::1 ::2 icmp6 135", "::1 ::2 icmp6 135,0\n"},
		{"10.0.0.1 10.0.0.2 icmp", "10.0.0.1 10.0.0.2 icmp\n"},
		{"10.0.0.1 10.0.0.2 icmp 3,4", "10.0.0.1 10.0.0.2 icmp 3,4\n"},
		{"10.0.0.1 10.0.0.2 esp", "10.0.0.1[any] 10.0.0.2[any] esp\n"},
		{"10.0.0.1 10.0.0.2 4", "10.0.0.1[any] 10.0.0.2[any] ip4\n"},
		{"10.0.0.1[0] 10.0.0.2 99", "10.0.0.1[any] 10.0.0.2[any] 99\n"},
	};
	char text[256];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		snprintf(text, sizeof(text), "spdflush; spdadd %s -P out none;", rows[i].written);
		script(text);
		setkey("-DP", NULL);
		ck_assert_msg(!strncmp(r.out, rows[i].shown, strlen(rows[i].shown)), "%s", r.out);
		snprintf(text, sizeof(text), "spddelete %s -P out;", rows[i].written);
		script(text);
	}
}
END_TEST

START_TEST(test_setkey_command_line)
{
	static const struct {
		const char *options;
		int status;
		const char *err; /* all of it; NULL: usage on stdout */
	} rows[] = {
		{"", 1, NULL},
		{"-h", 1, NULL},
		{"-?", 1, NULL},
		{"-Z", 1, NULL},
		{"-P", 1, NULL},
		{"-g -DP", 1, NULL},
		{"-d -D", 1, NULL},
		{"--dialect sun -D", 1, "setkey: --dialect: linux or bsd is expected, not `sun'\n"},
		{"dump.bin", 1,
		 "setkey: dump.bin: files of binary PF_KEY messages are not read; statements are "
		 "read with -f\n"},
		{"-f /nowhere/f", 1,
		 "setkey: Can't open `/nowhere/f': No such file or directory\n"},
		{"-f /nowhere/f -D", 1,
		 "setkey: Can't open `/nowhere/f': No such file or directory\n"},
		{"-f /", 1, "setkey: /: Is a directory\n"},
		{"--socket /nowhere/s -D", 1,
		 "setkey: pfkey_open: No such file or directory: cygnetd is not running "
		 "(/nowhere/s: No such file or directory)\n"},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		setkey(rows[i].options, NULL);
		ck_assert_msg(r.status == rows[i].status, "%s", rows[i].options);
		ck_assert_str_eq(r.err, rows[i].err ? rows[i].err : "");
		ck_assert_msg((strstr(r.out, "usage: setkey") == r.out) == !rows[i].err, "%s",
			      rows[i].options);
	}
	setkey("-V", NULL);
	ck_assert_int_eq(r.status, 1);
	ck_assert_ptr_nonnull(strstr(r.out, "setkey @(#) cygnet "));
	/* The last of them counts. */
	setkey("-F -c -D", NULL);
	expect(0, "No SAD entries.\n", "");
	setkey("-DN -P", NULL);
	expect(0, "No SPD entries.\n0 per-socket policies hidden.\n", "");
}
END_TEST

START_TEST(test_setkey_stops_when_nobody_listens)
{
	setkey("--socket /nowhere/s -f -", "flush; spdflush;\n$");
	expect(1, "",
	       "setkey: pfkey_open: No such file or directory: cygnetd is not running "
	       "(/nowhere/s: No such file or directory)\n");
	setkey("--socket /nowhere/s -f -", "add 192.0.2.1 192.0.2.2 esp 4096" GCM "\nflush;");
	ck_assert_int_eq(r.status, 1);
	ck_assert_uint_eq(count(r.err, "pfkey_open"), 1);
	/* What asks for nothing needs nobody. */
	setkey("--socket /nowhere/s -f -", "# nothing\n");
	expect(0, "", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("setkey");
	TCase *tests = tcase_create("program");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setkey_server_start, setkey_server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_setkey_shows_what_it_added);
	tcase_add_test(tests, test_setkey_of_nothing_prints_so);
	tcase_add_test(tests, test_setkey_goes_on_after_a_refusal);
	tcase_add_test(tests, test_setkey_script_ends_at_a_syntax_error);
	tcase_add_test(tests, test_setkey_c_goes_on_and_speaks_to_stdout);
	tcase_add_test(tests, test_setkey_deletes);
	tcase_add_test(tests, test_setkey_deleteall_takes_more_than_one_batch);
	tcase_add_test(tests, test_setkey_update_replaces);
	tcase_add_test(tests, test_setkey_gives_in_policies_a_fwd_twin);
	tcase_add_test(tests, test_setkey_chooses_a_reqid_for_unique);
	tcase_add_test(tests, test_setkey_n_sends_nothing);
	tcase_add_test(tests, test_setkey_looks_names_up);
	tcase_add_test(tests, test_setkey_selectors_come_back);
	tcase_add_test(tests, test_setkey_command_line);
	tcase_add_test(tests, test_setkey_stops_when_nobody_listens);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
