/*
 * tests/model/model_spd.c: is the clever SPD equal to the dumb one? The dumb one is a heap of
 * policies in no order: a look-up asks each of them, bit by bit, and takes the lowest priority, and
 * of those the one inserted first. The clever one answers plainly, through a cache that is asked all
 * the time and through one that sleeps for long stretches and wakes to another SPD. Random steps,
 * seeded: CYGNET_SEED=n repeats a run, CYGNET_ROUNDS=n makes it longer.
 */
#include "entries.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEAP_MAX = 400, ROUNDS = 30000 };

/* ---- the dumb SPD ------------------------------------------------------------------------- */

static struct heap_entry {
	struct policy_config config;
	struct policy *policy;
	uint64_t inserted;
} heap[HEAP_MAX];
static unsigned heap_count;
static uint64_t insertions;

static bool bits_agree(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	for (unsigned bit = 0; bit < prefix->len; bit++) {
		const unsigned shift = 7 - bit % 8;

		if ((prefix->addr.bytes[bit / 8] >> shift & 1) !=
		    (addr->bytes[bit / 8] >> shift & 1))
			return false;
	}
	return true;
}

static bool ports_agree(uint16_t value, uint16_t mask, uint16_t port)
{
	for (unsigned bit = 0; bit < 16; bit++) {
		if ((mask >> bit & 1) && (value >> bit & 1) != (port >> bit & 1))
			return false;
	}
	return true;
}

static bool naive_matches(const struct policy_config *c, enum policy_dir dir,
			  const struct ip_view *v)
{
	const struct selector *s = &c->sel;

	if (c->dir != dir || c->mark.value != 0)
		return false;
	if (s->family != (v->version == 4 ? AF_INET : AF_INET6))
		return false;
	if (s->proto && s->proto != v->proto)
		return false;
	if ((s->sport_mask || s->dport_mask) && !v->has_ports)
		return false;
	return bits_agree(&s->src, &v->src) && bits_agree(&s->dst, &v->dst) &&
	       ports_agree(s->sport, s->sport_mask, v->sport) &&
	       ports_agree(s->dport, s->dport_mask, v->dport);
}

static struct policy *naive_lookup(enum policy_dir dir, const struct ip_view *v)
{
	const struct heap_entry *best = NULL, *e;

	for (unsigned i = 0; i < heap_count; i++) {
		e = &heap[i];
		if (!naive_matches(&e->config, dir, v))
			continue;
		if (!best || e->config.priority < best->config.priority ||
		    (e->config.priority == best->config.priority && e->inserted < best->inserted))
			best = e;
	}
	return best ? best->policy : NULL;
}

static struct heap_entry *naive_find(const struct policy_config *key)
{
	for (unsigned i = 0; i < heap_count; i++) {
		const struct policy_config *c = &heap[i].config;

		if (c->dir == key->dir && selector_equal(&c->sel, &key->sel) &&
		    c->mark.value == key->mark.value && c->mark.mask == key->mark.mask)
			return &heap[i];
	}
	return NULL;
}

/* ---- what is drawn ------------------------------------------------------------------------ */

static uint64_t rng;

static unsigned draw(unsigned below)
{
	return (unsigned)((random_next(&rng) >> 16) % below);
}

/* Few different bits, so that prefixes contain, touch and miss each other. */
static struct ip_addr draw_addr(bool six)
{
	uint8_t bytes[16] = {0};

	bytes[0] = six ? 0x20 : 10;
	bytes[1] = (uint8_t)draw(3);
	bytes[2] = (uint8_t)(draw(2) ? 0x80 : 0);
	bytes[3] = (uint8_t)draw(4);
	if (six)
		bytes[15] = (uint8_t)draw(3);
	return six ? ip_addr_v6(bytes) : ip_addr_v4(bytes);
}

static struct ip_prefix draw_prefix(bool six)
{
	static const uint8_t lengths[] = {0, 0, 8, 15, 16, 17, 24, 31, 32, 127, 128};

	/* Host bits as drawn: they must not matter. */
	return (struct ip_prefix){draw_addr(six), lengths[draw(six ? 11 : 9)]};
}

static void draw_ports(struct selector *sel)
{
	static const uint16_t masks[] = {0xffff, 0xfffe, 0xfff0, 0x8000};

	if (draw(2)) {
		sel->sport_mask = masks[draw(4)];
		sel->sport = (uint16_t)draw(20);
	}
	if (draw(2)) {
		sel->dport_mask = masks[draw(4)];
		sel->dport = (uint16_t)draw(20);
	}
}

