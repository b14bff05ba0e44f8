/*
 * capture.c: keeps the kernel's routes, rules and marks in step with the SPD and with the host's
 * network. It asks inner_mtu.c how large packets may be and capture_plan.c what there should be, and has
 * capture_routes.c and fib_rules.c change what differs. Control thread.
 */
#include "gateway/dataplane/capture/capture.h"

#include "gateway/dataplane/capture/capture_nft.h"
#include "gateway/dataplane/capture/capture_plan.h"
#include "gateway/dataplane/capture/capture_routes.h"
#include "gateway/dataplane/capture/default_block.h"
#include "gateway/dataplane/capture/fib_rules.h"
#include "gateway/dataplane/capture/guard.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/capture/inner_mtu.h"
#include "gateway/dataplane/capture/nft_watch.h"
#include "gateway/dataplane/capture/path_mtu.h"
#include "gateway/dataplane/capture/rtnl.h"
#include "gateway/dataplane/log.h"
#include "gateway/dataplane/sysctl.h"

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	GATHER_MS = 100,     /* the most a change waits when there are many policies */
	LEFTOVERS_MS = 5000, /* time to load the policies again after a crash */
	AGAIN_MS = 1000,     /* after nftables refused what must not stay as it was */
};

struct capture {
	struct sadb *db;	 /* borrowed */
	struct hostnet *hostnet; /* borrowed */
	struct rtnl *rtnl;	 /* owned */
	struct nft_ctx *nft;	 /* owned; NULL: this kernel has no nftables */
	struct nft_watch *watch; /* owned; NULL without nft */
	char *state_dir;	 /* owned */
	struct event *gather;	 /* owned */
	struct event *release;	 /* owned; pending while leftovers wait for their policies */
	struct event *widen;	 /* owned; pending while some path MTU is learned */
	struct path_mtus paths;	 /* owned */
	struct capture_routes routes;
	struct fib_rules rules[2];	    /* IPv4, IPv6 */
	struct fib_marks marks;		    /* of SAs, other than ours */
	struct guard guard;		    /* against cleartext that policies protect */
	struct default_block default_block; /* against what no policy speaks of, if asked for */
	uint64_t generation;		    /* of hostnet, when the kernel's lists were read */
	bool keep_leftovers;		    /* of a process before us, for policies still to come */
	bool sysctl_set;
	bool without_mtu;		/* routes tell nobody how large a packet may be */
	size_t inexact;			/* said in the log already */
	uint8_t encap_ports[65536 / 8]; /* a bit for each that is open */
	struct inner_mtu_memo inner_mtus;
};

uint64_t capture_guard_drops(struct capture *c)
{
	return guard_dropped(&c->guard);
}

int capture_set_default(struct capture *c, const bool block[POLICY_DIRS])
{
	return default_block_set(&c->default_block, block);
}

bool capture_default_blocks(const struct capture *c, enum policy_dir dir)
{
	return c->default_block.block[dir];
}

uint64_t capture_default_drops(const struct capture *c, enum policy_dir dir)
{
	return default_block_dropped(&c->default_block, dir);
}

uint32_t capture_outer_mtu(const struct capture *c, const struct policy *policy)
{
	const struct sa *sa;
	uint32_t outer, learned;

	if (policy->config.action != POLICY_PROTECT)
		return 0;
	sa = atomic_load_explicit(&policy->sa, memory_order_acquire);
	outer = hostnet_path_mtu(c->hostnet, &policy->config.tmpl.dst, &policy->config.tmpl.src,
				 sa ? sa_output_mark(&sa->config) : 0);
	learned = sa ? path_mtu_get(&c->paths, &sa->config.src, &sa->config.id.dst) : 0;
	return learned && learned < outer ? learned : outer;
}

/* ---- path MTUs ----------------------------------------------------------------------------- */

static uint64_t seconds_up(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* fails for no clock that exists */
	return (uint64_t)now.tv_sec;
}

