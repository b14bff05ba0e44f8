/*
 * esp/mac.c: chooses between the HMACs (RFC 2404, RFC 4868) and the MACs made of AES-CBC (RFC 3566,
 * RFC 4494). Called by separate.c.
 */
#include "esp/mac.h"

#include <errno.h>
#include <openssl/crypto.h>

static bool is_cbc(enum esp_integ_id id)
{
	return id == ESP_INTEG_AES_XCBC || id == ESP_INTEG_AES_CMAC;
}

int esp_mac_init(struct esp_mac *m, const struct esp_integ *integ, const uint8_t *key)
{
	m->id = integ->id;
	if (is_cbc(m->id))
		return esp_cbc_mac_init(&m->cbc, m->id, key);
	m->hmac = OPENSSL_malloc(sizeof(*m->hmac));
	if (!m->hmac)
		return -ENOMEM;
	esp_hmac_init(m->hmac, m->id, key, integ->key_len);
	return 0;
}

void esp_mac_fini(struct esp_mac *m)
{
	if (is_cbc(m->id))
		esp_cbc_mac_fini(&m->cbc);
	else
		OPENSSL_clear_free(m->hmac, sizeof(*m->hmac));
}

bool esp_mac_sum(struct esp_mac *m, const uint8_t *data, size_t len, const uint8_t *tail,
		 size_t tail_len, uint8_t mac[static ESP_MAC_MAX])
{
	if (is_cbc(m->id))
		return esp_cbc_mac_sum(&m->cbc, data, len, tail, tail_len, mac);
	esp_hmac_begin(m->hmac);
	esp_hmac_update(m->hmac, data, len);
	if (tail_len)
		esp_hmac_update(m->hmac, tail, tail_len);
	esp_hmac_end(m->hmac, mac);
	return true;
}
