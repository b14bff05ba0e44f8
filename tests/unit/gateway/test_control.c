/*
 * test_control.c: what the control server answers: the kernel's errno for the kernel's messages,
 * acknowledgements as netlink gives them, directions, sequence numbers, and its own STATUS and
 * TUNNEL. The client is Cygnet's own, and raw bytes where the client is too polite.
 */
#include "control_double.h"
#include "control_server.h"
#include "ports_double.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct xfrm_client *client;

static void setup(void)
{
	struct xfrm_error err;

	server_start();
	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
}

static void teardown(void)
{
	xfrm_client_close(client);
	server_stop();
}

static int request(struct xfrm_message msg)
{
	struct xfrm_error err = {0};
	int rc = xfrm_client_request(client, &msg, &err);

	ck_assert_int_eq(err.code, rc);
	/* Every refusal says why. */
	ck_assert_msg(!rc || (err.text[0] && strcmp(err.text, strerror(-rc)) != 0), "%d: \"%s\"",
		      rc, err.text);
	return rc;
}

static int get(struct xfrm_message msg, struct xfrm_message *reply)
{
	struct xfrm_error err = {0};

	return xfrm_client_get(client, &msg, reply, &err);
}

START_TEST(test_sa_errors_are_the_kernels)
{
	const struct {
		uint16_t type;
		uint32_t spi;
		int rc;
	} rows[] = {
		{XFRM_MSG_DELSA, 0x1000, -ESRCH},  {XFRM_MSG_UPDSA, 0x1000, -ESRCH},
		{XFRM_MSG_FLUSHSA, 0, 0},	   {XFRM_MSG_NEWSA, 0x1000, 0},
		{XFRM_MSG_NEWSA, 0x1000, -EEXIST}, {XFRM_MSG_NEWSA, 0x1001, 0},
		{XFRM_MSG_UPDSA, 0x1000, 0},	   {XFRM_MSG_DELSA, 0x1000, 0},
		{XFRM_MSG_DELSA, 0x1000, -ESRCH},  {XFRM_MSG_FLUSHSA, 0, 0},
		{XFRM_MSG_DELSA, 0x1001, -ESRCH},
	};
	struct xfrm_message reply;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(request(sa_message(rows[i].type, 1, 2, rows[i].spi)) == rows[i].rc,
			      "row %u", i);
	ck_assert_int_eq(get(sa_message(XFRM_MSG_GETSA, 1, 2, 0x1000), &reply), -ESRCH);
}
END_TEST

START_TEST(test_policy_errors_are_the_kernels)
{
	const struct {
		uint16_t type;
		uint8_t net;
		int rc;
	} rows[] = {
		{XFRM_MSG_DELPOLICY, 1, -ENOENT}, {XFRM_MSG_FLUSHPOLICY, 0, 0},
		{XFRM_MSG_NEWPOLICY, 1, 0},	  {XFRM_MSG_NEWPOLICY, 1, -EEXIST},
		{XFRM_MSG_UPDPOLICY, 1, 0},	  {XFRM_MSG_UPDPOLICY, 2, 0},
		{XFRM_MSG_DELPOLICY, 1, 0},	  {XFRM_MSG_DELPOLICY, 1, -ENOENT},
		{XFRM_MSG_FLUSHPOLICY, 0, 0},	  {XFRM_MSG_DELPOLICY, 2, -ENOENT},
	};
	struct xfrm_message reply, wrong = policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 9, 2);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(request(policy_message(rows[i].type, POLICY_OUT, rows[i].net, 2)) ==
				      rows[i].rc,
			      "row %u", i);
	ck_assert_int_eq(get(policy_message(XFRM_MSG_GETPOLICY, POLICY_OUT, 1, 2), &reply),
			 -ENOENT);
	wrong.policy.config.index = 8 | POLICY_FWD;
	ck_assert_int_eq(request(wrong), -EINVAL);
}
END_TEST

