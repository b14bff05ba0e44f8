/*
 * parse.c: what the scanner and the grammar lean on: the words of the statement being read, the
 * values of its numbers, and the way an error is told. Called by the generated code only, but for
 * setkey_parse.
 */
#include "tools/parse.h"

#include "tools/algorithms.h"
#include "xfrm/xfrm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The generated parser and scanner. */
int setkey_yyparse(void *scanner, struct parse *p);
int setkey_yylex_init_extra(struct parse *p, void **scanner);
int setkey_yylex_destroy(void *scanner);

const char *statement_name(enum statement_kind kind)
{
	static const char *const names[] = {
		[STATEMENT_ADD] = "add",
		[STATEMENT_UPDATE] = "update",
		[STATEMENT_GETSPI] = "getspi",
		[STATEMENT_GET] = "get",
		[STATEMENT_DELETE] = "delete",
		[STATEMENT_DELETEALL] = "deleteall",
		[STATEMENT_FLUSH] = "flush",
		[STATEMENT_DUMP] = "dump",
		[STATEMENT_EXIT] = "exit",
		[STATEMENT_SPDADD] = "spdadd",
		[STATEMENT_SPDUPDATE] = "spdupdate",
		[STATEMENT_SPDDELETE] = "spddelete",
		[STATEMENT_SPDFLUSH] = "spdflush",
		[STATEMENT_SPDDUMP] = "spddump",
	};

	return names[kind];
}

ssize_t parse_read(struct parse *p, char *buf, size_t size)
{
	ssize_t got = p->source->read(p->source->ctx, buf, size);

	if (got < 0)
		p->read_error = (int)got;
	return got;
}

static bool never_a_key(const char *text, size_t len)
{
	char name[32];

	if (len && (text[0] == ';' || text[0] == '-'))
		return true;
	if (len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	return algorithm_lookup(ALGORITHM_ENCR, name) || algorithm_lookup(ALGORITHM_AUTH, name);
}

void parse_show(struct parse *p, const char *text, size_t len, bool secret)
{
	/* Where a key may stand the last option or algorithm stays in sight, whatever was written. */
	if (p->near_key && !never_a_key(text, len))
		return;
	if (secret)
		snprintf(p->shown, sizeof(p->shown), "...");
	else
		snprintf(p->shown, sizeof(p->shown), "%.*s", (int)(len > 63 ? 63 : len), text);
}

bool parse_copy(struct parse *p, struct token *out, const char *text, size_t len)
{
	if (len >= sizeof(p->text) - p->used) {
		p->lexical = "statement too long";
		return false;
	}
	memcpy(p->text + p->used, text, len);
	p->text[p->used + len] = '\0';
	*out = (struct token){.text = p->text + p->used, .len = len, .line = p->line};
	p->used += len + 1;
	return true;
}

bool parse_token(struct parse *p, struct token *out, const char *text, size_t len, bool secret)
{
	parse_show(p, text, len, secret);
	if (len > TOKEN_MAX) {
		p->lexical = "word too long";
		return false;
	}
	return parse_copy(p, out, text, len);
}

bool parse_piece(struct parse *p, const char *text, size_t len, size_t max)
{
	if (len > max - p->piece_len) {
		p->lexical = "word too long";
		return false;
	}
	memcpy(p->piece + p->piece_len, text, len);
	p->piece_len += len;
	return true;
}

bool parse_piece_blank(struct parse *p, size_t max)
{
	if (p->piece_len && p->piece[p->piece_len - 1] == ' ')
		return true;
	return parse_piece(p, " ", 1, max);
}

void parse_error(struct parse *p, const char *text, const char *token)
{
	p->failed = true;
	if (!p->handlers->go_on)
		p->stopped = true;
	p->handlers->error(p->handlers->ctx, p->line, text, token);
}

void parse_reset(struct parse *p)
{
	explicit_bzero(p->text, p->used);
	explicit_bzero(p->piece, sizeof(p->piece));
	p->used = 0;
	p->piece_len = 0;
	p->near_key = false;
	p->lexical = NULL;
	p->st = (struct statement){0};
}

static bool has_name(const struct key_text *key, const char *name)
{
	return key->name.text && !strcmp(key->name.text, name);
}

/* What the language forbids beyond its grammar. NULL if nothing. */
static const char *contradiction(const struct statement *st)
{
	bool old = st->sproto == SPROTO_ESP_OLD || st->sproto == SPROTO_AH_OLD;
	bool spdadd = st->kind == STATEMENT_SPDADD || st->kind == STATEMENT_SPDUPDATE;

	if (old && st->ext.replay)
		return "replay prevention cannot be used with ah/esp-old";
	if (has_name(&st->encr, "des-32iv") && st->sproto != SPROTO_ESP_OLD)
		return "algorithm mismatched";
	if (has_name(&st->encr, "des-deriv") && st->sproto == SPROTO_ESP_OLD)
		return "algorithm mismatched";
	if (spdadd && st->policy.verb == POLICY_VERB_ABSENT)
		return "Too few arguments";
	return NULL;
}

bool parse_finish(struct parse *p, enum statement_kind kind)
{
	enum statement_result result;
	const char *why;

	p->st.kind = kind;
	p->st.line = p->line;
	why = contradiction(&p->st);
	if (why) {
		parse_error(p, why, statement_name(kind));
		parse_reset(p);
		return p->handlers->go_on;
	}
	result = p->handlers->statement(p->handlers->ctx, &p->st);
	parse_reset(p);
	if (result == STATEMENT_INVALID) {
		p->failed = true;
		return p->handlers->go_on;
	}
	return result == STATEMENT_GO_ON;
}

/* Decimal, or hex behind 0x. False if it does not fit 64 bits. */
static bool number(const struct token *t, uint64_t *out)
{
	bool hex = t->len > 2 && (t->text[1] == 'x' || t->text[1] == 'X');
	char *end;

	errno = 0;
	/* Base 10 even with leading zeros: 010 is ten. */
	*out = strtoull(t->text, &end, hex ? 16 : 10);
	return errno == 0 && *end == '\0';
}

bool parse_u64(struct parse *p, const struct token *t, uint64_t *out)
{
	if (number(t, out))
		return true;
	parse_error(p, "number too large", t->text);
	return false;
}

bool parse_u32(struct parse *p, const struct token *t, uint32_t *out)
{
	uint64_t wide;

	if (number(t, &wide) && wide <= UINT32_MAX) {
		*out = (uint32_t)wide;
		return true;
	}
	parse_error(p, "number too large", t->text);
	return false;
}

bool parse_replay(struct parse *p, const struct token *t)
{
	uint32_t unit = p->handlers->dialect == DIALECT_BSD ? BSD_REPLAY_UNIT : 1;
	uint32_t n;

	if (!parse_u32(p, t, &n))
		return false;
	if (n > UINT32_MAX / unit) {
		parse_error(p, "number too large", t->text);
		return false;
	}
	p->st.ext.replay = n * unit;
	return true;
}

bool parse_spi(struct parse *p, const struct token *t)
{
	uint64_t wide;

	if (number(t, &wide) && wide <= UINT32_MAX) {
		p->st.spi = (uint32_t)wide;
		return true;
	}
	parse_error(p, "SPI too big.", p->shown);
	return false;
}

bool parse_pad(struct parse *p, const struct token *t)
{
	static const struct {
		const char *name;
		unsigned flag;
		uint32_t xflag;
	} words[] = {
		{"zero-pad", SA_PAD_ZERO, 0},
		{"random-pad", SA_PAD_RANDOM, 0},
		{"seq-pad", SA_PAD_SEQ, 0},
		{"nocyclic-seq", SA_NOCYCLIC_SEQ, 0},
		/* Ours: docs/decisions/0010. */
		{"df-set", 0, SA_XFLAG_DF_SET},
		{"strict-pad", 0, SA_XFLAG_STRICT_PAD},
		{"udp-no-sum", 0, SA_XFLAG_UDP_NO_SUM},
		{"clamp-mss", 0, SA_XFLAG_CLAMP_MSS},
		{"dummies", 0, SA_XFLAG_DUMMIES},
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(words[i].name, t->text)) {
			p->st.ext.flags |= words[i].flag;
			p->st.ext.xflags |= words[i].xflag;
			return true;
		}
	}
	parse_error(p, "syntax error", t->text);
	return false;
}

