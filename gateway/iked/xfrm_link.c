/*
 * xfrm_link.c: see xfrm_link.h.
 */
#include "gateway/iked/xfrm_link.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum { RETRY_MS = 250, EVENTS_A_TURN = 64 };

struct xfrm_link {
	struct xfrm_link_options options;
	struct xfrm_link_listener listener;
	struct event_base *base;	       /* borrowed */
	struct xfrm_client *requests, *events; /* owned; NULL: not connected */
	struct event *readable, *retry;	       /* owned */
	bool was_up, told;		       /* that cygnetd is not there */
};

static void connect_soon(struct xfrm_link *link)
{
	const struct timeval later = {.tv_usec = RETRY_MS * 1000};

	event_add(link->retry, &later);
}

static void disconnect(struct xfrm_link *link)
{
	if (link->readable)
		event_free(link->readable);
	link->readable = NULL;
	xfrm_client_close(link->events);
	xfrm_client_close(link->requests);
	link->events = link->requests = NULL;
}

static void lose(struct xfrm_link *link)
{
	if (!link->requests)
		return;
	log_warnx("the connection to %s is lost", link->options.kernel ? "XFRM" : "cygnetd");
	disconnect(link);
	connect_soon(link);
}

void xfrm_link_renew(struct xfrm_link *link)
{
	lose(link);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct xfrm_link *link = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < EVENTS_A_TURN && link->events; i++) {
		struct xfrm_message event;
		struct xfrm_error err;
		int rc = xfrm_client_event(link->events, 0, &event, &err);

		if (rc == -EAGAIN)
			return;
		if (rc == -ENOBUFS) {
			log_warnx("%s", err.text);
		} else if (rc) {
			lose(link);
		} else {
			link->listener.event(link->listener.ctx, &event);
			xfrm_message_cleanse(&event);
		}
	}
}

#define GROUP_MAPPING (1U << (XFRMNLGRP_MAPPING - 1))

/* 0 and the relay's end in *fd; -errno and a sentence. */
static int connect_now(struct xfrm_link *link, int *fd, struct xfrm_error *err)
{
	const struct xfrm_link_options *o = &link->options;
	int rc = xfrm_client_open(o->path, o->kernel, &link->requests, err);

	*fd = -1;
	if (!rc)
		rc = xfrm_client_open(o->path, o->kernel, &link->events, err);
	if (!rc)
		rc = xfrm_client_subscribe(link->events,
					   XFRMGRP_ACQUIRE | XFRMGRP_EXPIRE | GROUP_MAPPING, err);
	if (!rc && !o->kernel && o->misfits)
		rc = xfrm_client_hear_misfits(link->events, err);
	if (!rc && !o->kernel)
		rc = xfrm_client_register_ike(link->requests, o->encap_port, fd, err);
	if (rc)
		return rc;
	link->readable = event_new(link->base, xfrm_client_fd(link->events), EV_READ | EV_PERSIST,
				   on_readable, link);
	if (link->readable && event_add(link->readable, NULL) == 0)
		return 0;
	if (*fd >= 0)
		close(*fd);
	return xfrm_error_set(err, -ENOMEM, 0, "out of memory");
}

static void try_connect(struct xfrm_link *link)
{
	struct xfrm_error err;
	bool again = link->was_up;
	int fd;

	if (connect_now(link, &fd, &err) < 0) {
		if (!link->told)
			log_warnx("%s; trying again", err.text);
		link->told = true;
		disconnect(link);
		connect_soon(link);
		return;
	}
	if (again || link->told)
		log_info("connected to cygnetd%s", again ? " again" : "");
	link->told = false;
	link->was_up = true;
	link->listener.connected(link->listener.ctx, fd, again);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	try_connect(arg);
}

int xfrm_link_new(struct xfrm_link **out, struct event_base *base,
		  const struct xfrm_link_options *options, struct xfrm_link_listener listener)
{
	struct xfrm_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->options = *options;
	link->listener = listener;
	link->base = base;
	link->retry = evtimer_new(base, on_retry, link);
	if (!link->retry) {
		free(link);
		return -ENOMEM;
	}
	*out = link;
	return 0;
}

void xfrm_link_start(struct xfrm_link *link)
{
	try_connect(link);
}

void xfrm_link_free(struct xfrm_link *link)
{
	if (!link)
		return;
	disconnect(link);
	event_free(link->retry);
	free(link);
}

bool xfrm_link_is_up(const struct xfrm_link *link)
{
	return link->requests != NULL;
}

static int not_connected(struct xfrm_error *err)
{
	return xfrm_error_set(err, -ENOTCONN, 0, "not connected");
}

/* A connection that is broken is noticed by whoever uses it first; it is made anew from the event
 * loop, not from here. */
static int check(struct xfrm_link *link, int rc)
{
	if (rc == -ECONNRESET || rc == -ETIMEDOUT || rc == -EPIPE)
		lose(link);
	return rc;
}

int xfrm_link_request(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_error *err)
{
	if (!link->requests)
		return not_connected(err);
	return check(link, xfrm_client_request(link->requests, msg, err));
}

int xfrm_link_get(struct xfrm_link *link, struct xfrm_message *msg, struct xfrm_message *reply,
		  struct xfrm_error *err)
{
	if (!link->requests)
		return not_connected(err);
	return check(link, xfrm_client_get(link->requests, msg, reply, err));
}

int xfrm_link_dump(struct xfrm_link *link, struct xfrm_message *msg,
		   int (*fn)(void *ctx, const struct xfrm_message *entry), void *ctx,
		   struct xfrm_error *err)
{
	if (!link->requests)
		return not_connected(err);
	return check(link, xfrm_client_dump(link->requests, msg, fn, ctx, err));
}
