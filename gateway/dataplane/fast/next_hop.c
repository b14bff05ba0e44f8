/*
 * next_hop.c: see next_hop.h. RTM_GETROUTE, RTM_GETLINK and RTM_GETNEIGH, one question each.
 */
#include "gateway/dataplane/fast/next_hop.h"

#include "gateway/dataplane/capture/rtnl.h"

#include <assert.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

enum { DST_MAC = 0, SRC_MAC = ETH_ALEN, ETHER_TYPE = 2 * ETH_ALEN };

static_assert((int)ETHERNET_LEN == ETH_HLEN, "an Ethernet header without tags");

/* What was found on the way; why_not says what stopped it. */
struct search {
	struct next_hop *hop;
	bool found;
};

static void take_route(void *ctx, const struct nlmsghdr *nlh)
{
	struct search *s = ctx;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_ENCAP + 1];

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_ENCAP);
	s->hop->ifindex = (int)rtnl_u32(tb[RTA_OIF], 0);
	if (tb[RTA_GATEWAY])
		s->hop->neighbour = rtnl_addr(tb[RTA_GATEWAY], rtm->rtm_family);
	/* A next hop of the other family, or a tunnel of the route's own: the kernel's business. */
	s->found = rtm->rtm_type == RTN_UNICAST && s->hop->ifindex > 0 && !tb[RTA_VIA] &&
		   !tb[RTA_ENCAP];
}

static void take_link(void *ctx, const struct nlmsghdr *nlh)
{
	struct search *s = ctx;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MTU + 1];

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return;
	rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_MTU);
	if (ifi->ifi_type != ARPHRD_ETHER || !(ifi->ifi_flags & IFF_UP) || !tb[IFLA_ADDRESS] ||
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) != ETH_ALEN)
		return;
	memcpy(s->hop->ethernet + SRC_MAC, mnl_attr_get_payload(tb[IFLA_ADDRESS]), ETH_ALEN);
	s->hop->mtu = rtnl_u32(tb[IFLA_MTU], 0);
	s->found = true;
}

static void take_neighbour(void *ctx, const struct nlmsghdr *nlh)
{
	/* The states whose address the kernel itself would send to. */
	const uint16_t valid =
		NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
	struct search *s = ctx;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_LLADDR + 1];

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm))
		return;
	rtnl_attrs(nlh, sizeof(*ndm), tb, NDA_LLADDR);
	if (!(ndm->ndm_state & valid) || !tb[NDA_LLADDR] ||
	    mnl_attr_get_payload_len(tb[NDA_LLADDR]) != ETH_ALEN)
		return;
	memcpy(s->hop->ethernet + DST_MAC, mnl_attr_get_payload(tb[NDA_LLADDR]), ETH_ALEN);
	s->found = true;
}

static bool ask_route(struct rtnl *r, uint32_t mark, const struct ip_addr *src,
		      const struct ip_addr *dst, struct search *s)
{
	struct nlmsghdr *nlh = rtnl_begin(r, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = dst->family;
	rtm->rtm_dst_len = ip_addr_bits(dst);
	rtm->rtm_src_len = ip_addr_bits(src);
	rtnl_put_addr(nlh, RTA_DST, dst);
	rtnl_put_addr(nlh, RTA_SRC, src);
	mnl_attr_put_u32(nlh, RTA_MARK, mark);
	s->found = false;
	return rtnl_read(r, take_route, s) == 0 && s->found;
}

static bool ask_link(struct rtnl *r, struct search *s)
{
	struct nlmsghdr *nlh = rtnl_begin(r, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = s->hop->ifindex;
	s->found = false;
	return rtnl_read(r, take_link, s) == 0 && s->found;
}

static struct nlmsghdr *begin_neighbour(struct rtnl *r, uint16_t type, uint16_t flags,
					uint8_t neighbour_flags, const struct next_hop *hop)
{
	struct nlmsghdr *nlh = rtnl_begin(r, type, flags);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = hop->neighbour.family;
	ndm->ndm_ifindex = hop->ifindex;
	ndm->ndm_flags = neighbour_flags;
	rtnl_put_addr(nlh, NDA_DST, &hop->neighbour);
	return nlh;
}

static bool ask_neighbour(struct rtnl *r, struct search *s)
{
	(void)begin_neighbour(r, RTM_GETNEIGH, 0, 0, s->hop);
	s->found = false;
	return rtnl_read(r, take_neighbour, s) == 0 && s->found;
}

void next_hop_find(struct rtnl *r, uint32_t mark, const struct ip_addr *src,
		   const struct ip_addr *dst, struct next_hop *out)
{
	struct search s = {.hop = out};
	const bool v6 = dst->family == AF_INET6;

	*out = (struct next_hop){.neighbour = *dst};
	if (ip_addr_is_any(src) || src->family != dst->family || !ask_route(r, mark, src, dst, &s))
		out->why_not = "no plain route";
	else if (!ask_link(r, &s))
		out->why_not = "no Ethernet";
	else if (!ask_neighbour(r, &s))
		out->why_not = "neighbour unknown";
	out->ethernet[ETHER_TYPE] = (v6 ? ETH_P_IPV6 : ETH_P_IP) >> 8;
	out->ethernet[ETHER_TYPE + 1] = (v6 ? ETH_P_IPV6 : ETH_P_IP) & 0xff;
}

void next_hop_use(struct rtnl *r, const struct next_hop *hop)
{
	(void)begin_neighbour(r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NTF_USE, hop);
	(void)rtnl_ask(r); /* it may be gone: the notification of that comes by itself */
}
