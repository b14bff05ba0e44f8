/*
 * xfrm/client.h: the two halves of the client: connection.c opens the socket and moves datagrams,
 * client.c speaks netlink over it. Private to xfrm/.
 */
#ifndef CYGNET_XFRM_CLIENT_H
#define CYGNET_XFRM_CLIENT_H

#include "xfrm/xfrm.h"

enum client_limits {
	CLIENT_DATAGRAM_MAX = 32768, /* the kernel builds dumps of up to this size */
	CLIENT_TIMEOUT_S = 10,	     /* a server that says nothing for so long is taken for dead */
};

struct xfrm_client {
	int fd;	    /* owned */
	int passed; /* owned; a descriptor that came beside an answer, -1: none */
	bool kernel;
	uint32_t groups; /* XFRMGRP_* listened to */
	uint32_t seq;	 /* of the last request */
	/* A datagram going out or just come in; holds keys for as long as a call lasts. */
	_Alignas(8) uint8_t buf[CLIENT_DATAGRAM_MAX];
};

/* Sends the first len bytes of buf. 0, or -errno and a sentence. */
int client_send(struct xfrm_client *client, size_t len, struct xfrm_error *err);
/* Receives one datagram into buf. Its length, or -errno and a sentence: -ECONNRESET at the end of
 * the connection, -ETIMEDOUT, -EMSGSIZE for a datagram that is longer than buf. */
ssize_t client_receive(struct xfrm_client *client, struct xfrm_error *err);

#endif
