/*
 * installed.c: see installed.h.
 *
 * A policy is in XFRM once for its selector and direction. Several wishes may ask for the same one (a
 * trap, and the child that came of it; two connections; two children that say the same): each addition
 * is an entry, the last one stands in XFRM, and when it goes, the one before stands there again.
 */
#include "gateway/iked/installed.h"

#include "gateway/dataplane/log.h"
#include "gateway/iked/xfrm_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct sa_entry {
	struct ip_addr dst, src;
	uint32_t spi, reqid;
	bool inbound;
};

struct policy_entry {
	struct policy_wish wish;
	struct policy_config config;
};

struct installed {
	struct xfrm_link *link; /* borrowed */
	unsigned sa_count, policy_count;
	struct sa_entry *sas;	       /* owned */
	struct policy_entry *policies; /* owned; of one place the last one counts */
	bool changed;
};

int installed_new(struct installed **out, struct xfrm_link *link)
{
	struct installed *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->link = link;
	*out = in;
	return 0;
}

void installed_free(struct installed *in)
{
	if (!in)
		return;
	free(in->sas);
	free(in->policies);
	free(in);
}

/* ---- SAs -------------------------------------------------------------------------------------- */

static void refused(const char *what, const struct ip_addr *dst, uint32_t spi,
		    const struct xfrm_error *err)
{
	char text[IP_ADDR_TEXT_MAX];

	log_warnx("%s SA %s 0x%08x: %s", what, ip_addr_format(dst, text), spi, err->text);
}

static struct sa_entry *find_sa(struct installed *in, const struct ip_addr *dst, uint32_t spi)
{
	for (unsigned i = 0; i < in->sa_count; i++) {
		if (in->sas[i].spi == spi && ip_addr_equal(&in->sas[i].dst, dst))
			return &in->sas[i];
	}
	return NULL;
}

static void keep_sa(struct installed *in, const struct ike_sa_action *action)
{
	struct sa_entry *grown = reallocarray(in->sas, in->sa_count + 1, sizeof(*grown));

	if (!grown) {
		log_err("out of memory: an SA will not be taken away at the end");
		return;
	}
	in->sas = grown;
	in->changed = true;
	grown[in->sa_count++] = (struct sa_entry){.dst = action->dst,
						  .src = action->src,
						  .spi = action->spi,
						  .reqid = action->reqid,
						  .inbound = action->inbound};
}

static int put_sa(struct installed *in, const struct ike_sa_action *action, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWSA};
	int rc;

	request_sa(action, &msg.sa.config);
	rc = xfrm_link_request(in->link, &msg, err);
	xfrm_message_cleanse(&msg);
	if (rc)
		refused("adding", &action->dst, action->spi, err);
	return rc;
}

static void drop_sa(struct installed *in, const struct ip_addr *dst, const struct ip_addr *src,
		    uint32_t spi)
{
	struct xfrm_message msg = {
		.type = XFRM_MSG_DELSA,
		.sa.config = {.id = {.dst = *dst, .spi = spi, .proto = IPPROTO_ESP}, .src = *src}};
	struct sa_entry *entry = find_sa(in, dst, spi);
	struct xfrm_error err;
	int rc = xfrm_link_request(in->link, &msg, &err);

	/* It may have expired, or gone with the server. */
	if (rc && rc != -ESRCH && rc != -ENOTCONN)
		refused("deleting", dst, spi, &err);
	if (entry)
		*entry = in->sas[--in->sa_count];
}

int installed_add_sa(struct installed *in, const struct ike_sa_action *action,
		     struct xfrm_error *err)
{
	int rc = put_sa(in, action, err);

	if (rc == 0)
		keep_sa(in, action);
	return rc;
}

void installed_delete_sa(struct installed *in, const struct ike_sa_action *action)
{
	drop_sa(in, &action->dst, &action->src, action->spi);
}

