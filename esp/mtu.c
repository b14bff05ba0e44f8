/*
 * esp/mtu.c: how long a packet is once it is padded and sealed, and what still fits. RFC 4303 §2,
 * RFC 3948 §2.1. The only place that adds these numbers up: status, routes, ICMP errors and documents ask
 * here.
 */
#include "esp/suite.h"

#include <assert.h>

static uint32_t ip_header_len(uint8_t family)
{
	assert(family == AF_INET || family == AF_INET6);
	return family == AF_INET ? IP4_HEADER_MIN : IP6_HEADER_LEN;
}

/* All that does not depend on the inner packet. */
static uint32_t fixed_len(const struct esp_suite *suite, enum esp_encap encap, uint8_t family)
{
	return ip_header_len(family) + (encap == ESP_ENCAP_UDP ? UDP_HEADER_LEN : 0u) +
	       ESP_HEADER_LEN + suite->encr->iv_len + esp_suite_icv_len(suite);
}

uint32_t esp_outer_len(const struct esp_suite *suite, enum esp_encap encap, uint8_t outer_family,
		       uint32_t inner_len)
{
	uint32_t align = esp_suite_align(suite);
	uint32_t text = (inner_len + ESP_TRAILER_LEN + align - 1) & ~(align - 1);

	return fixed_len(suite, encap, outer_family) + text;
}

uint32_t esp_inner_mtu(const struct esp_suite *suite, enum esp_encap encap, uint8_t outer_family,
		       uint32_t mtu)
{
	uint32_t fixed = fixed_len(suite, encap, outer_family);
	uint32_t align = esp_suite_align(suite);

	if (mtu < fixed + align)
		return 0;
	return ((mtu - fixed) & ~(align - 1)) - ESP_TRAILER_LEN;
}

uint32_t esp_padded_len(uint32_t inner_len, uint32_t pad_to, uint32_t inner_mtu)
{
	/* Hiding a length is no reason to fragment, or to lose a packet that fits by itself. */
	uint32_t most = inner_mtu && inner_mtu < IP_PACKET_MAX ? inner_mtu : IP_PACKET_MAX;

	if (pad_to > most)
		pad_to = most;
	return pad_to > inner_len ? pad_to : inner_len;
}
