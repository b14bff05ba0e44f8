/*
 * ike-lite/sk.h: the Encrypted payload, RFC 7296 §3.14; with AEADs RFC 5282 and RFC 7634.
 *
 *     | IKE header | (payloads in the clear) | SK header | IV | inner payloads | padding | pad length | ICV |
 *     |<--- AEAD: authenticated only ------------------->|    |<------ encrypted ----------------->|
 *     |<-------- CBC: MACed ---------------------------------------------------------------------->|
 */
#ifndef CYGNET_IKE_SK_H
#define CYGNET_IKE_SK_H

#include "ike-lite/keys.h"

/* Bytes of the whole message that ike_sk_seal makes of inner payloads of this length. */
uint32_t ike_sk_sealed_len(const struct ike_suite *suite, uint32_t inner_len);

/* Writes header and SK payload to out and seals it with the keys of the sender: the initiator's of the
 * IKE SA (h->flags), or the responder's. The IV is the next number of the keys' counter with an AEAD,
 * random bytes of env with CBC. h->next and h->length are not looked at. Returns the length; 0: it does not
 * fit room, or OpenSSL failed. */
uint32_t ike_sk_seal(struct ike_keys *keys, const struct ike_env *env, const struct ike_header *h,
		     uint8_t inner_first, struct ike_span inner, uint8_t *out, uint32_t room)
	__attribute__((warn_unused_result));

/* Opens the SK payload body, which ends the datagram; whose keys: as above, by the datagram's header.
 * plain holds as many bytes as the body; *inner, the inner payloads, borrows from it. 0; -EBADMSG: no
 * length of such a payload; -EACCES: not authentic. Both times the message is to be dropped without
 * an answer, and plain is cleansed. A pad length that lies, in what is authentic: -EPROTO
 * (INVALID_SYNTAX). */
int ike_sk_open(const struct ike_keys *keys, struct ike_span datagram, struct ike_span body,
		uint8_t *plain, struct ike_span *inner) __attribute__((warn_unused_result));

/* ---- for fragments, frag.c -------------------------------------------------------------------- */

/* Bytes behind the payload header (and the fragment's numbers) for text_len bytes of text. */
uint32_t ike_sk_crypt_len(const struct ike_suite *suite, uint32_t text_len);
/* The most text for which that stays within crypt_len bytes; 0 if none. */
uint32_t ike_sk_text_max(const struct ike_suite *suite, uint32_t crypt_len);
/* Seals text behind the aad_len bytes that already stand in out, which is a message that will end with
 * it. True: out now ends at aad_len + ike_sk_crypt_len. */
bool ike_sk_seal_behind(struct ike_keys *keys, bool initiator, const struct ike_env *env,
			uint8_t *out, uint32_t aad_len, struct ike_span text)
	__attribute__((warn_unused_result));
/* Opens what stands behind the first aad_len bytes of the datagram. As ike_sk_open. */
int ike_sk_open_behind(const struct ike_keys *keys, bool initiator, struct ike_span datagram,
		       uint32_t aad_len, uint8_t *plain, struct ike_span *text)
	__attribute__((warn_unused_result));

#endif
