/*
 * xfrm/attr.c: the attributes behind a message's header (RFC 3549 §2.3.2 in netlink's form), found
 * and measured. The least length of each is the kernel's (its attribute policy for XFRM); longer
 * ones pass, as there. Unlike the kernel, bytes that are no attribute and attributes nobody here
 * knows are refused: what could change the meaning of an SA is not overlooked.
 */
#include "xfrm/message.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

struct attr_kind {
	const char *name;
	size_t min_len;
};

#define KIND(attr, len)	    [attr] = {#attr, len}
#define NEW_KIND(attr, len) [NEW_ATTR_##attr] = {"XFRMA_" #attr, len}

static const struct attr_kind kinds[NEW_ATTR_MAX + 1] = {
	KIND(XFRMA_ALG_AUTH, sizeof(struct xfrm_algo)),
	KIND(XFRMA_ALG_CRYPT, sizeof(struct xfrm_algo)),
	KIND(XFRMA_ALG_COMP, sizeof(struct xfrm_algo)),
	KIND(XFRMA_ENCAP, sizeof(struct xfrm_encap_tmpl)),
	KIND(XFRMA_TMPL, sizeof(struct xfrm_user_tmpl)),
	KIND(XFRMA_SA, sizeof(struct xfrm_usersa_info)),
	KIND(XFRMA_POLICY, sizeof(struct xfrm_userpolicy_info)),
	KIND(XFRMA_SEC_CTX, sizeof(struct xfrm_user_sec_ctx)),
	KIND(XFRMA_LTIME_VAL, sizeof(struct xfrm_lifetime_cur)),
	KIND(XFRMA_REPLAY_VAL, sizeof(struct xfrm_replay_state)),
	KIND(XFRMA_REPLAY_THRESH, sizeof(uint32_t)),
	KIND(XFRMA_ETIMER_THRESH, sizeof(uint32_t)),
	KIND(XFRMA_SRCADDR, sizeof(xfrm_address_t)),
	KIND(XFRMA_COADDR, sizeof(xfrm_address_t)),
	KIND(XFRMA_LASTUSED, sizeof(uint64_t)),
	KIND(XFRMA_POLICY_TYPE, sizeof(struct xfrm_userpolicy_type)),
	KIND(XFRMA_MIGRATE, sizeof(struct xfrm_user_migrate)),
	KIND(XFRMA_ALG_AEAD, sizeof(struct xfrm_algo_aead)),
	KIND(XFRMA_KMADDRESS, sizeof(struct xfrm_user_kmaddress)),
	KIND(XFRMA_ALG_AUTH_TRUNC, sizeof(struct xfrm_algo_auth)),
	KIND(XFRMA_MARK, sizeof(struct xfrm_mark)),
	KIND(XFRMA_TFCPAD, sizeof(uint32_t)),
	KIND(XFRMA_REPLAY_ESN_VAL, sizeof(struct xfrm_replay_state_esn)),
	KIND(XFRMA_SA_EXTRA_FLAGS, sizeof(uint32_t)),
	KIND(XFRMA_PROTO, sizeof(uint8_t)),
	KIND(XFRMA_ADDRESS_FILTER, sizeof(struct xfrm_address_filter)),
	KIND(XFRMA_PAD, 0),
	KIND(XFRMA_OFFLOAD_DEV, sizeof(struct xfrm_user_offload)),
	KIND(XFRMA_SET_MARK, sizeof(uint32_t)),
	KIND(XFRMA_SET_MARK_MASK, sizeof(uint32_t)),
	KIND(XFRMA_IF_ID, sizeof(uint32_t)),
	KIND(XFRMA_MTIMER_THRESH, sizeof(uint32_t)),
	NEW_KIND(SA_DIR, sizeof(uint8_t)),
	NEW_KIND(NAT_KEEPALIVE_INTERVAL, sizeof(uint32_t)),
	NEW_KIND(SA_PCPU, sizeof(uint32_t)),
	NEW_KIND(IPTFS_DROP_TIME, sizeof(uint32_t)),
	NEW_KIND(IPTFS_REORDER_WINDOW, sizeof(uint16_t)),
	NEW_KIND(IPTFS_DONT_FRAG, 0),
	NEW_KIND(IPTFS_INIT_DELAY, sizeof(uint32_t)),
	NEW_KIND(IPTFS_MAX_QSIZE, sizeof(uint32_t)),
	NEW_KIND(IPTFS_PKT_SIZE, sizeof(uint32_t)),
};

/* Messages about a database as a whole number theirs anew. */
static const struct attr_kind sad_kinds[XFRMA_SAD_MAX + 1] = {
	KIND(XFRMA_SAD_CNT, sizeof(uint32_t)),
	KIND(XFRMA_SAD_HINFO, sizeof(struct xfrmu_sadhinfo)),
};
static const struct attr_kind spd_kinds[XFRMA_SPD_MAX + 1] = {
	KIND(XFRMA_SPD_INFO, sizeof(struct xfrmu_spdinfo)),
	KIND(XFRMA_SPD_HINFO, sizeof(struct xfrmu_spdhinfo)),
	KIND(XFRMA_SPD_IPV4_HTHRESH, sizeof(struct xfrmu_spdhthresh)),
	KIND(XFRMA_SPD_IPV6_HTHRESH, sizeof(struct xfrmu_spdhthresh)),
};

