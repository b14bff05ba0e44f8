/*
 * turns.h: how packet threads share a core with others, and with each other. A thread that is woken for a
 * packet waits for one that is busy until its turn is over, which is looked at once a tick: 4 ms at 250 Hz.
 * It need not if it asks for turns shorter than the other's; and nobody waits long for a busy thread that gives
 * way by itself. Who does so with its turn hardly begun gives the rest of it away, so not before. Decision 19.
 */
#ifndef CYGNET_TURNS_H
#define CYGNET_TURNS_H

#include <stdint.h>

/* All zero: a turn begins with the thread. */
struct turn {
	uint64_t began; /* ns of the thread's own time */
};

/* The calling thread and those it starts from now on take short turns. A wish: kernels before 6.12 do not
 * know it, and a scheduling policy that has none (chrt) stays as it is. */
void turns_short(void);
/* The calling thread lets others run if its turn has been long enough. */
void turns_give_way(struct turn *turn);

#endif
