/*
 * main.c: cygnet-iked, IKEv2 for Cygnet. See daemon.c for what it is made of.
 */
#include "gateway/iked/check.h"
#include "gateway/iked/iked.h"

#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct iked_options options;
	int rc;

	switch (iked_options_parse(argc, argv, &options)) {
	case IKED_PARSED:
		break;
	case IKED_DONE:
		return EXIT_SUCCESS;
	case IKED_WRONG:
		return EXIT_FAILURE;
	}
	log_name("cygnet-iked");
	log_init(options.log_level);
	/* A client that goes away while it is answered is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	switch (options.task) {
	case IKED_CHECK:
		rc = iked_check(&options);
		break;
	case IKED_LOAD:
		rc = iked_load(&options);
		break;
	default:
		rc = iked_run(&options);
	}
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
