/*
 * sa-db/resolve.c: which SA an outbound policy uses, RFC 4301 §4.4.1 ("SPD entry to SAD entry").
 * Packet threads find the answer in policy->sa; here the control thread keeps it true whenever an
 * SA or a policy comes, goes or changes: the newest SA that the template accepts and that this
 * host is the source of. The newest wins because a manager that rekeys without naming the SPI adds
 * the new SA first and deletes the old one later.
 */
#include "sa-db/database.h"

#include <errno.h>

static struct sa *policy_sa(const struct policy *p)
{
	return atomic_load_explicit(&p->sa, memory_order_relaxed);
}

static void point(struct policy *p, struct sa *sa)
{
	atomic_store_explicit(&p->sa, sa, memory_order_release);
}

static bool usable(const struct policy *p, const struct sa *sa)
{
	return sa->out && template_accepts(&p->config.tmpl, &sa->config);
}

/* The newest usable SA but one, from the end of the endpoint's list. */
static struct sa *best_but(const struct policy *p, const struct sa *but)
{
	const struct list *sas = &p->links->endpoint->sas;
	const bool any = p->config.tmpl.reqid == 0;
	const struct sa_links *links;

	for (struct list *n = sas->prev; n != sas; n = n->prev) {
		links = any ? list_owner(n, struct sa_links, any_reqid.node)
			    : list_owner(n, struct sa_links, same_reqid.node);
		if (links->sa != but && usable(p, links->sa))
			return links->sa;
	}
	return NULL;
}

static int join(struct sadb *db, struct sa_membership *m, const struct sa *sa, uint32_t reqid)
{
	m->endpoint = endpoint_get(&db->endpoints, &sa->config.src, &sa->config.id.dst, reqid);
	if (!m->endpoint)
		return -ENOMEM;
	list_add_before(&m->endpoint->sas, &m->node);
	return 0;
}

static void leave(struct sadb *db, struct sa_membership *m)
{
	if (!m->endpoint)
		return;
	list_remove(&m->node);
	endpoint_put(&db->endpoints, m->endpoint);
	m->endpoint = NULL;
}

int resolve_join_sa(struct sadb *db, struct sa *sa)
{
	struct sa_links *links = sa->links;
	int rc;

	rc = join(db, &links->any_reqid, sa, 0);
	if (rc == 0 && sa->config.reqid != 0)
		rc = join(db, &links->same_reqid, sa, sa->config.reqid);
	if (rc < 0)
		leave(db, &links->any_reqid);
	return rc;
}

void resolve_leave_sa(struct sadb *db, struct sa *sa)
{
	leave(db, &sa->links->any_reqid);
	leave(db, &sa->links->same_reqid);
}

static void offer_to(const struct sa_membership *m, struct sa *sa)
{
	struct policy *p;
	const struct sa *now;

	if (!m->endpoint)
		return;
	for (struct list *n = m->endpoint->policies.next; n != &m->endpoint->policies;
	     n = n->next) {
		p = list_owner(n, struct policy_links, users)->policy;
		now = policy_sa(p);
		if ((!now || now->serial < sa->serial) && usable(p, sa))
			point(p, sa);
	}
}

void resolve_offer(struct sa *sa)
{
	offer_to(&sa->links->any_reqid, sa);
	offer_to(&sa->links->same_reqid, sa);
}

static void switch_in(const struct sa_membership *m, const struct sa *old, struct sa *newer)
{
	struct policy *p;

	if (!m->endpoint)
		return;
	for (struct list *n = m->endpoint->policies.next; n != &m->endpoint->policies;
	     n = n->next) {
		p = list_owner(n, struct policy_links, users)->policy;
		if (policy_sa(p) == old)
			point(p, newer && usable(p, newer) ? newer : best_but(p, old));
	}
}

void resolve_switch(struct sa *old, struct sa *newer)
{
	switch_in(&old->links->any_reqid, old, newer);
	switch_in(&old->links->same_reqid, old, newer);
}

int resolve_join_policy(struct sadb *db, struct policy *p)
{
	const struct policy_template *tmpl = &p->config.tmpl;

	if (p->config.dir != POLICY_OUT || p->config.action != POLICY_PROTECT)
		return 0;
	p->links->endpoint = endpoint_get(&db->endpoints, &tmpl->src, &tmpl->dst, tmpl->reqid);
	if (!p->links->endpoint)
		return -ENOMEM;
	list_add_before(&p->links->endpoint->policies, &p->links->users);
	point(p, best_but(p, NULL));
	return 0;
}

void resolve_leave_policy(struct sadb *db, struct policy *p)
{
	if (!p->links->endpoint)
		return;
	list_remove(&p->links->users);
	endpoint_put(&db->endpoints, p->links->endpoint);
	p->links->endpoint = NULL;
}
