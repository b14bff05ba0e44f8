/*
 * capture_plan.h: which routes and rules bring the packets that policies protect, and no others
 * if it can be helped, to the TUN device. A function of its arguments: no system call, so its
 * tests are tables. capture.c feeds it and makes the kernel follow.
 */
#ifndef CYGNET_CAPTURE_PLAN_H
#define CYGNET_CAPTURE_PLAN_H

#include "gateway/dataplane/capture/capture.h"

enum plan_route_kind {
	PLAN_TUN,   /* to the device */
	PLAN_GUARD, /* unreachable, worst metric: takes over when the device is gone */
	PLAN_THROW, /* on with the rules that follow: not captured */
};

struct plan_route {
	struct ip_prefix dst;	/* host bits cleared */
	struct ip_addr prefsrc; /* AF_UNSPEC: none */
	uint32_t mtu;		/* 0: the device's */
	uint8_t table;		/* CAPTURE_TABLE or CAPTURE_RULE_TABLE */
	uint8_t kind;		/* enum plan_route_kind */
};

/* first 0: any port. The kernel knows no range that holds 0 or 65535. */
struct plan_ports {
	uint16_t first, last;
};

enum { PLAN_PORT_MIN = 1, PLAN_PORT_MAX = 65534 };

enum plan_rule_action {
	PLAN_CAPTURE, /* look up CAPTURE_RULE_TABLE */
	PLAN_SKIP,    /* go to CAPTURE_PREF, behind the ordered rules */
};

struct plan_rule {
	struct ip_prefix src, dst; /* of one family, host bits cleared; length 0: any */
	struct plan_ports sport, dport;
	uint8_t proto;	/* 0: any */
	uint8_t action; /* enum plan_rule_action */
	/* The gateway's own packets before they have a source address. IPv4: such packets only
	 * (src is 0.0.0.0/32); IPv6: those too, if the address they would get lies in src. */
	bool unbound;
};

struct plan_policy {
	struct selector sel;
	uint8_t action; /* enum policy_action */
	uint32_t mtu;	/* inner MTU; 0: none known */
};

struct plan_input {
	const struct plan_policy *policies; /* outbound, first match wins */
	size_t policy_count;
	const struct ip_prefix *connected;
	size_t connected_count;
	/* The host's address inside a prefix, hostnet_addr_in's way. */
	bool (*addr_in)(const void *ctx, const struct ip_prefix *prefix, struct ip_addr *out);
	const void *ctx;
};

/* Routes are in the order of plan_route_compare, rules in the order the kernel shall try them,
 * IPv4 and IPv6 apart. */
struct plan {
	struct plan_route *routes; /* owned */
	size_t route_count;
	struct plan_rule_list {
		struct plan_rule *rules; /* owned */
		size_t count;
	} ip4, ip6;
	/* Policies of which no rule can say all: protected ones capture more than they should,
	 * bypasses pass less. What then has no policy is dropped behind the TUN. */
	size_t inexact;
	bool failed; /* out of memory while it was made */
};

/* 0 and *out, to be freed by plan_fini; -ENOMEM. */
int plan_make(const struct plan_input *in, struct plan *out) __attribute__((warn_unused_result));
void plan_fini(struct plan *plan);

/* Order by what names a route in the kernel: table, destination, guard or not. */
int plan_route_compare(const void *a, const void *b);
bool plan_rules_equal(const struct plan_rule_list *a, const struct plan_rule_list *b);

#endif
