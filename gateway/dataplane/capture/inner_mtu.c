/*
 * inner_mtu.c: see inner_mtu.h.
 */
#include "gateway/dataplane/capture/inner_mtu.h"

enum { IP4_MTU_MIN = 68 }; /* RFC 791 §3.2 */

/* Without an SA the one that comes is not known: the largest overhead is the safe guess. */
static uint32_t smallest_inner_mtu(struct inner_mtu_memo *memo, uint8_t outer_family,
				   uint32_t outer)
{
	struct esp_suite suite;
	uint32_t smallest = 0;

	if (memo->family == outer_family && memo->outer == outer)
		return memo->inner;
	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		uint32_t mtu = esp_inner_mtu(&suite, ESP_ENCAP_UDP, outer_family, outer);

		if (i == 0 || mtu < smallest)
			smallest = mtu;
	}
	*memo = (struct inner_mtu_memo){.outer = outer, .inner = smallest, .family = outer_family};
	return smallest;
}

uint32_t inner_mtu(struct inner_mtu_memo *memo, struct policy *policy, uint32_t outer)
{
	const uint8_t family = policy->config.tmpl.dst.family;
	const struct sa *sa = atomic_load_explicit(&policy->sa, memory_order_acquire);
	uint32_t mtu;

	if (outer == 0)
		return 0;
	if (sa)
		mtu = esp_inner_mtu(&sa->config.suite,
				    sa_encap_is_udp(&sa->config.encap) ? ESP_ENCAP_UDP
								       : ESP_ENCAP_NONE,
				    family, outer);
	else
		mtu = smallest_inner_mtu(memo, family, outer);
	return mtu < IP4_MTU_MIN ? IP4_MTU_MIN : mtu;
}
