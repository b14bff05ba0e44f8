/*
 * ways.c: see ways.h. Called by wire.c for each run of raw packets.
 */
#include "gateway/dataplane/wire/ways.h"

#include "gateway/dataplane/rcu.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ways_init(struct ways *w)
{
	struct way_table *table = calloc(1, sizeof(*table));

	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!table || w->event_fd < 0) {
		int rc = table ? -errno : -ENOMEM;

		free(table);
		return rc;
	}
	atomic_init(&w->table, table);
	atomic_init(&w->asked, false);
	return 0;
}

void ways_fini(struct ways *w)
{
	if (w->event_fd >= 0)
		close(w->event_fd);
	free(atomic_load_explicit(&w->table, memory_order_relaxed));
}

bool ways_question(struct ways *w, struct ip_addr *src, struct ip_addr *dst)
{
	uint64_t count;

	(void)!read(w->event_fd, &count, sizeof(count)); /* empty if there was no question */
	if (!atomic_load_explicit(&w->asked, memory_order_acquire))
		return false;
	*src = w->asked_src;
	*dst = w->asked_dst;
	atomic_store_explicit(&w->asked, false, memory_order_release);
	return true;
}

void ways_publish(struct ways *w, struct way_table *table)
{
	struct way_table *old = atomic_load_explicit(&w->table, memory_order_relaxed);

	atomic_store_explicit(&w->table, table, memory_order_release);
	rcu_retire(old, free);
}

static void ask(struct ways *w, const struct wire_dest *dest)
{
	const uint64_t one = 1;

	if (atomic_load_explicit(&w->asked, memory_order_acquire))
		return; /* one at a time; the next packet asks again */
	w->asked_src = dest->src;
	w->asked_dst = dest->dst;
	atomic_store_explicit(&w->asked, true, memory_order_release);
	(void)!write(w->event_fd, &one, sizeof(one)); /* a full counter is readable, too */
}

static const struct way *find(struct ways *w, const struct wire_dest *dest)
{
	const struct way_table *table = atomic_load_explicit(&w->table, memory_order_acquire);

	for (unsigned i = 0; i < table->count; i++) {
		if (ip_addr_equal(&table->at[i].dst, &dest->dst) &&
		    ip_addr_equal(&table->at[i].src, &dest->src))
			return &table->at[i];
	}
	if (table->count < WAYS_MAX)
		ask(w, dest);
	return NULL;
}

/* A mark is for the kernel's rules to see. What may be fragmented needs an IP ID that the kernel gives to nobody else, or a path MTU only the
 * kernel knows: that stays with the raw socket. */
static bool fits(const struct way *way, const struct wire_tx *tx)
{
	uint32_t len =
		tx->p.len + (tx->dest.dst.family == AF_INET6 ? IP6_HEADER_LEN : IP4_HEADER_MIN);

	return tx->dest.df && tx->dest.mark == 0 && len <= way->mtu &&
	       len + ETHERNET_LEN <= XDP_FRAME_MAX;
}

static bool same_way(const struct way *way, const struct wire_tx *tx)
{
	return tx->dest.sport == 0 && ip_addr_equal(&way->dst, &tx->dest.dst) &&
	       ip_addr_equal(&way->src, &tx->dest.src);
}

static bool put(const struct way *way, const struct wire_tx *tx)
{
	const struct outer_header outer = {.src = way->src,
					   .dst = way->dst,
					   .proto = IPPROTO_ESP,
					   .tos = tx->dest.tos,
					   .payload_len = (uint16_t)tx->p.len};
	uint8_t *at = xdp_room(way->port);
	uint32_t header_len;

	if (!at)
		return false;
	memcpy(at, way->ethernet, ETHERNET_LEN);
	header_len = ETHERNET_LEN + outer_header_put(at + ETHERNET_LEN, &outer);
	memcpy(at + header_len, packet_data(&tx->p), tx->p.len);
	xdp_put(way->port, header_len + tx->p.len);
	return true;
}

unsigned ways_send(struct ways *w, const struct wire_tx *tx, unsigned n,
		   uint64_t verdicts[static V_COUNT])
{
	const struct way *way;
	unsigned taken = 0;

	if (tx[0].dest.mark)
		return 0;
	way = find(w, &tx[0].dest);
	if (!way || !way->port)
		return 0;
	while (taken < n && same_way(way, &tx[taken]) && fits(way, &tx[taken]) &&
	       put(way, &tx[taken]))
		taken++;
	xdp_flush(way->port, verdicts);
	return taken;
}
