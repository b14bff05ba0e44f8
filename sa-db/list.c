/*
 * sa-db/list.c: see list.h. A head is a node of its own, so that no operation has a special case
 * for the first or the last member.
 */
#include "sa-db/list.h"

void list_init(struct list *head)
{
	head->prev = head;
	head->next = head;
}

bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

void list_add_after(struct list *place, struct list *node)
{
	node->prev = place;
	node->next = place->next;
	place->next->prev = node;
	place->next = node;
}

void list_add_before(struct list *place, struct list *node)
{
	list_add_after(place->prev, node);
}

void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
