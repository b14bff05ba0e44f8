/*
 * ike-lite/explain.h: what happened, in a line that a person can act on: what we have and what the peer
 * has side by side, and file and line of what to change.
 */
#ifndef CYGNET_IKE_EXPLAIN_H
#define CYGNET_IKE_EXPLAIN_H

#include "ike-lite/actions.h"
#include "ike-lite/sa.h"

struct child;

/* Each writes text and returns it. */
const char *explain_no_answer(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX]);
/* The peer refused to set up: what it said, in IKE_SA_INIT or IKE_AUTH. */
const char *explain_setup_refused(const struct ike_sa *sa, uint16_t notify,
				  char text[static EVENT_TEXT_MAX]);
/* We could not ask for IKE_AUTH: mostly for want of a secret. */
const char *explain_no_secret(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX]);
/* The peer refused a child, or its rekey. */
const char *explain_child_refused(const struct ike_sa *sa, const struct kid *kid, uint16_t notify,
				  const struct bargain *b, bool is_rekey,
				  char text[static EVENT_TEXT_MAX]);
/* We refuse: our proposals against the peer's. */
const char *explain_no_proposal(const struct conn *conn, const struct kid *kid,
				struct ike_span theirs, char text[static EVENT_TEXT_MAX]);
const char *explain_no_selectors(const struct conn *conn, const struct ike_ts_list *ours_local,
				 const struct ike_ts_list *ours_remote,
				 const struct ike_ts_list *theirs_local,
				 const struct ike_ts_list *theirs_remote,
				 char text[static EVENT_TEXT_MAX]);
/* No connection has who the peer says it is and whom it wants; nearest: one whose addresses and algorithms fitted. */
const char *explain_not_known(const struct conn *nearest, const struct ike_id *local,
			      const struct ike_id *wanted, const struct ike_id *remote,
			      const char *what, char text[static EVENT_TEXT_MAX]);
/* We refuse to believe who the peer says it is. */
const char *explain_not_authentic(const struct conn *conn, const struct ike_id *local,
				  const struct ike_id *remote, const char *what,
				  char text[static EVENT_TEXT_MAX]);
const char *explain_group(const struct conn *conn, const struct kid *kid, uint16_t ours,
			  uint16_t theirs, char text[static EVENT_TEXT_MAX]);
/* A child that is up: selectors, suite. */
const char *explain_child(const struct child *c, char text[static EVENT_TEXT_MAX]);
/* An IKE SA that is up: who, suite. */
const char *explain_ike(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX]);
/* "NO_PROPOSAL_CHOSEN", or a number. */
const char *explain_notify(uint16_t type, char buf[static 32]);

#endif
