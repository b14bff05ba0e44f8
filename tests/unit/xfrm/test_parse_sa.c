/*
 * tests/unit/xfrm/test_parse_sa.c: the strict half of the codec for SAs: what iproute2 sends is
 * understood; every field, attribute and algorithm the kernel refuses is refused with its errno;
 * what only Cygnet refuses says so; and no sentence holds a byte of a key.
 */
#include <errno.h>
#include <linux/udp.h>

#include "tests/unit/xfrm/iproute2_messages.h"
#include "tests/unit/xfrm/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>

static struct sample_buffer buf;
static struct xfrm_message msg;
static struct xfrm_error err;

static const char *recorded_hex(const char *name)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		if (strcmp(recorded[i].name, name) == 0)
			return recorded[i].hex;
	}
	ck_abort_msg("no recorded message %s", name);
}

static int parse_recorded(const char *name)
{
	sample_hex(recorded_hex(name), &buf);
	return wire_parse(&buf, &msg, &err);
}

/* A valid NEWSA request; key bytes are all 'K'. */
static void plain(void)
{
	struct xfrm_message whole;

	memset(&whole, 0, sizeof(whole));
	whole.type = XFRM_MSG_NEWSA;
	whole.flags = NLM_F_REQUEST | NLM_F_ACK;
	whole.sa = sample_plain_sa();
	sample_put(&whole, &buf);
}

static void expect(int code, const char *words, const char *what)
{
	int rc = wire_parse(&buf, &msg, &err);

	ck_assert_msg(rc == code, "%s: %d (%s), expected %d", what, rc, err.text, code);
	if (words)
		ck_assert_msg(strstr(err.text, words), "%s: \"%s\" lacks \"%s\"", what, err.text,
			      words);
	ck_assert_msg(!strstr(err.text, "KKKK"), "%s: key in \"%s\"", what, err.text);
}

START_TEST(test_parse_takes_recorded_gcm)
{
	char name[64], text[IP_ADDR_TEXT_MAX];
	const struct sa_config *sa = &msg.sa.config;

	ck_assert_msg(parse_recorded("sa_gcm") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.type, XFRM_MSG_NEWSA);
	ck_assert_str_eq(ip_addr_format(&sa->id.dst, text), "192.0.2.2");
	ck_assert_str_eq(ip_addr_format(&sa->src, text), "192.0.2.1");
	ck_assert_uint_eq(sa->id.spi, 0x1001);
	ck_assert_uint_eq(sa->id.proto, IPPROTO_ESP);
	ck_assert_uint_eq(sa->reqid, 7);
	ck_assert_uint_eq(sa->replay_window, 32);
	ck_assert(!sa->esn);
	ck_assert_str_eq(esp_suite_name(&sa->suite, name), "AES-128-GCM-16");
	for (uint8_t i = 0; i < 20; i++)
		ck_assert_uint_eq(sa->keys.encr[i], i);
	ck_assert_uint_eq(sa->limits.hard_bytes, SADB_NO_LIMIT);
	ck_assert_uint_eq(sa->limits.hard_add_s, 0);
	/* No family in the selector means the SA's own. */
	ck_assert_uint_eq(sa->sel.family, AF_INET);
	ck_assert_uint_eq(sa->sel.src.len, 0);
}
END_TEST

START_TEST(test_parse_takes_recorded_pairs)
{
	const struct sa_config *sa = &msg.sa.config;
	char name[64];

	ck_assert_msg(parse_recorded("sa_cbc") == 0, "%s", err.text);
	ck_assert_str_eq(esp_suite_name(&sa->suite, name), "AES-128-CBC/HMAC-SHA2-256-128");
	for (uint8_t i = 0; i < 32; i++)
		ck_assert_uint_eq(sa->keys.integ[i], i);
	ck_assert_uint_eq(sa->keys.encr[15], 15);
	ck_assert_uint_eq(sa->keys.encr[16], 0);
	ck_assert_uint_eq(sa->replay_window, 0);

	ck_assert_msg(parse_recorded("sa_auth") == 0, "%s", err.text);
	ck_assert_str_eq(esp_suite_name(&sa->suite, name), "AES-128-CBC/HMAC-SHA1-96");
	ck_assert_uint_eq(sa->sel.proto, IPPROTO_TCP);
	ck_assert_uint_eq(sa->sel.sport, 80);
	ck_assert_uint_eq(sa->sel.sport_mask, 0xffff);
	ck_assert_uint_eq(sa->sel.dport_mask, 0);
	ck_assert_uint_eq(sa->sel.src.len, 16);
	ck_assert_uint_eq(sa->limits.hard_bytes, 1000000);
	ck_assert_uint_eq(sa->limits.soft_add_s, 60);
	ck_assert_uint_eq(sa->mark.value, 5);
	ck_assert_uint_eq(sa->mark.mask, 0xff);

	ck_assert_msg(parse_recorded("sa_extra") == 0, "%s", err.text);
	ck_assert_str_eq(esp_suite_name(&sa->suite, name), "CHACHA20-POLY1305");
	ck_assert_uint_eq(sa->extra_flags, XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
}
END_TEST

START_TEST(test_parse_takes_udp_encapsulation_and_no_other)
{
	const struct sa_encap *encap = &msg.sa.config.encap;
	static const struct {
		uint16_t type, sport, dport;
		int code;
		const char *words;
	} table[] = {
		{UDP_ENCAP_ESPINUDP, 4500, 61000, 0, NULL},
		{UDP_ENCAP_ESPINUDP, 1, UINT16_MAX, 0, NULL},
		{UDP_ENCAP_ESPINUDP, 0, 4500, -EINVAL, "port 0"},
		{UDP_ENCAP_ESPINUDP, 4500, 0, -EINVAL, "port 0"},
		{1, 4500, 4500, -EOPNOTSUPP, "type 1"}, /* an old draft's, with a non-IKE marker */
		{7, 4500, 4500, -EOPNOTSUPP, "type 7"}, /* ESP in TCP */
	};
	struct xfrm_encap_tmpl wire = {0};
	char text[IP_ADDR_TEXT_MAX];

	ck_assert_msg(parse_recorded("sa_gcm") == 0, "%s", err.text);
	ck_assert(!sa_encap_is_udp(encap));
	ck_assert_msg(parse_recorded("sa_encap") == 0, "%s", err.text);
	ck_assert(sa_encap_is_udp(encap));
	ck_assert_uint_eq(encap->sport, 4500);
	ck_assert_uint_eq(encap->dport, 4500);
	ck_assert_uint_eq(encap->oa.family, AF_UNSPEC);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		plain();
		wire.encap_type = table[i].type;
		wire.encap_sport = htons(table[i].sport);
		wire.encap_dport = htons(table[i].dport);
		memcpy(&wire.encap_oa, "\xc0\x00\x02\x09", 4);
		wire_append(&buf, XFRMA_ENCAP, &wire, sizeof(wire));
		expect(table[i].code, table[i].words, "XFRMA_ENCAP");
		if (table[i].code)
			continue;
		ck_assert_uint_eq(encap->sport, table[i].sport);
		ck_assert_uint_eq(encap->dport, table[i].dport);
		ck_assert_str_eq(ip_addr_format(&encap->oa, text), "192.0.2.9");
	}
}
END_TEST

