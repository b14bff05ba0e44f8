/*
 * parts.h: the control server from inside, shared by the files of this folder and their tests.
 *
 *     control.c          who may connect; clients come and go
 *     client.c   one connection: a descriptor around a session
 *     session.c  what a connection has: requests waiting, answers waiting, a dump
 *     request.c  one request, its answer and its acknowledgement
 *     sa.c       SAs
 *     grant.c    the sequence numbers outbound ones may use
 *     life.c     SAs expire
 *     policy_life.c  policies expire
 *     larval.c   SPIs set aside
 *     acquire.c  SAs asked for
 *     event.c    what happened, told to those who listen
 *     dummy.c    dummy packets are ordered
 *     encap.c    what UDP encapsulation asks for
 *     policy.c   policies
 *     migrate.c  SAs and policies move to other addresses
 *     aevent.c   what an SA has done, read and set
 *     info.c     the databases as a whole
 *     status.c   what cygnetd says about itself and its tunnels
 *
 * A session knows no descriptor, so that a test can put bytes in and take bytes out.
 */
#ifndef CYGNET_CONTROL_PARTS_H
#define CYGNET_CONTROL_PARTS_H

#include "gateway/dataplane/control/control.h"
#include "gateway/dataplane/control/deadline.h"

#include <sys/socket.h>
#include <sys/stat.h>

/* Our own choices. */
enum control_limits {
	CONTROL_CLIENTS_MAX = 256,
	/* Of answers waiting: a dump stops at the first, requests at the second. One message more
	 * than that may be queued, never a whole datagram of requests. */
	CONTROL_DUMP_BYTES = 32 << 10,
	CONTROL_QUEUE_BYTES = 64 << 10,
	/* Events are lost beyond this. A listener may sleep a while: it is as netlink's default. */
	CONTROL_EVENT_BYTES = 212992,
	/* Requests of one client before it is the others' turn. */
	CONTROL_TURN = 32,
};

/* ---- sessions ---------------------------------------------------------------------------- */

/* One datagram of answers. It may hold keys: datagram_free wipes it. */
struct datagram {
	struct datagram *next;
	int fd; /* owned; goes with it (SCM_RIGHTS), -1: none */
	size_t len, size;
	_Alignas(8) uint8_t bytes[];
};

struct datagram *datagram_new(size_t size); /* NULL if out of memory */
void datagram_free(struct datagram *d);

struct dump {
	bool active;
	uint16_t type;
	uint32_t seq, pid; /* of the request, and so of every answer */
	struct xfrm_sa_filter filter;
	struct sadb_walk walk;
	struct datagram *open; /* owned; the one being filled, NULL between turns */
};

struct session {
	struct control *control; /* borrowed */
	struct ucred peer;	 /* who connected; uid -1: not known */
	struct datagram *first, **last;
	size_t queued; /* bytes of all datagrams that wait */
	struct dump dump;
	/* What the client said of itself, and what it listens to. */
	struct cygnet_ctl ctl;
	bool hears_misfits;
	bool is_ike;		       /* it was given a port's IKE: the keys it brings are fresh */
	struct session *next_listener; /* control's list, if it listens */
	bool overrun;		       /* events were lost since the last one it got */
	uint64_t events_lost;
	void (*kick)(struct session *s); /* an event waits: whoever moves datagrams. NULL: nobody */
	size_t in_len, in_off;		 /* of in: bytes there are, bytes dealt with */
	_Alignas(8) uint8_t in[XFRM_REQUEST_MAX];
};

void session_init(struct session *s, struct control *control);
/* Frees what waits, and wipes it. */
void session_fini(struct session *s);
/* True if the next datagram may be put into s->in: nothing is left of the last one, and the client
 * reads its answers. */
bool session_wants_input(const struct session *s);
/* s->in holds a datagram that was len bytes long; more than XFRM_REQUEST_MAX: only its beginning. 0,
 * -ENOMEM. */
int session_received(struct session *s, size_t len) __attribute__((warn_unused_result));
/* Deals with the requests there are and goes on with a dump, as far as the queue allows. 0, -ENOMEM:
 * the connection must be closed, since an answer would be missing. */
int session_run(struct session *s) __attribute__((warn_unused_result));
/* Takes the oldest datagram out of the queue; owned by the caller. NULL if there is none. */
struct datagram *session_pop(struct session *s);

/* For those who answer. 0, -ENOMEM. Takes d. */
int session_push(struct session *s, struct datagram *d);
/* Queues msg as a datagram of its own. 0, -ENOMEM. */
int session_answer(struct session *s, const struct xfrm_message *msg)
	__attribute__((warn_unused_result));

/* CTL: who the client is and what it listens to, from now on. */
void session_ctl(struct session *s, const struct cygnet_ctl *ctl);
/* MISFITREG: it hears MISFITs, too. */
void session_hear_misfits(struct session *s);
/* nlmsg_pid of what goes to this client in answer to a request that has pid. */
uint32_t session_pid(const struct session *s, uint32_t pid);

