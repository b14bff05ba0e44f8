/*
 * wire.c: raw protocol-50 sockets, see wire.h. Called by outbound.c and inbound.c.
 */
#include "gateway/dataplane/wire/wire.h"

#include "esp/esp.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/wire/encap_ports.h"
#include "gateway/dataplane/wire/ways.h"
#include "gateway/dataplane/wire/wire_errors.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum wire_limits {
	RX_SLOT = 65536 +
		  1088, /* any IP packet; not a power of two, so that slots differ in cache set */
	TX_ARENA = 256 * 1024, /* 64 ordinary packets, or a few jumbo ones */
	TX_ALIGN = 64,
};

/* Sockets of one family. */
struct wire_family {
	int rx;
	int tx[2];  /* [0] DF clear, [1] DF set */
	int errors; /* about ESP in UDP; neither sends nor receives */
};

struct wire {
	struct wire_family family[2];	 /* IPv4, IPv6 */
	uint8_t *rx_memory;		 /* owned, WIRE_BATCH slots */
	uint8_t *tx_memory;		 /* owned, TX_ARENA bytes */
	const struct encap_ports *ports; /* borrowed; NULL: there are none */
	struct ways *ways;		 /* borrowed; NULL: raw packets go by raw sockets only */
	struct udp_pending udp;
	uint32_t tx_used;
	unsigned tx_count;
	struct wire_tx tx[WIRE_BATCH];
};

