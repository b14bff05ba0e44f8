/*
 * ike-lite/auth_parts.h: what both ends of IKE_AUTH do, for exchange_auth.c and auth_answer.c only.
 */
#ifndef CYGNET_IKE_AUTH_PARTS_H
#define CYGNET_IKE_AUTH_PARTS_H

#include "ike-lite/auth.h"
#include "ike-lite/sa.h"

/* Who we say we are: what the connection has configured, or our address. */
struct ike_id auth_local_id(const struct ike_sa *sa, const struct conn *conn);
/* What AUTH of ours, or of the peer, covers. */
struct ike_auth_inputs auth_inputs(const struct ike_sa *sa, bool ours, struct ike_span id_body);
/* Writes our AUTH. False: out of memory. */
bool auth_put(struct ike_sa *sa, const struct ike_keys *keys, const struct ike_secret *psk,
	      struct draft *d);
/* The IKE SA's keys with a PPK mixed in; cleansed by the caller. False: out of memory. */
bool auth_mixed_keys(const struct ike_sa *sa, const struct ike_secret *ppk, struct ike_keys *out);

#endif
