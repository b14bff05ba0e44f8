/*
 * rcu.h: how memory that packet threads may still read is freed: liburcu, QSBR flavour. The only
 * file pair that knows liburcu (decision 0006). A packet thread registers, is offline while it
 * waits, and says once a batch that it holds nothing.
 */
#ifndef CYGNET_RCU_H
#define CYGNET_RCU_H

/* Frees ptr by free_fn once no packet thread can hold it. Control thread; never waits. */
void rcu_retire(void *ptr, void (*free_fn)(void *ptr));
/* Waits until everything retired so far is freed. At exit, after packet threads have ended. */
void rcu_drain(void);

/* Packet threads. Between enter and leave the thread is a reader; quiescent ends one read-side
 * section and begins the next. */
void rcu_reader_register(void);
void rcu_reader_unregister(void);
void rcu_reader_enter(void);
void rcu_reader_quiescent(void);
void rcu_reader_leave(void);

#endif
