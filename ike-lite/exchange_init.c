/*
 * ike-lite/exchange_init.c: IKE_SA_INIT as its initiator, RFC 7296 §1.2, §2.6, §2.7, §2.14. Nobody vouches for
 * what comes back: a refusal is believed only when nothing better has come for a while (§2.21.1).
 */
#include "ike-lite/bytes.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/proposal.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { REFUSAL_GRACE_MS = 1000, FAKE_PORT = 0 };

/* ---- NAT detection ---------------------------------------------------------------------------------- */

static void put_nat_hash(struct ike_sa *sa, struct ike_writer *w, uint16_t type,
			 const struct ip_addr *addr, uint16_t port)
{
	uint8_t hash[IKE_NAT_HASH_LEN];

	if (!ike_nat_hash(sa->spi_i, sa->spi_r, addr, port, hash))
		return;
	ike_put_notify(w, &(struct ike_notify){.type = type, .data = IKE_SPAN(hash)});
}

void init_put_nat(struct ike_sa *sa, struct ike_writer *w)
{
	const struct ike_ends *e = &sa->ends;

	/* encap: we say that we are behind a NAT, and both do as if it were so. */
	put_nat_hash(sa, w, IKE_N_NAT_DETECTION_SOURCE_IP, &e->local,
		     sa->conn->c.encap ? FAKE_PORT : e->local_port);
	put_nat_hash(sa, w, IKE_N_NAT_DETECTION_DESTINATION_IP, &e->remote, e->remote_port);
}

static bool is_hash_of(const struct ike_sa *sa, const struct message *m, struct ike_span data,
		       const struct ip_addr *addr, uint16_t port)
{
	uint8_t hash[IKE_NAT_HASH_LEN];

	return ike_nat_hash(sa->spi_i, m->h->spi_r, addr, port, hash) && data.len == sizeof(hash) &&
	       memcmp(data.data, hash, sizeof(hash)) == 0;
}

/* §2.23: several source hashes may come, one a possible address. */
void init_look_for_nat(struct ike_sa *sa, const struct message *m)
{
	bool source_seen = false, source_fits = false, dest_seen = false, dest_fits = false;
	struct ike_notify n;

	for (unsigned i = 0; i < m->list.count; i++) {
		if (m->list.at[i].type != IKE_NOTIFY || !ike_notify_parse(m->list.at[i].body, &n))
			continue;
		if (n.type == IKE_N_NAT_DETECTION_SOURCE_IP) {
			source_seen = true;
			source_fits = source_fits || is_hash_of(sa, m, n.data, &m->ends->remote,
								m->ends->remote_port);
		}
		if (n.type == IKE_N_NAT_DETECTION_DESTINATION_IP) {
			dest_seen = true;
			dest_fits = dest_fits ||
				    is_hash_of(sa, m, n.data, &m->ends->local, m->ends->local_port);
		}
	}
	if (!source_seen || !dest_seen)
		return;
	sa->nat_there = !source_fits;
	sa->nat_here = !dest_fits || sa->conn->c.encap;
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static bool make_dh(struct ike_sa *sa)
{
	uint8_t random[IKE_DH_RANDOM_MAX];
	int rc;

	sa->ike->env.random(sa->ike->env.ctx, random, ike_dh_random_len(sa->setup->group));
	rc = ike_dh_new(&sa->setup->dh, sa->setup->group, random);
	OPENSSL_cleanse(random, sizeof(random));
	return rc == 0;
}

static bool begin_setup(struct ike_sa *sa)
{
	struct setup *s = setup_new();

	if (!s)
		return false;
	sa->setup = s;
	s->group = ike_proposal_dh(&sa->conn->c.proposals[0]);
	sa->ike->env.random(sa->ike->env.ctx, s->nonce, sizeof(s->nonce));
	return make_dh(sa);
}

static uint32_t write_init(struct ike_sa *sa, uint8_t *buf, uint32_t room)
{
	const struct ike_connection *c = &sa->conn->c;
	struct setup *s = sa->setup;
	struct ike_header h = {.spi_i = sa->spi_i,
			       .version = IKE_VERSION_2,
			       .exchange = IKE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_writer w;

	ike_writer_begin(&w, buf, room, &h);
	if (s->cookie_len)
		ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_COOKIE,
							.data = {s->cookie, s->cookie_len}});
	ike_put_sa(&w, c->proposals, c->proposal_count, 1, (struct ike_span){0});
	ike_put_ke(&w, s->group, ike_dh_public(s->dh));
	ike_put_nonce(&w, IKE_SPAN(s->nonce));
	init_put_nat(sa, &w);
	if (c->fragmentation != IKE_FRAGMENT_NO)
		ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_FRAGMENTATION_SUPPORTED});
	if (c->ppk_id.type)
		ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_USE_PPK});
	return ike_writer_end(&w);
}

