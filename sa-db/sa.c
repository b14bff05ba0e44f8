/*
 * sa-db/sa.c: one security association, RFC 4301 §4.4.2: its life, its counters and what it tells
 * about itself. sad.c puts it into the database; packet threads book packets on it.
 *
 * An SA may have successive versions (sadb_sa_update, sadb_sa_set_directions): the struct is
 * immutable, so a change is a new struct that takes over ends, counters and links. Which of the
 * two frees them is a matter of which free function the database retires it with.
 */
#include "sa-db/database.h"

#include <assert.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>

void sa_config_cleanse(struct sa_config *config)
{
	explicit_bzero(&config->keys, sizeof(config->keys));
}

struct outer_options sa_outer_options(const struct sa_config *config)
{
	return (struct outer_options){
		.hide_dscp = config->extra_flags & XFRM_SA_XFLAG_DONT_ENCAP_DSCP,
		.take_dscp = config->flags & XFRM_STATE_DECAP_DSCP,
		.no_ecn = config->flags & XFRM_STATE_NOECN,
		.clear_df = config->flags & XFRM_STATE_NOPMTUDISC,
		.set_df = config->extra_flags & SA_XFLAG_DF_SET,
	};
}

void sa_free_version(void *ptr)
{
	struct sa *sa = ptr;

	sa_config_cleanse(&sa->config);
	free(sa);
}

void sa_free(void *ptr)
{
	struct sa *sa = ptr;

	esp_in_free(sa->in);
	esp_out_free(sa->out);
	if (sa->counters)
		free(atomic_load_explicit(&sa->counters->moved, memory_order_relaxed));
	free(sa->counters);
	sa_free_version(sa);
}

int sa_open_ends(struct sa *sa, const struct sa_grant *grant, unsigned directions,
		 const struct esp_engine *engine)
{
	const struct sa_config *c = &sa->config;
	const struct esp_keys keys = {c->keys.encr, c->keys.integ, engine};
	struct esp_in *in = NULL;
	struct esp_out *out = NULL;
	int rc;

	if (directions & SA_IN) {
		rc = esp_in_new(&in, &c->suite, &keys, c->id.spi, c->esn, c->replay_window);
		if (rc < 0)
			return rc;
		esp_in_resume(in, grant->past.in_seq, &grant->past.seen);
		if (c->extra_flags & SA_XFLAG_STRICT_PAD)
			esp_in_insist_on_padding(in);
	}
	if (directions & SA_OUT) {
		rc = esp_out_new(&out, &c->suite, &keys, c->id.spi, c->esn, grant->seq,
				 grant->iv_mask);
		if (rc < 0) {
			esp_in_free(in);
			return rc;
		}
	}
	if (in)
		sa->in = in;
	if (out) {
		sa->out = out;
		sa->past_out_seq = grant->past.out_seq;
	}
	return 0;
}

static void take_over(struct sa_counters *counters, const struct sa_status *past)
{
	atomic_init(&counters->bytes, past->bytes);
	atomic_init(&counters->packets, past->packets);
	atomic_init(&counters->use_time, past->use_time);
}

int sa_new(struct sa **out, const struct sa_config *config, const struct sa_grant *grant,
	   const struct esp_engine *engine)
{
	struct sa *sa = calloc(1, sizeof(*sa));
	int rc = -ENOMEM;

	if (!sa)
		return rc;
	sa->config = *config;
	sa->past_out_seq = grant->past.out_seq;
	sa->past_in_seq = grant->past.in_seq;
	sa->counters = calloc(1, sizeof(*sa->counters));
	sa->links = calloc(1, sizeof(*sa->links));
	if (sa->counters && sa->links)
		rc = sa_open_ends(sa, grant, grant->directions, engine);
	if (rc < 0) {
		free(sa->links);
		sa_free(sa);
		return rc;
	}
	sa->links->sa = sa;
	take_over(sa->counters, &grant->past);
	*out = sa;
	return 0;
}

struct sa *sa_copy(const struct sa *sa)
{
	struct sa *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *sa;
	return copy;
}

/* The kernel's rule: the SA's mask picks the bits, its value must be what is left. A manager's key
 * is its own value under its own mask; a packet's is 0 here. */
bool sa_mark_matches(const struct sa *sa, const struct xfrm_mark_value *mark)
{
	return (mark->value & mark->mask & sa->config.mark.mask) == sa->config.mark.value;
}

/* An SA with both ends (both gateways on one host) may have two writers; with one end there is one,
 * and a locked instruction per counter would be for nothing. */
static void counter_add(_Atomic uint64_t *counter, uint64_t n, bool shared)
{
	if (shared)
		atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
	else
		atomic_store_explicit(counter,
				      atomic_load_explicit(counter, memory_order_relaxed) + n,
				      memory_order_relaxed);
}

void sa_on_packet(struct sa *sa, uint32_t bytes, uint64_t now)
{
	struct sa_counters *c = sa->counters;
	const bool shared = sa->in && sa->out;

	counter_add(&c->bytes, bytes, shared);
	counter_add(&c->packets, 1, shared);
	if (atomic_load_explicit(&c->use_time, memory_order_relaxed) == 0)
		atomic_store_explicit(&c->use_time, now, memory_order_relaxed);
	atomic_store_explicit(&c->last_use, now, memory_order_relaxed);
}

struct sa_peer sa_peer(const struct sa *sa, enum sa_direction direction)
{
	const struct sa_peer *moved =
		atomic_load_explicit(&sa->counters->moved, memory_order_acquire);

	if (moved)
		return *moved;
	if (direction == SA_IN)
		return (struct sa_peer){sa->config.src, sa->config.encap.sport};
	return (struct sa_peer){sa->config.id.dst, sa->config.encap.dport};
}

struct sa_status sa_status(const struct sa *sa)
{
	const struct sa_counters *c = sa->counters;
	const uint64_t out_seq = sa->out ? esp_out_seq(sa->out) : 0;

	struct sa_status status = {
		.bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed),
		.packets = atomic_load_explicit(&c->packets, memory_order_relaxed),
		.add_time = sa->add_time,
		.use_time = atomic_load_explicit(&c->use_time, memory_order_relaxed),
		.last_use = atomic_load_explicit(&c->last_use, memory_order_relaxed),
		.out_seq = out_seq ? out_seq : sa->past_out_seq,
		.in_seq = sa->past_in_seq,
		.replay_drops = atomic_load_explicit(&c->replay_drops, memory_order_relaxed),
		.icv_drops = atomic_load_explicit(&c->icv_drops, memory_order_relaxed),
		.directions = (uint8_t)((sa->in ? SA_IN : 0) | (sa->out ? SA_OUT : 0)),
	};

	if (sa->in) /* the two belong together */
		status.in_seq = esp_in_seen(sa->in, &status.seen);
	return status;
}
