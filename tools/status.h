/*
 * status.h: what "cygnet status" knows, and its two forms: one to read, one for machines. Keys
 * never come near it. Called by verb_status.c and the tests.
 */
#ifndef CYGNET_TOOLS_STATUS_H
#define CYGNET_TOOLS_STATUS_H

#include "xfrm/xfrm.h"

#include <jansson.h>
#include <stdio.h>

struct status_sa {
	struct sa_config config; /* without keys */
	struct sa_status status;
};

struct status_report {
	struct cygnet_status daemon;
	struct cygnet_tunnel *tunnels; /* owned */
	struct status_sa *sas;	       /* owned */
	size_t tunnels_len, sas_len;
	uint64_t now;	   /* wall clock, seconds */
	bool same_version; /* as cygnetd: else the counters' names are not sure */
	bool no_cygnetd;   /* cygnet-iked drives a kernel: there is ike only */
	json_t *ike;	   /* owned; cygnet-iked's IKE SAs; NULL: it does not run */
};

void status_report_free(struct status_report *report);
/* all: counters that stand at 0 too. */
void status_print(FILE *out, const struct status_report *report, bool all);
/* One JSON object and a newline. 0, -ENOMEM, -EIO. */
int status_print_json(FILE *out, const struct status_report *report);
/* status_ike.c */
void status_print_ike(FILE *out, const json_t *ike);

#endif
