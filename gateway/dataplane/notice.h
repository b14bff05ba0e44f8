/*
 * notice.h: what a packet thread tells the control thread, or is told by it: a bounded ring, one
 * producer, one consumer, and a descriptor that is readable when there is something. Telling never
 * waits; a full ring loses the notice, so each is of a kind that the next packet, or the next tick,
 * would bring again.
 */
#ifndef CYGNET_NOTICE_H
#define CYGNET_NOTICE_H

#include "sa-db/sadb.h"

enum notice_kind {
	NOTICE_GRANT,	/* the SA's sequence numbers run low */
	NOTICE_LIFE,	/* the SA has reached a limit */
	NOTICE_ACQUIRE, /* a packet waits for an SA of the policy */
	NOTICE_PMTU,	/* a packet of the SA was too big for its path */
	NOTICE_MAPPING, /* an authentic packet of the SA came from elsewhere than its peer is */
	NOTICE_MISFIT,	/* an authentic packet does not fit the SA that let it in */
	NOTICE_DUMMY,	/* from control: the SA shall send a dummy packet */
	NOTICE_NO_TUN,	/* the TUN device is gone, about no SA */
};

enum { NOTICE_QUOTE_MAX = 64 };

struct notice {
	enum notice_kind kind;
	/* The SA it is about, if any. */
	struct sa_id id;
	struct xfrm_mark_value mark;
	uint64_t serial;      /* which of several that id and mark could mean */
	uint32_t policy;      /* NOTICE_ACQUIRE: index; its mark stands above */
	struct selector flow; /* NOTICE_ACQUIRE, NOTICE_MISFIT: the packet's */
	uint32_t mtu;	      /* NOTICE_PMTU: what the path takes, outer header included */
	struct sa_peer peer;  /* NOTICE_MAPPING: from where it came */
	uint32_t len;	      /* NOTICE_DUMMY: bytes of content */
	uint32_t quote_len;   /* NOTICE_MISFIT: bytes of the packet in quote */
	uint8_t quote[NOTICE_QUOTE_MAX];
};

enum { NOTICE_RING = 64 };

struct notice_ring {
	struct notice slot[NOTICE_RING];
	_Atomic uint32_t head; /* next to write; the producer's */
	_Atomic uint32_t tail; /* next to read; the consumer's */
	int event_fd;	       /* owned */
};

/* A notice about this SA. */
struct notice notice_about(enum notice_kind kind, const struct sa *sa);

int notice_ring_init(struct notice_ring *r); /* 0, -errno */
void notice_ring_fini(struct notice_ring *r);
/* The producer. False, and the notice lost, if the ring is full. */
bool notice_put(struct notice_ring *r, const struct notice *notice);
/* The consumer. False if there is none. */
bool notice_take(struct notice_ring *r, struct notice *out);
/* The consumer, before it takes notices: the descriptor is no longer readable for those so far. */
void notice_rearm(struct notice_ring *r);

#endif
