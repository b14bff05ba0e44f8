/*
 * sa-db/database.h: what the files of this folder share and nobody else sees: the database itself
 * and the control thread's links of its entries.
 *
 *     packet threads        sad_table -> struct sa <- policy->sa     spd_snapshot -> struct policy
 *     control thread only   SA list, endpoints, policy lists, identities, indexes, walks
 */
#ifndef CYGNET_SADB_DATABASE_H
#define CYGNET_SADB_DATABASE_H

#include "sa-db/hash.h"
#include "sa-db/list.h"
#include "sa-db/sadb.h"

/* ---- endpoints (endpoint.c) -------------------------------------------------------------- */

/* Where templates and SAs meet: the SAs and outbound protect policies of one tunnel (source,
 * destination, reqid). reqid 0 stands for "any": all SAs of the pair are there, and the policies
 * that name no reqid. Exists while it has a member. */
struct endpoint {
	struct hash_node node;
	struct ip_addr src, dst;
	uint32_t reqid;
	struct list sas; /* oldest first */
	struct list policies;
};

struct endpoint *endpoint_find(const struct hash *table, const struct ip_addr *src,
			       const struct ip_addr *dst, uint32_t reqid);
/* Finds or makes; NULL if out of memory. */
struct endpoint *endpoint_get(struct hash *table, const struct ip_addr *src,
			      const struct ip_addr *dst, uint32_t reqid);
/* Frees it if it has no member left. NULL is fine. */
void endpoint_put(struct hash *table, struct endpoint *endpoint);

/* ---- links ------------------------------------------------------------------------------- */

struct sa_membership {
	struct list node;
	struct endpoint *endpoint; /* NULL: none */
};

/* One per SA, handed on from version to version, so that a place in a list outlives a change. */
struct sa_links {
	struct list all;
	struct sa_membership any_reqid;
	struct sa_membership same_reqid; /* none if the SA's reqid is 0 */
	struct sa *sa;			 /* the newest version */
};

struct policy_links {
	struct list all;
	struct hash_node identity;
	struct hash_node index;
	struct list users;	   /* in endpoint->policies */
	struct endpoint *endpoint; /* NULL: not an outbound protect policy */
	struct policy *policy;	   /* NULL in the list's heads, see spd.c */
};

/* ---- tables of packet threads ------------------------------------------------------------ */

/* SAs by (SPI, destination), open addressing. See sad_table.c. */
struct sad_table {
	size_t mask; /* size - 1, size a power of two */
	_Atomic(struct sa *) slots[];
};

/* The policies of a direction, sorted. Entries before count never change. See spd_snapshot.c. */
struct spd_snapshot {
	_Atomic size_t count;
	size_t capacity;
	struct policy *entries[];
};

struct spd {
	_Atomic(struct spd_snapshot *) snapshot;
	/* Raised after each change of the snapshot, before what left it is retired. See
	 * spd_cache.c. */
	_Atomic uint64_t generation;
};

struct sadb {
	struct sadb_retire retire;
	/* Packet threads read. */
	_Atomic(struct sad_table *) sad; /* owned */
	struct spd spd[POLICY_DIRS];	 /* snapshots owned */
	_Atomic unsigned policy_counts[POLICY_DIRS];
	/* Control thread only. */
	const struct esp_engine *engine; /* borrowed; NULL: OpenSSL */
	size_t sad_used;		 /* slots of sad that are not NULL, graves included */
	unsigned sa_count;
	struct list sas; /* owns them; oldest first */
	uint64_t sa_serial, policy_serial;
	struct hash endpoints;
	struct policy_links policy_heads[POLICY_DIRS]; /* one ring through all three: owns them */
	struct hash identities, indexes;
	uint32_t index_generator;
	struct sadb_walk walks; /* head of the walks in progress */
};

/* Hands ptr to the retire callback, or frees it at once if there is none. */
void database_retire(struct sadb *db, void *ptr, void (*free_fn)(void *ptr));

