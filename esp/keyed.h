/*
 * esp/keyed.h: one way to make an OpenSSL cipher context, private to the OpenSSL back end: key
 * expanded, no padding of its own, ready for an IV per packet.
 */
#ifndef CYGNET_ESP_KEYED_H
#define CYGNET_ESP_KEYED_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL if there is no memory. EVP_CIPHER_CTX_free frees it and clears the key schedule. */
EVP_CIPHER_CTX *esp_keyed_cipher(const EVP_CIPHER *type, const uint8_t *key, bool seal);

#endif
