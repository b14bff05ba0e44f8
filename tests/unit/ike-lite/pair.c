/*
 * tests/unit/ike-lite/pair.c: the wire and the data planes between two machines.
 */
#include "tests/unit/ike-lite/pair.h"

#include "ike-lite/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pair: %s\n", what);
	abort();
}

/* ---- what configuration is made of ---------------------------------------------------------------------- */

struct ip_addr pair_addr(const char *text)
{
	struct ip_addr a;

	must(ip_addr_parse(text, &a), text);
	return a;
}

struct ike_ts pair_ts(const char *text)
{
	struct ike_ts ts;

	must(ike_ts_parse_text(text, &ts), text);
	return ts;
}

struct ike_id pair_id(const char *text)
{
	struct ike_id id;

	must(ike_id_parse(text, &id), text);
	return id;
}

void pair_proposals(unsigned *count, struct ike_proposal *out, enum ike_protocol protocol,
		    const char *text)
{
	char why[160], word[256];
	size_t len;

	*count = 0;
	while (*text) {
		len = strcspn(text, ",");
		must(len < sizeof(word), "a proposal is short");
		memcpy(word, text, len);
		word[len] = 0;
		must(ike_proposal_parse(word, protocol, &out[(*count)++], why) == 0, word);
		text += len + (text[len] == ',');
	}
}

void pair_secret(struct ike_secret *s, const char *text)
{
	s->len = (unsigned)strlen(text);
	memcpy(s->key, text, s->len);
}

/* ---- surroundings --------------------------------------------------------------------------------------- */

static void give_random(void *ctx, uint8_t *buf, size_t len)
{
	struct side *s = ctx;

	for (size_t i = 0; i < len; i++) {
		s->random += 0x9e3779b97f4a7c15ull;
		uint64_t z = (s->random ^ s->random >> 30) * 0xbf58476d1ce4e5b9ull;

		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		buf[i] = (uint8_t)(z >> 56);
	}
}

static bool source_for(void *ctx, const struct ip_addr *dst, struct ip_addr *src)
{
	struct side *s = ctx;

	if (s->no_route || dst->family != s->addr.family)
		return false;
	*src = s->addr;
	return true;
}

static bool is_ours(void *ctx, const struct ip_addr *addr)
{
	const struct side *s = ctx;

	return ip_addr_equal(addr, &s->addr) || ip_addr_equal(addr, &s->also_ours);
}

static void fill_kid(struct ike_child_config *k, const char *local, const char *remote)
{
	(void)snprintf(k->name, sizeof(k->name), "lan");
	pair_proposals(&k->proposal_count, k->proposals, IKE_PROTO_ESP, "aes128gcm16-x25519-noesn");
	k->local_ts.count = 1;
	k->local_ts.at[0] = pair_ts(local);
	k->remote_ts.count = 1;
	k->remote_ts.at[0] = pair_ts(remote);
	k->replay_window = 32;
	k->line = 12;
}

static void fill_side(struct side *s, struct side *other, const char *local, const char *remote)
{
	struct ike_connection *c = &s->connection;

	(void)snprintf(c->name, sizeof(c->name), "net");
	(void)snprintf(c->file, sizeof(c->file), "side.conf");
	c->line = 3;
	c->local_count = c->remote_count = 1;
	c->local[0] = (struct ip_prefix){s->addr, ip_addr_bits(&s->addr)};
	c->remote[0] = (struct ip_prefix){other->addr, ip_addr_bits(&other->addr)};
	c->local_id = pair_id(s->number == A ? "a.example" : "b.example");
	c->remote_id = pair_id(s->number == A ? "b.example" : "a.example");
	pair_proposals(&c->proposal_count, c->proposals, IKE_PROTO_IKE,
		       "aes128gcm16-prfsha256-x25519");
	c->fragmentation = IKE_FRAGMENT_YES;
	c->keyingtries = 1;
	c->initial_contact = true;
	c->child_count = 1;
	c->children = s->kids;
	fill_kid(&s->kids[0], local, remote);
	s->config.connection_count = 1;
	s->config.connections = c;
	s->config.secret_count = 1;
	s->config.secrets = s->secrets;
	pair_secret(&s->secrets[0], "a secret that both know");
}

