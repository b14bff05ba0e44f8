/*
 * transfer_calls.c: the calls that send and receive, of sockets and of files. All of them come down
 * to transfer.c; a descriptor that is not ours goes on to the C library.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define IOV(buf, len)                           \
	&(struct iovec)                         \
	{                                       \
		(void *)(uintptr_t)(buf), (len) \
	}

/* ---- out ------------------------------------------------------------------------------------------- */

ssize_t shim_send(int fd, const void *buf, size_t len, int flags) SHIM_CALL("send");
ssize_t shim_send(int fd, const void *buf, size_t len, int flags)
{
	struct shim_socket *s = sockets_find(fd);
	const struct msghdr msg = {.msg_iov = IOV(buf, len), .msg_iovlen = 1};

	return s ? transfer_send(s, fd, &msg, flags) : next_calls()->send(fd, buf, len, flags);
}

ssize_t shim_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len) SHIM_CALL("sendto");
ssize_t shim_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	struct shim_socket *s = sockets_find(fd);
	const struct msghdr msg = {.msg_name = (void *)(uintptr_t)to,
				   .msg_namelen = to_len,
				   .msg_iov = IOV(buf, len),
				   .msg_iovlen = 1};

	return s ? transfer_send(s, fd, &msg, flags)
		 : next_calls()->sendto(fd, buf, len, flags, to, to_len);
}

ssize_t shim_sendmsg(int fd, const struct msghdr *msg, int flags) SHIM_CALL("sendmsg");
ssize_t shim_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct shim_socket *s = sockets_find(fd);

	return s ? transfer_send(s, fd, msg, flags) : next_calls()->sendmsg(fd, msg, flags);
}

int shim_sendmmsg(int fd, struct mmsghdr *msgs, unsigned len, int flags) SHIM_CALL("sendmmsg");
int shim_sendmmsg(int fd, struct mmsghdr *msgs, unsigned len, int flags)
{
	struct shim_socket *s = sockets_find(fd);
	unsigned done = 0;

	if (!s)
		return next_calls()->sendmmsg(fd, msgs, len, flags);
	while (done < len) {
		ssize_t n = transfer_send(s, fd, &msgs[done].msg_hdr, flags);

		if (n < 0)
			return done ? (int)done : -1;
		msgs[done++].msg_len = (unsigned)n;
	}
	return (int)done;
}

ssize_t shim_write(int fd, const void *buf, size_t len) SHIM_CALL("write");
ssize_t shim_write(int fd, const void *buf, size_t len)
{
	struct shim_socket *s = sockets_find(fd);
	const struct msghdr msg = {.msg_iov = IOV(buf, len), .msg_iovlen = 1};

	return s ? transfer_send(s, fd, &msg, 0) : next_calls()->write(fd, buf, len);
}

ssize_t shim_writev(int fd, const struct iovec *iov, int len) SHIM_CALL("writev");
ssize_t shim_writev(int fd, const struct iovec *iov, int len)
{
	struct shim_socket *s = sockets_find(fd);
	const struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
				   .msg_iovlen = len > 0 ? (size_t)len : 0};

	return s ? transfer_send(s, fd, &msg, 0) : next_calls()->writev(fd, iov, len);
}

/* ---- in --------------------------------------------------------------------------------------------- */

static ssize_t receive(struct shim_socket *s, int fd, void *buf, size_t len, int flags,
		       struct sockaddr *from, socklen_t *from_len)
{
	struct msghdr msg = {.msg_name = from,
			     .msg_namelen = from && from_len ? *from_len : 0,
			     .msg_iov = IOV(buf, len),
			     .msg_iovlen = 1};
	ssize_t n = transfer_receive(s, fd, &msg, flags);

	if (n >= 0 && from && from_len)
		*from_len = msg.msg_namelen;
	return n;
}

