/*
 * test_shim.c: tools/shim/ is linked into this program, so a NETLINK_XFRM socket here is what it is in a
 * program that `cygnet exec` has started. What such a program can see is held against netlink(7), and
 * the server (shim_server.h) is killed under it.
 */
#include "shim_server.h"

#include "xfrm/xfrm.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
enum { PATIENCE_MS = 5000 };

struct answer {
	struct nlmsghdr header;
	struct nlmsgerr error;
};

static int xfrm_socket(int flags)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | flags, NETLINK_XFRM);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int listening_socket(uint32_t groups)
{
	const struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = xfrm_socket(SOCK_NONBLOCK);
	union shim_heard heard;

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	shim_server_hears(CYGNET_MSG_CTL, &heard);
	return fd;
}

static struct nlmsghdr request(uint16_t type, uint32_t seq)
{
	return (struct nlmsghdr){.nlmsg_len = sizeof(struct nlmsghdr),
				 .nlmsg_type = type,
				 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
				 .nlmsg_seq = seq};
}

static void ask(int fd, uint16_t type, uint32_t seq)
{
	const struct nlmsghdr nlh = request(type, seq);

	ck_assert_int_eq(send(fd, &nlh, sizeof(nlh), 0), (ssize_t)sizeof(nlh));
}

/* The answer to seq is this errno, 0 for success or data. */
static void expect_answer(int fd, uint32_t seq, int code)
{
	struct answer answer = {0};

	ck_assert_int_ge(recv(fd, &answer, sizeof(answer), 0), (ssize_t)sizeof(answer.header));
	ck_assert_uint_eq(answer.header.nlmsg_seq, seq);
	if (answer.header.nlmsg_type == NLMSG_ERROR)
		ck_assert_int_eq(answer.error.error, -code);
	else
		ck_assert_int_eq(code, 0);
}

/* ---- what netlink looks like ------------------------------------------------------------------------- */

START_TEST(test_socket_looks_like_netlink)
{
	static const struct {
		int option, value;
	} facts[] = {{SO_DOMAIN, AF_NETLINK}, {SO_PROTOCOL, NETLINK_XFRM}, {SO_TYPE, SOCK_RAW}};
	struct sockaddr_nl addr = {0};
	socklen_t len = sizeof(addr);
	int first = xfrm_socket(SOCK_CLOEXEC), second = xfrm_socket(0), value;

	for (size_t i = 0; i < LENGTH(facts); i++) {
		socklen_t size = sizeof(value);

		ck_assert_int_eq(getsockopt(first, SOL_SOCKET, facts[i].option, &value, &size), 0);
		ck_assert_int_eq(value, facts[i].value);
	}
	ck_assert_int_eq(fcntl(first, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(second, F_GETFD), 0);
	ck_assert_int_eq(getsockname(first, (struct sockaddr *)&addr, &len), 0);
	ck_assert_uint_eq(len, 12);
	ck_assert_int_eq(addr.nl_family, AF_NETLINK);
	ck_assert_uint_eq(addr.nl_pid, (uint32_t)getpid());
	ck_assert_int_eq(getsockname(second, (struct sockaddr *)&addr, &len), 0);
	ck_assert_uint_ne(addr.nl_pid, (uint32_t)getpid());
	ck_assert_int_eq(getpeername(second, (struct sockaddr *)&addr, &len), 0);
	ck_assert_uint_eq(addr.nl_pid, 0);
}
END_TEST

START_TEST(test_answers_come_from_the_kernels_address)
{
	struct sockaddr_nl from = {.nl_pid = 77};
	socklen_t len = sizeof(from);
	struct answer answer;
	int fd = xfrm_socket(0);

	ask(fd, XFRM_MSG_DELSA, 5);
	/* iproute2 asks first how long it is. */
	ck_assert_int_eq(recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC), (ssize_t)sizeof(answer));
	ck_assert_int_eq(recvfrom(fd, &answer, sizeof(answer), 0, (struct sockaddr *)&from, &len),
			 (ssize_t)sizeof(answer));
	ck_assert_uint_eq(len, 12);
	ck_assert_int_eq(from.nl_family, AF_NETLINK);
	ck_assert_uint_eq(from.nl_pid, 0);
	ck_assert_uint_eq(answer.header.nlmsg_pid, (uint32_t)getpid());
}
END_TEST

