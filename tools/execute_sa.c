/*
 * execute_sa.c: the statements about SAs as XFRM requests. A name with several addresses stands for
 * every pair of one family.
 */
#include "tools/execute.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* esp, esp-old and esp-udp are one kind. False: a kind of which there is never any. */
static bool proto_of(enum sproto sproto, uint8_t *out)
{
	*out = sproto == SPROTO_NONE ? 0 : IPPROTO_ESP;
	return sproto == SPROTO_NONE || sproto == SPROTO_ESP || sproto == SPROTO_ESP_OLD ||
	       sproto == SPROTO_ESP_UDP;
}

int execute_flush(struct session *s, unsigned line, enum sproto sproto)
{
	struct xfrm_message msg = {.type = XFRM_MSG_FLUSHSA};

	return !proto_of(sproto, &msg.proto) || s->dry_run ? 0 : session_flush(s, line, &msg);
}

int execute_dump(struct session *s, unsigned line, enum sproto sproto)
{
	struct dump_options o = session_dump_options(s);
	struct xfrm_error err;
	uint8_t proto;
	int rc;

	if (s->dry_run)
		return 0;
	if (!proto_of(sproto, &proto)) {
		fprintf(o.out, "No SAD entries.\n");
		return 0;
	}
	if (!session_connect(s))
		return -ENOTCONN;
	if (s->forever)
		dump_short_heading(o.out);
	do {
		o.now = (uint64_t)time(NULL);
		rc = dump_all_sas(&o, s->client, proto, &err);
	} while (s->forever && rc == 0 && fflush(o.out) == 0 && sleep(1) == 0);
	if (rc < 0)
		session_report_refusal(s, line, &err);
	return rc;
}

/* ---- add, update, get, delete -------------------------------------------------------------- */

static void set_key(const struct statement *st, const struct addr_pair *pair,
		    struct xfrm_message *msg)
{
	msg->sa.config.id = (struct sa_id){.dst = pair->dst, .spi = st->spi, .proto = IPPROTO_ESP};
	msg->sa.config.src = pair->src;
}

static void add_one(struct session *s, const struct statement *st, const struct addr_pair *pair,
		    const struct sa_encap *encap)
{
	struct xfrm_message msg = {.type = st->kind == STATEMENT_UPDATE ? XFRM_MSG_UPDSA
									: XFRM_MSG_NEWSA};
	struct xfrm_error err;
	const char *why = "";
	int rc = 0;

	if (st->spi == 0) {
		/* RFC 4303 §2.1: 0 never appears on the wire. */
		xfrm_error_set(&err, -EINVAL, 0, "SPI 0 is reserved");
		execute_refused(s, st, &err);
		return;
	}
	if (s->kernel && st->ext.xflags) {
		/* It would take the bits, and do nothing. */
		xfrm_error_set(&err, -EOPNOTSUPP, 0,
			       "a word of -f is Cygnet's own: the kernel has no such thing");
		execute_refused(s, st, &err);
		return;
	}
	rc = message_sa(st, &pair->src, &pair->dst, &msg.sa.config, &why);
	msg.sa.config.encap = *encap;
	if (rc == 0 && encap->oa.family != AF_UNSPEC && encap->oa.family != pair->src.family) {
		rc = -EINVAL;
		why = "the NAT-OA address is of another family than the SA";
	}
	if (rc < 0)
		xfrm_error_set(&err, rc, 0, "%s", why);
	else if (!s->dry_run && session_connect(s))
		rc = session_request(s, &msg, &err);
	if (rc < 0)
		execute_refused(s, st, &err);
	xfrm_message_cleanse(&msg);
}

static void get_one(struct session *s, const struct statement *st, const struct addr_pair *pair)
{
	struct xfrm_message msg = {.type = XFRM_MSG_GETSA}, reply = {0};
	struct dump_options o = session_dump_options(s);
	struct xfrm_error err;

	if (s->dry_run || !session_connect(s))
		return;
	set_key(st, pair, &msg);
	if (session_get(s, &msg, &reply, &err) < 0)
		execute_refused(s, st, &err);
	else
		dump_sa(&o, &reply.sa, 0);
	xfrm_message_cleanse(&reply);
}

