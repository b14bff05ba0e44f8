/*
 * entries.h: SAs, policies and packets as the tests of sa-db like them: short to write, and whole.
 * Also for tests/model and tests/bench.
 */
#ifndef CYGNET_TEST_ENTRIES_H
#define CYGNET_TEST_ENTRIES_H

#include "sa-db/sadb.h"

/* Numeric text to values; a text that is none fails the program. */
struct ip_addr addr_of(const char *text);
struct ip_prefix prefix_of(const char *text); /* "10.0.0.0/8", or an address alone */

/* A tunnel SA with NULL encryption and HMAC-SHA2-256, and both ends here. */
struct sa_config sa_config_of(const char *src, const char *dst, uint32_t spi, uint32_t reqid);
struct sa_grant grant_of(unsigned directions);
/* Adds it with both ends; fails the program if that does not work. */
struct sa *sa_added(struct sadb *db, const struct sa_config *config);

struct selector selector_of(const char *src, const char *dst, uint8_t proto);
/* An outbound protect policy whose template is src, dst, reqid. */
struct policy_config protect_of(const struct selector *sel, const char *src, const char *dst,
				uint32_t reqid);
/* A policy without template. */
struct policy_config plain_of(const struct selector *sel, enum policy_dir dir,
			      enum policy_action action, uint32_t priority);
struct policy *policy_added(struct sadb *db, const struct policy_config *config);

/* A packet with ports; sport and dport 0 for protocols that have none. */
struct ip_view view_of(const char *src, const char *dst, uint8_t proto, uint16_t sport,
		       uint16_t dport);

/* Where retired things wait until the test says that all readers are gone. */
struct shelf {
	struct shelf_item {
		void *ptr;
		void (*free_fn)(void *ptr);
	} * items;
	size_t count;
};

struct sadb_retire shelf_retire(struct shelf *shelf);
bool shelf_has(const struct shelf *shelf, const void *ptr);
void shelf_empty(struct shelf *shelf);

/* The seed of this run: from CYGNET_SEED, else the fallback; printed. */
uint64_t seed_of_run(uint64_t fallback);
/* xorshift64*: the same numbers everywhere. state must not be 0. */
uint64_t random_next(uint64_t *state);

#endif
