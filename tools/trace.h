/*
 * trace.h: one message of the XFRM protocol as setkey -v and -x print it, in the shape its traces
 * have always had. Never a key: its length stands for it, and in hex dumps zeros do. Called by the
 * executor, the dumps and the monitor.
 */
#ifndef CYGNET_TOOLS_TRACE_H
#define CYGNET_TOOLS_TRACE_H

#include "xfrm/xfrm.h"

#include <stdio.h>

struct trace_options {
	bool on;  /* -v */
	bool hex; /* -H: the bytes too */
};

/* The message, and a blank line behind it. */
void trace_message(FILE *out, const struct trace_options *o, const struct xfrm_message *msg);
/* How a request was answered: 0 or a refusal. */
void trace_answer(FILE *out, int code);

#endif
