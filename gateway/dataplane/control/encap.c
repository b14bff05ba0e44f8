/*
 * encap.c: what UDP encapsulation (RFC 3948) asks of the control thread: ports open while
 * SAs name them, marks that keep what they send out of the tunnels, peers that a NAT moves, keepalives, and clients that want a port's IKE. Called by
 * sa.c and request.c.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/wire/encap_ports.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <time.h>

enum {
	KEEPALIVE_S = 20, /* §4 leaves it to the operator with this default */
	KEEPALIVE_TICK_S = 5,
};

/* ---- ports ----------------------------------------------------------------------------------- */

/* The port of an SA that is ours as it has these ends. */
static int get_port(struct control *c, const struct sa_config *config, unsigned direction)
{
	return encap_ports_get(c->deps.ports, config->src.family,
			       direction == SA_OUT ? config->encap.sport : config->encap.dport);
}

static void put_port(struct control *c, const struct sa_config *config, unsigned direction)
{
	encap_ports_put(c->deps.ports, config->src.family,
			direction == SA_OUT ? config->encap.sport : config->encap.dport);
}

static int begin_ports(struct control *c, const struct sa_config *config, unsigned directions)
{
	int rc = 0;

	if (!sa_encap_is_udp(&config->encap))
		return 0;
	if (directions & SA_IN)
		rc = get_port(c, config, SA_IN);
	if (rc == 0 && (directions & SA_OUT)) {
		rc = get_port(c, config, SA_OUT);
		if (rc < 0 && (directions & SA_IN))
			put_port(c, config, SA_IN);
	}
	return rc;
}

static void end_ports(struct control *c, const struct sa_config *config, unsigned directions)
{
	if (!sa_encap_is_udp(&config->encap))
		return;
	if (directions & SA_IN)
		put_port(c, config, SA_IN);
	if (directions & SA_OUT)
		put_port(c, config, SA_OUT);
}

static uint32_t mark_of(const struct sa_config *config, unsigned directions)
{
	return directions & SA_OUT ? sa_output_mark(config) : 0;
}

int encap_begin(struct control *c, const struct sa_config *config, unsigned directions)
{
	const uint32_t mark = mark_of(config, directions);
	int rc = begin_ports(c, config, directions);

	if (rc || !mark)
		return rc;
	rc = capture_output_mark(c->deps.capture, config->id.dst.family, mark, true);
	if (rc)
		end_ports(c, config, directions);
	return rc;
}

void encap_end(struct control *c, const struct sa_config *config, unsigned directions)
{
	const uint32_t mark = mark_of(config, directions);

	if (mark)
		(void)capture_output_mark(c->deps.capture, config->id.dst.family, mark, false);
	end_ports(c, config, directions);
}

/* ---- peers that move ------------------------------------------------------------------------- */

/* The SA that goes where the one comes from: addresses and ports exchanged, and of one reqid, which
 * tells several peers behind one NAT apart. */
static bool is_reverse(const struct sa *out, const struct sa *in)
{
	return out->out && !out->in && out->config.reqid == in->config.reqid &&
	       out->config.encap.sport == in->config.encap.dport &&
	       out->config.encap.dport == in->config.encap.sport;
}

/* Other SAs of the peer learn it from their own packets. */
static int follow(struct control *c, struct sa *in, const struct sa_peer *peer)
{
	struct sa *out = NULL;
	int rc = sadb_sa_move_peer(c->deps.db, in, peer);

	while (rc == 0 &&
	       (out = sadb_sa_next_between(c->deps.db, &in->config.id.dst, &in->config.src, out))) {
		if (is_reverse(out, in))
			rc = sadb_sa_move_peer(c->deps.db, out, peer);
	}
	return rc;
}

