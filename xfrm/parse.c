/*
 * xfrm/parse.c: one netlink message (RFC 3549 §2.2) to one struct xfrm_message. The table says
 * which header a type has and who reads it. Called by the control server for requests and by the
 * client for answers; what stands in a message is believed by neither.
 */
#include "xfrm/message.h"

#include <errno.h>
#include <string.h>

enum { IPSEC_PROTO_ANY = 255 };

static int sa_all(const struct xfrm_input *in, struct xfrm_message *out)
{
	return xfrm_parse_sa(in, &out->sa);
}

static int sa_key(const struct xfrm_input *in, struct xfrm_message *out)
{
	return xfrm_parse_sa_key(in, &out->sa.config);
}

static int sa_delete(const struct xfrm_input *in, struct xfrm_message *out)
{
	return in->request ? sa_key(in, out) : xfrm_parse_deleted_sa(in, &out->sa);
}

static int sa_flush(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct xfrm_usersa_flush flush;

	xfrm_header_get(in, &flush, sizeof(flush));
	out->proto = flush.proto == IPSEC_PROTO_ANY ? 0 : flush.proto;
	return 0;
}

static int policy_all(const struct xfrm_input *in, struct xfrm_message *out)
{
	return xfrm_parse_policy(in, &out->policy);
}

static int policy_key(const struct xfrm_input *in, struct xfrm_message *out)
{
	return xfrm_parse_policy_key(in, &out->policy.config);
}

static int policy_delete(const struct xfrm_input *in, struct xfrm_message *out)
{
	return in->request ? policy_key(in, out) : xfrm_parse_deleted_policy(in, &out->policy);
}

static int policy_flush(const struct xfrm_input *in, struct xfrm_message *out)
{
	(void)out; /* there is nothing to say but the type */
	return xfrm_parse_policy_type(in);
}

static int nothing(const struct xfrm_input *in, struct xfrm_message *out)
{
	(void)in; /* the header was all of it */
	(void)out;
	return 0;
}

static int acquire(const struct xfrm_input *in, struct xfrm_message *out)
{
	return xfrm_parse_acquire(in, &out->acquire);
}

static int status(const struct xfrm_input *in, struct xfrm_message *out)
{
	return cygnet_parse_status(in, &out->status);
}

static int tunnel(const struct xfrm_input *in, struct xfrm_message *out)
{
	return cygnet_parse_tunnel(in, &out->tunnel);
}

static const struct kind {
	uint16_t type;
	bool has_dump;
	bool tolerant; /* attributes of a newer cygnetd are skipped */
	size_t header_len;
	int (*parse)(const struct xfrm_input *in, struct xfrm_message *out);
} kinds[] = {
	{XFRM_MSG_NEWSA, false, false, sizeof(struct xfrm_usersa_info), sa_all},
	{XFRM_MSG_UPDSA, false, false, sizeof(struct xfrm_usersa_info), sa_all},
	{XFRM_MSG_DELSA, false, false, sizeof(struct xfrm_usersa_id), sa_delete},
	{XFRM_MSG_GETSA, true, false, sizeof(struct xfrm_usersa_id), sa_key},
	{XFRM_MSG_FLUSHSA, false, false, sizeof(struct xfrm_usersa_flush), sa_flush},
	{XFRM_MSG_NEWPOLICY, false, false, sizeof(struct xfrm_userpolicy_info), policy_all},
	{XFRM_MSG_UPDPOLICY, false, false, sizeof(struct xfrm_userpolicy_info), policy_all},
	{XFRM_MSG_DELPOLICY, false, false, sizeof(struct xfrm_userpolicy_id), policy_delete},
	{XFRM_MSG_GETPOLICY, true, false, sizeof(struct xfrm_userpolicy_id), policy_key},
	{XFRM_MSG_FLUSHPOLICY, false, false, 0, policy_flush},
	{XFRM_MSG_ALLOCSPI, false, false, sizeof(struct xfrm_userspi_info), xfrm_parse_alloc_spi},
	{XFRM_MSG_EXPIRE, false, false, sizeof(struct xfrm_user_expire), xfrm_parse_expire},
	{XFRM_MSG_ACQUIRE, false, false, sizeof(struct xfrm_user_acquire), acquire},
	{XFRM_MSG_MAPPING, false, false, sizeof(struct xfrm_user_mapping), xfrm_parse_mapping},
	{XFRM_MSG_POLEXPIRE, false, false, sizeof(struct xfrm_user_polexpire),
	 xfrm_parse_policy_expire},
	{XFRM_MSG_MIGRATE, false, false, sizeof(struct xfrm_userpolicy_id), xfrm_parse_migrate},
	{XFRM_MSG_GETAE, false, false, sizeof(struct xfrm_aevent_id), xfrm_parse_aevent},
	{XFRM_MSG_NEWAE, false, false, sizeof(struct xfrm_aevent_id), xfrm_parse_aevent},
	{XFRM_MSG_GETSADINFO, false, false, sizeof(uint32_t), xfrm_parse_info},
	{XFRM_MSG_NEWSADINFO, false, false, sizeof(uint32_t), xfrm_parse_sad_info},
	{XFRM_MSG_GETSPDINFO, false, false, sizeof(uint32_t), xfrm_parse_info},
	{XFRM_MSG_NEWSPDINFO, false, false, sizeof(uint32_t), xfrm_parse_spd_info},
	{XFRM_MSG_SETDEFAULT, false, false, sizeof(struct xfrm_userpolicy_default),
	 xfrm_parse_default},
	{XFRM_MSG_GETDEFAULT, false, false, sizeof(struct xfrm_userpolicy_default),
	 xfrm_parse_default},
	{CYGNET_MSG_IKEREG, false, true, 0, cygnet_parse_ike},
	{CYGNET_MSG_TAKEKEYS, false, true, 0, nothing},
	{CYGNET_MSG_MISFITREG, false, true, 0, nothing},
	{CYGNET_MSG_MISFIT, false, true, sizeof(struct xfrm_usersa_id), cygnet_parse_misfit},
	{CYGNET_MSG_GETSTATUS, false, true, 0, nothing},
	{CYGNET_MSG_STATUS, false, true, 0, status},
	{CYGNET_MSG_GETTUNNEL, true, true, 0, nothing},
	{CYGNET_MSG_TUNNEL, false, true, sizeof(struct xfrm_userpolicy_info), tunnel},
};

