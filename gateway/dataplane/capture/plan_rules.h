/*
 * plan_rules.h: selectors as fib rules, for capture_plan.c. What a rule cannot say (a set of
 * ports that is no range, ICMP types) is widened for protection and narrowed for bypass, so that
 * an error is a packet dropped and never one in clear.
 */
#ifndef CYGNET_PLAN_RULES_H
#define CYGNET_PLAN_RULES_H

#include "gateway/dataplane/capture/capture_plan.h"

/* An outbound policy of one family, in its place in the SPD. */
struct plan_entry {
	struct ip_prefix src, dst; /* host bits cleared */
	const struct selector *sel;
	struct ip_addr prefsrc; /* address of this host in src, if it protects and there is one */
	uint32_t rank;
	uint32_t mtu;
	uint8_t action; /* enum policy_action */
};

/* True if no packet can match: ports of a protocol that has none. */
bool plan_entry_is_empty(const struct selector *sel);
/* True if whatever of inner reaches outer's destination matches outer: inner, ranked later, is
 * not seen there. */
bool plan_entry_hides(const struct plan_entry *outer, const struct plan_entry *inner);
/* Copies rule to the end of list. 0, -ENOMEM. */
int plan_rules_append(struct plan_rule_list *list, const struct plan_rule *rule);
/* Appends the rules of n entries (sorted by rank, one family) to list. 0, -ENOMEM. */
int plan_rules_put(struct plan_rule_list *list, const struct plan_entry *const *entries, size_t n,
		   size_t *inexact);

#endif
