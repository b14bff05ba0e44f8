/*
 * ike-lite/sa.h: one IKE SA: its phase, the request of ours that is under way, the answer we gave last,
 * its child SAs, and what it is still to ask. Message IDs: a window of one each way, RFC 7296 §2.2, §2.3.
 *
 *     we begin      INIT_SENT --> AUTH_SENT --> UP --> REKEYED or DELETING --> gone
 *                       ^-- WAITING <--'
 *     they begin    HALF_OPEN ----------------> UP     (FAILED: only the last answer is kept)
 */
#ifndef CYGNET_IKE_SA_H
#define CYGNET_IKE_SA_H

#include "ike-lite/config.h"
#include "ike-lite/cookie.h"
#include "ike-lite/frag.h"
#include "ike-lite/keys.h"
#include "ike-lite/message.h"
#include "ike-lite/payload.h"
#include "ike-lite/task.h"

struct ike;
struct child;

enum sa_phase {
	SA_WAITING, /* nothing sent yet, or to try again at retry_at */
	SA_INIT_SENT,
	SA_AUTH_SENT,
	SA_HALF_OPEN, /* we answered IKE_SA_INIT */
	SA_UP,
	SA_REKEYED,  /* its successor has the children */
	SA_DELETING, /* our delete is under way */
	SA_FAILED,   /* answers repetitions until expire_at */
	SA_DEAD,     /* freed at the end of the call */
};

enum {
	DATAGRAMS_MAX = 64,   /* fragments of a message of ours */
	SETUP_ROUNDS_MAX = 6, /* cookies and groups asked for, before we give up */
	TASKS_MAX = 256,      /* of an IKE SA */
	CHILDREN_MAX = 64,    /* of an IKE SA, by the peer's wish */
};

/* A message as it goes out: one datagram, or RFC 7383 fragments one behind the other. */
struct datagrams {
	uint8_t *bytes; /* owned */
	uint32_t len;
	unsigned count;
	uint16_t lens[DATAGRAMS_MAX];
};
void datagrams_free(struct datagrams *d);

/* Needed until IKE_AUTH is over. */
struct setup {
	struct ike_dh *dh; /* owned */
	uint16_t group;
	uint8_t nonce[TASK_NONCE_LEN];
	uint8_t peer_nonce[IKE_NONCE_MAX];
	uint32_t peer_nonce_len;
	uint8_t *peer_ke; /* owned; the shared secret waits until it is needed */
	uint32_t peer_ke_len;
	/* What AUTH covers, §2.15: IKE_SA_INIT of both. Owned. */
	uint8_t *own_init, *peer_init;
	uint32_t own_init_len, peer_init_len;
	uint8_t cookie[IKE_COOKIE_MAX];
	uint32_t cookie_len;
	unsigned rounds;
	bool use_ppk; /* both said USE_PPK */
	uint16_t
		refused; /* an error notify nobody vouches for: taken at refused_at, if nothing better came */
	uint64_t refused_at;
	uint64_t started_at;
};

struct ike_sa {
	struct ike *ike;
	struct ike_sa *next, *prev; /* of all */
	struct ike_sa *hash_next;   /* by our SPI */
	struct ike_sa *half_next;   /* half-open ones, by the peer's SPI */
	struct conn *conn;	    /* a reference; of a stranger: the one whose proposal fitted */
	enum sa_phase phase;
	bool initiator;
	bool line_is_ours; /* we began the first one, of which rekeys made it */
	bool replaced;	   /* has a successor: its end is no news */
	bool is_half_open; /* stands in that table, and is counted */
	uint64_t spi_i, spi_r;
	struct ike_ends ends;
	bool nat_here, nat_there, fragmentation, ppk;
	struct ike_proposal suite; /* as chosen */
	struct ike_keys keys;	   /* cleansed; if has_keys */
	bool has_keys;
	struct setup *setup; /* owned; NULL once up */
	struct ike_id local_id, remote_id;
	bool vips_are_ours; /* else the peer's */
	unsigned vip_count;
	struct ip_addr vips[2];

	/* Our request under way. */
	bool asking;
	uint8_t asked_exchange;
	uint32_t next_request; /* message ID of the next one, or of this one */
	struct datagrams request;
	unsigned tries;
	uint64_t resend_at, resend_after_ms;
	struct ike_frags answer_parts;

	/* Their requests. */
	uint32_t next_expected;
	struct datagrams answer; /* to next_expected - 1 */
	struct ike_frags request_parts;

	struct task *tasks;	/* owned queue */
	struct task *active;	/* owned: whose request is under way */
	struct child *children; /* owned */

	/* When things are due; UINT64_MAX: never. */
	uint64_t up_at, rekey_at, over_at, expire_at, retry_at, keepalive_at, probe_at;
	uint64_t heard_at;
	unsigned attempts;
};

static inline uint64_t sa_our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

/* A message that was opened, or came in the clear. */
struct message {
	const struct ike_header *h;
	const struct ike_ends *ends;
	struct ike_span whole; /* the datagram, if it was one */
	struct ike_payloads list;
};

/* Up, and not one of two that a collision made, of which it may be the one that goes. */
static inline bool sa_is_current(const struct ike_sa *sa)
{
	return sa->phase == SA_UP && !sa->replaced;
}

