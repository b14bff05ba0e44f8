/*
 * sa-db/endpoint.c: finds what an SA and a policy's template have in common, the tunnel's two
 * addresses and the reqid, so that tying them together (resolve.c) looks at one tunnel's entries
 * and not at ten thousand. Control thread only.
 */
#include "sa-db/database.h"

#include <stdlib.h>

static uint64_t hash_key(const struct ip_addr *src, const struct ip_addr *dst, uint32_t reqid)
{
	return hash_addr(hash_addr(hash_mix(0, reqid), src), dst);
}

struct endpoint *endpoint_find(const struct hash *table, const struct ip_addr *src,
			       const struct ip_addr *dst, uint32_t reqid)
{
	struct hash_node *n;
	struct endpoint *e;

	for (n = hash_first(table, hash_key(src, dst, reqid)); n; n = hash_next(n)) {
		e = list_owner(n, struct endpoint, node);
		if (e->reqid == reqid && ip_addr_equal(&e->src, src) && ip_addr_equal(&e->dst, dst))
			return e;
	}
	return NULL;
}

struct endpoint *endpoint_get(struct hash *table, const struct ip_addr *src,
			      const struct ip_addr *dst, uint32_t reqid)
{
	struct endpoint *e = endpoint_find(table, src, dst, reqid);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->src = *src;
	e->dst = *dst;
	e->reqid = reqid;
	list_init(&e->sas);
	list_init(&e->policies);
	hash_insert(table, &e->node, hash_key(src, dst, reqid));
	return e;
}

void endpoint_put(struct hash *table, struct endpoint *endpoint)
{
	if (!endpoint || !list_is_empty(&endpoint->sas) || !list_is_empty(&endpoint->policies))
		return;
	hash_remove(table, &endpoint->node);
	free(endpoint);
}
