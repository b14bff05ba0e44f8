/*
 * ike-lite/auth_answer.c: IKE_AUTH as its responder, RFC 7296 §1.2, §2.15, §2.21.2; PPK by RFC 8784 §3. The
 * connection is chosen by the ids, and it says what the peer may have: the peer authorization database
 * of RFC 4301 §4.4.3. NULL authentication (RFC 7619) and others are refused.
 */
#include "ike-lite/auth_parts.h"
#include "ike-lite/bargain.h"
#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/pool.h"
#include "ike-lite/wishes.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* Who asks, by what, for whom. */
struct claim {
	struct ike_id id, wanted;
	struct ike_span id_body;
	struct ike_auth auth;
	const struct ike_secret *psk, *ppk; /* borrowed */
	struct ike_keys keys;		    /* cleansed: those AUTH is to be made by */
};

static bool parse_claim(const struct message *m, struct claim *c)
{
	const struct ike_payload *idi = ike_payloads_find(&m->list, IKE_IDI);
	const struct ike_payload *idr = ike_payloads_find(&m->list, IKE_IDR);
	const struct ike_payload *auth = ike_payloads_find(&m->list, IKE_AUTH_DATA);

	if (!idi || !ike_id_payload_parse(idi->body, &c->id))
		return false;
	c->id_body = idi->body;
	if (idr && !ike_id_payload_parse(idr->body, &c->wanted))
		return false;
	return !auth || ike_auth_parse(auth->body, &c->auth);
}

/* §2.21.2, §3.5: IDr is a wish, and no id of ours for being wished for: it would choose the secret. */
static bool is_wanted(const struct ike_sa *sa, const struct conn *conn, const struct claim *c)
{
	struct ike_id ours = auth_local_id(sa, conn);

	return c->wanted.type == 0 || ike_id_equal(&ours, &c->wanted);
}

/* The connection whose ids fit best, between these addresses, with the suite that was agreed on. */
static struct conn *choose_conn(const struct ike_sa *sa, const struct claim *c)
{
	const struct settings *s = &sa->ike->settings;
	struct conn *best = NULL;
	unsigned best_rank = 0;

	for (unsigned i = 0; i < s->conn_count; i++) {
		struct conn *conn = s->conns[i];
		unsigned rank = conn_id_rank(conn, &c->wanted, &c->id);

		if (rank > best_rank && is_wanted(sa, conn, c) &&
		    conn_takes_suite(conn, &sa->suite) &&
		    conn_takes_addresses(conn, &sa->ends.local, &sa->ends.remote)) {
			best = conn;
			best_rank = rank;
		}
	}
	return best;
}

/* RFC 8784 §3: if the peer names a PPK that we have, AUTH is to be made with it; if we have not, or may
 * do without, his NO_PPK_AUTH is what counts. NULL: go on. */
static const char *choose_ppk(struct ike_sa *sa, const struct message *m, struct claim *c)
{
	struct ike_notify identity, without;
	bool named = sa->setup->use_ppk && ike_notify_find(&m->list, IKE_N_PPK_IDENTITY, &identity);
	struct ike_id id = {0};

	c->keys = sa->keys;
	if (named && identity.data.len > 1 && identity.data.len <= sizeof(id.data)) {
		id = sa->conn->c.ppk_id;
		if (id.len != identity.data.len - 1 ||
		    memcmp(id.data, identity.data.data + 1, id.len) != 0)
			id.type = 0;
	}
	c->ppk = id.type ? settings_ppk(&sa->ike->settings, &id) : NULL;
	if (c->ppk)
		return auth_mixed_keys(sa, c->ppk, &c->keys) ? NULL : "out of memory";
	if (sa->conn->c.ppk_required)
		return "a PPK is required, and the peer names none that we have";
	if (!named)
		return NULL;
	if (!ike_notify_find(&m->list, IKE_N_NO_PPK_AUTH, &without))
		return "the peer insists on a PPK that we do not have";
	c->auth.data = without.data;
	return NULL;
}

/* NULL: the peer is who he says he is, and sa->conn his connection. */
static const char *check_claim(struct ike_sa *sa, const struct message *m, struct claim *c)
{
	struct conn *conn = choose_conn(sa, c);
	struct ike_auth_inputs in;
	const char *wrong;

	if (!conn)
		return "no connection has these ids, addresses and algorithms";
	(void)conn_get(conn);
	conn_put(sa->conn);
	sa->conn = conn;
	sa->local_id = auth_local_id(sa, conn);
	sa->remote_id = c->id;
	if (c->auth.method == IKE_AUTH_NULL)
		return "the peer proves nothing (NULL authentication), which we refuse";
	if (c->auth.method != IKE_AUTH_PSK)
		return "the peer does not prove itself by a pre-shared key";
	c->psk = settings_psk(&sa->ike->settings, &sa->local_id, &sa->remote_id);
	if (!c->psk)
		return "we have no pre-shared key for these ids";
	wrong = choose_ppk(sa, m, c);
	if (wrong)
		return wrong;
	in = auth_inputs(sa, false, c->id_body);
	if (!ike_auth_psk_check(&c->keys, (struct ike_span){c->psk->key, c->psk->len}, &in,
				c->auth.data))
		return c->ppk ? "the peer's pre-shared key or PPK is another one than ours"
			      : "the peer's pre-shared key is another one than ours";
	return NULL;
}

