/*
 * sa-db/policy.c: one security policy, RFC 4301 §4.4.1, and the two questions about what an SA is
 * to it: does its template ask for this SA, and may what the SA carried in pass (§5.2 step 4)?
 * spd.c keeps policies; inbound.c of the gateway asks spd_permits.
 */
#include "sa-db/database.h"

#include <stdlib.h>

struct policy *policy_new(const struct policy_config *config, uint64_t now)
{
	struct policy *p = calloc(1, sizeof(*p));
	struct policy_links *links = calloc(1, sizeof(*links));

	if (!p || !links) {
		free(p);
		free(links);
		return NULL;
	}
	p->config = *config;
	p->add_time = now;
	p->links = links;
	links->policy = p;
	return p;
}

void policy_free(void *policy)
{
	free(policy);
}

bool policy_is_met(const struct policy_config *policy)
{
	return policy->mark.value == 0;
}

bool policy_matches(const struct policy *p, const struct ip_view *v)
{
	return policy_is_met(&p->config) && selector_matches(&p->config.sel, v);
}

/* A template that leaves an address open takes any, as the kernel's does for the source. For an
 * outbound policy this never happens: its endpoint is looked up by both addresses. */
static bool addr_accepts(const struct ip_addr *wanted, const struct ip_addr *have)
{
	return ip_addr_is_any(wanted) || ip_addr_equal(wanted, have);
}

bool template_accepts(const struct policy_template *tmpl, const struct sa_config *sa)
{
	return (tmpl->reqid == 0 || tmpl->reqid == sa->reqid) &&
	       (tmpl->spi == 0 || tmpl->spi == sa->id.spi) && tmpl->proto == sa->id.proto &&
	       tmpl->mode == sa->mode && addr_accepts(&tmpl->src, &sa->src) &&
	       addr_accepts(&tmpl->dst, &sa->id.dst);
}

enum verdict spd_permits(const struct policy *policy, const struct sa *sa, const struct ip_view *v)
{
	/* RFC 4301 §5.2 step 4: first the SA's own selector, whatever policies say. */
	if (sa->config.sel.family != AF_UNSPEC && !selector_matches(&sa->config.sel, v))
		return V_SELECTOR;
	if (!policy)
		return V_NO_IN_POLICY;
	switch ((enum policy_action)policy->config.action) {
	case POLICY_BYPASS:
		/* As the kernel: a policy that asks for no SA is content with any. */
		return V_OK;
	case POLICY_PROTECT:
		/* An optional template (level use) is strict too: it excuses a packet that came
		 * without an SA, and this one had one. */
		return template_accepts(&policy->config.tmpl, &sa->config) ? V_OK : V_IN_TEMPLATE;
	case POLICY_DISCARD:
		break;
	}
	return V_IN_DISCARD;
}
