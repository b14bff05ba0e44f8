/*
 * tests/fuzz/fuzz_xfrm_parse.c: bytes of a client, or of a server, as one netlink message. Nothing may
 * be read beyond them; and what is understood must mean the same after it was put and parsed
 * again: put(parse(put(parse(bytes)))) is put(parse(bytes)).
 */
#include "xfrm/xfrm.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 32768 };

static size_t parse_and_put(const uint8_t *data, size_t size, uint8_t *out)
{
	struct xfrm_message msg;
	struct xfrm_error err;
	size_t len;

	if (xfrm_parse((const void *)data, size, &msg, &err) < 0) {
		if (err.code >= 0 || !err.text[0] || err.offset > size)
			abort();
		return 0;
	}
	len = xfrm_put(out, ROOM, &msg);
	if (len == 0) /* parse understands nothing that put cannot say */
		abort();
	xfrm_message_cleanse(&msg);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t first[ROOM], second[ROOM];
	size_t len = 0, again;
	uint8_t *aligned;

	/* A copy of exactly this size, at an address netlink could have. */
	aligned = malloc(size ? size : 1);
	if (!aligned)
		abort();
	if (size)
		memcpy(aligned, data, size);
	len = parse_and_put(aligned, size, first);
	free(aligned);
	if (len == 0)
		return 0;
	again = parse_and_put(first, len, second);
	if (again != len || memcmp(first, second, len) != 0)
		abort();
	return 0;
}
