/*
 * ike-lite/create.h: what the files of CREATE_CHILD_SA tell each other: exchange_child.c, create_answer.c,
 * exchange_rekey.c; and what a child's end of IKE_AUTH shares with them.
 */
#ifndef CYGNET_IKE_CREATE_H
#define CYGNET_IKE_CREATE_H

#include "ike-lite/sa.h"

struct child;

/* The first error notify of an answer; 0: none. */
uint16_t create_error_in(const struct message *m);
/* True if the lower one of the nonces a and b is lower than the other exchange's lowest: octet by octet, §2.8. */
bool create_nonces_are_lower(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len,
			     const uint8_t *other, uint32_t other_len);
/* Keeps the lower one of an exchange's two nonces in a task: the rival's. */
void create_keep_rival_nonce(struct task *t, const uint8_t *a, uint32_t a_len, const uint8_t *b,
			     uint32_t b_len);
/* How long to wait after TEMPORARY_FAILURE. */
uint64_t create_later_ms(struct ike_sa *sa);

/* The child that the task under way asked for came up; was refused; or what was agreed on cannot be. */
void child_task_up(struct ike_sa *sa, struct child *c);
void child_refused(struct ike_sa *sa, uint16_t notify);
void child_deal_failed(struct ike_sa *sa, const char *why);

/* exchange_rekey.c */
void create_take_ike(struct ike_sa *sa, const struct message *m);
void create_answer_ike(struct ike_sa *sa, const struct message *m);
/* Of two IKE SAs that were made at once the peer's is the one: it succeeds sa, whose own rekey is still under
 * way. */
void create_rival_wins(struct ike_sa *sa);
/* The peer asks something under an IKE SA that it made while we were making one: to it, it is the one. */
void create_rival_is_used(struct ike_sa *rival);
/* to takes over children and tasks of from, which waits for its delete. */
void sa_succeed(struct ike_sa *from, struct ike_sa *to);

#endif
