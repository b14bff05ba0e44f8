/*
 * options.h: cygnetd's command line.
 */
#ifndef CYGNET_OPTIONS_H
#define CYGNET_OPTIONS_H

#include "gateway/dataplane/log.h"

struct options {
	const char
		*socket_path; /* borrowed from argv, the environment or a constant, as all here */
	const char *tun_name;
	const char *state_dir;
	const char *user;
	enum log_level log_level;
	bool fragment_after; /* ESP, not before */
	unsigned dummies_s;  /* apart on average, for SAs that send dummy packets */
	unsigned workers;    /* packet threads: 1, or 2, one for each direction */
	enum wire_choice { WIRE_AUTO, WIRE_RAW, WIRE_FAST } wire;
	enum crypto_choice { CRYPTO_AUTO, CRYPTO_OPENSSL, CRYPTO_IPSEC_MB } crypto;
};

enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* Fills out from the command line and CYGNET_SOCKET. OPTIONS_DONE: --help or --version was printed;
 * OPTIONS_WRONG: a message with option, value and what was expected was printed. */
enum options_result options_parse(int argc, char **argv, struct options *out);

#endif
