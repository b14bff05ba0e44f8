/*
 * carry.c: a tree as bytes and back, for a configuration that root read and a daemon without privileges
 * is to use. Files, lines and all names stay as they are, so messages do too.
 */
#include "gateway/iked/config/parse.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A node, followed by file, name and value. */
struct carried {
	uint32_t depth, line;
	uint16_t file_len, name_len, value_len;
	uint8_t is_value, referenced;
};

struct bytes {
	uint8_t *at;
	size_t len, room;
};

static bool put(struct bytes *b, const void *data, size_t len)
{
	if (b->room - b->len < len) {
		size_t room = 2 * (b->room + len) + 4096;
		uint8_t *grown = malloc(room);

		if (!grown)
			return false;
		/* The old one may hold secrets. */
		if (b->at) {
			memcpy(grown, b->at, b->len);
			explicit_bzero(b->at, b->len);
			free(b->at);
		}
		b->at = grown;
		b->room = room;
	}
	if (len)
		memcpy(b->at + b->len, data, len);
	b->len += len;
	return true;
}

static bool put_children(struct bytes *b, const struct config_node *section)
{
	for (const struct config_node *n = section->first; n; n = n->next) {
		const char *value = n->value ? n->value : "";
		struct carried head = {
			.depth = n->depth,
			.line = n->line,
			.file_len = (uint16_t)strlen(n->file),
			.name_len = (uint16_t)strlen(n->name),
			.value_len = (uint16_t)strlen(value),
			.is_value = n->value != NULL,
			.referenced = n->referenced,
		};

		if (!put(b, &head, sizeof(head)) || !put(b, n->file, head.file_len) ||
		    !put(b, n->name, head.name_len) || !put(b, value, head.value_len) ||
		    !put_children(b, n))
			return false;
	}
	return true;
}

int config_tree_carry(const struct config_tree *tree, uint8_t **out, size_t *len)
{
	struct bytes b = {0};

	if (!put_children(&b, &tree->root)) {
		config_bytes_free(b.at, b.len);
		return -ENOMEM;
	}
	*out = b.at;
	*len = b.len;
	return 0;
}

void config_bytes_free(uint8_t *bytes, size_t len)
{
	if (bytes)
		explicit_bzero(bytes, len);
	free(bytes);
}

/* Takes len bytes off the front as a string; NULL: there are not so many, or no memory. */
static char *take(struct bytes *b, size_t len)
{
	char *text;

	if (b->len < len)
		return NULL;
	text = strndup((const char *)b->at, len);
	b->at += len;
	b->len -= len;
	return text;
}

static int take_node(struct bytes *b, struct config_tree *tree, struct config_node **last,
		     struct config_report *report)
{
	struct carried head;
	char *file, *name, *value;
	struct config_node *node = NULL, *section = *last;
	bool ok = false;

	if (b->len < sizeof(head))
		return -EINVAL;
	memcpy(&head, b->at, sizeof(head));
	b->at += sizeof(head);
	b->len -= sizeof(head);
	file = take(b, head.file_len);
	name = take(b, head.name_len);
	value = take(b, head.value_len);
	while (section && section->depth >= head.depth)
		section = section->parent;
	if (file && name && value && section && head.depth == section->depth + 1 && !section->value)
		node = config_node_make(tree, section, name, config_file_keep(tree, file),
					head.line, report);
	if (node)
		ok = !head.is_value || config_node_set(node, value);
	if (ok) {
		node->referenced = head.referenced;
		*last = node;
	}
	free(file);
	free(name);
	config_text_free(value);
	return ok ? 0 : -EINVAL;
}

int config_tree_take(const uint8_t *bytes, size_t len, struct config_report *report,
		     struct config_tree **out)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));
	struct bytes b = {.at = (uint8_t *)bytes, .len = len};
	struct config_node *last;
	int rc = 0;

	if (!tree)
		return -ENOMEM;
	last = &tree->root;
	while (b.len && !rc)
		rc = take_node(&b, tree, &last, report);
	if (rc) {
		config_error(report, NULL, "the configuration handed over cannot be read");
		config_tree_free(tree);
		return rc;
	}
	*out = tree;
	return 0;
}
