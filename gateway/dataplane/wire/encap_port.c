/*
 * encap_port.c: one UDP port that encapsulated ESP travels by, as a socket. Ours if nobody has it:
 * then the kernel joins and cuts datagrams for us. Else a raw UDP socket beside the process that
 * does: a copy of each datagram comes in, of which a filter lets ESP pass. Called by encap_ports.c.
 */
#include "gateway/dataplane/wire/wire_udp.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

enum { PORT_OFF = 2, PAYLOAD_OFF = 8 };

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* What the packet thread wants to know beside each datagram, and where it goes. */
static int set_common(int fd, uint8_t family, uint32_t mark)
{
	int rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)mark);

	/* Best effort: without CAP_NET_ADMIN in the first user namespace the usual limit holds. */
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, WIRE_RECEIVE_BUFFER);
	(void)set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, WIRE_SEND_BUFFER);
	if (family == AF_INET6) {
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
		return rc;
	}
	if (rc == 0)
		rc = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (rc == 0)
		rc = set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (rc == 0)
		rc = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	return rc;
}

static int bind_port(int fd, uint8_t family, uint16_t port)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr *any = (const struct sockaddr *)&sin;
	socklen_t len = sizeof(sin);

	if (family == AF_INET6) {
		any = (const struct sockaddr *)&sin6;
		len = sizeof(sin6);
	}
	return bind(fd, any, len) < 0 ? -errno : 0;
}

/* -EADDRINUSE: another process has it; -EACCES: a port below 1024, which takes a capability we do
 * not keep. */
static int open_own(uint8_t family, uint16_t port, uint32_t mark, int *out)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int rc;

	if (fd < 0)
		return -errno;
	rc = family == AF_INET6 ? set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
	if (rc == 0)
		rc = set_common(fd, family, mark);
	if (rc == 0)
		rc = bind_port(fd, family, port);
	if (rc == 0)
		(void)set_int(fd, SOL_UDP, UDP_GRO, 1); /* a kernel without it is only slower */
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

/* Passes UDP to the port whose payload begins with four bytes that are not all zero: ESP. What is too
 * short for them, keepalives among it, reads beyond its end, which drops it. IPv4's raw sockets
 * show the IP header to the filter, IPv6's do not. */
static int filter_esp(int fd, uint8_t family, uint16_t port)
{
	struct sock_filter code[] = {
		family == AF_INET6 ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, 0)
				   : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, PORT_OFF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, PAYLOAD_OFF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_beside(uint8_t family, uint16_t port, uint32_t mark, int *out)
{
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int rc;

	if (fd < 0)
		return -errno;
	rc = filter_esp(fd, family, port);
	if (rc == 0)
		rc = set_common(fd, family, mark);
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

int encap_port_open(struct encap_port **out, uint8_t family, uint16_t port, uint32_t mark)
{
	struct encap_port *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->family = family;
	p->port = port;
	rc = open_own(family, port, mark, &p->fd);
	if (rc == -EADDRINUSE || rc == -EACCES) {
		p->foreign = true;
		rc = open_beside(family, port, mark, &p->fd);
	}
	if (rc < 0) {
		free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void encap_port_close(void *port)
{
	struct encap_port *p = port;
	struct ike_owner *owner = atomic_load_explicit(&p->ike, memory_order_relaxed);

	if (owner) {
		close(owner->fd);
		free(owner);
	}
	close(p->fd);
	free(p);
}
