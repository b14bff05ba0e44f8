/*
 * test_path_error.c: which ICMP errors are believed: path_error.c over a real SAD, with errors made
 * of memory and the worker's counters and notices in variables. Each error moves its own counter
 * and no other.
 */
#include "gateway/dataplane/worker.h"

#include <check.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { SPI = 0x1001, SENT = 70000, ERRORS_MAX = 8 };

/* ---- what path_error.c leans on --------------------------------------------------------------- */

static struct wire_error waiting[ERRORS_MAX];
static unsigned waiting_count;
static uint64_t counts[V_COUNT];
static struct {
	uint32_t spi, mtu;
} notices[ERRORS_MAX];
static unsigned notice_count;

bool wire_recv_error(struct wire *w, uint8_t family, struct wire_error *out)
{
	(void)w;
	(void)family;
	if (waiting_count == 0)
		return false;
	*out = waiting[--waiting_count];
	return true;
}

void worker_count_in(struct worker *w, enum verdict v, uint64_t n)
{
	(void)w;
	counts[v] += n;
}

void worker_notify_mtu(struct worker *w, const struct sa *sa, uint32_t mtu)
{
	(void)w;
	ck_assert_uint_lt(notice_count, ERRORS_MAX);
	notices[notice_count].spi = sa->config.id.spi;
	notices[notice_count++].mtu = mtu;
}

/* ---- the bench --------------------------------------------------------------------------------- */

static struct worker worker;
static struct sadb *db;

static void setup(void)
{
	const struct sadb_retire at_once = {NULL, NULL};

	db = sadb_new(at_once);
	ck_assert_ptr_nonnull(db);
	worker.db = db;
	waiting_count = notice_count = 0;
	memset(counts, 0, sizeof(counts));
}

static void teardown(void)
{
	sadb_free(db);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	ck_assert(ip_addr_parse(text, &a));
	return a;
}

/* The SA's tunnel, after it has sent packet number sent (0: none yet). */
static void add_sa(const char *src, const char *dst, unsigned directions, uint64_t sent,
		   bool in_udp)
{
	static const struct esp_suite_spec spec = {ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 16};
	struct sa_config c = {
		.id = {address(dst), SPI, IPPROTO_ESP},
		.src = address(src),
		.mode = XFRM_MODE_TUNNEL,
		.replay_window = 64,
	};
	const struct sa_grant grant = {.directions = directions,
				       .seq = {sent ? sent : 1, UINT32_MAX}};
	uint8_t memory[256] = {0};
	struct packet p = {memory, sizeof(memory), ESP_HEADROOM, 40};
	const char *why = "";
	struct sa *sa;

	ck_assert_msg(esp_suite_find(&spec, &c.suite, &why) == 0, "%s", why);
	if (in_udp)
		c.encap = (struct sa_encap){.sport = 4500, .dport = 4500};
	ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1000, &sa), 0);
	if (!sent)
		return;
	ck_assert_int_eq(esp_seal(sa->out, &p, IPPROTO_IPIP), V_OK);
	ck_assert_uint_eq(esp_out_seq(sa->out), sent);
}

static void assert_only(enum verdict v, uint64_t n)
{
	for (unsigned i = 0; i < V_COUNT; i++)
		ck_assert_msg(counts[i] == (i == v ? n : 0), "%s is %llu",
			      verdict_name((enum verdict)i), (unsigned long long)counts[i]);
}

/* What a router says when packet number seq of the tunnel does not fit mtu bytes. */
static struct wire_error too_big_error(uint32_t seq, uint32_t mtu)
{
	return (struct wire_error){
		.dst = address("192.0.2.2"),
		.offender = address("198.51.100.1"),
		.type = 3,
		.code = 4,
		.too_big = true,
		.names_packet = true,
		.mtu = mtu,
		.spi = SPI,
		.seq = seq,
	};
}

static void hear(const struct wire_error *e)
{
	waiting[waiting_count++] = *e;
	path_error_batch(&worker, AF_INET);
	ck_assert_uint_eq(waiting_count, 0);
}

/* ---- cases -------------------------------------------------------------------------------------- */