/* NULL: a message of this type has no such attribute. */
static const struct attr_kind *find_kind(uint16_t message, unsigned type)
{
	const struct attr_kind *table = kinds;
	unsigned max = NEW_ATTR_MAX;

	if (message == XFRM_MSG_NEWSADINFO || message == XFRM_MSG_GETSADINFO) {
		table = sad_kinds;
		max = XFRMA_SAD_MAX;
	} else if (message == XFRM_MSG_NEWSPDINFO || message == XFRM_MSG_GETSPDINFO) {
		table = spd_kinds;
		max = XFRMA_SPD_MAX;
	}
	return type <= max && table[type].name ? &table[type] : NULL;
}

const char *xfrm_attr_name(unsigned type)
{
	assert(type <= NEW_ATTR_MAX && kinds[type].name);
	return kinds[type].name;
}

const void *xfrm_attr_data(const struct nlattr *attr)
{
	return mnl_attr_get_payload(attr);
}

size_t xfrm_attr_len(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr);
}

uint32_t xfrm_attr_u32(const struct nlattr *attr)
{
	uint32_t value;

	memcpy(&value, xfrm_attr_data(attr), sizeof(value));
	return value;
}

uint32_t xfrm_attr_offset(const struct xfrm_input *in, const struct nlattr *attr)
{
	return attr ? (uint32_t)((const uint8_t *)attr - (const uint8_t *)in->nlh) : 0;
}

int xfrm_attr_refuse_present(const struct xfrm_input *in, unsigned type, const char *why)
{
	if (!in->attrs.at[type])
		return 0;
	return xfrm_error_set(in->err, -EOPNOTSUPP, xfrm_attr_offset(in, in->attrs.at[type]),
			      "%s: %s", xfrm_attr_name(type), why);
}

int xfrm_attr_refuse(const struct xfrm_input *in, unsigned type, const char *why)
{
	const struct nlattr *attr = in->attrs.at[type];
	const uint8_t *data;

	if (!attr)
		return 0;
	data = xfrm_attr_data(attr);
	for (size_t i = 0; i < xfrm_attr_len(attr); i++) {
		if (data[i] == 0)
			continue;
		return xfrm_error_set(in->err, -EOPNOTSUPP, xfrm_attr_offset(in, attr), "%s: %s",
				      xfrm_attr_name(type), why);
	}
	return 0;
}

static int keep(struct xfrm_input *in, const struct nlattr *attr, bool tolerant)
{
	unsigned type = mnl_attr_get_type(attr);
	const struct attr_kind *kind = find_kind(in->nlh->nlmsg_type, type);
	uint32_t offset = xfrm_attr_offset(in, attr);

	if (type >= CYGNETA_BASE && type < CYGNETA_END && tolerant) {
		in->attrs.own[type - CYGNETA_BASE] = attr;
		return 0;
	}
	if (!kind) {
		if (tolerant)
			return 0;
		return xfrm_error_set(in->err, -EOPNOTSUPP, offset,
				      "attribute type %u is not known to this program", type);
	}
	if (xfrm_attr_len(attr) < kind->min_len)
		return xfrm_error_set(in->err, -ERANGE, offset,
				      "%s has %zu bytes, at least %zu are expected", kind->name,
				      xfrm_attr_len(attr), kind->min_len);
	in->attrs.at[type] = attr;
	return 0;
}

int xfrm_attrs_parse(struct xfrm_input *in, size_t header_len, bool tolerant)
{
	size_t len = in->nlh->nlmsg_len;
	size_t off = NLMSG_HDRLEN + NLMSG_ALIGN(header_len);
	int rc = 0;

	memset(&in->attrs, 0, sizeof(in->attrs));
	if (len < NLMSG_HDRLEN + header_len)
		return xfrm_error_set(in->err, -EINVAL, 0,
				      "message type %u has %zu bytes, at least %zu are expected",
				      in->nlh->nlmsg_type, len, NLMSG_HDRLEN + header_len);
	while (rc == 0 && off < len) {
		const struct nlattr *attr =
			(const struct nlattr *)(const void *)((const uint8_t *)in->nlh + off);

		if (len - off < sizeof(*attr) || attr->nla_len < sizeof(*attr) ||
		    attr->nla_len > len - off)
			return xfrm_error_set(in->err, -EINVAL, (uint32_t)off,
					      "attribute at byte %zu runs out of the message", off);
		rc = keep(in, attr, tolerant);
		off += NLMSG_ALIGN((size_t)attr->nla_len);
	}
	return rc;
}

void xfrm_header_get(const struct xfrm_input *in, void *out, size_t len)
{
	assert(in->nlh->nlmsg_len >= NLMSG_HDRLEN + len);
	memcpy(out, (const uint8_t *)in->nlh + NLMSG_HDRLEN, len);
}
