/*
 * worker.c: the packet thread's loop, its counters and its word to the control thread. See worker.h; the
 * work itself is in outbound.c and inbound.c.
 */
#include "gateway/dataplane/worker.h"

#include "gateway/dataplane/log.h"
#include "gateway/dataplane/rcu.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum source {
	SOURCE_STOP,
	SOURCE_WAKE,
	SOURCE_ORDERS,
	SOURCE_TUN,
	SOURCE_WIRE4,
	SOURCE_WIRE6,
	SOURCE_ERROR4,
	SOURCE_ERROR6,
	SOURCE_UDP4,
	SOURCE_UDP6,
	SOURCE_COUNT
};

/* One writer: a plain read and write, atomic only so that others may look. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void worker_count_in(struct worker *w, enum verdict v, uint64_t n)
{
	if (n)
		count(&w->stats.in[v], n);
}

void worker_count_out(struct worker *w, enum verdict v, uint64_t n)
{
	if (n)
		count(&w->stats.out[v], n);
}

void worker_notify(struct worker *w, enum notice_kind kind, const struct sa *sa)
{
	const struct notice notice = notice_about(kind, sa);

	(void)notice_put(&w->notices, &notice); /* else the next packet says it again */
}

/* An SA without numbers asks with every packet; a disk that refuses need not be asked as often. */
void worker_ask_grant(struct worker *w, const struct sa *sa)
{
	if (w->asked_at != w->now) {
		w->asked_at = w->now;
		w->asked = 0;
	}
	if (w->asked++ < GRANT_ASKS_PER_SECOND)
		worker_notify(w, NOTICE_GRANT, sa);
}

void worker_notify_mtu(struct worker *w, const struct sa *sa, uint32_t mtu)
{
	struct notice notice = notice_about(NOTICE_PMTU, sa);

	notice.mtu = mtu;
	(void)notice_put(&w->notices, &notice); /* else the next error says it again */
}

/* Said before the notice is put, since control sets it back when it has dealt with that. */
void worker_sa_ends(struct worker *w, struct sa *sa, enum sa_life life)
{
	const struct notice notice = notice_about(NOTICE_LIFE, sa);
	_Atomic uint8_t *told = &sa->counters->told;
	uint8_t before = atomic_load_explicit(told, memory_order_relaxed);

	if (before >= life)
		return;
	atomic_store_explicit(told, (uint8_t)life, memory_order_relaxed);
	if (!notice_put(&w->notices, &notice))
		atomic_store_explicit(told, before, memory_order_relaxed);
}

bool worker_sa_alive(struct worker *w, struct sa *sa)
{
	enum sa_life life = sa_life(sa);

	if (life != SA_ALIVE)
		worker_sa_ends(w, sa, life);
	return life != SA_HARD;
}

void worker_notify_mapping(struct worker *w, const struct sa *sa, const struct sa_peer *peer)
{
	struct notice notice = notice_about(NOTICE_MAPPING, sa);

	notice.peer = *peer;
	(void)notice_put(&w->notices, &notice); /* else the next packet says it again */
}

/* This flow and no other; a packet that shows no ports has none (RFC 4301 §7.1). */
static struct selector flow_of(const struct ip_view *v)
{
	const uint8_t bits = v->version == 6 ? 128 : 32;
	const uint16_t mask = v->has_ports ? UINT16_MAX : 0;

	return (struct selector){
		.family = v->src.family,
		.proto = v->proto,
		.src = {v->src, bits},
		.dst = {v->dst, bits},
		.sport = v->sport,
		.sport_mask = mask,
		.dport = v->dport,
		.dport_mask = mask,
	};
}

