/*
 * xfrm/message.h: what the parsers and encoders of this folder share: attributes found in a
 * message, a message being written, and the conversions between linux/xfrm.h's structures and
 * sa-db's values. Private to xfrm/.
 *
 * Messages may stand at any multiple of four in a datagram, their structures want eight: every
 * structure is copied out or in, never pointed at.
 */
#ifndef CYGNET_XFRM_MESSAGE_H
#define CYGNET_XFRM_MESSAGE_H

#include "xfrm/xfrm.h"

#include <stddef.h>

/* Attributes of our own messages, far from the kernel's. Numbers are never given to another. */
enum cygnet_attr {
	CYGNETA_BASE = 0x200,
	CYGNETA_VERSION = CYGNETA_BASE, /* strings, NUL-terminated */
	CYGNETA_TUN,
	CYGNETA_WIRE,
	CYGNETA_CRYPTO,
	CYGNETA_WORKERS, /* u32 */
	CYGNETA_SAS,
	CYGNETA_POLICIES,
	CYGNETA_STARTED,    /* u64 */
	CYGNETA_FORWARDING, /* two bytes: IPv4, IPv6 */
	CYGNETA_VERDICT_IN, /* array of u64, in the order of VERDICT_LIST; as long as the sender's */
	CYGNETA_VERDICT_OUT, /* likewise */
	CYGNETA_SPI,	     /* u32, host order */
	CYGNETA_OUTER_MTU,   /* u32 */
	CYGNETA_INNER_MTU,
	CYGNETA_PORT,  /* u16, host order */
	CYGNETA_FLOW,  /* struct xfrm_selector */
	CYGNETA_QUOTE, /* 1 to CYGNET_QUOTE_MAX bytes */
	CYGNETA_END,
};

/* Attributes of kernels newer than the header this is built with. */
enum newer_attrs {
	NEW_ATTR_SA_DIR = 33,
	NEW_ATTR_NAT_KEEPALIVE_INTERVAL,
	NEW_ATTR_SA_PCPU,
	NEW_ATTR_IPTFS_DROP_TIME,
	NEW_ATTR_IPTFS_REORDER_WINDOW,
	NEW_ATTR_IPTFS_DONT_FRAG,
	NEW_ATTR_IPTFS_INIT_DELAY,
	NEW_ATTR_IPTFS_MAX_QSIZE,
	NEW_ATTR_IPTFS_PKT_SIZE,
	NEW_ATTR_MAX = NEW_ATTR_IPTFS_PKT_SIZE,
};

/* The attributes of one message, by type; NULL where there is none. The last of duplicates wins, as
 * in the kernel. */
struct xfrm_attrs {
	const struct nlattr *at[NEW_ATTR_MAX + 1];
	const struct nlattr *own[CYGNETA_END - CYGNETA_BASE];
};

/* A message being parsed. */
struct xfrm_input {
	const struct nlmsghdr *nlh; /* borrowed */
	struct xfrm_attrs attrs;
	struct xfrm_error *err; /* borrowed */
	bool request;		/* NLM_F_REQUEST: status in it is not believed but refused */
};

/* A message being written. */
struct xfrm_output {
	struct nlmsghdr *nlh; /* borrowed */
	size_t size;	      /* of the buffer */
	bool full;	      /* something did not fit, or has no encoding */
};

/* Modes a kernel of today knows; the header this is built with may be older. */
enum xfrm_modes { MODE_IPTFS = 5, MODE_END };

/* Offset of a header's field from the start of the message, for xfrm_error. */
#define XFRM_FIELD(type, member) ((uint32_t)(NLMSG_HDRLEN + offsetof(type, member)))

/* ---- attributes (attr.c) ---- */

/* Splits what follows the header of header_len bytes. 0; -EINVAL for lengths that lie, -ERANGE for
 * those that fall short of the attribute's structure; -EOPNOTSUPP for attributes this program does not know, unless
 * tolerant. */
