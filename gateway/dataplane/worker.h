/*
 * worker.h: a packet thread: one epoll loop over the TUN device and the public sockets. outbound.c
 * and inbound.c are the two halves of its work; read those first. One thread does both, or each half
 * has its own.
 *
 * The thread reads the databases under RCU: offline while it waits, one read-side section a batch.
 */
#ifndef CYGNET_WORKER_H
#define CYGNET_WORKER_H

#include "gateway/dataplane/audit.h"
#include "gateway/dataplane/backlog.h"
#include "gateway/dataplane/hold.h"
#include "gateway/dataplane/notice.h"
#include "gateway/dataplane/turns.h"
#include "gateway/dataplane/wire/icmp_socket.h"
#include "gateway/dataplane/wire/tun.h"
#include "gateway/dataplane/wire/wire.h"
#include "sa-db/sadb.h"

#include <pthread.h>

struct hostnet;

/* Written by the worker alone, read by any thread. */
struct worker_stats {
	_Atomic uint64_t in[V_COUNT];
	_Atomic uint64_t out[V_COUNT];
};

/* What a worker does. An SA has one owner in each direction: the worker that does that direction. */
enum worker_part { WORKER_OUT = 1, WORKER_IN = 2 };

struct worker {
	/* Set before the thread starts, then immutable; borrowed unless said otherwise. */
	unsigned parts; /* enum worker_part */
	const struct sadb *db;
	const struct hostnet *hostnet;
	const struct tun *tun;
	struct wire *wire; /* its sending half WORKER_OUT's alone, its receiving half WORKER_IN's */
	struct icmp_socket *icmp;
	bool fragment_after; /* ESP instead of before: for packets that allow it */
	int epoll_fd;	     /* owned */
	int stop_fd;	     /* owned; readable when the thread shall end */
	int wake_fd;	     /* owned; readable when packets kept should be looked at again */
	pthread_t thread;

	/* The packet thread's alone. */
	uint64_t now;		 /* wall clock, seconds, of this batch */
	uint64_t asked_at;	 /* for sequence numbers: in this second */
	unsigned asked;		 /* so often */
	uint64_t misfits_at;	 /* NOTICE_MISFIT: in this second */
	unsigned misfits;	 /* so often */
	struct spd_cache *cache; /* owned */
	struct hold *hold;	 /* owned */
	struct backlog *backlog; /* owned */
	struct turn turn;
	unsigned hurry;	  /* rounds that are to be short, still */
	bool more;	  /* packets wait: at the TUN device or in the backlog */
	uint8_t *tun_buf; /* owned, IP_PACKET_MAX + 1 bytes */
	uint8_t *segment; /* owned, IP_PACKET_MAX bytes: of a superpacket, to be fragmented */
	struct wire_rx rx[WIRE_BATCH];
	struct gro gro;
	struct audit audit;

	/* The control thread writes: does anybody listen for ACQUIRE? */
	_Atomic bool acquire_heard;

	struct worker_stats stats;
	struct notice_ring notices; /* to the control thread */
	struct notice_ring orders;  /* from it: NOTICE_DUMMY */
};

/* Makes a worker for these parts; nothing runs yet. 0, -errno (logged). */
int worker_new(struct worker **out, unsigned parts, const struct sadb *db,
	       const struct hostnet *hostnet, const struct tun *tun, struct wire *wire,
	       struct icmp_socket *icmp);
/* Starts the thread. 0, -errno (logged). */
int worker_start(struct worker *w);
/* Ends the thread and waits for it. */
void worker_stop(struct worker *w);
/* Control thread, WORKER_IN, while it runs or not: the thread shall wait for the UDP socket fd, too, or no
 * longer. 0, -errno. */
int worker_watch_udp(struct worker *w, int fd, uint8_t family, uint16_t port, bool on);
void worker_free(struct worker *w); /* NULL is fine; not while it runs */

/* Any thread, WORKER_OUT: packets that are kept should be looked at again. */
void worker_wake(struct worker *w);

/* ---- between worker.c, outbound.c and inbound.c ------------------------------------------- */

void worker_count_in(struct worker *w, enum verdict v, uint64_t n);
void worker_count_out(struct worker *w, enum verdict v, uint64_t n);
/* Tells the control thread something about an SA. */
void worker_notify(struct worker *w, enum notice_kind kind, const struct sa *sa);
/* Asks for the SA's next sequence numbers, at most GRANT_ASKS_PER_SECOND times a second. */
enum { GRANT_ASKS_PER_SECOND = 256 };
void worker_ask_grant(struct worker *w, const struct sa *sa);
/* NOTICE_PMTU. */
void worker_notify_mtu(struct worker *w, const struct sa *sa, uint32_t mtu);
/* NOTICE_MAPPING: the SA's peer appears elsewhere. */
void worker_notify_mapping(struct worker *w, const struct sa *sa, const struct sa_peer *peer);
/* NOTICE_MISFIT: p holds the packet, v is what it says; once a second and SA, MISFITS_PER_SECOND times in
 * all, so that peers cannot fill the ring. */
enum { MISFITS_PER_SECOND = 16 };
void worker_notify_misfit(struct worker *w, const struct sa *sa, const struct packet *p,
			  const struct ip_view *v);

/* Asked before each packet of an SA: false if a hard limit is reached. Tells the control thread, once
 * for each limit. */
bool worker_sa_alive(struct worker *w, struct sa *sa);
/* The same of what was found otherwise: the sequence numbers have run out. */
void worker_sa_ends(struct worker *w, struct sa *sa, enum sa_life life);

/* One batch from TUN to wire. False when there is no more, neither at the device nor read already. */
bool outbound_batch(struct worker *w);
/* What is sealed goes out. */
void outbound_flush(struct worker *w);
/* A packet that was kept: sent or dropped, and counted. The caller flushes. */
void outbound_again(struct worker *w, const struct virtio_net_hdr *vnet, uint8_t *data, size_t len);
/* Keeps a packet that found no SA, and asks for one (outbound_hold.c). False: it must be dropped. */
bool outbound_keep(struct worker *w, const struct virtio_net_hdr *vnet, const uint8_t *data,
		   size_t len);
/* Looks at all packets kept. */
void outbound_resume(struct worker *w);
/* Dummy packets that the control thread orders. */
void outbound_dummies(struct worker *w);
/* One batch of a family from wire to TUN. False when the socket had no more. */
bool inbound_batch(struct worker *w, uint8_t family);
/* One batch of ICMP errors about packets that were sent (path_error.c). */
void path_error_batch(struct worker *w, uint8_t family);
/* The same from a UDP port of encapsulated ESP. */
void inbound_udp_batch(struct worker *w, uint8_t family, uint16_t port);

#endif
