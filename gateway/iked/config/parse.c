/*
 * parse.c: what the scanner and the grammar of configuration files lean on. Called by the generated
 * code only, but for config_parse_text.
 */
#include "gateway/iked/config/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The generated parser and scanner. */
int iked_yyparse(void *scanner, struct config_parse *p);
int iked_yylex_init_extra(struct config_parse *p, void **scanner);
int iked_yylex_destroy(void *scanner);

size_t config_parse_feed(struct config_parse *p, char *buf, size_t max)
{
	size_t take = p->left < max ? p->left : max;

	memcpy(buf, p->text, take);
	p->text += take;
	p->left -= take;
	return take;
}

bool config_parse_name(struct config_parse *p, const char *text, size_t len)
{
	if (len > CONFIG_NAME_MAX || memchr(text, '\0', len)) {
		p->lexical = "a name longer than 255 characters, or with a NUL in it";
		return false;
	}
	memcpy(p->name, text, len);
	p->name[len] = '\0';
	return true;
}

bool config_parse_piece(struct config_parse *p, const char *text, size_t len)
{
	size_t blank = p->blank ? 1 : 0;

	if (len + blank > CONFIG_VALUE_MAX - p->piece_len || memchr(text, '\0', len)) {
		p->lexical = "a value longer than 4096 characters, or with a NUL in it";
		return false;
	}
	if (blank)
		p->piece[p->piece_len++] = ' ';
	memcpy(p->piece + p->piece_len, text, len);
	p->piece_len += len;
	p->piece[p->piece_len] = '\0';
	p->blank = false;
	return true;
}

void config_parse_keep_name(struct config_parse *p)
{
	memcpy(p->pending, p->name, sizeof(p->pending));
	p->pending_line = p->line;
	p->references[0] = '\0';
}

bool config_parse_reference(struct config_parse *p)
{
	size_t used = strlen(p->references), len = strlen(p->name);

	if (used + len + 2 > sizeof(p->references)) {
		p->lexical = "too many references";
		return false;
	}
	if (used)
		p->references[used++] = ',';
	memcpy(p->references + used, p->name, len + 1);
	return true;
}

static struct config_node *make(struct config_parse *p)
{
	struct config_node *node = config_node_make(p->tree, p->section, p->pending, p->file,
						    p->pending_line, p->report);

	if (!node)
		p->told = true;
	return node;
}

bool config_parse_value(struct config_parse *p)
{
	struct config_node *node = make(p);

	if (!node)
		return false;
	if (!node->value && node->first) {
		p->lexical = "this is a section elsewhere, and cannot have a value";
		return false;
	}
	p->piece[p->piece_len] = '\0';
	if (!config_node_set(node, p->piece)) {
		p->told = true;
		return false;
	}
	/* The later one wins, so it is the one to talk about. */
	node->file = p->file;
	node->line = p->pending_line;
	return true;
}

bool config_parse_open(struct config_parse *p)
{
	struct config_node *node = make(p);

	if (!node)
		return false;
	if (node->value) {
		p->lexical = "this has a value elsewhere, and cannot be a section";
		return false;
	}
	if (p->references[0]) {
		free(node->references);
		node->references = strdup(p->references);
		if (!node->references) {
			p->told = true;
			return false;
		}
	}
	p->section = node;
	return true;
}

void config_parse_close(struct config_parse *p)
{
	p->section = p->section->parent;
}

void config_parse_error(struct config_parse *p, const char *text)
{
	const struct config_node at = {.file = p->file, .line = p->line};

	p->failed = true;
	if (p->told) /* reported where it happened */
		return;
	config_error(p->report, &at, "%s",
		     p->lexical ? p->lexical
		     : text	? text
				: "cannot be read");
	p->lexical = NULL;
}

int config_parse_text(struct config_tree *tree, struct config_node *section, const char *name,
		      const char *text, size_t len, unsigned include_depth, bool from_memory,
		      struct config_report *report)
{
	struct config_parse *p = calloc(1, sizeof(*p));
	void *scanner;
	int rc = -ENOMEM;

	if (!p)
		return -ENOMEM;
	*p = (struct config_parse){.tree = tree,
				   .report = report,
				   .section = section,
				   .file = config_file_keep(tree, name),
				   .text = text,
				   .left = len,
				   .line = 1,
				   .include_depth = include_depth,
				   .from_memory = from_memory};
	if (!p->file || iked_yylex_init_extra(p, &scanner) != 0)
		goto free_parse;
	if (iked_yyparse(scanner, p) != 0)
		p->failed = true;
	iked_yylex_destroy(scanner);
	rc = p->failed ? -EINVAL : 0;
free_parse:
	explicit_bzero(p, sizeof(*p));
	free(p);
	return rc;
}