START_TEST(test_parse_takes_recorded_esn_without_bitmap)
{
	char text[IP_ADDR_TEXT_MAX];

	ck_assert_msg(parse_recorded("sa_esn") == 0, "%s", err.text);
	ck_assert(msg.sa.config.esn);
	ck_assert_uint_eq(msg.sa.config.replay_window, 128);
	ck_assert_str_eq(ip_addr_format(&msg.sa.config.id.dst, text), "2001:db8::2");
	ck_assert_uint_eq(msg.sa.config.sel.family, AF_INET6);
}
END_TEST

START_TEST(test_parse_takes_recorded_keys_and_dumps)
{
	char text[IP_ADDR_TEXT_MAX];

	ck_assert_msg(parse_recorded("sa_get") == 0, "%s", err.text);
	ck_assert(!msg.dump);
	ck_assert_uint_eq(msg.sa.config.id.spi, 0x1001);
	ck_assert_str_eq(ip_addr_format(&msg.sa.config.src, text), "192.0.2.1");
	ck_assert_msg(parse_recorded("sa_del") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.sa.config.mark.value, 5);
	ck_assert_uint_eq(msg.sa.config.mark.mask, UINT32_MAX);
	ck_assert_msg(parse_recorded("sa_list") == 0, "%s", err.text);
	ck_assert(msg.dump);
	ck_assert_uint_eq(msg.filter.src.addr.family, AF_UNSPEC);
	ck_assert_msg(parse_recorded("sa_listf") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.filter.proto, IPPROTO_ESP);
	ck_assert_uint_eq(msg.filter.src.len, 24);
	ck_assert_uint_eq(msg.filter.dst.len, 32);
	ck_assert_str_eq(ip_addr_format(&msg.filter.dst.addr, text), "192.0.2.2");
	ck_assert_msg(parse_recorded("sa_flush") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.proto, 0);
	ck_assert_msg(parse_recorded("sa_flushp") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.proto, IPPROTO_ESP);
	ck_assert_msg(parse_recorded("sa_upd") == 0, "%s", err.text);
	ck_assert_uint_eq(msg.type, XFRM_MSG_UPDSA);
}
END_TEST

START_TEST(test_parse_refuses_recorded)
{
	static const struct {
		const char *name, *words;
		int code;
	} refused[] = {
		{"sa_transport", "transport mode", -EOPNOTSUPP},
		{"sa_ah", "AH is not supported", -EOPNOTSUPP},
		{"sa_ifid", "XFRM interfaces", -EOPNOTSUPP},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		sample_hex(recorded_hex(refused[i].name), &buf);
		expect(refused[i].code, refused[i].words, refused[i].name);
	}
}
END_TEST

START_TEST(test_parse_reads_a_recorded_allocation)
{
	sample_hex(recorded_hex("sa_alloc"), &buf);
	expect(0, NULL, "sa_alloc");
	ck_assert_uint_eq(msg.type, XFRM_MSG_ALLOCSPI);
	ck_assert_uint_eq(msg.sa.config.id.proto, IPPROTO_ESP);
	ck_assert_uint_ge(msg.range.max, msg.range.min);
}
END_TEST

#define INFO(member) (NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, member))

/* One field of a valid message overwritten. */
static const struct {
	const char *what;
	size_t offset;
	uint8_t size;
	uint32_t value;
	int code;
	const char *words;
} fields[] = {
	{"family 0", INFO(family), 2, 0, -EINVAL, "family 0"},
	{"family 7", INFO(family), 2, 7, -EINVAL, "family 7"},
	{"IPv6", INFO(family), 2, AF_INET6, 0, NULL},
	{"selector family", INFO(sel.family), 2, 99, -EINVAL, "selector"},
	{"selector IPv4", INFO(sel.family), 2, AF_INET, 0, NULL},
	{"selector device", INFO(sel.ifindex), 4, 1, -EOPNOTSUPP, "device"},
	{"selector length without family", INFO(sel.prefixlen_d), 1, 1, -EINVAL, "selector"},
	{"AH", INFO(id.proto), 1, IPPROTO_AH, -EOPNOTSUPP, "AH"},
	{"IPComp", INFO(id.proto), 1, IPPROTO_COMP, -EOPNOTSUPP, "IPComp"},
	{"routing", INFO(id.proto), 1, IPPROTO_ROUTING, -EOPNOTSUPP, "Mobile IPv6"},
	{"TCP", INFO(id.proto), 1, IPPROTO_TCP, -EINVAL, "protocol 6"},
	{"SPI 0", INFO(id.spi), 4, 0, -EINVAL, "SPI 0"},
	{"SPI 1", INFO(id.spi), 4, 0x01000000, 0, NULL},
	{"transport", INFO(mode), 1, XFRM_MODE_TRANSPORT, -EOPNOTSUPP, "transport mode"},
	{"BEET", INFO(mode), 1, XFRM_MODE_BEET, -EOPNOTSUPP, "mode 4"},
	{"trigger", INFO(mode), 1, XFRM_MODE_IN_TRIGGER, -EINVAL, "mode 3"},
	{"IPTFS", INFO(mode), 1, 5, -EOPNOTSUPP, "mode 5"},
	{"mode 6", INFO(mode), 1, 6, -EINVAL, "mode 6"},
	{"ESN alone", INFO(flags), 1, XFRM_STATE_ESN, -EINVAL, "XFRMA_REPLAY_ESN_VAL"},
	{"flags", INFO(flags), 1, 0x7f, 0, NULL},
};

