/*
 * ike-lite/policies.c: policies of children, and traps: they stand as long as a child or a trap has those
 * selectors, RFC 4301 §4.4.1.
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

static void emit_of_child(struct child *c, enum ike_action_kind kind)
{
	struct ike_policy_action p = {.reqid = c->reqid,
				      .local = c->local,
				      .remote = c->remote,
				      .local_ts = &c->local_ts,
				      .remote_ts = &c->remote_ts};

	emit_policies(c->sa->ike, kind, c->sa->conn, c->kid, &p);
}

void policies_add(struct child *c)
{
	emit_of_child(c, IKE_ADD_POLICIES);
}

/* A child in this phase that stands behind policies with these selectors. */
static struct child *with_selectors(const struct ike *ike, const struct ike_ts_list *local,
				    const struct ike_ts_list *remote, const struct child *but,
				    enum child_phase phase)
{
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (struct child *c = sa->children; c; c = c->next) {
			if (c != but && c->phase == phase && !c->replaced &&
			    ike_ts_list_equal(&c->local_ts, local) &&
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
		      enum ike_action_kind kind)
{
	struct ike_ts_list local, remote;
	struct ike_ends ends;
	struct ike_policy_action p;

	trap_selectors(ike, conn, kid, &ends, &local, &remote);
	/* A child has them: its policies stand, and see to the trap when they go. */
	if (with_selectors(ike, &local, &remote, NULL, CHILD_UP))
		return;
	p = (struct ike_policy_action){.reqid = kid->reqid,
				       .trap = true,
				       .local = ends.local,
				       .remote = ends.remote,
				       .local_ts = &local,
				       .remote_ts = &remote};
	emit_policies(ike, kind, conn, kid, &p);
}

void policies_trap(struct ike *ike, struct conn *conn, struct kid *kid)
{
	if (kid->trapped)
		return;
	kid->trapped = true;
	emit_trap(ike, conn, kid, IKE_ADD_POLICIES);
}

void policies_untrap(struct ike *ike, struct conn *conn, struct kid *kid)
{
	if (!kid->trapped)
		return;
	kid->trapped = false;
	emit_trap(ike, conn, kid, IKE_DELETE_POLICIES);
}

static bool is_what_the_trap_has(struct child *c)
{
	struct ike_ts_list local, remote;
	struct ike_ends ends;

	trap_selectors(c->sa->ike, c->sa->conn, c->kid, &ends, &local, &remote);
	return ike_ts_list_equal(&local, &c->local_ts) && ike_ts_list_equal(&remote, &c->remote_ts);
}

void policies_leave(struct child *c)
{
	struct child *other = with_selectors(c->sa->ike, &c->local_ts, &c->remote_ts, c, CHILD_UP);

	/* What is being deleted takes them along when it goes. */
	if (!other)
		other = with_selectors(c->sa->ike, &c->local_ts, &c->remote_ts, c, CHILD_DELETING);
	if (other)
		policies_add(other);
	else if (c->kid->trapped && c->kid->current && is_what_the_trap_has(c))
		emit_trap(c->sa->ike, c->sa->conn, c->kid, IKE_ADD_POLICIES);
	else
		emit_of_child(c, IKE_DELETE_POLICIES);
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
