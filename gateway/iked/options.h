/*
 * options.h: cygnet-iked's command line.
 */
#ifndef CYGNET_IKED_OPTIONS_H
#define CYGNET_IKED_OPTIONS_H

#include "gateway/dataplane/log.h"

#include <stdbool.h>

enum iked_task {
	IKED_RUN,
	IKED_CHECK, /* says whether the file is right and what it will do */
	IKED_LOAD,  /* hands the file to the daemon that runs */
};

/* Strings are borrowed from argv, the environment or constants. */
struct iked_options {
	enum iked_task task;
	const char *config_path;
	bool config_given;	 /* on the command line: then it must be there */
	const char *socket_path; /* of cygnetd; NULL: the usual one */
	bool kernel;
	bool no_invalid_selectors; /* RFC 4301 §5.2: the administrator says whether they are sent */
	const char *control_path;
	const char *state_dir;
	const char *user;
	enum log_level log_level;
};

enum iked_parsed { IKED_PARSED, IKED_DONE, IKED_WRONG };

/* IKED_DONE: --help or --version was printed; IKED_WRONG: it was said what is. */
enum iked_parsed iked_options_parse(int argc, char **argv, struct iked_options *out);

#endif