START_TEST(test_parse_checks_each_field)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		plain();
		memcpy(buf.bytes + fields[i].offset, &fields[i].value, fields[i].size);
		expect(fields[i].code, fields[i].words, fields[i].what);
		if (err.code && strstr(err.text, "XFRMA_") == NULL)
			ck_assert_msg(err.offset > 0 && err.offset < buf.len, "%s: offset %u",
				      fields[i].what, err.offset);
	}
}
END_TEST

START_TEST(test_parse_checks_selector_ports)
{
	plain();
	buf.bytes[INFO(sel.proto)] = IPPROTO_TCP;
	buf.bytes[INFO(sel.dport_mask)] = 0xff;
	expect(0, NULL, "TCP's");
	buf.bytes[INFO(sel.proto)] = IPPROTO_GRE;
	expect(-EOPNOTSUPP, "GRE keys", "GRE's");
}
END_TEST

START_TEST(test_parse_checks_selector_prefixes)
{
	static const struct {
		uint16_t family;
		uint8_t src, dst;
		int code;
	} prefixes[] = {
		{AF_INET, 32, 32, 0},	 {AF_INET, 33, 0, -EINVAL},   {AF_INET, 0, 33, -EINVAL},
		{AF_INET6, 128, 128, 0}, {AF_INET6, 129, 0, -EINVAL}, {AF_INET6, 0, 255, -EINVAL},
		{AF_UNSPEC, 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		plain();
		memcpy(buf.bytes + INFO(sel.family), &prefixes[i].family, 2);
		buf.bytes[INFO(sel.prefixlen_s)] = prefixes[i].src;
		buf.bytes[INFO(sel.prefixlen_d)] = prefixes[i].dst;
		expect(prefixes[i].code, NULL, "prefix lengths");
	}
}
END_TEST

/* XFRM_STATE_AF_UNSPEC keeps the family open; without it the kernel fills in the SA's. */
START_TEST(test_parse_fills_in_selector_family)
{
	plain();
	expect(0, NULL, "flag set");
	ck_assert_uint_eq(msg.sa.config.sel.family, AF_UNSPEC);
	buf.bytes[INFO(flags)] = 0;
	expect(0, NULL, "flag clear");
	ck_assert_uint_eq(msg.sa.config.sel.family, AF_INET);
	ck_assert_uint_eq(msg.sa.config.sel.src.addr.family, AF_INET);
}
END_TEST

START_TEST(test_parse_clamps_the_legacy_window)
{
	static const struct {
		uint8_t given;
		uint32_t got;
	} windows[] = {{0, 0}, {1, 1}, {31, 31}, {32, 32}, {33, 32}, {64, 32}, {255, 32}};

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		plain();
		buf.bytes[INFO(replay_window)] = windows[i].given;
		expect(0, NULL, "window");
		ck_assert_uint_eq(msg.sa.config.replay_window, windows[i].got);
	}
}
END_TEST

/* One attribute appended to a valid message. */
static const struct {
	const char *what;
	unsigned type;
	uint8_t len;
	uint8_t fill; /* each byte */
	int code;
	const char *words;
} attributes[] = {
	{"mark", XFRMA_MARK, 8, 1, 0, NULL},
	{"short mark", XFRMA_MARK, 7, 1, -ERANGE, "XFRMA_MARK has 7 bytes, at least 8"},
	{"long mark", XFRMA_MARK, 12, 1, 0, NULL},
	{"extra flags", XFRMA_SA_EXTRA_FLAGS, 4, 0, 0, NULL},
	{"short extra flags", XFRMA_SA_EXTRA_FLAGS, 3, 0, -ERANGE, "XFRMA_SA_EXTRA_FLAGS"},
	{"encapsulation", XFRMA_ENCAP, 24, 1, -EOPNOTSUPP,
	 "XFRMA_ENCAP: type 257 is not supported"},
	{"no encapsulation", XFRMA_ENCAP, 24, 0, -EOPNOTSUPP, "XFRMA_ENCAP: type 0"},
	{"short encapsulation", XFRMA_ENCAP, 20, 1, -ERANGE, "XFRMA_ENCAP"},
	{"if_id", XFRMA_IF_ID, 4, 1, -EOPNOTSUPP, "XFRM interfaces"},
	{"if_id 0", XFRMA_IF_ID, 4, 0, 0, NULL},
	{"padding", XFRMA_TFCPAD, 4, 1, 0, NULL},
	{"no padding", XFRMA_TFCPAD, 4, 0, 0, NULL},
	{"output mark", XFRMA_SET_MARK, 4, 1, 0, NULL},
	{"short output mark", XFRMA_SET_MARK, 3, 1, -ERANGE, "XFRMA_SET_MARK has 3"},
	{"output mark mask", XFRMA_SET_MARK_MASK, 4, 1, 0, NULL},
	{"short output mark mask", XFRMA_SET_MARK_MASK, 3, 1, -ERANGE, "XFRMA_SET_MARK_MASK"},
	{"context", XFRMA_SEC_CTX, 8, 1, -EOPNOTSUPP, "security contexts"},
	{"offload", XFRMA_OFFLOAD_DEV, 8, 1, -EOPNOTSUPP, "offload"},
	{"care-of", XFRMA_COADDR, 16, 1, -EOPNOTSUPP, "care-of"},
	{"counters", XFRMA_LTIME_VAL, 32, 1, 0, NULL},
	{"replay threshold", XFRMA_REPLAY_THRESH, 4, 1, -EOPNOTSUPP, "replay events"},
	{"timer threshold", XFRMA_ETIMER_THRESH, 4, 1, -EOPNOTSUPP, "replay events"},
	{"mapping threshold", XFRMA_MTIMER_THRESH, 4, 1, -EOPNOTSUPP, "mapping"},
	{"compression", XFRMA_ALG_COMP, 68, 0, -EINVAL, "XFRMA_ALG_COMP"},
	{"template", XFRMA_TMPL, 64, 0, 0, NULL}, /* the kernel looks away too */
	{"padding attribute", XFRMA_PAD, 0, 0, 0, NULL},
	{"type 0", 0, 4, 0, -EOPNOTSUPP, "type 0"},
	{"in", 33, 1, 1, 0, NULL}, /* from here on, of newer kernels */
	{"no direction", 33, 1, 0, -EINVAL, "XFRMA_SA_DIR: direction 0"},
	{"direction 3", 33, 1, 3, -EINVAL, "XFRMA_SA_DIR: direction 3"},
	{"keepalives", 34, 4, 1, -EOPNOTSUPP, "NAT keepalives"},
	{"the first CPU's", 35, 4, 0, -EOPNOTSUPP, "XFRMA_SA_PCPU: SAs of one CPU"},
	{"IPTFS", 36, 4, 0, -EOPNOTSUPP, "XFRMA_IPTFS_DROP_TIME: IPTFS"},
	{"IPTFS flag", 38, 0, 0, -EOPNOTSUPP, "XFRMA_IPTFS_DONT_FRAG: IPTFS"},
	{"IPTFS size", 41, 4, 1, -EOPNOTSUPP, "XFRMA_IPTFS_PKT_SIZE: IPTFS"},
	{"type 42", 42, 4, 1, -EOPNOTSUPP, "type 42"},
	{"type 4000", 4000, 4, 1, -EOPNOTSUPP, "type 4000"},
	{"a private type", 0x200, 4, 1, -EOPNOTSUPP, "type 512"},
	{"fresh numbers", XFRMA_REPLAY_VAL, 12, 0, 0, NULL},
	{"used numbers", XFRMA_REPLAY_VAL, 12, 1, 0, NULL},
	{"last use", XFRMA_LASTUSED, 8, 1, 0, NULL},
};

