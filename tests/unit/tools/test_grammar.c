/* tests/unit/tools/test_grammar.c: words, statements, and what is wrong with them. */
#include "judge.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define A    "10.0.0.1 10.0.0.2 "
#define GCM  "-E aes-gcm-16 \"12345678901234567890\""
#define SHA1 "-A hmac-sha1 \"12345678901234567890\""
#define CBC  "-E aes-cbc \"1234567890123456\""

struct row {
	const char *text;
	const char *verdicts;
};

static void check_row(const char *text, const char *verdicts, bool go_on)
{
	static struct judgement j;

	/* In one piece, and byte by byte: a terminal hands over what it has. */
	for (size_t step = 0; step < 2; step++) {
		judge(text, strlen(text), step, go_on, &j);
		ck_assert_msg(!strcmp(j.verdicts, verdicts), "%s\n  said   %s  wanted %s", text,
			      j.verdicts, verdicts);
	}
}

static void check_rows(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		check_row(rows[i].text, rows[i].verdicts, false);
}

START_TEST(test_grammar_takes_every_form)
{
	static const char *const good[] = {
		"flush;",
		"flush esp;",
		"flush esp-udp;",
		"flush ah ;",
		"flush ipcomp;",
		"dump;",
		"dump esp;",
		"dump tcp;",
		"spdflush;",
		"spddump;",
		"\tflush\n;\r\n",
		"flush#comment\n;",
		"#!/usr/sbin/setkey -f\nflush;",
		"add " A "esp 0x1000 " GCM ";",
		"add " A "esp 4096 " GCM ";",
		"add -4 " A "esp 4096 " GCM ";",
		"add -46n " A "esp 4096 " GCM ";",
		"add -4 -n -6 " A "esp 4096 " GCM ";",
		"add fe80::1%eth0 fe80::2 esp 4096 " GCM ";",
		"add a.example-1.org b esp 4096 " GCM ";",
		"add " A "esp 0X1f " CBC " " SHA1 ";",
		"add " A "esp 1 -m tunnel -r 64 -u 7 -lh 10 -ls 9 -bh 8 -bs 7 -f seq-pad " GCM ";",
		"add " A "esp 1 -f df-set -f strict-pad -f udp-no-sum -f clamp-mss -f dummies " GCM
		";",
		"add " A "esp 1 -m any -m tunnel -r 4 -esn -hwif em0 " GCM ";",
		"add " A "esp 1 -f zero-pad -f nocyclic-seq " GCM ";",
		"add " A "esp 1 " SHA1 ";",
		"add " A "esp 1 -E null " SHA1 ";",
		"add " A "esp 1 -E null \"\" " SHA1 ";",
		"add " A "esp 1 -E simple " SHA1 ";",
		"add " A "esp 1 -E rijndael-cbc 0x00112233445566778899aabbccddeeff "
		"-A hmac-sha2-256 \"12345678901234567890123456789012\";",
		"add " A "esp 1 -E chacha20-poly1305 \"123456789012345678901234567890123456\";",
		"add " A "esp 1 -E aes-gcm-16 \"1234567890;#890 \n5678\";",
		"add 10.0.0.1[any] 10.0.0.2 [0] esp 1 " GCM ";",
		"add 10.0.0.1 [4500] 10.0.0.2[4500] esp-udp 1 " GCM ";",
		"add 10.0.0.1 [ 4500 ] 10.0.0.2[ipsec-nat-t] esp-udp 10.9.9.9 1 " GCM ";",
		"add " A "esp-udp 1 -u 7 " GCM ";",
		"add " A "esp 1 -natt 1.1.1.1[4500] 2.2.2.2 [61000] " GCM ";",
		"delete 10.0.0.1[4500] 10.0.0.2[4500] esp-udp 1;",
		"get " A "esp-udp 1;",
		"spdadd " A "any -P out ipsec esp/tunnel/1.1.1.1[4500]-2.2.2.2[4500]/require;",
		"update " A "esp 1 " GCM ";",
		"get " A "esp 1;",
		"get " A "esp 1 -m any;",
		"delete " A "esp 1;",
		"deleteall " A "esp;",
		"spdadd " A "any -P in none;",
		"spdadd 10.0.0.0/8[any] 10.2.0.0 / 16 [ 80 ] tcp -P out discard;",
		"spdadd 10.0.0.0/8[l2tp] 10.2.0.0/16 17 -P out discard;",
		"spdadd " A "icmp 8,0 -P in bypass;",
		"spdadd ::1 ::1 icmp6 135 -P in none;",
		"spdadd ::1 ::1 icmp6 135,0 -P in none;",
		"spdadd " A "esp -P in none;",
		"spdadd -n " A "any -P in none;",
		"spdadd " A "any -P fwd prio high + 10 ipsec esp/tunnel/1.1.1.1-2.2.2.2/unique:3;",
		"spdadd " A "any -P in # why not\n none;",
		"spdadd " A "any -P in none -hwif em0;",
		"spdupdate " A "any -P in none;",
		"spddelete " A "any -P in;",
		"spddelete " A "any -P in ipsec ah/transport//require;",
		"spddelete " A "any -P in entrust;",
	};

	for (size_t i = 0; i < LENGTH(good); i++)
		check_row(good[i], "ok\n", false);
	check_row("", "", false);
	check_row("# only words\n", "", false);
	check_row("flush; spdflush;exit; flush;", "ok\nok\nexit\n", false);
	check_row("quit;", "exit\n", false);
	check_row("bye;", "exit\n", false);
}
END_TEST

