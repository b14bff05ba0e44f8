/*
 * ike-lite/child.h: child SAs, RFC 7296 §1.3, §2.8, §2.17: a pair of ESP SAs with one set of selectors.
 *
 * A rekey loses no packet: who answers it installs the new inbound SA before the answer goes, and goes
 * on sending through the old outbound one until the old child is deleted; who asked installs both
 * when the answer comes, and a moment later deletes the old ones. The old inbound SA stays a little longer
 * for what is under way.
 */
#ifndef CYGNET_IKE_CHILD_H
#define CYGNET_IKE_CHILD_H

#include "ike-lite/sa.h"

enum child_phase {
	CHILD_UP,
	CHILD_REPLACED, /* a successor carries the traffic */
	CHILD_DELETING, /* our delete is under way */
	CHILD_LINGERING /* deleted; inbound stays until linger_until */
};

enum {
	CHILD_LINGER_MS = 5000,
	/* Between our new SAs and the delete of what they replace: a peer that closes its inbound SA with
	 * the delete (Libreswan's does) must have what we sent through that before. */
	CHILD_RETIRE_MS = 500,
	/* No delete of the old one came: the new outbound SA is used all the same. Longer than a peer
	 * repeats its request: it has our answer by then, and the new inbound SA, or is dead. */
	CHILD_SWITCH_MS = 180000,
	/* A rekey that was refused, by the peer or by our data plane, is tried again. */
	CHILD_AGAIN_MS = 30000,
};

struct child {
	struct child *next; /* owned */
	struct ike_sa *sa;  /* borrowed: whose it is */
	struct kid *kid;    /* a reference */
	enum child_phase phase;
	bool we_began;		    /* the exchange that made it: whose keys are whose */
	bool line_is_ours;	    /* we began the first one, of which rekeys made it */
	bool in_stands, out_stands; /* in the data plane */
	bool peer_refuses_tfc, esn, udp;
	bool replaced; /* has been handed over: its end is no news */
	bool lost; /* an SA of it is gone from the data plane: it gets new keys if it is up, or comes up */
	bool not_installed; /* lost from the start: the data plane refused it */
	uint32_t spi_in, spi_out, reqid, acquire_seq;
	uint16_t dh_group; /* 0: keys come from the IKE SA alone */
	struct esp_suite suite;
	struct ike_child_keys keys; /* cleansed once both stand */
	struct ip_addr local, remote;
	bool policies_stand; /* of its own, between these */
	struct ip_addr policy_local, policy_remote;
	struct ike_ts_list local_ts, remote_ts;
	struct child *old; /* borrowed: what it replaces, while that is there */
	uint64_t up_at, rekey_at, life_at, switch_at, linger_until;
};

/* A child in the list of sa, nothing installed. NULL: no memory. */
struct child *child_new(struct ike_sa *sa, struct kid *kid, uint32_t spi_in);
/* Tells the data plane about the inbound, the outbound SA. replaces: a rekey. */
void child_install_in(struct child *c);
void child_install_out(struct child *c);
/* Both stand and policies too: tells about it, and sets its times. */
void child_is_up(struct child *c, uint32_t request);
/* fresh is old's successor: policies are its own from now on. */
void child_hand_over(struct child *old, struct child *fresh);
/* c came up new. Where both ends asked for the same at once and both came up, one is enough: the one with the
 * lowest SPI goes, by the doing of who asked for it. */
void child_one_of_twins(struct child *c);
/* The peer's rekey of old is the one that counts: fresh takes over, and its outbound SA waits for old's
 * delete. */
void child_succeed(struct child *old, struct child *fresh);
/* What is sent goes through fresh, or who took over from that: outbound SAs of old, and of what old replaced, go. */
void child_switch(struct child *old, struct child *fresh);
/* Takes what is installed away at once, policies that nobody else needs too, and frees it; told to who
 * made the request. */
void child_end(struct child *c, uint32_t request);
/* The same, but what is under way may still come in for a while. */
void child_linger(struct child *c);
/* The ends of its IKE SA moved. */
void child_move(struct child *c);
/* Sets the times from now. */
void child_set_times(struct child *c);
uint64_t child_due(const struct child *c);
/* What is to replace it and waits for its end; NULL. */
struct child *child_successor(const struct child *c);
/* Asks the peer for a rekey, for a delete: soon, and once. */
void child_rekey(struct child *c);
void child_delete(struct child *c);
/* c was replaced by our doing: the same, in CHILD_RETIRE_MS. */
void child_retire(struct child *c);
/* An SA of it is gone from the data plane. */
void child_lost(struct child *c);
/* The data plane refused an SA of it: new keys later. Once. */
void child_not_installed(struct child *c);
/* A hard limit was reached. */
void child_expired(struct child *c);
void child_tick(struct child *c);

struct child *sa_child_by_spi_in(const struct ike_sa *sa, uint32_t spi_in);
struct child *sa_child_by_spi_out(const struct ike_sa *sa, uint32_t spi_out);
/* One that is up, of this kid; NULL: none. */
struct child *sa_child_of(const struct ike_sa *sa, const struct kid *kid);
/* Moves all children to another IKE SA: its successor. */
void sa_give_children(struct ike_sa *from, struct ike_sa *to);

/* ---- policies.c -------------------------------------------------------------------------------------- */

/* Between the ends the child has now; what stands between others goes. */
void policies_add(struct child *c);
/* The child goes, and its policies. */
void policies_leave(struct child *c);
/* fresh's are there before old's go; just so, they are fresh's from now on. */
void policies_hand_over(struct child *old, struct child *fresh);
void policies_trap(struct ike *ike, struct conn *conn, struct kid *kid);
/* The same until a child of it is up again: nothing leaves in clear meanwhile. */
void policies_hold(struct ike *ike, struct conn *conn, struct kid *kid);
/* Its ends are others now, or come to be known. */
void policies_move_trap(struct ike *ike, struct conn *conn, struct kid *kid);
void policies_untrap(struct ike *ike, struct conn *conn, struct kid *kid);
/* A kid's selectors of one side, with the dynamic one filled in; vip or outer address. */
void kid_selectors(const struct ike_sa *sa, const struct kid *kid, bool local,
		   struct ike_ts_list *out);
uint32_t kid_reqid(struct ike_sa *sa, struct kid *kid, const struct ike_ts_list *local,
		   const struct ike_ts_list *remote);

#endif
