/*
 * ike-lite/init_answer.c: IKE_SA_INIT as its responder, RFC 7296 §1.2, §2.6. A stranger costs one half-open
 * IKE SA at most; when there are many, not even that before he has shown that he hears us.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/engine.h"
#include "ike-lite/exchanges.h"
#include "ike-lite/explain.h"
#include "ike-lite/proposal.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { HALF_OPEN_OF_ADDRESS = 16 };

/* What was asked, and what we would answer. */
struct request {
	struct ike_span sa, nonce;
	struct ike_ke ke;
	struct conn *conn; /* borrowed */
	struct ike_choice choice;
};

static bool parse_request(const struct message *m, struct request *r)
{
	const struct ike_payload *sa = ike_payloads_find(&m->list, IKE_SA);
	const struct ike_payload *ke = ike_payloads_find(&m->list, IKE_KE);
	const struct ike_payload *nonce = ike_payloads_find(&m->list, IKE_NONCE);

	if (!sa || !ke || !nonce || !ike_sa_check(sa->body))
		return false;
	r->sa = sa->body;
	return ike_ke_parse(ke->body, &r->ke) && ike_nonce_parse(nonce->body, &r->nonce);
}

/* An answer that leaves no state: its SPI is zero. */
static void answer_stateless(struct ike *ike, const struct message *m, uint16_t type,
			     struct ike_span data)
{
	struct ike_header h = {.spi_i = m->h->spi_i,
			       .version = IKE_VERSION_2,
			       .exchange = IKE_SA_INIT,
			       .flags = IKE_FLAG_RESPONSE};
	struct ike_writer w;
	uint8_t buf[128];

	ike_writer_begin(&w, buf, sizeof(buf), &h);
	ike_put_notify(&w, &(struct ike_notify){.type = type, .data = data});
	emit_send(ike, m->ends, buf, ike_writer_end(&w));
}

/* §2.6: past the threshold only who sends our cookie back goes on. */
static bool shows_cookie(struct ike *ike, const struct message *m, const struct request *r)
{
	uint8_t cookie[IKE_COOKIE_LEN];
	struct ike_notify n;

	if (ike->half_open_count < ike->settings.c.cookie_threshold)
		return true;
	ike_cookies_rotate(&ike->cookies, &ike->env, ike->now);
	if (ike_notify_find(&m->list, IKE_N_COOKIE, &n) &&
	    ike_cookie_check(&ike->cookies, n.data, r->nonce, &m->ends->remote, m->h->spi_i))
		return true;
	if (ike_cookie_make(&ike->cookies, r->nonce, &m->ends->remote, m->h->spi_i, cookie))
		answer_stateless(ike, m, IKE_N_COOKIE, IKE_SPAN(cookie));
	return false;
}

/* The first connection between these addresses that takes one of the proposals. Who it really is comes
 * out in IKE_AUTH. */
static bool choose_conn(struct ike *ike, const struct message *m, struct request *r,
			struct conn **nearest)
{
	*nearest = NULL;
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		struct conn *conn = ike->settings.conns[i];

		if (!conn_takes_addresses(conn, &m->ends->local, &m->ends->remote))
			continue;
		if (!*nearest)
			*nearest = conn;
		if (ike_proposal_choose(conn->c.proposals, conn->c.proposal_count, r->sa, 0,
					&r->choice) != 0)
			continue;
		r->conn = conn;
		return true;
	}
	return false;
}

static void refuse(struct ike *ike, const struct message *m, const struct request *r,
		   const struct conn *nearest)
{
	char text[EVENT_TEXT_MAX];

	if (!engine_may_answer(ike))
		return;
	answer_stateless(ike, m, IKE_N_NO_PROPOSAL_CHOSEN, (struct ike_span){0});
	if (nearest)
		(void)explain_no_proposal(nearest, NULL, r->sa, text);
	emit_refused(ike, m->ends, m->h->spi_i,
		     nearest ? text : "no connection is configured between these addresses");
}

static bool fill_setup(struct ike_sa *sa, const struct message *m, const struct request *r)
{
	uint8_t random[IKE_DH_RANDOM_MAX];
	struct setup *s = setup_new();
	int rc;

	if (!s)
		return false;
	sa->setup = s;
	s->group = r->ke.group;
	s->peer_ke_len = r->ke.data.len;
	s->peer_ke = malloc(r->ke.data.len);
	s->peer_init_len = m->whole.len;
	s->peer_init = malloc(m->whole.len);
	if (!s->peer_ke || !s->peer_init)
		return false;
	memcpy(s->peer_ke, r->ke.data.data, r->ke.data.len);
	memcpy(s->peer_init, m->whole.data, m->whole.len);
	memcpy(s->peer_nonce, r->nonce.data, r->nonce.len);
	s->peer_nonce_len = r->nonce.len;
	sa->ike->env.random(sa->ike->env.ctx, s->nonce, sizeof(s->nonce));
	sa->ike->env.random(sa->ike->env.ctx, random, ike_dh_random_len(s->group));
	rc = ike_dh_new(&s->dh, s->group, random);
	OPENSSL_cleanse(random, sizeof(random));
	return rc == 0;
}

