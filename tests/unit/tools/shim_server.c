/* shim_server.c: see shim_server.h. */
#include "shim_server.h"

#include "xfrm/xfrm.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS_MAX = 16, HEAR_TIMEOUT_MS = 5000 };

static pid_t server;
static int line = -1; /* the test's end */

struct client {
	int fd;
	struct cygnet_ctl ctl;
};

static void must(int truth)
{
	if (!truth)
		abort();
}

/* Of a NEWPOLICY; else 0. */
static uint16_t port_of(const union shim_heard *heard)
{
	struct xfrm_userpolicy_info info;

	if (heard->header.nlmsg_type != XFRM_MSG_NEWPOLICY)
		return 0;
	memcpy(&info, heard->bytes + NLMSG_HDRLEN, sizeof(info));
	return info.sel.dport;
}

static void acknowledge(const struct client *c, const struct nlmsghdr *request, int error)
{
	const struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} ack = {
		.header = {.nlmsg_len = sizeof(ack),
			   .nlmsg_type = NLMSG_ERROR,
			   .nlmsg_seq = request->nlmsg_seq,
			   .nlmsg_pid = c->ctl.portid},
		.error = {.error = error, .msg = *request},
	};

	(void)send(c->fd, &ack, sizeof(ack), MSG_NOSIGNAL);
}

static void answer(const struct client *c, const union shim_heard *heard)
{
	const struct nlmsghdr *request = &heard->header;
	const struct nlmsghdr reply = {.nlmsg_len = sizeof(reply),
				       .nlmsg_type = XFRM_MSG_NEWSA,
				       .nlmsg_seq = request->nlmsg_seq,
				       .nlmsg_pid = c->ctl.portid};

	if (request->nlmsg_type == XFRM_MSG_GETSA)
		(void)send(c->fd, &reply, sizeof(reply), MSG_NOSIGNAL);
	else if (request->nlmsg_flags & NLM_F_ACK && request->nlmsg_type != XFRM_MSG_GETSADINFO &&
		 port_of(heard) != SHIM_SERVER_MUTE)
		acknowledge(c, request, port_of(heard) == SHIM_SERVER_NO ? -EINVAL : 0);
}

/* False: it has gone. */
static int serve(struct client *c, int test)
{
	union shim_heard heard;
	ssize_t n = recv(c->fd, &heard, sizeof(heard), 0);

	if (n < (ssize_t)sizeof(heard.header))
		return 0;
	if (heard.header.nlmsg_type == CYGNET_MSG_CTL)
		memcpy(&c->ctl, heard.bytes + NLMSG_HDRLEN, sizeof(c->ctl));
	answer(c, &heard);
	must(send(test, &heard, (size_t)n, 0) == n);
	return 1;
}

static void broadcast(const struct client *clients, unsigned len, int test)
{
	uint8_t bytes[SHIM_SERVER_BYTES];
	ssize_t n = recv(test, bytes, sizeof(bytes), 0);

	if (n <= 0)
		_exit(0);
	for (unsigned i = 0; i < len; i++) {
		if (clients[i].ctl.groups)
			(void)send(clients[i].fd, bytes, (size_t)n, MSG_NOSIGNAL);
	}
}

static void welcome(struct client *c, int listener, int test)
{
	const struct nlmsghdr note = {.nlmsg_len = sizeof(note), .nlmsg_type = SHIM_SERVER_CLIENT};

	*c = (struct client){.fd = accept(listener, NULL, NULL)};
	must(c->fd >= 0 && send(test, &note, sizeof(note), 0) == sizeof(note));
}

static void run(int listener, int test)
{
	struct client clients[CLIENTS_MAX];
	unsigned len = 0;

	for (;;) {
		struct pollfd fds[CLIENTS_MAX + 2] = {{.fd = listener, .events = POLLIN},
						      {.fd = test, .events = POLLIN}};

		for (unsigned i = 0; i < len; i++)
			fds[i + 2] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		must(poll(fds, len + 2, -1) > 0);
		for (unsigned i = len; i-- > 0;) {
			if (fds[i + 2].revents && !serve(&clients[i], test)) {
				close(clients[i].fd);
				clients[i] = clients[--len];
			}
		}
		if (fds[1].revents)
			broadcast(clients, len, test);
		if (fds[0].revents) {
			must(len < CLIENTS_MAX);
			welcome(&clients[len++], listener, test);
		}
	}
}

/* In the child: who listens is who the clients take it for. */
static void serve_all(int test)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, getenv(CYGNET_SOCKET_ENV));
	(void)unlink(addr.sun_path);
	must(bind(listener, (const struct sockaddr *)&addr, sizeof(addr)) == 0);
	must(listen(listener, CLIENTS_MAX) == 0);
	must(send(test, "", 1, 0) == 1);
	run(listener, test);
}

void shim_server_start(void)
{
	int ends[2];
	char ready;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0) {
		close(ends[0]);
		serve_all(ends[1]);
	}
	close(ends[1]);
	line = ends[0];
	ck_assert_int_eq(recv(line, &ready, 1, 0), 1);
}

void shim_server_kill(void)
{
	if (!server)
		return;
	ck_assert_int_eq(kill(server, SIGKILL), 0);
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	server = 0;
	close(line);
}

void shim_server_say(const void *bytes, size_t len)
{
	ck_assert_int_eq(send(line, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

void shim_server_hears(uint16_t type, union shim_heard *out)
{
	struct pollfd wait = {.fd = line, .events = POLLIN};

	do {
		memset(out, 0, sizeof(*out));
		ck_assert_msg(poll(&wait, 1, HEAR_TIMEOUT_MS) == 1,
			      "the server has not heard type %u", type);
		ck_assert_int_gt(recv(line, out, sizeof(*out), 0), 0);
	} while (out->header.nlmsg_type != type);
}

unsigned shim_server_heard(uint16_t type)
{
	union shim_heard heard;
	unsigned times = 0;

	while (recv(line, &heard, sizeof(heard), MSG_DONTWAIT) > 0)
		times += heard.header.nlmsg_type == type;
	return times;
}