START_TEST(test_groups_are_told)
{
	const struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = XFRMGRP_ACQUIRE};
	const int sa = XFRMNLGRP_SA, acquire = XFRMNLGRP_ACQUIRE;
	int fd = xfrm_socket(0);
	union shim_heard heard;
	struct cygnet_ctl ctl;

	shim_server_hears(CYGNET_MSG_CTL, &heard);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &sa, sizeof(sa)), 0);
	ck_assert_int_eq(
		setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &acquire, sizeof(acquire)), 0);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t groups[] = {XFRMGRP_ACQUIRE, XFRMGRP_ACQUIRE | XFRMGRP_SA,
						  XFRMGRP_SA};

		shim_server_hears(CYGNET_MSG_CTL, &heard);
		memcpy(&ctl, heard.bytes + NLMSG_HDRLEN, sizeof(ctl));
		ck_assert_uint_eq(ctl.portid, (uint32_t)getpid());
		ck_assert_uint_eq(ctl.groups, groups[i]);
	}
}
END_TEST

START_TEST(test_wrong_calls_fail_as_netlinks_do)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK},
				 other = {.nl_family = AF_NETLINK, .nl_pid = 9},
				 inet = {.nl_family = AF_INET};
	const struct nlmsghdr nlh = request(XFRM_MSG_GETSA, 1);
	const int group = 33, on = 1;
	int fd = xfrm_socket(0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)), 0);
#define FAILS(call, code)             \
	ck_assert_int_eq((call), -1); \
	ck_assert_int_eq(errno, code)
	FAILS(socket(AF_NETLINK, SOCK_STREAM, NETLINK_XFRM), ESOCKTNOSUPPORT);
	FAILS(bind(fd, (const struct sockaddr *)&inet, sizeof(inet)), EINVAL);
	FAILS(bind(fd, (const struct sockaddr *)&kernel, 4), EINVAL);
	FAILS(connect(fd, (const struct sockaddr *)&other, sizeof(other)), ECONNREFUSED);
	FAILS(sendto(fd, &nlh, sizeof(nlh), 0, (const struct sockaddr *)&other, sizeof(other)),
	      ECONNREFUSED);
	FAILS(sendto(fd, &nlh, sizeof(nlh), 0, (const struct sockaddr *)&inet, sizeof(inet)),
	      EINVAL);
	FAILS(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), EINVAL);
	FAILS(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, 1), EINVAL);
	FAILS(setsockopt(fd, SOL_NETLINK, 99, &on, sizeof(on)), ENOPROTOOPT);
	FAILS(recv(fd, NULL, 0, MSG_DONTWAIT), EAGAIN);
	shim_server_kill();
	FAILS(socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM), ECONNREFUSED);
}
END_TEST

/* ---- every way to send and to receive ---------------------------------------------------------------- */

static struct iovec halves[2];
static struct iovec *split(void *buf, size_t len)
{
	halves[0] = (struct iovec){buf, 8};
	halves[1] = (struct iovec){(char *)buf + 8, len - 8};
	return halves;
}
static ssize_t by_send(int fd, void *buf, size_t len)
{
	return send(fd, buf, len, 0);
}
static ssize_t by_sendto(int fd, void *buf, size_t len)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK};

	return sendto(fd, buf, len, 0, (const struct sockaddr *)&to, sizeof(to));
}
static ssize_t by_sendmsg(int fd, void *buf, size_t len)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	const struct msghdr msg = {.msg_name = &to,
				   .msg_namelen = sizeof(to),
				   .msg_iov = split(buf, len),
				   .msg_iovlen = 2};

	return sendmsg(fd, &msg, 0);
}
static ssize_t by_sendmmsg(int fd, void *buf, size_t len)
{
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = split(buf, len), .msg_iovlen = 2}};

	return sendmmsg(fd, &msg, 1, 0) == 1 ? (ssize_t)msg.msg_len : -1;
}
static ssize_t by_write(int fd, void *buf, size_t len)
{
	return write(fd, buf, len);
}
static ssize_t by_writev(int fd, void *buf, size_t len)
{
	return writev(fd, split(buf, len), 2);
}
static ssize_t by_recv(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, 0);
}
static ssize_t by_recvfrom(int fd, void *buf, size_t len)
{
	return recvfrom(fd, buf, len, 0, NULL, NULL);
}
static ssize_t by_recvmsg(int fd, void *buf, size_t len)
{
	struct msghdr msg = {.msg_iov = split(buf, len), .msg_iovlen = 2};

	return recvmsg(fd, &msg, 0);
}
static ssize_t by_recvmmsg(int fd, void *buf, size_t len)
{
	struct mmsghdr msgs[2] = {{.msg_hdr = {.msg_iov = split(buf, len), .msg_iovlen = 2}},
				  {.msg_hdr = {.msg_iov = halves, .msg_iovlen = 1}}};

	return recvmmsg(fd, msgs, 2, MSG_WAITFORONE, NULL) == 1 ? (ssize_t)msgs[0].msg_len : -1;
}
static ssize_t by_read(int fd, void *buf, size_t len)
{
	return read(fd, buf, len);
}
static ssize_t by_readv(int fd, void *buf, size_t len)
{
	return readv(fd, split(buf, len), 2);
}
/* What <bits/socket2.h> makes of them with _FORTIFY_SOURCE. */
ssize_t checked_recv(int fd, void *buf, size_t len, size_t room, int flags) __asm__("__recv_chk");
ssize_t checked_read(int fd, void *buf, size_t len, size_t room) __asm__("__read_chk");
ssize_t checked_recvfrom(int fd, void *buf, size_t len, size_t room, int flags,
			 struct sockaddr *from, socklen_t *from_len) __asm__("__recvfrom_chk");
