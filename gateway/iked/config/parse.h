/*
 * parse.h: between the scanner, the grammar and those who fill the tree (tree.c, inherit.c, load.c).
 */
#ifndef CYGNET_IKED_PARSE_H
#define CYGNET_IKED_PARSE_H

#include "gateway/iked/config/tree.h"

#include <stdint.h>

struct config_file {
	char *name; /* owned */
	struct config_file *next;
};

struct config_tree {
	struct config_node root;
	struct config_file *files; /* owned */
	unsigned nodes;
};

/* A word of the file; text is the parse's, valid until the next word. */
struct config_word {
	unsigned line;
};

/* One file being read. */
struct config_parse {
	struct config_tree *tree;
	struct config_report *report;
	struct config_node *section; /* being filled */
	const char *file;	     /* the tree's */
	const char *text;	     /* what is left of it */
	size_t left;
	unsigned line, include_depth;
	bool from_memory, failed;
	bool told;	     /* the failure was reported already */
	const char *lexical; /* what was wrong with the last word; NULL: nothing */
	char name[CONFIG_NAME_MAX + 1];
	char pending[CONFIG_NAME_MAX + 1]; /* the name before '=', '{' or ':' */
	unsigned pending_line;
	char references[CONFIG_VALUE_MAX + 1];
	char piece[CONFIG_VALUE_MAX + 1]; /* the value being read; wiped */
	size_t piece_len;
	bool blank; /* a blank is due before the next piece */
};

/* Reads text into section, which is the tree's. 0, -EINVAL (reported), -ENOMEM. */
int config_parse_text(struct config_tree *tree, struct config_node *section, const char *name,
		      const char *text, size_t len, unsigned include_depth, bool from_memory,
		      struct config_report *report);
/* Reads the files that pattern names, seen from the file of p. False: reported. */
bool config_parse_include(struct config_parse *p, const char *pattern);
/* Copies what references name into the sections that have them. 0, -EINVAL (reported), -ENOMEM. */
int config_tree_inherit(struct config_tree *tree, struct config_report *report);

/* Called by scanner and grammar; false: p->lexical says why, or it was told already. */
size_t config_parse_feed(struct config_parse *p, char *buf, size_t max);
bool config_parse_name(struct config_parse *p, const char *text, size_t len);
bool config_parse_piece(struct config_parse *p, const char *text, size_t len);
void config_parse_keep_name(struct config_parse *p);
bool config_parse_reference(struct config_parse *p);
bool config_parse_value(struct config_parse *p);
bool config_parse_open(struct config_parse *p);
void config_parse_close(struct config_parse *p);
void config_parse_error(struct config_parse *p, const char *text);

/* The child of that name, made if there is none. NULL: no memory, or too many (reported). */
struct config_node *config_node_make(struct config_tree *tree, struct config_node *section,
				     const char *name, const char *file, unsigned line,
				     struct config_report *report);
bool config_node_set(struct config_node *node, const char *value);
/* The tree's copy of a file's name; NULL: no memory. */
const char *config_file_keep(struct config_tree *tree, const char *name);
void config_text_free(char *text); /* wipes first */

#endif