void pair_init(struct pair *p, uint64_t seed)
{
	*p = (struct pair){.now = 1000000};
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &p->side[i];
		struct ike_env env = {.ctx = s,
				      .random = give_random,
				      .source_for = source_for,
				      .is_ours = is_ours};

		s->pair = p;
		s->number = i;
		s->random = seed * 2 + i;
		s->addr = pair_addr(i == A ? "192.0.2.1" : "198.51.100.2");
		must(ike_new(&s->ike, &env) == 0, "there is memory");
	}
	fill_side(&p->side[A], &p->side[B], "10.1.0.0/16", "10.2.0.0/16");
	fill_side(&p->side[B], &p->side[A], "10.2.0.0/16", "10.1.0.0/16");
}

/* Nothing stands that nobody has any more: what counts has a trap or a child behind it. */
static void check_ledger(const struct side *s)
{
	unsigned traps = 0, children = pair_children(s->pair, s->number);

	for (unsigned i = 0; i < s->ledger_count; i++)
		traps += s->ledger[i].trap;
	must(s->ledger_count - traps <= children, "policies stand for children that are there");
}

void pair_fini(struct pair *p)
{
	for (unsigned i = 0; i < SIDES; i++)
		check_ledger(&p->side[i]);
	while (p->queued)
		pair_drop(p);
	for (unsigned i = 0; i < SIDES; i++)
		ike_free(p->side[i].ike);
}

void pair_rekey(struct pair *p, unsigned side, const char *child)
{
	must(ike_rekey(p->side[side].ike, p->now, "net", child) == 0, "it is renewed");
	pair_collect(p, side);
}

void pair_second_kid(struct pair *p)
{
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &p->side[i];

		s->kids[1] = s->kids[0];
		strcpy(s->kids[1].name, "other");
		s->kids[1].local_ts.at[0] = pair_ts(i == A ? "10.3.0.0/16" : "10.4.0.0/16");
		s->kids[1].remote_ts.at[0] = pair_ts(i == A ? "10.4.0.0/16" : "10.3.0.0/16");
		s->connection.child_count = 2;
	}
}

void pair_configure(struct pair *p, unsigned side)
{
	char why[160] = "";

	must(ike_configure(p->side[side].ike, p->now, &p->side[side].config, why) == 0, why);
	pair_collect(p, side);
}

void pair_initiate(struct pair *p, unsigned side, uint32_t request)
{
	must(ike_initiate(p->side[side].ike, p->now, "net", NULL, request) == 0, "it begins");
	pair_collect(p, side);
}

void pair_up(struct pair *p)
{
	pair_configure(p, A);
	pair_configure(p, B);
	pair_initiate(p, A, 1);
	pair_run(p);
	must(pair_traffic_flows(p) && pair_count(p, A, true) >= 1, "it comes up");
	p->checks_traffic = true;
}

/* ---- the data plane ------------------------------------------------------------------------------------- */

static bool same_addr(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_addr_equal(a, b);
}

static unsigned find_sa(const struct side *s, uint32_t spi, const struct ip_addr *dst)
{
	unsigned i = 0;

	while (i < s->sa_count && (s->sas[i].spi != spi || !same_addr(&s->sas[i].dst, dst)))
		i++;
	return i;
}

static void add_sa(struct side *s, const struct ike_sa_action *sa)
{
	must(find_sa(s, sa->spi, &sa->dst) == s->sa_count, "an SA is added once");
	must(s->sa_count < PAIR_SAS, "there are not so many SAs");
	must(sa->spi > 255, "an SPI is above 255");
	must(sa->config != NULL && sa->local_ts->count && sa->remote_ts->count, "an SA is whole");
	s->sas[s->sa_count++] = *sa;
}

