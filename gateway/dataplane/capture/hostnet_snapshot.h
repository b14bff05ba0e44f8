/*
 * hostnet_snapshot.h: the host's network at one moment, filled message by message from rtnetlink
 * dumps. No socket here, so tests feed it messages of their own. hostnet.c keeps the present one
 * and compares it with the next.
 */
#ifndef CYGNET_HOSTNET_SNAPSHOT_H
#define CYGNET_HOSTNET_SNAPSHOT_H

#include "packet/packet.h"

#include <libmnl/libmnl.h>
#include <net/if.h>

struct host_link {
	int ifindex;
	uint32_t mtu;
	bool up;
	bool loopback;
	char name[IF_NAMESIZE];
};

struct host_addr {
	struct ip_addr addr;
	uint8_t scope; /* RT_SCOPE_* */
	bool usable;   /* neither tentative, nor deprecated: may be a source */
	int ifindex;
};

struct host_connected {
	struct ip_prefix prefix;
	int ifindex;
};

struct host_snapshot {
	int tun_ifindex; /* what belongs to it is left out, but for tun_up */
	bool tun_up;
	bool failed; /* out of memory while it was filled */
	struct host_link *links;
	size_t link_count;
	struct host_addr *addrs; /* in the kernel's order */
	size_t addr_count;
	struct host_connected *connected;
	size_t connected_count;
};

void host_snapshot_init(struct host_snapshot *s, int tun_ifindex);
void host_snapshot_fini(struct host_snapshot *s);

/* Take one message of a dump; what is malformed or not for us is passed over. */
void host_snapshot_take_link(struct host_snapshot *s, const struct nlmsghdr *nlh);
void host_snapshot_take_addr(struct host_snapshot *s, const struct nlmsghdr *nlh);
void host_snapshot_take_route(struct host_snapshot *s, const struct nlmsghdr *nlh);

bool host_snapshot_equal(const struct host_snapshot *a, const struct host_snapshot *b);
/* Borrowed; NULL if there is no such link. */
const struct host_link *host_snapshot_link(const struct host_snapshot *s, int ifindex);
/* hostnet_addr_in's answer. */
bool host_snapshot_addr_in(const struct host_snapshot *s, const struct ip_prefix *prefix,
			   struct ip_addr *out);

#endif
