/*
 * session.c: what one connection has in hand: the datagram of requests it is at, the
 * answers that wait, and a dump in progress. Framing as netlink's (RFC 3549 §2.2): a datagram may
 * hold several messages, a dump goes out in datagrams packed full and ends with NLMSG_DONE.
 *
 * Everything is bounded: requests wait while answers do, and a dump is a place in the database
 * from which it goes on when the client has read. Called by client.c.
 */
#include "gateway/dataplane/control/parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct datagram *datagram_new(size_t size)
{
	struct datagram *d = malloc(sizeof(*d) + size);

	if (d) {
		d->next = NULL;
		d->fd = -1;
		d->len = 0;
		d->size = size;
	}
	return d;
}

void datagram_free(struct datagram *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	explicit_bzero(d->bytes, d->len);
	free(d);
}

void session_init(struct session *s, struct control *control)
{
	s->control = control;
	s->peer = (struct ucred){.uid = (uid_t)-1, .gid = (gid_t)-1};
	s->first = NULL;
	s->last = &s->first;
	s->queued = 0;
	s->dump.active = false;
	s->dump.open = NULL;
	s->ctl = (struct cygnet_ctl){0};
	s->hears_misfits = false;
	s->next_listener = NULL;
	s->overrun = false;
	s->events_lost = 0;
	s->kick = NULL;
	s->in_len = 0;
	s->in_off = 0;
}

static void drop_input(struct session *s)
{
	explicit_bzero(s->in, s->in_len);
	s->in_len = 0;
	s->in_off = 0;
}

static void dump_end(struct dump *dump)
{
	if (!dump->active)
		return;
	sadb_walk_end(&dump->walk);
	datagram_free(dump->open);
	dump->open = NULL;
	dump->active = false;
}

void session_fini(struct session *s)
{
	struct datagram *d;

	s->hears_misfits = false;
	session_ctl(s, &(struct cygnet_ctl){0});
	dump_end(&s->dump);
	s->overrun = false;
	while ((d = session_pop(s)))
		datagram_free(d);
	drop_input(s);
}

/* ---- answers ------------------------------------------------------------------------------- */

int session_push(struct session *s, struct datagram *d)
{
	if (!d)
		return -ENOMEM;
	*s->last = d;
	s->last = &d->next;
	s->queued += d->size;
	return 0;
}

struct datagram *session_pop(struct session *s)
{
	struct datagram *d = s->first;

	if (!d)
		return NULL;
	s->first = d->next;
	if (!s->first)
		s->last = &s->first;
	s->queued -= d->size;
	d->next = NULL;
	/* It has read all that was kept for it: no other event needs to come for it to hear that some were not. */
	if (!s->first)
		(void)event_say_overrun(s);
	return d;
}

int session_answer(struct session *s, const struct xfrm_message *msg)
{
	_Alignas(8) uint8_t bytes[XFRM_DATAGRAM_MAX];
	size_t len = xfrm_put(bytes, sizeof(bytes), msg);
	struct datagram *d = datagram_new(len);

	assert(len); /* no object is longer than a datagram */
	if (d) {
		memcpy(d->bytes, bytes, len);
		d->len = len;
	}
	explicit_bzero(bytes, len);
	return session_push(s, d);
}

uint32_t session_pid(const struct session *s, uint32_t pid)
{
	return s->ctl.portid ? s->ctl.portid : pid;
}

/* ---- dumps --------------------------------------------------------------------------------- */

/* The next object the dump wants, in msg; false at the end. */
static bool dump_next(struct session *s, struct xfrm_message *msg)
{
	struct dump *dump = &s->dump;
	struct policy *policy;
	struct sa *sa;

	if (dump->type == XFRM_MSG_GETSA) {
		do {
			sa = sadb_walk_sa(&dump->walk);
		} while (sa && !xfrm_sa_filter_matches(&dump->filter, &sa->config));
		if (sa)
			describe_sa(sa, msg);
		return sa;
	}
	while ((policy = sadb_walk_policy(&dump->walk))) {
		if (dump->type == XFRM_MSG_GETPOLICY) {
			describe_policy(policy, msg);
			return true;
		}
		if (describe_tunnel(s->control, policy, msg))
			return true;
	}
	return false;
}

