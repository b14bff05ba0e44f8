/*
 * daemon.c: see daemon.h.
 *
 * Start:  1. memory is guarded, before any key can arrive; 2. the namespace's lock; 3. as root: TUN,
 *         the control socket, directories; 4. privileges are dropped; 5. databases, raw sockets,
 *         rtnetlink, routes, server; 6. the packet threads; 7. seccomp, for all threads.
 * Stop:   1. routes and rules go, so no more packets come; 2. the packet threads end; 3. clients go,
 *         and with them the unused sequence numbers back to disk; 4. what the threads could have read
 *         is freed; 5. devices and sockets close.
 */
#include "gateway/dataplane/daemon.h"

#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/control/control.h"
#include "gateway/dataplane/control/reserve.h"
#include "gateway/dataplane/engine/ipsec_mb.h"
#include "gateway/dataplane/fast/fast.h"
#include "gateway/dataplane/privileges.h"
#include "gateway/dataplane/rcu.h"
#include "gateway/dataplane/sysctl.h"
#include "gateway/dataplane/wire/encap_ports.h"
#include "gateway/dataplane/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 2 };

struct daemon {
	const struct options *options; /* borrowed */
	struct run_as run_as;
	uint64_t started; /* wall clock, seconds */
	/* All owned. */
	int lock_fd;
	int listen_fd; /* the control server's once that is open */
	struct tun tun;
	struct wire *wire;
	struct encap_ports *ports;
	struct fast *fast; /* NULL: raw packets go by raw sockets */
	struct icmp_socket *icmp;
	struct event_base *base;
	struct event *on_term, *on_int, *on_notice[WORKERS_MAX], *on_lock;
	struct sadb *db;
	const struct esp_engine *engine; /* borrowed; NULL: OpenSSL */
	char crypto[32];		 /* its name */
	struct reserve *reserve;
	struct hostnet *hostnet;
	struct capture *capture;
	struct control *control;
	struct worker *workers[WORKERS_MAX]; /* one, or the outbound one and the inbound one */
	unsigned worker_count, workers_running;
	bool no_tun; /* somebody deleted the device */
};

/* ---- events ------------------------------------------------------------------------------ */

static void stop_on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	log_info("stopping on signal %d", (int)signal_number);
	event_base_loopbreak(d->base);
}

static void on_host_changed(void *ctx, bool addresses)
{
	struct daemon *d = ctx;

	if (addresses && d->control)
		control_addresses_changed(d->control);
	if (d->capture)
		capture_refresh(d->capture);
}

static void on_lock_asked(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	control_lock_answer(fd);
}

static struct worker *outbound_worker(const struct daemon *d)
{
	return d->workers[0];
}

static struct worker *inbound_worker(const struct daemon *d)
{
	return d->workers[d->worker_count - 1];
}

/* Nothing can be carried any more; whoever starts us again has the SAs loaded, too. */
static void stop_without_tun(struct daemon *d)
{
	log_err("TUN device \"%s\" was deleted: stopping; what guards traffic stays", d->tun.name);
	d->no_tun = true;
	event_base_loopbreak(d->base);
}

static void on_notices(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct notice notice;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < d->worker_count; i++) {
		notice_rearm(&d->workers[i]->notices);
		while (notice_take(&d->workers[i]->notices, &notice)) {
			if (notice.kind == NOTICE_NO_TUN)
				stop_without_tun(d);
			else
				control_on_notice(d->control, &notice);
		}
	}
}

static void on_listening(void *ctx, uint32_t groups)
{
	struct daemon *d = ctx;

	atomic_store_explicit(&outbound_worker(d)->acquire_heard, (groups & XFRMGRP_ACQUIRE) != 0,
			      memory_order_relaxed);
}

static void on_release(void *ctx)
{
	struct daemon *d = ctx;

	worker_wake(outbound_worker(d));
}

