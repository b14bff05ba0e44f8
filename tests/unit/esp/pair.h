/*
 * tests/unit/esp/pair.h: what every test of esp needs: keys of recognisable bytes, a packet with
 * room around it, and the two ends of one SA.
 */
#ifndef CYGNET_TEST_ESP_PAIR_H
#define CYGNET_TEST_ESP_PAIR_H

#include "esp/esp.h"
#include "tests/unit/esp/engine.h"

#include <check.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR_SPI = 0x11223344, PAIR_BUF = 4096 };

static const uint8_t pair_encr_key[ESP_ENCR_KEY_MAX] = {
	0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b,
	0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57,
	0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63};
static const uint8_t pair_integ_key[ESP_INTEG_KEY_MAX] = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85};
static const struct esp_keys pair_keys = {pair_encr_key, pair_integ_key, TEST_ENGINE};

struct pair_packet {
	struct packet p;
	uint8_t buf[PAIR_BUF];
};

/* len bytes that differ from each other, with the room esp.h asks for. */
static inline void pair_fill(struct pair_packet *pp, uint32_t len)
{
	ck_assert_uint_le(ESP_HEADROOM + len + ESP_TAILROOM, PAIR_BUF);
	memset(pp->buf, 0xa5, sizeof(pp->buf));
	pp->p = (struct packet){pp->buf, PAIR_BUF, ESP_HEADROOM, len};
	for (uint32_t i = 0; i < len; i++)
		pp->buf[ESP_HEADROOM + i] = (uint8_t)(i * 7 + 1);
}

/* True if p holds exactly what pair_fill(len) wrote. */
static inline bool pair_holds(const struct packet *p, uint32_t len)
{
	if (p->len != len)
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (packet_data(p)[i] != (uint8_t)(i * 7 + 1))
			return false;
	return true;
}

static inline struct esp_out *pair_out(const struct esp_suite *suite, bool esn, uint64_t first,
				       uint64_t last)
{
	struct esp_out *out = NULL;

	ck_assert_int_eq(esp_out_new(&out, suite, &pair_keys, PAIR_SPI, esn,
				     (struct esp_grant){first, last}, 0),
			 0);
	return out;
}

static inline struct esp_in *pair_in(const struct esp_suite *suite, bool esn, uint32_t window)
{
	struct esp_in *in = NULL;

	ck_assert_int_eq(esp_in_new(&in, suite, &pair_keys, PAIR_SPI, esn, window), 0);
	return in;
}

/* Runs a suite of one test case; the program's exit status. */
static inline int pair_run(TCase *tc, const char *name)
{
	Suite *s = suite_create(name);
	SRunner *runner;
	int failed;

	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