static void plan_widening(struct capture *c, uint64_t now)
{
	const uint64_t next = path_mtu_next(&c->paths);
	struct timeval wait = {0};

	if (next == UINT64_MAX)
		return;
	wait.tv_sec = next > now ? (time_t)(next - now) : 1;
	evtimer_add(c->widen, &wait);
}

/* RFC 4301 §8.2.2: after a time the path may have become wider; a packet that is too big tells. */
static void on_widen(evutil_socket_t fd, short what, void *ctx)
{
	struct capture *c = ctx;
	const uint64_t now = seconds_up();

	(void)fd;
	(void)what;
	if (path_mtu_age(&c->paths, now))
		capture_refresh(c);
	plan_widening(c, now);
}

void capture_routes_without_mtu(struct capture *c)
{
	c->without_mtu = true;
}

void capture_path_mtu(struct capture *c, const struct ip_addr *src, const struct ip_addr *dst,
		      uint32_t mtu)
{
	const uint64_t now = seconds_up();
	char from[IP_ADDR_TEXT_MAX], to[IP_ADDR_TEXT_MAX];

	if (!path_mtu_lower(&c->paths, src, dst, mtu, now))
		return;
	log_info("the path from %s to %s takes %u bytes", ip_addr_format(src, from),
		 ip_addr_format(dst, to), mtu);
	plan_widening(c, now);
	capture_refresh(c);
}

/* ---- what the plan is made from ------------------------------------------------------------ */

struct gathered {
	struct ordered {
		struct plan_policy policy; /* first, see plan_input */
		uint32_t priority;
		uint64_t serial;
	} * ordered;
	struct plan_policy *policies;
	size_t policy_count;
	struct ip_prefix *connected;
	size_t connected_count, connected_room;
	bool failed;
};

static void gathered_fini(struct gathered *g)
{
	free(g->ordered);
	free(g->policies);
	free(g->connected);
}

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Nothing is put back on its way from the TUN, so a policy that may be passed over while it has
 * no SA (level "use") is a bypass as long as that lasts. */
static uint8_t action_now(struct policy *policy)
{
	if (policy->config.action == POLICY_PROTECT && policy->config.tmpl.optional &&
	    !atomic_load_explicit(&policy->sa, memory_order_acquire))
		return POLICY_BYPASS;
	return policy->config.action;
}

static void take_policy(struct capture *c, struct gathered *g, size_t room, struct policy *policy)
{
	struct ordered *o = &g->ordered[g->policy_count];
	uint32_t mtu;

	if (policy->config.dir != POLICY_OUT || g->policy_count == room)
		return;
	/* One that no packet meets lets none pass. To protect is kept: what it captures is dropped,
	 * which is better than guessing. */
	if (action_now(policy) == POLICY_BYPASS && !policy_is_met(&policy->config))
		return;
	mtu = policy->config.action == POLICY_PROTECT
		      ? inner_mtu(&c->inner_mtus, policy, capture_outer_mtu(c, policy))
		      : 0;
	atomic_store_explicit(&policy->inner_mtu, mtu, memory_order_relaxed);
	*o = (struct ordered){.policy = {.sel = policy->config.sel,
					 .action = action_now(policy),
					 .mtu = c->without_mtu ? 0 : mtu},
			      .priority = policy->config.priority,
			      .serial = policy->serial};
	g->policy_count++;
}

static void take_connected(void *ctx, const struct ip_prefix *prefix, const char *link)
{
	struct gathered *g = ctx;

	(void)link; /* any will do */
	if (g->connected_count == g->connected_room) {
		size_t room = g->connected_room ? g->connected_room * 2 : 16;
		struct ip_prefix *grown = reallocarray(g->connected, room, sizeof(*grown));

		if (!grown) {
			g->failed = true;
			return;
		}
		g->connected = grown;
		g->connected_room = room;
	}
	g->connected[g->connected_count++] = *prefix;
}

