/*
 * ike-lite/bargain_answer.c: the responder's half of agreeing on a child SA. Which selectors a peer may
 * have is what its connection's children say, and no other's: RFC 4301 §4.4.3.
 */
#include "ike-lite/bargain.h"

#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/explain.h"
#include "ike-lite/ts.h"

#include <openssl/crypto.h>
#include <stdio.h>

struct offered {
	struct ike_span sa;
	struct ike_ts_list tsi, tsr;
};

static bool parse_offer(const struct message *m, struct offered *out)
{
	const struct ike_payload *sa = ike_payloads_find(&m->list, IKE_SA);
	const struct ike_payload *tsi = ike_payloads_find(&m->list, IKE_TSI);
	const struct ike_payload *tsr = ike_payloads_find(&m->list, IKE_TSR);

	if (!sa || !tsi || !tsr || !ike_sa_check(sa->body))
		return false;
	out->sa = sa->body;
	return ike_ts_parse(tsi->body, &out->tsi) && ike_ts_parse(tsr->body, &out->tsr);
}

/* What a kid and the offer have in common. */
static bool narrow(struct ike_sa *sa, struct kid *kid, const struct offered *o, struct deal *out)
{
	struct ike_ts_list local, remote;

	kid_selectors(sa, kid, true, &local);
	kid_selectors(sa, kid, false, &remote);
	return ike_ts_narrow(&local, &o->tsr, &out->local_ts) &&
	       ike_ts_narrow(&remote, &o->tsi, &out->remote_ts);
}

static bool is_whole(const struct deal *d, const struct offered *o)
{
	return ike_ts_list_within(&o->tsr, &d->local_ts) &&
	       ike_ts_list_within(&o->tsi, &d->remote_ts);
}

/* The kid whose selectors take the offer whole; else the first that takes a part. */
static struct kid *choose_kid(struct ike_sa *sa, const struct offered *o, struct deal *out)
{
	struct kid *part = NULL;

	for (unsigned i = 0; i < sa->conn->kid_count; i++) {
		struct kid *kid = sa->conn->kids[i];

		if (!narrow(sa, kid, o, out))
			continue;
		if (is_whole(out, o))
			return kid;
		if (!part)
			part = kid;
	}
	if (part)
		(void)narrow(sa, part, o, out);
	return part;
}

static uint16_t refuse_selectors(struct ike_sa *sa, const struct offered *o,
				 char why[static EVENT_TEXT_MAX])
{
	struct ike_ts_list local = {0}, remote = {0};

	if (sa->conn->kid_count > 0) {
		kid_selectors(sa, sa->conn->kids[0], true, &local);
		kid_selectors(sa, sa->conn->kids[0], false, &remote);
	}
	(void)explain_no_selectors(sa->conn, &local, &remote, &o->tsr, &o->tsi, why);
	return IKE_N_TS_UNACCEPTABLE;
}

static bool make_secret(struct ike_sa *sa, const struct ike_ke *ke, struct deal *out)
{
	uint8_t random[IKE_DH_RANDOM_MAX];
	struct ike_dh *dh = NULL;
	struct ike_span own;
	bool made;

	sa->ike->env.random(sa->ike->env.ctx, random, ike_dh_random_len(ke->group));
	made = ike_dh_new(&dh, ke->group, random) == 0 &&
	       ike_dh_secret(dh, ke->data, out->secret, &out->secret_len) == 0;
	if (made) {
		own = ike_dh_public(dh);
		memcpy(out->public_value, own.data, own.len);
		out->public_len = own.len;
	}
	ike_dh_free(dh);
	OPENSSL_cleanse(random, sizeof(random));
	return made;
}

