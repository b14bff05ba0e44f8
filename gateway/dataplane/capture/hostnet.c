/*
 * hostnet.c: follows the host's network through rtnetlink. Notifications say only that something
 * changed: a burst of them is gathered, then everything is read anew, so that a lost one
 * (ENOBUFS) costs no more than a kept one. Control thread; hostnet_is_local from any.
 */
#include "gateway/dataplane/capture/hostnet.h"

#include "gateway/dataplane/capture/addr_set.h"
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/capture/hostnet_snapshot.h"
#include "gateway/dataplane/capture/route_path.h"
#include "gateway/dataplane/capture/rtnl.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/rcu.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/rtnetlink.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER_MS = 20, RETRY_MS = 1000, READ_TRIES = 5, EVENTS_AT_ONCE = 64, EVENT_BUF = 65536 };

struct hostnet {
	struct rtnl *rtnl;	   /* owned: questions */
	struct mnl_socket *events; /* owned: notifications */
	struct event *readable;	   /* owned */
	struct event *gather;	   /* owned; pending while a burst is gathered */
	struct hostnet_listener listener;
	struct host_snapshot now;
	bool routes_changed; /* in this burst: paths may have, though no snapshot shows it */
	uint32_t quiet_port; /* whose routes and rules are our own doing */
	uint64_t generation;
	void *paths; /* tsearch tree of struct path, owned; emptied at each change */
	_Atomic(struct addr_set *) local; /* owned; any thread reads */
	_Alignas(struct nlmsghdr) char buf[EVENT_BUF];
};

/* A question once asked and its answer. */
struct path {
	struct ip_addr dst, src;
	uint32_t mark;
	uint32_t mtu;
};

static int compare_paths(const void *a, const void *b)
{
	const struct path *x = a, *y = b;
	int order = memcmp(&x->dst, &y->dst, sizeof(x->dst));

	if (order == 0)
		order = memcmp(&x->src, &y->src, sizeof(x->src));
	return order ? order : (x->mark > y->mark) - (x->mark < y->mark);
}

