/*
 * esp/hmac.h: HMAC, RFC 2104, keyed once and then used per packet without allocating. Private to
 * esp; mac.c calls it for packets, separate.c to derive a key.
 */
#ifndef CYGNET_ESP_HMAC_H
#define CYGNET_ESP_HMAC_H

#include "esp/esp.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* hmac.c says why */
#include <openssl/sha.h>

enum { ESP_HMAC_MAX = SHA512_DIGEST_LENGTH };

union esp_hash {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512; /* SHA-384's too */
};

/* Secret as a whole: esp_hmac_fini cleanses it. */
struct esp_hmac {
	enum esp_integ_id id;
	union esp_hash inner; /* state after the block of key ^ ipad */
	union esp_hash outer; /* state after the block of key ^ opad */
	union esp_hash work;  /* of the message under way */
};

/* id: one of the HMACs. key_len: at most a block of the hash. */
void esp_hmac_init(struct esp_hmac *h, enum esp_integ_id id, const uint8_t *key, size_t key_len);
void esp_hmac_fini(struct esp_hmac *h);
/* One message: begin, update as often as wanted, end, which writes the untruncated MAC. */
void esp_hmac_begin(struct esp_hmac *h);
void esp_hmac_update(struct esp_hmac *h, const void *data, size_t len);
void esp_hmac_end(struct esp_hmac *h, uint8_t mac[static ESP_HMAC_MAX]);

#endif
