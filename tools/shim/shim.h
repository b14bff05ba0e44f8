/*
 * shim.h: libcygnet-xfrm.so, the library that `cygnet exec` loads into a program that was written
 * for the Linux kernel's XFRM: ip(8), strongSwan's charon, Libreswan's pluto. Its sockets of
 * NETLINK_XFRM become connections to cygnetd; all others stay what they are. No more is changed
 * than the calls of the C library that can tell the two apart.
 *
 *   next_calls.c      the C library's own functions, which ours stand in front of
 *   sockets.c         which descriptors are ours; the lock; fork
 *   epolls.c          who waits for them by epoll
 *   link.c            the connection to cygnetd, and its replacement
 *   waiting.c         a thread that stands in for cygnetd while it is away
 *   requests.c        what has been asked and not been answered
 *   ledger.c          what an IKE daemon gets back, and is told, when cygnetd has started anew
 *   transfer.c        sending and receiving
 *   ike_socket.c      options of IKE's UDP sockets that speak of IPsec
 *   *_calls.c         the functions we stand in front of
 *
 * A descriptor of ours is connected to cygnetd itself, so poll, select, epoll, fork and exec are
 * what they always were, and nothing that a program has sent before it ends is lost. When
 * cygnetd goes, the same number gets the near end of a socket pair, and a connection again when
 * cygnetd is back.
 *
 * It prints nothing, and looks at no descriptor that is not its own.
 */
#ifndef CYGNET_SHIM_H
#define CYGNET_SHIM_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/netlink.h>

enum shim_limits {
	SHIM_SOCKETS_MAX = 256,
	SHIM_NUMBERS_MAX = 8192, /* descriptors above are never ours */
	SHIM_REQUESTS_MAX = 64,	 /* remembered per socket; older ones are forgotten */
	SHIM_EPOLLS_MAX = 128,
};

/* Of the CYGNET_MSG_CTL whose acknowledgement wakes who polls (waiting.c). */
#define SHIM_WAKE_SEQ 0x43594753U

/* Names a function of ours as the C library's. The headers' own declarations, with their inline
 * checks and their unions for addresses, then stand in nobody's way. */
#define SHIM_CALL(name) __asm__(name) __attribute__((visibility("default")))

/* ---- next_calls.c ---------------------------------------------------------------------------- */

struct next_calls {
	int (*socket)(int, int, int);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	int (*sendmmsg)(int, struct mmsghdr *, unsigned, int);
	ssize_t (*recv)(int, void *, size_t, int);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	int (*recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*readv)(int, const struct iovec *, int);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*writev)(int, const struct iovec *, int);
	ssize_t (*recv_chk)(int, void *, size_t, size_t, int);
	ssize_t (*recvfrom_chk)(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*read_chk)(int, void *, size_t, size_t);
	int (*close)(int);
	int (*close_range)(unsigned, unsigned, int);
	void (*closefrom)(int);
	int (*dup)(int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	int (*fcntl)(int, int, ...);
	int (*fcntl64)(int, int, ...);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
};

/* Never NULL inside; looked up at the first call. Any thread. */
const struct next_calls *next_calls(void);

/* ---- sockets.c ------------------------------------------------------------------------------- */

/* A request whose answer is due: what an answer needs of it. */
struct shim_request {
	uint32_t seq, pid;
	uint16_t type, flags;
};

struct shim_socket {
	/* Rises when the socket behind the numbers is another one. */
	_Atomic unsigned generation;
	/* cygnetd is away; far is the other end of what the numbers have. */
	_Atomic bool waiting;
	/* Whoever waits by poll was woken by a change of sockets and finds nothing to read. */
	_Atomic bool woken;
	/* Under the lock. */
	bool used;
	unsigned numbers; /* descriptors that are this socket */
	int far;	  /* owned; -1 */
	int next;	  /* owned: the connection that will end the waiting; -1 */
	int64_t since_ms; /* waiting since, monotonic */
	int type;	  /* SOCK_RAW or SOCK_DGRAM, as was asked for */
	uint32_t portid, groups;
	uint32_t options; /* of SOL_NETLINK: bit of each that is on */
	unsigned requests_len;
	struct shim_request requests[SHIM_REQUESTS_MAX]; /* oldest first */
};

/* The one lock. While it is held, the thread is neither interrupted nor cancelled. */
struct shim_guard {
	sigset_t signals;
	int cancel;
};
void shim_lock(struct shim_guard *guard);
void shim_unlock(const struct shim_guard *guard);

/* The socket behind a descriptor, NULL if it is not ours. Any thread, without the lock. A
 * pointer stays readable for ever, and is another socket's when this one has gone. */
struct shim_socket *sockets_find(int number);

/* All below: under the lock. */

