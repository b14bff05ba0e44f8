/*
 * ike-lite/proposal.c: choosing from what is offered, RFC 7296 §2.7, §3.3.3, §3.3.6.
 */
#include "ike-lite/proposal.h"

#include <errno.h>
#include <string.h>

const struct ike_transform *ike_proposal_find(const struct ike_proposal *p, uint8_t type)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type == type)
			return &p->at[i];
	return NULL;
}

static bool transform_equal(const struct ike_transform *a, const struct ike_transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

static bool holds(const struct ike_proposal *p, const struct ike_transform *t)
{
	for (unsigned i = 0; i < p->count; i++)
		if (transform_equal(&p->at[i], t))
			return true;
	return false;
}

static bool add(struct ike_proposal *p, const struct ike_transform *t)
{
	if (p->count == IKE_TRANSFORMS_MAX)
		return false;
	p->at[p->count++] = *t;
	return true;
}

bool ike_proposal_has_esn(const struct ike_proposal *p)
{
	const struct ike_transform esn = {IKE_ESN, IKE_ESN_YES, 0};

	return holds(p, &esn);
}

bool ike_proposal_has_implicit_iv(const struct ike_proposal *p)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type == IKE_ENCR && (p->at[i].id == IKE_ENCR_AES_GCM_16_IIV ||
						  p->at[i].id == IKE_ENCR_CHACHA20_POLY1305_IIV))
			return true;
	return false;
}

/* ---- DH ------------------------------------------------------------------------------------- */

uint16_t ike_proposal_dh(const struct ike_proposal *p)
{
	const struct ike_transform *t = ike_proposal_find(p, IKE_DH);

	return t ? t->id : IKE_DH_NONE;
}

bool ike_proposal_has_dh(const struct ike_proposal *p, uint16_t group)
{
	const struct ike_transform t = {IKE_DH, group, 0};

	return holds(p, &t) || (group == IKE_DH_NONE && !ike_proposal_find(p, IKE_DH));
}

bool ike_proposal_prefer_dh(struct ike_proposal *p, uint16_t group)
{
	struct ike_transform moved = {IKE_DH, group, 0};

	if (!holds(p, &moved))
		return false;
	/* Each DH transform takes the place of the next one, until the group's own place is filled. */
	for (unsigned i = 0; i < p->count; i++) {
		struct ike_transform here = p->at[i];

		if (here.type != IKE_DH)
			continue;
		p->at[i] = moved;
		if (here.id == group)
			break;
		moved = here;
	}
	return true;
}

struct ike_proposal ike_proposal_without_dh(const struct ike_proposal *p)
{
	struct ike_proposal out = {.protocol = p->protocol};

	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type != IKE_DH)
			out.at[out.count++] = p->at[i];
	return out;
}

bool ike_proposal_equal(const struct ike_proposal *a, const struct ike_proposal *b)
{
	if (a->protocol != b->protocol || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!transform_equal(&a->at[i], &b->at[i]))
			return false;
	return true;
}

/* ---- choosing --------------------------------------------------------------------------------- */

/* One transform of a type that both have, ours first; none where neither has the type, or where one has
 * not and the other offers to do without. False: no such. */
static bool choose_type(const struct ike_proposal *ours, const struct ike_proposal *theirs,
			uint8_t type, struct ike_proposal *out)
{
	/* INTEG, DH and ESN have a transform 0 that says what leaving the type out says, §3.3.2. */
	const struct ike_transform none = {type, 0, 0};
	bool we = ike_proposal_find(ours, type), they = ike_proposal_find(theirs, type);

	for (unsigned i = 0; i < ours->count; i++)
		if (ours->at[i].type == type && holds(theirs, &ours->at[i]))
			return add(out, &ours->at[i]);
	if (type == IKE_ENCR || type == IKE_PRF)
		return !we && !they;
	if (!they)
		return !we || holds(ours, &none);
	return !we && holds(theirs, &none) && add(out, &none);
}

static bool choose_pair(const struct ike_proposal *ours, const struct ike_proposal *theirs,
			struct ike_proposal *out)
{
	struct ike_proposal chosen = {.protocol = ours->protocol};

	for (unsigned type = IKE_ENCR; type <= IKE_ESN; type++)
		if (!choose_type(ours, theirs, (uint8_t)type, &chosen))
			return false;
	*out = chosen;
	return true;
}

/* Takes the peer's next proposal that could be chosen: of this protocol, no unknown type. */
static bool next_offer(struct ike_span *left, uint8_t protocol, unsigned flags,
		       struct ike_offer *offer)
{
	while (ike_sa_next(left, offer)) {
		if (offer->proposal.protocol != protocol || offer->unknown_type)
			continue;
		if (flags & IKE_CHOOSE_ANY_DH)
			offer->proposal = ike_proposal_without_dh(&offer->proposal);
		return true;
	}
	return false;
}

