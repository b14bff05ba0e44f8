/*
 * installed.h: what of ours is in XFRM: SAs and policies, asked for by the machine, put there through
 * the link (xfrm_link.h). Kept so that a cygnetd that was restarted gets its policies again, so that
 * two wishes for one selector take turns, and so that all goes when we go.
 */
#ifndef CYGNET_IKED_INSTALLED_H
#define CYGNET_IKED_INSTALLED_H

#include "gateway/iked/request.h"

struct installed;
struct xfrm_link;

int installed_new(struct installed **out, struct xfrm_link *link)
	__attribute__((warn_unused_result));
void installed_free(struct installed *installed); /* touches no XFRM; NULL is fine */

/* Actions of the machine. What XFRM refuses is logged. */
/* 0; -errno, and *err says why: XFRM refused it, or there is none now. */
int installed_add_sa(struct installed *installed, const struct ike_sa_action *action,
		     struct xfrm_error *err);
void installed_delete_sa(struct installed *installed, const struct ike_sa_action *action);
/* True: the SA has moved in place. False: it was taken away, and wants new keys. */
bool installed_move_sa(struct installed *installed, const struct ip_addr *old_dst,
		       const struct ike_sa_action *action);
void installed_add_policies(struct installed *installed, const struct ike_policy_action *action);
void installed_delete_policies(struct installed *installed, const struct ike_policy_action *action);

/* XFRM is empty and new: puts the policies there again, and forgets the SAs, whose sequence numbers
 * are gone with the old one. */
void installed_restore(struct installed *installed);
/* Takes everything away. */
void installed_clear(struct installed *installed);

/* Inbound SAs, to ask for their use. False past the end. */
bool installed_inbound_at(const struct installed *installed, unsigned i, struct ip_addr *dst,
			  struct ip_addr *src, uint32_t *spi);

/* For leftovers.c: every reqid, some twice; and what is ours. */
bool installed_reqid_at(const struct installed *installed, unsigned i, uint32_t *reqid);
bool installed_has_policy(const struct installed *installed, const struct policy_config *policy);
bool installed_has_sa(const struct installed *installed, const struct ip_addr *dst, uint32_t spi);
/* True once after something was added. */
bool installed_take_changed(struct installed *installed);

#endif