/* ---- sa.c: life --------------------------------------------------------------------------------- */

/* A new IKE SA in the list; our SPI is the one given, or a new one. NULL: no memory. */
struct ike_sa *sa_new(struct ike *ike, struct conn *conn, bool initiator,
		      const struct ike_ends *ends, uint64_t spi);
struct setup *setup_new(void);
void setup_free(struct setup *s); /* NULL is fine; cleanses */
void sa_free(struct ike_sa *sa);  /* out of the list too */
/* Authenticated, or rekeyed: it lives. */
void sa_is_up(struct ike_sa *sa);
/* Without a word to the peer: marks it dead, to be freed at the end of the call into the machine. Its
 * children go first, and its tasks fail; why is told if it was up, or ours. */
void sa_end(struct ike_sa *sa, const char *why);
/* Refused, or ended by the peer: forgotten but for the answer, which is repeated for a while. */
void sa_keep_answer(struct ike_sa *sa);
/* The peer was found elsewhere: moves the children too. */
void sa_move(struct ike_sa *sa, const struct ike_ends *ends);
/* True if ESP goes in UDP, RFC 7296 §2.23. */
bool sa_uses_udp(const struct ike_sa *sa);

/* ---- sa_timers.c --------------------------------------------------------------------------------- */

/* Sets the times of rekey and end, from now. */
void sa_set_times(struct ike_sa *sa);
/* Its successor has the children: waits for the peer's delete. */
void sa_wait_for_delete(struct ike_sa *sa);
/* The earliest time something is due. */
uint64_t sa_due(const struct ike_sa *sa);
/* Does what is due. */
void sa_tick(struct ike_sa *sa);

/* ---- retry.c ------------------------------------------------------------------------------------- */

/* An attempt of ours to set up failed: tells who waits, and tries again later if the configuration
 * says so. sa ends. */
void sa_setup_failed(struct ike_sa *sa, const char *why);
/* The same, but sa goes on to say goodbye. */
void sa_give_up(struct ike_sa *sa, const char *why);
/* How long to wait after so many attempts: doubled each time, with a part by chance. */
uint64_t retry_pause_ms(struct ike *ike, unsigned attempts);
/* Nobody answers any more, or what is said makes no sense: it ends, and what the configuration wants
 * of dead peers (dpd_action) is done. */
void sa_peer_is_dead(struct ike_sa *sa, const char *why);
/* Begins IKE_SA_INIT now, or says why not. */
void sa_start(struct ike_sa *sa);

/* ---- tasks.c: the queue --------------------------------------------------------------------------- */

/* Takes ownership of t (NULL: there was no memory), appended or in front. */
void sa_queue(struct ike_sa *sa, struct task *t);
void sa_queue_first(struct ike_sa *sa, struct task *t);
struct task *sa_find_task(const struct ike_sa *sa, enum task_kind kind, const struct child *child);
/* A child ends: what was to be asked about it too. */
void sa_drop_tasks_of(struct ike_sa *sa, const struct child *child);
void sa_drop_tasks(struct ike_sa *sa, const char *why);
/* Starts the next task if none is under way and it is up. */
void sa_run_tasks(struct ike_sa *sa);
/* The task under way is over: freed. */
void sa_task_done(struct ike_sa *sa);
/* The task under way failed: says so, answers who waits for it; freed. */
void sa_task_failed(struct ike_sa *sa, const char *why);
/* The task under way is to be tried again after a while, §2.25. */
void sa_task_later(struct ike_sa *sa, uint64_t delay_ms);
uint64_t sa_tasks_due(const struct ike_sa *sa);

/* ---- exchange.c: messages under an IKE SA's keys ------------------------------------------------------ */

/* Where a message's payloads are collected before they are sealed. */
enum { MESSAGE_ROOM = 16384 };
struct draft {
	struct ike_writer w;
	uint8_t buf[MESSAGE_ROOM];
};
void draft_begin(struct draft *d);
void draft_notify(struct draft *d, uint16_t type, struct ike_span data);
/* A notify of another SA: REKEY_SA, CHILD_SA_NOT_FOUND and others. */
void draft_notify_spi(struct draft *d, uint16_t type, uint32_t spi);

/* Sends a request of ours and keeps it for retransmission. False: it could not be made. */
bool sa_ask(struct ike_sa *sa, uint8_t exchange, const struct draft *d);
/* The same of a message ready made: IKE_SA_INIT. */
bool sa_ask_plain(struct ike_sa *sa, const uint8_t *bytes, uint32_t len);
/* The answer came, or nobody waits for it any more: next_request counts on. */
void sa_stop_asking(struct ike_sa *sa);
/* Answers the request m, and keeps the answer. */
void sa_answer(struct ike_sa *sa, const struct message *m, const struct draft *d);
void sa_answer_notify(struct ike_sa *sa, const struct message *m, uint16_t type,
		      struct ike_span data);
void sa_send(struct ike_sa *sa, const struct ike_ends *ends, const struct datagrams *d);

/* ---- receive.c -------------------------------------------------------------------------------------- */

/* An encrypted message for this SA. */
void sa_input(struct ike_sa *sa, const struct ike_ends *ends, const struct ike_header *h,
	      struct ike_span datagram);

#endif
