/*
 * trace.c: one line or two for each part of a message.
 */
#include "tools/trace.h"

#include "tools/algorithms.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *type_name(uint16_t type, char buf[static 16])
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{XFRM_MSG_NEWSA, "newsa"},
		{XFRM_MSG_DELSA, "delsa"},
		{XFRM_MSG_GETSA, "getsa"},
		{XFRM_MSG_UPDSA, "updsa"},
		{XFRM_MSG_ALLOCSPI, "allocspi"},
		{XFRM_MSG_FLUSHSA, "flushsa"},
		{XFRM_MSG_NEWPOLICY, "newpolicy"},
		{XFRM_MSG_DELPOLICY, "delpolicy"},
		{XFRM_MSG_GETPOLICY, "getpolicy"},
		{XFRM_MSG_UPDPOLICY, "updpolicy"},
		{XFRM_MSG_FLUSHPOLICY, "flushpolicy"},
		{XFRM_MSG_ACQUIRE, "acquire"},
		{XFRM_MSG_EXPIRE, "expire"},
		{XFRM_MSG_POLEXPIRE, "polexpire"},
		{XFRM_MSG_MAPPING, "mapping"},
		{XFRM_MSG_MIGRATE, "migrate"},
		{XFRM_MSG_NEWAE, "newae"},
		{XFRM_MSG_SETDEFAULT, "setdefault"},
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	snprintf(buf, 16, "%u", type);
	return buf;
}

/* ---- parts --------------------------------------------------------------------------------- */

static void trace_sa(FILE *out, const struct sa_config *c)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out,
		"xfrm_sa{ src=%s dst=%s proto=%u spi=%" PRIu32 " reqid=%" PRIu32 "\n"
		"  mode=%u replay=%" PRIu32 " esn=%d larval=%d flags=0x%02x }\n",
		ip_addr_format(&c->src, src), ip_addr_format(&c->id.dst, dst), c->id.proto,
		c->id.spi, c->reqid, c->mode, c->replay_window, c->esn, c->larval, c->flags);
	if (c->mark.mask)
		fprintf(out, "xfrm_mark{ value=0x%08" PRIx32 " mask=0x%08" PRIx32 " }\n",
			c->mark.value, c->mark.mask);
	if (sa_encap_is_udp(&c->encap))
		fprintf(out, "xfrm_encap{ sport=%u dport=%u oa=%s }\n", c->encap.sport,
			c->encap.dport, ip_addr_format(&c->encap.oa, src));
}

/* What only a whole SA has. */
static void trace_suite(FILE *out, const struct sa_config *c)
{
	struct esp_suite_spec spec;

	if (c->larval)
		return;
	spec = esp_suite_spec(&c->suite);
	fprintf(out, "xfrm_key{ encrypt=%s bits=%u }\n", algorithm_encr_name(&spec),
		spec.encr_key_len * 8U);
	if (spec.integ_key_len)
		fprintf(out, "xfrm_key{ auth=%s bits=%u icv=%u }\n",
			algorithm_integ_name(&spec, DIALECT_LINUX), spec.integ_key_len * 8U,
			spec.icv_len * 8U);
}

static void trace_limits(FILE *out, const char *which, uint64_t packets, uint64_t bytes,
			 uint64_t add_s, uint64_t use_s)
{
	bool none = packets == SADB_NO_LIMIT && bytes == SADB_NO_LIMIT && !add_s && !use_s;

	if (none)
		return;
	fprintf(out,
		"xfrm_lifetime{ %s alloc=%" PRIu64 ", bytes=%" PRIu64 "\n  addtime=%" PRIu64
		", usetime=%" PRIu64 " }\n",
		which, packets == SADB_NO_LIMIT ? 0 : packets, bytes == SADB_NO_LIMIT ? 0 : bytes,
		add_s, use_s);
}

static void trace_lifetimes(FILE *out, const struct sadb_limits *l)
{
	trace_limits(out, "hard", l->hard_packets, l->hard_bytes, l->hard_add_s, l->hard_use_s);
	trace_limits(out, "soft", l->soft_packets, l->soft_bytes, l->soft_add_s, l->soft_use_s);
}

static void trace_current(FILE *out, const struct sa_status *s)
{
	if (s->add_time)
		trace_limits(out, "current", s->packets, s->bytes, s->add_time, s->use_time);
}

static void trace_selector(FILE *out, const struct selector *sel)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out, "xfrm_selector{ src=%s/%u dst=%s/%u proto=%u sport=%u dport=%u }\n",
		ip_addr_format(&sel->src.addr, src), sel->src.len,
		ip_addr_format(&sel->dst.addr, dst), sel->dst.len, sel->proto, sel->sport,
		sel->dport);
}

static void trace_policy(FILE *out, const struct policy_config *c)
{
	const struct policy_template *t = &c->tmpl;
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out, "xfrm_policy{ action=%u dir=%u id=%" PRIx32 " priority=0x%08" PRIx32 " }\n",
		c->action, c->dir, c->index, c->priority);
	trace_selector(out, &c->sel);
	if (c->action != POLICY_PROTECT)
		return;
	fprintf(out,
		"xfrm_tmpl{ src=%s dst=%s proto=%u mode=%u\n  reqid=%" PRIu32 " spi=%" PRIu32
		" optional=%d }\n",
		ip_addr_format(&t->src, src), ip_addr_format(&t->dst, dst), t->proto, t->mode,
		t->reqid, t->spi, t->optional);
}

