/*
 * leftovers.h: what a cygnet-iked that was killed left in XFRM. Its reqids stand in a file of the state
 * directory, so that the next one knows which SAs and policies are not somebody else's. They stay in
 * place for a while, so that traffic flows until there is something new, and then go.
 */
#ifndef CYGNET_IKED_LEFTOVERS_H
#define CYGNET_IKED_LEFTOVERS_H

#include "gateway/dataplane/privileges.h"
#include "gateway/iked/installed.h"

struct leftovers;

/* As root: makes the directory if it is missing, reads the file. 0 and *out (owned); -errno, logged. */
int leftovers_open(struct leftovers **out, const char *state_dir, const struct run_as *run_as,
		   uint64_t now_ms) __attribute__((warn_unused_result));
void leftovers_close(struct leftovers *leftovers); /* NULL is fine */

/* What is installed has changed: writes down its reqids, if they are others. */
void leftovers_note(struct leftovers *leftovers, const struct installed *installed);
/* Sweeps when it is time. */
void leftovers_sweep(struct leftovers *leftovers, const struct installed *installed,
		     struct xfrm_link *link, uint64_t now_ms);
/* An orderly end: all is taken away, now. */
void leftovers_forget(struct leftovers *leftovers, const struct installed *installed,
		      struct xfrm_link *link);

#endif
