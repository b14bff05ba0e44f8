/*
 * xfrm/put_sa.c: SAs as NEWSA and UPDSA, their keys, and filters of a dump. A request says what
 * an SA shall be, in the form every kernel takes; an answer says all that the kernel's own dump
 * says, in its order. Called by xfrm_put.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <linux/udp.h>
#include <string.h>

enum { LEGACY_WINDOW_MAX = 32 };

void xfrm_encap_put(struct xfrm_output *o, const struct sa_encap *encap)
{
	struct xfrm_encap_tmpl wire;

	if (!sa_encap_is_udp(encap))
		return;
	memset(&wire, 0, sizeof(wire));
	wire.encap_type = UDP_ENCAP_ESPINUDP;
	wire.encap_sport = htons(encap->sport);
	wire.encap_dport = htons(encap->dport);
	xfrm_addr_put(&wire.encap_oa, &encap->oa);
	xfrm_attr_put(o, XFRMA_ENCAP, &wire, sizeof(wire));
}

void xfrm_sa_info_put(struct xfrm_usersa_info *info, const struct xfrm_sa *sa, bool request)
{
	const struct sa_config *config = &sa->config;

	memset(info, 0, sizeof(*info));
	xfrm_selector_put(&info->sel, &config->sel);
	xfrm_addr_put(&info->id.daddr, &config->id.dst);
	info->id.spi = htonl(config->id.spi);
	info->id.proto = config->id.proto;
	xfrm_addr_put(&info->saddr, &config->src);
	info->lft = xfrm_limits_put(&config->limits);
	info->reqid = config->reqid;
	info->seq = config->seq;
	info->family = config->id.dst.family;
	info->mode = config->mode;
	info->flags = (uint8_t)(config->flags & ~XFRM_STATE_ESN);
	if (config->esn)
		info->flags |= XFRM_STATE_ESN;
	else if (config->replay_window <= LEGACY_WINDOW_MAX)
		info->replay_window = (uint8_t)config->replay_window;
	if (request)
		return;
	info->curlft.bytes = sa->status.bytes;
	info->curlft.packets = sa->status.packets;
	info->curlft.add_time = sa->status.add_time;
	info->curlft.use_time = sa->status.use_time;
	info->stats.replay = sa->status.replay_drops;
	info->stats.integrity_failed = sa->status.icv_drops;
}

static void put_output_mark(struct xfrm_output *o, const struct xfrm_mark_value *mark)
{
	if (!(mark->value | mark->mask))
		return;
	xfrm_attr_put_u32(o, XFRMA_SET_MARK, mark->value);
	xfrm_attr_put_u32(o, XFRMA_SET_MARK_MASK, mark->mask);
}

void xfrm_sa_attrs_put(struct xfrm_output *o, const struct xfrm_sa *sa, bool request)
{
	if (request && sa->config.larval)
		o->full = true; /* an SA cannot be asked for without its keys */
	if (sa->config.extra_flags)
		xfrm_attr_put_u32(o, XFRMA_SA_EXTRA_FLAGS, sa->config.extra_flags);
	if (!request && sa->status.last_use)
		xfrm_attr_put(o, XFRMA_LASTUSED, &sa->status.last_use, sizeof(uint64_t));
	if (!sa->config.larval)
		xfrm_suite_put(o, &sa->config, request);
	xfrm_encap_put(o, &sa->config.encap);
	if (sa->config.tfcpad)
		xfrm_attr_put_u32(o, XFRMA_TFCPAD, sa->config.tfcpad);
	xfrm_mark_put(o, &sa->config.mark);
	put_output_mark(o, &sa->config.output_mark);
	xfrm_replay_put(o, sa, request);
	if (sa->config.direction)
		xfrm_attr_put(o, NEW_ATTR_SA_DIR, &sa->config.direction, 1);
	if (request)
		xfrm_lifetime_put(o, &sa->status, false);
}

void xfrm_put_sa(struct xfrm_output *o, const struct xfrm_sa *sa, bool request)
{
	struct xfrm_usersa_info info;

	xfrm_sa_info_put(&info, sa, request);
	xfrm_header_put(o, &info, sizeof(info));
	xfrm_sa_attrs_put(o, sa, request);
}

void xfrm_put_sa_key(struct xfrm_output *o, const struct sa_config *config)
{
	struct xfrm_usersa_id id;
	xfrm_address_t src;

	memset(&id, 0, sizeof(id));
	xfrm_addr_put(&id.daddr, &config->id.dst);
	id.spi = htonl(config->id.spi);
	id.family = config->id.dst.family;
	id.proto = config->id.proto;
	xfrm_header_put(o, &id, sizeof(id));
	if (config->src.family != AF_UNSPEC) {
		xfrm_addr_put(&src, &config->src);
		xfrm_attr_put(o, XFRMA_SRCADDR, &src, sizeof(src));
	}
	xfrm_mark_put(o, &config->mark);
}

void xfrm_put_sa_filter(struct xfrm_output *o, const struct xfrm_sa_filter *filter)
{
	uint8_t src_family = filter->src.addr.family, dst_family = filter->dst.addr.family;
	struct xfrm_address_filter wire;

	if (src_family != AF_UNSPEC && dst_family != AF_UNSPEC && src_family != dst_family) {
		o->full = true; /* one family for both is all that can be said */
		return;
	}
	if (filter->proto)
		xfrm_attr_put(o, XFRMA_PROTO, &filter->proto, sizeof(filter->proto));
	if (src_family == AF_UNSPEC && dst_family == AF_UNSPEC)
		return;
	memset(&wire, 0, sizeof(wire));
	wire.family = src_family != AF_UNSPEC ? src_family : dst_family;
	xfrm_addr_put(&wire.saddr, &filter->src.addr);
	xfrm_addr_put(&wire.daddr, &filter->dst.addr);
	wire.splen = filter->src.len;
	wire.dplen = filter->dst.len;
	xfrm_attr_put(o, XFRMA_ADDRESS_FILTER, &wire, sizeof(wire));
}
