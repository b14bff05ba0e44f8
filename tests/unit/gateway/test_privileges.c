/*
 * test_privileges.c: what /proc/PID/status says after privileges are dropped is what privileges.h
 * promises, and the system calls that would matter to an intruder are refused. Every step happens
 * in a child. Needs root, exit 77 without.
 */
#include "gateway/dataplane/privileges.h"

#include <cap-ng.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct run_as nobody = {65534, 65533};

/* Runs fn in a child; a failed need() there fails the test here. */
static void in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

__attribute__((format(printf, 2, 3))) static void need(bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	va_start(args, format);
	vdprintf(STDERR_FILENO, format, args);
	va_end(args);
	dprintf(STDERR_FILENO, " (errno %d)\n", errno);
	_exit(1);
}

/* The text after "name:" in a status file, without white space at its ends. */
static void status_field(const char *path, const char *name, char out[static 256])
{
	char text[8192], wanted[64], *line, *end;
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	need(len > 0, "reading %s", path);
	close(fd);
	text[len] = '\0';
	snprintf(wanted, sizeof(wanted), "\n%s:", name);
	line = strstr(text, wanted);
	need(line, "%s has no %s", path, name);
	line += strlen(wanted);
	line += strspn(line, " \t");
	end = line + strcspn(line, "\n");
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	snprintf(out, 256, "%.*s", (int)(end - line), line);
}

static void need_field(const char *path, const char *name, const char *wanted)
{
	char got[256];

	status_field(path, name, got);
	need(strcmp(got, wanted) == 0, "%s: %s is \"%s\", not \"%s\"", path, name, got, wanted);
}

#ifdef CYGNET_SANITIZED
#define SECCOMP_MODE "0"
#else
#define SECCOMP_MODE "2"
#endif

static void need_dropped(const char *path)
{
	/* cap_net_admin is bit 12, cap_net_raw bit 13. */
	static const char *const rows[][2] = {
		{"Uid", "65534\t65534\t65534\t65534"},
		{"Gid", "65533\t65533\t65533\t65533"},
		{"Groups", ""},
		{"CapInh", "0000000000000000"},
		{"CapPrm", "0000000000003000"},
		{"CapEff", "0000000000003000"},
		{"CapBnd", "0000000000000000"},
		{"CapAmb", "0000000000000000"},
		{"NoNewPrivs", "1"},
		{"Seccomp", SECCOMP_MODE},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		need_field(path, rows[i][0], rows[i][1]);
}

static void *wait_for_ever(void *arg)
{
	*(_Atomic pid_t *)arg = gettid();
	for (;;)
		pause();
	return NULL;
}

static void drop_all(void)
{
	static const gid_t extra[] = {1, 2, 3};

	need(setgroups(3, extra) == 0, "setgroups");
	need(privileges_guard_memory() == 0, "guard_memory");
	need(privileges_check(PRIVILEGES_DATAPLANE) == 0, "check");
	need(privileges_drop(&nobody, PRIVILEGES_DATAPLANE) == 0, "drop");
	need(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0,
	     "still not dumpable after the change of user");
}

static void drop_and_read_status(void)
{
	_Atomic pid_t tid = 0;
	pthread_t thread;
	char path[64];

	drop_all();
	need(pthread_create(&thread, NULL, wait_for_ever, (void *)&tid) == 0, "thread");
	while (!tid)
		sched_yield();
	need(privileges_seccomp(false) == 0, "seccomp");
	need_dropped("/proc/self/status");
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	need_dropped(path);
}

START_TEST(test_drop_leaves_two_capabilities)
{
	in_child(drop_and_read_status);
}
END_TEST

static void come_back(void)
{
	drop_all();
	need(setuid(0) < 0 && errno == EPERM, "setuid(0) must fail");
	need(seteuid(0) < 0 && errno == EPERM, "seteuid(0) must fail");
	need(setgid(0) < 0 && errno == EPERM, "setgid(0) must fail");
	need(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES, "/etc/shadow must be closed");
	need(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ESP) >= 0,
	     "a raw socket is what is kept");
}

