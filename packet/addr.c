/*
 * packet/addr.c: addresses and prefixes as plain values. IPv4 and IPv6 share one struct and one
 * comparison, so that selectors, SAs and routes need no case for each family. Used by all layers.
 */
#include "packet/packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static_assert(sizeof(struct ip_addr) == 17, "ip_addr is compared byte by byte: no padding");
static_assert((int)IP_ADDR_TEXT_MAX == (int)INET6_ADDRSTRLEN, "text of the longest address");

bool ip_addr_parse(const char *text, struct ip_addr *out)
{
	struct ip_addr addr = {.family = AF_INET};

	if (inet_pton(AF_INET, text, addr.bytes) != 1) {
		addr = (struct ip_addr){.family = AF_INET6};
		if (inet_pton(AF_INET6, text, addr.bytes) != 1)
			return false;
	}
	*out = addr;
	return true;
}

const char *ip_addr_format(const struct ip_addr *addr, char buf[static IP_ADDR_TEXT_MAX])
{
	if (!ip_addr_bits(addr) || !inet_ntop(addr->family, addr->bytes, buf, IP_ADDR_TEXT_MAX))
		memcpy(buf, "none", sizeof("none"));
	return buf;
}

struct ip_addr ip_addr_v4(const void *four_bytes)
{
	struct ip_addr addr = {.family = AF_INET};

	memcpy(addr.bytes, four_bytes, 4);
	return addr;
}

struct ip_addr ip_addr_v6(const void *sixteen_bytes)
{
	struct ip_addr addr = {.family = AF_INET6};

	memcpy(addr.bytes, sixteen_bytes, 16);
	return addr;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool ip_addr_is_any(const struct ip_addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

uint8_t ip_addr_bits(const struct ip_addr *addr)
{
	switch (addr->family) {
	case AF_INET:
		return 32;
	case AF_INET6:
		return 128;
	default:
		return 0;
	}
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	unsigned whole = prefix->len / 8u;
	unsigned rest = prefix->len % 8u;

	if (prefix->addr.family != addr->family || prefix->len > ip_addr_bits(addr))
		return false;
	if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest) == 0;
}

bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return outer->len <= inner->len && ip_prefix_contains(outer, &inner->addr);
}

struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix)
{
	struct ip_prefix masked = *prefix;

	for (unsigned i = 0; i < sizeof(masked.addr.bytes); i++) {
		unsigned first_bit = i * 8;

		if (prefix->len <= first_bit)
			masked.addr.bytes[i] = 0;
		else if (prefix->len - first_bit < 8)
			masked.addr.bytes[i] &= (uint8_t)(0xff00 >> (prefix->len - first_bit));
	}
	return masked;
}
