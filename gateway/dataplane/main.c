/*
 * main.c: cygnetd, the data plane of Cygnet. See daemon.c for what it is made of.
 */
#include "gateway/dataplane/daemon.h"

#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct options options;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_FAILURE;
	}
	log_init(options.log_level);
	/* A client that goes away while it is answered is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	return daemon_run(&options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