START_TEST(test_drop_cannot_be_undone)
{
	in_child(come_back);
}
END_TEST

static void drop_to_root(void)
{
	const struct run_as root = {0, 0};

	need(privileges_drop(&root, PRIVILEGES_DATAPLANE) == -EINVAL, "root is no user to drop to");
	need(getuid() == 0, "nothing changed");
}

START_TEST(test_drop_refuses_root)
{
	in_child(drop_to_root);
}
END_TEST

static void check_without(void)
{
	need(privileges_check(PRIVILEGES_DATAPLANE) == 0, "root has them all");
	capng_clear(CAPNG_SELECT_BOTH);
	need(capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_SETUID,
			   CAP_SETGID, CAP_SETPCAP, -1) == 0,
	     "all but CAP_NET_RAW");
	need(capng_apply(CAPNG_SELECT_CAPS) == 0, "apply");
	need(privileges_check(PRIVILEGES_DATAPLANE) == -EPERM, "one is missing");
}

START_TEST(test_check_names_what_is_missing)
{
	int pipe_fd[2], status;
	char text[512] = "";
	ssize_t len;
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(pipe_fd[1], STDERR_FILENO);
		check_without();
		_exit(0);
	}
	close(pipe_fd[1]);
	len = read(pipe_fd[0], text, sizeof(text) - 1);
	close(pipe_fd[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(len, 0);
	ck_assert_ptr_nonnull(strstr(text, "cap_net_raw"));
	ck_assert_ptr_null(strstr(text, "cap_net_admin"));
}
END_TEST

/* The number behind name in a file of lines "name: number" or of one number. */
static long read_value(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	long value = -1;

	need(file != NULL, "%s", path);
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 0);
	}
	fclose(file);
	return value;
}

static void guard(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	/* Locking takes CAP_SYS_RESOURCE, which a container's root may lack. */
	bool may_lock = setrlimit(RLIMIT_MEMLOCK, &limit) == 0;

	need(read_value("/proc/self/coredump_filter", "") != 0, "memory is dumped by default");
	need(privileges_guard_memory() == 0, "guard_memory");
	need(privileges_guard_memory() == 0, "twice is once");
	need(read_value("/proc/self/coredump_filter", "") == 0, "no memory in dumps");
#ifndef CYGNET_SANITIZED
	need((read_value("/proc/self/status", "VmLck:") > 0) == may_lock, "memory is locked");
#else
	(void)may_lock;
#endif
	need(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "not dumpable");
	need(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0,
	     "no core file");
}

START_TEST(test_guard_memory_keeps_keys_in_memory)
{
	in_child(guard);
}
END_TEST

#ifndef CYGNET_SANITIZED

static void *answer(void *arg)
{
	*(int *)arg = 42;
	return NULL;
}

static void forbidden_calls(void)
{
	char *const argv[] = {(char *)"true", NULL};
	void *page;

	drop_all();
	need(privileges_seccomp(false) == 0, "seccomp");
	need(execv("/bin/true", argv) < 0 && errno == EPERM, "execve");
	need(fork() < 0 && errno == EPERM, "fork");
	need(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM, "ptrace");
	need(mount("none", "/mnt", "tmpfs", 0, NULL) < 0 && errno == EPERM, "mount");
	need(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 && errno == EPERM, "dumpable");
	need(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM, "socket of another family");
	need(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM, "packet socket");
	need(socket(AF_XDP, SOCK_RAW, 0) < 0 && errno == EPERM, "AF_XDP unasked");
	need(unshare(CLONE_NEWUSER) < 0 && errno == EPERM, "unshare");
	need(kill(getppid(), 0) < 0 && errno == EPERM, "kill");
	page = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page == MAP_FAILED && errno == EPERM, "writable code");
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "memory");
	need(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM, "data made code");
}

