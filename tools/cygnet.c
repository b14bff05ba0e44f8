/*
 * cygnet.c: the operator's tool: its command line and the table of verbs. Each verb talks to a
 * running cygnetd through the XFRM socket.
 */
#include "tools/cygnet.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *form;
	const char *help;
	int (*run)(const struct cygnet_options *options, int argc, char **argv);
} verbs[] = {
	{"exec", "exec PROGRAM [ARG...]", "runs a program of the kernel's XFRM on cygnetd",
	 verb_exec},
	{"keys", "keys --wireshark DIR", "writes the keys of all SAs for Wireshark (root)",
	 verb_keys},
	{"status", "status [--json] [-a]", "what cygnetd does: tunnels, SAs, counters",
	 verb_status},
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

/* Verbs that are named in the documents and not here yet. */
static const char *const planned[] = {"up", "down", "load", "check"};

static void usage(FILE *out)
{
	fputs("usage: cygnet [--socket PATH] VERB ...\n\n", out);
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(out, "  %-24s %s\n", verbs[i].form, verbs[i].help);
	fputs("\n  --socket PATH            cygnetd's socket (else "
	      "$CYGNET_SOCKET, " CYGNET_SOCKET_DEFAULT ")\n"
	      "  --help, --version\n",
	      out);
}

static int unknown(const char *verb)
{
	const char *what = "no such verb";

	for (unsigned i = 0; i < sizeof(planned) / sizeof(planned[0]); i++) {
		if (!strcmp(planned[i], verb))
			what = "not available yet";
	}
	fprintf(stderr, "cygnet: %s: %s. There is:", verb, what);
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(stderr, " %s", verbs[i].name);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

static int run(const struct cygnet_options *options, int argc, char **argv)
{
	for (unsigned i = 0; i < VERBS; i++) {
		if (!strcmp(verbs[i].name, argv[0]))
			return verbs[i].run(options, argc, argv);
	}
	return unknown(argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct cygnet_options options = {0};
	int option, first;

	/* "+": what stands behind the verb is the verb's. */
	while ((option = getopt_long(argc, argv, "+hV", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options.socket_path = optarg;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("cygnet %s\n", CYGNET_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_FAILURE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_FAILURE;
	}
	first = optind;
	optind = 0; /* the verb parses its own options, from the start */
	return run(&options, argc - first, argv + first);
}
