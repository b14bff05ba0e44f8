/*
 * tests/unit/xfrm/wire.h: messages written by hand for the parser's tests: a valid one is encoded,
 * then a field is overwritten or an attribute appended. Every parse happens in a buffer of exactly
 * the message's size, so that a sanitizer sees one byte read too many.
 */
#ifndef CYGNET_XFRM_WIRE_H
#define CYGNET_XFRM_WIRE_H

#include "tests/unit/xfrm/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline struct nlmsghdr *wire_header(struct sample_buffer *buf)
{
	return (struct nlmsghdr *)(void *)buf->bytes;
}

/* Parses a copy. rc is checked against what err says. */
static inline int wire_parse(const struct sample_buffer *buf, struct xfrm_message *out,
			     struct xfrm_error *err)
{
	void *exact = malloc(buf->len ? buf->len : 1);
	int rc;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, buf->bytes, buf->len);
	rc = xfrm_parse(exact, buf->len, out, err);
	free(exact);
	ck_assert_int_eq(rc, err->code);
	ck_assert(rc == 0 ? err->text[0] == '\0' : err->text[0] != '\0');
	return rc;
}

/* Appends an attribute of len bytes of data; lengths as they should be. */
static inline void wire_append(struct sample_buffer *buf, unsigned type, const void *data,
			       size_t len)
{
	struct nlattr attr = {.nla_len = (uint16_t)(sizeof(attr) + len),
			      .nla_type = (uint16_t)type};
	size_t at = NLMSG_ALIGN(buf->len);

	memset(buf->bytes + buf->len, 0, at - buf->len);
	memcpy(buf->bytes + at, &attr, sizeof(attr));
	if (len)
		memcpy(buf->bytes + at + sizeof(attr), data, len);
	memset(buf->bytes + at + sizeof(attr) + len, 0, 4);
	buf->len = at + NLMSG_ALIGN(sizeof(attr) + len);
	wire_header(buf)->nlmsg_len = (uint32_t)buf->len;
}

/* True if a message may end at len: where its header or one of its attributes does, with or without
 * the padding behind. */
static inline bool wire_may_end(const struct sample_buffer *whole, size_t header_len, size_t len)
{
	size_t end = NLMSG_HDRLEN + header_len;
	struct nlattr attr;

	for (;;) {
		if (len < end)
			return false;
		if (len <= NLMSG_ALIGN(end))
			return true;
		memcpy(&attr, whole->bytes + NLMSG_ALIGN(end), sizeof(attr));
		end = NLMSG_ALIGN(end) + attr.nla_len;
	}
}

/* Cuts the message at every length. As the datagram's end it is always an error; as the message's
 * own length it may only pass where an attribute ends. header_len: of the structure. */
static inline void wire_check_cuts(const struct sample_buffer *whole, size_t header_len)
{
	static struct sample_buffer cut;
	struct xfrm_message msg;
	struct xfrm_error err;

	for (size_t len = 0; len < whole->len; len++) {
		memcpy(cut.bytes, whole->bytes, whole->len);
		cut.len = len;
		ck_assert_int_eq(wire_parse(&cut, &msg, &err), -EINVAL);
		cut.len = whole->len;
		wire_header(&cut)->nlmsg_len = (uint32_t)len;
		if (wire_parse(&cut, &msg, &err) == 0)
			ck_assert_msg(wire_may_end(whole, header_len, len), "cut at %zu passed",
				      len);
	}
}

#endif
