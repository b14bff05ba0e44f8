/*
 * xfrm/parse_sa.c: NEWSA, UPDSA (all of an SA) and DELSA, GETSA (its key) into sa-db's values.
 * Checks and errno are those of the kernel's net/xfrm/xfrm_user.c, in its order where two could
 * apply; what the kernel can do and Cygnet cannot is refused with EOPNOTSUPP, never overlooked.
 * Called by xfrm_parse.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>

enum {
	IPSEC_PROTO_ANY = 255, /* AH, ESP and IPComp, in flushes and filters */
};

#define SA_FIELD(member) XFRM_FIELD(struct xfrm_usersa_info, member)

static int check_proto(const struct xfrm_input *in, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_ESP:
		return 0;
	case IPPROTO_AH:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SA_FIELD(id.proto),
				      "AH is not supported: use ESP");
	case IPPROTO_COMP:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SA_FIELD(id.proto),
				      "IPComp is not supported");
	case IPPROTO_DSTOPTS:
	case IPPROTO_ROUTING:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SA_FIELD(id.proto),
				      "Mobile IPv6 states are not supported");
	default:
		return xfrm_error_set(in->err, -EINVAL, SA_FIELD(id.proto),
				      "protocol %u is not an IPsec protocol", proto);
	}
}

static int check_mode(const struct xfrm_input *in, uint8_t mode)
{
	switch (mode) {
	case XFRM_MODE_TUNNEL:
		return 0;
	case XFRM_MODE_TRANSPORT:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SA_FIELD(mode),
				      "transport mode is not supported: use tunnel mode");
	case XFRM_MODE_BEET:
	case XFRM_MODE_ROUTEOPTIMIZATION:
	case MODE_IPTFS:
		return xfrm_error_set(in->err, -EOPNOTSUPP, SA_FIELD(mode),
				      "mode %u is not supported: use tunnel mode", mode);
	default:
		return xfrm_error_set(in->err, -EINVAL, SA_FIELD(mode), "mode %u does not exist",
				      mode);
	}
}

static int refuse_attributes(const struct xfrm_input *in)
{
	static const struct {
		unsigned type;
		const char *why;
	} refused[] = {
		{XFRMA_SEC_CTX, "security contexts are not supported"},
		{XFRMA_OFFLOAD_DEV, "offload to a device is not supported"},
		{XFRMA_COADDR, "care-of addresses are not supported"},
		{XFRMA_IF_ID, "XFRM interfaces are not supported"},
		{XFRMA_REPLAY_THRESH, "replay events are not supported"},
		{XFRMA_ETIMER_THRESH, "replay events are not supported"},
		{XFRMA_MTIMER_THRESH, "mapping thresholds are not supported"},
		{NEW_ATTR_NAT_KEEPALIVE_INTERVAL, "NAT keepalives are the gateway's own"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(refused) / sizeof(refused[0]); i++)
		rc = xfrm_attr_refuse(in, refused[i].type, refused[i].why);
	if (rc == 0)
		rc = xfrm_attr_refuse_present(in, NEW_ATTR_SA_PCPU,
					      "SAs of one CPU are not supported");
	for (unsigned type = NEW_ATTR_IPTFS_DROP_TIME; rc == 0 && type <= NEW_ATTR_MAX; type++)
		rc = xfrm_attr_refuse_present(in, type, "IPTFS is not supported");
	return rc;
}

/* Without a mask all bits are meant; a mask without a mark is overlooked: as in the kernel. */
static struct xfrm_mark_value get_output_mark(const struct xfrm_input *in)
{
	const struct nlattr *value = in->attrs.at[XFRMA_SET_MARK];
	const struct nlattr *mask = in->attrs.at[XFRMA_SET_MARK_MASK];

	if (!value)
		return (struct xfrm_mark_value){0};
	return (struct xfrm_mark_value){.value = xfrm_attr_u32(value),
					.mask = mask ? xfrm_attr_u32(mask) : UINT32_MAX};
}

/* Managers of newer kernels say it. Addresses tell as much: kept and given back. */
static int get_direction(const struct xfrm_input *in, struct sa_config *out)
{
	const struct nlattr *attr = in->attrs.at[NEW_ATTR_SA_DIR];
	uint8_t direction;

	if (!attr)
		return 0;
	memcpy(&direction, xfrm_attr_data(attr), sizeof(direction));
	if (direction != SA_IN && direction != SA_OUT)
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "XFRMA_SA_DIR: direction %u, 1 is in and 2 is out",
				      direction);
	out->direction = direction;
	return 0;
}

