/* program.c: see program.h. Output goes to unnamed files, so nothing has to be read in time. */
#include "program.h"

#include <check.h>
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

void program_run(const char *const *argv, const char *socket_path, const char *input,
		 struct program_result *result)
{
	int in = memory_file(input), out = memory_file(NULL), err = memory_file(NULL);
	int status;
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
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	close(in);
	read_back(out, result->out);
	read_back(err, result->err);
}