START_TEST(test_parse_checks_each_attribute)
{
	uint8_t data[UINT8_MAX];

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		size_t at;

		plain();
		at = buf.len;
		memset(data, attributes[i].fill, sizeof(data));
		wire_append(&buf, attributes[i].type, data, attributes[i].len);
		expect(attributes[i].code, attributes[i].words, attributes[i].what);
		if (err.code)
			ck_assert_uint_eq(err.offset, at);
		else
			ck_assert_uint_eq(msg.sa.status.last_use, 0); /* a request has none */
	}
}
END_TEST

/* Of a mask without a mark the kernel knows nothing, and without a mask all bits are set. */
START_TEST(test_parse_takes_an_output_mark)
{
	static const struct {
		bool has_value, has_mask;
		uint32_t value, mask, got_value, got_mask, sent;
	} rows[] = {
		{false, false, 0, 0, 0, 0, 0},
		{false, true, 0, 0xff, 0, 0, 0},
		{true, false, 7, 0, 7, UINT32_MAX, 7},
		{true, true, 0xff07, 0xff, 0xff07, 0xff, 7},
		{true, true, 0x80000000, 0xc0000000, 0x80000000, 0xc0000000, 0x80000000},
		{true, true, 7, 0, 7, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct sa_config *config = &msg.sa.config;

		plain();
		if (rows[i].has_value)
			wire_append(&buf, XFRMA_SET_MARK, &rows[i].value, 4);
		if (rows[i].has_mask)
			wire_append(&buf, XFRMA_SET_MARK_MASK, &rows[i].mask, 4);
		expect(0, NULL, "output mark");
		ck_assert_uint_eq(config->output_mark.value, rows[i].got_value);
		ck_assert_uint_eq(config->output_mark.mask, rows[i].got_mask);
		ck_assert_uint_eq(sa_output_mark(config), rows[i].sent);
	}
}
END_TEST

START_TEST(test_parse_takes_the_last_of_duplicates)
{
	struct xfrm_mark first = {1, 3}, last = {0xff, 6}; /* bits outside the mask go */

	plain();
	wire_append(&buf, XFRMA_MARK, &first, sizeof(first));
	wire_append(&buf, XFRMA_MARK, &last, sizeof(last));
	expect(0, NULL, "two marks");
	ck_assert_uint_eq(msg.sa.config.mark.value, 6);
	ck_assert_uint_eq(msg.sa.config.mark.mask, 6);
}
END_TEST

static void append_algorithm(unsigned type, const char *name, uint32_t key_bits, uint32_t icv_bits,
			     size_t key_room)
{
	bool has_icv = type == XFRMA_ALG_AEAD || type == XFRMA_ALG_AUTH_TRUNC;
	size_t fixed = has_icv ? sizeof(struct xfrm_algo_aead) : sizeof(struct xfrm_algo);
	uint8_t raw[512];

	memset(raw, 'K', sizeof(raw));
	memset(raw, 0, 64);
	memcpy(raw, name, strnlen(name, 64));
	memcpy(raw + 64, &key_bits, 4);
	if (has_icv)
		memcpy(raw + 68, &icv_bits, 4);
	wire_append(&buf, type, raw, fixed + key_room);
}

/* A NEWSA with no algorithm yet. */
static void bare(void)
{
	plain();
	buf.len = NLMSG_HDRLEN + sizeof(struct xfrm_usersa_info);
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
}

#define CRYPT XFRMA_ALG_CRYPT
#define AUTH  XFRMA_ALG_AUTH
#define TRUNC XFRMA_ALG_AUTH_TRUNC
#define AEAD  XFRMA_ALG_AEAD

/* One or two algorithms: attribute, name, key and ICV bits. */
static const struct {
	struct {
		unsigned type;
		const char *name;
		uint32_t key, icv;
	} alg[2];
	int code;
	const char *words; /* of the error, or the suite's name */
} algorithms[] = {
	{{{AEAD, "rfc4106(gcm(aes))", 160, 128}}, 0, "AES-128-GCM-16"},
	{{{AEAD, "rfc4106(gcm(aes))", 224, 128}}, 0, "AES-192-GCM-16"},
	{{{AEAD, "rfc4106(gcm(aes))", 288, 128}}, 0, "AES-256-GCM-16"},
	{{{AEAD, "rfc7539esp(chacha20,poly1305)", 288, 128}}, 0, "CHACHA20-POLY1305"},
	{{{AEAD, "rfc4106(gcm(aes))", 128, 128}}, -EINVAL, "salt"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 64}}, 0, "AES-128-GCM-8"},
	{{{AEAD, "rfc4106(gcm(aes))", 224, 96}}, 0, "AES-192-GCM-12"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 32}}, -EINVAL, "ICV"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 0}}, -EINVAL, "ICV"},
	{{{AEAD, "rfc4106(gcm(aes))", 161, 128}}, -EINVAL, "161 bits"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 129}}, -EINVAL, "129 bits"},
	{{{AEAD, "rfc4106(gcm(aes))", 4096, 128}}, -EINVAL, "4096 bits"},
	{{{AEAD, "rfc4106(gcm(aes))", 0xfffffff8, 128}}, -EINVAL, "bits"},
	{{{AEAD, "rfc4309(ccm(aes))", 152, 128}}, 0, "AES-128-CCM-16"},
	{{{AEAD, "rfc4309(ccm(aes))", 216, 96}}, 0, "AES-192-CCM-12"},
	{{{AEAD, "rfc4309(ccm(aes))", 280, 64}}, 0, "AES-256-CCM-8"},
	{{{AEAD, "rfc4309(ccm(aes))", 160, 64}}, -EINVAL, "three bytes of salt"},
	{{{AEAD, "rfc4543(gcm(aes))", 160, 128}}, 0, "AES-128-GMAC"},
	{{{AEAD, "rfc4543(gcm(aes))", 160, 64}}, -EINVAL, "ICV"},
	{{{AEAD, "iiv(rfc4106(gcm(aes)))", 288, 128}}, 0, "AES-256-GCM-16-IIV"},
	{{{AEAD, "iiv(rfc4106(gcm(aes)))", 288, 64}}, -EINVAL, "ICV"},
	{{{AEAD, "iiv(rfc7539esp(chacha20,poly1305))", 288, 128}}, 0, "CHACHA20-POLY1305-IIV"},
	{{{AEAD, "cbc(aes)", 128, 128}}, -ENOSYS, "no such algorithm"},
	{{{AEAD, "x\ny", 128, 128}}, -ENOSYS, "\"x?y\""},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "hmac(sha256)", 256, 128}},
	 0,
	 "AES-128-CBC/HMAC-SHA2-256-128"},
	{{{CRYPT, "aes", 256, 0}, {TRUNC, "sha256", 256, 128}}, 0, "AES-256-CBC/HMAC-SHA2-256-128"},
	{{{CRYPT, "cbc(aes)", 192, 0}, {AUTH, "hmac(sha1)", 160, 0}},
	 0,
	 "AES-192-CBC/HMAC-SHA1-96"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "sha1", 160, 0}}, 0, "AES-128-CBC/HMAC-SHA1-96"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "sha1", 160, 96}}, 0, "AES-128-CBC/HMAC-SHA1-96"},
	{{{CRYPT, "cipher_null", 0, 0}, {AUTH, "sha1", 160, 0}}, 0, "NULL/HMAC-SHA1-96"},
	{{{CRYPT, "ecb(cipher_null)", 0, 0}, {TRUNC, "sha256", 256, 128}},
	 0,
	 "NULL/HMAC-SHA2-256-128"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {AUTH, "hmac(sha256)", 256, 0}},
	 -EINVAL,
	 "send XFRMA_ALG_AUTH_TRUNC"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "hmac(sha256)", 256, 0}},
	 -EINVAL,
	 "send XFRMA_ALG_AUTH_TRUNC"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {AUTH, "hmac(sha256)", 128, 0}}, -EINVAL, "32 bytes"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "hmac(sha256)", 256, 96}}, -EINVAL, "128 bits"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {TRUNC, "hmac(sha256)", 256, 256}}, -EINVAL, "128 bits"},
	{{{CRYPT, "cbc(aes)", 136, 0}, {AUTH, "sha1", 160, 0}}, -EINVAL, "AES-CBC takes"},
	{{{CRYPT, "cbc(aes)", 128, 0}, {AUTH, "digest_null", 0, 0}}, -EINVAL, "integrity"},
	{{{CRYPT, "cbc(aes)", 128, 0}}, -EINVAL, "integrity"},
	{{{CRYPT, "cipher_null", 0, 0}}, -EINVAL, "integrity"},
	{{{AUTH, "sha1", 160, 0}}, -EINVAL, "XFRMA_ALG_CRYPT"},
	{{{TRUNC, "sha256", 256, 128}}, -EINVAL, "XFRMA_ALG_CRYPT"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 128}, {AUTH, "sha1", 160, 0}}, -EINVAL, "excludes"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 128}, {TRUNC, "sha1", 160, 96}}, -EINVAL, "excludes"},
	{{{AEAD, "rfc4106(gcm(aes))", 160, 128}, {CRYPT, "aes", 128, 0}}, -EINVAL, "excludes"},
	{{{CRYPT, "cbc(des)", 64, 0}, {AUTH, "sha1", 160, 0}}, -ENOSYS, "MUST NOT"},
	{{{CRYPT, "des3_ede", 192, 0}, {AUTH, "sha1", 160, 0}}, -ENOSYS, "SHOULD NOT"},
	{{{CRYPT, "blowfish", 128, 0}, {AUTH, "sha1", 160, 0}}, -ENOSYS, "MUST NOT"},
	{{{CRYPT, "rfc3686(ctr(aes))", 160, 0}, {AUTH, "sha1", 160, 0}},
	 0,
	 "AES-128-CTR/HMAC-SHA1-96"},
	{{{CRYPT, "rfc3686(ctr(aes))", 160, 0}}, -EINVAL, "AES-CTR needs"},
	{{{AEAD, "rfc3686(ctr(aes))", 160, 128}}, -ENOSYS, "no such algorithm"},
	/* Without a length the kernel's default is the RFC's, but for SHA-256. */
	{{{CRYPT, "aes", 128, 0}, {AUTH, "hmac(sha384)", 384, 0}},
	 0,
	 "AES-128-CBC/HMAC-SHA2-384-192"},
	{{{CRYPT, "aes", 128, 0}, {AUTH, "hmac(sha512)", 512, 0}},
	 0,
	 "AES-128-CBC/HMAC-SHA2-512-256"},
	{{{CRYPT, "aes", 128, 0}, {TRUNC, "hmac(sha512)", 512, 256}},
	 0,
	 "AES-128-CBC/HMAC-SHA2-512-256"},
	{{{CRYPT, "aes", 128, 0}, {TRUNC, "hmac(sha512)", 512, 512}}, -EINVAL, "256 bits"},
	{{{CRYPT, "aes", 128, 0}, {AUTH, "xcbc(aes)", 128, 0}}, 0, "AES-128-CBC/AES-XCBC-96"},
	{{{CRYPT, "aes", 128, 0}, {TRUNC, "cmac(aes)", 128, 96}}, 0, "AES-128-CBC/AES-CMAC-96"},
	{{{CRYPT, "rot13", 0, 0}, {AUTH, "sha1", 160, 0}}, -ENOSYS, "no such algorithm"},
	{{{CRYPT, "aes", 128, 0}, {AUTH, "hmac(md5)", 128, 0}}, -ENOSYS, "MUST NOT"},
	{{{CRYPT, "aes", 128, 0}, {TRUNC, "sha512", 512, 256}}, -ENOSYS, "no such algorithm"},
	{{{CRYPT, "cbc(camellia)", 128, 0}, {AUTH, "sha1", 160, 0}}, -ENOSYS, "RFC 8221"},
};