START_TEST(test_sa_comes_back_as_it_went_in)
{
	struct xfrm_message sent = sa_message(XFRM_MSG_NEWSA, 1, 2, 0xabcd0001), reply;
	const struct sa_config *got = &reply.sa.config;

	sent.sa.config.limits.hard_packets = 1000;
	sent.sa.config.mark = (struct xfrm_mark_value){5, 0xff};
	ck_assert_int_eq(request(sent), 0);
	sent.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(get(sent, &reply), 0);
	ck_assert_uint_eq(reply.type, XFRM_MSG_NEWSA);
	ck_assert_uint_eq(got->id.spi, 0xabcd0001);
	ck_assert_uint_eq(got->limits.hard_packets, 1000);
	ck_assert_uint_eq(got->mark.value, 5);
	ck_assert(got->suite.encr == sent.sa.config.suite.encr);
	ck_assert_mem_eq(got->keys.encr, sent.sa.config.keys.encr, 20);
	ck_assert_uint_gt(reply.sa.status.add_time, 0);
	/* Without its mark it is another SA. */
	sent.sa.config.mark = (struct xfrm_mark_value){0};
	ck_assert_int_eq(get(sent, &reply), -ESRCH);
}
END_TEST

START_TEST(test_update_changes_limits_and_keeps_numbers)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), reply;

	ck_assert_int_eq(request(msg), 0);
	msg.type = XFRM_MSG_UPDSA;
	msg.sa.config.limits.soft_bytes = 4711;
	ck_assert_int_eq(request(msg), 0);
	msg.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(get(msg, &reply), 0);
	ck_assert_uint_eq(reply.sa.config.limits.soft_bytes, 4711);
	ck_assert_uint_eq(double_state.takes, 1);
	msg.type = XFRM_MSG_DELSA;
	ck_assert_int_eq(request(msg), 0);
	ck_assert_uint_eq(double_state.returns, 1);
}
END_TEST

START_TEST(test_policy_comes_back_as_it_went_in)
{
	struct xfrm_message sent = policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 7, 2), reply;
	struct xfrm_message by_index = {.type = XFRM_MSG_GETPOLICY};
	const struct policy_config *got = &reply.policy.config;

	sent.policy.config.priority = 99;
	ck_assert_int_eq(request(sent), 0);
	sent.type = XFRM_MSG_GETPOLICY;
	ck_assert_int_eq(get(sent, &reply), 0);
	ck_assert_uint_eq(reply.type, XFRM_MSG_NEWPOLICY);
	ck_assert_uint_eq(got->priority, 99);
	ck_assert_uint_eq(got->dir, POLICY_OUT);
	ck_assert(selector_equal(&got->sel, &sent.policy.config.sel));
	ck_assert_uint_eq(got->tmpl.reqid, 2);
	ck_assert_uint_eq(got->index & 7, POLICY_OUT);
	ck_assert_uint_gt(got->index, 0);
	by_index.policy.config.index = got->index;
	by_index.policy.config.dir = POLICY_OUT;
	ck_assert_int_eq(get(by_index, &reply), 0);
	ck_assert_uint_eq(got->priority, 99);
	by_index.type = XFRM_MSG_DELPOLICY;
	ck_assert_int_eq(request(by_index), 0);
	ck_assert_int_eq(get(sent, &reply), -ENOENT);
}
END_TEST

/* ---- directions and sequence numbers ------------------------------------------------------- */

struct ends {
	struct sa_id id;
	bool found, in, out;
	uint64_t left, in_seq;
};

static void look_at_ends(void *arg)
{
	const struct xfrm_mark_value none = {0};
	struct ends *ends = arg;
	const struct sa *sa = sadb_sa_find(server.db, &ends->id, &none);

	ends->found = sa;
	ends->in = sa && sa->in;
	ends->out = sa && sa->out;
	ends->left = sa && sa->out ? esp_out_left(sa->out) : 0;
	ends->in_seq = sa && sa->in ? esp_in_seq(sa->in) : 0;
}

static struct ends ends_of(const struct xfrm_message *msg)
{
	struct ends ends = {.id = msg->sa.config.id};

	server_call(look_at_ends, &ends);
	return ends;
}

static void tell_addresses_changed(void *arg)
{
	(void)arg;
	control_addresses_changed(server.control);
}

