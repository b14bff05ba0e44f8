/*
 * event.c: what happened, told to those who asked to hear it, as the kernel multicasts it:
 * one message a datagram, to the groups of linux/xfrm.h. A change that a request made carries that
 * request's sequence number and port id, anything else zeros.
 *
 * Nobody waits for a listener: one that does not read loses events. They are counted, and the next
 * event it can take comes behind NLMSG_OVERRUN, which is to it what ENOBUFS is to a netlink socket.
 * Called by the files that serve requests, and by life.c.
 */
#include "gateway/dataplane/control/parts.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

/* What a listener wants: groups, and what is in none. */
#define WANT_MISFITS (UINT64_C(1) << 32)

static uint64_t wants(const struct session *s)
{
	return s->ctl.groups | (s->hears_misfits ? WANT_MISFITS : 0);
}

static uint32_t all_groups(const struct control *c)
{
	uint32_t groups = 0;

	for (const struct session *s = c->listeners; s; s = s->next_listener)
		groups |= s->ctl.groups;
	return groups;
}

static void groups_changed(struct control *c)
{
	c->groups = all_groups(c);
	if (c->deps.listening)
		c->deps.listening(c->deps.ctx, c->groups);
}

bool event_wanted(const struct control *c, uint32_t group)
{
	return c->groups & group;
}

static void leave(struct session *s)
{
	struct session **at = &s->control->listeners;

	while (*at && *at != s)
		at = &(*at)->next_listener;
	if (*at)
		*at = s->next_listener;
	s->next_listener = NULL;
}

static void wants_changed(struct session *s)
{
	leave(s);
	if (wants(s)) {
		s->next_listener = s->control->listeners;
		s->control->listeners = s;
	}
	groups_changed(s->control);
}

void session_ctl(struct session *s, const struct cygnet_ctl *ctl)
{
	s->ctl = *ctl;
	wants_changed(s);
}

void session_hear_misfits(struct session *s)
{
	s->hears_misfits = true;
	wants_changed(s);
}

/* ---- one listener ------------------------------------------------------------------------------ */

static int queue(struct session *s, const void *bytes, size_t len)
{
	struct datagram *d = datagram_new(len);

	if (!d)
		return -ENOMEM;
	memcpy(d->bytes, bytes, len);
	d->len = len;
	return session_push(s, d);
}

int event_say_overrun(struct session *s)
{
	const struct nlmsghdr overrun = {.nlmsg_len = sizeof(overrun),
					 .nlmsg_type = NLMSG_OVERRUN,
					 .nlmsg_pid = s->ctl.portid};
	int rc = s->overrun ? queue(s, &overrun, sizeof(overrun)) : 0;

	if (!rc)
		s->overrun = false;
	return rc;
}

static int queue_event(struct session *s, const void *bytes, size_t len)
{
	size_t need = len + (s->overrun ? sizeof(struct nlmsghdr) : 0);
	int rc;

	/* Room for both, or the news of a loss would be said again and again. */
	if (s->queued + need > CONTROL_EVENT_BYTES)
		return -ENOBUFS;
	rc = event_say_overrun(s);
	return rc ? rc : queue(s, bytes, len);
}

static void deliver(struct session *s, const void *bytes, size_t len)
{
	if (queue_event(s, bytes, len) < 0) {
		s->overrun = true;
		s->events_lost++;
		s->control->events_lost++;
		return;
	}
	if (s->kick)
		s->kick(s);
}

/* ---- events ------------------------------------------------------------------------------------ */

static void send_to(struct control *c, uint64_t want, const struct xfrm_message *msg)
{
	_Alignas(8) uint8_t bytes[XFRM_DATAGRAM_MAX];
	size_t len = xfrm_put(bytes, sizeof(bytes), msg);

	assert(len); /* no object is longer than a datagram */
	for (struct session *s = c->listeners; s; s = s->next_listener) {
		if (wants(s) & want)
			deliver(s, bytes, len);
	}
	explicit_bzero(bytes, len);
}

void event_send(struct control *c, uint32_t group, const struct xfrm_message *msg)
{
	if (event_wanted(c, group))
		send_to(c, group, msg);
}

void event_sa(struct control *c, uint16_t type, const struct sa *sa,
	      const struct xfrm_message *cause)
{
	struct xfrm_message msg = {0};

	if (!event_wanted(c, XFRMGRP_SA))
		return;
	describe_sa(sa, &msg);
	msg.type = type;
	msg.seq = cause->seq;
	msg.pid = cause->pid;
	event_send(c, XFRMGRP_SA, &msg);
	xfrm_message_cleanse(&msg);
}

void event_update(struct control *c, const struct xfrm_message *request)
{
	struct xfrm_message msg = {
		.type = XFRM_MSG_UPDSA, .seq = request->seq, .pid = request->pid};

	if (!event_wanted(c, XFRMGRP_SA))
		return;
	msg.sa = request->sa;
	if (!msg.sa.status.add_time)
		msg.sa.status.add_time = (uint64_t)time(NULL);
	event_send(c, XFRMGRP_SA, &msg);
	xfrm_message_cleanse(&msg);
}

void event_expire(struct control *c, const struct sa *sa, bool hard, uint32_t pid)
{
	struct xfrm_message msg = {0};

	if (!event_wanted(c, XFRMGRP_EXPIRE))
		return;
	describe_sa(sa, &msg);
	msg.type = XFRM_MSG_EXPIRE;
	msg.pid = pid;
	msg.hard = hard;
	event_send(c, XFRMGRP_EXPIRE, &msg);
	xfrm_message_cleanse(&msg);
}

void event_policy_expire(struct control *c, const struct policy *policy, bool hard, uint32_t pid)
{
	struct xfrm_message msg = {.hard = hard, .pid = pid};

	if (!event_wanted(c, XFRMGRP_EXPIRE))
		return;
	describe_policy(policy, &msg);
	msg.type = XFRM_MSG_POLEXPIRE;
	event_send(c, XFRMGRP_EXPIRE, &msg);
}

void event_policy(struct control *c, uint16_t type, const struct policy *policy,
		  const struct xfrm_message *cause)
{
	struct xfrm_message msg = {0};

	if (!event_wanted(c, XFRMGRP_POLICY))
		return;
	describe_policy(policy, &msg);
	msg.type = type;
	msg.seq = cause->seq;
	msg.pid = cause->pid;
	event_send(c, XFRMGRP_POLICY, &msg);
}

void event_flush(struct control *c, const struct xfrm_message *cause)
{
	struct xfrm_message msg = {
		.type = cause->type, .seq = cause->seq, .pid = cause->pid, .proto = cause->proto};

	event_send(c, cause->type == XFRM_MSG_FLUSHSA ? XFRMGRP_SA : XFRMGRP_POLICY, &msg);
}

static_assert((int)NOTICE_QUOTE_MAX <= (int)CYGNET_QUOTE_MAX, "what is quoted can be said");

void event_misfit(struct control *c, const struct sa *sa, const struct notice *notice)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_MISFIT};

	msg.sa.config.id = sa->config.id;
	msg.sa.config.src = sa->config.src;
	msg.sa.config.mark = sa->config.mark;
	msg.misfit.flow = notice->flow;
	msg.misfit.quote_len = notice->quote_len;
	memcpy(msg.misfit.quote, notice->quote, notice->quote_len);
	send_to(c, WANT_MISFITS, &msg);
	xfrm_message_cleanse(&msg);
}
