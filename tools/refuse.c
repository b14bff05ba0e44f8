/*
 * refuse.c: what the setkey language can say and Cygnet does not do, asked behind the semicolon of
 * every statement, and the lengths of its keys. A statement is refused whole:
 * never is a weaker policy or SA installed than the one that was written.
 */
#include "tools/algorithms.h"
#include "tools/statement.h"

#include <stdio.h>
#include <string.h>

static const char *not_supported(char buf[static ERROR_TEXT_MAX], const char *what)
{
	snprintf(buf, ERROR_TEXT_MAX, "%s is not supported", what);
	return buf;
}

static const char *refuse_sproto(const struct statement *st)
{
	/* flush and dump of what cannot exist succeed and do nothing. */
	if (st->kind == STATEMENT_FLUSH || st->kind == STATEMENT_DUMP)
		return NULL;
	switch (st->sproto) {
	case SPROTO_NONE:
	case SPROTO_ESP:
	case SPROTO_ESP_UDP:
		return NULL;
	case SPROTO_ESP_OLD:
		return "esp-old";
	case SPROTO_AH:
	case SPROTO_AH_OLD:
		return "AH";
	case SPROTO_IPCOMP:
		return "ipcomp";
	case SPROTO_TCP:
		return "tcp";
	}
	return NULL;
}

static bool port_is_given(const struct token *port)
{
	return port->text && strcmp(port->text, "0") != 0 && strcmp(port->text, "any") != 0;
}

/* Asked for with AES-CBC, so that of the two only alg can be what esp refuses. */
static const char *why_forbidden(const struct algorithm *alg)
{
	struct esp_suite_spec spec = {.encr = ESP_ENCR_AES_CBC, .integ = ESP_INTEG_NONE};
	struct esp_suite suite;
	const char *why = "";

	if (alg->kind == ALGORITHM_ENCR)
		spec.encr = (enum esp_encr_id)alg->id;
	else
		spec.integ = (enum esp_integ_id)alg->id;
	return esp_suite_find(&spec, &suite, &why) ? why : "";
}

static const char *refuse_algorithm(enum algorithm_kind kind, const struct key_text *key,
				    char buf[static ERROR_TEXT_MAX])
{
	const struct algorithm *alg =
		key->name.text ? algorithm_lookup(kind, key->name.text) : NULL;

	if (!alg || alg->supported)
		return NULL;
	if (alg->forbidden)
		snprintf(buf, ERROR_TEXT_MAX, "algorithm %s is not supported: %s", alg->name,
			 why_forbidden(alg));
	else
		snprintf(buf, ERROR_TEXT_MAX, "algorithm %s is not supported", alg->name);
	return buf;
}

/* RFC 8221 §4 and §5: an AEAD stands alone, everything else needs integrity. */
static const char *refuse_suite(const struct statement *st, char buf[static ERROR_TEXT_MAX])
{
	const struct algorithm *encr = NULL, *auth = NULL;

	if (st->encr.name.text)
		encr = algorithm_lookup(ALGORITHM_ENCR, st->encr.name.text);
	if (st->auth.name.text)
		auth = algorithm_lookup(ALGORITHM_AUTH, st->auth.name.text);
	if (auth && auth->id == ESP_INTEG_NONE)
		auth = NULL;
	if (encr && encr->aead && auth) {
		snprintf(buf, ERROR_TEXT_MAX, "%s together with -A is not supported", encr->name);
		return buf;
	}
	if ((encr && encr->aead) || auth)
		return NULL;
	if (!encr || encr->id == ESP_ENCR_NULL)
		return not_supported(buf, "NULL encryption without authentication");
	snprintf(buf, ERROR_TEXT_MAX, "%s without authentication is not supported", encr->name);
	return buf;
}

