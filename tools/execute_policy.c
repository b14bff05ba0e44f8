/*
 * execute_policy.c: the statements about policies as XFRM requests. Linux asks fwd policies for
 * what it forwards, and old scripts know only in and out: so each in policy gets a fwd twin
 * (setkey -r), is deleted with it, and an explicit fwd policy takes the twin's place without being
 * called a duplicate.
 */
#include "tools/execute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REQID_AUTO_FIRST = 0x4000 }; /* behind those written by hand */

int execute_flush_policies(struct session *s, unsigned line)
{
	struct xfrm_message msg = {.type = XFRM_MSG_FLUSHPOLICY};

	return s->dry_run ? 0 : session_flush(s, line, &msg);
}

int execute_dump_policies(struct session *s, unsigned line)
{
	struct dump_options o = session_dump_options(s);
	struct xfrm_error err;
	int rc;

	if (s->dry_run)
		return 0;
	if (!session_connect(s))
		return -ENOTCONN;
	rc = dump_all_policies(&o, s->client, &err);
	if (rc < 0)
		session_report_refusal(s, line, &err);
	return rc;
}

/* ---- requests ------------------------------------------------------------------------------ */

static int send_policy(struct session *s, uint16_t type, const struct policy_config *config,
		       struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = type};

	msg.policy.config = *config;
	return session_request(s, &msg, err);
}

/* The policy of that direction with config's selector. False if there is none. */
static bool find_policy(struct session *s, const struct policy_config *config, enum policy_dir dir,
			struct policy_config *out)
{
	struct xfrm_message msg = {.type = XFRM_MSG_GETPOLICY}, reply = {0};
	struct xfrm_error err;

	msg.policy.config.sel = config->sel;
	msg.policy.config.dir = (uint8_t)dir;
	if (session_get(s, &msg, &reply, &err) < 0)
		return false;
	*out = reply.policy.config;
	return true;
}

static bool same_effect(const struct policy_config *a, const struct policy_config *b)
{
	const struct policy_template *x = &a->tmpl, *y = &b->tmpl;

	if (a->action != b->action || a->priority != b->priority)
		return false;
	return a->action != POLICY_PROTECT ||
	       (ip_addr_equal(&x->src, &y->src) && ip_addr_equal(&x->dst, &y->dst) &&
		x->reqid == y->reqid && x->optional == y->optional && x->mode == y->mode);
}

/* True if the fwd policy that stands where config wants to be is the twin of an in policy. */
static bool is_twin(struct session *s, const struct policy_config *config)
{
	struct policy_config in, present, twin;

	if (!find_policy(s, config, POLICY_IN, &in) ||
	    !find_policy(s, config, POLICY_FWD, &present))
		return false;
	message_fwd_twin(&in, &twin);
	return same_effect(&present, &twin);
}

static bool stands_already(struct session *s, const struct policy_config *config)
{
	struct policy_config present;

	return find_policy(s, config, (enum policy_dir)config->dir, &present) &&
	       same_effect(&present, config);
}

/* ---- unique without a number ---------------------------------------------------------------- */

static int note_reqid(void *ctx, const struct xfrm_message *entry)
{
	uint32_t *next = ctx, reqid = entry->policy.config.tmpl.reqid;

	if (reqid >= *next && reqid < UINT32_MAX)
		*next = reqid + 1;
	return 0;
}

/* The writer wants an SA of the policy's own and leaves the number to the system: one that no
 * policy has. XFRM has nobody but us to choose it. */
static int choose_reqid(struct session *s, uint32_t *out, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = XFRM_MSG_GETPOLICY, .dump = true};
	uint32_t next = REQID_AUTO_FIRST;
	int rc = xfrm_client_dump(s->client, &msg, note_reqid, &next, err);

	if (rc == 0)
		*out = next;
	return rc;
}

/* ---- add and delete ------------------------------------------------------------------------ */

static int add_policy(struct session *s, const struct statement *st, struct policy_config *config,
		      struct xfrm_error *err)
{
	bool replace = st->kind == STATEMENT_SPDUPDATE;
	uint16_t type = replace ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY;
	struct policy_config twin;
	int rc = 0;

	if (config->action == POLICY_PROTECT && st->policy.rule[0].level == RULE_UNIQUE &&
	    !config->tmpl.reqid)
		rc = choose_reqid(s, &config->tmpl.reqid, err);
	if (rc == 0)
		rc = send_policy(s, type, config, err);
	if (rc == -EEXIST && config->dir == POLICY_FWD && is_twin(s, config))
		rc = send_policy(s, XFRM_MSG_UPDPOLICY, config, err);
	/* bsd: written as fwd beside an in policy that says the same. */
	if (rc == -EEXIST && st->policy.fwd_as_in && stands_already(s, config))
		rc = 0;
	if (rc < 0 || config->dir != POLICY_IN || s->no_twins)
		return rc;
	message_fwd_twin(config, &twin);
	rc = send_policy(s, type, &twin, err);
	/* A fwd policy the writer gave himself stays. */
	return rc == -EEXIST ? 0 : rc;
}

