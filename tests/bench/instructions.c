/*
 * tests/bench/instructions.c: pieces of the packet path, each to be counted by callgrind: look-ups,
 * splitting, merging, header work, and ESP without its cipher (an engine that does nothing stands in
 * for it). instructions.sh runs it once for each piece and counts what happens inside measured().
 *
 *     instructions --list | PIECE      PIECE prints how many units of work it did
 */
#include "entries.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 50, SEGMENTS = 45, PAYLOAD = 1400, SMALL = 64, SLOT = 2048, FLOWS = 64 };

static uint8_t superpacket[IP_PACKET_MAX];
static uint8_t slots[SEGMENTS][SLOT];
static struct packet packets[SEGMENTS];
static struct ip_view views[SEGMENTS], super_view;
static struct virtio_net_hdr super_header;
static struct gro gro;
static struct sadb *db;
static struct spd_cache *cache;
static struct esp_out *out;
static struct esp_in *in;
static unsigned long sink; /* keeps the compiler from dropping the work */

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "instructions: %s\n", what);
	exit(EXIT_FAILURE);
}

/* ---- packets ------------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A superpacket of SEGMENTS segments, TCP or UDP over IPv4. */
static void make_super(uint8_t proto, unsigned payload)
{
	const unsigned l4 = proto == IPPROTO_TCP ? 20 : 8, len = 20 + l4 + SEGMENTS * payload;
	const struct outer_header ip = {.src = addr_of("10.1.0.2"),
					.dst = addr_of("10.2.0.2"),
					.proto = proto,
					.payload_len = (uint16_t)(len - 20)};

	memset(superpacket, 0x5a, sizeof(superpacket));
	memset(superpacket + 20, 0, l4);
	(void)outer_header_put(superpacket, &ip);
	put16(superpacket + 20, 5000);
	put16(superpacket + 22, 80);
	if (proto == IPPROTO_TCP) {
		superpacket[32] = 5 << 4;
		superpacket[33] = 0x10;
	} else {
		put16(superpacket + 24, len - 20);
	}
	need(ip_parse(superpacket, len, 0, &super_view) == V_OK, "ip_parse");
	super_header = (struct virtio_net_hdr){.gso_type = proto == IPPROTO_TCP
								   ? VIRTIO_NET_HDR_GSO_TCPV4
								   : VIRTIO_NET_HDR_GSO_UDP_L4,
					       .gso_size = (uint16_t)payload};
}

static void split(void)
{
	struct gso_split s;

	need(gso_split_init(&s, superpacket, &super_view, &super_header) == V_OK, "split");
	for (unsigned i = 0; i < SEGMENTS; i++) {
		packets[i] = (struct packet){slots[i], SLOT, ESP_HEADROOM, 0};
		need(gso_split_next(&s, &packets[i]), "segment");
	}
}

static void make_tcp(void)
{
	make_super(IPPROTO_TCP, PAYLOAD);
}

static void make_udp(void)
{
	make_super(IPPROTO_UDP, SMALL);
}

/* The segments, as they come out of esp_open. */
static void make_segments(void)
{
	split();
	for (unsigned i = 0; i < SEGMENTS; i++)
		need(ip_parse(packet_data(&packets[i]), packets[i].len, 0, &views[i]) == V_OK,
		     "segment");
}

static void make_tcp_segments(void)
{
	make_tcp();
	make_segments();
}

static void make_udp_segments(void)
{
	make_udp();
	make_segments();
}

static void merge(void)
{
	struct iovec iov[GRO_BATCH + 1];
	struct virtio_net_hdr vnet;

	gro_init(&gro, true);
	for (unsigned i = 0; i < SEGMENTS; i++)
		need(gro_add(&gro, &packets[i], &views[i]), "gro_add");
	need(gro.group_count == 1, "one group");
	sink += gro_finish(&gro, 0, &vnet, iov);
	/* As they came, for the next round: what gro_finish patched is the first packet's headers. */
	packets[0].len = views[0].total_len;
	memcpy(packet_data(&packets[0]), superpacket, views[0].l4_off);
	make_segments();
}

static void parse(void)
{
	for (unsigned i = 0; i < SEGMENTS; i++)
		sink += ip_parse(packet_data(&packets[i]), packets[i].len, IPPROTO_IPIP, &views[i]);
}

static void headers(void)
{
	const struct outer_options options = {0};
	const struct outer_header h = {.src = views[0].src, .dst = views[0].dst, .proto = 50};
	uint8_t header[IP6_HEADER_LEN];

	for (unsigned i = 0; i < SEGMENTS; i++) {
		sink += outer_from_inner(&views[i], AF_INET, &options).tos;
		sink += outer_header_put(header, &h);
		sink += outer_to_inner(packet_data(&packets[i]), &views[i], 0, &options);
	}
}

/* ---- databases ----------------------------------------------------------------------------- */

static uint32_t sas; /* how many make_sad made */

static void make_sad(uint32_t count)
{
	const struct sa_grant grant = grant_of(SA_IN);
	struct sa *sa;

	sas = count;
	db = sadb_new((struct sadb_retire){NULL, NULL});
	for (uint32_t i = 0; i < count; i++) {
		struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 256 + i, 1 + i);

		need(sadb_sa_add(db, &c, &grant, 1, &sa) == 0, "sadb_sa_add");
	}
}

