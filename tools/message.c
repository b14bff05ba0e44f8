/*
 * message.c: from the setkey language to sa-db's values. RFC 4301 §4.4: what stands in an SPD and
 * an SAD entry. Pure.
 */
#include "tools/message.h"

#include "tools/algorithms.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct esp_suite_spec suite_spec(const struct statement *st)
{
	struct esp_suite_spec spec = {.encr = ESP_ENCR_NULL, .integ = ESP_INTEG_NONE};
	const struct algorithm *alg;

	if (st->encr.name.text) {
		alg = algorithm_lookup(ALGORITHM_ENCR, st->encr.name.text);
		spec.encr = (enum esp_encr_id)alg->id;
		spec.encr_key_len = (uint8_t)st->encr.key.len;
		spec.icv_len = alg->icv_len;
	}
	if (st->auth.name.text) {
		alg = algorithm_lookup(ALGORITHM_AUTH, st->auth.name.text);
		spec.integ = (enum esp_integ_id)alg->id;
		spec.integ_key_len = (uint8_t)st->auth.key.len;
		if (alg->icv_len)
			spec.icv_len = alg->icv_len;
	}
	return spec;
}

/* 0 says "no limit" to setkey; the packet limits have no word in its language. */
static uint64_t limit(uint64_t value)
{
	return value ? value : SADB_NO_LIMIT;
}

static struct sadb_limits no_limits(void)
{
	return (struct sadb_limits){
		.soft_bytes = SADB_NO_LIMIT,
		.hard_bytes = SADB_NO_LIMIT,
		.soft_packets = SADB_NO_LIMIT,
		.hard_packets = SADB_NO_LIMIT,
	};
}

void message_getspi(const struct statement *st, const struct ip_addr *src,
		    const struct ip_addr *dst, struct xfrm_message *out)
{
	*out = (struct xfrm_message){.type = XFRM_MSG_ALLOCSPI};
	out->sa.config.id = (struct sa_id){.dst = *dst, .proto = IPPROTO_ESP};
	out->sa.config.src = *src;
	out->sa.config.mode = XFRM_MODE_TUNNEL;
	out->sa.config.reqid = st->ext.reqid;
	out->range = (struct xfrm_spi_range){st->spi, st->spi};
	if (st->spi == 0)
		out->range = (struct xfrm_spi_range){SPI_CHOSEN_MIN, UINT32_MAX};
}

int message_sa(const struct statement *st, const struct ip_addr *src, const struct ip_addr *dst,
	       struct sa_config *out, const char **why)
{
	struct esp_suite_spec spec = suite_spec(st);
	struct esp_suite suite;
	int rc;

	rc = esp_suite_find(&spec, &suite, why);
	if (rc < 0)
		return rc;
	if (st->encr.key.len > sizeof(out->keys.encr) ||
	    st->auth.key.len > sizeof(out->keys.integ)) {
		*why = "key too long";
		return -EINVAL;
	}
	memset(out, 0, sizeof(*out));
	out->id = (struct sa_id){.dst = *dst, .spi = st->spi, .proto = IPPROTO_ESP};
	out->src = *src;
	out->mode = XFRM_MODE_TUNNEL;
	/* A setkey SA carries both families: its selector is no part of the language. */
	out->flags = XFRM_STATE_AF_UNSPEC;
	out->extra_flags = st->ext.xflags;
	out->reqid = st->ext.reqid;
	out->replay_window = st->ext.replay;
	out->esn = st->ext.esn;
	out->limits = no_limits();
	out->limits.soft_bytes = limit(st->ext.soft_bytes);
	out->limits.hard_bytes = limit(st->ext.hard_bytes);
	out->limits.soft_add_s = st->ext.soft_s;
	out->limits.hard_add_s = st->ext.hard_s;
	out->suite = suite;
	if (st->encr.key.len)
		memcpy(out->keys.encr, st->encr.key.text, st->encr.key.len);
	if (st->auth.key.len)
		memcpy(out->keys.integ, st->auth.key.text, st->auth.key.len);
	return 0;
}

/* ---- policies ------------------------------------------------------------------------------ */

static bool prefix(const struct ip_addr *addr, const struct token *len, struct ip_prefix *out)
{
	unsigned long bits = ip_addr_bits(addr);

	if (len->text) {
		unsigned long given = strtoul(len->text, NULL, 10);

		if (given > bits)
			return false;
		bits = given;
	}
	*out = (struct ip_prefix){.addr = *addr, .len = (uint8_t)bits};
	return true;
}

