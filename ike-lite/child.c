/*
 * ike-lite/child.c: child SAs in the data plane, from the first packet to the last.
 */
#include "ike-lite/child.h"

#include "ike-lite/engine.h"
#include "ike-lite/explain.h"
#include "ike-lite/ts.h"
#include "ike-lite/wishes.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct child *child_new(struct ike_sa *sa, struct kid *kid, uint32_t spi_in)
{
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sa = sa;
	c->kid = kid_get(kid);
	c->spi_in = spi_in;
	c->local = sa->ends.local;
	c->remote = sa->ends.remote;
	c->udp = sa_uses_udp(sa);
	c->up_at = sa->ike->now;
	c->rekey_at = c->life_at = c->switch_at = c->linger_until = UINT64_MAX;
	c->next = sa->children;
	sa->children = c;
	return c;
}

/* ---- in the data plane -------------------------------------------------------------------------------- */

static void put_ends(const struct child *c, bool inbound, struct ike_sa_action *a)
{
	const struct ike_ends *ends = &c->sa->ends;

	a->inbound = inbound;
	a->spi = inbound ? c->spi_in : c->spi_out;
	a->src = inbound ? c->remote : c->local;
	a->dst = inbound ? c->local : c->remote;
	a->udp = c->udp;
	a->sport = inbound ? ends->remote_port : ends->local_port;
	a->dport = inbound ? ends->local_port : ends->remote_port;
	a->reqid = c->reqid;
}

/* A value less a part by chance, so that both ends do not rekey at once. */
static uint64_t less_by_chance(struct ike *ike, uint64_t value, uint64_t part)
{
	if (value == 0 || part == 0 || part >= value)
		return value;
	return value - engine_random64(ike) % (part + 1);
}

static void put_limits(const struct child *c, struct ike_sa_action *a)
{
	const struct ike_child_config *k = &c->kid->c;
	struct ike *ike = c->sa->ike;

	a->soft_time_s = less_by_chance(ike, k->rekey_time_s, k->rand_time_s);
	a->hard_time_s = k->life_time_s;
	a->soft_bytes = less_by_chance(ike, k->rekey_bytes, k->rand_bytes);
	a->hard_bytes = k->life_bytes;
	a->soft_packets = less_by_chance(ike, k->rekey_packets, k->rand_packets);
	a->hard_packets = k->life_packets;
}

static void install(struct child *c, bool inbound)
{
	struct action_entry *e = actions_add(&c->sa->ike->actions, IKE_ADD_SA);
	/* Who began the exchange sends with the initiator's keys. */
	const struct ike_child_key *key =
		c->we_began != inbound ? &c->keys.from_initiator : &c->keys.from_responder;
	struct ike_sa_action *a;

	if (!e)
		return;
	a = &e->action.sa;
	action_entry_hold(e, c->sa->conn, c->kid);
	action_entry_set_ts(e, &c->local_ts, &c->remote_ts);
	put_ends(c, inbound, a);
	put_limits(c, a);
	a->replaces = c->old != NULL;
	a->acquire_seq = c->acquire_seq;
	a->suite = c->suite;
	a->esn = c->esn;
	memcpy(a->keys.encr, key->encr, sizeof(a->keys.encr));
	memcpy(a->keys.integ, key->integ, sizeof(a->keys.integ));
	a->peer_refuses_tfc = c->peer_refuses_tfc;
	a->config = &c->kid->c;
	a->local_ts = &e->local_ts;
	a->remote_ts = &e->remote_ts;
}

static void forget_keys_if_done(struct child *c)
{
	if (c->in_stands && c->out_stands)
		ike_child_keys_cleanse(&c->keys);
}

void child_install_in(struct child *c)
{
	install(c, true);
	c->in_stands = true;
	forget_keys_if_done(c);
}

void child_install_out(struct child *c)
{
	if (c->out_stands)
		return;
	c->switch_at = UINT64_MAX;
	install(c, false);
	c->out_stands = true;
	forget_keys_if_done(c);
}

static void uninstall(struct child *c, bool inbound)
{
	struct action_entry *e = actions_add(&c->sa->ike->actions, IKE_DELETE_SA);

	if (e)
		put_ends(c, inbound, &e->action.sa);
}

static void uninstall_out(struct child *c)
{
	if (c->out_stands)
		uninstall(c, false);
	c->out_stands = false;
}

static void move_one(struct child *c, bool inbound, const struct ip_addr *old_dst)
{
	struct action_entry *e = actions_add(&c->sa->ike->actions, IKE_MOVE_SA);

	if (!e)
		return;
	put_ends(c, inbound, &e->action.sa);
	e->action.old_dst = *old_dst;
}