static const struct {
	const char *what;
	uint64_t sent;
	uint32_t seq, spi, mtu;
	const char *dst;
	bool no_names, other;
	enum verdict want;
} error_cases[] = {
	{"the last packet", SENT, SENT, SPI, 1300, NULL, false, false, V_ICMP_TOO_BIG},
	{"the oldest recent one", SENT, SENT - 8191, SPI, 1300, NULL, false, false, V_ICMP_TOO_BIG},
	{"one too old", SENT, SENT - 8192, SPI, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"one not sent yet", SENT, SENT + 1, SPI, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"far ahead", SENT, SENT + 0x80000000u, SPI, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"the first packet", 1, 1, SPI, 1300, NULL, false, false, V_ICMP_TOO_BIG},
	{"number 0", 1, 0, SPI, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"below number 0", 1, UINT32_MAX, SPI, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"another SPI", SENT, SENT, SPI + 1, 1300, NULL, false, false, V_ICMP_STRANGER},
	{"another peer", SENT, SENT, SPI, 1300, "192.0.2.3", false, false, V_ICMP_STRANGER},
	{"no packet at all", SENT, SENT, SPI, 1300, NULL, true, false, V_ICMP_STRANGER},
	{"the least", SENT, SENT, SPI, 576, NULL, false, false, V_ICMP_TOO_BIG},
	{"too little", SENT, SENT, SPI, 575, NULL, false, false, V_ICMP_TOO_LOW},
	{"nothing, as before RFC 1191", SENT, SENT, SPI, 0, NULL, false, false, V_ICMP_TOO_LOW},
	{"port unreachable", SENT, SENT, SPI, 1300, NULL, false, true, V_ICMP_OTHER},
};

START_TEST(test_errors_are_believed_about_recent_packets_only)
{
	struct wire_error e = too_big_error(error_cases[_i].seq, error_cases[_i].mtu);
	bool believed = error_cases[_i].want == V_ICMP_TOO_BIG;

	add_sa("192.0.2.1", "192.0.2.2", SA_OUT, error_cases[_i].sent, false);
	e.spi = error_cases[_i].spi;
	if (error_cases[_i].dst)
		e.dst = address(error_cases[_i].dst);
	e.names_packet = !error_cases[_i].no_names;
	e.too_big = !error_cases[_i].other;
	hear(&e);
	assert_only(error_cases[_i].want, 1);
	ck_assert_msg(notice_count == believed, "%s", error_cases[_i].what);
	if (!believed)
		return;
	ck_assert_uint_eq(notices[0].spi, SPI);
	ck_assert_uint_eq(notices[0].mtu, error_cases[_i].mtu);
}
END_TEST

/* An inbound SA sends nothing, so nothing of it can have been too big. */
START_TEST(test_errors_about_an_inbound_sa_are_a_strangers)
{
	const struct wire_error e = too_big_error(1, 1300);

	add_sa("192.0.2.1", "192.0.2.2", SA_IN, 0, false);
	hear(&e);
	assert_only(V_ICMP_STRANGER, 1);
}
END_TEST

/* An SA sends by protocol 50 or in UDP, never both. */
START_TEST(test_errors_are_about_the_way_the_sa_sends)
{
	for (unsigned in_udp = 0; in_udp < 2; in_udp++) {
		for (unsigned quoted_udp = 0; quoted_udp < 2; quoted_udp++) {
			struct wire_error e = too_big_error(SENT, 1300);

			teardown();
			setup();
			add_sa("192.0.2.1", "192.0.2.2", SA_OUT, SENT, in_udp);
			e.sport = quoted_udp ? 4500 : 0;
			hear(&e);
			assert_only(in_udp == quoted_udp ? V_ICMP_TOO_BIG : V_ICMP_STRANGER, 1);
		}
	}
}
END_TEST

/* No IPv6 path takes less than 1280 (RFC 8200 §5). */
START_TEST(test_errors_over_ipv6_never_go_below_1280)
{
	struct wire_error e = too_big_error(1, _i ? 1279 : 1280);

	add_sa("2001:db8::1", "2001:db8::2", SA_OUT, 1, false);
	e.dst = address("2001:db8::2");
	hear(&e);
	assert_only(_i ? V_ICMP_TOO_LOW : V_ICMP_TOO_BIG, 1);
}
END_TEST

START_TEST(test_errors_of_one_batch_are_told_once)
{
	add_sa("192.0.2.1", "192.0.2.2", SA_OUT, SENT, false);
	for (uint32_t i = 0; i < ERRORS_MAX; i++)
		waiting[waiting_count++] = too_big_error(SENT - i, i == 0 ? 1280 : 1300);
	path_error_batch(&worker, AF_INET);
	assert_only(V_ICMP_TOO_BIG, ERRORS_MAX);
	ck_assert_uint_eq(notice_count, 2);
	ck_assert_uint_eq(notices[0].mtu, 1300);
	ck_assert_uint_eq(notices[1].mtu, 1280); /* taken last, and lower */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("path error");
	TCase *tc = tcase_create("path error");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_errors_are_believed_about_recent_packets_only, 0,
			    (int)(sizeof(error_cases) / sizeof(error_cases[0])));
	tcase_add_test(tc, test_errors_about_an_inbound_sa_are_a_strangers);
	tcase_add_test(tc, test_errors_are_about_the_way_the_sa_sends);
	tcase_add_loop_test(tc, test_errors_over_ipv6_never_go_below_1280, 0, 2);
	tcase_add_test(tc, test_errors_of_one_batch_are_told_once);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
