/*
 * session.c: connection and messages of one run of setkey.
 */
#include "tools/session.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void session_close(struct session *s)
{
	xfrm_client_close(s->client);
	s->client = NULL;
}

bool session_connect(struct session *s)
{
	struct xfrm_error err;
	int rc;

	if (s->client)
		return true;
	rc = xfrm_client_open(s->socket_path, s->kernel, &s->client, &err);
	if (rc == 0)
		return true;
	/* setkey's word for "no right" is EPERM's, whichever errno the socket chose. */
	if (rc == -EACCES)
		rc = -EPERM;
	fprintf(stderr, "setkey: pfkey_open: %s: %s\n", strerror(-rc), err.text);
	s->broken = true;
	return false;
}

/* What was printed before comes before, if both go to one place. */
static FILE *error_stream(void)
{
	(void)fflush(stdout);
	return stderr;
}

/* Linux, -f: the file's name as it was typed, the line, standard error. */
static bool has_file_shape(const struct session *s)
{
	return s->file && s->dialect == DIALECT_LINUX;
}

static void __attribute__((format(printf, 3, 0)))
report(const struct session *s, unsigned line, const char *format, va_list args)
{
	bool to_stderr = has_file_shape(s);
	FILE *out = to_stderr ? error_stream() : stdout;

	if (to_stderr)
		fprintf(out, "setkey: %s,%u: ", s->file, line);
	else if (s->dialect == DIALECT_BSD && line)
		fprintf(out, "line %u: ", line);
	vfprintf(out, format, args);
	fputs(to_stderr ? "\n" : ".\n", out);
}

void session_report(const struct session *s, unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(s, line, format, args);
	va_end(args);
}

void session_report_refusal(const struct session *s, unsigned line, const struct xfrm_error *err)
{
	/* SAs and policies that are not there are told alike. */
	int code = err->code == -ENOENT ? ESRCH : -err->code;
	bool bsd = s->dialect == DIALECT_BSD;
	const char *words = bsd && code == ESRCH ? "No entry" : strerror(code);

	/* BSD's kernel refusals have no line. */
	if (bsd)
		line = 0;
	if (code == EEXIST || code == ESRCH || !err->text[0] || !strcmp(err->text, words))
		session_report(s, line, "%s", words);
	else
		session_report(s, line, "%s: %s", words, err->text);
}

void session_report_parse(const struct session *s, unsigned line, const char *text,
			  const char *token)
{
	if (s->dialect == DIALECT_BSD) {
		printf("line %u: %s at [%s]\nparse failed, line %u.\n", line, text, token, line);
		return;
	}
	if (!s->file) {
		printf("%s at `%s'\n", text, token);
		return;
	}
	fprintf(error_stream(), "setkey: %s,%u: %s at `%s'\n", s->file, line, text, token);
	fprintf(stderr, "setkey: %s,%u: parse failed\n", s->file, line);
}

void session_report_key(const struct session *s, unsigned line, const struct key_fault *fault)
{
	if (s->dialect == DIALECT_LINUX)
		fprintf(error_stream(), "%zu %u %u\n", fault->bits, fault->min_bits,
			fault->max_bits);
	session_report_parse(s, line, fault->text, fault->token);
}

void session_notice(const struct session *s, unsigned line, const char *format, ...)
{
	va_list args;

	fputs("setkey: ", error_stream());
	if (s->file)
		fprintf(stderr, "%s,%u: ", s->file, line);
	else if (line && s->dialect == DIALECT_BSD)
		fprintf(stderr, "line %u: ", line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

struct dump_options session_dump_options(const struct session *s)
{
	return (struct dump_options){
		.out = stdout,
		.ports = s->ports,
		.sockets = s->sockets,
		.interface_only = s->interface_only,
		.dialect = s->dialect,
		.short_form = s->forever,
		.trace = s->trace,
		.pid = getpid(),
		.now = (uint64_t)time(NULL),
	};
}
