/*
 * waiting.c: while cygnetd is away. A socket then is the near end of a pair, so whoever polls it
 * sleeps as on a netlink socket that has nothing to say. A thread holds the far ends, refuses what is
 * asked, and looks whether cygnetd is back; it ends when nobody waits.
 *
 * The far end is closed at the change: that wakes who sleeps on the near one. But poll(2), once woken,
 * looks at what stands behind the number by then, and goes to sleep for good, on a socket that nobody
 * has any more, if that has nothing to read. So whatever takes a place has something to read, our own
 * acknowledgement of CYGNET_MSG_CTL, which the program never sees.
 */
#include "tools/shim/shim.h"

#include "xfrm/xfrm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum {
	LOOK_MS = 100,
	/* For a program to read events before the change takes them away. Refusals of what it asked
	 * are waited for without an end. */
	READ_MS = 3000,
	STACK_BYTES = 256 << 10,
};

static bool running; /* under the lock */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void refuse_all(const struct shim_socket *s, const uint8_t *bytes, size_t len)
{
	struct shim_request request;
	size_t step;

	do {
		if (requests_read(bytes, len, &request, &step))
			requests_refuse(s, s->far, &request);
		bytes += step;
		len -= step;
	} while (step);
}

/* What the program has asked since: refused, or, if there is somebody to ask, passed on to fd. */
static void drain(const struct shim_socket *s, int fd)
{
	uint8_t bytes[XFRM_REQUEST_MAX];
	ssize_t n;

	while ((n = next_calls()->recv(s->far, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		const struct iovec iov = {.iov_base = bytes, .iov_len = (size_t)n};

		if (fd < 0)
			refuse_all(s, bytes, (size_t)n);
		else if (next_calls()->send(fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			ledger_note(s, &iov, 1);
	}
	explicit_bzero(bytes, sizeof(bytes)); /* keys among them */
}

static bool has_read(const struct shim_socket *s)
{
	int unread = 0;

	return ioctl(s->far, SIOCOUTQ, &unread) < 0 || unread == 0 ||
	       (s->requests_len == 0 && now_ms() - s->since_ms > READ_MS);
}

/* A connection that already gets the events: those of the policies that are put back through it, too. */
static bool reconnect(struct shim_socket *s)
{
	if (s->next >= 0)
		return true;
	s->next = link_connect(SOCK_CLOEXEC, false);
	if (s->next < 0)
		return false;
	link_tell(s, s->next, true);
	if (s->groups & XFRMGRP_EXPIRE)
		ledger_connected(s->next);
	return true;
}

/* There is a connection to change to, and nothing that must be read before. */
static bool can_return(struct shim_socket *s)
{
	if (!has_read(s) || !reconnect(s))
		return false;
	if (!link_is_readable(s->next, LOOK_MS))
		return false; /* cygnetd has not said that it listens */
	if (s->groups & XFRMGRP_EXPIRE && ledger_tell_lost(s->far)) {
		s->since_ms = now_ms();
		return false; /* when these have been read */
	}
	return true;
}

static void try_return(struct shim_socket *s)
{
	int fd, copy, far = s->far;

	if (!can_return(s)) {
		drain(s, -1);
		return;
	}
	fd = s->next;
	s->next = -1;
	drain(s, fd);
	copy = next_calls()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	atomic_store(&s->woken, s->requests_len == 0);
	link_install(s, fd);
	if (s->used) { /* else every number had been closed; the far end is, too */
		/* From whoever looked before the waiting began, and sent only now. */
		drain(s, copy);
		/* Not earlier: nobody sends without the lock while it is set. */
		atomic_store(&s->waiting, false);
		s->far = -1;
		next_calls()->close(far);
	}
	if (copy >= 0)
		next_calls()->close(copy);
}

/* The far ends; 0: nobody waits. */
static nfds_t collect(struct pollfd *fds)
{
	const struct shim_socket *s;
	unsigned at = 0;
	nfds_t len = 0;

	while ((s = sockets_next(&at))) {
		if (atomic_load(&s->waiting) && s->far >= 0)
			fds[len++] = (struct pollfd){.fd = s->far, .events = POLLIN};
	}
	return len;
}

static void look(void)
{
	struct shim_socket *s;
	unsigned at = 0;

	while ((s = sockets_next(&at))) {
		if (atomic_load(&s->waiting) && s->far >= 0)
			try_return(s);
	}
}

static bool any_is_dead(const struct pollfd *fds, nfds_t len)
{
	for (nfds_t i = 0; i < len; i++) {
		if (fds[i].revents & (POLLHUP | POLLNVAL))
			return true;
	}
	return false;
}

static void *keep(void *arg)
{
	static struct pollfd fds[SHIM_SOCKETS_MAX];
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	struct shim_guard guard;
	nfds_t len;

	for (;;) {
		shim_lock(&guard);
		look();
		len = collect(fds);
		if (!len)
			running = false;
		shim_unlock(&guard);
		if (!len)
			return arg;
		/* A far end whose near one is closed by a way we do not see is always readable. */
		if (poll(fds, len, LOOK_MS) > 0 && any_is_dead(fds, len))
			nanosleep(&pause, NULL);
	}
}

/* Every signal is blocked here, and so in the thread. */
static int start(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (running)
		return 0;
	rc = pthread_attr_init(&attr);
	if (rc)
		return -rc;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, keep, NULL);
	pthread_attr_destroy(&attr);
	running = rc == 0;
	return -rc;
}

/* As cygnetd would acknowledge CYGNET_MSG_CTL. */
static void wake(int far)
{
	const struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} ack = {
		.header = {.nlmsg_len = sizeof(ack),
			   .nlmsg_type = NLMSG_ERROR,
			   .nlmsg_seq = SHIM_WAKE_SEQ},
		.error = {.msg = {.nlmsg_len = sizeof(struct nlmsghdr),
				  .nlmsg_type = CYGNET_MSG_CTL}},
	};

	(void)next_calls()->send(far, &ack, sizeof(ack),
				 MSG_DONTWAIT | MSG_NOSIGNAL); /* it is new */
}

int waiting_begin(struct shim_socket *s)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	rc = start();
	if (rc < 0) {
		next_calls()->close(ends[0]);
		next_calls()->close(ends[1]);
		return rc;
	}
	wake(ends[1]);
	for (unsigned i = 0; i < s->requests_len; i++)
		requests_refuse(s, ends[1], &s->requests[i]);
	if (s->far >= 0)
		next_calls()->close(s->far);
	s->far = ends[1];
	s->since_ms = now_ms();
	atomic_store(&s->waiting, true);
	link_install(s, ends[0]);
	return 0;
}

void waiting_forked(void)
{
	struct shim_socket *s;
	unsigned at = 0;

	running = false;
	while ((s = sockets_next(&at))) {
		/* The parent's thread answers on the near end we share, and closing its far end will
		 * tell us as it tells the parent. */
		if (s->far >= 0)
			next_calls()->close(s->far);
		if (s->next >= 0)
			next_calls()->close(s->next);
		s->far = -1;
		s->next = -1;
		atomic_store(&s->waiting, false);
	}
}