static ssize_t by_checked_recv(int fd, void *buf, size_t len)
{
	return checked_recv(fd, buf, len, len, 0);
}
static ssize_t by_checked_read(int fd, void *buf, size_t len)
{
	return checked_read(fd, buf, len, len);
}
static ssize_t by_checked_recvfrom(int fd, void *buf, size_t len)
{
	struct sockaddr_nl from;
	socklen_t from_len = sizeof(from);
	ssize_t n = checked_recvfrom(fd, buf, len, len, 0, (struct sockaddr *)&from, &from_len);

	return from_len == 12 && from.nl_pid == 0 ? n : -1;
}

static ssize_t (*const senders[])(int, void *, size_t) = {by_send,     by_sendto, by_sendmsg,
							  by_sendmmsg, by_write,  by_writev};
static ssize_t (*const receivers[])(int, void *, size_t) = {
	by_recv,  by_recvfrom,	   by_recvmsg,	    by_recvmmsg,	by_read,
	by_readv, by_checked_recv, by_checked_read, by_checked_recvfrom};

/* Each one also as the one that finds cygnetd gone: none gets a signal or an end of file. */
START_TEST(test_every_call_sends_and_receives)
{
	int fd = xfrm_socket(0);
	uint32_t seq = 0;

	for (size_t i = 0; i < LENGTH(senders) * LENGTH(receivers); i++) {
		ssize_t (*give)(int, void *, size_t) = senders[i % LENGTH(senders)];
		ssize_t (*take)(int, void *, size_t) = receivers[i % LENGTH(receivers)];
		struct nlmsghdr nlh = request(XFRM_MSG_GETSA, ++seq);
		struct answer answer;

		if (i % LENGTH(receivers) == 0) {
			shim_server_kill();
			shim_server_start();
		}
		ck_assert_int_eq(give(fd, &nlh, sizeof(nlh)), (ssize_t)sizeof(nlh));
		ck_assert_msg(take(fd, &answer, sizeof(answer)) == (ssize_t)sizeof(nlh) &&
				      answer.header.nlmsg_seq == seq,
			      "sender %zu, receiver %zu", i % LENGTH(senders),
			      i % LENGTH(receivers));
	}
}
END_TEST

/* ---- cygnetd goes and comes --------------------------------------------------------------------------- */

/* Asks, with numbers behind seq, until an answer other than ENETDOWN comes. */
static void await_return(int fd, uint32_t seq)
{
	struct answer answer;

	for (unsigned i = 0; i < PATIENCE_MS / 10; i++) {
		const struct timespec pause = {.tv_nsec = 10000000};

		ask(fd, XFRM_MSG_DELSA, ++seq);
		do
			ck_assert_int_gt(recv(fd, &answer, sizeof(answer), 0), 0);
		while (answer.header.nlmsg_seq != seq);
		if (answer.error.error == 0)
			return;
		ck_assert_int_eq(answer.error.error, -ENETDOWN);
		nanosleep(&pause, NULL);
	}
	ck_abort_msg("it never came back");
}

