/*
 * sa.c: SAs over the control socket. Errors
 * are the kernel's: EEXIST for NEWSA, ESRCH for the others.
 *
 * The order of a deletion matters (RFC 4106 §3): the SA's last number is read, the SA is taken out,
 * which is quick, and only then is the disk told what was left; packet threads may still seal one
 * batch with it, which RESERVE_SLACK covers.
 */
#include "gateway/dataplane/capture/capture.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/control/reserve.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int refuse_grant(int rc, struct xfrm_error *err)
{
	if (rc == -EOVERFLOW)
		return xfrm_error_set(err, rc, 0,
				      "this key has used its last sequence number: take a new one");
	if (rc == -ENOMEM)
		return xfrm_error_set(err, rc, 0, "out of memory");
	return xfrm_error_set(err, -EIO, 0, "sequence numbers cannot be reserved on disk: %s",
			      strerror(-rc));
}

/* ---- which end we are ------------------------------------------------------------------------ */

/* The ends that are here for certain. */
static unsigned local_directions(const struct control *c, const struct sa_config *config)
{
	bool to_us = hostnet_is_local(c->deps.hostnet, &config->id.dst);
	bool from_us = hostnet_is_local(c->deps.hostnet, &config->src);

	return (to_us ? SA_IN : 0U) | (from_us ? SA_OUT : 0U);
}

/* An SA to one of our addresses is inbound. One from here, or to anywhere else, is outbound: its
 * source address may not be up yet. */
static unsigned directions(const struct control *c, const struct sa_config *config)
{
	unsigned local = local_directions(c, config);

	return local ? local : SA_OUT;
}

static unsigned present_directions(const struct sa *sa)
{
	return (sa->in ? SA_IN : 0U) | (sa->out ? SA_OUT : 0U);
}

/* Does an outbound policy use this SA, so that inner MTUs may change with it? With very many
 * policies, capture gathers changes anyway, and asking costs more than telling. */
static bool policies_use(struct control *c, const struct sa *sa)
{
	struct sadb_walk walk;
	struct policy *policy;
	bool used = false;

	if (!sa->out)
		return false;
	if (sadb_policy_count(c->deps.db, POLICY_OUT) > CAPTURE_SYNC_POLICIES)
		return true;
	sadb_walk_begin(c->deps.db, &walk, true);
	while (!used && (policy = sadb_walk_policy(&walk)))
		used = atomic_load_explicit(&policy->sa, memory_order_relaxed) == sa;
	sadb_walk_end(&walk);
	return used;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* What encap_begin refused. */
static int refuse_way(const struct sa_config *config, int rc, struct xfrm_error *err)
{
	if (!sa_encap_is_udp(&config->encap))
		return xfrm_error_set(
			err, rc, 0,
			"packets with output mark 0x%x cannot be kept out of tunnels: %s",
			sa_output_mark(config), strerror(-rc));
	return xfrm_error_set(err, rc, 0, "UDP ports %u and %u cannot carry ESP here%s: %s",
			      config->encap.sport, config->encap.dport,
			      sa_output_mark(config) ? ", or its output mark has no rule" : "",
			      strerror(-rc));
}

/* The kernel puts it on opened packets too. */
static int check_mark(const struct sa_config *config, unsigned directions, struct xfrm_error *err)
{
	if (!sa_output_mark(config) || !(directions & SA_IN))
		return 0;
	return xfrm_error_set(
		err, -EOPNOTSUPP, 0,
		"XFRMA_SET_MARK of an inbound SA: opened packets come by a TUN device, "
		"which carries no mark");
}

/* RFC 8750: the nonce is the sequence number itself. Where the key was used before, or by somebody else as well, that
 * gives plaintexts away; of IKE's keys nobody knows but the two ends, and each has its own to send by. So it
 * has to be certain that we do. */
static int check_iv(const struct control *c, const struct sa_config *config, unsigned directions,
		    struct xfrm_error *err)
{
	if (!(directions & SA_OUT) || !esp_suite_has_implicit_iv(&config->suite))
		return 0;
	if (!c->by_ike)
		return xfrm_error_set(
			err, -EOPNOTSUPP, 0,
			"an implicit IV takes a fresh key, which only IKE can vouch for");
	if (local_directions(c, config) & SA_OUT)
		return 0;
	return xfrm_error_set(
		err, -EADDRNOTAVAIL, 0,
		"an SA with implicit IV: neither its source nor its destination is an "
		"address of this host");
}

/* NEWSA, or the UPDSA that completes a larval SA. */
static int add_sa(struct control *c, const struct xfrm_message *msg, struct xfrm_error *err,
		  struct sa **out)
{
	const struct sa_config *config = &msg->sa.config;
	struct sa_grant grant = {.directions = directions(c, config), .past = msg->sa.status};
	int rc = check_mark(config, grant.directions, err);

	if (!rc)
		rc = check_iv(c, config, grant.directions, err);
	if (rc)
		return rc;
	if (grant.directions & SA_OUT) {
		rc = grant_take(c, config, &grant);
		if (rc)
			return refuse_grant(rc, err);
	}
	rc = encap_begin(c, config, grant.directions);
	if (rc) {
		grant_return(c, config, 0);
		return refuse_way(config, rc, err);
	}
	rc = sadb_sa_add(c->deps.db, config, &grant, (uint64_t)time(NULL), out);
	if (rc) {
		encap_end(c, config, grant.directions);
		grant_return(c, config, 0);
		return xfrm_error_set(err, rc, 0, "adding the SA: %s",
				      rc == -EINVAL ? "its SPI or replay window cannot be used"
						    : strerror(-rc));
	}
	event_sa(c, msg->type, *out, msg);
	if (policies_use(c, *out))
		capture_refresh(c->deps.capture);
	return 0;
}

int serve_new_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *config = &msg->sa.config;
	struct sa *sa = NULL, *larval;
	int rc;

	/* Asked before numbers are reserved, which costs a write to the disk. A larval SA is in the
	 * way too, as in the kernel: UPDSA completes it. */
	if (sadb_sa_find(c->deps.db, &config->id, &config->mark))
		return xfrm_error_set(err, -EEXIST, 0,
				      "an SA with this destination, SPI and mark exists");
	larval = larval_for(c, config);
	rc = add_sa(c, msg, err, &sa);
	if (rc)
		return rc;
	if (larval)
		sa_discard(c, larval);
	acquire_poke(c);
	life_begin(c, sa);
	return 0;
}

