/*
 * descriptor_calls.c: the calls by which a descriptor gets another name or loses one, and epoll's
 * registration of them: so that the table of numbers stays true.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <fcntl.h>

/* ---- close ------------------------------------------------------------------------------------------ */

int shim_close(int fd) SHIM_CALL("close");
int shim_close(int fd)
{
	struct shim_guard guard;
	int rc, saved;

	if ((!sockets_find(fd) && !epolls_knows(fd)) || sockets_is_vforked())
		return next_calls()->close(fd);
	/* In one: a number must not be another file's while we think it ours. */
	shim_lock(&guard);
	sockets_forget(fd);
	epolls_forget_epoll(fd);
	rc = next_calls()->close(fd);
	saved = errno;
	shim_unlock(&guard);
	errno = saved;
	return rc;
}

static void forget_range(unsigned first, unsigned last)
{
	struct shim_guard guard;

	if (sockets_is_vforked())
		return;
	shim_lock(&guard);
	for (unsigned fd = first; fd <= last && fd < SHIM_NUMBERS_MAX; fd++) {
		sockets_forget((int)fd);
		epolls_forget_epoll((int)fd);
	}
	shim_unlock(&guard);
}

int shim_close_range(unsigned first, unsigned last, int flags) SHIM_CALL("close_range");
int shim_close_range(unsigned first, unsigned last, int flags)
{
	int rc = next_calls()->close_range(first, last, flags);

	if (rc == 0 && !(flags & 4)) /* CLOSE_RANGE_CLOEXEC: only marked */
		forget_range(first, last);
	return rc;
}

void shim_closefrom(int first) SHIM_CALL("closefrom");
void shim_closefrom(int first)
{
	next_calls()->closefrom(first);
	forget_range(first > 0 ? (unsigned)first : 0, SHIM_NUMBERS_MAX);
}

/* ---- dup -------------------------------------------------------------------------------------------- */

/* copy is another name of fd's socket now. Returns it; -1 and EMFILE if it is too high. */
static int adopt(int fd, int copy)
{
	struct shim_socket *s = sockets_find(fd);

	if (copy < 0 || copy == fd)
		return copy;
	sockets_forget(copy);
	epolls_forget_epoll(copy);
	if (!s || sockets_adopt(s, copy))
		return copy;
	next_calls()->close(copy);
	errno = EMFILE;
	return -1;
}

int shim_dup(int fd) SHIM_CALL("dup");
int shim_dup(int fd)
{
	struct shim_guard guard;
	int copy;

	if (!sockets_find(fd) || sockets_is_vforked())
		return next_calls()->dup(fd);
	shim_lock(&guard);
	copy = adopt(fd, next_calls()->dup(fd));
	shim_unlock(&guard);
	return copy;
}

int shim_dup2(int fd, int copy) SHIM_CALL("dup2");
int shim_dup2(int fd, int copy)
{
	struct shim_guard guard;

	if ((!sockets_find(fd) && !sockets_find(copy) && !epolls_knows(copy)) ||
	    sockets_is_vforked())
		return next_calls()->dup2(fd, copy);
	shim_lock(&guard);
	copy = adopt(fd, next_calls()->dup2(fd, copy));
	shim_unlock(&guard);
	return copy;
}

int shim_dup3(int fd, int copy, int flags) SHIM_CALL("dup3");
int shim_dup3(int fd, int copy, int flags)
{
	struct shim_guard guard;

	if ((!sockets_find(fd) && !sockets_find(copy) && !epolls_knows(copy)) ||
	    sockets_is_vforked())
		return next_calls()->dup3(fd, copy, flags);
	shim_lock(&guard);
	copy = adopt(fd, next_calls()->dup3(fd, copy, flags));
	shim_unlock(&guard);
	return copy;
}

/* The argument is a long or a pointer or not there; the C library itself takes it so. */
static int control(int (*next)(int, int, ...), int fd, int command, void *argument)
{
	struct shim_guard guard;
	int copy;

	if ((command != F_DUPFD && command != F_DUPFD_CLOEXEC) || !sockets_find(fd) ||
	    sockets_is_vforked())
		return next(fd, command, argument);
	shim_lock(&guard);
	copy = adopt(fd, next(fd, command, argument));
	shim_unlock(&guard);
	return copy;
}

int shim_fcntl(int fd, int command, ...) SHIM_CALL("fcntl");
int shim_fcntl(int fd, int command, ...)
{
	void *argument;
	va_list list;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return control(next_calls()->fcntl, fd, command, argument);
}

int shim_fcntl64(int fd, int command, ...) SHIM_CALL("fcntl64");
int shim_fcntl64(int fd, int command, ...)
{
	void *argument;
	va_list list;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return control(next_calls()->fcntl64, fd, command, argument);
}

/* ---- epoll ------------------------------------------------------------------------------------------ */

int shim_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event) SHIM_CALL("epoll_ctl");
int shim_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	struct shim_guard guard;
	int rc, saved;

	if (!sockets_find(fd))
		return next_calls()->epoll_ctl(epoll, op, fd, event);
	shim_lock(&guard);
	rc = epolls_control(epoll, op, fd, event);
	saved = errno;
	shim_unlock(&guard);
	errno = saved;
	return rc;
}