START_TEST(test_lost_requests_are_refused)
{
	int fd = xfrm_socket(0);
	union shim_heard heard;

	ask(fd, XFRM_MSG_GETSADINFO, 1);
	ask(fd, XFRM_MSG_GETSADINFO, 2);
	shim_server_hears(XFRM_MSG_GETSADINFO, &heard);
	shim_server_hears(XFRM_MSG_GETSADINFO, &heard);
	shim_server_kill();
	expect_answer(fd, 1, ENETDOWN);
	ask(fd, XFRM_MSG_DELSA, 3);
	expect_answer(fd, 2, ENETDOWN);
	expect_answer(fd, 3, ENETDOWN);
	shim_server_start();
	await_return(fd, 1000);
	shim_server_hears(CYGNET_MSG_CTL, &heard);
}
END_TEST

START_TEST(test_answered_requests_are_not_refused)
{
	int fd = xfrm_socket(SOCK_NONBLOCK);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct answer answer;

	ask(fd, XFRM_MSG_DELSA, 1);
	ck_assert_int_eq(poll(&wait, 1, PATIENCE_MS), 1);
	expect_answer(fd, 1, 0);
	shim_server_kill();
	shim_server_start();
	ck_assert_int_eq(recv(fd, &answer, sizeof(answer), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static const struct nlmsghdr event = {
	.nlmsg_len = sizeof(event), .nlmsg_type = XFRM_MSG_ACQUIRE, .nlmsg_seq = 4711};

/* Waits by epoll or poll, as a daemon does, until an event comes; says how often it woke for nothing. */
static unsigned wakes_before_event(int fd, int epoll)
{
	struct nlmsghdr got;

	for (unsigned wakes = 0;; wakes++) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		struct epoll_event ready;
		int n = epoll < 0 ? poll(&wait, 1, PATIENCE_MS)
				  : epoll_wait(epoll, &ready, 1, PATIENCE_MS);

		ck_assert_msg(n == 1, "it sleeps, and there is an event");
		if (recv(fd, &got, sizeof(got), 0) == (ssize_t)sizeof(got)) {
			ck_assert_uint_eq(got.nlmsg_seq, event.nlmsg_seq);
			return wakes;
		}
		ck_assert_int_eq(errno, EAGAIN);
	}
}

/* The event is sent by a child, while the test sleeps: what wakes it is the change itself. */
START_TEST(test_sleepers_wake_after_a_restart)
{
	bool by_epoll = _i;
	int fd = listening_socket(XFRMGRP_ACQUIRE), epoll = by_epoll ? epoll_create1(0) : -1;
	struct epoll_event interest = {.events = EPOLLIN};
	union shim_heard heard;
	pid_t child;

	if (by_epoll)
		ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest), 0);
	shim_server_say(&event, sizeof(event));
	ck_assert_uint_eq(wakes_before_event(fd, epoll), 0);
	for (unsigned round = 0; round < 3; round++) {
		shim_server_kill();
		shim_server_start();
		child = fork();
		if (child == 0) {
			close(fd);
			shim_server_hears(CYGNET_MSG_CTL, &heard);
			shim_server_say(&event, sizeof(event));
			_exit(0);
		}
		/* For the end of the old one, the beginning of the waiting, and the end of that. */
		ck_assert_uint_le(wakes_before_event(fd, epoll), 4);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
	}
	shim_server_kill();
	ck_assert_int_eq(recv(fd, &heard, sizeof(heard), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	/* Nobody spins while it is away. */
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 300), 0);
}
END_TEST

START_TEST(test_copies_are_the_same_socket)
{
	int fd = xfrm_socket(0), copies[5], other = open("/dev/null", O_RDONLY);

	copies[0] = dup(fd);
	copies[1] = dup2(fd, 100);
	copies[2] = dup3(fd, 101, O_CLOEXEC);
	copies[3] = fcntl(fd, F_DUPFD, 200);
	copies[4] = fcntl(fd, F_DUPFD_CLOEXEC, 300);
	shim_server_kill();
	shim_server_start();
	await_return(copies[2], 1000);
	for (unsigned i = 0; i < LENGTH(copies); i++) {
		ck_assert_int_ge(copies[i], 0);
		ask(copies[i], XFRM_MSG_DELSA, i);
		expect_answer(fd, i, 0);
		ck_assert_int_eq(fcntl(copies[i], F_GETFD), i == 2 || i == 4 ? FD_CLOEXEC : 0);
	}
	/* Closed, or something else: not ours any more, and left alone when the others change. */
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(dup2(other, copies[1]), copies[1]);
	ck_assert_int_eq(close_range(200, 250, 0), 0);
	shim_server_kill();
	shim_server_start();
	await_return(copies[4], 1000);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(fcntl(copies[3], F_GETFD), -1);
	ck_assert_int_eq(read(copies[1], &(char){0}, 1), 0);
}
END_TEST

