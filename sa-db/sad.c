/*
 * sa-db/sad.c: the security association database, RFC 4301 §4.4.2: adding, changing and deleting
 * SAs. The control thread's XFRM server calls it; what packet threads see is sad_table.c and
 * policy->sa, and both are changed here by single atomic stores.
 *
 * The end of an SA, in this order:
 *  1. Policies that use it are pointed to the next best SA or none: no new packet is sealed with it.
 *  2. It leaves the table: no new packet is opened with it.
 *  3. It leaves its endpoints and the list, and walks that stand on it step back: no manager sees
 *     it. Its links, which only the control thread knows, are freed.
 *  4. It is retired. When the last packet thread that may still hold it has gone by, its ends are
 *     freed and its keys cleansed.
 * 1 and 2 come before 4 because the callback's promise covers only readers that began before it;
 * 1 comes before 2 so that an SA that is both ends (two gateways on one host) does not seal what
 * it will not open.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int sadb_sa_add(struct sadb *db, const struct sa_config *config, const struct sa_grant *grant,
		uint64_t now, struct sa **out)
{
	struct sa *sa, *larval = sadb_sa_find(db, &config->id, &config->mark);
	int rc;

	if (larval && !larval->config.larval)
		return -EEXIST;
	rc = sad_reserve(db);
	if (rc < 0)
		return rc;
	rc = sa_new(&sa, config, grant, db->engine);
	if (rc < 0)
		return rc;
	rc = resolve_join_sa(db, sa);
	if (rc < 0)
		goto err_free_sa;
	sa->serial = ++db->sa_serial;
	sa->add_time = grant->past.add_time ? grant->past.add_time : now;
	list_add_before(&db->sas, &sa->links->all);
	db->sa_count++;
	if (larval)
		(void)sadb_sa_remove(db, larval); /* it never sent */
	/* Inbound first: whoever gets a packet sealed with it can answer at once. */
	if (config->id.spi != 0)
		sad_insert(db, sa);
	resolve_offer(sa);
	*out = sa;
	return 0;

err_free_sa:
	free(sa->links);
	sa_free(sa);
	return rc;
}

/* Puts another version of an SA where the old one stands. The old struct, which readers may still
 * hold, keeps pointing to the ends and counters that the new one owns now; they outlive it, since
 * whatever retires them comes later. */
static void switch_version(struct sadb *db, struct sa *old, struct sa *newer)
{
	newer->links->sa = newer;
	resolve_switch(old, newer);
	sad_replace(db, old, newer);
	database_retire(db, old, sa_free_version);
}

