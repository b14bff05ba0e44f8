/*
 * ike-lite/cookie.h: what strangers are answered without keeping state: cookies (RFC 7296 §2.6) and
 * the hashes that find NATs (§2.23).
 *
 *     cookie = version 1 | HMAC-SHA2-256(secret of that version, Ni | IPi | SPIi) 32
 */
#ifndef CYGNET_IKE_COOKIE_H
#define CYGNET_IKE_COOKIE_H

#include "ike-lite/ike.h"
#include "ike-lite/message.h"

enum { IKE_COOKIE_LEN = 33, IKE_COOKIE_MAX = 64, IKE_NAT_HASH_LEN = 20 };
enum { IKE_COOKIE_PERIOD_MS = 60000 }; /* a secret is used so long, and honoured twice that */

/* The two secrets. All zero: none made yet. */
struct ike_cookies {
	uint8_t secrets[2][32]; /* by the version's lowest bit */
	uint8_t version;	/* of the one in use; 0: none */
	bool has_previous;
	uint64_t made_ms;
};

/* Makes a secret if there is none or it is old. Before make and check. */
void ike_cookies_rotate(struct ike_cookies *c, const struct ike_env *env, uint64_t now_ms);
/* False: out of memory. */
bool ike_cookie_make(const struct ike_cookies *c, struct ike_span ni, const struct ip_addr *peer,
		     uint64_t spi_i, uint8_t out[static IKE_COOKIE_LEN])
	__attribute__((warn_unused_result));
/* True if it is one we made for this peer, nonce and SPI with either secret. */
bool ike_cookie_check(const struct ike_cookies *c, struct ike_span cookie, struct ike_span ni,
		      const struct ip_addr *peer, uint64_t spi_i)
	__attribute__((warn_unused_result));
void ike_cookies_cleanse(struct ike_cookies *c);

/* Data of NAT_DETECTION_*_IP, §2.23: SHA1(SPIi | SPIr | address | port). False: out of memory. */
bool ike_nat_hash(uint64_t spi_i, uint64_t spi_r, const struct ip_addr *addr, uint16_t port,
		  uint8_t out[static IKE_NAT_HASH_LEN]) __attribute__((warn_unused_result));

#endif
