/* judge.c: see judge.h. */
#include "judge.h"

#include <stdio.h>
#include <string.h>

struct reader {
	const char *text;
	size_t len, step;
	struct judgement *out;
};

static void note(struct judgement *out, const char *first, const char *second)
{
	size_t used = strlen(out->verdicts);

	snprintf(out->verdicts + used, sizeof(out->verdicts) - used, "%s%s\n", first, second);
}

static ssize_t read_text(void *ctx, char *buf, size_t size)
{
	struct reader *r = ctx;
	size_t take = r->len < size ? r->len : size;

	if (r->step && take > r->step)
		take = r->step;
	memcpy(buf, r->text, take);
	r->text += take;
	r->len -= take;
	return (ssize_t)take;
}

static void on_error(void *ctx, unsigned line, const char *text, const char *token)
{
	char buf[512];

	snprintf(buf, sizeof(buf), "%u: %s at %s", line, text, token);
	note(((struct reader *)ctx)->out, buf, "");
}

static enum statement_result on_statement(void *ctx, const struct statement *st)
{
	struct reader *r = ctx;
	char buf[ERROR_TEXT_MAX];
	const char *text = statement_refusal(st, buf);
	struct key_fault fault;

	r->out->statements++;
	r->out->last = *st;
	if (text) {
		note(r->out, "refused ", text);
		return STATEMENT_GO_ON;
	}
	if (!statement_check(st, &fault)) {
		on_error(ctx, st->line, fault.text, fault.token);
		return STATEMENT_INVALID;
	}
	note(r->out, st->kind == STATEMENT_EXIT ? "exit" : "ok", "");
	return st->kind == STATEMENT_EXIT ? STATEMENT_STOP : STATEMENT_GO_ON;
}

static void on_policy_syntax(void *ctx, const char *token)
{
	note(((struct reader *)ctx)->out, "policy syntax ", token);
}

void judge(const char *text, size_t len, size_t step, bool go_on, struct judgement *out)
{
	struct reader r = {.text = text, .len = len, .step = step, .out = out};
	struct setkey_source source = {.read = read_text, .ctx = &r};
	struct setkey_handlers handlers = {
		.statement = on_statement,
		.error = on_error,
		.policy_syntax = on_policy_syntax,
		.ctx = &r,
		.go_on = go_on,
	};

	memset(out, 0, sizeof(*out));
	out->rc = setkey_parse(&source, &handlers);
}
