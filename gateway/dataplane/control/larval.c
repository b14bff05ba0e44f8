/*
 * larval.c: larval SAs, RFC 2367 §1.2 and §3.1.1 (GETSPI), XFRM's ALLOCSPI: an SPI is set
 * aside for an address of ours, so that the peer can be told which before the keys are agreed. The
 * UPDSA that brings the keys takes the larval SA's place (sa.c); if none comes within
 * net.core.xfrm_acq_expires seconds, it expires like any SA (life.c).
 *
 * Also the kernel's way to find a larval SA that is an ACQUIRE's: by its number, or by what it asks
 * for.
 */
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/sysctl.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

enum {
	ACQ_EXPIRES_S = 30, /* the kernel's, where the setting cannot be read */
	SCAN_MAX = 1 << 16, /* SPIs: a range up to this size is searched from end to end */
};

/* A manager (charon) writes the file; it belongs to the network namespace. */
uint64_t larval_lifetime_s(void)
{
	int seconds;

	if (sysctl_read("net/core/xfrm_acq_expires", &seconds) < 0 || seconds <= 0)
		return ACQ_EXPIRES_S;
	return (uint64_t)seconds;
}

struct sa_config larval_config(const struct sa_config *wanted)
{
	struct sa_config config = {
		.id = wanted->id,
		.mark = wanted->mark,
		.src = wanted->src,
		.mode = wanted->mode,
		.reqid = wanted->reqid,
		.seq = wanted->seq,
		.larval = true,
		/* As the kernel fills it: addresses, but no family. */
		.sel = {.src = {wanted->src, wanted->src.family == AF_INET6 ? 128 : 32},
			.dst = {wanted->id.dst, wanted->id.dst.family == AF_INET6 ? 128 : 32}},
		.limits = {.soft_bytes = SADB_NO_LIMIT,
			   .hard_bytes = SADB_NO_LIMIT,
			   .soft_packets = SADB_NO_LIMIT,
			   .hard_packets = SADB_NO_LIMIT,
			   .hard_add_s = larval_lifetime_s()},
	};

	return config;
}

int larval_add(struct control *c, const struct sa_config *config, uint64_t now, struct sa **out)
{
	const struct sa_grant no_end = {0};
	int rc = sadb_sa_add(c->deps.db, config, &no_end, now, out);

	if (rc == 0)
		life_schedule(c, *out);
	return rc;
}

static bool asks_for(const struct sa_config *larval, const struct sa_config *sa)
{
	return larval->larval && larval->id.spi == 0 && larval->reqid == sa->reqid &&
	       larval->mode == sa->mode && larval->id.proto == sa->id.proto &&
	       (sa->mark.value & sa->mark.mask & larval->mark.mask) == larval->mark.value;
}

struct sa *larval_for(struct control *c, const struct sa_config *config)
{
	struct sa *sa = config->seq ? acquire_by_seq(c, config->seq) : NULL;

	if (sa && sa->config.id.proto == config->id.proto &&
	    ip_addr_equal(&sa->config.id.dst, &config->id.dst))
		return sa;
	sa = NULL;
	while ((sa = sadb_sa_next_between(c->deps.db, &config->src, &config->id.dst, sa))) {
		if (asks_for(&sa->config, config))
			return sa;
	}
	return NULL;
}

/* ---- ALLOCSPI ---------------------------------------------------------------------------------- */

static bool spi_is_free(const struct control *c, struct sa_config *config, uint32_t spi)
{
	config->id.spi = spi;
	return spi != 0 && !sadb_sa_find(c->deps.db, &config->id, &config->mark);
}

/* Picks config->id.spi at random, so that it cannot be guessed, RFC 4301 §4.4.2.1. 0; -ENOENT: none
 * is free, as the kernel says it; -EIO: no randomness. */
static int choose_spi(const struct control *c, const struct xfrm_spi_range *range,
		      struct sa_config *config)
{
	uint64_t size = (uint64_t)range->max - range->min + 1, random;
	bool scan = size <= SCAN_MAX;

	if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
		return -EIO;
	for (uint64_t i = 0; i < (scan ? size : SCAN_MAX); i++) {
		if (spi_is_free(c, config, range->min + (uint32_t)((random + i) % size)))
			return 0;
		if (!scan && RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
			return -EIO;
	}
	return -ENOENT;
}

/* Gives old, an acquire's larval SA, the SPI it had not. */
static int replace(struct control *c, struct sa *old, const struct sa_config *config,
		   struct sa **out)
{
	struct sa *sa;
	int rc = larval_add(c, config, (uint64_t)time(NULL), &sa);

	if (rc)
		return rc;
	acquire_moved(c, old, sa);
	sa_discard(c, old);
	*out = sa;
	return 0;
}

int serve_alloc_spi(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct sa *sa = larval_for(c, &msg->sa.config);
	struct sa_config config = larval_config(sa ? &sa->config : &msg->sa.config);
	int rc = 0;

	if (sa)
		config.sel = sa->config.sel;
	else
		config.seq = 0; /* as the kernel: it is no ACQUIRE's */
	if (!sa || sa->config.id.spi == 0) {
		rc = choose_spi(c, &msg->range, &config);
		if (rc == 0)
			rc = sa ? replace(c, sa, &config, &sa)
				: larval_add(c, &config, (uint64_t)time(NULL), &sa);
	}
	if (rc == -ENOENT)
		return xfrm_error_set(err, rc, 0, "no SPI from 0x%x to 0x%x is free",
				      msg->range.min, msg->range.max);
	if (rc)
		return xfrm_error_set(err, rc, 0, "setting an SPI aside: %s", strerror(-rc));
	describe_sa(sa, msg);
	return 0;
}