/* The machine has forgotten the keys; XFRM has not. */
static bool change_ports(struct installed *in, const struct sa_entry *entry,
			 const struct ike_sa_action *action)
{
	struct xfrm_message msg = {.type = XFRM_MSG_GETSA}, sa = {0};
	struct xfrm_error err;
	int rc;

	msg.sa.config.id =
		(struct sa_id){.dst = entry->dst, .spi = entry->spi, .proto = IPPROTO_ESP};
	msg.sa.config.src = entry->src;
	rc = xfrm_link_get(in->link, &msg, &sa, &err);
	if (rc == 0) {
		sa.type = XFRM_MSG_UPDSA;
		sa.sa.status = (struct sa_status){0};
		sa.sa.config.encap.sport = action->sport;
		sa.sa.config.encap.dport = action->dport;
		rc = xfrm_link_request(in->link, &sa, &err);
	}
	xfrm_message_cleanse(&sa);
	if (rc)
		refused("moving", &entry->dst, entry->spi, &err);
	return rc == 0;
}

bool installed_move_sa(struct installed *in, const struct ip_addr *old_dst,
		       const struct ike_sa_action *action)
{
	const struct sa_entry *entry = find_sa(in, old_dst, action->spi);

	if (!entry)
		return false;
	/* XFRM changes ports in place. Another address would be another SA, with the same key and its
	 * sequence numbers from the start: never. */
	if (action->udp && ip_addr_equal(&entry->src, &action->src) &&
	    ip_addr_equal(old_dst, &action->dst) && change_ports(in, entry, action))
		return true;
	const struct sa_entry old = *entry;

	drop_sa(in, &old.dst, &old.src, old.spi);
	return false;
}

bool installed_inbound_at(const struct installed *in, unsigned i, struct ip_addr *dst,
			  struct ip_addr *src, uint32_t *spi)
{
	for (unsigned k = 0; k < in->sa_count; k++) {
		if (!in->sas[k].inbound || i--)
			continue;
		*dst = in->sas[k].dst;
		*src = in->sas[k].src;
		*spi = in->sas[k].spi;
		return true;
	}
	return false;
}

/* ---- policies --------------------------------------------------------------------------------- */

static void policy_refused(const char *what, const struct policy_config *policy,
			   const struct xfrm_error *err)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	log_warnx("%s policy %s/%u %s/%u: %s", what, ip_addr_format(&policy->sel.src.addr, src),
		  policy->sel.src.len, ip_addr_format(&policy->sel.dst.addr, dst),
		  policy->sel.dst.len, err->text);
}

static void put_policy(struct installed *in, const struct policy_config *config)
{
	struct xfrm_message msg = {.type = XFRM_MSG_UPDPOLICY, .policy.config = *config};
	struct xfrm_error err;

	if (xfrm_link_request(in->link, &msg, &err) < 0)
		policy_refused("adding", config, &err);
}

static void drop_policy(struct installed *in, const struct policy_config *config)
{
	struct xfrm_message msg = {.type = XFRM_MSG_DELPOLICY, .policy.config = *config};
	struct xfrm_error err;
	int rc = xfrm_link_request(in->link, &msg, &err);

	if (rc && rc != -ENOENT && rc != -ENOTCONN)
		policy_refused("deleting", config, &err);
}

static bool same_place(const struct policy_config *a, const struct policy_config *b)
{
	return a->dir == b->dir && selector_equal(&a->sel, &b->sel);
}

static bool same_wish(const struct policy_wish *a, const struct policy_wish *b)
{
	return a->reqid == b->reqid && a->priority == b->priority && a->trap == b->trap &&
	       ip_addr_equal(&a->local, &b->local) && ip_addr_equal(&a->remote, &b->remote);
}

struct visit {
	struct installed *in;
	struct policy_wish wish;
};

static void add_policy(void *ctx, const struct policy_config *config)
{
	struct visit *v = ctx;
	struct installed *in = v->in;
	struct policy_entry *grown =
		reallocarray(in->policies, in->policy_count + 1, sizeof(*grown));

	if (!grown) {
		log_err("out of memory: a policy is missing");
		return;
	}
	in->policies = grown;
	in->changed = true;
	grown[in->policy_count++] = (struct policy_entry){v->wish, *config};
	put_policy(in, config);
}