/* To be freed by gathered_fini, even on failure. */
static int gather(struct capture *c, struct gathered *g)
{
	size_t room = sadb_policy_count(c->db, POLICY_OUT);
	struct sadb_walk walk;
	struct policy *policy;

	*g = (struct gathered){0};
	g->ordered = calloc(room + 1, sizeof(*g->ordered));
	g->policies = calloc(room + 1, sizeof(*g->policies));
	if (!g->ordered || !g->policies)
		return -ENOMEM;
	sadb_walk_begin(c->db, &walk, true);
	while ((policy = sadb_walk_policy(&walk)))
		take_policy(c, g, room, policy);
	sadb_walk_end(&walk);
	qsort(g->ordered, g->policy_count, sizeof(*g->ordered), compare_ordered);
	for (size_t i = 0; i < g->policy_count; i++)
		g->policies[i] = g->ordered[i].policy;
	hostnet_each_connected(c->hostnet, take_connected, g);
	return g->failed ? -ENOMEM : 0;
}

static bool addr_in(const void *ctx, const struct ip_prefix *prefix, struct ip_addr *out)
{
	return hostnet_addr_in(ctx, prefix, out);
}

static int make_plan(struct capture *c, struct plan *plan)
{
	struct gathered g;
	int err = gather(c, &g);

	if (!err) {
		const struct plan_input in = {.policies = g.policies,
					      .policy_count = g.policy_count,
					      .connected = g.connected,
					      .connected_count = g.connected_count,
					      .addr_in = addr_in,
					      .ctx = c->hostnet};

		err = plan_make(&in, plan);
	}
	gathered_fini(&g);
	return err;
}

/* ---- making the kernel follow --------------------------------------------------------------- */

static int read_kernel(struct capture *c, bool leftover)
{
	int err = capture_routes_read(&c->routes, leftover);

	for (size_t i = 0; i < 2 && !err; i++) {
		err = fib_rules_read(&c->rules[i], leftover);
		/* A kernel without IPv6 has no rules for it. */
		if (c->rules[i].family == AF_INET6 &&
		    (err == -EAFNOSUPPORT || err == -EOPNOTSUPP || err == -ENOENT))
			err = 0;
	}
	return err;
}

static bool have_leftovers(const struct capture *c)
{
	return capture_routes_have_leftovers(&c->routes) ||
	       fib_rules_have_leftovers(&c->rules[0]) || fib_rules_have_leftovers(&c->rules[1]) ||
	       guard_have_leftovers(&c->guard) || default_block_have_leftovers(&c->default_block);
}

static bool have_policies(const struct capture *c)
{
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		if (sadb_policy_count(c->db, (enum policy_dir)dir))
			return true;
	return false;
}

/* Policies have begun to come: the guards of a crashed process stay a little longer for those
 * still to come. A flush, which managers begin with, does not start the clock. */
static void start_release(struct capture *c)
{
	const struct timeval wait = {.tv_sec = LEFTOVERS_MS / 1000};

	if (c->keep_leftovers && have_policies(c) && !evtimer_pending(c->release, NULL))
		evtimer_add(c->release, &wait);
}

static void warn_inexact(struct capture *c, const struct plan *plan)
{
	if (plan->inexact > c->inexact)
		log_warnx("%zu polic%s of ICMP types or of port sets that are no range: routing "
			  "rules cannot say that; what they capture too much is dropped",
			  plan->inexact, plan->inexact == 1 ? "y" : "ies");
	c->inexact = plan->inexact;
}

/* Too much passes until it is done. */
static void try_again(struct capture *c)
{
	const struct timeval wait = {.tv_sec = AGAIN_MS / 1000};

	if (!evtimer_pending(c->gather, NULL))
		(void)evtimer_add(c->gather, &wait);
}

static void refresh_now(struct capture *c)
{
	uint64_t generation = hostnet_generation(c->hostnet);
	struct plan plan;
	int err;

	/* Links and addresses take routes with them when they go, and others delete too. */
	if (generation != c->generation) {
		err = read_kernel(c, false);
		if (err)
			log_warnx("cannot read our own routes: %s", strerror(-err));
		else
			c->generation = generation;
	}
	err = make_plan(c, &plan);
	if (err) {
		log_warnx("cannot plan routes: %s", strerror(-err));
		return;
	}
	warn_inexact(c, &plan);
	start_release(c);
	guard_refresh(&c->guard, c->db, c->hostnet, c->keep_leftovers);
	if (default_block_refresh(&c->default_block, c->keep_leftovers) < 0)
		try_again(c);
	capture_routes_add(&c->routes, &plan);
	for (size_t i = 0; i < 2; i++)
		fib_rules_sync(&c->rules[i], &plan, &c->marks, c->keep_leftovers);
	capture_routes_trim(&c->routes, &plan, c->keep_leftovers);
	plan_fini(&plan);
}

