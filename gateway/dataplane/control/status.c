/*
 * status.c: what cygnetd says about itself: counters and device (STATUS), and which policy
 * uses which SA with which MTU (TUNNEL). For `cygnet status`.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"

#include <string.h>

int serve_get_status(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct cygnet_status *status = &msg->status;

	(void)err; /* there is always an answer */
	memset(status, 0, sizeof(*status));
	if (c->deps.status)
		c->deps.status(c->deps.ctx, status);
	status->sas = sadb_sa_count(c->deps.db);
	status->policies = 0;
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		status->policies += sadb_policy_count(c->deps.db, (enum policy_dir)dir);
	msg->type = CYGNET_MSG_STATUS;
	return 0;
}

bool describe_tunnel(const struct control *c, const struct policy *policy, struct xfrm_message *msg)
{
	struct cygnet_tunnel *tunnel = &msg->tunnel;
	const struct sa *sa;

	if (policy->config.dir != POLICY_OUT || policy->config.action != POLICY_PROTECT)
		return false;
	sa = atomic_load_explicit(&policy->sa, memory_order_relaxed);
	msg->type = CYGNET_MSG_TUNNEL;
	tunnel->policy = policy->config;
	tunnel->spi = sa ? sa->config.id.spi : 0;
	tunnel->outer_mtu = capture_outer_mtu(c->deps.capture, policy);
	tunnel->inner_mtu = atomic_load_explicit(&policy->inner_mtu, memory_order_relaxed);
	return true;
}
