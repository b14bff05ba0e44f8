/*
 * iked.h: talking to cygnet-iked: a JSON object a datagram, to and fro. A request is answered by objects
 * with "line", "sa" or "keys", and at last one with "ok". Called by the verbs that concern tunnels.
 */
#ifndef CYGNET_TOOLS_IKED_H
#define CYGNET_TOOLS_IKED_H

#include <jansson.h>
#include <stdbool.h>

/* Connects to $CYGNET_IKED_SOCKET or the usual place. 0 and *out (owned); -errno. */
int iked_connect(int *out);
/* What may be said about that -errno. */
void iked_complain(const char *verb, int rc);

/* Sends request, which it takes, and hands each answer but the last to fn (NULL: nobody). timeout_s for
 * each answer; 0: for ever. 0 and *last (owned); -errno. */
int iked_ask(int fd, json_t *request, void (*fn)(void *ctx, const json_t *answer), void *ctx,
	     unsigned timeout_s, json_t **last);

/* The IKE SAs as an array (owned), NULL if no cygnet-iked is there. */
json_t *iked_status(void);

#endif
