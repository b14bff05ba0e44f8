/*
 * ike-lite/frag.h: fragments of encrypted messages, RFC 7383. Each is sealed by itself, so that a
 * forged one is dropped alone and never kept.
 *
 *     | IKE header | SKF header | number 2 | total 2 | IV | piece of the inner payloads | pad | ICV |
 */
#ifndef CYGNET_IKE_FRAG_H
#define CYGNET_IKE_FRAG_H

#include "ike-lite/sk.h"

enum {
	IKE_FRAGMENTS_MAX = 128,
	IKE_REASSEMBLED_MAX = 65535 /* bytes of inner payloads */
};

/* Bytes of IKE message in an IP packet of fragment_size bytes: less IP, UDP and, marker true, the four
 * zero bytes of port 4500. */
uint32_t ike_frag_room(uint32_t fragment_size, uint8_t family, bool marker);

/* Into how many fragments inner payloads go when none exceeds message_max bytes (of ike_frag_room); 0: it
 * cannot be done: no room for a byte, or more than IKE_FRAGMENTS_MAX. */
uint16_t ike_frag_count(const struct ike_suite *suite, uint32_t inner_len, uint32_t message_max);
/* Writes and seals fragment number 1..total; total as ike_frag_count said for the same lengths. Whose
 * keys, IV and result as ike_sk_seal. */
uint32_t ike_frag_seal(struct ike_keys *keys, const struct ike_env *env, const struct ike_header *h,
		       uint8_t inner_first, struct ike_span inner, uint32_t message_max,
		       uint16_t number, uint8_t *out, uint32_t room)
	__attribute__((warn_unused_result));

/* Reassembles one message at a time. All zero: empty. */
struct ike_frags {
	uint32_t id;	/* of the message */
	uint16_t total; /* 0: none is under way */
	uint16_t have;
	uint8_t inner_first; /* of fragment 1 */
	uint32_t bytes;
	struct ike_frag_piece {
		uint8_t *data; /* owned */
		uint32_t len;
	} * pieces; /* owned, total of them */
};

/* Takes an SKF payload, which ends the datagram, of a message whose id the caller would accept now.
 * Authentic fragments only are kept; one of another id, or of a greater total (§2.6: the peer tries
 * smaller ones), drops what was there. 1: complete, ike_frags_join gives it; 0: kept; -EALREADY:
 * held already, and this one is not looked at, so that it says nothing about who sent it; -EBADMSG: malformed, a smaller total, or beyond the limits; -EACCES: not authentic; -ENOMEM. */
int ike_frags_add(struct ike_frags *f, const struct ike_keys *keys, struct ike_span datagram,
		  const struct ike_payloads *outer) __attribute__((warn_unused_result));
/* Joins a complete message to plain, which holds f->bytes; empties f. */
struct ike_span ike_frags_join(struct ike_frags *f, uint8_t *plain, uint8_t *inner_first);
void ike_frags_drop(struct ike_frags *f); /* empties; cleanses */

#endif
