/*
 * request.h: what the machine wants of XFRM, as XFRM says it. Pure; the tests' way to both.
 */
#ifndef CYGNET_IKED_REQUEST_H
#define CYGNET_IKED_REQUEST_H

#include "ike-lite/ike.h"
#include "xfrm/xfrm.h"

/* NEWSA's or UPDSA's SA. Carries keys: the caller cleanses. */
void request_sa(const struct ike_sa_action *action, struct sa_config *out);

enum { REQUEST_SPLIT_MAX = 256 }; /* selectors that one pair of ranges may become */

/* What a wish for policies was about: enough to make its policies again. */
struct policy_wish {
	uint32_t reqid, priority;
	bool trap;
	struct ip_addr local, remote;
};

/* The policies, in, out and fwd, between one local and one remote selector, whose ranges become as many
 * prefixes and blocks of ports as they take; calls fn for each. False: XFRM has no words for them: two
 * address families, OPAQUE, codes of several ICMP types, or too many pieces. */
bool request_policies(const struct policy_wish *wish, const struct ike_ts *local,
		      const struct ike_ts *remote,
		      void (*fn)(void *ctx, const struct policy_config *), void *ctx);

/* Selectors of a packet, an ACQUIRE's or a MISFIT's: source and destination. */
void request_flow(const struct selector *sel, struct ike_ts *src, struct ike_ts *dst);

#endif
