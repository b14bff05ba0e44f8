/*
 * outbound_hold.c: the first packet of a tunnel that has no SA yet. If somebody listens for ACQUIRE
 * it is kept, a few of each policy (RFC 4301 §5.1 leaves it open; a TCP connection need not wait
 * for its SYN's retransmission, and the one packet of `ping -c 1` is answered). When the control
 * thread says that something changed, every packet kept is looked at again: it goes on by the
 * straight line, or waits on, or is dropped. Each ends with one verdict.
 */
#include "gateway/dataplane/worker.h"

#include <netinet/in.h>
#include <unistd.h>

/* Of a packet that found no SA: the policy, if one is to be waited for. */
static struct policy *waiting_policy(struct worker *w, const uint8_t *data, size_t len,
				     struct ip_view *view)
{
	struct policy *policy;

	if (ip_parse(data, len, 0, view) != V_OK)
		return NULL;
	policy = spd_lookup_cached(w->db, w->cache, POLICY_OUT, view);
	if (!policy || policy->config.action != POLICY_PROTECT ||
	    atomic_load_explicit(&policy->sa, memory_order_acquire))
		return NULL;
	return policy;
}

/* The kernel's selector of an acquire: this flow and no other. */
static struct selector flow_of(const struct ip_view *v)
{
	bool v6 = v->version == 6;

	return (struct selector){
		.family = v6 ? AF_INET6 : AF_INET,
		.proto = v->proto,
		.src = {v->src, v6 ? 128 : 32},
		.dst = {v->dst, v6 ? 128 : 32},
		.sport = v->sport,
		.sport_mask = UINT16_MAX,
		.dport = v->dport,
		.dport_mask = UINT16_MAX,
	};
}

/* True if the SA is asked for, by this packet or one before. */
static bool ask(struct worker *w, struct policy *policy, const struct ip_view *view)
{
	const struct notice notice = {
		.kind = NOTICE_ACQUIRE,
		.policy = policy->config.index,
		.mark = policy->config.mark,
		.flow = flow_of(view),
	};

	if (atomic_load_explicit(&policy->acquiring, memory_order_relaxed))
		return true;
	/* Set first: control clears it when the wish has ended. */
	atomic_store_explicit(&policy->acquiring, true, memory_order_relaxed);
	if (notice_put(&w->notices, &notice))
		return true;
	atomic_store_explicit(&policy->acquiring, false, memory_order_relaxed);
	return false;
}

bool outbound_keep(struct worker *w, const struct virtio_net_hdr *vnet, const uint8_t *data,
		   size_t len)
{
	struct policy *policy;
	struct ip_view view;
	unsigned dropped;

	/* Without a listener the kernel asks for nothing either. */
	if (!atomic_load_explicit(&w->acquire_heard, memory_order_relaxed) || len > HOLD_BYTES)
		return false;
	policy = waiting_policy(w, data, len, &view);
	if (!policy || !ask(w, policy, &view) ||
	    !hold_put(w->hold, policy->config.index, vnet, data, len, &dropped))
		return false;
	worker_count_out(w, V_HOLD_QUEUE, dropped);
	return true;
}

void outbound_resume(struct worker *w)
{
	unsigned i = 0, left;
	uint64_t wakes;

	(void)!read(w->wake_fd, &wakes, sizeof(wakes)); /* what there is to do is seen below */
	for (left = hold_count(w->hold); left > 0; left--) {
		struct held *held = hold_at(w->hold, i);
		struct policy *policy;
		struct ip_view view;

		policy = waiting_policy(w, held->data, held->len, &view);
		if (policy && atomic_load_explicit(&policy->acquiring, memory_order_relaxed)) {
			i++;
			continue;
		}
		outbound_again(w, &held->vnet, held->data, held->len);
		hold_remove(w->hold, i);
	}
	outbound_flush(w);
}
