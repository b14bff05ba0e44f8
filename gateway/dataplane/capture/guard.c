/*
 * guard.c: see guard.h. The first policy of a kind writes the table anew; those that fit into its
 * sets, as nearly all of many do, add an element. Control thread.
 */
#include "gateway/dataplane/capture/guard.h"

#include "gateway/dataplane/capture/capture_nft.h"
#include "gateway/dataplane/capture/guard_text.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_MAX = 128 };

/* ---- what the plan is made from -------------------------------------------------------------- */

struct gathered {
	const struct policy_config **policies; /* owned; of the SPD, in, then fwd */
	size_t in_count, count, room;
	struct guard_link *links; /* owned */
	size_t link_count;
	bool failed;
};

/* What can stand between quotes in nft's language without meaning more; a link of another name
 * is not spared. */
static bool is_plain(const char *name)
{
	return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789._-@")] == '\0';
}

static void take_link(void *ctx, const struct ip_prefix *prefix, const char *name)
{
	struct gathered *g = ctx;
	struct guard_link *grown;

	if (!is_plain(name))
		return;
	grown = reallocarray(g->links, g->link_count + 1, sizeof(*grown));
	if (!grown) {
		g->failed = true;
		return;
	}
	g->links = grown;
	g->links[g->link_count] = (struct guard_link){.prefix = ip_prefix_masked(prefix)};
	memcpy(g->links[g->link_count++].name, name, strlen(name) + 1);
}

static void take_policies(struct gathered *g, struct sadb *db)
{
	struct sadb_walk walk;
	struct policy *policy;

	sadb_walk_begin(db, &walk, true);
	while ((policy = sadb_walk_policy(&walk))) {
		if (policy->config.dir == POLICY_OUT || g->count == g->room)
			continue;
		g->in_count += policy->config.dir == POLICY_IN;
		g->policies[g->count++] = &policy->config;
	}
	sadb_walk_end(&walk);
}

static int make_plan(struct sadb *db, const struct hostnet *hostnet, struct guard_plan *plan)
{
	struct gathered g = {.room = sadb_policy_count(db, POLICY_IN) +
				     sadb_policy_count(db, POLICY_FWD)};
	int err = -ENOMEM;

	g.policies = calloc(g.room + 1, sizeof(*g.policies));
	if (g.policies) {
		take_policies(&g, db);
		hostnet_each_connected(hostnet, take_link, &g);
	}
	if (g.policies && !g.failed) {
		const struct guard_input in = {.in = g.policies,
					       .in_count = g.in_count,
					       .fwd = g.policies + g.in_count,
					       .fwd_count = g.count - g.in_count,
					       .links = g.links,
					       .link_count = g.link_count};

		err = guard_plan_make(&in, plan);
	}
	free(g.policies);
	free(g.links);
	return err;
}

/* ---- questions and commands ------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static int ask(struct guard *g, bool quietly,
						     const char *format, ...)
{
	char command[COMMAND_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return capture_nft_run(g->nft, command, quietly);
}

/* What a table's counter says; 0 if it is not there. */
static uint64_t count_of(struct guard *g, unsigned generation)
{
	unsigned long long packets;
	const char *text;

	if (!g->standing[generation] ||
	    ask(g, true, "list counter inet " GUARD_TABLE "%u " GUARD_COUNTER "\n", generation) < 0)
		return 0;
	text = strstr(nft_ctx_get_output_buffer(g->nft), "packets ");
	return text && sscanf(text, "packets %llu", &packets) == 1 ? packets : 0;
}

static void drop_generation(struct guard *g, unsigned generation)
{
	uint64_t count = count_of(g, generation);

	if (!g->standing[generation] ||
	    ask(g, false, "delete table inet " GUARD_TABLE "%u\n", generation) < 0)
		return;
	g->gone += count;
	g->standing[generation] = false;
}

