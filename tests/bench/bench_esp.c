/*
 * tests/bench/bench_esp.c: what ESP costs beside its cipher. esp_seal and esp_open over batches of
 * packets in memory, against the bare cipher on the same back end: key expanded once, then per
 * packet nonce, AAD, one pass and tag. Prints a table and one line of JSON; asserts nothing about
 * time. --quick runs each measurement briefly, to see that it runs; a word measures only the suites
 * whose name has it. Suites that IPSec-MB has are measured on it too, if it is there.
 */
#include "gateway/dataplane/engine/ipsec_mb.h"
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

/* An engine's cipher alone: what esp hands over is ready made. */
static struct cost engine_batch(const struct esp_engine *engine, const void *key,
				const struct esp_suite_spec *spec, uint32_t len)
{
	const uint32_t text_len = (len + ESP_TRAILER_LEN + 3) & ~3U;
	struct esp_aead_pass pass[BATCH];
	double t0, t1, t2;

	for (int i = 0; i < BATCH; i++)
		pass[i] = (struct esp_aead_pass){.aad_len = ESP_HEADER_LEN,
						 .text = slots[i] + ESP_HEADROOM,
						 .text_len = text_len,
						 .icv = slots[i] + ESP_HEADROOM + text_len,
						 .icv_len = spec->icv_len};
	t0 = now_ns();
	for (int i = 0; i < BATCH; i++)
		engine->seal(key, &pass[i]);
	t1 = now_ns();
	for (int i = 0; i < BATCH; i++)
		need(engine->open(key, &pass[i]), "engine");
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

/* A back end of esp: NULL is OpenSSL. */
struct backend {
	const struct esp_engine *engine;
	const char *name;
};

static bool engine_does(const struct esp_engine *engine, const struct esp_suite_spec *spec,
			uint8_t *key_len)
{
	/* Every AEAD an engine may have takes four bytes of salt behind its key. */
	*key_len = (uint8_t)(spec->encr_key_len - 4);
	return spec->integ == ESP_INTEG_NONE && engine->has(spec->encr, *key_len);
}

/* The best batch of many, ours and the bare one by turns: others use this machine too. */
static void measure(const struct backend *b, const struct esp_suite *suite, uint32_t len,
		    unsigned rounds, struct cost *bare_best, struct cost *esp_best)
{
	const struct esp_keys keys = {encr_key, integ_key, b->engine};
	const struct esp_suite_spec spec = esp_suite_spec(suite);
	struct esp_grant grant = {1, UINT32_MAX};
	struct esp_out *out;
	struct esp_in *in;
	struct bare bare;
	uint8_t key_len;
	void *key = NULL;

	need(esp_out_new(&out, suite, &keys, 256, false, grant, 0) == 0, "esp_out_new");
	need(esp_in_new(&in, suite, &keys, 256, false, 64) == 0, "esp_in_new");
	bare_init(&bare, suite, &keys, len);
	if (b->engine && engine_does(b->engine, &spec, &key_len))
		key = b->engine->key_new(spec.encr, encr_key, key_len);
	memset(slots, 0x5a, sizeof(slots));
	for (unsigned i = 0; i < rounds; i++) {
		keep_best(bare_best,
			  key ? engine_batch(b->engine, key, &spec, len) : bare_batch(&bare));
		keep_best(esp_best, esp_batch(out, in, len));
	}
	if (key)
		b->engine->key_free(key);
	bare_fini(&bare);
	esp_in_free(in);
	esp_out_free(out);
}

/* One line of the table, and one object of the JSON. Returns what sealing costs. */
static double report(const struct backend *b, const struct esp_suite *suite, uint32_t len,
		     unsigned rounds, FILE *json)
{
	struct cost bare = {0, 0}, esp = {0, 0};
	char name[64];

	measure(b, suite, len, rounds, &bare, &esp);
	esp_suite_name(suite, name);
	printf("%-30s %5u  %6.0f (%5.0f) %3.0f%%  %6.0f (%5.0f) %3.0f%%  %s\n", name, len, esp.seal,
	       bare.seal, 100 * bare.seal / esp.seal, esp.open, bare.open,
	       100 * bare.open / esp.open, b->name);
	fprintf(json,
		"%s{\"backend\":\"%s\",\"suite\":\"%s\",\"len\":%u,\"seal_ns\":%.0f,"
		"\"open_ns\":%.0f,\"seal_ratio\":%.3f,\"open_ratio\":%.3f}",
		ftell(json) ? "," : "", b->name, name, len, esp.seal, esp.open,
		bare.seal / esp.seal, bare.open / esp.open);
	return esp.seal;
}

/* On OpenSSL, and on the engine if that has it. */
static void report_suite(const struct esp_suite *suite, const struct backend *engine,
			 unsigned rounds, FILE *json)
{
	static const struct backend openssl = {NULL, "OpenSSL"};
	const struct esp_suite_spec spec = esp_suite_spec(suite);
	uint8_t key_len;

	for (unsigned k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
		double first = report(&openssl, suite, lengths[k], rounds, json), second;

		if (!engine->engine || !engine_does(engine->engine, &spec, &key_len))
			continue;
		second = report(engine, suite, lengths[k], rounds, json);
		printf("%-36s  %.1f times as fast\n", "", first / second);
	}
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const char *word = argc > 1 + quick ? argv[1 + quick] : "";
	unsigned rounds = quick ? 3 : 2000;
	struct backend engine = {NULL, NULL};
	struct esp_suite suite;
	char *text = NULL, name[64], engine_name[32];
	const char *why;
	size_t size = 0;
	FILE *json = open_memstream(&text, &size);

	need(json != NULL, "open_memstream");
	if (argc > 2 + quick || word[0] == '-') {
		fprintf(stderr, "usage: bench_esp [--quick] [WORD]\n");
		return EXIT_FAILURE;
	}
	engine.name = engine_name;
	if (ipsec_mb_open(&engine.engine, engine_name, &why) < 0)
		printf("OpenSSL only: %s\n", why);
	printf("%-30s %5s  %18s  %18s\n", "", "", "seal ns (bare) %", "open ns (bare) %");
	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		if (strstr(esp_suite_name(&suite, name), word))
			report_suite(&suite, &engine, rounds, json);
	}
	fclose(json);
	printf("{\"bench\":\"esp\",\"results\":[%s]}\n", text);
	free(text);
	return EXIT_SUCCESS;
}
