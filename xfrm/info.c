/*
 * xfrm/info.c: what can be asked about the databases as a whole, both ways: how many SAs there are
 * (SADINFO), how many policies and from which prefix on they are hashed (SPDINFO), and what becomes
 * of packets no policy speaks of (DEFAULT). Their attributes have numbers of their own. Called by
 * xfrm_parse and xfrm_put.
 */
#include "xfrm/message.h"

#include <errno.h>
#include <string.h>

/* ---- SADINFO ---------------------------------------------------------------------------------- */

int xfrm_parse_info(const struct xfrm_input *in, struct xfrm_message *out)
{
	xfrm_header_get(in, &out->info_flags, sizeof(out->info_flags));
	return 0;
}

void xfrm_put_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)request; /* there is but the question */
	xfrm_header_put(o, &msg->info_flags, sizeof(msg->info_flags));
}

int xfrm_parse_sad_info(const struct xfrm_input *in, struct xfrm_message *out)
{
	const struct nlattr *count = in->attrs.at[XFRMA_SAD_CNT];
	const struct nlattr *hash = in->attrs.at[XFRMA_SAD_HINFO];
	struct xfrmu_sadhinfo wire = {0};

	if (hash)
		memcpy(&wire, xfrm_attr_data(hash), sizeof(wire));
	out->sad = (struct xfrm_sad_info){count ? xfrm_attr_u32(count) : 0, wire.sadhcnt,
					  wire.sadhmcnt};
	return xfrm_parse_info(in, out);
}

void xfrm_put_sad_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct xfrmu_sadhinfo hash = {msg->sad.buckets, msg->sad.buckets_max};

	(void)request;
	xfrm_header_put(o, &msg->info_flags, sizeof(msg->info_flags));
	xfrm_attr_put_u32(o, XFRMA_SAD_CNT, msg->sad.count);
	xfrm_attr_put(o, XFRMA_SAD_HINFO, &hash, sizeof(hash));
}

/* ---- SPDINFO ---------------------------------------------------------------------------------- */

static int get_threshold(const struct xfrm_input *in, unsigned type, uint8_t bits,
			 struct xfrm_threshold *out)
{
	const struct nlattr *attr = in->attrs.at[type];
	struct xfrmu_spdhthresh wire;

	if (!attr)
		return 0;
	memcpy(&wire, xfrm_attr_data(attr), sizeof(wire));
	if (wire.lbits > bits || wire.rbits > bits)
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "thresholds of %u and %u bits, an address has %u", wire.lbits,
				      wire.rbits, bits);
	*out = (struct xfrm_threshold){true, wire.lbits, wire.rbits};
	return 0;
}

int xfrm_parse_spd_info(const struct xfrm_input *in, struct xfrm_message *out)
{
	const struct nlattr *counts = in->attrs.at[XFRMA_SPD_INFO];
	const struct nlattr *hash = in->attrs.at[XFRMA_SPD_HINFO];
	struct xfrmu_spdhinfo table = {0};
	struct xfrmu_spdinfo wire = {0};
	int rc = get_threshold(in, XFRMA_SPD_IPV4_HTHRESH, 32, &out->spd.ipv4);

	if (rc == 0)
		rc = get_threshold(in, XFRMA_SPD_IPV6_HTHRESH, 128, &out->spd.ipv6);
	if (rc)
		return rc;
	if (counts && !in->request)
		memcpy(&wire, xfrm_attr_data(counts), sizeof(wire));
	if (hash && !in->request)
		memcpy(&table, xfrm_attr_data(hash), sizeof(table));
	out->spd.count[POLICY_IN] = wire.incnt;
	out->spd.count[POLICY_OUT] = wire.outcnt;
	out->spd.count[POLICY_FWD] = wire.fwdcnt;
	out->spd.socket_count[POLICY_IN] = wire.inscnt;
	out->spd.socket_count[POLICY_OUT] = wire.outscnt;
	out->spd.socket_count[POLICY_FWD] = wire.fwdscnt;
	out->spd.buckets = table.spdhcnt;
	out->spd.buckets_max = table.spdhmcnt;
	return xfrm_parse_info(in, out);
}

static void put_threshold(struct xfrm_output *o, unsigned type, const struct xfrm_threshold *said)
{
	const struct xfrmu_spdhthresh wire = {said->local, said->remote};

	if (said->said)
		xfrm_attr_put(o, type, &wire, sizeof(wire));
}

void xfrm_put_spd_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct xfrm_spd_info *spd = &msg->spd;
	const struct xfrmu_spdinfo counts = {
		.incnt = spd->count[POLICY_IN],
		.outcnt = spd->count[POLICY_OUT],
		.fwdcnt = spd->count[POLICY_FWD],
		.inscnt = spd->socket_count[POLICY_IN],
		.outscnt = spd->socket_count[POLICY_OUT],
		.fwdscnt = spd->socket_count[POLICY_FWD],
	};
	const struct xfrmu_spdhinfo hash = {spd->buckets, spd->buckets_max};

	xfrm_header_put(o, &msg->info_flags, sizeof(msg->info_flags));
	if (!request) {
		xfrm_attr_put(o, XFRMA_SPD_INFO, &counts, sizeof(counts));
		xfrm_attr_put(o, XFRMA_SPD_HINFO, &hash, sizeof(hash));
	}
	put_threshold(o, XFRMA_SPD_IPV4_HTHRESH, &spd->ipv4);
	put_threshold(o, XFRMA_SPD_IPV6_HTHRESH, &spd->ipv6);
}

/* ---- DEFAULT ---------------------------------------------------------------------------------- */

int xfrm_parse_default(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct xfrm_userpolicy_default wire;

	xfrm_header_get(in, &wire, sizeof(wire));
	out->defaults.action[POLICY_IN] = wire.in;
	out->defaults.action[POLICY_FWD] = wire.fwd;
	out->defaults.action[POLICY_OUT] = wire.out;
	return 0;
}

void xfrm_put_default(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct xfrm_userpolicy_default wire = {
		.in = msg->defaults.action[POLICY_IN],
		.fwd = msg->defaults.action[POLICY_FWD],
		.out = msg->defaults.action[POLICY_OUT],
	};

	(void)request;
	xfrm_header_put(o, &wire, sizeof(wire));
}
