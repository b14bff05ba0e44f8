/*
 * tests/unit/xfrm/test_parse_policy.c: the strict half of the codec for policies: what iproute2
 * sends is understood, what the kernel refuses is refused with its errno, and what only Cygnet
 * refuses says so.
 */
#include "tests/unit/xfrm/iproute2_messages.h"
#include "tests/unit/xfrm/wire.h"

#include <netinet/in.h>
#include <stddef.h>

static struct sample_buffer buf;
static struct xfrm_message msg;
static struct xfrm_error err;

static void load(const char *name)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		if (strcmp(recorded[i].name, name) == 0) {
			sample_hex(recorded[i].hex, &buf);
			return;
		}
	}
	ck_abort_msg("no recorded message %s", name);
}

static void expect(int code, const char *words, const char *what)
{
	int rc = wire_parse(&buf, &msg, &err);

	ck_assert_msg(rc == code, "%s: %d (%s), expected %d", what, rc, err.text, code);
	if (words)
		ck_assert_msg(strstr(err.text, words), "%s: \"%s\" lacks \"%s\"", what, err.text,
			      words);
}

START_TEST(test_parse_takes_recorded_protect)
{
	const struct policy_config *p = &msg.policy.config;
	char text[IP_ADDR_TEXT_MAX];

	load("pol_out");
	expect(0, NULL, "pol_out");
	ck_assert_uint_eq(msg.type, XFRM_MSG_NEWPOLICY);
	ck_assert_uint_eq(p->dir, POLICY_OUT);
	ck_assert_uint_eq(p->action, POLICY_PROTECT);
	ck_assert_uint_eq(p->priority, 100);
	ck_assert_str_eq(ip_addr_format(&p->sel.src.addr, text), "10.1.0.0");
	ck_assert_uint_eq(p->sel.src.len, 16);
	ck_assert_str_eq(ip_addr_format(&p->tmpl.dst, text), "192.0.2.2");
	ck_assert_uint_eq(p->tmpl.reqid, 7);
	ck_assert_uint_eq(p->tmpl.mode, XFRM_MODE_TUNNEL);
	ck_assert_uint_eq(p->tmpl.aalgos, UINT32_MAX);
	ck_assert(!p->tmpl.optional);
	ck_assert_uint_eq(p->limits.hard_bytes, SADB_NO_LIMIT);

	load("pol_in");
	expect(0, NULL, "pol_in");
	ck_assert_uint_eq(p->dir, POLICY_IN);
	ck_assert_uint_eq(p->sel.proto, IPPROTO_UDP);
	ck_assert_uint_eq(p->sel.sport, 53);
	ck_assert_uint_eq(p->sel.sport_mask, 0xffff);
	ck_assert(p->tmpl.optional);

	load("pol_fwd");
	expect(0, NULL, "pol_fwd");
	ck_assert_uint_eq(p->dir, POLICY_FWD);
	ck_assert_uint_eq(p->sel.family, AF_INET6);
	ck_assert_uint_eq(p->sel.dst.len, 64);
	ck_assert_str_eq(ip_addr_format(&p->tmpl.src, text), "2001:db8::2");
	ck_assert_uint_eq(p->tmpl.spi, 0x99);
	ck_assert_uint_eq(p->mark.value, 5);
	ck_assert_uint_eq(p->mark.mask, 0xff);

	load("pol_upd");
	expect(0, NULL, "pol_upd");
	ck_assert_uint_eq(msg.type, XFRM_MSG_UPDPOLICY);
	ck_assert_uint_eq(p->tmpl.reqid, 8);
}
END_TEST

START_TEST(test_parse_takes_recorded_plain_actions)
{
	load("pol_block");
	expect(0, NULL, "pol_block");
	ck_assert_uint_eq(msg.policy.config.action, POLICY_DISCARD);
	ck_assert_uint_eq(msg.policy.config.priority, 5);
	load("pol_bypass");
	expect(0, NULL, "pol_bypass");
	ck_assert_uint_eq(msg.policy.config.action, POLICY_BYPASS);
}
END_TEST

START_TEST(test_parse_takes_recorded_keys)
{
	load("pol_get");
	expect(0, NULL, "pol_get");
	ck_assert(!msg.dump);
	ck_assert_uint_eq(msg.policy.config.dir, POLICY_OUT);
	ck_assert_uint_eq(msg.policy.config.sel.dst.len, 16);
	load("pol_deli");
	expect(0, NULL, "pol_deli");
	ck_assert_uint_eq(msg.policy.config.index, 17);
	load("pol_list");
	expect(0, NULL, "pol_list");
	ck_assert(msg.dump);
	load("pol_flush");
	expect(0, NULL, "pol_flush");
	load("pol_two");
	expect(-EOPNOTSUPP, "protocol 108", "pol_two");
	load("pol_sub");
	expect(-EOPNOTSUPP, "sub policies", "pol_sub");
}
END_TEST

