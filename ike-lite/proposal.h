/*
 * ike-lite/proposal.h: agreeing on algorithms, RFC 7296 §2.7, §3.3.6. As strongSwan does, the order
 * of our configuration decides, not the peer's: our first proposal that shares an algorithm of each type
 * with one of the peer's, and of each type our first that the peer offered.
 */
#ifndef CYGNET_IKE_PROPOSAL_H
#define CYGNET_IKE_PROPOSAL_H

#include "ike-lite/payload.h"
#include "ike-lite/transform.h"

enum ike_choose_flags {
	IKE_CHOOSE_ANY_DH =
		1, /* DH is not negotiated: a child in IKE_AUTH, §1.2. Taken out on both sides */
};

struct ike_choice {
	uint8_t number;	     /* of the proposal, as the initiator numbered it */
	unsigned ours;	     /* index of our own proposal */
	struct ike_span spi; /* the peer's; borrowed from the payload */
	/* One transform of each type that was offered: what ike_put_sa sends back. NONE, where it was
	 * offered and chosen, stands there too. */
	struct ike_proposal chosen;
};

/* The responder's choice from a checked SA payload (ike_sa_check). 0; -ENOENT: nothing in common,
 * NO_PROPOSAL_CHOSEN. *out is written only on success. That the KE payload is of the chosen group
 * is for the caller to check: ike_proposal_dh(&out->chosen) is what INVALID_KE_PAYLOAD asks for. */
int ike_proposal_choose(const struct ike_proposal *ours, unsigned count, struct ike_span sa_body,
			unsigned flags, struct ike_choice *out);
/* The initiator's look at what came back for proposals it numbered from 1: exactly one proposal, one of
 * ours by its number, one transform of each type and only such as we offered (§2.7, §3.3.6).
 * 0; -EBADMSG: it is something else. */
int ike_proposal_confirm(const struct ike_proposal *ours, unsigned count, struct ike_span sa_body,
			 unsigned flags, struct ike_choice *out);

/* The first transform of a type, or NULL. */
const struct ike_transform *ike_proposal_find(const struct ike_proposal *p, uint8_t type);
/* Its DH group, the first of them; 0: none. */
uint16_t ike_proposal_dh(const struct ike_proposal *p);
/* True if the group stands in it (0: if it does without DH: no DH at all, or NONE among them). */
bool ike_proposal_has_dh(const struct ike_proposal *p, uint16_t group);
/* Moves a group to the front of the DH transforms: what the KE payload is for, after
 * INVALID_KE_PAYLOAD or from the IKE SA. False, and no change, if it is not there. */
bool ike_proposal_prefer_dh(struct ike_proposal *p, uint16_t group);
/* The proposal without its DH transforms: for a child in IKE_AUTH, RFC 7296 §1.2. */
struct ike_proposal ike_proposal_without_dh(const struct ike_proposal *p);
bool ike_proposal_equal(const struct ike_proposal *a, const struct ike_proposal *b);

/* The suite of a chosen IKE proposal. False: not one of each type we can do. */
bool ike_suite_of(const struct ike_proposal *chosen, struct ike_suite *out);
/* The suite of a chosen ESP proposal, and whether sequence numbers are extended (no ESN transform: they
 * are not). False: not one that esp has. */
bool ike_esp_suite_of(const struct ike_proposal *chosen, struct esp_suite *out, bool *esn);

/* "a-b-c, d-e-f": all proposals of a list, or of a checked SA payload, for texts that put ours and theirs
 * side by side. Algorithms we do not know are written as type and number. Returns buf, cut if it is
 * full. */
const char *ike_proposals_format(const struct ike_proposal *p, unsigned count, char *buf,
				 size_t size);
const char *ike_offers_format(struct ike_span sa_body, char *buf, size_t size);

#endif
