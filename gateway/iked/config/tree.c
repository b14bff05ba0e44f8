/*
 * tree.c: the nodes of a configuration, and what is said about them.
 */
#include "gateway/iked/config/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report_line(struct config_report *report, const struct config_node *at, bool error,
			const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void report_line(struct config_report *report, const struct config_node *at, bool error,
			const char *format, va_list args)
{
	char text[CONFIG_MESSAGE_MAX];
	int len = 0;

	if (at && at->file)
		len = snprintf(text, sizeof(text), "%.200s:%u: ", at->file, at->line);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	if (error)
		report->errors++;
	else
		report->warnings++;
	report->say(report->ctx, error, text);
}

void config_error(struct config_report *report, const struct config_node *at, const char *format,
		  ...)
{
	va_list args;

	va_start(args, format);
	report_line(report, at, true, format, args);
	va_end(args);
}

void config_warn(struct config_report *report, const struct config_node *at, const char *format,
		 ...)
{
	va_list args;

	va_start(args, format);
	report_line(report, at, false, format, args);
	va_end(args);
}

void config_text_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

const char *config_file_keep(struct config_tree *tree, const char *name)
{
	struct config_file *file = tree->files;

	if (file && !strcmp(file->name, name))
		return file->name;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->name = strdup(name);
	if (!file->name) {
		free(file);
		return NULL;
	}
	file->next = tree->files;
	tree->files = file;
	return file->name;
}

static struct config_node *find(const struct config_node *section, const char *name)
{
	for (struct config_node *n = section->first; n; n = n->next) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

const struct config_node *config_node_lookup(const struct config_node *section, const char *name)
{
	return find(section, name);
}

struct config_node *config_node_make(struct config_tree *tree, struct config_node *section,
				     const char *name, const char *file, unsigned line,
				     struct config_report *report)
{
	struct config_node *node = find(section, name);
	struct config_node place = {.file = file, .line = line};

	if (node)
		return node;
	if (tree->nodes >= CONFIG_NODES_MAX || section->depth >= CONFIG_DEPTH_MAX) {
		config_error(report, &place, "too many sections and keys, or too deep ones");
		return NULL;
	}
	node = calloc(1, sizeof(*node));
	if (node)
		node->name = strdup(name);
	if (!node || !node->name) {
		free(node);
		config_error(report, &place, "out of memory");
		return NULL;
	}
	node->file = file;
	node->line = line;
	node->depth = section->depth + 1;
	node->parent = section;
	if (section->last)
		section->last->next = node;
	else
		section->first = node;
	section->last = node;
	tree->nodes++;
	return node;
}

bool config_node_set(struct config_node *node, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	config_text_free(node->value);
	node->value = copy;
	return true;
}

static void free_children(struct config_node *section)
{
	struct config_node *n = section->first, *next;

	for (; n; n = next) {
		next = n->next;
		free_children(n);
		config_text_free(n->value);
		free(n->references);
		free(n->name);
		free(n);
	}
	section->first = section->last = NULL;
}

void config_tree_free(struct config_tree *tree)
{
	struct config_file *next;

	if (!tree)
		return;
	free_children(&tree->root);
	for (struct config_file *f = tree->files; f; f = next) {
		next = f->next;
		free(f->name);
		free(f);
	}
	free(tree);
}

const struct config_node *config_tree_root(const struct config_tree *tree)
{
	return &tree->root;
}

int config_tree_parse(const char *name, const char *text, size_t len, struct config_report *report,
		      struct config_tree **out)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));
	int rc;

	if (!tree)
		return -ENOMEM;
	rc = config_parse_text(tree, &tree->root, name, text, len, 0, true, report);
	if (!rc)
		rc = config_tree_inherit(tree, report);
	if (rc) {
		config_tree_free(tree);
		return rc;
	}
	*out = tree;
	return 0;
}
