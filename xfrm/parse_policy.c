/*
 * xfrm/parse_policy.c: NEWPOLICY, UPDPOLICY (all of a policy) and DELPOLICY, GETPOLICY (its key)
 * into sa-db's values. Checks and errno as in the kernel's net/xfrm/xfrm_user.c. No template means
 * bypass or discard by the action, one ESP tunnel template means protect; bundles, AH, IPComp and
 * the other modes are refused with EOPNOTSUPP, but for traps of transport mode. Called by xfrm_parse, and by status.c for the
 * policy inside a TUNNEL message.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { TEMPLATES_MAX = 6 }; /* the kernel's XFRM_MAX_DEPTH */

#define POLICY_FIELD(member) XFRM_FIELD(struct xfrm_userpolicy_info, member)

static_assert(POLICY_IN == (int)XFRM_POLICY_IN && POLICY_OUT == (int)XFRM_POLICY_OUT &&
		      POLICY_FWD == (int)XFRM_POLICY_FWD,
	      "directions are copied unchanged");

int xfrm_parse_policy_type(const struct xfrm_input *in)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_POLICY_TYPE];
	struct xfrm_userpolicy_type type;

	if (!attr)
		return 0;
	memcpy(&type, xfrm_attr_data(attr), sizeof(type));
	if (type.type == XFRM_POLICY_TYPE_MAIN)
		return 0;
	if (type.type == XFRM_POLICY_TYPE_SUB)
		return xfrm_error_set(in->err, -EOPNOTSUPP, xfrm_attr_offset(in, attr),
				      "sub policies are not supported");
	return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
			      "policy type %u does not exist", type.type);
}

static int refuse_attributes(const struct xfrm_input *in)
{
	int rc = xfrm_attr_refuse(in, XFRMA_SEC_CTX, "security contexts are not supported");

	if (rc == 0)
		rc = xfrm_attr_refuse(in, XFRMA_IF_ID, "XFRM interfaces are not supported");
	if (rc == 0)
		rc = xfrm_attr_refuse(in, XFRMA_OFFLOAD_DEV,
				      "offload to a device is not supported");
	return rc;
}

static int check_info(const struct xfrm_input *in, const struct xfrm_userpolicy_info *info)
{
	if (info->share > XFRM_SHARE_UNIQUE)
		return xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(share),
				      "share %u does not exist", info->share);
	if (info->action != XFRM_POLICY_ALLOW && info->action != XFRM_POLICY_BLOCK)
		return xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(action),
				      "action %u: allow or block is expected", info->action);
	if (info->sel.family != AF_INET && info->sel.family != AF_INET6)
		return xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(sel.family),
				      "selector family %u: IPv4 or IPv6 is expected",
				      info->sel.family);
	/* A kernel's dump has the policies of sockets too, whose directions are the next three. */
	if (info->dir >= (in->request ? POLICY_DIRS : 2 * POLICY_DIRS))
		return xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(dir),
				      "direction %u: in, out or fwd is expected", info->dir);
	if (info->index && (info->index & 7) != info->dir)
		return xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(index),
				      "index %u does not belong to direction %u", info->index,
				      info->dir);
	return 0;
}

/* A manager's request to be asked (pluto's "trap"): no SA is named, and none will ever fit; ACQUIRE
 * is all that comes of it, and the manager then puts the tunnel's policy in its place. */
static bool is_trap(const struct xfrm_user_tmpl *t)
{
	struct ip_addr src = xfrm_addr_get(t->family, &t->saddr);
	struct ip_addr dst = xfrm_addr_get(t->family, &t->id.daddr);

	return t->reqid == 0 && t->id.spi == 0 && ip_addr_is_any(&src) && ip_addr_is_any(&dst);
}

/* What the kernel would refuse comes first, what only Cygnet refuses after it. */
static int check_template(const struct xfrm_input *in, const struct xfrm_userpolicy_info *info,
			  const struct xfrm_user_tmpl *t)
{
	uint32_t at = xfrm_attr_offset(in, in->attrs.at[XFRMA_TMPL]);
	bool tunnel = t->mode == XFRM_MODE_TUNNEL || t->mode == XFRM_MODE_BEET;
	bool keeps_family = !tunnel && t->mode != MODE_IPTFS;

	if (tunnel && t->optional && info->dir == POLICY_OUT)
		return xfrm_error_set(in->err, -EINVAL, at,
				      "level \"use\" cannot be had for an outbound tunnel: without "
				      "an SA the packet would leave in clear");
	if (keeps_family && t->family != info->sel.family)
		return xfrm_error_set(in->err, -EINVAL, at,
				      "template: mode %u cannot change the address family",
				      t->mode);
	if (t->mode >= MODE_END || (t->family != AF_INET && t->family != AF_INET6))
		return xfrm_error_set(in->err, -EINVAL, at,
				      "template: mode %u with address family %u", t->mode,
				      t->family);
	if (t->id.proto == IPPROTO_AH || t->id.proto == IPPROTO_COMP ||
	    t->id.proto == IPPROTO_ROUTING || t->id.proto == IPPROTO_DSTOPTS)
		return xfrm_error_set(in->err, -EOPNOTSUPP, at,
				      "template: protocol %u is not supported, only ESP is",
				      t->id.proto);
	if (t->id.proto != IPPROTO_ESP)
		return xfrm_error_set(in->err, -EINVAL, at,
				      "template: protocol %u is not an IPsec protocol",
				      t->id.proto);
	if (t->mode == XFRM_MODE_TRANSPORT && is_trap(t))
		return 0;
	if (t->mode != XFRM_MODE_TUNNEL)
		return xfrm_error_set(in->err, -EOPNOTSUPP, at, "template: %s is not supported",
				      t->mode == XFRM_MODE_TRANSPORT
					      ? "transport mode, but for traps that name no SA,"
					      : "this mode");
	return 0;
}

