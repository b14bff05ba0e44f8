/*
 * xfrm/status.c: Cygnet's own messages, STATUS, TUNNEL and CTL, both ways. A program and a daemon of
 * different versions talk: attributes that are missing read as zero, unknown ones are skipped, and
 * verdict counters travel as an array of which the receiver takes what it has room for. Its order is
 * VERDICT_LIST's, so whoever shows them by name compares versions first. Called by xfrm_parse and
 * xfrm_put.
 */
#include "xfrm/message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { TEXT_MAX = 96 }; /* of the longest string below */

/* Fields that are copied as they are. */
struct field {
	unsigned type;
	size_t offset, len;
	bool string;
};

#define FIELD(attr, type, member, string)                                            \
	{                                                                            \
		attr, offsetof(type, member), sizeof(((type *)NULL)->member), string \
	}

static const struct field status_fields[] = {
	FIELD(CYGNETA_VERSION, struct cygnet_status, version, true),
	FIELD(CYGNETA_TUN, struct cygnet_status, tun, true),
	FIELD(CYGNETA_WIRE, struct cygnet_status, wire, true),
	FIELD(CYGNETA_CRYPTO, struct cygnet_status, crypto, true),
	FIELD(CYGNETA_WORKERS, struct cygnet_status, workers, false),
	FIELD(CYGNETA_SAS, struct cygnet_status, sas, false),
	FIELD(CYGNETA_POLICIES, struct cygnet_status, policies, false),
	FIELD(CYGNETA_STARTED, struct cygnet_status, started, false),
};

static const struct field tunnel_fields[] = {
	FIELD(CYGNETA_SPI, struct cygnet_tunnel, spi, false),
	FIELD(CYGNETA_OUTER_MTU, struct cygnet_tunnel, outer_mtu, false),
	FIELD(CYGNETA_INNER_MTU, struct cygnet_tunnel, inner_mtu, false),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct nlattr *own(const struct xfrm_input *in, unsigned type)
{
	assert(type >= CYGNETA_BASE && type < CYGNETA_END);
	return in->attrs.own[type - CYGNETA_BASE];
}

static int bad_length(const struct xfrm_input *in, const struct nlattr *attr)
{
	return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
			      "attribute type %u: %zu bytes are not what it holds", attr->nla_type,
			      xfrm_attr_len(attr));
}

static int get_fields(const struct xfrm_input *in, const struct field *fields, size_t count,
		      void *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct nlattr *attr = own(in, fields[i].type);
		size_t len = attr ? xfrm_attr_len(attr) : 0;

		if (!attr)
			continue;
		if (fields[i].string ? len == 0 || len > fields[i].len ||
					       strnlen(xfrm_attr_data(attr), len) != len - 1
				     : len != fields[i].len)
			return bad_length(in, attr);
		memcpy((uint8_t *)out + fields[i].offset, xfrm_attr_data(attr), len);
	}
	return 0;
}

static void put_fields(struct xfrm_output *o, const struct field *fields, size_t count,
		       const void *from)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *value = (const uint8_t *)from + fields[i].offset;
		char text[TEXT_MAX];
		size_t len;

		if (!fields[i].string) {
			xfrm_attr_put(o, fields[i].type, value, fields[i].len);
			continue;
		}
		assert(fields[i].len <= sizeof(text));
		len = strnlen((const char *)value, fields[i].len - 1);
		memcpy(text, value, len);
		text[len] = '\0';
		xfrm_attr_put(o, fields[i].type, text, len + 1);
	}
}

static int get_verdicts(const struct xfrm_input *in, unsigned type, uint64_t out[static V_COUNT])
{
	const struct nlattr *attr = own(in, type);
	size_t len = attr ? xfrm_attr_len(attr) : 0;
	size_t most = V_COUNT * sizeof(uint64_t);

	if (!attr)
		return 0;
	if (len % sizeof(uint64_t))
		return bad_length(in, attr);
	memcpy(out, xfrm_attr_data(attr), len < most ? len : most);
	return 0;
}

int cygnet_parse_status(const struct xfrm_input *in, struct cygnet_status *out)
{
	const struct nlattr *forwarding = own(in, CYGNETA_FORWARDING);
	int rc = get_fields(in, status_fields, COUNT(status_fields), out);
	uint8_t on[2];

	if (rc == 0)
		rc = get_verdicts(in, CYGNETA_VERDICT_IN, out->verdict_in);
	if (rc == 0)
		rc = get_verdicts(in, CYGNETA_VERDICT_OUT, out->verdict_out);
	if (rc || !forwarding)
		return rc;
	if (xfrm_attr_len(forwarding) != sizeof(on))
		return bad_length(in, forwarding);
	memcpy(on, xfrm_attr_data(forwarding), sizeof(on));
	out->forwarding[0] = on[0] != 0;
	out->forwarding[1] = on[1] != 0;
	return 0;
}

int cygnet_parse_tunnel(const struct xfrm_input *in, struct cygnet_tunnel *out)
{
	struct xfrm_policy policy = {0};
	int rc = xfrm_parse_policy(in, &policy);

	if (rc)
		return rc;
	out->policy = policy.config;
	return get_fields(in, tunnel_fields, COUNT(tunnel_fields), out);
}

void cygnet_put_status(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct cygnet_status *status = &msg->status;
	uint8_t on[2] = {status->forwarding[0], status->forwarding[1]};

	(void)request;
	put_fields(o, status_fields, COUNT(status_fields), status);
	xfrm_attr_put(o, CYGNETA_FORWARDING, on, sizeof(on));
	xfrm_attr_put(o, CYGNETA_VERDICT_IN, status->verdict_in, sizeof(status->verdict_in));
	xfrm_attr_put(o, CYGNETA_VERDICT_OUT, status->verdict_out, sizeof(status->verdict_out));
}

void cygnet_put_tunnel(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct cygnet_tunnel *tunnel = &msg->tunnel;
	struct xfrm_policy policy = {.config = tunnel->policy};

	(void)request;
	xfrm_put_policy(o, &policy, true);
	put_fields(o, tunnel_fields, COUNT(tunnel_fields), tunnel);
}

/* The other end may be of a newer version and say more (a version, a namespace). */
int cygnet_parse_ctl(struct xfrm_input *in, struct cygnet_ctl *out)
{
	if (in->nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*out)))
		return xfrm_error_set(in->err, -EINVAL, 0,
				      "a CTL message has a port id and groups, eight bytes");
	xfrm_header_get(in, out, sizeof(*out));
	return 0;
}

void cygnet_put_ctl(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct cygnet_ctl *ctl = &msg->ctl;

	(void)request;
	xfrm_header_put(o, ctl, sizeof(*ctl));
}
