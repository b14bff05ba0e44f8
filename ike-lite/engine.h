/*
 * ike-lite/engine.h: the machine as a whole: all IKE SAs, what is to be done, the configuration.
 */
#ifndef CYGNET_IKE_ENGINE_H
#define CYGNET_IKE_ENGINE_H

#include "ike-lite/actions.h"
#include "ike-lite/config.h"
#include "ike-lite/cookie.h"
#include "ike-lite/sa.h"

enum { SA_BUCKETS = 1024, STRANGER_ANSWERS_A_SECOND = 20, STRANGER_EVENTS_A_SECOND = 5 };

/* So many a second. */
struct rate {
	uint64_t second;
	unsigned count;
};

struct ike {
	struct ike_env env;
	uint64_t now; /* ms, of the call under way */
	uint64_t due; /* nothing is to be done before; may be early */
	struct settings settings;
	struct ike_sa *sas;		      /* owned list */
	struct ike_sa *by_spi[SA_BUCKETS];    /* our SPI */
	struct ike_sa *half_open[SA_BUCKETS]; /* the peer's SPI */
	unsigned half_open_count;
	struct action_queue actions;
	struct ike_cookies cookies;
	uint32_t next_reqid;
	bool export_keys;
	bool ending;		     /* ike_shutdown: nothing new begins */
	bool has_dead;		     /* IKE SAs to be freed */
	struct rate answers, events; /* to and about strangers */
};

uint64_t engine_random64(struct ike *ike); /* not 0 */
/* An SPI that no child of ours has; above 255, as RFC 4303 §2.1 keeps the others. */
uint32_t engine_new_spi(struct ike *ike);
/* A number for policies and their SAs that no child of the configuration has. */
uint32_t engine_new_reqid(struct ike *ike);
/* Something will be due then. */
void engine_due_at(struct ike *ike, uint64_t when);
void engine_list(struct ike *ike, struct ike_sa *sa); /* into list and table */
void engine_join_half_open(struct ike *ike, struct ike_sa *sa);
void engine_leave_half_open(struct ike *ike, struct ike_sa *sa);
void engine_unlist(struct ike *ike, struct ike_sa *sa); /* out of all */
struct ike_sa *engine_find(const struct ike *ike, uint64_t our_spi);
struct ike_sa *engine_find_half_open(const struct ike *ike, uint64_t spi_i,
				     const struct ike_ends *ends);
/* Around each call into the machine: time goes on; the dead are freed. */
void engine_enter(struct ike *ike, uint64_t now_ms);
void engine_leave(struct ike *ike);
/* True if a stranger may have an answer in the clear yet, this second. */
bool engine_may_answer(struct ike *ike);

/* ---- emit.c: actions ------------------------------------------------------------------------------- */

void emit_send(struct ike *ike, const struct ike_ends *ends, const uint8_t *data, uint32_t len);
void emit_keepalive(struct ike *ike, const struct ike_ends *ends);
void emit_keys(struct ike_sa *sa); /* if they are wanted */
void emit_address(struct ike *ike, enum ike_action_kind kind, const struct ip_addr *address);
/* An event of an IKE SA, and of a child. */
void emit_event(struct ike_sa *sa, enum ike_event_kind kind, const char *text);
void emit_child_event(const struct child *c, enum ike_event_kind kind, uint32_t request,
		      const char *text);
/* Of a child that is not there yet, or of a whole connection (kid NULL). */
void emit_wish_event(struct ike_sa *sa, enum ike_event_kind kind, struct kid *kid, uint32_t request,
		     const char *text);
/* A stranger's message was not taken; a few a second are told. */
void emit_refused(struct ike *ike, const struct ike_ends *ends, uint64_t spi_i, const char *why);

#endif