START_TEST(test_parse_checks_algorithms)
{
	char name[64];

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		bare();
		for (int k = 0; k < 2 && algorithms[i].alg[k].name; k++) {
			uint32_t bytes = algorithms[i].alg[k].key / 8;

			append_algorithm(algorithms[i].alg[k].type, algorithms[i].alg[k].name,
					 algorithms[i].alg[k].key, algorithms[i].alg[k].icv,
					 bytes > 100 ? 100 : bytes);
		}
		expect(algorithms[i].code, algorithms[i].code ? algorithms[i].words : NULL,
		       algorithms[i].alg[0].name);
		if (algorithms[i].code == 0)
			ck_assert_str_eq(esp_suite_name(&msg.sa.config.suite, name),
					 algorithms[i].words);
	}
}
END_TEST

START_TEST(test_parse_rejects_short_keys)
{
	static const struct {
		unsigned type;
		const char *name;
		uint32_t bits, icv;
	} keys[] = {
		{AEAD, "rfc4106(gcm(aes))", 160, 128},
		{CRYPT, "aes", 128, 0},
		{AUTH, "sha1", 160, 0},
		{TRUNC, "sha1", 160, 96},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (size_t room = 0; room < keys[i].bits / 8; room++) {
			bare();
			if (keys[i].type == AUTH || keys[i].type == TRUNC)
				append_algorithm(CRYPT, "aes", 128, 0, 16);
			append_algorithm(keys[i].type, keys[i].name, keys[i].bits, keys[i].icv,
					 room);
			expect(-EINVAL, "does not fit", keys[i].name);
		}
	}
}
END_TEST