START_TEST(test_directions_follow_local_addresses)
{
	const struct {
		uint8_t src, dst; /* 1 is ours */
		bool in, out;
	} rows[] = {
		{1, 2, false, true},
		{2, 1, true, false},
		{1, 1, true, true},
		{3, 2, false, true}, /* the source may come up later */
	};

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xfrm_message msg =
			sa_message(XFRM_MSG_NEWSA, rows[i].src, rows[i].dst, 0x1000 + i);
		struct ends ends;

		ck_assert_int_eq(request(msg), 0);
		ends = ends_of(&msg);
		ck_assert_msg(ends.in == rows[i].in && ends.out == rows[i].out, "row %u", i);
		double_state.home = false;
		server_call(tell_addresses_changed, NULL);
		ends = ends_of(&msg);
		/* An inbound end that went and came back would take old packets again. */
		ck_assert_msg(ends.in == rows[i].in && ends.out == rows[i].out, "row %u away", i);
		double_state.home = true;
		server_call(tell_addresses_changed, NULL);
		ends = ends_of(&msg);
		ck_assert_msg(ends.in == rows[i].in && ends.out == rows[i].out, "row %u back", i);
	}
}
END_TEST

START_TEST(test_an_address_that_comes_up_adds_the_inbound_end)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1000);

	msg.ae_replay = true; /* taken over from an SA that saw these */
	msg.sa.status.in_seq = 4711;
	double_state.home = false;
	ck_assert_int_eq(request(msg), 0);
	ck_assert(!ends_of(&msg).in && ends_of(&msg).out); /* it goes elsewhere, for all we know */
	ck_assert_uint_eq(double_state.takes, 1);
	double_state.home = true;
	server_call(tell_addresses_changed, NULL);
	ck_assert(ends_of(&msg).in && ends_of(&msg).out);
	ck_assert_uint_eq(ends_of(&msg).in_seq, 4711); /* no replay of those before is taken */
	ck_assert_uint_eq(double_state.takes, 1);
	ck_assert_uint_eq(double_state.returns, 0);
}
END_TEST

static void count_sas(void *arg)
{
	*(unsigned *)arg = sadb_sa_count(server.db);
}

/* One destination and SPI, two SAs: each goes once, and gives back what is its own. A second removal
 * of the one that the key finds would leave the other sending with numbers that were given back. */
START_TEST(test_flush_takes_each_of_two_sas_that_one_key_means)
{
	struct xfrm_message marked = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), plain = marked;
	unsigned left;

	marked.sa.config.mark = (struct xfrm_mark_value){1, 0xff};
	ck_assert_int_eq(request(marked), 0);
	ck_assert_int_eq(request(plain), 0);
	server_call(count_sas, &left);
	ck_assert_uint_eq(left, 2);
	ck_assert_uint_eq(double_state.takes, 2);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 1, 2, 0)), 0);
	server_call(count_sas, &left);
	ck_assert_uint_eq(left, 0);
	ck_assert_uint_eq(double_state.returns, 2);
}
END_TEST

START_TEST(test_no_sa_without_numbers)
{
	static const int fails[][2] = {
		{-ENOSPC, -EIO}, {-EIO, -EIO}, {-EROFS, -EIO}, {-EOVERFLOW, -EOVERFLOW}};
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000);

	for (unsigned i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
		double_state.take_fails = fails[i][0];
		ck_assert_int_eq(request(msg), fails[i][1]);
		ck_assert(!ends_of(&msg).found);
	}
	/* Inbound needs none. */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1000)), 0);
	double_state.take_fails = 0;
	ck_assert_int_eq(request(msg), 0);
	ck_assert_uint_eq(double_state.takes, 1);
	/* A refused duplicate takes none. */
	ck_assert_int_eq(request(msg), -EEXIST);
	ck_assert_uint_eq(double_state.takes, 1);
}
END_TEST

START_TEST(test_a_refused_sa_gives_numbers_back)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 1, 0x1000);

	/* RFC 4303 §2.2.1: ESN lives by the window. The parser or esp refuses it, whoever is first. */
	msg.sa.config.esn = true;
	msg.sa.config.replay_window = 0;
	ck_assert_int_eq(request(msg), -EINVAL);
	ck_assert_uint_eq(double_state.takes, double_state.returns);
	ck_assert(!ends_of(&msg).found);
}
END_TEST

START_TEST(test_delete_and_flush_give_numbers_back)
{
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000 + i)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_DELSA, 1, 2, 0x1001)), 0);
	ck_assert_uint_eq(double_state.returns, 1);
	ck_assert_uint_eq(double_state.returned_used, 0);
	ck_assert_uint_eq(double_state.returned_first, double_state.block + 1);
	ck_assert_uint_eq(double_state.returned_last, 2 * double_state.block);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 1, 2, 0)), 0);
	ck_assert_uint_eq(double_state.returns, 3);
}
END_TEST

