/*
 * test_log.c: lines of the log, and how few of them strangers can cause (RFC 4303 §4 asks for audit
 * lines and lets them be limited).
 */
#include "gateway/dataplane/log.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BUF = 16384 };

static int log_fd, saved_stderr;

static void setup(void)
{
	log_fd = memfd_create("log", 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert(log_fd >= 0 && saved_stderr >= 0);
	ck_assert_int_ge(dup2(log_fd, STDERR_FILENO), 0);
	log_init(LOG_LEVEL_INFO);
}

static void teardown(void)
{
	(void)dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_fd);
}

/* What was written since the last call. */
static const char *written(char buf[static LOG_BUF])
{
	ssize_t n = pread(log_fd, buf, LOG_BUF - 1, 0);

	ck_assert_int_ge(n, 0);
	buf[n] = '\0';
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
	return buf;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
		n++;
	return n;
}

/* The clock that log_packet reads. */
static time_t second_of(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return now.tv_sec;
}

static void begin_second(void)
{
	for (time_t before = second_of(); second_of() == before;)
		usleep(1000);
}

START_TEST(test_packet_lines_are_few_a_second)
{
	char buf[LOG_BUF];
	const char *text;

	for (int try = 0; try < 5; try++) {
		time_t began;

		begin_second();
		began = second_of();
		(void)written(buf);
		for (int i = 0; i < 25; i++)
			log_packet("number %d", i);
		if (second_of() == began) /* else the machine was too slow to tell: again */
			break;
	}
	text = written(buf);
	ck_assert_uint_eq(count(text, "cygnetd: packet: number "), 10);
	ck_assert_uint_eq(count(text, "\n"), count(text, "cygnetd: "));
	begin_second();
	log_packet("number %d", 25);
	text = written(buf);
	ck_assert_ptr_nonnull(strstr(text, "cygnetd: 15 packet messages suppressed\n"));
	ck_assert_ptr_nonnull(strstr(text, "cygnetd: packet: number 25\n"));
}
END_TEST

START_TEST(test_levels_choose_lines)
{
	static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						LOG_LEVEL_DEBUG};
	char buf[LOG_BUF];

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const char *text;

		log_init(levels[i]);
		log_err("an error");
		log_warnx("a warning");
		log_info("a word");
		log_debug("a detail");
		text = written(buf);
		ck_assert_uint_eq(count(text, "\n"), i + 1);
		ck_assert_uint_eq(count(text, "cygnetd: error: an error\n"), 1);
		ck_assert_uint_eq(count(text, "cygnetd: debug: a detail\n"), i == 3);
	}
}
END_TEST

START_TEST(test_lines_are_cut_not_split)
{
	char buf[LOG_BUF], word[3000];
	const char *text;

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	errno = ENOENT;
	log_warn("%s", word);
	ck_assert_int_eq(errno, ENOENT);
	text = written(buf);
	ck_assert_uint_eq(count(text, "\n"), 1);
	ck_assert_uint_le(strlen(text), 1024);
	log_warn("opening");
	ck_assert_str_eq(written(buf), "cygnetd: warning: opening: No such file or directory\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_packet_lines_are_few_a_second);
	tcase_add_test(tc, test_levels_choose_lines);
	tcase_add_test(tc, test_lines_are_cut_not_split);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
