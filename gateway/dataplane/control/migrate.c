/*
 * migrate.c: MIGRATE (pluto's MOBIKE, RFC 4555): a policy's template and its SAs go on between other
 * addresses. The SAs keep ends, counters and sequence numbers, so no nonce and no replay window is
 * touched. Both versions of an SA are there until the policy has turned, so that no packet finds
 * none. All of it happens, or nothing. Errors are the kernel's: ENOENT, ENODATA.
 *
 * The kernel takes one SA for each move; here all that fit go, since during a rekeying the peer
 * still uses the older one.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct moved {
	struct sa *old, *newer; /* borrowed */
};

struct moves {
	struct moved *all; /* owned */
	size_t count, room;
};

static bool concerns(const struct xfrm_migration *move, const struct sa_config *sa)
{
	return !sa->larval && sa->id.proto == move->proto && sa->mode == move->mode &&
	       (move->reqid == 0 || sa->reqid == move->reqid);
}

/* ---- SAs -------------------------------------------------------------------------------------- */

static int keep(struct moves *m, const struct moved *one)
{
	if (m->count == m->room) {
		size_t room = m->room ? m->room * 2 : 4;
		struct moved *all = reallocarray(m->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		m->all = all;
		m->room = room;
	}
	m->all[m->count++] = *one;
	return 0;
}

static bool is_kept(const struct moves *m, const struct sa *sa)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->all[i].old == sa || m->all[i].newer == sa)
			return true;
	}
	return false;
}

/* The second version of one SA. */
static int begin(struct control *c, const struct xfrm_migration *move, const struct sa_encap *encap,
		 struct moved *one)
{
	struct sa_config config = {
		.id.dst = move->new_dst,
		.src = move->new_src,
		.encap = sa_encap_is_udp(encap) ? *encap : one->old->config.encap,
		.output_mark = one->old->config.output_mark,
	};
	unsigned ends = sa_status(one->old).directions;
	int rc = encap_begin(c, &config, ends);

	if (rc)
		return rc;
	rc = sadb_sa_readdress(c->deps.db, one->old, &config, &one->newer);
	if (rc)
		encap_end(c, &config, ends);
	return rc;
}

static void undo(struct control *c, const struct moves *m)
{
	for (size_t i = m->count; i > 0; i--) {
		struct sa *newer = m->all[i - 1].newer;

		if (!newer)
			continue;
		encap_end(c, &newer->config, sa_status(newer).directions);
		sadb_sa_drop_version(c->deps.db, newer);
	}
}

/* The SAs of one move, oldest first, as they were added. */
static int gather(struct control *c, const struct xfrm_migration *move, struct moves *m)
{
	struct moved one = {0};
	int rc = 0;

	while (rc == 0 && (one.old = sadb_sa_next_between(c->deps.db, &move->old_src,
							  &move->old_dst, one.old))) {
		if (concerns(move, &one.old->config) && !is_kept(m, one.old))
			rc = keep(m, &one);
	}
	return rc;
}

static int begin_all(struct control *c, const struct xfrm_migrate *migrate, struct moves *m)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < migrate->count; i++) {
		size_t first = m->count;

		rc = gather(c, &migrate->moves[i], m);
		for (size_t j = first; rc == 0 && j < m->count; j++)
			rc = begin(c, &migrate->moves[i], &migrate->encap, &m->all[j]);
	}
	return rc;
}

static void finish(struct control *c, const struct moves *m)
{
	for (size_t i = 0; i < m->count; i++) {
		struct sa *old = m->all[i].old, *newer = m->all[i].newer;

		grant_moved(c, &old->config, &newer->config);
		life_moved(newer);
		(void)sadb_sa_move_peer(c->deps.db, newer, NULL); /* needs no memory */
		encap_end(c, &old->config, sa_status(old).directions);
		sadb_sa_drop_version(c->deps.db, old);
	}
}

/* ---- the policy ------------------------------------------------------------------------------- */

static bool names(const struct policy_template *tmpl, const struct xfrm_migration *move)
{
	return tmpl->proto == move->proto && tmpl->mode == move->mode &&
	       (move->reqid == 0 || tmpl->reqid == move->reqid) &&
	       ip_addr_equal(&tmpl->src, &move->old_src) &&
	       ip_addr_equal(&tmpl->dst, &move->old_dst);
}

/* The policy as it is to be; false if no move concerns it. */
static bool turned(const struct policy *policy, const struct xfrm_migrate *migrate,
		   struct policy_config *out)
{
	*out = policy->config;
	if (out->action != POLICY_PROTECT)
		return false;
	for (uint32_t i = 0; i < migrate->count; i++) {
		if (!names(&out->tmpl, &migrate->moves[i]))
			continue;
		out->tmpl.src = migrate->moves[i].new_src;
		out->tmpl.dst = migrate->moves[i].new_dst;
		return true;
	}
	return false;
}

static int turn_policy(struct control *c, struct policy *policy, const struct policy_config *config)
{
	struct policy *newer;
	int rc;

	policy_life_forget(c, policy);
	rc = sadb_policy_add(c->deps.db, config, true, (uint64_t)time(NULL), &newer);
	policy_life_begin(c, rc ? policy : newer);
	if (rc == 0)
		acquire_policy(c, newer);
	return rc;
}

static void announce(struct control *c, const struct xfrm_message *msg)
{
	struct xfrm_message event = *msg;

	event.flags = 0;
	event.seq = 0;
	event.pid = 0;
	event_send(c, XFRM_GROUP_MIGRATE, &event);
}

int serve_migrate(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct policy_config config, key = msg->policy.config;
	struct moves moves = {0};
	struct policy *policy;
	int rc;

	key.index = 0; /* the kernel looks by selector alone */
	policy = sadb_policy_find(c->deps.db, &key);
	if (!policy)
		return no_such_policy(&key, err);
	if (!turned(policy, &msg->migrate, &config))
		return xfrm_error_set(err, -ENODATA, 0,
				      "the policy's template names no SA that moves");
	rc = begin_all(c, &msg->migrate, &moves);
	if (rc == 0)
		rc = turn_policy(c, policy, &config);
	if (rc) {
		undo(c, &moves);
		free(moves.all);
		if (rc == -EEXIST)
			return xfrm_error_set(err, -ENODATA, 0,
					      "another SA has the new address and the SPI");
		return xfrm_error_set(err, rc, 0, "moving the SAs: %s", strerror(-rc));
	}
	finish(c, &moves);
	free(moves.all);
	announce(c, msg);
	policies_changed(c);
	return 0;
}
