/*
 * test_audit.c: what an audit line says (RFC 4303 §4, RFC 4301 §5.2), and that each verdict has its
 * own few lines a second.
 */
#include "gateway/dataplane/audit.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint32_t spi = 0x1004;
static const struct ip_view none;

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert(ip_addr_parse(text, &out));
	return out;
}

static struct ip_view view(const char *src, const char *dst, uint8_t proto, uint16_t sport,
			   uint16_t dport)
{
	struct ip_view v = {.src = addr(src), .dst = addr(dst), .proto = proto};

	v.version = v.src.family == AF_INET ? 4 : 6;
	v.has_ports = proto != IPPROTO_GRE;
	v.sport = sport;
	v.dport = dport;
	return v;
}

struct line_case {
	enum verdict verdict;
	bool outer, has_spi;
	uint64_t seq;
	struct ip_view flow;
	uint32_t missed;
	const char *expected;
};

static void check_line(const struct line_case *c)
{
	const struct ip_addr src = addr("192.0.2.1"), dst = addr("192.0.2.2");
	const struct audit_event event = {.verdict = c->verdict,
					  .src = c->outer ? &src : NULL,
					  .dst = c->outer ? &dst : NULL,
					  .spi = c->has_spi ? &spi : NULL,
					  .seq = c->seq,
					  .flow = c->flow.version ? &c->flow : NULL};
	char line[AUDIT_LINE_MAX];

	audit_format(&event, c->missed, line, sizeof(line));
	ck_assert_str_eq(line, c->expected);
}

START_TEST(test_line_names_the_packet)
{
	const struct line_case cases[] = {
		{V_RUNT, true, false, 0, none, 0,
		 "RUNT from 192.0.2.1 to 192.0.2.2: too short for "
		 "an ESP header and its trailer"},
		{V_NO_SA, true, true, 0, none, 0,
		 "NO_SA from 192.0.2.1 to 192.0.2.2 SPI 0x00001004: "
		 "no SA has this SPI and destination"},
		{V_ICV, true, true, 5000000000, none, 0,
		 "ICV from 192.0.2.1 to 192.0.2.2 SPI 0x00001004 sequence number 5000000000: "
		 "integrity check failed: damaged or wrong key"},
		{V_NO_IN_POLICY, true, true, 7, view("10.1.0.2", "10.2.0.2", IPPROTO_TCP, 4000, 80),
		 0,
		 "NO_IN_POLICY from 192.0.2.1 to 192.0.2.2 SPI 0x00001004 sequence number 7 "
		 "carrying "
		 "10.1.0.2 port 4000 to 10.2.0.2 port 80 protocol 6: no policy covers the "
		 "packet that came in"},
		{V_SELECTOR, true, true, 8, view("fd00::1", "fd00::2", IPPROTO_ICMPV6, 128, 0), 3,
		 "SELECTOR from 192.0.2.1 to 192.0.2.2 SPI 0x00001004 sequence number 8 carrying "
		 "fd00::1 to fd00::2 protocol 58 type 128 code 0: decrypted packet is outside the "
		 "SA's "
		 "selector (and 3 more before)"},
		{V_NO_OUT_POLICY, false, false, 0, view("10.1.0.2", "10.2.0.2", IPPROTO_GRE, 0, 0),
		 0,
		 "NO_OUT_POLICY 10.1.0.2 to 10.2.0.2 protocol 47: no policy covers the packet: "
		 "dropped"},
		{V_OUT_MALFORMED, false, false, 0, none, 0,
		 "OUT_MALFORMED: packet from the TUN device is not a valid IP packet"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_line(&cases[i]);
}
END_TEST

START_TEST(test_line_names_fragments_and_flow_labels)
{
	struct line_case c = {.verdict = V_NO_IN_POLICY,
			      .flow = view("fd00::1", "fd00::2", IPPROTO_UDP, 0, 0),
			      .expected = "NO_IN_POLICY fd00::1 to fd00::2 protocol 17 fragment at "
					  "1448 flow label 0x12345: no policy covers the packet "
					  "that came in"};

	c.flow.has_ports = false;
	c.flow.frag_off = 1448;
	c.flow.flow_label = 0x12345;
	check_line(&c);
}
END_TEST

START_TEST(test_line_is_cut_to_fit)
{
	const struct audit_event event = {.verdict = V_ICV};
	char line[] = "0123456789";

	audit_format(&event, 0, line, 8);
	ck_assert_str_eq(line, "ICV: in");
	ck_assert_str_eq(line + 8, "89");
}
END_TEST

/* Says so many of them and counts the lines on standard error. */
static unsigned lines_of(struct audit *a, enum verdict v, unsigned events, uint64_t now, char *last,
			 size_t size)
{
	const struct audit_event event = {.verdict = v};
	int pipes[2], err = dup(STDERR_FILENO);
	char text[8192];
	unsigned lines = 0;
	ssize_t len;

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_ge(dup2(pipes[1], STDERR_FILENO), 0);
	for (unsigned i = 0; i < events; i++)
		audit_say(a, &event, now);
	ck_assert_int_ge(dup2(err, STDERR_FILENO), 0);
	close(err);
	close(pipes[1]);
	len = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	last[0] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_uint_lt(strlen(line), size);
		memcpy(last, line, strlen(line) + 1);
		lines++;
	}
	return lines;
}

START_TEST(test_each_verdict_has_lines_of_its_own)
{
	struct audit a = {0};
	char last[AUDIT_LINE_MAX + 64];

	ck_assert_uint_eq(lines_of(&a, V_NO_SA, 100, 1000, last, sizeof(last)),
			  AUDIT_LINES_PER_SECOND);
	ck_assert_uint_eq(lines_of(&a, V_ICV, 2, 1000, last, sizeof(last)), 2);
	ck_assert_uint_eq(lines_of(&a, V_NO_SA, 1, 1000, last, sizeof(last)), 0);
	ck_assert_uint_eq(lines_of(&a, V_NO_SA, 1, 1001, last, sizeof(last)), 1);
	ck_assert_str_eq(last, "cygnetd: audit: NO_SA: no SA has this SPI and destination (and 96 "
			       "more before)");
	ck_assert_uint_eq(lines_of(&a, V_NO_SA, 1, 1001, last, sizeof(last)), 1);
	ck_assert_str_eq(last, "cygnetd: audit: NO_SA: no SA has this SPI and destination");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_line_names_the_packet);
	tcase_add_test(tcase, test_line_names_fragments_and_flow_labels);
	tcase_add_test(tcase, test_line_is_cut_to_fit);
	tcase_add_test(tcase, test_each_verdict_has_lines_of_its_own);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
