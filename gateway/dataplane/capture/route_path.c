/*
 * route_path.c: asks the kernel for the route to a peer, with the mark packets there have, so that
 * capture routes play no part. RTM_F_FIB_MATCH: the answer is the route as it was configured. Without it the
 * kernel would put in what ICMP told its path MTU cache, and anybody can send those; path MTUs we
 * believe come from errors about our own packets (docs/architecture.md, "Wire").
 */
#include "gateway/dataplane/capture/route_path.h"

#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/capture/hostnet_snapshot.h"
#include "gateway/dataplane/capture/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct path_answer {
	const struct host_snapshot *links;
	uint32_t mtu;
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint32_t link_mtu(const struct host_snapshot *links, uint32_t ifindex)
{
	const struct host_link *link = host_snapshot_link(links, (int)ifindex);

	return link ? link->mtu : 0;
}

static uint32_t nexthops_mtu(const struct host_snapshot *links, const struct nlattr *attr)
{
	const char *at = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	struct rtnexthop hop;
	uint32_t mtu = 0;

	while (left >= sizeof(hop)) {
		size_t step;

		memcpy(&hop, at, sizeof(hop));
		step = (hop.rtnh_len + 3u) & ~3u; /* RTNH_ALIGN */
		mtu = smaller(mtu, link_mtu(links, (uint32_t)hop.rtnh_ifindex));
		if (hop.rtnh_len < sizeof(hop) || step > left)
			break;
		at += step;
		left -= step;
	}
	return mtu;
}

static uint32_t metric_mtu(const struct nlattr *metrics)
{
	const struct nlattr *tb[RTAX_MTU + 1];

	rtnl_nested_attrs(metrics, tb, RTAX_MTU);
	return rtnl_u32(tb[RTAX_MTU], 0);
}

static void take_route(void *ctx, const struct nlmsghdr *nlh)
{
	struct path_answer *answer = ctx;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_METRICS > RTA_MULTIPATH ? RTA_METRICS + 1 : RTA_MULTIPATH + 1];

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    (rtm->rtm_type != RTN_UNICAST && rtm->rtm_type != RTN_LOCAL))
		return;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MULTIPATH);
	answer->mtu = metric_mtu(tb[RTA_METRICS]);
	if (answer->mtu == 0 && tb[RTA_OIF])
		answer->mtu = link_mtu(answer->links, rtnl_u32(tb[RTA_OIF], 0));
	if (answer->mtu == 0 && tb[RTA_MULTIPATH])
		answer->mtu = nexthops_mtu(answer->links, tb[RTA_MULTIPATH]);
}

static int ask(struct rtnl *r, const struct ip_addr *dst, const struct ip_addr *src, uint32_t mark,
	       struct path_answer *answer)
{
	struct nlmsghdr *nlh = rtnl_begin(r, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = dst->family;
	rtm->rtm_dst_len = ip_addr_bits(dst);
	rtm->rtm_flags = RTM_F_FIB_MATCH;
	rtnl_put_addr(nlh, RTA_DST, dst);
	if (src) {
		rtm->rtm_src_len = ip_addr_bits(src);
		rtnl_put_addr(nlh, RTA_SRC, src);
	}
	mnl_attr_put_u32(nlh, RTA_MARK, mark);
	return rtnl_read(r, take_route, answer);
}

uint32_t route_path_mtu(struct rtnl *r, const struct host_snapshot *links,
			const struct ip_addr *dst, const struct ip_addr *src, uint32_t mark)
{
	struct path_answer answer = {.links = links};
	bool with_src = !ip_addr_is_any(src) && src->family == dst->family;
	int err;

	if (ip_addr_is_any(dst))
		return 0;
	err = ask(r, dst, with_src ? src : NULL, mark, &answer);
	/* An address that is not there yet, as of a peer that dials in. */
	if (err && with_src)
		err = ask(r, dst, NULL, mark, &answer);
	if (err)
		return 0;
	return answer.mtu > IP_PACKET_MAX ? IP_PACKET_MAX : answer.mtu;
}
