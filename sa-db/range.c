/*
 * sa-db/range.c: selectors that are ranges, RFC 4301 §4.4.1.1, as lists of those that XFRM has words
 * for: prefixes of addresses, values under masks of ports. Called by who loads policies: tools and
 * IKE. docs/decisions/0012 says why there.
 */
#include "sa-db/sadb.h"

#include <errno.h>
#include <string.h>

/* Addresses and ports alike are numbers of so many bits here. */
__extension__ typedef unsigned __int128 number;

/* What is left of a range while it is cut up. */
struct cut {
	number at, to;
	unsigned bits;
	bool done;
};

/* Numbers that share their first len bits. */
struct block {
	number first;
	unsigned len;
};

static struct cut cut_begin(number from, number to, unsigned bits)
{
	return (struct cut){.at = from, .to = to, .bits = bits};
}

/* The largest aligned block at the front: any shorter list would need a larger one, which either
 * begins before the range or ends behind it. False when nothing is left. */
static bool cut_next(struct cut *c, struct block *out)
{
	unsigned free = 0;
	number last = c->at;

	if (c->done)
		return false;
	while (free < c->bits && !(c->at >> free & 1)) {
		number wider = last | (number)1 << free;

		if (wider > c->to)
			break;
		last = wider;
		free++;
	}
	*out = (struct block){.first = c->at, .len = c->bits - free};
	c->done = last == c->to;
	c->at = last + 1;
	return true;
}

/* ---- numbers and what they stand for -------------------------------------------------------- */

static number number_of(const struct ip_addr *addr)
{
	number n = 0;

	for (unsigned i = 0; i < ip_addr_bits(addr) / 8; i++)
		n = n << 8 | addr->bytes[i];
	return n;
}

static struct ip_prefix prefix_of(const struct block *b, uint8_t family)
{
	struct ip_prefix out = {.addr.family = family, .len = (uint8_t)b->len};
	number n = b->first;

	for (unsigned i = ip_addr_bits(&out.addr) / 8; i > 0; i--) {
		out.addr.bytes[i - 1] = (uint8_t)n;
		n >>= 8;
	}
	return out;
}

static uint16_t mask_of(const struct block *b)
{
	return (uint16_t)((uint32_t)UINT16_MAX << (16 - b->len));
}

static bool end_is_valid(const struct selector_end *end, uint8_t family)
{
	return end->from.family == family && end->to.family == family &&
	       memcmp(end->from.bytes, end->to.bytes, sizeof(end->from.bytes)) <= 0 &&
	       end->port_from <= end->port_to;
}

static struct cut cut_addresses(const struct selector_end *end)
{
	return cut_begin(number_of(&end->from), number_of(&end->to), ip_addr_bits(&end->from));
}

static struct cut cut_ports(const struct selector_end *end)
{
	return cut_begin(end->port_from, end->port_to, 16);
}

/* ---- the product ------------------------------------------------------------------------------ */

struct list_of_selectors {
	struct selector *out; /* borrowed */
	unsigned count, max;
};

/* All ports for one pair of prefixes. 0, -E2BIG. */
static int put_ports(struct list_of_selectors *list, const struct selector_range *range,
		     const struct selector *addresses)
{
	struct cut sports = cut_ports(&range->src), dports;
	struct block sport, dport;

	while (cut_next(&sports, &sport)) {
		dports = cut_ports(&range->dst);
		while (cut_next(&dports, &dport)) {
			struct selector *sel;

			if (list->count == list->max)
				return -E2BIG;
			sel = &list->out[list->count++];
			*sel = *addresses;
			sel->sport = (uint16_t)sport.first;
			sel->sport_mask = mask_of(&sport);
			sel->dport = (uint16_t)dport.first;
			sel->dport_mask = mask_of(&dport);
		}
	}
	return 0;
}

int selector_range_split(const struct selector_range *range, struct selector *out, unsigned max)
{
	struct list_of_selectors list = {.out = out, .max = max};
	struct selector sel = {.family = range->family, .proto = range->proto};
	struct cut sources, destinations;
	struct block block;
	int rc = 0;

	if (range->family != AF_INET && range->family != AF_INET6)
		return -EINVAL;
	if (!end_is_valid(&range->src, range->family) || !end_is_valid(&range->dst, range->family))
		return -EINVAL;
	sources = cut_addresses(&range->src);
	while (rc == 0 && cut_next(&sources, &block)) {
		sel.src = prefix_of(&block, range->family);
		destinations = cut_addresses(&range->dst);
		while (rc == 0 && cut_next(&destinations, &block)) {
			sel.dst = prefix_of(&block, range->family);
			rc = put_ports(&list, range, &sel);
		}
	}
	return rc < 0 ? rc : (int)list.count;
}
