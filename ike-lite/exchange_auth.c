/*
 * ike-lite/exchange_auth.c: IKE_AUTH as its initiator, RFC 7296 §1.2, §2.15, with a PPK by RFC 8784.
 */
#include "ike-lite/auth.h"
#include "ike-lite/auth_parts.h"
#include "ike-lite/bargain.h"
#include "ike-lite/child.h"
#include "ike-lite/cp.h"
#include "ike-lite/create.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/ts.h"
#include "ike-lite/wishes.h"

#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* ---- shared with auth_answer.c ------------------------------------------------------------------------ */

struct ike_id auth_local_id(const struct ike_sa *sa, const struct conn *conn)
{
	const struct ike_id *configured = &conn->c.local_id;
	struct ike_id id = {0};

	if (configured->type)
		return *configured;
	id.type = sa->ends.local.family == AF_INET ? IKE_ID_IPV4 : IKE_ID_IPV6;
	id.len = sa->ends.local.family == AF_INET ? 4 : 16;
	memcpy(id.data, sa->ends.local.bytes, id.len);
	return id;
}

struct ike_auth_inputs auth_inputs(const struct ike_sa *sa, bool ours, struct ike_span id_body)
{
	const struct setup *s = sa->setup;
	struct ike_auth_inputs in = {.initiator = sa->initiator == ours, .id_body = id_body};

	in.message = ours ? (struct ike_span){s->own_init, s->own_init_len}
			  : (struct ike_span){s->peer_init, s->peer_init_len};
	in.nonce = ours ? (struct ike_span){s->peer_nonce, s->peer_nonce_len}
			: (struct ike_span){s->nonce, sizeof(s->nonce)};
	return in;
}

bool auth_put(struct ike_sa *sa, const struct ike_keys *keys, const struct ike_secret *psk,
	      struct draft *d)
{
	uint8_t body[IKE_ID_BODY_MAX], auth[IKE_PRF_LEN_MAX];
	struct ike_auth_inputs in = auth_inputs(sa, true, ike_id_body(&sa->local_id, body));
	struct ike_span secret = {psk->key, psk->len};

	if (!ike_auth_psk(keys, secret, &in, auth))
		return false;
	ike_put_auth(&d->w, IKE_AUTH_PSK, (struct ike_span){auth, keys->suite.prf->key_len});
	return true;
}

bool auth_mixed_keys(const struct ike_sa *sa, const struct ike_secret *ppk, struct ike_keys *out)
{
	*out = sa->keys;
	return ike_keys_mix_ppk(out, (struct ike_span){ppk->key, ppk->len});
}

/* ---- asking ------------------------------------------------------------------------------------------- */

/* §2.4: nothing else is up between these two, as far as we know. */
static bool is_first_contact(const struct ike_sa *sa)
{
	for (const struct ike_sa *other = sa->ike->sas; other; other = other->next) {
		if (other != sa && other->conn == sa->conn &&
		    (other->phase == SA_UP || other->phase == SA_REKEYED))
			return false;
	}
	return true;
}

static void put_vips(const struct ike_sa *sa, struct draft *d)
{
	struct ike_cp cp = {.type = IKE_CFG_REQUEST, .count = sa->conn->c.vip_count};

	if (cp.count == 0)
		return;
	memcpy(cp.addrs, sa->conn->c.vips, sizeof(cp.addrs));
	ike_put_cp(&d->w, &cp);
}

/* RFC 8784 §3: who the PPK is, and, if it may be done without, the AUTH without it. */
static bool put_ppk(struct ike_sa *sa, const struct ike_secret *psk, struct draft *d)
{
	const struct ike_connection *c = &sa->conn->c;
	uint8_t body[IKE_ID_BODY_MAX], auth[IKE_PRF_LEN_MAX], id[1 + sizeof(c->ppk_id.data)];
	struct ike_auth_inputs in;

	id[0] = 2; /* PPK_ID_FIXED, RFC 8784 §5.1 */
	memcpy(id + 1, c->ppk_id.data, c->ppk_id.len);
	draft_notify(d, IKE_N_PPK_IDENTITY, (struct ike_span){id, 1u + c->ppk_id.len});
	if (c->ppk_required)
		return true;
	in = auth_inputs(sa, true, ike_id_body(&sa->local_id, body));
	if (!ike_auth_psk(&sa->keys, (struct ike_span){psk->key, psk->len}, &in, auth))
		return false;
	draft_notify(d, IKE_N_NO_PPK_AUTH, (struct ike_span){auth, sa->keys.suite.prf->key_len});
	return true;
}

