/*
 * grant.c: which block of sequence numbers each outbound SA has (reserve.h), so that what it does
 * not use can be given back when it goes. Called by sa.c and migrate.c.
 */
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/control/reserve.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* The block last reserved for an outbound SA: what reserve_return needs to know. */
struct grant {
	struct sa_id id;
	struct xfrm_mark_value mark;
	struct esp_grant last;
};

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int grant_compare(const void *left, const void *right)
{
	const struct grant *a = left, *b = right;
	int rc = order(a->id.spi, b->id.spi);

	if (!rc)
		rc = memcmp(a->id.dst.bytes, b->id.dst.bytes, sizeof(a->id.dst.bytes));
	if (!rc)
		rc = order(a->id.dst.family, b->id.dst.family);
	if (!rc)
		rc = order(a->id.proto, b->id.proto);
	if (!rc)
		rc = order(a->mark.value, b->mark.value);
	return rc ? rc : order(a->mark.mask, b->mark.mask);
}

static struct grant *grant_find(const struct control *c, const struct sa_config *config)
{
	const struct grant key = {.id = config->id, .mark = config->mark};
	struct grant *const *found = tfind(&key, &c->grants, grant_compare);

	return found ? *found : NULL;
}

/* The entry of this SA, made if there is none. NULL if out of memory. */
static struct grant *grant_entry(struct control *c, const struct sa_config *config)
{
	struct grant *grant = grant_find(c, config);

	if (grant)
		return grant;
	grant = calloc(1, sizeof(*grant));
	if (!grant)
		return NULL;
	grant->id = config->id;
	grant->mark = config->mark;
	if (!tsearch(grant, &c->grants, grant_compare)) {
		free(grant);
		return NULL;
	}
	return grant;
}

void grant_return(struct control *c, const struct sa_config *config, uint64_t used_last)
{
	struct grant *grant = grant_find(c, config);

	if (!grant)
		return;
	reserve_return(c->deps.reserve, config, used_last, &grant->last);
	(void)tdelete(grant, &c->grants, grant_compare);
	free(grant);
}

/* Without memory it is forgotten, and what is left of the block skipped. */
void grant_moved(struct control *c, const struct sa_config *old, const struct sa_config *newer)
{
	struct grant *grant = grant_find(c, old);

	if (!grant)
		return;
	(void)tdelete(grant, &c->grants, grant_compare);
	grant->id = newer->id;
	grant->mark = newer->mark;
	if (!tsearch(grant, &c->grants, grant_compare))
		free(grant);
}

void grants_return_all(struct control *c)
{
	struct sadb_walk walk;
	struct sa *sa;

	sadb_walk_begin(c->deps.db, &walk, false);
	while ((sa = sadb_walk_sa(&walk))) {
		if (sa->out)
			grant_return(c, &sa->config, esp_out_seq(sa->out));
	}
	sadb_walk_end(&walk);
	tdestroy(c->grants, free);
	c->grants = NULL;
}

int grant_take(struct control *c, const struct sa_config *config, struct sa_grant *out)
{
	struct grant *grant = grant_entry(c, config);
	int rc;

	if (!grant)
		return -ENOMEM;
	rc = reserve_take(c->deps.reserve, config, out->past.out_seq, &out->seq, &out->iv_mask);
	if (!rc) {
		/* RFC 8750 §4: the sequence number as it is. The blocks on the disk still see to it that none comes
		 * twice with a key. */
		if (esp_suite_has_implicit_iv(&config->suite))
			out->iv_mask = 0;
		grant->last = out->seq;
		return 0;
	}
	/* A block it had before is still its last one. */
	if (grant->last.last == 0) {
		(void)tdelete(grant, &c->grants, grant_compare);
		free(grant);
	}
	return rc;
}
