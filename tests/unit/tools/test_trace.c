/* tests/unit/tools/test_trace.c: -v, -H, -x and -l: what setkey shows of the conversation. */
#include "setkey_program.h"
#include "tools/trace.h"

#include <check.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static void expect_like(const char *pattern)
{
	regex_t compiled;

	ck_assert_int_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&compiled, r.out, 0, NULL, 0) == 0, "wanted %s\n%s", pattern, r.out);
	regfree(&compiled);
}

START_TEST(test_v_shows_requests_and_answers)
{
	setkey("-v -f -", "add 192.0.2.1 192.0.2.2 esp 4096 -u 7 -r 32 -lh 60" GCM "\n"
			  "add 192.0.2.1 192.0.2.2 esp 4096" GCM "\n"
			  "spdadd 10.0.0.0/8 10.9.0.1 tcp -P out ipsec "
			  "esp/tunnel/192.0.2.1-192.0.2.2/use;\n"
			  "get 192.0.2.1 192.0.2.2 esp 4096; delete 192.0.2.1 192.0.2.2 esp 4096;"
			  "flush; spdflush;");
	ck_assert_int_eq(r.status, 1);
	expect_like("^xfrm_msg\\{ type=newsa\\(16\\) flags=0x0005 seq=0 pid=0 \\}\n"
		    "xfrm_sa\\{ src=192.0.2.1 dst=192.0.2.2 proto=50 spi=4096 reqid=7\n"
		    "  mode=1 replay=32 esn=0 larval=0 flags=0x20 \\}\n"
		    "xfrm_key\\{ encrypt=aes-gcm-16 bits=160 \\}\n"
		    "xfrm_lifetime\\{ hard alloc=0, bytes=0\n  addtime=60, usetime=0 \\}\n"
		    "\n"
		    "xfrm_ack\\{ error=0 \\}\n"
		    "\n");
	expect_like("\nxfrm_ack\\{ error=17 File exists \\}\n\n");
	expect_like("\nxfrm_policy\\{ action=0 dir=1 id=0 priority=0x80000000 \\}\n"
		    "xfrm_selector\\{ src=10.0.0.0/8 dst=10.9.0.1/32 proto=6 sport=0 dport=0 \\}\n"
		    "xfrm_tmpl\\{ src=192.0.2.1 dst=192.0.2.2 proto=50 mode=1\n"
		    "  reqid=0 spi=0 optional=1 \\}\n");
	expect_like("type=getsa\\(18\\).*xfrm_id\\{ .*type=newsa\\(16\\).*type=delsa\\(17\\)");
	expect_like("xfrm_flush\\{ proto=0 \\}\n.*type=flushpolicy\\(29\\)");
	/* -n sends nothing. */
	setkey("-vn -f -", "flush; spddump;");
	expect(0, "", "");
}
END_TEST

START_TEST(test_v_shows_each_entry_of_a_dump)
{
	script("add 192.0.2.1 192.0.2.2 esp 4096" GCM "add 192.0.2.1 192.0.2.2 esp 4097" GCM
	       "spdadd ::1 ::2 any -P out none;");
	setkey("-Dv", NULL);
	expect_like(
		"^xfrm_msg\\{ type=getsa\\(18\\) flags=0x0301 .*\n\nxfrm_msg\\{ type=newsa.*\n\n"
		"192.0.2.1 192.0.2.2 \n\tesp .*\nxfrm_msg.*\n\n192.0.2.1 192.0.2.2 \n");
	setkey("-DPv", NULL);
	expect_like("^xfrm_msg\\{ type=getpolicy.*\n\nxfrm_msg\\{ type=newpolicy.*\n\n"
		    "::1\\[any\\] ::2\\[any\\] any\n");
}
END_TEST

/* One that an IKE daemon is about to make has no suite yet. */
START_TEST(test_v_shows_a_larval_sa)
{
	setkey("-v -f -", "getspi 192.0.2.1 192.0.2.2 esp 0x1000;\n"
			  "get 192.0.2.1 192.0.2.2 esp 0x1000; dump; flush;");
	ck_assert_int_eq(r.status, 0);
	expect_like("larval=1");
	ck_assert_uint_eq(count(r.out, "xfrm_key"), 0);
}
END_TEST

/* The bytes are there, the key is not. */
START_TEST(test_h_blanks_keys)
{
	const char *options[] = {"-vH -f -", "--dialect bsd -vh -f -"};

	for (size_t i = 0; i < LENGTH(options); i++) {
		setkey(options[i], "add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 "
				   "0xabababababababababababababababababababab;\n"
				   "get 192.0.2.1 192.0.2.2 esp 0x1000; flush;");
		ck_assert_int_eq(r.status, 0);
		expect_like("^00000000: ([0-9a-f]{2} ){16}\n00000010: ");
		expect_like("00 00 10 00"); /* the SPI */
		ck_assert_uint_eq(count(r.out, "ab ab ab"), 0);
		/* get shows the entry, whose key it is meant to show; the trace does not. */
		ck_assert_uint_eq(count(r.out, "abababab"), 5);
	}
}
END_TEST

