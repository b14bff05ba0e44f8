/*
 * entries.c: see entries.h.
 */
#include "entries.h"

#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "entries: %s\n", what);
	abort();
}

struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	must(ip_addr_parse(text, &addr), text);
	return addr;
}

struct ip_prefix prefix_of(const char *text)
{
	char host[IP_ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	const size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_prefix prefix;

	must(len < sizeof(host), text);
	memcpy(host, text, len);
	host[len] = '\0';
	prefix.addr = addr_of(host);
	prefix.len = slash ? (uint8_t)atoi(slash + 1) : ip_addr_bits(&prefix.addr);
	return prefix;
}

struct sa_config sa_config_of(const char *src, const char *dst, uint32_t spi, uint32_t reqid)
{
	const struct esp_suite_spec spec = {
		.encr = ESP_ENCR_NULL,
		.integ = ESP_INTEG_HMAC_SHA2_256,
		.integ_key_len = 32,
		.icv_len = 16,
	};
	struct sa_config c = {
		.id = {.dst = addr_of(dst), .spi = spi, .proto = IPPROTO_ESP},
		.src = addr_of(src),
		.mode = XFRM_MODE_TUNNEL,
		.reqid = reqid,
		.replay_window = 64,
	};
	const char *why;

	must(esp_suite_find(&spec, &c.suite, &why) == 0, "no such suite");
	memset(c.keys.integ, 0x5a, 32);
	return c;
}

struct sa_grant grant_of(unsigned directions)
{
	return (struct sa_grant){.directions = directions, .seq = {1, esp_seq_limit(false)}};
}

struct sa *sa_added(struct sadb *db, const struct sa_config *config)
{
	const struct sa_grant grant = grant_of(SA_IN | SA_OUT);
	struct sa *sa;

	must(sadb_sa_add(db, config, &grant, 1000, &sa) == 0, "the SA was not added");
	return sa;
}

struct selector selector_of(const char *src, const char *dst, uint8_t proto)
{
	struct selector sel = {.proto = proto, .src = prefix_of(src), .dst = prefix_of(dst)};

	sel.family = sel.src.addr.family;
	return sel;
}

struct policy_config protect_of(const struct selector *sel, const char *src, const char *dst,
				uint32_t reqid)
{
	struct policy_config c = plain_of(sel, POLICY_OUT, POLICY_PROTECT, 100);

	c.tmpl = (struct policy_template){
		.src = addr_of(src),
		.dst = addr_of(dst),
		.reqid = reqid,
		.proto = IPPROTO_ESP,
		.mode = XFRM_MODE_TUNNEL,
	};
	return c;
}

struct policy_config plain_of(const struct selector *sel, enum policy_dir dir,
			      enum policy_action action, uint32_t priority)
{
	return (struct policy_config){
		.sel = *sel,
		.priority = priority,
		.dir = (uint8_t)dir,
		.action = (uint8_t)action,
	};
}

struct policy *policy_added(struct sadb *db, const struct policy_config *config)
{
	struct policy *p;

	must(sadb_policy_add(db, config, false, 1000, &p) == 0, "the policy was not added");
	return p;
}

struct ip_view view_of(const char *src, const char *dst, uint8_t proto, uint16_t sport,
		       uint16_t dport)
{
	struct ip_view v = {
		.src = addr_of(src),
		.dst = addr_of(dst),
		.proto = proto,
		.sport = sport,
		.dport = dport,
		.has_ports = sport != 0 || dport != 0,
	};

	v.version = v.src.family == AF_INET ? 4 : 6;
	return v;
}

static void shelf_put(void *ctx, void *ptr, void (*free_fn)(void *ptr))
{
	struct shelf *shelf = ctx;
	void *items;

	/* Doubles at powers of two. */
	if ((shelf->count & (shelf->count - 1)) == 0 || shelf->count == 0) {
		items = realloc(shelf->items, (shelf->count * 2 + 1) * sizeof(shelf->items[0]));
		must(items, "no memory for the shelf");
		shelf->items = items;
	}
	shelf->items[shelf->count++] = (struct shelf_item){ptr, free_fn};
}

struct sadb_retire shelf_retire(struct shelf *shelf)
{
	return (struct sadb_retire){.fn = shelf_put, .ctx = shelf};
}

bool shelf_has(const struct shelf *shelf, const void *ptr)
{
	for (size_t i = 0; i < shelf->count; i++) {
		if (shelf->items[i].ptr == ptr)
			return true;
	}
	return false;
}

void shelf_empty(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->count; i++)
		shelf->items[i].free_fn(shelf->items[i].ptr);
	free(shelf->items);
	*shelf = (struct shelf){0};
}

uint64_t seed_of_run(uint64_t fallback)
{
	const char *text = getenv("CYGNET_SEED");
	const uint64_t seed = text ? strtoull(text, NULL, 0) : fallback;

	printf("seed %#llx (set CYGNET_SEED to change it)\n", (unsigned long long)seed);
	return seed ? seed : 1;
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}
