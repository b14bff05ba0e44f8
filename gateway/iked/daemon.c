/*
 * daemon.c: cygnet-iked from start to end.
 *
 * Start:  1. memory is guarded, before any secret is read; 2. as root: the configuration, the UDP
 *         sockets, the control socket; 3. privileges are dropped; 4. the machine and what is around
 *         it; 5. seccomp; 6. XFRM is connected, and the configuration given to the machine.
 * Stop:   1. peers are told; 2. SAs and policies are taken out of XFRM; 3. sockets close.
 */
#include "gateway/iked/control.h"
#include "gateway/iked/iked.h"
#include "gateway/iked/leftovers.h"
#include "gateway/iked/report.h"
#include "gateway/iked/resolve.h"

#include "gateway/dataplane/listen.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { POLL_USE_S = 5 };

/* It goes on while the machine sleeps: timers are about what peers believe. */
uint64_t iked_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail with this clock */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what the machine asks --------------------------------------------------------------------- */

static void fill_random(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	while (len) {
		ssize_t got = getrandom(buf, len, 0);

		if (got < 0 && errno != EINTR)
			abort(); /* without randomness there are no keys */
		if (got > 0) {
			buf += got;
			len -= (size_t)got;
		}
	}
}

static bool source_for(void *ctx, const struct ip_addr *dst, struct ip_addr *src)
{
	struct iked *d = ctx;

	return net_source_for(d->net, dst, src);
}

static bool is_ours(void *ctx, const struct ip_addr *addr)
{
	(void)ctx;
	return net_is_ours(addr);
}

/* ---- events ------------------------------------------------------------------------------------ */

static void stop_on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct iked *d = arg;

	(void)what;
	log_info("stopping on signal %d", (int)signal_number);
	event_base_loopbreak(d->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct iked *d = arg;

	(void)fd;
	(void)what;
	ike_tick(d->ike, iked_now_ms());
	iked_pump(d);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct iked *d = arg;

	(void)fd;
	(void)what;
	iked_poll_use(d);
	leftovers_sweep(d->leftovers, d->installed, d->link, iked_now_ms());
}

static void on_datagram(void *ctx, const struct ike_ends *ends, const uint8_t *data, size_t len)
{
	struct iked *d = ctx;

	ike_input(d->ike, iked_now_ms(), ends, data, len);
	iked_pump(d);
}

static void on_relay_lost(void *ctx)
{
	struct iked *d = ctx;

	xfrm_link_renew(d->link);
}

static void on_host_changed(void *ctx)
{
	struct iked *d = ctx;

	ike_on_addresses(d->ike, iked_now_ms());
	iked_pump(d);
}

static void on_xfrm_event(void *ctx, const struct xfrm_message *event)
{
	iked_on_xfrm(ctx, event);
}

static void on_connected(void *ctx, int fd, bool again)
{
	struct iked *d = ctx;

	if (fd >= 0 && net_use_relay(d->net, fd) < 0)
		log_err("out of memory: port %u is deaf", d->config->ike.encap_port);
	if (!again)
		return;
	/* cygnetd is new: its policies come back at once, and children get new keys. */
	installed_restore(d->installed);
	d->lost_sas = true;
	iked_pump(d);
}

/* ---- start ------------------------------------------------------------------------------------- */

static uint64_t kept_capabilities(const struct iked *d)
{
	uint64_t kept = d->options->kernel ? PRIVILEGE(CAP_NET_ADMIN) : 0;

	for (unsigned i = 0; i < d->config->ike.connection_count; i++) {
		if (d->config->ike.connections[i].vip_count)
			kept |= PRIVILEGE(CAP_NET_ADMIN); /* to put them on an interface */
	}
	return kept;
}

/* The configuration is read twice: now, as root, for its ports and secrets; applied when the machine
 * is there. */
static int read_config(struct iked *d, struct config_tree **tree)
{
	struct config_report report = report_to_log();
	int rc = config_tree_read(d->options->config_path, &report, tree);

	if (!rc)
		rc = iked_config_interpret(*tree, &report, &d->config);
	if (rc == -EINVAL)
		log_err("%s is wrong: see above", d->options->config_path);
	else if (rc)
		log_err("%s: %s", d->options->config_path, strerror(-rc));
	return rc;
}

static uint16_t or_usual(uint16_t port, uint16_t usual)
{
	return port ? port : usual;
}

