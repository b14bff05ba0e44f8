/*
 * ike-lite/keys.h: the key schedule: of an IKE SA (RFC 7296 §2.14), its rekey (§2.18), child SAs
 * (§2.17), and the mixing in of a post-quantum pre-shared key (RFC 8784 §3). False always means that OpenSSL
 * ran out of memory; the output is then cleansed.
 */
#ifndef CYGNET_IKE_KEYS_H
#define CYGNET_IKE_KEYS_H

#include "ike-lite/prf.h"

/* The secrets of an IKE SA, and the counter of IVs that belongs to them. A plain value; whoever holds
 * one cleanses it. SK_d, SK_pi and SK_pr are suite.prf->key_len bytes, ai and ar those of
 * suite.integ, ei and er key and salt of suite.encr. */
struct ike_keys {
	struct ike_suite suite;
	uint8_t d[IKE_PRF_LEN_MAX];
	uint8_t ai[64], ar[64];
	uint8_t ei[ESP_ENCR_KEY_MAX], er[ESP_ENCR_KEY_MAX];
	uint8_t pi[IKE_PRF_LEN_MAX], pr[IKE_PRF_LEN_MAX];
	uint64_t sealed; /* messages and fragments sealed so far: sk.c's IVs of AEADs */
};

/* What goes into a key schedule. Nonces without payload header. shared: g^ir. */
struct ike_key_inputs {
	struct ike_span shared, ni, nr;
	uint64_t spi_i, spi_r; /* of the IKE SA that is made */
};

/* SKEYSEED and all SK_*, §2.14. */
bool ike_keys_derive(struct ike_keys *out, const struct ike_suite *suite,
		     const struct ike_key_inputs *in) __attribute__((warn_unused_result));
/* The same for the successor of an IKE SA, §2.18: SKEYSEED by the PRF and SK_d of the old one. */
bool ike_keys_rekey(struct ike_keys *out, const struct ike_suite *suite, const struct ike_keys *old,
		    const struct ike_key_inputs *in) __attribute__((warn_unused_result));
/* Mixes a PPK into SK_d, SK_pi and SK_pr, RFC 8784 §3. Who may yet have to do without keeps a copy. */
bool ike_keys_mix_ppk(struct ike_keys *keys, struct ike_span ppk)
	__attribute__((warn_unused_result));
void ike_keys_cleanse(struct ike_keys *keys);
/* Lengths for a debugging table: salt included; 0 for integ with an AEAD. */
uint32_t ike_keys_encr_len(const struct ike_suite *suite);
uint32_t ike_keys_integ_len(const struct ike_suite *suite);

/* Keys of one child SA in one direction, salt behind the cipher's key. */
struct ike_child_key {
	uint8_t encr[ESP_ENCR_KEY_MAX];
	uint8_t integ[ESP_INTEG_KEY_MAX];
};
struct ike_child_keys {
	struct ike_child_key from_initiator, from_responder; /* of the exchange that made them */
};

/* KEYMAT, §2.17: the shared secret empty without a DH of its own; nonces of the exchange that makes the
 * child; the SPIs are not looked at. */
bool ike_child_keys_derive(struct ike_child_keys *out, const struct esp_suite *suite,
			   const struct ike_keys *keys, const struct ike_key_inputs *in)
	__attribute__((warn_unused_result));
void ike_child_keys_cleanse(struct ike_child_keys *keys);

#endif
