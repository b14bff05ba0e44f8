/*
 * ike-lite/exchange_rekey.c: an IKE SA replaced by a new one under the roof of the old, RFC 7296 §1.3.2,
 * §2.18, §2.8.2: both ends of it. The children move; nobody proves who he is again.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/proposal.h"
#include "ike-lite/wishes.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { IKE_REKEY_AGAIN_MS = 60000, IKE_GROUP_RETRIES_MAX = 3 };

/* ---- asking --------------------------------------------------------------------------------------------- */

static bool make_dh(struct ike_sa *sa, struct ike_dh **dh, uint16_t group)
{
	uint8_t random[IKE_DH_RANDOM_MAX];
	int rc;

	sa->ike->env.random(sa->ike->env.ctx, random, ike_dh_random_len(group));
	ike_dh_free(*dh);
	*dh = NULL;
	rc = ike_dh_new(dh, group, random);
	OPENSSL_cleanse(random, sizeof(random));
	return rc == 0;
}

bool create_ike_ask(struct ike_sa *sa)
{
	const struct ike_connection *c = &sa->conn->c;
	struct bargain *b = &sa->active->bargain;
	uint16_t group = b->group ? b->group : sa->keys.suite.dh;
	uint8_t spi[IKE_SPI_LEN];
	struct draft d;

	b->new_spi = engine_random64(sa->ike);
	store_u64(spi, b->new_spi);
	sa->ike->env.random(sa->ike->env.ctx, b->nonce, sizeof(b->nonce));
	if (!make_dh(sa, &b->dh, group))
		return false;
	draft_begin(&d);
	ike_put_sa(&d.w, c->proposals, c->proposal_count, 1, IKE_SPAN(spi));
	ike_put_nonce(&d.w, IKE_SPAN(b->nonce));
	ike_put_ke(&d.w, group, ike_dh_public(b->dh));
	return sa_ask(sa, IKE_CREATE_CHILD_SA, &d);
}

/* ---- the successor ------------------------------------------------------------------------------------- */

/* What is agreed on, from either side. */
struct succession {
	bool we_began;
	uint64_t spi_i, spi_r;
	struct ike_choice choice;
	struct ike_suite suite;
	struct ike_span ni, nr;
	struct ike_ke ke;
	uint8_t nonce[TASK_NONCE_LEN]; /* ours, as responder */
};

static struct ike_sa *make_successor(struct ike_sa *sa, const struct succession *s,
				     const struct ike_dh *dh)
{
	struct ike_key_inputs in = {.ni = s->ni, .nr = s->nr, .spi_i = s->spi_i, .spi_r = s->spi_r};
	uint8_t secret[IKE_DH_SECRET_MAX];
	struct ike_sa *fresh;
	bool made;

	fresh = sa_new(sa->ike, sa->conn, s->we_began, &sa->ends,
		       s->we_began ? s->spi_i : s->spi_r);
	if (!fresh)
		return NULL;
	fresh->spi_i = s->spi_i;
	fresh->spi_r = s->spi_r;
	fresh->phase = SA_UP;
	fresh->line_is_ours = sa->line_is_ours;
	fresh->replaced = true; /* until it has the children, its end is no news either */
	fresh->suite = s->choice.chosen;
	fresh->nat_here = sa->nat_here;
	fresh->nat_there = sa->nat_there;
	fresh->fragmentation = sa->fragmentation;
	fresh->ppk = sa->ppk;
	fresh->local_id = sa->local_id;
	fresh->remote_id = sa->remote_id;
	in.shared.data = secret;
	made = ike_dh_secret(dh, s->ke.data, secret, &in.shared.len) == 0 &&
	       ike_keys_rekey(&fresh->keys, &s->suite, &sa->keys, &in);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (!made) {
		sa_end(fresh, "no keys");
		return NULL;
	}
	fresh->has_keys = true;
	emit_keys(fresh);
	return fresh;
}

static void move_tasks(struct ike_sa *from, struct ike_sa *to)
{
	struct task *t = from->tasks;

	from->tasks = NULL;
	while (t) {
		struct task *next = t->next;

		t->next = NULL;
		if (t->kind == TASK_REKEY_IKE || t->kind == TASK_PROBE)
			task_free(t);
		else
			sa_queue(to, t);
		t = next;
	}
}

void sa_succeed(struct ike_sa *from, struct ike_sa *to)
{
	char text[EVENT_TEXT_MAX];

	sa_give_children(from, to);
	to->vips_are_ours = from->vips_are_ours;
	to->vip_count = from->vip_count;
	memcpy(to->vips, from->vips, sizeof(to->vips));
	from->vip_count = 0;
	from->replaced = true;
	to->replaced = false;
	move_tasks(from, to);
	sa_is_up(to);
	emit_event(to, IKE_EV_IKE_REKEYED, explain_ike(to, text));
	if (from->phase == SA_UP)
		sa_wait_for_delete(from);
	wish_one_of_twins(to);
}

