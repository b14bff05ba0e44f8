/*
 * addr_set.c: addresses sorted, found by halving. A host has few; even a thousand are ten steps.
 * Equal addresses are equal byte by byte (packet.h), so memcmp is the order.
 */
#include "gateway/dataplane/capture/addr_set.h"

#include <stdlib.h>
#include <string.h>

struct addr_set {
	size_t n;
	struct ip_addr addr[];
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

struct addr_set *addr_set_new(const struct ip_addr *addrs, size_t n)
{
	struct addr_set *set = malloc(sizeof(*set) + n * sizeof(set->addr[0]));
	size_t kept = 0;

	if (!set)
		return NULL;
	if (n)
		memcpy(set->addr, addrs, n * sizeof(set->addr[0]));
	qsort(set->addr, n, sizeof(set->addr[0]), compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare(&set->addr[i], &set->addr[kept - 1]) != 0)
			set->addr[kept++] = set->addr[i];
	set->n = kept;
	return set;
}

void addr_set_free(struct addr_set *set)
{
	free(set);
}

bool addr_set_has(const struct addr_set *set, const struct ip_addr *addr)
{
	return bsearch(addr, set->addr, set->n, sizeof(set->addr[0]), compare) != NULL;
}

bool addr_set_equal(const struct addr_set *a, const struct addr_set *b)
{
	return a->n == b->n && memcmp(a->addr, b->addr, a->n * sizeof(a->addr[0])) == 0;
}
