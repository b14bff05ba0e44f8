/*
 * control.h: the XFRM server, NETLINK_XFRM messages on a UNIX SEQPACKET socket. Runs on the control
 * thread's event base and is the only writer of the databases. One slow client never delays a
 * packet or another client: each has its own bounded queue, and a dump is a cursor that goes on
 * when the client reads.
 */
#ifndef CYGNET_CONTROL_H
#define CYGNET_CONTROL_H

#include "gateway/dataplane/listen.h"
#include "gateway/dataplane/notice.h"
#include "sa-db/sadb.h"
#include "xfrm/xfrm.h"

#include <sys/types.h>

struct capture;
struct control;
struct encap_ports;
struct event_base;
struct hostnet;
struct reserve;

/* What the server works on; all borrowed, all outlive it. status fills what only the daemon knows (device, wire, verdicts). */
struct control_deps {
	struct sadb *db;
	struct hostnet *hostnet;
	struct capture *capture;
	struct reserve *reserve;
	struct encap_ports *ports;
	void (*status)(void *ctx, struct cygnet_status *out);
	void *ctx;
	/* What anybody listens to now, XFRMGRP_*. NULL: of no interest. */
	void (*listening)(void *ctx, uint32_t groups);
	/* Packets kept for SAs should be looked at again. NULL: there are none. */
	void (*release)(void *ctx);
	/* NOTICE_DUMMY for the packet thread. dummies_s: how far apart they are on average for an SA
	 * that wants some; 0: never. */
	void (*order)(void *ctx, const struct notice *order);
	unsigned dummies_s;
};

/* A second cygnetd in this network namespace is refused: an abstract socket is the lock. As root.
 * 0 and the lock's descriptor; -EADDRINUSE (logged). A stranger who squats on the name is passed
 * over, with a warning. */
int control_lock(int *fd);
/* The lock's descriptor is readable: somebody asks who holds it, and has the answer by connecting. */
void control_lock_answer(int fd);

/* Serves clients on listen_fd (owned from now on). Who may talk: uid 0, our own uid, or a peer whose
 * groups contain control_gid. 0, -errno. */
int control_open(struct control **out, struct event_base *base, int listen_fd, const char *path,
		 gid_t control_gid, const struct control_deps *deps);
/* Closes all clients, removes the socket, and gives back the sequence numbers that the SAs have not
 * used: packet threads must have ended. NULL is fine. */
void control_close(struct control *c);

/* The host's addresses changed: SAs gain or lose their ends. */
void control_addresses_changed(struct control *c);
/* A packet thread has something to say. */
void control_on_notice(struct control *c, const struct notice *notice);

#endif
