/*
 * xfrm/client.c: request and answer, RFC 3549 §2.2: an acknowledgement, one object, or a dump of
 * many datagrams up to NLMSG_DONE. Used by setkey, cygnet and cygnet-iked against cygnetd or a
 * kernel alike. An answer is known by its sequence number: what is left of an earlier call that
 * gave up is skipped.
 */
#include "xfrm/client.h"

#include <errno.h>
#include <string.h>

/* What an exchange does with each message of its answer. */
struct exchange {
	/* NULL: an acknowledgement is all that is waited for. */
	int (*entry)(struct exchange *x, const struct nlmsghdr *nlh);
	bool dump;
	bool done;
	struct xfrm_error *err; /* borrowed */

	struct xfrm_message *reply; /* get: borrowed */
	/* dump */
	int (*fn)(void *ctx, const struct xfrm_message *entry);
	void *ctx;
	int stopped;		 /* what fn returned, if not 0 */
	unsigned strange;	 /* entries that could not be read */
	struct xfrm_error first; /* why the first of them could not */
};

/* The sentence in an extended ack, if there is one. Bytes of the server's: bounds first. */
static void read_ext_ack(const struct nlmsghdr *nlh, struct xfrm_error *err)
{
	const struct nlmsgerr *body = NLMSG_DATA(nlh);
	size_t off = NLMSG_HDRLEN + sizeof(*body), len = nlh->nlmsg_len;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && body->msg.nlmsg_len > NLMSG_HDRLEN)
		off += NLMSG_ALIGN((size_t)body->msg.nlmsg_len - NLMSG_HDRLEN);
	while (off < len && len - off >= sizeof(struct nlattr)) {
		const struct nlattr *attr =
			(const struct nlattr *)(const void *)((const uint8_t *)nlh + off);
		const char *data = (const char *)(attr + 1);
		size_t room = attr->nla_len - sizeof(*attr);

		if (attr->nla_len < sizeof(*attr) || attr->nla_len > len - off)
			return;
		if ((attr->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG && room > 0)
			(void)xfrm_error_set(err, err->code, err->offset, "%.*s",
					     (int)strnlen(data, room), data);
		if ((attr->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_OFFS &&
		    room >= sizeof(err->offset))
			memcpy(&err->offset, data, sizeof(err->offset));
		off += NLMSG_ALIGN((size_t)attr->nla_len);
	}
}

static int bad_answer(struct xfrm_error *err)
{
	return xfrm_error_set(err, -EBADMSG, 0, "the answer is not a netlink message");
}

static int take_error(struct exchange *x, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *body = NLMSG_DATA(nlh);

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
		return bad_answer(x->err);
	x->done = true;
	if (body->error == 0) {
		if (!x->entry)
			return 0;
		return xfrm_error_set(x->err, -EBADMSG, 0, "acknowledged, but not answered");
	}
	if (body->error > 0 || body->error < -4095)
		return bad_answer(x->err);
	(void)xfrm_error_set(x->err, body->error, 0, "%s", strerror(-body->error));
	read_ext_ack(nlh, x->err);
	return body->error;
}

static int take_done(struct exchange *x, const struct nlmsghdr *nlh)
{
	int result = 0;

	x->done = true;
	if (!x->dump)
		return bad_answer(x->err);
	if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(result)))
		memcpy(&result, NLMSG_DATA(nlh), sizeof(result));
	if (result >= 0)
		return 0;
	return xfrm_error_set(x->err, result, 0, "the dump broke off: %s", strerror(-result));
}

static int take_message(struct exchange *x, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return take_error(x, nlh);
	if (nlh->nlmsg_type == NLMSG_DONE)
		return take_done(x, nlh);
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || !x->entry)
		return 0; /* NOOP; or data nobody asked for, before the acknowledgement */
	return x->entry(x, nlh);
}

static int take_datagram(struct exchange *x, const struct xfrm_client *client, size_t len)
{
	size_t off = 0;
	int rc = 0;

	while (rc == 0 && !x->done && off < len) {
		const struct nlmsghdr *nlh =
			(const struct nlmsghdr *)(const void *)(client->buf + off);

		if (len - off < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) ||
		    nlh->nlmsg_len > len - off)
			return bad_answer(x->err);
		if (nlh->nlmsg_seq == client->seq)
			rc = take_message(x, nlh);
		off += NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	}
	return rc;
}

static int run(struct xfrm_client *client, struct xfrm_message *msg, uint16_t flags,
	       struct exchange *x)
{
	size_t len;
	int rc;

	*x->err = (struct xfrm_error){0};
	msg->flags = (uint16_t)(flags | NLM_F_REQUEST);
	msg->dump = x->dump;
	msg->seq = ++client->seq;
	msg->pid = 0;
	len = xfrm_put(client->buf, XFRM_REQUEST_MAX, msg);
	if (len == 0)
		return xfrm_error_set(x->err, -EINVAL, 0, "the request cannot be put into XFRM");
	rc = client_send(client, len, x->err);
	explicit_bzero(client->buf, len);
	while (rc == 0 && !x->done) {
		ssize_t got = client_receive(client, x->err);

		rc = got < 0 ? (int)got : take_datagram(x, client, (size_t)got);
		explicit_bzero(client->buf, got > 0 ? (size_t)got : 0);
	}
	return rc;
}

int xfrm_client_request(struct xfrm_client *client, struct xfrm_message *msg,
			struct xfrm_error *err)
{
	struct exchange x = {.err = err};
	/* The kernel wants to hear of a NEWAE that it replaces. */
	uint16_t replace = msg->type == XFRM_MSG_NEWAE ? NLM_F_REPLACE : 0;

	return run(client, msg, NLM_F_ACK | replace, &x);
}

static int keep_reply(struct exchange *x, const struct nlmsghdr *nlh)
{
	x->done = true;
	return xfrm_parse(nlh, nlh->nlmsg_len, x->reply, x->err);
}

int xfrm_client_get(struct xfrm_client *client, struct xfrm_message *msg,
		    struct xfrm_message *reply, struct xfrm_error *err)
{
	struct exchange x = {.err = err, .entry = keep_reply, .reply = reply};

	return run(client, msg, 0, &x);
}

/* A kernel's databases may hold what Cygnet has no words for (transport mode, AH): the rest is still
 * handed on, and the end of the dump tells. After fn has had enough the dump is read to its end,
 * so that the next request finds the socket empty. */
static int hand_on(struct exchange *x, const struct nlmsghdr *nlh)
{
	struct xfrm_message entry;
	struct xfrm_error why;

	if (x->stopped)
		return 0;
	if (xfrm_parse(nlh, nlh->nlmsg_len, &entry, &why) < 0) {
		if (x->strange++ == 0)
			x->first = why;
		return 0;
	}
	x->stopped = x->fn(x->ctx, &entry);
	xfrm_message_cleanse(&entry);
	return 0;
}

int xfrm_client_dump(struct xfrm_client *client, struct xfrm_message *msg,
		     int (*fn)(void *ctx, const struct xfrm_message *entry), void *ctx,
		     struct xfrm_error *err)
{
	struct exchange x = {.err = err, .entry = hand_on, .dump = true, .fn = fn, .ctx = ctx};
	int rc = run(client, msg, NLM_F_DUMP, &x);

	if (rc || x.stopped)
		return rc ? rc : x.stopped;
	if (x.strange)
		return xfrm_error_set(err, x.first.code, 0, "%u entries left out; the first: %.90s",
				      x.strange, x.first.text);
	return 0;
}
