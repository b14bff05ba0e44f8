/*
 * dialect.h: the two families of setkey. They share a language; where they contradict each other
 * (the unit of -r, -h, the shape of messages, the twins of in policies) the user's choice decides.
 * ipsec-tools on Linux is the default; bsd is FreeBSD's and NetBSD's. Shared by all of setkey.
 */
#ifndef CYGNET_TOOLS_DIALECT_H
#define CYGNET_TOOLS_DIALECT_H

#include <stdbool.h>

#define SETKEY_DIALECT_ENV "SETKEY_DIALECT"

enum setkey_dialect { DIALECT_LINUX, DIALECT_BSD };

enum { BSD_REPLAY_UNIT = 8 }; /* bsd's -r counts octets of the window's bitmap */

/* "linux" or "bsd". False, *out untouched: neither. */
bool dialect_lookup(const char *name, enum setkey_dialect *out);

#endif
