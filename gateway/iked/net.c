/*
 * net.c: see net.h.
 */
#include "gateway/iked/net.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 4 };

struct net_port {
	struct net *net;
	int fd; /* owned; -1: none */
	uint8_t family;
	uint16_t port;
	bool encap;
	struct event *readable; /* owned */
};

struct net {
	struct net_options options;
	struct net_listener listener;
	struct event_base *base; /* borrowed */
	struct net_port ports[SOCKETS], relay;
	int probes[2]; /* owned; sockets that ask for sources, IPv4 and IPv6 */
	uint8_t buf[NET_DATAGRAM_MAX];
};

/* ---- receiving -------------------------------------------------------------------------------- */

static ssize_t receive(struct net_port *p, struct ike_ends *ends)
{
	struct net *net = p->net;

	if (p == &net->relay)
		return net_relay_receive(p->fd, net->buf, sizeof(net->buf), ends);
	return net_socket_receive(p->fd, p->port, net->buf, sizeof(net->buf), ends);
}

static void deliver(struct net_port *p, const struct ike_ends *ends, size_t len)
{
	static const uint8_t marker[IKE_NON_ESP_MARKER_LEN];
	struct net *net = p->net;
	size_t skip = p->encap && p != &net->relay ? sizeof(marker) : 0;

	/* RFC 3948 §2.2, §2.3: what has no marker is ESP the kernel did not take, or a keepalive. */
	if (len <= skip || memcmp(net->buf, marker, skip) != 0)
		return;
	net->listener.datagram(net->listener.ctx, ends, net->buf + skip, len - skip);
}

static void lose_relay(struct net *net)
{
	if (net->relay.readable)
		event_free(net->relay.readable);
	if (net->relay.fd >= 0)
		close(net->relay.fd);
	net->relay.readable = NULL;
	net->relay.fd = -1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct net_port *p = arg;
	struct net *net = p->net;

	(void)fd;
	(void)what;
	for (int i = 0; i < NET_TURN; i++) {
		struct ike_ends ends;
		ssize_t got = receive(p, &ends);

		if (got >= 0) {
			deliver(p, &ends, (size_t)got);
			continue;
		}
		if (p == &net->relay && got != -EAGAIN && got != -EINTR) {
			lose_relay(net);
			net->listener.relay_lost(net->listener.ctx);
		}
		return; /* errors of a datagram sent earlier are of no use: IKE asks again */
	}
}

/* ---- sending ---------------------------------------------------------------------------------- */

static const struct net_port *port_for(const struct net *net, const struct ike_ends *ends)
{
	if (ends->local_port == net->options.encap_port && !net->options.kernel)
		return &net->relay;
	for (unsigned i = 0; i < SOCKETS; i++) {
		const struct net_port *p = &net->ports[i];

		if (p->fd >= 0 && p->family == ends->remote.family && p->port == ends->local_port)
			return p;
	}
	return NULL;
}

void net_send(struct net *net, const struct ike_ends *ends, const uint8_t *data, size_t len,
	      bool keepalive)
{
	const struct net_port *p = port_for(net, ends);
	char text[IP_ADDR_TEXT_MAX];
	int rc;

	if (!p || p->fd < 0)
		rc = -EADDRNOTAVAIL;
	else if (p != &net->relay)
		rc = net_socket_send(p->fd, ends, p->encap && !keepalive, data, len);
	else if (keepalive) /* cygnetd's own business there */
		rc = 0;
	else
		rc = net_relay_send(p->fd, ends, data, len);
	if (rc < 0)
		log_debug("a datagram to %s port %u cannot be sent: %s",
			  ip_addr_format(&ends->remote, text), ends->remote_port, strerror(-rc));
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Returns its length. */
static socklen_t put_address(union address *out, const struct ip_addr *addr, uint16_t port)
{
	*out = (union address){0};
	if (addr->family == AF_INET6) {
		out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		memcpy(&out->v6.sin6_addr, addr->bytes, sizeof(out->v6.sin6_addr));
		return sizeof(out->v6);
	}
	out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&out->v4.sin_addr, addr->bytes, sizeof(out->v4.sin_addr));
	return sizeof(out->v4);
}