void worker_notify_misfit(struct worker *w, const struct sa *sa, const struct packet *p,
			  const struct ip_view *v)
{
	_Atomic uint64_t *told = &sa->counters->misfit_time;
	struct notice notice;

	if (atomic_load_explicit(told, memory_order_relaxed) == w->now)
		return;
	if (w->misfits_at != w->now) {
		w->misfits_at = w->now;
		w->misfits = 0;
	}
	if (w->misfits++ >= MISFITS_PER_SECOND)
		return;
	atomic_store_explicit(told, w->now, memory_order_relaxed);
	notice = notice_about(NOTICE_MISFIT, sa);
	notice.flow = flow_of(v);
	notice.quote_len = p->len < NOTICE_QUOTE_MAX ? (uint32_t)p->len : NOTICE_QUOTE_MAX;
	memcpy(notice.quote, packet_data(p), notice.quote_len);
	(void)notice_put(&w->notices, &notice); /* else the next packet says it again */
}

/* What an event is about: a source, and behind it a UDP port. */
enum { SOURCE_BITS = 8 };

/* ICMP errors about protocol 50 wait at the socket that receives it, which would fail to read. */
static void hear_errors(struct worker *w, enum source source)
{
	if (source == SOURCE_WIRE4)
		path_error_batch(w, AF_INET);
	if (source == SOURCE_WIRE6)
		path_error_batch(w, AF_INET6);
}

/* Somebody deleted the device. That is reported for ever; the control thread needs to hear it once. */
static void lose_tun(struct worker *w)
{
	const struct notice notice = {.kind = NOTICE_NO_TUN};

	if (notice_put(&w->notices, &notice)) /* else in the next round */
		(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->tun->fd, NULL);
}

/* False when the thread shall end. */
static bool serve(struct worker *w, const struct epoll_event *event)
{
	const uint16_t port = (uint16_t)(event->data.u32 >> SOURCE_BITS);
	const enum source source = (enum source)(event->data.u32 & ((1U << SOURCE_BITS) - 1));

	if (event->events & EPOLLERR)
		hear_errors(w, source);
	switch (source) {
	case SOURCE_WAKE:
		outbound_resume(w);
		return true;
	case SOURCE_ORDERS:
		outbound_dummies(w);
		return true;
	case SOURCE_UDP4:
		inbound_udp_batch(w, AF_INET, port);
		return true;
	case SOURCE_UDP6:
		inbound_udp_batch(w, AF_INET6, port);
		return true;
	case SOURCE_TUN:
		if (event->events & EPOLLERR)
			lose_tun(w);
		w->more = true; /* sent after what was received, see run */
		return true;
	case SOURCE_WIRE4:
		(void)inbound_batch(w, AF_INET);
		return true;
	case SOURCE_WIRE6:
		(void)inbound_batch(w, AF_INET6);
		return true;
	case SOURCE_ERROR4:
		path_error_batch(w, AF_INET);
		return true;
	case SOURCE_ERROR6:
		path_error_batch(w, AF_INET6);
		return true;
	case SOURCE_STOP:
	case SOURCE_COUNT:
		break;
	}
	return false;
}

static void *run(void *arg)
{
	struct epoll_event events[SOURCE_COUNT];
	struct worker *w = arg;
	struct timespec now;
	bool running = true;

	rcu_reader_register();
	while (running) {
		int n = epoll_wait(w->epoll_fd, events, SOURCE_COUNT, w->more ? 0 : -1);

		rcu_reader_enter();
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		w->now = (uint64_t)now.tv_sec;
		/* One batch a source and round, so that neither direction starves the other. */
		for (int i = 0; i < n && running; i++)
			running = serve(w, &events[i]);
		if (running && w->more)
			w->more = outbound_batch(w);
		rcu_reader_leave();
		turns_give_way(&w->turn);
	}
	rcu_reader_unregister();
	return NULL;
}

