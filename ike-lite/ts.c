/*
 * ike-lite/ts.c: arithmetic on traffic selectors, RFC 7296 §2.9, §3.13.1. What narrowing gives lies
 * within ours and within theirs, and nothing that lies within both is left out, unless there are more than
 * IKE_TS_MAX pieces of it.
 */
#include "ike-lite/ts.h"

#include <string.h>

static int compare(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool is_opaque(const struct ike_ts *ts)
{
	return ts->port_from == UINT16_MAX && ts->port_to == 0;
}

static bool has_all_ports(const struct ike_ts *ts)
{
	return ts->port_from == 0 && ts->port_to == UINT16_MAX;
}

static bool ports_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	if (is_opaque(a) || is_opaque(b)) {
		out->port_from = UINT16_MAX;
		out->port_to = 0;
		return (is_opaque(a) || has_all_ports(a)) && (is_opaque(b) || has_all_ports(b));
	}
	out->port_from = a->port_from > b->port_from ? a->port_from : b->port_from;
	out->port_to = a->port_to < b->port_to ? a->port_to : b->port_to;
	return out->port_from <= out->port_to;
}

bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	struct ike_ts both;

	if (a->from.family != b->from.family)
		return false;
	if (a->proto != b->proto && a->proto != 0 && b->proto != 0)
		return false;
	both.proto = a->proto ? a->proto : b->proto;
	if (!ports_intersect(a, b, &both))
		return false;
	both.from = compare(&a->from, &b->from) > 0 ? a->from : b->from;
	both.to = compare(&a->to, &b->to) < 0 ? a->to : b->to;
	if (compare(&both.from, &both.to) > 0)
		return false;
	*out = both;
	return true;
}

bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b)
{
	return a->proto == b->proto && a->port_from == b->port_from && a->port_to == b->port_to &&
	       ip_addr_equal(&a->from, &b->from) && ip_addr_equal(&a->to, &b->to);
}

bool ike_ts_covers(const struct ike_ts *outer, const struct ike_ts *inner)
{
	struct ike_ts both;

	return ike_ts_intersect(outer, inner, &both) && ike_ts_equal(&both, inner);
}

bool ike_ts_list_covers(const struct ike_ts_list *list, const struct ike_ts *ts)
{
	for (unsigned i = 0; i < list->count; i++)
		if (ike_ts_covers(&list->at[i], ts))
			return true;
	return false;
}

/* Adds a piece that no other covers, in place of those that it covers itself; the place of the first of
 * them stays his. */
static void add_piece(struct ike_ts_list *list, const struct ike_ts *ts)
{
	unsigned kept = 0;
	bool placed = false;

	if (ike_ts_list_covers(list, ts))
		return;
	for (unsigned i = 0; i < list->count; i++) {
		if (!ike_ts_covers(ts, &list->at[i])) {
			list->at[kept++] = list->at[i];
		} else if (!placed) {
			list->at[kept++] = *ts;
			placed = true;
		}
	}
	list->count = kept;
	if (!placed && list->count < IKE_TS_MAX)
		list->at[list->count++] = *ts;
}

bool ike_ts_narrow(const struct ike_ts_list *ours, const struct ike_ts_list *theirs,
		   struct ike_ts_list *out)
{
	*out = (struct ike_ts_list){0};
	for (unsigned t = 0; t < theirs->count; t++) {
		for (unsigned o = 0; o < ours->count; o++) {
			struct ike_ts both;

			if (ike_ts_intersect(&ours->at[o], &theirs->at[t], &both))
				add_piece(out, &both);
		}
	}
	return out->count != 0;
}

bool ike_ts_list_within(const struct ike_ts_list *inner, const struct ike_ts_list *outer)
{
	for (unsigned i = 0; i < inner->count; i++)
		if (!ike_ts_list_covers(outer, &inner->at[i]))
			return false;
	return true;
}

static bool holds(const struct ike_ts_list *list, const struct ike_ts *ts)
{
	for (unsigned i = 0; i < list->count; i++)
		if (ike_ts_equal(&list->at[i], ts))
			return true;
	return false;
}

static bool all_stand_in(const struct ike_ts_list *a, const struct ike_ts_list *b)
{
	for (unsigned i = 0; i < a->count; i++)
		if (!holds(b, &a->at[i]))
			return false;
	return true;
}

bool ike_ts_list_equal(const struct ike_ts_list *a, const struct ike_ts_list *b)
{
	return all_stand_in(a, b) && all_stand_in(b, a);
}

bool ike_ts_list_add(struct ike_ts_list *list, const struct ike_ts *ts)
{
	if (holds(list, ts))
		return true;
	if (list->count == IKE_TS_MAX)
		return false;
	list->at[list->count++] = *ts;
	return true;
}

bool ike_ts_list_put_first(struct ike_ts_list *list, const struct ike_ts *ts)
{
	if (list->count == IKE_TS_MAX)
		return false;
	memmove(&list->at[1], &list->at[0], list->count * sizeof(list->at[0]));
	list->at[0] = *ts;
	list->count++;
	return true;
}

struct ike_ts ike_ts_of_addr(const struct ip_addr *addr)
{
	return (struct ike_ts){.port_to = UINT16_MAX, .from = *addr, .to = *addr};
}

struct ike_ts ike_ts_all(uint8_t family)
{
	struct ike_ts ts = {
		.port_to = UINT16_MAX, .from = {.family = family}, .to = {.family = family}};

	memset(ts.to.bytes, 0xff, ip_addr_bits(&ts.to) / 8);
	return ts;
}