#define INFO(member) (NLMSG_HDRLEN + offsetof(struct xfrm_userpolicy_info, member))
#define TMPL(member)                                                                  \
	(NLMSG_HDRLEN + sizeof(struct xfrm_userpolicy_info) + sizeof(struct nlattr) + \
	 offsetof(struct xfrm_user_tmpl, member))

/* One field of a recorded message overwritten. */
static const struct {
	const char *from, *what;
	size_t offset;
	uint8_t size;
	uint32_t value;
	int code;
	const char *words;
} fields[] = {
	{"pol_out", "share 3", INFO(share), 1, XFRM_SHARE_UNIQUE, 0, NULL},
	{"pol_out", "share 4", INFO(share), 1, 4, -EINVAL, "share 4"},
	{"pol_out", "action 2", INFO(action), 1, 2, -EINVAL, "action 2"},
	{"pol_out", "block with template", INFO(action), 1, XFRM_POLICY_BLOCK, -EOPNOTSUPP,
	 "no template"},
	{"pol_out", "family 0", INFO(sel.family), 2, 0, -EINVAL, "family 0"},
	{"pol_out", "family 3", INFO(sel.family), 2, 3, -EINVAL, "family 3"},
	{"pol_out", "source /32", INFO(sel.prefixlen_s), 1, 32, 0, NULL},
	{"pol_out", "source /33", INFO(sel.prefixlen_s), 1, 33, -EINVAL, "33"},
	{"pol_fwd", "destination /128", INFO(sel.prefixlen_d), 1, 128, 0, NULL},
	{"pol_fwd", "destination /129", INFO(sel.prefixlen_d), 1, 129, -EINVAL, "129"},
	{"pol_out", "device", INFO(sel.ifindex), 4, 1, -EOPNOTSUPP, "device"},
	{"pol_block", "direction 3", INFO(dir), 1, 3, -EINVAL, "direction 3"},
	{"pol_block", "index of out", INFO(index), 4, 8 | POLICY_OUT, 0, NULL},
	{"pol_block", "index of in", INFO(index), 4, 8 | POLICY_IN, -EINVAL, "index 8"},
	{"pol_block", "index of a socket", INFO(index), 4, 8 | 4 | POLICY_OUT, -EINVAL, "index 13"},
	{"pol_out", "flags", INFO(flags), 1, 0xff, 0, NULL},
	{"pol_out", "template family", TMPL(family), 2, 99, -EINVAL, "family 99"},
	{"pol_out", "IPv4 in IPv6", TMPL(family), 2, AF_INET6, 0, NULL},
	{"pol_out", "AH", TMPL(id.proto), 1, IPPROTO_AH, -EOPNOTSUPP, "protocol 51"},
	{"pol_out", "IPComp", TMPL(id.proto), 1, IPPROTO_COMP, -EOPNOTSUPP, "protocol 108"},
	{"pol_out", "TCP", TMPL(id.proto), 1, IPPROTO_TCP, -EINVAL, "protocol 6"},
	{"pol_out", "no protocol", TMPL(id.proto), 1, 0, -EINVAL, "protocol 0"},
	{"pol_out", "transport", TMPL(mode), 1, XFRM_MODE_TRANSPORT, -EOPNOTSUPP, "transport"},
	{"pol_out", "BEET", TMPL(mode), 1, XFRM_MODE_BEET, -EOPNOTSUPP, "this mode"},
	{"pol_out", "IPTFS", TMPL(mode), 1, 5, -EOPNOTSUPP, "this mode"},
	{"pol_out", "mode 6", TMPL(mode), 1, 6, -EINVAL, "mode 6"},
	{"pol_out", "optional", TMPL(optional), 1, 1, -EINVAL, "outbound"},
	{"pol_fwd", "optional", TMPL(optional), 1, 1, 0, NULL},
	{"pol_out", "no peer", TMPL(id.daddr), 4, 0, 0, NULL},
};

START_TEST(test_parse_checks_each_field)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		load(fields[i].from);
		memcpy(buf.bytes + fields[i].offset, &fields[i].value, fields[i].size);
		expect(fields[i].code, fields[i].words, fields[i].what);
		if (err.code)
			ck_assert_msg(err.offset > 0 && err.offset < buf.len, "%s: offset %u",
				      fields[i].what, err.offset);
	}
}
END_TEST

