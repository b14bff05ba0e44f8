/*
 * report.c: see report.h.
 */
#include "gateway/iked/report.h"

#include "gateway/dataplane/log.h"

#include <stdio.h>

static void say_log(void *ctx, bool error, const char *text)
{
	(void)ctx;
	if (error)
		log_err("%s", text);
	else
		log_warnx("%s", text);
}

static void say_errors(void *ctx, bool error, const char *text)
{
	if (error)
		say_log(ctx, error, text);
}

static void say_stderr(void *ctx, bool error, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", error ? "error" : "warning", text);
}

struct config_report report_to_log(void)
{
	return (struct config_report){.say = say_log};
}

struct config_report report_errors_to_log(void)
{
	return (struct config_report){.say = say_errors};
}

struct config_report report_to_stderr(void)
{
	return (struct config_report){.say = say_stderr};
}