START_TEST(test_parent_and_child_both_come_back)
{
	int fd = xfrm_socket(0), away = xfrm_socket(0), status;
	union shim_heard heard;
	pid_t child;

	/* One of them forks while it waits. */
	ask(away, XFRM_MSG_GETSADINFO, 1);
	shim_server_hears(XFRM_MSG_GETSADINFO, &heard);
	shim_server_kill();
	expect_answer(away, 1, ENETDOWN);
	child = fork();
	if (child == 0) {
		await_return(fd, 2000);
		await_return(away, 2000);
		_exit(0);
	}
	shim_server_start();
	await_return(fd, 1000);
	await_return(away, 1000);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_lost_events_are_enobufs)
{
	const struct nlmsghdr overrun = {.nlmsg_len = sizeof(overrun), .nlmsg_type = NLMSG_OVERRUN};
	int fd = listening_socket(XFRMGRP_ACQUIRE), on = 1;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct nlmsghdr got;

	for (unsigned silent = 0; silent < 2; silent++) {
		for (unsigned peek = 0; peek < 2; peek++) {
			shim_server_say(&overrun, sizeof(overrun));
			ck_assert_int_eq(poll(&wait, 1, PATIENCE_MS), 1);
			ck_assert_int_eq(recv(fd, &got, sizeof(got), peek ? MSG_PEEK : 0), -1);
			ck_assert_int_eq(errno, silent ? EAGAIN : ENOBUFS);
		}
		ck_assert_int_eq(setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)),
				 0);
	}
}
END_TEST

/* ---- what a daemon gets back ---------------------------------------------------------------------------- */

static void send_sa(int fd, uint16_t type, uint32_t spi)
{
	struct {
		struct nlmsghdr header;
		struct xfrm_usersa_info sa;
	} msg = {.header = request(type, spi),
		 .sa = {.id = {.spi = htonl(spi), .proto = IPPROTO_ESP}, .family = AF_INET}};

	msg.header.nlmsg_len = sizeof(msg);
	ck_assert_int_eq(send(fd, &msg, sizeof(msg), 0), (ssize_t)sizeof(msg));
	expect_answer(fd, spi, 0);
}

static void delete_sa(int fd, uint32_t spi)
{
	struct {
		struct nlmsghdr header;
		struct xfrm_usersa_id id;
	} msg = {.header = request(XFRM_MSG_DELSA, spi),
		 .id = {.spi = htonl(spi), .proto = IPPROTO_ESP, .family = AF_INET}};

	msg.header.nlmsg_len = sizeof(msg);
	ck_assert_int_eq(send(fd, &msg, sizeof(msg), 0), (ssize_t)sizeof(msg));
	expect_answer(fd, spi, 0);
}

static void ask_policy(int fd, uint16_t type, uint16_t port)
{
	union {
		struct xfrm_userpolicy_info info;
		struct xfrm_userpolicy_id id;
	} body = {0};
	size_t len = type == XFRM_MSG_DELPOLICY ? sizeof(body.id) : sizeof(body.info);
	uint8_t bytes[sizeof(struct nlmsghdr) + sizeof(body)];
	struct nlmsghdr header = request(type, port);

	if (type == XFRM_MSG_DELPOLICY)
		body.id = (struct xfrm_userpolicy_id){.sel = {.dport = port}, .dir = 1};
	else
		body.info = (struct xfrm_userpolicy_info){.sel = {.dport = port}, .dir = 1};
	header.nlmsg_len = (uint32_t)(sizeof(header) + len);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &body, len);
	ck_assert_int_eq(send(fd, bytes, header.nlmsg_len, 0), (ssize_t)header.nlmsg_len);
}

static void send_policy(int fd, uint16_t type, uint16_t port)
{
	ask_policy(fd, type, port);
	expect_answer(fd, port, 0);
}

static uint16_t port_of(const union shim_heard *heard)
{
	struct xfrm_userpolicy_info info;

	memcpy(&info, heard->bytes + NLMSG_HDRLEN, sizeof(info));
	return info.sel.dport;
}

