/*
 * net_relay.c: the encapsulation port through cygnetd: a socket pair of struct cygnet_ike_header and
 * IKE message, without markers (xfrm/xfrm.h).
 */
#include "gateway/iked/net.h"

#include "xfrm/xfrm.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static struct ip_addr address(uint8_t family, const uint8_t bytes[static 16])
{
	return family == AF_INET6 ? ip_addr_v6(bytes) : ip_addr_v4(bytes);
}

ssize_t net_relay_receive(int fd, uint8_t *buf, size_t size, struct ike_ends *ends)
{
	struct cygnet_ike_header header;
	struct iovec iov[2] = {{&header, sizeof(header)}, {buf, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	if ((size_t)got < sizeof(header) || (header.family != AF_INET && header.family != AF_INET6))
		return 0;
	*ends = (struct ike_ends){
		.local = address(header.family, header.dst),
		.remote = address(header.family, header.src),
		.local_port = header.dport,
		.remote_port = header.sport,
	};
	return got - (ssize_t)sizeof(header);
}

int net_relay_send(int fd, const struct ike_ends *ends, const uint8_t *data, size_t len)
{
	struct cygnet_ike_header header = {
		.family = ends->remote.family,
		.sport = ends->local_port,
		.dport = ends->remote_port,
	};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)data, len}};
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	memcpy(header.src, ends->local.bytes, sizeof(header.src));
	memcpy(header.dst, ends->remote.bytes, sizeof(header.dst));
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