START_TEST(test_grammar_finds_syntax_errors)
{
	static const struct row rows[] = {
		{"flush", "1: syntax error at flush\n"},
		{"flush\nflush;", "2: syntax error at flush\n"},
		{"Flush;", "1: syntax error at Flush\n"},
		{"addhost;", "1: syntax error at addhost\n"},
		{"add " A "esp 1;", "1: syntax error at ;\n"},
		{"add 10.0.0.1 esp 1 " GCM ";", "1: syntax error at esp\n"},
		{"add any any esp 1 " GCM ";", "1: syntax error at any\n"},
		{"add " A "4096 " GCM ";", "1: syntax error at 4096\n"},
		{"add " A "esp spi " GCM ";", "1: syntax error at spi\n"},
		{"add " A "esp 1 " GCM " -u 5;", "1: syntax error at -u\n"},
		{"add " A "esp 1 " SHA1 " " CBC ";", "1: syntax error at -E\n"},
		{"add " A "esp 1 -m both " GCM ";", "1: syntax error at both\n"},
		{"add " A "esp 1 -f some-pad " GCM ";", "1: syntax error at some-pad\n"},
		{"add " A "esp 1 -q " GCM ";", "1: Syntax error at -\n"},
		{"add 10.0.0.1/8 10.0.0.2 esp 1 " GCM ";", "1: syntax error at /\n"},
		{"add " A "esp 1 -E aes-cbx \"1234567890123456\";", "1: syntax error at aes-cbx\n"},
		{"add " A "esp 1 -A aes-cbc \"1234567890123456\";", "1: syntax error at aes-cbc\n"},
		{"add " A "esp 1 -r 4294967296 " GCM ";", "1: number too large at 4294967296\n"},
		{"add " A "esp 1 -lh 18446744073709551616 " GCM ";",
		 "1: number too large at 18446744073709551616\n"},
		{"add " A "esp 4294967296 " GCM ";", "1: SPI too big. at 4294967296\n"},
		{"add " A "esp 0x100000000 " GCM ";", "1: SPI too big. at ...\n"},
		{"delete " A "esp-old 1 -r 5;",
		 "1: replay prevention cannot be used with ah/esp-old at delete\n"},
		{"add " A "esp 1 -E des-32iv \"12345678\";", "1: algorithm mismatched at add\n"},
		{"add " A "esp-old 1 -E des-deriv \"12345678\";",
		 "1: algorithm mismatched at add\n"},
		{"spdadd " A "any;", "1: syntax error at ;\n"},
		{"spdadd " A "any -P in", "1: syntax error at in\n"},
		{"spdadd " A "any -P in;", "1: Too few arguments at spdadd\n"},
		{"spdadd 10.0.0.0/x 10.0.0.2 any -P in none;", "1: syntax error at x\n"},
		{"flush;\n\n\\\nflush;", "ok\n3: Syntax error at \\\n"},
		{"spdadd a_b c any -P in none;", "1: Syntax error at _\n"},
		{"spdadd " A "any -P in no!ne;", "1: Syntax error at !\n"},
		{"$", "1: Syntax error at $\n"},
		{"flush\200;", "1: Syntax error at \200\n"},
	};

	check_rows(rows, LENGTH(rows));
}
END_TEST

