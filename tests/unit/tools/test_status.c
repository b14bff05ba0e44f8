/* tests/unit/tools/test_status.c: cygnet: its status to read and as JSON, and its command line. */
#include "fake_xfrmd.h"
#include "program.h"

#include "tools/status.h"

#include <check.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { NOW = 1740992400 };

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert_msg(ip_addr_parse(text, &out), "%s", text);
	return out;
}

static struct cygnet_tunnel tunnel(uint8_t proto, uint16_t dport, uint32_t spi, uint32_t mtu)
{
	struct cygnet_tunnel t = {
		.policy =
			{
				.sel =
					{
						.src = {addr("10.1.0.0"), 16},
						.dst = {addr("10.2.0.0"), 16},
						.proto = proto,
						.dport = dport,
					},
				.priority = 7,
				.tmpl =
					{
						.src = addr("192.0.2.1"),
						.dst = addr("198.51.100.2"),
						.reqid = 9,
					},
			},
		.spi = spi,
		.inner_mtu = mtu,
		.outer_mtu = mtu ? 1500 : 0,
	};

	return t;
}

static struct status_sa sa(uint8_t directions)
{
	static const struct esp_suite_spec gcm = {ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 16};
	struct status_sa s = {
		.config =
			{
				.id = {.dst = addr("198.51.100.2"),
				       .spi = 0x1000,
				       .proto = IPPROTO_ESP},
				.src = addr("192.0.2.1"),
				.replay_window = 64,
				.keys = {.encr = "twenty secret bytes!"},
			},
		.status =
			{
				.bytes = 5376,
				.packets = 42,
				.last_use = NOW - 2,
				.out_seq = 42,
				.in_seq = 41,
				.directions = directions,
			},
	};
	const char *why;

	ck_assert_int_eq(esp_suite_find(&gcm, &s.config.suite, &why), 0);
	return s;
}

static struct cygnet_tunnel tunnels[3];
static struct status_sa sas[3];

static struct status_report sample(void)
{
	struct status_report r = {
		.daemon =
			{
				.version = "0.1.0",
				.tun = "cyg0",
				.wire = "raw",
				.crypto = "OpenSSL",
				.workers = 1,
				.sas = 1,
				.policies = 3,
				.started = NOW - 7384,
				.forwarding = {true, false},
			},
		.tunnels = tunnels,
		.sas = sas,
		.tunnels_len = 3,
		.sas_len = 3,
		.now = NOW,
		.same_version = true,
	};

	tunnels[0] = tunnel(0, 0, 0x1000, 1438);
	tunnels[1] = tunnel(IPPROTO_TCP, 443, 0, 0);
	tunnels[2] = tunnel(IPPROTO_ICMP, 0, 0, 0);
	sas[0] = sa(SA_OUT);
	sas[1] = sa(SA_IN);
	sas[1].status.replay_drops = 3;
	sas[1].status.icv_drops = 4;
	sas[2] = sa(0);
	sas[2].config.esn = true;
	sas[2].status.last_use = 0;
	sas[2].status.packets = 1;
	r.daemon.verdict_out[V_OK] = 5;
	r.daemon.verdict_in[V_ICV] = 4;
	return r;
}

static char *text_of(const struct status_report *r, bool all)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	status_print(out, r, all);
	fclose(out);
	return text;
}

START_TEST(test_status_is_readable)
{
	struct status_report r = sample();
	char *text = text_of(&r, false);

	ck_assert_str_eq(text,
			 "cygnetd 0.1.0, up 2 h 3 min\n"
			 "  device      cyg0\n"
			 "  wire        raw\n"
			 "  crypto      OpenSSL\n"
			 "  workers     1\n"
			 "  forwarding  IPv4 on, IPv6 OFF\n"
			 "  databases   1 SA, 3 policies\n"
			 "\n"
			 "Tunnels\n"
			 "  10.1.0.0/16 => 10.2.0.0/16\n"
			 "      via 192.0.2.1 -> 198.51.100.2, SPI 0x00001000, inner MTU 1438, "
			 "outer MTU 1500\n"
			 "  10.1.0.0/16 => 10.2.0.0/16[443] tcp\n"
			 "      via 192.0.2.1 -> 198.51.100.2, no SA, inner MTU not known, outer "
			 "MTU not known\n"
			 "  10.1.0.0/16 => 10.2.0.0/16 icmp\n"
			 "      via 192.0.2.1 -> 198.51.100.2, no SA, inner MTU not known, outer "
			 "MTU not known\n"
			 "\n"
			 "Security associations\n"
			 "  out  SPI 0x00001000  192.0.2.1 -> 198.51.100.2  AES-128-GCM-16\n"
			 "       42 packets, 5376 bytes, sent up to seq 42, last used 2 s ago\n"
			 "  in   SPI 0x00001000  192.0.2.1 -> 198.51.100.2  AES-128-GCM-16\n"
			 "       42 packets, 5376 bytes, received up to seq 41, window 64, last "
			 "used 2 s ago, "
			 "3 replayed, 4 failed the integrity check\n"
			 "  none SPI 0x00001000  192.0.2.1 -> 198.51.100.2  AES-128-GCM-16 ESN\n"
			 "       1 packet, 5376 bytes, never used\n"
			 "\n"
			 "Packets out\n"
			 "             5  carried\n"
			 "\n"
			 "Packets in\n"
			 "             4  integrity check failed: damaged or wrong key\n");
	free(text);
}
END_TEST

