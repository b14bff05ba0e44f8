/*
 * execute.h: does what a statement says. Called by setkey.c for each statement of a script, and for
 * what -D and -F ask.
 */
#ifndef CYGNET_TOOLS_EXECUTE_H
#define CYGNET_TOOLS_EXECUTE_H

#include "tools/resolve.h"
#include "tools/session.h"

/* Refuses what Cygnet does not do, checks, looks names up and sends. */
enum statement_result execute(struct session *s, const struct statement *st);

/* -D, -DP, -F, -FP; line 0. 0 or the refusal, reported. */
int execute_dump(struct session *s, unsigned line, enum sproto sproto);
int execute_dump_policies(struct session *s, unsigned line);
int execute_flush(struct session *s, unsigned line, enum sproto sproto);
int execute_flush_policies(struct session *s, unsigned line);

/* ---- between execute.c and its siblings --------------------------------------------------- */

/* False: a name could not be resolved; reported. */
enum statement_result execute_sa(struct session *s, const struct statement *st);
enum statement_result execute_policy(struct session *s, const struct statement *st);
/* A statement that was to change something failed, err->text says why. */
void execute_refused(struct session *s, const struct statement *st, const struct xfrm_error *err);

#endif
