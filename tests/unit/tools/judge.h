/*
 * judge.h: reads statements without a program around them and says in one line a statement what
 * became of each. For the tests of the grammar.
 */
#ifndef CYGNET_TEST_JUDGE_H
#define CYGNET_TEST_JUDGE_H

#include "tools/parse.h"

enum { VERDICTS_MAX = 4096 };

struct judgement {
	int rc;			     /* of setkey_parse */
	unsigned statements;	     /* that parsed */
	struct statement last;	     /* of them; its words are gone */
	char verdicts[VERDICTS_MAX]; /* "ok\n", "refused TEXT\n", "LINE: TEXT at TOKEN\n" */
};

/* len bytes of text; step: how many are handed over at a time (0: all). */
void judge(const char *text, size_t len, size_t step, bool go_on, struct judgement *out);

#endif
