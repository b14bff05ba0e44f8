/*
 * xfrm/mapping.c: what UDP encapsulation adds to the protocol, both ways: MAPPING, the kernel's event
 * that a NAT lets an SA's peer appear elsewhere (RFC 7296 §2.23), and IKEREG, our own request for the
 * IKE datagrams of a port. Called by xfrm_parse and xfrm_put.
 */
#include "xfrm/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int xfrm_parse_mapping(const struct xfrm_input *in, struct xfrm_message *out)
{
	struct sa_config *config = &out->sa.config;
	struct xfrm_user_mapping wire;

	xfrm_header_get(in, &wire, sizeof(wire));
	if (wire.id.family != AF_INET && wire.id.family != AF_INET6)
		return xfrm_error_set(
			in->err, -EINVAL, XFRM_FIELD(struct xfrm_user_mapping, id.family),
			"address family %u: IPv4 or IPv6 is expected", wire.id.family);
	config->id.dst = xfrm_addr_get(wire.id.family, &wire.id.daddr);
	config->id.spi = ntohl(wire.id.spi);
	config->id.proto = wire.id.proto;
	config->reqid = wire.reqid;
	config->src = xfrm_addr_get(wire.id.family, &wire.old_saddr);
	out->was = (struct sa_peer){config->src, ntohs(wire.old_sport)};
	out->is = (struct sa_peer){xfrm_addr_get(wire.id.family, &wire.new_saddr),
				   ntohs(wire.new_sport)};
	return 0;
}

void xfrm_put_mapping(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct sa_config *config = &msg->sa.config;
	struct xfrm_user_mapping wire;

	(void)request;
	memset(&wire, 0, sizeof(wire));
	xfrm_addr_put(&wire.id.daddr, &config->id.dst);
	wire.id.spi = htonl(config->id.spi);
	wire.id.family = config->id.dst.family;
	wire.id.proto = config->id.proto;
	wire.reqid = config->reqid;
	xfrm_addr_put(&wire.old_saddr, &msg->was.addr);
	xfrm_addr_put(&wire.new_saddr, &msg->is.addr);
	wire.old_sport = htons(msg->was.port);
	wire.new_sport = htons(msg->is.port);
	xfrm_header_put(o, &wire, sizeof(wire));
}

int cygnet_parse_ike(const struct xfrm_input *in, struct xfrm_message *out)
{
	const struct nlattr *attr = in->attrs.own[CYGNETA_PORT - CYGNETA_BASE];

	if (!attr || xfrm_attr_len(attr) != sizeof(out->port))
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "registering for IKE takes a port, of two bytes");
	memcpy(&out->port, xfrm_attr_data(attr), sizeof(out->port));
	return 0;
}

void cygnet_put_ike(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	(void)request;
	xfrm_attr_put(o, CYGNETA_PORT, &msg->port, sizeof(msg->port));
}