/* The truncated form wins when both are there, as a dump of the kernel's has them. */
START_TEST(test_parse_prefers_auth_trunc)
{
	char name[64];

	bare();
	append_algorithm(CRYPT, "aes", 128, 0, 16);
	append_algorithm(AUTH, "hmac(md5)", 128, 0, 16);
	append_algorithm(TRUNC, "hmac(sha256)", 256, 128, 32);
	expect(0, NULL, "both");
	ck_assert_str_eq(esp_suite_name(&msg.sa.config.suite, name),
			 "AES-128-CBC/HMAC-SHA2-256-128");
}
END_TEST

START_TEST(test_parse_takes_a_name_without_end)
{
	char name[65];

	memset(name, 'a', 64);
	name[64] = '\0';
	bare();
	append_algorithm(AEAD, name, 160, 128, 20);
	expect(-ENOSYS, "no such algorithm", "64 letters");
}
END_TEST

static const struct {
	uint8_t flags, legacy;
	uint32_t words, window, seq;
	size_t len; /* of the attribute */
	int code;
	const char *why;
} replays[] = {
	{XFRM_STATE_ESN, 0, 1, 32, 0, 24, 0, NULL},
	{XFRM_STATE_ESN, 0, 1, 32, 0, 28, 0, NULL},
	{XFRM_STATE_ESN, 0, 1, 1, 0, 28, 0, NULL},
	{XFRM_STATE_ESN, 0, 128, 4096, 0, 24, 0, NULL},
	{XFRM_STATE_ESN, 0, 128, 4096, 0, 536, 0, NULL},
	{XFRM_STATE_ESN, 0, 129, 4096, 0, 540, -EINVAL, "129 words"},
	{XFRM_STATE_ESN, 0, 0x40000000, 32, 0, 24, -EINVAL, "words"},
	{XFRM_STATE_ESN, 0, 2, 64, 0, 28, -EINVAL, "too short"},
	{XFRM_STATE_ESN, 0, 1, 33, 0, 28, -EINVAL, "window of 33"},
	{XFRM_STATE_ESN, 0, 0, 1, 0, 24, -EINVAL, "window of 1"},
	{XFRM_STATE_ESN, 0, 1, 0, 0, 28, -EINVAL, "above 0"},
	{XFRM_STATE_ESN, 0, 0, 0, 0, 24, -EINVAL, "above 0"},
	{XFRM_STATE_ESN, 1, 1, 32, 0, 28, -EINVAL, "replay_window must be 0"},
	{XFRM_STATE_ESN, 0, 1, 32, 7, 28, 0, NULL},
	{0, 0, 1, 32, 7, 28, -EINVAL, "beyond 32 bits"},
	{XFRM_STATE_ESN, 0, 1, 32, 0, 20, -ERANGE, "XFRMA_REPLAY_ESN_VAL has 20"},
	{0, 0, 2, 64, 0, 32, 0, NULL},
	{0, 0, 0, 0, 0, 24, 0, NULL}, /* replay check off */
	{0, 0, 2, 65, 0, 32, -EINVAL, "window of 65"},
};

