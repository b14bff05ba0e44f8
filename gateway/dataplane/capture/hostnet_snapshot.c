/*
 * hostnet_snapshot.c: reads RTM_NEWLINK, RTM_NEWADDR and RTM_NEWROUTE messages (rtnetlink(7),
 * RFC 3549 §3.1) into plain arrays.
 */
#include "gateway/dataplane/capture/hostnet_snapshot.h"

#include "gateway/dataplane/capture/rtnl.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

void host_snapshot_init(struct host_snapshot *s, int tun_ifindex)
{
	*s = (struct host_snapshot){.tun_ifindex = tun_ifindex};
}

void host_snapshot_fini(struct host_snapshot *s)
{
	free(s->links);
	free(s->addrs);
	free(s->connected);
	host_snapshot_init(s, s->tun_ifindex);
}

/* Room for one more element, zeroed (snapshots are compared by memcmp); NULL and failed if there
 * is none. */
static void *append(struct host_snapshot *s, void *array, size_t *count, size_t size)
{
	void **where = array;
	char *room = *where;

	/* Grows at every power of two. */
	if ((*count & (*count - 1)) == 0) {
		room = reallocarray(*where, *count ? *count * 2 : 1, size);
		if (!room) {
			s->failed = true;
			return NULL;
		}
		*where = room;
	}
	room += (*count)++ * size;
	return memset(room, 0, size);
}

/* A name that does not fit is none. */
static void take_name(char name[static IF_NAMESIZE], const struct nlattr *attr)
{
	size_t len = attr ? strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)) : 0;

	if (len > 0 && len < IF_NAMESIZE)
		memcpy(name, mnl_attr_get_payload(attr), len);
}

void host_snapshot_take_link(struct host_snapshot *s, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MTU + 1];
	struct host_link *link;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return;
	if (info->ifi_index == s->tun_ifindex) {
		s->tun_up = info->ifi_flags & IFF_UP;
		return;
	}
	rtnl_attrs(nlh, sizeof(*info), tb, IFLA_MTU);
	link = append(s, &s->links, &s->link_count, sizeof(*link));
	if (!link)
		return;
	link->ifindex = info->ifi_index;
	link->up = info->ifi_flags & IFF_UP;
	link->loopback = info->ifi_flags & IFF_LOOPBACK;
	link->mtu = rtnl_u32(tb[IFLA_MTU], 0);
	take_name(link->name, tb[IFLA_IFNAME]);
}

void host_snapshot_take_addr(struct host_snapshot *s, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFA_FLAGS + 1];
	struct host_addr *entry;
	struct ip_addr addr;
	uint32_t flags;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info) ||
	    (int)info->ifa_index == s->tun_ifindex)
		return;
	rtnl_attrs(nlh, sizeof(*info), tb, IFA_FLAGS);
	/* IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL, where present, is ours. */
	addr = rtnl_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	flags = rtnl_u32(tb[IFA_FLAGS], info->ifa_flags);
	/* Another host has it (RFC 4862 §5.4.5): the kernel does not answer to it either. */
	if (addr.family == AF_UNSPEC || flags & IFA_F_DADFAILED)
		return;
	entry = append(s, &s->addrs, &s->addr_count, sizeof(*entry));
	if (!entry)
		return;
	entry->addr = addr;
	entry->ifindex = (int)info->ifa_index;
	entry->scope = info->ifa_scope;
	entry->usable = !(flags & IFA_F_DEPRECATED) &&
			(!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC);
}

/* The kernel's own routes to what is on a link; for IPv6 also those made from router
 * advertisements by programs that do it for the kernel. */
static bool is_connected_route(const struct rtmsg *rtm)
{
	if (rtm->rtm_type != RTN_UNICAST || rtm->rtm_flags & RTM_F_CLONED)
		return false;
	if (rtm->rtm_family == AF_INET)
		return rtm->rtm_protocol == RTPROT_KERNEL && rtm->rtm_scope == RT_SCOPE_LINK;
	return rtm->rtm_family == AF_INET6 && rtm->rtm_dst_len > 0 &&
	       (rtm->rtm_protocol == RTPROT_KERNEL || rtm->rtm_protocol == RTPROT_RA);
}

void host_snapshot_take_route(struct host_snapshot *s, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_TABLE + 1];
	const struct host_link *link;
	struct host_connected *entry;
	struct ip_addr dst;
	int oif;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    !is_connected_route(rtm))
		return;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_TABLE);
	dst = rtnl_addr(tb[RTA_DST], rtm->rtm_family);
	oif = (int)rtnl_u32(tb[RTA_OIF], 0);
	link = host_snapshot_link(s, oif);
	if (rtnl_u32(tb[RTA_TABLE], rtm->rtm_table) != RT_TABLE_MAIN || tb[RTA_GATEWAY] ||
	    dst.family == AF_UNSPEC || rtm->rtm_dst_len > ip_addr_bits(&dst) ||
	    oif == s->tun_ifindex || (link && link->loopback))
		return;
	entry = append(s, &s->connected, &s->connected_count, sizeof(*entry));
	if (!entry)
		return;
	entry->prefix = (struct ip_prefix){.addr = dst, .len = rtm->rtm_dst_len};
	entry->ifindex = oif;
}

static bool array_equal(const void *a, size_t a_count, const void *b, size_t b_count, size_t size)
{
	return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * size) == 0);
}

bool host_snapshot_equal(const struct host_snapshot *a, const struct host_snapshot *b)
{
	return a->tun_up == b->tun_up &&
	       array_equal(a->links, a->link_count, b->links, b->link_count, sizeof(*a->links)) &&
	       array_equal(a->addrs, a->addr_count, b->addrs, b->addr_count, sizeof(*a->addrs)) &&
	       array_equal(a->connected, a->connected_count, b->connected, b->connected_count,
			   sizeof(*a->connected));
}

const struct host_link *host_snapshot_link(const struct host_snapshot *s, int ifindex)
{
	for (size_t i = 0; i < s->link_count; i++)
		if (s->links[i].ifindex == ifindex)
			return &s->links[i];
	return NULL;
}

bool host_snapshot_addr_in(const struct host_snapshot *s, const struct ip_prefix *prefix,
			   struct ip_addr *out)
{
	static const struct ip_prefix link_local = {
		.addr = {.bytes = {0xfe, 0x80}, .family = AF_INET6}, .len = 10};

	for (size_t i = 0; i < s->addr_count; i++) {
		const struct host_addr *a = &s->addrs[i];
		const struct host_link *link = host_snapshot_link(s, a->ifindex);

		if (!a->usable || !link || !link->up || !ip_prefix_contains(prefix, &a->addr))
			continue;
		/* A wide prefix holds 127.0.0.1 and fe80:: too; neither can be answered from
		 * behind a tunnel. */
		if (a->scope == RT_SCOPE_HOST)
			continue;
		if (a->scope == RT_SCOPE_LINK && !ip_prefix_covers(&link_local, prefix))
			continue;
		*out = a->addr;
		return true;
	}
	return false;
}