static bool write_answer(struct ike_sa *sa, const struct request *r)
{
	struct ike_header h = {.spi_i = sa->spi_i,
			       .spi_r = sa->spi_r,
			       .version = IKE_VERSION_2,
			       .exchange = IKE_SA_INIT,
			       .flags = IKE_FLAG_RESPONSE};
	uint8_t buf[MESSAGE_ROOM];
	struct setup *s = sa->setup;
	struct ike_writer w;

	ike_writer_begin(&w, buf, sizeof(buf), &h);
	ike_put_sa(&w, &r->choice.chosen, 1, r->choice.number, (struct ike_span){0});
	ike_put_ke(&w, s->group, ike_dh_public(s->dh));
	ike_put_nonce(&w, IKE_SPAN(s->nonce));
	init_put_nat(sa, &w);
	if (sa->fragmentation)
		ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_FRAGMENTATION_SUPPORTED});
	if (s->use_ppk)
		ike_put_notify(&w, &(struct ike_notify){.type = IKE_N_USE_PPK});
	s->own_init_len = ike_writer_end(&w);
	s->own_init = malloc(s->own_init_len + 1);
	sa->answer = (struct datagrams){.bytes = malloc(s->own_init_len + 1)};
	if (!s->own_init || !sa->answer.bytes || s->own_init_len == 0)
		return false;
	memcpy(s->own_init, buf, s->own_init_len);
	memcpy(sa->answer.bytes, buf, s->own_init_len);
	sa->answer.len = s->own_init_len;
	sa->answer.count = 1;
	sa->answer.lens[0] = (uint16_t)s->own_init_len;
	return true;
}

/* RFC 8784 §3: which connection it will be comes out in IKE_AUTH, so that any that it may be counts. */
static bool may_use_ppk(const struct ike *ike, const struct message *m, const struct request *r)
{
	for (unsigned i = 0; i < ike->settings.conn_count; i++) {
		const struct conn *conn = ike->settings.conns[i];

		if (conn->c.ppk_id.type &&
		    conn_takes_addresses(conn, &m->ends->local, &m->ends->remote) &&
		    conn_takes_suite(conn, &r->choice.chosen))
			return true;
	}
	return false;
}

static void accept_peer(struct ike *ike, const struct message *m, const struct request *r)
{
	struct ike_sa *sa = sa_new(ike, r->conn, false, m->ends, 0);
	const struct ike_connection *c = &r->conn->c;
	struct ike_notify n;

	if (!sa)
		return;
	sa->phase = SA_HALF_OPEN;
	sa->spi_i = m->h->spi_i;
	engine_join_half_open(ike, sa);
	sa->suite = r->choice.chosen;
	sa->expire_at = ike->now + ike->settings.c.half_open_timeout_s * 1000ull;
	engine_due_at(ike, sa->expire_at);
	if (!fill_setup(sa, m, r)) {
		sa_end(sa, "out of memory");
		return;
	}
	init_look_for_nat(sa, m);
	sa->fragmentation = c->fragmentation != IKE_FRAGMENT_NO &&
			    ike_notify_find(&m->list, IKE_N_FRAGMENTATION_SUPPORTED, &n);
	sa->setup->use_ppk = may_use_ppk(ike, m, r) && ike_notify_find(&m->list, IKE_N_USE_PPK, &n);
	sa->next_expected = 1;
	if (!write_answer(sa, r)) {
		sa_end(sa, "out of memory");
		return;
	}
	sa_send(sa, m->ends, &sa->answer);
}

/* Who cookies cannot stop shall not have all the room, §2.6: past their threshold an address, or a /64 of
 * IPv6, has a few. */
static bool is_crowded(const struct ike *ike, const struct ip_addr *from)
{
	size_t same = from->family == AF_INET ? 4 : 8;
	unsigned n = 0;

	if (ike->settings.c.cookie_threshold > ike->half_open_count)
		return false;
	for (unsigned i = 0; i < SA_BUCKETS; i++) {
		for (const struct ike_sa *sa = ike->half_open[i]; sa; sa = sa->half_next)
			n += sa->ends.remote.family == from->family &&
			     memcmp(sa->ends.remote.bytes, from->bytes, same) == 0;
	}
	return n >= HALF_OPEN_OF_ADDRESS;
}

static bool is_repeated(const struct ike_sa *sa, struct ike_span whole)
{
	const struct setup *s = sa->setup;

	return s && s->peer_init_len == whole.len &&
	       memcmp(s->peer_init, whole.data, whole.len) == 0;
}

void init_take_request(struct ike *ike, const struct message *m)
{
	struct ike_sa *known = engine_find_half_open(ike, m->h->spi_i, m->ends);
	struct request r = {0};
	struct conn *nearest;
	uint8_t group[2];

	/* §2.1: a repetition is answered as it was; another message under the same SPI is not. */
	if (known) {
		if (is_repeated(known, m->whole) && known->next_expected == 1)
			sa_send(known, m->ends, &known->answer);
		return;
	}
	if (ike->ending || ike->settings.conn_count == 0)
		return;
	if (m->list.unknown_critical) {
		if (engine_may_answer(ike))
			answer_stateless(ike, m, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD,
					 (struct ike_span){&m->list.unknown_critical, 1});
		return;
	}
	if (!parse_request(m, &r) || !shows_cookie(ike, m, &r))
		return;
	if (!choose_conn(ike, m, &r, &nearest)) {
		refuse(ike, m, &r, nearest);
		return;
	}
	if (ike_proposal_dh(&r.choice.chosen) != r.ke.group) {
		store_u16(group, ike_proposal_dh(&r.choice.chosen));
		answer_stateless(ike, m, IKE_N_INVALID_KE_PAYLOAD, IKE_SPAN(group));
		return;
	}
	if (is_crowded(ike, &m->ends->remote)) {
		emit_refused(ike, m->ends, m->h->spi_i,
			     "too many half-open IKE SAs of one address");
		return;
	}
	if (ike->half_open_count >= ike->settings.c.half_open_max) {
		emit_refused(ike, m->ends, m->h->spi_i, "too many half-open IKE SAs");
		return;
	}
	accept_peer(ike, m, &r);
}
