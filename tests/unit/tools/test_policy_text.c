/* tests/unit/tools/test_policy_text.c: what stands behind -P. */
#include "tools/statement.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define DEF	      POLICY_PRIORITY_DEFAULT

static struct policy_spec parse(const char *text)
{
	struct policy_spec spec;
	struct policy_error err;

	memset(&spec, 0xa5, sizeof(spec));
	ck_assert_msg(policy_text_parse(text, &spec, &err), "%s: %s at %s", text, err.text,
		      err.token);
	return spec;
}

START_TEST(test_policy_text_reads_direction_priority_and_action)
{
	static const struct {
		const char *text;
		enum policy_dir_text dir;
		enum policy_verb verb;
		uint32_t priority;
		bool hwif;
	} rows[] = {
		{"in", POLICY_TEXT_IN, POLICY_VERB_ABSENT, DEF, false},
		{" out discard ", POLICY_TEXT_OUT, POLICY_VERB_DISCARD, DEF, false},
		{"fwd\n none", POLICY_TEXT_FWD, POLICY_VERB_NONE, DEF, false},
		{"in bypass", POLICY_TEXT_IN, POLICY_VERB_BYPASS, DEF, false},
		{"in entrust", POLICY_TEXT_IN, POLICY_VERB_ENTRUST, DEF, false},
		{"in ipsec", POLICY_TEXT_IN, POLICY_VERB_IPSEC, DEF, false},
		{"in none -hwif em0", POLICY_TEXT_IN, POLICY_VERB_NONE, DEF, true},
		{"in prio 0 none", POLICY_TEXT_IN, POLICY_VERB_NONE, DEF, false},
		/* Stored is the other way round: larger numbers are searched earlier. */
		{"in priority 100 none", POLICY_TEXT_IN, POLICY_VERB_NONE, DEF - 100, false},
		{"in prio -100 none", POLICY_TEXT_IN, POLICY_VERB_NONE, DEF + 100, false},
		{"in prio 2147483648 none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0, false},
		{"in prio -2147483647 none", POLICY_TEXT_IN, POLICY_VERB_NONE, UINT32_MAX, false},
		{"in prio low none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0xC0000000, false},
		{"in prio def none", POLICY_TEXT_IN, POLICY_VERB_NONE, DEF, false},
		{"in prio high none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0x40000000, false},
		{"in prio high + 100 none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0x3fffff9c, false},
		{"in prio high-100 none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0x40000064, false},
		{"in prio low - 1073741823 none", POLICY_TEXT_IN, POLICY_VERB_NONE, UINT32_MAX,
		 false},
		{"in prio high + 1073741824 none", POLICY_TEXT_IN, POLICY_VERB_NONE, 0, false},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct policy_spec spec = parse(rows[i].text);

		ck_assert_msg(spec.dir == rows[i].dir && spec.verb == rows[i].verb &&
				      spec.priority == rows[i].priority && !spec.rules &&
				      spec.hwif == rows[i].hwif,
			      "%s: %u %u %x", rows[i].text, spec.dir, spec.verb, spec.priority);
	}
}
END_TEST

START_TEST(test_policy_text_reads_rules)
{
	static const struct {
		const char *text;
		struct policy_rule rule;
		const char *src, *dst;
	} rows[] = {
		{"esp/tunnel/1.1.1.1-2.2.2.2/require",
		 {.mode = RULE_TUNNEL, .ends = RULE_ENDS_GIVEN, .level = RULE_REQUIRE},
		 "1.1.1.1",
		 "2.2.2.2"},
		{"esp / tunnel / 2001:db8::1 - 2001:db8::2 / use",
		 {.mode = RULE_TUNNEL, .ends = RULE_ENDS_GIVEN, .level = RULE_USE},
		 "2001:db8::1",
		 "2001:db8::2"},
		{"esp/tunnel/fe80::1%eth0.1-fe80::2%a_b/unique",
		 {.mode = RULE_TUNNEL,
		  .ends = RULE_ENDS_GIVEN,
		  .level = RULE_UNIQUE,
		  .scope = true},
		 "fe80::1",
		 "fe80::2"},
		{"esp/tunnel/1.1.1.1[4500]-2.2.2.2[30000]/unique:4294967295",
		 {.mode = RULE_TUNNEL,
		  .ends = RULE_ENDS_GIVEN,
		  .level = RULE_UNIQUE,
		  .reqid = UINT32_MAX,
		  .ports = true},
		 "1.1.1.1",
		 "2.2.2.2"},
		{"esp/tunnel/1.1.1.1-2.2.2.2",
		 {.mode = RULE_TUNNEL, .ends = RULE_ENDS_GIVEN},
		 "1.1.1.1",
		 "2.2.2.2"},
		{"esp/tunnel/1.1.1.1-2.2.2.2/default",
		 {.mode = RULE_TUNNEL, .ends = RULE_ENDS_GIVEN},
		 "1.1.1.1",
		 "2.2.2.2"},
		{"ah/transport//require",
		 {.proto = RULE_AH, .mode = RULE_TRANSPORT, .level = RULE_REQUIRE},
		 NULL,
		 NULL},
		{"ipcomp/transport", {.proto = RULE_IPCOMP, .mode = RULE_TRANSPORT}, NULL, NULL},
		{"esp/transport/", {.mode = RULE_TRANSPORT}, NULL, NULL},
		{"esp/transport//", {.mode = RULE_TRANSPORT}, NULL, NULL},
		{"esp/tunnel/me-any/require",
		 {.mode = RULE_TUNNEL, .ends = RULE_ENDS_ME_ANY, .level = RULE_REQUIRE},
		 NULL,
		 NULL},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct policy_rule want = rows[i].rule, got;
		char text[256] = "out ipsec ";
		struct policy_spec spec;

		if (rows[i].src) {
			ck_assert(ip_addr_parse(rows[i].src, &want.src));
			ck_assert(ip_addr_parse(rows[i].dst, &want.dst));
		}
		strcat(text, rows[i].text);
		spec = parse(text);
		ck_assert_uint_eq(spec.rules, 1);
		got = spec.rule[0];
		ck_assert_msg(got.proto == want.proto && got.mode == want.mode &&
				      got.ends == want.ends && got.level == want.level &&
				      got.reqid == want.reqid && got.ports == want.ports &&
				      got.scope == want.scope &&
				      ip_addr_equal(&got.src, &want.src) &&
				      ip_addr_equal(&got.dst, &want.dst),
			      "%s", text);
	}
}
END_TEST

START_TEST(test_policy_text_reads_bundles_in_order)
{
	struct policy_spec spec = parse("out ipsec esp/transport/ ah/transport//\n"
					"ipcomp/transport//use esp/tunnel/1.1.1.1-2.2.2.2/require");

	ck_assert_uint_eq(spec.rules, 4);
	ck_assert_int_eq(spec.rule[0].proto, RULE_ESP);
	ck_assert_int_eq(spec.rule[1].proto, RULE_AH);
	ck_assert_int_eq(spec.rule[2].proto, RULE_IPCOMP);
	ck_assert_int_eq(spec.rule[3].mode, RULE_TUNNEL);
}
END_TEST

START_TEST(test_policy_text_refuses)
{
	static const struct {
		const char *text, *why, *token;
		bool syntax;
	} rows[] = {
		{"", "Invalid argument", "", true},
		{"over none", "Invalid argument", "over", true},
		{"in drop", "Invalid argument", "drop", true},
		{"in none none", "Invalid argument", "none", true},
		{"in none esp/transport", "Invalid argument", "esp", true},
		{"in prio none", "Invalid argument", "none", true},
		{"in prio high + none", "Invalid argument", "none", true},
		{"in prio 2147483649 none",
		 "Priority offset not in valid range [-2147483647, 2147483648]", "2147483649",
		 false},
		{"in prio -2147483648 none",
		 "Priority offset not in valid range [-2147483647, 2147483648]", "2147483648",
		 false},
		{"in prio def + 1073741825 none",
		 "Priority offset not in valid range [-1073741823, 1073741824]", "1073741825",
		 false},
		{"in prio 99999999999999999999999 none",
		 "Priority offset not in valid range [-2147483647, 2147483648]",
		 "99999999999999999999999", false},
		{"in ipsec esp", "Too few arguments", "esp", false},
		{"in ipsec esp ah/transport", "Too few arguments", "ah", false},
		{"in ipsec esp-transport", "Invalid argument", "-", true},
		{"in ipsec tcp/tunnel", "Invalid argument", "tcp", true},
		{"in ipsec esp/", "Invalid argument", "/", true},
		{"in ipsec esp/both//use", "Invalid argument", "both", true},
		{"in ipsec esp/tunnel", "Invalid address specification", "tunnel", false},
		{"in ipsec esp/tunnel//require", "Invalid address specification", "require", false},
		{"in ipsec esp/tunnel/a.example-b.example/use", "Invalid argument", "a.example",
		 true},
		{"in ipsec esp/tunnel/1.1.1.1/use", "Invalid argument", "/", true},
		{"in ipsec esp/tunnel/1.1.1.1-/use", "Invalid argument", "/", true},
		{"in ipsec esp/tunnel/1.1.1.1-::2/use", "Family mismatch", "::2", false},
		{"in ipsec esp/tunnel/1.1.1.1[5]-2.2.2.2/use", "Invalid argument", "/", true},
		{"in ipsec esp/tunnel/1.1.1.1[65536]-2.2.2.2[1]/use", "Invalid argument", "65536",
		 true},
		{"in ipsec esp/tunnel/1.1.1.1[5-2.2.2.2[1]/use", "Invalid argument", "-", true},
		{"in ipsec esp/tunnel/me-any/use", "Invalid direction", "any", false},
		{"out ipsec esp/tunnel/any-me/use", "Invalid direction", "me", false},
		{"out ipsec esp/tunnel/me-me/use", "Invalid argument", "me", true},
		{"in ipsec esp/transport//maybe", "Invalid argument", "maybe", true},
		{"in ipsec esp/transport//unique:", "Invalid argument", "unique:", true},
		{"in ipsec esp/transport//unique:4294967296", "Invalid argument",
		 "unique:4294967296", true},
		{"in none -hwif", "Invalid argument", "hwif", true},
		{"in none -iface em0", "Invalid argument", "iface", true},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct policy_spec spec = {.rules = 99};
		struct policy_error err;

		ck_assert_msg(!policy_text_parse(rows[i].text, &spec, &err), "%s", rows[i].text);
		ck_assert_uint_eq(spec.rules, 99); /* written on success only */
		ck_assert_msg(!strcmp(err.text, rows[i].why) && !strcmp(err.token, rows[i].token) &&
				      err.syntax == rows[i].syntax,
			      "%s: %s at %s (%d)", rows[i].text, err.text, err.token, err.syntax);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy_text");
	TCase *tests = tcase_create("setkey");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, test_policy_text_reads_direction_priority_and_action);
	tcase_add_test(tests, test_policy_text_reads_rules);
	tcase_add_test(tests, test_policy_text_reads_bundles_in_order);
	tcase_add_test(tests, test_policy_text_refuses);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
