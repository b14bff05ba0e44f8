/*
 * epolls.c: who waits for our descriptors by epoll(7). The kernel ties a registration to the socket
 * behind a number, not to the number: when another one takes its place, the registration is
 * renewed here.
 */
#include "tools/shim/shim.h"

#include <errno.h>

static struct {
	int epoll, number;
	struct epoll_event event;
} registered[SHIM_EPOLLS_MAX];
static _Atomic unsigned registered_len;

static unsigned find(int epoll, int number)
{
	unsigned i = 0;

	while (i < registered_len &&
	       (registered[i].epoll != epoll || registered[i].number != number))
		i++;
	return i;
}

static void remove_at(unsigned i)
{
	registered[i] = registered[--registered_len];
}

int epolls_control(int epoll, int op, int number, struct epoll_event *event)
{
	unsigned i = find(epoll, number);
	int rc;

	if (op == EPOLL_CTL_ADD && i == SHIM_EPOLLS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	rc = next_calls()->epoll_ctl(epoll, op, number, event);
	if (rc < 0)
		return rc;
	if (op == EPOLL_CTL_DEL) {
		if (i < registered_len)
			remove_at(i);
		return rc;
	}
	if (i == registered_len && i < SHIM_EPOLLS_MAX)
		registered_len++;
	if (i < registered_len) {
		registered[i].epoll = epoll;
		registered[i].number = number;
		registered[i].event = *event;
	}
	return rc;
}

void epolls_suspend(int number)
{
	struct epoll_event none = {0};

	/* Explicitly: a child of fork that still has the old socket would keep it alive in there. */
	for (unsigned i = 0; i < registered_len; i++) {
		if (registered[i].number == number)
			(void)next_calls()->epoll_ctl(registered[i].epoll, EPOLL_CTL_DEL, number,
						      &none);
	}
}

void epolls_resume(int number)
{
	for (unsigned i = 0; i < registered_len; i++) {
		if (registered[i].number == number)
			(void)next_calls()->epoll_ctl(registered[i].epoll, EPOLL_CTL_ADD, number,
						      &registered[i].event);
	}
}

void epolls_forget_number(int number)
{
	for (unsigned i = registered_len; i-- > 0;) {
		if (registered[i].number == number)
			remove_at(i);
	}
}

void epolls_forget_epoll(int epoll)
{
	for (unsigned i = registered_len; i-- > 0;) {
		if (registered[i].epoll == epoll)
			remove_at(i);
	}
}

bool epolls_knows(int epoll)
{
	unsigned len = atomic_load(&registered_len);

	/* Without the lock: only the caller's own threads could register it at this moment. */
	for (unsigned i = 0; i < len; i++) {
		if (registered[i].epoll == epoll)
			return true;
	}
	return false;
}