/* Outbound SAs hold the port they leave from, inbound ones the port they come to. */
START_TEST(test_udp_ports_are_held_as_long_as_their_sas)
{
	struct xfrm_message out = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000);
	struct xfrm_message in = sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1001);
	unsigned takes = double_state.takes;

	out.sa.config.encap = (struct sa_encap){.sport = 4500, .dport = 61000};
	in.sa.config.encap = (struct sa_encap){.sport = 61000, .dport = 4501};
	ports_double_fails = -EACCES;
	ck_assert_int_eq(request(out), -EACCES);
	ck_assert(!ends_of(&out).found);
	ck_assert_uint_eq(double_state.takes - takes, double_state.returns);
	ports_double_fails = 0;
	ck_assert_int_eq(request(out), 0);
	ck_assert_int_eq(request(in), 0);
	ck_assert_int_eq(ports_double_users[4500], 1);
	ck_assert_int_eq(ports_double_users[4501], 1);
	ck_assert_int_eq(ports_double_users[61000], 0);
	out.type = XFRM_MSG_UPDSA;
	out.sa.config.encap.sport = 4502;
	ck_assert_int_eq(request(out), 0);
	ck_assert_int_eq(ports_double_users[4500], 0);
	ck_assert_int_eq(ports_double_users[4502], 1);
	out.sa.config.encap = (struct sa_encap){0};
	ck_assert_int_eq(request(out), -EINVAL);
	ck_assert_int_eq(ports_double_users[4502], 1);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_DELSA, 1, 2, 0x1000)), 0);
	ck_assert_int_eq(ports_double_users[4502], 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 1, 2, 0)), 0);
	ck_assert_int_eq(ports_double_users[4501], 0);
}
END_TEST

/* The rules that let a mark pass stand before its SA does, and as long. */
START_TEST(test_output_marks_are_held_as_long_as_their_sas)
{
	struct xfrm_message out = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), reply;
	struct xfrm_message in = sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1001);
	unsigned takes = double_state.takes;

	out.sa.config.output_mark = (struct xfrm_mark_value){0xff07, 0xff};
	in.sa.config.output_mark = out.sa.config.output_mark;
	ck_assert_int_eq(request(in), -EOPNOTSUPP);
	ck_assert(!ends_of(&in).found);
	double_state.take_fails = -EIO;
	ck_assert_int_eq(request(out), -EIO);
	double_state.take_fails = 0;
	ck_assert_int_eq(double_state.marks, 0);
	/* Without its rule it would go into the tunnel again. */
	double_state.mark_fails = -EPERM;
	ck_assert_int_eq(request(out), -EPERM);
	ck_assert(!ends_of(&out).found);
	double_state.mark_fails = 0;
	ck_assert_int_eq(double_state.marks, 0);
	ck_assert_int_eq(request(out), 0);
	ck_assert_int_eq(double_state.marks, 1);
	ck_assert_uint_eq(double_state.mark, 7);
	ck_assert_int_eq(double_state.mark_family, AF_INET);
	ck_assert_int_eq(request(out), -EEXIST);
	ck_assert_int_eq(double_state.marks, 1);
	/* An update without a mark changes none. */
	out.type = XFRM_MSG_UPDSA;
	out.sa.config.output_mark = (struct xfrm_mark_value){0};
	ck_assert_int_eq(request(out), 0);
	out.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(get(out, &reply), 0);
	ck_assert_uint_eq(sa_output_mark(&reply.sa.config), 7);
	out.type = XFRM_MSG_UPDSA;
	out.sa.config.output_mark = (struct xfrm_mark_value){8, UINT32_MAX};
	double_state.mark_fails = -EPERM;
	ck_assert_int_eq(request(out), -EPERM);
	double_state.mark_fails = 0;
	ck_assert_uint_eq(double_state.mark, 7);
	ck_assert_int_eq(request(out), 0);
	ck_assert_int_eq(double_state.mark_family, AF_INET);
	out.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(get(out, &reply), 0);
	ck_assert_uint_eq(sa_output_mark(&reply.sa.config), 8);
	ck_assert_int_eq(double_state.marks, 1);
	/* Nothing is set on what comes in: the value is the one packets have anyway. */
	in.sa.config.output_mark = (struct xfrm_mark_value){0, UINT32_MAX};
	ck_assert_int_eq(request(in), 0);
	in.type = XFRM_MSG_UPDSA;
	in.sa.config.output_mark = (struct xfrm_mark_value){1, 1};
	ck_assert_int_eq(request(in), -EOPNOTSUPP);
	ck_assert_int_eq(double_state.marks, 1);
	ck_assert_uint_eq(double_state.takes - takes, 2); /* one was given back, with its mark */
	ck_assert_int_eq(request(sa_message(XFRM_MSG_FLUSHSA, 1, 2, 0)), 0);
	ck_assert_int_eq(double_state.marks, 0);
	ck_assert_uint_eq(double_state.mark, 8);
}
END_TEST