static void on_order(void *ctx, const struct notice *order)
{
	struct daemon *d = ctx;

	(void)notice_put(&outbound_worker(d)->orders, order); /* a dummy packet more or less */
}

static int watch_port(void *ctx, const struct encap_port *port, bool on)
{
	const struct daemon *d = ctx;

	return worker_watch_udp(inbound_worker(d), port->fd, port->family, port->port, on);
}

static void on_port_used(void *ctx, uint16_t port, bool on)
{
	const struct daemon *d = ctx;

	if (d->capture) /* at the end it has gone before */
		capture_encap_port(d->capture, port, on);
}

/* Unreadable is off: the warning then names the setting to look at. */
static bool forwarding_on(const char *path)
{
	int value;

	return sysctl_read(path, &value) == 0 && value != 0;
}

#define FORWARDING_V4 "net/ipv4/ip_forward"
#define FORWARDING_V6 "net/ipv6/conf/all/forwarding"

static void add_verdicts(const struct worker_stats *stats, struct cygnet_status *out)
{
	for (unsigned v = 0; v < V_COUNT; v++) {
		out->verdict_in[v] += atomic_load_explicit(&stats->in[v], memory_order_relaxed);
		out->verdict_out[v] += atomic_load_explicit(&stats->out[v], memory_order_relaxed);
	}
}

static void fill_status(void *ctx, struct cygnet_status *out)
{
	const struct daemon *d = ctx;

	memcpy(out->tun, d->tun.name, sizeof(out->tun));
	strncpy(out->version, CYGNET_VERSION, sizeof(out->version) - 1);
	if (d->fast)
		fast_describe(d->fast, out->wire, sizeof(out->wire));
	else
		strncpy(out->wire, wire_name(d->wire), sizeof(out->wire) - 1);
	memcpy(out->crypto, d->crypto, sizeof(out->crypto));
	out->workers = d->worker_count;
	out->started = d->started;
	out->forwarding[0] = forwarding_on(FORWARDING_V4);
	out->forwarding[1] = forwarding_on(FORWARDING_V6);
	for (unsigned i = 0; i < d->worker_count; i++)
		add_verdicts(&d->workers[i]->stats, out);
	/* Dropped by the kernel for us: the packet thread never sees it. */
	out->verdict_in[V_IN_CLEARTEXT] = capture_guard_drops(d->capture);
	out->verdict_in[V_NO_IN_POLICY] += capture_default_drops(d->capture, POLICY_IN) +
					   capture_default_drops(d->capture, POLICY_FWD);
	out->verdict_out[V_NO_OUT_POLICY] += capture_default_drops(d->capture, POLICY_OUT);
}

/* ---- start ------------------------------------------------------------------------------- */

/* The directory for what outlives a restart: made if it is missing, and ours alone. */
static int prepare_state_dir(const char *path, const struct run_as *run_as)
{
	struct stat st = {0};
	int fd, rc = 0;

	if (mkdir(path, 0700) == 0 && chown(path, run_as->uid, run_as->gid) < 0)
		rc = -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rc == 0 && (fd < 0 || fstat(fd, &st) < 0))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc < 0) {
		errno = -rc;
		log_warn("state directory \"%s\"", path);
		return rc;
	}
	if (st.st_uid != run_as->uid || (st.st_mode & 0022)) {
		log_err("state directory \"%s\": expected it to belong to uid %u and nobody else "
			"to write there",
			path, (unsigned)run_as->uid);
		return -EPERM;
	}
	return 0;
}

/* auto takes what it finds; who names IPSec-MB wants no other. */
static int choose_crypto(struct daemon *d)
{
	const char *why;
	int rc;

	strcpy(d->crypto, "OpenSSL");
	if (d->options->crypto == CRYPTO_OPENSSL)
		return 0;
	rc = ipsec_mb_open(&d->engine, d->crypto, &why);
	if (rc < 0 && d->options->crypto == CRYPTO_IPSEC_MB) {
		log_err("--crypto ipsec-mb: %s", why);
		return rc;
	}
	if (rc < 0)
		log_debug("crypto by OpenSSL: %s", why);
	return 0;
}

