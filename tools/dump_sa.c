/*
 * dump_sa.c: one SAD entry as setkey -D prints it, and all of them. Keys are shown: reading them
 * takes the rights of the socket. What was read is wiped.
 */
#include "tools/dump.h"

#include "tools/algorithms.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of flags=: PF_KEY's, FreeBSD's for ESN, which is told nowhere else, and Linux's. */
enum sa_flag {
	FLAG_CYCLIC_SEQ = 0x40,
	FLAG_ESN = 0x400,
	FLAG_NOPMTUDISC = 0x20000000,
	FLAG_DECAP_DSCP = 0x40000000,
};
static const uint32_t FLAG_NOECN = 0x80000000;
static const uint32_t FLAGS_OWN = 0x1f000000; /* enum sa_xflag, as it stands */

const char *dump_time(uint64_t when, char buf[static 32])
{
	time_t seconds = (time_t)when;
	struct tm tm;

	if (!when || !localtime_r(&seconds, &tm) || !strftime(buf, 32, "%b %e %T %Y", &tm))
		snprintf(buf, 32, "%*s", DUMP_TIME_LEN - 1, "");
	return buf;
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_ESP:
		return "esp";
	case IPPROTO_AH:
		return "ah";
	case IPPROTO_COMP:
		return "ipcomp";
	default:
		return "unknown";
	}
}

/* Groups of four bytes, 32 bytes a line. */
static void print_key(FILE *out, const uint8_t *key, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i && i % 32 == 0)
			fputc('\n', out);
		else if (i && i % 4 == 0)
			fputc(' ', out);
		fprintf(out, "%02x", key[i]);
	}
	fputc('\n', out);
}

static uint64_t shown_limit(uint64_t limit)
{
	return limit == SADB_NO_LIMIT ? 0 : limit;
}

static bool reached(uint64_t soft, uint64_t now)
{
	return soft && soft != SADB_NO_LIMIT && now >= soft;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return then && now >= then ? now - then : 0;
}

uint64_t dump_sa_age(const struct dump_options *o, const struct xfrm_sa *sa)
{
	return since(o->now, sa->status.add_time);
}

/* Past a soft limit an SA is dying (RFC 4301 §4.4.2.1); a hard one removes it at once. */
const char *dump_sa_state(const struct dump_options *o, const struct xfrm_sa *sa)
{
	const struct sadb_limits *limits = &sa->config.limits;
	uint64_t age_s = dump_sa_age(o, sa), used_s = since(o->now, sa->status.use_time);

	if (sa->config.larval)
		return "larval";
	if (reached(limits->soft_add_s, age_s) || reached(limits->soft_use_s, used_s) ||
	    reached(limits->soft_bytes, sa->status.bytes) ||
	    reached(limits->soft_packets, sa->status.packets))
		return "dying";
	return "mature";
}

static void print_identity(const struct dump_options *o, const struct sa_config *c)
{
	bool udp = sa_encap_is_udp(&c->encap);
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	ip_addr_format(&c->src, src);
	ip_addr_format(&c->id.dst, dst);
	if (udp || o->ports)
		fprintf(o->out, "%s[%u] %s[%u] \n", src, c->encap.sport, dst, c->encap.dport);
	else
		fprintf(o->out, "%s %s \n", src, dst);
	fprintf(o->out,
		"\t%s mode=%s spi=%" PRIu32 "(0x%08" PRIx32 ") reqid=%" PRIu32 "(0x%08" PRIx32
		")\n",
		udp ? "esp-udp" : proto_name(c->id.proto),
		c->mode == XFRM_MODE_TUNNEL ? "tunnel" : "transport", c->id.spi, c->id.spi,
		c->reqid, c->reqid);
	if (udp && c->encap.oa.family != AF_UNSPEC)
		fprintf(o->out, "\tNAT OA=%s\n", ip_addr_format(&c->encap.oa, src));
}

static uint32_t shown_flags(const struct sa_config *c)
{
	uint32_t flags = FLAG_CYCLIC_SEQ | (c->extra_flags & FLAGS_OWN);

	if (c->esn)
		flags |= FLAG_ESN;
	if (c->flags & XFRM_STATE_NOPMTUDISC)
		flags |= FLAG_NOPMTUDISC;
	if (c->flags & XFRM_STATE_DECAP_DSCP)
		flags |= FLAG_DECAP_DSCP;
	if (c->flags & XFRM_STATE_NOECN)
		flags |= FLAG_NOECN;
	return flags;
}

/* The number that -r was written with. */
static uint32_t shown_window(const struct dump_options *o, uint32_t window)
{
	return o->dialect == DIALECT_BSD ? window / BSD_REPLAY_UNIT : window;
}

