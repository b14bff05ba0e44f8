/*
 * tests/unit/esp/engine.h: which back end a test of esp runs on. Each is compiled twice: as it is on
 * OpenSSL, and with TEST_IPSEC_MB on IPSec-MB, whose absence is a skip.
 */
#ifndef CYGNET_TEST_ESP_ENGINE_H
#define CYGNET_TEST_ESP_ENGINE_H

#ifdef TEST_IPSEC_MB

#include "gateway/dataplane/engine/ipsec_mb.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEST_SKIPPED = 77 };

static const struct esp_engine *test_engine;

static bool test_engine_has(enum esp_encr_id id, uint8_t key_len)
{
	return test_engine->has(id, key_len);
}

static void *test_engine_key(enum esp_encr_id id, const uint8_t *key, uint8_t key_len)
{
	return test_engine->key_new(id, key, key_len);
}

static void test_engine_free(void *key)
{
	test_engine->key_free(key);
}

static void test_engine_seal(const void *key, const struct esp_aead_pass *pass)
{
	test_engine->seal(key, pass);
}

static bool test_engine_open(const void *key, const struct esp_aead_pass *pass)
{
	return test_engine->open(key, pass);
}

/* For constants: the library's own table is known only when it is loaded. */
static const struct esp_engine test_engine_calls = {
	test_engine_has, test_engine_key, test_engine_free, test_engine_seal, test_engine_open};

#define TEST_ENGINE (&test_engine_calls)

/* Before main, so that no test program needs to know. */
__attribute__((constructor)) static void test_engine_open_library(void)
{
	const char *why;
	char name[32];

	if (ipsec_mb_open(&test_engine, name, &why) == 0)
		return;
	printf("SKIP: %s\n", why);
	exit(TEST_SKIPPED);
}

#else
#define TEST_ENGINE NULL
#endif

#endif