START_TEST(test_status_of_nothing_says_so)
{
	struct status_report r = sample();
	char *text;

	r.tunnels_len = r.sas_len = 0;
	memset(r.daemon.verdict_in, 0, sizeof(r.daemon.verdict_in));
	memset(r.daemon.verdict_out, 0, sizeof(r.daemon.verdict_out));
	text = text_of(&r, false);
	ck_assert_ptr_nonnull(strstr(text, "\nNo tunnels: "));
	ck_assert_ptr_nonnull(strstr(text, "\nNo security associations.\n"));
	ck_assert_ptr_null(strstr(text, "Packets"));
	free(text);
}
END_TEST

START_TEST(test_status_all_shows_each_counter_on_its_side)
{
	struct status_report r = sample();
	char *text = text_of(&r, true);
	const char *in = strstr(text, "\nPackets in\n");

	ck_assert_ptr_nonnull(in);
	for (unsigned v = 0; v < V_COUNT; v++) {
		enum verdict_direction side = verdict_direction((enum verdict)v);
		const char *sentence = verdict_text((enum verdict)v);
		const char *found = strstr(text, sentence);

		ck_assert_msg(found != NULL, "%s", sentence);
		if (side == VERDICT_IN)
			ck_assert_msg(strstr(in, sentence) != NULL, "%s", sentence);
		else
			ck_assert_msg(found < in, "%s", sentence);
	}
	free(text);
}
END_TEST

START_TEST(test_status_of_another_version_names_no_counters)
{
	struct status_report r = sample();
	char *text;
	json_t *root;
	size_t len;
	FILE *out;

	r.same_version = false;
	text = text_of(&r, true);
	ck_assert_ptr_nonnull(strstr(text, "another version"));
	ck_assert_ptr_null(strstr(text, "integrity check failed: damaged"));
	free(text);
	out = open_memstream(&text, &len);
	ck_assert_int_eq(status_print_json(out, &r), 0);
	fclose(out);
	root = json_loads(text, 0, NULL);
	ck_assert(json_is_null(json_object_get(json_object_get(root, "counters"), "in")));
	json_decref(root);
	free(text);
}
END_TEST

static const json_t *at(const json_t *root, const char *list, size_t i, const char *key)
{
	const json_t *value = json_object_get(json_array_get(json_object_get(root, list), i), key);

	ck_assert_msg(value != NULL, "%s[%zu].%s", list, i, key);
	return value;
}

START_TEST(test_status_json_has_its_keys)
{
	struct status_report r = sample();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *root, *counters;

	ck_assert_int_eq(status_print_json(out, &r), 0);
	fclose(out);
	root = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_str_eq(json_string_value(json_object_get(root, "tun")), "cyg0");
	ck_assert(json_is_true(json_object_get(json_object_get(root, "forwarding"), "ipv4")));
	ck_assert(json_is_false(json_object_get(json_object_get(root, "forwarding"), "ipv6")));
	ck_assert_int_eq(json_integer_value(json_object_get(root, "started")), NOW - 7384);
	ck_assert_str_eq(json_string_value(at(root, "tunnels", 0, "src")), "10.1.0.0/16");
	ck_assert_int_eq(json_integer_value(at(root, "tunnels", 0, "inner_mtu")), 1438);
	ck_assert(json_is_null(at(root, "tunnels", 1, "spi")));
	ck_assert_int_eq(json_integer_value(at(root, "tunnels", 1, "dst_port")), 443);
	ck_assert_str_eq(json_string_value(at(root, "sas", 0, "suite")), "AES-128-GCM-16");
	ck_assert(json_is_true(at(root, "sas", 0, "outbound")));
	ck_assert(json_is_false(at(root, "sas", 0, "inbound")));
	ck_assert_int_eq(json_integer_value(at(root, "sas", 1, "icv_drops")), 4);
	ck_assert(json_is_true(at(root, "sas", 2, "esn")));
	ck_assert(json_is_null(at(root, "sas", 2, "last_use")));
	counters = json_object_get(root, "counters");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(counters, "in"), "ICV")), 4);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(counters, "out"), "TOO_BIG")),
		0);
	ck_assert_ptr_null(json_object_get(json_object_get(counters, "out"), "ICV"));
	json_decref(root);
	ck_assert_ptr_null(strstr(text, "secret"));
	free(text);
}
END_TEST

