/*
 * default_text.h: what drops packets without a policy, in the language of nft(8), for default_block.c.
 */
#ifndef CYGNET_DEFAULT_TEXT_H
#define CYGNET_DEFAULT_TEXT_H

#include "gateway/dataplane/capture/fib_rules.h"
#include "gateway/dataplane/capture/guard_plan.h"

#include <stdio.h>

#define DEFAULT_TABLE "cygnet_default"

struct default_rules {
	bool block[POLICY_DIRS];
	const char *tun;	       /* the device of the tunnels */
	const struct fib_marks *marks; /* of sealed packets, beside ours */
	const struct guard_plan *plan; /* guard_plan_any's, of the directions blocked */
};

/* The counter of what is dropped in a direction; there is none while it is not blocked. */
const char *default_text_counter(enum policy_dir dir);
/* The whole table in place of what there is of that name: one transaction. */
void default_text_table(FILE *out, const struct default_rules *rules);

#endif
