/*
 * ike-lite/cp.h: the Configuration payload, RFC 7296 §3.15, as far as inner addresses go. Other
 * attributes are passed over, as §3.15.1 tells.
 */
#ifndef CYGNET_IKE_CP_H
#define CYGNET_IKE_CP_H

#include "ike-lite/ike.h"
#include "ike-lite/message.h"

enum { IKE_CP_ADDRS_MAX = 2 };

/* A request names the families it wants by 0.0.0.0 or ::, or an address it would like again; a reply the
 * addresses given. One of a family is kept, the first. */
struct ike_cp {
	uint8_t type; /* enum ike_cp_type */
	unsigned count;
	struct ip_addr addrs[IKE_CP_ADDRS_MAX];
};

/* Reads a CP payload. False: malformed. */
bool ike_cp_parse(struct ike_span body, struct ike_cp *out);
/* An address of zero is written as an empty attribute; of IPv6 a reply says prefix length 128. */
void ike_put_cp(struct ike_writer *w, const struct ike_cp *cp);

#endif