/* ---- the program --------------------------------------------------------------------------- */

static char socket_path[256];
static pid_t server;
static struct program_result r;

static void start_server(void)
{
	server = fake_xfrmd_start(socket_path, sizeof(socket_path));
}

static void stop_server(void)
{
	fake_xfrmd_stop(server, socket_path);
}

static void cygnet(const char *a, const char *b, const char *c)
{
	const char *argv[] = {CYGNET, a, b, c, NULL};

	program_run(argv, socket_path, NULL, &r);
}

START_TEST(test_cygnet_status_asks_the_server)
{
	static const char *const load[] = {
		SETKEY, "-e",
		"add 127.0.0.1 192.0.2.9 esp 4096 -E aes-gcm-16 \"twenty secret bytes!\";"
		"add 192.0.2.9 127.0.0.1 esp 4097 -E aes-gcm-16 \"twenty secret bytes!\";"
		"add 192.0.2.9 192.0.2.8 esp 4098 -E aes-gcm-16 \"twenty secret bytes!\";"
		"spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec "
		"esp/tunnel/127.0.0.1-192.0.2.9/require;",
		NULL};
	json_t *root;

	program_run(load, socket_path, NULL, &r);
	ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
	cygnet("status", NULL, NULL);
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(r.out, "  10.1.0.0/16 => 10.2.0.0/16\n"));
	ck_assert_ptr_nonnull(strstr(r.out, "  out  SPI 0x00001000  127.0.0.1 -> 192.0.2.9"));
	ck_assert_ptr_nonnull(strstr(r.out, "  in   SPI 0x00001001  192.0.2.9 -> 127.0.0.1"));
	ck_assert_ptr_nonnull(strstr(r.out, ", received up to seq 0, no replay check"));
	ck_assert_ptr_nonnull(strstr(r.out, "  none SPI 0x00001002"));
	ck_assert_ptr_nonnull(strstr(r.out, "  3  integrity check failed"));
	ck_assert_ptr_null(strstr(r.out, "no policy covers the packet that came in"));
	cygnet("status", "-a", NULL);
	ck_assert_ptr_nonnull(strstr(r.out, "  0  no policy covers the packet that came in"));
	cygnet("status", "--json", NULL);
	ck_assert_int_eq(r.status, 0);
	root = json_loads(r.out, 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "sas")), 3);
	json_decref(root);
}
END_TEST

START_TEST(test_cygnet_command_line)
{
	static const struct {
		const char *argv[3];
		int status;
		const char *out, *err; /* their beginnings */
	} rows[] = {
		{{NULL}, 1, "", "usage: cygnet"},
		{{"--help"}, 0, "usage: cygnet", ""},
		{{"--version"}, 0, "cygnet " CYGNET_VERSION, ""},
		{{"--colour"}, 1, "", ""},
		{{"up", "office"},
		 1,
		 "",
		 "cygnet: up: cygnet-iked is not running (/run/cygnet/iked.sock: "},
		{{"exec", "no-such-program"},
		 127,
		 "",
		 "cygnet: exec: no-such-program: no such program"},
		{{"fly"},
		 1,
		 "",
		 "cygnet: fly: no such verb. There is: check down exec keys load rekey status up"},
		{{"status", "--help"}, 0, "usage: cygnet status", ""},
		{{"status", "more"}, 1, "", "usage: cygnet status"},
		{{"--socket", "/nowhere/s", "status"},
		 1,
		 "",
		 "cygnet: status: cygnetd is not running (/nowhere/s: "},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		cygnet(rows[i].argv[0], rows[i].argv[1], rows[i].argv[2]);
		ck_assert_msg(r.status == rows[i].status &&
				      !strncmp(r.out, rows[i].out, strlen(rows[i].out)) &&
				      !strncmp(r.err, rows[i].err, strlen(rows[i].err)),
			      "row %zu: exit %d\n%s%s", i, r.status, r.out, r.err);
		ck_assert_int_eq(r.err[0] != '\0', rows[i].status != 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *forms = tcase_create("forms"), *program = tcase_create("program");
	SRunner *runner;
	int failed;

	tcase_add_test(forms, test_status_is_readable);
	tcase_add_test(forms, test_status_of_nothing_says_so);
	tcase_add_test(forms, test_status_all_shows_each_counter_on_its_side);
	tcase_add_test(forms, test_status_of_another_version_names_no_counters);
	tcase_add_test(forms, test_status_json_has_its_keys);
	suite_add_tcase(suite, forms);
	tcase_add_checked_fixture(program, start_server, stop_server);
	tcase_add_test(program, test_cygnet_status_asks_the_server);
	tcase_add_test(program, test_cygnet_command_line);
	suite_add_tcase(suite, program);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
