/*
 * ike-lite/actions.h: what the machine wants done, in order, until ike_next_action takes it. An entry
 * owns all that its action points at.
 */
#ifndef CYGNET_IKE_ACTIONS_H
#define CYGNET_IKE_ACTIONS_H

#include "ike-lite/config.h"
#include "ike-lite/ike.h"
#include "ike-lite/message.h"

enum { EVENT_TEXT_MAX = 640 };

struct action_entry {
	struct ike_action action;
	struct action_entry *next; /* owned */
	struct ike_ts_list local_ts, remote_ts;
	struct kid *kid;   /* a reference, or NULL */
	struct conn *conn; /* likewise */
	uint8_t *bytes;	   /* owned */
	uint32_t len;
	uint8_t keys[4][ESP_INTEG_KEY_MAX]; /* of IKE_KEYS */
	char text[EVENT_TEXT_MAX];
};

struct action_queue {
	struct action_entry *first; /* owned list */
	struct action_entry *last;
	struct action_entry *taken; /* owned: what the caller is looking at */
};

/* Appends an empty entry of a kind; NULL without memory: the action is lost then, as a datagram may
 * be, and what repairs lost datagrams and dead peers repairs this. */
struct action_entry *actions_add(struct action_queue *q, enum ike_action_kind kind);
/* Borrows the selectors into the entry. */
void action_entry_set_ts(struct action_entry *e, const struct ike_ts_list *local,
			 const struct ike_ts_list *remote);
void action_entry_hold(struct action_entry *e, struct conn *conn, struct kid *kid);
bool actions_take(struct action_queue *q, struct ike_action *out);
void actions_fini(struct action_queue *q);

#endif
