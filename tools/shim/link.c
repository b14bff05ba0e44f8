/*
 * link.c: the connection to cygnetd: made, introduced by CYGNET_MSG_CTL, and made anew after
 * cygnetd has gone, on the same descriptors.
 */
#include "tools/shim/shim.h"

#include "xfrm/xfrm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

enum { CONNECT_TIMEOUT_S = 5, ANSWER_TIMEOUT_MS = 1000 };

/* Fixed at the start: daemons clear their environment. */
static struct sockaddr_un server;

__attribute__((constructor)) static void find_server(void)
{
	const char *path = getenv(CYGNET_SOCKET_ENV);

	if (!path || !*path)
		path = CYGNET_SOCKET_DEFAULT;
	server.sun_family = AF_UNIX;
	if (strlen(path) < sizeof(server.sun_path)) /* else empty: connecting says it */
		memcpy(server.sun_path, path, strlen(path) + 1);
}

static void set_timeout(int fd, int seconds)
{
	const struct timeval timeout = {.tv_sec = seconds};

	(void)next_calls()->setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

int link_connect(int flags, bool wait)
{
	const struct next_calls *next = next_calls();
	int asked = flags & SOCK_CLOEXEC, fd, rc, saved;

	if (!server.sun_path[0]) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = next->socket(AF_UNIX, SOCK_SEQPACKET | asked | (wait ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		return -1;
	if (wait)
		set_timeout(fd, CONNECT_TIMEOUT_S);
	rc = next->connect(fd, (const struct sockaddr *)&server, sizeof(server));
	if (rc == 0)
		rc = next->fcntl(fd, F_SETFL, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
	if (rc < 0) {
		saved = errno;
		next->close(fd);
		errno = saved;
		return -1;
	}
	if (wait)
		set_timeout(fd, 0);
	return fd;
}

void link_tell(const struct shim_socket *s, int fd, bool wake)
{
	const struct {
		struct nlmsghdr header;
		struct cygnet_ctl ctl;
	} msg = {
		.header = {.nlmsg_len = sizeof(msg),
			   .nlmsg_type = CYGNET_MSG_CTL,
			   .nlmsg_flags = wake ? NLM_F_ACK : 0,
			   .nlmsg_seq = SHIM_WAKE_SEQ},
		.ctl = {.portid = s->portid, .groups = s->groups},
	};

	/* If it fails the connection is over, and the next one begins with the same message. */
	(void)next_calls()->send(fd, &msg, sizeof(msg), MSG_NOSIGNAL);
}

bool link_is_readable(int fd, int timeout_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, timeout_ms) > 0;
}

/* ---- another socket on the same numbers ------------------------------------------------------------ */

struct change {
	int fd;
	bool first; /* what belongs to the socket, not to the number, has been carried over */
	int lost[8];
	unsigned lost_len;
};

/* What the program has set on the old socket. */
static void carry_over(const struct change *change, int number)
{
	static const int timeouts[] = {SO_RCVTIMEO, SO_SNDTIMEO};
	const struct next_calls *next = next_calls();
	int flags = next->fcntl(number, F_GETFL);

	if (flags >= 0)
		(void)next->fcntl(change->fd, F_SETFL, flags & O_NONBLOCK);
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		struct timeval timeout;
		socklen_t len = sizeof(timeout);

		if (next->getsockopt(number, SOL_SOCKET, timeouts[i], &timeout, &len) == 0)
			(void)next->setsockopt(change->fd, SOL_SOCKET, timeouts[i], &timeout, len);
	}
}

/* Closed by a way we do not see (fclose, a system call), and maybe another file's now. */
static bool is_ours(int number)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return next_calls()->getsockopt(number, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       next_calls()->getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       domain == AF_UNIX && type == SOCK_SEQPACKET;
}

static void change_number(void *ctx, int number)
{
	const struct next_calls *next = next_calls();
	struct change *change = ctx;
	int flags;

	if (!is_ours(number)) {
		if (change->lost_len < sizeof(change->lost) / sizeof(change->lost[0]))
			change->lost[change->lost_len++] = number;
		return;
	}
	if (change->first)
		carry_over(change, number);
	change->first = false;
	flags = next->fcntl(number, F_GETFD);
	epolls_suspend(number);
	(void)next->dup3(change->fd, number, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	epolls_resume(number);
}

void link_install(struct shim_socket *s, int fd)
{
	struct change change = {.fd = fd, .first = true};

	sockets_each_number(s, change_number, &change);
	next_calls()->close(fd);
	for (unsigned i = 0; i < change.lost_len; i++)
		sockets_forget(change.lost[i]);
	atomic_fetch_add(&s->generation, 1);
}

int link_lost(struct shim_socket *s, unsigned generation)
{
	struct shim_guard guard;
	int rc = 0, fd = -1;

	shim_lock(&guard);
	if (s->used && atomic_load(&s->generation) == generation) {
		/* Who is to be told of SAs that are gone waits, too. */
		if (!s->requests_len) {
			atomic_store(&s->woken, true);
			if (!(ledger_is_kept() && s->groups & XFRMGRP_EXPIRE))
				fd = link_connect(SOCK_CLOEXEC, false);
		}
		if (fd >= 0) {
			link_tell(s, fd, true);
			(void)link_is_readable(
				fd, ANSWER_TIMEOUT_MS); /* else nothing is worse than before */
			atomic_store(&s->waiting, false);
			link_install(s, fd);
		} else {
			rc = waiting_begin(s);
		}
	} else if (!s->used) {
		rc = -EBADF; /* closed by another thread */
	}
	shim_unlock(&guard);
	return rc;
}
