/*
 * esp/cbc_mac.h: AES-XCBC-MAC (RFC 3566) and AES-CMAC (RFC 4493, 4494), the two MACs made of
 * AES-CBC, keyed once and then used per packet without allocating. Private to esp; mac.c calls it.
 */
#ifndef CYGNET_ESP_CBC_MAC_H
#define CYGNET_ESP_CBC_MAC_H

#include "esp/esp.h"

#include <openssl/evp.h>

enum { ESP_CBC_MAC_LEN = 16, ESP_CBC_MAC_TAIL_MAX = 16 };

/* Secret as a whole: esp_cbc_mac_fini cleanses it. */
struct esp_cbc_mac {
	EVP_CIPHER_CTX *cbc;		 /* owned */
	uint8_t whole[ESP_CBC_MAC_LEN];	 /* goes onto the last block if that is whole */
	uint8_t padded[ESP_CBC_MAC_LEN]; /* ... if it had to be padded */
};

/* Runs whole blocks through a keyed CBC context and leaves its chaining value in chain. len may be
 * 0: chain stays as it is then. False if the library failed. ccm.c calls it too. */
bool esp_cbc_absorb(EVP_CIPHER_CTX *cbc, const uint8_t *data, size_t len,
		    uint8_t chain[static ESP_CBC_MAC_LEN]) __attribute__((warn_unused_result));

/* id: ESP_INTEG_AES_XCBC or ESP_INTEG_AES_CMAC. 0, -ENOMEM. */
int esp_cbc_mac_init(struct esp_cbc_mac *m, enum esp_integ_id id, const uint8_t key[static 16])
	__attribute__((warn_unused_result));
void esp_cbc_mac_fini(struct esp_cbc_mac *m); /* all zero is fine */
/* The untruncated MAC of data and, behind it, tail_len <= ESP_CBC_MAC_TAIL_MAX bytes. False if the
 * library failed. */
bool esp_cbc_mac_sum(struct esp_cbc_mac *m, const uint8_t *data, size_t len, const uint8_t *tail,
		     size_t tail_len, uint8_t mac[static ESP_CBC_MAC_LEN])
	__attribute__((warn_unused_result));

#endif
