/*
 * ike-lite/cookie.c: cookies, RFC 7296 §2.6, and NAT detection, §2.23.
 */
#include "ike-lite/cookie.h"

#include "ike-lite/bytes.h"
#include "ike-lite/prf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static uint32_t addr_len(const struct ip_addr *addr)
{
	return ip_addr_bits(addr) / 8;
}

/* Versions go 1, 2, .. 254, 1: neighbours differ in the lowest bit, which picks the secret. */
enum { VERSION_LAST = 254 };

static uint8_t next_version(uint8_t version)
{
	return version == VERSION_LAST ? 1 : (uint8_t)(version + 1);
}

static uint8_t previous_version(uint8_t version)
{
	return version == 1 ? VERSION_LAST : (uint8_t)(version - 1);
}

void ike_cookies_rotate(struct ike_cookies *c, const struct ike_env *env, uint64_t now_ms)
{
	if (c->version != 0 && now_ms - c->made_ms < IKE_COOKIE_PERIOD_MS)
		return;
	/* After a long silence the one before is too old to honour. */
	c->has_previous = c->version != 0 && now_ms - c->made_ms < 2 * IKE_COOKIE_PERIOD_MS;
	c->version = next_version(c->version);
	c->made_ms = now_ms;
	env->random(env->ctx, c->secrets[c->version & 1], sizeof(c->secrets[0]));
}

/* The cookie of a version, whose secret must be there. */
static bool make(const struct ike_cookies *c, uint8_t version, struct ike_span ni,
		 const struct ip_addr *peer, uint64_t spi_i, uint8_t *out)
{
	static const struct ike_transform sha256 = {IKE_PRF, IKE_PRF_HMAC_SHA2_256, 0};
	uint8_t spi[IKE_SPI_LEN];
	const struct ike_span parts[] = {ni, {peer->bytes, addr_len(peer)}, IKE_SPAN(spi)};

	store_u64(spi, spi_i);
	out[0] = version;
	return ike_prf(ike_algorithm_of(&sha256), IKE_SPAN(c->secrets[version & 1]), parts, 3,
		       out + 1);
}

bool ike_cookie_make(const struct ike_cookies *c, struct ike_span ni, const struct ip_addr *peer,
		     uint64_t spi_i, uint8_t out[static IKE_COOKIE_LEN])
{
	return make(c, c->version, ni, peer, spi_i, out);
}

/* True if cookies of this version are still good: of the present secret or the one before. */
static bool is_current(const struct ike_cookies *c, uint8_t version)
{
	return c->version != 0 && (version == c->version ||
				   (c->has_previous && version == previous_version(c->version)));
}

bool ike_cookie_check(const struct ike_cookies *c, struct ike_span cookie, struct ike_span ni,
		      const struct ip_addr *peer, uint64_t spi_i)
{
	uint8_t expected[IKE_COOKIE_LEN];

	return cookie.len == IKE_COOKIE_LEN && is_current(c, cookie.data[0]) &&
	       make(c, cookie.data[0], ni, peer, spi_i, expected) &&
	       CRYPTO_memcmp(expected, cookie.data, IKE_COOKIE_LEN) == 0;
}

void ike_cookies_cleanse(struct ike_cookies *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
}

bool ike_nat_hash(uint64_t spi_i, uint64_t spi_r, const struct ip_addr *addr, uint16_t port,
		  uint8_t out[static IKE_NAT_HASH_LEN])
{
	uint8_t in[2 * IKE_SPI_LEN + sizeof(addr->bytes) + sizeof(port)], *at = in + 16;

	store_u64(in, spi_i);
	store_u64(in + IKE_SPI_LEN, spi_r);
	memcpy(at, addr->bytes, addr_len(addr));
	at += addr_len(addr);
	store_u16(at, port);
	return EVP_Digest(in, (size_t)(at + sizeof(port) - in), out, NULL, EVP_sha1(), NULL);
}
