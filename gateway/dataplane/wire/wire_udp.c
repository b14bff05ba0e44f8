/*
 * wire_udp.c: see wire_udp.h. Called by wire.c on the packet thread; ports are opened by
 * encap_ports.c.
 */
#include "gateway/dataplane/wire/wire_udp.h"

#include "gateway/dataplane/log.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

enum { ESP_SPI_LEN = 4 };

struct encap_port *encap_table_find(const struct encap_table *table, uint8_t family, uint16_t port)
{
	for (unsigned i = 0; table && i < table->count; i++) {
		if (table->at[i]->family == family && table->at[i]->port == port)
			return table->at[i];
	}
	return NULL;
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* What the kernel says beside a datagram. A raw IPv4 socket's addresses stand in the packet. */
static bool read_control(struct msghdr *msg, struct udp_datagram *d)
{
	bool have_dst = false;
	int value;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->rx.dst = ip_addr_v4(&info.ipi_addr);
			have_dst = true;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->rx.dst = ip_addr_v6(&info.ipi6_addr);
			have_dst = true;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			memcpy(&d->rx.tos, CMSG_DATA(c), sizeof(d->rx.tos));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			d->rx.tos = (uint8_t)value;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			d->segment = (uint32_t)value;
		}
	}
	return have_dst;
}

static void read_name(const struct msghdr *msg, struct wire_rx *rx)
{
	const struct sockaddr_in6 *sin6 = msg->msg_name;
	struct sockaddr_in sin;

	if (sin6->sin6_family == AF_INET6) {
		rx->src = ip_addr_v6(&sin6->sin6_addr);
		rx->sport = ntohs(sin6->sin6_port);
		return;
	}
	memcpy(&sin, msg->msg_name, sizeof(sin));
	rx->src = ip_addr_v4(&sin.sin_addr);
	rx->sport = ntohs(sin.sin_port);
}

/* A raw socket delivers the UDP header too, and IPv4 the one before it. The kernel has checked
 * neither the UDP length nor the checksum, which may not even be complete yet; what ESP carries is
 * vouched for by its ICV. */
static void strip_headers(const struct encap_port *port, struct wire_rx *rx)
{
	const uint8_t *data = packet_data(&rx->p);
	uint32_t header_len = 0, udp_len;

	if (port->family == AF_INET && rx->p.len >= IP4_HEADER_MIN) {
		rx->src = ip_addr_v4(data + 12);
		header_len = (data[0] & 15u) * 4u;
	}
	if (rx->p.len < header_len + UDP_HEADER_LEN) {
		rx->truncated = true;
		return;
	}
	data += header_len;
	udp_len = (uint32_t)data[4] << 8 | data[5];
	rx->sport = (uint16_t)(data[0] << 8 | data[1]);
	(void)packet_pull(&rx->p, header_len + UDP_HEADER_LEN);
	if (udp_len < UDP_HEADER_LEN || udp_len - UDP_HEADER_LEN > rx->p.len)
		rx->truncated = true;
	else
		(void)packet_trim(&rx->p, udp_len - UDP_HEADER_LEN);
}

static void read_datagram(const struct encap_port *port, struct mmsghdr *msg, size_t slot_size,
			  struct udp_datagram *d)
{
	struct msghdr *hdr = &msg->msg_hdr;

