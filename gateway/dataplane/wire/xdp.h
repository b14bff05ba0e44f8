/*
 * xdp.h: sends frames by one interface past routing, netfilter and queueing: an AF_XDP socket in copy
 * mode, which every Ethernet device has, without a program and without receiving. The control thread
 * opens and closes; everything else is the packet thread's.
 */
#ifndef CYGNET_XDP_H
#define CYGNET_XDP_H

#include "packet/packet.h"

enum { XDP_FRAME_MAX = 2048 };

struct xdp_port;

/* Opens queue 0 of the interface. 0 and *out (owned), -errno: -EAFNOSUPPORT the kernel has no AF_XDP,
 * -EBUSY another process has the queue. */
int xdp_open(struct xdp_port **out, int ifindex, uint32_t mark);
void xdp_close(void *port); /* a struct xdp_port; for rcu_retire */

/* Room for a frame of XDP_FRAME_MAX bytes, NULL if the ring is full or the port broken. */
uint8_t *xdp_room(struct xdp_port *port);
/* Puts the frame of len bytes that was written into the room into the ring. */
void xdp_put(struct xdp_port *port, uint32_t len);
/* Sends what was put, and what the device had no room for the last time, which is in verdicts already.
 * Adds to verdicts[V_OK], [V_WIRE_QUEUE] (the device dropped it) and [V_WIRE_REFUSED] (the device
 * cannot send: the port is broken from then on). */
void xdp_flush(struct xdp_port *port, uint64_t verdicts[static V_COUNT]);
/* Any thread: it sends no more and should be opened anew. */
bool xdp_is_broken(const struct xdp_port *port);

#endif
