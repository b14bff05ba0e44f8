/*
 * verb_exec.c: "cygnet exec PROGRAM ARG...": becomes a program that was written for the kernel's
 * XFRM, with tools/shim/ loaded into it, so that it manages cygnetd's SAs.
 */
#include "tools/cygnet.h"
#include "tools/exec_target.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libcygnet-xfrm.so"
/* As the shell: there is no such program; there is, and it cannot be run. */
enum { STATUS_NOT_RUN = 126, STATUS_NOT_FOUND = 127 };

static int usage(FILE *out, int status)
{
	fputs("usage: cygnet exec PROGRAM [ARG...]\n\n"
	      "  Runs PROGRAM (ip, charon-systemd, pluto, ...) so that its sockets of the "
	      "kernel's\n"
	      "  XFRM lead to cygnetd instead. Programs it starts inherit that.\n",
	      out);
	return status;
}

/* From the program's own place to the library's, which differ by the same path in the build folder
 * and in every folder they are installed below. False: reported. */
static bool find_library(char path[PATH_MAX])
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	const size_t bindir = strlen(CYGNET_BINDIR);
	char *end;

	if (n < 0) {
		fprintf(stderr, "cygnet: exec: /proc/self/exe: %s\n", strerror(errno));
		return false;
	}
	own[n] = '\0';
	end = strrchr(own, '/'); /* before the program's name */
	if ((size_t)(end - own) >= bindir && strncmp(end - bindir, CYGNET_BINDIR, bindir) == 0)
		end -= bindir + 1;
	n = snprintf(path, PATH_MAX, "%.*s/" CYGNET_LIBDIR "/cygnet/" LIBRARY, (int)(end - own),
		     own);
	if (n >= PATH_MAX || access(path, R_OK) < 0) {
		fprintf(stderr, "cygnet: exec: no %s: is Cygnet installed whole?\n", path);
		return false;
	}
	/* The dynamic linker takes both for the end of a name. */
	if (strpbrk(path, " :")) {
		fprintf(stderr,
			"cygnet: exec: %s: cannot be loaded from a path with a blank or a colon\n",
			path);
		return false;
	}
	return true;
}

static bool preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *list = NULL;
	bool done;

	if (asprintf(&list, "%s%s%s", library, others && *others ? ":" : "", others ? others : "") <
	    0)
		return false;
	done = setenv("LD_PRELOAD", list, 1) == 0;
	free(list);
	return done;
}

/* Absolute, since daemons change their working directory. */
static bool name_socket(const char *path)
{
	char *absolute = NULL, cwd[PATH_MAX];
	const char *named = getenv(CYGNET_SOCKET_ENV);
	bool done;

	if (!path)
		path = named && *named ? named : CYGNET_SOCKET_DEFAULT;
	if (path[0] == '/')
		return setenv(CYGNET_SOCKET_ENV, path, 1) == 0;
	if (!getcwd(cwd, sizeof(cwd)) || asprintf(&absolute, "%s/%s", cwd, path) < 0)
		return false;
	done = setenv(CYGNET_SOCKET_ENV, absolute, 1) == 0;
	free(absolute);
	return done;
}

static int not_run(const char *program, const char *why, int status)
{
	fprintf(stderr, "cygnet: exec: %s: %s\n", program, why);
	return status;
}

int verb_exec(const struct cygnet_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	char library[PATH_MAX], path[PATH_MAX];
	const char *refusal;
	int option, rc;

	option = getopt_long(argc, argv, "+h", long_options, NULL);
	if (option != -1)
		return option == 'h' ? usage(stdout, EXIT_SUCCESS) : usage(stderr, EXIT_FAILURE);
	argv += optind;
	if (!argv[0])
		return usage(stderr, EXIT_FAILURE);
	rc = exec_target_find(argv[0], path, sizeof(path));
	if (rc == -ENOENT)
		return not_run(argv[0], "no such program", STATUS_NOT_FOUND);
	if (rc < 0)
		return not_run(argv[0], strerror(-rc), STATUS_NOT_RUN);
	refusal = exec_target_refusal(path);
	if (refusal)
		return not_run(path, refusal, STATUS_NOT_RUN);
	if (!find_library(library))
		return EXIT_FAILURE;
	if (!preload(library) || !name_socket(options->socket_path))
		return not_run(argv[0], strerror(errno), STATUS_NOT_RUN);
	execv(path, argv);
	return not_run(path, strerror(errno), STATUS_NOT_RUN);
}