/* spi 0: none more comes. */
static void expect_expire(int fd, uint32_t spi)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct {
		struct nlmsghdr header;
		struct xfrm_user_expire expire;
	} got;
	ssize_t n;

	do { /* it may wake for a change of sockets */
		if (poll(&wait, 1, spi ? PATIENCE_MS : 500) == 0 && !spi)
			return;
		n = recv(fd, &got, sizeof(got), 0);
	} while (n < 0 && errno == EAGAIN);
	ck_assert_int_eq(n, (ssize_t)sizeof(got));
	ck_assert_uint_eq(got.header.nlmsg_type, XFRM_MSG_EXPIRE);
	ck_assert_uint_eq(ntohl(got.expire.state.id.spi), spi);
	ck_assert_uint_eq(got.expire.hard, 1);
}

START_TEST(test_a_new_cygnetd_gets_policies_and_expires_sas)
{
	int events = listening_socket(XFRMGRP_EXPIRE), fd = xfrm_socket(0);
	union shim_heard heard;

	send_sa(fd, XFRM_MSG_NEWSA, 0x1001);
	send_sa(fd, XFRM_MSG_NEWSA, 0x1002);
	send_sa(fd, XFRM_MSG_UPDSA, 0x1002);
	send_sa(fd, XFRM_MSG_NEWSA, 0x1003);
	delete_sa(fd, 0x1001);
	send_policy(fd, XFRM_MSG_NEWPOLICY, 1);
	send_policy(fd, XFRM_MSG_NEWPOLICY, 2);
	send_policy(fd, XFRM_MSG_NEWPOLICY, 3);
	send_policy(fd, XFRM_MSG_UPDPOLICY, 2);
	send_policy(fd, XFRM_MSG_DELPOLICY, 1);
	shim_server_kill();
	shim_server_start();
	ck_assert_int_eq(recv(events, &heard, sizeof(heard), 0), -1);
	/* It listens before the policies are there, whose events are its own. */
	shim_server_hears(CYGNET_MSG_CTL, &heard);
	shim_server_hears(XFRM_MSG_UPDPOLICY, &heard);
	ck_assert_uint_eq(port_of(&heard), 2);
	shim_server_hears(XFRM_MSG_UPDPOLICY, &heard);
	ck_assert_uint_eq(port_of(&heard), 3);
	expect_expire(events, 0x1002);
	expect_expire(events, 0x1003);
	expect_expire(events, 0);
	shim_server_say(&event, sizeof(event));
	ck_assert_uint_le(wakes_before_event(events, -1), 1);
}
END_TEST

static void expect_heard(uint16_t type, uint16_t port)
{
	union shim_heard heard;

	shim_server_hears(type, &heard);
	if (type == XFRM_MSG_DELPOLICY)
		ck_assert_uint_eq(((const struct xfrm_userpolicy_id *)(const void *)(heard.bytes +
										     NLMSG_HDRLEN))
					  ->sel.dport,
				  port);
	else
		ck_assert_uint_eq(port_of(&heard), port);
}

/* The next one has nothing: what it hears first is the first thing that is put back. */
static void restart(int events)
{
	union shim_heard heard;

	shim_server_kill();
	shim_server_start();
	ck_assert_int_eq(recv(events, &heard, sizeof(heard), 0), -1);
	shim_server_hears(CYGNET_MSG_CTL, &heard);
}

/* What was refused, and what nobody answered, was told to the program; and a socket that is closed
 * will never say how it ended, so what it asked stays. */
START_TEST(test_only_acknowledged_policies_are_put_back)
{
	int events = listening_socket(XFRMGRP_EXPIRE), fd = xfrm_socket(0), other = xfrm_socket(0);

	ask_policy(fd, XFRM_MSG_NEWPOLICY, SHIM_SERVER_NO);
	expect_answer(fd, SHIM_SERVER_NO, EINVAL);
	ask_policy(fd, XFRM_MSG_NEWPOLICY, SHIM_SERVER_MUTE);
	expect_heard(XFRM_MSG_NEWPOLICY, SHIM_SERVER_NO);
	expect_heard(XFRM_MSG_NEWPOLICY, SHIM_SERVER_MUTE);
	send_policy(other, XFRM_MSG_NEWPOLICY, 1);
	ask_policy(other, XFRM_MSG_NEWPOLICY, 2);
	expect_heard(XFRM_MSG_NEWPOLICY, 1);
	expect_heard(XFRM_MSG_NEWPOLICY, 2);
	ck_assert_int_eq(close(other), 0);
	shim_server_kill();
	expect_answer(fd, SHIM_SERVER_MUTE, ENETDOWN);
	restart(events);
	expect_heard(XFRM_MSG_UPDPOLICY, 1);
	expect_heard(XFRM_MSG_UPDPOLICY, 2);
	await_return(fd, 1000);
	send_policy(fd, XFRM_MSG_NEWPOLICY, 3);
	expect_heard(XFRM_MSG_NEWPOLICY, 3); /* and nothing else was put back before */
}
END_TEST