/* Ports of what has none would be met by no packet, and what is to be stopped pass. */
START_TEST(test_parse_ports_are_of_protocols_that_have_them)
{
	static const struct {
		uint8_t proto;
		int code;
	} rows[] = {
		{0, 0},
		{IPPROTO_TCP, 0},
		{IPPROTO_UDP, 0},
		{IPPROTO_SCTP, 0},
		{IPPROTO_DCCP, 0},
		{IPPROTO_UDPLITE, 0},
		{IPPROTO_ICMP, 0},
		{IPPROTO_ICMPV6, 0},
		{IPPROTO_MH, 0},
		{IPPROTO_GRE, -EOPNOTSUPP},
		{IPPROTO_ESP, -EOPNOTSUPP},
		{89, -EOPNOTSUPP},
	};
	static const size_t masks[] = {INFO(sel.sport_mask), INFO(sel.dport_mask)};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			load("pol_out");
			memset(buf.bytes + INFO(sel.dport), 0, 8); /* both, and masks */
			buf.bytes[INFO(sel.proto)] = rows[i].proto;
			expect(0, NULL, "without ports");
			buf.bytes[masks[k] + 1] = 1;
			expect(rows[i].code, rows[i].code ? "has no ports" : NULL, "with ports");
		}
	}
}
END_TEST

/* Directions 3 to 5, in a kernel's dump: the policy of a socket. */
START_TEST(test_parse_knows_policies_of_sockets)
{
	uint8_t *dir = buf.bytes + INFO(dir);
	uint32_t index = 8 | 4;

	load("pol_block");
	((struct nlmsghdr *)(void *)buf.bytes)->nlmsg_flags = 0;
	memcpy(buf.bytes + INFO(index), &index, sizeof(index));
	*dir = POLICY_DIRS + POLICY_OUT;
	expect(0, NULL, "of a socket");
	ck_assert(msg.policy.socket);
	ck_assert_uint_eq(msg.policy.config.dir, POLICY_OUT);
	index = 8 | POLICY_OUT;
	memcpy(buf.bytes + INFO(index), &index, sizeof(index));
	*dir = POLICY_OUT;
	expect(0, NULL, "of the SPD");
	ck_assert(!msg.policy.socket);
	*dir = 2 * POLICY_DIRS;
	expect(-EINVAL, "direction 6", "direction 6");
}
END_TEST

/* Old programs leave the template's family at zero; the kernel takes the selector's. */
START_TEST(test_parse_fills_in_template_family)
{
	load("pol_fwd");
	memset(buf.bytes + TMPL(family), 0, 2);
	expect(0, NULL, "family 0");
	ck_assert_uint_eq(msg.policy.config.tmpl.dst.family, AF_INET6);
}
END_TEST

/* pluto's: it names no SA, and so no SA of transport mode is needed for it. */
START_TEST(test_parse_takes_traps_of_transport_mode)
{
	static const struct {
		size_t offset, len;
	} naming[] = {{TMPL(id.daddr), 4}, {TMPL(saddr), 4}, {TMPL(id.spi), 4}, {TMPL(reqid), 4}};

	for (size_t i = 0; i <= sizeof(naming) / sizeof(naming[0]); i++) {
		load("pol_out");
		buf.bytes[TMPL(mode)] = XFRM_MODE_TRANSPORT;
		for (size_t j = 0; j < sizeof(naming) / sizeof(naming[0]); j++)
			memset(buf.bytes + naming[j].offset, i == j, naming[j].len);
		if (i < sizeof(naming) / sizeof(naming[0]))
			expect(-EOPNOTSUPP, "traps that name no SA", "named");
		else
			expect(0, NULL, "trap");
	}
	ck_assert_uint_eq(msg.policy.config.action, POLICY_PROTECT);
	ck_assert_uint_eq(msg.policy.config.tmpl.mode, XFRM_MODE_TRANSPORT);
}
END_TEST

START_TEST(test_parse_refuses_transport_across_families)
{
	load("pol_out");
	buf.bytes[TMPL(mode)] = XFRM_MODE_TRANSPORT;
	buf.bytes[TMPL(family)] = AF_INET6;
	expect(-EINVAL, "cannot change the address family", "transport in IPv6");
}
END_TEST

