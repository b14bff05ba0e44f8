/*
 * tests/unit/ike-lite/inside.c: the sender's keys do for both.
 */
#include "tests/unit/ike-lite/inside.h"

#include "ike-lite/engine.h"
#include "ike-lite/sk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ike_sa *with_spi(struct ike *ike, uint64_t spi)
{
	struct ike_sa *sa = engine_find(ike, spi);

	return sa && sa->has_keys ? sa : NULL;
}

/* The sender's end of the IKE SA; the other one has the same keys, and may have outlived it. */
static struct ike_sa *find(struct pair *p, const struct datagram *d, const struct ike_header *h)
{
	bool by_initiator = h->flags & IKE_FLAG_INITIATOR;
	struct ike_sa *sa = with_spi(p->side[d->from].ike, by_initiator ? h->spi_i : h->spi_r);

	if (sa)
		return sa;
	return with_spi(p->side[d->from == A ? B : A].ike, by_initiator ? h->spi_r : h->spi_i);
}

bool inside_open(struct pair *p, const struct datagram *d, struct inside *out)
{
	struct ike_span whole = {d->data, (uint32_t)d->len}, inner;
	struct ike_payloads outer;
	struct ike_sa *sa;

	if (d->len > INSIDE_ROOM / 2 || !ike_header_parse(whole, &out->header) ||
	    out->header.exchange == IKE_SA_INIT)
		return false;
	sa = find(p, d, &out->header);
	if (!sa || ike_payloads_parse(
			   (struct ike_span){d->data + IKE_HEADER_LEN, whole.len - IKE_HEADER_LEN},
			   out->header.next, &outer) != 0)
		return false;
	if (ike_sk_open(&sa->keys, whole, outer.at[outer.count - 1].body, out->bytes, &inner) != 0)
		return false;
	memmove(out->bytes, inner.data, inner.len);
	out->len = inner.len;
	out->first = outer.inner_first;
	return true;
}

void inside_seal(struct pair *p, struct datagram *d, const struct inside *in)
{
	struct ike_sa *sa = find(p, d, &in->header);
	struct ike_keys keys = sa->keys;
	uint8_t *sealed = malloc(INSIDE_ROOM);
	uint32_t len;

	/* Never an IV that the sender will use. */
	keys.sealed += 1u << 20;
	len = sealed ? ike_sk_seal(&keys, &p->side[d->from].ike->env, &in->header, in->first,
				   (struct ike_span){in->bytes, in->len}, sealed, INSIDE_ROOM)
		     : 0;
	if (len == 0) {
		fprintf(stderr, "inside: it cannot be sealed again\n");
		abort();
	}
	free(d->data);
	/* Its end is the end of memory. */
	d->data = realloc(sealed, len);
	d->len = len;
}

uint8_t *inside_find(struct inside *in, uint8_t type, uint32_t *len)
{
	struct ike_payloads list;
	const struct ike_payload *found;

	if (ike_payloads_parse((struct ike_span){in->bytes, in->len}, in->first, &list) != 0)
		return NULL;
	found = ike_payloads_find(&list, type);
	if (!found)
		return NULL;
	*len = found->body.len;
	return in->bytes + (found->body.data - in->bytes);
}

unsigned inside_hold_deletes(struct pair *p, unsigned side, const uint64_t *ms, unsigned count)
{
	struct ike *ike = p->side[side].ike;
	unsigned n = 0;

	for (struct ike_sa *sa = ike->sas; sa; sa = sa->next) {
		for (struct task *t = sa->tasks; t; t = t->next) {
			if (t->kind != TASK_DELETE_CHILD)
				continue;
			if (n < count)
				t->not_before = ike->now + ms[n];
			n++;
		}
	}
	return n;
}
