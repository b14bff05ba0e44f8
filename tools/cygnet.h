/*
 * cygnet.h: what the verbs of cygnet share. One verb is one file, verb_<name>.c; the table that
 * names them stands in cygnet.c.
 */
#ifndef CYGNET_TOOLS_CYGNET_H
#define CYGNET_TOOLS_CYGNET_H

#include "xfrm/xfrm.h"

struct cygnet_options {
	const char *socket_path; /* NULL: the default */
};

/* argv[0] is the verb. Each returns the exit status and has said what went wrong. */
/* check, load */
int verb_load(const struct cygnet_options *options, int argc, char **argv);
/* up, down, rekey */
int verb_tunnel(const struct cygnet_options *options, int argc, char **argv);
int verb_exec(const struct cygnet_options *options, int argc, char **argv);
int verb_keys(const struct cygnet_options *options, int argc, char **argv);
int verb_status(const struct cygnet_options *options, int argc, char **argv);

#endif
