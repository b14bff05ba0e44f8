/*
 * control_verbs.c: what clients ask for.
 */
#include "gateway/iked/control.h"
#include "gateway/iked/iked.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CARRIED_MAX = 8 * CONFIG_FILE_MAX };

static const char *string_of(const json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text && *text ? text : NULL;
}

static void refuse(struct control_client *client, int rc, const char *connection, const char *child)
{
	const char *missing = iked_missing_address(control_iked(client), connection);
	char text[CONFIG_NAME_MAX + 3 * IKE_NAME_MAX + 64];

	if (rc == -ENOENT && missing)
		snprintf(text, sizeof(text), "%.64s: %s has no address yet; it is asked for again",
			 connection, missing);
	else if (rc == -ENOENT)
		snprintf(text, sizeof(text),
			 "%.64s%s%.64s: there is none of that name, or none is up", connection,
			 child ? "/" : "", child ? child : "");
	else if (rc == -EHOSTUNREACH)
		snprintf(text, sizeof(text),
			 "%.64s: its remote_addrs has no single address, or there is no route",
			 connection);
	else
		snprintf(text, sizeof(text), "%.64s: %s", connection, strerror(-rc));
	control_done(client, false, text);
}

typedef int (*wish)(struct ike *ike, uint64_t now_ms, const char *connection, const char *child,
		    uint32_t request);

/* up and down: the answer comes with an event. */
static void wish_for(struct control_client *client, const json_t *request, wish fn)
{
	const char *connection = string_of(request, "connection");
	const char *child = string_of(request, "child");
	uint32_t id = control_new_request(client);
	int rc;

	if (!connection) {
		control_done(client, false, "a connection's name is wanted");
		return;
	}
	control_wait(client, id, connection);
	rc = fn(control_iked(client)->ike, iked_now_ms(), connection, child, id);
	if (rc)
		refuse(client, rc, connection, child);
}

static void serve_up(struct control_client *client, const json_t *request, int fd)
{
	(void)fd;
	wish_for(client, request, ike_initiate);
}

static void serve_down(struct control_client *client, const json_t *request, int fd)
{
	(void)fd;
	wish_for(client, request, ike_terminate);
}

static void serve_rekey(struct control_client *client, const json_t *request, int fd)
{
	const char *connection = string_of(request, "connection");
	const char *child = string_of(request, "child");
	int rc = connection ? ike_rekey(control_iked(client)->ike, iked_now_ms(), connection, child)
			    : -ENOENT;

	(void)fd;
	if (rc)
		refuse(client, rc, connection ? connection : "", child);
	else
		control_done(client, true, "rekeying");
}

static void serve_status(struct control_client *client, const json_t *request, int fd)
{
	(void)request;
	(void)fd;
	control_status(client);
}

static void serve_keys(struct control_client *client, const json_t *request, int fd)
{
	(void)request;
	(void)fd;
	if (!control_is_root(client)) {
		control_done(client, false, "only root may see keys");
		return;
	}
	control_want_keys(client);
	ike_export_keys(control_iked(client)->ike);
	iked_pump(control_iked(client));
	control_done(client, true, NULL);
}

/* ---- load ------------------------------------------------------------------------------------- */

static void say_client(void *ctx, bool error, const char *text)
{
	char line[CONFIG_MESSAGE_MAX + 16];

	snprintf(line, sizeof(line), "%s: %s", error ? "error" : "warning", text);
	control_line(ctx, line);
}

/* 0 and *bytes (owned); -errno. */
static int read_carried(int fd, uint8_t **bytes, size_t *len)
{
	off_t size = lseek(fd, 0, SEEK_END);
	uint8_t *at;
	ssize_t got;

	if (size < 0 || size > CARRIED_MAX)
		return -EFBIG;
	at = malloc((size_t)size + 1);
	if (!at)
		return -ENOMEM;
	*len = 0;
	do {
		got = pread(fd, at + *len, (size_t)size - *len, (off_t)*len);
		if (got > 0)
			*len += (size_t)got;
	} while (got > 0 && *len < (size_t)size);
	if (*len < (size_t)size) {
		config_bytes_free(at, *len);
		return -EIO;
	}
	*bytes = at;
	return 0;
}

static void serve_load(struct control_client *client, const json_t *request, int fd)
{
	struct config_report report = {.say = say_client, .ctx = client};
	struct config_tree *tree = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc;

	(void)request;
	if (!control_is_root(client) || fd < 0) {
		control_done(client, false, "only root may load, and with a configuration");
		return;
	}
	rc = read_carried(fd, &bytes, &len);
	if (!rc)
		rc = config_tree_take(bytes, len, &report, &tree);
	config_bytes_free(bytes, len);
	if (!rc)
		rc = iked_apply(control_iked(client), tree, &report);
	config_tree_free(tree);
	control_done(client, rc == 0, rc ? "nothing was changed" : "loaded");
}

/* ---- all -------------------------------------------------------------------------------------- */

void control_serve(struct control_client *client, const json_t *request, int fd)
{
	static const struct {
		const char *verb;
		void (*serve)(struct control_client *client, const json_t *request, int fd);
	} verbs[] = {
		{"up", serve_up},	  {"down", serve_down}, {"rekey", serve_rekey},
		{"status", serve_status}, {"keys", serve_keys}, {"load", serve_load},
	};
	const char *verb = string_of(request, "verb");

	for (unsigned i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verbs[i].verb, verb)) {
			verbs[i].serve(client, request, fd);
			return;
		}
	}
	control_done(client, false, "there is no such verb");
}
