/*
 * fast.c: see fast.h. Whatever changes, everything is found out anew (a burst of notifications is
 * gathered first) and a new table published; ports that failed or nobody uses any more are not in it, and
 * are closed once the packet thread has gone on. Until then the interface's queue is taken.
 */
#include "gateway/dataplane/fast/fast.h"

#include "gateway/dataplane/capture/rtnl.h"
#include "gateway/dataplane/fast/next_hop.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/rcu.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GATHER_MS = 20,
	AGAIN_S = 1,	 /* after a port was closed: by then the kernel has it back */
	USE_SECONDS = 5, /* the kernel takes a neighbour for stale after 15 to 45 s */
	PORTS_MAX = 8,
	EVENT_BUF = 65536
};

struct peer {
	struct ip_addr src, dst;
	struct next_hop hop;
	const char *why_not; /* static; NULL: its packets go by AF_XDP */
};

struct port {
	int ifindex; /* 0: none */
	bool used;
	bool failed;	      /* the packet thread found it broken: to be closed */
	struct xdp_port *xdp; /* owned */
};

struct fast {
	uint32_t mark;
	struct rtnl *rtnl;	   /* owned: questions */
	struct mnl_socket *events; /* owned: notifications */
	/* Owned. */
	struct event *on_event, *on_question, *on_gathered, *on_again, *on_use;
	struct ways ways;
	unsigned peer_count;
	struct peer peers[WAYS_MAX];
	struct port ports[PORTS_MAX];
	unsigned taken, taken_before; /* opens that met EBUSY, at this look and the last */
	_Alignas(struct nlmsghdr) char buf[EVENT_BUF];
};

/* ---- ports --------------------------------------------------------------------------------- */

/* No table that is published names it any more. */
static void close_port(struct port *port)
{
	if (port->xdp)
		rcu_retire(port->xdp, xdp_close);
	*port = (struct port){0};
}

static struct port *find_port(struct fast *f, int ifindex)
{
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		if (f->ports[i].ifindex == ifindex)
			return &f->ports[i];
	}
	return NULL;
}

/* The interface's port, opened if need be. NULL and *why if it cannot be. */
static struct port *get_port(struct fast *f, int ifindex, const char **why)
{
	struct port *port = find_port(f, ifindex);
	int rc;

	*why = "too many interfaces";
	if (!port)
		port = find_port(f, 0);
	if (port && port->failed) {
		*why = "AF_XDP failed here, to be tried again";
		return NULL;
	}
	if (!port || port->xdp)
		return port;
	rc = xdp_open(&port->xdp, ifindex, f->mark);
	if (rc == 0) {
		port->ifindex = ifindex;
		return port;
	}
	*why = rc == -EAFNOSUPPORT ? "no AF_XDP in this kernel"
	       : rc == -EBUSY	   ? "interface taken by another AF_XDP socket"
				   : "AF_XDP refused";
	if (rc == -EBUSY && ++f->taken <= f->taken_before)
		return NULL; /* said before */
	errno = -rc;
	log_warn("AF_XDP on interface %d", ifindex);
	return NULL;
}

/* ---- peers --------------------------------------------------------------------------------- */

static void resolve(struct fast *f, struct peer *peer, struct way *way)
{
	struct port *port = NULL;

	next_hop_find(f->rtnl, f->mark, &peer->src, &peer->dst, &peer->hop);
	peer->why_not = peer->hop.why_not;
	if (!peer->why_not)
		port = get_port(f, peer->hop.ifindex, &peer->why_not);
	if (port) {
		peer->why_not = NULL;
		port->used = true;
	}
	*way = (struct way){.src = peer->src,
			    .dst = peer->dst,
			    .port = port ? port->xdp : NULL,
			    .mtu = peer->hop.mtu};
	memcpy(way->ethernet, peer->hop.ethernet, sizeof(way->ethernet));
}

/* What was closed may be wanted again, by a way that came back meanwhile too. */
static void close_ports(struct fast *f)
{
	const struct timeval again = {.tv_sec = AGAIN_S};
	bool closed = false;

	for (unsigned i = 0; i < PORTS_MAX; i++) {
		struct port *port = &f->ports[i];

		if (!port->xdp || (port->used && !port->failed))
			continue;
		close_port(port);
		closed = true;
	}
	if (closed)
		(void)event_add(f->on_again, &again); /* else the next change does it */
}

static void find_all(struct fast *f)
{
	struct way_table *table = calloc(1, sizeof(*table));

	if (!table)
		return; /* the old one holds until the next change */
	f->taken_before = f->taken;
	f->taken = 0;
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		f->ports[i].used = false;
		f->ports[i].failed = f->ports[i].xdp && xdp_is_broken(f->ports[i].xdp);
	}
	for (unsigned i = 0; i < f->peer_count; i++)
		resolve(f, &f->peers[i], &table->at[table->count++]);
	ways_publish(&f->ways, table);
	close_ports(f);
}

