/*
 * wire_errors.c: reads ICMP errors from MSG_ERRQUEUE, RFC 4301 §6. The kernel has matched the quoted
 * packet to a socket, which for a raw one means no more than its protocol: whether to believe it is
 * path_error.c's to decide. Packet thread.
 */
#include "gateway/dataplane/wire/wire_errors.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

enum {
	ESP_QUOTED = 8,	  /* SPI and sequence number, all that RFC 792 promises */
	UDP_QUOTED = 8,	  /* in front of that, in UDP: there RFC 1812 §4.3.2.3 has to be kept */
	CONTROL_MAX = 256 /* the error, the address of who sent it, and what else is switched on */
};

int wire_errors_enable(int fd, uint8_t family)
{
	const int on = 1;
	int rc;

	if (family == AF_INET6)
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	else
		rc = setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	return rc < 0 ? -errno : 0;
}

static struct ip_addr address_of(const void *sockaddr)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	memcpy(&sin, sockaddr, sizeof(sin));
	if (sin.sin_family == AF_INET)
		return ip_addr_v4(&sin.sin_addr);
	if (sin.sin_family != AF_INET6)
		return (struct ip_addr){0};
	memcpy(&sin6, sockaddr, sizeof(sin6));
	return ip_addr_v6(&sin6.sin6_addr);
}

/* "Too big", RFC 1191 §4 and RFC 4443 §3.2. Routers older than RFC 1191 say 0, which means nothing
 * to us: too little to be believed. */
static bool is_too_big(const struct sock_extended_err *e)
{
	if (e->ee_origin == SO_EE_ORIGIN_ICMP6)
		return e->ee_type == ICMP6_PACKET_TOO_BIG;
	return e->ee_type == ICMP_DEST_UNREACH && e->ee_code == ICMP_FRAG_NEEDED;
}

/* False: not from the network. */
static bool read_error(struct msghdr *msg, struct wire_error *out)
{
	struct sock_extended_err e;
	uint8_t with_offender[sizeof(e) + sizeof(struct sockaddr_in6)] = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		if (len < sizeof(e))
			return false;
		memcpy(with_offender, CMSG_DATA(c),
		       len < sizeof(with_offender) ? len : sizeof(with_offender));
		memcpy(&e, with_offender, sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
			return false;
		out->type = e.ee_type;
		out->code = e.ee_code;
		out->too_big = is_too_big(&e);
		out->mtu = out->too_big ? e.ee_info : 0;
		out->offender = address_of(with_offender + sizeof(e));
		return true;
	}
	return false;
}

static uint32_t word_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What the quoted bytes, those behind the IP header, name. */
static void read_quoted(const uint8_t *quoted, size_t len, bool udp, struct wire_error *out)
{
	const size_t esp = udp ? UDP_QUOTED : 0;

	if (udp && len >= UDP_QUOTED)
		out->sport = (uint16_t)(quoted[0] << 8 | quoted[1]);
	out->names_packet = len >= esp + ESP_QUOTED;
	if (out->names_packet) {
		out->spi = word_at(quoted + esp);
		out->seq = word_at(quoted + esp + 4);
	}
}

bool wire_errors_take(int fd, bool udp, struct wire_error *out)
{
	for (;;) {
		uint8_t quoted[UDP_QUOTED + ESP_QUOTED];
		struct sockaddr_in6 to = {0};
		union {
			struct cmsghdr align;
			uint8_t bytes[CONTROL_MAX];
		} control;
		struct iovec iov = {quoted, sizeof(quoted)};
		struct msghdr msg = {.msg_name = &to,
				     .msg_namelen = sizeof(to),
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = &control,
				     .msg_controllen = sizeof(control)};
		int error;
		socklen_t len = sizeof(error);
		ssize_t n = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);

		if (n < 0) {
			/* The queue may have been full when one came; its mark on the socket would
			 * wake us for ever. */
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
			return false;
		}
		*out = (struct wire_error){0};
		if (!read_error(&msg, out))
			continue;
		out->dst = address_of(&to);
		read_quoted(quoted, (size_t)n, udp, out);
		return true;
	}
}