static void forget_paths(struct hostnet *h)
{
	tdestroy(h->paths, free);
	h->paths = NULL;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void take(void *ctx, const struct nlmsghdr *nlh)
{
	host_snapshot_take_link(ctx, nlh);
	host_snapshot_take_addr(ctx, nlh);
	host_snapshot_take_route(ctx, nlh);
}

static int read_dump(struct hostnet *h, struct host_snapshot *s)
{
	int err = rtnl_read(h->rtnl, take, s);

	return !err && s->failed ? -ENOMEM : err;
}

static int read_links(struct hostnet *h, struct host_snapshot *s)
{
	struct nlmsghdr *nlh = rtnl_begin(h->rtnl, RTM_GETLINK, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	return read_dump(h, s);
}

static int read_addrs(struct hostnet *h, struct host_snapshot *s, uint8_t family)
{
	struct nlmsghdr *nlh = rtnl_begin(h->rtnl, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->ifa_family = family;
	return read_dump(h, s);
}

/* One protocol at a time, filtered by the kernel: a router may hold a million others. */
static int read_routes(struct hostnet *h, struct host_snapshot *s, uint8_t family, uint8_t protocol)
{
	struct nlmsghdr *nlh = rtnl_begin(h->rtnl, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int err;

	rtm->rtm_family = family;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = protocol;
	err = read_dump(h, s);
	/* A kernel without IPv6 has no such table. */
	return err == -ENOENT ? 0 : err;
}

static int read_once(struct hostnet *h, struct host_snapshot *s)
{
	int err = read_links(h, s);

	if (!err)
		err = read_addrs(h, s, AF_INET);
	if (!err)
		err = read_addrs(h, s, AF_INET6);
	if (!err)
		err = read_routes(h, s, AF_INET, RTPROT_KERNEL);
	if (!err)
		err = read_routes(h, s, AF_INET6, RTPROT_KERNEL);
	if (!err)
		err = read_routes(h, s, AF_INET6, RTPROT_RA);
	return err;
}

/* Fills s; nothing to free on failure. */
static int read_all(struct hostnet *h, struct host_snapshot *s)
{
	int err = -EINTR;

	for (int i = 0; i < READ_TRIES && err == -EINTR; i++) {
		host_snapshot_init(s, h->now.tun_ifindex);
		err = read_once(h, s);
		if (err)
			host_snapshot_fini(s);
	}
	return err;
}

/* ---- what is known ----------------------------------------------------------------------- */

static void free_set(void *set)
{
	addr_set_free(set);
}

/* Publishes the addresses of s. 1 if they are others than before, 0, -ENOMEM. */
static int publish_addresses(struct hostnet *h, const struct host_snapshot *s)
{
	struct addr_set *old = atomic_load_explicit(&h->local, memory_order_relaxed);
	struct ip_addr *list = calloc(s->addr_count ? s->addr_count : 1, sizeof(*list));
	struct addr_set *set;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < s->addr_count; i++)
		list[i] = s->addrs[i].addr;
	set = addr_set_new(list, s->addr_count);
	free(list);
	if (!set)
		return -ENOMEM;
	if (old && addr_set_equal(old, set)) {
		addr_set_free(set);
		return 0;
	}
	atomic_store_explicit(&h->local, set, memory_order_release);
	if (old)
		rcu_retire(old, free_set);
	return 1;
}

/* Reads everything and takes it over. *changed: anything a listener could care for; *addresses:
 * the set of addresses is another one. */
static int reread(struct hostnet *h, bool *changed, bool *addresses)
{
	struct host_snapshot next;
	int err = read_all(h, &next);

	if (err)
		return err;
	err = publish_addresses(h, &next);
	if (err < 0) {
		host_snapshot_fini(&next);
		return err;
	}
	*addresses = err == 1;
	*changed = *addresses || h->routes_changed || !host_snapshot_equal(&h->now, &next);
	h->routes_changed = false;
	host_snapshot_fini(&h->now);
	h->now = next;
	if (*changed) {
		h->generation++;
		forget_paths(h);
	}
	return 0;
}

/* ---- following --------------------------------------------------------------------------- */

static void gather(struct hostnet *h, long ms)
{
	const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	/* The first event of a burst starts the clock, later ones do not push it back. */
	if (!evtimer_pending(h->gather, NULL))
		evtimer_add(h->gather, &wait);
}

static void on_gathered(evutil_socket_t fd, short what, void *ctx)
{
	struct hostnet *h = ctx;
	bool changed = false, addresses = false;
	int err = reread(h, &changed, &addresses);

	(void)fd;
	(void)what;
	if (err) {
		log_warnx("cannot read the host's network: %s; trying again", strerror(-err));
		gather(h, RETRY_MS);
		return;
	}
	if (changed && h->listener.fn)
		h->listener.fn(h->listener.ctx, addresses);
}

/* Our own routes change nothing that is not known already; without this test each refresh of the
 * capture routes would cause the next one. Somebody else's hand on them is news, so that they
 * are put back (systemd-networkd removes foreign rules when it starts). */
static bool is_news(const struct hostnet *h, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (h->quiet_port && nlh->nlmsg_pid == h->quiet_port)
		return false;
	if (nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE)
		return true;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) || rtm->rtm_flags & RTM_F_CLONED)
		return false;
	/* Those come with an address, which has an event of its own. */
	return rtm->rtm_table != RT_TABLE_LOCAL;
}

static void take_event(struct hostnet *h, const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		if (!is_news(h, nlh))
			return;
		h->routes_changed = true;
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		break;
	default:
		return;
	}
	gather(h, GATHER_MS);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct hostnet *h = ctx;

	(void)what;
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		ssize_t n = rtnl_receive(fd, h->buf, sizeof(h->buf), MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)h->buf;
		int left = (int)n;

		if (n == -EAGAIN)
			return;
		if (n == -EPROTO)
			continue;
		if (n < 0) {
			/* ENOBUFS: some were lost, so all may have changed. */
			h->routes_changed = true;
			gather(h, GATHER_MS);
			continue;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			take_event(h, nlh);
	}
}