static const struct kind *find_kind(uint16_t type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type == type)
			return &kinds[i];
	}
	return NULL;
}

/* A dump has no header: attributes that narrow it down follow at once. Of a policy dump the kernel
 * reads nothing. */
static int parse_dump(struct xfrm_input *in, struct xfrm_message *out)
{
	int rc;

	if (out->type != XFRM_MSG_GETSA)
		return 0;
	rc = xfrm_attrs_parse(in, 0, false);
	return rc ? rc : xfrm_parse_sa_filter(in, &out->filter);
}

static int parse_kind(struct xfrm_input *in, const struct kind *kind, struct xfrm_message *out)
{
	int rc;

	if (out->dump)
		return parse_dump(in, out);
	rc = xfrm_attrs_parse(in, kind->header_len, kind->tolerant);
	return rc ? rc : kind->parse(in, out);
}

int xfrm_parse(const struct nlmsghdr *nlh, size_t len, struct xfrm_message *out,
	       struct xfrm_error *err)
{
	struct xfrm_input in = {.nlh = nlh, .err = err};
	struct xfrm_message msg;
	const struct kind *kind;
	int rc;

	*err = (struct xfrm_error){0};
	if (len < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
		return xfrm_error_set(err, -EINVAL, 0, "message length does not fit its datagram");
	kind = find_kind(nlh->nlmsg_type);
	if (!kind && nlh->nlmsg_type != CYGNET_MSG_CTL)
		return xfrm_error_set(err, -EINVAL, 0, "message type %u does not exist",
				      nlh->nlmsg_type);
	memset(&msg, 0, sizeof(msg));
	msg.type = nlh->nlmsg_type;
	msg.flags = nlh->nlmsg_flags;
	msg.seq = nlh->nlmsg_seq;
	msg.pid = nlh->nlmsg_pid;
	msg.dump = kind && kind->has_dump && (nlh->nlmsg_flags & NLM_F_DUMP);
	in.request = nlh->nlmsg_flags & NLM_F_REQUEST;
	rc = kind ? parse_kind(&in, kind, &msg) : cygnet_parse_ctl(&in, &msg.ctl);
	if (rc == 0)
		*out = msg;
	xfrm_message_cleanse(&msg);
	return rc;
}

void xfrm_message_cleanse(struct xfrm_message *msg)
{
	explicit_bzero(&msg->sa.config.keys, sizeof(msg->sa.config.keys));
	explicit_bzero(msg->misfit.quote, sizeof(msg->misfit.quote));
}
