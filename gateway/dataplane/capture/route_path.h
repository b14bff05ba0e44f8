/*
 * route_path.h: the way the kernel would take to a tunnel peer, for hostnet.c.
 */
#ifndef CYGNET_ROUTE_PATH_H
#define CYGNET_ROUTE_PATH_H

#include "packet/packet.h"

struct host_snapshot;
struct rtnl;

/* The MTU of the route to dst, for packets with this mark (from src, unless it is none or not ours), or of its link; the
 * smallest of several next hops. 0 if there is no route. */
uint32_t route_path_mtu(struct rtnl *r, const struct host_snapshot *links,
			const struct ip_addr *dst, const struct ip_addr *src, uint32_t mark);

#endif