/* ---- events ------------------------------------------------------------------------------- */

/* Does anybody listen to one of these groups (XFRMGRP_*)? */
bool event_wanted(const struct control *c, uint32_t group);
/* Queues the news that events were lost, if some were and it has not heard. 0; -ENOMEM: still to be said. */
int event_say_overrun(struct session *s);
/* Tells the group's listeners. Never waits. */
void event_send(struct control *c, uint32_t group, const struct xfrm_message *msg);
/* The kernel's events. cause: the request they come from. */
void event_sa(struct control *c, uint16_t type, const struct sa *sa,
	      const struct xfrm_message *cause);
/* An update of a living SA shows, as the kernel's, what was asked. */
void event_update(struct control *c, const struct xfrm_message *request);
/* pid: of the client that asked for it; 0: nobody did. */
void event_expire(struct control *c, const struct sa *sa, bool hard, uint32_t pid);
void event_policy_expire(struct control *c, const struct policy *policy, bool hard, uint32_t pid);
void event_policy(struct control *c, uint16_t type, const struct policy *policy,
		  const struct xfrm_message *cause);
void event_flush(struct control *c, const struct xfrm_message *cause);
/* The packet that a NOTICE_MISFIT quotes, to those who asked for such. */
void event_misfit(struct control *c, const struct sa *sa, const struct notice *notice);

/* ---- sequence numbers --------------------------------------------------------------------- */

/* Reserves a block for the SA, above out->past.out_seq, and remembers it. 0, -ENOMEM, errors of
 * reserve_take. */
int grant_take(struct control *c, const struct sa_config *config, struct sa_grant *out)
	__attribute__((warn_unused_result));
/* Forgets the SA's grant and gives back what it did not use. */
void grant_return(struct control *c, const struct sa_config *config, uint64_t used_last);
/* The SA's grant is from now on that of another name. */
void grant_moved(struct control *c, const struct sa_config *old, const struct sa_config *newer);
/* At the end: what the outbound SAs have not used of their grants goes back. */
void grants_return_all(struct control *c);

/* ---- the end of SAs ----------------------------------------------------------------------- */

/* A new SA; one whose limits or ends changed (a new version); one that is about to go. The first two
 * may find that it has expired: it is not the caller's any more. */
void life_begin(struct control *c, struct sa *sa);
void life_renew(struct control *c, struct sa *sa);
/* life_begin that leaves even an SA that has expired to the timer: it stays the caller's. */
void life_schedule(struct control *c, struct sa *sa);
void life_moved(struct sa *sa);
void life_forget(struct control *c, struct sa *sa);
/* NOTICE_LIFE. */
void life_on_notice(struct control *c, const struct notice *notice);
/* Everything that is due at now. */
void life_run(struct control *c, uint64_t now);
void life_fini(struct control *c);
/* Takes out sa, which a hard limit has ended, and announces it. True if policies used it. */
bool sa_expire(struct control *c, struct sa *sa, uint32_t pid);
/* Fills err with the errno of an SA that is not there; returns it. */
int no_such_sa(struct xfrm_error *err);
int no_such_policy(const struct policy_config *key, struct xfrm_error *err);
/* The SA's ends (SA_IN, SA_OUT) go on after past's numbers; *sa is the SA's newest version. 0, or err's
 * code. */
int sa_advance(struct control *c, struct sa **sa, unsigned ends, const struct sa_status *past,
	       struct xfrm_error *err);
/* Takes out sa without a word. */
void sa_discard(struct control *c, struct sa *sa);

/* How long to wait for that time of the wall clock, which may be set in between. */
struct timeval life_wait_until(uint64_t at);

/* ---- the end of policies ------------------------------------------------------------------ */

void policy_life_begin(struct control *c, struct policy *policy);
void policy_life_forget(struct control *c, struct policy *policy);
void policy_life_forget_all(struct control *c);
void policy_life_run(struct control *c, uint64_t now);
void policy_life_fini(struct control *c);
/* Takes it out and announces that; false if there is no memory for it, and it is still there. The
 * caller ends with policies_changed. */
bool policy_expire(struct control *c, struct policy *policy, uint32_t pid);
/* Routes follow the policies, and packets that wait are looked at again. */
void policies_changed(struct control *c);

/* ---- larval SAs ---------------------------------------------------------------------------- */

/* How long one may wait: net.core.xfrm_acq_expires of this namespace. */
uint64_t larval_lifetime_s(void);
/* What a larval SA for the one that is wanted looks like. */
struct sa_config larval_config(const struct sa_config *wanted);
/* Adds one, as old as added at now. 0, -EEXIST, -ENOMEM. */
int larval_add(struct control *c, const struct sa_config *config, uint64_t now, struct sa **out)
	__attribute__((warn_unused_result));
/* The larval SA without SPI that an SA of this kind answers; NULL: none. */
struct sa *larval_for(struct control *c, const struct sa_config *config);

