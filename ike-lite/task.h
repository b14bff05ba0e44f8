/*
 * ike-lite/task.h: what we want to ask of the peer. Tasks of an IKE SA wait in a queue, since the
 * window is one request (RFC 7296 §2.3); the one under way keeps what its answer needs.
 */
#ifndef CYGNET_IKE_TASK_H
#define CYGNET_IKE_TASK_H

#include "ike-lite/config.h"
#include "ike-lite/dh.h"

struct child;
struct ike_sa;

enum task_kind {
	TASK_CHILD, /* a new child: in IKE_AUTH, or by CREATE_CHILD_SA */
	TASK_REKEY_CHILD,
	TASK_DELETE_CHILD,
	TASK_REKEY_IKE,
	TASK_DELETE_IKE,
	TASK_PROBE,  /* an empty INFORMATIONAL: are you there? §2.4 */
	TASK_NOTIFY, /* INVALID_SELECTORS */
	TASK_DISOWN, /* deletes a child that the peer made and we did not: spi is ours */
};

enum { TASK_NONCE_LEN = 32, TASK_NOTE_MAX = 64 };

/* What a CREATE_CHILD_SA or IKE_AUTH offered, to be held against the answer. */
struct bargain {
	struct ike_dh *dh; /* owned; NULL: no KE was sent */
	uint16_t group;	   /* to offer next; 0: as configured */
	uint8_t group_retries;
	uint8_t nonce[TASK_NONCE_LEN];
	uint32_t spi_in;
	uint64_t new_spi; /* of an IKE SA */
	struct ike_ts_list local_ts, remote_ts;
	unsigned proposal_count;
	struct ike_proposal proposals[IKE_PROPOSALS_MAX];
};

struct task {
	struct task *next; /* owned */
	enum task_kind kind;
	struct kid *kid;     /* a reference: TASK_CHILD */
	struct child *child; /* borrowed; a child that ends takes its tasks along */
	uint32_t request;    /* who waits for it; 0: nobody */
	uint64_t not_before;
	uint32_t acquire_seq;
	bool has_flow; /* the ACQUIRE's packet */
	bool beside;   /* a child was up already when it came */
	struct ike_ts flow_local, flow_remote;
	bool preflight;	   /* a rekey that only looks whether rekeys will work */
	unsigned refusals; /* TEMPORARY_FAILUREs so far */
	uint32_t spi;	   /* TASK_NOTIFY: of ESP */
	uint8_t note[TASK_NOTE_MAX];
	uint32_t note_len;
	/* Under way. */
	struct bargain bargain;
	uint32_t
		dead_spi; /* the peer deleted this before we knew of it: maybe what is being made */
	/* The peer rekeys the same at the same time, §2.8.1, §2.8.2: what it made, and the lowest of its
	 * exchange's two nonces. */
	struct child *rival_child; /* borrowed */
	struct ike_sa *rival_sa;   /* borrowed */
	bool rival_won;		   /* the peer goes on with it already */
	uint8_t rival_nonce[IKE_NONCE_MAX];
	uint32_t rival_nonce_len;
};

struct task *task_new(enum task_kind kind);
void task_free(struct task *t); /* NULL is fine; cleanses */
/* Forgets what was offered, before it is offered anew. */
void bargain_reset(struct bargain *b);

#endif
