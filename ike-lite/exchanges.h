/*
 * ike-lite/exchanges.h: the four exchanges, both ends of each. A take_request answers; a take_answer goes on
 * with what the answer says. Their message is authentic, IKE_SA_INIT's apart.
 */
#ifndef CYGNET_IKE_EXCHANGES_H
#define CYGNET_IKE_EXCHANGES_H

#include "ike-lite/sa.h"

struct ike;

/* ---- exchange_init.c, init_answer.c: §1.2 ----------------------------------------------------------- */

/* Sends IKE_SA_INIT, or sends it again with what was asked for. False: it could not be made. */
bool init_ask(struct ike_sa *sa);
void init_take_answer(struct ike_sa *sa, const struct message *m);
/* A stranger's. May leave a half-open IKE SA. */
void init_take_request(struct ike *ike, const struct message *m);
/* Keys of a half-open IKE SA, when its first encrypted message comes. False: they cannot be had; it is
 * over then. */
bool init_make_keys(struct ike_sa *sa);
/* NAT_DETECTION_* of an IKE SA, §2.23. */
void init_put_nat(struct ike_sa *sa, struct ike_writer *w);
void init_look_for_nat(struct ike_sa *sa, const struct message *m);

/* ---- exchange_auth.c, auth_answer.c -------------------------------------------------------------------- */

bool auth_ask(struct ike_sa *sa);
void auth_take_answer(struct ike_sa *sa, const struct message *m);
void auth_take_request(struct ike_sa *sa, const struct message *m);

/* ---- exchange_child.c, exchange_rekey.c: §1.3 ------------------------------------------------------------ */

bool create_child_ask(struct ike_sa *sa); /* TASK_CHILD, TASK_REKEY_CHILD */
bool create_ike_ask(struct ike_sa *sa);	  /* TASK_REKEY_IKE */
void create_take_request(struct ike_sa *sa, const struct message *m);
void create_take_answer(struct ike_sa *sa, const struct message *m);

/* ---- exchange_info.c: §1.4 --------------------------------------------------------------------------------- */

bool info_ask(struct ike_sa *sa); /* the other tasks */
void info_take_request(struct ike_sa *sa, const struct message *m);
void info_take_answer(struct ike_sa *sa, const struct message *m);

#endif
