/*
 * info.c: what can be asked and set about the databases as a whole: how many SAs and policies there
 * are, the kernel's hash thresholds, and what becomes of packets no policy speaks of.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <string.h>

int serve_get_sad_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	(void)err; /* there is always an answer */
	msg->type = XFRM_MSG_NEWSADINFO;
	msg->sad = (struct xfrm_sad_info){.count = sadb_sa_count(c->deps.db)};
	return 0;
}

/* The kernel's, before anybody sets them: whole addresses. */
static struct xfrm_threshold threshold(const struct xfrm_threshold *set, uint8_t bits)
{
	return set->said ? *set : (struct xfrm_threshold){true, bits, bits};
}

int serve_get_spd_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	(void)err;
	msg->type = XFRM_MSG_NEWSPDINFO;
	msg->spd = (struct xfrm_spd_info){
		.ipv4 = threshold(&c->spd_hash[0], 32),
		.ipv6 = threshold(&c->spd_hash[1], 128),
	};
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		msg->spd.count[dir] = sadb_policy_count(c->deps.db, (enum policy_dir)dir);
	return 0;
}

int serve_set_spd_info(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	(void)err;
	if (msg->spd.ipv4.said)
		c->spd_hash[0] = msg->spd.ipv4;
	if (msg->spd.ipv6.said)
		c->spd_hash[1] = msg->spd.ipv6;
	return 0;
}

static void describe_default(const struct control *c, struct xfrm_message *msg)
{
	msg->type = XFRM_MSG_GETDEFAULT;
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		msg->defaults.action[dir] =
			capture_default_blocks(c->deps.capture, (enum policy_dir)dir)
				? XFRM_USERPOLICY_BLOCK
				: XFRM_USERPOLICY_ACCEPT;
}

int serve_get_default(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	(void)err;
	describe_default(c, msg);
	return 0;
}

/* Other values than the two change nothing, as in the kernel. */
int serve_set_default(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct xfrm_message event = {0};
	bool block[POLICY_DIRS];
	int rc;

	for (unsigned dir = 0; dir < POLICY_DIRS; dir++) {
		uint8_t action = msg->defaults.action[dir];

		block[dir] = action == XFRM_USERPOLICY_BLOCK ||
			     (action != XFRM_USERPOLICY_ACCEPT &&
			      capture_default_blocks(c->deps.capture, (enum policy_dir)dir));
	}
	rc = capture_set_default(c->deps.capture, block);
	if (rc == -EOPNOTSUPP)
		return xfrm_error_set(err, rc, 0,
				      "packets without a policy do not come by cygnetd, and this "
				      "kernel has no nftables that could block them");
	if (rc)
		return xfrm_error_set(err, rc, 0,
				      "nftables does not take what would block packets without a "
				      "policy, or let them pass again: %s",
				      strerror(-rc));
	describe_default(c, &event);
	event_send(c, XFRMGRP_POLICY, &event);
	return 0;
}