/* The former cygnetd did it, and the next one has its policies when the program reads so. */
START_TEST(test_acknowledgements_that_are_read_late_count)
{
	int events = listening_socket(XFRMGRP_EXPIRE), fd = xfrm_socket(0);

	send_policy(fd, XFRM_MSG_NEWPOLICY, 1);
	ask_policy(fd, XFRM_MSG_NEWPOLICY, 2);
	ask_policy(fd, XFRM_MSG_DELPOLICY, 1);
	expect_heard(XFRM_MSG_DELPOLICY, 1);
	restart(events);
	expect_heard(XFRM_MSG_UPDPOLICY, 1);
	expect_answer(fd, 2, 0);
	expect_heard(XFRM_MSG_NEWPOLICY, 2);
	expect_answer(fd, 1, 0);
	expect_heard(XFRM_MSG_DELPOLICY, 1);
	restart(events);
	expect_heard(XFRM_MSG_UPDPOLICY, 2);
	await_return(fd, 1000);
	ask(fd, XFRM_MSG_FLUSHPOLICY, 7);
	shim_server_hears(XFRM_MSG_FLUSHPOLICY, &(union shim_heard){0});
	restart(events);
	expect_heard(XFRM_MSG_UPDPOLICY, 2);
	expect_answer(fd, 7, 0);
	expect_heard(XFRM_MSG_DELPOLICY, 2);
}
END_TEST

/* Closing waits for the next cygnetd once, however much is asked of it: then it counts as hung, and the one after it
 * gets what it lacks. One that answers is asked for all on one connection. */
START_TEST(test_a_mute_cygnetd_is_waited_for_once)
{
	int events = listening_socket(XFRMGRP_EXPIRE), fd = xfrm_socket(0);
	struct timespec before, after;

	for (int mute = 1; mute >= 0; mute--) {
		for (uint16_t port = 1; port <= 3; port++)
			ask_policy(fd, XFRM_MSG_NEWPOLICY, mute ? SHIM_SERVER_MUTE : port);
		expect_heard(XFRM_MSG_NEWPOLICY, mute ? SHIM_SERVER_MUTE : 1);
		shim_server_hears(XFRM_MSG_NEWPOLICY, &(union shim_heard){0});
		shim_server_hears(XFRM_MSG_NEWPOLICY, &(union shim_heard){0});
		restart(events);
		if (!mute)
			expect_heard(XFRM_MSG_UPDPOLICY, SHIM_SERVER_MUTE);
		(void)shim_server_heard(0);
		ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &before), 0);
		ck_assert_int_eq(close(fd), 0);
		ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &after), 0);
		if (mute) {
			ck_assert_int_lt(after.tv_sec - before.tv_sec, 4); /* two seconds each */
			ck_assert_uint_eq(shim_server_heard(XFRM_MSG_NEWPOLICY), 1);
		} else {
			ck_assert_uint_eq(shim_server_heard(SHIM_SERVER_CLIENT), 1);
		}
		fd = xfrm_socket(0);
	}
	restart(events);
	expect_heard(XFRM_MSG_UPDPOLICY, SHIM_SERVER_MUTE);
	for (uint16_t port = 1; port <= 3; port++)
		expect_heard(XFRM_MSG_UPDPOLICY, port);
}
END_TEST

/* Without anybody who waits for EXPIRE there is nothing to keep: ip(8) brings and goes. */
START_TEST(test_nothing_is_kept_for_others)
{
	int events = listening_socket(XFRMGRP_ACQUIRE), fd = xfrm_socket(0);

	send_sa(fd, XFRM_MSG_NEWSA, 0x1001);
	shim_server_kill();
	shim_server_start();
	expect_expire(events, 0);
}
END_TEST

/* ---- IKE's own sockets ------------------------------------------------------------------------------------ */