static void trace_acquire(FILE *out, const struct xfrm_acquire *a)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out, "xfrm_acquire{ src=%s dst=%s proto=%u seq=%" PRIu32 " }\n",
		ip_addr_format(&a->src, src), ip_addr_format(&a->id.dst, dst), a->id.proto, a->seq);
	trace_selector(out, &a->sel);
	trace_policy(out, &a->policy.config);
}

static void trace_mapping(FILE *out, const struct xfrm_message *msg)
{
	char was[IP_ADDR_TEXT_MAX], is[IP_ADDR_TEXT_MAX];

	fprintf(out, "xfrm_mapping{ spi=%" PRIu32 " reqid=%" PRIu32 " was=%s[%u] is=%s[%u] }\n",
		msg->sa.config.id.spi, msg->sa.config.reqid, ip_addr_format(&msg->was.addr, was),
		msg->was.port, ip_addr_format(&msg->is.addr, is), msg->is.port);
}

static void trace_migrate(FILE *out, const struct xfrm_migrate *m)
{
	char from[IP_ADDR_TEXT_MAX], to[IP_ADDR_TEXT_MAX];

	for (uint32_t i = 0; i < m->count && i < XFRM_MIGRATIONS_MAX; i++) {
		const struct xfrm_migration *move = &m->moves[i];

		fprintf(out, "xfrm_migrate{ was=%s-%s reqid=%" PRIu32 "\n",
			ip_addr_format(&move->old_src, from), ip_addr_format(&move->old_dst, to),
			move->reqid);
		fprintf(out, "  is=%s-%s }\n", ip_addr_format(&move->new_src, from),
			ip_addr_format(&move->new_dst, to));
	}
}

static void trace_key(FILE *out, const struct sa_config *c)
{
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out, "xfrm_id{ src=%s dst=%s proto=%u spi=%" PRIu32 " }\n",
		ip_addr_format(&c->src, src), ip_addr_format(&c->id.dst, dst), c->id.proto,
		c->id.spi);
}

static void trace_parts(FILE *out, const struct xfrm_message *msg)
{
	const struct sa_config *sa = &msg->sa.config;

	switch (msg->type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		trace_sa(out, sa);
		trace_suite(out, sa);
		trace_lifetimes(out, &sa->limits);
		trace_current(out, &msg->sa.status);
		return;
	case XFRM_MSG_EXPIRE:
		trace_sa(out, sa);
		trace_lifetimes(out, &sa->limits);
		trace_current(out, &msg->sa.status);
		fprintf(out, "xfrm_expire{ hard=%d }\n", msg->hard);
		return;
	case XFRM_MSG_GETSA:
	case XFRM_MSG_DELSA:
		if (!msg->dump)
			trace_key(out, sa);
		return;
	case XFRM_MSG_ALLOCSPI:
		trace_sa(out, sa);
		fprintf(out, "xfrm_spirange{ min=0x%08" PRIx32 " max=0x%08" PRIx32 " }\n",
			msg->range.min, msg->range.max);
		return;
	case XFRM_MSG_FLUSHSA:
		fprintf(out, "xfrm_flush{ proto=%u }\n", msg->proto);
		return;
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		trace_policy(out, &msg->policy.config);
		trace_lifetimes(out, &msg->policy.config.limits);
		return;
	case XFRM_MSG_GETPOLICY:
	case XFRM_MSG_DELPOLICY:
		if (!msg->dump)
			trace_policy(out, &msg->policy.config);
		return;
	case XFRM_MSG_POLEXPIRE:
		trace_policy(out, &msg->policy.config);
		fprintf(out, "xfrm_expire{ hard=%d }\n", msg->hard);
		return;
	case XFRM_MSG_MIGRATE:
		trace_policy(out, &msg->policy.config);
		trace_migrate(out, &msg->migrate);
		return;
	case XFRM_MSG_NEWAE:
		trace_key(out, sa);
		fprintf(out, "xfrm_replay{ oseq=%" PRIu64 " seq=%" PRIu64 " }\n",
			msg->sa.status.out_seq, msg->sa.status.in_seq);
		return;
	case XFRM_MSG_ACQUIRE:
		trace_acquire(out, &msg->acquire);
		return;
	case XFRM_MSG_MAPPING:
		trace_mapping(out, msg);
		return;
	default:
		return;
	}
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void print_hex(FILE *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0)
			fprintf(out, "%s%08zx: ", i ? "\n" : "", i);
		fprintf(out, "%02x ", bytes[i]);
	}
	if (len)
		fputc('\n', out);
}

/* The message encoded afresh, without its keys. */
static void trace_bytes(FILE *out, const struct xfrm_message *msg)
{
	struct xfrm_message *copy = malloc(sizeof(*copy));
	uint8_t buf[XFRM_DATAGRAM_MAX] __attribute__((aligned(8)));

	if (!copy)
		return;
	*copy = *msg;
	explicit_bzero(&copy->sa.config.keys, sizeof(copy->sa.config.keys));
	print_hex(out, buf, xfrm_put(buf, sizeof(buf), copy));
	free(copy);
}

void trace_message(FILE *out, const struct trace_options *o, const struct xfrm_message *msg)
{
	char number[16];

	if (o->hex)
		trace_bytes(out, msg);
	fprintf(out, "xfrm_msg{ type=%s(%u) flags=0x%04x seq=%" PRIu32 " pid=%" PRIu32 " }\n",
		type_name(msg->type, number), msg->type, msg->flags, msg->seq, msg->pid);
	trace_parts(out, msg);
	fputc('\n', out);
}

void trace_answer(FILE *out, int code)
{
	fprintf(out, "xfrm_ack{ error=%d%s%s }\n\n", -code, code ? " " : "",
		code ? strerror(-code) : "");
}
