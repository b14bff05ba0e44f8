/*
 * ike-lite/status.c: how things stand, for who asks.
 */
#include "ike-lite/child.h"
#include "ike-lite/engine.h"

#include <string.h>

static bool is_shown(const struct ike_sa *sa)
{
	return sa->phase != SA_HALF_OPEN && sa->phase != SA_FAILED && sa->phase != SA_DEAD;
}

static const struct ike_sa *sa_at(const struct ike *ike, unsigned i)
{
	for (const struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		if (is_shown(sa) && i-- == 0)
			return sa;
	}
	return NULL;
}

static bool child_is_shown(const struct child *c)
{
	return c->phase != CHILD_LINGERING;
}

static enum ike_sa_state state_of(const struct ike_sa *sa)
{
	switch (sa->phase) {
	case SA_INIT_SENT:
	case SA_AUTH_SENT:
		return IKE_STATE_CONNECTING;
	case SA_WAITING:
		return IKE_STATE_WAITING;
	case SA_REKEYED:
		return IKE_STATE_REKEYED;
	case SA_DELETING:
		return IKE_STATE_DELETING;
	default:
		return sa->active && sa->active->kind == TASK_REKEY_IKE ? IKE_STATE_REKEYING
									: IKE_STATE_UP;
	}
}

static uint64_t seconds_until(uint64_t when, uint64_t now)
{
	if (when == UINT64_MAX)
		return UINT64_MAX;
	return when > now ? (when - now) / 1000 : 0;
}

static uint64_t seconds_since(uint64_t when, uint64_t now)
{
	return when < now ? (now - when) / 1000 : 0;
}

bool ike_status_at(const struct ike *ike, uint64_t now_ms, unsigned i, struct ike_status *out)
{
	const struct ike_sa *sa = sa_at(ike, i);

	if (!sa)
		return false;
	*out = (struct ike_status){.connection = sa->conn->c.name,
				   .state = state_of(sa),
				   .initiator = sa->initiator,
				   .nat_here = sa->nat_here,
				   .nat_there = sa->nat_there,
				   .fragmentation = sa->fragmentation,
				   .ppk = sa->ppk,
				   .spi_i = sa->spi_i,
				   .spi_r = sa->spi_r,
				   .ends = sa->ends,
				   .local_id = sa->local_id,
				   .remote_id = sa->remote_id,
				   .suite = sa->suite,
				   .age_s = seconds_since(sa->up_at, now_ms),
				   .rekey_in_s = seconds_until(sa->rekey_at, now_ms),
				   .last_heard_s = seconds_since(sa->heard_at, now_ms),
				   .vip_count = sa->vip_count};
	memcpy(out->vips, sa->vips, sizeof(out->vips));
	for (const struct child *c = sa->children; c; c = c->next)
		out->child_count += child_is_shown(c);
	return true;
}

static const struct child *child_at(const struct ike_sa *sa, unsigned i)
{
	for (const struct child *c = sa ? sa->children : NULL; c; c = c->next) {
		if (child_is_shown(c) && i-- == 0)
			return c;
	}
	return NULL;
}

bool ike_child_status_at(const struct ike *ike, uint64_t now_ms, unsigned i, unsigned child,
			 struct ike_child_status *out)
{
	const struct child *c = child_at(sa_at(ike, i), child);

	if (!c)
		return false;
	*out = (struct ike_child_status){.name = c->kid->c.name,
					 .reqid = c->reqid,
					 .spi_in = c->spi_in,
					 .spi_out = c->spi_out,
					 .rekeying = c->phase == CHILD_REPLACED ||
						     sa_find_task(c->sa, TASK_REKEY_CHILD, c),
					 .deleting = c->phase == CHILD_DELETING,
					 .suite = c->suite,
					 .esn = c->esn,
					 .udp = c->udp,
					 .dh_group = c->dh_group,
					 .age_s = seconds_since(c->up_at, now_ms),
					 .rekey_in_s = seconds_until(c->rekey_at, now_ms),
					 .local_ts = &c->local_ts,
					 .remote_ts = &c->remote_ts};
	return true;
}

unsigned ike_half_open_count(const struct ike *ike)
{
	return ike->half_open_count;
}
