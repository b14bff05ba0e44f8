/*
 * aevent.c: GETAE and NEWAE, what an SA has done so far, read and set. A manager that moves an SA
 * reads it, deletes the SA and gives it back with the new one (sa.c).
 *
 * Sequence numbers only go up here. Outbound, a number given back must never let a nonce be used a
 * second time (RFC 4106 §2), so the SA goes on in a block of its own above it; inbound, a window
 * that went back would take replays.
 */
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <string.h>

int serve_get_ae(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *key = &msg->sa.config;
	const struct sa *sa = sadb_sa_find(c->deps.db, &key->id, &key->mark);

	if (!sa)
		return no_such_sa(err);
	describe_sa(sa, msg);
	msg->type = XFRM_MSG_NEWAE;
	return 0;
}

static uint32_t words(uint32_t window)
{
	return window / 32 + (window % 32 != 0);
}

/* What the kernel would not put into this SA's replay state. window: 0 if the old form came. */
static int check_fit(const struct sa_config *config, uint32_t window, const struct sa_status *given,
		     struct xfrm_error *err)
{
	if (window && words(window) != words(config->replay_window))
		return xfrm_error_set(err, -EINVAL, 0,
				      "a replay window of %u is not the SA's, which has %u", window,
				      config->replay_window);
	if (!config->esn && (given->out_seq > UINT32_MAX || given->in_seq > UINT32_MAX))
		return xfrm_error_set(err, -EINVAL, 0,
				      "the SA's sequence numbers have 32 bits, not more");
	return 0;
}

/* The ends whose numbers are behind those given. */
static unsigned ends_behind(const struct sa *sa, const struct sa_status *given)
{
	bool in = sa->in && given->in_seq > esp_in_seq(sa->in);
	bool out = sa->out && given->out_seq > sa_status(sa).out_seq;

	return (in ? SA_IN : 0U) | (out ? SA_OUT : 0U);
}

int serve_new_ae(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *key = &msg->sa.config;
	struct sa *sa = sadb_sa_find(c->deps.db, &key->id, &key->mark);
	struct xfrm_message event = {0};
	int rc = 0;

	if (!sa)
		return no_such_sa(err);
	if (sa->config.larval)
		return xfrm_error_set(err, -EINVAL, 0, "the SA has no keys yet");
	rc = check_fit(&sa->config, msg->sa.config.replay_window, &msg->sa.status, err);
	if (rc)
		return rc;
	if (msg->ae_replay && ends_behind(sa, &msg->sa.status))
		rc = sa_advance(c, &sa, ends_behind(sa, &msg->sa.status), &msg->sa.status, err);
	if (rc)
		return rc;
	if (msg->ae_lifetime)
		sadb_sa_set_counters(sa, &msg->sa.status);
	describe_sa(sa, &event);
	event.type = XFRM_MSG_NEWAE;
	event.ae_flags = XFRM_AE_CU;
	event.seq = msg->seq;
	event.pid = msg->pid;
	event_send(c, XFRM_GROUP_AEVENTS, &event);
	xfrm_message_cleanse(&event);
	return 0;
}
