/*
 * sa-db/life.c: how long an SA lives, RFC 4301 §4.4.2.1 (lifetime): soft and hard limits on bytes,
 * packets, time since it was made and time since its first packet, compared as the Linux kernel's
 * xfrm_state_check_expire and its timer compare them, and those of policies; and the end of its sequence numbers, RFC 4303
 * §3.3.3. Packet threads ask before each packet, the control thread keeps the times.
 */
#include "sa-db/sadb.h"

/* The kernel asks before a packet and with >=: an SA with a limit of n packets carries n, one with a
 * limit of n bytes carries the packet that reaches n and none after it. */
static bool reached(uint64_t bytes, uint64_t packets, uint64_t limit_bytes, uint64_t limit_packets)
{
	return bytes >= limit_bytes || packets >= limit_packets;
}

static bool sequence_is_low(const struct sa *sa)
{
	return sa->out && esp_seq_limit(sa->config.esn) - esp_out_seq(sa->out) < SA_SEQ_LOW;
}

enum sa_life sa_life(const struct sa *sa)
{
	const struct sadb_limits *limits = &sa->config.limits;
	const struct sa_counters *c = sa->counters;
	uint64_t bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed);
	uint64_t packets = atomic_load_explicit(&c->packets, memory_order_relaxed);

	if (reached(bytes, packets, limits->hard_bytes, limits->hard_packets))
		return SA_HARD;
	if (reached(bytes, packets, limits->soft_bytes, limits->soft_packets) ||
	    sequence_is_low(sa))
		return SA_SOFT;
	return SA_ALIVE;
}

bool sa_is_exhausted(const struct sa *sa)
{
	return sa->out && esp_out_seq(sa->out) == esp_seq_limit(sa->config.esn);
}

/* One limit of seconds after from. False while it lies ahead, and then *next is not later than it. */
static bool passed(uint64_t from, uint64_t limit, uint64_t now, uint64_t *next)
{
	/* 0 is none, and what cannot be reached before the end of time is none either. */
	if (limit == 0 || limit > UINT64_MAX - from)
		return false;
	if (now >= from + limit)
		return true;
	if (from + limit < *next)
		*next = from + limit;
	return false;
}

static enum sa_life at_times(const struct sadb_limits *limits, uint64_t added, uint64_t used,
			     uint64_t now, uint64_t *next)
{
	bool hard, soft;

	*next = UINT64_MAX;
	hard = passed(added, limits->hard_add_s, now, next);
	hard |= passed(used, limits->hard_use_s, now, next);
	soft = passed(added, limits->soft_add_s, now, next);
	soft |= passed(used, limits->soft_use_s, now, next);
	if (hard)
		return SA_HARD;
	return soft ? SA_SOFT : SA_ALIVE;
}

enum sa_life sa_life_at(const struct sa *sa, uint64_t now, uint64_t *next)
{
	uint64_t used = atomic_load_explicit(&sa->counters->use_time, memory_order_relaxed);

	/* Not used yet: as if now. Who asks again then finds the first use no later than that. */
	return at_times(&sa->config.limits, sa->add_time, used ? used : now, now, next);
}

enum sa_life policy_life_at(const struct policy *policy, uint64_t now, uint64_t *next)
{
	uint64_t used = atomic_load_explicit(&policy->use_time, memory_order_relaxed);

	/* As the kernel: unused since it was made. */
	return at_times(&policy->config.limits, policy->add_time, used ? used : policy->add_time,
			now, next);
}
