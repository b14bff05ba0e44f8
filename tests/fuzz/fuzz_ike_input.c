/*
 * fuzz_ike_input.c: strangers' and peers' bytes into the machine. The first byte chooses:
 *
 *     even    raw datagrams to a machine that answers and one that asks, each behind two bytes of length and one that
 *             says to whom, and how much time passes. Bit 1: they have a tunnel already, whose keys the input may
 *             know, since they are the same each time. Bit 2: all but the first are asked for a cookie
 *     odd     two machines that know each other exchange messages, and what is inside their encrypted payloads is
 *             changed before it is sealed: the input is a row of edits (message, offset, value)
 *
 * Nothing may crash, leak or hang; what is sent is well-formed; and after raw bytes alone nobody is up. The corpus
 * holds whole conversations of such machines: for raw bytes between two of other keys, behind bit 1 of these.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/engine.h"
#include "tests/unit/ike-lite/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_ike_input: %s\n", what);
	abort();
}

/* ---- raw ---------------------------------------------------------------------------------------------------- */

enum { BIT_INSIDE = 1, BIT_TUNNEL = 2, BIT_COOKIES = 4 };

static void feed_raw(struct pair *p, uint8_t bits, const uint8_t *data, size_t size)
{
	if (bits & BIT_COOKIES)
		p->side[A].config.cookie_threshold = p->side[B].config.cookie_threshold = 1;
	pair_configure(p, A);
	pair_configure(p, B);
	pair_initiate(p, A, 1);
	if (bits & BIT_TUNNEL)
		pair_run(p);
	while (size >= 3) {
		unsigned to = data[0] & 1;
		size_t len = (size_t)data[1] | (size_t)data[2] << 8;
		struct side *s = &p->side[to];
		struct ike_ends ends = {.local = s->addr,
					.remote = p->side[to == A ? B : A].addr,
					.local_port = data[0] & 2 ? 4500 : 500,
					.remote_port = data[0] & 4 ? 4500 : 500};
		uint8_t *copy;

		p->now += (uint64_t)(data[0] >> 3) * 100;
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		/* Its end is the end of memory. */
		copy = malloc(len ? len : 1);
		must(copy != NULL, "there is memory");
		memcpy(copy, data, len);
		/* A's SPI is not for strangers to guess; who is on the path knows it. */
		if (!(bits & BIT_TUNNEL) && to == A && len >= 8 && s->ike->sas)
			store_u64(copy, s->ike->sas->spi_i);
		ike_input(s->ike, p->now, &ends, copy, len);
		free(copy);
		pair_collect(p, to);
		ike_tick(s->ike, p->now);
		pair_collect(p, to);
		while (p->queued)
			pair_drop(p);
		data += len;
		size -= len;
	}
	must((bits & BIT_TUNNEL) || (p->side[A].sa_count == 0 && p->side[B].sa_count == 0),
	     "strangers make no SAs");
}

/* ---- inside ---------------------------------------------------------------------------------------------------- */

enum { EDIT_LEN = 4, WISH_ROUNDS = 4 };

struct edits {
	const uint8_t *data;
	size_t count;
	unsigned message; /* encrypted ones so far */
};

/* An edit: which message, where, how. */
static uint32_t apply(const uint8_t *e, uint8_t *plain, uint32_t len, uint8_t *first)
{
	uint32_t at = (uint32_t)e[1] | (uint32_t)(e[2] & 0x0f) << 8;

	switch (e[2] >> 4) {
	case 0:
		*first = e[3];
		return len;
	case 1:
		return len ? at % (len + 1) : 0; /* cut */
	case 2:
		if (len + e[3] > INSIDE_ROOM / 2)
			return len;
		memset(plain + len, e[1], e[3]); /* longer */
		return len + e[3];
	case 3:
		if (at >= len)
			return len;
		memmove(plain + at, plain + at + 1, len - at - 1);
		return len - 1;
	case 4:
		if (len)
			plain[at % len] = (uint8_t)(plain[at % len] + e[3]);
		return len;
	default:
		if (len)
			plain[at % len] = e[3];
		return len;
	}
}

/* Opens a datagram by its sender's keys, changes what is inside, and seals it again. */
static void edit(struct pair *p, struct datagram *d, struct edits *edits)
{
	static struct inside in;

	if (!inside_open(p, d, &in))
		return;
	for (size_t i = 0; i < edits->count; i++) {
		if (edits->data[i * EDIT_LEN] == edits->message % 64)
			in.len = apply(edits->data + i * EDIT_LEN, in.bytes, in.len, &in.first);
	}
	edits->message++;
	inside_seal(p, d, &in);
}

static void run_edited(struct pair *p, struct edits *edits)
{
	for (unsigned n = 0; p->queued && n < 200; n++) {
		edit(p, &p->queue[0], edits);
		pair_deliver(p);
	}
	while (p->queued)
		pair_drop(p);
}

static void feed_inside(struct pair *p, const uint8_t *data, size_t size)
{
	struct edits edits = {.data = data, .count = size / EDIT_LEN};

	for (unsigned i = 0; i < SIDES; i++)
		p->side[i].connection.fragmentation = IKE_FRAGMENT_NO;
	pair_configure(p, A);
	pair_configure(p, B);
	pair_initiate(p, A, 1);
	run_edited(p, &edits);
	for (unsigned n = 0; n < WISH_ROUNDS; n++) {
		unsigned side = n & 1;

		(void)ike_rekey(p->side[side].ike, p->now, "net", n < 2 ? "lan" : NULL);
		pair_collect(p, side);
		run_edited(p, &edits);
		(void)pair_step_time(p);
	}
	(void)ike_terminate(p->side[B].ike, p->now, "net", "lan", 0);
	pair_collect(p, B);
	run_edited(p, &edits);
	for (unsigned n = 0; n < 8 && pair_step_time(p); n++)
		run_edited(p, &edits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair p;

	if (size == 0)
		return 0;
	pair_init(&p, 1);
	if (data[0] & BIT_INSIDE)
		feed_inside(&p, data + 1, size - 1);
	else
		feed_raw(&p, data[0], data + 1, size - 1);
	pair_fini(&p);
	return 0;
}