bool init_ask(struct ike_sa *sa)
{
	uint8_t buf[MESSAGE_ROOM];
	uint32_t len;
	struct setup *s;

	if (!sa->setup && !begin_setup(sa))
		return false;
	s = sa->setup;
	len = write_init(sa, buf, sizeof(buf));
	free(s->own_init);
	s->own_init = len ? malloc(len) : NULL;
	if (!s->own_init)
		return false;
	memcpy(s->own_init, buf, len);
	s->own_init_len = len;
	s->refused = 0;
	sa->phase = SA_INIT_SENT;
	sa->next_request = 0;
	return sa_ask_plain(sa, buf, len);
}

/* ---- what comes back ------------------------------------------------------------------------------------ */

/* §2.6: the same once more, with the cookie in front. */
static void take_cookie(struct ike_sa *sa, struct ike_span cookie)
{
	struct setup *s = sa->setup;

	if (cookie.len == 0 || cookie.len > IKE_COOKIE_MAX)
		return;
	/* Asked for twice, since we asked twice. */
	if (cookie.len == s->cookie_len && memcmp(cookie.data, s->cookie, cookie.len) == 0)
		return;
	if (s->rounds++ >= SETUP_ROUNDS_MAX)
		return;
	memcpy(s->cookie, cookie.data, cookie.len);
	s->cookie_len = cookie.len;
	if (!init_ask(sa))
		sa_setup_failed(sa, "the first message could not be made");
}

static bool we_offer_group(const struct ike_sa *sa, uint16_t group)
{
	const struct ike_connection *c = &sa->conn->c;

	for (unsigned i = 0; i < c->proposal_count; i++) {
		if (group && ike_proposal_has_dh(&c->proposals[i], group))
			return true;
	}
	return false;
}

static void note_refusal(struct ike_sa *sa, uint16_t type)
{
	if (sa->setup->refused)
		return;
	sa->setup->refused = type;
	sa->setup->refused_at = sa->ike->now + REFUSAL_GRACE_MS;
	engine_due_at(sa->ike, sa->setup->refused_at);
}

/* §1.3, §2.7: the same once more with a KE of the group the peer wants, which we must have offered. */
static void take_group(struct ike_sa *sa, struct ike_span data)
{
	struct setup *s = sa->setup;
	uint16_t group = data.len == 2 ? load_u16(data.data) : 0;

	if (group == s->group)
		return;
	if (!we_offer_group(sa, group) || s->rounds++ >= SETUP_ROUNDS_MAX) {
		note_refusal(sa, IKE_N_INVALID_KE_PAYLOAD);
		return;
	}
	s->group = group;
	ike_dh_free(s->dh);
	s->dh = NULL;
	if (!make_dh(sa) || !init_ask(sa))
		sa_setup_failed(sa, "the first message could not be made");
}

/* True if the answer is a notify, and nothing more is to be looked for in it. */
static bool take_notify(struct ike_sa *sa, const struct message *m)
{
	struct ike_notify n;

	if (ike_payloads_find(&m->list, IKE_SA))
		return false;
	if (ike_notify_find(&m->list, IKE_N_COOKIE, &n)) {
		take_cookie(sa, n.data);
		return true;
	}
	if (ike_notify_find(&m->list, IKE_N_INVALID_KE_PAYLOAD, &n)) {
		take_group(sa, n.data);
		return true;
	}
	for (unsigned i = 0; i < m->list.count; i++) {
		if (m->list.at[i].type == IKE_NOTIFY && ike_notify_parse(m->list.at[i].body, &n) &&
		    n.type < IKE_N_ERROR_END) {
			note_refusal(sa, n.type);
			return true;
		}
	}
	return true;
}