static int delete_policy(struct session *s, const struct policy_config *config,
			 struct xfrm_error *err)
{
	struct policy_config twin;
	struct xfrm_error twin_err;
	int rc = send_policy(s, XFRM_MSG_DELPOLICY, config, err);
	int twin_rc;

	if (config->dir != POLICY_IN || s->no_twins)
		return rc;
	message_fwd_twin(config, &twin);
	twin_rc = send_policy(s, XFRM_MSG_DELPOLICY, &twin, &twin_err);
	if (rc == 0 && twin_rc < 0 && twin_rc != -ENOENT && twin_rc != -ESRCH) {
		*err = twin_err;
		return twin_rc;
	}
	return rc;
}

static void notices(struct session *s, const struct statement *st, bool scope)
{
	bool ports = false;

	for (unsigned i = 0; i < st->policy.rules; i++) {
		scope |= st->policy.rule[i].scope;
		ports |= st->policy.rule[i].ports;
	}
	if (ports)
		session_notice(s, st->line,
			       "%s: the ports of a tunnel's ends are ignored: its SA "
			       "has them",
			       statement_name(st->kind));
	if (scope)
		session_notice(s, st->line, "%s: the interface of an address is ignored",
			       statement_name(st->kind));
}

static int apply(struct session *s, const struct statement *st, struct policy_config *config,
		 struct xfrm_error *err)
{
	if (st->kind == STATEMENT_SPDDELETE)
		return delete_policy(s, config, err);
	return add_policy(s, st, config, err);
}

/* What was written as ranges: all of its policies or, of an addition that fails half-way, none. One
 * reqid for all, even if it is for setkey to choose: it is one policy to the writer. */
static int apply_ranges(struct session *s, const struct statement *st,
			const struct selector *selectors, int n, struct policy_config *config,
			struct xfrm_error *err)
{
	struct xfrm_error ignored;
	int rc = 0, first = 0, i;

	for (i = 0; i < n && (rc == 0 || st->kind == STATEMENT_SPDDELETE); i++) {
		config->sel = selectors[i];
		rc = apply(s, st, config, first < 0 ? &ignored : err);
		first = first < 0 ? first : rc;
	}
	if (first < 0 && st->kind == STATEMENT_SPDADD) {
		for (i -= 2; i >= 0; i--) {
			config->sel = selectors[i];
			(void)delete_policy(s, config, &ignored); /* it was there a moment ago */
		}
	}
	return first;
}

/* The policies of the statement. 0, err's code. */
static int execute_selector(struct session *s, const struct statement *st,
			    const struct resolved_selector *sel, struct policy_config *config,
			    struct xfrm_error *err)
{
	struct selector *selectors;
	const char *why = "";
	int n;

	if (!message_has_ranges(sel))
		return s->dry_run ? 0 : apply(s, st, config, err);
	selectors = calloc(MESSAGE_SELECTORS_MAX, sizeof(*selectors));
	if (!selectors)
		return xfrm_error_set(err, -ENOMEM, 0, "%s", strerror(ENOMEM));
	n = message_ranges(st, sel, selectors, &why);
	if (n < 0)
		n = xfrm_error_set(err, n, 0, "%s", why);
	else
		n = s->dry_run ? 0 : apply_ranges(s, st, selectors, n, config, err);
	free(selectors);
	return n;
}

enum statement_result execute_policy(struct session *s, const struct statement *st)
{
	struct resolved_selector sel;
	struct policy_config config;
	struct resolve_error unknown;
	struct xfrm_error err;
	const char *why;
	bool scope;
	int rc;

	if (!resolve_selector(st, &sel, &scope, &unknown)) {
		session_report_parse(s, st->line, unknown.text, unknown.token);
		return STATEMENT_INVALID;
	}
	notices(s, st, scope);
	rc = message_policy(st, &sel, &config, &why);
	if (rc < 0)
		xfrm_error_set(&err, rc, 0, "%s", why);
	else if (!s->dry_run && !session_connect(s))
		return STATEMENT_STOP;
	else
		rc = execute_selector(s, st, &sel, &config, &err);
	if (rc < 0)
		execute_refused(s, st, &err);
	return STATEMENT_GO_ON;
}