/* Appends msg, or NLMSG_DONE if it is NULL, to the open datagram. False if it does not fit. */
static bool dump_append(struct dump *dump, const struct xfrm_message *msg)
{
	struct datagram *d = dump->open;
	uint8_t *at = d->bytes + d->len;
	size_t room = d->size - d->len, len;

	if (msg)
		len = xfrm_put(at, room, msg);
	else
		len = xfrm_put_done(at, room, dump->seq, dump->pid);
	/* A message that did not fit has left a part of itself behind, maybe of a key. */
	if (!len)
		explicit_bzero(at, room);
	/* Lengths are padded to 4 by the attributes they end with; a bare header could not be. */
	assert(len == NLMSG_ALIGN(len));
	d->len += len;
	return len;
}

static int dump_put(struct session *s, const struct xfrm_message *msg)
{
	struct dump *dump = &s->dump;
	bool fits;

	if (dump->open && dump_append(dump, msg))
		return 0;
	if (dump->open)
		(void)session_push(s, dump->open); /* there is one: it cannot fail */
	dump->open = datagram_new(XFRM_DATAGRAM_MAX);
	if (!dump->open)
		return -ENOMEM;
	fits = dump_append(dump, msg);
	assert(fits); /* no object is longer than a datagram */
	return 0;
}

/* Fills the queue up to its mark. What is packed by then goes out, full or not. */
static int dump_run(struct session *s)
{
	struct dump *dump = &s->dump;
	bool more = true;
	int rc = 0;

	while (more && !rc && s->queued < CONTROL_DUMP_BYTES) {
		struct xfrm_message msg = {
			.flags = NLM_F_MULTI, .seq = dump->seq, .pid = dump->pid};

		more = dump_next(s, &msg);
		rc = dump_put(s, more ? &msg : NULL);
		xfrm_message_cleanse(&msg);
	}
	if (rc)
		return rc;
	if (dump->open)
		(void)session_push(s, dump->open);
	dump->open = NULL;
	if (!more)
		dump_end(dump);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

bool session_wants_input(const struct session *s)
{
	return s->in_len == 0 && s->queued < CONTROL_QUEUE_BYTES;
}

int session_received(struct session *s, size_t len)
{
	struct xfrm_error err;
	int rc;

	if (len <= sizeof(s->in)) {
		s->in_len = len;
		s->in_off = 0;
		return 0;
	}
	s->in_len = sizeof(s->in); /* to be wiped */
	(void)xfrm_error_set(&err, -EMSGSIZE, 0, "a request has at most %d bytes",
			     XFRM_REQUEST_MAX);
	rc = request_ack(s, (const struct nlmsghdr *)(const void *)s->in, &err);
	drop_input(s);
	return rc;
}

/* One message of the datagram. The kernel drops the rest of a datagram whose lengths lie; we do
 * too, but say so, since whoever sent it is waiting. */
static int take_message(struct session *s)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)(s->in + s->in_off);
	size_t left = s->in_len - s->in_off;
	struct xfrm_error err;
	size_t step;

	if (left < sizeof(*nlh)) {
		s->in_off = s->in_len;
		return 0;
	}
	if (nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > left) {
		s->in_off = s->in_len;
		(void)xfrm_error_set(&err, -EINVAL, 0,
				     "the message's length does not fit its datagram");
		return request_ack(s, nlh, &err);
	}
	step = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	s->in_off = step < left ? s->in_off + step : s->in_len;
	return request_handle(s, nlh, left);
}

int session_run(struct session *s)
{
	int rc = 0;

	while (!rc && s->in_off < s->in_len && s->queued < CONTROL_QUEUE_BYTES)
		rc = take_message(s);
	if (s->in_len && s->in_off == s->in_len)
		drop_input(s);
	if (!rc && s->dump.active)
		rc = dump_run(s);
	return rc;
}
