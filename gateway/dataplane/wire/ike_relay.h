/*
 * ike_relay.h: the way of an IKE program's datagrams through a port that cygnetd holds: a socket pair
 * of struct cygnet_ike_header (xfrm/xfrm.h) and datagram. What comes in is put there by the packet
 * thread (wire_udp_hand_over); what the client writes is sent from here, on the control thread.
 */
#ifndef CYGNET_IKE_RELAY_H
#define CYGNET_IKE_RELAY_H

#include "gateway/dataplane/wire/wire_udp.h"

struct event_base;
struct ike_relay;

/* Called when the client has closed its end; must lead to ike_relay_free. */
struct ike_relay_end {
	void (*fn)(void *ctx, struct ike_relay *relay);
	void *ctx;
};

/* 0, *out and the client's end of the pair (owned by the caller); -errno. */
int ike_relay_new(struct ike_relay **out, struct event_base *base, uint16_t port, uint32_t mark,
		  struct ike_relay_end end, int *client);
void ike_relay_link(struct ike_relay **list, struct ike_relay *relay);
/* Takes it from the list. */
void ike_relay_free(struct ike_relay **list, struct ike_relay *relay);
struct ike_relay *ike_relay_find(struct ike_relay *list, uint16_t port); /* NULL if there is none */
uint16_t ike_relay_port(const struct ike_relay *relay);

/* From now on it sends in this family too; *owner is for the packet thread. 0, -errno. */
int ike_relay_use(struct ike_relay *relay, uint8_t family, struct ike_owner **owner);
bool ike_relay_uses(const struct ike_relay *relay, uint8_t family);
void ike_owner_free(void *owner);
/* Takes the client's end back. */
void ike_relay_close_client(int *client);

#endif
