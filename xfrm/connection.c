/*
 * xfrm/connection.c: the client's socket. cygnetd's is UNIX SEQPACKET, which keeps datagrams apart
 * as netlink does; the kernel's is NETLINK_XFRM. Above this file nobody can tell them apart.
 */
#include "xfrm/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static const char *socket_path(const char *path)
{
	const char *named = getenv(CYGNET_SOCKET_ENV);

	if (path)
		return path;
	return named && named[0] ? named : CYGNET_SOCKET_DEFAULT;
}

static int refuse_connect(const char *path, int code, struct xfrm_error *err)
{
	switch (code) {
	case ENOENT:
	case ECONNREFUSED:
		return xfrm_error_set(err, -code, 0, "cygnetd is not running (%s: %s)", path,
				      strerror(code));
	case EACCES:
	case EPERM:
		return xfrm_error_set(err, -code, 0,
				      "no permission to talk to cygnetd (%s): be root or in its "
				      "control group",
				      path);
	case EPROTOTYPE:
		return xfrm_error_set(err, -code, 0, "%s is not a socket of cygnetd", path);
	default:
		return xfrm_error_set(err, -code, 0, "%s: %s", path, strerror(code));
	}
}

static int connect_cygnetd(const char *path, int *out, struct xfrm_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, code;

	if (strlen(path) >= sizeof(addr.sun_path))
		return xfrm_error_set(err, -ENAMETOOLONG, 0,
				      "a socket's path has at most %zu bytes: %s",
				      sizeof(addr.sun_path) - 1, path);
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return xfrm_error_set(err, -errno, 0, "UNIX socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		code = errno;
		close(fd);
		return refuse_connect(path, code, err);
	}
	*out = fd;
	return 0;
}

static int connect_kernel(int *out, struct xfrm_error *err)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM), on = 1, code;

	if (fd < 0 && errno == EPROTONOSUPPORT)
		return xfrm_error_set(err, -EPROTONOSUPPORT, 0,
				      "this kernel has no NETLINK_XFRM (CONFIG_XFRM_USER)");
	if (fd < 0)
		return xfrm_error_set(err, -errno, 0, "netlink socket: %s", strerror(errno));
	/* Wishes: an old kernel that has neither answers with an errno and the whole request. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		code = errno;
		close(fd);
		return xfrm_error_set(err, -code, 0, "netlink socket: %s", strerror(code));
	}
	*out = fd;
	return 0;
}

int xfrm_client_open(const char *path, bool kernel, struct xfrm_client **out,
		     struct xfrm_error *err)
{
	struct timeval patience = {.tv_sec = CLIENT_TIMEOUT_S};
	struct xfrm_client *client = calloc(1, sizeof(*client));
	int rc;

	*err = (struct xfrm_error){0};
	if (!client)
		return xfrm_error_set(err, -ENOMEM, 0, "out of memory");
	rc = kernel ? connect_kernel(&client->fd, err)
		    : connect_cygnetd(socket_path(path), &client->fd, err);
	if (rc) {
		free(client);
		return rc;
	}
	client->kernel = kernel;
	client->passed = -1;
	/* These cannot fail on a socket just made; without them a dead server would hang us. */
	(void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	*out = client;
	return 0;
}

void xfrm_client_close(struct xfrm_client *client)
{
	if (!client)
		return;
	close(client->fd);
	if (client->passed >= 0)
		close(client->passed);
	explicit_bzero(client->buf, sizeof(client->buf));
	free(client);
}

static int refuse_io(const struct xfrm_client *client, int code, struct xfrm_error *err)
{
	const char *who = client->kernel ? "the kernel" : "cygnetd";

	if (code == EAGAIN || code == EWOULDBLOCK)
		return xfrm_error_set(err, -ETIMEDOUT, 0, "%s has not answered for %d seconds", who,
				      CLIENT_TIMEOUT_S);
	if (code == EPIPE || code == ECONNRESET || code == ENOTCONN)
		return xfrm_error_set(err, -ECONNRESET, 0, "%s closed the connection", who);
	return xfrm_error_set(err, -code, 0, "talking to %s: %s", who, strerror(code));
}

int client_send(struct xfrm_client *client, size_t len, struct xfrm_error *err)
{
	ssize_t sent;

	do
		sent = send(client->fd, client->buf, len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? refuse_io(client, errno, err) : 0;
}

/* A descriptor beside the datagram is kept until somebody asks for it; a second one replaces it. */
static void keep_descriptor(struct xfrm_client *client, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len != CMSG_LEN(sizeof(int)))
			continue;
		if (client->passed >= 0)
			close(client->passed);
		memcpy(&client->passed, CMSG_DATA(c), sizeof(client->passed));
	}
}

ssize_t client_receive(struct xfrm_client *client, struct xfrm_error *err)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = client->buf, .iov_len = sizeof(client->buf)};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	ssize_t got;

	for (;;) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		if (client->kernel) {
			msg.msg_name = &from;
			msg.msg_namelen = sizeof(from);
		}
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		got = recvmsg(client->fd, &msg, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return refuse_io(client, errno, err);
		if (got == 0)
			return refuse_io(client, ECONNRESET, err);
		keep_descriptor(client, &msg);
		if (msg.msg_flags & MSG_TRUNC)
			return xfrm_error_set(err, -EMSGSIZE, 0,
					      "an answer is longer than %d bytes",
					      CLIENT_DATAGRAM_MAX);
		/* Another process may send us netlink datagrams; only port 0 is the kernel. */
		if (!client->kernel || from.nl_pid == 0)
			return got;
	}
}
