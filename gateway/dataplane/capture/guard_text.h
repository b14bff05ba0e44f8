/*
 * guard_text.h: a guard plan in the language of nft(8), for guard.c; its parts for default_text.c too.
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
/* What makes this table, with plan from, into one with plan to, which has the same shape. */
void guard_text_changes(FILE *out, const char *table, const struct guard_plan *from,
			const struct guard_plan *to);

/* Of a table: its sets; and of a chain: the rules that ask those of one hook. */
void guard_text_sets(FILE *out, const struct guard_plan *plan);
void guard_text_rules(FILE *out, const struct guard_plan *plan, uint8_t hook);

#endif