START_TEST(test_seccomp_refuses_what_an_intruder_needs)
{
	in_child(forbidden_calls);
}
END_TEST

static void daily_work(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	static const int families[] = {AF_UNIX, AF_NETLINK, AF_INET, AF_INET6};
	pthread_t thread;
	int value = 0, fd, pair[2], epoll;
	void *big;

	drop_all();
	need(privileges_seccomp(false) == 0, "seccomp");
	need(pthread_create(&thread, NULL, answer, &value) == 0, "a thread");
	need(pthread_join(thread, NULL) == 0 && value == 42, "ran");
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		fd = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC, 0);
		need(fd >= 0, "socket of family %d", families[i]);
		close(fd);
	}
	need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) == 0, "epoll");
	need(send(pair[1], "x", 1, 0) == 1 && epoll_wait(epoll, &event, 1, 1000) == 1, "wait");
	fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY);
	need(fd >= 0, "a sysctl");
	close(fd);
	big = malloc(64 << 20);
	need(big, "much memory");
	memset(big, 1, 64 << 20);
	big = realloc(big, 96 << 20);
	need(big, "more memory");
	free(big);
}

START_TEST(test_seccomp_allows_the_daily_work)
{
	in_child(daily_work);
}
END_TEST

static void fast_work(void)
{
	int fd;

	drop_all();
	need(privileges_seccomp(true) == 0, "seccomp");
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	need(fd >= 0 || errno == EAFNOSUPPORT, "AF_XDP"); /* not every kernel has it */
	need(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM, "packet socket");
}

START_TEST(test_seccomp_allows_the_fast_sender_its_sockets)
{
	in_child(fast_work);
}
END_TEST

static void abort_once(void)
{
	drop_all();
	need(privileges_seccomp(false) == 0, "seccomp");
	abort();
}

START_TEST(test_seccomp_lets_an_assertion_end_the_program)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		abort_once();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert(!WCOREDUMP(status));
}
END_TEST

#endif

START_TEST(test_lookup_finds_users)
{
	const struct {
		const char *user;
		int rc;
		uid_t uid;
	} rows[] = {
		{"root", 0, 0},
		{"0", 0, 0},
		{"nobody", 0, 65534},
		{"65534", 0, 65534},
		{"", -ENOENT, 0},
		{"no-such-user", -ENOENT, 0},
		{"0x0", -ENOENT, 0},
		{"-1", -ENOENT, 0},
		{"4294967295", -ENOENT, 0},
		{" 0", -ENOENT, 0},
		{"4294967296", -ENOENT, 0},
		{"99999999999999999999", -ENOENT, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run_as run_as = {7, 7};

		ck_assert_msg(run_as_lookup(rows[i].user, &run_as) == rows[i].rc, "\"%s\"",
			      rows[i].user);
		ck_assert_uint_eq(run_as.uid, rows[i].rc ? 7 : rows[i].uid);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("privileges");
	TCase *tc = tcase_create("privileges");
	SRunner *runner;
	int failed;

	if (geteuid() != 0) {
		puts("needs root: skipped");
		return 77;
	}
	tcase_add_test(tc, test_lookup_finds_users);
	tcase_add_test(tc, test_guard_memory_keeps_keys_in_memory);
	tcase_add_test(tc, test_check_names_what_is_missing);
	tcase_add_test(tc, test_drop_leaves_two_capabilities);
	tcase_add_test(tc, test_drop_cannot_be_undone);
	tcase_add_test(tc, test_drop_refuses_root);
#ifndef CYGNET_SANITIZED
	tcase_add_test(tc, test_seccomp_refuses_what_an_intruder_needs);
	tcase_add_test(tc, test_seccomp_allows_the_daily_work);
	tcase_add_test(tc, test_seccomp_allows_the_fast_sender_its_sockets);
	tcase_add_test(tc, test_seccomp_lets_an_assertion_end_the_program);
#endif
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