static bool was_lost(const struct side *s, uint32_t spi)
{
	unsigned i = 0;

	while (i < s->lost_count && s->lost[i] != spi)
		i++;
	return i < s->lost_count;
}

static void delete_sa(struct side *s, const struct ike_sa_action *sa)
{
	unsigned i = find_sa(s, sa->spi, &sa->dst);

	if (i == s->sa_count && was_lost(s, sa->spi))
		return;
	must(i < s->sa_count, "what is deleted is there");
	s->sa_count--;
	memmove(&s->sas[i], &s->sas[i + 1], (s->sa_count - i) * sizeof(s->sas[0]));
}

static void move_sa(struct side *s, const struct ike_action *a)
{
	unsigned i = find_sa(s, a->sa.spi, &a->old_dst);

	must(i < s->sa_count, "what moves is there");
	s->sas[i].src = a->sa.src;
	s->sas[i].dst = a->sa.dst;
	s->sas[i].sport = a->sa.sport;
	s->sas[i].dport = a->sa.dport;
	s->sas[i].udp = a->sa.udp;
	s->moves++;
}

bool pair_stands(void *ctx, const struct ip_addr *dst, uint32_t spi)
{
	const struct side *s = ctx;

	return find_sa(s, spi, dst) < s->sa_count;
}

void pair_lose_sas(struct pair *p, unsigned side)
{
	struct side *s = &p->side[side];

	for (; s->sa_count; s->sa_count--) {
		must(s->lost_count < PAIR_LOST, "not so many SAs are lost");
		s->lost[s->lost_count++] = s->sas[s->sa_count - 1].spi;
	}
	ike_on_sas_lost(s->ike, p->now, pair_stands, s);
	pair_collect(p, side);
}

static bool lists_equal(const struct ike_ts_list *a, const struct ike_ts_list *b)
{
	char x[IKE_TS_TEXT_MAX], y[IKE_TS_TEXT_MAX];

	for (unsigned i = 0; i < a->count && a->count == b->count; i++) {
		if (strcmp(ike_ts_format(&a->at[i], x), ike_ts_format(&b->at[i], y)) != 0)
			return false;
	}
	return a->count == b->count;
}

static bool same_place(const struct pair_policies *a, const struct pair_policies *b)
{
	return lists_equal(&a->local, &b->local) && lists_equal(&a->remote_ts, &b->remote_ts);
}

static bool same_policies(const struct pair_policies *a, const struct pair_policies *b)
{
	return same_place(a, b) && a->trap == b->trap && a->reqid == b->reqid &&
	       same_addr(&a->outer, &b->outer) && same_addr(&a->remote, &b->remote);
}

static struct pair_policies policies_of(const struct ike_policy_action *a)
{
	return (struct pair_policies){.trap = a->trap,
				      .reqid = a->reqid,
				      .outer = a->local,
				      .remote = a->remote,
				      .local = *a->local_ts,
				      .remote_ts = *a->remote_ts};
}

/* What counts in a place is what was added to it last. */
static void renew_place(struct side *s, const struct pair_policies *place)
{
	const struct pair_policies *latest = NULL;
	unsigned i = 0;

	for (unsigned k = 0; k < s->ledger_count; k++) {
		if (same_place(&s->ledger[k], place))
			latest = &s->ledger[k];
	}
	while (i < s->policy_count && !same_place(&s->policies[i], place))
		i++;
	if (latest) {
		s->policies[i] = *latest;
		s->policy_count += i == s->policy_count;
		return;
	}
	s->policy_count--;
	memmove(&s->policies[i], &s->policies[i + 1],
		(s->policy_count - i) * sizeof(s->policies[0]));
}

static void add_policies(struct side *s, const struct ike_policy_action *a)
{
	must(s->ledger_count < PAIR_POLICIES, "there are not so many policies");
	s->ledger[s->ledger_count++] = policies_of(a);
	renew_place(s, &s->ledger[s->ledger_count - 1]);
}

