/*
 * control_double.h: stand-ins for what the control server leans on (addresses, routes, sequence
 * numbers on disk), which record what was asked of them. Calls come from the server's thread,
 * tests read from theirs: counters are atomic, the rest is set while the server is idle.
 */
#ifndef CYGNET_TEST_CONTROL_DOUBLE_H
#define CYGNET_TEST_CONTROL_DOUBLE_H

#include "sa-db/sadb.h"

struct control_double {
	/* hostnet: the only local addresses are 10.0.0.1 and fd00::1, and only while home is true */
	_Atomic bool home;
	_Atomic uint32_t routed_mtu; /* towards every peer */
	/* capture */
	_Atomic unsigned refreshes;
	_Atomic uint32_t path_mtu;	 /* the last one learned */
	_Atomic uint8_t path_mtu_family; /* of the path */
	_Atomic uint32_t mark;		 /* the last one begun or ended */
	_Atomic int marks;		 /* begun and not ended */
	_Atomic int mark_family;
	_Atomic int mark_fails; /* 0, or what the next ones get */
	_Atomic bool default_block[POLICY_DIRS];
	_Atomic int default_fails; /* 0, or what the next ones get */
	/* reserve: one counter for all keys */
	_Atomic int take_fails; /* 0, or what reserve_take returns */
	_Atomic uint64_t block; /* numbers in a block */
	_Atomic uint64_t next;
	_Atomic unsigned takes, returns;
	_Atomic uint64_t returned_used;
	_Atomic uint64_t returned_first;
	_Atomic uint64_t returned_last;
};

extern struct control_double double_state;

void double_reset(void);

#endif
