/*
 * sockets.c: which descriptors are ours. The table of numbers is read without a lock at every
 * call a program makes, so that what is not ours costs nothing; it is written under the one lock.
 * Sockets are never freed, only used again: whoever holds a pointer while another thread closes
 * the descriptor reads a socket that is there, as it would with the kernel's.
 */
#include "tools/shim/shim.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_socket sockets[SHIM_SOCKETS_MAX];
/* 0, or 1 + the socket's place. */
static _Atomic uint16_t numbers[SHIM_NUMBERS_MAX];
static int numbers_end;		     /* under the lock: above it there are none */
static uint32_t portids_given;	     /* under the lock */
static _Atomic pid_t owner;	     /* the process this memory belongs to */
static struct shim_guard fork_guard; /* of the thread that forks; the lock is held */

/* ---- the lock, and fork ------------------------------------------------------------------------ */

void shim_lock(struct shim_guard *guard)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &guard->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard->cancel);
	pthread_mutex_lock(&lock);
}

void shim_unlock(const struct shim_guard *guard)
{
	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(guard->cancel, NULL);
	pthread_sigmask(SIG_SETMASK, &guard->signals, NULL);
}

static void before_fork(void)
{
	struct shim_guard guard;

	shim_lock(&guard);
	fork_guard = guard;
}

static void after_fork(void)
{
	struct shim_guard guard = fork_guard;

	shim_unlock(&guard);
}

static void in_child(void)
{
	struct shim_guard guard = fork_guard;

	atomic_store(&owner, getpid());
	waiting_forked();
	shim_unlock(&guard);
}

__attribute__((constructor)) static void begin(void)
{
	atomic_store(&owner, getpid());
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

bool sockets_is_vforked(void)
{
	return getpid() != atomic_load(&owner);
}

/* ---- numbers ------------------------------------------------------------------------------------- */

struct shim_socket *sockets_find(int number)
{
	uint16_t at;

	if (number < 0 || number >= SHIM_NUMBERS_MAX)
		return NULL;
	at = atomic_load_explicit(&numbers[number], memory_order_acquire);
	return at ? &sockets[at - 1] : NULL;
}

bool sockets_adopt(struct shim_socket *s, int number)
{
	if (number < 0 || number >= SHIM_NUMBERS_MAX)
		return false;
	sockets_forget(number);
	atomic_store_explicit(&numbers[number], (uint16_t)(s - sockets + 1), memory_order_release);
	s->numbers++;
	if (number >= numbers_end)
		numbers_end = number + 1;
	return true;
}

void sockets_forget(int number)
{
	struct shim_socket *s = sockets_find(number);

	if (!s)
		return;
	atomic_store_explicit(&numbers[number], 0, memory_order_release);
	epolls_forget_number(number);
	if (--s->numbers)
		return;
	if (s->far >= 0)
		next_calls()->close(s->far);
	if (s->next >= 0)
		next_calls()->close(s->next);
	s->far = -1;
	s->next = -1;
	s->used = false;
	ledger_closed(s);
	atomic_store(&s->waiting, false);
	atomic_fetch_add(&s->generation, 1);
}

void sockets_each_number(const struct shim_socket *s, void (*fn)(void *ctx, int number), void *ctx)
{
	for (int number = 0; number < numbers_end; number++) {
		if (sockets_find(number) == s)
			fn(ctx, number);
	}
}

/* ---- sockets ------------------------------------------------------------------------------------- */

static bool portid_taken(uint32_t portid)
{
	const struct shim_socket *s;
	unsigned at = 0;

	while ((s = sockets_next(&at))) {
		if (s->portid == portid)
			return true;
	}
	return false;
}

/* As the kernel: the process's number for its first socket, high ones for the next. */
static uint32_t give_portid(void)
{
	uint32_t portid = (uint32_t)getpid();

	while (portid_taken(portid))
		portid = UINT32_MAX - 4096 - portids_given++;
	return portid;
}

struct shim_socket *sockets_new(int type)
{
	for (unsigned i = 0; i < SHIM_SOCKETS_MAX; i++) {
		struct shim_socket *s = &sockets[i];

		if (s->used)
			continue;
		s->portid = give_portid();
		s->used = true;
		s->numbers = 0;
		s->far = -1;
		s->next = -1;
		s->type = type;
		s->groups = 0;
		s->options = 0;
		s->requests_len = 0;
		atomic_store(&s->woken, false);
		return s;
	}
	return NULL;
}

struct shim_socket *sockets_next(unsigned *at)
{
	while (*at < SHIM_SOCKETS_MAX) {
		struct shim_socket *s = &sockets[(*at)++];

		if (s->used)
			return s;
	}
	return NULL;
}