static int open_events(struct hostnet *h)
{
	static const int groups[] = {RTNLGRP_LINK,	 RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
				     RTNLGRP_IPV6_RULE};

	h->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!h->events || mnl_socket_bind(h->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(h->events, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

static int watch_events(struct hostnet *h, struct event_base *base)
{
	h->readable =
		event_new(base, mnl_socket_get_fd(h->events), EV_READ | EV_PERSIST, on_readable, h);
	h->gather = evtimer_new(base, on_gathered, h);
	if (!h->readable || !h->gather || event_add(h->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int hostnet_open(struct hostnet **out, struct event_base *base, int tun_ifindex,
		 struct hostnet_listener listener)
{
	struct hostnet *h = calloc(1, sizeof(*h));
	bool changed, addresses;
	int err;

	if (!h)
		return -ENOMEM;
	h->listener = listener;
	host_snapshot_init(&h->now, tun_ifindex);
	err = rtnl_open(&h->rtnl);
	/* Followed before it is read: what changes in between is seen twice, not missed. */
	if (!err)
		err = open_events(h);
	if (!err)
		err = reread(h, &changed, &addresses);
	if (!err)
		err = watch_events(h, base);
	if (err) {
		log_warnx("cannot follow the host's network: %s", strerror(-err));
		hostnet_close(h);
		return err;
	}
	*out = h;
	return 0;
}

void hostnet_close(struct hostnet *h)
{
	if (!h)
		return;
	if (h->readable)
		event_free(h->readable);
	if (h->gather)
		event_free(h->gather);
	if (h->events)
		mnl_socket_close(h->events);
	rtnl_close(h->rtnl);
	forget_paths(h);
	host_snapshot_fini(&h->now);
	addr_set_free(atomic_load_explicit(&h->local, memory_order_relaxed));
	free(h);
}

/* ---- answers ----------------------------------------------------------------------------- */

bool hostnet_is_local(const struct hostnet *h, const struct ip_addr *addr)
{
	return addr_set_has(atomic_load_explicit(&h->local, memory_order_acquire), addr);
}

bool hostnet_addr_in(const struct hostnet *h, const struct ip_prefix *prefix, struct ip_addr *out)
{
	return host_snapshot_addr_in(&h->now, prefix, out);
}

void hostnet_each_connected(const struct hostnet *h,
			    void (*fn)(void *ctx, const struct ip_prefix *prefix, const char *link),
			    void *ctx)
{
	for (size_t i = 0; i < h->now.connected_count; i++) {
		const struct host_connected *connected = &h->now.connected[i];
		const struct host_link *link = host_snapshot_link(&h->now, connected->ifindex);

		fn(ctx, &connected->prefix, link ? link->name : "");
	}
}

uint64_t hostnet_generation(const struct hostnet *h)
{
	return h->generation;
}

void hostnet_quiet_port(struct hostnet *h, uint32_t port)
{
	h->quiet_port = port;
}

uint32_t hostnet_path_mtu(struct hostnet *h, const struct ip_addr *dst, const struct ip_addr *src,
			  uint32_t mark)
{
	struct path key = {.dst = *dst, .src = *src, .mark = mark ? mark : CAPTURE_MARK};
	struct path **known = tfind(&key, &h->paths, compare_paths);
	struct path *path;

	if (known)
		return (*known)->mtu;
	key.mtu = route_path_mtu(h->rtnl, &h->now, dst, src, key.mark);
	path = malloc(sizeof(*path));
	if (!path)
		return key.mtu;
	*path = key;
	if (!tsearch(path, &h->paths, compare_paths))
		free(path);
	return key.mtu;
}
