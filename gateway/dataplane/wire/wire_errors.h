/*
 * wire_errors.h: ICMP errors about packets we sent, from the error queues of wire.c's raw sockets.
 */
#ifndef CYGNET_WIRE_ERRORS_H
#define CYGNET_WIRE_ERRORS_H

#include "gateway/dataplane/wire/wire.h"

/* Has the kernel keep such errors for the socket. 0, -errno. */
int wire_errors_enable(int fd, uint8_t family);
/* Takes the next one, without waiting. udp: the socket hears of UDP, and ESP is inside that. False if
 * there is none; errors of the socket's own making are passed over. */
bool wire_errors_take(int fd, bool udp, struct wire_error *out);

#endif