START_TEST(test_grammar_refuses_behind_the_semicolon)
{
	static const struct row rows[] = {
		{"add " A "ah 1 " SHA1 ";", "refused AH is not supported\n"},
		/* Not the key's length: what is refused is not looked at further. */
		{"add " A "ah 1 -A hmac-sha1 \"x\";", "refused AH is not supported\n"},
		{"add " A "ah-old 1 " SHA1 ";", "refused AH is not supported\n"},
		{"add " A "esp-old 1 " GCM ";", "refused esp-old is not supported\n"},
		{"add " A "ipcomp 1 -C deflate -R;", "refused ipcomp is not supported\n"},
		{"add " A "tcp 1 -A tcp-md5 \"x\";", "refused tcp is not supported\n"},
		{"add " A "esp 1 -C lzs;", "refused ipcomp is not supported\n"},
		{"add " A "esp 1 -natt_mtu 1200 " GCM ";",
		 "refused a fragment size for NAT-T (-natt_mtu) is not supported\n"},
		{"add 10.0.0.1[5] 10.0.0.2 esp 1 " GCM ";",
		 "refused a port on an SA address is not supported\n"},
		{"add " A "esp 1 -m transport " GCM ";",
		 "refused transport mode is not supported\n"},
		{"add " A "esp 1 -ctx 1 1 \"label\" " GCM ";",
		 "refused security context is not supported\n"},
		{"add " A "esp 1 -E 3des-cbc \"x\" " SHA1 ";",
		 "refused algorithm 3des-cbc is not supported: 3DES has blocks of 64 bits, which "
		 "repeat after some gigabytes and then leak plaintext (RFC 8221 section 5: SHOULD "
		 "NOT)\n"},
		{"add " A "esp 1 -E des-cbc \"x\" " SHA1 ";",
		 "refused algorithm des-cbc is not supported: DES is broken: anybody can search "
		 "its "
		 "56 bits of key (RFC 8221 section 5: MUST NOT)\n"},
		{"add " A "esp 1 -E twofish-cbc \"x\" " SHA1 ";",
		 "refused algorithm twofish-cbc is not supported\n"},
		{"add " A "esp 1 -E aes-ctr \"12345678901234567890\";",
		 "refused aes-ctr without authentication is not supported\n"},
		{"add " A "esp 1 -E aes-gmac \"12345678901234567890\" " SHA1 ";",
		 "refused aes-gmac together with -A is not supported\n"},
		{"add " A "esp 1 " CBC " -A hmac-md5 \"x\";",
		 "refused algorithm hmac-md5 is not supported: HMAC-MD5 stands on a broken hash "
		 "(RFC "
		 "8221 section 6: MUST NOT)\n"},
		{"add " A "esp 1 -E null;",
		 "refused NULL encryption without authentication is not supported\n"},
		{"add " A "esp 1 -E null \"\" -A null;",
		 "refused NULL encryption without authentication is not supported\n"},
		{"add " A "esp 1 " CBC ";",
		 "refused aes-cbc without authentication is not supported\n"},
		{"add " A "esp 1 " GCM " " SHA1 ";",
		 "refused aes-gcm-16 together with -A is not supported\n"},
		{"add " A "esp 1 -esn " GCM ";",
		 "refused -esn without a replay window (-r) is not supported\n"},
		{"add " A "esp 1 -r 4097 " GCM ";",
		 "refused a replay window above 4096 packets is not supported\n"},
		{"getspi " A "esp 0 -m transport;", "refused transport mode is not supported\n"},
		{"getspi " A "ah 300;", "refused AH is not supported\n"},
		{"get " A "ah 1;", "refused AH is not supported\n"},
		{"spdadd tagged \"x\" -P out none;", "refused a tagged policy is not supported\n"},
		{"spdadd " A "any -ctx 1 1 \"l\" -P in none;",
		 "refused security context is not supported\n"},
		{"spdadd " A "gre 1234 -P in none;", "refused a GRE key is not supported\n"},
		{"spdadd " A "47 1.2.3.4 -P in none;", "refused a GRE key is not supported\n"},
		{"spdadd " A "any -P in entrust;", "refused entrust is not supported\n"},
		{"spdadd " A "any -P in ipsec;", "refused ipsec without a rule is not supported\n"},
		{"spdadd " A "any -P in ipsec esp/transport//require;",
		 "refused transport mode is not supported\n"},
		{"spdadd " A "any -P in ipsec ah/tunnel/1.1.1.1-2.2.2.2/require;",
		 "refused AH is not supported\n"},
		{"spdadd " A "any -P in ipsec ipcomp/transport//use;",
		 "refused ipcomp is not supported\n"},
		{"spdadd " A "any -P out ipsec esp/tunnel/me-any/require;",
		 "refused a tunnel to any peer is not supported\n"},
		{"spdadd " A "any -P out ipsec esp/tunnel/1.1.1.1-2.2.2.2/require\n"
		 "esp/tunnel/3.3.3.3-4.4.4.4/require;",
		 "refused a bundle of several rules is not supported\n"},
		{"add " A "ah 1 " SHA1, "1: syntax error at hmac-sha1\n"},
	};

	check_rows(rows, LENGTH(rows));
}
END_TEST