static void delete_policies(struct side *s, const struct ike_policy_action *a)
{
	struct pair_policies gone = policies_of(a);
	unsigned i = s->ledger_count;

	while (i > 0 && !same_policies(&s->ledger[i - 1], &gone))
		i--;
	must(i > 0, "policies that are deleted were added just so");
	s->ledger_count--;
	memmove(&s->ledger[i - 1], &s->ledger[i], (s->ledger_count - i + 1) * sizeof(s->ledger[0]));
	renew_place(s, &gone);
}

static void take_event(struct side *s, const struct ike_event *e)
{
	must(s->event_count < PAIR_EVENTS, "there are not so many events");
	must(e->text != NULL, "an event has a text");
	s->events[s->event_count].kind = e->kind;
	s->events[s->event_count].request = e->request;
	(void)snprintf(s->events[s->event_count++].text, sizeof(s->events[0].text), "%s", e->text);
	if (getenv("PAIR_VERBOSE"))
		fprintf(stderr, "%llu %c event %d %s/%s [%u]: %s\n",
			(unsigned long long)s->pair->now, s->number == A ? 'A' : 'B', e->kind,
			e->connection ? e->connection : "-", e->child ? e->child : "-", e->request,
			e->text);
}

/* ---- the wire --------------------------------------------------------------------------------------------- */

static void send_datagram(struct side *s, const struct ike_action *a)
{
	struct pair *p = s->pair;
	struct datagram *d = &p->queue[p->queued];

	must(p->queued < PAIR_QUEUE, "the wire is not that long");
	must(a->send.len > 0, "something is sent");
	s->sent++;
	*d = (struct datagram){.from = s->number,
			       .len = a->send.len,
			       .keepalive = a->send.keepalive,
			       .data = malloc(a->send.len)};
	must(d->data != NULL, "there is memory");
	memcpy(d->data, a->send.data, a->send.len);
	d->ends = (struct ike_ends){.local = a->send.ends.remote,
				    .remote = a->send.ends.local,
				    .local_port = a->send.ends.remote_port,
				    .remote_port = a->send.ends.local_port};
	if (p->nat_port && s->number == A) {
		d->ends.remote = p->nat_addr;
		d->ends.remote_port = (uint16_t)(p->nat_port + d->ends.remote_port % 100);
	}
	if (p->nat_port && s->number == B) {
		/* Only what the NAT has a mapping for goes in. */
		d->ends.local = p->side[A].addr;
		d->ends.local_port = a->send.ends.remote_port == p->nat_port ? 4500 : 500;
	}
	p->queued++;
}

/* PAIR_VERBOSE=1 tells what happens. */
static void tell(const struct side *s, const struct ike_action *a)
{
	static const char *const names[] = {
		"send",	   "add SA",	  "delete SA",	    "add policies", "delete policies",
		"move SA", "add address", "delete address", "event",	    "keys"};

	if (!getenv("PAIR_VERBOSE") || a->kind == IKE_EVENT)
		return;
	fprintf(stderr, "%llu %c %s", (unsigned long long)s->pair->now, "AB"[s->number],
		names[a->kind]);
	if (a->kind == IKE_SEND && a->send.len >= IKE_HEADER_LEN)
		fprintf(stderr, " exchange %u flags %#x id %u spi %02x%02x", a->send.data[18],
			a->send.data[19], a->send.data[23], a->send.data[0], a->send.data[8]);
	if (a->kind == IKE_ADD_SA || a->kind == IKE_DELETE_SA)
		fprintf(stderr, " %s %08x", a->sa.inbound ? "in" : "out", a->sa.spi);
	fprintf(stderr, "\n");
}

static void take(struct side *s, const struct ike_action *a)
{
	tell(s, a);
	switch (a->kind) {
	case IKE_SEND:
		send_datagram(s, a);
		break;
	case IKE_ADD_SA:
		add_sa(s, &a->sa);
		break;
	case IKE_DELETE_SA:
		delete_sa(s, &a->sa);
		break;
	case IKE_MOVE_SA:
		move_sa(s, a);
		break;
	case IKE_ADD_POLICIES:
		add_policies(s, &a->policy);
		break;
	case IKE_DELETE_POLICIES:
		delete_policies(s, &a->policy);
		break;
	case IKE_ADD_ADDRESS:
		s->addresses[s->address_count++] = a->address;
		break;
	case IKE_DELETE_ADDRESS:
		s->address_count--;
		break;
	case IKE_EVENT:
		take_event(s, &a->event);
		break;
	case IKE_KEYS:
		s->keys_told++;
		break;
	}
}

