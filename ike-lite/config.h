/*
 * ike-lite/config.h: the machine's own copy of its configuration. Connections and children are
 * counted: what is up keeps what it was made by, also when a new configuration has left it out.
 */
#ifndef CYGNET_IKE_CONFIG_H
#define CYGNET_IKE_CONFIG_H

#include "ike-lite/ike.h"

/* A child of a connection. */
struct kid {
	unsigned refs;
	bool current; /* false: the configuration that stands no longer has it */
	bool trapped; /* its trap policies stand: these */
	bool held;    /* ... only until a child of it is up again */
	struct ike_ends trap_ends;
	struct ike_ts_list trap_local, trap_remote;
	bool started; /* its start_action was done */
	/* Taken down by a person, and not wanted since, nor up by the peer's doing: neither a configuration nor a peer's
	 * end brings it up. */
	bool down;
	bool checked;	/* rekey_preflight has been done since it was configured */
	uint32_t reqid; /* its own, or chosen */
	struct ike_child_config c;
};

/* A connection; c.children is NULL, kids stand for them. */
struct conn {
	unsigned refs;
	bool current;
	struct ike_connection c;
	unsigned kid_count;
	struct kid **kids; /* owned array of references */
};

struct settings {
	unsigned conn_count, secret_count;
	struct conn **conns;	    /* owned array of references */
	struct ike_secret *secrets; /* owned, cleansed */
	struct ike_config c;	    /* the plain numbers, zeros replaced; no pointers */
};

struct conn *conn_get(struct conn *conn);
void conn_put(struct conn *conn); /* NULL is fine */
struct kid *kid_get(struct kid *kid);
void kid_put(struct kid *kid); /* NULL is fine */

/* Copies a configuration. 0; -ENOMEM; -EINVAL and a sentence. */
int settings_make(const struct ike_config *config, char why[static 160], struct settings *out)
	__attribute__((warn_unused_result));
/* Puts new settings in place of old ones, which *fresh holds afterwards. Connections and children that
 * did not change are the same objects as before; what is no longer part of the settings is no longer
 * current. What was taken down stays so where only addresses changed. */
void settings_adopt(struct settings *s, struct settings *fresh);
void settings_fini(struct settings *s);

struct conn *settings_conn(const struct settings *s, const char *name);
struct kid *conn_kid(const struct conn *conn, const char *name);

/* True if the connection may be had between these addresses; either may be unspecified: unknown. */
bool conn_takes_addresses(const struct conn *conn, const struct ip_addr *local,
			  const struct ip_addr *remote);
/* True if one of its proposals has all of a suite that was agreed on. */
bool conn_takes_suite(const struct conn *conn, const struct ike_proposal *suite);
/* How well its ids fit: 0 not at all, the more the closer. local type 0: the peer asked for none. */
unsigned conn_id_rank(const struct conn *conn, const struct ike_id *local,
		      const struct ike_id *remote);
/* The pre-shared key of two ids, or NULL: the one that lists most of them. */
const struct ike_secret *settings_psk(const struct settings *s, const struct ike_id *local,
				      const struct ike_id *remote);
const struct ike_secret *settings_ppk(const struct settings *s, const struct ike_id *ppk_id);

/* config_compare.c */
bool connection_equal(const struct ike_connection *a, const struct ike_connection *b);
/* The same, but for the addresses of its ends: names may have got others. */
bool connection_equal_elsewhere(const struct ike_connection *a, const struct ike_connection *b);
bool child_config_equal(const struct ike_child_config *a, const struct ike_child_config *b);

#endif
