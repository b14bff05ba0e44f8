/*
 * tests/unit/gateway/test_iked_control.c: cygnet-iked's control socket when there are no descriptors, or no memory,
 * for one more client: it rests, and then serves who waited.
 */
#include "gateway/iked/control.h"
#include "gateway/iked/iked.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- surroundings ------------------------------------------------------------------------------------- */

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

static unsigned accepts;
static int shortage; /* what the next accept fails with, once; 0: it does what it does */

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int error = shortage;

	accepts++;
	shortage = 0;
	if (!error)
		return __real_accept4(fd, addr, len, flags);
	errno = error;
	return -1;
}

void control_serve(struct control_client *client, const json_t *request, int fd)
{
	(void)request;
	(void)fd;
	control_done(client, true, "served");
}

void iked_pump(struct iked *d)
{
	(void)d;
}

static struct iked iked;
static struct control *control;
static struct sockaddr_un at = {.sun_family = AF_UNIX};

static void set_up(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* A name of the process's own that no file stands for. */
	ck_assert_int_ge(snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "test_iked_control-%d",
				  (int)getpid()),
			 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	accepts = 0;
	iked.base = event_base_new();
	ck_assert_ptr_nonnull(iked.base);
	ck_assert_int_eq(control_open(&control, &iked, fd), 0);
}

static void tear_down(void)
{
	control_close(control);
	event_base_free(iked.base);
}

/* Connects, and says something. */
static int client_new(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(send(fd, "{}", 2, 0), 2);
	return fd;
}

/* What is to be done at once; nothing is waited for. */
static void turn(unsigned times)
{
	while (times--)
		(void)event_base_loop(iked.base, EVLOOP_NONBLOCK);
}

static bool is_served(int fd)
{
	char buf[128] = "";

	return recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT) > 0 && strstr(buf, "served");
}

/* ---- shortage -------------------------------------------------------------------------------------------- */

static const int shortages[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};

START_TEST(test_control_rests_in_a_shortage)
{
	int fd = client_new();

	shortage = shortages[_i];
	turn(20);
	ck_assert_uint_eq(accepts, 1);
	ck_assert(!is_served(fd));
	/* The next thing that happens is that it is rested, and what was waiting is there. */
	for (unsigned n = 0; n < 4 && accepts < 2; n++)
		(void)event_base_loop(iked.base, EVLOOP_ONCE);
	ck_assert_uint_eq(accepts, 2);
	turn(5);
	ck_assert(is_served(fd));
	close(fd);
	/* And it listens on. */
	fd = client_new();
	turn(5);
	ck_assert(is_served(fd));
	close(fd);
}
END_TEST

/* The real thing: not one descriptor more. */
START_TEST(test_control_rests_without_descriptors)
{
	int fd = client_new(), next = dup(fd);
	struct rlimit old, none;

	ck_assert_int_ge(next, 0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(20);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(accepts, 1);
	for (unsigned n = 0; n < 4 && accepts < 2; n++)
		(void)event_base_loop(iked.base, EVLOOP_ONCE);
	turn(5);
	ck_assert(is_served(fd));
	close(fd);
}
END_TEST

/* A client that has gone again is no shortage. */
static const int others[] = {EINTR, ECONNABORTED, EAGAIN};

START_TEST(test_control_goes_on_else)
{
	int fd = client_new();

	shortage = others[_i];
	turn(5);
	ck_assert_uint_eq(accepts, 2);
	ck_assert(is_served(fd));
	close(fd);
}
END_TEST

/* Ends while it rests. */
START_TEST(test_control_closes_while_it_rests)
{
	int fd = client_new();

	shortage = EMFILE;
	turn(2);
	ck_assert_uint_eq(accepts, 1);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("iked control");
	TCase *tc = tcase_create("shortage");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_control_rests_in_a_shortage, 0, (int)ARRAY_LEN(shortages));
	tcase_add_test(tc, test_control_rests_without_descriptors);
	tcase_add_loop_test(tc, test_control_goes_on_else, 0, (int)ARRAY_LEN(others));
	tcase_add_test(tc, test_control_closes_while_it_rests);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