START_TEST(test_x_shows_every_kind_of_event)
{
	static const char *const stamps[] = {
		"^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{6} \nxfrm_msg\\{ type=newsa",
		"^[0-9]{10,}\\.[0-9]{6} \nxfrm_msg\\{ type=newsa",
	};
	static const char *const options[] = {"-x", "-xx"};

	for (size_t i = 0; i < LENGTH(options); i++) {
		setkey(options[i], NULL);
		ck_assert_int_eq(r.status, 1); /* the server is gone */
		expect_like(stamps[i]);
		expect_like("type=expire\\(24\\).*xfrm_expire\\{ hard=0 \\}\n\n");
		expect_like("xfrm_mapping\\{ spi=4096 reqid=0 was=192.0.2.1\\[4500\\] "
			    "is=192.0.2.2\\[4501\\] \\}\n\n");
		expect_like("xfrm_acquire\\{ src=192.0.2.1 dst=192.0.2.2 proto=50 seq=0 \\}\n"
			    "xfrm_selector\\{ .*xfrm_tmpl\\{ src=192.0.2.1 dst=192.0.2.2 .*\n"
			    "  reqid=7 ");
		expect_like("\nevents were lost\n\ncygnetd closed the connection.\n$");
		ck_assert_uint_eq(count(r.out, "aaaa"), 0);
	}
	setkey("-Hx", NULL);
	expect_like("^[0-9:.]+ \n00000000: ([0-9a-f]{2} ){16}\n");
	ck_assert_uint_eq(count(r.out, "aa aa"), 0);
}
END_TEST

START_TEST(test_l_repeats_a_line_for_each_sa)
{
	script("add 192.0.2.1 198.51.100.2 esp 0x1000 -lh 999 -ls 5" GCM
	       "add 192.0.2.1 198.51.100.2 esp 0x1001" GCM
	       "add 2001:db8::1[4500] 2001:db8::2[30000] esp-udp 0x1002 -lh 1000" GCM);
	setkey_until("-Dl", " 00001002 ", 2);
	expect_like("^time p   s spi      ltime   src -> dst\n"
		    "[0-5][0-9][0-5][0-9] esp D 00001000 big/999 192.0.2.1 -> 198.51.100.2\n"
		    "[0-5][0-9][0-5][0-9] esp M 00001001  \\?\\?/\\?\\?\\? "
		    "192.0.2.1 -> 198.51.100.2\n"
		    "[0-5][0-9][0-5][0-9] esp M 00001002 big/big "
		    "2001:db8::1\\[4500\\] -> 2001:db8::2\\[30000\\]\n"
		    "[0-5][0-9][0-5][0-9] esp D 00001000 ");
	ck_assert_uint_eq(count(r.out, "time p"), 1);
	/* Of -D only. */
	setkey("-l -f -", "flush; dump;");
	expect(0, "No SAD entries.\n", "");
}
END_TEST

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert_msg(ip_addr_parse(text, &out), "%s", text);
	return out;
}

/* What no server above sends. */
START_TEST(test_trace_knows_rare_events)
{
	struct xfrm_message rows[] = {
		{.type = XFRM_MSG_POLEXPIRE, .hard = true},
		{.type = XFRM_MSG_MIGRATE},
		{.type = XFRM_MSG_NEWAE},
		{.type = 250},
	};
	static const char *const want[] = {
		"xfrm_msg{ type=polexpire(27) flags=0x0000 seq=0 pid=0 }\n"
		"xfrm_policy{ action=1 dir=0 id=0 priority=0x00000000 }\n"
		"xfrm_selector{ src=none/0 dst=none/0 proto=0 sport=0 dport=0 }\n"
		"xfrm_expire{ hard=1 }\n\n",
		"xfrm_msg{ type=migrate(33) flags=0x0000 seq=0 pid=0 }\n"
		"xfrm_policy{ action=1 dir=0 id=0 priority=0x00000000 }\n"
		"xfrm_selector{ src=none/0 dst=none/0 proto=0 sport=0 dport=0 }\n"
		"xfrm_migrate{ was=192.0.2.1-192.0.2.2 reqid=7\n"
		"  is=198.51.100.1-192.0.2.2 }\n\n",
		"xfrm_msg{ type=newae(30) flags=0x0000 seq=0 pid=0 }\n"
		"xfrm_id{ src=none dst=192.0.2.2 proto=50 spi=4096 }\n"
		"xfrm_replay{ oseq=5 seq=6 }\n\n",
		"xfrm_msg{ type=250(250) flags=0x0000 seq=0 pid=0 }\n\n",
	};

	rows[0].policy.config.action = rows[1].policy.config.action = POLICY_BYPASS;
	rows[1].migrate.count = 1;
	rows[1].migrate.moves[0] = (struct xfrm_migration){.old_src = addr("192.0.2.1"),
							   .old_dst = addr("192.0.2.2"),
							   .new_src = addr("198.51.100.1"),
							   .new_dst = addr("192.0.2.2"),
							   .reqid = 7};
	rows[2].sa.config.id = (struct sa_id){.dst = addr("192.0.2.2"), .spi = 4096, .proto = 50};
	rows[2].sa.status.out_seq = 5;
	rows[2].sa.status.in_seq = 6;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct trace_options o = {.on = true};
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		trace_message(out, &o, &rows[i]);
		fclose(out);
		ck_assert_str_eq(text, want[i]);
		free(text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tests = tcase_create("program");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setkey_server_start, setkey_server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_v_shows_requests_and_answers);
	tcase_add_test(tests, test_v_shows_each_entry_of_a_dump);
	tcase_add_test(tests, test_h_blanks_keys);
	tcase_add_test(tests, test_x_shows_every_kind_of_event);
	tcase_add_test(tests, test_l_repeats_a_line_for_each_sa);
	tcase_add_test(tests, test_v_shows_a_larval_sa);
	tcase_add_test(tests, test_trace_knows_rare_events);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