bool net_source_for(struct net *net, const struct ip_addr *dst, struct ip_addr *src)
{
	bool six = dst->family == AF_INET6;
	int fd = net->probes[six];
	union address addr;
	socklen_t len = put_address(&addr, dst, 500);
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	/* Or the source chosen last time would stay. */
	(void)connect(fd, &nobody, sizeof(nobody));
	if (fd < 0 || connect(fd, &addr.any, len) < 0 || getsockname(fd, &addr.any, &len) < 0)
		return false;
	*src = six ? ip_addr_v6(&addr.v6.sin6_addr) : ip_addr_v4(&addr.v4.sin_addr);
	return !ip_addr_is_any(src);
}

bool net_is_ours(const struct ip_addr *addr)
{
	int fd = socket(addr->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union address at;
	socklen_t len = put_address(&at, addr, 0);
	bool gone;

	/* Whatever else is wrong says nothing about the address: descriptors may have run out. */
	if (fd < 0)
		return errno != EAFNOSUPPORT;
	/* EINVAL: one that means nothing without an interface, which we do not name. */
	gone = bind(fd, &at.any, len) < 0 && (errno == EADDRNOTAVAIL || errno == EINVAL);
	close(fd);
	return !gone;
}

/* ---- beginning and end ------------------------------------------------------------------------ */

static int watch(struct net_port *p)
{
	p->readable = event_new(p->net->base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
	return p->readable && event_add(p->readable, NULL) == 0 ? 0 : -ENOMEM;
}

static int open_port(struct net *net, struct net_port *p, uint8_t family, uint16_t port, bool encap)
{
	int rc = net_socket_open(family, port, encap, net->options.kernel, &p->fd);

	p->family = family;
	p->port = port;
	p->encap = encap;
	if (rc == -EAFNOSUPPORT && family == AF_INET6)
		return 0; /* a host without IPv6 */
	if (rc == -EADDRINUSE)
		log_err("UDP port %u is taken: does another IKE program run (charon, pluto)?",
			port);
	else if (rc)
		log_err("UDP port %u, IPv%c: %s", port, family == AF_INET6 ? '6' : '4',
			strerror(-rc));
	return rc ? rc : watch(p);
}

int net_open(struct net **out, struct event_base *base, const struct net_options *options,
	     struct net_listener listener)
{
	struct net *net = calloc(1, sizeof(*net));
	int rc = 0;

	if (!net)
		return -ENOMEM;
	net->options = *options;
	net->listener = listener;
	net->base = base;
	for (unsigned i = 0; i < SOCKETS; i++)
		net->ports[i] = (struct net_port){.net = net, .fd = -1};
	net->relay = (struct net_port){.net = net, .fd = -1, .encap = true};
	net->probes[0] = net->probes[1] = -1;
	for (unsigned i = 0; i < SOCKETS && !rc; i++) {
		bool encap = i >= 2;
		uint8_t family = i % 2 ? AF_INET6 : AF_INET;

		if (!encap || options->kernel)
			rc = open_port(net, &net->ports[i], family,
				       encap ? options->encap_port : options->port, encap);
	}
	if (!rc)
		rc = net_socket_open(AF_INET, 0, false, options->kernel, &net->probes[0]);
	if (!rc && net_socket_open(AF_INET6, 0, false, options->kernel, &net->probes[1]) < 0)
		net->probes[1] = -1;
	if (rc) {
		net_close(net);
		return rc;
	}
	*out = net;
	return 0;
}

void net_close(struct net *net)
{
	if (!net)
		return;
	lose_relay(net);
	for (unsigned i = 0; i < SOCKETS; i++) {
		if (net->ports[i].readable)
			event_free(net->ports[i].readable);
		if (net->ports[i].fd >= 0)
			close(net->ports[i].fd);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (net->probes[i] >= 0)
			close(net->probes[i]);
	}
	free(net);
}

int net_use_relay(struct net *net, int fd)
{
	int rc;

	lose_relay(net);
	net->relay.fd = fd;
	rc = watch(&net->relay);
	if (rc)
		lose_relay(net);
	return rc;
}
