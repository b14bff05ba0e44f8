/*
 * fake_xfrmd.h: a server for the tests of setkey and cygnet: NETLINK_XFRM on a UNIX socket, with
 * Cygnet's own databases behind it and no packets. One client at a time.
 */
#ifndef CYGNET_TEST_FAKE_XFRMD_H
#define CYGNET_TEST_FAKE_XFRMD_H

#include <stddef.h>
#include <sys/types.h>

/* Starts it in a process of its own, listening when this returns. path gets the socket's path, in
 * a new folder. Fails the test if it cannot. */
pid_t fake_xfrmd_start(char *path, size_t size);
void fake_xfrmd_stop(pid_t pid, const char *path);

#endif
