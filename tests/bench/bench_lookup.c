/*
 * tests/bench/bench_lookup.c: what a look-up costs as the databases grow: a seen flow with 10 and
 * with 10,000 policies, an SA among 1, 1,000 and 100,000; and what an SA weighs. Prints a table for
 * people and one line of JSON for machines. CPU time of this process, best of several. --quick is
 * for ctest: smaller and shorter, to see that it runs.
 */
#include "entries.h"
#include "gateway/dataplane/engine/ipsec_mb.h"

#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FLOWS = 64, REPEATS = 5 };

static unsigned long sink; /* keeps the compiler from dropping look-ups */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct ip_addr far(unsigned i)
{
	return ip_addr_v4((uint8_t[]){198, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i});
}

static struct sadb *database(void)
{
	struct sadb *db = sadb_new((struct sadb_retire){NULL, NULL});

	if (!db)
		abort();
	return db;
}

/* ---- policies ----------------------------------------------------------------------------- */

struct spd_cost {
	double seen_ns, unseen_ns, load_s;
};

/* Packets that only the last policy matches: the worst place. */
static double time_flows(const struct sadb *db, struct spd_cache *cache, unsigned rounds)
{
	struct ip_view v[FLOWS];
	double best = 1e9, start, ns;

	for (unsigned i = 0; i < FLOWS; i++) {
		v[i] = view_of("10.1.0.1", "10.2.0.1", IPPROTO_TCP, (uint16_t)(1000 + i), 80);
		(void)spd_lookup_cached(db, cache, POLICY_OUT, &v[i]);
	}
	for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
		start = seconds();
		for (unsigned i = 0; i < rounds; i++)
			sink += spd_lookup_cached(db, cache, POLICY_OUT, &v[i % FLOWS]) != NULL;
		ns = (seconds() - start) * 1e9 / rounds;
		best = ns < best ? ns : best;
	}
	return best;
}

static struct spd_cost measure_spd(unsigned policies, unsigned rounds)
{
	struct sadb *db = database();
	struct spd_cache *cache = spd_cache_new();
	struct selector sel = selector_of("172.16.0.0/16", "0.0.0.0/32", 0);
	struct ip_view v = view_of("10.1.0.1", "10.2.0.1", IPPROTO_UDP, 1, 2);
	struct policy_config c;
	struct spd_cost cost;
	const unsigned unseen = 1 + 100000 / policies;
	double start = seconds();

	for (unsigned i = 0; i + 1 < policies; i++) {
		sel.dst.addr = far(i);
		c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, 100);
		(void)policy_added(db, &c);
	}
	sel = selector_of("0.0.0.0/0", "0.0.0.0/0", 0);
	c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, 200);
	(void)policy_added(db, &c);
	cost.load_s = seconds() - start;
	cost.seen_ns = time_flows(db, cache, rounds);
	start = seconds();
	for (unsigned i = 0; i < unseen; i++)
		sink += spd_lookup(db, POLICY_OUT, &v) != NULL;
	cost.unseen_ns = (seconds() - start) * 1e9 / unseen;
	spd_cache_free(cache);
	sadb_free(db);
	return cost;
}

/* ---- SAs ---------------------------------------------------------------------------------- */

struct sad_cost {
	double ns, load_s, bytes;
};

static struct sa_config sa_number(unsigned i)
{
	static const struct esp_suite_spec gcm = {
		.encr = ESP_ENCR_AES_GCM, .encr_key_len = 20, .icv_len = 16};
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", i + 256, i + 1);
	const char *why;

	if (esp_suite_find(&gcm, &c.suite, &why) != 0)
		abort();
	c.src = far(i);
	return c;
}

static size_t allocated(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* SAs looked up in an order the processor cannot foresee. One end each, as a gateway has them. */
static struct sad_cost measure_sad(unsigned sas, unsigned rounds, unsigned direction,
				   const struct esp_engine *engine)
{
	const struct ip_addr dst = addr_of("192.0.2.2");
	const struct sa_grant grant = grant_of(direction);
	const size_t before = allocated();
	struct sadb *db = database();
	struct sad_cost cost = {.ns = 1e9};
	uint64_t rng = 1;
	double start = seconds(), ns;
	struct sa_config c;
	struct sa *sa;

	sadb_use_engine(db, engine);
	for (unsigned i = 0; i < sas; i++) {
		c = sa_number(i);
		if (sadb_sa_add(db, &c, &grant, 1, &sa) != 0)
			abort();
	}
	cost.load_s = seconds() - start;
	cost.bytes = (double)(allocated() - before) / sas;
	for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
		start = seconds();
		for (unsigned i = 0; i < rounds; i++) {
			const uint32_t n = (uint32_t)(random_next(&rng) >> 32) % sas;

			sink += sad_lookup(db, n + 256, &dst) != NULL;
		}
		ns = (seconds() - start) * 1e9 / rounds;
		cost.ns = ns < cost.ns ? ns : cost.ns;
	}
	sadb_free(db);
	return cost;
}

int main(int argc, char **argv)
{
	const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
	const unsigned rounds = quick ? 20000 : 2000000, most = quick ? 5000 : 100000;
	const unsigned sas[] = {1, 1000, most};
	struct spd_cost few, many;
	const struct esp_engine *engine;
	struct sad_cost sad[3], out;
	const char *why;
	char name[32];

	if (argc > 1 && !quick) {
		fprintf(stderr, "usage: bench_lookup [--quick]\n");
		return EXIT_FAILURE;
	}
	few = measure_spd(10, rounds);
	many = measure_spd(10000, rounds);
	printf("seen flow:    %6.1f ns with 10 policies, %6.1f ns with 10,000: ratio %.2f\n",
	       few.seen_ns, many.seen_ns, many.seen_ns / few.seen_ns);
	printf("unseen flow:  %6.1f ns with 10 policies, %6.1f ns with 10,000; loaded in %.3f s\n",
	       few.unseen_ns, many.unseen_ns, many.load_s);
	for (unsigned i = 0; i < 3; i++) {
		sad[i] = measure_sad(sas[i], rounds, SA_IN, NULL);
		printf("SA by SPI:    %6.1f ns among %u; loaded in %.3f s\n", sad[i].ns, sas[i],
		       sad[i].load_s);
	}
	out = measure_sad(1000, 1, SA_OUT, NULL);
	printf("bytes per SA: %.0f inbound, %.0f outbound (AES-128-GCM, all in)\n", sad[2].bytes,
	       out.bytes);
	if (ipsec_mb_open(&engine, name, &why) == 0)
		printf("bytes per SA: %.0f inbound, %.0f outbound by %s\n",
		       measure_sad(most, 1, SA_IN, engine).bytes,
		       measure_sad(1000, 1, SA_OUT, engine).bytes, name);
	printf("{\"bench\":\"lookup\",\"seen_ns\":[%.1f,%.1f],\"seen_ratio\":%.2f,"
	       "\"unseen_ns\":[%.1f,%.1f],\"sad_ns\":[%.1f,%.1f,%.1f],\"bytes_per_sa\":[%.0f,%.0f]}"
	       "\n",
	       few.seen_ns, many.seen_ns, many.seen_ns / few.seen_ns, few.unseen_ns, many.unseen_ns,
	       sad[0].ns, sad[1].ns, sad[2].ns, sad[2].bytes, out.bytes);
	/* Every look-up must have found something; sink counts them. */
	return sink > rounds ? EXIT_SUCCESS : EXIT_FAILURE;
}
