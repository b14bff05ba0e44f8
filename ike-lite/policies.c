/*
 * ike-lite/policies.c: policies of children, and traps, RFC 4301 §4.4.1. What is added is deleted once, with the same
 * number, addresses and selectors; of several with the same selectors the one added last counts.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/ts.h"
#include "ike-lite/wishes.h"

static void emit_policies(struct ike *ike, enum ike_action_kind kind, struct conn *conn,
			  struct kid *kid, const struct ike_policy_action *p)
{
	struct action_entry *e = kid->c.no_policies ? NULL : actions_add(&ike->actions, kind);

	if (!e)
		return;
	action_entry_hold(e, conn, kid);
	action_entry_set_ts(e, p->local_ts, p->remote_ts);
	e->action.policy = *p;
	e->action.policy.config = &kid->c;
	e->action.policy.local_ts = &e->local_ts;
	e->action.policy.remote_ts = &e->remote_ts;
}

static void emit_of_child(struct child *c, enum ike_action_kind kind, const struct ip_addr *local,
			  const struct ip_addr *remote)
{
	struct ike_policy_action p = {.reqid = c->reqid,
				      .local = *local,
				      .remote = *remote,
				      .local_ts = &c->local_ts,
				      .remote_ts = &c->remote_ts};

	emit_policies(c->sa->ike, kind, c->sa->conn, c->kid, &p);
}

void policies_add(struct child *c)
{
	struct ip_addr local = c->policy_local, remote = c->policy_remote;
	bool stood = c->policies_stand;

	if (stood && ip_addr_equal(&local, &c->local) && ip_addr_equal(&remote, &c->remote))
		return;
	c->policies_stand = true;
	c->policy_local = c->local;
	c->policy_remote = c->remote;
	emit_of_child(c, IKE_ADD_POLICIES, &c->local, &c->remote);
	if (stood)
		emit_of_child(c, IKE_DELETE_POLICIES, &local, &remote);
	if (c->kid->held)
		policies_untrap(c->sa->ike, c->sa->conn, c->kid);
}

void policies_leave(struct child *c)
{
	if (!c->policies_stand)
		return;
	c->policies_stand = false;
	emit_of_child(c, IKE_DELETE_POLICIES, &c->policy_local, &c->policy_remote);
}

void policies_hand_over(struct child *old, struct child *fresh)
{
	bool same = old->kid == fresh->kid && old->reqid == fresh->reqid &&
		    ike_ts_list_equal(&old->local_ts, &fresh->local_ts) &&
		    ike_ts_list_equal(&old->remote_ts, &fresh->remote_ts);

	if (!same || fresh->policies_stand || !old->policies_stand) {
		policies_add(fresh);
		policies_leave(old);
		return;
	}
	old->policies_stand = false;
	fresh->policies_stand = true;
	fresh->policy_local = old->policy_local;
	fresh->policy_remote = old->policy_remote;
}

/* A child that has policies with these selectors. */
static struct child *with_selectors(const struct ike *ike, const struct ike_ts_list *local,
				    const struct ike_ts_list *remote)
{
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (struct child *c = sa->children; c; c = c->next) {
			if (c->policies_stand && ike_ts_list_equal(&c->local_ts, local) &&
			    ike_ts_list_equal(&c->remote_ts, remote))
				return c;
		}
	}
	return NULL;
}

/* ---- traps -------------------------------------------------------------------------------------------- */

/* The selectors of a kid without an IKE SA: dynamic ones are the addresses it would be made between. */
static void trap_selectors(struct ike *ike, struct conn *conn, struct kid *kid,
			   struct ike_ends *ends, struct ike_ts_list *local,
			   struct ike_ts_list *remote)
{
	struct ike_sa sa = {.ike = ike, .conn = conn};

	*ends = (struct ike_ends){0};
	(void)conn_ends(ike, conn, ends);
	sa.ends = *ends;
	kid_selectors(&sa, kid, true, local);
	kid_selectors(&sa, kid, false, remote);
}

static void emit_trap(struct ike *ike, struct conn *conn, struct kid *kid,
		      const struct ike_ends *ends, const struct ike_ts_list *local,
		      const struct ike_ts_list *remote, enum ike_action_kind kind)
{
	struct ike_policy_action p = {.reqid = kid->reqid,
				      .trap = true,
				      .local = ends->local,
				      .remote = ends->remote,
				      .local_ts = local,
				      .remote_ts = remote};

	emit_policies(ike, kind, conn, kid, &p);
}

