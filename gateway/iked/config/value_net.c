/*
 * value_net.c: addresses, selectors and identities.
 */
#include "gateway/iked/config/keys.h"
#include "gateway/iked/config/service_names.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void cut_off(struct interpretation *in, const struct config_node *node)
{
	config_error(in->report, node, "%s: a word of it is too long", node->name);
}

/* "10.0.0.0/8", "10.0.0.1". */
static bool parse_prefix(const char *word, struct ip_prefix *out)
{
	const char *slash = strchr(word, '/');
	char addr[IP_ADDR_TEXT_MAX];
	size_t len = slash ? (size_t)(slash - word) : strlen(word);
	unsigned long bits;
	char *end;

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, word, len);
	addr[len] = '\0';
	if (!ip_addr_parse(addr, &out->addr))
		return false;
	out->len = ip_addr_bits(&out->addr);
	if (!slash)
		return true;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	if (*end || bits > out->len)
		return false;
	out->len = (uint8_t)bits;
	*out = ip_prefix_masked(out);
	return true;
}

/* Letters, digits, dots and hyphens with a letter at the start of the last label: not an address
 * with a slip in it. */
static bool is_host_name(const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *last = strrchr(word, '.');
	size_t len = strlen(word);

	if (last && !last[1]) /* the root's dot */
		last = NULL;
	last = last ? last + 1 : word;
	return len && word[0] != '-' && word[0] != '.' && strchr(letters, *last) &&
	       strspn(word, "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
		       len;
}

static void add_host(struct interpretation *in, const struct config_node *node, bool local,
		     const char *name)
{
	struct iked_config *c = in->config;
	struct iked_host *grown;

	if (c->host_count >= IKED_HOSTS_MAX) {
		config_error(in->report, node, "more than %d names of hosts", IKED_HOSTS_MAX);
		return;
	}
	grown = reallocarray(c->hosts, c->host_count + 1, sizeof(*grown));
	if (!grown) {
		in->no_memory = true;
		return;
	}
	c->hosts = grown;
	grown = &grown[c->host_count++];
	*grown = (struct iked_host){.connection = in->connection, .local = local};
	snprintf(grown->name, sizeof(grown->name), "%s", name);
}

static void take_addrs(struct interpretation *in, const struct config_node *node, bool local,
		       struct ip_prefix *addrs, unsigned *count)
{
	const char *at = node->value;
	char word[CONFIG_NAME_MAX + 1];
	unsigned hosts = 0, any = 0;
	bool cut;

	*count = 0;
	while (config_next_word(&at, word, sizeof(word), &cut)) {
		struct ip_prefix prefix;

		if (cut) {
			cut_off(in, node);
		} else if (!strncasecmp(word, "%any", 4)) {
			any++;
		} else if (*count + hosts >= IKE_ADDRS_MAX) {
			config_error(in->report, node, "%s: more than %d", node->name,
				     IKE_ADDRS_MAX);
			return;
		} else if (parse_prefix(word, &prefix)) {
			addrs[(*count)++] = prefix;
		} else if (is_host_name(word)) {
			add_host(in, node, local, word);
			hosts++;
		} else {
			config_error(in->report, node,
				     "%s: \"%s\" is no address, prefix or name (of a range write "
				     "its prefixes)",
				     node->name, word);
		}
	}
	if (any && *count + hosts)
		config_error(in->report, node, "%s: %%any stands alone", node->name);
}

void take_local_addrs(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_connection *conn = field;

	take_addrs(in, node, true, conn->local, &conn->local_count);
}

void take_remote_addrs(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_connection *conn = field;

	take_addrs(in, node, false, conn->remote, &conn->remote_count);
}

void take_vips(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_connection *conn = field;
	const char *at = node->value;
	char word[64];
	bool cut;

	while (config_next_word(&at, word, sizeof(word), &cut)) {
		struct ip_addr addr;

		if (cut || !ip_addr_parse(word, &addr)) {
			config_error(in->report, node,
				     "vips: \"%s\" is no address (0.0.0.0 and :: ask for any)",
				     word);
		} else if (conn->vip_count >= 2) {
			config_error(in->report, node, "vips: more than two");
			return;
		} else {
			conn->vips[conn->vip_count++] = addr;
		}
	}
}

/* ---- pools ------------------------------------------------------------------------------------ */

static void add_pool(struct interpretation *in, const struct config_node *node,
		     struct ike_connection *conn, const char *name)
{
	for (unsigned i = 0; i < in->pool_count; i++) {
		struct config_pool *pool = &in->pools[i];

		if (strcmp(pool->name, name) != 0)
			continue;
		for (unsigned k = 0; k < conn->pool_count; k++) {
			if (conn->pools[k].from.family == pool->from.family) {
				config_error(in->report, node, "pools: two of one address family");
				return;
			}
		}
		pool->used = true;
		conn->pools[conn->pool_count].from = pool->from;
		conn->pools[conn->pool_count++].to = pool->to;
		return;
	}
	config_error(in->report, node, "pools: there is no pool \"%s\"", name);
}

void take_pools(struct interpretation *in, const struct config_node *node, void *field)
{
	const char *at = node->value;
	char word[CONFIG_NAME_MAX + 1];
	bool cut;

	while (config_next_word(&at, word, sizeof(word), &cut))
		add_pool(in, node, field, word);
}

/* Adds by to the address, as a number. */
static void step(struct ip_addr *addr, int by)
{
	unsigned len = ip_addr_bits(addr) / 8;

	for (unsigned i = len; i-- > 0;) {
		addr->bytes[i] = (uint8_t)(addr->bytes[i] + by);
		if (addr->bytes[i] != (by > 0 ? 0 : 255))
			return;
	}
}

void take_pool_addrs(struct interpretation *in, const struct config_node *node, void *field)
{
	struct config_pool *pool = field;
	struct ike_ts range;

	if (!ike_ts_parse_text(node->value, &range) || range.proto || range.port_from ||
	    range.port_to != UINT16_MAX) {
		config_error(in->report, node,
			     "addrs = \"%s\": a prefix or a range of addresses is wanted",
			     node->value);
		return;
	}
	pool->from = range.from;
	pool->to = range.to;
	/* A network's own address is nobody's, and over IPv4 its last one is everybody's. */
	if (strchr(node->value, '/') && !ip_addr_equal(&pool->from, &pool->to)) {
		step(&pool->from, 1);
		if (pool->from.family == AF_INET && !ip_addr_equal(&pool->from, &pool->to))
			step(&pool->to, -1);
	}
}

/* ---- selectors and identities ----------------------------------------------------------------- */

static bool parse_ts(const char *word, struct ike_ts *out)
{
	char numbers[IKE_TS_TEXT_MAX];

	service_names_to_numbers(word, numbers);
	return ike_ts_parse_text(numbers, out);
}

/* "dynamic", "dynamic[tcp/80]": only its protocol and ports matter. */
static bool parse_dynamic(const char *word, struct ike_ts *out)
{
	static const char name[] = "dynamic";
	char text[IKE_TS_TEXT_MAX];

	if (strncasecmp(word, name, sizeof(name) - 1) != 0)
		return false;
	snprintf(text, sizeof(text), "0.0.0.0/0%s", word + sizeof(name) - 1);
	return parse_ts(text, out);
}

static void take_ts(struct interpretation *in, const struct config_node *node,
		    struct ike_ts_list *list, bool *has_dynamic, struct ike_ts *dynamic)
{
	unsigned errors = in->report->errors;
	const char *at = node->value;
	char word[IKE_TS_TEXT_MAX];
	struct ike_ts ts;
	bool cut;

	*has_dynamic = false;
	while (config_next_word(&at, word, sizeof(word), &cut)) {
		if (cut) {
			cut_off(in, node);
		} else if (parse_dynamic(word, &ts)) {
			*has_dynamic = true;
			*dynamic = ts;
		} else if (!parse_ts(word, &ts)) {
			config_error(in->report, node,
				     "%s: \"%s\" is no selector (10.1.0.0/16, "
				     "10.0.0.5-10.0.0.9, fd00::/8[tcp/80], dynamic)",
				     node->name, word);
		} else if (list->count >= IKE_TS_MAX) {
			config_error(in->report, node, "%s: more than %d", node->name, IKE_TS_MAX);
			return;
		} else {
			list->at[list->count++] = ts;
		}
	}
	if (!list->count && !*has_dynamic && in->report->errors == errors)
		config_error(in->report, node, "%s is empty", node->name);
}

void take_local_ts(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_child_config *child = field;

	take_ts(in, node, &child->local_ts, &child->local_dynamic, &child->dynamic_local);
}

void take_remote_ts(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_child_config *child = field;

	take_ts(in, node, &child->remote_ts, &child->remote_dynamic, &child->dynamic_remote);
}

void take_id(struct interpretation *in, const struct config_node *node, void *field)
{
	if (*node->value && !ike_id_parse(node->value, field))
		config_error(in->report, node,
			     "%s = \"%s\" is no identity (an address, a name, user@host, "
			     "keyid:text; certificates' names are none)",
			     node->name, node->value);
}
