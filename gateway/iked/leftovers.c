/*
 * leftovers.c: see leftovers.h.
 */
#include "gateway/iked/leftovers.h"

#include "gateway/dataplane/log.h"
#include "gateway/iked/xfrm_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_AFTER_MS = 30000, REQIDS_MAX = 1024 };

struct reqids {
	unsigned count;
	uint32_t at[REQIDS_MAX];
};

struct leftovers {
	char path[PATH_MAX], fresh[PATH_MAX]; /* fresh: being written */
	struct reqids old, noted;
	uint64_t sweep_at_ms;
	bool told;
};

static bool has(const struct reqids *set, uint32_t reqid)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (set->at[i] == reqid)
			return true;
	}
	return false;
}

static void add(struct reqids *set, uint32_t reqid)
{
	if (reqid && set->count < REQIDS_MAX && !has(set, reqid))
		set->at[set->count++] = reqid;
}

/* ---- the file --------------------------------------------------------------------------------- */

static void read_file(const char *path, struct reqids *out)
{
	FILE *file = fopen(path, "re");
	unsigned long reqid;

	if (!file)
		return; /* the first start, or an orderly end before */
	while (fscanf(file, "%lu", &reqid) == 1 && reqid <= UINT32_MAX)
		add(out, (uint32_t)reqid);
	fclose(file);
}

static int write_file(const struct leftovers *l)
{
	FILE *file = fopen(l->fresh, "we");
	bool ok;

	if (!file)
		return -errno;
	for (unsigned i = 0; i < l->old.count; i++)
		fprintf(file, "%u\n", l->old.at[i]);
	for (unsigned i = 0; i < l->noted.count; i++)
		fprintf(file, "%u\n", l->noted.at[i]);
	ok = !ferror(file) && fflush(file) == 0;
	ok = fclose(file) == 0 && ok;
	return ok && rename(l->fresh, l->path) == 0 ? 0 : -EIO;
}

static void save(struct leftovers *l)
{
	int rc = write_file(l);

	if (rc && !l->told)
		log_warnx("%s: %s; after a crash SAs and policies of ours may stay behind", l->path,
			  strerror(-rc));
	l->told = rc != 0;
}

int leftovers_open(struct leftovers **out, const char *state_dir, const struct run_as *run_as,
		   uint64_t now_ms)
{
	struct leftovers *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	if (snprintf(l->path, sizeof(l->path), "%s/iked.reqids", state_dir) >=
		    (int)sizeof(l->path) - 4 ||
	    snprintf(l->fresh, sizeof(l->fresh), "%s/iked.reqids.new", state_dir) >=
		    (int)sizeof(l->fresh)) {
		log_err("--state-dir: the path is too long");
		free(l);
		return -ENAMETOOLONG;
	}
	if (mkdir(state_dir, 0700) == 0 && chown(state_dir, run_as->uid, run_as->gid) < 0)
		log_warn("state directory %s", state_dir);
	read_file(l->path, &l->old);
	l->sweep_at_ms = now_ms + SWEEP_AFTER_MS;
	*out = l;
	return 0;
}

void leftovers_close(struct leftovers *l)
{
	free(l);
}

void leftovers_note(struct leftovers *l, const struct installed *installed)
{
	struct reqids now = {0};
	uint32_t reqid;
	bool same = true;

	for (unsigned i = 0; installed_reqid_at(installed, i, &reqid); i++)
		add(&now, reqid);
	for (unsigned i = 0; i < now.count; i++)
		same &= has(&l->noted, now.at[i]);
	if (same && now.count == l->noted.count)
		return;
	l->noted = now;
	save(l);
}

/* ---- sweeping --------------------------------------------------------------------------------- */

enum { BATCH = 64 };

/* Entries of a dump to delete, a batch at a time: a dump is read to its end before the next request. */
struct sweep {
	const struct leftovers *l;
	const struct installed *installed;
	unsigned count;
	struct xfrm_message found[BATCH];
};

static int find_policy(void *ctx, const struct xfrm_message *entry)
{
	struct sweep *s = ctx;
	const struct policy_config *p = &entry->policy.config;

	if (p->action != POLICY_PROTECT || !has(&s->l->old, p->tmpl.reqid) ||
	    installed_has_policy(s->installed, p))
		return 0;
	s->found[s->count] = (struct xfrm_message){.type = XFRM_MSG_DELPOLICY};
	s->found[s->count].policy.config = *p;
	return ++s->count == BATCH;
}

static int find_sa(void *ctx, const struct xfrm_message *entry)
{
	struct sweep *s = ctx;
	const struct sa_config *sa = &entry->sa.config;

	if (!has(&s->l->old, sa->reqid) || installed_has_sa(s->installed, &sa->id.dst, sa->id.spi))
		return 0;
	s->found[s->count] = (struct xfrm_message){.type = XFRM_MSG_DELSA};
	s->found[s->count].sa.config.id = sa->id;
	s->found[s->count].sa.config.src = sa->src;
	return ++s->count == BATCH;
}

static unsigned sweep(struct sweep *s, struct xfrm_link *link, uint16_t dump,
		      int (*fn)(void *ctx, const struct xfrm_message *entry))
{
	struct xfrm_message msg = {.type = dump, .dump = true};
	unsigned gone = 0;
	struct xfrm_error err;
	int rc;

	do {
		s->count = 0;
		rc = xfrm_link_dump(link, &msg, fn, s, &err);
		for (unsigned i = 0; i < s->count; i++) {
			if (xfrm_link_request(link, &s->found[i], &err) == 0)
				gone++;
			else
				rc = -1; /* or it would be found again */
		}
	} while (rc == 1);
	return gone;
}

static void sweep_all(struct leftovers *l, const struct installed *installed,
		      struct xfrm_link *link)
{
	struct sweep *s = calloc(1, sizeof(*s));
	unsigned policies, sas;

	if (!s)
		return;
	s->l = l;
	s->installed = installed;
	policies = sweep(s, link, XFRM_MSG_GETPOLICY, find_policy);
	sas = sweep(s, link, XFRM_MSG_GETSA, find_sa);
	free(s);
	if (policies + sas)
		log_info("removed %u policies and %u SAs that a cygnet-iked before left", policies,
			 sas);
	l->old.count = 0;
}

void leftovers_sweep(struct leftovers *l, const struct installed *installed, struct xfrm_link *link,
		     uint64_t now_ms)
{
	if (!l->old.count || now_ms < l->sweep_at_ms || !xfrm_link_is_up(link))
		return;
	sweep_all(l, installed, link);
	save(l);
}

void leftovers_forget(struct leftovers *l, const struct installed *installed,
		      struct xfrm_link *link)
{
	if (l->old.count && xfrm_link_is_up(link))
		sweep_all(l, installed, link);
	if (!l->old.count)
		(void)unlink(l->path); /* it may never have been written */
}
