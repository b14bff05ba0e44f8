/*
 * test_fast.c: the fast sender's control side, with doubles of what finds next hops, opens AF_XDP and
 * waits for readers: the packet thread never sees a port that is closed, one that failed is opened
 * anew, and a question too many does no harm.
 */
#include "gateway/dataplane/fast/fast.h"

#include "gateway/dataplane/fast/next_hop.h"
#include "gateway/dataplane/rcu.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IFINDEX = 7, PATIENCE_S = 20 };

struct xdp_port {
	int ifindex;
	bool broken;
};

static struct event_base *base;
static struct fast *fast;
static struct ways *ways;

/* The doubles' state. */
static bool queue_taken; /* by a port that is not released yet */
static unsigned opened;
static struct xdp_port *retired; /* waits for the packet thread */
static const char *no_way;	 /* why next hops are not found */

/* ---- doubles -------------------------------------------------------------------------------- */

void next_hop_find(struct rtnl *r, uint32_t mark, const struct ip_addr *src,
		   const struct ip_addr *dst, struct next_hop *out)
{
	(void)r;
	(void)mark;
	(void)src;
	*out = (struct next_hop){
		.why_not = no_way, .neighbour = *dst, .ifindex = IFINDEX, .mtu = 1500};
}

void next_hop_use(struct rtnl *r, const struct next_hop *hop)
{
	(void)r;
	(void)hop;
}

int xdp_open(struct xdp_port **out, int ifindex, uint32_t mark)
{
	(void)mark;
	if (queue_taken)
		return -EBUSY;
	*out = calloc(1, sizeof(**out));
	ck_assert_ptr_nonnull(*out);
	(*out)->ifindex = ifindex;
	queue_taken = true;
	opened++;
	return 0;
}

void xdp_close(void *port)
{
	free(port);
	queue_taken = false;
}

bool xdp_is_broken(const struct xdp_port *port)
{
	return port->broken;
}

uint8_t *xdp_room(struct xdp_port *port)
{
	(void)port;
	return NULL;
}

void xdp_put(struct xdp_port *port, uint32_t len)
{
	(void)len;
	ck_abort_msg("put into %p", (void *)port);
}

void xdp_flush(struct xdp_port *port, uint64_t verdicts[static V_COUNT])
{
	(void)port;
	(void)verdicts;
}

static struct way_table *table(void)
{
	return atomic_load(&ways->table);
}

/* What is retired must be out of reach by then: readers that begin now are not waited for. */
void rcu_retire(void *ptr, void (*free_fn)(void *ptr))
{
	if (free_fn != xdp_close) {
		free_fn(ptr);
		return;
	}
	for (unsigned i = 0; i < table()->count; i++)
		ck_assert_msg(table()->at[i].port != ptr, "peer %u is sent to by a port that goes",
			      i);
	ck_assert_ptr_null(retired);
	retired = ptr;
}

/* The packet thread has gone on. */
static void release(void)
{
	if (retired)
		xdp_close(retired);
	retired = NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(fast_open(&fast, base, 0), 0);
	ways = fast_ways(fast);
}

static void teardown(void)
{
	no_way = NULL;
	release();
	/* No reader is left: what is retired now may be in the table. */
	atomic_load(&ways->table)->count = 0;
	fast_close(fast);
	release();
	event_base_free(base);
}

static struct ip_addr address(uint8_t last)
{
	const uint8_t bytes[4] = {192, 0, 2, last};

	return ip_addr_v4(bytes);
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

/* A packet to this peer, and what control makes of the question. */
static void send_to(uint8_t peer)
{
	const struct wire_tx tx = {.dest = {.src = address(1), .dst = address(peer), .df = true}};
	uint64_t verdicts[V_COUNT] = {0};

	ck_assert_uint_eq(ways_send(ways, &tx, 1, verdicts), 0);
	turn();
}

static void expect_status(const char *text)
{
	char got[128];

	fast_describe(fast, got, sizeof(got));
	ck_assert_str_eq(got, text);
}

static void wait_for_port(void)
{
	const time_t end = time(NULL) + PATIENCE_S;

	while (!table()->at[0].port) {
		ck_assert_msg(time(NULL) < end, "no port in %d s", PATIENCE_S);
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	}
}

START_TEST(test_fast_a_port_that_failed_is_opened_anew)
{
	send_to(2);
	expect_status("AF_XDP to 1 of 1 peers");
	ck_assert_uint_eq(opened, 1);
	table()->at[0].port->broken = true;
	send_to(3); /* the next reason to look */
	/* Not at once: it would only meet itself. */
	ck_assert_ptr_nonnull(retired);
	ck_assert_uint_eq(opened, 1);
	ck_assert_ptr_null(table()->at[0].port);
	ck_assert_ptr_null(table()->at[1].port);
	expect_status(
		"AF_XDP to 0 of 2 peers; else raw sockets: AF_XDP failed here, to be tried again");
	release();
	wait_for_port();
	ck_assert_uint_eq(opened, 2);
	ck_assert_ptr_eq(table()->at[0].port, table()->at[1].port);
	expect_status("AF_XDP to 2 of 2 peers");
}
END_TEST

/* It comes back before the port that nobody used is really gone. */
START_TEST(test_fast_a_way_that_comes_back_at_once_gets_its_port)
{
	send_to(2);
	no_way = "no plain route";
	send_to(3);
	ck_assert_ptr_nonnull(retired);
	no_way = NULL;
	send_to(4);
	ck_assert_ptr_null(table()->at[0].port);
	release();
	wait_for_port();
	expect_status("AF_XDP to 3 of 3 peers");
}
END_TEST

/* Another program's socket, say: nothing tells when it goes. */
START_TEST(test_fast_a_queue_that_is_taken_is_asked_for_again)
{
	queue_taken = true;
	send_to(2);
	ck_assert_ptr_null(table()->at[0].port);
	expect_status("AF_XDP to 0 of 1 peers; else raw sockets: "
		      "interface taken by another AF_XDP socket");
	queue_taken = false;
	wait_for_port();
	expect_status("AF_XDP to 1 of 1 peers");
}
END_TEST

START_TEST(test_fast_a_question_too_many_is_read_and_dropped)
{
	struct pollfd asked = {.events = POLLIN};
	const uint64_t one = 1;

	for (unsigned i = 0; i < WAYS_MAX; i++)
		send_to((uint8_t)(2 + i));
	expect_status("AF_XDP to 64 of 64 peers");
	ck_assert_uint_eq(table()->count, WAYS_MAX);
	/* From a packet thread that did not see the last table yet. */
	ways->asked_src = address(1);
	ways->asked_dst = address(200);
	atomic_store(&ways->asked, true);
	ck_assert_int_eq(write(ways->event_fd, &one, sizeof(one)), sizeof(one));
	turn();
	asked.fd = ways->event_fd;
	ck_assert_int_eq(poll(&asked, 1, 0), 0); /* or the loop would never sleep again */
	ck_assert_uint_eq(table()->count, WAYS_MAX);
	expect_status("AF_XDP to 64 of 64 peers");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fast");
	TCase *tc = tcase_create("ports");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 2 * PATIENCE_S);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_fast_a_port_that_failed_is_opened_anew);
	tcase_add_test(tc, test_fast_a_way_that_comes_back_at_once_gets_its_port);
	tcase_add_test(tc, test_fast_a_queue_that_is_taken_is_asked_for_again);
	tcase_add_test(tc, test_fast_a_question_too_many_is_read_and_dropped);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
