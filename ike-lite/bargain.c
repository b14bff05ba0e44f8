/*
 * ike-lite/bargain.c: the initiator's half, and what both halves end in: a child with keys.
 */
#include "ike-lite/bargain.h"

#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/explain.h"
#include "ike-lite/ts.h"

#include <openssl/crypto.h>
#include <stdio.h>

void deal_cleanse(struct deal *deal)
{
	OPENSSL_cleanse(deal, sizeof(*deal));
}

/* ---- offering ---------------------------------------------------------------------------------------- */

static bool make_dh(struct ike_sa *sa, struct bargain *b, uint16_t group)
{
	uint8_t random[IKE_DH_RANDOM_MAX];
	int rc;

	sa->ike->env.random(sa->ike->env.ctx, random, ike_dh_random_len(group));
	ike_dh_free(b->dh);
	b->dh = NULL;
	rc = ike_dh_new(&b->dh, group, random);
	OPENSSL_cleanse(random, sizeof(random));
	return rc == 0;
}

static void copy_proposals(struct bargain *b, const struct kid *kid, bool in_auth)
{
	b->proposal_count = kid->c.proposal_count;
	for (unsigned i = 0; i < b->proposal_count; i++)
		b->proposals[i] = in_auth ? ike_proposal_without_dh(&kid->c.proposals[i])
					  : kid->c.proposals[i];
}

/* §2.9: a virtual address is not known yet when it is asked for: all of its family. */
static void widen_for_vips(const struct ike_sa *sa, const struct kid *kid, struct ike_ts_list *out)
{
	if (!kid->c.local_dynamic || sa->conn->c.vip_count == 0 || sa->vip_count > 0)
		return;
	*out = kid->c.local_ts;
	for (unsigned i = 0; i < sa->conn->c.vip_count; i++) {
		struct ike_ts all = ike_ts_all(sa->conn->c.vips[i].family);

		(void)ike_ts_list_add(out, &all);
	}
}

static void choose_selectors(struct ike_sa *sa, struct kid *kid, const struct child *old,
			     struct bargain *b)
{
	const struct task *t = sa->active;

	/* §2.9.2: a rekey asks for no less than what is in use. */
	if (old) {
		b->local_ts = old->local_ts;
		b->remote_ts = old->remote_ts;
		return;
	}
	kid_selectors(sa, kid, true, &b->local_ts);
	kid_selectors(sa, kid, false, &b->remote_ts);
	widen_for_vips(sa, kid, &b->local_ts);
	if (t->has_flow && ike_ts_list_covers(&b->local_ts, &t->flow_local) &&
	    ike_ts_list_covers(&b->remote_ts, &t->flow_remote)) {
		(void)ike_ts_list_put_first(&b->local_ts, &t->flow_local);
		(void)ike_ts_list_put_first(&b->remote_ts, &t->flow_remote);
	}
}

static struct ike_span spi_span(uint8_t buf[4], uint32_t spi)
{
	store_u32(buf, spi);
	return (struct ike_span){buf, 4};
}

bool bargain_offer(struct ike_sa *sa, struct kid *kid, const struct child *old, bool in_auth,
		   struct draft *d)
{
	struct bargain *b = &sa->active->bargain;
	uint16_t group = b->group ? b->group : ike_proposal_dh(&kid->c.proposals[0]);
	uint8_t spi[4];

	if (b->spi_in == 0)
		b->spi_in = engine_new_spi(sa->ike);
	copy_proposals(b, kid, in_auth);
	choose_selectors(sa, kid, old, b);
	ike_put_sa(&d->w, b->proposals, b->proposal_count, 1, spi_span(spi, b->spi_in));
	if (!in_auth) {
		sa->ike->env.random(sa->ike->env.ctx, b->nonce, sizeof(b->nonce));
		ike_put_nonce(&d->w, IKE_SPAN(b->nonce));
	}
	if (!in_auth && group) {
		if (!make_dh(sa, b, group))
			return false;
		ike_put_ke(&d->w, group, ike_dh_public(b->dh));
	}
	ike_put_ts(&d->w, IKE_TSI, &b->local_ts);
	ike_put_ts(&d->w, IKE_TSR, &b->remote_ts);
	return true;
}

/* ---- taking the answer ------------------------------------------------------------------------------- */

static bool refuse(char why[static EVENT_TEXT_MAX], const char *what)
{
	(void)snprintf(why, EVENT_TEXT_MAX, "the peer's answer is wrong: %s", what);
	return false;
}

