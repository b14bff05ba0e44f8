/*
 * esp/mac.h: the integrity algorithms behind one face: keyed once, then a MAC per packet without
 * allocating. Private to the OpenSSL back end; separate.c calls it, and tests hold it to the RFCs'
 * vectors.
 */
#ifndef CYGNET_ESP_MAC_H
#define CYGNET_ESP_MAC_H

#include "esp/cbc_mac.h"
#include "esp/hmac.h"
#include "esp/suite.h"

enum { ESP_MAC_MAX = ESP_HMAC_MAX, ESP_MAC_TAIL_MAX = ESP_CBC_MAC_TAIL_MAX };

/* Secret as a whole: esp_mac_fini cleanses it. */
struct esp_mac {
	enum esp_integ_id id;
	union {
		struct esp_hmac *hmac; /* owned; three states of a hash, large beside the others */
		struct esp_cbc_mac cbc;
	};
};

/* 0, -ENOMEM; nothing to undo then. integ: any row but NONE; key of its length. */
int esp_mac_init(struct esp_mac *m, const struct esp_integ *integ, const uint8_t *key)
	__attribute__((warn_unused_result));
void esp_mac_fini(struct esp_mac *m); /* all zero is fine */
/* The untruncated MAC, at the front of mac, of data and, behind it, tail_len <= ESP_MAC_TAIL_MAX
 * bytes. False if the library failed. */
bool esp_mac_sum(struct esp_mac *m, const uint8_t *data, size_t len, const uint8_t *tail,
		 size_t tail_len, uint8_t mac[static ESP_MAC_MAX])
	__attribute__((warn_unused_result));

#endif
