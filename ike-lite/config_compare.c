/*
 * ike-lite/config_compare.c: did a connection change? Field by field: padding says nothing, and where
 * in the file it stands changes no tunnel.
 */
#include "ike-lite/config.h"
#include "ike-lite/proposal.h"
#include "ike-lite/ts.h"

#include <string.h>

static bool proposals_equal(const struct ike_proposal *a, unsigned na, const struct ike_proposal *b,
			    unsigned nb)
{
	if (na != nb)
		return false;
	for (unsigned i = 0; i < na; i++) {
		if (!ike_proposal_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool child_selectors_equal(const struct ike_child_config *a,
				  const struct ike_child_config *b)
{
	return ike_ts_list_equal(&a->local_ts, &b->local_ts) &&
	       ike_ts_list_equal(&a->remote_ts, &b->remote_ts) &&
	       a->local_dynamic == b->local_dynamic && a->remote_dynamic == b->remote_dynamic &&
	       ike_ts_equal(&a->dynamic_local, &b->dynamic_local) &&
	       ike_ts_equal(&a->dynamic_remote, &b->dynamic_remote);
}

static bool child_times_equal(const struct ike_child_config *a, const struct ike_child_config *b)
{
	return a->rekey_time_s == b->rekey_time_s && a->life_time_s == b->life_time_s &&
	       a->rand_time_s == b->rand_time_s && a->rekey_bytes == b->rekey_bytes &&
	       a->life_bytes == b->life_bytes && a->rand_bytes == b->rand_bytes &&
	       a->rekey_packets == b->rekey_packets && a->life_packets == b->life_packets &&
	       a->rand_packets == b->rand_packets;
}

bool child_config_equal(const struct ike_child_config *a, const struct ike_child_config *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       proposals_equal(a->proposals, a->proposal_count, b->proposals, b->proposal_count) &&
	       child_selectors_equal(a, b) && child_times_equal(a, b) &&
	       a->start_action == b->start_action && a->dpd_action == b->dpd_action &&
	       a->close_action == b->close_action && a->reqid == b->reqid &&
	       a->replay_window == b->replay_window && a->tfc_padding == b->tfc_padding &&
	       a->priority == b->priority && a->no_policies == b->no_policies &&
	       a->clear_df == b->clear_df && a->no_ecn == b->no_ecn &&
	       a->hide_dscp == b->hide_dscp && a->take_dscp == b->take_dscp &&
	       a->rekey_preflight == b->rekey_preflight;
}

static bool prefixes_equal(const struct ip_prefix *a, unsigned na, const struct ip_prefix *b,
			   unsigned nb)
{
	if (na != nb)
		return false;
	for (unsigned i = 0; i < na; i++) {
		if (a[i].len != b[i].len || !ip_addr_equal(&a[i].addr, &b[i].addr))
			return false;
	}
	return true;
}

static bool addresses_given_equal(const struct ike_connection *a, const struct ike_connection *b)
{
	if (a->vip_count != b->vip_count || a->pool_count != b->pool_count)
		return false;
	for (unsigned i = 0; i < a->vip_count; i++) {
		if (!ip_addr_equal(&a->vips[i], &b->vips[i]))
			return false;
	}
	for (unsigned i = 0; i < a->pool_count; i++) {
		if (!ip_addr_equal(&a->pools[i].from, &b->pools[i].from) ||
		    !ip_addr_equal(&a->pools[i].to, &b->pools[i].to))
			return false;
	}
	return true;
}

static bool id_same(const struct ike_id *a, const struct ike_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool connection_equal(const struct ike_connection *a, const struct ike_connection *b)
{
	return connection_equal_elsewhere(a, b) &&
	       prefixes_equal(a->local, a->local_count, b->local, b->local_count) &&
	       prefixes_equal(a->remote, a->remote_count, b->remote, b->remote_count);
}

bool connection_equal_elsewhere(const struct ike_connection *a, const struct ike_connection *b)
{
	return strcmp(a->name, b->name) == 0 && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port && id_same(&a->local_id, &b->local_id) &&
	       id_same(&a->remote_id, &b->remote_id) &&
	       proposals_equal(a->proposals, a->proposal_count, b->proposals, b->proposal_count) &&
	       a->encap == b->encap && a->fragmentation == b->fragmentation &&
	       a->dpd_delay_s == b->dpd_delay_s && a->rekey_time_s == b->rekey_time_s &&
	       a->over_time_s == b->over_time_s && a->rand_time_s == b->rand_time_s &&
	       a->keyingtries == b->keyingtries && a->initial_contact == b->initial_contact &&
	       id_same(&a->ppk_id, &b->ppk_id) && a->ppk_required == b->ppk_required &&
	       addresses_given_equal(a, b);
}