int sadb_sa_move_peer(struct sadb *db, struct sa *sa, const struct sa_peer *peer)
{
	struct sa_peer *old, *copy = NULL;

	if (peer) {
		copy = malloc(sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		*copy = *peer;
	}
	old = atomic_load_explicit(&sa->counters->moved, memory_order_relaxed);
	atomic_store_explicit(&sa->counters->moved, copy, memory_order_release);
	if (old)
		database_retire(db, old, free);
	return 0;
}

int sadb_sa_update(struct sadb *db, const struct sa_config *config, struct sa **out)
{
	struct sa *old = sadb_sa_find(db, &config->id, &config->mark);
	struct sa *newer;

	if (!old)
		return -ESRCH;
	if (sa_encap_is_udp(&old->config.encap) != sa_encap_is_udp(&config->encap))
		return -EINVAL;
	newer = sa_copy(old);
	if (!newer)
		return -ENOMEM;
	/* The manager has told where the peer is now. */
	if (old->config.encap.sport != config->encap.sport ||
	    old->config.encap.dport != config->encap.dport)
		(void)sadb_sa_move_peer(db, old, NULL); /* needs no memory */
	newer->config.limits = config->limits;
	newer->config.encap = config->encap;
	if (config->output_mark.value | config->output_mark.mask)
		newer->config.output_mark = config->output_mark;
	switch_version(db, old, newer);
	*out = newer;
	return 0;
}

/* Steps 1 to 3 above. Returns the last sequence number used. */
static uint64_t take_out(struct sadb *db, struct sa *sa)
{
	struct sa_links *links = sa->links;
	uint64_t last_seq;

	resolve_switch(sa, NULL);
	/* Not before: until then a packet thread may begin any number of packets with it. */
	last_seq = sa->out ? esp_out_seq(sa->out) : 0;
	if (sa->config.id.spi != 0)
		sad_remove(db, sa);
	resolve_leave_sa(db, sa);
	walk_leave(db, &links->all);
	list_remove(&links->all);
	db->sa_count--;
	sa->links = NULL;
	free(links);
	return last_seq;
}

static void free_in(void *ptr)
{
	esp_in_free(ptr);
}

static void free_out(void *ptr)
{
	esp_out_free(ptr);
}

int sadb_sa_set_directions(struct sadb *db, struct sa *sa, const struct sa_grant *grant,
			   struct sa **out)
{
	const unsigned now = sa_status(sa).directions;
	const unsigned gained = grant->directions & ~now, lost = now & ~grant->directions;
	struct esp_in *lost_in = lost & SA_IN ? sa->in : NULL;
	struct esp_out *lost_out = lost & SA_OUT ? sa->out : NULL;
	struct sa *newer;
	int rc;

	assert(sa->links->sa == sa); /* the newest version, not one that was retired */
	if (gained == 0 && lost == 0) {
		*out = sa;
		return 0;
	}
	newer = sa_copy(sa);
	if (!newer)
		return -ENOMEM;
	rc = sa_open_ends(newer, grant, gained, db->engine);
	if (rc < 0) {
		sa_free_version(newer);
		return rc;
	}
	if (lost_in)
		newer->in = NULL;
	if (lost_out)
		newer->out = NULL;
	switch_version(db, sa, newer); /* sa may be freed now and is not read again */
	if (gained & SA_OUT)
		resolve_offer(newer);
	/* After the switch: who finds the SA from now on finds it without these. */
	if (lost_in)
		database_retire(db, lost_in, free_in);
	if (lost_out)
		database_retire(db, lost_out, free_out);
	*out = newer;
	return 0;
}

int sadb_sa_resume(struct sadb *db, struct sa *sa, const struct sa_grant *grant, struct sa **out)
{
	struct esp_out *old_out = sa->out;
	struct sa *newer = sa;
	int rc;

	if (grant->directions & SA_OUT) {
		newer = sa_copy(sa);
		if (!newer)
			return -ENOMEM;
		rc = sa_open_ends(newer, grant, SA_OUT, db->engine);
		if (rc < 0) {
			sa_free_version(newer);
			return rc;
		}
		switch_version(db, sa, newer); /* sa is not read again */
		database_retire(db, old_out, free_out);
	}
	/* No new one here: a packet thread that still holds the old one may see numbers with it that the
	 * new one would not know of, and take their replays. */
	if (grant->directions & SA_IN)
		esp_in_raise(newer->in, grant->past.in_seq);
	*out = newer;
	return 0;
}

int sadb_sa_readdress(struct sadb *db, struct sa *sa, const struct sa_config *config,
		      struct sa **out)
{
	const struct sa_id id = {config->id.dst, sa->config.id.spi, sa->config.id.proto};
	struct sa *newer, *there = sadb_sa_find(db, &id, &sa->config.mark);
	int rc = -ENOMEM;

	if (there && there != sa)
		return -EEXIST;
	newer = sad_reserve(db) < 0 ? NULL : sa_copy(sa);
	if (!newer)
		return rc;
	newer->config.id = id;
	newer->config.src = config->src;
	newer->config.encap = config->encap;
	newer->links = calloc(1, sizeof(*newer->links));
	if (newer->links) {
		newer->links->sa = newer;
		rc = resolve_join_sa(db, newer);
	}
	if (rc < 0) {
		free(newer->links);
		sa_free_version(newer);
		return rc;
	}
	list_add_before(&sa->links->all, &newer->links->all);
	db->sa_count++;
	if (id.spi != 0)
		sad_insert(db, newer);
	resolve_offer(newer);
	*out = newer;
	return 0;
}

void sadb_sa_drop_version(struct sadb *db, struct sa *sa)
{
	take_out(db, sa);
	database_retire(db, sa, sa_free_version);
}

void sadb_sa_set_counters(struct sa *sa, const struct sa_status *status)
{
	struct sa_counters *c = sa->counters;

	atomic_store_explicit(&c->bytes, status->bytes, memory_order_relaxed);
	atomic_store_explicit(&c->packets, status->packets, memory_order_relaxed);
	atomic_store_explicit(&c->use_time, status->use_time, memory_order_relaxed);
}

/* Steps 1 to 4 above. */
uint64_t sadb_sa_remove(struct sadb *db, struct sa *sa)
{
	uint64_t last_seq = take_out(db, sa);

	database_retire(db, sa, sa_free);
	return last_seq;
}

int sadb_sa_delete(struct sadb *db, const struct sa_id *id, const struct xfrm_mark_value *mark)
{
	struct sa *sa = sadb_sa_find(db, id, mark);

	if (!sa)
		return -ESRCH;
	(void)sadb_sa_remove(db, sa); /* for who cares there is sadb_sa_remove */
	return 0;
}

unsigned sadb_sa_flush(struct sadb *db, uint8_t proto)
{
	struct list *n, *next;
	struct sa *sa;
	unsigned removed = 0;

	/* Oldest first: policies use the newest, so hardly any is pointed elsewhere on the way. */
	for (n = db->sas.next; n != &db->sas; n = next) {
		next = n->next;
		sa = list_owner(n, struct sa_links, all)->sa;
		if (proto != 0 && sa->config.id.proto != proto)
			continue;
		(void)sadb_sa_remove(db, sa);
		removed++;
	}
	return removed;
}

struct sa *sadb_sa_next_between(const struct sadb *db, const struct ip_addr *src,
				const struct ip_addr *dst, const struct sa *after)
{
	const struct endpoint *e;
	const struct list *n;

	if (after) {
		e = after->links->any_reqid.endpoint;
		n = after->links->any_reqid.node.next;
	} else {
		e = endpoint_find(&db->endpoints, src, dst, 0);
		n = e ? e->sas.next : NULL;
	}
	if (!e || n == &e->sas)
		return NULL;
	return list_owner(n, struct sa_links, any_reqid.node)->sa;
}

unsigned sadb_sa_count(const struct sadb *db)
{
	return db->sa_count;
}
