/*
 * setkey.c: setkey(8), manual keying. Statements come from a file, standard input or an argument;
 * -D and -F ask without a script, -x listens. Talks NETLINK_XFRM, to cygnetd or to a kernel.
 */
#include "tools/command_line.h"
#include "tools/execute.h"
#include "tools/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ------------------------------------------------------------------------------- */

static ssize_t read_fd(void *ctx, char *buf, size_t size)
{
	const struct command_line *cl = ctx;
	ssize_t got;

	do
		got = read(cl->fd, buf, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t read_argument(void *ctx, char *buf, size_t size)
{
	struct command_line *cl = ctx;
	size_t len = strnlen(cl->script, size);

	memcpy(buf, cl->script, len);
	cl->script += len;
	return (ssize_t)len;
}

static enum statement_result on_statement(void *ctx, const struct statement *st)
{
	struct command_line *cl = ctx;
	enum statement_result result = execute(&cl->session, st);

	/* Whoever writes one statement after the other reads the answers meanwhile. */
	if (cl->mode == MODE_STDIN)
		(void)fflush(stdout);
	return result;
}

static void on_error(void *ctx, unsigned line, const char *text, const char *token)
{
	session_report_parse(&((struct command_line *)ctx)->session, line, text, token);
}

static void on_policy_syntax(void *ctx, const char *token)
{
	(void)ctx;
	(void)fflush(stdout); /* what came before comes before */
	fprintf(stderr, "libipsec: syntax error while parsing \"%s\"\n", token);
}

static int run_script(struct command_line *cl)
{
	const struct setkey_source source = {
		.read = cl->mode == MODE_ARGUMENT ? read_argument : read_fd,
		.ctx = cl,
	};
	const struct setkey_handlers handlers = {
		.statement = on_statement,
		.error = on_error,
		.policy_syntax = on_policy_syntax,
		.ctx = cl,
		/* BSD reads -c as it reads -f. */
		.go_on = cl->mode == MODE_STDIN && cl->session.dialect == DIALECT_LINUX,
		.dialect = cl->session.dialect,
	};
	int rc = setkey_parse(&source, &handlers);

	if (rc < 0 && rc != -EINVAL)
		fprintf(stderr, "setkey: %s: %s\n", cl->session.file ? cl->session.file : "-",
			strerror(-rc));
	return rc;
}

/* ---- the program --------------------------------------------------------------------------- */

static int run(struct command_line *cl)
{
	switch (cl->mode) {
	case MODE_DUMP:
		return cl->policies ? execute_dump_policies(&cl->session, 0)
				    : execute_dump(&cl->session, 0, SPROTO_NONE);
	case MODE_FLUSH:
		return cl->policies ? execute_flush_policies(&cl->session, 0)
				    : execute_flush(&cl->session, 0, SPROTO_NONE);
	case MODE_MONITOR:
		return monitor(&cl->session, cl->x > 1);
	default:
		return run_script(cl);
	}
}

int main(int argc, char **argv)
{
	struct command_line cl = {.fd = -1};
	int rc = command_line_parse(&cl, argc, argv);

	if (rc >= 0)
		return rc;
	rc = run(&cl);
	session_close(&cl.session);
	/* What was printed and could not be written was not shown. */
	if (fflush(stdout) != 0)
		rc = -errno;
	if (rc < 0 || cl.session.refused || cl.session.broken)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
