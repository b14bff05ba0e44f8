/*
 * addr_set.h: an immutable set of addresses. Made by the control thread, read by any thread that
 * was handed a pointer to it (hostnet.c publishes one), freed as a whole.
 */
#ifndef CYGNET_ADDR_SET_H
#define CYGNET_ADDR_SET_H

#include "packet/packet.h"

struct addr_set;

/* Copies n addresses; duplicates are one. NULL if out of memory. */
struct addr_set *addr_set_new(const struct ip_addr *addrs, size_t n);
void addr_set_free(struct addr_set *set); /* NULL is fine */
bool addr_set_has(const struct addr_set *set, const struct ip_addr *addr);
bool addr_set_equal(const struct addr_set *a, const struct addr_set *b);

#endif