static uint16_t answer_keys(struct ike_sa *sa, const struct message *m, struct deal *out,
			    uint16_t *group, char why[static EVENT_TEXT_MAX])
{
	const struct ike_payload *nonce = ike_payloads_find(&m->list, IKE_NONCE);
	const struct ike_payload *payload = ike_payloads_find(&m->list, IKE_KE);
	struct ike_ke ke = {0};
	struct ike_span ni;

	if (!nonce || !ike_nonce_parse(nonce->body, &ni) ||
	    (payload && !ike_ke_parse(payload->body, &ke))) {
		(void)snprintf(why, EVENT_TEXT_MAX, "nonce or key exchange are malformed");
		return IKE_N_INVALID_SYNTAX;
	}
	memcpy(out->ni, ni.data, ni.len);
	out->ni_len = ni.len;
	out->nr_len = TASK_NONCE_LEN;
	sa->ike->env.random(sa->ike->env.ctx, out->nr, TASK_NONCE_LEN);
	if (out->group == 0)
		return 0;
	if (ke.group != out->group) {
		*group = out->group;
		(void)explain_group(sa->conn, out->kid, out->group, ke.group, why);
		return IKE_N_INVALID_KE_PAYLOAD;
	}
	if (!make_secret(sa, &ke, out)) {
		(void)snprintf(why, EVENT_TEXT_MAX, "the peer's public value is no good");
		return IKE_N_INVALID_SYNTAX;
	}
	return 0;
}

static uint16_t answer_suite(struct ike_sa *sa, const struct offered *o, bool in_auth,
			     struct deal *out, char why[static EVENT_TEXT_MAX])
{
	const struct ike_child_config *c = &out->kid->c;

	if (ike_proposal_choose(c->proposals, c->proposal_count, o->sa,
				in_auth ? IKE_CHOOSE_ANY_DH : 0, &out->choice) != 0 ||
	    out->choice.spi.len != 4 || load_u32(out->choice.spi.data) <= 255 ||
	    !ike_esp_suite_of(&out->choice.chosen, &out->suite, &out->esn)) {
		(void)explain_no_proposal(sa->conn, out->kid, o->sa, why);
		return IKE_N_NO_PROPOSAL_CHOSEN;
	}
	out->spi_out = load_u32(out->choice.spi.data);
	out->group = in_auth ? 0 : ike_proposal_dh(&out->choice.chosen);
	return 0;
}

static unsigned children_of(const struct ike_sa *sa)
{
	unsigned n = 0;

	for (const struct child *c = sa->children; c; c = c->next)
		n++;
	return n;
}

uint16_t bargain_answer(struct ike_sa *sa, const struct message *m, struct child *old, bool in_auth,
			struct deal *out, uint16_t *group, char why[static EVENT_TEXT_MAX])
{
	struct offered o;
	struct ike_notify n;
	uint16_t refusal;

	*out = (struct deal){
		.old = old,
		.refuses_tfc = ike_notify_find(&m->list, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, &n)};
	if (!parse_offer(m, &o)) {
		(void)snprintf(why, EVENT_TEXT_MAX, "SA, TSi or TSr are missing or malformed");
		return IKE_N_INVALID_SYNTAX;
	}
	if (children_of(sa) >= CHILDREN_MAX) {
		(void)snprintf(why, EVENT_TEXT_MAX, "the peer has %d child SAs already",
			       CHILDREN_MAX);
		return IKE_N_NO_ADDITIONAL_SAS;
	}
	if (old && narrow(sa, old->kid, &o, out))
		out->kid = old->kid;
	else if (!old)
		out->kid = choose_kid(sa, &o, out);
	if (!out->kid)
		return refuse_selectors(sa, &o, why);
	refusal = answer_suite(sa, &o, in_auth, out, why);
	if (refusal == 0 && !in_auth)
		refusal = answer_keys(sa, m, out, group, why);
	if (refusal == 0)
		out->spi_in = engine_new_spi(sa->ike);
	return refusal;
}

void bargain_put_answer(const struct deal *deal, bool in_auth, struct draft *d)
{
	uint8_t spi[4];

	store_u32(spi, deal->spi_in);
	ike_put_sa(&d->w, &deal->choice.chosen, 1, deal->choice.number, IKE_SPAN(spi));
	if (!in_auth)
		ike_put_nonce(&d->w, (struct ike_span){deal->nr, deal->nr_len});
	if (!in_auth && deal->group)
		ike_put_ke(&d->w, deal->group,
			   (struct ike_span){deal->public_value, deal->public_len});
	ike_put_ts(&d->w, IKE_TSI, &deal->remote_ts);
	ike_put_ts(&d->w, IKE_TSR, &deal->local_ts);
}