static void print_algorithms(const struct dump_options *o, const struct sa_config *c)
{
	struct esp_suite_spec spec = esp_suite_spec(&c->suite);

	fprintf(o->out, "\tE: %s  ", algorithm_encr_name(&spec));
	print_key(o->out, c->keys.encr, spec.encr_key_len);
	if (!spec.integ_key_len)
		return;
	fprintf(o->out, "\tA: %s  ", algorithm_integ_name(&spec, o->dialect));
	print_key(o->out, c->keys.integ, spec.integ_key_len);
}

static void print_lifetimes(const struct dump_options *o, const struct xfrm_sa *sa)
{
	const struct sadb_limits *limits = &sa->config.limits;
	uint64_t age = dump_sa_age(o, sa);
	/* A kernel tells the last use of few SAs, the first of all. */
	uint64_t last_use = sa->status.last_use ? sa->status.last_use : sa->status.use_time;
	char created[32], now[32], last[32];

	fprintf(o->out, "\tcreated: %s\tcurrent: %s\n", dump_time(sa->status.add_time, created),
		dump_time(o->now, now));
	fprintf(o->out, "\tdiff: %" PRIu64 "(s)\thard: %" PRIu64 "(s)\tsoft: %" PRIu64 "(s)\n", age,
		limits->hard_add_s, limits->soft_add_s);
	fprintf(o->out, "\tlast: %s\thard: %" PRIu64 "(s)\tsoft: %" PRIu64 "(s)\n",
		dump_time(last_use, last), limits->hard_use_s, limits->soft_use_s);
	fprintf(o->out,
		"\tcurrent: %" PRIu64 "(bytes)\thard: %" PRIu64 "(bytes)\tsoft: %" PRIu64
		"(bytes)\n",
		sa->status.bytes, shown_limit(limits->hard_bytes), shown_limit(limits->soft_bytes));
	fprintf(o->out, "\tallocated: %" PRIu64 "\thard: %" PRIu64 "\tsoft: %" PRIu64 "\n",
		sa->status.packets, shown_limit(limits->hard_packets),
		shown_limit(limits->soft_packets));
}

void dump_sa(const struct dump_options *o, const struct xfrm_sa *sa, unsigned seq)
{
	const struct sa_status *s = &sa->status;
	uint32_t last_seq = (uint32_t)(s->out_seq ? s->out_seq : s->in_seq);

	print_identity(o, &sa->config);
	if (!sa->config.larval)
		print_algorithms(o, &sa->config);
	fprintf(o->out,
		"\tseq=0x%08" PRIx32 " replay=%" PRIu32 " flags=0x%08" PRIx32 " state=%s \n",
		last_seq, shown_window(o, sa->config.replay_window), shown_flags(&sa->config),
		dump_sa_state(o, sa));
	print_lifetimes(o, sa);
	fprintf(o->out, "\tsadb_seq=%u pid=%" PRId64 " refcnt=0\n", seq, o->pid);
}

/* ---- all of them --------------------------------------------------------------------------- */

struct sa_node {
	struct sa_node *next;
	struct xfrm_sa sa;
};

/* Oldest first. The count must be known before the first line, since seq counts down. */
struct sa_list {
	struct sa_node *first;
	struct sa_node **end;
	unsigned len;
};

static int collect_sa(void *ctx, const struct xfrm_message *entry)
{
	struct sa_node *node = malloc(sizeof(*node));
	struct sa_list *list = ctx;

	if (!node)
		return -ENOMEM;
	node->next = NULL;
	node->sa = entry->sa;
	*list->end = node;
	list->end = &node->next;
	list->len++;
	return 0;
}

static void free_sas(struct sa_list *list)
{
	struct sa_node *node;

	while ((node = list->first)) {
		list->first = node->next;
		explicit_bzero(node, sizeof(*node));
		free(node);
	}
}

static void show(const struct dump_options *o, const struct xfrm_sa *sa, unsigned seq)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWSA, .flags = NLM_F_MULTI, .seq = seq};

	if (o->trace.on) {
		msg.sa = *sa;
		dump_trace(o, &msg);
		xfrm_message_cleanse(&msg);
	}
	if (o->short_form)
		dump_sa_short(o, sa);
	else
		dump_sa(o, sa, seq);
}

int dump_all_sas(const struct dump_options *o, struct xfrm_client *client, uint8_t proto,
		 struct xfrm_error *err)
{
	struct xfrm_message request = {.type = XFRM_MSG_GETSA, .dump = true};
	struct sa_list list = {.end = &list.first};
	unsigned seq;
	int rc;

	request.filter.proto = proto;
	request.flags = NLM_F_REQUEST | NLM_F_DUMP;
	dump_trace(o, &request);
	rc = xfrm_client_dump(client, &request, collect_sa, &list, err);
	seq = list.len;
	if (rc == 0 && !seq && !o->short_form)
		fprintf(o->out, "No SAD entries.\n");
	/* What came before a failure, or beside entries that could not be read, is shown. */
	for (struct sa_node *node = list.first; node; node = node->next)
		show(o, &node->sa, --seq);
	free_sas(&list);
	return rc;
}
