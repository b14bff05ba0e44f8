/*
 * daemon.h: cygnetd as one object: its parts, in the order in which they come up, and the events
 * that tie them together.
 */
#ifndef CYGNET_DAEMON_H
#define CYGNET_DAEMON_H

#include "gateway/dataplane/options.h"

/* Runs cygnetd until a signal ends it. 0 after a clean stop, -errno (logged) if it could not start. */
int daemon_run(const struct options *options);

#endif