bool parse_algorithm(struct parse *p, struct key_text *out, int kind, const struct token *name,
		     const struct token *key)
{
	if (!algorithm_lookup((enum algorithm_kind)kind, name->text)) {
		/* Without a key behind it, it may be one. */
		parse_error(p, "syntax error", key && key->text ? name->text : p->shown);
		return false;
	}
	out->name = *name;
	if (key)
		out->key = *key;
	return true;
}

static uint8_t nibble(char c)
{
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	return (uint8_t)((c | 0x20) - 'a' + 10);
}

/* Turns 0x... into the bytes it stands for. With an odd number of digits the first one alone makes
 * the first byte. */
bool parse_hex_key(struct parse *p, struct token *t)
{
	char bytes[TOKEN_MAX / 2 + 1];
	const char *digit = t->text + 2;
	size_t digits = t->len - 2, n = 0;
	bool ok;

	if (digits % 2) {
		bytes[n++] = (char)nibble(*digit++);
		digits--;
	}
	for (; digits; digits -= 2, digit += 2)
		bytes[n++] = (char)(nibble(digit[0]) << 4 | nibble(digit[1]));
	ok = parse_copy(p, t, bytes, n);
	explicit_bzero(bytes, sizeof(bytes));
	if (!ok)
		parse_error(p, p->lexical, p->shown);
	return ok;
}

bool parse_policy(struct parse *p, const struct token *t)
{
	struct policy_error err;

	if (policy_text_parse(t->text, &p->st.policy, &err)) {
		/* Where the system has no fwd policies, fwd is another word for in. */
		p->st.policy.fwd_as_in =
			p->handlers->dialect == DIALECT_BSD && p->st.policy.dir == POLICY_TEXT_FWD;
		if (p->st.policy.fwd_as_in)
			p->st.policy.dir = POLICY_TEXT_IN;
		return true;
	}
	if (err.syntax)
		p->handlers->policy_syntax(p->handlers->ctx, err.token);
	parse_error(p, err.text, err.token);
	return false;
}

void parse_lookup(struct parse *p, const struct token *t)
{
	for (size_t i = 1; i < t->len; i++) {
		if (t->text[i] == '4')
			p->st.lookup |= LOOKUP_V4;
		else if (t->text[i] == '6')
			p->st.lookup |= LOOKUP_V6;
		else
			p->st.lookup |= LOOKUP_NUMERIC;
	}
}

int setkey_parse(const struct setkey_source *source, const struct setkey_handlers *handlers)
{
	struct parse *p = calloc(1, sizeof(*p));
	void *scanner;
	int rc = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->source = source;
	p->handlers = handlers;
	p->line = 1;
	if (setkey_yylex_init_extra(p, &scanner) != 0)
		goto free_parse;
	if (setkey_yyparse(scanner, p) != 0)
		p->failed = true;
	rc = p->failed ? -EINVAL : 0;
	if (p->read_error)
		rc = p->read_error;
	setkey_yylex_destroy(scanner);
free_parse:
	explicit_bzero(p, sizeof(*p));
	free(p);
	return rc;
}