static void announce(struct control *c, const struct sa *sa, const struct sa_peer *is)
{
	struct xfrm_message msg = {.type = XFRM_MSG_MAPPING, .was = sa_peer(sa, SA_IN), .is = *is};
	char was[IP_ADDR_TEXT_MAX], now[IP_ADDR_TEXT_MAX];

	log_info("SA 0x%08x: its peer %s port %u appears as %s port %u", sa->config.id.spi,
		 ip_addr_format(&msg.was.addr, was), msg.was.port, ip_addr_format(&is->addr, now),
		 is->port);
	msg.sa.config.id = sa->config.id;
	msg.sa.config.reqid = sa->config.reqid;
	event_send(c, XFRM_GROUP_MAPPING, &msg);
}

void encap_on_mapping(struct control *c, const struct notice *notice)
{
	struct sa *sa = notice_sa(c, notice);
	int rc;

	/* Gone in the meantime, or both gateways are this host. */
	if (!sa || !sa->in || sa->out || !sa_encap_is_udp(&sa->config.encap))
		return;
	announce(c, sa, &notice->peer);
	/* An IKE daemon that listens moves its SAs itself, and may have reasons not to. */
	if (event_wanted(c, XFRM_GROUP_MAPPING))
		return;
	rc = follow(c, sa, &notice->peer);
	if (rc < 0) {
		errno = -rc;
		log_warn("SA 0x%08x: its peer cannot be followed", sa->config.id.spi);
	}
}

/* ---- IKE --------------------------------------------------------------------------------------- */

static int refuse_ike(uint16_t port, int rc, struct xfrm_error *err)
{
	switch (rc) {
	case -EBUSY:
		return xfrm_error_set(err, rc, 0, "another client has the IKE of port %u", port);
	case -EADDRINUSE:
		return xfrm_error_set(err, rc, 0, "another process holds UDP port %u", port);
	case -EINVAL:
		return xfrm_error_set(err, rc, 0, "port %u carries no ESP: RFC 3948 section 2",
				      port);
	default:
		return xfrm_error_set(err, rc, 0, "UDP port %u: %s", port, strerror(-rc));
	}
}

int encap_register(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_message *msg)
{
	struct xfrm_error err = {0};
	int fd, rc;

	rc = encap_ports_register(s->control->deps.ports, msg->port, &fd);
	if (rc < 0) {
		(void)refuse_ike(msg->port, rc, &err);
		return request_ack(s, nlh, &err);
	}
	s->is_ike = true;
	return request_ack_with(s, nlh, NULL, fd);
}

/* ---- keepalives ------------------------------------------------------------------------------ */

static void keep_alive(struct control *c, struct sa *sa, uint64_t now)
{
	const struct sa_peer peer = sa_peer(sa, SA_OUT);
	const struct udp_ends ends = {sa->config.src, peer.addr, sa->config.encap.sport, peer.port};
	const uint64_t used = atomic_load_explicit(&sa->counters->last_use, memory_order_relaxed);
	const uint64_t kept = atomic_load_explicit(&sa->counters->kept_alive, memory_order_relaxed);
	uint64_t last = used > kept ? used : kept;

	if (last < sa->add_time)
		last = sa->add_time;
	if (last < now && now - last < KEEPALIVE_S)
		return;
	atomic_store_explicit(&sa->counters->kept_alive, now, memory_order_relaxed);
	encap_ports_keepalive(c->deps.ports, &ends, sa_output_mark(&sa->config));
}

static void on_keepalive(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct sadb_walk walk;
	struct sa *sa;

	(void)fd;
	(void)what;
	if (encap_ports_none(c->deps.ports))
		return;
	sadb_walk_begin(c->deps.db, &walk, false);
	while ((sa = sadb_walk_sa(&walk))) {
		if (sa->out && !sa->in && sa_encap_is_udp(&sa->config.encap))
			keep_alive(c, sa, (uint64_t)time(NULL));
	}
	sadb_walk_end(&walk);
}

int encap_open(struct control *c)
{
	const struct timeval tick = {.tv_sec = KEEPALIVE_TICK_S};

	c->keepalive = event_new(c->base, -1, EV_PERSIST, on_keepalive, c);
	return c->keepalive && event_add(c->keepalive, &tick) == 0 ? 0 : -ENOMEM;
}

void encap_close(struct control *c)
{
	if (c->keepalive)
		event_free(c->keepalive);
}
