/*
 * transfer.c: a datagram out and a datagram in. What netlink has and a UNIX socket has not: an
 * address of the sender, ENOBUFS for events that were lost, no signal for a server that is gone.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static bool is_over(int code)
{
	return code == EPIPE || code == ECONNRESET || code == ENOTCONN;
}

static int check_destination(const struct msghdr *msg)
{
	struct sockaddr_nl to;

	if (!msg->msg_name || !msg->msg_namelen)
		return 0;
	if (msg->msg_namelen < sizeof(to))
		return EINVAL;
	memcpy(&to, msg->msg_name, sizeof(to));
	if (to.nl_family != AF_NETLINK)
		return EINVAL;
	return to.nl_pid ? ECONNREFUSED : 0; /* nobody but the kernel is there */
}

/* To the thread that stands in for cygnetd, which takes the socket away under the same lock. False: it
 * did, or waits for us to wait. */
static bool send_waiting(struct shim_socket *s, int number, const struct msghdr *msg, ssize_t *n)
{
	struct shim_guard guard;
	bool done = false;
	int code = 0;

	shim_lock(&guard);
	if (atomic_load(&s->waiting)) {
		*n = next_calls()->sendmsg(number, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		code = errno;
		done = *n >= 0 || code != EAGAIN;
	}
	shim_unlock(&guard);
	errno = code;
	return done;
}

/* What is refused without having been seen is not kept. False: cygnetd is away. */
static bool note_kept(struct shim_socket *s, const struct msghdr *msg)
{
	struct shim_guard guard;
	bool waiting;

	shim_lock(&guard);
	waiting = atomic_load(&s->waiting);
	if (!waiting)
		ledger_note(s, msg->msg_iov, msg->msg_iovlen);
	shim_unlock(&guard);
	return !waiting;
}

static ssize_t send_once(struct shim_socket *s, int number, const struct msghdr *msg, int flags)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	ssize_t n;

	while (!note_kept(s, msg)) {
		if (send_waiting(s, number, msg, &n))
			return n;
		nanosleep(&pause, NULL);
	}
	return next_calls()->sendmsg(number, msg, flags | MSG_NOSIGNAL);
}

static void note(struct shim_socket *s, const struct msghdr *msg, bool sent)
{
	struct shim_guard guard;
	int saved = errno;

	shim_lock(&guard);
	if (sent) {
		requests_note(s, msg->msg_iov, msg->msg_iovlen);
	} else {
		requests_undo(s, msg->msg_iov, msg->msg_iovlen);
		ledger_unsent(s, msg->msg_iov, msg->msg_iovlen);
	}
	shim_unlock(&guard);
	errno = saved;
}

ssize_t transfer_send(struct shim_socket *s, int number, const struct msghdr *msg, int flags)
{
	const struct msghdr bare = {.msg_iov = msg->msg_iov, .msg_iovlen = msg->msg_iovlen};
	int rc = check_destination(msg);

	if (rc) {
		errno = rc;
		return -1;
	}
	for (;;) {
		unsigned generation = atomic_load(&s->generation);
		ssize_t n;

		note(s, &bare, true); /* before: the answer may be another thread's to read */
		/* Behind it: a change of sockets that came in between did not know that an answer is due. */
		atomic_store(&s->woken, false);
		n = send_once(s, number, &bare, flags);
		if (n >= 0)
			return n;
		note(s, &bare, false);
		if (!is_over(errno))
			return n;
		rc = link_lost(s, generation);
		if (rc < 0) {
			errno = -rc;
			return -1;
		}
	}
}

/* ---- in -------------------------------------------------------------------------------------------- */

void transfer_address(uint32_t portid, uint32_t groups, struct sockaddr *out, socklen_t *len)
{
	const struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK, .nl_pid = portid, .nl_groups = groups};
	size_t room = len ? *len : 0;

	if (out && len)
		memcpy(out, &addr, room < sizeof(addr) ? room : sizeof(addr));
	if (len)
		*len = sizeof(addr);
}

enum datagram_kind {
	FOR_PROGRAM,
	OVERRUN, /* cygnetd's word for events it had to drop, which the kernel says by ENOBUFS */
	WAKE,	 /* see waiting.c */
};

/* The datagram that msg has, or, if it is still there, that is next. */
static enum datagram_kind classify(int number, const struct msghdr *msg, size_t len, bool peeked)
{
	struct nlmsghdr nlh;
	ssize_t got;

	if (peeked)
		got = next_calls()->recv(number, &nlh, sizeof(nlh), MSG_PEEK | MSG_DONTWAIT);
	else
		got = (ssize_t)requests_gather(msg->msg_iov, msg->msg_iovlen, 0, &nlh,
					       len < sizeof(nlh) ? len : sizeof(nlh));
	if (got != (ssize_t)sizeof(nlh))
		return FOR_PROGRAM;
	if (nlh.nlmsg_type == NLMSG_OVERRUN)
		return OVERRUN;
	return nlh.nlmsg_type == NLMSG_ERROR && nlh.nlmsg_seq == SHIM_WAKE_SEQ ? WAKE : FOR_PROGRAM;
}

static void received(struct shim_socket *s, const struct msghdr *msg, size_t len)
{
	struct shim_guard guard;

	shim_lock(&guard);
	requests_answer(s, msg->msg_iov, msg->msg_iovlen, len);
	shim_unlock(&guard);
}

static bool has_room(const struct msghdr *msg)
{
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		if (msg->msg_iov[i].iov_len)
			return true;
	}
	return false;
}

/* 1: the datagram is the program's; 0: it was not for it; -1 and errno. */
static int take(struct shim_socket *s, int number, const struct msghdr *msg, size_t n, int flags)
{
	enum datagram_kind kind = classify(number, msg, n, flags & MSG_PEEK);
	uint8_t rest[1];

	if (kind == FOR_PROGRAM) {
		if (!(flags & MSG_PEEK))
			received(s, msg, n);
		return 1;
	}
	if (flags & MSG_PEEK)
		(void)next_calls()->recv(number, rest, sizeof(rest), MSG_DONTWAIT);
	if (kind == WAKE || s->options & 1U << NETLINK_NO_ENOBUFS)
		return 0;
	errno = ENOBUFS;
	return -1;
}

ssize_t transfer_receive(struct shim_socket *s, int number, struct msghdr *msg, int flags)
{
	int more = 0;

	for (;;) {
		unsigned generation = atomic_load(&s->generation);
		struct msghdr bare = {.msg_iov = msg->msg_iov, .msg_iovlen = msg->msg_iovlen};
		ssize_t n;
		int rc;

		if (atomic_exchange(&s->woken, false))
			more = MSG_DONTWAIT;
		n = next_calls()->recvmsg(number, &bare, flags | more);
		if (n > 0 || (n == 0 && !has_room(msg))) {
			rc = take(s, number, &bare, (size_t)n, flags);
			if (rc < 0)
				return -1;
			if (rc == 0)
				continue;
			msg->msg_flags = bare.msg_flags;
			msg->msg_controllen = 0;
			if (msg->msg_name)
				transfer_address(0, 0, msg->msg_name, &msg->msg_namelen);
			return n;
		}
		if (n < 0 && !is_over(errno))
			return n;
		rc = link_lost(s, generation);
		if (rc < 0) {
			errno = -rc;
			return -1;
		}
	}
}