/* ---- sa.c -------------------------------------------------------------------------------- */

/* Makes the struct, its ends, counters and links; in no list yet. 0, -ENOMEM, -EINVAL. */
int sa_new(struct sa **out, const struct sa_config *config, const struct sa_grant *grant,
	   const struct esp_engine *engine) __attribute__((warn_unused_result));
/* A second version: same ends, counters and links. NULL if out of memory. */
struct sa *sa_copy(const struct sa *sa);
/* Makes the ends in directions that sa lacks; sa is not published yet. 0, -ENOMEM, -EINVAL with
 * nothing changed. */
int sa_open_ends(struct sa *sa, const struct sa_grant *grant, unsigned directions,
		 const struct esp_engine *engine) __attribute__((warn_unused_result));
/* Frees the struct with its ends and counters; links are the caller's. For sadb_retire. */
void sa_free(void *ptr);
/* Frees an older version: ends and counters belong to a newer one. For sadb_retire. */
void sa_free_version(void *ptr);
/* True if a look-up with this mark finds sa, as the kernel compares marks. */
bool sa_mark_matches(const struct sa *sa, const struct xfrm_mark_value *mark);

/* ---- sad_table.c ------------------------------------------------------------------------- */

struct sad_table *sad_table_new(size_t live);
/* Makes room for one more SA. 0, -ENOMEM. */
int sad_reserve(struct sadb *db) __attribute__((warn_unused_result));
/* After sad_reserve. */
void sad_insert(struct sadb *db, struct sa *sa);
void sad_replace(struct sadb *db, const struct sa *old, struct sa *newer);
void sad_remove(struct sadb *db, const struct sa *sa);

/* ---- spd_snapshot.c ---------------------------------------------------------------------- */

struct spd_snapshot *spd_snapshot_new(size_t capacity);
/* Publishes a snapshot without remove (NULL: none) and with add (NULL: none), raises the
 * generation and retires the old snapshot. 0; -ENOMEM with nothing changed. */
int spd_publish(struct sadb *db, enum policy_dir dir, const struct policy *remove,
		struct policy *add) __attribute__((warn_unused_result));
/* Takes all policies of the direction out. Needs no memory. */
void spd_publish_none(struct sadb *db, enum policy_dir dir);
/* The policy that stands before p in its direction's order, NULL for none. */
struct policy *spd_predecessor(const struct sadb *db, const struct policy *p);

/* ---- policy.c ---------------------------------------------------------------------------- */

/* NULL if out of memory. links are made with it. */
struct policy *policy_new(const struct policy_config *config, uint64_t now);
/* Frees the struct; links are the caller's. For sadb_retire. */
void policy_free(void *policy);
/* True if a packet, whose mark is 0 here, lies inside. */
bool policy_matches(const struct policy *p, const struct ip_view *v);

/* ---- resolve.c --------------------------------------------------------------------------- */

/* Enters sa into its endpoints. 0; -ENOMEM with nothing changed. */
int resolve_join_sa(struct sadb *db, struct sa *sa) __attribute__((warn_unused_result));
/* Leaves the endpoints; no policy may point to sa any more. */
void resolve_leave_sa(struct sadb *db, struct sa *sa);
/* sa, a member, has an outbound end it had not before: policies without a newer one take it. */
void resolve_offer(struct sa *sa);
/* Policies that use old take newer, another version of it, or the next best; newer NULL: old goes. */
void resolve_switch(struct sa *old, struct sa *newer);
/* Enters p, if it is an outbound protect policy, and finds its SA. 0; -ENOMEM. */
int resolve_join_policy(struct sadb *db, struct policy *p) __attribute__((warn_unused_result));
void resolve_leave_policy(struct sadb *db, struct policy *p);

/* ---- walk.c ------------------------------------------------------------------------------ */

/* node is about to leave its list: walks that stand on it step back. */
void walk_leave(struct sadb *db, const struct list *node);

#endif
