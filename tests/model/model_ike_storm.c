/*
 * tests/model/model_ike_storm.c: two machines under random schedules: messages lost, repeated and put out of order,
 * rekeys and deletes begun by both ends at any moment, deletes of what was rekeyed that come late and in another
 * order, data planes that begin anew without an SA. The model is one
 * sentence: when the storm is over, there is one IKE SA on each side and one pair of child SAs with equal keys. And
 * where nothing is deleted and little is lost, what one end sends the other can open, at every moment (make before
 * break).
 *
 *     model_ike_storm [FIRST COUNT]     seeds FIRST..FIRST + COUNT - 1; PAIR_VERBOSE=1 tells the events
 */
#include "tests/unit/ike-lite/inside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS_MAX = 60, GENTLE_DROPS = 3, SECOND = 1000 };

/* ---- a schedule ------------------------------------------------------------------------------------------ */

struct schedule {
	struct pair pair;
	uint64_t seed, random;
	/* What may happen, in percent of the steps. */
	unsigned lose, repeat, reorder, command;
	bool gentle;   /* no deletes, and so few losses that nobody gives up */
	bool restarts; /* data planes lose all they have */
	bool lazy;     /* deletes wait: a child may be rekeyed again before the last one is gone */
	unsigned dropped;
};

static uint64_t current_seed; /* for who dies on the way */

static void say_seed(int signal_number)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "model_ike_storm: seed %llu\n",
			   (unsigned long long)current_seed);

	(void)signal_number;
	(void)!write(STDERR_FILENO, text, (size_t)len);
	_exit(EXIT_FAILURE);
}

static void fail(const struct schedule *s, const char *what)
{
	fprintf(stderr, "model_ike_storm: seed %llu: %s\n", (unsigned long long)s->seed, what);
	for (unsigned side = 0; side < SIDES; side++)
		fprintf(stderr, "  %c: %u IKE SAs up, %u children, %u in, %u out\n", "AB"[side],
			pair_ike_sas(&s->pair, side, IKE_STATE_UP), pair_children(&s->pair, side),
			pair_count(&s->pair, side, true), pair_count(&s->pair, side, false));
	exit(EXIT_FAILURE);
}

static unsigned below(struct schedule *s, unsigned n)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s->random >> 33) % n;
}

static bool chance(struct schedule *s, unsigned percent)
{
	return below(s, 100) < percent;
}

static bool is_verbose(void)
{
	return getenv("PAIR_VERBOSE") != NULL;
}

/* What becomes of a datagram. */
static void tell(const struct schedule *s, unsigned i, const char *what)
{
	const struct datagram *d = &s->pair.queue[i];

	if (is_verbose() && d->len > 28)
		fprintf(stderr, "%llu %c -> exchange %u %s id %u: %s\n",
			(unsigned long long)s->pair.now, "AB"[d->from], d -> data[18],
			d -> data[19] & 0x20 ? "response" : "request", d->data[23], what);
}

/* What both ends agree on, drawn for the schedule. */
static void draw_configuration(struct schedule *s)
{
	static const char *const children[] = {"aes128gcm16-x25519-noesn", "aes128gcm16-noesn",
					       "aes256-sha256-x25519-esn"};
	const char *child = children[below(s, 3)];
	unsigned dpd = below(s, 2) ? 10 : 30;
	uint16_t fragment_size = chance(s, 20) ? 256 : 0;
	bool trap = chance(s, 30);

	for (unsigned i = 0; i < SIDES; i++) {
		struct side *side = &s->pair.side[i];
		struct ike_child_config *k = &side->kids[0];

		pair_proposals(&k->proposal_count, k->proposals, IKE_PROTO_ESP, child);
		side->connection.dpd_delay_s = dpd;
		side->config.fragment_size = fragment_size;
		if (trap)
			k->start_action = k->close_action = k->dpd_action = IKE_START_TRAP;
		pair_configure(&s->pair, i);
	}
}

static void begin(struct schedule *s, uint64_t seed)
{
	static const unsigned losses[] = {0, 5, 20, 40};

	*s = (struct schedule){.seed = seed, .random = seed * 0x9e3779b97f4a7c15u};
	current_seed = seed;
	pair_init(&s->pair, seed);
	s->lose = losses[below(s, 4)];
	s->repeat = losses[below(s, 4)] / 2;
	s->reorder = losses[below(s, 4)];
	s->command = 5 + below(s, 40);
	s->gentle = below(s, 2);
	s->restarts = chance(s, 25);
	s->lazy = seed % 3 == 0;
	draw_configuration(s);
	pair_initiate(&s->pair, A, 1);
	pair_run(&s->pair);
	if (pair_count(&s->pair, A, true) != 1 || !pair_traffic_flows(&s->pair))
		fail(s, "does not come up");
	s->pair.checks_traffic = s->gentle && !s->restarts;
}

/* ---- the storm -------------------------------------------------------------------------------------------- */