	*d = (struct udp_datagram){.rx = {.p = {.buf = hdr->msg_iov->iov_base,
						.size = (uint32_t)slot_size,
						.len = msg->msg_len},
					  .dport = port->port}};
	if (hdr->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		d->rx.truncated = true;
	if (!read_control(hdr, d))
		d->rx.truncated = true;
	read_name(hdr, &d->rx);
	if (port->foreign && !d->rx.truncated)
		strip_headers(port, &d->rx);
	if (d->segment == 0 || d->rx.truncated)
		d->segment = d->rx.p.len;
	if (port->foreign && !d->rx.truncated)
		d->segment = udp_esp_segment(packet_data(&d->rx.p), d->rx.p.len);
}

static int receive(struct encap_port *port, struct udp_pending *pending, uint8_t *memory,
		   size_t slot_size)
{
	struct mmsghdr msgs[UDP_RECEIVES];
	struct iovec iov[UDP_RECEIVES];
	struct sockaddr_in6 from[UDP_RECEIVES];
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control[UDP_RECEIVES];
	int n;

	for (unsigned i = 0; i < UDP_RECEIVES; i++) {
		iov[i] = (struct iovec){memory + i * slot_size, slot_size};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
						  .msg_namelen = sizeof(from[i]),
						  .msg_iov = &iov[i],
						  .msg_iovlen = 1,
						  .msg_control = &control[i],
						  .msg_controllen = sizeof(control[i])};
	}
	n = recvmmsg(port->fd, msgs, UDP_RECEIVES, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		read_datagram(port, &msgs[i], slot_size, &pending->datagram[i]);
	pending->count = (unsigned)n;
	pending->next = 0;
	pending->done = 0;
	return n;
}

/* The next segment: a packet of its own in the memory it came in. */
static void give_out(struct udp_pending *pending, struct wire_rx *rx)
{
	const struct udp_datagram *d = &pending->datagram[pending->next];
	uint32_t left = d->rx.p.len - pending->done;

	*rx = d->rx;
	rx->p.off += pending->done;
	rx->p.len = left < d->segment ? left : d->segment;
	pending->done += rx->p.len;
	if (pending->done < d->rx.p.len)
		return;
	pending->next++;
	pending->done = 0;
}

int wire_udp_recv(struct encap_port *port, struct udp_pending *pending, uint8_t *memory,
		  size_t slot_size, struct wire_rx rx[static WIRE_BATCH])
{
	int n = 0, rc = 0;

	if (!udp_pending_any(pending))
		rc = receive(port, pending, memory, slot_size);
	while (n < WIRE_BATCH && udp_pending_any(pending))
		give_out(pending, &rx[n++]);
	return rc < 0 ? rc : n;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Everything sendmmsg needs for one batch; a message is one or several packets of it. */
struct udp_batch {
	unsigned count;
	struct mmsghdr msgs[WIRE_BATCH];
	struct udp_message {
		unsigned first, packets;
	} message[WIRE_BATCH];
	struct iovec iov[2 * WIRE_BATCH]; /* two a packet where the UDP header is ours to write */
	struct sockaddr_in6 to[WIRE_BATCH];
	uint8_t header[WIRE_BATCH][UDP_HEADER_LEN];
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control[WIRE_BATCH];
};

/* One way, and one SA: a receiver may have to tell the segments apart by that (udp_esp_segment). */
static bool go_together(const struct wire_tx *x, const struct wire_tx *y)
{
	const struct wire_dest *a = &x->dest, *b = &y->dest;

	return !memcmp(packet_data(&x->p), packet_data(&y->p), ESP_SPI_LEN) &&
	       a->dport == b->dport && a->mark == b->mark && a->tos == b->tos && a->df == b->df &&
	       ip_addr_equal(&a->dst, &b->dst) && ip_addr_equal(&a->src, &b->src);
}

/* How many packets from tx on may be one datagram, to be cut by the kernel. */
static unsigned segments(const struct encap_port *port, const struct wire_tx *tx, unsigned n)
{
	uint32_t len[UDP_SEGMENTS_MAX];
	unsigned count = 0;

	/* What the kernel cuts it also sums. */
	if (port->foreign || port->no_sum)
		return 1;
	while (count < n && count < UDP_SEGMENTS_MAX && go_together(&tx[0], &tx[count])) {
		len[count] = tx[count].p.len;
		count++;
	}
	return udp_segment_run(len, count);
}

/* Appends a message of the packets [first, first + packets). */
static void append(struct udp_batch *b, const struct encap_port *port, const struct wire_tx *tx,
		   unsigned first, unsigned packets)
{
	struct wire_dest dest = tx[first].dest;
	const unsigned i = b->count++;
	struct msghdr *msg = &b->msgs[i].msg_hdr;
	struct cmsghdr *end;

	b->message[i] = (struct udp_message){first, packets};
	*msg = (struct msghdr){.msg_iov = &b->iov[2 * first], .msg_iovlen = packets};
	for (unsigned k = 0; k < packets; k++)
		b->iov[2 * first + k] =
			(struct iovec){packet_data(&tx[first + k].p), tx[first + k].p.len};
	if (port->foreign) {
		const struct udp_ends ends = {dest.src, dest.dst, port->port, dest.dport};

		udp_header_put(b->header[first], &ends, packet_data(&tx[first].p),
			       (uint16_t)tx[first].p.len, dest.no_sum);
		b->iov[2 * first + 1] = b->iov[2 * first];
		b->iov[2 * first] = (struct iovec){b->header[first], UDP_HEADER_LEN};
		msg->msg_iovlen = 2;
		dest.dport = 0; /* a raw socket's address has no port */
	}
	end = wire_address(msg, &b->to[i], &b->control[i], &dest);
	if (packets > 1) {
		const uint16_t segment = (uint16_t)tx[first].p.len;

		(void)wire_put_control(msg, end, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	}
}

/* DF is a property of a socket on Linux; of what goes out together most agrees. */
static void set_df(struct encap_port *port, bool df)
{
	/* Fragments of IPv6 need the kernel's path MTU, see wire.c. */
	int clear = port->family == AF_INET6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_OMIT;
	int value = df ? IP_PMTUDISC_PROBE : clear;

	static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE,
		      "both families take the same value");
	if (port->df == df)
		return;
	if (port->family == AF_INET6)
		(void)setsockopt(port->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value, sizeof(value));
	else
		(void)setsockopt(port->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value));
	port->df = df; /* the options exist: there is nothing to fail */
}

/* The checksum is one, too; over IPv6 there always is one (RFC 8200 §8.1). */
static void set_no_sum(struct encap_port *port, bool no_sum)
{
	int value = no_sum && port->family == AF_INET;

	if (port->no_sum == (value != 0))
		return;
	if (!port->foreign)
		(void)setsockopt(port->fd, SOL_SOCKET, SO_NO_CHECK, &value, sizeof(value));
	port->no_sum = value != 0; /* the option exists: there is nothing to fail */
}

/* The first message of the batch was refused: booked, or cut into its packets. True if the batch
 * shall go on with them one by one. */
static bool refused(const struct udp_message *message, const struct wire_tx *tx, int error,
		    uint64_t verdicts[static V_COUNT])
{
	if (error == EAGAIN || error == ENOBUFS) {
		verdicts[V_WIRE_QUEUE] += message->packets;
		return false;
	}
	/* EMSGSIZE and EINVAL: a segment exceeds the device's MTU; EIO: the device cannot sum. */
	if (message->packets > 1)
		return true;
	verdicts[V_WIRE_REFUSED]++;
	wire_log_refused(&tx[message->first].dest, tx[message->first].p.len, error);
	return false;
}

/* Sends packets [from, to), which ask the same of the socket; together where together is true. */
static void send_some(struct encap_port *port, const struct wire_tx *tx, unsigned from, unsigned to,
		      bool together, uint64_t verdicts[static V_COUNT])
{
	struct udp_batch b;
	unsigned next = 0;

	b.count = 0;
	while (from < to) {
		unsigned n = together ? segments(port, tx + from, to - from) : 1;

		append(&b, port, tx, from, n);
		from += n;
	}
	while (next < b.count) {
		const struct udp_message *message = &b.message[next];
		int n = sendmmsg(port->fd, b.msgs + next, b.count - next, MSG_DONTWAIT);

		for (int i = 0; i < n; i++)
			verdicts[V_OK] += b.message[next++].packets;
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (refused(message, tx, errno, verdicts))
			send_some(port, tx, message->first, message->first + message->packets,
				  false, verdicts);
		next++;
	}
}

void wire_udp_send(struct encap_port *port, const struct wire_tx *tx, unsigned n,
		   uint64_t verdicts[static V_COUNT])
{
	unsigned from = 0;

	while (from < n) {
		unsigned to = from + 1;

		while (to < n && tx[to].dest.df == tx[from].dest.df &&
		       tx[to].dest.no_sum == tx[from].dest.no_sum)
			to++;
		set_df(port, tx[from].dest.df);
		set_no_sum(port, tx[from].dest.no_sum);
		send_some(port, tx, from, to, true, verdicts);
		from = to;
	}
}
