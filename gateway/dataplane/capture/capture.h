/*
 * capture.h: brings the packets that outbound policies protect to the TUN device, and keeps them
 * from leaving in clear when the device is gone. Routes in table 219 behind the rule
 * `pref 219 not fwmark 0x219`, ordered fib rules (prefs 215 to 218 and 220, fib_rules.h) to table 218 where
 * prefixes cannot say what the SPD says, or where a policy captures around its own source network,
 * unreachable routes as leak guard, and the nftables marks and the sysctl that let ESP in under
 * strict rp_filter. docs/architecture.md, "Packet capture and routing".
 *
 * In two halves: capture_plan.c turns policies and connected prefixes into a list of routes and
 * rules, without a system call; capture.c makes the kernel agree with the list through rtnetlink,
 * changing only what differs. guard_plan.c and guard.c do the same for cleartext on its way in,
 * default_block.c for what no policy speaks of.
 */
#ifndef CYGNET_CAPTURE_H
#define CYGNET_CAPTURE_H

#include "sa-db/sadb.h"

enum capture_numbers {
	CAPTURE_MARK = 0x219,
	CAPTURE_TABLE = 219,
	CAPTURE_RULE_TABLE = 218, /* reached only by the ordered fib rules; decision 0007 */
	CAPTURE_PREF = 219,
	CAPTURE_PROTOCOL = 219, /* rtm_protocol of everything we install: how it is found again */
};

struct capture;
struct event_base;
struct hostnet;

/* state_dir: where a sysctl's former value is kept while ours stands. Takes over what a crashed
 * cygnetd left: its unreachable routes and rules stay as guards until policies are loaded again.
 * 0, -errno (logged, nothing left behind). */
int capture_open(struct capture **out, struct event_base *base, struct sadb *db,
		 struct hostnet *hostnet, const char *tun_name, int tun_ifindex,
		 const char *state_dir);
/* clean: removes every route, rule, table and sysctl change. Else, as after a start that failed
 * half-way, what guards traffic stays as it is: of a process before us, or of ours. NULL is fine. */
void capture_close(struct capture *c, bool clean);

/* The SPD, an SA in use, or the host's network changed: computes each outbound protect policy's
 * inner MTU (stored in policy->inner_mtu), then the plan, and makes the kernel follow. With up to
 * CAPTURE_SYNC_POLICIES policies the kernel has it when this returns, so that an acknowledged
 * policy is a policy in force; with more, changes are gathered for up to 100 ms. A route the
 * kernel refuses is logged; the others are still made. */
enum { CAPTURE_SYNC_POLICIES = 1000 };
void capture_refresh(struct capture *c);
/* From here on routes carry no MTU: packets that may be fragmented reach the TUN device whole, and
 * who sends too large ones with DF hears of it from outbound.c. Before there are policies. */
void capture_routes_without_mtu(struct capture *c);
/* A path between gateways takes no more than mtu bytes, which somebody has proved who sees our
 * packets (path_error.c): remembered for a while, and followed at once. */
void capture_path_mtu(struct capture *c, const struct ip_addr *src, const struct ip_addr *dst,
		      uint32_t mtu);
/* Outer MTU towards the policy's peer, as routed or learned, for status; 0 if unknown. */
uint32_t capture_outer_mtu(const struct capture *c, const struct policy *policy);
/* Packets in clear that a policy protects, dropped by the spoof guard since the start. */
uint64_t capture_guard_drops(struct capture *c);

/* Packets no policy of a direction speaks of are dropped in these directions, and in no others
 * (default_block.h). 0; -EOPNOTSUPP: this kernel has no nftables; another -errno (logged): all is as it was. */
int capture_set_default(struct capture *c, const bool block[POLICY_DIRS]);
bool capture_default_blocks(const struct capture *c, enum policy_dir dir);
/* How many since the start. */
uint64_t capture_default_drops(const struct capture *c, enum policy_dir dir);

/* An SA comes or goes whose packets leave with this mark (not 0) in place of ours: while there is one
 * the rules let such packets of ours pass by the tunnels, as they do those with our own mark. family: of its outer
 * packets. 0; -errno if the kernel has no such rule for them, and then it does not come (on), or came to an
 * end all the same. */
int capture_output_mark(struct capture *c, uint8_t family, uint32_t mark, bool on);

/* ESP comes by this UDP port from now on, or no longer. */
void capture_encap_port(struct capture *c, uint16_t port, bool on);

#endif