static int get_selector(const struct xfrm_input *in, struct xfrm_usersa_info *info,
			struct selector *out)
{
	/* The kernel: no family means the SA's own, unless a flag says that both are meant. */
	if (info->sel.family == AF_UNSPEC && !(info->flags & XFRM_STATE_AF_UNSPEC))
		info->sel.family = info->family;
	if (!xfrm_selector_get(&info->sel, out))
		return xfrm_error_set(in->err, -EINVAL, SA_FIELD(sel),
				      "selector: family %u with prefix lengths %u and %u",
				      info->sel.family, info->sel.prefixlen_s,
				      info->sel.prefixlen_d);
	return in->request ? xfrm_selector_refuse(in, out, SA_FIELD(sel)) : 0;
}

/* RFC 3948. The kernel keeps whatever it is told and drops every packet if it is wrong. */
int xfrm_encap_get(const struct xfrm_input *in, uint8_t family, struct sa_encap *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_ENCAP];
	uint32_t offset = xfrm_attr_offset(in, attr);
	struct xfrm_encap_tmpl encap;

	if (!attr)
		return 0;
	memcpy(&encap, xfrm_attr_data(attr), sizeof(encap));
	if (encap.encap_type != UDP_ENCAP_ESPINUDP)
		return xfrm_error_set(in->err, -EOPNOTSUPP, offset,
				      "XFRMA_ENCAP: type %u is not supported: RFC 3948 is type %d",
				      encap.encap_type, UDP_ENCAP_ESPINUDP);
	if (encap.encap_sport == 0 || encap.encap_dport == 0)
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_ENCAP: port 0 cannot carry ESP");
	out->sport = ntohs(encap.encap_sport);
	out->dport = ntohs(encap.encap_dport);
	out->oa = xfrm_addr_get(family, &encap.encap_oa);
	if (ip_addr_is_any(&out->oa))
		memset(&out->oa, 0, sizeof(out->oa));
	return 0;
}

/* What a dump tells about the SA's life. Requests carry the fields too; they mean nothing there:
 * who gives an SA its past back sends XFRMA_LTIME_VAL. */
static void get_status(const struct xfrm_input *in, const struct xfrm_usersa_info *info,
		       struct sa_status *out)
{
	const struct nlattr *last = in->attrs.at[XFRMA_LASTUSED];

	memset(out, 0, sizeof(*out));
	if (in->request) {
		xfrm_lifetime_get(in, out);
		return;
	}
	out->bytes = info->curlft.bytes;
	out->packets = info->curlft.packets;
	out->add_time = info->curlft.add_time;
	out->use_time = info->curlft.use_time;
	out->replay_drops = info->stats.replay;
	out->icv_drops = info->stats.integrity_failed;
	if (last)
		memcpy(&out->last_use, xfrm_attr_data(last), sizeof(out->last_use));
}

/* A dump shows larval SAs too. In a request the lack of an algorithm is an error. */
static bool is_larval(const struct xfrm_input *in)
{
	const struct nlattr *const *at = in->attrs.at;

	return !in->request && !at[XFRMA_ALG_AEAD] && !at[XFRMA_ALG_CRYPT] && !at[XFRMA_ALG_AUTH] &&
	       !at[XFRMA_ALG_AUTH_TRUNC] && !at[XFRMA_ALG_COMP];
}

static int check_family(const struct xfrm_input *in, const struct xfrm_usersa_info *info)
{
	if (info->family != AF_INET && info->family != AF_INET6)
		return xfrm_error_set(in->err, -EINVAL, SA_FIELD(family),
				      "address family %u: IPv4 or IPv6 is expected", info->family);
	return check_proto(in, info->id.proto);
}

static int check_use(const struct xfrm_input *in, const struct xfrm_usersa_info *info)
{
	/* The kernel would keep such an SA, of no use to anybody. RFC 4303 §2.1 reserves the value. */
	if (info->id.spi == 0)
		return xfrm_error_set(in->err, -EINVAL, SA_FIELD(id.spi),
				      "SPI 0 never goes over the wire: RFC 4303 section 2.1");
	return check_mode(in, info->mode);
}

int xfrm_sa_info_get(const struct xfrm_input *in, struct xfrm_usersa_info *info,
		     struct xfrm_sa *out)
{
	struct sa_config *config = &out->config;
	int rc = check_family(in, info);

	if (rc == 0)
		rc = get_selector(in, info, &config->sel);
	if (rc)
		return rc;
	config->id.dst = xfrm_addr_get(info->family, &info->id.daddr);
	config->id.spi = ntohl(info->id.spi);
	config->id.proto = info->id.proto;
	config->src = xfrm_addr_get(info->family, &info->saddr);
	config->mode = info->mode;
	config->flags = info->flags;
	config->reqid = info->reqid;
	config->seq = info->seq;
	config->limits = xfrm_limits_get(&info->lft);
	config->mark = xfrm_mark_get(in);
	get_status(in, info, &out->status);
	return 0;
}

