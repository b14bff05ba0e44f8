/*
 * monitor.c: every change and event, as it comes. What was lost, because it was not read in time,
 * is told too.
 */
#include "tools/monitor.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

static void print_stamp(bool seconds)
{
	struct timeval now;
	struct tm tm;
	char clock[16];

	gettimeofday(&now, NULL);
	if (seconds || !localtime_r(&now.tv_sec, &tm) ||
	    !strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		printf("%lld.%06ld \n", (long long)now.tv_sec, (long)now.tv_usec);
	else
		printf("%s.%06ld \n", clock, (long)now.tv_usec);
}

static int one_event(struct session *s, bool seconds)
{
	struct xfrm_message msg;
	struct xfrm_error err;
	int rc = xfrm_client_event(s->client, -1, &msg, &err);

	if (rc == -EAGAIN)
		return 0;
	if (rc < 0 && rc != -ENOBUFS) {
		session_report(s, 0, "%s", err.text);
		return rc;
	}
	print_stamp(seconds);
	if (rc == 0)
		trace_message(stdout, &s->trace, &msg);
	else
		printf("%s\n\n", err.text);
	xfrm_message_cleanse(&msg);
	return fflush(stdout) == 0 ? 0 : -errno;
}

int monitor(struct session *s, bool seconds)
{
	const uint32_t groups = XFRMGRP_ACQUIRE | XFRMGRP_EXPIRE | XFRMGRP_SA | XFRMGRP_POLICY |
				1U << (XFRMNLGRP_AEVENTS - 1) | 1U << (XFRMNLGRP_MIGRATE - 1) |
				1U << (XFRMNLGRP_MAPPING - 1);
	struct xfrm_error err;
	int rc;

	if (!session_connect(s))
		return -ENOTCONN;
	rc = xfrm_client_subscribe(s->client, groups, &err);
	if (rc < 0) {
		session_report_refusal(s, 0, &err);
		return rc;
	}
	do
		rc = one_event(s, seconds);
	while (rc == 0);
	return rc;
}