static void on_question(evutil_socket_t fd, short what, void *arg)
{
	struct fast *f = arg;
	struct ip_addr src, dst;

	(void)fd;
	(void)what;
	/* Read in any case: a question that is left is heard again at once, and again. */
	if (!ways_question(&f->ways, &src, &dst) || f->peer_count == WAYS_MAX)
		return;
	/* The packet thread may have asked twice before it saw the answer. */
	for (unsigned i = 0; i < f->peer_count; i++) {
		if (ip_addr_equal(&f->peers[i].src, &src) && ip_addr_equal(&f->peers[i].dst, &dst))
			return;
	}
	f->peers[f->peer_count++] = (struct peer){.src = src, .dst = dst};
	find_all(f);
}

static void on_use(evutil_socket_t fd, short what, void *arg)
{
	struct fast *f = arg;
	bool again = f->taken > 0; /* nothing says when another program lets go of a queue */

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < f->peer_count; i++) {
		if (!f->peers[i].why_not)
			next_hop_use(f->rtnl, &f->peers[i].hop);
	}
	for (unsigned i = 0; i < PORTS_MAX; i++)
		again |= f->ports[i].xdp && xdp_is_broken(f->ports[i].xdp);
	if (again)
		find_all(f);
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	find_all(arg);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {.tv_usec = GATHER_MS * 1000};
	struct fast *f = arg;
	ssize_t n;

	(void)what;
	/* What it says does not matter, nor if one was lost: all is asked anew. */
	do
		n = rtnl_receive(fd, f->buf, sizeof(f->buf), MSG_DONTWAIT);
	while (n != -EAGAIN && n != -EBADF);
	if (f->peer_count && !event_pending(f->on_gathered, EV_TIMEOUT, NULL))
		(void)event_add(f->on_gathered, &soon);
}

/* ---- beginning and end --------------------------------------------------------------------- */

static int follow(struct fast *f)
{
	static const int groups[] = {RTNLGRP_LINK,	 RTNLGRP_NEIGH,	    RTNLGRP_IPV4_ROUTE,
				     RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};

	f->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!f->events || mnl_socket_bind(f->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (mnl_socket_setsockopt(f->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

static int add_events(struct fast *f, struct event_base *base)
{
	const struct timeval use = {.tv_sec = USE_SECONDS};

	f->on_event =
		event_new(base, mnl_socket_get_fd(f->events), EV_READ | EV_PERSIST, on_event, f);
	f->on_question = event_new(base, f->ways.event_fd, EV_READ | EV_PERSIST, on_question, f);
	f->on_gathered = evtimer_new(base, on_gathered, f);
	f->on_again = evtimer_new(base, on_gathered, f);
	f->on_use = event_new(base, -1, EV_PERSIST, on_use, f);
	if (!f->on_event || !f->on_question || !f->on_gathered || !f->on_again || !f->on_use ||
	    event_add(f->on_event, NULL) < 0 || event_add(f->on_question, NULL) < 0 ||
	    event_add(f->on_use, &use) < 0)
		return -ENOMEM;
	return 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

int fast_open(struct fast **out, struct event_base *base, uint32_t mark)
{
	struct fast *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->mark = mark;
	f->ways.event_fd = -1;
	rc = ways_init(&f->ways);
	if (rc == 0)
		rc = rtnl_open(&f->rtnl);
	if (rc == 0)
		rc = follow(f);
	if (rc == 0)
		rc = add_events(f, base);
	if (rc < 0) {
		errno = -rc;
		log_warn("fast sender: cannot follow rtnetlink");
		fast_close(f);
		return rc;
	}
	*out = f;
	return 0;
}

void fast_close(struct fast *f)
{
	if (!f)
		return;
	free_event(f->on_event);
	free_event(f->on_question);
	free_event(f->on_gathered);
	free_event(f->on_again);
	free_event(f->on_use);
	for (unsigned i = 0; i < PORTS_MAX; i++)
		close_port(&f->ports[i]);
	if (f->events)
		mnl_socket_close(f->events);
	rtnl_close(f->rtnl);
	ways_fini(&f->ways);
	free(f);
}

struct ways *fast_ways(struct fast *f)
{
	return &f->ways;
}

void fast_describe(const struct fast *f, char *out, size_t size)
{
	const char *why_not = NULL;
	unsigned fast = 0;

	for (unsigned i = 0; i < f->peer_count; i++) {
		fast += !f->peers[i].why_not;
		if (f->peers[i].why_not)
			why_not = f->peers[i].why_not;
	}
	if (f->peer_count == 0)
		(void)snprintf(out, size, "AF_XDP, or raw sockets: nothing sent yet");
	else if (why_not)
		(void)snprintf(out, size, "AF_XDP to %u of %u peers; else raw sockets: %s", fast,
			       f->peer_count, why_not);
	else
		(void)snprintf(out, size, "AF_XDP to %u of %u peers", fast, f->peer_count);
}
