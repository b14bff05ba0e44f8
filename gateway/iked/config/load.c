/*
 * load.c: configuration files from disk, with the files they include. A pattern that matches nothing
 * is fine if it has wildcards, as with swanctl.
 */
#include "gateway/iked/config/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_whole(int fd, char *text, size_t size, size_t *len)
{
	ssize_t got;

	*len = 0;
	do {
		got = read(fd, text + *len, size - *len);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			*len += (size_t)got;
	} while (got && *len < size);
	return *len < size ? 0 : -EFBIG;
}

/* at: who asks for the file, for the message. */
static int parse_file(struct config_tree *tree, struct config_node *section, const char *path,
		      unsigned depth, const struct config_node *at, struct config_report *report)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = NULL;
	struct stat st;
	size_t len;
	int rc = 0;

	if (fd < 0) {
		config_error(report, at, "%.300s: %s", path, strerror(errno));
		return -EINVAL;
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	if (!rc) {
		text = malloc(CONFIG_FILE_MAX);
		rc = text ? read_whole(fd, text, CONFIG_FILE_MAX, &len) : -ENOMEM;
	}
	close(fd);
	if (rc) {
		config_error(report, at, "%.300s: %s", path, strerror(-rc));
		rc = rc == -ENOMEM ? rc : -EINVAL;
	} else {
		rc = config_parse_text(tree, section, path, text, len, depth, false, report);
	}
	if (text)
		explicit_bzero(text, CONFIG_FILE_MAX);
	free(text);
	return rc;
}

/* Relative patterns are seen from the folder of the file that has them. */
static bool absolute(const struct config_parse *p, const char *pattern, char *buf, size_t size)
{
	const char *slash = strrchr(p->file, '/');
	int folder = slash ? (int)(slash - p->file + 1) : 0;
	int len;

	if (pattern[0] == '/')
		folder = 0;
	len = snprintf(buf, size, "%.*s%s", folder, p->file, pattern);
	return len >= 0 && (size_t)len < size;
}

bool config_parse_include(struct config_parse *p, const char *pattern)
{
	const struct config_node at = {.file = p->file, .line = p->line};
	char path[CONFIG_VALUE_MAX];
	glob_t found = {0};
	bool ok = true;

	p->piece[p->piece_len] = '\0';
	if (p->from_memory)
		p->lexical = "include has no place here";
	else if (p->include_depth >= CONFIG_DEPTH_MAX)
		p->lexical = "files include each other too deep";
	else if (!pattern[0] || !absolute(p, pattern, path, sizeof(path)))
		p->lexical = "include wants the name of a file";
	if (p->lexical)
		return false;
	/* Without wildcards the file itself, so that its absence is an error. */
	switch (glob(path, GLOB_NOMAGIC, NULL, &found)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return true;
	default:
		p->lexical = "the files to include cannot be listed";
		return false;
	}
	for (size_t i = 0; i < found.gl_pathc && ok; i++)
		ok = parse_file(p->tree, p->section, found.gl_pathv[i], p->include_depth + 1, &at,
				p->report) == 0;
	globfree(&found);
	/* Reported there. */
	p->told = !ok;
	return ok;
}

int config_tree_read(const char *path, struct config_report *report, struct config_tree **out)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));
	int rc;

	if (!tree)
		return -ENOMEM;
	rc = parse_file(tree, &tree->root, path, 0, NULL, report);
	if (!rc)
		rc = config_tree_inherit(tree, report);
	if (rc) {
		config_tree_free(tree);
		return rc;
	}
	*out = tree;
	return 0;
}
