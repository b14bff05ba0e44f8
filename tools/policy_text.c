/*
 * policy_text.c: the text behind -P: direction, priority, action and rules. It has a grammar of its
 * own, small enough to be read word by word; blanks mean nothing but the end of a word. End points
 * are always numeric. Called by the grammar.
 */
#include "tools/statement.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const char *at;
	char word[64];	 /* present token: a word, one character of punctuation, or "" at the end */
	char before[64]; /* the token in front of it */
	bool is_word;
	struct policy_error *err;
};

static const char blanks[] = " \t\r\n\f";
static const char word_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789:.%_";

/* Moves to the next token. A word that is too long for any meaning is cut, and so fits none. */
static void next(struct cursor *c)
{
	size_t len;

	memcpy(c->before, c->word, sizeof(c->before));
	c->at += strspn(c->at, blanks);
	len = strspn(c->at, word_chars);
	c->is_word = len > 0;
	if (!len && *c->at)
		len = 1;
	snprintf(c->word, sizeof(c->word), "%.*s",
		 (int)(len < sizeof(c->word) ? len : sizeof(c->word) - 1), c->at);
	c->at += len;
}

static bool is(const struct cursor *c, const char *word)
{
	return !strcmp(c->word, word);
}

static bool accept_word(struct cursor *c, const char *word)
{
	if (!is(c, word))
		return false;
	next(c);
	return true;
}

static bool __attribute__((format(printf, 2, 3))) refuse(struct cursor *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->err->text, sizeof(c->err->text), format, args);
	va_end(args);
	/* At the end of the text the last thing that was read is the one to look at. */
	snprintf(c->err->token, sizeof(c->err->token), "%s", *c->word ? c->word : c->before);
	c->err->syntax = false;
	return false;
}

static bool syntax(struct cursor *c)
{
	refuse(c, "%s", strerror(EINVAL));
	c->err->syntax = true;
	return false;
}

/* Decimal digits only, up to max. */
static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *out <= max;
}

/* ---- priority ------------------------------------------------------------------------------ */

/* A larger number is searched earlier, and what is stored is searched from the lowest up: so the
 * number is subtracted. */
static bool offset_from(struct cursor *c, uint32_t base, bool minus, uint64_t plus_max,
			uint64_t minus_max, uint32_t *out)
{
	uint64_t n;

	if (!c->is_word || c->word[strspn(c->word, "0123456789")])
		return syntax(c);
	if (!number(c->word, minus ? minus_max : plus_max, &n))
		return refuse(c, "Priority offset not in valid range [-%llu, %llu]",
			      (unsigned long long)minus_max, (unsigned long long)plus_max);
	*out = (uint32_t)(minus ? base + n : base - n);
	next(c);
	return true;
}

static bool priority(struct cursor *c, uint32_t *out)
{
	static const struct {
		const char *name;
		uint32_t base;
	} bases[] = {{"low", 0xC0000000}, {"def", POLICY_PRIORITY_DEFAULT}, {"high", 0x40000000}};
	bool minus;

	for (unsigned i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (!accept_word(c, bases[i].name))
			continue;
		*out = bases[i].base;
		minus = is(c, "-");
		if (!minus && !is(c, "+"))
			return true;
		next(c);
		return offset_from(c, bases[i].base, minus, 1073741824, 1073741823, out);
	}
	minus = accept_word(c, "-");
	return offset_from(c, POLICY_PRIORITY_DEFAULT, minus, 2147483648, 2147483647, out);
}

/* ---- rules --------------------------------------------------------------------------------- */

static bool is_rule_start(const struct cursor *c)
{
	return is(c, "esp") || is(c, "ah") || is(c, "ipcomp");
}

/* An address, with its interface cut off: the data plane routes, it does not bind. */
static bool address(struct cursor *c, struct policy_rule *rule, struct ip_addr *out)
{
	char *percent = strchr(c->word, '%');

	if (percent && percent[1] && strchr(c->word, ':')) {
		*percent = '\0';
		rule->scope = true;
	}
	if (!c->is_word || !ip_addr_parse(c->word, out))
		return syntax(c);
	next(c);
	return true;
}

static bool port(struct cursor *c, bool *given)
{
	uint64_t ignored;

	*given = accept_word(c, "[");
	if (!*given)
		return true;
	if (!number(c->word, UINT16_MAX, &ignored))
		return syntax(c);
	next(c);
	if (!is(c, "]"))
		return syntax(c);
	next(c);
	return true;
}

static bool dynamic_ends(struct cursor *c, struct policy_rule *rule, enum policy_dir_text dir,
			 bool me_first)
{
	next(c);
	if (!accept_word(c, "-") || !is(c, me_first ? "any" : "me"))
		return syntax(c);
	/* The any side is the far one: source of what comes in, destination of what goes out. */
	if (me_first != (dir == POLICY_TEXT_OUT))
		return refuse(c, "Invalid direction");
	rule->ends = me_first ? RULE_ENDS_ME_ANY : RULE_ENDS_ANY_ME;
	next(c);
	return true;
}