static int open_as_root(struct daemon *d)
{
	const struct options *o = d->options;
	int rc;

	rc = privileges_check(PRIVILEGES_DATAPLANE);
	if (rc == 0)
		rc = choose_crypto(d);
	if (rc == 0)
		rc = run_as_lookup(o->user, &d->run_as);
	if (rc == 0)
		rc = control_lock(&d->lock_fd);
	if (rc == 0)
		rc = prepare_state_dir(o->state_dir, &d->run_as);
	if (rc == 0)
		rc = tun_open(&d->tun, o->tun_name);
	if (rc == 0)
		rc = icmp_socket_open(&d->icmp);
	if (rc == 0)
		rc = control_listen(o->socket_path, d->run_as.uid, d->run_as.gid, &d->listen_fd);
	return rc;
}

static int add_event(struct event **out, struct event *event)
{
	if (!event)
		return -ENOMEM;
	*out = event;
	return event_add(event, NULL) < 0 ? -ENOMEM : 0;
}

static void retire(void *ctx, void *ptr, void (*free_fn)(void *ptr))
{
	(void)ctx;
	rcu_retire(ptr, free_fn);
}

static int open_databases(struct daemon *d)
{
	const struct sadb_retire how = {retire, NULL};
	int rc;

	d->base = event_base_new();
	d->db = sadb_new(how);
	if (!d->base || !d->db)
		return -ENOMEM;
	sadb_use_engine(d->db, d->engine);
	rc = wire_open(&d->wire, CAPTURE_MARK);
	if (rc < 0)
		return rc;
	rc = add_event(&d->on_term, evsignal_new(d->base, SIGTERM, stop_on_signal, d));
	if (rc == 0)
		rc = add_event(&d->on_int, evsignal_new(d->base, SIGINT, stop_on_signal, d));
	if (rc == 0)
		rc = add_event(&d->on_lock, event_new(d->base, d->lock_fd, EV_READ | EV_PERSIST,
						      on_lock_asked, d));
	if (rc == 0)
		rc = reserve_open(&d->reserve, d->options->state_dir);
	return rc;
}

static int make_worker(struct daemon *d, unsigned parts)
{
	const unsigned i = d->worker_count;
	int rc = worker_new(&d->workers[i], parts, d->db, d->hostnet, &d->tun, d->wire, d->icmp);

	if (rc < 0)
		return rc;
	d->worker_count++;
	d->workers[i]->fragment_after = d->options->fragment_after;
	return add_event(&d->on_notice[i], event_new(d->base, d->workers[i]->notices.event_fd,
						     EV_READ | EV_PERSIST, on_notices, d));
}

/* One for both directions, or one for each. */
static int make_workers(struct daemon *d)
{
	int rc;

	if (d->options->workers == 1)
		return make_worker(d, WORKER_OUT | WORKER_IN);
	rc = make_worker(d, WORKER_OUT);
	return rc ? rc : make_worker(d, WORKER_IN);
}

