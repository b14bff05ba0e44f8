/*
 * ike-lite/events.c: what the data plane and the host tell: ike.h's ike_on_*.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/ts.h"
#include "ike-lite/wishes.h"

#include <string.h>

/* ---- SAs of the data plane ---------------------------------------------------------------------------- */

static struct child *find_child(struct ike *ike, const struct ip_addr *dst, uint32_t spi)
{
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (struct child *c = sa->children; c; c = c->next) {
			if ((c->spi_in == spi && ip_addr_equal(&c->local, dst)) ||
			    (c->spi_out == spi && ip_addr_equal(&c->remote, dst)))
				return c;
		}
	}
	return NULL;
}

void ike_on_expire(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		   bool hard)
{
	struct child *c;

	engine_enter(ike, now_ms);
	c = find_child(ike, dst, spi);
	if (!c)
		return;
	if (hard)
		child_expired(c);
	else
		child_rekey(c);
	sa_run_tasks(c->sa);
	engine_leave(ike);
}

static void each_that_lacks(struct ike *ike, uint64_t now_ms,
			    bool (*stands)(void *ctx, const struct ip_addr *dst, uint32_t spi),
			    void *ctx, void (*fn)(struct child *c))
{
	engine_enter(ike, now_ms);
	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (struct child *c = sa->children; c; c = c->next) {
			if ((c->in_stands && !stands(ctx, &c->local, c->spi_in)) ||
			    (c->out_stands && !stands(ctx, &c->remote, c->spi_out)))
				fn(c);
		}
		sa_run_tasks(sa);
	}
	engine_leave(ike);
}

void ike_on_sas_lost(struct ike *ike, uint64_t now_ms,
		     bool (*stands)(void *ctx, const struct ip_addr *dst, uint32_t spi), void *ctx)
{
	each_that_lacks(ike, now_ms, stands, ctx, child_lost);
}

void ike_on_sas_refused(struct ike *ike, uint64_t now_ms,
			bool (*stands)(void *ctx, const struct ip_addr *dst, uint32_t spi),
			void *ctx)
{
	each_that_lacks(ike, now_ms, stands, ctx, child_not_installed);
}

void ike_on_mapping(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		    const struct ip_addr *remote, uint16_t remote_port)
{
	struct ike_ends ends;
	struct child *c;

	engine_enter(ike, now_ms);
	c = find_child(ike, dst, spi);
	/* §2.23: only of a peer behind a NAT, and not by who is behind one himself. */
	if (!c || !c->udp || !c->sa->nat_there || c->sa->nat_here)
		return;
	ends = c->sa->ends;
	ends.remote = *remote;
	ends.remote_port = remote_port;
	sa_move(c->sa, &ends);
	engine_leave(ike);
}

void ike_on_inbound(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
		    uint64_t idle_s)
{
	uint64_t heard_at;
	struct child *c;

	engine_enter(ike, now_ms);
	c = find_child(ike, dst, spi);
	if (!c || idle_s > ike->now / 1000)
		return;
	heard_at = ike->now - idle_s * 1000;
	if (heard_at > c->sa->heard_at)
		c->sa->heard_at = heard_at;
	engine_due_at(ike, sa_due(c->sa));
}

/* The peer shall send by it what it agreed to. */
static bool is_used(const struct child *c)
{
	return c->sa->phase == SA_UP && (c->phase == CHILD_UP || c->phase == CHILD_REPLACED);
}

void ike_on_bad_selector(struct ike *ike, uint64_t now_ms, const struct ip_addr *dst, uint32_t spi,
			 const struct ike_ts *from, const struct ike_ts *to, const uint8_t *packet,
			 size_t len)
{
	struct child *c;
	struct task *t;

	engine_enter(ike, now_ms);
	c = find_child(ike, dst, spi);
	if (!c || c->spi_in != spi || !is_used(c))
		return;
	if (ike_ts_list_covers(&c->remote_ts, from) && ike_ts_list_covers(&c->local_ts, to))
		return;
	/* One at a time: it is the peer who decides how many there are. */
	if (sa_find_task(c->sa, TASK_NOTIFY, NULL))
		return;
	t = task_new(TASK_NOTIFY);
	if (!t)
		return;
	t->spi = spi;
	t->note_len = len < TASK_NOTE_MAX ? (uint32_t)len : TASK_NOTE_MAX;
	memcpy(t->note, packet, t->note_len);
	sa_queue(c->sa, t);
	sa_run_tasks(c->sa);
	engine_leave(ike);
}

/* ---- policies of the data plane -------------------------------------------------------------------------- */

static struct kid *find_trap(struct ike *ike, uint32_t reqid, struct conn **conn)
{
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		*conn = ike->settings.conns[i];
		for (unsigned k = 0; k < (*conn)->kid_count; k++) {
			if ((*conn)->kids[k]->reqid == reqid)
				return (*conn)->kids[k];
		}
	}
	return NULL;
}

void ike_on_acquire(struct ike *ike, uint64_t now_ms, uint32_t reqid, const struct ike_ts *src,
		    const struct ike_ts *dst, uint32_t seq)
{
	struct flow flow = {.seq = seq, .local = *src, .remote = *dst};
	struct conn *conn;
	struct kid *kid;

	engine_enter(ike, now_ms);
	kid = find_trap(ike, reqid, &conn);
	if (kid && !ike->ending)
		(void)wish_child(ike, conn, kid, 0, &flow);
	engine_leave(ike);
}

/* ---- the host's addresses -------------------------------------------------------------------------------- */

static bool is_pinned(const struct ike_connection *c, const struct ip_addr *local)
{
	for (unsigned i = 0; i < c->local_count; i++) {
		if (c->local[i].len == ip_addr_bits(local) &&
		    ip_addr_equal(&c->local[i].addr, local))
			return true;
	}
	return false;
}

static bool is_path_left(const struct ike_sa *sa)
{
	const struct ike_env *env = &sa->ike->env;
	struct ike_ends ends;

	/* One that was asked for is kept for as long as it is there, and until another one is. */
	if (is_pinned(&sa->conn->c, &sa->ends.local))
		return !env->is_ours(env->ctx, &sa->ends.local) &&
		       conn_ends(sa->ike, sa->conn, &ends) == 0 &&
		       !ip_addr_equal(&ends.local, &sa->ends.local);
	return env->source_for(env->ctx, &sa->ends.remote, &ends.local) &&
	       !ip_addr_equal(&ends.local, &sa->ends.local);
}

static void look_at_path(struct ike_sa *sa)
{
	if (sa->phase == SA_WAITING && sa->attempts > 0) {
		sa_start(sa);
		return;
	}
	if (!is_path_left(sa))
		return;
	if (sa->phase == SA_INIT_SENT || sa->phase == SA_AUTH_SENT) {
		sa_setup_failed(sa, "the local address changed");
	} else if (sa_is_current(sa) && wish_replacement(sa)) {
		sa_end(sa, "the local address changed");
	}
}

void ike_on_addresses(struct ike *ike, uint64_t now_ms)
{
	struct ike_sa *next;

	engine_enter(ike, now_ms);
	/* New ones are put in front, so that each is looked at once. */
	for (struct ike_sa *sa = ike->sas; sa; sa = next) {
		next = sa->next;
		if (sa->phase != SA_DEAD)
			look_at_path(sa);
	}
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		struct conn *conn = ike->settings.conns[i];

		for (unsigned k = 0; k < conn->kid_count; k++)
			policies_move_trap(ike, conn, conn->kids[k]);
	}
	engine_leave(ike);
}
