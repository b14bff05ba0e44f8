/*
 * ike-lite/ts.h: arithmetic on traffic selectors, RFC 7296 §2.9. A selector is a box: addresses by
 * protocol by ports. Protocol 0 is all of them; ports 65535..0, OPAQUE, are what packets without ports
 * have, and belong to 0..65535 and nothing else.
 */
#ifndef CYGNET_IKE_TS_H
#define CYGNET_IKE_TS_H

#include "ike-lite/ike.h"

/* What both hold. False: nothing. */
bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out);
bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b);
/* True if inner lies in outer; equal ones do. */
bool ike_ts_covers(const struct ike_ts *outer, const struct ike_ts *inner);

/* Narrowing: every pair's intersection, in the order of theirs (the first is the packet's that triggered
 * it, §2.9, so it stays when there are too many), those left out that another covers. False: nothing in
 * common, TS_UNACCEPTABLE; *out is then empty. */
bool ike_ts_narrow(const struct ike_ts_list *ours, const struct ike_ts_list *theirs,
		   struct ike_ts_list *out);
/* True if one selector of the list covers ts. */
bool ike_ts_list_covers(const struct ike_ts_list *list, const struct ike_ts *ts);
/* True if each selector of inner is covered by one of outer: an answer is no wider than the offer, and
 * the other way about it was not narrowed. */
bool ike_ts_list_within(const struct ike_ts_list *inner, const struct ike_ts_list *outer);
/* The same selectors, in any order. */
bool ike_ts_list_equal(const struct ike_ts_list *a, const struct ike_ts_list *b);
/* Adds ts at the end, unless it is there. False: the list is full. */
bool ike_ts_list_add(struct ike_ts_list *list, const struct ike_ts *ts);
/* Puts the triggering packet's selector first, §2.9. False, and no change: the list is full. */
bool ike_ts_list_put_first(struct ike_ts_list *list, const struct ike_ts *ts);
/* All of one address; all of a family's. */
struct ike_ts ike_ts_of_addr(const struct ip_addr *addr);
struct ike_ts ike_ts_all(uint8_t family);
/* "a, b": for logs; returns buf, cut if it is full. */
const char *ike_ts_list_format(const struct ike_ts_list *list, char *buf, size_t size);

#endif
