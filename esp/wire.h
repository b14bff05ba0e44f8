/*
 * esp/wire.h: big-endian integers at unaligned places, private to esp. One-liners that compilers
 * turn into one instruction; seal.c, open.c and the crypto back end use them.
 */
#ifndef CYGNET_ESP_WIRE_H
#define CYGNET_ESP_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t load_be32(const uint8_t *at)
{
	uint32_t be;

	memcpy(&be, at, sizeof(be));
	return be32toh(be);
}

static inline void store_be32(uint8_t *at, uint32_t value)
{
	uint32_t be = htobe32(value);

	memcpy(at, &be, sizeof(be));
}

static inline void store_be64(uint8_t *at, uint64_t value)
{
	uint64_t be = htobe64(value);

	memcpy(at, &be, sizeof(be));
}

#endif
