/*
 * icmp_socket.c: see icmp_socket.h. Called by outbound.c on the packet thread.
 */
#include "gateway/dataplane/wire/icmp_socket.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERRORS_PER_SECOND = 100 };

struct icmp_socket {
	int v4, v6; /* -1: not there */
	uint64_t second;
	unsigned sent; /* in this second */
};

static int open_quiet(int family, int protocol)
{
	struct icmp6_filter block;
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	int none = 1;

	if (fd < 0)
		return -errno;
	/* It only sends: without this every received ICMP message would queue up here. */
	if (family == AF_INET6) {
		ICMP6_FILTER_SETBLOCKALL(&block);
		(void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &block, sizeof(block));
	} else {
		uint32_t all = ~0u;

		(void)setsockopt(fd, SOL_RAW, ICMP_FILTER, &all, sizeof(all));
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
	return fd;
}

int icmp_socket_open(struct icmp_socket **out)
{
	struct icmp_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->v4 = open_quiet(AF_INET, IPPROTO_ICMP);
	s->v6 = open_quiet(AF_INET6, IPPROTO_ICMPV6);
	if (s->v4 < 0) {
		int rc = s->v4;

		errno = -rc;
		log_warn("cannot open a raw ICMP socket, which takes CAP_NET_RAW");
		icmp_socket_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void icmp_socket_close(struct icmp_socket *s)
{
	if (!s)
		return;
	if (s->v4 >= 0)
		close(s->v4);
	if (s->v6 >= 0)
		close(s->v6);
	free(s);
}

static bool within_rate(struct icmp_socket *s, uint64_t now_s)
{
	if (s->second != now_s) {
		s->second = now_s;
		s->sent = 0;
	}
	return s->sent++ < ERRORS_PER_SECOND;
}

void icmp_socket_too_big(struct icmp_socket *s, const uint8_t *data, const struct ip_view *v,
			 uint16_t mtu, uint64_t now_s)
{
	/* The kernel chooses the source address, and fills the ICMPv6 checksum in with it. */
	const struct ip_addr from = {.family = v->src.family};
	uint8_t msg[ICMP_ERROR_MAX];
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to;
	socklen_t to_len;
	size_t len;
	int fd = v->version == 6 ? s->v6 : s->v4;

	if (fd < 0 || !icmp_error_allowed(data, v) || !within_rate(s, now_s))
		return;
	memset(&to, 0, sizeof(to));
	len = icmp_too_big_put(data, v, mtu, &from, msg);
	if (v->version == 6) {
		to.in6.sin6_family = AF_INET6;
		memcpy(&to.in6.sin6_addr, v->src.bytes, 16);
		to_len = sizeof(to.in6);
	} else {
		to.in.sin_family = AF_INET;
		memcpy(&to.in.sin_addr, v->src.bytes, 4);
		to_len = sizeof(to.in);
	}
	/* An error that cannot be sent is lost, as any ICMP message may be. */
	(void)sendto(fd, msg, len, MSG_DONTWAIT, &to.sa, to_len);
}
