/*
 * message.h: statements whose names were looked up, as values of the XFRM protocol. Pure. Called by
 * the executor and the fuzz target, after statement_refusal and statement_check had no objection.
 */
#ifndef CYGNET_TOOLS_MESSAGE_H
#define CYGNET_TOOLS_MESSAGE_H

#include "tools/statement.h"
#include "xfrm/xfrm.h"

/* The SA of add and update. 0; -EINVAL or -ENOSYS and a sentence without secrets (static). Whoever
 * gets 0 cleanses the configuration. */
int message_sa(const struct statement *st, const struct ip_addr *src, const struct ip_addr *dst,
	       struct sa_config *out, const char **why) __attribute__((warn_unused_result));

enum { SPI_CHOSEN_MIN = 256 }; /* RFC 4303 §2.1 reserves those below */

/* The request of getspi: one SPI, or for 0 any that is free. */
void message_getspi(const struct statement *st, const struct ip_addr *src,
		    const struct ip_addr *dst, struct xfrm_message *out);

/* A policy's selector after names of hosts, ports and protocols were looked up. */
struct resolved_selector {
	struct ip_addr src, dst;
	uint16_t sport, dport; /* 0: any; type and code of ICMP */
	uint8_t proto;
	/* Where ranges were written: their ends. Of no family and 0: there is none. */
	struct ip_addr src_to, dst_to;
	uint16_t sport_to, dport_to;
};

/* True if anything was written as a range: then the policy is one for each selector of
 * message_ranges, instead of message_policy's own. */
bool message_has_ranges(const struct resolved_selector *sel);
enum { MESSAGE_SELECTORS_MAX = 1024 };
/* The selectors that together are exactly the ranges, docs/decisions/0012. Their number; -EINVAL or
 * -E2BIG and a sentence (static). */
int message_ranges(const struct statement *st, const struct resolved_selector *sel,
		   struct selector out[static MESSAGE_SELECTORS_MAX], const char **why)
	__attribute__((warn_unused_result));

/* The policy of spd*. 0; -EINVAL and a sentence: a prefix is too long for its family. */
int message_policy(const struct statement *st, const struct resolved_selector *sel,
		   struct policy_config *out, const char **why) __attribute__((warn_unused_result));
/* The copy for forwarded packets that stands beside an in policy (setkey -r). */
void message_fwd_twin(const struct policy_config *in, struct policy_config *out);

#endif
