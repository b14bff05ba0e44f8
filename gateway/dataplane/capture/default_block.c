/*
 * default_block.c: see default_block.h. A change of the SPD that fits into the sets there are, as nearly all
 * of many do, is a few elements; else the table is written anew. Control thread.
 */
#include "gateway/dataplane/capture/default_block.h"

#include "gateway/dataplane/capture/capture_nft.h"
#include "gateway/dataplane/capture/default_text.h"
#include "gateway/dataplane/capture/guard_text.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_MAX = 128 };

static bool any(const bool block[POLICY_DIRS])
{
	return block[POLICY_IN] || block[POLICY_OUT] || block[POLICY_FWD];
}

/* ---- counters -------------------------------------------------------------------------------- */

/* False if there is none, and so no block in that direction. */
static bool read_counter(const struct default_block *d, enum policy_dir dir, uint64_t *packets)
{
	char command[COMMAND_MAX];
	unsigned long long n;
	const char *text;

	(void)snprintf(command, sizeof(command), "list counter inet " DEFAULT_TABLE " %s\n",
		       default_text_counter(dir));
	if (!d->nft || capture_nft_run(d->nft, command, true) < 0)
		return false;
	text = strstr(nft_ctx_get_output_buffer(d->nft), "packets ");
	*packets = text && sscanf(text, "packets %llu", &n) == 1 ? n : 0;
	return true;
}

uint64_t default_block_dropped(const struct default_block *d, enum policy_dir dir)
{
	uint64_t packets = 0;

	if (d->block[dir])
		(void)read_counter(d, dir, &packets); /* then it counts nothing now */
	return d->gone[dir] + packets;
}

/* Before the table goes. */
static void read_all(const struct default_block *d, uint64_t packets[POLICY_DIRS])
{
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		packets[dir] = default_block_dropped(d, (enum policy_dir)dir);
}

/* ---- what the plan is made from -------------------------------------------------------------- */

static const uint8_t hooks[POLICY_DIRS] = {
	[POLICY_IN] = GUARD_INPUT, [POLICY_FWD] = GUARD_FORWARD, [POLICY_OUT] = GUARD_OUTPUT};

static int make_plan(struct sadb *db, const bool block[POLICY_DIRS], struct guard_plan *plan)
{
	const struct policy_config **all[POLICY_DIRS] = {NULL};
	struct guard_list lists[GUARD_HOOKS] = {{NULL, 0}};
	size_t room[POLICY_DIRS];
	struct sadb_walk walk;
	struct policy *policy;
	int err = 0;

	for (unsigned dir = 0; dir < POLICY_DIRS; dir++) {
		room[dir] = block[dir] ? sadb_policy_count(db, (enum policy_dir)dir) : 0;
		all[dir] = calloc(room[dir] + 1, sizeof(*all[dir]));
		lists[hooks[dir]].policies = all[dir];
		if (!all[dir])
			err = -ENOMEM;
	}
	sadb_walk_begin(db, &walk, true);
	while (!err && (policy = sadb_walk_policy(&walk))) {
		unsigned dir = policy->config.dir;
		struct guard_list *list = &lists[hooks[dir]];

		if (list->count < room[dir])
			all[dir][list->count++] = &policy->config;
	}
	sadb_walk_end(&walk);
	if (!err)
		err = guard_plan_any(lists, plan);
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		free(all[dir]);
	if (err)
		log_warnx("cannot plan what is blocked by default: %s", strerror(-err));
	return err;
}

/* ---- making the kernel follow ---------------------------------------------------------------- */

/* A transaction of any length: the table, or, rules being NULL, what makes d's plan into this one. */
static int run_text(struct default_block *d, const struct default_rules *rules,
		    const struct guard_plan *plan)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err;

	if (!out)
		return -ENOMEM;
	if (rules)
		default_text_table(out, rules);
	else
		guard_text_changes(out, DEFAULT_TABLE, &d->plan, plan);
	err = ferror(out) ? -ENOMEM : 0;
	if (fclose(out) != 0)
		err = -ENOMEM;
	/* If a change is refused the table is written anew, and only that is worth a complaint. */
	if (!err)
		err = capture_nft_run(d->nft, text, !rules);
	free(text);
	return err;
}

/* Takes plan on success. */
static int write_table(struct default_block *d, const bool block[POLICY_DIRS],
		       struct guard_plan *plan)
{
	const struct default_rules rules = {
		.block = {block[0], block[1], block[2]},
		.tun = d->tun,
		.marks = d->marks,
		.plan = plan,
	};
	uint64_t packets[POLICY_DIRS];
	int err;

