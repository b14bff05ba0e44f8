/*
 * xfrm_link.h: cygnet-iked's two connections to XFRM, cygnetd's or the kernel's: one for requests, one
 * that listens. When cygnetd goes away they are made anew until it is there again.
 */
#ifndef CYGNET_IKED_XFRM_LINK_H
#define CYGNET_IKED_XFRM_LINK_H

#include "xfrm/xfrm.h"

struct event_base;
struct xfrm_link;

struct xfrm_link_listener {
	/* ACQUIRE, EXPIRE, MAPPING, MISFIT. */
	void (*event)(void *ctx, const struct xfrm_message *event);
	/* Connected, at start and again later: fd is IKEREG's end, to be taken; -1 with a kernel. again:
	 * what was there before is gone. */
	void (*connected)(void *ctx, int fd, bool again);
	void *ctx;
};

struct xfrm_link_options {
	const char *path; /* of cygnetd's socket; NULL: the usual one */
	bool kernel;
	bool misfits; /* are to be told; a kernel has none */
	uint16_t encap_port;
};

/* Connects now if it can, else later; 0 and *out (owned), -ENOMEM. listener.connected is called from
 * xfrm_link_start on. */
int xfrm_link_new(struct xfrm_link **out, struct event_base *base,
		  const struct xfrm_link_options *options, struct xfrm_link_listener listener)
	__attribute__((warn_unused_result));
void xfrm_link_start(struct xfrm_link *link);
void xfrm_link_free(struct xfrm_link *link); /* NULL is fine */

bool xfrm_link_is_up(const struct xfrm_link *link);
/* As xfrm_client_request; -ENOTCONN while there is no connection. */
int xfrm_link_request(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_error *err);
int xfrm_link_get(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_message *reply,
		  struct xfrm_error *err);
int xfrm_link_dump(struct xfrm_link *link, struct xfrm_message *msg,
		   int (*fn)(void *ctx, const struct xfrm_message *entry), void *ctx,
		   struct xfrm_error *err);
/* The encapsulation port's relay is gone: so is cygnetd, or it wants to be asked again. */
void xfrm_link_renew(struct xfrm_link *link);

#endif
