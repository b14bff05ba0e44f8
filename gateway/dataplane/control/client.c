/*
 * client.c: one connection: moves datagrams between the socket and its session. Reads only
 * while the session wants more, writes until the socket is full, and goes on when it is not: so a
 * client that does not read stops nobody but itself. Made by control.c.
 */
#include "gateway/dataplane/control/parts.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	struct client *prev, *next; /* control's list */
	int fd;			    /* owned */
	struct event *readable;	    /* owned; pending while the session wants input */
	struct event *writable;	    /* owned; pending while answers wait, or a dump does */
	struct session session;
};

void client_close(struct client *client)
{
	struct control *c = client->session.control;

	if (client->prev)
		client->prev->next = client->next;
	else
		c->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	c->client_count--;
	if (client->readable)
		event_free(client->readable);
	if (client->writable)
		event_free(client->writable);
	close(client->fd);
	session_fini(&client->session);
	free(client);
}

/* Reads one datagram. 1; 0: there is none now; -errno: the connection is over. */
static int receive_one(struct client *client)
{
	struct session *s = &client->session;
	ssize_t n = recv(client->fd, s->in, sizeof(s->in), MSG_DONTWAIT | MSG_TRUNC);
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) /* the end; an empty datagram looks the same */
		return n < 0 ? -errno : -ECONNRESET;
	rc = session_received(s, (size_t)n);
	return rc ? rc : 1;
}

static ssize_t send_one(int fd, const struct datagram *d)
{
	struct iovec iov = {(void *)(uintptr_t)d->bytes, d->len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};

	if (d->fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &d->fd, sizeof(d->fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* 0: nothing left, or the socket is full; -errno. */
static int send_waiting(struct client *client)
{
	struct session *s = &client->session;

	while (s->first) {
		const struct datagram *d = s->first;

		if (send_one(client->fd, d) < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
		}
		datagram_free(session_pop(s));
	}
	return 0;
}

/* Asks for the events there is a use for, and for no others: they are level-triggered. */
static int rearm(struct client *client)
{
	struct session *s = &client->session;
	bool more = s->first || s->dump.active || s->in_len;
	int rc = 0;

	rc |= session_wants_input(s) ? event_add(client->readable, NULL)
				     : event_del(client->readable);
	rc |= more ? event_add(client->writable, NULL) : event_del(client->writable);
	return rc ? -ENOMEM : 0;
}

/* Works until the client has had its turn or there is nothing to do. Closes the client if that is
 * what it came to. */
static void work(struct client *client)
{
	struct session *s = &client->session;
	int rc = session_run(s);

	if (!rc)
		rc = send_waiting(client);
	for (int turn = 0; !rc && turn < CONTROL_TURN && session_wants_input(s); turn++) {
		rc = receive_one(client);
		if (rc <= 0)
			break;
		rc = session_run(s);
		if (!rc)
			rc = send_waiting(client);
	}
	if (!rc)
		rc = rearm(client);
	if (rc)
		client_close(client);
}

static struct client *client_of(struct session *s)
{
	return (struct client *)(void *)((char *)s - offsetof(struct client, session));
}

/* If there is no memory to ask for the event, the client's own next turn brings it. */
static void kick(struct session *s)
{
	(void)event_add(client_of(s)->writable, NULL);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd; /* the client knows it */
	(void)what;
	work(arg);
}

int client_new(struct control *c, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	socklen_t peer_len = sizeof(client->session.peer);

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	session_init(&client->session, c);
	client->session.kick = kick;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->session.peer, &peer_len);
	client->next = c->clients;
	if (client->next)
		client->next->prev = client;
	c->clients = client;
	c->client_count++;
	client->readable = event_new(c->base, fd, EV_READ | EV_PERSIST, on_event, client);
	client->writable = event_new(c->base, fd, EV_WRITE | EV_PERSIST, on_event, client);
	if (!client->readable || !client->writable || rearm(client) < 0) {
		client_close(client);
		return -ENOMEM;
	}
	return 0;
}