START_TEST(test_grammar_never_shows_a_key)
{
	static const struct row rows[] = {
		{"add " A "esp 1 -E aes-cbc \"SECRET\" " SHA1 ";",
		 "1: Invalid key length at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc SECRET;", "1: syntax error at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc 123456789;", "1: syntax error at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc $ECRET;", "1: Syntax error at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc \"SECRET\" \"SECRET\";",
		 "1: syntax error at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc \"SECRET\n;", "2: unterminated string at aes-cbc\n"},
		{"add " A "esp 1 -E \"SECRET\" aes-cbc;", "1: syntax error at -E\n"},
		{"add " A "esp 0x5EC2E75EC2E7 -E aes-cbc;", "1: SPI too big. at ...\n"},
		{"add " A "esp 1 0x5EC2E75EC2E7 -E aes-cbc;", "1: syntax error at ...\n"},
		{"add " A "esp 1 -E null \"SECRET\" " SHA1 ";", "1: Invalid key length at null\n"},
		{"add " A "esp 1 " CBC " -A hmac-sha1;", "1: Invalid key length at hmac-sha1\n"},
		{"add " A "esp 1 -E aes-gcm-16 0x1234567890123456789012345678901234567;",
		 "1: Invalid key length at aes-gcm-16\n"},
	};

	check_rows(rows, LENGTH(rows));
}
END_TEST

START_TEST(test_grammar_goes_on_where_it_is_asked_to)
{
	static const struct row rows[] = {
		{"flush\nflush; flush;", "2: syntax error at flush\nok\n"},
		{"\\ flush; flush;", "1: Syntax error at \\\nok\n"},
		{"spdadd " A "any -P in no!ne; flush;", "1: Syntax error at !\nok\n"},
		{"spdadd " A "any -P over none; flush;",
		 "policy syntax over\n1: Invalid argument at over\nok\n"},
		{"add " A "esp 0x100000000 -E null; flush;", "1: SPI too big. at ...\nok\n"},
		{"add " A "esp 1 -E aes-cbc \"x\" " SHA1 "; flush; exit; flush;",
		 "1: Invalid key length at aes-cbc\nok\nexit\n"},
		{"add " A "ah 1 " SHA1 "; flush;", "refused AH is not supported\nok\n"},
	};
	static struct judgement j;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		check_row(rows[i].text, rows[i].verdicts, true);
		/* A script ends at its first error, but not at a refusal. */
		judge(rows[i].text, strlen(rows[i].text), 0, false, &j);
		ck_assert_uint_eq(j.statements, i >= 5 ? (i == 5 ? 1 : 2) : 0);
		ck_assert_int_eq(j.rc, i == 6 ? 0 : -EINVAL);
	}
}
END_TEST

START_TEST(test_grammar_keeps_what_was_written)
{
	static const char text[] =
		"add -6n ::1 ::2 esp 010 -u 7 -r 32 -r 64 -lh 600 -ls 0500 -bh 5 "
		"-bs 18446744073709551615 -f zero-pad -f nocyclic-seq -esn\n" GCM "\n;";
	static struct judgement j;

	judge(text, strlen(text), 0, false, &j);
	ck_assert_str_eq(j.verdicts, "ok\n");
	ck_assert_int_eq(j.last.kind, STATEMENT_ADD);
	ck_assert_uint_eq(j.last.line, 3); /* the semicolon's */
	ck_assert_uint_eq(j.last.lookup, LOOKUP_V6 | LOOKUP_NUMERIC);
	ck_assert_uint_eq(j.last.spi, 10); /* not octal */
	ck_assert_uint_eq(j.last.ext.reqid, 7);
	ck_assert_uint_eq(j.last.ext.replay, 64); /* the last one wins */
	ck_assert_uint_eq(j.last.ext.hard_s, 600);
	ck_assert_uint_eq(j.last.ext.soft_s, 500);
	ck_assert_uint_eq(j.last.ext.hard_bytes, 5);
	ck_assert_uint_eq(j.last.ext.soft_bytes, UINT64_MAX);
	ck_assert_uint_eq(j.last.ext.flags, SA_PAD_ZERO | SA_NOCYCLIC_SEQ);
	ck_assert(j.last.ext.esn);
	ck_assert_uint_eq(j.last.encr.key.len, 20);
}
END_TEST

struct key_seen {
	const char *text;
	uint8_t key[64];
	size_t len;
};