/* What was set aside is shown: with SPI 0 the number is the server's choice. */
static void getspi_one(struct session *s, const struct statement *st, const struct addr_pair *pair)
{
	struct dump_options o = session_dump_options(s);
	struct xfrm_message msg, reply = {0};
	struct xfrm_error err;

	if (s->dry_run || !session_connect(s))
		return;
	message_getspi(st, &pair->src, &pair->dst, &msg);
	if (session_get(s, &msg, &reply, &err) < 0) {
		/* XFRM's word for "none of these is free". */
		if (err.code == -ENOENT)
			err.code = -EEXIST;
		execute_refused(s, st, &err);
	} else {
		dump_sa(&o, &reply.sa, 0);
	}
	xfrm_message_cleanse(&reply);
}

static void delete_one(struct session *s, const struct statement *st, const struct addr_pair *pair)
{
	struct xfrm_message msg = {.type = XFRM_MSG_DELSA};
	struct xfrm_error err;

	if (s->dry_run || !session_connect(s))
		return;
	set_key(st, pair, &msg);
	if (session_request(s, &msg, &err) < 0)
		execute_refused(s, st, &err);
}

/* ---- deleteall ----------------------------------------------------------------------------- */

enum { DELETE_BATCH = 64 };

struct found_ids {
	struct addr_pair pair;
	struct sa_id id[DELETE_BATCH];
	unsigned len;
};

static int note_id(void *ctx, const struct xfrm_message *entry)
{
	const struct sa_config *sa = &entry->sa.config;
	struct found_ids *found = ctx;

	if (ip_addr_equal(&sa->src, &found->pair.src) &&
	    ip_addr_equal(&sa->id.dst, &found->pair.dst))
		found->id[found->len++] = sa->id;
	return found->len == DELETE_BATCH;
}

static struct ip_prefix whole(const struct ip_addr *addr)
{
	return (struct ip_prefix){.addr = *addr, .len = ip_addr_bits(addr)};
}

/* Asks, deletes what came, and asks again until nothing comes: a dump cannot be deleted from while
 * it runs. Ends early when nothing of a batch could be deleted. */
static void delete_between(struct session *s, const struct statement *st,
			   const struct addr_pair *pair)
{
	struct xfrm_message dump = {.type = XFRM_MSG_GETSA, .dump = true};
	struct found_ids found = {.pair = *pair};
	struct xfrm_error err;
	unsigned deleted;
	int rc;

	if (s->dry_run || !session_connect(s))
		return;
	do {
		dump.filter = (struct xfrm_sa_filter){
			.src = whole(&pair->src), .dst = whole(&pair->dst), .proto = IPPROTO_ESP};
		found.len = 0;
		deleted = 0;
		rc = xfrm_client_dump(s->client, &dump, note_id, &found, &err);
		for (unsigned i = 0; i < found.len; i++) {
			struct xfrm_message msg = {.type = XFRM_MSG_DELSA};

			msg.sa.config.id = found.id[i];
			msg.sa.config.src = pair->src;
			rc = session_request(s, &msg, &err);
			deleted += rc == 0;
		}
	} while (deleted == DELETE_BATCH);
	if (rc < 0 && rc != -ESRCH)
		execute_refused(s, st, &err);
}

/* ---- the statement ------------------------------------------------------------------------- */

enum statement_result execute_sa(struct session *s, const struct statement *st)
{
	struct resolve_error why;
	struct addr_pairs pairs;
	struct sa_encap encap;

	if (!resolve_pairs(st, &pairs, &why) || !resolve_encap(st, &encap, &why)) {
		session_report_parse(s, st->line, why.text, why.token);
		return STATEMENT_INVALID;
	}
	if (pairs.scope)
		session_notice(s, st->line, "%s: the interface of an address is ignored",
			       statement_name(st->kind));
	for (unsigned i = 0; i < pairs.len && !s->broken; i++) {
		switch (st->kind) {
		case STATEMENT_ADD:
		case STATEMENT_UPDATE:
			add_one(s, st, &pairs.pair[i], &encap);
			break;
		case STATEMENT_GETSPI:
			getspi_one(s, st, &pairs.pair[i]);
			break;
		case STATEMENT_GET:
			get_one(s, st, &pairs.pair[i]);
			break;
		case STATEMENT_DELETE:
			delete_one(s, st, &pairs.pair[i]);
			break;
		default:
			delete_between(s, st, &pairs.pair[i]);
			break;
		}
	}
	return s->broken ? STATEMENT_STOP : STATEMENT_GO_ON;
}
