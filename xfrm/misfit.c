/*
 * xfrm/misfit.c: our own event that an authentic packet did not fit its SA (RFC 4301 §5.2), both ways.
 * Called by xfrm_parse and xfrm_put.
 */
#include "xfrm/message.h"

#include <errno.h>
#include <string.h>

static int get_flow(const struct xfrm_input *in, struct selector *out)
{
	const struct nlattr *attr = in->attrs.own[CYGNETA_FLOW - CYGNETA_BASE];
	struct xfrm_selector wire;

	if (!attr || xfrm_attr_len(attr) != sizeof(wire))
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "a misfit has a flow, of %zu bytes", sizeof(wire));
	memcpy(&wire, xfrm_attr_data(attr), sizeof(wire));
	if (wire.family == AF_UNSPEC || !xfrm_selector_get(&wire, out))
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, attr),
				      "flow: family %u with prefix lengths %u and %u", wire.family,
				      wire.prefixlen_s, wire.prefixlen_d);
	return 0;
}

int cygnet_parse_misfit(const struct xfrm_input *in, struct xfrm_message *out)
{
	const struct nlattr *quote = in->attrs.own[CYGNETA_QUOTE - CYGNETA_BASE];
	size_t len = quote ? xfrm_attr_len(quote) : 0;
	int rc = xfrm_parse_sa_key(in, &out->sa.config);

	if (rc == 0)
		rc = get_flow(in, &out->misfit.flow);
	if (rc)
		return rc;
	if (len == 0 || len > sizeof(out->misfit.quote))
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, quote),
				      "a misfit quotes its packet, 1 to %d bytes",
				      CYGNET_QUOTE_MAX);
	memcpy(out->misfit.quote, xfrm_attr_data(quote), len);
	out->misfit.quote_len = (uint32_t)len;
	return 0;
}

void cygnet_put_misfit(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	struct xfrm_selector wire;

	(void)request;
	xfrm_put_sa_key(o, &msg->sa.config);
	xfrm_selector_put(&wire, &msg->misfit.flow);
	xfrm_attr_put(o, CYGNETA_FLOW, &wire, sizeof(wire));
	xfrm_attr_put(o, CYGNETA_QUOTE, msg->misfit.quote, msg->misfit.quote_len);
}