ssize_t shim_recv(int fd, void *buf, size_t len, int flags) SHIM_CALL("recv");
ssize_t shim_recv(int fd, void *buf, size_t len, int flags)
{
	struct shim_socket *s = sockets_find(fd);

	return s ? receive(s, fd, buf, len, flags, NULL, NULL)
		 : next_calls()->recv(fd, buf, len, flags);
}

ssize_t shim_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		      socklen_t *from_len) SHIM_CALL("recvfrom");
ssize_t shim_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		      socklen_t *from_len)
{
	struct shim_socket *s = sockets_find(fd);

	return s ? receive(s, fd, buf, len, flags, from, from_len)
		 : next_calls()->recvfrom(fd, buf, len, flags, from, from_len);
}

ssize_t shim_recvmsg(int fd, struct msghdr *msg, int flags) SHIM_CALL("recvmsg");
ssize_t shim_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct shim_socket *s = sockets_find(fd);

	return s ? transfer_receive(s, fd, msg, flags) : next_calls()->recvmsg(fd, msg, flags);
}

int shim_recvmmsg(int fd, struct mmsghdr *msgs, unsigned len, int flags, struct timespec *timeout)
	SHIM_CALL("recvmmsg");
int shim_recvmmsg(int fd, struct mmsghdr *msgs, unsigned len, int flags, struct timespec *timeout)
{
	struct shim_socket *s = sockets_find(fd);
	unsigned done = 0;

	if (!s)
		return next_calls()->recvmmsg(fd, msgs, len, flags, timeout);
	/* The time limit is looked at between datagrams only, as the kernel does it: here, never. */
	while (done < len) {
		int more = done && flags & MSG_WAITFORONE ? MSG_DONTWAIT : 0;
		ssize_t n = transfer_receive(s, fd, &msgs[done].msg_hdr,
					     (flags & ~MSG_WAITFORONE) | more);

		if (n < 0)
			return done ? (int)done : -1;
		msgs[done++].msg_len = (unsigned)n;
	}
	return (int)done;
}

ssize_t shim_read(int fd, void *buf, size_t len) SHIM_CALL("read");
ssize_t shim_read(int fd, void *buf, size_t len)
{
	struct shim_socket *s = sockets_find(fd);

	return s ? receive(s, fd, buf, len, 0, NULL, NULL) : next_calls()->read(fd, buf, len);
}

ssize_t shim_readv(int fd, const struct iovec *iov, int len) SHIM_CALL("readv");
ssize_t shim_readv(int fd, const struct iovec *iov, int len)
{
	struct shim_socket *s = sockets_find(fd);
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = len > 0 ? (size_t)len : 0};

	return s ? transfer_receive(s, fd, &msg, 0) : next_calls()->readv(fd, iov, len);
}

/* ---- the same, of programs built with _FORTIFY_SOURCE ------------------------------------------------- */

ssize_t shim_recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
	SHIM_CALL("__recv_chk");
ssize_t shim_recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
	struct shim_socket *s = len <= room ? sockets_find(fd) : NULL;

	return s ? receive(s, fd, buf, len, flags, NULL, NULL)
		 : next_calls()->recv_chk(fd, buf, len, room, flags);
}

ssize_t shim_recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
			  struct sockaddr *from, socklen_t *from_len) SHIM_CALL("__recvfrom_chk");
ssize_t shim_recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
			  struct sockaddr *from, socklen_t *from_len)
{
	struct shim_socket *s = len <= room ? sockets_find(fd) : NULL;

	return s ? receive(s, fd, buf, len, flags, from, from_len)
		 : next_calls()->recvfrom_chk(fd, buf, len, room, flags, from, from_len);
}

ssize_t shim_read_chk(int fd, void *buf, size_t len, size_t room) SHIM_CALL("__read_chk");
ssize_t shim_read_chk(int fd, void *buf, size_t len, size_t room)
{
	struct shim_socket *s = len <= room ? sockets_find(fd) : NULL;

	return s ? receive(s, fd, buf, len, 0, NULL, NULL)
		 : next_calls()->read_chk(fd, buf, len, room);
}
