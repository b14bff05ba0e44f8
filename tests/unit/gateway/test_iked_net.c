/*
 * test_iked_net.c: what cygnet-iked's sockets say about this host's addresses.
 */
#include "gateway/iked/net.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many descriptors may be open. */
static void allow_descriptors(rlim_t count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Nobody has the third one, RFC 5737; a link-local one is none without its link. */
static const struct {
	const char *addr;
	bool ours;
} addresses[] = {{"127.0.0.1", true},
		 {"127.200.3.4", true},
		 {"203.0.113.77", false},
		 {"::1", true},
		 {"fe80::77", false}};

START_TEST(test_net_knows_the_hosts_addresses)
{
	struct ip_addr addr;

	ck_assert(ip_addr_parse(addresses[_i].addr, &addr));
	ck_assert(net_is_ours(&addr) == addresses[_i].ours);
}
END_TEST

/* An address is not gone because something else went wrong: a tunnel would be given up for it. */
START_TEST(test_net_keeps_addresses_it_cannot_ask_about)
{
	struct ip_addr addr;
	rlim_t before;
	struct rlimit limit;
	int lowest;

	ck_assert(ip_addr_parse("203.0.113.77", &addr));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(lowest, 0);
	close(lowest);
	allow_descriptors((rlim_t)lowest);
	ck_assert_int_lt(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 0);
	ck_assert(net_is_ours(&addr));
	allow_descriptors(before);
	ck_assert(!net_is_ours(&addr));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iked net");
	TCase *tc = tcase_create("net");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_net_knows_the_hosts_addresses, 0,
			    (int)(sizeof(addresses) / sizeof(addresses[0])));
	tcase_add_test(tc, test_net_keeps_addresses_it_cannot_ask_about);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
