/*
 * program.h: runs a program against the fake server and keeps what it said. For the tests of whole
 * programs.
 */
#ifndef CYGNET_TEST_PROGRAM_H
#define CYGNET_TEST_PROGRAM_H

enum { PROGRAM_TEXT_MAX = 65536 };

struct program_result {
	int status; /* exit status; -1: killed by a signal */
	char out[PROGRAM_TEXT_MAX];
	char err[PROGRAM_TEXT_MAX];
};

/* argv ends with NULL; argv[0] is the program's path. input goes to its standard input. Times are
 * UTC. */
void program_run(const char *const *argv, const char *socket_path, const char *input,
		 struct program_result *result);

/* The same without input, until piece stood so often in its output; then it is killed, and the
 * status is -1. Fails the test after ten seconds. */
void program_run_until(const char *const *argv, const char *socket_path, const char *piece,
		       unsigned times, struct program_result *result);

#endif