static void refuse(struct ike_sa *sa, const struct message *m, const struct claim *c,
		   const char *what)
{
	char text[EVENT_TEXT_MAX];
	struct ike_id local;

	if (sa->remote_id.type != 0) {
		(void)explain_not_authentic(sa->conn, &sa->local_id, &c->id, what, text);
	} else {
		local = auth_local_id(sa, sa->conn);
		(void)explain_not_known(sa->conn, &local, &c->wanted, &c->id, what, text);
	}
	sa_answer_notify(sa, m, IKE_N_AUTHENTICATION_FAILED, (struct ike_span){0});
	emit_refused(sa->ike, m->ends, sa->spi_i, text);
	sa_keep_answer(sa);
}

/* §2.4: the peer says that it knows of nothing else between us: what we had is dead. */
static void take_initial_contact(struct ike_sa *sa)
{
	struct ike_sa *next;

	for (struct ike_sa *other = sa->ike->sas; other; other = next) {
		next = other->next;
		if (other == sa || other->up_at == UINT64_MAX || other->phase == SA_DEAD ||
		    !ike_id_equal(&other->remote_id, &sa->remote_id) ||
		    !ike_id_equal(&other->local_id, &sa->local_id))
			continue;
		sa_end(other, "the peer began anew (INITIAL_CONTACT)");
	}
}

/* 0, or the notify that says why there is no address. */
static uint16_t give_addresses(struct ike_sa *sa, const struct message *m, struct draft *d)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_CP);
	struct ike_cp cp;

	if (!p || !ike_cp_parse(p->body, &cp) || cp.type != IKE_CFG_REQUEST || cp.count == 0 ||
	    sa->conn->c.pool_count == 0)
		return 0;
	if (!pool_lease(sa, &cp))
		return IKE_N_INTERNAL_ADDRESS_FAILURE;
	cp = (struct ike_cp){.type = IKE_CFG_REPLY, .count = sa->vip_count};
	memcpy(cp.addrs, sa->vips, sizeof(cp.addrs));
	ike_put_cp(&d->w, &cp);
	return 0;
}

/* The child that came with it, or the notify that says why not. Installed before the answer goes. */
static void answer_child(struct ike_sa *sa, const struct message *m, struct draft *d)
{
	uint16_t refusal = give_addresses(sa, m, d), group;
	const struct setup *s = sa->setup;
	char why[EVENT_TEXT_MAX] = "no virtual address is free";
	struct child *c = NULL;
	struct deal deal;

	deal = (struct deal){0};
	if (refusal == 0)
		refusal = bargain_answer(sa, m, NULL, true, &deal, &group, why);
	if (refusal == 0) {
		memcpy(deal.ni, s->peer_nonce, s->peer_nonce_len);
		deal.ni_len = s->peer_nonce_len;
		memcpy(deal.nr, s->nonce, sizeof(s->nonce));
		deal.nr_len = sizeof(s->nonce);
		bargain_put_answer(&deal, true, d);
		c = deal_make_child(sa, &deal, 0);
		if (!c)
			refusal = IKE_N_NO_ADDITIONAL_SAS;
	}
	deal_cleanse(&deal);
	if (refusal) {
		draft_notify(d, refusal, (struct ike_span){0});
		emit_event(sa, IKE_EV_FAILED, why);
		return;
	}
	deal_install(c);
	c->kid->down = false; /* the peer wants it */
	child_is_up(c, 0);
}

static bool write_answer(struct ike_sa *sa, const struct claim *c, struct draft *d)
{
	draft_begin(d);
	ike_put_id(&d->w, IKE_IDR, &sa->local_id);
	if (!auth_put(sa, &c->keys, c->psk, d))
		return false;
	if (c->ppk)
		draft_notify(d, IKE_N_PPK_IDENTITY, (struct ike_span){0});
	return true;
}

static void accept_peer(struct ike_sa *sa, const struct message *m, const struct claim *c)
{
	char text[EVENT_TEXT_MAX];
	struct ike_notify n;
	struct draft d;

	if (!write_answer(sa, c, &d)) {
		sa_end(sa, "out of memory");
		return;
	}
	/* Who says it of no peer (unique = never) takes it from none. */
	if (ike_notify_find(&m->list, IKE_N_INITIAL_CONTACT, &n) && sa->conn->c.initial_contact)
		take_initial_contact(sa);
	sa->keys = c->keys;
	sa->ppk = c->ppk != NULL;
	emit_event(sa, IKE_EV_IKE_UP, explain_ike(sa, text));
	answer_child(sa, m, &d);
	sa_answer(sa, m, &d);
	OPENSSL_cleanse(&d, sizeof(d));
	sa_is_up(sa);
	wish_one_of_twins(sa);
}

void auth_take_request(struct ike_sa *sa, const struct message *m)
{
	struct claim c = {0};
	const char *wrong;

	if (!parse_claim(m, &c)) {
		sa_answer_notify(sa, m, IKE_N_INVALID_SYNTAX, (struct ike_span){0});
		sa_keep_answer(sa);
		return;
	}
	wrong = check_claim(sa, m, &c);
	if (wrong)
		refuse(sa, m, &c, wrong);
	else
		accept_peer(sa, m, &c);
	ike_keys_cleanse(&c.keys);
}