static struct policy_config draw_policy(void)
{
	static const uint8_t protos[] = {0, 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	const bool six = draw(3) == 0;
	struct policy_config c = {
		.sel = {.family = six ? AF_INET6 : AF_INET, .proto = protos[draw(5)]},
		.priority = draw(6),
		.dir = (uint8_t)draw(POLICY_DIRS),
		.action = (uint8_t)(POLICY_BYPASS + draw(2)),
	};

	c.sel.src = draw_prefix(six);
	c.sel.dst = draw_prefix(six);
	if (draw(3) == 0)
		draw_ports(&c.sel);
	if (draw(20) == 0)
		c.mark = (struct xfrm_mark_value){draw(2), 0xff};
	return c;
}

static struct ip_view draw_packet(void)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE};
	const bool six = draw(3) == 0;
	struct ip_view v = {
		.src = draw_addr(six),
		.dst = draw_addr(six),
		.version = six ? 6 : 4,
		.proto = protos[draw(4)],
	};

	v.has_ports = v.proto != IPPROTO_GRE && draw(8) != 0;
	if (v.has_ports) {
		v.sport = (uint16_t)draw(20);
		v.dport = (uint16_t)draw(20);
	}
	return v;
}

/* ---- both, step by step ------------------------------------------------------------------- */

static struct sadb *db;
static unsigned long added, replaced, refused, deleted, flushed, found, missed;

static bool step_add(void)
{
	struct policy_config c = draw_policy();
	struct heap_entry *e;
	struct policy *p = NULL;
	const bool replace = draw(2);
	int rc;

	/* Often one that is there, so that duplicates and replacements happen. */
	if (heap_count && draw(3) == 0) {
		const struct policy_config *there = &heap[draw(heap_count)].config;

		c.sel = there->sel;
		c.dir = there->dir;
		c.mark = there->mark;
	}
	e = naive_find(&c);
	if (!e && heap_count == HEAP_MAX)
		return true;
	rc = sadb_policy_add(db, &c, replace, 1, &p);
	if (e && !replace) {
		refused++;
		return rc == -EEXIST;
	}
	if (rc != 0)
		return false;
	*(e ? &replaced : &added) += 1;
	if (!e)
		e = &heap[heap_count++];
	*e = (struct heap_entry){p->config, p, insertions++};
	return true;
}

static bool step_delete(void)
{
	struct policy_config key;
	unsigned i;

	if (heap_count == 0)
		return true;
	i = draw(heap_count);
	key = heap[i].config;
	if (draw(2))
		key.index = 0; /* by selector */
	deleted++;
	heap[i] = heap[--heap_count];
	if (sadb_policy_delete(db, &key) != 0)
		return false;
	return sadb_policy_delete(db, &key) == -ENOENT; /* a second time */
}

static bool step_flush(void)
{
	const bool ok = sadb_policy_flush(db) == heap_count;

	flushed++;
	heap_count = 0;
	return ok;
}

static bool ask(struct spd_cache *cache, bool plain)
{
	const enum policy_dir dir = draw(POLICY_DIRS);
	const struct ip_view v = draw_packet();
	struct policy *expected = naive_lookup(dir, &v);

	*(expected ? &found : &missed) += 1;
	if (plain && spd_lookup(db, dir, &v) != expected)
		return false;
	/* A miss that fills, and a hit. */
	for (unsigned i = 0; i < 2; i++) {
		if (spd_lookup_cached(db, cache, dir, &v) != expected)
			return false;
	}
	return true;
}

static bool counts_agree(void)
{
	unsigned counts[POLICY_DIRS] = {0};

	for (unsigned i = 0; i < heap_count; i++)
		counts[heap[i].config.dir]++;
	for (enum policy_dir dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		if (sadb_policy_count(db, dir) != counts[dir])
			return false;
	}
	return true;
}

/* Waves: the SPD grows, shrinks, and is flushed now and then. */
static bool step(unsigned round)
{
	const unsigned grow = (round / 1500) % 2 ? 35 : 65, dice = draw(100);

	if (round % 5000 == 4999)
		return step_flush();
	return dice < grow ? step_add() : step_delete();
}

int main(void)
{
	const char *text = getenv("CYGNET_ROUNDS");
	const unsigned rounds = text ? (unsigned)strtoul(text, NULL, 0) : ROUNDS;
	struct spd_cache *awake = spd_cache_new(), *sleepy = spd_cache_new();
	bool ok = true;

	rng = seed_of_run(0x59d);
	/* Freed at once: a stale answer of a cache is a pointer to freed memory. */
	db = sadb_new((struct sadb_retire){NULL, NULL});
	ok = db && awake && sleepy;
	for (unsigned round = 0; ok && round < rounds; round++) {
		ok = step(round) && counts_agree();
		for (unsigned i = 0; ok && i < 4; i++)
			ok = ask(awake, true);
		for (unsigned i = 0; ok && round % 97 == 0 && i < 50; i++)
			ok = ask(sleepy, false);
		if (!ok)
			fprintf(stderr, "model_spd: they differ in round %u\n", round);
	}
	sadb_free(db);
	spd_cache_free(awake);
	spd_cache_free(sleepy);
	printf("%lu added, %lu replaced, %lu refused, %lu deleted, %lu flushes; %lu found, %lu "
	       "not\n",
	       added, replaced, refused, deleted, flushed, found, missed);
	/* A run that never met one of these has asked nothing about it. */
	ok = ok && added && replaced && refused && deleted && found && missed;
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
