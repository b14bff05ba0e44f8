/*
 * iked.h: cygnet-iked's parts around the machine, and who may call it. Everything runs on one thread;
 * whoever calls the machine calls iked_pump when done, which does what it asks for and sets the timer.
 */
#ifndef CYGNET_IKED_H
#define CYGNET_IKED_H

#include "gateway/dataplane/privileges.h"
#include "gateway/iked/config/config.h"
#include "gateway/iked/hostwatch.h"
#include "gateway/iked/installed.h"
#include "gateway/iked/net.h"
#include "gateway/iked/options.h"
#include "gateway/iked/xfrm_link.h"

struct control;
struct event;
struct leftovers;
struct resolve;

struct iked {
	const struct iked_options *options; /* borrowed */
	struct run_as run_as;
	/* All owned. */
	struct event_base *base;
	struct event *on_term, *on_int, *tick, *poll;
	struct ike *ike;
	struct iked_config *config; /* as last loaded */
	struct net *net;
	struct xfrm_link *link;
	struct installed *installed;
	struct leftovers *leftovers;
	struct hostwatch *hosts;
	struct resolve *resolve;
	struct control *control;
	int listen_fd; /* the control socket's until control.c has it */
	/* Told to the machine when that is at rest: some are gone from XFRM, which refused some. */
	bool lost_sas, refused_sas;
	struct {
		uint32_t spi; /* 0: none */
		char text[256];
	} refused; /* the last one, and why: its child is not up, whatever the machine says of it */
};

/* daemon.c */
int iked_run(const struct iked_options *options);
uint64_t iked_now_ms(void);

/* apply.c */
/* Reads and applies what the tree says. 0, or -EINVAL and reported, -ENOMEM. What was before goes on
 * then. */
int iked_apply(struct iked *d, const struct config_tree *tree, struct config_report *report);
/* The name for whose address a connection waits, and is not there until then; NULL. Lives as long as
 * the configuration. */
const char *iked_missing_address(const struct iked *d, const char *connection);
/* Some name has other addresses: ctx is the iked. */
void iked_on_resolved(void *ctx);

/* act.c */
void iked_pump(struct iked *d);
/* What XFRM tells. */
void iked_on_xfrm(struct iked *d, const struct xfrm_message *event);
/* Asks XFRM which inbound SAs were used lately. */
void iked_poll_use(struct iked *d);

#endif
