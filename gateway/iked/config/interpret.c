/*
 * interpret.c: from a tree to struct iked_config, by the table of keys.c. Every problem is reported,
 * not the first one only.
 */
#include "gateway/iked/config/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *place_name(enum config_place place)
{
	static const char *const names[] = {
		[PLACE_ROOT] = "the file",
		[PLACE_CYGNET] = "cygnet",
		[PLACE_CONNECTIONS] = "connections",
		[PLACE_CONNECTION] = "a connection",
		[PLACE_LOCAL] = "local",
		[PLACE_REMOTE] = "remote",
		[PLACE_CHILDREN] = "children",
		[PLACE_CHILD] = "a child",
		[PLACE_SECRETS] = "secrets",
		[PLACE_SECRET] = "a secret",
		[PLACE_POOLS] = "pools",
		[PLACE_POOL] = "a pool",
		[PLACE_NOWHERE] = "a section",
	};

	return names[place];
}

static void unknown(struct interpretation *in, enum config_place place,
		    const struct config_node *node)
{
	const char *nearest = config_key_nearest(place, node->name);

	if (place == PLACE_ROOT && node->referenced) /* a template */
		return;
	if (nearest)
		config_error(in->report, node, "unknown key \"%s\" in %s: did you mean \"%s\"?",
			     node->name, place_name(place), nearest);
	else
		config_error(in->report, node, "unknown key \"%s\" in %s", node->name,
			     place_name(place));
}

/* The key of a node that is no section, or NULL if there is nothing more to do with it. */
static const struct config_key *judge(struct interpretation *in, enum config_place place,
				      const struct config_node *node)
{
	const struct config_key *key = config_key_lookup(place, node->name);

	/* "local_addr" is not the section "local" with a suffix. */
	if (!key ||
	    (key->treatment == KEY_SECTION && node->value && strcmp(key->name, node->name) != 0)) {
		unknown(in, place, node);
		return NULL;
	}
	if (key->treatment == KEY_SECTION && node->value) {
		config_error(in->report, node, "\"%s\" is a section, not a value", node->name);
		return NULL;
	}
	if (key->treatment == KEY_TAKEN && !node->value) {
		config_error(in->report, node, "\"%s\" has a value, not a section", node->name);
		return NULL;
	}
	if (key->treatment == KEY_WARNED || key->treatment == KEY_REFUSED) {
		if (node->value && config_value_in(node->value, key->fine))
			return NULL;
		if (key->treatment == KEY_WARNED)
			config_warn(in->report, node, "\"%s\" has no effect: %s", node->name,
				    key->why);
		else
			config_error(in->report, node, "\"%s\" is not supported: %s", node->name,
				     key->why);
		return NULL;
	}
	return key->treatment == KEY_QUIET ? NULL : key;
}

/* Takes the values of a section into target; its sections are the caller's, judged all the same. */
static void take_values(struct interpretation *in, enum config_place place,
			const struct config_node *section, void *target)
{
	for (const struct config_node *n = section->first; n; n = n->next) {
		const struct config_key *key = judge(in, place, n);

		if (key && key->treatment == KEY_TAKEN)
			key->take(in, n, (char *)target + key->offset);
	}
}

static unsigned count_sections(const struct config_node *section)
{
	unsigned count = 0;

	for (const struct config_node *n = section ? section->first : NULL; n; n = n->next)
		count += !n->value;
	return count;
}

