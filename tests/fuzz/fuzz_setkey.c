/*
 * tests/fuzz/fuzz_setkey.c: any text as a setkey script: scanner, grammar, policy text, refusals,
 * and the values that would be sent. Names are never looked up. The first byte chooses between a
 * script (-f), which ends at its first error, and -c.
 *
 * Beyond not crashing: what is sent protects if and only if protection was written, and an SA that
 * is sent has integrity.
 */
#include "tools/algorithms.h"
#include "tools/message.h"
#include "tools/parse.h"
#include "tools/protocols.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
	assert(spec.encr_key_len == st->encr.key.len && spec.integ_key_len == st->auth.key.len);
	explicit_bzero(&config.keys, sizeof(config.keys));
}

static void send_policy(const struct statement *st)
{
	struct resolved_selector sel = {0};
	struct policy_config config, twin;
	int proto = protocol_lookup(st->upper.text);
	const char *why = NULL;
	bool deletes = st->kind == STATEMENT_SPDDELETE;

	if (!ip_addr_parse(st->src.name.text, &sel.src) ||
	    !ip_addr_parse(st->dst.name.text, &sel.dst) || proto < 0)
		return;
	sel.proto = (uint8_t)proto;
	if (st->umisc.text &&
	    !protocol_parse_umisc(sel.proto, st->umisc.text, &sel.sport, &sel.dport))
		return;
	if (message_policy(st, &sel, &config, &why) < 0) {
		assert(why && why[0]);
		return;
	}
	assert((config.action == POLICY_PROTECT) == (st->policy.verb == POLICY_VERB_IPSEC));
	if (deletes || config.action != POLICY_PROTECT)
		return;
	assert(config.tmpl.mode == XFRM_MODE_TUNNEL && config.tmpl.proto == IPPROTO_ESP);
	assert(config.tmpl.src.family && config.tmpl.src.family == config.tmpl.dst.family);
	message_fwd_twin(&config, &twin);
	assert(twin.action == POLICY_PROTECT && twin.dir == POLICY_FWD);
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
		handlers.go_on = data[0] == 'c';
		in.data++;
		in.len--;
	}
	(void)setkey_parse(&source, &handlers);
	return 0;
}
