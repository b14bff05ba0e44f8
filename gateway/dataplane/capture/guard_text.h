/*
 * guard_text.h: a guard plan in the language of nft(8), for guard.c.
 */
#ifndef CYGNET_GUARD_TEXT_H
#define CYGNET_GUARD_TEXT_H

#include "gateway/dataplane/capture/guard_plan.h"

#include <stdio.h>

#define GUARD_TABLE   "cygnet_guard_" /* and the generation's number */
#define GUARD_COUNTER "dropped"

/* The whole table in place of one of that name: one transaction. tun: the device whose packets
 * are opened ones. */
void guard_text_table(FILE *out, unsigned generation, const char *tun,
		      const struct guard_plan *plan);
/* What makes a table with plan from into one with plan to, which has the same shape. */
void guard_text_changes(FILE *out, unsigned generation, const struct guard_plan *from,
			const struct guard_plan *to);

#endif