void pair_collect(struct pair *p, unsigned side)
{
	struct ike_action a;

	while (ike_next_action(p->side[side].ike, &a))
		take(&p->side[side], &a);
	if (p->checks_traffic)
		must(pair_traffic_flows(p) && pair_can_send(p), "what is sent finds its SA");
}

static void remove_at(struct pair *p, unsigned i)
{
	p->queued--;
	memmove(&p->queue[i], &p->queue[i + 1], (p->queued - i) * sizeof(p->queue[0]));
}

static void give(struct pair *p, const struct datagram *d)
{
	unsigned to = d->from == A ? B : A;

	if (!d->keepalive)
		ike_input(p->side[to].ike, p->now, &d->ends, d->data, d->len);
	pair_collect(p, to);
}

void pair_deliver_at(struct pair *p, unsigned i)
{
	struct datagram d = p->queue[i];

	must(i < p->queued, "something is under way");
	remove_at(p, i);
	give(p, &d);
	free(d.data);
}

void pair_deliver(struct pair *p)
{
	pair_deliver_at(p, 0);
}

void pair_drop_at(struct pair *p, unsigned i)
{
	must(i < p->queued, "something is under way");
	free(p->queue[i].data);
	remove_at(p, i);
}

void pair_drop(struct pair *p)
{
	pair_drop_at(p, 0);
}

void pair_repeat(struct pair *p)
{
	struct datagram d = p->queue[0];

	must(p->queued > 0, "something is under way");
	give(p, &d);
}

void pair_run(struct pair *p)
{
	for (unsigned n = 0; p->queued; n++) {
		must(n < 10000, "it comes to rest");
		pair_deliver(p);
	}
}

static void tick(struct pair *p)
{
	for (unsigned i = 0; i < SIDES; i++) {
		ike_tick(p->side[i].ike, p->now);
		pair_collect(p, i);
	}
}

static uint64_t next_due(const struct pair *p)
{
	uint64_t a = ike_next_tick(p->side[A].ike), b = ike_next_tick(p->side[B].ike);

	return a < b ? a : b;
}

bool pair_step_time(struct pair *p)
{
	uint64_t due = next_due(p);

	if (due == UINT64_MAX)
		return false;
	if (due > p->now)
		p->now = due;
	tick(p);
	return true;
}

void pair_until_queued(struct pair *p, unsigned count)
{
	while (p->queued < count)
		must(pair_step_time(p), "something is due");
}

void pair_wait_losing(struct pair *p, uint64_t ms, const bool lost[SIDES])
{
	uint64_t end = p->now + ms;

	for (unsigned n = 0;; n++) {
		must(n < 100000, "time goes on");
		while (p->queued) {
			if (lost[p->queue[0].from])
				pair_drop(p);
			else
				pair_deliver(p);
		}
		if (next_due(p) > end)
			break;
		(void)pair_step_time(p);
	}
	p->now = end;
}

void pair_wait(struct pair *p, uint64_t ms)
{
	static const bool none[SIDES];

	pair_wait_losing(p, ms, none);
}

void pair_expect(struct pair *p, unsigned from, unsigned exchange, bool response)
{
	const struct datagram *d = &p->queue[0];
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "expected %s %u of %c, got %u flags %#x of %c (%u under way)",
		       response ? "response" : "request", exchange, "AB"[from],
		       p -> queued ? d -> data[18] : 0, p -> queued ? d -> data[19] : 0,
		       p -> queued ? "AB"[d->from] : '-', p->queued);
	must(p->queued > 0 && d->from == from && d->data[18] == exchange &&
		     !!(d->data[19] & IKE_FLAG_RESPONSE) == response,
	     text);
	pair_deliver(p);
}