static unsigned family_index(uint8_t family)
{
	return family == AF_INET6;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Every raw socket gets a copy of every ESP packet; those that only send take none. */
static int drop_all_input(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {1, &none};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_raw(uint8_t family, int protocol, uint32_t mark, int *out)
{
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static int open_receiver(uint8_t family, uint32_t mark, int *out)
{
	int fd = -1, rc = open_raw(family, IPPROTO_ESP, mark, &fd);

	if (rc < 0)
		return rc;
	/* Best effort: without CAP_NET_ADMIN in the first user namespace the usual limit holds. */
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, WIRE_RECEIVE_BUFFER);
	rc = wire_errors_enable(fd, family);
	if (rc == 0 && family == AF_INET6) {
		rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	}
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

static int open_sender(uint8_t family, uint32_t mark, bool df, int *out)
{
	int fd = -1, rc = open_raw(family, IPPROTO_ESP, mark, &fd);

	if (rc < 0)
		return rc;
	(void)set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, WIRE_SEND_BUFFER);
	rc = drop_all_input(fd);
	if (rc == 0 && family == AF_INET)
		rc = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER,
			     df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT);
	if (rc == 0 && family == AF_INET6)
		/* Routers cut no IPv6, so what may be fragmented goes by the kernel's path MTU
		 * cache: a stranger who lies to it gets more fragments, never below 1280. */
		rc = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			     df ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT);
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

/* The kernel tells every raw socket of the protocol that wants to know, whichever socket sent: so
 * those of encapsulation ports, which send, need not, and another process's port is covered too. */
static int open_errors(uint8_t family, uint32_t mark, int *out)
{
	int fd = -1, rc = open_raw(family, IPPROTO_UDP, mark, &fd);

	if (rc < 0)
		return rc;
	rc = drop_all_input(fd);
	if (rc == 0)
		rc = wire_errors_enable(fd, family);
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

static void close_family(struct wire_family *f)
{
	int *fds[] = {&f->rx, &f->tx[0], &f->tx[1], &f->errors};

	for (unsigned i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static int open_family(struct wire_family *f, uint8_t family, uint32_t mark)
{
	int rc = open_receiver(family, mark, &f->rx);

	for (unsigned df = 0; rc == 0 && df < 2; df++)
		rc = open_sender(family, mark, df, &f->tx[df]);
	if (rc == 0)
		rc = open_errors(family, mark, &f->errors);
	if (rc < 0)
		close_family(f);
	return rc;
}

/* Address space only: pages come into being when a packet first lands on them. */
static uint8_t *map_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Decrypted packets pass through here. */
	(void)madvise(memory, size, MADV_DONTDUMP);
	return memory;
}

int wire_open(struct wire **out, uint32_t mark)
{
	struct wire *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++)
		w->family[i] = (struct wire_family){-1, {-1, -1}, -1};
	w->rx_memory = map_memory((size_t)WIRE_BATCH * RX_SLOT);
	w->tx_memory = map_memory(TX_ARENA);
	rc = w->rx_memory && w->tx_memory ? open_family(&w->family[0], AF_INET, mark) : -ENOMEM;
	if (rc < 0) {
		errno = -rc;
		log_warn("cannot open a raw socket for ESP (protocol 50), which takes CAP_NET_RAW");
		wire_close(w);
		return rc;
	}
	rc = open_family(&w->family[1], AF_INET6, mark);
	if (rc == -EAFNOSUPPORT) {
		log_warnx("this host has no IPv6: outer packets are IPv4 only");
	} else if (rc < 0) {
		errno = -rc;
		log_warn("cannot open a raw IPv6 socket for ESP");
		wire_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

void wire_close(struct wire *w)
{
	if (!w)
		return;
	close_family(&w->family[0]);
	close_family(&w->family[1]);
	if (w->rx_memory)
		munmap(w->rx_memory, (size_t)WIRE_BATCH * RX_SLOT);
	if (w->tx_memory)
		munmap(w->tx_memory, TX_ARENA);
	free(w);
}

int wire_fd(const struct wire *w, uint8_t family)
{
	return w->family[family_index(family)].rx;
}

int wire_error_fd(const struct wire *w, uint8_t family)
{
	return w->family[family_index(family)].errors;
}

static struct encap_port *find_port(const struct wire *w, uint8_t family, uint16_t port)
{
	return w->ports ? encap_ports_find(w->ports, family, port) : NULL;
}

bool wire_recv_error(struct wire *w, uint8_t family, struct wire_error *out)
{
	const struct wire_family *f = &w->family[family_index(family)];

	if (f->rx < 0)
		return false;
	if (wire_errors_take(f->rx, false, out))
		return true;
	/* All of the host's UDP; IKE has SPI 0 (RFC 3948 §2.2). */
	while (wire_errors_take(f->errors, true, out)) {
		if (find_port(w, family, out->sport) && (!out->names_packet || out->spi != 0))
			return true;
	}
	return false;
}

void wire_use_ports(struct wire *w, const struct encap_ports *ports)
{
	w->ports = ports;
}

void wire_use_ways(struct wire *w, struct ways *ways)
{
	w->ways = ways;
}

const char *wire_name(const struct wire *w)
{
	return w->family[1].rx >= 0 ? "raw sockets" : "raw sockets, IPv4 only";
}

/* ---- receiving --------------------------------------------------------------------------- */

/* A raw IPv4 socket delivers the outer header too; the kernel has checked it. */
static void rx_from_ip4(struct wire_rx *rx, uint32_t len)
{
	const uint8_t *ip = packet_data(&rx->p);
	uint32_t header_len = len >= IP4_HEADER_MIN ? (ip[0] & 15u) * 4u : 0;

	if (header_len < IP4_HEADER_MIN || header_len > len) {
		rx->truncated = true;
		return;
	}
	rx->tos = ip[1];
	rx->src = ip_addr_v4(ip + 12);
	rx->dst = ip_addr_v4(ip + 16);
	rx->p.off += header_len;
	rx->p.len = len - header_len;
}

/* A raw IPv6 socket delivers the payload; addresses and class come beside it. */
static void rx_from_ip6(struct wire_rx *rx, struct msghdr *msg, uint32_t len)
{
	const struct sockaddr_in6 *from = msg->msg_name;
	bool have_dst = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			rx->dst = ip_addr_v6(&info.ipi6_addr);
			have_dst = true;
		} else if (c->cmsg_type == IPV6_TCLASS) {
			int tclass;

			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
			rx->tos = (uint8_t)tclass;
		}
	}
	rx->src = ip_addr_v6(&from->sin6_addr);
	rx->p.len = len;
	rx->truncated = !have_dst;
}

int wire_recv(struct wire *w, uint8_t family, struct wire_rx rx[static WIRE_BATCH])
{
	struct mmsghdr msgs[WIRE_BATCH];
	struct iovec iov[WIRE_BATCH];
	struct sockaddr_in6 from[WIRE_BATCH];
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control[WIRE_BATCH];
	bool v6 = family == AF_INET6;
	int n;

	for (unsigned i = 0; i < WIRE_BATCH; i++) {
		iov[i] = (struct iovec){w->rx_memory + (size_t)i * RX_SLOT, RX_SLOT};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		if (v6) {
			msgs[i].msg_hdr.msg_name = &from[i];
			msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
			msgs[i].msg_hdr.msg_control = &control[i];
			msgs[i].msg_hdr.msg_controllen = sizeof(control[i]);
		}
	}
	n = recvmmsg(wire_fd(w, family), msgs, WIRE_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		rx[i] = (struct wire_rx){.p = {.buf = iov[i].iov_base, .size = RX_SLOT}};
		if (msgs[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
			rx[i].truncated = true;
		else if (v6)
			rx_from_ip6(&rx[i], &msgs[i].msg_hdr, msgs[i].msg_len);
		else
			rx_from_ip4(&rx[i], msgs[i].msg_len);
	}
	return n;
}

int wire_recv_udp(struct wire *w, uint8_t family, uint16_t port,
		  struct wire_rx rx[static WIRE_BATCH], bool *more)
{
	struct encap_port *p = find_port(w, family, port);
	int n;

	*more = false;
	if (!p) { /* closed while the event was on its way, or between two batches of it */
		w->udp.count = w->udp.next;
		return 0;
	}
	n = wire_udp_recv(p, &w->udp, w->rx_memory, RX_SLOT, rx);
	*more = udp_pending_any(&w->udp);
	return n;
}

bool wire_hand_over(const struct wire *w, const struct wire_rx *rx)
{
	const struct encap_port *p = find_port(w, rx->dst.family, rx->dport);

	return p && wire_udp_hand_over(p, rx);
}

/* ---- sending ----------------------------------------------------------------------------- */

struct packet *wire_reserve(struct wire *w, uint32_t inner_max)
{
	uint32_t need = ESP_HEADROOM + inner_max + ESP_TAILROOM;
	struct packet *p;

	if (inner_max > IP_PACKET_MAX || w->tx_count == WIRE_BATCH ||
	    TX_ARENA - w->tx_used < need + TX_ALIGN)
		return NULL;
	p = &w->tx[w->tx_count].p;
	*p = (struct packet){w->tx_memory + w->tx_used, need, ESP_HEADROOM, 0};
	return p;
}

unsigned wire_room(const struct wire *w)
{
	return WIRE_BATCH - w->tx_count;
}

void wire_commit(struct wire *w, const struct wire_dest *dest)
{
	struct wire_tx *tx = &w->tx[w->tx_count++];

	tx->dest = *dest;
	/* Slots start on cache lines of their own. */
	w->tx_used += (tx->p.size + TX_ALIGN - 1) / TX_ALIGN * TX_ALIGN;
}

/* Everything sendmmsg needs for one batch. */
struct tx_batch {
	struct mmsghdr msgs[WIRE_BATCH];
	struct iovec iov[WIRE_BATCH];
	struct sockaddr_in6 to[WIRE_BATCH]; /* large enough for sockaddr_in */
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control[WIRE_BATCH];
};

struct cmsghdr *wire_put_control(struct msghdr *msg, struct cmsghdr *at, int level, int type,
				 const void *data, size_t len)
{
	at->cmsg_level = level;
	at->cmsg_type = type;
	at->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(at), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
	return (struct cmsghdr *)((uint8_t *)at + CMSG_SPACE(len));
}

static struct cmsghdr *address_ip4(struct msghdr *msg, void *to, struct cmsghdr *c,
				   const struct wire_dest *d)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(d->dport)};
	struct in_pktinfo info = {0};
	int tos = d->tos;

	memcpy(&sin.sin_addr, d->dst.bytes, 4);
	memcpy(&info.ipi_spec_dst, d->src.bytes, 4);
	memcpy(to, &sin, sizeof(sin));
	msg->msg_namelen = sizeof(sin);
	c = wire_put_control(msg, c, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	return wire_put_control(msg, c, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

static struct cmsghdr *address_ip6(struct msghdr *msg, void *to, struct cmsghdr *c,
				   const struct wire_dest *d)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(d->dport)};
	struct in6_pktinfo info = {0};
	int tclass = d->tos;

	memcpy(&sin6.sin6_addr, d->dst.bytes, 16);
	memcpy(&info.ipi6_addr, d->src.bytes, 16);
	memcpy(to, &sin6, sizeof(sin6));
	msg->msg_namelen = sizeof(sin6);
	c = wire_put_control(msg, c, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
	return wire_put_control(msg, c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

struct cmsghdr *wire_address(struct msghdr *msg, void *to, void *control, const struct wire_dest *d)
{
	struct cmsghdr *c;

	msg->msg_name = to;
	msg->msg_control = control;
	msg->msg_controllen = 0;
	c = d->dst.family == AF_INET6 ? address_ip6(msg, to, control, d)
				      : address_ip4(msg, to, control, d);
	if (d->mark)
		c = wire_put_control(msg, c, SOL_SOCKET, SO_MARK, &d->mark, sizeof(d->mark));
	return c;
}

static void address(struct tx_batch *b, unsigned i, const struct wire_tx *tx)
{
	struct msghdr *msg = &b->msgs[i].msg_hdr;

	b->iov[i] = (struct iovec){packet_data(&tx->p), tx->p.len};
	*msg = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
	(void)wire_address(msg, &b->to[i], &b->control[i], &tx->dest);
}

void wire_log_refused(const struct wire_dest *dest, uint32_t len, int error)
{
	char dst[IP_ADDR_TEXT_MAX], src[IP_ADDR_TEXT_MAX];

	log_packet("%u bytes of ESP from %s to %s not sent: %s", len,
		   ip_addr_format(&dest->src, src), ip_addr_format(&dest->dst, dst),
		   strerror(error));
}

/* Sends msgs[from, to), which share a socket. */
static void send_run(struct wire *w, int fd, struct tx_batch *b, unsigned from, unsigned to,
		     uint64_t verdicts[static V_COUNT])
{
	while (from < to) {
		int n = sendmmsg(fd, b->msgs + from, to - from, MSG_DONTWAIT);

		if (n > 0) {
			verdicts[V_OK] += (unsigned)n;
			from += (unsigned)n;
			continue;
		}
		/* The error is the first packet's; a pending socket error is used up by this. */
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			verdicts[V_WIRE_QUEUE]++;
		} else {
			verdicts[V_WIRE_REFUSED]++;
			wire_log_refused(&w->tx[from].dest, w->tx[from].p.len, errno);
		}
		from++;
	}
}

static int tx_socket(const struct wire *w, const struct wire_dest *d)
{
	return w->family[family_index(d->dst.family)].tx[d->df];
}

/* Packets that go out by one socket, or one UDP port. */
static bool same_way(const struct wire *w, const struct wire_dest *a, const struct wire_dest *b)
{
	if (a->sport || b->sport)
		return a->sport == b->sport && a->dst.family == b->dst.family;
	return tx_socket(w, a) == tx_socket(w, b);
}

static void send_raw(struct wire *w, unsigned from, unsigned to, uint64_t verdicts[static V_COUNT])
{
	struct tx_batch b;
	unsigned taken;

	while (w->ways && from < to &&
	       (taken = ways_send(w->ways, &w->tx[from], to - from, verdicts)) > 0)
		from += taken;
	if (from == to)
		return;
	for (unsigned i = from; i < to; i++)
		address(&b, i, &w->tx[i]);
	send_run(w, tx_socket(w, &w->tx[from].dest), &b, from, to, verdicts);
}

static void send_udp(struct wire *w, unsigned from, unsigned to, uint64_t verdicts[static V_COUNT])
{
	const struct wire_dest *dest = &w->tx[from].dest;
	struct encap_port *port = find_port(w, dest->dst.family, dest->sport);

	if (port)
		wire_udp_send(port, &w->tx[from], to - from, verdicts);
	else
		verdicts[V_WIRE_REFUSED] += to - from; /* closed behind its SA's back */
}

void wire_flush(struct wire *w, uint64_t verdicts[static V_COUNT])
{
	unsigned from = 0;

	/* Order is kept: a run ends where the way changes. */
	while (from < w->tx_count) {
		unsigned to = from + 1;

		while (to < w->tx_count && same_way(w, &w->tx[from].dest, &w->tx[to].dest))
			to++;
		if (w->tx[from].dest.sport)
			send_udp(w, from, to, verdicts);
		else
			send_raw(w, from, to, verdicts);
		from = to;
	}
	w->tx_count = 0;
	w->tx_used = 0;
}
