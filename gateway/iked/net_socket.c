/*
 * net_socket.c: UDP sockets for IKE. Fragments are allowed: IKE's large messages need them where RFC
 * 7383 is not spoken (RFC 7296 §2). The address a datagram came to is the one its answer leaves from.
 */
#include "gateway/iked/net.h"

/* Before the kernel's headers, which leave to it what both define. */
#include <netinet/in.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_XFRM_POLICY
#define IP_XFRM_POLICY 17
#endif
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* The kernel understands policies of sockets when the module of NETLINK_XFRM is there, and that comes
 * with the first socket of its kind. */
static void load_xfrm(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM);

	if (fd >= 0)
		close(fd);
}

/* No policy of the kernel's applies to what this socket sends and receives. */
static int bypass(int fd, uint8_t family)
{
	struct xfrm_userpolicy_info policy = {
		.action = XFRM_POLICY_ALLOW, .sel.family = family, .dir = XFRM_POLICY_OUT};
	int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int name = family == AF_INET6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;

	load_xfrm();
	for (int i = 0; i < 2; i++) {
		if (setsockopt(fd, level, name, &policy, sizeof(policy)) < 0)
			return -errno;
		policy.dir = XFRM_POLICY_IN;
	}
	return 0;
}

static int prepare(int fd, uint8_t family, bool encap, bool kernel)
{
	bool six = family == AF_INET6;
	int rc = set(fd, SOL_SOCKET, SO_MARK, NET_MARK);

	if (!rc && six)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!rc)
		rc = six ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
			 : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (!rc)
		rc = six ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)
			 : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (!rc && encap)
		rc = set(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP);
	if (!rc && kernel)
		rc = bypass(fd, family);
	return rc;
}

int net_socket_open(uint8_t family, uint16_t port, bool encap, bool kernel, int *out)
{
	const struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool six = family == AF_INET6;
	const struct sockaddr *any =
		six ? (const struct sockaddr *)&any6 : (const struct sockaddr *)&any4;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = prepare(fd, family, encap, kernel);
	if (!rc && bind(fd, any, six ? sizeof(any6) : sizeof(any4)) < 0)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static bool read_local(struct msghdr *msg, struct ip_addr *local)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = ip_addr_v4(&info.ipi_addr);
			return true;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = ip_addr_v6(&info.ipi6_addr);
			return true;
		}
	}
	return false;
}

ssize_t net_socket_receive(int fd, uint16_t port, uint8_t *buf, size_t size, struct ike_ends *ends)
{
	struct iovec iov = {buf, size};
	union address from;
	union control control;
	struct msghdr msg = {.msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	if (!read_local(&msg, &ends->local))
		return 0;
	if (from.any.sa_family == AF_INET) {
		ends->remote = ip_addr_v4(&from.v4.sin_addr);
		ends->remote_port = ntohs(from.v4.sin_port);
	} else {
		ends->remote = ip_addr_v6(&from.v6.sin6_addr);
		ends->remote_port = ntohs(from.v6.sin6_port);
	}
	ends->local_port = port;
	return got;
}

static void put_v4(const struct ike_ends *ends, struct msghdr *msg, union address *to)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in_pktinfo info = {0};

	to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(ends->remote_port)};
	memcpy(&to->v4.sin_addr, ends->remote.bytes, sizeof(to->v4.sin_addr));
	memcpy(&info.ipi_spec_dst, ends->local.bytes, sizeof(info.ipi_spec_dst));
	msg->msg_namelen = sizeof(to->v4);
	msg->msg_controllen = CMSG_SPACE(sizeof(info));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static void put_v6(const struct ike_ends *ends, struct msghdr *msg, union address *to)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in6_pktinfo info = {0};

	to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				       .sin6_port = htons(ends->remote_port)};
	memcpy(&to->v6.sin6_addr, ends->remote.bytes, sizeof(to->v6.sin6_addr));
	memcpy(&info.ipi6_addr, ends->local.bytes, sizeof(info.ipi6_addr));
	msg->msg_namelen = sizeof(to->v6);
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

int net_socket_send(int fd, const struct ike_ends *ends, bool marker, const uint8_t *data,
		    size_t len)
{
	static const uint8_t zeros[IKE_NON_ESP_MARKER_LEN];
	struct iovec iov[2] = {{(void *)zeros, marker ? sizeof(zeros) : 0}, {(void *)data, len}};
	union address to = {0};
	union control control = {0};
	struct msghdr msg = {.msg_name = &to,
			     .msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	if (ends->remote.family == AF_INET6) {
		put_v6(ends, &msg, &to);
		msg.msg_namelen = sizeof(to.v6);
	} else {
		put_v4(ends, &msg, &to);
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}
