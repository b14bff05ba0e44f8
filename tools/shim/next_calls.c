/*
 * next_calls.c: the C library's own functions, found by dlsym(3). Others' constructors may
 * call us before ours has run, so they are looked up at the first call.
 */
#include "tools/shim/shim.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct next_calls calls;
static _Atomic bool resolved;

#define FIELD(name)                                      \
	{                                                \
#name, offsetof(struct next_calls, name) \
	}
#define FIELD_AS(field, name)                            \
	{                                                \
		name, offsetof(struct next_calls, field) \
	}

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	FIELD(socket),
	FIELD(bind),
	FIELD(connect),
	FIELD(getsockname),
	FIELD(getpeername),
	FIELD(getsockopt),
	FIELD(setsockopt),
	FIELD(send),
	FIELD(sendto),
	FIELD(sendmsg),
	FIELD(sendmmsg),
	FIELD(recv),
	FIELD(recvfrom),
	FIELD(recvmsg),
	FIELD(recvmmsg),
	FIELD(read),
	FIELD(readv),
	FIELD(write),
	FIELD(writev),
	FIELD(close),
	FIELD(close_range),
	FIELD(closefrom),
	FIELD(dup),
	FIELD(dup2),
	FIELD(dup3),
	FIELD(fcntl),
	FIELD(fcntl64),
	FIELD(epoll_ctl),
	FIELD_AS(recv_chk, "__recv_chk"),
	FIELD_AS(recvfrom_chk, "__recvfrom_chk"),
	FIELD_AS(read_chk, "__read_chk"),
};

/* Two threads at once write the same values. */
static void resolve(void)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		void *found = dlsym(RTLD_NEXT, fields[i].name);

		if (!found)
			abort(); /* not the C library we were built for */
		memcpy((char *)&calls + fields[i].offset, &found, sizeof(found));
	}
	atomic_store_explicit(&resolved, true, memory_order_release);
}

const struct next_calls *next_calls(void)
{
	if (!atomic_load_explicit(&resolved, memory_order_acquire))
		resolve();
	return &calls;
}