/* ---- looking --------------------------------------------------------------------------------------------- */

unsigned pair_ike_sas(const struct pair *p, unsigned side, enum ike_sa_state state)
{
	struct ike_status s;
	unsigned n = 0;

	for (unsigned i = 0; ike_status_at(p->side[side].ike, p->now, i, &s); i++)
		n += s.state == state;
	return n;
}

unsigned pair_children(const struct pair *p, unsigned side)
{
	struct ike_status s;
	unsigned n = 0;

	for (unsigned i = 0; ike_status_at(p->side[side].ike, p->now, i, &s); i++)
		n += s.child_count;
	return n;
}

unsigned pair_count(const struct pair *p, unsigned side, bool inbound)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->side[side].sa_count; i++)
		n += p->side[side].sas[i].inbound == inbound;
	return n;
}

/* A packet goes through the newest outbound SA of a number. */
static bool is_newest(const struct side *s, unsigned i)
{
	for (unsigned k = i + 1; k < s->sa_count; k++) {
		if (!s->sas[k].inbound && s->sas[k].reqid == s->sas[i].reqid)
			return false;
	}
	return true;
}

static bool arrives(const struct pair *p, const struct ike_sa_action *out, unsigned at)
{
	const struct side *s = &p->side[at];

	for (unsigned i = 0; i < s->sa_count; i++) {
		const struct ike_sa_action *in = &s->sas[i];

		if (in->inbound && in->spi == out->spi && in->suite.encr == out->suite.encr &&
		    in->suite.integ == out->suite.integ && in->esn == out->esn &&
		    in->udp == out->udp && memcmp(&in->keys, &out->keys, sizeof(in->keys)) == 0)
			return true;
	}
	return false;
}

bool pair_traffic_flows(const struct pair *p)
{
	for (unsigned from = 0; from < SIDES; from++) {
		const struct side *s = &p->side[from];

		for (unsigned i = 0; i < s->sa_count; i++) {
			if (s->sas[i].inbound || !is_newest(s, i) ||
			    arrives(p, &s->sas[i], from == A ? B : A))
				continue;
			fprintf(stderr, "pair: %c sends with SPI %08x, which the other has not\n",
				"AB"[from], s -> sas[i].spi);
			return false;
		}
	}
	return true;
}

static bool has_outbound(const struct side *s, uint32_t reqid)
{
	unsigned i = 0;

	while (i < s->sa_count && (s->sas[i].inbound || s->sas[i].reqid != reqid))
		i++;
	return i < s->sa_count;
}

bool pair_can_send(const struct pair *p)
{
	struct ike_child_status c;
	struct ike_status s;

	for (unsigned side = 0; side < SIDES; side++) {
		for (unsigned i = 0; ike_status_at(p->side[side].ike, p->now, i, &s); i++) {
			for (unsigned k = 0;
			     ike_child_status_at(p->side[side].ike, p->now, i, k, &c); k++) {
				if (c.deleting || s.state == IKE_STATE_DELETING ||
				    has_outbound(&p->side[side], c.reqid))
					continue;
				fprintf(stderr,
					"pair: %c has the child %08x and nothing to send by\n",
					"AB"[side], c.spi_in);
				return false;
			}
		}
	}
	return true;
}

bool pair_has_event(const struct pair *p, unsigned side, enum ike_event_kind kind, const char *text)
{
	const struct side *s = &p->side[side];

	for (unsigned i = 0; i < s->event_count; i++) {
		if (s->events[i].kind == kind && strstr(s->events[i].text, text))
			return true;
	}
	return false;
}

unsigned pair_count_events(const struct pair *p, unsigned side, enum ike_event_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->side[side].event_count; i++)
		n += p->side[side].events[i].kind == kind;
	return n;
}

void pair_forget_events(struct pair *p)
{
	p->side[A].event_count = 0;
	p->side[B].event_count = 0;
}
