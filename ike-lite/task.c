/*
 * ike-lite/task.c: made and freed. An offer holds secrets.
 */
#include "ike-lite/task.h"

#include <openssl/crypto.h>
#include <stdlib.h>

struct task *task_new(enum task_kind kind)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t)
		t->kind = kind;
	return t;
}

void bargain_reset(struct bargain *b)
{
	ike_dh_free(b->dh);
	OPENSSL_cleanse(b, sizeof(*b));
}

void task_free(struct task *t)
{
	if (!t)
		return;
	bargain_reset(&t->bargain);
	kid_put(t->kid);
	OPENSSL_cleanse(t, sizeof(*t));
	free(t);
}