START_TEST(test_parse_counts_templates)
{
	uint8_t tmpl[7 * sizeof(struct xfrm_user_tmpl)];

	load("pol_out");
	for (size_t i = 0; i < 7; i++)
		memcpy(tmpl + i * sizeof(struct xfrm_user_tmpl), buf.bytes + TMPL(id),
		       sizeof(struct xfrm_user_tmpl));
	for (size_t count = 0; count <= 7; count++) {
		load("pol_bypass");
		wire_append(&buf, XFRMA_TMPL, tmpl, count * sizeof(struct xfrm_user_tmpl));
		expect(count == 1   ? 0
		       : count == 0 ? -ERANGE
		       : count == 7 ? -EINVAL
				    : -EOPNOTSUPP,
		       NULL, "templates");
	}
	load("pol_bypass");
	wire_append(&buf, XFRMA_TMPL, tmpl, sizeof(struct xfrm_user_tmpl) + 1);
	expect(-EINVAL, "65 bytes", "a template and a byte");
}
END_TEST

static const struct {
	const char *what;
	unsigned type;
	uint8_t len, fill;
	int code;
	const char *words;
} attributes[] = {
	{"mark", XFRMA_MARK, 8, 1, 0, NULL},
	{"main", XFRMA_POLICY_TYPE, 6, 0, 0, NULL},
	{"sub", XFRMA_POLICY_TYPE, 6, 1, -EOPNOTSUPP, "sub policies"},
	{"type 2", XFRMA_POLICY_TYPE, 6, 2, -EINVAL, "type 2"},
	{"short type", XFRMA_POLICY_TYPE, 5, 0, -ERANGE, "XFRMA_POLICY_TYPE"},
	{"if_id", XFRMA_IF_ID, 4, 1, -EOPNOTSUPP, "XFRM interfaces"},
	{"if_id 0", XFRMA_IF_ID, 4, 0, 0, NULL},
	{"context", XFRMA_SEC_CTX, 8, 1, -EOPNOTSUPP, "security contexts"},
	{"offload", XFRMA_OFFLOAD_DEV, 8, 1, -EOPNOTSUPP, "offload"},
	{"unknown", 42, 4, 0, -EOPNOTSUPP, "type 42"},
};

START_TEST(test_parse_checks_each_attribute)
{
	static const char *const from[] = {"pol_block", "pol_get"};
	uint8_t data[UINT8_MAX];

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			size_t at;

			load(from[k]);
			if (k == 1 && attributes[i].type == XFRMA_OFFLOAD_DEV)
				continue;
			at = buf.len;
			memset(data, attributes[i].fill, sizeof(data));
			wire_append(&buf, attributes[i].type, data, attributes[i].len);
			expect(attributes[i].code, attributes[i].words, attributes[i].what);
			if (err.code)
				ck_assert_uint_eq(err.offset, at);
		}
	}
}
END_TEST

START_TEST(test_parse_checks_flush_and_keys)
{
	uint8_t sub[6] = {XFRM_POLICY_TYPE_SUB};

	load("pol_flush");
	wire_append(&buf, XFRMA_POLICY_TYPE, sub, sizeof(sub));
	expect(-EOPNOTSUPP, "sub policies", "flush sub");
	load("pol_get");
	buf.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_userpolicy_id, dir)] = 3;
	expect(-EINVAL, "direction 3", "key");
	load("pol_get");
	buf.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_userpolicy_id, sel.prefixlen_s)] = 33;
	expect(-EINVAL, "selector", "key");
}
END_TEST

START_TEST(test_parse_rejects_every_cut)
{
	static const char *const names[] = {"pol_out", "pol_in", "pol_fwd", "pol_block", "pol_get"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sample_buffer whole;

		load(names[i]);
		whole = buf;
		wire_check_cuts(&whole, i == 4 ? sizeof(struct xfrm_userpolicy_id)
					       : sizeof(struct xfrm_userpolicy_info));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm parse policy");
	TCase *tc = tcase_create("parse policy");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_parse_takes_recorded_protect);
	tcase_add_test(tc, test_parse_takes_recorded_plain_actions);
	tcase_add_test(tc, test_parse_takes_recorded_keys);
	tcase_add_test(tc, test_parse_checks_each_field);
	tcase_add_test(tc, test_parse_ports_are_of_protocols_that_have_them);
	tcase_add_test(tc, test_parse_knows_policies_of_sockets);
	tcase_add_test(tc, test_parse_fills_in_template_family);
	tcase_add_test(tc, test_parse_takes_traps_of_transport_mode);
	tcase_add_test(tc, test_parse_refuses_transport_across_families);
	tcase_add_test(tc, test_parse_counts_templates);
	tcase_add_test(tc, test_parse_checks_each_attribute);
	tcase_add_test(tc, test_parse_checks_flush_and_keys);
	tcase_add_test(tc, test_parse_rejects_every_cut);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
