/*
 * ike-lite/auth.h: the AUTH payload with a pre-shared key, RFC 7296 §2.15.
 *
 *     AUTH = prf(prf(secret, "Key Pad for IKEv2"), message | nonce | prf(SK_p, ID payload's body))
 */
#ifndef CYGNET_IKE_AUTH_H
#define CYGNET_IKE_AUTH_H

#include "ike-lite/keys.h"

enum { IKE_ID_BODY_MAX = 4 + 255 };

/* What one side's AUTH covers. */
struct ike_auth_inputs {
	bool initiator; /* whose AUTH it is: that of the original initiator of the IKE SA */
	struct ike_span message; /* his IKE_SA_INIT message, whole, as it was on the wire */
	struct ike_span nonce;	 /* the other's */
	struct ike_span id_body; /* his ID payload without generic header, as it was on the wire */
};

/* AUTH data, keys->suite.prf->key_len bytes. With a PPK (RFC 8784 §3) the keys are the mixed ones; data
 * of NO_PPK_AUTH comes of the plain ones. False: out of memory. */
bool ike_auth_psk(const struct ike_keys *keys, struct ike_span secret,
		  const struct ike_auth_inputs *in, uint8_t out[static IKE_PRF_LEN_MAX])
	__attribute__((warn_unused_result));
/* True if data is what ike_auth_psk gives; takes the same time wherever they differ. */
bool ike_auth_psk_check(const struct ike_keys *keys, struct ike_span secret,
			const struct ike_auth_inputs *in, struct ike_span data)
	__attribute__((warn_unused_result));
/* The body an ID payload of ours has: what ike_put_id writes. Borrows buf. */
struct ike_span ike_id_body(const struct ike_id *id, uint8_t buf[static IKE_ID_BODY_MAX]);

#endif
