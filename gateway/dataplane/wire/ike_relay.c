/*
 * ike_relay.c: see ike_relay.h. RFC 3948 §2.2: IKE on a port that carries ESP has four zero bytes in
 * front. Called by encap_ports.c.
 *
 * Datagrams leave through a raw socket with a UDP header of our own: the port's own socket has its
 * DF set as ESP needs it, and IKE's large messages must be fragmented.
 */
#include "gateway/dataplane/wire/ike_relay.h"

#include "gateway/dataplane/log.h"
#include "xfrm/xfrm.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN = 32, PAIR_BUFFER = 1 << 20 };

struct ike_relay {
	struct ike_relay *next;
	uint16_t port;
	uint32_t mark;
	int fd;			/* owned; our end of the pair */
	int sends[2];		/* owned; raw UDP sockets for IPv4 and IPv6, -1: not used */
	struct event *readable; /* owned */
	struct ike_relay_end end;
};

static unsigned family_index(uint8_t family)
{
	return family == AF_INET6;
}

uint16_t ike_relay_port(const struct ike_relay *relay)
{
	return relay->port;
}

bool ike_relay_uses(const struct ike_relay *relay, uint8_t family)
{
	return relay->sends[family_index(family)] >= 0;
}

void ike_owner_free(void *owner)
{
	struct ike_owner *o = owner;

	close(o->fd);
	free(o);
}

void ike_relay_close_client(int *client)
{
	close(*client);
	*client = -1;
}

/* ---- receiving ------------------------------------------------------------------------------ */

bool wire_udp_hand_over(const struct encap_port *port, const struct wire_rx *rx)
{
	const struct ike_owner *owner = atomic_load_explicit(&port->ike, memory_order_acquire);
	struct cygnet_ike_header header = {
		.family = rx->src.family, .sport = rx->sport, .dport = rx->dport};
	struct iovec iov[2] = {
		{&header, sizeof(header)},
		{packet_data(&rx->p) + CYGNET_IKE_MARKER_LEN, rx->p.len - CYGNET_IKE_MARKER_LEN},
	};
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (!owner)
		return false;
	memcpy(header.src, rx->src.bytes, sizeof(header.src));
	memcpy(header.dst, rx->dst.bytes, sizeof(header.dst));
	return sendmsg(owner->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* ---- sending ------------------------------------------------------------------------------- */

struct ike_message {
	struct cygnet_ike_header header;
	uint8_t marker[CYGNET_IKE_MARKER_LEN]; /* which the client does not write */
	uint8_t bytes[CYGNET_IKE_MAX];
};

/* A client writes from the port it has, to somewhere. */
static bool sendable(const struct ike_relay *relay, const struct cygnet_ike_header *h)
{
	return (h->family == AF_INET || h->family == AF_INET6) && h->sport == relay->port &&
	       h->dport != 0 && ike_relay_uses(relay, h->family);
}

static struct ip_addr address(uint8_t family, const uint8_t bytes[static 16])
{
	return family == AF_INET6 ? ip_addr_v6(bytes) : ip_addr_v4(bytes);
}

static void send_one(const struct ike_relay *relay, struct ike_message *m, size_t len)
{
	const struct cygnet_ike_header *h = &m->header;
	const struct udp_ends ends = {address(h->family, h->src), address(h->family, h->dst),
				      h->sport, h->dport};
	/* A raw socket's address has no port. */
	const struct wire_dest dest = {.src = ends.src, .dst = ends.dst};
	uint8_t udp[UDP_HEADER_LEN];
	struct iovec iov[2] = {{udp, sizeof(udp)}, {m->marker, sizeof(m->marker) + len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	struct sockaddr_storage to;
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control;

	memset(m->marker, 0, sizeof(m->marker));
	udp_header_put(udp, &ends, m->marker, (uint16_t)iov[1].iov_len, false);
	(void)wire_address(&msg, &to, &control, &dest);
	if (sendmsg(relay->sends[family_index(h->family)], &msg, MSG_DONTWAIT) < 0)
		wire_log_refused(&dest, (uint32_t)iov[1].iov_len, errno);
}

/* 1; 0: there is none now; -errno: the client is gone. */
static int relay_one(const struct ike_relay *relay)
{
	struct ike_message m;
	struct iovec iov[2] = {{&m.header, sizeof(m.header)}, {m.bytes, sizeof(m.bytes)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n = recvmsg(relay->fd, &msg, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	if ((size_t)n <= sizeof(m.header) || (msg.msg_flags & MSG_TRUNC) ||
	    !sendable(relay, &m.header))
		log_packet("IKE on port %u: the client's datagram cannot be sent", relay->port);
	else
		send_one(relay, &m, (size_t)n - sizeof(m.header));
	return 1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ike_relay *relay = arg;
	int rc = 1;

	(void)fd;
	(void)what;
	for (int i = 0; i < TURN && rc > 0; i++)
		rc = relay_one(relay);
	if (rc < 0)
		relay->end.fn(relay->end.ctx, relay);
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static int open_sender(uint8_t family, uint32_t mark, int *out)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {1, &none};
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		rc = -errno;
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

int ike_relay_use(struct ike_relay *relay, uint8_t family, struct ike_owner **owner)
{
	struct ike_owner *o = malloc(sizeof(*o));
	int fd = -1, rc;

	if (!o)
		return -ENOMEM;
	rc = open_sender(family, relay->mark, &fd);
	if (rc < 0)
		goto err_free_owner;
	/* Of its own: the packet thread may use it when the relay is gone. */
	o->fd = fcntl(relay->fd, F_DUPFD_CLOEXEC, 0);
	if (o->fd < 0) {
		rc = -errno;
		goto err_close_sender;
	}
	relay->sends[family_index(family)] = fd;
	*owner = o;
	return 0;

err_close_sender:
	close(fd);
err_free_owner:
	free(o);
	return rc;
}

int ike_relay_new(struct ike_relay **out, struct event_base *base, uint16_t port, uint32_t mark,
		  struct ike_relay_end end, int *client)
{
	struct ike_relay *relay = calloc(1, sizeof(*relay));
	const int buffer = PAIR_BUFFER;
	int pair[2], rc;

	if (!relay)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		rc = -errno;
		free(relay);
		return rc;
	}
	/* Best effort: the usual size holds fewer. */
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	relay->fd = pair[0];
	relay->port = port;
	relay->mark = mark;
	relay->end = end;
	relay->sends[0] = relay->sends[1] = -1;
	relay->readable = event_new(base, pair[0], EV_READ | EV_PERSIST, on_readable, relay);
	if (!relay->readable || event_add(relay->readable, NULL) < 0) {
		close(pair[1]);
		ike_relay_free(NULL, relay);
		return -ENOMEM;
	}
	*out = relay;
	*client = pair[1];
	return 0;
}

void ike_relay_link(struct ike_relay **list, struct ike_relay *relay)
{
	relay->next = *list;
	*list = relay;
}

struct ike_relay *ike_relay_find(struct ike_relay *list, uint16_t port)
{
	while (list && list->port != port)
		list = list->next;
	return list;
}

void ike_relay_free(struct ike_relay **list, struct ike_relay *relay)
{
	while (list && *list != relay)
		list = &(*list)->next;
	if (list)
		*list = relay->next;
	if (relay->readable)
		event_free(relay->readable);
	for (unsigned i = 0; i < 2; i++) {
		if (relay->sends[i] >= 0)
			close(relay->sends[i]);
	}
	close(relay->fd);
	free(relay);
}
