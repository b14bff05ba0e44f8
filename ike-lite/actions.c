/*
 * ike-lite/actions.c: the queue of what is to be done. Entries carry keys, so all of them are
 * cleansed.
 */
#include "ike-lite/actions.h"

#include <openssl/crypto.h>
#include <stdlib.h>

struct action_entry *actions_add(struct action_queue *q, enum ike_action_kind kind)
{
	struct action_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->action.kind = kind;
	if (q->last)
		q->last->next = e;
	else
		q->first = e;
	q->last = e;
	return e;
}

void action_entry_set_ts(struct action_entry *e, const struct ike_ts_list *local,
			 const struct ike_ts_list *remote)
{
	e->local_ts = *local;
	e->remote_ts = *remote;
}

void action_entry_hold(struct action_entry *e, struct conn *conn, struct kid *kid)
{
	e->conn = conn ? conn_get(conn) : NULL;
	e->kid = kid ? kid_get(kid) : NULL;
}

static void entry_free(struct action_entry *e)
{
	if (!e)
		return;
	conn_put(e->conn);
	kid_put(e->kid);
	free(e->bytes);
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

bool actions_take(struct action_queue *q, struct ike_action *out)
{
	struct action_entry *e = q->first;

	entry_free(q->taken);
	q->taken = e;
	if (!e)
		return false;
	q->first = e->next;
	if (!q->first)
		q->last = NULL;
	*out = e->action;
	return true;
}

void actions_fini(struct action_queue *q)
{
	struct action_entry *e = q->first;

	while (e) {
		struct action_entry *next = e->next;

		entry_free(e);
		e = next;
	}
	entry_free(q->taken);
	*q = (struct action_queue){0};
}
