/*
 * ike-lite/wishes.h: what is wanted to be up, and by whom: commands, configuration, ACQUIREs, and what is
 * to come back after an end.
 */
#ifndef CYGNET_IKE_WISHES_H
#define CYGNET_IKE_WISHES_H

#include "ike-lite/sa.h"

struct child;

/* What an ACQUIRE says. */
struct flow {
	uint32_t seq;
	struct ike_ts local, remote;
};

/* The ends between which a connection would be made. 0; -EHOSTUNREACH. */
int conn_ends(const struct ike *ike, const struct conn *conn, struct ike_ends *out);
/* An IKE SA of the connection that is up, or on its way there by our doing; NULL. */
struct ike_sa *conn_sa(const struct ike *ike, const struct conn *conn);
/* Wants a child up: asks the IKE SA that is there, or begins one. flow may be NULL. 0, or why it
 * cannot be. */
int wish_child(struct ike *ike, struct conn *conn, struct kid *kid, uint32_t request,
	       const struct flow *flow);
/* Answers who waits for a task, if it was the last one of that request. */
void wish_answer(struct ike_sa *sa, struct task *t, enum ike_event_kind kind, const char *text);
/* The request has been answered: no other task answers it again. 0 is nobody's. */
void wish_forget(struct ike *ike, uint32_t request);
/* True if a task other than but has this request. */
bool wish_is_waited_for(const struct ike *ike, uint32_t request, const struct task *but);
/* The request to be answered with a child that came up: 0 if other tasks of it are still to be done. */
uint32_t wish_settle(struct ike *ike, const struct task *t);
/* A child ended by the peer's doing: what action asks for. */
void wish_after_end(struct ike *ike, struct conn *conn, struct kid *kid, enum ike_start action);
/* An IKE SA is given up in favour of a new one, which its children are to come back on; their packets are held until
 * then. False: there is none, since the configuration has no address of the peer to begin with, or is another one by
 * now, or memory is short. Nothing is held then: whose policies keep traffic from leaving in clear stays. */
bool wish_replacement(struct ike_sa *sa);
/* Where both ends began the same at once, one is enough, and both must choose the same: what the end of the lower
 * identity began goes, by its doing. SPIs would not do: a rekey changes them. True if that is us. */
bool wish_ours_gives_way(const struct ike_sa *sa);
/* sa came up: if both ends began one, it or its twin goes. */
void wish_one_of_twins(struct ike_sa *sa);

/* Tasks of sa, which is not up, that another IKE SA of its connection has fulfilled or can take over by now: the
 * peer may have begun in the meantime. */
void wish_hand_over(struct ike_sa *sa);

#endif
