/*
 * next_hop.h: what it takes to send to a tunnel peer past the kernel's routing: which interface, which
 * Ethernet header, how large. Asked of rtnetlink; fast.c asks again whenever something changes.
 */
#ifndef CYGNET_NEXT_HOP_H
#define CYGNET_NEXT_HOP_H

#include "gateway/dataplane/wire/ways.h"

struct rtnl;

struct next_hop {
	const char *why_not; /* static; NULL: it can be done */
	struct ip_addr neighbour;
	int ifindex;
	uint32_t mtu;
	uint8_t ethernet[ETHERNET_LEN];
};

/* Follows route (with our mark), link and neighbour to dst. What is missing is in out->why_not. */
void next_hop_find(struct rtnl *r, uint32_t mark, const struct ip_addr *src,
		   const struct ip_addr *dst, struct next_hop *out);
/* Tells the kernel that the neighbour is in use, so that it looks whether it is still there. */
void next_hop_use(struct rtnl *r, const struct next_hop *hop);

#endif
