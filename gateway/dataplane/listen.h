/*
 * listen.h: the socket a daemon is talked to over: cygnetd's of XFRM, cygnet-iked's of its verbs.
 */
#ifndef CYGNET_LISTEN_H
#define CYGNET_LISTEN_H

#include <sys/types.h>

/* Creates path's directory if it is missing, binds path (a stale socket is replaced, a file of another kind is not)
 * with mode 0660. The directory is uid's, the socket the caller's, both are gid's. Called as root, before privileges
 * are dropped. 0 and the listening descriptor; -errno (logged). */
int control_listen(const char *path, uid_t uid, gid_t gid, int *fd);

#endif
