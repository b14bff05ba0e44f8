/*
 * verb_tunnel.c: "cygnet up NAME", "down NAME", "rekey NAME": asks cygnet-iked, shows what happens, and
 * ends when it is done. NAME is a connection's, or with "/CHILD" behind it one child's.
 */
#include "tools/cygnet.h"
#include "tools/iked.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(FILE *out, const char *verb, int status)
{
	fprintf(out, "usage: cygnet %s [--timeout SECONDS] CONNECTION[/CHILD]\n\n", verb);
	if (strcmp(verb, "rekey") == 0)
		fputs("  Begins it; what becomes of it is in cygnet-iked's log, and new SPIs in\n"
		      "  cygnet status.",
		      out);
	else
		fputs("  Shows what happens until it is done or has failed.", out);
	fputs(" --timeout: no longer than\n  that without news (60; 0: for ever).\n", out);
	return status;
}

static void print_line(void *ctx, const json_t *answer)
{
	const char *line = json_string_value(json_object_get(answer, "line"));

	(void)ctx;
	if (line)
		puts(line);
}

static json_t *make_request(const char *verb, const char *name)
{
	const char *slash = strchr(name, '/');
	json_t *request = json_pack("{s:s,s:s%}", "verb", verb, "connection", name,
				    slash ? (size_t)(slash - name) : strlen(name));

	if (request && slash)
		(void)json_object_set_new(request, "child", json_string(slash + 1));
	return request;
}

static int ask(const char *verb, const char *name, unsigned timeout_s)
{
	json_t *last = NULL;
	const char *text;
	bool ok;
	int fd = -1, rc = iked_connect(&fd);

	if (rc == 0) {
		rc = iked_ask(fd, make_request(verb, name), print_line, NULL, timeout_s, &last);
		close(fd);
	}
	if (rc < 0) {
		iked_complain(verb, rc);
		return EXIT_FAILURE;
	}
	ok = json_is_true(json_object_get(last, "ok"));
	text = json_string_value(json_object_get(last, "text"));
	if (text && ok)
		puts(text);
	else if (text)
		fprintf(stderr, "cygnet: %s: %s\n", verb, text);
	json_decref(last);
	return ok && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_tunnel(const struct cygnet_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"timeout", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned long timeout_s = 60;
	char *end = "";
	int option;

	(void)options;
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 't')
			timeout_s = strtoul(optarg, &end, 10);
		else
			return option == 'h' ? usage(stdout, argv[0], EXIT_SUCCESS)
					     : usage(stderr, argv[0], EXIT_FAILURE);
	}
	if (optind != argc - 1 || *end || timeout_s > 86400)
		return usage(stderr, argv[0], EXIT_FAILURE);
	return ask(argv[0], argv[optind], (unsigned)timeout_s);
}
