/*
 * keys.h: the table of what a configuration may say, keys.c, and how its values are read, between
 * those who make sense of a tree (interpret.c and the value_*.c).
 */
#ifndef CYGNET_IKED_KEYS_H
#define CYGNET_IKED_KEYS_H

#include "gateway/iked/config/config.h"

/* A kind of section. */
enum config_place {
	PLACE_ROOT,
	PLACE_CYGNET,
	PLACE_CONNECTIONS,
	PLACE_CONNECTION,
	PLACE_LOCAL,
	PLACE_REMOTE,
	PLACE_CHILDREN,
	PLACE_CHILD,
	PLACE_SECRETS,
	PLACE_SECRET,
	PLACE_POOLS,
	PLACE_POOL,
	PLACE_NOWHERE,
};

/* What becomes of a key that is written. */
enum key_treatment {
	KEY_SECTION, /* a section of its own */
	KEY_TAKEN,
	KEY_QUIET,   /* says nothing to IKEv2, or to a tunnel with pre-shared keys */
	KEY_WARNED,  /* has no effect here; without harm */
	KEY_REFUSED, /* the tunnel would be another one without it */
};

enum { CONFIG_UNSET = 0 };
#define CONFIG_UNSET_64 UINT64_MAX

/* An address pool, by name until connections refer to it. */
struct config_pool {
	const char *name; /* the tree's */
	struct ip_addr from, to;
	bool used;
};

/* A connection while it is read. */
struct config_draft {
	struct ike_connection *connection;
	struct iked_config *config;
	const struct config_node *node;
	bool psk_local, psk_remote;
};

enum { CONFIG_POOLS_MAX = 64 };

struct interpretation {
	struct config_report *report;
	struct iked_config *config; /* being filled */
	unsigned connection;	    /* the one at work */
	bool psk_local, psk_remote; /* its sections said auth = psk */
	unsigned locals, remotes;   /* its sections of that kind */
	unsigned child;
	unsigned pool_count;
	struct config_pool pools[CONFIG_POOLS_MAX];
	bool no_memory;
};

struct config_key {
	enum config_place place;
	const char *name;
	enum key_treatment treatment;
	bool suffixed;		 /* "id" is "id-1" and "idA" too */
	enum config_place below; /* SECTION */
	/* TAKEN: reads the value into the structure of the place, field at offset. Reports what is
	 * wrong. */
	void (*take)(struct interpretation *in, const struct config_node *node, void *field);
	size_t offset;
	const char
		*fine; /* QUIET never, WARNED and REFUSED not about these values; comma-separated */
	const char *why; /* WARNED, REFUSED: said in the message */
};

/* The key of that name at the place; NULL. The sections of connections, children and pools have names
 * of the user's: their key's name is "*". */
const struct config_key *config_key_lookup(enum config_place place, const char *name);
/* The table, for the manual's test. */
const struct config_key *config_keys(unsigned *count);
/* The known name nearest to one that is not, if one is near; NULL. */
const char *config_key_nearest(enum config_place place, const char *name);
/* True if value stands in the comma-separated list. */
bool config_value_in(const char *value, const char *list);

/* Cuts the next of a comma-separated list into buf, blanks trimmed; empty ones are passed over. False:
 * none is left. Words longer than size - 1 come cut, and *cut says so. */
bool config_next_word(const char **at, char *buf, size_t size, bool *cut);

/* ---- values: all are take functions ---------------------------------------------------------- */

#define TAKE(name) void name(struct interpretation *in, const struct config_node *node, void *field)

/* value_plain.c */
TAKE(take_bool);     /* bool */
TAKE(take_not_bool); /* bool, the other way round */
TAKE(take_u32);	     /* uint32_t */
TAKE(take_window);   /* packets, as many as an SA can have */
TAKE(take_port);     /* uint16_t */
TAKE(take_amount);   /* uint64_t; k, m, g */
TAKE(take_time);     /* uint64_t, seconds; s, m, h, d */
TAKE(take_time_u32); /* uint32_t, seconds */
TAKE(take_time_ms);  /* uint32_t, milliseconds; fractions */
TAKE(take_percent);  /* uint32_t: 1.8 is 180 */
TAKE(take_fragment_size);
/* value_enum.c */
TAKE(take_fragmentation); /* enum ike_fragmentation */
TAKE(take_start);	  /* enum ike_start */
TAKE(take_keyingtries);	  /* uint32_t */
TAKE(take_unique);	  /* bool initial_contact */
TAKE(take_tfc);		  /* uint32_t */
TAKE(take_dscp);	  /* the child */
TAKE(take_auth_local);
TAKE(take_auth_remote);
/* value_net.c */
TAKE(take_local_addrs);	 /* the connection */
TAKE(take_remote_addrs); /* the connection */
TAKE(take_vips);	 /* the connection */
TAKE(take_pools);	 /* the connection */
TAKE(take_pool_addrs);	 /* struct config_pool */
TAKE(take_local_ts);	 /* the child */
TAKE(take_remote_ts);	 /* the child */
TAKE(take_id);		 /* struct ike_id */
/* value_crypto.c */
TAKE(take_ike_proposals); /* the connection */
TAKE(take_esp_proposals); /* the child */
TAKE(take_secret);	  /* struct ike_secret */
TAKE(take_secret_id);	  /* struct ike_secret */

#endif
