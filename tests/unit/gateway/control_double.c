/*
 * control_double.c: see control_double.h.
 */
#include "control_double.h"

#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/control/reserve.h"

struct control_double double_state;

void double_reset(void)
{
	double_state.home = true;
	double_state.routed_mtu = 1500;
	double_state.refreshes = 0;
	double_state.take_fails = 0;
	double_state.block = RESERVE_BLOCK;
	double_state.next = 1;
	double_state.takes = 0;
	double_state.returns = 0;
	double_state.path_mtu = 0;
	double_state.mark = 0;
	double_state.marks = 0;
	double_state.path_mtu_family = 0;
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		double_state.default_block[dir] = false;
	double_state.default_fails = 0;
	double_state.returned_used = 0;
	double_state.returned_first = 0;
	double_state.returned_last = 0;
}

bool hostnet_is_local(const struct hostnet *h, const struct ip_addr *addr)
{
	struct ip_addr own[2];

	(void)h;
	if (!double_state.home || !ip_addr_parse("10.0.0.1", &own[0]) ||
	    !ip_addr_parse("fd00::1", &own[1]))
		return false;
	return ip_addr_equal(addr, &own[0]) || ip_addr_equal(addr, &own[1]);
}

uint32_t hostnet_path_mtu(struct hostnet *h, const struct ip_addr *dst, const struct ip_addr *src,
			  uint32_t mark)
{
	(void)h;
	(void)dst;
	(void)src;
	(void)mark;
	return double_state.routed_mtu;
}

void capture_refresh(struct capture *c)
{
	(void)c;
	double_state.refreshes++;
}

int capture_output_mark(struct capture *c, uint8_t family, uint32_t mark, bool on)
{
	(void)c;
	if (on && double_state.mark_fails)
		return double_state.mark_fails;
	double_state.mark_family = family;
	double_state.mark = mark;
	double_state.marks += on ? 1 : -1;
	return 0;
}

int capture_set_default(struct capture *c, const bool block[POLICY_DIRS])
{
	(void)c;
	if (double_state.default_fails)
		return double_state.default_fails;
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		double_state.default_block[dir] = block[dir];
	return 0;
}

bool capture_default_blocks(const struct capture *c, enum policy_dir dir)
{
	(void)c;
	return double_state.default_block[dir];
}

void capture_path_mtu(struct capture *c, const struct ip_addr *src, const struct ip_addr *dst,
		      uint32_t mtu)
{
	(void)c;
	double_state.path_mtu_family = src->family == dst->family ? dst->family : AF_UNSPEC;
	double_state.path_mtu = mtu;
}

uint32_t capture_outer_mtu(const struct capture *c, const struct policy *policy)
{
	(void)c;
	(void)policy;
	return 1500;
}

int reserve_take(struct reserve *r, const struct sa_config *config, uint64_t after,
		 struct esp_grant *grant, uint64_t *iv_mask)
{
	(void)r;
	(void)config;
	if (double_state.take_fails)
		return double_state.take_fails;
	double_state.takes++;
	if (double_state.next <= after)
		double_state.next = after + 1;
	grant->first = atomic_fetch_add(&double_state.next, double_state.block);
	grant->last = double_state.next - 1;
	*iv_mask = 0x5a5a;
	return 0;
}

void reserve_return(struct reserve *r, const struct sa_config *config, uint64_t used_last,
		    const struct esp_grant *last_grant)
{
	(void)r;
	(void)config;
	double_state.returned_used = used_last;
	double_state.returned_first = last_grant->first;
	double_state.returned_last = last_grant->last;
	double_state.returns++;
}
