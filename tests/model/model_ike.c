/*
 * tests/model/model_ike.c: random schedules for two machines: messages lost, repeated, put out of order, and both
 * sides rekeying children and IKE SAs and probing whenever they like. Whatever happened, when the network is
 * well again there is one IKE SA and one pair of SAs with equal keys; and until somebody was given up for dead,
 * at no moment did a side send what the other could not open.
 *
 *     model_ike [SCHEDULES [SEED]]
 */
#include "tests/unit/ike-lite/pair.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 60, QUIET_MS = 900000 };

static uint64_t state;

static unsigned pick(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

static void fail(uint64_t seed, const char *what)
{
	fprintf(stderr, "model_ike: seed %llu: %s\n", (unsigned long long)seed, what);
	abort();
}

static void prepare(struct pair *p, uint64_t seed)
{
	pair_init(p, seed);
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &p->side[i];

		s->connection.keyingtries = 0;
		s->connection.dpd_delay_s = 30;
		s->connection.rekey_time_s = 600 + 100 * i;
		s->connection.over_time_s = 300;
		s->connection.rand_time_s = 60;
		s->kids[0].rekey_time_s = 200;
		s->kids[0].rand_time_s = 50;
		s->kids[0].life_time_s = 400;
		s->kids[0].dpd_action = IKE_START_START;
		s->kids[0].start_action = i == A ? IKE_START_START : IKE_START_NONE;
	}
	if (seed % 3 == 0)
		p->side[A].config.fragment_size = p->side[B].config.fragment_size = 256;
	if (seed % 5 == 0)
		for (unsigned i = 0; i < SIDES; i++)
			pair_proposals(&p->side[i].kids[0].proposal_count,
				       p->side[i].kids[0].proposals, IKE_PROTO_ESP,
				       "aes256-sha256-esn");
}

static void meddle(struct pair *p)
{
	unsigned side = pick(SIDES);

	switch (pick(10)) {
	case 0:
		if (p->queued)
			pair_drop_at(p, pick(p->queued));
		break;
	case 1:
		if (p->queued)
			pair_repeat(p);
		break;
	case 2:
		(void)ike_rekey(p->side[side].ike, p->now, "net", "lan");
		pair_collect(p, side);
		break;
	case 3:
		(void)ike_rekey(p->side[side].ike, p->now, "net", NULL);
		pair_collect(p, side);
		break;
	case 4:
		(void)pair_step_time(p);
		break;
	default:
		if (p->queued)
			pair_deliver_at(p, pick(p->queued));
		else
			(void)pair_step_time(p);
	}
	/* A wire has an end. */
	while (p->queued > PAIR_QUEUE / 2)
		pair_drop(p);
}

/* It came up once, and nobody was given up for dead. */
static bool is_alive(const struct pair *p)
{
	for (unsigned i = 0; i < SIDES; i++) {
		if (pair_count_events(p, i, IKE_EV_CHILD_UP) != 1 ||
		    pair_count_events(p, i, IKE_EV_IKE_DOWN) ||
		    pair_count_events(p, i, IKE_EV_CHILD_DOWN))
			return false;
	}
	return true;
}

static uint64_t spi_of(const struct pair *p, unsigned side)
{
	struct ike_status s;

	for (unsigned i = 0; ike_status_at(p->side[side].ike, p->now, i, &s); i++) {
		if (s.state == IKE_STATE_UP)
			return s.spi_i;
	}
	return 0;
}

static void check_end(const struct pair *p, uint64_t seed)
{
	for (unsigned i = 0; i < SIDES; i++) {
		if (pair_ike_sas(p, i, IKE_STATE_UP) != 1)
			fail(seed, "there is one IKE SA");
		if (pair_children(p, i) != 1 || pair_count(p, i, true) != 1 ||
		    pair_count(p, i, false) != 1)
			fail(seed, "there is one pair of SAs");
		if (p->side[i].policy_count != 1)
			fail(seed, "there is one pair of policies");
	}
	if (!pair_traffic_flows(p))
		fail(seed, "keys are equal");
	if (spi_of(p, A) != spi_of(p, B))
		fail(seed, "the IKE SA is the same");
}

static void run(uint64_t seed)
{
	static struct pair p;
	static const bool none[SIDES];

	if (getenv("PAIR_VERBOSE"))
		fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	state = seed * 0x9e3779b97f4a7c15ull | 1;
	prepare(&p, seed);
	pair_configure(&p, B);
	pair_configure(&p, A);
	for (unsigned n = 0; n < STEPS; n++) {
		meddle(&p);
		if (is_alive(&p) && !pair_traffic_flows(&p))
			fail(seed, "what is sent finds its SA");
	}
	pair_wait_losing(&p, QUIET_MS, none);
	/* Between two rekeys. */
	for (unsigned n = 0;
	     n < 100 && (pair_count(&p, A, true) != 1 || pair_count(&p, B, true) != 1); n++)
		pair_wait_losing(&p, 1000, none);
	check_end(&p, seed);
	pair_fini(&p);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	for (uint64_t i = 0; i < count; i++)
		run(seed + i);
	printf("model_ike: %llu schedules from seed %llu settled\n", (unsigned long long)count,
	       (unsigned long long)seed);
	return 0;
}