static ssize_t read_once(void *ctx, char *buf, size_t size)
{
	struct key_seen *seen = ctx;
	size_t len = strlen(seen->text);

	ck_assert_uint_lt(len, size);
	memcpy(buf, seen->text, len);
	seen->text += len;
	return (ssize_t)len;
}

static enum statement_result see_key(void *ctx, const struct statement *st)
{
	struct key_seen *seen = ctx;

	seen->len = st->encr.key.len;
	memcpy(seen->key, st->encr.key.text, seen->len);
	return STATEMENT_GO_ON;
}

START_TEST(test_grammar_reads_hex_keys_from_the_first_digit)
{
	static const struct {
		const char *hex;
		size_t len;
		uint8_t key[8];
	} rows[] = {
		{"0x123", 2, {0x01, 0x23}}, /* an odd digit stands alone, in front */
		{"0X1234", 2, {0x12, 0x34}},
		{"0xAbCdEf", 3, {0xab, 0xcd, 0xef}},
		{"0x0", 1, {0x00}},
		{"\"0x12\"", 4, {'0', 'x', '1', '2'}},
		{"\"\"", 0, {0}},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		char text[128];
		struct key_seen seen = {.text = text};
		struct setkey_source source = {.read = read_once, .ctx = &seen};
		struct setkey_handlers handlers = {.statement = see_key, .ctx = &seen};

		snprintf(text, sizeof(text), "add " A "esp 1 -E aes-cbc %s;", rows[i].hex);
		ck_assert_int_eq(setkey_parse(&source, &handlers), 0);
		ck_assert_uint_eq(seen.len, rows[i].len);
		ck_assert_mem_eq(seen.key, rows[i].key, seen.len);
	}
}
END_TEST

static void repeat(char *out, const char *head, const char *piece, size_t times, const char *tail)
{
	out = stpcpy(out, head);
	for (size_t i = 0; i < times; i++)
		out = stpcpy(out, piece);
	strcpy(out, tail);
}

START_TEST(test_grammar_has_bounds)
{
	static const struct {
		const char *head, *piece;
		size_t times;
		const char *tail, *verdicts;
	} rows[] = {
		{"add " A "esp 1 -E aes-cbc \"", "k", 1025, "\";", "1: word too long at aes-cbc\n"},
		{"add " A "esp 1 -E aes-cbc 0x", "a", 1025, ";", "1: word too long at aes-cbc\n"},
		{"spdadd " A "any -P in none", " \n", 9000, ";", "ok\n"},
		{"spdadd " A "any -P in none", " x", 5000, ";", "1: word too long at x\n"},
		{"flush", " ", 60000, ";", "ok\n"},
		{"", "# a comment\n", 5000, "flush;", "ok\n"},
		{"delete " A "esp 1", " -u 1", 5000, ";", "1: statement too long at 1\n"},
		{"", "flush;", 100, "spdflush", NULL},
		{"spdadd " A "any -P in ipsec", " esp/transport//use", 9, ";",
		 "1: too many rules at esp\n"},
	};
	char *text = malloc(100000);
	static struct judgement j;

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		repeat(text, rows[i].head, rows[i].piece, rows[i].times, rows[i].tail);
		judge(text, strlen(text), 0, false, &j);
		if (rows[i].verdicts)
			ck_assert_str_eq(j.verdicts, rows[i].verdicts);
		else
			ck_assert_uint_eq(j.statements, rows[i].times);
	}
	free(text);
}
END_TEST

static ssize_t read_fails(void *ctx, char *buf, size_t size)
{
	(void)ctx, (void)buf, (void)size;
	return -EIO;
}

START_TEST(test_grammar_tells_a_failed_read)
{
	struct key_seen seen = {0};
	struct setkey_source source = {.read = read_fails};
	struct setkey_handlers handlers = {.statement = see_key, .ctx = &seen};

	ck_assert_int_eq(setkey_parse(&source, &handlers), -EIO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("grammar");
	TCase *tests = tcase_create("setkey");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, test_grammar_takes_every_form);
	tcase_add_test(tests, test_grammar_finds_syntax_errors);
	tcase_add_test(tests, test_grammar_refuses_behind_the_semicolon);
	tcase_add_test(tests, test_grammar_never_shows_a_key);
	tcase_add_test(tests, test_grammar_goes_on_where_it_is_asked_to);
	tcase_add_test(tests, test_grammar_keeps_what_was_written);
	tcase_add_test(tests, test_grammar_reads_hex_keys_from_the_first_digit);
	tcase_add_test(tests, test_grammar_has_bounds);
	tcase_add_test(tests, test_grammar_tells_a_failed_read);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
