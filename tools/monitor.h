/*
 * monitor.h: setkey -x. Called by setkey.c.
 */
#ifndef CYGNET_TOOLS_MONITOR_H
#define CYGNET_TOOLS_MONITOR_H

#include "tools/session.h"

/* Prints what cygnetd or the kernel announces, for ever: a stamp (seconds: of the epoch, else of
 * the local clock), the message, a blank line. Returns when the connection or standard output is
 * gone: -errno, reported. */
int monitor(struct session *s, bool seconds);

#endif