void child_move(struct child *c)
{
	struct ip_addr old_local = c->local, old_remote = c->remote;

	c->local = c->sa->ends.local;
	c->remote = c->sa->ends.remote;
	c->udp = sa_uses_udp(c->sa);
	if (c->in_stands)
		move_one(c, true, &old_local);
	if (c->out_stands)
		move_one(c, false, &old_remote);
	if (c->policies_stand)
		policies_add(c);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

void child_set_times(struct child *c)
{
	const struct ike_child_config *k = &c->kid->c;
	uint64_t now = c->sa->ike->now;

	c->up_at = now;
	if (k->rekey_time_s)
		c->rekey_at = now + less_by_chance(c->sa->ike, k->rekey_time_s * 1000,
						   k->rand_time_s * 1000);
	if (k->life_time_s)
		c->life_at = now + k->life_time_s * 1000;
	engine_due_at(c->sa->ike, child_due(c));
}

void child_is_up(struct child *c, uint32_t request)
{
	char text[EVENT_TEXT_MAX];

	child_set_times(c);
	emit_child_event(c, c->old ? IKE_EV_CHILD_REKEYED : IKE_EV_CHILD_UP, request,
			 explain_child(c, text));
}

void child_hand_over(struct child *old, struct child *fresh)
{
	if (old->phase != CHILD_UP)
		return;
	policies_hand_over(old, fresh);
	old->phase = CHILD_REPLACED;
	old->replaced = true;
	/* What old was still to take over, fresh does, in its time. */
	old->switch_at = UINT64_MAX;
}

void child_succeed(struct child *old, struct child *fresh)
{
	fresh->phase = CHILD_UP;
	fresh->replaced = false;
	child_hand_over(old, fresh);
	fresh->switch_at = fresh->sa->ike->now + CHILD_SWITCH_MS;
	child_is_up(fresh, 0);
	if (fresh->lost)
		child_rekey(fresh);
}

/* Something is sent through c, or through one that took over from it, one from the other: a peer may rekey anew before
 * it deletes. The eldest that is not being deleted: the peer has that one for sure, since it rekeyed it. */
static void send_through(struct child *c)
{
	struct child *eldest = NULL;

	for (; c; c = child_successor(c)) {
		if (c->phase != CHILD_UP && c->phase != CHILD_REPLACED)
			continue;
		if (c->out_stands)
			return;
		if (!eldest)
			eldest = c;
	}
	if (eldest)
		child_install_out(eldest);
}

void child_switch(struct child *old, struct child *fresh)
{
	send_through(fresh);
	for (; old; old = old->old)
		uninstall_out(old);
}

enum { TWINS_WITHIN_MS = 60000 };

/* Both ends began one; rekeys by whichever end change nothing about that. */
static bool are_twins(const struct child *a, const struct child *b)
{
	return a != b && b->phase == CHILD_UP && b->kid == a->kid &&
	       b->line_is_ours != a->line_is_ours && a->up_at - b->up_at <= TWINS_WITHIN_MS &&
	       ike_ts_list_equal(&a->local_ts, &b->local_ts) &&
	       ike_ts_list_equal(&a->remote_ts, &b->remote_ts);
}

void child_one_of_twins(struct child *c)
{
	struct child *twin = c->sa->children, *goes, *stays;

	while (twin && !are_twins(c, twin))
		twin = twin->next;
	if (!twin || c->phase != CHILD_UP || !wish_ours_gives_way(c->sa))
		return;
	goes = c->line_is_ours ? c : twin;
	stays = goes == c ? twin : c;
	child_hand_over(goes, stays);
	child_switch(goes, stays);
	child_delete(goes);
}

static void unlink_child(struct child *c)
{
	struct child **at = &c->sa->children;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	sa_drop_tasks_of(c->sa, c);
}

/* c goes: who waited for its end sends from now on, and stands for what c replaced. */
static void release_successor(struct child *c)
{
	struct child *fresh = child_successor(c);

	for (struct child *other = c->sa->children; other; other = other->next) {
		if (other->old == c)
			other->old = c->old;
	}
	if (fresh)
		send_through(fresh);
}

void child_end(struct child *c, uint32_t request)
{
	bool was_up = c->phase == CHILD_UP || c->phase == CHILD_DELETING;

	release_successor(c);
	if (c->out_stands)
		uninstall(c, false);
	if (c->in_stands)
		uninstall(c, true);
	unlink_child(c);
	policies_leave(c);
	if (was_up && !c->replaced)
		emit_child_event(c, IKE_EV_CHILD_DOWN, request, "deleted");
	kid_put(c->kid);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

void child_linger(struct child *c)
{
	release_successor(c);
	c->old = NULL;
	sa_drop_tasks_of(c->sa, c);
	uninstall_out(c);
	c->phase = CHILD_LINGERING;
	c->rekey_at = c->life_at = c->switch_at = UINT64_MAX;
	c->linger_until = c->sa->ike->now + CHILD_LINGER_MS;
	engine_due_at(c->sa->ike, c->linger_until);
}

uint64_t child_due(const struct child *c)
{
	uint64_t due = c->linger_until;

	if (c->switch_at < due)
		due = c->switch_at;
	if (c->phase == CHILD_UP && c->rekey_at < due)
		due = c->rekey_at;
	if (c->phase == CHILD_UP && c->life_at < due)
		due = c->life_at;
	return due;
}

static void queue_of(struct child *c, enum task_kind kind, uint64_t not_before)
{
	struct task *t = sa_find_task(c->sa, kind, c);

	if (t) {
		/* A delete now overtakes one in a while; a rekey that waits for a busy peer goes on waiting. */
		if (kind == TASK_DELETE_CHILD && not_before < t->not_before) {
			t->not_before = not_before;
			engine_due_at(c->sa->ike, not_before);
		}
		return;
	}
	t = task_new(kind);
	if (t) {
		t->child = c;
		t->not_before = not_before;
	}
	sa_queue(c->sa, t);
}

struct child *child_successor(const struct child *c)
{
	struct child *s = c->sa->children;

	while (s && s->old != c)
		s = s->next;
	return s;
}

void child_rekey(struct child *c)
{
	c->rekey_at = UINT64_MAX;
	if (c->phase == CHILD_UP)
		queue_of(c, TASK_REKEY_CHILD, c->sa->ike->now);
}

void child_lost(struct child *c)
{
	struct task *t;

	c->lost = true;
	child_rekey(c);
	t = sa_find_task(c->sa, TASK_REKEY_CHILD, c);
	if (t) {
		/* A peer that was busy is asked again at once, and may be busy as often as another. */
		t->not_before = 0;
		t->refusals = 0;
	}
}

void child_not_installed(struct child *c)
{
	if (c->lost)
		return;
	c->lost = c->not_installed = true;
	if (c->phase != CHILD_UP)
		return;
	c->rekey_at = c->sa->ike->now + CHILD_AGAIN_MS;
	engine_due_at(c->sa->ike, c->rekey_at);
	emit_child_event(c, IKE_EV_RETRY, 0,
			 "an SA of it was refused: its packets are held; new keys in 30 s");
}

void child_delete(struct child *c)
{
	if (c->phase == CHILD_UP || c->phase == CHILD_REPLACED)
		queue_of(c, TASK_DELETE_CHILD, c->sa->ike->now);
}

void child_retire(struct child *c)
{
	if (c->phase == CHILD_REPLACED)
		queue_of(c, TASK_DELETE_CHILD, c->sa->ike->now + CHILD_RETIRE_MS);
}

void child_expired(struct child *c)
{
	struct child *fresh = child_successor(c);
	struct ike_sa *sa = c->sa;

	c->life_at = UINT64_MAX;
	if (fresh)
		child_switch(c, fresh);
	/* Its rekey did not come about in time: made anew if it is to be up. */
	if (c->phase == CHILD_UP && (c->kid->c.start_action & IKE_START_START) && c->kid->current) {
		struct task *t = task_new(TASK_CHILD);

		if (t)
			t->kid = kid_get(c->kid);
		child_delete(c);
		sa_queue(sa, t);
		return;
	}
	child_delete(c);
}

void child_tick(struct child *c)
{
	uint64_t now = c->sa->ike->now;

	if (now >= c->linger_until) {
		child_end(c, 0);
		return;
	}
	if (now >= c->switch_at) {
		c->switch_at = UINT64_MAX;
		if (c->old)
			child_switch(c->old, c);
	}
	if (now >= c->life_at)
		child_expired(c);
	else if (now >= c->rekey_at)
		child_rekey(c);
}

/* ---- finding ------------------------------------------------------------------------------------------------ */

struct child *sa_child_by_spi_in(const struct ike_sa *sa, uint32_t spi_in)
{
	struct child *c = sa->children;

	while (c && c->spi_in != spi_in)
		c = c->next;
	return c;
}

struct child *sa_child_by_spi_out(const struct ike_sa *sa, uint32_t spi_out)
{
	struct child *c = sa->children;

	while (c && (c->spi_out != spi_out || c->phase == CHILD_LINGERING))
		c = c->next;
	return c;
}

struct child *sa_child_of(const struct ike_sa *sa, const struct kid *kid)
{
	struct child *c = sa->children;

	while (c && (c->kid != kid || c->phase != CHILD_UP))
		c = c->next;
	return c;
}

void sa_give_children(struct ike_sa *from, struct ike_sa *to)
{
	while (from->children) {
		struct child *c = from->children;

		from->children = c->next;
		c->sa = to;
		c->next = to->children;
		to->children = c;
	}
}