START_TEST(test_esp_is_kept_from_an_ike_socket)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool ike;
	} datagrams[] = {
		{"\0\0\0\0ike", 7, true},
		{"\0\0\x10\x01"
		 "esp, its SPI",
		 16, false},
		{"\xff", 1, true}, /* a keepalive */
		{"\0\0\0\0", 4, true},
		{"\1\0\0\0", 4, false},
	};
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), peer = socket(AF_INET, SOCK_DGRAM, 0);
	int kind = 2, off = 0, draft = 1;
	char got[32];

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	ck_assert_int_eq(connect(peer, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &draft, sizeof(draft)), -1);
	for (int filtered = 1; filtered >= 0; filtered--) {
		ck_assert_int_eq(setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, filtered ? &kind : &off,
					    sizeof(kind)),
				 0);
		for (size_t i = 0; i < LENGTH(datagrams); i++) {
			(void)send(peer, datagrams[i].bytes, datagrams[i].len, 0);
			ck_assert_msg((recv(fd, got, sizeof(got), MSG_DONTWAIT) ==
				       (ssize_t)datagrams[i].len) ==
					      (datagrams[i].ike || !filtered),
				      "datagram %zu, filtered %d", i, filtered);
		}
	}
}
END_TEST

static int mark_of(int fd)
{
	int mark = -1;
	socklen_t len = sizeof(mark);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	return mark;
}

START_TEST(test_ike_sockets_get_the_mark)
{
	enum { POLICY = 17 }; /* IP_XFRM_POLICY */
	struct xfrm_userpolicy_info policies[2] = {
		{.dir = XFRM_POLICY_OUT, .action = XFRM_POLICY_ALLOW, .sel.family = AF_INET}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	rc = setsockopt(fd, IPPROTO_IP, POLICY, policies, sizeof(policies[0]));
	if (rc < 0) { /* as the kernel has it for who lacks CAP_NET_ADMIN */
		ck_assert_int_eq(errno, EPERM);
		return;
	}
	ck_assert_int_eq(mark_of(fd), 0x219);
	/* Taken away. */
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, POLICY, NULL, 0), 0);
	ck_assert_int_eq(mark_of(fd), 0);
	/* Anything else is not let pass. */
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, POLICY, policies, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, POLICY, policies, sizeof(policies)), -1);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	policies[0].action = XFRM_POLICY_BLOCK;
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, POLICY, policies, sizeof(policies[0])), -1);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	ck_assert_int_eq(mark_of(fd), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("shim");
	TCase *tc = tcase_create("shim");

	tcase_add_checked_fixture(tc, shim_server_start, shim_server_kill);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_socket_looks_like_netlink);
	tcase_add_test(tc, test_answers_come_from_the_kernels_address);
	tcase_add_test(tc, test_groups_are_told);
	tcase_add_test(tc, test_wrong_calls_fail_as_netlinks_do);
	tcase_add_test(tc, test_every_call_sends_and_receives);
	tcase_add_test(tc, test_lost_requests_are_refused);
	tcase_add_test(tc, test_answered_requests_are_not_refused);
	tcase_add_loop_test(tc, test_sleepers_wake_after_a_restart, 0, 2);
	tcase_add_test(tc, test_copies_are_the_same_socket);
	tcase_add_test(tc, test_parent_and_child_both_come_back);
	tcase_add_test(tc, test_lost_events_are_enobufs);
	tcase_add_test(tc, test_a_new_cygnetd_gets_policies_and_expires_sas);
	tcase_add_test(tc, test_only_acknowledged_policies_are_put_back);
	tcase_add_test(tc, test_acknowledgements_that_are_read_late_count);
	tcase_add_test(tc, test_a_mute_cygnetd_is_waited_for_once);
	tcase_add_test(tc, test_nothing_is_kept_for_others);
	tcase_add_test(tc, test_esp_is_kept_from_an_ike_socket);
	tcase_add_test(tc, test_ike_sockets_get_the_mark);
	suite_add_tcase(s, tc);
	return s;
}

/* The shim reads where cygnetd is when it is loaded, so the program starts itself again. */
static int start_again(char **argv)
{
	char dir[] = "/tmp/cygnet-shim-XXXXXX", path[64];

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	snprintf(path, sizeof(path), "%s/s", dir);
	setenv(CYGNET_SOCKET_ENV, path, 1);
	setenv("CYGNET_TEST_SHIM", dir, 1);
	execv("/proc/self/exe", argv);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("CYGNET_TEST_SHIM");
	SRunner *runner;
	int failed;

	(void)argc;
	if (!dir)
		return start_again(argv);
	runner = srunner_create(suite());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)unlink(getenv(CYGNET_SOCKET_ENV));
	(void)rmdir(dir);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
