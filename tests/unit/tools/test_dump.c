/* tests/unit/tools/test_dump.c: setkey -D and -DP, byte for byte. */
#include "tools/algorithms.h"
#include "tools/dump.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { CREATED = 1740992400 }; /* 2025-03-03 09:00:00 UTC */

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert_msg(ip_addr_parse(text, &out), "%s", text);
	return out;
}

static struct xfrm_sa sample_sa(struct esp_suite_spec spec)
{
	struct xfrm_sa sa = {
		.config =
			{
				.id = {.dst = addr("198.51.100.2"),
				       .spi = 4096,
				       .proto = IPPROTO_ESP},
				.src = addr("192.0.2.1"),
				.mode = XFRM_MODE_TUNNEL,
				.reqid = 100,
				.replay_window = 64,
				.limits = {SADB_NO_LIMIT, SADB_NO_LIMIT, SADB_NO_LIMIT,
					   SADB_NO_LIMIT, 2880, 3600, 0, 0},
			},
		.status =
			{
				.bytes = 5376,
				.packets = 42,
				.add_time = CREATED,
				.use_time = CREATED + 5,
				.last_use = CREATED + 598,
				.out_seq = 42,
				.directions = SA_OUT,
			},
	};
	const char *why;

	ck_assert_int_eq(esp_suite_find(&spec, &sa.config.suite, &why), 0);
	for (unsigned i = 0; i < 16; i++)
		sa.config.keys.encr[i] = (uint8_t)(0x11 * i);
	for (unsigned i = 0; i < 32; i++)
		sa.config.keys.integ[i] = (uint8_t)i;
	return sa;
}

static const struct esp_suite_spec cbc_sha256 = {ESP_ENCR_AES_CBC, ESP_INTEG_HMAC_SHA2_256, 16, 32,
						 16};
static const struct esp_suite_spec chacha = {ESP_ENCR_CHACHA20_POLY1305, ESP_INTEG_NONE, 36, 0, 16};
static const struct esp_suite_spec null_sha1 = {ESP_ENCR_NULL, ESP_INTEG_HMAC_SHA1, 0, 20, 12};

static void check_sa(const struct xfrm_sa *sa, bool ports, unsigned seq, const char *want)
{
	char *text = NULL;
	size_t len;
	struct dump_options o = {
		.out = open_memstream(&text, &len),
		.ports = ports,
		.pid = 4711,
		.now = CREATED + 600,
	};

	dump_sa(&o, sa, seq);
	fclose(o.out);
	ck_assert_str_eq(text, want);
	free(text);
}

START_TEST(test_dump_sa_is_what_setkey_prints)
{
	struct xfrm_sa sa = sample_sa(cbc_sha256);

	check_sa(&sa, false, 0,
		 "192.0.2.1 198.51.100.2 \n"
		 "\tesp mode=tunnel spi=4096(0x00001000) reqid=100(0x00000064)\n"
		 "\tE: aes-cbc  00112233 44556677 8899aabb ccddeeff\n"
		 "\tA: hmac-sha256  00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b "
		 "1c1d1e1f\n"
		 "\tseq=0x0000002a replay=64 flags=0x00000040 state=mature \n"
		 "\tcreated: Mar  3 09:00:00 2025\tcurrent: Mar  3 09:10:00 2025\n"
		 "\tdiff: 600(s)\thard: 3600(s)\tsoft: 2880(s)\n"
		 "\tlast: Mar  3 09:09:58 2025\thard: 0(s)\tsoft: 0(s)\n"
		 "\tcurrent: 5376(bytes)\thard: 0(bytes)\tsoft: 0(bytes)\n"
		 "\tallocated: 42\thard: 0\tsoft: 0\n"
		 "\tsadb_seq=0 pid=4711 refcnt=0\n");
}
END_TEST