START_TEST(test_ike_is_refused_with_a_reason)
{
	static const struct {
		uint16_t port;
		int rc;
		const char *words;
	} rows[] = {
		{4500, -EBUSY, "another client"},
		{500, -EINVAL, "carries no ESP"},
		{4501, -EADDRINUSE, "another process"},
	};
	struct xfrm_error err;
	int fd = -1;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(xfrm_client_register_ike(client, rows[i].port, &fd, &err),
				 rows[i].rc);
		ck_assert_msg(strstr(err.text, rows[i].words) != NULL, "%s", err.text);
	}
	ck_assert_int_eq(fd, -1);
}
END_TEST

/* RFC 8750: only who was given IKE's port brings keys for an implicit IV to send by. */
START_TEST(test_implicit_iv_is_ikes)
{
	const struct esp_suite_spec spec = {
		.encr = ESP_ENCR_AES_GCM_IIV, .encr_key_len = 20, .icv_len = 16};
	struct xfrm_message out = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), reply;
	struct xfrm_message in = sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1001);
	struct xfrm_message spi = sa_message(XFRM_MSG_ALLOCSPI, 1, 2, 0);
	struct xfrm_message larval = out;
	struct xfrm_error err;
	int fd = -1;

	ck_assert_int_eq(esp_suite_find(&spec, &out.sa.config.suite, NULL), 0);
	in.sa.config.suite = larval.sa.config.suite = out.sa.config.suite;
	ck_assert_int_eq(request(in), 0);
	ck_assert_int_eq(request(out), -EOPNOTSUPP);
	spi.range = (struct xfrm_spi_range){0x2000, 0x2000};
	ck_assert_int_eq(get(spi, &reply), 0);
	larval.type = XFRM_MSG_UPDSA;
	larval.sa.config.id.spi = 0x2000;
	ck_assert_int_eq(request(larval), -EOPNOTSUPP);

	ck_assert_int_eq(xfrm_client_register_ike(client, PORTS_DOUBLE_FREE, &fd, &err), 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
	/* It is made, so its numbers are not masked. */
	ck_assert_int_eq(request(out), 0);
	ck_assert_int_eq(request(larval), 0);
	/* Whose end it is cannot be told while no address is there: the peer's key is not to send by. */
	double_state.home = false;
	in.sa.config.id.spi++;
	ck_assert_int_eq(request(in), -EADDRNOTAVAIL);
	double_state.home = true;
	ck_assert_int_eq(request(in), 0);
	/* Of another connection it is still refused. */
	xfrm_client_close(client);
	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	out.sa.config.id.spi++;
	ck_assert_int_eq(request(out), -EOPNOTSUPP);
}
END_TEST

static void extend(void *arg)
{
	const struct xfrm_mark_value none = {0};
	const struct sa_id *id = arg;
	const struct sa *sa = sadb_sa_find(server.db, id, &none);
	struct notice notice = {.kind = NOTICE_GRANT, .id = *id};

	if (sa)
		notice = notice_about(NOTICE_GRANT, sa);
	control_on_notice(server.control, &notice);
}

