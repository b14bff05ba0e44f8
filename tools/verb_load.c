/*
 * verb_load.c: "cygnet check FILE" and "cygnet load [FILE]": becomes cygnet-iked, which knows the
 * language, with --check or --load. It stands beside this program, or in the sbin next to its bin.
 */
#include "tools/cygnet.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM	     "cygnet-iked"
#define CONFIG_USUAL "/etc/cygnet/cygnet.conf"

static int usage(FILE *out, const char *verb, int status)
{
	if (!strcmp(verb, "check"))
		fputs("usage: cygnet check FILE\n\n"
		      "  Says whether the file is right, and what it will do. See "
		      "cygnet.conf(5).\n",
		      out);
	else
		fputs("usage: cygnet load [FILE]\n\n"
		      "  Gives the file (" CONFIG_USUAL
		      ") to the cygnet-iked that runs. Tunnels that "
		      "did\n"
		      "  not change stay up; a file that is wrong changes nothing.\n",
		      out);
	return status;
}

/* False: it is nowhere. */
static bool find_program(char path[PATH_MAX])
{
	static const char *const places[] = {"", "../sbin/"};
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n < 0)
		return false;
	own[n] = '\0';
	slash = strrchr(own, '/');
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(path, PATH_MAX, "%.*s/%s" PROGRAM, (int)(slash - own), own,
				   places[i]);

		if (len < PATH_MAX && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

int verb_load(const struct cygnet_options *options, int argc, char **argv)
{
	bool check = !strcmp(argv[0], "check");
	const char *file = argc > 1 ? argv[1] : CONFIG_USUAL;
	char path[PATH_MAX];

	(void)options;
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout, argv[0], EXIT_SUCCESS);
	if (argc > 2 || (check && argc != 2) || file[0] == '-')
		return usage(stderr, argv[0], EXIT_FAILURE);
	if (!find_program(path)) {
		fprintf(stderr, "cygnet: %s: no " PROGRAM ": is Cygnet installed whole?\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	execl(path, PROGRAM, check ? "--check" : "--load", "--config", file, (char *)NULL);
	fprintf(stderr, "cygnet: %s: %s: %s\n", argv[0], path, strerror(errno));
	return EXIT_FAILURE;
}
