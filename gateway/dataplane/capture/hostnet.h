/*
 * hostnet.h: what this host's kernel says about its own network, followed through rtnetlink:
 * addresses, links, connected prefixes, and the way to a peer. The control thread owns it;
 * hostnet_is_local may be asked from any thread in a read-side section (the set of addresses is
 * published under RCU).
 */
#ifndef CYGNET_HOSTNET_H
#define CYGNET_HOSTNET_H

#include "packet/packet.h"

struct event_base;
struct hostnet;

/* Something changed. addresses: the set of local addresses is another one. Called on the control
 * thread, once for a burst of events. */
struct hostnet_listener {
	void (*fn)(void *ctx, bool addresses);
	void *ctx;
};

/* Opens rtnetlink, reads links, addresses and routes, and follows them on base. tun_ifindex: our own
 * device, whose routes and addresses are not the host's. 0, -errno (logged). */
int hostnet_open(struct hostnet **out, struct event_base *base, int tun_ifindex,
		 struct hostnet_listener listener);
void hostnet_close(struct hostnet *h); /* NULL is fine */

/* Any thread, in a read-side section: is this one of the host's own addresses? */
bool hostnet_is_local(const struct hostnet *h, const struct ip_addr *addr);
/* The host's first address inside prefix that is up and not tentative; false if none. */
bool hostnet_addr_in(const struct hostnet *h, const struct ip_prefix *prefix, struct ip_addr *out);
/* Connected prefixes (kernel routes of scope link, or IPv6 kernel on-link routes) of all links but
 * ours, in table main. fn is called for each, with the link's name ("" if it is not known). */
void hostnet_each_connected(const struct hostnet *h,
			    void (*fn)(void *ctx, const struct ip_prefix *prefix, const char *link),
			    void *ctx);
/* MTU of the path to a tunnel peer as far as this host knows: the route's mtu or its link's, looked
 * up with an SA's output mark or, if that is 0, ours, so that capture routes play no part. 0 if there is
 * no route. */
uint32_t hostnet_path_mtu(struct hostnet *h, const struct ip_addr *dst, const struct ip_addr *src,
			  uint32_t mark);

/* Grows whenever something changed: what was derived from answers before is to be derived anew. */
uint64_t hostnet_generation(const struct hostnet *h);
/* The netlink port whose changes to routes and rules are our own: no news for anybody. */
void hostnet_quiet_port(struct hostnet *h, uint32_t port);

#endif
