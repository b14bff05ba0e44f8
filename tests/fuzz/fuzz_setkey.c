/*
 * tests/fuzz/fuzz_setkey.c: any text as a setkey script: scanner, grammar, policy text, refusals,
 * the values that would be sent, and what -v, -H, -D and -DP print of them. Names are never looked
 * up. The first byte chooses between a script (-f), which ends at its first error, and -c, as a
 * capital in the bsd dialect.
 *
 * Beyond not crashing: what is sent protects if and only if protection was written, an SA that is
 * sent has integrity, and a policy that is shown can be read, and is the same again.
 */
#include "tools/algorithms.h"
#include "tools/dump.h"
#include "tools/message.h"
#include "tools/parse.h"
#include "tools/protocols.h"
#include "tools/resolve.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW = 1740992400 };

static enum setkey_dialect dialect;

struct input {
	const uint8_t *data;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ssize_t read_input(void *ctx, char *buf, size_t size)
{
	struct input *in = ctx;
	size_t take = in->len < size ? in->len : size;

	memcpy(buf, in->data, take);
	in->data += take;
	in->len -= take;
	return (ssize_t)take;
}

static void on_error(void *ctx, unsigned line, const char *text, const char *token)
{
	(void)ctx;
	assert(line > 0 && text[0] && strlen(token) <= TOKEN_MAX);
}

static void on_policy_syntax(void *ctx, const char *token)
{
	(void)ctx;
	assert(strlen(token) < sizeof(((struct policy_error *)NULL)->token));
}

/* ---- what is printed --------------------------------------------------------------------------- */

static struct dump_options options(FILE *out)
{
	return (struct dump_options){
		.out = out,
		.ports = true,
		.dialect = dialect,
		.now = NOW,
		.trace = {.on = true, .hex = true},
	};
}

static bool is_number(const struct token *port)
{
	return !port->text || !strcmp(port->text, "any") ||
	       !port->text[strspn(port->text, "0123456789-")];
}

/* The policies of a statement whose names are numbers, which differ by their selectors: how many
 * there are, 0 if it has names, or cannot be. */
static unsigned policies_of(const struct statement *st, struct policy_config *config,
			    struct selector selectors[static MESSAGE_SELECTORS_MAX])
{
	struct statement numeric = *st;
	struct resolved_selector sel;
	struct resolve_error unknown;
	const char *why = NULL;
	bool scope;
	int n;

	numeric.lookup |= LOOKUP_NUMERIC;
	if (protocol_lookup(st->upper.text) < 0 || !is_number(&st->src.port) ||
	    !is_number(&st->dst.port) || !resolve_selector(&numeric, &sel, &scope, &unknown))
		return 0;
	/* What stands there instead of ports is no port. */
	if (protocol_has_no_ports(sel.proto) && (st->src.port.text || st->dst.port.text))
		return 0;
	n = message_policy(st, &sel, config, &why);
	if (n == 0 && message_has_ranges(&sel))
		n = message_ranges(st, &sel, selectors, &why);
	else if (n == 0)
		selectors[n++] = config->sel;
	assert(n > 0 || (why && why[0]));
	return n > 0 ? (unsigned)n : 0;
}

static void show_sa(const struct sa_config *config)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWSA};
	char *text = NULL;
	size_t len;
	struct dump_options o = options(open_memstream(&text, &len));

	assert(o.out);
	msg.sa.config = *config;
	msg.sa.status.add_time = NOW - 1;
	dump_trace(&o, &msg);
	dump_sa(&o, &msg.sa, 0);
	dump_sa_short(&o, &msg.sa);
	fclose(o.out);
	assert(len > 100 && strlen(text) == len);
	explicit_bzero(text, len);
	free(text);
	xfrm_message_cleanse(&msg);
}

/* The first lines of a dumped policy as the statement that adds it. */
static void statement_of(char *dump, char *out, size_t size)
{
	char *line[3] = {dump, NULL, NULL};
	char *number;

	for (unsigned i = 0; i < 2; i++) {
		char *end = strchr(line[i], '\n');

		assert(end && end[1] == '\t');
		*end = '\0';
		line[i + 1] = end + 2;
	}
	*strchr(line[2], '\n') = '\0';
	/* unique#16384: not written by hand, but as good as if it were. */
	number = strchr(line[2], '#');
	if (number)
		*number = ':';
	snprintf(out, size, "spdadd %s -P %s %s;", line[0], line[1],
		 strncmp(line[2], "esp/", 4) ? "" : line[2]);
}

static enum statement_result keep_policy(void *ctx, const struct statement *st)
{
	static struct selector selectors[MESSAGE_SELECTORS_MAX];
	struct policy_config *again = ctx;

	/* A piece of a range is in one piece. */
	assert(policies_of(st, again, selectors) == 1);
	again->sel = selectors[0];
	return STATEMENT_STOP;
}

static void refuse_nothing(void *ctx, unsigned line, const char *text, const char *token)
{
	(void)ctx, (void)line, (void)text, (void)token;
	abort(); /* what a dump shows cannot be read */
}

