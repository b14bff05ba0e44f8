/*
 * sa-db/list.h: a circular doubly linked list whose nodes live inside the things listed. The
 * control thread's alone: packet threads never follow these pointers. SAD and SPD keep their
 * entries in age or priority order with it, endpoints keep their members.
 */
#ifndef CYGNET_SADB_LIST_H
#define CYGNET_SADB_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

/* The structure that holds node as its given member. */
#define list_owner(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void list_init(struct list *head);
bool list_is_empty(const struct list *head);
/* place: a head (first, or last) or another member. */
void list_add_after(struct list *place, struct list *node);
void list_add_before(struct list *place, struct list *node);
void list_remove(struct list *node);

#endif
