/*
 * sa-db/walk.c: dumps. A walk stands on the entry it returned last (or a head). Who removes an
 * entry first moves the walks that stand on it one back, so that their next step is the entry
 * after it; additions need nothing. The XFRM server keeps a walk open while a slow client reads.
 */
#include "sa-db/database.h"

void sadb_walk_begin(struct sadb *db, struct sadb_walk *walk, bool policies)
{
	*walk = (struct sadb_walk){
		.prev = &db->walks,
		.next = db->walks.next,
		.at = policies ? &db->policy_heads[0].all : &db->sas,
		.db = db,
		.policies = policies,
	};
	walk->next->prev = walk;
	walk->prev->next = walk;
}

void sadb_walk_end(struct sadb_walk *walk)
{
	walk->prev->next = walk->next;
	walk->next->prev = walk->prev;
	*walk = (struct sadb_walk){0};
}

struct sa *sadb_walk_sa(struct sadb_walk *walk)
{
	struct list *at = walk->at;

	/* At the end it stays where it is: what is added later is still to come. */
	if (at->next == &walk->db->sas)
		return NULL;
	walk->at = at->next;
	return list_owner(at->next, struct sa_links, all)->sa;
}

struct policy *sadb_walk_policy(struct sadb_walk *walk)
{
	const struct list *ring = &walk->db->policy_heads[0].all;
	const struct list *at = walk->at;
	struct policy *p;

	for (struct list *n = at->next; n != ring; n = n->next) {
		p = list_owner(n, struct policy_links, all)->policy;
		if (!p)
			continue; /* the head of the next direction */
		walk->at = n;
		return p;
	}
	return NULL;
}

void walk_leave(struct sadb *db, const struct list *node)
{
	for (struct sadb_walk *w = db->walks.next; w != &db->walks; w = w->next) {
		if (w->at == node)
			w->at = node->prev;
	}
}