START_TEST(test_extend_hands_over_the_next_block)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000);
	struct sa_id id = msg.sa.config.id, unknown = {.spi = 1};

	double_state.block = 100;
	ck_assert_int_eq(request(msg), 0);
	ck_assert_uint_eq(ends_of(&msg).left, 100);
	server_call(extend, &id);
	ck_assert_uint_eq(ends_of(&msg).left, 200);
	/* The hand-over waits still: the next one is refused by esp, and nothing breaks. */
	server_call(extend, &id);
	ck_assert_uint_eq(ends_of(&msg).left, 200);
	double_state.take_fails = -ENOSPC;
	server_call(extend, &id);
	server_call(extend, &unknown);
	ck_assert_uint_eq(ends_of(&msg).left, 200);
	msg.type = XFRM_MSG_DELSA;
	ck_assert_int_eq(request(msg), 0);
	/* What is given back is the block taken last. */
	ck_assert_uint_eq(double_state.returned_last, UINT64_C(100) * double_state.takes);
}
END_TEST

START_TEST(test_extend_takes_nothing_while_enough_is_left)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000);

	ck_assert_int_eq(request(msg), 0);
	server_call(extend, &msg.sa.config.id);
	ck_assert_uint_eq(double_state.takes, 1);
}
END_TEST

/* ---- capture ------------------------------------------------------------------------------- */

START_TEST(test_capture_follows_before_the_acknowledgement)
{
	const struct {
		struct xfrm_message msg;
		unsigned refreshes;
	} rows[] = {
		{sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), 0}, /* no policy uses it */
		{policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2), 1},
		{policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2), 0}, /* EEXIST */
		{policy_message(XFRM_MSG_UPDPOLICY, POLICY_OUT, 1, 2), 1},
		{sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1001), 1}, /* newer: the policy's now */
		{sa_message(XFRM_MSG_NEWSA, 1, 3, 0x1002), 0}, /* another peer */
		{sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1003), 0}, /* inbound */
		{sa_message(XFRM_MSG_DELSA, 1, 2, 0x1000), 0}, /* was not in use any more */
		{sa_message(XFRM_MSG_DELSA, 1, 2, 0x1001), 1},
		{policy_message(XFRM_MSG_DELPOLICY, POLICY_OUT, 1, 2), 1},
		{policy_message(XFRM_MSG_FLUSHPOLICY, POLICY_OUT, 0, 0), 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned before = double_state.refreshes;

		(void)request(rows[i].msg);
		ck_assert_msg(double_state.refreshes - before == rows[i].refreshes,
			      "row %u: %u refreshes", i, double_state.refreshes - before);
	}
}
END_TEST

/* ---- status -------------------------------------------------------------------------------- */

START_TEST(test_status_counts)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS}, reply;

	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 2, 1, 0x1000)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_IN, 1, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_FWD, 1, 2)), 0);
	ck_assert_int_eq(get(msg, &reply), 0);
	ck_assert_uint_eq(reply.type, CYGNET_MSG_STATUS);
	ck_assert_uint_eq(reply.status.sas, 2);
	ck_assert_uint_eq(reply.status.policies, 3);
	ck_assert_uint_eq(reply.status.workers, 3);
	ck_assert_str_eq(reply.status.tun, "cygnet0");
	ck_assert_uint_eq(reply.status.verdict_in[V_REPLAY_DUP], 42);
}
END_TEST

struct tunnels {
	unsigned count;
	uint32_t spi[4], mtu[4];
};

static int keep_tunnel(void *ctx, const struct xfrm_message *entry)
{
	struct tunnels *tunnels = ctx;

	ck_assert_uint_eq(entry->type, CYGNET_MSG_TUNNEL);
	ck_assert_uint_lt(tunnels->count, 4);
	tunnels->spi[tunnels->count] = entry->tunnel.spi;
	tunnels->mtu[tunnels->count++] = entry->tunnel.outer_mtu;
	return 0;
}

START_TEST(test_tunnels_are_outbound_policies)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_GETTUNNEL}, reply;
	struct xfrm_message bypass = policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 3, 2);
	struct tunnels tunnels = {0};
	struct xfrm_error err;

	bypass.policy.config.action = POLICY_BYPASS;
	bypass.policy.config.tmpl = (struct policy_template){0};
	ck_assert_int_eq(request(bypass), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_IN, 1, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 2, 3)), 0);
	ck_assert_int_eq(request(sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1234)), 0);
	ck_assert_int_eq(xfrm_client_dump(client, &msg, keep_tunnel, &tunnels, &err), 0);
	ck_assert_uint_eq(tunnels.count, 2);
	ck_assert_uint_eq(tunnels.spi[0], 0x1234);
	ck_assert_uint_eq(tunnels.spi[1], 0);
	ck_assert_uint_eq(tunnels.mtu[0], 1500);
	ck_assert_int_eq(get(msg, &reply), -EOPNOTSUPP);
}
END_TEST

