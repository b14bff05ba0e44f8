/*
 * status_json.c: the form of "cygnet status" for machines. Names of fields and of counters are
 * stable: new ones may come, none goes or changes its meaning. Unknown values are null.
 */
#include "tools/status.h"

#include <errno.h>
#include <jansson.h>

/* Counters are 64-bit and unsigned, JSON integers here are signed: none lives long enough to tell. */
static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *number_or_null(uint64_t value)
{
	return value ? number(value) : json_null();
}

static json_t *address(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	return json_string(ip_addr_format(addr, text));
}

static json_t *prefix(const struct ip_prefix *range)
{
	char text[IP_ADDR_TEXT_MAX];

	return json_sprintf("%s/%u", ip_addr_format(&range->addr, text), range->len);
}

static json_t *tunnel(const struct cygnet_tunnel *t)
{
	const struct policy_template *tmpl = &t->policy.tmpl;

	return json_pack("{so so si si si so so so so so so so}", "src", prefix(&t->policy.sel.src),
			 "dst", prefix(&t->policy.sel.dst), "protocol", t->policy.sel.proto,
			 "src_port", t->policy.sel.sport, "dst_port", t->policy.sel.dport,
			 "priority", number(t->policy.priority), "reqid", number(tmpl->reqid),
			 "outer_src", address(&tmpl->src), "outer_dst", address(&tmpl->dst), "spi",
			 number_or_null(t->spi), "inner_mtu", number_or_null(t->inner_mtu),
			 "outer_mtu", number_or_null(t->outer_mtu));
}

static json_t *sa(const struct status_sa *entry)
{
	const struct sa_config *c = &entry->config;
	const struct sa_status *s = &entry->status;
	char suite[64];

	return json_pack("{so so so so ss sb sb sb so so so so so so so so so}", "spi",
			 number(c->id.spi), "src", address(&c->src), "dst", address(&c->id.dst),
			 "reqid", number(c->reqid), "suite",
			 c->larval ? "larval" : esp_suite_name(&c->suite, suite), "inbound",
			 (s->directions & SA_IN) != 0, "outbound", (s->directions & SA_OUT) != 0,
			 "esn", (int)c->esn, "replay_window", number(c->replay_window), "packets",
			 number(s->packets), "bytes", number(s->bytes), "seq_out",
			 number(s->out_seq), "seq_in", number(s->in_seq), "replay_drops",
			 number(s->replay_drops), "icv_drops", number(s->icv_drops), "added",
			 number_or_null(s->add_time), "last_use", number_or_null(s->last_use));
}

/* Every counter of the direction, and any other that moved. Null if cygnetd is of another version,
 * whose counters may have other names. */
static json_t *counters(const struct status_report *r, enum verdict_direction direction)
{
	const uint64_t *values =
		direction == VERDICT_IN ? r->daemon.verdict_in : r->daemon.verdict_out;
	json_t *object = r->same_version ? json_object() : json_null();

	if (!r->same_version)
		return object;

	for (unsigned v = 0; object && v < V_COUNT; v++) {
		enum verdict_direction own = verdict_direction((enum verdict)v);

		if (own != direction && own != VERDICT_BOTH && !values[v])
			continue;
		if (json_object_set_new(object, verdict_name((enum verdict)v), number(values[v])) <
		    0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *tunnels(const struct status_report *r)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < r->tunnels_len; i++) {
		if (json_array_append_new(array, tunnel(&r->tunnels[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *sas(const struct status_report *r)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < r->sas_len; i++) {
		if (json_array_append_new(array, sa(&r->sas[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* All but what cygnet-iked knows. */
static json_t *cygnetd(const struct status_report *r)
{
	const struct cygnet_status *d = &r->daemon;

	return json_pack("{ss ss ss ss so so so so s{sb sb} so so s{so so}}", "version", d->version,
			 "tun", d->tun, "wire", d->wire, "crypto", d->crypto, "workers",
			 number(d->workers), "started", number_or_null(d->started), "now",
			 number(r->now), "policies", number(d->policies), "forwarding", "ipv4",
			 (int)d->forwarding[0], "ipv6", (int)d->forwarding[1], "tunnels",
			 tunnels(r), "sas", sas(r), "counters", "in", counters(r, VERDICT_IN),
			 "out", counters(r, VERDICT_OUT));
}

int status_print_json(FILE *out, const struct status_report *r)
{
	json_t *root = r->no_cygnetd ? json_object() : cygnetd(r);
	int rc = 0;

	if (!root)
		return -ENOMEM;
	if (r->ike)
		(void)json_object_set(root, "ike", r->ike);
	if (json_dumpf(root, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF)
		rc = -EIO;
	json_decref(root);
	return rc;
}