static const char *refuse_extensions(const struct statement *st)
{
	/* -m and ports take no part in what get and delete look for. */
	if (st->kind != STATEMENT_ADD && st->kind != STATEMENT_UPDATE &&
	    st->kind != STATEMENT_GETSPI)
		return NULL;
	if (st->ext.mode == SA_MODE_TRANSPORT)
		return "transport mode";
	if (st->kind == STATEMENT_GETSPI)
		return NULL;
	if (st->ext.natt_mtu)
		return "a fragment size for NAT-T (-natt_mtu)";
	if (st->ext.ctx)
		return "security context";
	if (st->sproto != SPROTO_ESP_UDP &&
	    (port_is_given(&st->src.port) || port_is_given(&st->dst.port)))
		return "a port on an SA address";
	/* The kernel's limit too: XFRM has no words for more. */
	if (st->ext.replay > XFRMA_REPLAY_ESN_MAX)
		return "a replay window above 4096 packets";
	return NULL;
}

static const char *refuse_sa(const struct statement *st, char buf[static ERROR_TEXT_MAX])
{
	const char *what = refuse_sproto(st);
	const char *why;

	if (!what)
		what = refuse_extensions(st);
	if (what)
		return not_supported(buf, what);
	if (st->comp.name.text)
		return not_supported(buf, "ipcomp");
	why = refuse_algorithm(ALGORITHM_ENCR, &st->encr, buf);
	if (!why)
		why = refuse_algorithm(ALGORITHM_AUTH, &st->auth, buf);
	if (why || (st->kind != STATEMENT_ADD && st->kind != STATEMENT_UPDATE))
		return why;
	if (st->ext.esn && !st->ext.replay)
		return "-esn without a replay window (-r) is not supported";
	return refuse_suite(st, buf);
}

static const char *refuse_rule(const struct policy_rule *rule, enum policy_dir_text dir)
{
	if (rule->proto == RULE_AH)
		return "AH";
	if (rule->proto == RULE_IPCOMP)
		return "ipcomp";
	if (rule->mode == RULE_TRANSPORT)
		return "transport mode";
	/* Which SA would take the packet, and to whom? */
	if (dir == POLICY_TEXT_OUT && (rule->ends != RULE_ENDS_GIVEN || ip_addr_is_any(&rule->dst)))
		return "a tunnel to any peer";
	return NULL;
}

static const char *refuse_policy(const struct statement *st)
{
	if (st->tagged)
		return "a tagged policy";
	if (st->ext.ctx)
		return "security context";
	if (st->umisc.text && (!strcmp(st->upper.text, "gre") || !strcmp(st->upper.text, "47")))
		return "a GRE key";
	/* What a deletion says behind the direction is read but not compared. */
	if (st->kind == STATEMENT_SPDDELETE)
		return NULL;
	if (st->policy.verb == POLICY_VERB_ENTRUST)
		return "entrust";
	if (st->policy.verb != POLICY_VERB_IPSEC)
		return NULL;
	if (!st->policy.rules)
		return "ipsec without a rule";
	for (unsigned i = 0; i < st->policy.rules; i++) {
		const char *what = refuse_rule(&st->policy.rule[i], st->policy.dir);

		if (what)
			return what;
	}
	return st->policy.rules > 1 ? "a bundle of several rules" : NULL;
}

const char *statement_refusal(const struct statement *st, char buf[static ERROR_TEXT_MAX])
{
	const char *what;

	switch (st->kind) {
	case STATEMENT_SPDADD:
	case STATEMENT_SPDUPDATE:
	case STATEMENT_SPDDELETE:
		what = refuse_policy(st);
		return what ? not_supported(buf, what) : NULL;
	default:
		return refuse_sa(st, buf);
	}
}

/* ---- keys ---------------------------------------------------------------------------------- */

static bool check_key(enum algorithm_kind kind, const struct key_text *key, struct key_fault *fault)
{
	const struct algorithm *alg =
		key->name.text ? algorithm_lookup(kind, key->name.text) : NULL;
	size_t bits = key->key.len * 8;

	if (!alg || (bits >= alg->min_bits && bits <= alg->max_bits))
		return true;
	*fault = (struct key_fault){
		.text = "Invalid key length",
		.token = alg->name,
		.bits = bits,
		.min_bits = alg->min_bits,
		.max_bits = alg->max_bits,
	};
	return false;
}

bool statement_check(const struct statement *st, struct key_fault *fault)
{
	return check_key(ALGORITHM_ENCR, &st->encr, fault) &&
	       check_key(ALGORITHM_AUTH, &st->auth, fault);
}
