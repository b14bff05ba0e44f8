/*
 * key_table.c: see key_table.h. The names are Wireshark's own.
 */
#include "gateway/iked/key_table.h"

#include <stdio.h>
#include <string.h>

struct row {
	uint8_t type;
	uint16_t id, bits;
	const char *name;
};

static const struct row rows[] = {
	{IKE_ENCR, IKE_ENCR_AES_CBC, 128, "AES-CBC-128 [RFC3602]"},
	{IKE_ENCR, IKE_ENCR_AES_CBC, 192, "AES-CBC-192 [RFC3602]"},
	{IKE_ENCR, IKE_ENCR_AES_CBC, 256, "AES-CBC-256 [RFC3602]"},
	{IKE_ENCR, IKE_ENCR_AES_GCM_16, 128, "AES-GCM-128 with 16 octet ICV [RFC5282]"},
	{IKE_ENCR, IKE_ENCR_AES_GCM_16, 192, "AES-GCM-192 with 16 octet ICV [RFC5282]"},
	{IKE_ENCR, IKE_ENCR_AES_GCM_16, 256, "AES-GCM-256 with 16 octet ICV [RFC5282]"},
	{IKE_ENCR, IKE_ENCR_CHACHA20_POLY1305, 0, "ChaCha20-Poly1305 with 16 octet ICV [RFC7539]"},
	{IKE_INTEG, IKE_INTEG_HMAC_SHA2_256_128, 0, "HMAC_SHA2_256_128 [RFC4868]"},
	{IKE_INTEG, IKE_INTEG_HMAC_SHA2_384_192, 0, "HMAC_SHA2_384_192 [RFC4868]"},
	{IKE_INTEG, IKE_INTEG_HMAC_SHA2_512_256, 0, "HMAC_SHA2_512_256 [RFC4868]"},
};

static const char *name_of(const struct ike_proposal *suite, uint8_t type)
{
	for (unsigned i = 0; i < suite->count; i++) {
		const struct ike_transform *t = &suite->at[i];

		if (t->type != type || (type == IKE_INTEG && t->id == IKE_INTEG_NONE))
			continue;
		for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			if (rows[r].type == type && rows[r].id == t->id &&
			    (!rows[r].bits || rows[r].bits == t->key_bits))
				return rows[r].name;
		}
		return NULL;
	}
	return type == IKE_INTEG ? "NONE [RFC4306]" : NULL;
}

static void put_hex(char **at, const uint8_t *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		*at += sprintf(*at, "%02x", bytes[i]);
	*(*at)++ = ',';
}

void key_table_format(const struct ike_key_action *k, char line[static KEY_TABLE_LINE_MAX])
{
	const char *encr = name_of(&k->suite, IKE_ENCR), *integ = name_of(&k->suite, IKE_INTEG);
	char *at = line;

	line[0] = '\0';
	if (!encr || !integ || k->encr_len > 64 || k->integ_len > 64)
		return;
	at += sprintf(at, "%016llx,%016llx,", (unsigned long long)k->spi_i,
		      (unsigned long long)k->spi_r);
	put_hex(&at, k->sk_ei, k->encr_len);
	put_hex(&at, k->sk_er, k->encr_len);
	at += sprintf(at, "\"%s\",", encr);
	put_hex(&at, k->sk_ai, k->integ_len);
	put_hex(&at, k->sk_ar, k->integ_len);
	sprintf(at, "\"%s\"", integ);
}
