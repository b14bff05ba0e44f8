/*
 * guard_plan.h: which cleartext the spoof guard drops (RFC 4301 §5.2: what a policy protects must
 * not come in without protection). From inbound and forward policies, in their order, to an
 * ordered list of sets of matches, each dropped or accepted. A function of its arguments: no
 * system call, so its tests are tables. guard_text.c says it in nftables' language, guard.c has
 * the kernel follow.
 *
 * Policies of one outcome that follow each other need no order among themselves: they become one
 * stage, of few sets however many policies there are. nftables refuses overlapping matches in a
 * set, so what overlaps and is not covered goes to another set of the stage.
 */
#ifndef CYGNET_GUARD_PLAN_H
#define CYGNET_GUARD_PLAN_H

#include "sa-db/sadb.h"

#include <net/if.h>

/* To this host; to others; for default_block.c also from this host, and to others on their way out. */
enum guard_hook { GUARD_INPUT, GUARD_FORWARD, GUARD_OUTPUT, GUARD_HOOKS };

/* What a match of the set looks at, beside both addresses. */
enum guard_shape {
	GUARD_ADDRS,
	GUARD_PROTO,
	GUARD_PORTS,	 /* protocol and ports as ranges */
	GUARD_TYPES,	 /* ICMP type and code as ranges */
	GUARD_FRAGMENTS, /* protocol, of a fragment whose ports cannot be read */
	GUARD_BITS,	 /* protocol, and ports or types by value and mask: a rule for each */
};

struct guard_match {
	struct ip_prefix src, dst;   /* host bits cleared */
	uint16_t sport[2], dport[2]; /* first and last; GUARD_BITS: value and mask */
	uint8_t proto;		     /* 0: any */
};

enum { GUARD_NO_LINKS = 255 };

struct guard_set {
	uint8_t hook, family, shape;
	bool drop;
	uint8_t links;		     /* index of the links spared; GUARD_NO_LINKS: none */
	struct guard_match *matches; /* owned; sorted */
	size_t count;
	size_t *around; /* scratch while it is made */
	size_t depth;
};

/* What stands on a link of ours and comes from there is not claimed to come from behind a tunnel:
 * a policy wider than the link's prefix spares it, as capture_plan.c does on the way out. */
struct guard_link {
	struct ip_prefix prefix;
	char name[IF_NAMESIZE];
};

struct guard_links {
	uint8_t family, longer_than; /* of all links, those with longer prefixes */
	struct guard_link *list;     /* owned */
	size_t count;
};

struct guard_input {
	/* In look-up order. Without forward policies the inbound ones cover what is forwarded too. */
	const struct policy_config *const *in, *const *fwd;
	size_t in_count, fwd_count;
	const struct guard_link *links;
	size_t link_count;
};

/* Sets are in the order in which they are to be asked, hook by hook and family by family. */
struct guard_plan {
	struct guard_set *sets;	   /* owned */
	struct guard_links *links; /* owned */
	size_t set_count, links_count;
	bool failed; /* out of memory while it was made */
};

/* 0 and *out, to be freed by guard_plan_fini; -ENOMEM. */
int guard_plan_make(const struct guard_input *in, struct guard_plan *out)
	__attribute__((warn_unused_result));
void guard_plan_fini(struct guard_plan *plan);

struct guard_list {
	const struct policy_config *const *policies; /* in any order */
	size_t count;
};

/* For default_block.c: what any policy of a hook's list matches, whatever it does with it, as sets that
 * accept. As XFRM takes it: a fragment without readable ports matches no policy that names some, and no
 * link is spared. 0 and *out, to be freed by guard_plan_fini; -ENOMEM. */
int guard_plan_any(const struct guard_list lists[GUARD_HOOKS], struct guard_plan *out)
	__attribute__((warn_unused_result));

int guard_match_compare(const struct guard_match *a, const struct guard_match *b);
/* True if they differ in the sets' matches at most, and in those of no GUARD_BITS. */
bool guard_plan_same_shape(const struct guard_plan *a, const struct guard_plan *b);
bool guard_plan_equal(const struct guard_plan *a, const struct guard_plan *b);

#endif
