/*
 * tests/model/model_range.c: does a range, cut into selectors, hold exactly the packets it should?
 * The dumb reading compares numbers: from <= n <= to. Every range of ports and of addresses within a
 * byte, at several places; random ranges of 32 and 128 bits, asked at their borders; products of
 * four small ranges, every packet of them. Each packet inside must be in one selector, each outside
 * in none, and no shorter list of prefixes may exist. Seeded: CYGNET_SEED=n repeats a run.
 */
#include "entries.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 8192, RANDOM_RANGES = 20000, PRODUCTS = 60 };

static struct selector list[MAX];
static int count;
static uint64_t rng;

static void fail(const char *what, const struct selector_range *r)
{
	char a[IP_ADDR_TEXT_MAX], b[IP_ADDR_TEXT_MAX];

	fprintf(stderr, "model_range: %s: %s-%s[%u-%u], %d selectors\n", what,
		ip_addr_format(&r->src.from, a), ip_addr_format(&r->src.to, b), r->src.port_from,
		r->src.port_to, count);
	exit(1);
}

static void split(const struct selector_range *r)
{
	count = selector_range_split(r, list, MAX);
	if (count <= 0)
		fail("refused", r);
}

static int holders(const struct ip_view *v)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n += selector_matches(&list[i], v);
	return n;
}

static bool between(const struct ip_addr *from, const struct ip_addr *addr,
		    const struct ip_addr *to)
{
	return memcmp(from->bytes, addr->bytes, 16) <= 0 && memcmp(addr->bytes, to->bytes, 16) <= 0;
}

static bool end_holds(const struct selector_end *end, const struct ip_addr *addr, uint16_t port)
{
	return between(&end->from, addr, &end->to) && end->port_from <= port &&
	       port <= end->port_to;
}

static void check(const struct selector_range *r, const struct ip_view *v)
{
	bool want = end_holds(&r->src, &v->src, v->sport) && end_holds(&r->dst, &v->dst, v->dport);

	if (holders(v) != (want ? 1 : 0))
		fail("a packet is in too many or too few", r);
}

/* How many prefixes a range needs, the slow way: a node of the tree of prefixes that is not whole
 * inside is asked for its halves. */
static int prefixes_needed(unsigned from, unsigned to, unsigned low, unsigned size)
{
	if (low > to || low + size - 1 < from)
		return 0;
	if (from <= low && low + size - 1 <= to)
		return 1;
	return prefixes_needed(from, to, low, size / 2) +
	       prefixes_needed(from, to, low + size / 2, size / 2);
}

static struct ip_addr v4(uint32_t n)
{
	const uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				  (uint8_t)n};

	return ip_addr_v4(bytes);
}

static struct selector_range one_address(uint16_t port_from, uint16_t port_to)
{
	const struct selector_end all = {v4(0), v4(UINT32_MAX), 0, UINT16_MAX};

	return (struct selector_range){.family = AF_INET,
				       .proto = IPPROTO_UDP,
				       .src = {all.from, all.to, port_from, port_to},
				       .dst = all};
}

static void every_port_range_of_a_byte(unsigned base)
{
	struct ip_view v = view_of("10.1.2.3", "10.4.5.6", IPPROTO_UDP, 1, 2);

	for (unsigned from = 0; from < 256; from += base ? 5 : 1) {
		for (unsigned to = from; to < 256; to++) {
			const struct selector_range r =
				one_address((uint16_t)(base + from), (uint16_t)(base + to));

			split(&r);
			if (count != prefixes_needed(base + from, base + to, 0, 1 << 16))
				fail("more selectors than needed", &r);
			/* All around the borders, and a step that finds every block inside. */
			for (int n = -2; n < 258;
			     n += n < (int)from - 2 || n > (int)to + 2 ? 7 : 1) {
				v.sport = (uint16_t)(base + (unsigned)n);
				check(&r, &v);
			}
		}
	}
}

static void every_address_range_of_a_byte(uint32_t base)
{
	struct ip_view v = view_of("10.1.2.3", "10.4.5.6", IPPROTO_UDP, 1, 2);

	for (uint32_t from = 0; from < 256; from += 3) {
		for (uint32_t to = from; to < 256; to++) {
			struct selector_range r = one_address(0, UINT16_MAX);

			r.src.from = v4(base + from);
			r.src.to = v4(base + to);
			split(&r);
			for (uint32_t n = 0; n < 260; n++) {
				v.src = v4(base + n - 2);
				check(&r, &v);
			}
		}
	}
}

