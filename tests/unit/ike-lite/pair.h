/*
 * tests/unit/ike-lite/pair.h: two machines and what lies between them: a clock that stands until it is told to
 * move, randomness from a seed, a queue of datagrams that can be delivered, dropped, repeated and put out of
 * order, and on each side the SAs and policies that the machine asked for.
 */
#ifndef CYGNET_TEST_IKE_PAIR_H
#define CYGNET_TEST_IKE_PAIR_H

#include "ike-lite/ike.h"

enum { A, B, SIDES };
enum {
	PAIR_SAS = 64,
	PAIR_POLICIES = 32,
	PAIR_LOST = 256,
	PAIR_EVENTS = 256,
	PAIR_QUEUE = 64,
	PAIR_KIDS = 4
};

struct datagram {
	unsigned from;
	struct ike_ends ends; /* as its receiver sees them */
	size_t len;
	bool keepalive;
	uint8_t *data; /* owned */
};

struct side {
	struct ike *ike;
	struct pair *pair;
	unsigned number;
	uint64_t random; /* state */
	struct ip_addr addr, also_ours;
	bool no_route;
	struct ike_config config;
	struct ike_connection connection;
	struct ike_child_config kids[PAIR_KIDS];
	struct ike_secret secrets[4];
	/* The data plane. */
	unsigned sa_count;
	struct ike_sa_action sas[PAIR_SAS];
	unsigned
		lost_count; /* SPIs of what pair_lose_sas took: they may be deleted, and make nothing */
	uint32_t lost[PAIR_LOST];
	unsigned policy_count; /* of which one counts: the latest */
	struct pair_policies {
		bool trap;
		uint32_t reqid;
		struct ip_addr outer, remote;
		struct ike_ts_list local, remote_ts;
	} policies[PAIR_POLICIES];
	/* Every addition that has not been taken back, the oldest first. */
	unsigned ledger_count;
	struct pair_policies ledger[PAIR_POLICIES];
	unsigned address_count;
	struct ip_addr addresses[4];
	unsigned event_count;
	struct {
		enum ike_event_kind kind;
		uint32_t request;
		char text[512];
	} events[PAIR_EVENTS];
	unsigned sent, moves, keys_told;
};

struct pair {
	struct side side[SIDES];
	uint64_t now;
	unsigned queued;
	struct datagram queue[PAIR_QUEUE];
	/* A is behind a NAT: what B sees. Port 0: none. */
	struct ip_addr nat_addr;
	uint16_t nat_port;
	bool checks_traffic; /* what is sent finds its SA, and there is one to send by, at any time */
};

/* Two sides with one connection "net" and one child "lan" each, which fit together; not configured yet. */
void pair_init(struct pair *p, uint64_t seed);
void pair_fini(struct pair *p);
/* A second child, "other", on each side, of other selectors; not configured yet. */
void pair_second_kid(struct pair *p);
static inline unsigned pair_other(unsigned side)
{
	return side == A ? B : A;
}

/* Gives a side its configuration. */
void pair_configure(struct pair *p, unsigned side);
/* Both, and "lan" up from A; every message delivered. */
void pair_up(struct pair *p);
void pair_initiate(struct pair *p, unsigned side, uint32_t request);
/* Of the child; NULL: of the IKE SA. */
void pair_rekey(struct pair *p, unsigned side, const char *child);

/* The data plane of a side begins anew, without SAs, and its machine is told. */
void pair_lose_sas(struct pair *p, unsigned side);
/* For ike_on_sas_lost: ctx is a side. */
bool pair_stands(void *ctx, const struct ip_addr *dst, uint32_t spi);
/* Takes the actions of a side. Done by all that follow. */
void pair_collect(struct pair *p, unsigned side);
void pair_deliver(struct pair *p); /* the oldest datagram */
void pair_deliver_at(struct pair *p, unsigned i);
void pair_drop(struct pair *p); /* the oldest */
void pair_drop_at(struct pair *p, unsigned i);
void pair_repeat(struct pair *p); /* delivers the oldest, which stays */
void pair_run(struct pair *p);	  /* until nothing is under way */
/* Lets time go on, delivering all, each thing when it is due. */
void pair_wait(struct pair *p, uint64_t ms);
/* The same, without delivering: messages are lost while lost is set for their sender. */
void pair_wait_losing(struct pair *p, uint64_t ms, const bool lost[SIDES]);
/* To the next thing due on either side; false: nothing is. */
bool pair_step_time(struct pair *p);
/* Time goes on, and nothing is delivered, until so many datagrams are under way. */
void pair_until_queued(struct pair *p, unsigned count);

/* The oldest datagram is of this side and exchange, request or response; then it is delivered. */
void pair_expect(struct pair *p, unsigned from, unsigned exchange, bool response);

unsigned pair_ike_sas(const struct pair *p, unsigned side, enum ike_sa_state state);
unsigned pair_children(const struct pair *p, unsigned side);
/* SAs in the data plane, one direction. */
unsigned pair_count(const struct pair *p, unsigned side, bool inbound);
/* Each side sends through an SA that the other has, with the same keys, suite and ends; traps excepted. False and
 * a line on stderr otherwise. */
bool pair_traffic_flows(const struct pair *p);
/* Each child that nobody is deleting has an outbound SA of its number to send by. The same. */
bool pair_can_send(const struct pair *p);
bool pair_has_event(const struct pair *p, unsigned side, enum ike_event_kind kind,
		    const char *text);
unsigned pair_count_events(const struct pair *p, unsigned side, enum ike_event_kind kind);
void pair_forget_events(struct pair *p);

/* Makes of text what it says. Asserted. */
struct ip_addr pair_addr(const char *text);
struct ike_ts pair_ts(const char *text);
struct ike_id pair_id(const char *text);
void pair_proposals(unsigned *count, struct ike_proposal *out, enum ike_protocol protocol,
		    const char *text);
void pair_secret(struct ike_secret *s, const char *text);

#endif