/* Ports and NAT-OA stand in the first lines, asked for (-p) or not. */
START_TEST(test_dump_sa_shows_udp_encapsulation)
{
	static const char *const want[] = {
		"192.0.2.1[4500] 198.51.100.2[30000] \n"
		"\tesp-udp mode=tunnel spi=4096(0x00001000) reqid=100(0x00000064)\n"
		"\tE: aes-cbc ",
		"192.0.2.1[4500] 198.51.100.2[30000] \n"
		"\tesp-udp mode=tunnel spi=4096(0x00001000) reqid=100(0x00000064)\n"
		"\tNAT OA=10.9.9.9\n"
		"\tE: aes-cbc "};
	struct xfrm_sa sa = sample_sa(cbc_sha256);

	sa.config.encap = (struct sa_encap){.sport = 4500, .dport = 30000};
	for (unsigned i = 0; i < LENGTH(want); i++) {
		char *text = NULL;
		size_t len;
		struct dump_options o = {.out = open_memstream(&text, &len), .ports = i};

		if (i)
			sa.config.encap.oa = addr("10.9.9.9");
		dump_sa(&o, &sa, 0);
		fclose(o.out);
		ck_assert_msg(!strncmp(text, want[i], strlen(want[i])), "%s", text);
		free(text);
	}
}
END_TEST

START_TEST(test_dump_sa_breaks_long_keys_and_shows_ports)
{
	struct xfrm_sa sa = sample_sa(chacha);

	memset(&sa.status, 0, sizeof(sa.status));
	sa.status.add_time = CREATED;
	sa.config.esn = true; /* flags, FreeBSD's 0x400 */
	sa.config.flags = XFRM_STATE_NOECN | XFRM_STATE_DECAP_DSCP | XFRM_STATE_NOPMTUDISC;
	sa.config.extra_flags = SA_XFLAG_DF_SET | SA_XFLAG_CLAMP_MSS;
	sa.config.limits.hard_bytes = 9;
	sa.config.limits.soft_packets = 8;
	check_sa(&sa, true, 3,
		 "192.0.2.1[0] 198.51.100.2[0] \n"
		 "\tesp mode=tunnel spi=4096(0x00001000) reqid=100(0x00000064)\n"
		 "\tE: chacha20-poly1305  00112233 44556677 8899aabb ccddeeff 00000000 00000000 "
		 "00000000 00000000\n00000000\n"
		 "\tseq=0x00000000 replay=64 flags=0xe9000440 state=mature \n"
		 "\tcreated: Mar  3 09:00:00 2025\tcurrent: Mar  3 09:10:00 2025\n"
		 "\tdiff: 600(s)\thard: 3600(s)\tsoft: 2880(s)\n"
		 "\tlast:                     \thard: 0(s)\tsoft: 0(s)\n"
		 "\tcurrent: 0(bytes)\thard: 9(bytes)\tsoft: 0(bytes)\n"
		 "\tallocated: 0\thard: 0\tsoft: 8\n"
		 "\tsadb_seq=3 pid=4711 refcnt=0\n");
}
END_TEST

START_TEST(test_dump_sa_past_a_soft_limit_is_dying)
{
	static const struct {
		struct sadb_limits limits;
		const char *state;
	} rows[] = {
		{{.soft_add_s = 601}, "state=mature"},
		{{.soft_add_s = 600}, "state=dying"},
		{{.soft_use_s = 595}, "state=dying"},
		{{.soft_use_s = 596}, "state=mature"},
		{{.soft_bytes = 5376}, "state=dying"},
		{{.soft_bytes = 5377}, "state=mature"},
		{{.soft_packets = 42}, "state=dying"},
		{{.soft_packets = SADB_NO_LIMIT}, "state=mature"},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct xfrm_sa sa = sample_sa(null_sha1);
		char *text = NULL;
		size_t len;
		struct dump_options o = {.out = open_memstream(&text, &len), .now = CREATED + 600};

		sa.config.limits = rows[i].limits;
		dump_sa(&o, &sa, 0);
		fclose(o.out);
		ck_assert_msg(strstr(text, rows[i].state) != NULL, "%zu: %s", i, text);
		ck_assert_ptr_nonnull(strstr(text, "\tE: null  \n\tA: hmac-sha1  00010203"));
		free(text);
	}
}
END_TEST

/* ---- policies ------------------------------------------------------------------------------ */

struct policy_row {
	const char *src, *dst; /* with the prefix length behind */
	uint8_t src_len, dst_len, proto;
	uint16_t sport, dport;
	uint8_t dir, action;
	uint32_t priority;
	uint32_t reqid;
	bool optional;
	const char *want;
};

