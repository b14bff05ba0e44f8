/*
 * control.h: the socket over which cygnet(8) tells cygnet-iked what to do: UNIX SEQPACKET, a JSON object
 * a datagram. A request has "verb" and what it needs; answers are objects with "line", a line for the
 * user, or "sa", or "keys", and at last one with "ok" and perhaps "text". A new configuration comes as a
 * descriptor beside the request, with the bytes of config_tree_carry.
 *
 *     {"verb": "up" | "down" | "rekey", "connection": "office", "child": "net"}
 *     {"verb": "status"}    {"verb": "keys"}    {"verb": "load"} + descriptor
 */
#ifndef CYGNET_IKED_CONTROL_H
#define CYGNET_IKED_CONTROL_H

#include "ike-lite/ike.h"

#include <stddef.h>

struct control;
struct iked;

enum { CONTROL_DATAGRAM_MAX = 65536, CONTROL_CLIENTS_MAX = 32 };

/* Takes listen_fd. 0 and *out (owned), -ENOMEM. */
int control_open(struct control **out, struct iked *iked, int listen_fd)
	__attribute__((warn_unused_result));
void control_close(struct control *control); /* NULL is fine */

/* What the machine tells goes on to who waits for it. control NULL is fine. text: the event as a line. */
void control_on_event(struct control *control, const struct ike_event *event, const char *text);
void control_on_keys(struct control *control, const struct ike_key_action *keys);

/* ---- between control.c, control_verbs.c and control_status.c ---------------------------------- */

struct control_client;
typedef struct json_t json_t; /* jansson's */

/* Sends an object, which it takes. */
void control_send(struct control_client *client, json_t *object);
void control_line(struct control_client *client, const char *text);
/* The last answer: the client may ask anew. */
void control_done(struct control_client *client, bool ok, const char *text);
/* The client waits for the event with this request, and sees lines about its connection. */
void control_wait(struct control_client *client, uint32_t request, const char *connection);
/* From now on keys of IKE SAs go to it. */
void control_want_keys(struct control_client *client);
uint32_t control_new_request(struct control_client *client);
struct iked *control_iked(struct control_client *client);
bool control_is_root(const struct control_client *client);

/* control_verbs.c. fd: what came beside the request, -1: nothing; borrowed. */
void control_serve(struct control_client *client, const json_t *request, int fd);
/* control_status.c */
void control_status(struct control_client *client);

#endif
