/*
 * control_server.h: a control server on an event base in a thread of its own, for tests; and bytes
 * sent to it as any process might.
 */
#ifndef CYGNET_TEST_CONTROL_SERVER_H
#define CYGNET_TEST_CONTROL_SERVER_H

#include "gateway/dataplane/control/control.h"

#include <pthread.h>

struct server {
	char dir[64], path[96];
	struct sadb *db;
	struct control *control;
	struct event_base *base;
	int calls[2]; /* the test's end, the server's end */
	pthread_t thread;
};

/* Starts and stops it; a fixture each. */
void server_start(void);
void server_stop(void);
extern struct server server;

/* Runs fn on the server's thread and waits until it has returned. */
void server_call(void (*fn)(void *arg), void *arg);

/* A connected descriptor with a receive time-out. */
int raw_connect(void);
void raw_send(int fd, const void *bytes, size_t len);
/* Length of the next datagram, 0 at the end of the connection. */
size_t raw_receive(int fd, void *buf, size_t size);
/* Nothing arrives within a short time. */
void raw_expect_silence(int fd);
/* Encodes msg into buf as a request; returns its length. */
size_t raw_request(void *buf, size_t size, struct xfrm_message *msg, uint16_t flags, uint32_t seq,
		   uint32_t pid);
/* The next datagram is one acknowledgement: its errno, 0 for success. */
int raw_ack(int fd, uint32_t seq, uint32_t pid);

/* An AES-128-GCM tunnel SA from 10.0.0.<src> to 10.0.0.<dst>. */
struct xfrm_message sa_message(uint16_t type, uint8_t src, uint8_t dst, uint32_t spi);
/* Protects 192.168.<net>.0/24 by a tunnel from 10.0.0.1 to 10.0.0.<peer>. */
struct xfrm_message policy_message(uint16_t type, uint8_t dir, uint8_t net, uint8_t peer);

#endif
