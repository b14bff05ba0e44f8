/*
 * xfrm/put_policy.c: policies as NEWPOLICY and UPDPOLICY, and their keys. The answer's attributes
 * stand in the order of the kernel's dump. Called by xfrm_put, and by status.c for the policy
 * inside a TUNNEL message.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <string.h>

static void put_template(struct xfrm_output *o, const struct policy_template *tmpl)
{
	struct xfrm_user_tmpl wire;

	memset(&wire, 0, sizeof(wire));
	xfrm_addr_put(&wire.id.daddr, &tmpl->dst);
	wire.id.spi = htonl(tmpl->spi);
	wire.id.proto = tmpl->proto;
	wire.family = tmpl->dst.family;
	xfrm_addr_put(&wire.saddr, &tmpl->src);
	wire.reqid = tmpl->reqid;
	wire.mode = tmpl->mode;
	wire.share = tmpl->share;
	wire.optional = tmpl->optional;
	wire.aalgos = tmpl->aalgos;
	wire.ealgos = tmpl->ealgos;
	wire.calgos = tmpl->calgos;
	xfrm_attr_put(o, XFRMA_TMPL, &wire, sizeof(wire));
}

void xfrm_policy_info_put(struct xfrm_userpolicy_info *info, const struct xfrm_policy *policy,
			  bool request)
{
	const struct policy_config *config = &policy->config;

	memset(info, 0, sizeof(*info));
	xfrm_selector_put(&info->sel, &config->sel);
	info->lft = xfrm_limits_put(&config->limits);
	info->priority = config->priority;
	info->index = config->index;
	info->dir = (uint8_t)(config->dir + (policy->socket ? POLICY_DIRS : 0));
	info->action = config->action == POLICY_DISCARD ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	info->flags = config->flags;
	info->share = config->share;
	if (request)
		return;
	info->curlft.add_time = policy->add_time;
	info->curlft.use_time = policy->use_time;
}

void xfrm_policy_type_put(struct xfrm_output *o)
{
	struct xfrm_userpolicy_type type;

	memset(&type, 0, sizeof(type));
	type.type = XFRM_POLICY_TYPE_MAIN;
	xfrm_attr_put(o, XFRMA_POLICY_TYPE, &type, sizeof(type));
}

void xfrm_policy_attrs_put(struct xfrm_output *o, const struct policy_config *config, bool request)
{
	if (config->action == POLICY_PROTECT)
		put_template(o, &config->tmpl);
	if (!request)
		xfrm_policy_type_put(o);
	xfrm_mark_put(o, &config->mark);
}

void xfrm_put_policy(struct xfrm_output *o, const struct xfrm_policy *policy, bool request)
{
	struct xfrm_userpolicy_info info;

	xfrm_policy_info_put(&info, policy, request);
	xfrm_header_put(o, &info, sizeof(info));
	xfrm_policy_attrs_put(o, &policy->config, request);
}

void xfrm_put_policy_key(struct xfrm_output *o, const struct policy_config *key)
{
	struct xfrm_userpolicy_id id;

	memset(&id, 0, sizeof(id));
	xfrm_selector_put(&id.sel, &key->sel);
	id.index = key->index;
	id.dir = key->dir;
	xfrm_header_put(o, &id, sizeof(id));
	xfrm_mark_put(o, &key->mark);
}
