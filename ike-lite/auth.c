/*
 * ike-lite/auth.c: AUTH with a pre-shared key, RFC 7296 §2.15.
 */
#include "ike-lite/auth.h"

#include <openssl/crypto.h>
#include <string.h>

static const char pad[] = "Key Pad for IKEv2"; /* without its end: 17 bytes */

bool ike_auth_psk(const struct ike_keys *keys, struct ike_span secret,
		  const struct ike_auth_inputs *in, uint8_t out[static IKE_PRF_LEN_MAX])
{
	const struct ike_algorithm *prf = keys->suite.prf;
	uint8_t id_mac[IKE_PRF_LEN_MAX], key[IKE_PRF_LEN_MAX];
	const struct ike_span pad_part = {(const uint8_t *)pad, sizeof(pad) - 1};
	const struct ike_span p = {in->initiator ? keys->pi : keys->pr, prf->key_len};
	const struct ike_span octets[] = {in->message, in->nonce, {id_mac, prf->key_len}};
	bool ok;

	ok = ike_prf(prf, p, &in->id_body, 1, id_mac) && ike_prf(prf, secret, &pad_part, 1, key) &&
	     ike_prf(prf, (struct ike_span){key, prf->key_len}, octets, 3, out);
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

bool ike_auth_psk_check(const struct ike_keys *keys, struct ike_span secret,
			const struct ike_auth_inputs *in, struct ike_span data)
{
	uint8_t expected[IKE_PRF_LEN_MAX];
	bool same;

	same = ike_auth_psk(keys, secret, in, expected) && data.len == keys->suite.prf->key_len &&
	       CRYPTO_memcmp(expected, data.data, data.len) == 0;
	OPENSSL_cleanse(expected, sizeof(expected));
	return same;
}

struct ike_span ike_id_body(const struct ike_id *id, uint8_t buf[static IKE_ID_BODY_MAX])
{
	memset(buf, 0, 4);
	buf[0] = id->type;
	memcpy(buf + 4, id->data, id->len);
	return (struct ike_span){buf, 4U + id->len};
}
