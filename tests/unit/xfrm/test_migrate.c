/*
 * tests/unit/xfrm/test_migrate.c: MIGRATE: put is what is parsed, and the kernel's checks, among them
 * the empty request by which a manager asks whether there is MIGRATE.
 */
#include "tests/unit/xfrm/wire.h"

#include <netinet/in.h>

static struct sample_buffer buf;
static struct xfrm_message msg, got;
static struct xfrm_error err;

static struct ip_addr addr(const char *text)
{
	struct ip_addr out;

	ck_assert(ip_addr_parse(text, &out));
	return out;
}

static void migrate(uint16_t flags, uint32_t count)
{
	memset(&msg, 0, sizeof(msg));
	msg.type = XFRM_MSG_MIGRATE;
	msg.flags = flags;
	msg.policy.config.sel = sample_plain_policy().config.sel;
	msg.policy.config.dir = POLICY_OUT;
	for (uint32_t i = 0; i < count; i++)
		msg.migrate.moves[i] = (struct xfrm_migration){.old_src = addr("192.0.2.1"),
							       .old_dst = addr("192.0.2.2"),
							       .new_src = addr("2001:db8::1"),
							       .new_dst = addr("2001:db8::2"),
							       .reqid = 7 + i,
							       .proto = IPPROTO_ESP,
							       .mode = XFRM_MODE_TUNNEL};
	msg.migrate.count = count;
}

static void expect(int code, const char *words)
{
	int rc = wire_parse(&buf, &got, &err);

	ck_assert_msg(rc == code && (!words || strstr(err.text, words)), "%d (%s), expected %d", rc,
		      err.text, code);
}

static void round_trip(void)
{
	static struct sample_buffer again;

	sample_put(&msg, &buf);
	expect(0, NULL);
	sample_put(&got, &again);
	ck_assert_uint_eq(again.len, buf.len);
	ck_assert_mem_eq(again.bytes, buf.bytes, buf.len);
}

START_TEST(test_migrate_is_what_is_parsed)
{
	for (uint32_t count = 1; count <= XFRM_MIGRATIONS_MAX; count++) {
		migrate(NLM_F_REQUEST, count);
		msg.policy.config.mark = (struct xfrm_mark_value){1, 3};
		msg.migrate.encap = (struct sa_encap){.sport = 4500, .dport = 61000};
		msg.migrate.km_local = addr("198.51.100.1");
		msg.migrate.km_remote = addr("198.51.100.2");
		round_trip();
		ck_assert_uint_eq(got.migrate.count, count);
		ck_assert_uint_eq(got.migrate.moves[count - 1].reqid, 6 + count);
		ck_assert(ip_addr_equal(&got.migrate.moves[0].old_src,
					&msg.migrate.moves[0].old_src));
		ck_assert(ip_addr_equal(&got.migrate.moves[0].new_dst,
					&msg.migrate.moves[0].new_dst));
		ck_assert_uint_eq(got.migrate.encap.dport, 61000);
		ck_assert(ip_addr_equal(&got.migrate.km_remote, &msg.migrate.km_remote));
		ck_assert_same_policy(&got.policy.config, &msg.policy.config);
		wire_check_cuts(&buf, sizeof(struct xfrm_userpolicy_id));
	}
}
END_TEST

/* The event has an attribute for each move, and the type of policy before them. */
START_TEST(test_migrate_event_is_the_kernels)
{
	migrate(0, 2);
	sample_put(&msg, &buf);
	ck_assert_uint_eq(buf.len, NLMSG_LENGTH(sizeof(struct xfrm_userpolicy_id)) + 12 +
					   2 * (4 + sizeof(struct xfrm_user_migrate)));
	migrate(0, 1);
	round_trip();
}
END_TEST

START_TEST(test_migrate_is_refused)
{
	static uint8_t zeros[7 * sizeof(struct xfrm_user_migrate)];

	migrate(NLM_F_REQUEST, 0); /* "is there MIGRATE?" */
	sample_put(&msg, &buf);
	buf.len -= 4;
	wire_header(&buf)->nlmsg_len = (uint32_t)buf.len;
	expect(-EINVAL, "needs XFRMA_MIGRATE");
	wire_append(&buf, XFRMA_MIGRATE, zeros, sizeof(zeros));
	expect(-EINVAL, "one to 6 moves");
	wire_append(&buf, XFRMA_MIGRATE, zeros, sizeof(struct xfrm_user_migrate));
	expect(-EINVAL, "address families 0 and 0");
	migrate(NLM_F_REQUEST, 2);
	msg.migrate.moves[1].reqid = msg.migrate.moves[0].reqid;
	sample_put(&msg, &buf);
	expect(-EINVAL, "twice");
	migrate(NLM_F_REQUEST, 1);
	msg.migrate.moves[0].new_dst = addr("::");
	sample_put(&msg, &buf);
	expect(-EINVAL, "no address");
	migrate(NLM_F_REQUEST, 1);
	msg.policy.config.dir = POLICY_DIRS;
	sample_put(&msg, &buf);
	expect(-EINVAL, "direction 3");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm migrate");
	TCase *tc = tcase_create("migrate");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_migrate_is_what_is_parsed);
	tcase_add_test(tc, test_migrate_event_is_the_kernels);
	tcase_add_test(tc, test_migrate_is_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
