/*
 * parse.h: text of the setkey language in, statements out, one callback a statement, as soon as
 * its semicolon was read. Pure but for the reader it is given; nothing is looked up. Called by
 * setkey, the unit tests and the fuzz target.
 */
#ifndef CYGNET_TOOLS_PARSE_H
#define CYGNET_TOOLS_PARSE_H

#include "tools/dialect.h"
#include "tools/statement.h"

#include <sys/types.h>

/* Fills buf with up to size bytes; 0 at the end, -errno on failure. */
struct setkey_source {
	ssize_t (*read)(void *ctx, char *buf, size_t size);
	void *ctx;
};

enum statement_result {
	STATEMENT_GO_ON,
	STATEMENT_STOP,	  /* exit: read no further */
	STATEMENT_INVALID /* counts as a statement that could not be parsed; reported already */
};

struct setkey_handlers {
	enum statement_result (*statement)(void *ctx, const struct statement *st);
	/* A statement could not be parsed. token: the last word, never a key. */
	void (*error)(void *ctx, unsigned line, const char *text, const char *token);
	/* Comes before error if policy text could not be read at token. */
	void (*policy_syntax)(void *ctx, const char *token);
	void *ctx;
	/* After an error: go on with the next statement (-c), or read no further (-f). */
	bool go_on;
	enum setkey_dialect dialect;
};

/* 0; -EINVAL if a statement could not be parsed; -ENOMEM; what read returned. */
int setkey_parse(const struct setkey_source *source, const struct setkey_handlers *handlers);

/* ---- between scanner, grammar and parse.c ------------------------------------------------- */

struct parse {
	const struct setkey_source *source;	/* borrowed */
	const struct setkey_handlers *handlers; /* borrowed */
	struct statement st;
	struct endpoint end;	       /* the one just parsed */
	char text[STATEMENT_TEXT_MAX]; /* words of the statement; wiped behind it */
	size_t used;
	char piece[POLICY_TEXT_MAX]; /* the quoted string or policy text being scanned; wiped */
	size_t piece_len;
	char shown[64];	     /* last token as an error may show it */
	bool near_key;	     /* -E or -A was read: what follows may be a key, or a piece of one */
	const char *lexical; /* what was wrong with the last token, NULL for nothing */
	unsigned line;
	int read_error;
	bool failed, stopped;
};

ssize_t parse_read(struct parse *p, char *buf, size_t size);
/* Remembers what of a token an error may show. */
void parse_show(struct parse *p, const char *text, size_t len, bool secret);
/* Copies text into the statement; parse_token shows it too. False, and p->lexical says why, if it
 * is too long: the scanner then returns its error token. */
bool parse_copy(struct parse *p, struct token *out, const char *text, size_t len);
bool parse_token(struct parse *p, struct token *out, const char *text, size_t len, bool secret);
bool parse_piece(struct parse *p, const char *text, size_t len, size_t max);
/* Appends one blank, if there is none yet. */
bool parse_piece_blank(struct parse *p, size_t max);
void parse_error(struct parse *p, const char *text, const char *token);
void parse_reset(struct parse *p);
/* The semicolon was read: hands the statement over. False: read no further. */
bool parse_finish(struct parse *p, enum statement_kind kind);

/* Values of tokens; each reports and returns false if the token does not fit. */
bool parse_u32(struct parse *p, const struct token *t, uint32_t *out);
/* -r, in the dialect's unit. */
bool parse_replay(struct parse *p, const struct token *t);
bool parse_u64(struct parse *p, const struct token *t, uint64_t *out);
bool parse_spi(struct parse *p, const struct token *t);
bool parse_pad(struct parse *p, const struct token *t);
bool parse_algorithm(struct parse *p, struct key_text *out, int kind, const struct token *name,
		     const struct token *key);
bool parse_hex_key(struct parse *p, struct token *t);
bool parse_policy(struct parse *p, const struct token *t);
void parse_lookup(struct parse *p, const struct token *t);

#endif