/* A transaction of any length. */
static int run_text(struct guard *g, const struct guard_plan *plan, bool whole)
{
	char *text = NULL, table[sizeof(GUARD_TABLE) + 10];
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err;

	if (!out)
		return -ENOMEM;
	(void)snprintf(table, sizeof(table), GUARD_TABLE "%u", g->present);
	if (whole)
		guard_text_table(out, g->present, g->tun, plan);
	else
		guard_text_changes(out, table, &g->plan, plan);
	err = ferror(out) ? -ENOMEM : 0;
	if (fclose(out) != 0)
		err = -ENOMEM;
	/* If a change is refused the table is written anew, and only that is worth a complaint. */
	if (!err)
		err = capture_nft_run(g->nft, text, !whole);
	free(text);
	return err;
}

/* ---- making the kernel follow ---------------------------------------------------------------- */

static int write_table(struct guard *g, const struct guard_plan *plan)
{
	uint64_t count = count_of(g, g->present);
	int err = run_text(g, plan, true);

	if (!err) {
		g->gone += count;
		g->standing[g->present] = true;
	}
	return err;
}

static int change(struct guard *g, const struct guard_plan *plan)
{
	if (plan->set_count == 0) {
		drop_generation(g, g->present);
		return g->standing[g->present] ? -EIO : 0;
	}
	if (g->plan.set_count && guard_plan_same_shape(&g->plan, plan) &&
	    run_text(g, plan, false) == 0)
		return 0;
	return write_table(g, plan);
}

/* Takes plan. */
static void follow(struct guard *g, struct guard_plan *plan)
{
	if (!guard_plan_equal(&g->plan, plan) && change(g, plan) == 0) {
		guard_plan_fini(&g->plan);
		g->plan = *plan;
		return;
	}
	guard_plan_fini(plan);
}

void guard_refresh(struct guard *g, struct sadb *db, const struct hostnet *hostnet,
		   bool keep_leftovers)
{
	struct guard_plan plan;
	int err;

	if (!g->nft)
		return;
	err = make_plan(db, hostnet, &plan);
	if (err)
		log_warnx("cannot plan the spoof guard: %s", strerror(-err));
	else
		follow(g, &plan);
	for (unsigned i = 0; i < GUARD_GENERATIONS && !keep_leftovers; i++)
		if (i != g->present)
			drop_generation(g, i);
}

bool guard_is_gone(struct guard *g)
{
	bool gone = false;

	for (unsigned i = 0; i < GUARD_GENERATIONS && g->nft; i++) {
		if (!g->standing[i] ||
		    ask(g, true, "list counter inet " GUARD_TABLE "%u " GUARD_COUNTER "\n", i) == 0)
			continue;
		g->standing[i] = false;
		if (i == g->present)
			guard_plan_fini(&g->plan);
		gone = true;
	}
	return gone;
}

bool guard_have_leftovers(const struct guard *g)
{
	for (unsigned i = 0; i < GUARD_GENERATIONS; i++)
		if (i != g->present && g->standing[i])
			return true;
	return false;
}

uint64_t guard_dropped(struct guard *g)
{
	uint64_t total = g->gone;

	for (unsigned i = 0; i < GUARD_GENERATIONS && g->nft; i++)
		total += count_of(g, i);
	return total;
}

/* ---- up and down ----------------------------------------------------------------------------- */

/* The one that has no table; if a series of crashes left all, the first. */
static uint8_t free_generation(const struct guard *g)
{
	for (unsigned i = 0; i < GUARD_GENERATIONS; i++)
		if (!g->standing[i])
			return (uint8_t)i;
	return 0;
}

void guard_open(struct guard *g, struct nft_ctx *nft, const char *tun)
{
	*g = (struct guard){.nft = nft};
	(void)snprintf(g->tun, sizeof(g->tun), "%s", tun);
	if (!nft)
		return;
	for (unsigned i = 0; i < GUARD_GENERATIONS; i++) {
		/* Our device may have another name than the dead process's. The set exists in each
		 * of our tables: this fails exactly if there is no table. */
		g->standing[i] = ask(g, true, "add element inet " GUARD_TABLE "%u tun { \"%s\" }\n",
				     i, g->tun) == 0;
		g->gone -= count_of(g, i);
	}
	g->present = free_generation(g);
}

void guard_remove(struct guard *g)
{
	for (unsigned i = 0; i < GUARD_GENERATIONS && g->nft; i++)
		drop_generation(g, i);
	guard_plan_fini(&g->plan);
}

void guard_fini(struct guard *g)
{
	guard_plan_fini(&g->plan);
}
