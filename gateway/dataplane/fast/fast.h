/*
 * fast.h: the fast raw sender's control side (--wire fast): finds for each tunnel peer how to send to
 * it by AF_XDP, follows routes, links and neighbours through rtnetlink, and tells the packet thread
 * (wire/ways.h). A peer for which it cannot be done goes by raw sockets, at once and by itself.
 *
 * It passes by netfilter's OUTPUT and POSTROUTING, and queueing disciplines: hence never unasked.
 * Control thread.
 */
#ifndef CYGNET_FAST_H
#define CYGNET_FAST_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct fast;
struct ways;

/* Follows rtnetlink on base. 0, -errno (logged). */
int fast_open(struct fast **out, struct event_base *base, uint32_t mark);
/* After the packet thread has ended. NULL is fine. */
void fast_close(struct fast *f);
/* What the packet thread uses; lives as long as f. */
struct ways *fast_ways(struct fast *f);
/* "AF_XDP to 2 of 3 peers; else raw sockets: no Ethernet", for status. */
void fast_describe(const struct fast *f, char *out, size_t size);

#endif
