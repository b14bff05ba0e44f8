/*
 * ike-lite/create_answer.c: CREATE_CHILD_SA as its responder, RFC 7296 §1.3, and what collides with what
 * (§2.25).
 */
#include "ike-lite/bargain.h"
#include "ike-lite/bytes.h"
#include "ike-lite/child.h"
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"

#include <openssl/crypto.h>

/* ---- shared ------------------------------------------------------------------------------------------- */

uint16_t create_error_in(const struct message *m)
{
	struct ike_notify n;

	for (unsigned i = 0; i < m->list.count; i++) {
		if (m->list.at[i].type == IKE_NOTIFY && ike_notify_parse(m->list.at[i].body, &n) &&
		    n.type < IKE_N_ERROR_END)
			return n.type;
	}
	return 0;
}

static int compare(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

bool create_nonces_are_lower(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len,
			     const uint8_t *other, uint32_t other_len)
{
	return compare(a, a_len, other, other_len) < 0 || compare(b, b_len, other, other_len) < 0;
}

void create_keep_rival_nonce(struct task *t, const uint8_t *a, uint32_t a_len, const uint8_t *b,
			     uint32_t b_len)
{
	bool first = compare(a, a_len, b, b_len) < 0;

	t->rival_nonce_len = first ? a_len : b_len;
	memcpy(t->rival_nonce, first ? a : b, t->rival_nonce_len);
}

/* ---- children ----------------------------------------------------------------------------------------- */

static void refuse(struct ike_sa *sa, const struct message *m, uint16_t type, uint16_t group,
		   const char *why)
{
	uint8_t wanted[2];

	store_u16(wanted, group);
	if (type == IKE_N_INVALID_KE_PAYLOAD)
		sa_answer_notify(sa, m, type, IKE_SPAN(wanted));
	else
		sa_answer_notify(sa, m, type, (struct ike_span){0});
	/* A group asked for is no failure yet. */
	emit_event(sa, type == IKE_N_INVALID_KE_PAYLOAD ? IKE_EV_NOTICE : IKE_EV_FAILED, why);
}

/* A rekey: the new inbound SA stands before the answer goes; the new outbound one waits for the old one's
 * delete. If we ask for the same, what comes back decides, and until then the old one is the one. */
static void install_rekey(struct ike_sa *sa, struct child *old, struct child *fresh,
			  const struct deal *deal)
{
	struct task *ours = sa->active;

	child_install_in(fresh);
	if (ours && ours->kind == TASK_REKEY_CHILD && ours->child == old) {
		fresh->phase = CHILD_REPLACED;
		fresh->replaced = true;
		ours->rival_child = fresh;
		create_keep_rival_nonce(ours, deal->ni, deal->ni_len, deal->nr, deal->nr_len);
		return;
	}
	child_succeed(old, fresh);
}

static void answer_child(struct ike_sa *sa, const struct message *m, struct child *old)
{
	char why[EVENT_TEXT_MAX];
	struct child *fresh = NULL;
	uint16_t refusal, group = 0;
	struct deal deal;
	struct draft d;

	refusal = bargain_answer(sa, m, old, false, &deal, &group, why);
	if (refusal == 0) {
		draft_begin(&d);
		bargain_put_answer(&deal, false, &d);
		fresh = deal_make_child(sa, &deal, 0);
		refusal = fresh ? 0 : IKE_N_TEMPORARY_FAILURE;
	}
	if (refusal) {
		refuse(sa, m, refusal, group, why);
	} else {
		if (old) {
			install_rekey(sa, old, fresh, &deal);
		} else {
			deal_install(fresh);
			fresh->kid->down = false; /* the peer wants it */
			child_is_up(fresh, 0);
		}
		sa_answer(sa, m, &d);
		if (!old)
			child_one_of_twins(fresh);
	}
	deal_cleanse(&deal);
}

/* ---- which it is ---------------------------------------------------------------------------------------- */

static bool is_for_ike(const struct message *m)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_SA);
	struct ike_offer offer;
	struct ike_span body;

	if (!p || !ike_sa_check(p->body))
		return false;
	body = p->body;
	return ike_sa_next(&body, &offer) && offer.proposal.protocol == IKE_PROTO_IKE;
}

static void answer_temporary(struct ike_sa *sa, const struct message *m)
{
	sa_answer_notify(sa, m, IKE_N_TEMPORARY_FAILURE, (struct ike_span){0});
}

static bool asks(const struct ike_sa *sa, enum task_kind kind)
{
	return sa->active && sa->active->kind == kind;
}

/* Not now, §2.25.1: it is maybe what our own request is making; or we close it, or have a successor for it. */
static bool is_in_between(const struct ike_sa *sa, const struct child *old)
{
	if (!old)
		return asks(sa, TASK_CHILD) || asks(sa, TASK_REKEY_CHILD);
	return old->phase != CHILD_UP || sa_find_task(sa, TASK_DELETE_CHILD, old);
}

static void answer_rekey(struct ike_sa *sa, const struct message *m, const struct ike_notify *n)
{
	struct child *old = NULL;
	struct draft d;
	uint32_t spi = 0;

	if (n->protocol == IKE_PROTO_ESP && n->spi.len == 4) {
		spi = load_u32(n->spi.data);
		old = sa_child_by_spi_out(sa, spi);
	}
	if (is_in_between(sa, old)) {
		answer_temporary(sa, m);
	} else if (!old) {
		draft_begin(&d);
		draft_notify_spi(&d, IKE_N_CHILD_SA_NOT_FOUND, spi);
		sa_answer(sa, m, &d);
	} else {
		answer_child(sa, m, old);
	}
}

void create_take_request(struct ike_sa *sa, const struct message *m)
{
	struct ike_notify n;

	if (sa->phase != SA_UP) {
		answer_temporary(sa, m);
		return;
	}
	if (is_for_ike(m)) {
		/* §2.25.2: not while its children are being made, rekeyed or closed. */
		if (asks(sa, TASK_CHILD) || asks(sa, TASK_REKEY_CHILD) ||
		    asks(sa, TASK_DELETE_CHILD))
			answer_temporary(sa, m);
		else
			create_answer_ike(sa, m);
		return;
	}
	if (asks(sa, TASK_REKEY_IKE))
		answer_temporary(sa, m);
	else if (ike_notify_find(&m->list, IKE_N_REKEY_SA, &n))
		answer_rekey(sa, m, &n);
	else
		answer_child(sa, m, NULL);
}