/* A new one without numbers; NULL: there are too many. */
struct shim_socket *sockets_new(int type);
/* The number is now another name of it. False: the number is too high. */
bool sockets_adopt(struct shim_socket *s, int number);
/* The number is nobody's. A socket without numbers is gone. No call is made on the number. */
void sockets_forget(int number);
/* Calls fn for every number of it. */
void sockets_each_number(const struct shim_socket *s, void (*fn)(void *ctx, int number), void *ctx);
/* The next one in use behind *at, which begins at 0; NULL: there is none. */
struct shim_socket *sockets_next(unsigned *at);
/* True in a child of vfork, which has its parent's memory, but descriptors of its own. */
bool sockets_is_vforked(void);

/* ---- epolls.c; under the lock ------------------------------------------------------------------ */

/* epoll_ctl(2) on a number of ours. */
int epolls_control(int epoll, int op, int number, struct epoll_event *event);
/* The number is about to become another socket, and did. */
void epolls_suspend(int number);
void epolls_resume(int number);
/* A number of ours, or any descriptor if it is an epoll we know, is closed. */
void epolls_forget_number(int number);
void epolls_forget_epoll(int epoll);
bool epolls_knows(int epoll); /* without the lock */

/* ---- link.c ------------------------------------------------------------------------------------ */

/* Connects to cygnetd, flags as socket(2)'s. wait: for room in its queue. The descriptor, or
 * -1 and errno. */
int link_connect(int flags, bool wait);
/* Tells cygnetd at fd the socket's port id and groups. wake: and wants an answer, so that there is
 * something to read (waiting.c). */
void link_tell(const struct shim_socket *s, int fd, bool wake);
/* There is, or will be within that time. */
bool link_is_readable(int fd, int timeout_ms);
/* Another socket takes the place of the one behind all numbers of s. fd is owned from now on. */
void link_install(struct shim_socket *s, int fd);
/* The socket of this generation has come to its end: a new one takes its place, if nobody has
 * seen to that. 0, or -errno. Takes the lock. */
int link_lost(struct shim_socket *s, unsigned generation);

/* ---- waiting.c; under the lock ----------------------------------------------------------------- */

/* s gets the near end of a socket pair, which answers its requests with ENETDOWN, until cygnetd is
 * back. 0, -errno. */
int waiting_begin(struct shim_socket *s);
/* In a child of fork: the thread and the far ends are the parent's. */
void waiting_forked(void);

/* ---- requests.c; under the lock ---------------------------------------------------------------- */

/* A datagram goes out; and: it did not. */
void requests_note(struct shim_socket *s, const struct iovec *iov, size_t iov_len);
void requests_undo(struct shim_socket *s, const struct iovec *iov, size_t iov_len);
/* A datagram of len bytes has come. */
void requests_answer(struct shim_socket *s, const struct iovec *iov, size_t iov_len, size_t len);
/* Refuses the request into fd, which does not block. */
void requests_refuse(const struct shim_socket *s, int fd, const struct shim_request *request);
/* The request at the beginning of bytes; false: it wants no answer. *step: to the next one, or 0. */
bool requests_read(const void *bytes, size_t len, struct shim_request *out, size_t *step);
/* Copies up to len bytes at offset out of iov; how many there were. */
size_t requests_gather(const struct iovec *iov, size_t iov_len, size_t offset, void *out,
		       size_t len);

/* ---- ledger.c; under the lock ------------------------------------------------------------------ */

/* From now on, what is sent is noted: the program waits for EXPIRE. */
void ledger_keep(void);
bool ledger_is_kept(void);
/* A datagram of requests goes out to cygnetd by s. What is about policies and asks for an
 * acknowledgement is noted when that comes. */
void ledger_note(const struct shim_socket *s, const struct iovec *iov, size_t iov_len);
/* It did not go out. */
void ledger_unsent(const struct shim_socket *s, const struct iovec *iov, size_t iov_len);
/* The program was told what became of a request: error 0, it was done. */
void ledger_answered(const struct shim_socket *s, uint32_t seq, int error);
/* s is gone, and answers that are still due will not be read. */
void ledger_closed(const struct shim_socket *s);
/* fd is a new connection by which EXPIRE comes. If it is to another cygnetd than the last one, that
 * gets the policies back. */
void ledger_connected(int fd);
/* Tells fd, as EXPIRE, the SAs that went with a former cygnetd, as many as it takes. False: there were
 * none. */
bool ledger_tell_lost(int fd);

/* ---- transfer.c ---------------------------------------------------------------------------------- */

/* sendmsg(2) and recvmsg(2) on number, which is s. */
ssize_t transfer_send(struct shim_socket *s, int number, const struct msghdr *msg, int flags);
ssize_t transfer_receive(struct shim_socket *s, int number, struct msghdr *msg, int flags);
/* Copies as much of it as *len has room for; *len: what there is. Either may be NULL. */
void transfer_address(uint32_t portid, uint32_t groups, struct sockaddr *out, socklen_t *len);

/* ---- ike_socket.c ---------------------------------------------------------------------------------- */

/* setsockopt(2) on a socket that is not ours, of an option that hands the kernel's IPsec something.
 * False: it is no such option. Else *rc is what the call returns. */
bool ike_socket_option(int fd, int level, int option, const void *value, socklen_t len, int *rc);

#endif