/* RFC 3629 §4; returns the length of the character at s, 0: none. */
static unsigned utf8_len(const unsigned char *s)
{
	unsigned len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || (s[0] == 0xe0 && s[1] < 0xa0) ||
	    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* Of ASCII, or of Latin 1 (U+0080 to U+009F), which terminals obey, too. */
static bool is_control(const unsigned char *at)
{
	return *at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

/* Names go into JSON and onto terminals. */
static bool is_plain(const char *name)
{
	const unsigned char *at = (const unsigned char *)name;

	while (!is_control(at) && utf8_len(at))
		at += utf8_len(at);
	return !*at;
}

static bool take_name(struct interpretation *in, const struct config_node *node, char *name)
{
	if (strlen(node->name) >= IKE_NAME_MAX) {
		config_error(in->report, node, "\"%s\": a name has %d characters at most",
			     node->name, IKE_NAME_MAX - 1);
		return false;
	}
	if (!is_plain(node->name)) {
		config_error(in->report, node,
			     "a name is not UTF-8, or has control characters in it");
		return false;
	}
	snprintf(name, IKE_NAME_MAX, "%s", node->name);
	return true;
}

/* ---- children --------------------------------------------------------------------------------- */

/* strongSwan's: without a hard limit a tenth above the soft one, without a soft one a tenth below the
 * hard one; random by as much as lies between. */
static void settle_limit(uint64_t *rekey, uint64_t *life, uint64_t *rand, uint64_t otherwise)
{
	if (*rekey == CONFIG_UNSET_64 && *life != CONFIG_UNSET_64)
		*rekey = *life - *life / 11;
	if (*rekey == CONFIG_UNSET_64)
		*rekey = otherwise;
	if (*life == CONFIG_UNSET_64)
		*life = *rekey + *rekey / 10;
	if (*rand == CONFIG_UNSET_64)
		*rand = *life > *rekey ? *life - *rekey : 0;
}

static void check_limit(struct interpretation *in, const struct config_node *node, const char *what,
			uint64_t rekey, uint64_t life, uint64_t *rand)
{
	if (life && rekey && life <= rekey)
		config_warn(in->report, node,
			    "life_%s is not above rekey_%s: the SA ends before it is rekeyed", what,
			    what);
	if (*rand > rekey)
		*rand = rekey;
}

/* RFC 4303 §2.2.1: the high half of a number is found by the window. */
static void check_window(struct interpretation *in, const struct config_node *node,
			 const struct ike_child_config *child)
{
	for (unsigned i = 0; i < child->proposal_count && child->replay_window == 0; i++) {
		if (!ike_proposal_has_esn(&child->proposals[i]))
			continue;
		config_error(in->report, node,
			     "replay_window = 0: extended sequence numbers (esn in esp_proposals) "
			     "need a window");
		return;
	}
}

static void take_child(struct interpretation *in, const struct config_node *node,
		       struct ike_child_config *child)
{
	*child = (struct ike_child_config){
		.line = node->line,
		.local_dynamic = true,
		.remote_dynamic = true,
		.dynamic_local = {.port_to = UINT16_MAX},
		.dynamic_remote = {.port_to = UINT16_MAX},
		.rekey_time_s = CONFIG_UNSET_64,
		.life_time_s = CONFIG_UNSET_64,
		.rand_time_s = CONFIG_UNSET_64,
		.rekey_bytes = CONFIG_UNSET_64,
		.life_bytes = CONFIG_UNSET_64,
		.rand_bytes = CONFIG_UNSET_64,
		.rekey_packets = CONFIG_UNSET_64,
		.life_packets = CONFIG_UNSET_64,
		.rand_packets = CONFIG_UNSET_64,
		.replay_window = 32,
	};
	(void)take_name(in, node, child->name);
	take_values(in, PLACE_CHILD, node, child);
	if (!child->proposal_count)
		child->proposal_count = ike_proposal_default(IKE_PROTO_ESP, child->proposals);
	check_window(in, node, child);
	settle_limit(&child->rekey_time_s, &child->life_time_s, &child->rand_time_s, 3600);
	settle_limit(&child->rekey_bytes, &child->life_bytes, &child->rand_bytes, 0);
	settle_limit(&child->rekey_packets, &child->life_packets, &child->rand_packets, 0);
	check_limit(in, node, "time", child->rekey_time_s, child->life_time_s, &child->rand_time_s);
	check_limit(in, node, "bytes", child->rekey_bytes, child->life_bytes, &child->rand_bytes);
	check_limit(in, node, "packets", child->rekey_packets, child->life_packets,
		    &child->rand_packets);
}

static void take_children(struct interpretation *in, const struct config_node *section,
			  struct ike_connection *conn)
{
	unsigned count = count_sections(section);

	for (const struct config_node *n = section ? section->first : NULL; n; n = n->next)
		(void)judge(in, PLACE_CHILDREN, n);
	if (!section || !count)
		return;
	conn->children = calloc(count, sizeof(*conn->children));
	if (!conn->children) {
		in->no_memory = true;
		return;
	}
	for (const struct config_node *n = section->first; n; n = n->next) {
		if (n->value)
			continue;
		in->child = conn->child_count;
		take_child(in, n, &conn->children[conn->child_count++]);
	}
}

/* ---- connections ------------------------------------------------------------------------------ */

static void take_ends(struct interpretation *in, const struct config_node *node,
		      struct ike_connection *conn)
{
	in->psk_local = in->psk_remote = false;
	in->locals = in->remotes = 0;
	for (const struct config_node *n = node->first; n; n = n->next) {
		const struct config_key *key = config_key_lookup(PLACE_CONNECTION, n->name);

		if (n->value || !key || key->treatment != KEY_SECTION)
			continue;
		if (key->below == PLACE_LOCAL && ++in->locals == 1)
			take_values(in, PLACE_LOCAL, n, conn);
		else if (key->below == PLACE_REMOTE && ++in->remotes == 1)
			take_values(in, PLACE_REMOTE, n, conn);
		else if (key->below != PLACE_CHILDREN)
			config_error(in->report, n,
				     "a second round of authentication is not supported");
	}
	if (!in->psk_local)
		config_error(in->report, node,
			     "connection \"%s\" needs auth = psk in its section local", node->name);
	if (!in->psk_remote)
		config_error(in->report, node,
			     "connection \"%s\" needs auth = psk in its section remote",
			     node->name);
}

static void settle_connection(struct ike_connection *conn)
{
	if (!conn->proposal_count) {
		conn->proposal_count = ike_proposal_default(IKE_PROTO_IKE, conn->proposals);
		conn->proposals_line = conn->line;
	}
	if (conn->over_time_s == CONFIG_UNSET_64)
		conn->over_time_s = conn->rekey_time_s / 10;
	if (conn->rand_time_s == CONFIG_UNSET_64)
		conn->rand_time_s = conn->over_time_s;
	if (conn->rand_time_s > conn->rekey_time_s)
		conn->rand_time_s = conn->rekey_time_s;
	/* What IKE does by itself: it begins at 500 and moves where there is a NAT. */
	if (conn->local_port == 500)
		conn->local_port = 0;
	if (conn->remote_port == 500)
		conn->remote_port = 0;
}

static bool can_be_called(const struct interpretation *in, const struct ike_connection *conn)
{
	for (unsigned i = 0; i < in->config->host_count; i++) {
		if (in->config->hosts[i].connection == in->connection &&
		    !in->config->hosts[i].local)
			return true;
	}
	for (unsigned i = 0; i < conn->remote_count; i++) {
		const struct ip_prefix *p = &conn->remote[i];

		if (p->len == ip_addr_bits(&p->addr) && !ip_addr_is_any(&p->addr))
			return true;
	}
	return false;
}

static void check_calls(struct interpretation *in, const struct ike_connection *conn)
{
	for (unsigned i = 0; i < conn->child_count && !can_be_called(in, conn); i++) {
		const struct ike_child_config *child = &conn->children[i];
		const struct config_node at = {.file = (char *)conn->file, .line = child->line};

		if (child->start_action)
			config_warn(in->report, &at,
				    "child \"%s\" cannot be started: remote_addrs names nobody to "
				    "call, so the peer has to begin",
				    child->name);
	}
}

static void take_connection(struct interpretation *in, const struct config_node *node,
			    struct ike_connection *conn)
{
	*conn = (struct ike_connection){
		.line = node->line,
		.fragmentation = IKE_FRAGMENT_YES,
		.rekey_time_s = 4 * 3600,
		.over_time_s = CONFIG_UNSET_64,
		.rand_time_s = CONFIG_UNSET_64,
		.keyingtries = 1,
		.initial_contact = true,
	};
	snprintf(conn->file, sizeof(conn->file), "%.127s", node->file);
	(void)take_name(in, node, conn->name);
	take_values(in, PLACE_CONNECTION, node, conn);
	take_ends(in, node, conn);
	take_children(in, config_node_lookup(node, "children"), conn);
	settle_connection(conn);
	check_calls(in, conn);
	if (conn->ppk_required && !conn->ppk_id.type)
		config_error(in->report, node, "connection \"%s\": ppk_required without a ppk_id",
			     conn->name);
	if (!conn->child_count)
		config_warn(in->report, node,
			    "connection \"%s\" has no children: it carries nothing", conn->name);
}

static void take_connections(struct interpretation *in, const struct config_node *section)
{
	struct ike_config *config = &in->config->ike;
	unsigned count = count_sections(section);

	for (const struct config_node *n = section ? section->first : NULL; n; n = n->next)
		(void)judge(in, PLACE_CONNECTIONS, n);
	if (!section || !count)
		return;
	config->connections = calloc(count, sizeof(*config->connections));
	if (!config->connections) {
		in->no_memory = true;
		return;
	}
	for (const struct config_node *n = section->first; n; n = n->next) {
		if (n->value)
			continue;
		in->connection = config->connection_count;
		take_connection(in, n, &config->connections[config->connection_count++]);
	}
}

/* ---- secrets and pools ------------------------------------------------------------------------ */

static void take_secrets(struct interpretation *in, const struct config_node *section)
{
	struct ike_config *config = &in->config->ike;
	unsigned count = count_sections(section);

	if (!section)
		return;
	config->secrets = count ? calloc(count, sizeof(*config->secrets)) : NULL;
	if (count && !config->secrets) {
		in->no_memory = true;
		return;
	}
	for (const struct config_node *n = section->first; n; n = n->next) {
		const struct config_key *key = judge(in, PLACE_SECRETS, n);
		struct ike_secret *secret;

		if (!key || !config->secrets)
			continue;
		secret = &config->secrets[config->secret_count++];
		secret->is_ppk = !strcmp(key->name, "ppk");
		take_values(in, PLACE_SECRET, n, secret);
		if (!config_node_lookup(n, "secret"))
			config_error(in->report, n, "\"%s\" has no secret", n->name);
	}
}

static void take_pools_section(struct interpretation *in, const struct config_node *section)
{
	for (const struct config_node *n = section ? section->first : NULL; n; n = n->next) {
		struct config_pool *pool = &in->pools[in->pool_count];

		if (!judge(in, PLACE_POOLS, n))
			continue;
		if (in->pool_count >= CONFIG_POOLS_MAX) {
			config_error(in->report, n, "more than %d pools", CONFIG_POOLS_MAX);
			return;
		}
		pool->name = n->name;
		take_values(in, PLACE_POOL, n, pool);
		if (!config_node_lookup(n, "addrs"))
			config_error(in->report, n, "pool \"%s\" has no addrs", n->name);
		in->pool_count++;
	}
}

/* A connection for which there cannot be a secret is a mistake, though not a wrong file. */
static void check_secrets(struct interpretation *in)
{
	const struct ike_config *config = &in->config->ike;

	for (unsigned i = 0; i < config->secret_count; i++) {
		if (!config->secrets[i].is_ppk)
			return;
	}
	for (unsigned i = 0; i < config->connection_count; i++) {
		const struct config_node at = {.file = (char *)config->connections[i].file,
					       .line = config->connections[i].line};

		config_warn(in->report, &at, "connection \"%s\" has no secret: secrets { ike-... }",
			    config->connections[i].name);
	}
}

int iked_config_interpret(const struct config_tree *tree, struct config_report *report,
			  struct iked_config **out)
{
	const struct config_node *root = config_tree_root(tree);
	struct interpretation in = {.report = report};
	const struct config_node *own = config_node_lookup(root, "cygnet");
	unsigned errors = report->errors;

	in.config = calloc(1, sizeof(*in.config));
	if (!in.config)
		return -ENOMEM;
	in.config->ike.keepalive_s = 20;
	take_values(&in, PLACE_ROOT, root, in.config);
	if (own)
		take_values(&in, PLACE_CYGNET, own, &in.config->ike);
	take_pools_section(&in, config_node_lookup(root, "pools"));
	take_secrets(&in, config_node_lookup(root, "secrets"));
	take_connections(&in, config_node_lookup(root, "connections"));
	check_secrets(&in);
	if (in.no_memory || report->errors > errors) {
		iked_config_free(in.config);
		return in.no_memory ? -ENOMEM : -EINVAL;
	}
	*out = in.config;
	return 0;
}

void iked_config_free(struct iked_config *config)
{
	if (!config)
		return;
	for (unsigned i = 0; i < config->ike.connection_count; i++)
		free(config->ike.connections[i].children);
	free(config->ike.connections);
	if (config->ike.secrets)
		explicit_bzero(config->ike.secrets,
			       config->ike.secret_count * sizeof(*config->ike.secrets));
	free(config->ike.secrets);
	free(config->hosts);
	free(config);
}