static void show_policy(const struct policy_config *config)
{
	struct xfrm_policy policy = {.config = *config, .add_time = NOW};
	struct policy_config again = {0};
	char *text = NULL, statement[512];
	size_t len;
	struct dump_options o = options(open_memstream(&text, &len));
	struct input in = {.data = (const uint8_t *)statement};
	struct setkey_source source = {.read = read_input, .ctx = &in};
	struct setkey_handlers handlers = {
		.statement = keep_policy, .error = refuse_nothing, .ctx = &again};

	assert(o.out);
	o.ports = false;
	dump_policy(&o, &policy, 0);
	fclose(o.out);
	statement_of(text, statement, sizeof(statement));
	free(text);
	in.len = strlen(statement);
	assert(setkey_parse(&source, &handlers) == 0);
	assert(selector_equal(&again.sel, &config->sel) && again.dir == config->dir);
	assert(again.action == config->action && again.priority == config->priority);
	assert(again.tmpl.reqid == config->tmpl.reqid &&
	       again.tmpl.optional == config->tmpl.optional);
	assert(config->action != POLICY_PROTECT ||
	       (ip_addr_equal(&again.tmpl.src, &config->tmpl.src) &&
		ip_addr_equal(&again.tmpl.dst, &config->tmpl.dst)));
}

/* ---- what is sent ------------------------------------------------------------------------------ */

static void send_sa(const struct statement *st)
{
	struct sa_config config;
	struct ip_addr src, dst;
	const char *why = NULL;

	if (!ip_addr_parse(st->src.name.text, &src) || !ip_addr_parse(st->dst.name.text, &dst))
		return;
	if (message_sa(st, &src, &dst, &config, &why) < 0) {
		assert(why && why[0]);
		return;
	}
	struct esp_suite_spec spec = esp_suite_spec(&config.suite);

	assert(spec.icv_len > 0);
	show_sa(&config);
	assert(spec.encr_key_len == st->encr.key.len && spec.integ_key_len == st->auth.key.len);
	explicit_bzero(&config.keys, sizeof(config.keys));
}

static void send_policy(const struct statement *st)
{
	static struct selector selectors[MESSAGE_SELECTORS_MAX];
	struct policy_config config, twin;
	unsigned n = policies_of(st, &config, selectors);

	if (!n || st->kind == STATEMENT_SPDDELETE)
		return;
	assert((config.action == POLICY_PROTECT) == (st->policy.verb == POLICY_VERB_IPSEC));
	assert(dialect == DIALECT_LINUX || config.dir != POLICY_FWD);
	for (unsigned i = 0; i < n; i += 1 + n / 8) {
		config.sel = selectors[i];
		show_policy(&config);
	}
	if (config.action != POLICY_PROTECT)
		return;
	assert(config.tmpl.mode == XFRM_MODE_TUNNEL && config.tmpl.proto == IPPROTO_ESP);
	assert(config.tmpl.src.family && config.tmpl.src.family == config.tmpl.dst.family);
	assert(config.dir != POLICY_OUT || !ip_addr_is_any(&config.tmpl.dst));
	message_fwd_twin(&config, &twin);
	assert(twin.action == POLICY_PROTECT && twin.dir == POLICY_FWD);
}

static void send_getspi(const struct statement *st)
{
	struct xfrm_message msg;
	struct ip_addr src, dst;

	if (!ip_addr_parse(st->src.name.text, &src) || !ip_addr_parse(st->dst.name.text, &dst))
		return;
	message_getspi(st, &src, &dst, &msg);
	assert(msg.range.min && msg.range.min <= msg.range.max);
}

static enum statement_result on_statement(void *ctx, const struct statement *st)
{
	char buf[ERROR_TEXT_MAX];
	struct key_fault fault;
	const char *text;

	(void)ctx;
	text = statement_refusal(st, buf);
	if (text) {
		assert(text[0]);
		return STATEMENT_GO_ON;
	}
	if (!statement_check(st, &fault)) {
		/* The word shown is an algorithm's name, never its key. */
		assert(algorithm_lookup(ALGORITHM_ENCR, fault.token) ||
		       algorithm_lookup(ALGORITHM_AUTH, fault.token));
		assert(fault.bits < fault.min_bits || fault.bits > fault.max_bits);
		return STATEMENT_INVALID;
	}
	if (st->kind == STATEMENT_ADD || st->kind == STATEMENT_UPDATE)
		send_sa(st);
	else if (st->kind == STATEMENT_SPDADD || st->kind == STATEMENT_SPDUPDATE ||
		 st->kind == STATEMENT_SPDDELETE)
		send_policy(st);
	else if (st->kind == STATEMENT_GETSPI)
		send_getspi(st);
	return st->kind == STATEMENT_EXIT ? STATEMENT_STOP : STATEMENT_GO_ON;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.data = data, .len = size};
	struct setkey_source source = {.read = read_input, .ctx = &in};
	struct setkey_handlers handlers = {
		.statement = on_statement,
		.error = on_error,
		.policy_syntax = on_policy_syntax,
	};

	if (size) {
		handlers.go_on = data[0] == 'c' || data[0] == 'C';
		dialect = data[0] == 'C' || data[0] == 'F' ? DIALECT_BSD : DIALECT_LINUX;
		handlers.dialect = dialect;
		in.data++;
		in.len--;
	}
	(void)setkey_parse(&source, &handlers);
	return 0;
}