/* The larval SA keeps its place until the new one has it, and stays if there is none. */
static int complete(struct control *c, struct sa *larval, struct xfrm_message *msg,
		    struct xfrm_error *err)
{
	struct sa *sa = NULL;
	int rc;

	life_forget(c, larval);
	rc = add_sa(c, msg, err, &sa);
	if (rc) {
		life_schedule(c, larval);
		return rc;
	}
	acquire_ended(c, larval); /* by its address: it is not read */
	acquire_poke(c);
	life_begin(c, sa);
	return 0;
}

int no_such_sa(struct xfrm_error *err)
{
	return xfrm_error_set(err, -ESRCH, 0, "no SA has this destination, SPI and mark");
}

int sa_advance(struct control *c, struct sa **sa, unsigned ends, const struct sa_status *past,
	       struct xfrm_error *err)
{
	struct sa_grant grant = {.directions = ends, .past = *past};
	int rc;

	if (ends & SA_OUT) {
		rc = grant_take(c, &(*sa)->config, &grant);
		if (rc)
			return refuse_grant(rc, err);
	}
	rc = sadb_sa_resume(c->deps.db, *sa, &grant, sa);
	if (rc)
		return xfrm_error_set(err, rc, 0, "setting sequence numbers: %s", strerror(-rc));
	life_moved(*sa);
	return 0;
}

/* UPDSA of a living SA: *sa is its new version. */
static int change_sa(struct control *c, struct sa **sa, const struct sa_config *config,
		     struct xfrm_error *err)
{
	const struct sa_config old = {.id = (*sa)->config.id,
				      .src = (*sa)->config.src,
				      .encap = (*sa)->config.encap,
				      .output_mark = (*sa)->config.output_mark};
	const bool marks = config->output_mark.value | config->output_mark.mask;
	const struct sa_config next = {.id = (*sa)->config.id,
				       .src = config->src,
				       .encap = config->encap,
				       .output_mark =
					       marks ? config->output_mark : old.output_mark};
	const unsigned ends = present_directions(*sa);
	int rc = check_mark(config, ends, err);

	if (rc)
		return rc;
	if (sa_encap_is_udp(&old.encap) != sa_encap_is_udp(&config->encap))
		return xfrm_error_set(err, -EINVAL, 0,
				      "UDP encapsulation cannot be added to an SA, or taken away");
	rc = encap_begin(c, &next, ends);
	if (rc)
		return refuse_way(&next, rc, err);
	rc = sadb_sa_update(c->deps.db, config, sa);
	encap_end(c, rc ? &next : &old, ends);
	if (rc)
		return xfrm_error_set(err, rc, 0, "updating the SA: %s", strerror(-rc));
	return 0;
}