/* Reads SA, KE, Nr into the set-up; false, and nothing changed but it: not what we can go on with. */
static bool take_offer(struct ike_sa *sa, const struct message *m, struct ike_suite *suite,
		       struct ike_choice *choice)
{
	const struct ike_connection *c = &sa->conn->c;
	const struct ike_payload *p = ike_payloads_find(&m->list, IKE_SA);
	const struct ike_payload *kep = ike_payloads_find(&m->list, IKE_KE);
	const struct ike_payload *np = ike_payloads_find(&m->list, IKE_NONCE);
	struct setup *s = sa->setup;
	struct ike_span nonce;
	struct ike_ke ke;

	if (!p || !kep || !np || !ike_sa_check(p->body) || !ike_ke_parse(kep->body, &ke) ||
	    !ike_nonce_parse(np->body, &nonce))
		return false;
	if (ike_proposal_confirm(c->proposals, c->proposal_count, p->body, 0, choice) != 0 ||
	    !ike_suite_of(&choice->chosen, suite) || suite->dh != s->group || ke.group != s->group)
		return false;
	free(s->peer_ke);
	s->peer_ke = malloc(ke.data.len);
	if (!s->peer_ke)
		return false;
	memcpy(s->peer_ke, ke.data.data, ke.data.len);
	s->peer_ke_len = ke.data.len;
	memcpy(s->peer_nonce, nonce.data, nonce.len);
	s->peer_nonce_len = nonce.len;
	return true;
}

bool init_make_keys(struct ike_sa *sa)
{
	struct setup *s = sa->setup;
	uint8_t secret[IKE_DH_SECRET_MAX];
	struct ike_span ours, theirs;
	struct ike_key_inputs in = {.spi_i = sa->spi_i, .spi_r = sa->spi_r};
	struct ike_suite suite;
	bool made;

	if (!s || !s->peer_ke || !ike_suite_of(&sa->suite, &suite))
		return false;
	ours = (struct ike_span){s->nonce, sizeof(s->nonce)};
	theirs = (struct ike_span){s->peer_nonce, s->peer_nonce_len};
	in.ni = sa->initiator ? ours : theirs;
	in.nr = sa->initiator ? theirs : ours;
	in.shared.data = secret;
	made = ike_dh_secret(s->dh, (struct ike_span){s->peer_ke, s->peer_ke_len}, secret,
			     &in.shared.len) == 0 &&
	       ike_keys_derive(&sa->keys, &suite, &in);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (!made)
		return false;
	sa->has_keys = true;
	emit_keys(sa);
	return true;
}

static bool keep_message(struct setup *s, struct ike_span whole)
{
	free(s->peer_init);
	s->peer_init = malloc(whole.len);
	if (!s->peer_init)
		return false;
	memcpy(s->peer_init, whole.data, whole.len);
	s->peer_init_len = whole.len;
	return true;
}

/* §2.23: from now on through ports that ESP can share. */
static void move_to_encap_ports(struct ike_sa *sa)
{
	if (!sa_uses_udp(sa) || sa->ends.local_port == sa->ike->settings.c.encap_port)
		return;
	sa->ends.local_port = sa->ike->settings.c.encap_port;
	if (sa->ends.remote_port == 500)
		sa->ends.remote_port = 4500;
}

void init_take_answer(struct ike_sa *sa, const struct message *m)
{
	const struct ike_connection *c = &sa->conn->c;
	struct ike_suite suite;
	struct ike_choice choice;
	char text[EVENT_TEXT_MAX];
	struct ike_notify n;

	if (m->list.unknown_critical || take_notify(sa, m) || m->h->spi_r == 0 ||
	    !take_offer(sa, m, &suite, &choice) || !keep_message(sa->setup, m->whole))
		return;
	sa->spi_r = m->h->spi_r;
	sa->suite = choice.chosen;
	if (!init_make_keys(sa)) {
		sa->spi_r = 0;
		return;
	}
	init_look_for_nat(sa, m);
	sa->fragmentation = c->fragmentation != IKE_FRAGMENT_NO &&
			    ike_notify_find(&m->list, IKE_N_FRAGMENTATION_SUPPORTED, &n);
	sa->setup->use_ppk = c->ppk_id.type && ike_notify_find(&m->list, IKE_N_USE_PPK, &n);
	sa->setup->refused = 0;
	sa_stop_asking(sa);
	move_to_encap_ports(sa);
	if (c->ppk_required && !sa->setup->use_ppk)
		sa_setup_failed(sa, "a PPK is required, and the peer does not know of PPKs");
	else if (!auth_ask(sa))
		sa_setup_failed(sa, explain_no_secret(sa, text));
}
