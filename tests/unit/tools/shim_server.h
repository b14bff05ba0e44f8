/*
 * shim_server.h: a server for the tests of tools/shim/: NETLINK_XFRM's framing on a UNIX socket, in a
 * process of its own, so that it can be killed and started anew under its clients. It tells the
 * test every request it gets.
 *
 *   a request with NLM_F_ACK       is acknowledged
 *   XFRM_MSG_GETSA                 is answered by an empty NEWSA
 *   XFRM_MSG_GETSADINFO            never is
 *   a new client                   is heard, as SHIM_SERVER_CLIENT
 *   NEWPOLICY of SHIM_SERVER_NO    is refused, EINVAL; of SHIM_SERVER_MUTE, it never is answered
 */
#ifndef CYGNET_TEST_SHIM_SERVER_H
#define CYGNET_TEST_SHIM_SERVER_H

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_SERVER_BYTES = 512, SHIM_SERVER_CLIENT = 0xff01 };
enum { SHIM_SERVER_NO = 0xdead, SHIM_SERVER_MUTE = 0xbeef }; /* sel.dport, as it stands there */

/* A request, as the server got it. */
union shim_heard {
	struct nlmsghdr header;
	uint8_t bytes[SHIM_SERVER_BYTES];
};

/* Listens at $CYGNET_SOCKET when it returns. One at a time. */
void shim_server_start(void);
void shim_server_kill(void); /* fine if there is none */
/* Sends these bytes to every client that wants events. */
void shim_server_say(const void *bytes, size_t len);
/* Waits for the next request of that type, seconds at most, passing others by. */
void shim_server_hears(uint16_t type, union shim_heard *out);
/* How many of that type it has heard and nobody asked for; forgets these and all others. */
unsigned shim_server_heard(uint16_t type);

#endif
