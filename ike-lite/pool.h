/*
 * ike-lite/pool.h: virtual addresses for who asks, RFC 7296 §2.19. A lease lasts as long as its IKE SA and
 * that one's successors.
 */
#ifndef CYGNET_IKE_POOL_H
#define CYGNET_IKE_POOL_H

#include "ike-lite/cp.h"
#include "ike-lite/sa.h"

/* Gives sa an address of each family that was asked for and there is a pool of. Peers get the address
 * they ask for if it is free. False: none could be given. */
bool pool_lease(struct ike_sa *sa, const struct ike_cp *asked);

#endif