int serve_update_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *config = &msg->sa.config;
	struct sa *sa = sadb_sa_find(c->deps.db, &config->id, &config->mark);
	uint32_t mark;
	int rc;

	if (!sa)
		return no_such_sa(err);
	mark = sa_output_mark(&sa->config);
	if (sa->config.larval)
		return complete(c, sa, msg, err);
	rc = change_sa(c, &sa, config, err);
	if (rc)
		return rc;
	event_update(c, msg);
	life_moved(sa);
	/* Another mark may be another route, of another MTU. */
	if (sa_output_mark(&sa->config) != mark && policies_use(c, sa))
		capture_refresh(c->deps.capture);
	life_renew(c, sa); /* which may find it past a limit: it is not read again */
	return 0;
}

/* Takes sa out of the database; it is not read again. */
static void remove_sa(struct control *c, struct sa *sa)
{
	struct sa_config config = sa->config;
	bool outbound = sa->out;
	unsigned ends = present_directions(sa);
	uint64_t used_last;

	life_forget(c, sa);
	if (config.larval)
		acquire_ended(c, sa);
	used_last = sadb_sa_remove(c->deps.db, sa);
	encap_end(c, &config, ends);
	if (outbound)
		grant_return(c, &config, used_last);
	sa_config_cleanse(&config);
}

void sa_discard(struct control *c, struct sa *sa)
{
	remove_sa(c, sa);
}

bool sa_expire(struct control *c, struct sa *sa, uint32_t pid)
{
	bool used = policies_use(c, sa);

	/* As the kernel announces it: after the SA is out, with what it was. There is no difference
	 * to see, since nobody reads the announcement before this returns. */
	event_expire(c, sa, true, pid);
	remove_sa(c, sa);
	return used;
}

int serve_delete_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *key = &msg->sa.config;
	struct sa *sa = sadb_sa_find(c->deps.db, &key->id, &key->mark);
	bool used;

	if (!sa)
		return no_such_sa(err);
	used = policies_use(c, sa);
	event_sa(c, XFRM_MSG_DELSA, sa, msg);
	remove_sa(c, sa);
	if (used)
		capture_refresh(c->deps.capture);
	return 0;
}

int serve_expire_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *key = &msg->sa.config;
	struct sa *sa = sadb_sa_find(c->deps.db, &key->id, &key->mark);

	if (!sa) /* the kernel's errno for this one */
		return xfrm_error_set(err, -ENOENT, 0, "no SA has this destination, SPI and mark");
	if (sa->config.larval)
		return xfrm_error_set(err, -EINVAL, 0, "the SA has no keys yet");
	if (!msg->hard)
		event_expire(c, sa, false, msg->pid);
	else if (sa_expire(c, sa, msg->pid))
		capture_refresh(c->deps.capture);
	return 0;
}

int serve_get_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	const struct sa_config *key = &msg->sa.config;
	const struct sa *sa = sadb_sa_find(c->deps.db, &key->id, &key->mark);

	if (!sa)
		return no_such_sa(err);
	describe_sa(sa, msg);
	return 0;
}

int serve_flush_sa(struct control *c, struct xfrm_message *msg, struct xfrm_error *err)
{
	struct sadb_walk walk;
	struct sa *sa;
	bool any = false, some = false;

	(void)err; /* nothing to flush is no error, as in the kernel */
	sadb_walk_begin(c->deps.db, &walk, false);
	while ((sa = sadb_walk_sa(&walk))) {
		if (msg->proto && sa->config.id.proto != msg->proto)
			continue;
		any = any || sa->out;
		some = true;
		remove_sa(c, sa);
	}
	sadb_walk_end(&walk);
	if (some)
		event_flush(c, msg);
	if (any)
		capture_refresh(c->deps.capture);
	return 0;
}

void describe_sa(const struct sa *sa, struct xfrm_message *msg)
{
	msg->type = XFRM_MSG_NEWSA;
	msg->sa.config = sa->config;
	msg->sa.status = sa_status(sa);
}

/* ---- what happens without a request ---------------------------------------------------------- */

/* One SA that has one end more than before. */
static int turn_sa(struct control *c, struct sa *sa, unsigned wanted)
{
	/* What it was given of another's past, its new end has to go on from. */
	struct sa_grant grant = {.directions = wanted, .past = sa_status(sa)};
	bool gains_out = !sa->out && (wanted & SA_OUT);
	unsigned had = present_directions(sa);
	struct sa *turned = NULL;
	int rc;

	/* Nobody vouches for its key. */
	if (gains_out && esp_suite_has_implicit_iv(&sa->config.suite))
		return -EOPNOTSUPP;
	if (gains_out) {
		rc = grant_take(c, &sa->config, &grant);
		if (rc)
			return rc;
	}
	rc = encap_begin(c, &sa->config, wanted);
	if (rc == 0) {
		rc = sadb_sa_set_directions(c->deps.db, sa, &grant, &turned);
		encap_end(c, rc ? &sa->config : &turned->config, rc ? wanted : had);
	}
	if (rc) {
		if (gains_out)
			grant_return(c, &sa->config, 0);
		return rc;
	}
	life_moved(turned);
	return 0;
}