/* ---- SAs asked for ------------------------------------------------------------------------- */

struct acquire;

/* NOTICE_ACQUIRE. */
void acquire_on_notice(struct control *c, const struct notice *notice);
/* Something came that packets may wait for. */
void acquire_poke(struct control *c);
/* A policy that may be the successor of one that waits. */
void acquire_policy(struct control *c, struct policy *policy);
/* A larval SA that is about to go; that has become another. */
void acquire_ended(struct control *c, const struct sa *larval);
void acquire_moved(struct control *c, const struct sa *old, struct sa *sa);
/* The larval SA of that ACQUIRE; NULL: none. */
struct sa *acquire_by_seq(const struct control *c, uint32_t seq);
void acquire_fini(struct control *c);

/* ---- requests ----------------------------------------------------------------------------- */

/* Handles the message at nlh, len bytes being left of its datagram. 0, -ENOMEM. */
int request_handle(struct session *s, const struct nlmsghdr *nlh, size_t len)
	__attribute__((warn_unused_result));
/* Queues an acknowledgement. 0, -ENOMEM. */
int request_ack(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_error *err)
	__attribute__((warn_unused_result));

/* The same with a descriptor beside it; takes fd. */
int request_ack_with(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_error *err,
		     int fd) __attribute__((warn_unused_result));

/* Each does what one message asks. 0, or err's code with err filled. Those that answer with data
 * fill *msg with it. */
int serve_new_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_update_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_alloc_spi(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_delete_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_flush_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_new_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_delete_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_flush_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_ae(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_new_ae(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_sad_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_spd_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_set_spd_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_default(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_set_default(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_get_status(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);

int serve_expire_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_migrate(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
int serve_expire_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);

/* Entries of a dump: fill the answer's type and its part. */
void describe_sa(const struct sa *sa, struct xfrm_message *msg);
void describe_policy(const struct policy *policy, struct xfrm_message *msg);
/* False if this policy is no tunnel. */
bool describe_tunnel(const struct control *c, const struct policy *policy,
		     struct xfrm_message *msg);

/* ---- UDP encapsulation -------------------------------------------------------------------- */

int encap_open(struct control *c); /* 0, -ENOMEM */
void encap_close(struct control *c);
/* An SA of this configuration gets these ends (SA_IN, SA_OUT), and so the UDP ports and the output
 * mark it names. Before a packet can take them. 0;
 * -errno (logged), and nothing changed. */
int encap_begin(struct control *c, const struct sa_config *config, unsigned directions);
void encap_end(struct control *c, const struct sa_config *config, unsigned directions);
/* IKEREG, answer and all. 0, -ENOMEM. */
int encap_register(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_message *msg)
	__attribute__((warn_unused_result));
/* NOTICE_MAPPING. */
void encap_on_mapping(struct control *c, const struct notice *notice);

/* ---- dummy packets -------------------------------------------------------------------------- */

int dummy_open(struct control *c); /* 0, -ENOMEM */
void dummy_close(struct control *c);
/* A second has passed: orders what is due. */
void dummy_run(struct control *c);

/* ---- the server --------------------------------------------------------------------------- */

struct client;

struct control {
	struct control_deps deps;
	struct event_base *base; /* borrowed */
	gid_t gid;
	int listen_fd;	       /* owned */
	struct event *accepts; /* owned */
	struct event *retry;   /* owned; accepts again after descriptors ran out */
	char *path;	       /* owned */
	struct stat identity;  /* of the socket at path, so that only our own is removed */
	struct client *clients;
	unsigned client_count;
	time_t refused_at; /* a refusal is logged once a second at most */
	void *grants;	   /* owned: last grant of each outbound SA, see grant.c */
	time_t grant_failed_at;
	bool by_ike;		   /* the request under way comes of a session that is_ike */
	struct session *listeners; /* who hears anything; owned by their clients */
	uint32_t groups;	   /* of all of them */
	uint64_t events_lost;
	struct deadline_heap deadlines;	       /* owned */
	struct event *life_timer;	       /* owned */
	struct deadline_heap policy_deadlines; /* owned */
	struct event *policy_timer;	       /* owned */
	struct acquire *acquires;	       /* owned */
	unsigned acquire_count;
	struct xfrm_threshold spd_hash[2]; /* IPv4, IPv6: as set, given back */
	uint32_t acquire_seq;		   /* of the last one */
	struct event *keepalive;	   /* owned */
	struct event *dummies;		   /* owned */
};

/* Takes fd. 0, -ENOMEM (fd is closed). */
int client_new(struct control *c, int fd) __attribute__((warn_unused_result));
void client_close(struct client *client);

/* The SA a packet thread means; NULL if it is gone. */
struct sa *notice_sa(const struct control *c, const struct notice *notice);
/* The same, and it may have other addresses since (MIGRATE). One that is gone costs a walk. */
struct sa *notice_sa_moved(const struct control *c, const struct notice *notice);

#endif
