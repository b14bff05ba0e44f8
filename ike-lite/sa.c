/*
 * ike-lite/sa.c: how an IKE SA begins, lives and ends.
 */
#include "ike-lite/sa.h"

#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/wishes.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct setup *setup_new(void)
{
	return calloc(1, sizeof(struct setup));
}

void setup_free(struct setup *s)
{
	if (!s)
		return;
	ike_dh_free(s->dh);
	free(s->peer_ke);
	free(s->own_init);
	free(s->peer_init);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

struct ike_sa *sa_new(struct ike *ike, struct conn *conn, bool initiator,
		      const struct ike_ends *ends, uint64_t spi)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (!sa)
		return NULL;
	while (spi == 0 || engine_find(ike, spi))
		spi = engine_random64(ike);
	sa->ike = ike;
	sa->conn = conn_get(conn);
	sa->initiator = sa->line_is_ours = initiator;
	*(initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->ends = *ends;
	sa->heard_at = ike->now;
	sa->up_at = sa->rekey_at = sa->over_at = sa->expire_at = sa->retry_at = sa->keepalive_at =
		UINT64_MAX;
	engine_list(ike, sa);
	return sa;
}

void sa_is_up(struct ike_sa *sa)
{
	engine_leave_half_open(sa->ike, sa);
	setup_free(sa->setup);
	sa->setup = NULL;
	sa->phase = SA_UP;
	sa->attempts = 0;
	sa->expire_at = UINT64_MAX;
	sa_set_times(sa);
	if (sa->nat_here && sa->ike->settings.c.keepalive_s)
		sa->keepalive_at = sa->ike->now + sa->ike->settings.c.keepalive_s * 1000ull;
	engine_due_at(sa->ike, sa->keepalive_at);
}

/* Nobody may go on pointing at it. */
static void forget_rival(struct ike_sa *sa)
{
	for (struct ike_sa *other = sa->ike->sas; other; other = other->next) {
		if (other->active && other->active->rival_sa == sa)
			other->active->rival_sa = NULL;
	}
}

static bool was_known(const struct ike_sa *sa)
{
	return sa->up_at != UINT64_MAX && !sa->replaced;
}

/* Who asked for the goodbye hears of it by the event that tells all. */
static uint32_t goodbye_request(struct ike_sa *sa)
{
	struct task *t = sa->active;
	uint32_t request;

	if (!was_known(sa) || !t || t->kind != TASK_DELETE_IKE)
		return 0;
	request = wish_settle(sa->ike, t);
	t->request = 0;
	return request;
}

void sa_end(struct ike_sa *sa, const char *why)
{
	uint32_t request;

	if (sa->phase == SA_DEAD)
		return;
	while (sa->children)
		child_end(sa->children, 0);
	/* What the peer made in its place goes along: nobody else would ever end it. */
	if (sa->active && sa->active->rival_sa && !sa->active->rival_won)
		sa_end(sa->active->rival_sa, why);
	request = goodbye_request(sa);
	sa_drop_tasks(sa, why);
	for (unsigned i = 0; sa->vips_are_ours && i < sa->vip_count; i++)
		emit_address(sa->ike, IKE_DELETE_ADDRESS, &sa->vips[i]);
	sa->vip_count = 0;
	if (was_known(sa))
		emit_wish_event(sa, IKE_EV_IKE_DOWN, NULL, request, why);
	engine_leave_half_open(sa->ike, sa);
	forget_rival(sa);
	sa->asking = false;
	sa->phase = SA_DEAD;
	sa->ike->has_dead = true;
}

void sa_keep_answer(struct ike_sa *sa)
{
	/* Who was half-open goes on counting as one: the bound is on what strangers cost. */
	setup_free(sa->setup);
	sa->setup = NULL;
	sa->phase = SA_FAILED;
	/* That it is over was told: when its answer is forgotten is no news. */
	sa->up_at = UINT64_MAX;
	sa->expire_at = sa->ike->now + sa->ike->settings.c.half_open_timeout_s * 1000ull;
	engine_due_at(sa->ike, sa->expire_at);
}

static void free_children(struct ike_sa *sa)
{
	while (sa->children) {
		struct child *c = sa->children;

		sa->children = c->next;
		kid_put(c->kid);
		OPENSSL_cleanse(c, sizeof(*c));
		free(c);
	}
}

void sa_free(struct ike_sa *sa)
{
	engine_unlist(sa->ike, sa);
	while (sa->tasks) {
		struct task *t = sa->tasks;

		sa->tasks = t->next;
		task_free(t);
	}
	task_free(sa->active);
	free_children(sa);
	setup_free(sa->setup);
	datagrams_free(&sa->request);
	datagrams_free(&sa->answer);
	ike_frags_drop(&sa->answer_parts);
	ike_frags_drop(&sa->request_parts);
	conn_put(sa->conn);
	OPENSSL_cleanse(sa, sizeof(*sa));
	free(sa);
}

bool sa_uses_udp(const struct ike_sa *sa)
{
	return sa->nat_here || sa->nat_there;
}

static bool ends_equal(const struct ike_ends *a, const struct ike_ends *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       ip_addr_equal(&a->local, &b->local) && ip_addr_equal(&a->remote, &b->remote);
}

void sa_move(struct ike_sa *sa, const struct ike_ends *ends)
{
	if (ends_equal(&sa->ends, ends))
		return;
	/* The table of half-open ones goes by the ends. */
	if (sa->is_half_open) {
		engine_leave_half_open(sa->ike, sa);
		sa->ends = *ends;
		engine_join_half_open(sa->ike, sa);
		return;
	}
	sa->ends = *ends;
	for (struct child *c = sa->children; c; c = c->next)
		child_move(c);
	emit_event(sa, IKE_EV_MOVED, "the peer's address or port changed");
}
