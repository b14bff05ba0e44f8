/*
 * acquire.c: a packet wants an SA that is not there, RFC 2367 §3.1.6: those who listen are
 * told by ACQUIRE, once for a policy while a larval SA without an SPI stands for the wish. It ends
 * when an SA comes that answers it, when it expires, or when somebody deletes it; then the packet
 * thread looks again at the packets it has kept (outbound_hold.c).
 */
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ACQUIRES_MAX = 1024 };

struct acquire {
	struct acquire *next;
	struct sa *larval; /* borrowed; the newest version */
	/* The policy: found again by these, since it may go in between. */
	uint32_t index;
	struct xfrm_mark_value mark;
};

static struct policy *policy_of(const struct control *c, uint32_t index,
				const struct xfrm_mark_value *mark)
{
	const struct policy_config key = {.dir = POLICY_OUT, .index = index, .mark = *mark};

	return sadb_policy_find(c->deps.db, &key);
}

static void release(struct control *c)
{
	if (c->deps.release)
		c->deps.release(c->deps.ctx);
}

void acquire_poke(struct control *c)
{
	if (c->acquires)
		release(c);
}

static struct acquire *find(const struct control *c, uint32_t index)
{
	for (struct acquire *a = c->acquires; a; a = a->next) {
		if (a->index == index)
			return a;
	}
	return NULL;
}

struct sa *acquire_by_seq(const struct control *c, uint32_t seq)
{
	for (const struct acquire *a = c->acquires; a; a = a->next) {
		if (a->larval->config.seq == seq)
			return a->larval;
	}
	return NULL;
}

void acquire_moved(struct control *c, const struct sa *old, struct sa *sa)
{
	for (struct acquire *a = c->acquires; a; a = a->next) {
		if (a->larval == old)
			a->larval = sa;
	}
}

static void pending(struct policy *policy, bool is)
{
	atomic_store_explicit(&policy->acquiring, is, memory_order_relaxed);
}

void acquire_ended(struct control *c, const struct sa *larval)
{
	struct acquire **at = &c->acquires, *a;
	struct policy *policy;

	while ((a = *at) && a->larval != larval)
		at = &a->next;
	if (!a)
		return;
	*at = a->next;
	c->acquire_count--;
	policy = policy_of(c, a->index, &a->mark);
	if (policy)
		pending(policy, false);
	free(a);
	release(c);
}

void acquire_policy(struct control *c, struct policy *policy)
{
	if (policy->config.dir != POLICY_OUT)
		return;
	/* A replacement waits for what its predecessor has asked for. */
	if (find(c, policy->config.index))
		pending(policy, true);
	acquire_poke(c);
}

/* ---- a new one --------------------------------------------------------------------------------- */

static void announce(struct control *c, const struct policy *policy, const struct sa *larval)
{
	struct xfrm_message policy_msg = {0}, msg = {.type = XFRM_MSG_ACQUIRE};

	describe_policy(policy, &policy_msg);
	msg.acquire = (struct xfrm_acquire){
		.id = larval->config.id,
		.src = larval->config.src,
		.sel = larval->config.sel,
		.policy = policy_msg.policy,
		.seq = larval->config.seq,
	};
	event_send(c, XFRMGRP_ACQUIRE, &msg);
}

static int begin(struct control *c, struct policy *policy, const struct selector *flow)
{
	const struct policy_template *tmpl = &policy->config.tmpl;
	/* As the kernel: in transport mode the packet's own addresses are the SA's. */
	const bool own = tmpl->mode == XFRM_MODE_TRANSPORT;
	const struct sa_config wanted = {
		.id = {.dst = own ? flow->dst.addr : tmpl->dst,
		       .spi = tmpl->spi,
		       .proto = tmpl->proto},
		.mark = policy->config.mark,
		.src = own ? flow->src.addr : tmpl->src,
		.mode = tmpl->mode,
		.reqid = tmpl->reqid,
		.seq = ++c->acquire_seq ? c->acquire_seq : ++c->acquire_seq,
	};
	struct sa_config config = larval_config(&wanted);
	struct acquire *a;
	int rc;

	if (c->acquire_count >= ACQUIRES_MAX)
		return -ENOBUFS;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	/* As the kernel: the SA that is wanted would carry this flow. */
	config.sel = *flow;
	rc = larval_add(c, &config, (uint64_t)time(NULL), &a->larval);
	if (rc) {
		free(a);
		return rc;
	}
	a->index = policy->config.index;
	a->mark = policy->config.mark;
	a->next = c->acquires;
	c->acquires = a;
	c->acquire_count++;
	announce(c, policy, a->larval);
	return 0;
}

void acquire_on_notice(struct control *c, const struct notice *notice)
{
	struct policy *policy = policy_of(c, notice->policy, &notice->mark);
	bool served = policy && atomic_load_explicit(&policy->sa, memory_order_relaxed);
	int rc = -ENOENT;

	if (policy && !served && find(c, notice->policy))
		return;
	/* Who listened when the packet came may be gone. */
	if (policy && !served && event_wanted(c, XFRMGRP_ACQUIRE))
		rc = begin(c, policy, &notice->flow);
	if (rc == 0)
		return;
	if (policy)
		pending(policy, false);
	release(c);
}

void acquire_fini(struct control *c)
{
	struct acquire *a;

	while ((a = c->acquires)) {
		c->acquires = a->next;
		free(a);
	}
}