void policies_trap(struct ike *ike, struct conn *conn, struct kid *kid)
{
	struct child *c;

	kid->held = false;
	if (kid->trapped)
		return;
	kid->trapped = true;
	trap_selectors(ike, conn, kid, &kid->trap_ends, &kid->trap_local, &kid->trap_remote);
	emit_trap(ike, conn, kid, &kid->trap_ends, &kid->trap_local, &kid->trap_remote,
		  IKE_ADD_POLICIES);
	c = with_selectors(ike, &kid->trap_local, &kid->trap_remote);
	/* The latest ones count: a child's do, as long as it has some. */
	if (c) {
		policies_leave(c);
		policies_add(c);
	}
}

void policies_hold(struct ike *ike, struct conn *conn, struct kid *kid)
{
	if (kid->trapped || !conn->current || !kid->current || ike->ending)
		return;
	policies_trap(ike, conn, kid);
	kid->held = true;
}

void policies_move_trap(struct ike *ike, struct conn *conn, struct kid *kid)
{
	struct ike_ts_list local = kid->trap_local, remote = kid->trap_remote;
	struct ike_ends ends = kid->trap_ends, now;
	bool held = kid->held;

	if (!kid->trapped || conn_ends(ike, conn, &now) != 0 ||
	    (ip_addr_equal(&now.local, &ends.local) && ip_addr_equal(&now.remote, &ends.remote)))
		return;
	kid->trapped = false;
	policies_trap(ike, conn, kid);
	kid->held = held;
	/* The new one stands before the old one goes. */
	emit_trap(ike, conn, kid, &ends, &local, &remote, IKE_DELETE_POLICIES);
}

void policies_untrap(struct ike *ike, struct conn *conn, struct kid *kid)
{
	if (!kid->trapped)
		return;
	kid->trapped = kid->held = false;
	emit_trap(ike, conn, kid, &kid->trap_ends, &kid->trap_local, &kid->trap_remote,
		  IKE_DELETE_POLICIES);
}

/* ---- selectors ------------------------------------------------------------------------------------------- */

/* All of one address, with the protocol and ports asked for. */
static void add_dynamic(struct ike_ts_list *out, const struct ip_addr *addr,
			const struct ike_ts *like)
{
	struct ike_ts ts = *like;

	if (addr->family == AF_UNSPEC)
		return;
	ts.from = *addr;
	ts.to = *addr;
	if (ts.proto == 0 && ts.port_from == 0 && ts.port_to == 0)
		ts.port_to = UINT16_MAX;
	(void)ike_ts_list_add(out, &ts);
}

void kid_selectors(const struct ike_sa *sa, const struct kid *kid, bool local,
		   struct ike_ts_list *out)
{
	const struct ike_child_config *c = &kid->c;
	const struct ike_ts *like = local ? &c->dynamic_local : &c->dynamic_remote;
	/* A virtual address is the initiator's. */
	bool virtual = sa->vip_count > 0 && local == sa->vips_are_ours;

	*out = local ? c->local_ts : c->remote_ts;
	if (!(local ? c->local_dynamic : c->remote_dynamic))
		return;
	if (!virtual) {
		add_dynamic(out, local ? &sa->ends.local : &sa->ends.remote, like);
		return;
	}
	for (unsigned i = 0; i < sa->vip_count; i++)
		add_dynamic(out, &sa->vips[i], like);
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* The kid's own number, unless another peer's child has it: traffic would go to the newest of a number. */
uint32_t kid_reqid(struct ike_sa *sa, struct kid *kid, const struct ike_ts_list *local,
		   const struct ike_ts_list *remote)
{
	for (struct ike_sa *other = sa->ike->sas; other; other = other->next) {
		for (struct child *c = other->children; c; c = c->next) {
			if (c->kid != kid || c->phase != CHILD_UP || c->reqid != kid->reqid)
				continue;
			if (!ike_ts_list_equal(&c->local_ts, local) ||
			    !ike_ts_list_equal(&c->remote_ts, remote))
				return kid->c.reqid ? kid->c.reqid : engine_new_reqid(sa->ike);
		}
	}
	return kid->reqid;
}