START_TEST(test_parse_checks_replay)
{
	for (size_t i = 0; i < sizeof(replays) / sizeof(replays[0]); i++) {
		uint32_t raw[160] = {replays[i].words, 0, 0, 0, replays[i].seq, replays[i].window};

		plain();
		buf.bytes[INFO(flags)] = replays[i].flags;
		buf.bytes[INFO(replay_window)] = replays[i].legacy;
		wire_append(&buf, XFRMA_REPLAY_ESN_VAL, raw, replays[i].len);
		expect(replays[i].code, replays[i].why, "replay");
		if (replays[i].code)
			continue;
		ck_assert_uint_eq(msg.sa.config.replay_window, replays[i].window);
		ck_assert(msg.sa.config.esn == (replays[i].flags != 0));
	}
}
END_TEST

/* A request may bring them too: an SA that is taken over goes on after them. */
START_TEST(test_parse_reads_what_an_sa_has_done)
{
	static const uint16_t flags[] = {NLM_F_MULTI, NLM_F_REQUEST};
	const struct xfrm_lifetime_cur cur = {1000, 10, 1700000000, 1700000001};
	uint32_t esn[7] = {1, 0x11, 0x22, 0x33, 0x44, 32, 0};
	uint32_t legacy[3] = {0x55, 0x66, 0};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		plain();
		wire_header(&buf)->nlmsg_flags = flags[i];
		wire_append(&buf, XFRMA_REPLAY_VAL, legacy, sizeof(legacy));
		wire_append(&buf, XFRMA_LTIME_VAL, &cur, sizeof(cur));
		expect(0, NULL, "legacy");
		ck_assert_uint_eq(msg.sa.status.out_seq, 0x55);
		ck_assert_uint_eq(msg.sa.status.in_seq, 0x66);
		/* An answer has its counters in the structure. */
		ck_assert_uint_eq(msg.sa.status.bytes, i ? 1000 : 0);
		ck_assert_uint_eq(msg.sa.status.packets, i ? 10 : 0);
		ck_assert_uint_eq(msg.sa.status.add_time, i ? 1700000000 : 0);
		ck_assert_uint_eq(msg.sa.status.use_time, i ? 1700000001 : 0);
		plain();
		wire_header(&buf)->nlmsg_flags = flags[i];
		buf.bytes[INFO(flags)] = XFRM_STATE_ESN;
		buf.bytes[INFO(replay_window)] = 0;
		wire_append(&buf, XFRMA_REPLAY_ESN_VAL, esn, sizeof(esn));
		expect(0, NULL, "ESN");
		ck_assert_uint_eq(msg.sa.status.out_seq, 0x3300000011);
		ck_assert_uint_eq(msg.sa.status.in_seq, 0x4400000022);
	}
}
END_TEST

/* The wide bitmap is a ring: of 64 bits, number 70 has the one at (70 - 1) % 64. */
START_TEST(test_parse_reads_what_a_window_has_seen)
{
	const uint32_t esn[8] = {2, 0, 70, 0, 0, 64, 1U << 5 | 1U << 4 | 1U << 0, 1U << 31};
	const uint32_t legacy[3] = {0, 70, 0x80000005};
	const struct esp_seen *seen = &msg.sa.status.seen;
	static struct sample_buffer again;
	uint32_t got[8];

	plain();
	wire_header(&buf)->nlmsg_flags = NLM_F_MULTI;
	buf.bytes[INFO(replay_window)] = 0;
	wire_append(&buf, XFRMA_REPLAY_ESN_VAL, esn, sizeof(esn));
	expect(0, NULL, "wide");
	for (uint32_t i = 0; i < 64; i++)
		ck_assert(esp_was_seen(seen, i) == (i == 0 || i == 1 || i == 5 || i == 6));
	ck_assert(esp_was_seen(seen, 64)); /* of which nothing was said */
	sample_put(&msg, &again);
	memcpy(got, memmem(again.bytes, again.len, esn, 24), sizeof(got));
	ck_assert_mem_eq(got, esn, sizeof(esn));
	plain();
	wire_append(&buf, XFRMA_REPLAY_VAL, legacy, sizeof(legacy));
	expect(0, NULL, "legacy");
	ck_assert_uint_eq(seen->bits[0], 0x80000005);
	ck_assert_uint_eq(seen->bits[1], UINT32_MAX);
	sample_put(&msg, &again);
	ck_assert_ptr_nonnull(memmem(again.bytes, again.len, legacy, sizeof(legacy)));
	plain();
	buf.bytes[INFO(replay_window)] = 0;
	wire_append(&buf, XFRMA_REPLAY_ESN_VAL, esn, 24); /* as iproute2 */
	expect(0, NULL, "without a bitmap");
	ck_assert(!esp_was_seen(seen, 0));
}
END_TEST

START_TEST(test_parse_checks_keys_and_filters)
{
	struct xfrm_address_filter filter = {.family = AF_INET, .splen = 33};
	size_t family = NLMSG_HDRLEN + offsetof(struct xfrm_usersa_id, family);
	uint8_t any = 255;

	sample_hex(recorded_hex("sa_get"), &buf);
	buf.bytes[family] = 0;
	expect(-ESRCH, "family 0", "key without family");
	sample_hex(recorded_hex("sa_get"), &buf);
	buf.bytes[family + 2] = IPPROTO_AH; /* it may be asked for; nobody has it */
	expect(0, NULL, "AH key");
	sample_hex(recorded_hex("sa_list"), &buf);
	wire_append(&buf, XFRMA_ADDRESS_FILTER, &filter, sizeof(filter));
	expect(-EINVAL, "XFRMA_ADDRESS_FILTER", "prefix 33");
	sample_hex(recorded_hex("sa_list"), &buf);
	wire_append(&buf, XFRMA_PROTO, &any, 1);
	expect(0, NULL, "any protocol");
	ck_assert_uint_eq(msg.filter.proto, 0);
}
END_TEST