/* ---- netlink's manners ---------------------------------------------------------------------- */

START_TEST(test_acknowledgements_are_netlinks)
{
	_Alignas(8) uint8_t buf[XFRM_REQUEST_MAX];
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	int fd = raw_connect();
	size_t len;

	/* Success is said only when asked, refusal always. */
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, 0, 1, 77));
	raw_expect_silence(fd);
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, 0, 2, 77));
	ck_assert_int_eq(raw_ack(fd, 2, 77), -EEXIST);
	msg.type = XFRM_MSG_UPDSA;
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, NLM_F_ACK, 3, 0));
	ck_assert_int_eq(raw_ack(fd, 3, 0), 0);
	/* One object: its data, and an acknowledgement only if asked. */
	msg.type = XFRM_MSG_GETSA;
	for (uint16_t ack = 0; ack <= NLM_F_ACK; ack = (uint16_t)(ack + NLM_F_ACK)) {
		raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, ack, 4, 99));
		len = raw_receive(fd, buf, sizeof(buf));
		ck_assert_uint_eq(nlh->nlmsg_len, len);
		ck_assert_uint_eq(nlh->nlmsg_type, XFRM_MSG_NEWSA);
		ck_assert_uint_eq(nlh->nlmsg_flags, 0);
		ck_assert_uint_eq(nlh->nlmsg_seq, 4);
		ck_assert_uint_eq(nlh->nlmsg_pid, 99);
		if (ack)
			ck_assert_int_eq(raw_ack(fd, 4, 99), 0);
		else
			raw_expect_silence(fd);
	}
	close(fd);
}
END_TEST

START_TEST(test_one_datagram_holds_many_requests)
{
	_Alignas(8) uint8_t buf[XFRM_REQUEST_MAX];
	int fd = raw_connect();
	size_t len = 0;

	for (uint32_t i = 0; i < 20; i++) {
		struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000 + i / 2);

		len += raw_request(buf + len, sizeof(buf) - len, &msg, NLM_F_ACK, 100 + i, 5);
	}
	raw_send(fd, buf, len);
	for (uint32_t i = 0; i < 20; i++)
		ck_assert_int_eq(raw_ack(fd, 100 + i, 5), i % 2 ? -EEXIST : 0);
	raw_expect_silence(fd);
	close(fd);
}
END_TEST

START_TEST(test_malformed_requests_end_nothing)
{
	enum { SILENCE = 1 };
	const struct {
		const char *what;
		uint32_t nlmsg_len;
		uint16_t type, flags;
		size_t len;
		int rc;
	} rows[] = {
		{"one byte", 16, XFRM_MSG_GETSA, NLM_F_REQUEST, 1, SILENCE},
		{"half a header", 16, XFRM_MSG_GETSA, NLM_F_REQUEST, 15, SILENCE},
		{"length 0", 0, XFRM_MSG_GETSA, NLM_F_REQUEST, 40, -EINVAL},
		{"length 15", 15, XFRM_MSG_GETSA, NLM_F_REQUEST, 40, -EINVAL},
		{"length beyond the datagram", 41, XFRM_MSG_GETSA, NLM_F_REQUEST, 40, -EINVAL},
		{"enormous length", UINT32_MAX, XFRM_MSG_GETSA, NLM_F_REQUEST, 40, -EINVAL},
		{"no room for its header", 20, XFRM_MSG_NEWSA, NLM_F_REQUEST, 20, -EINVAL},
		{"just a header", 16, XFRM_MSG_DELPOLICY, NLM_F_REQUEST, 16, -EINVAL},
		{"unknown type", 16, 0x50, NLM_F_REQUEST, 16, -EINVAL},
		{"an event of the kernel's", 16, XFRM_MSG_REPORT, NLM_F_REQUEST, 16, -EINVAL},
		{"an answer", 16, CYGNET_MSG_STATUS, NLM_F_REQUEST, 16, -EINVAL},
		{"no request", 16, XFRM_MSG_FLUSHSA, 0, 16, SILENCE},
		{"no request, to be acknowledged", 16, XFRM_MSG_FLUSHSA, NLM_F_ACK, 16, 0},
		{"NLMSG_NOOP", 16, NLMSG_NOOP, NLM_F_REQUEST, 16, SILENCE},
		{"NLMSG_DONE, to be acknowledged", 16, NLMSG_DONE, NLM_F_REQUEST | NLM_F_ACK, 16,
		 0},
		{"too long", 16, XFRM_MSG_FLUSHSA, NLM_F_REQUEST, XFRM_REQUEST_MAX + 1, -EMSGSIZE},
		{"far too long", 16, XFRM_MSG_FLUSHSA, NLM_F_REQUEST, 65536, -EMSGSIZE},
	};
	static _Alignas(8) uint8_t buf[65536];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	int fd = raw_connect();

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xfrm_message alive = {.type = CYGNET_MSG_GETSTATUS};

		memset(buf, 0, sizeof(buf));
		*nlh = (struct nlmsghdr){.nlmsg_len = rows[i].nlmsg_len,
					 .nlmsg_type = rows[i].type,
					 .nlmsg_flags = rows[i].flags,
					 .nlmsg_seq = i,
					 .nlmsg_pid = 3};
		raw_send(fd, buf, rows[i].len);
		if (rows[i].rc != SILENCE) {
			int rc = raw_ack(fd, i, 3);

			ck_assert_msg(rc == rows[i].rc, "%s: %d", rows[i].what, rc);
		}
		/* The next answer is the next request's: nothing else came, and we are still heard. */
		raw_send(fd, buf, raw_request(buf, sizeof(buf), &alive, 0, 1000 + i, 3));
		(void)raw_receive(fd, buf, sizeof(buf));
		ck_assert_msg(nlh->nlmsg_type == CYGNET_MSG_STATUS && nlh->nlmsg_seq == 1000 + i,
			      "%s", rows[i].what);
	}
	close(fd);
}
END_TEST

