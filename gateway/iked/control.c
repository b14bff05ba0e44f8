/*
 * control.c: see control.h: clients, their datagrams, and who waits for what.
 */
#include "gateway/iked/control.h"

#include "gateway/dataplane/log.h"
#include "gateway/iked/iked.h"
#include "gateway/iked/key_table.h"

#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct control_client {
	struct control *control;
	struct control_client *next;
	int fd; /* owned */
	uid_t uid;
	struct event *readable; /* owned */
	uint32_t waits_for;	/* request; 0: nothing */
	char connection[IKE_NAME_MAX];
	bool wants_keys, dead;
};

struct control {
	struct iked *iked;		/* borrowed */
	int fd;				/* owned */
	struct event *acceptable;	/* owned */
	struct event *rested;		/* owned */
	struct control_client *clients; /* owned */
	unsigned count;
	uint32_t last_request;
};

/* ---- answers ---------------------------------------------------------------------------------- */

void control_send(struct control_client *client, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	/* A client that does not read is let go: what it waits for cannot be kept for it. */
	if (!text || send(client->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		client->dead = true;
	if (text)
		explicit_bzero(text, strlen(text)); /* it may be keys */
	free(text);
	json_decref(object);
}

void control_line(struct control_client *client, const char *text)
{
	control_send(client, json_pack("{s:s}", "line", text));
}

void control_done(struct control_client *client, bool ok, const char *text)
{
	client->waits_for = 0;
	client->connection[0] = '\0';
	control_send(client, json_pack("{s:b,s:s?}", "ok", ok, "text", text));
}

void control_wait(struct control_client *client, uint32_t request, const char *connection)
{
	client->waits_for = request;
	strncpy(client->connection, connection, sizeof(client->connection) - 1);
}

uint32_t control_new_request(struct control_client *client)
{
	struct control *c = client->control;

	if (++c->last_request == 0)
		c->last_request = 1;
	return c->last_request;
}

struct iked *control_iked(struct control_client *client)
{
	return client->control->iked;
}

bool control_is_root(const struct control_client *client)
{
	return client->uid == 0;
}

/* ---- clients ---------------------------------------------------------------------------------- */

static void free_client(struct control_client *client)
{
	struct control *c = client->control;
	struct control_client **at = &c->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	c->count--;
	event_free(client->readable);
	close(client->fd);
	free(client);
}

static void free_dead(struct control *c)
{
	struct control_client *next;

	for (struct control_client *client = c->clients; client; client = next) {
		next = client->next;
		if (client->dead)
			free_client(client);
	}
}

/* Of the descriptors that came along the first is *passed (-1: none); nobody asked for others. */
static void take_descriptors(struct msghdr *msg, int *passed)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	for (; c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*passed < 0)
				*passed = fd;
			else
				close(fd);
		}
	}
}

/* One datagram and the descriptor beside it (owned by the caller; -1). */
static ssize_t receive(int fd, char *buf, size_t size, int *passed)
{
	struct iovec iov = {buf, size};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*passed = -1;
	if (got >= 0)
		take_descriptors(&msg, passed);
	return got;
}

static void serve(struct control_client *client, const char *text, size_t len, int fd)
{
	json_t *request = json_loadb(text, len, 0, NULL);

	if (client->waits_for)
		control_done(client, false, "the last request is not done yet");
	else if (!json_is_object(request))
		control_done(client, false, "a request is a JSON object");
	else
		control_serve(client, request, fd);
	json_decref(request);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct control_client *client = arg;
	struct control *c = client->control;
	char buf[4096];
	int passed;
	ssize_t got = receive(fd, buf, sizeof(buf), &passed);

	(void)what;
	if (got > 0)
		serve(client, buf, (size_t)got, passed);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		client->dead = true;
	if (passed >= 0)
		close(passed);
	iked_pump(c->iked);
	free_dead(c);
}

static void add_client(struct control *c, int fd)
{
	struct control_client *client = calloc(1, sizeof(*client));
	const int room = 1 << 20;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		goto err_free;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)); /* a wish */
	client->control = c;
	client->fd = fd;
	client->uid = cred.uid;
	client->readable = event_new(c->iked->base, fd, EV_READ | EV_PERSIST, on_readable, client);
	if (!client->readable || event_add(client->readable, NULL) < 0)
		goto err_free;
	client->next = c->clients;
	c->clients = client;
	c->count++;
	return;

err_free:
	if (client && client->readable)
		event_free(client->readable);
	free(client);
	close(fd);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* The connection stays in the backlog, and asking for it at once again would only burn time. */
static void rest(struct control *c)
{
	const struct timeval second = {.tv_sec = 1};

	log_warn("control: accept");
	if (event_add(c->rested, &second) == 0)
		(void)event_del(c->acceptable); /* cannot fail for an event that is ours */
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	if (event_add(c->acceptable, NULL) < 0)
		log_warnx("control: no memory to accept connections again");
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (client < 0) {
		if (is_shortage(errno))
			rest(c);
		return;
	}
	if (c->count >= CONTROL_CLIENTS_MAX)
		close(client);
	else
		add_client(c, client);
}

int control_open(struct control **out, struct iked *iked, int listen_fd)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->iked = iked;
	c->fd = listen_fd;
	c->acceptable = event_new(iked->base, listen_fd, EV_READ | EV_PERSIST, on_acceptable, c);
	c->rested = evtimer_new(iked->base, on_rested, c);
	if (!c->acceptable || !c->rested || event_add(c->acceptable, NULL) < 0) {
		control_close(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (struct control_client *client = c->clients; client; client = client->next)
		client->dead = true;
	free_dead(c);
	if (c->acceptable)
		event_free(c->acceptable);
	if (c->rested)
		event_free(c->rested);
	close(c->fd);
	free(c);
}

/* ---- events ----------------------------------------------------------------------------------- */

static bool concerns(const struct control_client *client, const struct ike_event *event)
{
	return client->waits_for && event->connection &&
	       !strcmp(client->connection, event->connection);
}

void control_on_event(struct control *c, const struct ike_event *event, const char *text)
{
	for (struct control_client *client = c ? c->clients : NULL; client; client = client->next) {
		if (client->dead || !concerns(client, event))
			continue;
		if (event->request && event->request == client->waits_for)
			control_done(client, event->kind != IKE_EV_FAILED, text);
		else
			control_line(client, text);
	}
}

void control_on_keys(struct control *c, const struct ike_key_action *keys)
{
	char line[KEY_TABLE_LINE_MAX];

	key_table_format(keys, line);
	for (struct control_client *client = c ? c->clients : NULL; client; client = client->next) {
		if (!client->dead && client->wants_keys)
			control_send(client, json_pack("{s:s}", "keys", line));
	}
	explicit_bzero(line, sizeof(line));
}

void control_want_keys(struct control_client *client)
{
	client->wants_keys = true;
}
