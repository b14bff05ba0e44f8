/*
 * ike-lite/pool.c: the lowest free address. Who has which is what the IKE SAs say.
 */
#include "ike-lite/pool.h"

#include "ike-lite/engine.h"

#include <string.h>

static bool is_leased(const struct ike *ike, const struct ip_addr *addr)
{
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (unsigned i = 0; i < sa->vip_count && !sa->vips_are_ours; i++) {
			if (ip_addr_equal(&sa->vips[i], addr))
				return true;
		}
	}
	return false;
}

static unsigned addr_len(const struct ip_addr *a)
{
	return a->family == AF_INET ? 4 : 16;
}

static bool is_within(const struct ip_addr *a, const struct ip_addr *from, const struct ip_addr *to)
{
	return a->family == from->family && memcmp(a->bytes, from->bytes, addr_len(a)) >= 0 &&
	       memcmp(a->bytes, to->bytes, addr_len(a)) <= 0;
}

static void step(struct ip_addr *a)
{
	for (unsigned i = addr_len(a); i-- > 0;) {
		if (++a->bytes[i] != 0)
			return;
	}
}

/* The search ends: each address that is taken is an IKE SA's. */
static bool lowest_free(const struct ike *ike, const struct ip_addr *from, const struct ip_addr *to,
			struct ip_addr *out)
{
	struct ip_addr a = *from;

	while (is_leased(ike, &a)) {
		if (ip_addr_equal(&a, to))
			return false;
		step(&a);
	}
	*out = a;
	return true;
}

bool pool_lease(struct ike_sa *sa, const struct ike_cp *asked)
{
	const struct ike_connection *c = &sa->conn->c;

	sa->vip_count = 0;
	for (unsigned i = 0; i < asked->count; i++) {
		const struct ip_addr *want = &asked->addrs[i];

		for (unsigned k = 0; k < c->pool_count; k++) {
			const struct ip_addr *from = &c->pools[k].from, *to = &c->pools[k].to;
			struct ip_addr got = *want;

			if (from->family != want->family)
				continue;
			if ((is_within(want, from, to) && !is_leased(sa->ike, want)) ||
			    lowest_free(sa->ike, from, to, &got))
				sa->vips[sa->vip_count++] = got;
			break;
		}
	}
	return sa->vip_count > 0;
}