static void on_gathered(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	refresh_now(ctx);
}

static void on_release(evutil_socket_t fd, short what, void *ctx)
{
	struct capture *c = ctx;

	(void)fd;
	(void)what;
	log_info("dropping the guards of the cygnetd before us that no policy asks for");
	c->keep_leftovers = false;
	refresh_now(c);
}

static void put_marks_again(struct capture *c)
{
	if (capture_nft_put_marks(c->nft, c->guard.tun) < 0)
		return; /* logged */
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		if (c->encap_ports[port / 8] & 1u << port % 8)
			(void)capture_nft_mark_port(c->nft, (uint16_t)port, true); /* logged */
}

/* As firewalls do when they are loaded anew. */
static void on_table_deleted(void *ctx)
{
	struct capture *c = ctx;
	bool no_marks = !capture_nft_has_marks(c->nft);
	bool no_guard = guard_is_gone(&c->guard);

	if (!default_block_is_gone(&c->default_block) && !no_guard && !no_marks)
		return;
	log_warnx("somebody deleted our nftables: writing them again");
	if (no_marks)
		put_marks_again(c);
	refresh_now(c);
}

void capture_refresh(struct capture *c)
{
	const struct timeval wait = {.tv_usec = GATHER_MS * 1000};

	if (sadb_policy_count(c->db, POLICY_OUT) <= CAPTURE_SYNC_POLICIES) {
		evtimer_del(c->gather);
		refresh_now(c);
	} else if (!evtimer_pending(c->gather, NULL)) {
		evtimer_add(c->gather, &wait);
	}
}

/* ---- up and down ---------------------------------------------------------------------------- */

static int open_rules(struct capture *c)
{
	int err = read_kernel(c, true);

	if (err)
		return err;
	/* Its SAs are gone, and it sends no more. */
	for (size_t i = 0; i < 2; i++)
		fib_rules_marks(&c->rules[i], &c->marks);
	c->keep_leftovers = have_leftovers(c);
	if (c->keep_leftovers)
		log_info("taking over from a cygnetd that did not stop cleanly");
	err = fib_rules_base(&c->rules[0]);
	if (err)
		return err;
	/* Said once; its routes will be refused and said too. */
	if (fib_rules_base(&c->rules[1]) < 0)
		log_warnx("this kernel takes no IPv6 routing rules");
	return 0;
}

/* A kernel may have no nftables. Marks are needed with strict rp_filter only. */
static int open_tables(struct capture *c, struct event_base *base, const char *tun_name)
{
	int err = src_valid_mark_set(c->state_dir);

	if (err)
		return err;
	c->sysctl_set = true;
	if (capture_nft_open(&c->nft) == 0 && capture_nft_put_marks(c->nft, tun_name) < 0) {
		capture_nft_close(c->nft);
		c->nft = NULL;
	}
	if (!c->nft)
		log_warnx("no nftables: cleartext that policies protect can come in, and strict "
			  "rp_filter may drop ESP");
	guard_open(&c->guard, c->nft, tun_name);
	default_block_open(&c->default_block, c->nft, tun_name, c->db, &c->marks);
	return c->nft ? nft_watch_open(&c->watch, base, on_table_deleted, c) : 0;
}

