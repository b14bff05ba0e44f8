/*
 * dump.h: what setkey -D and -DP print. The first lines of each entry are an interface: scripts
 * grep them, so they are byte for byte what setkey has always printed. Called by the executor.
 */
#ifndef CYGNET_TOOLS_DUMP_H
#define CYGNET_TOOLS_DUMP_H

#include "tools/dialect.h"
#include "tools/trace.h"
#include "xfrm/xfrm.h"

#include <stdio.h>

struct dump_options {
	FILE *out;
	bool ports;	     /* -p */
	bool sockets;	     /* -N: leave out per-socket policies, say how many */
	bool interface_only; /* -t: policies bound to an interface, of which there are none */
	enum setkey_dialect dialect;
	bool short_form; /* -l: one line an SA, and nothing for none */
	struct trace_options trace;
	int64_t pid;  /* ours, shown as pid= */
	uint64_t now; /* wall clock, seconds */
};

/* One entry; seq counts down to 0 at the last. */
void dump_sa(const struct dump_options *o, const struct xfrm_sa *sa, unsigned seq);
void dump_policy(const struct dump_options *o, const struct xfrm_policy *policy, unsigned seq);

/* -l: the heading, and one SA in a line. */
void dump_short_heading(FILE *out);
void dump_sa_short(const struct dump_options *o, const struct xfrm_sa *sa);
/* How old it is at o->now, in seconds, and what has become of it: "mature". */
uint64_t dump_sa_age(const struct dump_options *o, const struct xfrm_sa *sa);
const char *dump_sa_state(const struct dump_options *o, const struct xfrm_sa *sa);
/* Under -v: the entry as the message it came in. */
void dump_trace(const struct dump_options *o, struct xfrm_message *msg);

/* All of them, asked for from the server; proto 0 is any. 0, -ENOMEM, or the refusal. */
int dump_all_sas(const struct dump_options *o, struct xfrm_client *client, uint8_t proto,
		 struct xfrm_error *err);
int dump_all_policies(const struct dump_options *o, struct xfrm_client *client,
		      struct xfrm_error *err);

/* "Mar  3 09:00:00 2025", local time; 20 blanks for 0, never. */
enum { DUMP_TIME_LEN = 21 };
const char *dump_time(uint64_t when, char buf[static 32]);

#endif