	read_all(d, packets);
	err = run_text(d, &rules, plan);
	if (err)
		return err;
	memcpy(d->gone, packets, sizeof(d->gone));
	memcpy(d->block, block, sizeof(d->block));
	guard_plan_fini(&d->plan);
	d->plan = *plan;
	d->leftover = d->torn = false;
	return 0;
}

static int write_anew(struct default_block *d, const bool block[POLICY_DIRS])
{
	struct guard_plan plan;
	int err = make_plan(d->db, block, &plan);

	if (err)
		return err;
	err = write_table(d, block, &plan);
	if (err)
		guard_plan_fini(&plan);
	return err;
}

static int delete_table(struct default_block *d)
{
	uint64_t packets[POLICY_DIRS];
	int err;

	if (!any(d->block))
		return 0;
	read_all(d, packets);
	/* It may be gone already, by another's hand. */
	err = capture_nft_run(d->nft,
			      "add table inet " DEFAULT_TABLE "\n"
			      "delete table inet " DEFAULT_TABLE "\n",
			      false);
	if (err)
		return err;
	memcpy(d->gone, packets, sizeof(d->gone));
	memset(d->block, 0, sizeof(d->block));
	guard_plan_fini(&d->plan);
	d->leftover = d->torn = false;
	return 0;
}

int default_block_set(struct default_block *d, const bool block[POLICY_DIRS])
{
	if (memcmp(block, d->block, sizeof(d->block)) == 0)
		return 0;
	if (!d->nft)
		return -EOPNOTSUPP;
	return any(block) ? write_anew(d, block) : delete_table(d);
}

int default_block_refresh(struct default_block *d, bool keep_leftovers)
{
	struct guard_plan plan;
	int err;

	if (!any(d->block) || (d->leftover && keep_leftovers))
		return 0;
	err = make_plan(d->db, d->block, &plan);
	if (err)
		return err;
	if (!d->leftover && !d->torn && guard_plan_same_shape(&d->plan, &plan)) {
		if (guard_plan_equal(&d->plan, &plan)) {
			guard_plan_fini(&plan);
			return 0;
		}
		if (run_text(d, NULL, &plan) == 0) {
			guard_plan_fini(&d->plan);
			d->plan = plan;
			return 0;
		}
	}
	err = write_table(d, d->block, &plan);
	if (err)
		guard_plan_fini(&plan);
	return err;
}

int default_block_marks(struct default_block *d)
{
	int err;

	if (!d->block[POLICY_OUT])
		return 0;
	/* With the SPD as it is now: what a dead process's table let pass is over. */
	err = write_anew(d, d->block);
	d->torn = d->torn || err;
	return err;
}

bool default_block_is_gone(struct default_block *d)
{
	bool gone = false;
	uint64_t packets;

	for (unsigned dir = 0; dir < POLICY_DIRS; dir++)
		gone = gone || (d->block[dir] && !read_counter(d, (enum policy_dir)dir, &packets));
	if (gone) {
		d->leftover = false;
		d->torn = true;
	}
	return gone;
}

bool default_block_have_leftovers(const struct default_block *d)
{
	return d->leftover;
}

/* ---- up and down ----------------------------------------------------------------------------- */

void default_block_open(struct default_block *d, struct nft_ctx *nft, const char *tun,
			struct sadb *db, const struct fib_marks *marks)
{
	char command[COMMAND_MAX];

	*d = (struct default_block){.nft = nft, .db = db, .marks = marks};
	(void)snprintf(d->tun, sizeof(d->tun), "%s", tun);
	for (unsigned dir = 0; dir < POLICY_DIRS; dir++) {
		uint64_t packets;

		d->block[dir] = read_counter(d, (enum policy_dir)dir, &packets);
		if (d->block[dir])
			d->gone[dir] -= packets;
	}
	d->leftover = any(d->block);
	if (!d->leftover)
		return;
	log_info("packets without a policy are blocked as by the cygnetd before us");
	/* Our device may have another name than the dead process's. */
	(void)snprintf(command, sizeof(command),
		       "add element inet " DEFAULT_TABLE " tun { \"%s\" }\n", d->tun);
	(void)capture_nft_run(nft, command, false); /* logged */
}

void default_block_remove(struct default_block *d)
{
	(void)delete_table(d); /* logged */
}

void default_block_fini(struct default_block *d)
{
	guard_plan_fini(&d->plan);
}
