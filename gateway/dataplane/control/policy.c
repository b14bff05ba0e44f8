/*
 * policy.c: policies over the control socket. A change is in force, routes included, when
 * its acknowledgement goes out: capture follows before it. Errors are the kernel's: EEXIST, ENOENT.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <string.h>
#include <time.h>

int serve_new_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct policy_config *config = &msg->policy.config;
	bool replace = msg->type == XFRM_MSG_UPDPOLICY;
	struct policy *policy;
	int rc = sadb_policy_add(c->deps.db, config, replace, (uint64_t)time(NULL), &policy);

	switch (rc) {
	case 0:
		event_policy(c, msg->type, policy, msg);
		capture_refresh(c->deps.capture);
		acquire_policy(c, policy);
		return 0;
	case -EEXIST:
		return xfrm_error_set(err, rc, 0,
				      "a policy with this direction, selector and mark exists");
	case -EINVAL:
		return xfrm_error_set(err, rc, 0,
				      "index %u is taken or is not one of this direction",
				      config->index);
	default:
		return xfrm_error_set(err, rc, 0, "adding the policy: %s", strerror(-rc));
	}
}

static int no_such_policy(const struct policy_config *key, struct xfrm_error *err)
{
	if (key->index)
		return xfrm_error_set(err, -ENOENT, 0, "no policy has index %u", key->index);
	return xfrm_error_set(err, -ENOENT, 0, "no policy has this direction, selector and mark");
}

int serve_delete_policy(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct policy_config *key = &msg->policy.config;
	const struct policy *policy = sadb_policy_find(c->deps.db, key);
	struct xfrm_message gone = *msg;
	int rc;

	if (!policy)
		return no_such_policy(key, err);
	describe_policy(policy, &gone);
	rc = sadb_policy_delete(c->deps.db, key);
	if (rc)
		return xfrm_error_set(err, rc, 0, "deleting the policy: %s", strerror(-rc));
	gone.type = XFRM_MSG_DELPOLICY;
	gone.flags = 0;
	event_send(c, XFRMGRP_POLICY, &gone);
	capture_refresh(c->deps.capture);
	acquire_poke(c);
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
