/*
 * inherit.c: "name : other, a.b { }": what a section does not say itself it has from the sections it
 * refers to, the earlier reference first. References are absolute, "connections.defaults".
 */
#include "gateway/iked/config/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Copies what from has and into lacks, whole sections too. */
static int merge(struct config_tree *tree, struct config_node *into, const struct config_node *from,
		 struct config_report *report)
{
	int rc = 0;

	for (const struct config_node *n = from->first; n && !rc; n = n->next) {
		const struct config_node *own = config_node_lookup(into, n->name);
		struct config_node *copy;

		if (own && (own->value || n->value))
			continue;
		copy = config_node_make(tree, into, n->name, n->file, n->line, report);
		if (!copy)
			return -EINVAL;
		if (n->value)
			rc = config_node_set(copy, n->value) ? 0 : -ENOMEM;
		else
			rc = merge(tree, copy, n, report);
	}
	return rc;
}

static struct config_node *find_path(struct config_tree *tree, char *path)
{
	struct config_node *at = &tree->root;
	char *save = NULL;

	for (char *name = strtok_r(path, ".", &save); name; name = strtok_r(NULL, ".", &save)) {
		struct config_node *n = at->first;

		while (n && strcmp(n->name, name) != 0)
			n = n->next;
		if (!n || n->value)
			return NULL;
		at = n;
	}
	return at == &tree->root ? NULL : at;
}

static bool lies_within(const struct config_node *node, const struct config_node *section)
{
	for (; node; node = node->parent) {
		if (node == section)
			return true;
	}
	return false;
}

static int resolve(struct config_tree *tree, struct config_node *section,
		   struct config_report *report);

/* Sections inside first, so that what is copied is complete. */
static int resolve_below(struct config_tree *tree, struct config_node *section,
			 struct config_report *report)
{
	int rc = 0;

	for (struct config_node *n = section->first; n && !rc; n = n->next) {
		if (!n->value)
			rc = resolve(tree, n, report);
	}
	return rc;
}

static int resolve_one(struct config_tree *tree, struct config_node *section, char *path,
		       struct config_report *report)
{
	struct config_node *from = find_path(tree, path);
	int rc;

	if (!from) {
		config_error(report, section, "\"%s\" inherits from \"%s\", which is no section",
			     section->name, path);
		return -EINVAL;
	}
	if (from->resolving || lies_within(section, from) || lies_within(from, section)) {
		config_error(report, section, "\"%s\" inherits from itself", section->name);
		return -EINVAL;
	}
	from->referenced = true;
	rc = resolve(tree, from, report);
	return rc ? rc : merge(tree, section, from, report);
}

static int resolve(struct config_tree *tree, struct config_node *section,
		   struct config_report *report)
{
	char *save = NULL, *references;
	int rc;

	section->resolving = true;
	rc = resolve_below(tree, section, report);
	references = section->references;
	section->references = NULL;
	if (references && !rc) {
		for (char *path = strtok_r(references, ",", &save); path && !rc;
		     path = strtok_r(NULL, ",", &save))
			rc = resolve_one(tree, section, path, report);
	}
	free(references);
	section->resolving = false;
	return rc;
}

int config_tree_inherit(struct config_tree *tree, struct config_report *report)
{
	return resolve_below(tree, &tree->root, report);
}