static const struct ike_secret *own_ppk(const struct ike_sa *sa)
{
	return sa->setup->use_ppk ? settings_ppk(&sa->ike->settings, &sa->conn->c.ppk_id) : NULL;
}

static bool write_auth(struct ike_sa *sa, const struct ike_secret *psk, struct draft *d)
{
	const struct ike_connection *c = &sa->conn->c;
	const struct ike_secret *ppk = own_ppk(sa);
	struct ike_keys keys = sa->keys;
	bool done;

	draft_begin(d);
	ike_put_id(&d->w, IKE_IDI, &sa->local_id);
	if (c->initial_contact && is_first_contact(sa))
		draft_notify(d, IKE_N_INITIAL_CONTACT, (struct ike_span){0});
	if (sa->remote_id.type)
		ike_put_id(&d->w, IKE_IDR, &sa->remote_id);
	done = (!ppk || auth_mixed_keys(sa, ppk, &keys)) && auth_put(sa, &keys, psk, d);
	ike_keys_cleanse(&keys);
	if (!done)
		return false;
	put_vips(sa, d);
	return bargain_offer(sa, sa->active->kid, NULL, true, d) && (!ppk || put_ppk(sa, psk, d));
}

static bool is_pattern(const struct ike_id *id)
{
	return (id->type == IKE_ID_FQDN || id->type == IKE_ID_RFC822) && id->len > 0 &&
	       id->data[0] == '*';
}

bool auth_ask(struct ike_sa *sa)
{
	const struct ike_connection *c = &sa->conn->c;
	const struct ike_secret *psk;
	struct draft d;
	bool asked;

	sa->local_id = auth_local_id(sa, sa->conn);
	sa->remote_id = is_pattern(&c->remote_id) ? (struct ike_id){0} : c->remote_id;
	psk = settings_psk(&sa->ike->settings, &sa->local_id, &c->remote_id);
	if (!psk)
		return false;
	sa->phase = SA_AUTH_SENT;
	asked = write_auth(sa, psk, &d) && sa_ask(sa, IKE_AUTH, &d);
	OPENSSL_cleanse(&d, sizeof(d));
	return asked;
}

/* ---- what comes back ---------------------------------------------------------------------------------- */

/* The peer's AUTH, by the keys that the use of a PPK asks for; they become the IKE SA's. NULL: it is right. */
static const char *check_auth(struct ike_sa *sa, const struct message *m, struct ike_span id_body)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_AUTH_DATA);
	const struct ike_secret *ppk = own_ppk(sa), *psk;
	struct ike_auth_inputs in = auth_inputs(sa, false, id_body);
	struct ike_keys keys = sa->keys;
	struct ike_notify n;
	struct ike_auth auth;
	bool right, mixed;

	psk = settings_psk(&sa->ike->settings, &sa->local_id, &sa->remote_id);
	if (!psk)
		return "we have no pre-shared key for the peer";
	if (!p || !ike_auth_parse(p->body, &auth) || auth.method != IKE_AUTH_PSK)
		return "the peer does not prove itself by a pre-shared key";
	mixed = ppk && ike_notify_find(&m->list, IKE_N_PPK_IDENTITY, &n);
	if (!mixed && sa->conn->c.ppk_required)
		return "a PPK is required, and the peer does without";
	if (mixed && !auth_mixed_keys(sa, ppk, &keys))
		return "out of memory";
	right = ike_auth_psk_check(&keys, (struct ike_span){psk->key, psk->len}, &in, auth.data);
	if (right) {
		sa->keys = keys;
		sa->ppk = mixed;
	}
	ike_keys_cleanse(&keys);
	return right ? NULL : "the peer's pre-shared key is another one than ours";
}

/* We do not believe the peer, who believes us: he is told, §2.21.2. */
static void part(struct ike_sa *sa, const char *why)
{
	struct draft d;

	draft_begin(&d);
	draft_notify(&d, IKE_N_AUTHENTICATION_FAILED, (struct ike_span){0});
	ike_put_delete_ike(&d.w);
	if (!sa_ask(sa, IKE_INFORMATIONAL, &d)) {
		sa_setup_failed(sa, why);
		return;
	}
	sa_give_up(sa, why);
	sa_drop_tasks(sa, why);
	sa->phase = SA_DELETING;
}