/* The address that leaves open which. */
static struct ip_addr any_address(uint8_t family)
{
	return (struct ip_addr){.family = family};
}

static void fill_template(const struct policy_rule *rule, uint8_t family,
			  struct policy_template *out)
{
	bool given = rule->ends == RULE_ENDS_GIVEN;

	*out = (struct policy_template){
		.src = given ? rule->src : any_address(family),
		.dst = given ? rule->dst : any_address(family),
		.reqid = rule->reqid,
		.proto = IPPROTO_ESP,
		.mode = XFRM_MODE_TUNNEL,
		/* "default" is require: never less than what the writer may have meant. */
		.optional = rule->level == RULE_USE,
		.aalgos = UINT32_MAX,
		.ealgos = UINT32_MAX,
		.calgos = UINT32_MAX,
	};
}

static uint8_t action(enum policy_verb verb)
{
	switch (verb) {
	case POLICY_VERB_NONE:
	case POLICY_VERB_BYPASS:
		return POLICY_BYPASS;
	case POLICY_VERB_IPSEC:
		return POLICY_PROTECT;
	default:
		return POLICY_DISCARD;
	}
}

int message_policy(const struct statement *st, const struct resolved_selector *sel,
		   struct policy_config *out, const char **why)
{
	struct policy_config config = {
		.sel =
			{
				.family = sel->src.family,
				.proto = sel->proto,
				.sport = sel->sport,
				.sport_mask = sel->sport ? UINT16_MAX : 0,
				.dport = sel->dport,
				.dport_mask = sel->dport ? UINT16_MAX : 0,
			},
		.priority = st->policy.priority,
		.dir = (uint8_t)st->policy.dir,
		.action = action(st->policy.verb),
		.limits = no_limits(),
	};

	if (!prefix(&sel->src, &st->src.prefix, &config.sel.src) ||
	    !prefix(&sel->dst, &st->dst.prefix, &config.sel.dst)) {
		*why = "prefix too long";
		return -EINVAL;
	}
	if (st->kind != STATEMENT_SPDDELETE && config.action == POLICY_PROTECT)
		fill_template(&st->policy.rule[0], sel->src.family, &config.tmpl);
	*out = config;
	return 0;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

bool message_has_ranges(const struct resolved_selector *sel)
{
	return sel->src_to.family != AF_UNSPEC || sel->dst_to.family != AF_UNSPEC ||
	       sel->sport_to || sel->dport_to;
}

/* A prefix is a range of addresses, too. */
static bool address_range(const struct ip_addr *addr, const struct ip_addr *to,
			  const struct token *prefix_len, struct selector_end *out)
{
	struct ip_prefix p;

	if (to->family != AF_UNSPEC) {
		out->from = *addr;
		out->to = *to;
		return !prefix_len->text;
	}
	if (!prefix(addr, prefix_len, &p))
		return false;
	p = ip_prefix_masked(&p);
	out->from = out->to = p.addr;
	for (unsigned bit = p.len; bit < ip_addr_bits(addr); bit++)
		out->to.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return true;
}

static void port_range(uint16_t port, uint16_t to, struct selector_end *out)
{
	out->port_from = port;
	out->port_to = to ? to : port;
	if (!port && !to)
		out->port_to = UINT16_MAX; /* any */
}

int message_ranges(const struct statement *st, const struct resolved_selector *sel,
		   struct selector out[static MESSAGE_SELECTORS_MAX], const char **why)
{
	struct selector_range range = {.family = sel->src.family, .proto = sel->proto};
	int n;

	if (!address_range(&sel->src, &sel->src_to, &st->src.prefix, &range.src) ||
	    !address_range(&sel->dst, &sel->dst_to, &st->dst.prefix, &range.dst)) {
		*why = "prefix too long, or behind a range of addresses";
		return -EINVAL;
	}
	port_range(sel->sport, sel->sport_to, &range.src);
	port_range(sel->dport, sel->dport_to, &range.dst);
	n = selector_range_split(&range, out, MESSAGE_SELECTORS_MAX);
	if (n == -EINVAL)
		*why = "a range ends before it begins";
	if (n == -E2BIG)
		*why = "the ranges need more than 1024 selectors";
	return n;
}

void message_fwd_twin(const struct policy_config *in, struct policy_config *out)
{
	*out = *in;
	out->dir = POLICY_FWD;
	out->index = 0;
	/* Which SA brought it is the in policy's question; the twin only asks for one. */
	out->tmpl.reqid = 0;
}
