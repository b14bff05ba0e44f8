/*
 * command_line.h: what setkey was asked to do. Read by setkey.c.
 */
#ifndef CYGNET_TOOLS_COMMAND_LINE_H
#define CYGNET_TOOLS_COMMAND_LINE_H

#include "tools/session.h"

enum mode {
	MODE_NONE,
	MODE_SCRIPT,
	MODE_STDIN,
	MODE_ARGUMENT,
	MODE_DUMP,
	MODE_FLUSH,
	MODE_MONITOR
};

struct command_line {
	enum mode mode;
	int fd;		    /* of the script; -1: none */
	const char *script; /* of -e; what is left of it */
	bool policies;	    /* -P */
	unsigned x;	    /* how many -x: two of them count seconds */
	struct session session;
};

/* Reads the options; the script of -f is opened meanwhile, so that one that is not there ends the
 * program at once. -1 to go on, else the exit status: usage and version, printed, or what was wrong
 * with the options, told. */
int command_line_parse(struct command_line *cl, int argc, char **argv);
/* setkey has always ended so, with 1, on standard output. */
int command_line_usage(enum setkey_dialect dialect);
int command_line_version(void);

#endif