START_TEST(test_good_request_before_a_lying_one_counts)
{
	_Alignas(8) uint8_t buf[XFRM_REQUEST_MAX];
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x1000), reply;
	int fd = raw_connect();
	size_t len = raw_request(buf, sizeof(buf), &msg, NLM_F_ACK, 1, 0);
	size_t second = raw_request(buf + len, sizeof(buf) - len, &msg, NLM_F_ACK, 2, 0);

	raw_send(fd, buf, len + second - 4);
	ck_assert_int_eq(raw_ack(fd, 1, 0), 0);
	ck_assert_int_eq(raw_ack(fd, 2, 0), -EINVAL);
	raw_expect_silence(fd);
	msg.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(get(msg, &reply), 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tc = tcase_create("control");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_sa_errors_are_the_kernels);
	tcase_add_test(tc, test_policy_errors_are_the_kernels);
	tcase_add_test(tc, test_sa_comes_back_as_it_went_in);
	tcase_add_test(tc, test_update_changes_limits_and_keeps_numbers);
	tcase_add_test(tc, test_policy_comes_back_as_it_went_in);
	tcase_add_test(tc, test_directions_follow_local_addresses);
	tcase_add_test(tc, test_an_address_that_comes_up_adds_the_inbound_end);
	tcase_add_test(tc, test_flush_takes_each_of_two_sas_that_one_key_means);
	tcase_add_test(tc, test_no_sa_without_numbers);
	tcase_add_test(tc, test_a_refused_sa_gives_numbers_back);
	tcase_add_test(tc, test_delete_and_flush_give_numbers_back);
	tcase_add_test(tc, test_udp_ports_are_held_as_long_as_their_sas);
	tcase_add_test(tc, test_output_marks_are_held_as_long_as_their_sas);
	tcase_add_test(tc, test_ike_is_refused_with_a_reason);
	tcase_add_test(tc, test_implicit_iv_is_ikes);
	tcase_add_test(tc, test_extend_hands_over_the_next_block);
	tcase_add_test(tc, test_extend_takes_nothing_while_enough_is_left);
	tcase_add_test(tc, test_capture_follows_before_the_acknowledgement);
	tcase_add_test(tc, test_status_counts);
	tcase_add_test(tc, test_tunnels_are_outbound_policies);
	tcase_add_test(tc, test_acknowledgements_are_netlinks);
	tcase_add_test(tc, test_one_datagram_holds_many_requests);
	tcase_add_test(tc, test_malformed_requests_end_nothing);
	tcase_add_test(tc, test_good_request_before_a_lying_one_counts);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
