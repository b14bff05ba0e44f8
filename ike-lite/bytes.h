/*
 * ike-lite/bytes.h: numbers in network order, at any alignment.
 */
#ifndef CYGNET_IKE_BYTES_H
#define CYGNET_IKE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t load_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t load_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void store_u16(uint8_t *p, uint16_t value)
{
	uint16_t v = htobe16(value);

	memcpy(p, &v, sizeof(v));
}

static inline void store_u32(uint8_t *p, uint32_t value)
{
	uint32_t v = htobe32(value);

	memcpy(p, &v, sizeof(v));
}

static inline void store_u64(uint8_t *p, uint64_t value)
{
	uint64_t v = htobe64(value);

	memcpy(p, &v, sizeof(v));
}

#endif