static void get_template(const struct xfrm_user_tmpl *t, struct policy_template *out)
{
	*out = (struct policy_template){
		.src = xfrm_addr_get(t->family, &t->saddr),
		.dst = xfrm_addr_get(t->family, &t->id.daddr),
		.spi = ntohl(t->id.spi),
		.reqid = t->reqid,
		.proto = t->id.proto,
		.mode = t->mode,
		.share = t->share,
		.optional = t->optional != 0,
		.aalgos = t->aalgos,
		.ealgos = t->ealgos,
		.calgos = t->calgos,
	};
}

static int get_action(const struct xfrm_input *in, const struct xfrm_userpolicy_info *info,
		      struct policy_config *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_TMPL];
	struct xfrm_user_tmpl t = {0};
	size_t count;
	int rc = 0;

	if (!attr) {
		out->action = info->action == XFRM_POLICY_BLOCK ? POLICY_DISCARD : POLICY_BYPASS;
		return 0;
	}
	count = xfrm_attr_len(attr) / sizeof(t);
	if (xfrm_attr_len(attr) % sizeof(t) || count == 0 || count > TEMPLATES_MAX)
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "XFRMA_TMPL: %zu bytes are not one to %d templates",
				      xfrm_attr_len(attr), TEMPLATES_MAX);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		memcpy(&t, (const uint8_t *)xfrm_attr_data(attr) + i * sizeof(t), sizeof(t));
		if (t.family == AF_UNSPEC)
			t.family = info->sel.family;
		rc = check_template(in, info, &t);
	}
	if (rc)
		return rc;
	if (count > 1)
		return xfrm_error_set(in->err, -EOPNOTSUPP, xfrm_attr_offset(in, attr),
				      "%zu templates: only one is supported", count);
	if (info->action == XFRM_POLICY_BLOCK)
		return xfrm_error_set(in->err, -EOPNOTSUPP, xfrm_attr_offset(in, attr),
				      "a policy that blocks takes no template");
	out->action = POLICY_PROTECT;
	get_template(&t, &out->tmpl);
	return 0;
}

int xfrm_policy_info_get(const struct xfrm_input *in, const struct xfrm_userpolicy_info *info,
			 struct xfrm_policy *out)
{
	struct policy_config *config = &out->config;
	int rc = check_info(in, info);

	if (rc == 0 && !xfrm_selector_get(&info->sel, &config->sel))
		rc = xfrm_error_set(in->err, -EINVAL, POLICY_FIELD(sel),
				    "selector: prefix lengths %u and %u exceed the address",
				    info->sel.prefixlen_s, info->sel.prefixlen_d);
	if (rc == 0 && (in->request || config->sel.ifindex))
		rc = xfrm_selector_refuse(in, &config->sel, POLICY_FIELD(sel));
	if (rc == 0)
		rc = xfrm_parse_policy_type(in);
	if (rc == 0)
		rc = refuse_attributes(in);
	if (rc == 0)
		rc = get_action(in, info, config);
	if (rc)
		return rc;
	config->index = info->index;
	config->priority = info->priority;
	config->dir = info->dir % POLICY_DIRS;
	out->socket = info->dir >= POLICY_DIRS;
	config->flags = info->flags;
	config->share = info->share;
	config->mark = xfrm_mark_get(in);
	config->limits = xfrm_limits_get(&info->lft);
	if (!in->request) {
		out->add_time = info->curlft.add_time;
		out->use_time = info->curlft.use_time;
	}
	return 0;
}

int xfrm_parse_policy(const struct xfrm_input *in, struct xfrm_policy *out)
{
	struct xfrm_userpolicy_info info;

	xfrm_header_get(in, &info, sizeof(info));
	return xfrm_policy_info_get(in, &info, out);
}

int xfrm_parse_deleted_policy(const struct xfrm_input *in, struct xfrm_policy *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_POLICY];
	struct xfrm_userpolicy_info info;

	if (!attr)
		return xfrm_error_set(in->err, -EINVAL, 0,
				      "a policy's deletion needs XFRMA_POLICY");
	memcpy(&info, xfrm_attr_data(attr), sizeof(info));
	return xfrm_policy_info_get(in, &info, out);
}

int xfrm_parse_policy_key(const struct xfrm_input *in, struct policy_config *out)
{
	struct xfrm_userpolicy_id id;
	int rc;

	xfrm_header_get(in, &id, sizeof(id));
	rc = xfrm_parse_policy_type(in);
	if (rc == 0)
		rc = refuse_attributes(in);
	if (rc)
		return rc;
	if (id.dir >= POLICY_DIRS)
		return xfrm_error_set(in->err, -EINVAL, XFRM_FIELD(struct xfrm_userpolicy_id, dir),
				      "direction %u: in, out or fwd is expected", id.dir);
	if (!xfrm_selector_get(&id.sel, &out->sel))
		return xfrm_error_set(in->err, -EINVAL, XFRM_FIELD(struct xfrm_userpolicy_id, sel),
				      "selector: family %u with prefix lengths %u and %u",
				      id.sel.family, id.sel.prefixlen_s, id.sel.prefixlen_d);
	out->index = id.index;
	out->dir = id.dir;
	out->mark = xfrm_mark_get(in);
	return 0;
}