void create_rival_wins(struct ike_sa *sa)
{
	struct task *t = sa->active;
	struct ike_sa *rival = t->rival_sa;

	if (t->rival_won || !rival)
		return;
	t->rival_won = true;
	sa_succeed(sa, rival);
	sa_run_tasks(rival);
}

void create_rival_is_used(struct ike_sa *rival)
{
	for (struct ike_sa *sa = rival->ike->sas; sa; sa = sa->next) {
		if (sa->active && sa->active->rival_sa == rival) {
			create_rival_wins(sa);
			return;
		}
	}
}

/* ---- what comes back ---------------------------------------------------------------------------------- */

/* The peer's is there, or was and has been rekeyed in turn. */
static bool has_rival(const struct task *t)
{
	return t->rival_won || t->rival_sa;
}

static void failed(struct ike_sa *sa, const char *why)
{
	if (has_rival(sa->active)) {
		create_rival_wins(sa);
		sa_task_done(sa);
		return;
	}
	sa->rekey_at = sa->ike->now + IKE_REKEY_AGAIN_MS;
	engine_due_at(sa->ike, sa->rekey_at);
	sa_task_failed(sa, why);
}

/* The peer's answer against what we offered. NULL: it is right. */
static const char *read_answer(struct ike_sa *sa, const struct message *m, struct succession *s)
{
	const struct ike_connection *c = &sa->conn->c;
	const struct bargain *b = &sa->active->bargain;
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_SA);
	const struct ike_payload *nonce = ike_payloads_find(&m->list, IKE_NONCE);
	const struct ike_payload *ke = ike_payloads_find(&m->list, IKE_KE);

	if (!p || !nonce || !ke || !ike_sa_check(p->body) ||
	    !ike_nonce_parse(nonce->body, &s->nr) || !ike_ke_parse(ke->body, &s->ke))
		return "the peer's answer to the rekey of the IKE SA is malformed";
	if (ike_proposal_confirm(c->proposals, c->proposal_count, p->body, 0, &s->choice) != 0 ||
	    !ike_suite_of(&s->choice.chosen, &s->suite) || s->choice.spi.len != IKE_SPI_LEN ||
	    s->suite.dh != ike_dh_group(b->dh) || s->ke.group != s->suite.dh)
		return "the peer chose what we did not offer for the new IKE SA";
	s->we_began = true;
	s->spi_i = b->new_spi;
	s->spi_r = load_u64(s->choice.spi.data);
	s->ni = IKE_SPAN(b->nonce);
	return s->spi_r ? NULL : "the peer's new SPI is zero";
}

/* §2.8.2: of two that were made at once, the one with the lowest nonce goes, by the doing of its maker. */
static void settle(struct ike_sa *sa, struct ike_sa *fresh, const struct succession *s)
{
	struct task *t = sa->active;
	struct ike_sa *rival = t->rival_sa;
	bool goes = t->rival_won ||
		    (rival && create_nonces_are_lower(s->ni.data, s->ni.len, s->nr.data, s->nr.len,
						      t->rival_nonce, t->rival_nonce_len));

	if (goes) {
		create_rival_wins(sa);
		sa_task_done(sa);
		sa_queue(fresh, task_new(TASK_DELETE_IKE));
		sa_run_tasks(fresh);
		return;
	}
	sa_task_done(sa);
	sa_succeed(sa, fresh);
	if (rival)
		sa_wait_for_delete(rival);
	sa_queue_first(sa, task_new(TASK_DELETE_IKE));
	sa_run_tasks(fresh);
}

static bool offers_group(const struct ike_connection *c, uint16_t group)
{
	for (unsigned i = 0; i < c->proposal_count; i++) {
		if (group && ike_proposal_has_dh(&c->proposals[i], group))
			return true;
	}
	return false;
}

static bool ask_with_group(struct ike_sa *sa, const struct message *m)
{
	struct bargain *b = &sa->active->bargain;
	struct ike_notify n;

	if (!ike_notify_find(&m->list, IKE_N_INVALID_KE_PAYLOAD, &n) || n.data.len != 2 ||
	    !offers_group(&sa->conn->c, load_u16(n.data.data)) ||
	    b->group_retries++ >= IKE_GROUP_RETRIES_MAX)
		return false;
	b->group = load_u16(n.data.data);
	return create_ike_ask(sa);
}

