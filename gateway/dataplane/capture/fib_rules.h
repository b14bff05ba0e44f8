/*
 * fib_rules.h: our routing policy rules of one family, for capture.c:
 *
 *     215            fwmark 0x219 goto 219         our own packets skip the ordered rules
 *     215            iif lo fwmark N uidrange U-U goto 220    so do those with an SA's output mark
 *     216..218       generations of ordered rules  capture: lookup 218; skip: goto 219
 *     219            not fwmark 0x219 lookup 219   what routes alone can say
 *     220            nop                           where those with an output mark go on
 *
 * Others may have packets with the mark of an SA, which the tunnels must not lose: so those rules ask
 * whether it was a socket of cygnetd's user that sent them. (Its own mark nobody else uses.)
 *
 * The kernel has no way to replace a list of rules at once, so a changed list is written at a free
 * preference in full and then the old one is deleted: each packet meets one complete list.
 */
#ifndef CYGNET_FIB_RULES_H
#define CYGNET_FIB_RULES_H

#include "gateway/dataplane/capture/capture_plan.h"

struct rtnl;

enum fib_rule_prefs {
	FIB_PREF_MARKED = CAPTURE_PREF - 4,
	FIB_PREF_FIRST = CAPTURE_PREF - 3,
	FIB_PREF_LANDING = CAPTURE_PREF + 1,
	FIB_GENERATIONS = 3, /* a leftover one, the present one, the next one */
};

/* Marks, with how many SAs have each. All zero: none. */
struct fib_marks {
	struct fib_mark {
		uint32_t mark, uid, users;
	} * all; /* owned */
	size_t count;
};

/* One SA more or less has the mark. 1 if it is the first or the last one, 0 if not; -ENOMEM, and then nothing
 * is counted. */
int fib_marks_count(struct fib_marks *m, uint32_t mark, bool on);
void fib_marks_fini(struct fib_marks *m);

struct fib_rules {
	struct rtnl *rtnl; /* borrowed */
	uint8_t family;
	bool base;		/* the rule at 219 stands */
	bool marked;		/* the rule at 215 for our own mark stands */
	bool landing;		/* the rule at 220 stands */
	struct fib_marks marks; /* whose rules at 215 stand; users have no meaning */
	uint8_t present;	/* index of the generation in force; FIB_GENERATIONS: none */
	struct fib_generation {
		struct plan_rule_list list; /* as in the kernel; empty: free */
		bool leftover;		    /* of a process before us */
	} generation[FIB_GENERATIONS];
};

void fib_rules_init(struct fib_rules *f, struct rtnl *rtnl, uint8_t family);
/* Reads what is in the kernel. leftover: what is found is another process's. 0, -errno. */
int fib_rules_read(struct fib_rules *f, bool leftover);
/* Puts the rule at 219. 0, -errno. */
int fib_rules_base(struct fib_rules *f);
/* Makes list the one in force, after plan's routes were added and before others are deleted.
 * keep_leftovers: rules of a process before us stay, but for those that skip what plan captures.
 * Logs what the kernel refuses. */
void fib_rules_sync(struct fib_rules *f, const struct plan *plan, const struct fib_marks *marks,
		    bool keep_leftovers);
/* The part of it about these marks. 0, or the -errno (logged) of a rule that is not there now. */
int fib_rules_marks(struct fib_rules *f, const struct fib_marks *marks);
bool fib_rules_have_leftovers(const struct fib_rules *f);
/* Deletes all of them. */
void fib_rules_remove(struct fib_rules *f);
void fib_rules_fini(struct fib_rules *f); /* the kernel's rules stay */

#endif
