/*
 * ike-lite/config.c: the configuration copied, looked up, and changed under what is up.
 */
#include "ike-lite/config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- references --------------------------------------------------------------------------- */

struct kid *kid_get(struct kid *kid)
{
	kid->refs++;
	return kid;
}

void kid_put(struct kid *kid)
{
	if (kid && --kid->refs == 0)
		free(kid);
}

struct conn *conn_get(struct conn *conn)
{
	conn->refs++;
	return conn;
}

void conn_put(struct conn *conn)
{
	if (!conn || --conn->refs > 0)
		return;
	for (unsigned i = 0; i < conn->kid_count; i++)
		kid_put(conn->kids[i]);
	free(conn->kids);
	free(conn);
}

/* ---- copying -------------------------------------------------------------------------------- */

static int refuse(char why[static 160], const char *what, const char *name)
{
	(void)snprintf(why, 160, "%s '%s'", what, name);
	return -EINVAL;
}

static int check_kid(const struct ike_child_config *c, char why[static 160])
{
	if (c->proposal_count == 0 || c->proposal_count > IKE_PROPOSALS_MAX)
		return refuse(why, "no proposals, or too many, for child", c->name);
	if (c->local_ts.count > IKE_TS_MAX - 1 || c->remote_ts.count > IKE_TS_MAX - 1)
		return refuse(why, "too many selectors for child", c->name);
	if ((c->local_ts.count == 0 && !c->local_dynamic) ||
	    (c->remote_ts.count == 0 && !c->remote_dynamic))
		return refuse(why, "no selectors for child", c->name);
	return 0;
}

static int check_connection(const struct ike_connection *c, char why[static 160])
{
	int rc;

	if (c->proposal_count == 0 || c->proposal_count > IKE_PROPOSALS_MAX)
		return refuse(why, "no proposals, or too many, for connection", c->name);
	if (c->local_count > IKE_ADDRS_MAX || c->remote_count > IKE_ADDRS_MAX || c->vip_count > 2 ||
	    c->pool_count > 2)
		return refuse(why, "too many addresses for connection", c->name);
	for (unsigned i = 0; i < c->child_count; i++) {
		rc = check_kid(&c->children[i], why);
		if (rc)
			return rc;
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(c->children[i].name, c->children[k].name) == 0)
				return refuse(why, "two children named", c->children[i].name);
		}
	}
	return 0;
}

static int check_config(const struct ike_config *config, char why[static 160])
{
	for (unsigned i = 0; i < config->connection_count; i++) {
		int rc = check_connection(&config->connections[i], why);

		if (rc)
			return rc;
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(config->connections[i].name, config->connections[k].name) == 0)
				return refuse(why, "two connections named",
					      config->connections[i].name);
		}
	}
	for (unsigned i = 0; i < config->secret_count; i++) {
		const struct ike_secret *s = &config->secrets[i];

		if (s->len == 0 || s->len > IKE_SECRET_MAX || s->id_count > IKE_SECRET_IDS_MAX)
			return refuse(why, "a secret is empty or too long:", "secrets");
	}
	return 0;
}

static struct kid *copy_kid(const struct ike_child_config *c)
{
	struct kid *kid = calloc(1, sizeof(*kid));

	if (!kid)
		return NULL;
	kid->refs = 1;
	kid->c = *c;
	kid->reqid = c->reqid;
	return kid;
}

static struct conn *copy_connection(const struct ike_connection *c)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->refs = 1;
	conn->c = *c;
	conn->c.children = NULL;
	conn->kids = calloc(c->child_count + 1, sizeof(struct kid *));
	for (unsigned i = 0; conn->kids && i < c->child_count; i++) {
		conn->kids[i] = copy_kid(&c->children[i]);
		if (!conn->kids[i])
			break;
		conn->kid_count++;
	}
	if (!conn->kids || conn->kid_count < c->child_count) {
		conn_put(conn);
		return NULL;
	}
	return conn;
}