/* The last entry before end that is in this place, and of this wish if that is not NULL; -1: none. */
static long find_policy(const struct installed *in, long end, const struct policy_config *place,
			const struct policy_wish *wish)
{
	while (--end >= 0) {
		const struct policy_entry *e = &in->policies[end];

		if (same_place(&e->config, place) && (!wish || same_wish(&e->wish, wish)))
			break;
	}
	return end;
}

static void delete_policy(void *ctx, const struct policy_config *config)
{
	struct visit *v = ctx;
	struct installed *in = v->in;
	long last = find_policy(in, (long)in->policy_count, config, NULL);
	long at = find_policy(in, (long)in->policy_count, config, &v->wish), heir;

	if (at < 0)
		return;
	heir = find_policy(in, at, config, NULL);
	/* Only the last one stands; of the others nothing is to be seen. */
	if (at == last && heir >= 0)
		put_policy(in, &in->policies[heir].config);
	else if (at == last)
		drop_policy(in, config);
	in->policy_count--;
	memmove(&in->policies[at], &in->policies[at + 1],
		(in->policy_count - (unsigned)at) * sizeof(*in->policies));
}

static void say_inexpressible(const struct ike_ts *local, const struct ike_ts *remote)
{
	char a[IKE_TS_TEXT_MAX], b[IKE_TS_TEXT_MAX];

	log_err("no policy of XFRM's says %s === %s", ike_ts_format(local, a),
		ike_ts_format(remote, b));
}

/* Between every local and every remote selector of a family. */
static void each_pair(struct installed *in, const struct ike_policy_action *action, bool tell,
		      void (*fn)(void *ctx, const struct policy_config *))
{
	struct visit v = {in,
			  {.reqid = action->reqid,
			   .priority = action->config->priority,
			   .trap = action->trap,
			   .local = action->local,
			   .remote = action->remote}};

	for (unsigned i = 0; i < action->local_ts->count; i++) {
		for (unsigned k = 0; k < action->remote_ts->count; k++) {
			const struct ike_ts *local = &action->local_ts->at[i];
			const struct ike_ts *remote = &action->remote_ts->at[k];

			if (local->from.family == remote->from.family &&
			    !request_policies(&v.wish, local, remote, fn, &v) && tell)
				say_inexpressible(local, remote);
		}
	}
}

void installed_add_policies(struct installed *in, const struct ike_policy_action *action)
{
	if (!action->config->no_policies)
		each_pair(in, action, true, add_policy);
}

void installed_delete_policies(struct installed *in, const struct ike_policy_action *action)
{
	if (!action->config->no_policies)
		each_pair(in, action, false, delete_policy);
}

/* ---- what is there ---------------------------------------------------------------------------- */

bool installed_reqid_at(const struct installed *in, unsigned i, uint32_t *reqid)
{
	if (i < in->sa_count)
		*reqid = in->sas[i].reqid;
	else if (i - in->sa_count < in->policy_count)
		*reqid = in->policies[i - in->sa_count].wish.reqid;
	else
		return false;
	return true;
}

bool installed_has_policy(const struct installed *in, const struct policy_config *policy)
{
	for (unsigned i = 0; i < in->policy_count; i++) {
		if (same_place(&in->policies[i].config, policy))
			return true;
	}
	return false;
}

bool installed_has_sa(const struct installed *in, const struct ip_addr *dst, uint32_t spi)
{
	for (unsigned i = 0; i < in->sa_count; i++) {
		if (in->sas[i].spi == spi && ip_addr_equal(&in->sas[i].dst, dst))
			return true;
	}
	return false;
}

bool installed_take_changed(struct installed *in)
{
	bool changed = in->changed;

	in->changed = false;
	return changed;
}

/* ---- all -------------------------------------------------------------------------------------- */

void installed_restore(struct installed *in)
{
	in->sa_count = 0;
	for (unsigned i = 0; i < in->policy_count; i++)
		put_policy(in, &in->policies[i].config);
}

void installed_clear(struct installed *in)
{
	while (in->sa_count) {
		const struct sa_entry last = in->sas[in->sa_count - 1];

		drop_sa(in, &last.dst, &last.src, last.spi);
	}
	while (in->policy_count)
		drop_policy(in, &in->policies[--in->policy_count].config);
}