static struct xfrm_policy policy_of(const struct policy_row *row)
{
	struct xfrm_policy policy = {
		.config =
			{
				.sel =
					{
						.src = {addr(row->src), row->src_len},
						.dst = {addr(row->dst), row->dst_len},
						.proto = row->proto,
						.sport = row->sport,
						.dport = row->dport,
						.sport_mask = row->sport ? UINT16_MAX : 0,
						.dport_mask = row->dport ? UINT16_MAX : 0,
					},
				.index = 17,
				.priority = row->priority,
				.dir = row->dir,
				.action = row->action,
				.tmpl =
					{
						.src = addr("192.0.2.1"),
						.dst = addr("198.51.100.2"),
						.reqid = row->reqid,
						.optional = row->optional,
						.mode = XFRM_MODE_TUNNEL,
					},
			},
		.add_time = CREATED,
		.use_time = CREATED + 598,
	};

	return policy;
}

START_TEST(test_dump_policy_is_what_setkey_prints)
{
	static const struct policy_row rows[] = {
		{"10.1.0.0", "10.2.0.0", 16, 16, 0, 0, 0, POLICY_OUT, POLICY_PROTECT, 0x3fffff9c,
		 100, false,
		 "10.1.0.0/16[any] 10.2.0.0/16[any] any\n"
		 "\tout prio high + 100 ipsec\n"
		 "\tesp/tunnel/192.0.2.1-198.51.100.2/unique:100\n"},
		{"10.0.11.41", "10.0.11.33", 32, 32, 6, 21, 0, POLICY_IN, POLICY_PROTECT,
		 0x80000000, 0, false,
		 "10.0.11.41[21] 10.0.11.33[any] tcp\n"
		 "\tin prio def ipsec\n"
		 "\tesp/tunnel/192.0.2.1-198.51.100.2/require\n"},
		{"2001:db8::", "::", 32, 0, 58, 135, 0, POLICY_FWD, POLICY_PROTECT, 0xC0000005, 0,
		 true,
		 "2001:db8::/32 ::/0 icmp6 135,0\n"
		 "\tfwd prio low - 5 ipsec\n"
		 "\tesp/tunnel/192.0.2.1-198.51.100.2/use\n"},
		{"::1", "::2", 128, 128, 58, 0, 0, POLICY_IN, POLICY_BYPASS, 0, 0, false,
		 "::1 ::2 icmp6\n"
		 "\tin none\n"},
		{"10.0.0.0", "10.0.0.0", 8, 8, 254, 0, 53, POLICY_OUT, POLICY_DISCARD, 0x80000001,
		 0, false,
		 "10.0.0.0/8[any] 10.0.0.0/8[53] 254\n"
		 "\tout prio def - 1 discard\n"},
		{"10.0.0.0", "10.0.0.0", 8, 8, 4, 0, 0, POLICY_OUT, POLICY_PROTECT, 0x9fffffff,
		 16384, false,
		 "10.0.0.0/8[any] 10.0.0.0/8[any] ip4\n"
		 "\tout prio def - 536870911 ipsec\n"
		 "\tesp/tunnel/192.0.2.1-198.51.100.2/unique#16384\n"},
	};
	static const char tail[] =
		"\tcreated: Mar  3 09:00:00 2025  lastused: Mar  3 09:09:58 2025\n"
		"\tlifetime: 0(s) validtime: 0(s)\n"
		"\tspid=17 seq=2 pid=4711\n"
		"\trefcnt=1\n";

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct xfrm_policy policy = policy_of(&rows[i]);
		char *text = NULL;
		char want[1024];
		size_t len;
		struct dump_options o = {.out = open_memstream(&text, &len), .pid = 4711};

		dump_policy(&o, &policy, 2);
		fclose(o.out);
		snprintf(want, sizeof(want), "%s%s", rows[i].want, tail);
		ck_assert_str_eq(text, want);
		free(text);
	}
}
END_TEST