static int open_server(struct daemon *d)
{
	const struct hostnet_listener listener = {on_host_changed, d};
	const struct encap_listener ports = {watch_port, on_port_used, d};
	struct control_deps deps;
	int rc, listen_fd;

	rc = hostnet_open(&d->hostnet, d->base, d->tun.ifindex, listener);
	if (rc == 0)
		rc = capture_open(&d->capture, d->base, d->db, d->hostnet, d->tun.name,
				  d->tun.ifindex, d->options->state_dir);
	if (rc == 0 && d->options->fragment_after)
		capture_routes_without_mtu(d->capture);
	if (rc == 0)
		rc = make_workers(d);
	if (rc == 0)
		rc = encap_ports_new(&d->ports, d->base, CAPTURE_MARK, ports);
	if (rc == 0)
		wire_use_ports(d->wire, d->ports);
	if (rc == 0 && d->options->wire == WIRE_FAST)
		rc = fast_open(&d->fast, d->base, CAPTURE_MARK);
	if (rc == 0 && d->fast)
		wire_use_ways(d->wire, fast_ways(d->fast));
	if (rc < 0)
		return rc;
	deps = (struct control_deps){
		.db = d->db,
		.hostnet = d->hostnet,
		.capture = d->capture,
		.reserve = d->reserve,
		.ports = d->ports,
		.status = fill_status,
		.ctx = d,
		.listening = on_listening,
		.release = on_release,
		.order = on_order,
		.dummies_s = d->options->dummies_s,
	};
	listen_fd = d->listen_fd;
	d->listen_fd = -1; /* the server's from here on */
	return control_open(&d->control, d->base, listen_fd, d->options->socket_path, d->run_as.gid,
			    &deps);
}

static int start(struct daemon *d)
{
	int rc;

	rc = privileges_guard_memory();
	if (rc == 0)
		rc = open_as_root(d);
	if (rc == 0)
		rc = privileges_drop(&d->run_as, PRIVILEGES_DATAPLANE);
	if (rc == 0)
		rc = open_databases(d);
	if (rc == 0)
		rc = open_server(d);
	while (rc == 0 && d->workers_running < d->worker_count) {
		rc = worker_start(d->workers[d->workers_running]);
		d->workers_running += rc == 0;
	}
	if (rc == 0)
		rc = privileges_seccomp(d->options->wire == WIRE_FAST);
	return rc;
}

static void say_ready(const struct daemon *d)
{
	log_info("version " CYGNET_VERSION " ready: device %s, %s, %s, socket %s", d->tun.name,
		 wire_name(d->wire), d->crypto, d->options->socket_path);
	if (!forwarding_on(FORWARDING_V4))
		log_warnx("IPv4 forwarding is off: only this host's own traffic can use tunnels "
			  "(sysctl net.ipv4.ip_forward=1)");
	if (!forwarding_on(FORWARDING_V6))
		log_warnx("IPv6 forwarding is off: only this host's own traffic can use tunnels "
			  "(sysctl net.ipv6.conf.all.forwarding=1)");
}

/* ---- stop -------------------------------------------------------------------------------- */

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

/* clean: as asked for; after a failure what guards traffic stays. */
static void stop(struct daemon *d, bool clean)
{
	capture_close(d->capture, clean);
	d->capture = NULL; /* ports that close later have nobody to tell */
	for (unsigned i = 0; i < d->workers_running; i++)
		worker_stop(d->workers[i]);
	control_close(d->control);
	rcu_drain();
	free_event(d->on_lock);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		free_event(d->on_notice[i]);
	free_event(d->on_int);
	free_event(d->on_term);
	fast_close(d->fast);
	encap_ports_free(d->ports);
	for (unsigned i = 0; i < d->worker_count; i++)
		worker_free(d->workers[i]);
	hostnet_close(d->hostnet);
	sadb_free(d->db);
	reserve_close(d->reserve);
	rcu_drain();
	if (d->base)
		event_base_free(d->base);
	if (d->listen_fd >= 0)
		close(d->listen_fd);
	icmp_socket_close(d->icmp);
	wire_close(d->wire);
	tun_close(&d->tun);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
}

int daemon_run(const struct options *options)
{
	struct daemon d = {.options = options, .lock_fd = -1, .listen_fd = -1, .tun = {.fd = -1}};
	int rc;

	d.started = (uint64_t)time(NULL);
	rc = start(&d);
	if (rc == 0) {
		say_ready(&d);
		if (event_base_dispatch(d.base) < 0)
			rc = -EIO;
		if (d.no_tun)
			rc = -ENODEV;
	}
	stop(&d, rc == 0);
	return rc;
}