static void put_defaults(struct ike_config *c)
{
	c->connections = NULL;
	c->secrets = NULL;
	c->retransmit_timeout_ms = c->retransmit_timeout_ms ? c->retransmit_timeout_ms : 4000;
	c->retransmit_base_percent = c->retransmit_base_percent ? c->retransmit_base_percent : 180;
	c->retransmit_tries = c->retransmit_tries ? c->retransmit_tries : 5;
	c->half_open_max = c->half_open_max ? c->half_open_max : 1024;
	c->cookie_threshold = c->cookie_threshold ? c->cookie_threshold : 30;
	c->half_open_timeout_s = c->half_open_timeout_s ? c->half_open_timeout_s : 30;
	c->fragment_size = c->fragment_size ? c->fragment_size : 1280;
	c->port = c->port ? c->port : 500;
	c->encap_port = c->encap_port ? c->encap_port : 4500;
}

int settings_make(const struct ike_config *config, char why[static 160], struct settings *out)
{
	struct settings s = {.c = *config};
	int rc = check_config(config, why);

	if (rc)
		return rc;
	put_defaults(&s.c);
	s.conns = calloc(config->connection_count + 1, sizeof(struct conn *));
	s.secrets = calloc(config->secret_count + 1, sizeof(*s.secrets));
	if (!s.conns || !s.secrets)
		goto no_memory;
	for (unsigned i = 0; i < config->connection_count; i++) {
		s.conns[i] = copy_connection(&config->connections[i]);
		if (!s.conns[i])
			goto no_memory;
		s.conn_count++;
	}
	if (config->secret_count)
		memcpy(s.secrets, config->secrets, config->secret_count * sizeof(*s.secrets));
	s.secret_count = config->secret_count;
	*out = s;
	return 0;
no_memory:
	settings_fini(&s);
	return -ENOMEM;
}

/* ---- adopting -------------------------------------------------------------------------------- */

static void set_current(struct conn *conn, bool current)
{
	conn->current = current;
	for (unsigned i = 0; i < conn->kid_count; i++)
		conn->kids[i]->current = current;
}

/* Children of fresh that old has just so are replaced by old's; then old takes the array. */
static void adopt_kids(struct conn *old, struct conn *fresh)
{
	struct kid **kids = old->kids;
	unsigned count = old->kid_count;

	for (unsigned i = 0; i < fresh->kid_count; i++) {
		struct kid *had = conn_kid(old, fresh->kids[i]->c.name);

		if (!had || !child_config_equal(&had->c, &fresh->kids[i]->c))
			continue;
		had->c.line = fresh->kids[i]->c.line;
		kid_put(fresh->kids[i]);
		fresh->kids[i] = kid_get(had);
	}
	old->kids = fresh->kids;
	old->kid_count = fresh->kid_count;
	fresh->kids = kids;
	fresh->kid_count = count;
	old->c.line = fresh->c.line;
	old->c.proposals_line = fresh->c.proposals_line;
	memcpy(old->c.file, fresh->c.file, sizeof(old->c.file));
}

/* Of a connection whose names have got other addresses. */
static void keep_down(const struct conn *old, const struct conn *fresh)
{
	for (unsigned i = 0; i < fresh->kid_count; i++) {
		struct kid *kid = fresh->kids[i];
		const struct kid *had = conn_kid(old, kid->c.name);

		kid->down = had && had->down && child_config_equal(&had->c, &kid->c);
	}
}

void settings_adopt(struct settings *s, struct settings *fresh)
{
	struct settings old = *s;

	for (unsigned i = 0; i < old.conn_count; i++)
		set_current(old.conns[i], false);
	for (unsigned i = 0; i < fresh->conn_count; i++) {
		struct conn *made = fresh->conns[i];

		for (unsigned k = 0; k < old.conn_count; k++) {
			if (!connection_equal_elsewhere(&old.conns[k]->c, &made->c))
				continue;
			if (!connection_equal(&old.conns[k]->c, &made->c)) {
				keep_down(old.conns[k], made);
				break;
			}
			adopt_kids(old.conns[k], made);
			fresh->conns[i] = old.conns[k];
			old.conns[k] = made;
			break;
		}
	}
	for (unsigned i = 0; i < fresh->conn_count; i++)
		set_current(fresh->conns[i], true);
	*s = *fresh;
	*fresh = old;
}

void settings_fini(struct settings *s)
{
	for (unsigned i = 0; i < s->conn_count; i++)
		conn_put(s->conns[i]);
	free(s->conns);
	if (s->secrets)
		OPENSSL_cleanse(s->secrets, s->secret_count * sizeof(*s->secrets));
	free(s->secrets);
	*s = (struct settings){0};
}

/* ---- looking up -------------------------------------------------------------------------------- */

