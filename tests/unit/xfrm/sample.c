/*
 * tests/unit/xfrm/sample.c: random valid values, SplitMix64 behind them, and field by field
 * comparison. See sample.h.
 */
#include "tests/unit/xfrm/sample.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t sample_seed(void)
{
	const char *given = getenv("CYGNET_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("CYGNET_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t sample_next(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t sample_below(uint64_t *rng, uint32_t limit)
{
	return (uint32_t)(sample_next(rng) % limit);
}

static bool coin(uint64_t *rng)
{
	return sample_next(rng) & 1;
}

static void fill(uint64_t *rng, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)sample_next(rng);
}

void sample_hex(const char *hex, struct sample_buffer *out)
{
	bool digits = true;
	unsigned byte;

	ck_assert_uint_eq(strlen(hex) % 2, 0);
	out->len = strlen(hex) / 2;
	ck_assert_uint_le(out->len, sizeof(out->bytes));
	for (size_t i = 0; i < out->len; i++) {
		digits &= sscanf(hex + 2 * i, "%2x", &byte) == 1;
		out->bytes[i] = (uint8_t)byte;
	}
	ck_assert(digits);
}

static struct ip_addr sample_addr(uint64_t *rng, uint8_t family)
{
	uint8_t bytes[16];

	fill(rng, bytes, sizeof(bytes));
	if (sample_below(rng, 8) == 0)
		memset(bytes, 0, sizeof(bytes));
	return family == AF_INET ? ip_addr_v4(bytes) : ip_addr_v6(bytes);
}

static uint8_t sample_family(uint64_t *rng)
{
	return coin(rng) ? AF_INET : AF_INET6;
}

static void sample_selector(uint64_t *rng, uint8_t family, struct selector *out)
{
	uint32_t lens = family == AF_INET ? 33 : 129;

	out->family = family;
	out->proto = (uint8_t)sample_next(rng);
	out->src.addr = sample_addr(rng, family);
	out->src.len = (uint8_t)sample_below(rng, lens);
	out->dst.addr = sample_addr(rng, family);
	out->dst.len = (uint8_t)sample_below(rng, lens);
	out->sport = (uint16_t)sample_next(rng);
	out->sport_mask = (uint16_t)sample_next(rng);
	out->dport = (uint16_t)sample_next(rng);
	out->dport_mask = (uint16_t)sample_next(rng);
	if (out->proto && !ip_proto_has_ports(out->proto))
		out->sport_mask = out->dport_mask = 0;
	out->user = (uint32_t)sample_next(rng);
}

static uint64_t sample_limit(uint64_t *rng)
{
	return coin(rng) ? SADB_NO_LIMIT : sample_next(rng);
}

static void sample_limits(uint64_t *rng, struct sadb_limits *out)
{
	out->soft_bytes = sample_limit(rng);
	out->hard_bytes = sample_limit(rng);
	out->soft_packets = sample_limit(rng);
	out->hard_packets = sample_limit(rng);
	out->soft_add_s = sample_limit(rng);
	out->hard_add_s = sample_limit(rng);
	out->soft_use_s = sample_limit(rng);
	out->hard_use_s = sample_limit(rng);
}

static struct xfrm_mark_value sample_mark(uint64_t *rng)
{
	struct xfrm_mark_value mark = {0};

	if (coin(rng)) {
		mark.mask = (uint32_t)sample_next(rng);
		mark.value = (uint32_t)sample_next(rng) & mark.mask;
	}
	return mark;
}

static void sample_suite(uint64_t *rng, struct sa_config *out)
{
	struct esp_suite_spec spec;
	unsigned count = 0;

	while (esp_suite_at(count, &out->suite))
		count++;
	ck_assert(esp_suite_at(sample_below(rng, count), &out->suite));
	spec = esp_suite_spec(&out->suite);
	fill(rng, out->keys.encr, spec.encr_key_len);
	fill(rng, out->keys.integ, spec.integ_key_len);
}

static void sample_replay(uint64_t *rng, struct sa_config *out)
{
	out->esn = coin(rng);
	out->replay_window = sample_below(rng, coin(rng) ? 33 : 4097);
	if (out->esn)
		out->replay_window += out->replay_window == 0;
}

static void sample_status(uint64_t *rng, const struct sa_config *config, struct sa_status *out)
{
	bool wide = config->esn || config->replay_window > 32;

	out->bytes = sample_next(rng);
	out->packets = sample_next(rng);
	out->add_time = sample_next(rng);
	out->use_time = sample_next(rng);
	out->last_use = coin(rng) ? sample_next(rng) : 0;
	out->out_seq = wide ? sample_next(rng) : (uint32_t)sample_next(rng);
	out->in_seq = wide ? sample_next(rng) : (uint32_t)sample_next(rng);
	out->replay_drops = (uint32_t)sample_next(rng);
	out->icv_drops = (uint32_t)sample_next(rng);
}

void sample_sa(uint64_t *rng, bool reply, struct xfrm_sa *out)
{
	struct sa_config *config = &out->config;
	uint8_t family = sample_family(rng);

	memset(out, 0, sizeof(*out));
	config->id.dst = sample_addr(rng, family);
	config->id.spi = 1 + sample_below(rng, UINT32_MAX);
	config->id.proto = IPPROTO_ESP;
	config->src = sample_addr(rng, family);
	config->mode = XFRM_MODE_TUNNEL;
	config->flags = (uint8_t)sample_below(rng, 128) & (uint8_t)~XFRM_STATE_AF_UNSPEC;
	config->extra_flags = coin(rng) ? (uint32_t)sample_next(rng) : 0;
	config->direction = (uint8_t)sample_below(rng, 3);
	config->reqid = (uint32_t)sample_next(rng);
	if (coin(rng))
		sample_selector(rng, sample_family(rng), &config->sel);
	else
		config->flags |= XFRM_STATE_AF_UNSPEC;
	sample_limits(rng, &config->limits);
	if (coin(rng)) {
		config->encap.sport = (uint16_t)(1 + sample_below(rng, UINT16_MAX));
		config->encap.dport = (uint16_t)(1 + sample_below(rng, UINT16_MAX));
		if (coin(rng))
			config->encap.oa = sample_addr(rng, family);
		if (ip_addr_is_any(&config->encap.oa)) /* which says that there is none */
			config->encap.oa = (struct ip_addr){0};
	}
	config->mark = sample_mark(rng);
	config->output_mark = sample_mark(rng);
	sample_suite(rng, config);
	sample_replay(rng, config);
	if (config->esn)
		config->flags |= XFRM_STATE_ESN;
	if (reply)
		sample_status(rng, config, &out->status);
}

void sample_policy(uint64_t *rng, bool reply, struct xfrm_policy *out)
{
	struct policy_config *config = &out->config;
	uint8_t outer = sample_family(rng);

	memset(out, 0, sizeof(*out));
	sample_selector(rng, sample_family(rng), &config->sel);
	config->dir = (uint8_t)sample_below(rng, POLICY_DIRS);
	config->index = coin(rng) ? ((uint32_t)sample_next(rng) & ~7u) | config->dir : 0;
	if (config->index == config->dir)
		config->index = 0;
	config->priority = (uint32_t)sample_next(rng);
	config->action = (uint8_t)sample_below(rng, 3);
	config->flags = (uint8_t)sample_next(rng);
	config->share = (uint8_t)sample_below(rng, XFRM_SHARE_UNIQUE + 1);
	config->mark = sample_mark(rng);
	sample_limits(rng, &config->limits);
	if (reply) {
		out->add_time = sample_next(rng);
		out->use_time = sample_next(rng);
	}
	if (config->action != POLICY_PROTECT)
		return;
	config->tmpl = (struct policy_template){
		.src = sample_addr(rng, outer),
		.dst = sample_addr(rng, outer),
		.spi = (uint32_t)sample_next(rng),
		.reqid = (uint32_t)sample_next(rng),
		.proto = IPPROTO_ESP,
		.mode = XFRM_MODE_TUNNEL,
		.share = (uint8_t)sample_below(rng, 4),
		.optional = config->dir != POLICY_OUT && coin(rng),
		.aalgos = (uint32_t)sample_next(rng),
		.ealgos = (uint32_t)sample_next(rng),
		.calgos = (uint32_t)sample_next(rng),
	};
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert(ip_addr_parse(text, &out));
	return out;
}

static struct sadb_limits no_limits(void)
{
	return (struct sadb_limits){
		SADB_NO_LIMIT, SADB_NO_LIMIT, SADB_NO_LIMIT, SADB_NO_LIMIT, 0, 0, 0, 0};
}

struct xfrm_sa sample_plain_sa(void)
{
	struct esp_suite_spec spec = {ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 36, 0, 16};
	struct xfrm_sa sa;

	memset(&sa, 0, sizeof(sa));
	ck_assert_int_eq(esp_suite_find(&spec, &sa.config.suite, NULL), 0);
	sa.config.id = (struct sa_id){addr("192.0.2.2"), 0x1001, IPPROTO_ESP};
	sa.config.src = addr("192.0.2.1");
	sa.config.mode = XFRM_MODE_TUNNEL;
	sa.config.reqid = 7;
	sa.config.replay_window = 32;
	sa.config.flags = XFRM_STATE_AF_UNSPEC;
	sa.config.limits = no_limits();
	memset(sa.config.keys.encr, 'K', spec.encr_key_len);
	return sa;
}

struct xfrm_policy sample_plain_policy(void)
{
	struct xfrm_policy policy;

	memset(&policy, 0, sizeof(policy));
	policy.config.sel.family = AF_INET;
	policy.config.sel.src = (struct ip_prefix){addr("10.1.0.0"), 16};
	policy.config.sel.dst = (struct ip_prefix){addr("10.2.0.0"), 16};
	policy.config.dir = POLICY_OUT;
	policy.config.priority = 100;
	policy.config.limits = no_limits();
	policy.config.action = POLICY_PROTECT;
	policy.config.tmpl = (struct policy_template){
		.src = addr("192.0.2.1"),
		.dst = addr("192.0.2.2"),
		.reqid = 7,
		.proto = IPPROTO_ESP,
		.mode = XFRM_MODE_TUNNEL,
		.aalgos = UINT32_MAX,
		.ealgos = UINT32_MAX,
		.calgos = UINT32_MAX,
	};
	return policy;
}

void sample_put(const struct xfrm_message *msg, struct sample_buffer *out)
{
	memset(out, 0, sizeof(*out));
	out->len = xfrm_put(out->bytes, sizeof(out->bytes), msg);
	ck_assert_uint_gt(out->len, 0);
}

static void same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	ck_assert(ip_addr_equal(&a->addr, &b->addr));
	ck_assert_uint_eq(a->len, b->len);
}

void ck_assert_same_selector(const struct selector *a, const struct selector *b)
{
	ck_assert_uint_eq(a->family, b->family);
	ck_assert_uint_eq(a->proto, b->proto);
	same_prefix(&a->src, &b->src);
	same_prefix(&a->dst, &b->dst);
	ck_assert_uint_eq(a->sport, b->sport);
	ck_assert_uint_eq(a->sport_mask, b->sport_mask);
	ck_assert_uint_eq(a->dport, b->dport);
	ck_assert_uint_eq(a->dport_mask, b->dport_mask);
	ck_assert_int_eq(a->ifindex, b->ifindex);
	ck_assert_uint_eq(a->user, b->user);
}

static void same_status(const struct sa_status *a, const struct sa_status *b)
{
	ck_assert_uint_eq(a->bytes, b->bytes);
	ck_assert_uint_eq(a->packets, b->packets);
	ck_assert_uint_eq(a->add_time, b->add_time);
	ck_assert_uint_eq(a->use_time, b->use_time);
	ck_assert_uint_eq(a->last_use, b->last_use);
	ck_assert_uint_eq(a->out_seq, b->out_seq);
	ck_assert_uint_eq(a->in_seq, b->in_seq);
	ck_assert_uint_eq(a->replay_drops, b->replay_drops);
	ck_assert_uint_eq(a->icv_drops, b->icv_drops);
}

void ck_assert_same_sa(const struct xfrm_sa *a, const struct xfrm_sa *b)
{
	const struct sa_config *x = &a->config, *y = &b->config;

	ck_assert(ip_addr_equal(&x->id.dst, &y->id.dst));
	ck_assert_uint_eq(x->id.spi, y->id.spi);
	ck_assert_uint_eq(x->id.proto, y->id.proto);
	ck_assert(ip_addr_equal(&x->src, &y->src));
	ck_assert_uint_eq(x->mode, y->mode);
	ck_assert_uint_eq(x->flags, y->flags);
	ck_assert_uint_eq(x->extra_flags, y->extra_flags);
	ck_assert_uint_eq(x->reqid, y->reqid);
	ck_assert_uint_eq(x->direction, y->direction);
	ck_assert_uint_eq(x->replay_window, y->replay_window);
	ck_assert(x->esn == y->esn);
	ck_assert_same_selector(&x->sel, &y->sel);
	ck_assert_mem_eq(&x->limits, &y->limits, sizeof(x->limits));
	ck_assert_mem_eq(&x->mark, &y->mark, sizeof(x->mark));
	ck_assert_mem_eq(&x->output_mark, &y->output_mark, sizeof(x->output_mark));
	ck_assert_uint_eq(x->encap.sport, y->encap.sport);
	ck_assert_uint_eq(x->encap.dport, y->encap.dport);
	ck_assert(ip_addr_equal(&x->encap.oa, &y->encap.oa));
	ck_assert(x->suite.encr == y->suite.encr && x->suite.integ == y->suite.integ);
	ck_assert_mem_eq(&x->keys, &y->keys, sizeof(x->keys));
	same_status(&a->status, &b->status);
}

void ck_assert_same_policy(const struct policy_config *a, const struct policy_config *b)
{
	ck_assert_same_selector(&a->sel, &b->sel);
	ck_assert_uint_eq(a->index, b->index);
	ck_assert_uint_eq(a->priority, b->priority);
	ck_assert_uint_eq(a->dir, b->dir);
	ck_assert_uint_eq(a->action, b->action);
	ck_assert_uint_eq(a->flags, b->flags);
	ck_assert_uint_eq(a->share, b->share);
	ck_assert_mem_eq(&a->mark, &b->mark, sizeof(a->mark));
	ck_assert_mem_eq(&a->limits, &b->limits, sizeof(a->limits));
	ck_assert(ip_addr_equal(&a->tmpl.src, &b->tmpl.src));
	ck_assert(ip_addr_equal(&a->tmpl.dst, &b->tmpl.dst));
	ck_assert_uint_eq(a->tmpl.spi, b->tmpl.spi);
	ck_assert_uint_eq(a->tmpl.reqid, b->tmpl.reqid);
	ck_assert_uint_eq(a->tmpl.proto, b->tmpl.proto);
	ck_assert_uint_eq(a->tmpl.mode, b->tmpl.mode);
	ck_assert_uint_eq(a->tmpl.share, b->tmpl.share);
	ck_assert(a->tmpl.optional == b->tmpl.optional);
	ck_assert_uint_eq(a->tmpl.aalgos, b->tmpl.aalgos);
	ck_assert_uint_eq(a->tmpl.ealgos, b->tmpl.ealgos);
	ck_assert_uint_eq(a->tmpl.calgos, b->tmpl.calgos);
}