static unsigned draw(unsigned below)
{
	return (unsigned)((random_next(&rng) >> 16) % below);
}

static struct ip_addr draw_addr(bool six)
{
	uint8_t bytes[16];

	/* Runs of equal bits make long and short blocks. */
	for (unsigned i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(draw(3) == 0 ? 0 : draw(2) == 0 ? 0xff : draw(256));
	return six ? ip_addr_v6(bytes) : ip_addr_v4(bytes);
}

/* addr + 1 or addr - 1, around the ends. */
static struct ip_addr step(struct ip_addr addr, bool up)
{
	for (unsigned i = ip_addr_bits(&addr) / 8; i > 0; i--) {
		addr.bytes[i - 1] = (uint8_t)(addr.bytes[i - 1] + (up ? 1 : 255));
		if (addr.bytes[i - 1] != (up ? 0 : 0xff))
			break;
	}
	return addr;
}

static void random_range(bool six)
{
	struct ip_addr a = draw_addr(six), b = draw_addr(six);
	bool ordered = memcmp(a.bytes, b.bytes, 16) <= 0;
	struct selector_range r = {.family = six ? AF_INET6 : AF_INET,
				   .src = {ordered ? a : b, ordered ? b : a, 0, UINT16_MAX},
				   .dst = {a, a, 0, UINT16_MAX}};
	struct ip_view v = {.version = six ? 6 : 4, .dst = a};
	struct ip_addr probes[8];

	split(&r);
	if (count > (six ? 254 : 62))
		fail("longer than any list needs to be", &r);
	memcpy(probes,
	       (struct ip_addr[]){r.src.from, r.src.to, step(r.src.from, false),
				  step(r.src.from, true), step(r.src.to, false),
				  step(r.src.to, true), draw_addr(six), draw_addr(six)},
	       sizeof(probes));
	for (unsigned i = 0; i < 8; i++) {
		v.src = probes[i];
		check(&r, &v);
	}
}

static void draw_pair(unsigned *from, unsigned *to, unsigned below)
{
	unsigned a = draw(below), b = draw(below);

	*from = a < b ? a : b;
	*to = a < b ? b : a;
}

/* Four ranges within 0..11, every packet within -1..12. */
static void random_product(void)
{
	enum { BASE = 0x0a0000fa, PORTS = 250, SIDE = 12 };
	struct selector_range r = {.family = AF_INET, .proto = IPPROTO_UDP};
	struct ip_view v = view_of("10.1.2.3", "10.4.5.6", IPPROTO_UDP, 1, 2);
	unsigned from[4], to[4];

	for (unsigned i = 0; i < 4; i++)
		draw_pair(&from[i], &to[i], SIDE);
	r.src = (struct selector_end){v4(BASE + from[0]), v4(BASE + to[0]),
				      (uint16_t)(PORTS + from[1]), (uint16_t)(PORTS + to[1])};
	r.dst = (struct selector_end){v4(BASE + from[2]), v4(BASE + to[2]),
				      (uint16_t)(PORTS + from[3]), (uint16_t)(PORTS + to[3])};
	split(&r);
	for (unsigned n = 0; n < (SIDE + 2) * (SIDE + 2) * (SIDE + 2) * (SIDE + 2);
	     n += 1 + draw(3)) {
		unsigned rest = n;

		v.src = v4(BASE - 1 + rest % (SIDE + 2));
		rest /= SIDE + 2;
		v.sport = (uint16_t)(PORTS - 1 + rest % (SIDE + 2));
		rest /= SIDE + 2;
		v.dst = v4(BASE - 1 + rest % (SIDE + 2));
		v.dport = (uint16_t)(PORTS - 1 + rest / (SIDE + 2));
		check(&r, &v);
	}
}

int main(void)
{
	rng = seed_of_run(0x4a69e);
	every_port_range_of_a_byte(0);
	every_port_range_of_a_byte(0x7f80); /* over the middle */
	every_port_range_of_a_byte(0xff00);
	every_address_range_of_a_byte(0x0a00ff80);
	for (unsigned i = 0; i < RANDOM_RANGES; i++)
		random_range(i % 2);
	for (unsigned i = 0; i < PRODUCTS; i++)
		random_product();
	printf("model_range: exact and as short as can be\n");
	return 0;
}