/* What follows the structure, wherever that stood. */
static int get_rest(const struct xfrm_input *in, struct xfrm_usersa_info *info, struct xfrm_sa *out)
{
	struct sa_config *config = &out->config;
	int rc;

	config->larval = is_larval(in);
	rc = check_family(in, info);
	if (rc == 0 && !config->larval)
		rc = check_use(in, info);
	if (rc == 0)
		rc = refuse_attributes(in);
	if (rc == 0)
		rc = get_direction(in, config);
	if (rc == 0)
		rc = xfrm_sa_info_get(in, info, out);
	if (rc == 0)
		rc = xfrm_encap_get(in, (uint8_t)info->family, &config->encap);
	if (rc == 0 && !config->larval)
		rc = xfrm_suite_get(in, config);
	if (rc == 0)
		rc = xfrm_replay_get(in, info, out);
	if (rc)
		return rc;
	if (in->attrs.at[XFRMA_SA_EXTRA_FLAGS])
		config->extra_flags = xfrm_attr_u32(in->attrs.at[XFRMA_SA_EXTRA_FLAGS]);
	config->output_mark = get_output_mark(in);
	if (in->attrs.at[XFRMA_TFCPAD])
		config->tfcpad = xfrm_attr_u32(in->attrs.at[XFRMA_TFCPAD]);
	return 0;
}

int xfrm_parse_sa(const struct xfrm_input *in, struct xfrm_sa *out)
{
	struct xfrm_usersa_info info;

	xfrm_header_get(in, &info, sizeof(info));
	return get_rest(in, &info, out);
}

int xfrm_parse_deleted_sa(const struct xfrm_input *in, struct xfrm_sa *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_SA];
	struct xfrm_usersa_info info;

	if (!attr)
		return xfrm_error_set(in->err, -EINVAL, 0, "an SA's deletion needs XFRMA_SA");
	memcpy(&info, xfrm_attr_data(attr), sizeof(info));
	return get_rest(in, &info, out);
}

/* A key may name any protocol: an AH state that cannot be here is simply not found. */
int xfrm_parse_sa_key(const struct xfrm_input *in, struct sa_config *out)
{
	const struct nlattr *src = in->attrs.at[XFRMA_SRCADDR];
	struct xfrm_usersa_id id;
	xfrm_address_t addr;

	xfrm_header_get(in, &id, sizeof(id));
	if (id.family != AF_INET && id.family != AF_INET6) /* as in the kernel, where none has it */
		return xfrm_error_set(in->err, -ESRCH, XFRM_FIELD(struct xfrm_usersa_id, family),
				      "address family %u: IPv4 or IPv6 is expected", id.family);
	out->id.dst = xfrm_addr_get(id.family, &id.daddr);
	out->id.spi = ntohl(id.spi);
	out->id.proto = id.proto;
	out->mark = xfrm_mark_get(in);
	if (src) {
		memcpy(&addr, xfrm_attr_data(src), sizeof(addr));
		out->src = xfrm_addr_get(id.family, &addr);
	}
	return 0;
}

int xfrm_parse_sa_filter(const struct xfrm_input *in, struct xfrm_sa_filter *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_ADDRESS_FILTER];
	const struct nlattr *proto = in->attrs.at[XFRMA_PROTO];
	struct xfrm_address_filter filter;
	struct selector sel;

	if (proto) {
		memcpy(&out->proto, xfrm_attr_data(proto), sizeof(out->proto));
		if (out->proto == IPSEC_PROTO_ANY)
			out->proto = 0; /* there is nothing but ESP */
	}
	if (!attr)
		return 0;
	memcpy(&filter, xfrm_attr_data(attr), sizeof(filter));
	if (!xfrm_selector_get(&(struct xfrm_selector){.family = filter.family,
						       .saddr = filter.saddr,
						       .daddr = filter.daddr,
						       .prefixlen_s = filter.splen,
						       .prefixlen_d = filter.dplen},
			       &sel))
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "XFRMA_ADDRESS_FILTER: family %u, prefix lengths %u and %u",
				      filter.family, filter.splen, filter.dplen);
	out->src = sel.src;
	out->dst = sel.dst;
	return 0;
}

static bool side_matches(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	return prefix->addr.family == AF_UNSPEC || ip_prefix_contains(prefix, addr);
}

bool xfrm_sa_filter_matches(const struct xfrm_sa_filter *filter, const struct sa_config *sa)
{
	return (filter->proto == 0 || filter->proto == sa->id.proto) &&
	       side_matches(&filter->src, &sa->src) && side_matches(&filter->dst, &sa->id.dst);
}
