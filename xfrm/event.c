/*
 * xfrm/event.c: the messages about an SA's life, both ways: ALLOCSPI (RFC 2367 §3.1.1 GETSPI in
 * XFRM's form), EXPIRE (§3.1.8) and POLEXPIRE, ACQUIRE (§3.1.6), and what DELSA and DELPOLICY say to those who
 * listen, which is more than a request for them says. Called by xfrm_parse and xfrm_put.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static_assert(sizeof(struct xfrm_user_expire) == 232, "with its padding at the end");

/* ---- ALLOCSPI --------------------------------------------------------------------------------- */

#define SPI_FIELD(member) XFRM_FIELD(struct xfrm_userspi_info, member)

/* As the kernel's verify_spi_info, except that AH and IPComp have no SAs here. */
static int check_range(const struct xfrm_input *in, const struct xfrm_userspi_info *spi)
{
	switch (spi->info.id.proto) {
	case IPPROTO_ESP:
		break;
	case IPPROTO_AH:
	case IPPROTO_COMP:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SPI_FIELD(info.id.proto),
				      "protocol %u has no SPIs here: only ESP is supported",
				      spi->info.id.proto);
	default:
		return xfrm_error_set(in->err, -EINVAL, SPI_FIELD(info.id.proto),
				      "protocol %u has no SPIs", spi->info.id.proto);
	}
	if (spi->min > spi->max)
		return xfrm_error_set(in->err, -EINVAL, SPI_FIELD(min),
				      "SPIs from 0x%x to 0x%x are none", spi->min, spi->max);
	return 0;
}

int xfrm_parse_alloc_spi(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct sa_config *config = &out->sa.config;
	struct xfrm_userspi_info spi;
	int rc;

	xfrm_header_get(in, &spi, sizeof(spi));
	if (spi.info.family != AF_INET && spi.info.family != AF_INET6)
		return xfrm_error_set(in->err, -EINVAL, SPI_FIELD(info.family),
				      "address family %u: IPv4 or IPv6 is expected",
				      spi.info.family);
	rc = check_range(in, &spi);
	if (rc == 0)
		rc = xfrm_attr_refuse(in, XFRMA_IF_ID, "XFRM interfaces are not supported");
	if (rc)
		return rc;
	/* Whatever mode: the SA that takes the place says it again, and is judged then. */
	config->id.dst = xfrm_addr_get(spi.info.family, &spi.info.id.daddr);
	config->id.proto = spi.info.id.proto;
	config->src = xfrm_addr_get(spi.info.family, &spi.info.saddr);
	config->mode = spi.info.mode;
	config->reqid = spi.info.reqid;
	config->seq = spi.info.seq;
	config->mark = xfrm_mark_get(in);
	out->range = (struct xfrm_spi_range){spi.min, spi.max};
	return 0;
}

void xfrm_put_alloc_spi(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct sa_config *config = &msg->sa.config;
	struct xfrm_userspi_info spi;

	(void)request;
	memset(&spi, 0, sizeof(spi));
	xfrm_addr_put(&spi.info.id.daddr, &config->id.dst);
	spi.info.id.proto = config->id.proto;
	xfrm_addr_put(&spi.info.saddr, &config->src);
	spi.info.family = config->id.dst.family;
	spi.info.mode = config->mode;
	spi.info.reqid = config->reqid;
	spi.info.seq = config->seq;
	spi.min = msg->range.min;
	spi.max = msg->range.max;
	xfrm_header_put(o, &spi, sizeof(spi));
	xfrm_mark_put(o, &config->mark);
}

/* ---- EXPIRE ----------------------------------------------------------------------------------- */

int xfrm_parse_expire(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct xfrm_user_expire expire;

	xfrm_header_get(in, &expire, sizeof(expire));
	out->hard = expire.hard != 0;
	out->sa.config.esn = (expire.state.flags & XFRM_STATE_ESN) != 0;
	out->sa.config.replay_window = expire.state.replay_window;
	return xfrm_sa_info_get(in, &expire.state, &out->sa);
}

void xfrm_put_expire(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	struct xfrm_user_expire expire;

	(void)request;
	memset(&expire, 0, sizeof(expire)); /* the padding goes out, too */
	xfrm_sa_info_put(&expire.state, &msg->sa, false);
	expire.hard = msg->hard;
	xfrm_header_put(o, &expire, sizeof(expire));
	xfrm_mark_put(o, &msg->sa.config.mark);
}

int xfrm_parse_policy_expire(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct xfrm_user_polexpire expire;

	xfrm_header_get(in, &expire, sizeof(expire));
	out->hard = expire.hard != 0;
	return xfrm_policy_info_get(in, &expire.pol, &out->policy);
}