/* Ends are gained, never lost: an inbound end that came back would have forgotten which packets it
 * has seen, and an address that is away for a moment (DHCP, VRRP) is no reason to take replays. */
void control_addresses_changed(struct control *c)
{
	struct sadb_walk walk;
	struct sa *sa;
	bool changed = false;

	sadb_walk_begin(c->deps.db, &walk, false);
	while ((sa = sadb_walk_sa(&walk))) {
		unsigned wanted = local_directions(c, &sa->config) | present_directions(sa);
		uint32_t spi = sa->config.id.spi;
		int rc;

		/* See check_mark. */
		if (sa_output_mark(&sa->config))
			wanted &= ~(unsigned)SA_IN;
		if (sa->config.larval || wanted == present_directions(sa))
			continue;
		changed = true;
		rc = turn_sa(c, sa, wanted);
		if (rc) {
			errno = -rc;
			log_warn("SA 0x%08x: the host's addresses changed, its ends did not", spi);
		}
	}
	sadb_walk_end(&walk);
	if (changed)
		capture_refresh(c->deps.capture);
}

static struct sa *sa_by_serial(const struct control *c, uint64_t serial)
{
	struct sadb_walk walk;
	struct sa *sa;

	sadb_walk_begin(c->deps.db, &walk, false);
	do {
		sa = sadb_walk_sa(&walk);
	} while (sa && sa->serial != serial);
	sadb_walk_end(&walk);
	return sa;
}

struct sa *notice_sa(const struct control *c, const struct notice *notice)
{
	struct sa *sa = sadb_sa_find(c->deps.db, &notice->id, &notice->mark);

	if (!sa || sa->serial == notice->serial)
		return sa;
	/* Marks overlap, and the key finds another one: rare enough for a walk. */
	return sa_by_serial(c, notice->serial);
}

struct sa *notice_sa_moved(const struct control *c, const struct notice *notice)
{
	struct sa *sa = notice_sa(c, notice);

	return sa ? sa : sa_by_serial(c, notice->serial);
}

/* NOTICE_GRANT. */
static void extend_grant(struct control *c, const struct notice *notice)
{
	struct sa *sa = notice_sa(c, notice);
	struct sa_grant grant = {.directions = SA_OUT};
	time_t now = time(NULL);
	int rc;

	/* Gone, or extended since the packet thread asked. */
	if (!sa || !sa->out || esp_out_left(sa->out) >= RESERVE_BLOCK)
		return;
	rc = grant_take(c, &sa->config, &grant);
	/* -EAGAIN: the last hand-over waits still. This block is skipped, as a crash would skip it. */
	if (!rc)
		rc = esp_out_extend(sa->out, grant.seq);
	if (!rc || rc == -EAGAIN || now == c->grant_failed_at)
		return;
	c->grant_failed_at = now; /* the packet thread asks again and again */
	errno = -rc;
	log_warn("SA 0x%08x: no more sequence numbers can be reserved", notice->id.spi);
}

/* NOTICE_PMTU. */
static void learn_path_mtu(struct control *c, const struct notice *notice)
{
	const struct sa *sa = notice_sa(c, notice);

	if (sa) /* else it went in the meantime, and its path with it */
		capture_path_mtu(c->deps.capture, &sa->config.src, &sa->config.id.dst, notice->mtu);
}

/* NOTICE_MISFIT. */
static void tell_misfit(struct control *c, const struct notice *notice)
{
	const struct sa *sa = notice_sa(c, notice);

	if (sa) /* else nobody is to blame any more */
		event_misfit(c, sa, notice);
}

void control_on_notice(struct control *c, const struct notice *notice)
{
	switch (notice->kind) {
	case NOTICE_GRANT:
		extend_grant(c, notice);
		break;
	case NOTICE_ACQUIRE:
		acquire_on_notice(c, notice);
		break;
	case NOTICE_LIFE:
		life_on_notice(c, notice);
		break;
	case NOTICE_MAPPING:
		encap_on_mapping(c, notice);
		break;
	case NOTICE_PMTU:
		learn_path_mtu(c, notice);
		break;
	case NOTICE_MISFIT:
		tell_misfit(c, notice);
		break;
	case NOTICE_DUMMY:  /* goes the other way */
	case NOTICE_NO_TUN: /* is the daemon's */
		break;
	}
}
