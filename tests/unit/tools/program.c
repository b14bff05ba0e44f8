/* program.c: see program.h. Output goes to unnamed files, so nothing has to be read in time. */
#include "program.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int memory_file(const char *text)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	if (text) {
		ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
		ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	}
	return fd;
}

static void read_back(int fd, char *text)
{
	ssize_t len;

	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	len = read(fd, text, PROGRAM_TEXT_MAX - 1);
	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	close(fd);
}

static pid_t start(const char *const *argv, const char *socket_path, int in, int out, int err)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		setenv("TZ", "UTC", 1);
		setenv("LC_ALL", "C", 1);
		setenv("CYGNET_SOCKET", socket_path, 1);
		/* exec takes the strings as they are and changes none. */
		execv(argv[0], (char *const *)(const void *)argv);
		_exit(127);
	}
	return pid;
}

void program_run(const char *const *argv, const char *socket_path, const char *input,
		 struct program_result *result)
{
	int in = memory_file(input), out = memory_file(NULL), err = memory_file(NULL);
	pid_t pid = start(argv, socket_path, in, out, err);
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	close(in);
	read_back(out, result->out);
	read_back(err, result->err);
}

static unsigned occurrences(const char *text, const char *piece)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, piece)); at += strlen(piece))
		n++;
	return n;
}

void program_run_until(const char *const *argv, const char *socket_path, const char *piece,
		       unsigned times, struct program_result *result)
{
	int in = memory_file(NULL), out = memory_file(NULL), err = memory_file(NULL);
	pid_t pid = start(argv, socket_path, in, out, err);
	unsigned waits = 0;
	ssize_t len;

	do {
		usleep(10000);
		len = pread(out, result->out, PROGRAM_TEXT_MAX - 1, 0);
		ck_assert_int_ge(len, 0);
		result->out[len] = '\0';
	} while (occurrences(result->out, piece) < times && ++waits < 1000);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &result->status, 0), pid);
	result->status = -1;
	close(in);
	read_back(out, result->out);
	read_back(err, result->err);
	ck_assert_msg(waits < 1000, "%s", result->out);
}