static bool take_selectors(const struct bargain *b, const struct message *m, struct deal *out)
{
	const struct ike_payload *tsi = ike_payloads_find(&m->list, IKE_TSI);
	const struct ike_payload *tsr = ike_payloads_find(&m->list, IKE_TSR);

	return tsi && tsr && ike_ts_parse(tsi->body, &out->local_ts) &&
	       ike_ts_parse(tsr->body, &out->remote_ts) && out->local_ts.count > 0 &&
	       out->remote_ts.count > 0 && ike_ts_list_within(&out->local_ts, &b->local_ts) &&
	       ike_ts_list_within(&out->remote_ts, &b->remote_ts);
}

static bool take_suite(const struct bargain *b, const struct message *m, bool in_auth,
		       struct deal *out)
{
	const struct ike_payload *sa = ike_payloads_find(&m->list, IKE_SA);

	if (!sa || !ike_sa_check(sa->body) ||
	    ike_proposal_confirm(b->proposals, b->proposal_count, sa->body,
				 in_auth ? IKE_CHOOSE_ANY_DH : 0, &out->choice) != 0)
		return false;
	out->spi_out = load_u32(out->choice.spi.data);
	out->group = in_auth ? 0 : ike_proposal_dh(&out->choice.chosen);
	return out->spi_out > 255 && ike_esp_suite_of(&out->choice.chosen, &out->suite, &out->esn);
}

static bool take_keys(const struct bargain *b, const struct message *m, struct deal *out)
{
	const struct ike_payload *nonce = ike_payloads_find(&m->list, IKE_NONCE);
	const struct ike_payload *ke = ike_payloads_find(&m->list, IKE_KE);
	struct ike_span nr;
	struct ike_ke value;

	if (!nonce || !ike_nonce_parse(nonce->body, &nr))
		return false;
	memcpy(out->ni, b->nonce, sizeof(b->nonce));
	out->ni_len = sizeof(b->nonce);
	memcpy(out->nr, nr.data, nr.len);
	out->nr_len = nr.len;
	if (out->group == 0)
		return true;
	return b->dh && ke && ike_ke_parse(ke->body, &value) && value.group == out->group &&
	       ike_dh_group(b->dh) == out->group &&
	       ike_dh_secret(b->dh, value.data, out->secret, &out->secret_len) == 0;
}

bool bargain_take_answer(struct ike_sa *sa, const struct message *m, bool in_auth, struct deal *out,
			 char why[static EVENT_TEXT_MAX])
{
	const struct task *t = sa->active;
	struct ike_notify n;

	*out = (struct deal){
		.kid = t->kid,
		.old = t->kind == TASK_REKEY_CHILD ? t->child : NULL,
		.we_began = true,
		.spi_in = t->bargain.spi_in,
		.refuses_tfc = ike_notify_find(&m->list, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, &n)};
	if (!take_suite(&t->bargain, m, in_auth, out))
		return refuse(why, "it chose algorithms that we did not offer");
	if (!take_selectors(&t->bargain, m, out))
		return refuse(why, "its selectors are none, or wider than ours");
	if (!in_auth && !take_keys(&t->bargain, m, out))
		return refuse(why, "nonce or key exchange");
	return true;
}

/* ---- the end of it -------------------------------------------------------------------------------------- */

struct child *deal_make_child(struct ike_sa *sa, struct deal *deal, uint32_t acquire_seq)
{
	struct ike_key_inputs in = {.shared = {deal->secret, deal->secret_len},
				    .ni = {deal->ni, deal->ni_len},
				    .nr = {deal->nr, deal->nr_len}};
	struct child *c = child_new(sa, deal->kid, deal->spi_in);

	if (!c)
		return NULL;
	c->we_began = deal->we_began;
	c->line_is_ours = deal->old ? deal->old->line_is_ours : deal->we_began;
	c->spi_out = deal->spi_out;
	c->suite = deal->suite;
	c->esn = deal->esn;
	c->dh_group = deal->group;
	c->peer_refuses_tfc = deal->refuses_tfc;
	c->acquire_seq = acquire_seq;
	c->local_ts = deal->local_ts;
	c->remote_ts = deal->remote_ts;
	c->old = deal->old;
	c->phase = CHILD_LINGERING; /* nobody counts with it yet */
	c->reqid = c->old ? c->old->reqid : kid_reqid(sa, c->kid, &c->local_ts, &c->remote_ts);
	if (!ike_child_keys_derive(&c->keys, &c->suite, &sa->keys, &in)) {
		child_end(c, 0);
		return NULL;
	}
	c->phase = CHILD_UP;
	OPENSSL_cleanse(deal->secret, sizeof(deal->secret));
	return c;
}

void deal_install(struct child *c)
{
	child_install_in(c);
	child_install_out(c);
	policies_add(c);
}
