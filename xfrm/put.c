/*
 * xfrm/put.c: one struct xfrm_message to one netlink message, and the answers that are none of
 * XFRM's: acknowledgement, refusal with an extended ack, end of a dump. Called by the client for
 * requests and by the control server for everything it says.
 */
#include "xfrm/message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

void xfrm_header_put(struct xfrm_output *o, const void *header, size_t len)
{
	if (o->full || o->size < o->nlh->nlmsg_len ||
	    o->size - o->nlh->nlmsg_len < NLMSG_ALIGN(len)) {
		o->full = true;
		return;
	}
	memcpy(mnl_nlmsg_put_extra_header(o->nlh, len), header, len);
}

void xfrm_attr_put(struct xfrm_output *o, unsigned type, const void *data, size_t len)
{
	if (!o->full && !mnl_attr_put_check(o->nlh, o->size, (uint16_t)type, len, data))
		o->full = true;
}

void xfrm_attr_put_u32(struct xfrm_output *o, unsigned type, uint32_t value)
{
	xfrm_attr_put(o, type, &value, sizeof(value));
}

void xfrm_mark_put(struct xfrm_output *o, const struct xfrm_mark_value *mark)
{
	struct xfrm_mark wire = {.v = mark->value, .m = mark->mask};

	if (mark->value | mark->mask)
		xfrm_attr_put(o, XFRMA_MARK, &wire, sizeof(wire));
}

static bool start(struct xfrm_output *o, void *buf, size_t size, uint16_t type, uint16_t flags,
		  uint32_t seq, uint32_t pid)
{
	*o = (struct xfrm_output){.size = size};
	if (size < NLMSG_HDRLEN)
		return false;
	o->nlh = mnl_nlmsg_put_header(buf);
	o->nlh->nlmsg_type = type;
	o->nlh->nlmsg_flags = flags;
	o->nlh->nlmsg_seq = seq;
	o->nlh->nlmsg_pid = pid;
	return true;
}

/* ---- which body a type has -------------------------------------------------------------------- */

static void sa(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	xfrm_put_sa(o, &msg->sa, request);
}

static void sa_key(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)request;
	xfrm_put_sa_key(o, &msg->sa.config);
}

static void deleted_sa(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	if (request)
		xfrm_put_sa_key(o, &msg->sa.config);
	else
		xfrm_put_deleted_sa(o, &msg->sa);
}

static void sa_flush(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	struct xfrm_usersa_flush flush = {.proto = msg->proto};

	(void)request;
	xfrm_header_put(o, &flush, sizeof(flush));
}

static void policy(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	xfrm_put_policy(o, &msg->policy, request);
}

static void policy_key(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)request;
	xfrm_put_policy_key(o, &msg->policy.config);
}

static void deleted_policy(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	if (request)
		xfrm_put_policy_key(o, &msg->policy.config);
	else
		xfrm_put_deleted_policy(o, &msg->policy);
}

static void policy_flush(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)msg;
	if (!request)
		xfrm_policy_type_put(o);
}

static void nothing(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)o; /* the header is all of it */
	(void)msg;
	(void)request;
}