START_TEST(test_dump_policy_shows_ports_of_ends_when_asked)
{
	static const struct policy_row row = {
		.src = "10.1.0.0", .dst = "10.2.0.0", .src_len = 16, .dst_len = 16};
	struct xfrm_policy policy = policy_of(&row);
	char *text = NULL;
	size_t len;
	struct dump_options o = {.out = open_memstream(&text, &len), .ports = true};

	policy.use_time = 0;
	dump_policy(&o, &policy, 0);
	fclose(o.out);
	ck_assert_ptr_nonnull(strstr(text, "\tesp/tunnel/192.0.2.1[0]-198.51.100.2[0]/require\n"));
	ck_assert_ptr_nonnull(strstr(text, "  lastused:                     \n"));
	free(text);
}
END_TEST

START_TEST(test_dump_policy_shows_what_a_mask_leaves_open)
{
	static const struct {
		uint16_t port, mask;
		const char *want;
	} rows[] = {
		{80, 0xffff, "[80] "},
		{80, 0, "[any] "},
		{1000, 0xfff8, "[1000-1007] "},
		{0, 0xff00, "[0-255] "},
		{0x8000, 0x8000, "[32768-65535] "},
		{80, 0x0fff, "[80/0x0fff] "},
	};
	static const struct policy_row row = {
		.src = "10.1.0.0", .dst = "10.2.0.0", .src_len = 32, .dst_len = 32, .proto = 6};

	for (unsigned i = 0; i < LENGTH(rows); i++) {
		struct xfrm_policy policy = policy_of(&row);
		char *text = NULL;
		size_t len;
		struct dump_options o = {.out = open_memstream(&text, &len)};

		policy.config.sel.sport = rows[i].port;
		policy.config.sel.sport_mask = rows[i].mask;
		dump_policy(&o, &policy, 0);
		fclose(o.out);
		ck_assert_msg(!strncmp(text + 8, rows[i].want, strlen(rows[i].want)), "%s", text);
		free(text);
	}
}
END_TEST

/* A name of setkey's means that very transform, ICV and all; what setkey has no word for is shown
 * by the kernel's, which is none of setkey's. */
START_TEST(test_dump_names_no_suite_wrongly)
{
	struct esp_suite suite;
	unsigned own = 0, foreign = 0;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct esp_suite_spec spec = esp_suite_spec(&suite);
		const char *encr = algorithm_encr_name(&spec),
			   *integ = algorithm_integ_name(&spec, DIALECT_LINUX);
		const struct algorithm *e = algorithm_lookup(ALGORITHM_ENCR, encr);
		const struct algorithm *a = algorithm_lookup(ALGORITHM_AUTH, integ);

		ck_assert_msg(e || strchr(encr, '('), "%s", encr);
		ck_assert_msg(a || strchr(integ, '('), "%s", integ);
		if (e) {
			ck_assert(e->supported && e->id == spec.encr);
			ck_assert(!e->aead || e->icv_len == spec.icv_len);
			ck_assert_uint_ge(spec.encr_key_len * 8u, e->min_bits);
			ck_assert_uint_le(spec.encr_key_len * 8u, e->max_bits);
		}
		if (a) {
			ck_assert(a->supported && a->id == spec.integ);
			ck_assert_uint_eq(spec.integ_key_len * 8u, a->max_bits);
			ck_assert(spec.integ == ESP_INTEG_NONE || a->icv_len == spec.icv_len);
		}
		*(e && a ? &own : &foreign) += 1;
	}
	/* GCM-16, GMAC, ChaCha20 and seven ciphers with five MACs. */
	ck_assert_uint_eq(own, 3 + 3 + 1 + 7 * 5);
	ck_assert_uint_eq(own + foreign, 68);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dump");
	TCase *tests = tcase_create("setkey");
	SRunner *runner;
	int failed;

	setenv("TZ", "UTC", 1);
	tzset();
	tcase_add_test(tests, test_dump_sa_is_what_setkey_prints);
	tcase_add_test(tests, test_dump_sa_shows_udp_encapsulation);
	tcase_add_test(tests, test_dump_sa_breaks_long_keys_and_shows_ports);
	tcase_add_test(tests, test_dump_sa_past_a_soft_limit_is_dying);
	tcase_add_test(tests, test_dump_policy_is_what_setkey_prints);
	tcase_add_test(tests, test_dump_policy_shows_ports_of_ends_when_asked);
	tcase_add_test(tests, test_dump_policy_shows_what_a_mask_leaves_open);
	tcase_add_test(tests, test_dump_names_no_suite_wrongly);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