START_TEST(test_filter_matches_as_the_kernel)
{
	struct xfrm_sa sa = sample_plain_sa();
	struct xfrm_sa_filter filter = {0};

	ck_assert(xfrm_sa_filter_matches(&filter, &sa.config));
	filter.proto = IPPROTO_AH;
	ck_assert(!xfrm_sa_filter_matches(&filter, &sa.config));
	filter.proto = IPPROTO_ESP;
	ck_assert(ip_addr_parse("192.0.2.128", &filter.src.addr));
	filter.src.len = 24;
	ck_assert(xfrm_sa_filter_matches(&filter, &sa.config));
	filter.src.len = 25;
	ck_assert(!xfrm_sa_filter_matches(&filter, &sa.config));
	filter.src.len = 0;
	ck_assert(ip_addr_parse("192.0.2.3", &filter.dst.addr));
	filter.dst.len = 32;
	ck_assert(!xfrm_sa_filter_matches(&filter, &sa.config));
	ck_assert(ip_addr_parse("::", &filter.src.addr));
	filter.dst = (struct ip_prefix){0};
	ck_assert(!xfrm_sa_filter_matches(&filter, &sa.config));
}
END_TEST

START_TEST(test_parse_rejects_other_types)
{
	static const struct {
		uint16_t type;
		int code;
	} types[] = {
		{0, -EINVAL},
		{NLMSG_ERROR, -EINVAL},
		{NLMSG_DONE, -EINVAL},
		{XFRM_MSG_BASE - 1, -EINVAL},
		{XFRM_MSG_REPORT, -EINVAL},
		{XFRM_MSG_MAX + 1, -EINVAL},
		{0xbf, -EINVAL},
		{0xc4, -EINVAL},
		{0xffff, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		plain();
		wire_header(&buf)->nlmsg_type = types[i].type;
		expect(types[i].code, NULL, "type");
	}
}
END_TEST

START_TEST(test_parse_leaves_out_alone_on_failure)
{
	struct xfrm_message before;

	memset(&msg, 0x5a, sizeof(msg));
	memcpy(&before, &msg, sizeof(msg));
	plain();
	buf.bytes[INFO(mode)] = XFRM_MODE_BEET;
	expect(-EOPNOTSUPP, NULL, "mode");
	ck_assert_mem_eq(&msg, &before, sizeof(msg));
}
END_TEST

START_TEST(test_parse_rejects_every_cut)
{
	static const char *const names[] = {"sa_gcm", "sa_cbc", "sa_esn",  "sa_auth",
					    "sa_get", "sa_del", "sa_flush"};
	static const size_t headers[] = {224, 224, 224, 224, 24, 24, 1};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sample_buffer whole;

		sample_hex(recorded_hex(names[i]), &whole);
		wire_check_cuts(&whole, headers[i]);
	}
}
END_TEST

START_TEST(test_parse_survives_flipped_bits)
{
	uint64_t rng = sample_seed();

	for (int i = 0; i < 20000; i++) {
		size_t which = sample_below(&rng, sizeof(recorded) / sizeof(recorded[0]));

		sample_hex(recorded[which].hex, &buf);
		for (uint32_t n = 1 + sample_below(&rng, 4); n; n--) {
			size_t at = 16 + sample_below(&rng, (uint32_t)buf.len);

			if (at < buf.len)
				buf.bytes[at] ^= (uint8_t)(1u << sample_below(&rng, 8));
		}
		if (wire_parse(&buf, &msg, &err) == 0)
			ck_assert_uint_eq(msg.type, wire_header(&buf)->nlmsg_type);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm parse sa");
	TCase *tc = tcase_create("parse sa");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_parse_takes_recorded_gcm);
	tcase_add_test(tc, test_parse_takes_recorded_pairs);
	tcase_add_test(tc, test_parse_takes_udp_encapsulation_and_no_other);
	tcase_add_test(tc, test_parse_takes_recorded_esn_without_bitmap);
	tcase_add_test(tc, test_parse_takes_recorded_keys_and_dumps);
	tcase_add_test(tc, test_parse_refuses_recorded);
	tcase_add_test(tc, test_parse_reads_a_recorded_allocation);
	tcase_add_test(tc, test_parse_checks_each_field);
	tcase_add_test(tc, test_parse_checks_selector_prefixes);
	tcase_add_test(tc, test_parse_checks_selector_ports);
	tcase_add_test(tc, test_parse_fills_in_selector_family);
	tcase_add_test(tc, test_parse_clamps_the_legacy_window);
	tcase_add_test(tc, test_parse_checks_each_attribute);
	tcase_add_test(tc, test_parse_takes_an_output_mark);
	tcase_add_test(tc, test_parse_takes_the_last_of_duplicates);
	tcase_add_test(tc, test_parse_checks_algorithms);
	tcase_add_test(tc, test_parse_rejects_short_keys);
	tcase_add_test(tc, test_parse_prefers_auth_trunc);
	tcase_add_test(tc, test_parse_takes_a_name_without_end);
	tcase_add_test(tc, test_parse_checks_replay);
	tcase_add_test(tc, test_parse_reads_what_an_sa_has_done);
	tcase_add_test(tc, test_parse_reads_what_a_window_has_seen);
	tcase_add_test(tc, test_parse_checks_keys_and_filters);
	tcase_add_test(tc, test_filter_matches_as_the_kernel);
	tcase_add_test(tc, test_parse_rejects_other_types);
	tcase_add_test(tc, test_parse_leaves_out_alone_on_failure);
	tcase_add_test(tc, test_parse_rejects_every_cut);
	tcase_add_test(tc, test_parse_survives_flipped_bits);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