struct conn *settings_conn(const struct settings *s, const char *name)
{
	for (unsigned i = 0; i < s->conn_count; i++) {
		if (strcmp(s->conns[i]->c.name, name) == 0)
			return s->conns[i];
	}
	return NULL;
}

struct kid *conn_kid(const struct conn *conn, const char *name)
{
	for (unsigned i = 0; i < conn->kid_count; i++) {
		if (strcmp(conn->kids[i]->c.name, name) == 0)
			return conn->kids[i];
	}
	return NULL;
}

static bool takes_address(const struct ip_prefix *list, unsigned count, const struct ip_addr *addr)
{
	if (count == 0 || addr->family == AF_UNSPEC)
		return true;
	for (unsigned i = 0; i < count; i++) {
		if (ip_prefix_contains(&list[i], addr))
			return true;
	}
	return false;
}

bool conn_takes_addresses(const struct conn *conn, const struct ip_addr *local,
			  const struct ip_addr *remote)
{
	return takes_address(conn->c.local, conn->c.local_count, local) &&
	       takes_address(conn->c.remote, conn->c.remote_count, remote);
}

bool conn_takes_suite(const struct conn *conn, const struct ike_proposal *suite)
{
	for (unsigned i = 0; i < conn->c.proposal_count; i++) {
		const struct ike_proposal *p = &conn->c.proposals[i];
		unsigned found = 0;

		for (unsigned k = 0; k < suite->count; k++) {
			const struct ike_transform *t = &suite->at[k];

			for (unsigned n = 0; n < p->count; n++)
				found += p->at[n].type == t->type && p->at[n].id == t->id &&
					 p->at[n].key_bits == t->key_bits;
		}
		if (found >= suite->count)
			return true;
	}
	return false;
}

/* 0: does not fit; 1: anybody; 2: a wildcard; 3: this very id. */
static unsigned pattern_rank(const struct ike_id *pattern, const struct ike_id *id)
{
	if (!ike_id_matches(pattern, id))
		return 0;
	if (pattern->type == 0)
		return 1;
	return ike_id_equal(pattern, id) ? 3 : 2;
}

unsigned conn_id_rank(const struct conn *conn, const struct ike_id *local,
		      const struct ike_id *remote)
{
	unsigned theirs = pattern_rank(&conn->c.remote_id, remote);
	unsigned ours = 1;

	if (local->type != 0 && conn->c.local_id.type != 0)
		ours = ike_id_equal(&conn->c.local_id, local) ? 2 : 0;
	return theirs && ours ? 4 * theirs + ours : 0;
}

/* 0 if the secret is of others; the more the better: the peer's very id before a wildcard, that before one
 * that lists our id only, that before one that lists none. Among equals the one that has ours too. */
static unsigned secret_rank(const struct ike_secret *s, const struct ike_id *local,
			    const struct ike_id *remote)
{
	unsigned ours = 0, theirs = 0;

	if (s->id_count == 0)
		return 1;
	for (unsigned i = 0; i < s->id_count; i++) {
		unsigned rank = pattern_rank(&s->ids[i], local);

		ours = rank > ours ? rank : ours;
		rank = pattern_rank(&s->ids[i], remote);
		theirs = rank > theirs ? rank : theirs;
	}
	/* One listed id is the peer's, or ours for all peers; of several both are to be there. */
	if (s->id_count > 1 && !(ours && theirs))
		return 0;
	return theirs || ours ? 4 * theirs + ours + 1 : 0;
}

const struct ike_secret *settings_psk(const struct settings *s, const struct ike_id *local,
				      const struct ike_id *remote)
{
	const struct ike_secret *best = NULL;
	unsigned best_rank = 0;

	for (unsigned i = 0; i < s->secret_count; i++) {
		unsigned rank =
			s->secrets[i].is_ppk ? 0 : secret_rank(&s->secrets[i], local, remote);

		if (rank > best_rank) {
			best = &s->secrets[i];
			best_rank = rank;
		}
	}
	return best;
}

const struct ike_secret *settings_ppk(const struct settings *s, const struct ike_id *ppk_id)
{
	for (unsigned i = 0; i < s->secret_count; i++) {
		const struct ike_secret *secret = &s->secrets[i];

		for (unsigned k = 0; secret->is_ppk && k < secret->id_count; k++) {
			if (ike_id_equal(&secret->ids[k], ppk_id))
				return secret;
		}
	}
	return NULL;
}