int ike_proposal_choose(const struct ike_proposal *ours, unsigned count, struct ike_span sa_body,
			unsigned flags, struct ike_choice *out)
{
	for (unsigned i = 0; i < count; i++) {
		struct ike_proposal mine =
			flags & IKE_CHOOSE_ANY_DH ? ike_proposal_without_dh(&ours[i]) : ours[i];
		struct ike_span left = sa_body;
		struct ike_proposal chosen;
		struct ike_offer offer;

		while (next_offer(&left, mine.protocol, flags, &offer)) {
			if (!choose_pair(&mine, &offer.proposal, &chosen))
				continue;
			*out = (struct ike_choice){offer.number, i, offer.spi, chosen};
			return 0;
		}
	}
	return -ENOENT;
}

int ike_proposal_confirm(const struct ike_proposal *ours, unsigned count, struct ike_span sa_body,
			 unsigned flags, struct ike_choice *out)
{
	struct ike_span left = sa_body;
	struct ike_proposal mine, chosen;
	struct ike_offer offer;
	unsigned i;

	if (!ike_sa_next(&left, &offer) || left.len != 0)
		return -EBADMSG;
	i = offer.number - 1U;
	if (i >= count || offer.unknown_type || offer.proposal.protocol != ours[i].protocol)
		return -EBADMSG;
	mine = flags & IKE_CHOOSE_ANY_DH ? ike_proposal_without_dh(&ours[i]) : ours[i];
	/* Some peers answer IKE_AUTH with the DH transform they were not offered. */
	if (flags & IKE_CHOOSE_ANY_DH)
		offer.proposal = ike_proposal_without_dh(&offer.proposal);
	if (!choose_pair(&mine, &offer.proposal, &chosen) || chosen.count != offer.proposal.count)
		return -EBADMSG;
	*out = (struct ike_choice){offer.number, i, offer.spi, chosen};
	return 0;
}

/* ---- what was chosen ------------------------------------------------------------------------- */

static const struct ike_algorithm *row_for(const struct ike_proposal *p, uint8_t type,
					   uint8_t used_for)
{
	const struct ike_transform *t = ike_proposal_find(p, type);
	const struct ike_algorithm *row = t ? ike_algorithm_of(t) : NULL;

	return row && (row->used_for & used_for) ? row : NULL;
}

/* Without a separate integrity algorithm: left out, or NONE. */
static bool has_no_integ(const struct ike_proposal *p)
{
	const struct ike_transform *t = ike_proposal_find(p, IKE_INTEG);

	return !t || t->id == IKE_INTEG_NONE;
}

bool ike_suite_of(const struct ike_proposal *chosen, struct ike_suite *out)
{
	struct ike_suite s = {.encr = row_for(chosen, IKE_ENCR, IKE_FOR_IKE),
			      .integ = row_for(chosen, IKE_INTEG, IKE_FOR_IKE),
			      .prf = row_for(chosen, IKE_PRF, IKE_FOR_IKE)};
	const struct ike_algorithm *dh = row_for(chosen, IKE_DH, IKE_FOR_IKE);

	if (!s.encr || !s.prf || !dh)
		return false;
	if (s.encr->aead ? !has_no_integ(chosen) : !s.integ)
		return false;
	s.dh = dh->transform.id;
	*out = s;
	return true;
}

bool ike_esp_suite_of(const struct ike_proposal *chosen, struct esp_suite *out, bool *esn)
{
	const struct ike_algorithm *encr = row_for(chosen, IKE_ENCR, IKE_FOR_ESP),
				   *integ = row_for(chosen, IKE_INTEG, IKE_FOR_ESP);
	const struct ike_transform *numbers = ike_proposal_find(chosen, IKE_ESN);
	struct esp_suite_spec spec;

	if (!encr || (!integ && !has_no_integ(chosen)))
		return false;
	spec = (struct esp_suite_spec){
		.encr = (enum esp_encr_id)encr->esp,
		.integ = integ ? (enum esp_integ_id)integ->esp : ESP_INTEG_NONE,
		.encr_key_len = (uint8_t)(encr->key_len + encr->salt_len),
		.integ_key_len = integ ? integ->key_len : 0,
		.icv_len = integ ? integ->icv_len : encr->icv_len,
	};
	if (esp_suite_find(&spec, out, NULL) != 0)
		return false;
	*esn = numbers && numbers->id == IKE_ESN_YES;
	return true;
}