int xfrm_attrs_parse(struct xfrm_input *in, size_t header_len, bool tolerant);
/* Copies the message's header structure; xfrm_attrs_parse has checked its length. */
void xfrm_header_get(const struct xfrm_input *in, void *out, size_t len);
/* Payload of an attribute that is there. */
const void *xfrm_attr_data(const struct nlattr *attr);
size_t xfrm_attr_len(const struct nlattr *attr);
uint32_t xfrm_attr_u32(const struct nlattr *attr);
/* Offset from the start of the message; 0 for NULL. */
uint32_t xfrm_attr_offset(const struct xfrm_input *in, const struct nlattr *attr);
/* "XFRMA_MARK" */
const char *xfrm_attr_name(unsigned type);
/* -EOPNOTSUPP if the attribute is there with any bit set; why is a sentence's end. */
int xfrm_attr_refuse(const struct xfrm_input *in, unsigned type, const char *why);
/* The same, whatever is in it: a zero means something, too. */
int xfrm_attr_refuse_present(const struct xfrm_input *in, unsigned type, const char *why);

/* ---- values (value.c) ---- */

struct ip_addr xfrm_addr_get(unsigned family, const xfrm_address_t *addr);
void xfrm_addr_put(xfrm_address_t *out, const struct ip_addr *addr);
/* False for a family that is neither IPv4, IPv6 nor unspecified, or a prefix too long for it.
 * Unspecified: addresses must be zero. */
bool xfrm_selector_get(const struct xfrm_selector *in, struct selector *out);
/* What no packet is held against here: devices, and ports of protocols without; at: where it stands in the message.
 * 0; -EOPNOTSUPP. */
int xfrm_selector_refuse(const struct xfrm_input *in, const struct selector *sel, uint32_t at);
void xfrm_selector_put(struct xfrm_selector *out, const struct selector *in);
struct sadb_limits xfrm_limits_get(const struct xfrm_lifetime_cfg *in);
struct xfrm_lifetime_cfg xfrm_limits_put(const struct sadb_limits *in);
struct xfrm_mark_value xfrm_mark_get(const struct xfrm_input *in);

/* ---- algorithms (algorithm.c) ---- */

/* Why an algorithm that the kernel knows is not offered here; NULL if the kernel does not know it
 * either. (names.c) */
const char *xfrm_refusal(const char *name);
/* Reads XFRMA_ALG_* of a NEWSA into suite and keys. */
int xfrm_suite_get(const struct xfrm_input *in, struct sa_config *out);
void xfrm_suite_put(struct xfrm_output *o, const struct sa_config *config, bool request);

/* ---- parsers, one for each kind of header ---- */

int xfrm_parse_sa(const struct xfrm_input *in, struct xfrm_sa *out);
/* All of an SA that stands in the header: no suite, no replay state. */
int xfrm_sa_info_get(const struct xfrm_input *in, struct xfrm_usersa_info *info,
		     struct xfrm_sa *out);
/* The event of a deletion: what is gone. */
int xfrm_parse_deleted_sa(const struct xfrm_input *in, struct xfrm_sa *out);
/* What the SA has done: in a request, what it shall go on from. */
int xfrm_replay_get(const struct xfrm_input *in, const struct xfrm_usersa_info *info,
		    struct xfrm_sa *out);