/* What the data plane tells of one of its SAs, or of a packet without one. */
static void tell_machine(struct schedule *s, unsigned number)
{
	struct side *side = &s->pair.side[number];
	const struct ike_sa_action *sa;

	if (side->sa_count == 0) {
		struct ike_ts src =
			pair_ts(number == A ? "10.1.0.7[tcp/1000]" : "10.2.0.7[tcp/80]");
		struct ike_ts dst =
			pair_ts(number == A ? "10.2.0.7[tcp/80]" : "10.1.0.7[tcp/1000]");

		if (side->policy_count)
			ike_on_acquire(side->ike, s->pair.now, side->policies[0].reqid, &src, &dst,
				       below(s, 1000));
		return;
	}
	sa = &side->sas[below(s, side->sa_count)];
	if (chance(s, 50))
		ike_on_inbound(side->ike, s->pair.now, &sa->dst, sa->spi, below(s, 20));
	else
		ike_on_expire(side->ike, s->pair.now, &sa->dst, sa->spi,
			      !s->gentle && chance(s, 30));
}

static void hold_deletes(struct schedule *s, unsigned side)
{
	uint64_t ms[8];

	for (unsigned i = 0; i < 8; i++)
		ms[i] = below(s, 10) * SECOND;
	(void)inside_hold_deletes(&s->pair, side, ms, 8);
}

/* A wish of one end; that there is nothing to be done about it is fine. */
static void command(struct schedule *s)
{
	unsigned side = below(s, SIDES);
	struct ike *ike = s->pair.side[side].ike;
	uint64_t now = s->pair.now;
	unsigned what = below(s, s->gentle ? 4 : 7);

	if (is_verbose())
		fprintf(stderr, "%llu %c wishes %u\n", (unsigned long long)now, "AB"[side], what);
	if (s->restarts && chance(s, 25)) {
		pair_lose_sas(&s->pair, side);
		return;
	}
	if (s->lazy)
		hold_deletes(s, side);
	switch (what) {
	case 0:
	case 1:
		(void)ike_rekey(ike, now, "net", "lan");
		break;
	case 2:
		(void)ike_rekey(ike, now, "net", NULL);
		break;
	case 3:
		tell_machine(s, side);
		break;
	case 4:
		(void)ike_terminate(ike, now, "net", "lan", 0);
		break;
	case 5:
		if (chance(s, 30))
			(void)ike_terminate(ike, now, "net", NULL, 0);
		break;
	default:
		(void)ike_initiate(ike, now, "net", "lan", 0);
		break;
	}
	pair_collect(&s->pair, side);
}

static void message(struct schedule *s)
{
	unsigned i = chance(s, s->reorder) ? below(s, s->pair.queued) : 0;

	if (chance(s, s->lose) && (!s->gentle || s->dropped < GENTLE_DROPS)) {
		tell(s, i, "lost");
		pair_drop_at(&s->pair, i);
		s->dropped++;
	} else if (chance(s, s->repeat)) {
		tell(s, 0, "delivered, and will be again");
		pair_repeat(&s->pair);
	} else {
		tell(s, i, "delivered");
		pair_deliver_at(&s->pair, i);
	}
}

static void storm(struct schedule *s)
{
	unsigned steps = 5 + below(s, STEPS_MAX - 5);

	for (unsigned n = 0; n < steps; n++) {
		if (chance(s, s->command))
			command(s);
		else if (s->pair.queued && !chance(s, 5))
			message(s);
		else
			(void)pair_step_time(&s->pair);
		pair_forget_events(&s->pair);
	}
}

/* ---- and what must be left of it --------------------------------------------------------------------------- */

/* Nothing is lost any more; time enough to give up what cannot be, and to find dead peers. */
static void calm(struct schedule *s)
{
	for (unsigned n = 0; n < 30; n++) {
		pair_wait(&s->pair, 10 * SECOND);
		pair_forget_events(&s->pair);
	}
}

static bool is_converged(const struct pair *p)
{
	for (unsigned side = 0; side < SIDES; side++)
		if (pair_ike_sas(p, side, IKE_STATE_UP) != 1 || pair_children(p, side) != 1 ||
		    pair_count(p, side, true) != 1 || pair_count(p, side, false) != 1)
			return false;
	return pair_traffic_flows(p);
}

static void run(uint64_t seed)
{
	static struct schedule s;

	begin(&s, seed);
	storm(&s);
	calm(&s);
	if (s.gentle && !is_converged(&s.pair))
		fail(&s, "nothing was deleted, and yet it did not come to one SA pair");
	/* What was deleted, or given up, is wanted again. */
	(void)ike_initiate(s.pair.side[A].ike, s.pair.now, "net", "lan", 0);
	pair_collect(&s.pair, A);
	calm(&s);
	if (!is_converged(&s.pair))
		fail(&s, "did not come to one SA pair");
	pair_fini(&s.pair);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 2 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;

	(void)signal(SIGABRT, say_seed);
	for (uint64_t seed = first; seed < first + count; seed++)
		run(seed);
	printf("model_ike_storm: %llu schedules from seed %llu came to one SA pair\n",
	       (unsigned long long)count, (unsigned long long)first);
	return EXIT_SUCCESS;
}