static int watch(struct worker *w, int fd, enum source source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)source};

	if (fd < 0)
		return 0; /* a family this host does not have */
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int worker_watch_udp(struct worker *w, int fd, uint8_t family, uint16_t port, bool on)
{
	const uint32_t source = family == AF_INET6 ? SOURCE_UDP6 : SOURCE_UDP4;
	struct epoll_event event = {.events = EPOLLIN,
				    .data.u32 = source | (uint32_t)port << SOURCE_BITS};

	return epoll_ctl(w->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event) < 0 ? -errno
											  : 0;
}

/* From TUN to wire, and what the control thread has to say about that. */
static int watch_outbound(struct worker *w)
{
	int rc = watch(w, w->orders.event_fd, SOURCE_ORDERS);

	if (rc == 0)
		rc = watch(w, w->wake_fd, SOURCE_WAKE);
	if (rc == 0)
		rc = watch(w, w->tun->fd, SOURCE_TUN);
	return rc;
}

/* From wire to TUN; UDP ports come later (worker_watch_udp). */
static int watch_inbound(struct worker *w)
{
	int rc = watch(w, wire_fd(w->wire, AF_INET), SOURCE_WIRE4);

	if (rc == 0)
		rc = watch(w, wire_fd(w->wire, AF_INET6), SOURCE_WIRE6);
	if (rc == 0)
		rc = watch(w, wire_error_fd(w->wire, AF_INET), SOURCE_ERROR4);
	if (rc == 0)
		rc = watch(w, wire_error_fd(w->wire, AF_INET6), SOURCE_ERROR6);
	return rc;
}

static int open_descriptors(struct worker *w)
{
	int rc;

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll_fd < 0 || w->stop_fd < 0 || w->wake_fd < 0)
		return -errno;
	rc = notice_ring_init(&w->notices);
	if (rc == 0)
		rc = notice_ring_init(&w->orders);
	if (rc == 0)
		rc = watch(w, w->stop_fd, SOURCE_STOP);
	if (rc == 0 && (w->parts & WORKER_OUT))
		rc = watch_outbound(w);
	if (rc == 0 && (w->parts & WORKER_IN))
		rc = watch_inbound(w);
	return rc;
}

int worker_new(struct worker **out, unsigned parts, const struct sadb *db,
	       const struct hostnet *hostnet, const struct tun *tun, struct wire *wire,
	       struct icmp_socket *icmp)
{
	struct worker *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->parts = parts;
	w->db = db;
	w->hostnet = hostnet;
	w->tun = tun;
	w->wire = wire;
	w->icmp = icmp;
	w->epoll_fd = w->stop_fd = w->wake_fd = w->notices.event_fd = w->orders.event_fd = -1;
	w->cache = spd_cache_new();
	w->tun_buf = malloc(IP_PACKET_MAX + 1);
	w->segment = malloc(IP_PACKET_MAX);
	w->hold = hold_new();
	w->backlog = backlog_new();
	rc = w->cache && w->hold && w->backlog && w->tun_buf && w->segment ? open_descriptors(w)
									   : -ENOMEM;
	if (rc < 0) {
		errno = -rc;
		log_warn("cannot set up the packet thread");
		worker_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

int worker_start(struct worker *w)
{
	sigset_t all, before;
	int rc;

	turns_short(); /* which the thread inherits */
	/* Signals are the control thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		errno = rc;
		log_warn("cannot start the packet thread");
	}
	return -rc;
}

void worker_stop(struct worker *w)
{
	const uint64_t one = 1;
	ssize_t n = write(w->stop_fd, &one, sizeof(one));

	assert(n == sizeof(one)); /* an eventfd at 0 takes a 1 */
	pthread_join(w->thread, NULL);
}

void worker_wake(struct worker *w)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full, and then it is readable anyway. */
	(void)!write(w->wake_fd, &one, sizeof(one));
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	notice_ring_fini(&w->notices);
	notice_ring_fini(&w->orders);
	hold_free(w->hold);
	backlog_free(w->backlog);
	spd_cache_free(w->cache);
	free(w->segment);
	free(w->tun_buf);
	free(w);
}
