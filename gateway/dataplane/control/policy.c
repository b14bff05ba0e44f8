/*
 * policy.c: policies over the control socket. A change is in force, routes included, when
 * its acknowledgement goes out: capture follows before it. Errors are the kernel's: EEXIST, ENOENT.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void policies_changed(struct control *c)
{
	capture_refresh(c->deps.capture);
	acquire_poke(c);
}

/* The one that a new one of this configuration would be a duplicate of. */
static struct policy *find_same(const struct control *c, const struct policy_config *config)
{
	struct policy_config key = *config;

	key.index = 0;
	return sadb_policy_find(c->deps.db, &key);
}

/* It is taken, since managers keep such policies, but no packet here has a mark. */
static void warn_of_mark(const struct policy_config *p)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	if (p->mark.value & p->mark.mask)
		log_warnx("the policy for %s/%u to %s/%u has mark 0x%x/0x%x, which no packet has "
			  "here: what it is for is dropped, marked or not",
			  ip_addr_format(&p->sel.src.addr, src), p->sel.src.len,
			  ip_addr_format(&p->sel.dst.addr, dst), p->sel.dst.len, p->mark.value,
			  p->mark.mask);
}

int serve_new_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct policy_config *config = &msg->policy.config;
	bool replace = msg->type == XFRM_MSG_UPDPOLICY;
	struct policy *policy, *old = find_same(c, config);
	int rc;

	if (old && replace)
		policy_life_forget(c, old);
	rc = sadb_policy_add(c->deps.db, config, replace, (uint64_t)time(NULL), &policy);
	switch (rc) {
	case 0:
		warn_of_mark(config);
		policy_life_begin(c, policy);
		event_policy(c, msg->type, policy, msg);
		capture_refresh(c->deps.capture);
		acquire_policy(c, policy);
		return 0;
	case -EEXIST:
		return xfrm_error_set(err, rc, 0,
				      "a policy with this direction, selector and mark exists");
	case -EINVAL:
		return xfrm_error_set(err, rc, 0, "index %u is not one of this direction",
				      config->index);
	default:
		if (old) /* it stays */
			policy_life_begin(c, old);
		return xfrm_error_set(err, rc, 0, "adding the policy: %s", strerror(-rc));
	}
}

int no_such_policy(const struct policy_config *key, struct xfrm_error *err)
{
	if (key->index)
		return xfrm_error_set(err, -ENOENT, 0, "no policy has index %u", key->index);
	return xfrm_error_set(err, -ENOENT, 0, "no policy has this direction, selector and mark");
}

/* 0, -ENOMEM: it is still there. */
static int remove_policy(struct control *c, struct policy *policy)
{
	const struct policy_config key = {.dir = policy->config.dir,
					  .index = policy->config.index,
					  .mark = policy->config.mark};
	int rc;

	policy_life_forget(c, policy);
	rc = sadb_policy_delete(c->deps.db, &key);
	if (rc)
		policy_life_begin(c, policy);
	return rc;
}

int serve_delete_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct policy_config *key = &msg->policy.config;
	struct policy *policy = sadb_policy_find(c->deps.db, key);
	struct xfrm_message gone = *msg;
	int rc;

	if (!policy)
		return no_such_policy(key, err);
	describe_policy(policy, &gone);
	rc = remove_policy(c, policy);
	if (rc)
		return xfrm_error_set(err, rc, 0, "deleting the policy: %s", strerror(-rc));
	gone.type = XFRM_MSG_DELPOLICY;
	gone.flags = 0;
	event_send(c, XFRMGRP_POLICY, &gone);
	policies_changed(c);
	return 0;
}

bool policy_expire(struct control *c, struct policy *policy, uint32_t pid)
{
	/* Told while it can be told of; nobody reads it before this returns. */
	struct xfrm_message gone = {.hard = true, .pid = pid};

	describe_policy(policy, &gone);
	if (remove_policy(c, policy) < 0)
		return false;
	gone.type = XFRM_MSG_POLEXPIRE;
	event_send(c, XFRMGRP_EXPIRE, &gone);
	return true;
}

int serve_expire_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct policy *policy = sadb_policy_find(c->deps.db, &msg->policy.config);

	if (!policy)
		return no_such_policy(&msg->policy.config, err);
	if (!msg->hard)
		event_policy_expire(c, policy, false, msg->pid);
	else if (policy_expire(c, policy, msg->pid))
		policies_changed(c);
	else
		return xfrm_error_set(err, -ENOMEM, 0, "out of memory");
	return 0;
}

int serve_get_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct policy *policy = sadb_policy_find(c->deps.db, &msg->policy.config);

	if (!policy)
		return no_such_policy(&msg->policy.config, err);
	describe_policy(policy, msg);
	return 0;
}

int serve_flush_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	(void)err; /* flushes all there are, and cannot fail: as in the kernel, none is no error */
	policy_life_forget_all(c);
	if (!sadb_policy_flush(c->deps.db))
		return 0;
	event_flush(c, msg);
	capture_refresh(c->deps.capture);
	return 0;
}

void describe_policy(const struct policy *policy, struct xfrm_message *msg)
{
	msg->type = XFRM_MSG_NEWPOLICY;
	msg->policy.config = policy->config;
	msg->policy.add_time = policy->add_time;
	msg->policy.use_time = atomic_load_explicit(&policy->use_time, memory_order_relaxed);
}