void xfrm_lifetime_get(const struct xfrm_input *in, struct sa_status *out);
int xfrm_encap_get(const struct xfrm_input *in, uint8_t family, struct sa_encap *out);
int xfrm_parse_migrate(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_aevent(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_info(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_sad_info(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_spd_info(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_default(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_sa_key(const struct xfrm_input *in, struct sa_config *out);
int xfrm_parse_sa_filter(const struct xfrm_input *in, struct xfrm_sa_filter *out);
int xfrm_parse_policy(const struct xfrm_input *in, struct xfrm_policy *out);
int xfrm_parse_deleted_policy(const struct xfrm_input *in, struct xfrm_policy *out);
/* The same of a policy whose structure stands elsewhere; XFRMA_TMPL is an attribute either way. */
int xfrm_policy_info_get(const struct xfrm_input *in, const struct xfrm_userpolicy_info *info,
			 struct xfrm_policy *out);
int xfrm_parse_policy_key(const struct xfrm_input *in, struct policy_config *out);
/* XFRMA_POLICY_TYPE, if there is one, must be the main database. */
int xfrm_parse_policy_type(const struct xfrm_input *in);
int xfrm_parse_alloc_spi(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_expire(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_policy_expire(const struct xfrm_input *in, struct xfrm_message *out);
int xfrm_parse_acquire(const struct xfrm_input *in, struct xfrm_acquire *out);
int xfrm_parse_mapping(const struct xfrm_input *in, struct xfrm_message *out);
int cygnet_parse_ike(const struct xfrm_input *in, struct xfrm_message *out);
int cygnet_parse_misfit(const struct xfrm_input *in, struct xfrm_message *out);
int cygnet_parse_ctl(struct xfrm_input *in, struct cygnet_ctl *out);
int cygnet_parse_status(const struct xfrm_input *in, struct cygnet_status *out);
int cygnet_parse_tunnel(const struct xfrm_input *in, struct cygnet_tunnel *out);

/* ---- encoders ---- */

/* Appends the header structure of a message, or an attribute. */
void xfrm_header_put(struct xfrm_output *o, const void *header, size_t len);
void xfrm_attr_put(struct xfrm_output *o, unsigned type, const void *data, size_t len);
void xfrm_attr_put_u32(struct xfrm_output *o, unsigned type, uint32_t value);
void xfrm_mark_put(struct xfrm_output *o, const struct xfrm_mark_value *mark);

void xfrm_put_sa(struct xfrm_output *o, const struct xfrm_sa *sa, bool request);
void xfrm_sa_info_put(struct xfrm_usersa_info *info, const struct xfrm_sa *sa, bool request);
/* What follows the header of a NEWSA. */
void xfrm_sa_attrs_put(struct xfrm_output *o, const struct xfrm_sa *sa, bool request);
void xfrm_replay_put(struct xfrm_output *o, const struct xfrm_sa *sa, bool request);
/* required: even if all is zero. */
void xfrm_lifetime_put(struct xfrm_output *o, const struct sa_status *status, bool required);
void xfrm_encap_put(struct xfrm_output *o, const struct sa_encap *encap);
void xfrm_put_migrate(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_aevent(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_sad_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_spd_info(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_default(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_sa_key(struct xfrm_output *o, const struct sa_config *config);
void xfrm_put_sa_filter(struct xfrm_output *o, const struct xfrm_sa_filter *filter);
void xfrm_put_policy(struct xfrm_output *o, const struct xfrm_policy *policy, bool request);
void xfrm_policy_info_put(struct xfrm_userpolicy_info *info, const struct xfrm_policy *policy,
			  bool request);
void xfrm_policy_type_put(struct xfrm_output *o);
void xfrm_policy_attrs_put(struct xfrm_output *o, const struct policy_config *config, bool request);
void xfrm_put_policy_key(struct xfrm_output *o, const struct policy_config *key);
void xfrm_put_alloc_spi(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_expire(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_policy_expire(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_acquire(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void xfrm_put_deleted_sa(struct xfrm_output *o, const struct xfrm_sa *sa);
void xfrm_put_deleted_policy(struct xfrm_output *o, const struct xfrm_policy *policy);
void xfrm_put_mapping(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void cygnet_put_ike(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void cygnet_put_misfit(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void cygnet_put_ctl(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void cygnet_put_status(struct xfrm_output *o, const struct xfrm_message *msg, bool request);
void cygnet_put_tunnel(struct xfrm_output *o, const struct xfrm_message *msg, bool request);

#endif
