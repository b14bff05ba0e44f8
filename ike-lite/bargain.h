/*
 * ike-lite/bargain.h: agreeing on a child SA: SA, Ni, KE, TSi, TSr, RFC 7296 §1.3.1, §2.7, §2.9, §2.17. The
 * same in IKE_AUTH, less the nonces and the key exchange of its own (§1.2).
 */
#ifndef CYGNET_IKE_BARGAIN_H
#define CYGNET_IKE_BARGAIN_H

#include "ike-lite/actions.h"
#include "ike-lite/dh.h"
#include "ike-lite/proposal.h"
#include "ike-lite/sa.h"

struct child;

/* What was agreed on. Holds secrets. */
struct deal {
	struct kid *kid;   /* borrowed */
	struct child *old; /* borrowed: what it replaces; NULL */
	bool we_began;
	struct ike_choice choice;
	struct esp_suite suite;
	bool esn, refuses_tfc;
	uint16_t group;
	uint32_t spi_in, spi_out;
	struct ike_ts_list local_ts, remote_ts;
	uint8_t ni[IKE_NONCE_MAX], nr[IKE_NONCE_MAX];
	uint32_t ni_len, nr_len;
	uint8_t secret[IKE_DH_SECRET_MAX];
	uint32_t secret_len;
	uint8_t public_value[IKE_DH_PUBLIC_MAX]; /* ours, to be answered with */
	uint32_t public_len;
};

/* Writes the offer of sa->active for a kid; old: what it is to replace. In IKE_AUTH no nonce and no KE.
 * False: out of memory. */
bool bargain_offer(struct ike_sa *sa, struct kid *kid, const struct child *old, bool in_auth,
		   struct draft *d);
/* Reads the answer to it. True and *out; false and why: it is not what we offered. *out's nonces are
 * not set in IKE_AUTH. */
bool bargain_take_answer(struct ike_sa *sa, const struct message *m, bool in_auth, struct deal *out,
			 char why[static EVENT_TEXT_MAX]);
/* Answers an offer. 0 and *out; else the notify that refuses, and why. *group: what INVALID_KE_PAYLOAD
 * asks for. old: NULL, or what is to be replaced. */
uint16_t bargain_answer(struct ike_sa *sa, const struct message *m, struct child *old, bool in_auth,
			struct deal *out, uint16_t *group, char why[static EVENT_TEXT_MAX]);
/* Writes what bargain_answer agreed to. */
void bargain_put_answer(const struct deal *deal, bool in_auth, struct draft *d);
/* Makes the child, keys and all; nothing is installed. NULL: out of memory. Cleanses the deal's
 * secret. */
struct child *deal_make_child(struct ike_sa *sa, struct deal *deal, uint32_t acquire_seq);
/* Initiator, or the first child: both SAs and policies. */
void deal_install(struct child *c);
void deal_cleanse(struct deal *deal);

#endif
