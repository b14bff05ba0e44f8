/*
 * tests/bench/bench_esp.c: what ESP costs beside its cipher. esp_seal and esp_open over batches of
 * packets in memory, against the bare cipher on the same back end: key expanded once, then per
 * packet nonce, AAD, one pass and tag. Prints a table and one line of JSON; asserts nothing about
 * time. --quick runs each measurement briefly, to see that it runs; a word measures only the suites
 * whose name has it.
 */
#include "tests/bench/bare_cipher.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, SLOT = 2048 };

static const uint32_t lengths[] = {64, 512, 1400};
static const uint8_t encr_key[ESP_ENCR_KEY_MAX] = {1, 2, 3};
static const uint8_t integ_key[ESP_INTEG_KEY_MAX] = {4, 5, 6};
static uint8_t slots[BATCH][SLOT];

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- batches -------------------------------------------------------------------------------- */

/* Nanoseconds per packet. */
struct cost {
	double seal, open;
};

static void keep_best(struct cost *best, struct cost one)
{
	if (best->seal == 0 || one.seal < best->seal)
		best->seal = one.seal;
	if (best->open == 0 || one.open < best->open)
		best->open = one.open;
}

static struct cost bare_batch(struct bare *b)
{
	double t0 = now_ns(), t1, t2;

	for (int i = 0; i < BATCH; i++)
		bare_one(b, slots[i], 1);
	t1 = now_ns();
	for (int i = 0; i < BATCH; i++)
		bare_one(b, slots[i], 0);
	t2 = now_ns();
	return (struct cost){(t1 - t0) / BATCH, (t2 - t1) / BATCH};
}

static struct cost esp_batch(struct esp_out *out, struct esp_in *in, uint32_t len)
{
	struct packet p[BATCH];
	double t0, t1, t2;
	uint64_t seq;
	uint8_t nh;

	for (int i = 0; i < BATCH; i++)
		p[i] = (struct packet){slots[i], SLOT, ESP_HEADROOM, len};
	t0 = now_ns();
	for (int i = 0; i < BATCH; i++)
		need(esp_seal(out, &p[i], IPPROTO_IPIP) == V_OK, "esp_seal");
	t1 = now_ns();
	for (int i = 0; i < BATCH; i++)
		need(esp_open(in, &p[i], &nh, &seq) == V_OK, "esp_open");
	t2 = now_ns();
	return (struct cost){(t1 - t0) / BATCH, (t2 - t1) / BATCH};
}

/* The best batch of many, ours and the bare one by turns: others use this machine too. */
static void measure(const struct esp_suite *suite, uint32_t len, unsigned rounds,
		    struct cost *bare_best, struct cost *esp_best)
{
	const struct esp_keys keys = {encr_key, integ_key};
	struct esp_grant grant = {1, UINT32_MAX};
	struct esp_out *out;
	struct esp_in *in;
	struct bare bare;

	need(esp_out_new(&out, suite, &keys, 256, false, grant, 0) == 0, "esp_out_new");
	need(esp_in_new(&in, suite, &keys, 256, false, 64) == 0, "esp_in_new");
	bare_init(&bare, suite, &keys, len);
	memset(slots, 0x5a, sizeof(slots));
	for (unsigned i = 0; i < rounds; i++) {
		keep_best(bare_best, bare_batch(&bare));
		keep_best(esp_best, esp_batch(out, in, len));
	}
	bare_fini(&bare);
	esp_in_free(in);
	esp_out_free(out);
}

/* One line of the table, and one object of the JSON. */
static void report(const struct esp_suite *suite, uint32_t len, unsigned rounds, FILE *json)
{
	struct cost bare = {0, 0}, esp = {0, 0};
	char name[64];

	measure(suite, len, rounds, &bare, &esp);
	esp_suite_name(suite, name);
	printf("%-30s %5u  %6.0f (%5.0f) %3.0f%%  %6.0f (%5.0f) %3.0f%%\n", name, len, esp.seal,
	       bare.seal, 100 * bare.seal / esp.seal, esp.open, bare.open,
	       100 * bare.open / esp.open);
	fprintf(json,
		"%s{\"suite\":\"%s\",\"len\":%u,\"seal_ns\":%.0f,\"open_ns\":%.0f,"
		"\"seal_ratio\":%.3f,\"open_ratio\":%.3f}",
		ftell(json) ? "," : "", name, len, esp.seal, esp.open, bare.seal / esp.seal,
		bare.open / esp.open);
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const char *word = argc > 1 + quick ? argv[1 + quick] : "";
	unsigned rounds = quick ? 3 : 2000;
	struct esp_suite suite;
	char *text = NULL, name[64];
	size_t size = 0;
	FILE *json = open_memstream(&text, &size);

	need(json != NULL, "open_memstream");
	if (argc > 2 + quick || word[0] == '-') {
		fprintf(stderr, "usage: bench_esp [--quick] [WORD]\n");
		return EXIT_FAILURE;
	}
	printf("%-30s %5s  %18s  %18s\n", "", "", "seal ns (bare) %", "open ns (bare) %");
	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		if (!strstr(esp_suite_name(&suite, name), word))
			continue;
		for (unsigned k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
			report(&suite, lengths[k], rounds, json);
	}
	fclose(json);
	printf("{\"bench\":\"esp\",\"backend\":\"openssl\",\"results\":[%s]}\n", text);
	free(text);
	return EXIT_SUCCESS;
}