static const struct body {
	uint16_t type;
	void (*put)(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
} bodies[] = {
	{XFRM_MSG_NEWSA, sa},
	{XFRM_MSG_UPDSA, sa},
	{XFRM_MSG_DELSA, deleted_sa},
	{XFRM_MSG_GETSA, sa_key},
	{XFRM_MSG_FLUSHSA, sa_flush},
	{XFRM_MSG_NEWPOLICY, policy},
	{XFRM_MSG_UPDPOLICY, policy},
	{XFRM_MSG_DELPOLICY, deleted_policy},
	{XFRM_MSG_GETPOLICY, policy_key},
	{XFRM_MSG_FLUSHPOLICY, policy_flush},
	{XFRM_MSG_ALLOCSPI, xfrm_put_alloc_spi},
	{XFRM_MSG_EXPIRE, xfrm_put_expire},
	{XFRM_MSG_POLEXPIRE, xfrm_put_policy_expire},
	{XFRM_MSG_ACQUIRE, xfrm_put_acquire},
	{XFRM_MSG_MAPPING, xfrm_put_mapping},
	{XFRM_MSG_MIGRATE, xfrm_put_migrate},
	{XFRM_MSG_GETAE, xfrm_put_aevent},
	{XFRM_MSG_NEWAE, xfrm_put_aevent},
	{XFRM_MSG_GETSADINFO, xfrm_put_info},
	{XFRM_MSG_NEWSADINFO, xfrm_put_sad_info},
	{XFRM_MSG_GETSPDINFO, xfrm_put_info},
	{XFRM_MSG_NEWSPDINFO, xfrm_put_spd_info},
	{XFRM_MSG_GETDEFAULT, xfrm_put_default},
	{XFRM_MSG_SETDEFAULT, xfrm_put_default},
	{CYGNET_MSG_IKEREG, cygnet_put_ike},
	{CYGNET_MSG_CTL, cygnet_put_ctl},
	{CYGNET_MSG_TAKEKEYS, nothing},
	{CYGNET_MSG_MISFITREG, nothing},
	{CYGNET_MSG_MISFIT, cygnet_put_misfit},
	{CYGNET_MSG_GETSTATUS, nothing},
	{CYGNET_MSG_STATUS, cygnet_put_status},
	{CYGNET_MSG_GETTUNNEL, nothing},
	{CYGNET_MSG_TUNNEL, cygnet_put_tunnel},
};

static void put_body(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (bodies[i].type == msg->type) {
			bodies[i].put(o, msg, request);
			return;
		}
	}
	o->full = true; /* no such message is ours to send */
}

size_t xfrm_put(void *buf, size_t size, const struct xfrm_message *msg)
{
	struct xfrm_output o;
	bool has_dump = msg->type == XFRM_MSG_GETSA || msg->type == XFRM_MSG_GETPOLICY ||
			msg->type == CYGNET_MSG_GETTUNNEL;
	uint16_t flags = (uint16_t)(msg->flags | (has_dump && msg->dump ? NLM_F_DUMP : 0));

	if (!start(&o, buf, size, msg->type, flags, msg->seq, msg->pid))
		return 0;
	if (!has_dump || !(flags & NLM_F_DUMP))
		put_body(&o, msg, flags & NLM_F_REQUEST);
	else if (msg->type == XFRM_MSG_GETSA)
		xfrm_put_sa_filter(&o, &msg->filter);
	return o.full ? 0 : o.nlh->nlmsg_len;
}

size_t xfrm_put_ack(void *buf, size_t size, const struct nlmsghdr *request, uint32_t pid,
		    const struct xfrm_error *err)
{
	bool has_text = err && err->code && err->text[0];
	struct nlmsgerr body = {.error = err ? err->code : 0, .msg = *request};
	struct xfrm_output o;

	if (!start(&o, buf, size, NLMSG_ERROR,
		   (uint16_t)(NLM_F_CAPPED | (has_text ? NLM_F_ACK_TLVS : 0)), request->nlmsg_seq,
		   pid))
		return 0;
	xfrm_header_put(&o, &body, sizeof(body));
	if (has_text) {
		xfrm_attr_put(&o, NLMSGERR_ATTR_MSG, err->text, strlen(err->text) + 1);
		/* ip holds it against this message, which as a capped one is short, and says so of each. */
		if (err->offset && err->offset <= o.nlh->nlmsg_len)
			xfrm_attr_put_u32(&o, NLMSGERR_ATTR_OFFS, err->offset);
	}
	return o.full ? 0 : o.nlh->nlmsg_len;
}

size_t xfrm_put_done(void *buf, size_t size, uint32_t seq, uint32_t pid)
{
	struct xfrm_output o;
	int result = 0;

	if (!start(&o, buf, size, NLMSG_DONE, NLM_F_MULTI, seq, pid))
		return 0;
	xfrm_header_put(&o, &result, sizeof(result));
	return o.full ? 0 : o.nlh->nlmsg_len;
}
