/*
 * turns.c: see turns.h. A file of its own because the kernel's header and the C library's <sched.h>
 * exclude each other.
 */
#include "gateway/dataplane/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	SLICE_NS = 100000, /* the least the kernel takes */
	TURN_NS = 200000,
	NS_PER_S = 1000000000
};

void turns_short(void)
{
	const struct sched_attr attr = {.size = sizeof(attr),
					.sched_flags = SCHED_FLAG_KEEP_POLICY,
					.sched_nice = getpriority(PRIO_PROCESS, 0),
					.sched_runtime = SLICE_NS};

	(void)syscall(SYS_sched_setattr, 0, &attr, 0U);
}

void turns_give_way(struct turn *turn)
{
	struct timespec used;
	uint64_t now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used); /* every kernel has it */
	now = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
	if (now - turn->began < TURN_NS)
		return;
	turn->began = now;
	(void)syscall(SYS_sched_yield); /* cannot fail */
}