/* §3.15.1: an address of a family that was asked for; if one was asked for by name, that one. */
static bool is_given(const struct ike_connection *c, const struct ip_addr *a)
{
	static const uint8_t none[16], loopback[16] = {[15] = 1};
	bool v4 = a->family == AF_INET;

	if (v4 ? a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224
	       : a->bytes[0] == 0xff || memcmp(a->bytes, none, 16) == 0 ||
			    memcmp(a->bytes, loopback, 16) == 0)
		return false;
	for (unsigned i = 0; i < c->vip_count; i++) {
		const struct ip_addr *asked = &c->vips[i];

		if (asked->family == a->family &&
		    (memcmp(asked->bytes, none, v4 ? 4 : 16) == 0 || ip_addr_equal(asked, a)))
			return true;
	}
	return false;
}

static bool take_vips(struct ike_sa *sa, const struct message *m)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_CP);
	struct ike_cp cp;

	if (sa->conn->c.vip_count == 0)
		return true;
	if (!p || !ike_cp_parse(p->body, &cp) || cp.type != IKE_CFG_REPLY || cp.count == 0)
		return false;
	for (unsigned i = 0; i < cp.count; i++) {
		if (!is_given(&sa->conn->c, &cp.addrs[i]))
			return false;
	}
	sa->vips_are_ours = true;
	sa->vip_count = cp.count;
	memcpy(sa->vips, cp.addrs, sizeof(sa->vips));
	for (unsigned i = 0; i < sa->vip_count; i++)
		emit_address(sa->ike, IKE_ADD_ADDRESS, &sa->vips[i]);
	return true;
}

/* §2.9: all of its family was asked for; what counts is the address that came. */
static bool narrow_to_vips(const struct ike_sa *sa, struct deal *deal)
{
	struct ike_ts_list asked = deal->local_ts, own;

	if (sa->conn->c.vip_count == 0)
		return true;
	kid_selectors(sa, deal->kid, true, &own);
	return ike_ts_narrow(&own, &asked, &deal->local_ts);
}

static void take_child(struct ike_sa *sa, const struct message *m)
{
	struct task *t = sa->active;
	struct setup *s = sa->setup;
	char why[EVENT_TEXT_MAX];
	struct child *c = NULL;
	struct deal deal;

	if (!ike_payloads_find(&m->list, IKE_SA)) {
		child_refused(sa, create_error_in(m));
		return;
	}
	if (!take_vips(sa, m)) {
		child_deal_failed(sa, "the peer gave us no virtual address that we asked for");
		return;
	}
	if (!bargain_take_answer(sa, m, true, &deal, why)) {
		child_deal_failed(sa, why);
		return;
	}
	if (!narrow_to_vips(sa, &deal)) {
		child_deal_failed(sa, "the peer's selectors leave out the virtual address it gave");
		return;
	}
	memcpy(deal.ni, s->nonce, sizeof(s->nonce));
	deal.ni_len = sizeof(s->nonce);
	memcpy(deal.nr, s->peer_nonce, s->peer_nonce_len);
	deal.nr_len = s->peer_nonce_len;
	c = deal_make_child(sa, &deal, t->acquire_seq);
	if (c)
		child_task_up(sa, c);
	deal_cleanse(&deal);
}

void auth_take_answer(struct ike_sa *sa, const struct message *m)
{
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_IDR);
	char text[EVENT_TEXT_MAX];
	struct ike_id id;
	const char *wrong;

	if (!p || !ike_payloads_find(&m->list, IKE_AUTH_DATA)) {
		sa_setup_failed(sa, explain_setup_refused(sa, create_error_in(m), text));
		return;
	}
	if (!ike_id_payload_parse(p->body, &id)) {
		part(sa, "the peer's answer to IKE_AUTH is malformed");
		return;
	}
	sa->remote_id = id;
	wrong = ike_id_matches(&sa->conn->c.remote_id, &id) ? check_auth(sa, m, p->body)
							    : "the peer is somebody else";
	if (wrong) {
		part(sa, explain_not_authentic(sa->conn, &sa->local_id, &id, wrong, text));
		return;
	}
	emit_event(sa, IKE_EV_IKE_UP, explain_ike(sa, text));
	sa->phase = SA_UP;
	take_child(sa, m);
	sa_is_up(sa);
	wish_one_of_twins(sa);
}
