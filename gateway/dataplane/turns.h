/*
 * turns.h: how packet threads share a core with others, and with each other. A thread that is woken for a
 * packet waits for one that is busy until its turn is over, which is looked at once a tick: 4 ms at 250 Hz.
 * It need not if it asks for turns shorter than the other's; and nobody waits for a busy thread that gives
 * way after each round of its loop (sched_yield). Shares of the core stay what they were. Decision 19.
 */
#ifndef CYGNET_TURNS_H
#define CYGNET_TURNS_H

/* The calling thread and those it starts from now on take short turns. A wish: kernels before 6.12 do not
 * know it. */
void turns_short(void);

#endif
