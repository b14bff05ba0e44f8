/*
 * hostwatch.c: see hostwatch.h.
 */
#include "gateway/iked/hostwatch.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* DHCP takes an address away and gives it back; routes come in rows. */
enum { SETTLE_MS = 300, TURN = 64, ADDRESSES_MAX = 64 };

struct hostwatch {
	struct mnl_socket *events, *requests; /* owned */
	struct event *readable, *settled;     /* owned */
	void (*changed)(void *ctx);
	void *ctx;
	unsigned seq, count;
	struct ip_addr added[ADDRESSES_MAX]; /* ours, to be taken away at the end */
	bool due;
};

/* Routes of our own making, in tables 218 and 219, say nothing about the way to a peer. */
static bool matters(const struct nlmsghdr *nlh)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*route) &&
		       route->rtm_table == RT_TABLE_MAIN && route->rtm_type == RTN_UNICAST;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return true;
	default:
		return false;
	}
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct hostwatch *watch = arg;

	watch->due |= matters(nlh);
	return MNL_CB_OK;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval settle = {.tv_usec = SETTLE_MS * 1000};
	struct hostwatch *watch = arg;
	char buf[16384];

	(void)fd;
	(void)what;
	for (int i = 0; i < TURN; i++) {
		ssize_t got = mnl_socket_recvfrom(watch->events, buf, sizeof(buf));

		if (got < 0 && errno == ENOBUFS)
			watch->due = true; /* what was lost may have mattered */
		else if (got <= 0)
			break;
		else
			(void)mnl_cb_run(buf, (size_t)got, 0, 0, on_message, watch);
	}
	if (watch->due)
		event_add(watch->settled, &settle);
	watch->due = false;
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct hostwatch *watch = arg;

	(void)fd;
	(void)what;
	watch->changed(watch->ctx);
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) == 0)
		return nl;
	if (nl)
		mnl_socket_close(nl);
	return NULL;
}

int hostwatch_open(struct hostwatch **out, struct event_base *base, void (*changed)(void *ctx),
		   void *ctx)
{
	struct hostwatch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->changed = changed;
	watch->ctx = ctx;
	watch->events = open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	watch->requests = open_socket(0);
	if (watch->events && watch->requests) {
		watch->readable = event_new(base, mnl_socket_get_fd(watch->events),
					    EV_READ | EV_PERSIST, on_readable, watch);
		watch->settled = evtimer_new(base, on_settled, watch);
	}
	if (!watch->readable || !watch->settled || event_add(watch->readable, NULL) < 0) {
		log_warn("rtnetlink");
		hostwatch_close(watch);
		return -ENOMEM;
	}
	*out = watch;
	return 0;
}

static int change_address(struct hostwatch *watch, const struct ip_addr *addr, bool there);

void hostwatch_close(struct hostwatch *watch)
{
	if (!watch)
		return;
	while (watch->count)
		(void)change_address(watch, &watch->added[--watch->count], false);
	if (watch->readable)
		event_free(watch->readable);
	if (watch->settled)
		event_free(watch->settled);
	if (watch->events)
		mnl_socket_close(watch->events);
	if (watch->requests)
		mnl_socket_close(watch->requests);
	free(watch);
}

/* The kernel answers within the send: the answer is there. */
static int take_ack(struct hostwatch *watch)
{
	char buf[4096];
	ssize_t got = mnl_socket_recvfrom(watch->requests, buf, sizeof(buf));

	if (got < 0)
		return -errno;
	return mnl_cb_run(buf, (size_t)got, watch->seq, mnl_socket_get_portid(watch->requests),
			  NULL, NULL) < 0
		       ? -errno
		       : 0;
}

static int change_address(struct hostwatch *watch, const struct ip_addr *addr, bool there)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(nlh, sizeof(*body));
	unsigned index = if_nametoindex("lo");
	int rc;

	nlh->nlmsg_type = there ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (there)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	nlh->nlmsg_seq = ++watch->seq;
	body->ifa_family = addr->family;
	body->ifa_prefixlen = ip_addr_bits(addr);
	body->ifa_index = index;
	/* No duplicate address detection: nobody else is on this link. */
	if (addr->family == AF_INET6)
		body->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, ip_addr_bits(addr) / 8, addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, ip_addr_bits(addr) / 8, addr->bytes);
	rc = mnl_socket_sendto(watch->requests, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
	if (!rc)
		rc = take_ack(watch);
	return rc == (there ? -EEXIST : -EADDRNOTAVAIL) ? 0 : rc;
}

static void remember(struct hostwatch *watch, const struct ip_addr *addr, bool there)
{
	unsigned i = 0;

	while (i < watch->count && !ip_addr_equal(&watch->added[i], addr))
		i++;
	if (there && i == watch->count && i < ADDRESSES_MAX)
		watch->added[watch->count++] = *addr;
	else if (!there && i < watch->count)
		watch->added[i] = watch->added[--watch->count];
}

int hostwatch_set_address(struct hostwatch *watch, const struct ip_addr *addr, bool there)
{
	int rc = change_address(watch, addr, there);

	if (!rc)
		remember(watch, addr, there);
	return rc;
}