static int open_as_root(struct iked *d)
{
	const struct net_listener listener = {on_datagram, on_relay_lost, d};
	struct net_options ports = {
		.port = or_usual(d->config->ike.port, 500),
		.encap_port = or_usual(d->config->ike.encap_port, 4500),
		.kernel = d->options->kernel,
	};
	int rc = privileges_check(PRIVILEGE(CAP_NET_ADMIN) | PRIVILEGE(CAP_NET_BIND_SERVICE));

	if (rc == 0)
		rc = run_as_lookup(d->options->user, &d->run_as);
	d->base = event_base_new();
	if (rc == 0 && !d->base)
		rc = -ENOMEM;
	if (rc == 0)
		rc = net_open(&d->net, d->base, &ports, listener);
	if (rc == 0)
		rc = leftovers_open(&d->leftovers, d->options->state_dir, &d->run_as,
				    iked_now_ms());
	if (rc == 0)
		rc = control_listen(d->options->control_path, d->run_as.uid, d->run_as.gid,
				    &d->listen_fd);
	return rc;
}

static int add_event(struct event **out, struct event *event, const struct timeval *every)
{
	if (!event)
		return -ENOMEM;
	*out = event;
	return every && event_add(event, every) < 0 ? -ENOMEM : 0;
}

static int open_events(struct iked *d)
{
	static const struct timeval poll_every = {.tv_sec = POLL_USE_S};
	int rc;

	d->on_term = evsignal_new(d->base, SIGTERM, stop_on_signal, d);
	d->on_int = evsignal_new(d->base, SIGINT, stop_on_signal, d);
	if (!d->on_term || !d->on_int || event_add(d->on_term, NULL) < 0 ||
	    event_add(d->on_int, NULL) < 0)
		return -ENOMEM;
	rc = add_event(&d->tick, evtimer_new(d->base, on_tick, d), NULL);
	if (!rc)
		rc = add_event(&d->poll, event_new(d->base, -1, EV_PERSIST, on_poll, d),
			       &poll_every);
	return rc;
}

static int open_machine(struct iked *d)
{
	const struct ike_env env = {d, fill_random, source_for, is_ours};
	const struct xfrm_link_listener listener = {on_xfrm_event, on_connected, d};
	const struct xfrm_link_options options = {
		.path = d->options->socket_path,
		.kernel = d->options->kernel,
		.misfits = !d->options->no_invalid_selectors,
		.encap_port = or_usual(d->config->ike.encap_port, 4500),
	};
	int rc = open_events(d);

	if (rc == 0)
		rc = ike_new(&d->ike, &env);
	if (rc == 0)
		rc = xfrm_link_new(&d->link, d->base, &options, listener);
	if (rc == 0)
		rc = installed_new(&d->installed, d->link);
	if (rc == 0)
		rc = hostwatch_open(&d->hosts, d->base, on_host_changed, d);
	if (rc == 0)
		rc = resolve_new(&d->resolve, d->base, iked_on_resolved, d);
	if (rc == 0)
		rc = control_open(&d->control, d, d->listen_fd);
	if (rc == 0)
		d->listen_fd = -1; /* control's from here on */
	return rc;
}

static int apply_first(struct iked *d, const struct config_tree *tree)
{
	struct config_report report = report_errors_to_log();

	xfrm_link_start(d->link);
	return iked_apply(d, tree, &report);
}

static int start(struct iked *d)
{
	struct config_tree *tree = NULL;
	int rc = privileges_guard_memory();

	if (rc == 0)
		rc = read_config(d, &tree);
	if (rc == 0)
		rc = open_as_root(d);
	if (rc == 0)
		rc = privileges_drop(&d->run_as, kept_capabilities(d));
	if (rc == 0)
		rc = open_machine(d);
	if (rc == 0)
		rc = privileges_seccomp(false);
	if (rc == 0)
		rc = apply_first(d, tree);
	config_tree_free(tree);
	if (rc == -ENOMEM)
		log_err("out of memory");
	return rc;
}

/* ---- stop -------------------------------------------------------------------------------------- */

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void stop(struct iked *d)
{
	if (d->ike && d->installed) {
		ike_shutdown(d->ike, iked_now_ms());
		iked_pump(d);
		installed_clear(d->installed);
		leftovers_forget(d->leftovers, d->installed, d->link);
	}
	ike_free(d->ike);
	control_close(d->control);
	resolve_free(d->resolve);
	hostwatch_close(d->hosts);
	installed_free(d->installed);
	leftovers_close(d->leftovers);
	xfrm_link_free(d->link);
	net_close(d->net);
	free_event(d->poll);
	free_event(d->tick);
	free_event(d->on_int);
	free_event(d->on_term);
	if (d->base)
		event_base_free(d->base);
	if (d->listen_fd >= 0)
		close(d->listen_fd);
	iked_config_free(d->config);
}

int iked_run(const struct iked_options *options)
{
	struct iked d = {.options = options, .listen_fd = -1};
	int rc = start(&d);

	if (rc == 0) {
		log_info("version " CYGNET_VERSION " ready: %u connections, %s",
			 d.config->ike.connection_count,
			 options->kernel ? "the kernel's IPsec" : "cygnetd's IPsec");
		if (event_base_dispatch(d.base) < 0)
			rc = -EIO;
	}
	stop(&d);
	return rc;
}
