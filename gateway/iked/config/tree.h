/*
 * tree.h: a configuration file as a tree: sections, keys, values, each with its file and line. The
 * grammar is swanctl.conf's: "name = value", "name { }", "name : other, a.b { }" (inherits what
 * those sections have), "include pattern", '#' to the end of the line. Read by load.c from files, by
 * tests and the fuzz target from memory. Values may be secrets: the tree is wiped when it is freed,
 * and no message shows a value that a key with a secret could have.
 */
#ifndef CYGNET_IKED_TREE_H
#define CYGNET_IKED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_sizes {
	CONFIG_NAME_MAX = 255,
	CONFIG_VALUE_MAX = 4096,
	CONFIG_DEPTH_MAX = 16,	   /* of sections, and of files that include files */
	CONFIG_NODES_MAX = 100000, /* inheritance multiplies */
	CONFIG_FILE_MAX = 1024 * 1024,
	CONFIG_MESSAGE_MAX = 512,
};

/* Where messages go: each a whole line, "file:line: text", without secrets. */
struct config_report {
	void (*say)(void *ctx, bool error, const char *text);
	void *ctx;
	unsigned errors, warnings;
};

struct config_node {
	char *name;	  /* owned */
	char *value;	  /* owned, wiped; NULL: a section */
	char *references; /* owned: "a.b,c" until they are resolved; NULL: none */
	const char *file; /* the tree's */
	unsigned line, depth;
	bool resolving, referenced;	   /* another section inherits from it */
	struct config_node *parent, *next; /* borrowed, owned */
	struct config_node *first, *last;  /* owned */
};

struct config_tree;

/* 0 and *out (owned); -EINVAL: reported; -ENOMEM. */
int config_tree_read(const char *path, struct config_report *report, struct config_tree **out)
	__attribute__((warn_unused_result));
/* The same from memory; include is refused. */
int config_tree_parse(const char *name, const char *text, size_t len, struct config_report *report,
		      struct config_tree **out) __attribute__((warn_unused_result));
void config_tree_free(struct config_tree *tree); /* NULL is fine */
/* As bytes, which config_tree_take makes the same tree of; *out is owned, and may hold secrets. 0,
 * -ENOMEM. take: 0; -EINVAL: reported; -ENOMEM. */
int config_tree_carry(const struct config_tree *tree, uint8_t **out, size_t *len)
	__attribute__((warn_unused_result));
int config_tree_take(const uint8_t *bytes, size_t len, struct config_report *report,
		     struct config_tree **out) __attribute__((warn_unused_result));
void config_bytes_free(uint8_t *bytes, size_t len); /* wipes first */
const struct config_node *config_tree_root(const struct config_tree *tree);

/* The child of that name; NULL. */
const struct config_node *config_node_lookup(const struct config_node *section, const char *name);

void config_error(struct config_report *report, const struct config_node *at, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));
void config_warn(struct config_report *report, const struct config_node *at, const char *format,
		 ...) __attribute__((format(printf, 3, 4)));

#endif