void xfrm_put_policy_expire(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	struct xfrm_user_polexpire expire;

	memset(&expire, 0, sizeof(expire));
	xfrm_policy_info_put(&expire.pol, &msg->policy, request);
	expire.hard = msg->hard;
	xfrm_header_put(o, &expire, sizeof(expire));
	xfrm_policy_attrs_put(o, &msg->policy.config, request);
}

/* ---- ACQUIRE ---------------------------------------------------------------------------------- */

#define ACQUIRE_FIELD(member) XFRM_FIELD(struct xfrm_user_acquire, member)

int xfrm_parse_acquire(const struct xfrm_input *in, struct xfrm_acquire *out)
{
	struct xfrm_user_acquire acquire;
	unsigned family;
	int rc;

	xfrm_header_get(in, &acquire, sizeof(acquire));
	rc = xfrm_parse_policy_type(in);
	if (rc == 0)
		rc = xfrm_policy_info_get(in, &acquire.policy, &out->policy);
	if (rc)
		return rc;
	/* The SA's addresses are of the template's family, which the structure does not say. */
	if (out->policy.config.action != POLICY_PROTECT)
		return xfrm_error_set(in->err, -EINVAL, ACQUIRE_FIELD(policy),
				      "an acquire without XFRMA_TMPL asks for nothing");
	family = out->policy.config.tmpl.dst.family;
	if (!xfrm_selector_get(&acquire.sel, &out->sel))
		return xfrm_error_set(in->err, -EINVAL, ACQUIRE_FIELD(sel),
				      "selector: family %u with prefix lengths %u and %u",
				      acquire.sel.family, acquire.sel.prefixlen_s,
				      acquire.sel.prefixlen_d);
	out->id.dst = xfrm_addr_get(family, &acquire.id.daddr);
	out->id.spi = ntohl(acquire.id.spi);
	out->id.proto = acquire.id.proto;
	out->src = xfrm_addr_get(family, &acquire.saddr);
	out->seq = acquire.seq;
	return 0;
}

void xfrm_put_acquire(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct xfrm_acquire *acquire = &msg->acquire;
	const struct policy_config *policy = &acquire->policy.config;
	struct xfrm_user_acquire wire;

	(void)request;
	memset(&wire, 0, sizeof(wire));
	xfrm_addr_put(&wire.id.daddr, &acquire->id.dst);
	wire.id.spi = htonl(acquire->id.spi);
	wire.id.proto = acquire->id.proto;
	xfrm_addr_put(&wire.saddr, &acquire->src);
	xfrm_selector_put(&wire.sel, &acquire->sel);
	xfrm_policy_info_put(&wire.policy, &acquire->policy, false);
	wire.aalgos = policy->tmpl.aalgos;
	wire.ealgos = policy->tmpl.ealgos;
	wire.calgos = policy->tmpl.calgos;
	wire.seq = acquire->seq;
	xfrm_header_put(o, &wire, sizeof(wire));
	xfrm_policy_attrs_put(o, policy, false);
}

/* ---- what is gone ----------------------------------------------------------------------------- */

static void fill_id(struct xfrm_usersa_id *id, const struct sa_config *config)
{
	memset(id, 0, sizeof(*id));
	xfrm_addr_put(&id->daddr, &config->id.dst);
	id->spi = htonl(config->id.spi);
	id->family = config->id.dst.family;
	id->proto = config->id.proto;
}

/* The kernel's order: the key, XFRMA_SA, and then what follows the structure in a NEWSA. */
void xfrm_put_deleted_sa(struct xfrm_output *o, const struct xfrm_sa *sa)
{
	struct xfrm_usersa_info info;
	struct xfrm_usersa_id id;

	fill_id(&id, &sa->config);
	xfrm_sa_info_put(&info, sa, false);
	xfrm_header_put(o, &id, sizeof(id));
	xfrm_attr_put(o, XFRMA_SA, &info, sizeof(info));
	xfrm_sa_attrs_put(o, sa, false);
}

void xfrm_put_deleted_policy(struct xfrm_output *o, const struct xfrm_policy *policy)
{
	const struct policy_config *config = &policy->config;
	struct xfrm_userpolicy_info info;
	struct xfrm_userpolicy_id id;

	memset(&id, 0, sizeof(id));
	xfrm_selector_put(&id.sel, &config->sel);
	id.index = config->index;
	id.dir = config->dir;
	xfrm_policy_info_put(&info, policy, false);
	xfrm_header_put(o, &id, sizeof(id));
	xfrm_attr_put(o, XFRMA_POLICY, &info, sizeof(info));
	xfrm_policy_attrs_put(o, config, false);
}
