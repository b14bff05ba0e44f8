/*
 * cygnet.c: the operator's tool: its command line and the table of verbs. Each verb talks to a
 * running cygnetd through the XFRM socket, or to cygnet-iked.
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
	{"check", "check FILE", "says whether a configuration is right, and what it will do",
	 verb_load},
	{"down", "down NAME[/CHILD]", "takes a tunnel down", verb_tunnel},
	{"exec", "exec PROGRAM [ARG...]", "runs a program of the kernel's XFRM on cygnetd",
	 verb_exec},
	{"keys", "keys --wireshark DIR", "writes the keys of all SAs for Wireshark (root)",
	 verb_keys},
	{"load", "load [FILE]", "gives cygnet-iked a new configuration", verb_load},
	{"rekey", "rekey NAME[/CHILD]", "new keys now", verb_tunnel},
	{"status", "status [--json] [-a]", "what there is: tunnels, SAs, counters", verb_status},
	{"up", "up NAME[/CHILD]", "brings a tunnel up", verb_tunnel},
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void usage(FILE *out)
{
	fputs("usage: cygnet [--socket PATH] VERB ...\n\n", out);
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(out, "  %-24s %s\n", verbs[i].form, verbs[i].help);
	fputs("\n  --socket PATH            cygnetd's socket (else "
	      "$CYGNET_SOCKET, " CYGNET_SOCKET_DEFAULT ")\n"
	      "  cygnet-iked is found at $" CYGNET_IKED_SOCKET_ENV ", " CYGNET_IKED_SOCKET_DEFAULT
	      "\n"
	      "  --help, --version\n",
	      out);
}

static int unknown(const char *verb)
{
	fprintf(stderr, "cygnet: %s: no such verb. There is:", verb);
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