static void make_few_sas(void)
{
	make_sad(10);
}

static void make_many_sas(void)
{
	make_sad(10000);
}

static void find_sas(void)
{
	const struct ip_addr dst = addr_of("192.0.2.2");

	for (unsigned i = 0; i < SEGMENTS; i++)
		sink += sad_lookup(db, 256 + i * 7919 % sas, &dst) != NULL;
}

/* count policies, of which the packets that will be looked for match only the last. */
static void make_spd(uint32_t count)
{
	struct selector sel = selector_of("172.16.0.0/16", "198.51.100.0/24", IPPROTO_UDP);
	struct policy_config c;

	db = sadb_new((struct sadb_retire){NULL, NULL});
	cache = spd_cache_new();
	need(db && cache, "databases");
	for (uint32_t i = 1; i < count; i++) {
		sel.sport = (uint16_t)i;
		sel.sport_mask = UINT16_MAX;
		c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, i);
		(void)policy_added(db, &c);
	}
	sel = selector_of("0.0.0.0/0", "0.0.0.0/0", 0);
	c = plain_of(&sel, POLICY_OUT, POLICY_BYPASS, UINT16_MAX);
	(void)policy_added(db, &c);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		views[i] = view_of("10.1.0.1", "10.2.0.1", IPPROTO_TCP, (uint16_t)(1000 + i), 80);
		need(spd_lookup_cached(db, cache, POLICY_OUT, &views[i]) != NULL, "a policy");
	}
}

static void make_few_policies(void)
{
	make_spd(10);
}

static void make_many_policies(void)
{
	make_spd(10000);
}

static void find_policies(void)
{
	for (unsigned i = 0; i < SEGMENTS; i++)
		sink += spd_lookup_cached(db, cache, POLICY_OUT, &views[i]) != NULL;
}

/* ---- ESP, all but the cipher --------------------------------------------------------------- */

static bool has_all(enum esp_encr_id id, uint8_t key_len)
{
	return id == ESP_ENCR_AES_GCM && key_len == 16;
}

static void *no_key(enum esp_encr_id id, const uint8_t *key, uint8_t key_len)
{
	(void)id;
	(void)key;
	(void)key_len;
	return malloc(1);
}

static void no_seal(const void *key, const struct esp_aead_pass *pass)
{
	(void)key;
	memset(pass->icv, 0, pass->icv_len);
}

static bool no_open(const void *key, const struct esp_aead_pass *pass)
{
	(void)key;
	return pass->icv[0] == 0;
}

static const struct esp_engine nothing = {has_all, no_key, free, no_seal, no_open};

static void make_esp(void)
{
	static const struct esp_suite_spec spec = {
		.encr = ESP_ENCR_AES_GCM, .encr_key_len = 20, .icv_len = 16};
	static const uint8_t key[20];
	const struct esp_keys keys = {key, NULL, &nothing};
	const struct esp_grant grant = {1, UINT32_MAX};
	struct esp_suite suite;
	const char *why;

	make_tcp_segments();
	need(esp_suite_find(&spec, &suite, &why) == 0, "suite");
	need(esp_out_new(&out, &suite, &keys, 256, false, grant, 0) == 0, "esp_out_new");
	need(esp_in_new(&in, &suite, &keys, 256, false, 1024) == 0, "esp_in_new");
}

static void seal_and_open(void)
{
	uint64_t seq;
	uint8_t next_header;

	for (unsigned i = 0; i < SEGMENTS; i++) {
		need(esp_seal(out, &packets[i], IPPROTO_IPIP) == V_OK, "esp_seal");
		need(esp_open(in, &packets[i], &next_header, &seq) == V_OK, "esp_open");
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

static const struct piece {
	const char *name;
	void (*prepare)(void);
	void (*work)(void); /* SEGMENTS units */
} pieces[] = {
	{"split-tcp-1400", make_tcp, split},
	{"split-udp-64", make_udp, split},
	{"split-and-merge-tcp-1400", make_tcp_segments, merge},
	{"split-and-merge-udp-64", make_udp_segments, merge},
	{"parse", make_tcp_segments, parse},
	{"outer-headers", make_tcp_segments, headers},
	{"find-sa-of-10", make_few_sas, find_sas},
	{"find-sa-of-10000", make_many_sas, find_sas},
	{"find-policy-of-10-seen", make_few_policies, find_policies},
	{"find-policy-of-10000-seen", make_many_policies, find_policies},
	{"seal-and-open-no-cipher", make_esp, seal_and_open},
};

/* What callgrind counts. */
__attribute__((noinline)) static void measured(const struct piece *p)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		p->work();
}

int main(int argc, char **argv)
{
	const char *wanted = argc == 2 ? argv[1] : "";

	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (strcmp(wanted, "--list") == 0)
			puts(pieces[i].name);
		if (strcmp(wanted, pieces[i].name) != 0)
			continue;
		pieces[i].prepare();
		measured(&pieces[i]);
		printf("%u\n", ROUNDS * SEGMENTS);
		return sink == 0 && pieces[i].work == find_sas ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (strcmp(wanted, "--list") == 0)
		return EXIT_SUCCESS;
	fputs("usage: instructions --list | PIECE\n", stderr);
	return EXIT_FAILURE;
}