int capture_open(struct capture **out, struct event_base *base, struct sadb *db,
		 struct hostnet *hostnet, const char *tun_name, int tun_ifindex,
		 const char *state_dir)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->db = db;
	c->hostnet = hostnet;
	c->keep_leftovers = true; /* until it is known that there are none */
	c->state_dir = strdup(state_dir);
	c->gather = evtimer_new(base, on_gathered, c);
	c->release = evtimer_new(base, on_release, c);
	c->widen = evtimer_new(base, on_widen, c);
	err = c->state_dir && c->gather && c->release && c->widen ? rtnl_open(&c->rtnl) : -ENOMEM;
	if (!err) {
		hostnet_quiet_port(hostnet, rtnl_port(c->rtnl));
		c->generation = hostnet_generation(hostnet);
		c->routes = (struct capture_routes){.rtnl = c->rtnl, .tun_ifindex = tun_ifindex};
		fib_rules_init(&c->rules[0], c->rtnl, AF_INET);
		fib_rules_init(&c->rules[1], c->rtnl, AF_INET6);
		err = open_tables(c, base, tun_name);
	}
	if (!err)
		err = open_rules(c);
	if (err) {
		log_warnx("cannot set up routing: %s", strerror(-err));
		capture_close(c, false);
		return err;
	}
	rp_filter_off(tun_name);
	*out = c;
	return 0;
}

/* clean: the default goes, too; it needs no policies to guard something. */
static void remove_all(struct capture *c, bool clean)
{
	const struct plan nothing = {0};
	int err;

	/* As they stand now, so that nothing of ours is overlooked. */
	(void)read_kernel(c, false); /* else what we remember must do */
	for (size_t i = 0; i < 2; i++)
		fib_rules_remove(&c->rules[i]);
	capture_routes_trim(&c->routes, &nothing, false);
	guard_remove(&c->guard);
	if (clean)
		default_block_remove(&c->default_block);
	if (c->nft)
		capture_nft_remove_marks(c->nft);
	err = c->sysctl_set ? src_valid_mark_restore(c->state_dir) : 0;
	if (err)
		log_warnx("cannot put net.ipv4.conf.all.src_valid_mark back: %s", strerror(-err));
}

/* The rules of both families are as the marks say. The family's -errno. */
static int sync_marks(struct capture *c, uint8_t family)
{
	int rc = 0;

	for (size_t i = 0; i < 2; i++) {
		int err = fib_rules_marks(&c->rules[i], &c->marks);

		if (c->rules[i].family == family)
			rc = err;
	}
	return rc;
}

int capture_output_mark(struct capture *c, uint8_t family, uint32_t mark, bool on)
{
	const int changed = fib_marks_count(&c->marks, mark, on);
	int rc, err = 0;

	if (changed < 0 || (changed == 0 && !on))
		return changed;
	rc = sync_marks(c, family);
	if (changed && (rc == 0 || !on))
		err = default_block_marks(&c->default_block);
	if (err && !on)
		try_again(c);
	rc = rc ? rc : err;
	if (rc == 0 || !on)
		return rc;
	if (fib_marks_count(&c->marks, mark, false) > 0)
		(void)sync_marks(c, family); /* what went in goes out */
	return rc;
}

void capture_encap_port(struct capture *c, uint16_t port, bool on)
{
	uint8_t bit = (uint8_t)(1u << port % 8);

	c->encap_ports[port / 8] =
		on ? c->encap_ports[port / 8] | bit : c->encap_ports[port / 8] & (uint8_t)~bit;
	if (c->nft)
		(void)capture_nft_mark_port(c->nft, port, on); /* logged; strict filters may drop */
}

void capture_close(struct capture *c, bool clean)
{
	if (!c)
		return;
	if (c->rtnl && (clean || (!c->keep_leftovers && !have_policies(c))))
		remove_all(c, clean);
	for (size_t i = 0; i < 2; i++)
		fib_rules_fini(&c->rules[i]);
	capture_routes_fini(&c->routes);
	guard_fini(&c->guard);
	default_block_fini(&c->default_block);
	nft_watch_close(c->watch);
	capture_nft_close(c->nft);
	if (c->gather)
		event_free(c->gather);
	if (c->release)
		event_free(c->release);
	if (c->widen)
		event_free(c->widen);
	path_mtus_fini(&c->paths);
	fib_marks_fini(&c->marks);
	rtnl_close(c->rtnl);
	free(c->state_dir);
	free(c);
}
