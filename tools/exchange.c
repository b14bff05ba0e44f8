/*
 * exchange.c: requests of one run of setkey, each shown with its answer if -v asks for that.
 */
#include "tools/session.h"

#include <errno.h>
#include <string.h>

static void trace_request(const struct session *s, struct xfrm_message *msg, uint16_t flags)
{
	if (!s->trace.on)
		return;
	msg->flags = (uint16_t)(NLM_F_REQUEST | flags);
	trace_message(stdout, &s->trace, msg);
}

int session_request(struct session *s, struct xfrm_message *msg, struct xfrm_error *err)
{
	int rc;

	trace_request(s, msg, NLM_F_ACK);
	rc = xfrm_client_request(s->client, msg, err);
	if (s->trace.on)
		trace_answer(stdout, rc);
	return rc;
}

int session_flush(struct session *s, unsigned line, struct xfrm_message *msg)
{
	struct xfrm_error err;
	int rc;

	if (!session_connect(s))
		return -ENOTCONN;
	rc = session_request(s, msg, &err);
	if (rc < 0 && rc != -ESRCH)
		session_report_refusal(s, line, &err);
	return rc == -ESRCH ? 0 : rc;
}

int session_get(struct session *s, struct xfrm_message *msg, struct xfrm_message *reply,
		struct xfrm_error *err)
{
	int rc;

	trace_request(s, msg, 0);
	rc = xfrm_client_get(s->client, msg, reply, err);
	if (s->trace.on && rc == 0)
		trace_message(stdout, &s->trace, reply);
	else if (s->trace.on)
		trace_answer(stdout, rc);
	return rc;
}