/* Ours came to nothing: if the peer made one meanwhile, it is that one. */
static void take_refusal(struct ike_sa *sa, const struct message *m)
{
	uint16_t notify = create_error_in(m);
	char text[EVENT_TEXT_MAX], number[32];

	if (has_rival(sa->active)) {
		failed(sa, "the peer's own rekey counts");
	} else if (notify == IKE_N_INVALID_KE_PAYLOAD && ask_with_group(sa, m)) {
		return;
	} else if (notify == IKE_N_TEMPORARY_FAILURE) {
		sa_task_later(sa, create_later_ms(sa));
	} else {
		(void)snprintf(text, sizeof(text), "the peer refused to rekey the IKE SA: %s",
			       explain_notify(notify, number));
		failed(sa, text);
	}
}

void create_take_ike(struct ike_sa *sa, const struct message *m)
{
	struct succession s = {0};
	struct ike_sa *fresh;
	const char *wrong;

	if (!ike_payloads_find(&m->list, IKE_SA)) {
		take_refusal(sa, m);
		return;
	}
	wrong = read_answer(sa, m, &s);
	if (wrong) {
		failed(sa, wrong);
		return;
	}
	fresh = make_successor(sa, &s, sa->active->bargain.dh);
	if (fresh)
		settle(sa, fresh, &s);
	else
		failed(sa, "the peer's public value is no good");
}

/* ---- answering ---------------------------------------------------------------------------------------- */

static bool read_request(const struct message *m, struct succession *s, struct ike_span *sa_body)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_SA);
	const struct ike_payload *nonce = ike_payloads_find(&m->list, IKE_NONCE);
	const struct ike_payload *ke = ike_payloads_find(&m->list, IKE_KE);

	if (!nonce || !ke || !ike_nonce_parse(nonce->body, &s->ni) ||
	    !ike_ke_parse(ke->body, &s->ke))
		return false;
	*sa_body = p->body;
	return true;
}

static void refuse_proposal(struct ike_sa *sa, const struct message *m, struct ike_span body)
{
	char text[EVENT_TEXT_MAX];

	sa_answer_notify(sa, m, IKE_N_NO_PROPOSAL_CHOSEN, (struct ike_span){0});
	emit_event(sa, IKE_EV_FAILED, explain_no_proposal(sa->conn, NULL, body, text));
}

static void answer(struct ike_sa *sa, const struct message *m, struct succession *s)
{
	uint8_t spi[IKE_SPI_LEN];
	struct task *ours = sa->active;
	struct ike_dh *dh = NULL;
	struct ike_sa *fresh = NULL;
	struct draft d;

	sa->ike->env.random(sa->ike->env.ctx, s->nonce, sizeof(s->nonce));
	s->nr = IKE_SPAN(s->nonce);
	s->spi_i = load_u64(s->choice.spi.data);
	s->spi_r = engine_random64(sa->ike);
	if (make_dh(sa, &dh, s->ke.group))
		fresh = make_successor(sa, s, dh);
	if (!fresh) {
		ike_dh_free(dh);
		sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
		return;
	}
	store_u64(spi, s->spi_r);
	draft_begin(&d);
	ike_put_sa(&d.w, &s->choice.chosen, 1, s->choice.number, IKE_SPAN(spi));
	ike_put_nonce(&d.w, s->nr);
	ike_put_ke(&d.w, s->ke.group, ike_dh_public(dh));
	ike_dh_free(dh);
	sa_answer(sa, m, &d);
	if (ours && ours->kind == TASK_REKEY_IKE) {
		ours->rival_sa = fresh;
		create_keep_rival_nonce(ours, s->ni.data, s->ni.len, s->nr.data, s->nr.len);
		return;
	}
	sa_succeed(sa, fresh);
	sa_run_tasks(fresh);
}

void create_answer_ike(struct ike_sa *sa, const struct message *m)
{
	const struct ike_connection *c = &sa->conn->c;
	struct succession s = {0};
	struct ike_span body;
	uint8_t group[2];

	if (!read_request(m, &s, &body)) {
		sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
		return;
	}
	if (ike_proposal_choose(c->proposals, c->proposal_count, body, 0, &s.choice) != 0 ||
	    s.choice.spi.len != IKE_SPI_LEN || load_u64(s.choice.spi.data) == 0 ||
	    !ike_suite_of(&s.choice.chosen, &s.suite)) {
		refuse_proposal(sa, m, body);
		return;
	}
	if (s.suite.dh != s.ke.group) {
		store_u16(group, s.suite.dh);
		sa_answer_notify(sa, m, IKE_N_INVALID_KE_PAYLOAD, IKE_SPAN(group));
		return;
	}
	/* §2.25.2: it made one already, on which it may go on: another one would have no owner here. */
	if (sa->active && sa->active->kind == TASK_REKEY_IKE && has_rival(sa->active)) {
		sa_answer_notify(sa, m, IKE_N_TEMPORARY_FAILURE, (struct ike_span){0});
		return;
	}
	answer(sa, m, &s);
}
