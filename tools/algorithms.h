/*
 * algorithms.h: every algorithm name of the setkey language with its key lengths, and which
 * transform of esp it is. Called by the grammar (is it a name?), the checks and the dumps.
 */
#ifndef CYGNET_TOOLS_ALGORITHMS_H
#define CYGNET_TOOLS_ALGORITHMS_H

#include "tools/dialect.h"
#include "xfrm/xfrm.h"

enum algorithm_kind { ALGORITHM_ENCR, ALGORITHM_AUTH, ALGORITHM_COMP };

struct algorithm {
	const char *name;
	enum algorithm_kind kind;
	uint16_t min_bits, max_bits; /* of the key; the language checks the range only */
	bool supported;
	bool forbidden; /* by RFC 8221; esp_suite_find says why */
	bool aead;
	uint8_t id;	 /* enum esp_encr_id or enum esp_integ_id, if supported or forbidden */
	uint8_t icv_len; /* bytes, of an AEAD or an integrity algorithm; 0 for the others */
};

/* NULL if the language has no such name. Borrowed, static. */
const struct algorithm *algorithm_lookup(enum algorithm_kind kind, const char *name);
/* The name a dump shows for a suite's encryption and its integrity: setkey's, or the kernel's where
 * setkey has none (CCM, CMAC, GCM with a short ICV). FreeBSD knows SHA-2 by its longer names only. Never NULL for a suite that exists. */
const char *algorithm_encr_name(const struct esp_suite_spec *spec);
const char *algorithm_integ_name(const struct esp_suite_spec *spec, enum setkey_dialect dialect);

#endif
