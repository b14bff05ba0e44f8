/*
 * turns.c: see turns.h. A file of its own because the kernel's header and the C library's <sched.h>
 * exclude each other.
 */
#include "gateway/dataplane/turns.h"

#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TURN_NS = 100000 }; /* the least the kernel takes */

void turns_short(void)
{
	const struct sched_attr attr = {.size = sizeof(attr),
					.sched_nice = getpriority(PRIO_PROCESS, 0),
					.sched_runtime = TURN_NS};

	(void)syscall(SYS_sched_setattr, 0, &attr, 0U);
}