static bool ends(struct cursor *c, struct policy_rule *rule, enum policy_dir_text dir)
{
	bool src_port, dst_port;

	if (is(c, "me") || is(c, "any"))
		return dynamic_ends(c, rule, dir, is(c, "me"));
	if (!address(c, rule, &rule->src) || !port(c, &src_port))
		return false;
	if (!accept_word(c, "-"))
		return syntax(c);
	if (!address(c, rule, &rule->dst))
		return false;
	if (rule->src.family != rule->dst.family) {
		refuse(c, "Family mismatch");
		memcpy(c->err->token, c->before, sizeof(c->err->token));
		return false;
	}
	if (!port(c, &dst_port))
		return false;
	if (src_port != dst_port)
		return syntax(c);
	rule->ports = src_port;
	rule->ends = RULE_ENDS_GIVEN;
	return true;
}

static bool level(struct cursor *c, struct policy_rule *rule)
{
	uint64_t reqid;

	if (is(c, "default")) {
		rule->level = RULE_DEFAULT;
	} else if (is(c, "use")) {
		rule->level = RULE_USE;
	} else if (is(c, "require")) {
		rule->level = RULE_REQUIRE;
	} else if (is(c, "unique")) {
		rule->level = RULE_UNIQUE;
	} else if (!strncmp(c->word, "unique:", 7) && number(c->word + 7, UINT32_MAX, &reqid)) {
		rule->level = RULE_UNIQUE;
		rule->reqid = (uint32_t)reqid;
	} else {
		return syntax(c);
	}
	next(c);
	return true;
}

/* What follows the mode: both parts may be missing or empty. */
static bool rule_tail(struct cursor *c, struct policy_rule *rule, enum policy_dir_text dir)
{
	if (!accept_word(c, "/"))
		return true;
	if (c->is_word && !is_rule_start(c) && !ends(c, rule, dir))
		return false;
	if (!accept_word(c, "/"))
		return true;
	return !c->is_word || is_rule_start(c) || level(c, rule);
}

static bool rule(struct cursor *c, struct policy_rule *out, enum policy_dir_text dir)
{
	if (is(c, "esp"))
		out->proto = RULE_ESP;
	else if (is(c, "ah"))
		out->proto = RULE_AH;
	else if (is(c, "ipcomp"))
		out->proto = RULE_IPCOMP;
	else
		return syntax(c);
	next(c);
	if (!*c->word || is_rule_start(c))
		return refuse(c, "Too few arguments");
	if (!accept_word(c, "/"))
		return syntax(c);
	if (is(c, "transport"))
		out->mode = RULE_TRANSPORT;
	else if (is(c, "tunnel"))
		out->mode = RULE_TUNNEL;
	else
		return syntax(c);
	next(c);
	if (!rule_tail(c, out, dir))
		return false;
	if (out->mode == RULE_TUNNEL && out->ends == RULE_ENDS_ABSENT)
		return refuse(c, "Invalid address specification");
	return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool direction(struct cursor *c, enum policy_dir_text *out)
{
	if (is(c, "in"))
		*out = POLICY_TEXT_IN;
	else if (is(c, "out"))
		*out = POLICY_TEXT_OUT;
	else if (is(c, "fwd"))
		*out = POLICY_TEXT_FWD;
	else
		return syntax(c);
	next(c);
	return true;
}

static bool verb(struct cursor *c, enum policy_verb *out)
{
	static const struct {
		const char *name;
		enum policy_verb verb;
	} verbs[] = {
		{"discard", POLICY_VERB_DISCARD}, {"none", POLICY_VERB_NONE},
		{"bypass", POLICY_VERB_BYPASS},	  {"entrust", POLICY_VERB_ENTRUST},
		{"ipsec", POLICY_VERB_IPSEC},
	};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (accept_word(c, verbs[i].name)) {
			*out = verbs[i].verb;
			return true;
		}
	}
	return syntax(c);
}

/* FreeBSD: "-hwif NAME" closes the policy. */
static bool hardware_interface(struct cursor *c, bool *out)
{
	if (!accept_word(c, "-"))
		return true;
	if (!accept_word(c, "hwif") || !c->is_word)
		return syntax(c);
	*out = true;
	next(c);
	return true;
}

static bool policy(struct cursor *c, struct policy_spec *spec)
{
	if (!direction(c, &spec->dir))
		return false;
	if (!*c->word)
		return true;
	if (is(c, "priority") || is(c, "prio")) {
		next(c);
		if (!priority(c, &spec->priority))
			return false;
	}
	if (!verb(c, &spec->verb))
		return false;
	while (spec->verb == POLICY_VERB_IPSEC && c->is_word) {
		if (spec->rules == POLICY_RULES_MAX)
			return refuse(c, "too many rules");
		if (!rule(c, &spec->rule[spec->rules], spec->dir))
			return false;
		spec->rules++;
	}
	if (!hardware_interface(c, &spec->hwif))
		return false;
	return *c->word ? syntax(c) : true;
}

bool policy_text_parse(const char *text, struct policy_spec *out, struct policy_error *err)
{
	struct cursor c = {.at = text, .err = err};
	struct policy_spec spec = {.priority = POLICY_PRIORITY_DEFAULT};

	next(&c);
	if (!policy(&c, &spec))
		return false;
	*out = spec;
	return true;
}
