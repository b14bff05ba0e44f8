/*
 * test_control_life.c: SAs expire and those who listen hear of it, and of every change: the server
 * with real clients. One that does not listen hears nothing; one that does not read loses events,
 * is told so, and holds up nobody.
 */
#include "control_double.h"
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, EVERYTHING = 0xff };

static struct xfrm_client *open_client(uint32_t groups)
{
	struct xfrm_client *client = NULL;
	struct xfrm_error err;

	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	if (groups)
		ck_assert_int_eq(xfrm_client_subscribe(client, groups, &err), 0);
	return client;
}

static int request(struct xfrm_client *client, struct xfrm_message msg)
{
	struct xfrm_error err;

	return xfrm_client_request(client, &msg, &err);
}

static struct xfrm_message event_of(struct xfrm_client *client, uint16_t type)
{
	struct xfrm_message msg;
	struct xfrm_error err;
	int rc = xfrm_client_event(client, PATIENCE_MS, &msg, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_eq(msg.type, type);
	return msg;
}

static void expect_none(struct xfrm_client *client)
{
	struct xfrm_message msg;
	struct xfrm_error err;

	ck_assert_int_eq(xfrm_client_event(client, 50, &msg, &err), -EAGAIN);
}

/* ---- events of requests ---------------------------------------------------------------------- */

START_TEST(test_events_of_every_change)
{
	struct xfrm_client *writer = open_client(0), *all = open_client(EVERYTHING),
			   *sas = open_client(XFRMGRP_SA), *deaf = open_client(0);
	struct xfrm_message msg;

	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), -EEXIST);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_UPDSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_DELSA, 1, 2, 0x100)), 0);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_DELSA, 1, 2, 0x100)), -ESRCH);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0); /* none */
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x101)), 0);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_UPDPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_DELPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_IN, 1, 2)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_FLUSHPOLICY, 0, 0, 0)), 0);
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_FLUSHPOLICY, 0, 0, 0)), 0);
	for (int i = 0; i < 2; i++) {
		struct xfrm_client *client = i ? all : sas;

		msg = event_of(client, XFRM_MSG_NEWSA);
		ck_assert_uint_eq(msg.sa.config.id.spi, 0x100);
		ck_assert_uint_eq(msg.sa.config.keys.encr[19], 0x11);
		ck_assert_uint_ne(msg.seq, 0); /* the request's, as in the kernel */
		msg = event_of(client, XFRM_MSG_UPDSA);
		msg = event_of(client, XFRM_MSG_DELSA);
		ck_assert_uint_eq(msg.sa.config.id.spi, 0x100);
		ck_assert_uint_eq(msg.sa.config.reqid, 2);
		(void)event_of(client, XFRM_MSG_NEWSA);
		(void)event_of(client, XFRM_MSG_FLUSHSA);
	}
	expect_none(sas);
	msg = event_of(all, XFRM_MSG_NEWPOLICY);
	ck_assert_uint_eq(msg.policy.config.dir, POLICY_OUT);
	(void)event_of(all, XFRM_MSG_UPDPOLICY);
	msg = event_of(all, XFRM_MSG_DELPOLICY);
	ck_assert_uint_eq(msg.policy.config.tmpl.reqid, 2);
	(void)event_of(all, XFRM_MSG_NEWPOLICY);
	(void)event_of(all, XFRM_MSG_FLUSHPOLICY);
	expect_none(all);
	expect_none(deaf);
	xfrm_client_close(writer);
	xfrm_client_close(all);
	xfrm_client_close(sas);
	xfrm_client_close(deaf);
}
END_TEST

/* A client's port id stands in its answers; without one, its request's does. */
START_TEST(test_ctl_sets_the_port_id)
{
	_Alignas(8) uint8_t buf[XFRM_DATAGRAM_MAX];
	struct xfrm_message ctl = {.type = CYGNET_MSG_CTL, .ctl = {4711, 0}};
	struct xfrm_message get = sa_message(XFRM_MSG_GETSA, 1, 2, 0x100);
	int fd = raw_connect();

	raw_send(fd, buf, raw_request(buf, sizeof(buf), &get, 0, 1, 9));
	ck_assert_int_eq(raw_ack(fd, 1, 9), -ESRCH);
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &ctl, 0, 2, 0));
	raw_expect_silence(fd);
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &get, 0, 3, 0));
	ck_assert_int_eq(raw_ack(fd, 3, 4711), -ESRCH);
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &ctl, NLM_F_ACK, 4, 0));
	ck_assert_int_eq(raw_ack(fd, 4, 4711), 0);
	close(fd);
}
END_TEST

/* ---- slow and gone ---------------------------------------------------------------------------- */

static void count_groups(void *arg)
{
	*(uint32_t *)arg = server.control->groups;
}

/* Whoever is gone is no listener any more, once the server has noticed. */
static void expect_nobody_listens(void)
{
	uint32_t groups = UINT32_MAX;

	for (int i = 0; i < 500 && groups; i++) {
		usleep(10000);
		server_call(count_groups, &groups);
	}
	ck_assert_uint_eq(groups, 0);
	ck_assert_ptr_null(server.control->listeners);
}

START_TEST(test_slow_listener_loses_events_and_hears_of_it)
{
	struct xfrm_client *writer = open_client(0), *slow = open_client(XFRMGRP_SA);
	unsigned heard = 0, overruns = 0, after = 0;
	struct xfrm_message msg;
	struct xfrm_error err;
	int rc;

	for (int i = 0; i < 1500; i++) {
		ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100)), 0);
		ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_DELSA, 1, 2, 0x100)), 0);
	}
	while ((rc = xfrm_client_event(slow, 200, &msg, &err)) == 0)
		heard++;
	/* The news comes when all that was kept has been read, and once, without another event. */
	ck_assert_int_eq(rc, -ENOBUFS);
	ck_assert_uint_gt(heard, 100);
	ck_assert_uint_lt(heard, 3000);
	ck_assert_int_eq(xfrm_client_event(slow, 200, &msg, &err), -EAGAIN);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x101)), 0);
	while ((rc = xfrm_client_event(slow, 200, &msg, &err)) != -EAGAIN) {
		overruns += rc == -ENOBUFS;
		after += rc == 0;
	}
	ck_assert_uint_eq(overruns, 0);
	ck_assert_uint_eq(after, 1);
	ck_assert_uint_eq(msg.sa.config.id.spi, 0x101);
	xfrm_client_close(slow);
	expect_nobody_listens();
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_DELSA, 1, 2, 0x101)), 0);
	ck_assert_uint_gt(server.control->events_lost, 0);
	xfrm_client_close(writer);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------ */

static struct xfrm_message limited(uint16_t type, uint64_t soft_s, uint64_t hard_s)
{
	struct xfrm_message msg = sa_message(type, 1, 2, 0x100);

	msg.sa.config.limits.soft_add_s = soft_s;
	msg.sa.config.limits.hard_add_s = hard_s;
	return msg;
}

static void run_life(void *arg)
{
	life_run(server.control, *(uint64_t *)arg);
}

static void time_is(uint64_t now)
{
	server_call(run_life, &now);
}

START_TEST(test_times_expire_softly_then_hard)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);
	uint64_t now = (uint64_t)time(NULL);
	struct xfrm_message msg;

	ck_assert_int_eq(request(writer, limited(XFRM_MSG_NEWSA, 1000, 2000)), 0);
	ck_assert_uint_eq(server.control->deadlines.count, 1);
	time_is(now + 990);
	expect_none(hears);
	time_is(now + 1010);
	time_is(now + 1500); /* once */
	msg = event_of(hears, XFRM_MSG_EXPIRE);
	ck_assert(!msg.hard);
	ck_assert_uint_eq(msg.seq, 0);
	ck_assert_uint_eq(msg.pid, 0);
	ck_assert_uint_eq(msg.sa.config.id.spi, 0x100);
	expect_none(hears);
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	/* An update renews them: as in the kernel, the soft one is announced again. */
	ck_assert_int_eq(request(writer, limited(XFRM_MSG_UPDSA, 1000, 3000)), 0);
	time_is(now + 2500);
	ck_assert(!event_of(hears, XFRM_MSG_EXPIRE).hard);
	time_is(now + 3010);
	ck_assert(event_of(hears, XFRM_MSG_EXPIRE).hard);
	expect_none(hears);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	ck_assert_uint_eq(server.control->deadlines.count, 0);
	/* What it had reserved and not used has gone back. */
	ck_assert_uint_eq(double_state.takes, double_state.returns);
	ck_assert_int_eq(request(writer, limited(XFRM_MSG_DELSA, 0, 0)), -ESRCH);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

/* The real clock, once: the timer is armed, and by nothing but the request. */
START_TEST(test_timer_fires_by_itself)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);

	ck_assert_int_eq(request(writer, limited(XFRM_MSG_NEWSA, 0, 1)), 0);
	ck_assert(event_of(hears, XFRM_MSG_EXPIRE).hard);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

START_TEST(test_many_deadlines_one_timer)
{
	struct xfrm_client *writer = open_client(0);
	uint64_t now = (uint64_t)time(NULL);

	for (uint32_t i = 0; i < 500; i++) {
		struct xfrm_message msg = limited(XFRM_MSG_NEWSA, 0, 1000 + i * 7919 % 500 * 10);

		msg.sa.config.id.spi = 0x1000 + i;
		ck_assert_int_eq(request(writer, msg), 0);
	}
	ck_assert_uint_eq(server.control->deadlines.count, 500);
	time_is(now + 1000 + 250 * 10 - 5);
	ck_assert_uint_eq(sadb_sa_count(server.db), 250);
	/* Deleted and flushed ones leave no deadline behind. */
	for (uint32_t i = 0; i < 500; i++) {
		struct xfrm_message msg = sa_message(XFRM_MSG_DELSA, 1, 2, 0x1000 + i);

		if (i % 3 == 0)
			(void)request(writer, msg);
	}
	ck_assert_uint_eq(server.control->deadlines.count, sadb_sa_count(server.db));
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	ck_assert_uint_eq(server.control->deadlines.count, 0);
	xfrm_client_close(writer);
}
END_TEST

/* What the packet thread does: counts, and says so. */
static void count_packets(void *arg)
{
	struct xfrm_message key = sa_message(XFRM_MSG_GETSA, 1, 2, 0x100);
	struct sa *sa = sadb_sa_find(server.db, &key.sa.config.id, &key.sa.config.mark);
	struct notice notice;

	ck_assert_ptr_nonnull(sa);
	notice = notice_about(NOTICE_LIFE, sa);
	for (int i = 0; i < *(int *)arg; i++)
		sa_on_packet(sa, 100, 5000);
	atomic_store(&sa->counters->told, SA_SOFT);
	control_on_notice(server.control, &notice);
}

static void look_at_told(void *arg)
{
	struct xfrm_message key = sa_message(XFRM_MSG_GETSA, 1, 2, 0x100);
	struct sa *sa = sadb_sa_find(server.db, &key.sa.config.id, &key.sa.config.mark);
	struct notice notice = notice_about(NOTICE_LIFE, sa);

	control_on_notice(server.control, &notice);
	*(uint8_t *)arg = atomic_load(&sa->counters->told);
}

static void tell_hard(void *arg)
{
	struct xfrm_message key = sa_message(XFRM_MSG_GETSA, 1, 2, 0x100);
	struct sa *sa = sadb_sa_find(server.db, &key.sa.config.id, &key.sa.config.mark);

	(void)arg;
	atomic_store(&sa->counters->told, SA_HARD);
}

/* A packet thread that holds the version of before UPDSA speaks of its hard limit; the new one lies
 * ahead, and has to be spoken of when it comes. */
START_TEST(test_a_limit_that_was_raised_is_told_of_again)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100);
	int packets = 5;
	uint8_t told = SA_ALIVE;

	msg.sa.config.limits.soft_packets = 5;
	msg.sa.config.limits.hard_packets = 10;
	ck_assert_int_eq(request(writer, msg), 0);
	server_call(count_packets, &packets);
	ck_assert(!event_of(hears, XFRM_MSG_EXPIRE).hard);
	server_call(tell_hard, NULL);
	server_call(look_at_told, &told);
	ck_assert_uint_eq(told, SA_SOFT);
	expect_none(hears);
	xfrm_client_close(writer);
	xfrm_client_close(hears);
}
END_TEST

START_TEST(test_counts_expire_on_notice)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100);
	int packets = 4;

	msg.sa.config.limits.soft_bytes = 500;
	msg.sa.config.limits.hard_packets = 7;
	ck_assert_int_eq(request(writer, msg), 0);
	server_call(count_packets, &packets);
	expect_none(hears); /* a notice that came too early says nothing */
	packets = 1;
	server_call(count_packets, &packets);
	msg = event_of(hears, XFRM_MSG_EXPIRE);
	ck_assert(!msg.hard);
	ck_assert_uint_eq(msg.sa.status.bytes, 500);
	server_call(count_packets, &packets);
	expect_none(hears); /* softly once, however often the packet thread says it */
	server_call(count_packets, &packets);
	msg = event_of(hears, XFRM_MSG_EXPIRE);
	ck_assert(msg.hard);
	ck_assert_uint_eq(msg.sa.status.packets, 7);
	expect_none(hears);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

/* An update that puts a limit below what was counted ends the SA at once, as in the kernel. */
START_TEST(test_update_below_the_count_ends_it)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 1, 2, 0x100);
	int packets = 5;

	ck_assert_int_eq(request(writer, msg), 0);
	server_call(count_packets, &packets);
	msg = sa_message(XFRM_MSG_UPDSA, 1, 2, 0x100);
	msg.sa.config.limits.hard_packets = 5;
	ck_assert_int_eq(request(writer, msg), 0);
	ck_assert(event_of(hears, XFRM_MSG_EXPIRE).hard);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

/* ---- larval SAs --------------------------------------------------------------------------------- */

static struct xfrm_message alloc_message(uint32_t min, uint32_t max)
{
	struct xfrm_message msg = sa_message(XFRM_MSG_ALLOCSPI, 2, 1, 0);

	msg.range = (struct xfrm_spi_range){min, max};
	return msg;
}

static int alloc(struct xfrm_client *client, struct xfrm_message msg, struct xfrm_message *reply)
{
	struct xfrm_error err;

	return xfrm_client_get(client, &msg, reply, &err);
}

START_TEST(test_alloc_spi_sets_one_aside)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(EVERYTHING);
	struct xfrm_message got, msg;

	ck_assert_int_eq(alloc(writer, alloc_message(0x5000, 0x5001), &got), 0);
	ck_assert_uint_eq(got.type, XFRM_MSG_NEWSA);
	ck_assert(got.sa.config.larval);
	ck_assert_uint_ge(got.sa.config.id.spi, 0x5000);
	ck_assert_uint_le(got.sa.config.id.spi, 0x5001);
	ck_assert_uint_eq(got.sa.config.limits.hard_add_s, larval_lifetime_s());
	ck_assert_uint_eq(got.sa.config.reqid, 1);
	expect_none(hears); /* the kernel says nothing of it either */
	/* It is found, and it is in the way of another of that name. */
	msg = sa_message(XFRM_MSG_GETSA, 2, 1, got.sa.config.id.spi);
	ck_assert_int_eq(alloc(writer, msg, &got), 0);
	ck_assert(got.sa.config.larval);
	msg = sa_message(XFRM_MSG_NEWSA, 2, 1, got.sa.config.id.spi);
	ck_assert_int_eq(request(writer, msg), -EEXIST);
	/* UPDSA completes it, once; then it is an SA like any. */
	msg.type = XFRM_MSG_UPDSA;
	ck_assert_int_eq(request(writer, msg), 0);
	ck_assert_uint_eq(event_of(hears, XFRM_MSG_UPDSA).sa.config.id.spi, msg.sa.config.id.spi);
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	ck_assert_ptr_nonnull(sad_lookup(server.db, msg.sa.config.id.spi, &msg.sa.config.id.dst));
	ck_assert_uint_eq(server.control->deadlines.count, 0);
	msg.type = XFRM_MSG_GETSA;
	ck_assert_int_eq(alloc(writer, msg, &got), 0);
	ck_assert(!got.sa.config.larval);
	expect_none(hears);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

START_TEST(test_alloc_spi_uses_every_spi_once)
{
	struct xfrm_client *writer = open_client(0);
	struct xfrm_message got;
	uint64_t seen = 0;

	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 2, 1, 0x5007)), 0);
	for (int i = 0; i < 15; i++) {
		ck_assert_int_eq(alloc(writer, alloc_message(0x5000, 0x500f), &got), 0);
		seen |= 1ULL << (got.sa.config.id.spi - 0x5000);
	}
	ck_assert_uint_eq(seen, 0xffff & ~(1ULL << 7));
	ck_assert_int_eq(alloc(writer, alloc_message(0x5000, 0x500f), &got), -ENOENT);
	ck_assert_int_eq(alloc(writer, alloc_message(0x5007, 0x5007), &got), -ENOENT);
	ck_assert_int_eq(alloc(writer, alloc_message(0, 0), &got), -ENOENT);
	ck_assert_int_eq(alloc(writer, alloc_message(0x5001, 0x5000), &got), -EINVAL);
	ck_assert_int_eq(alloc(writer, alloc_message(0, UINT32_MAX), &got), 0);
	ck_assert_uint_ne(got.sa.config.id.spi, 0);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	ck_assert_uint_eq(server.control->deadlines.count, 0);
	xfrm_client_close(writer);
}
END_TEST

START_TEST(test_larval_sa_expires)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_EXPIRE);
	uint64_t now = (uint64_t)time(NULL), lifetime = larval_lifetime_s();
	struct xfrm_message got, msg;

	ck_assert_int_eq(alloc(writer, alloc_message(0x5000, 0x5000), &got), 0);
	time_is(now + lifetime - 1);
	expect_none(hears);
	time_is(now + lifetime + 1);
	msg = event_of(hears, XFRM_MSG_EXPIRE);
	ck_assert(msg.hard);
	ck_assert_uint_eq(msg.sa.config.id.spi, 0x5000);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	/* Who comes too late is told so, and adds anew. */
	msg = sa_message(XFRM_MSG_UPDSA, 2, 1, 0x5000);
	ck_assert_int_eq(request(writer, msg), -ESRCH);
	msg.type = XFRM_MSG_NEWSA;
	ck_assert_int_eq(request(writer, msg), 0);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

/* A completion that fails (no numbers to be had) leaves the larval SA, and its time. */
START_TEST(test_larval_sa_survives_a_failure)
{
	struct xfrm_client *writer = open_client(0);
	struct xfrm_message got, msg = sa_message(XFRM_MSG_ALLOCSPI, 1, 2, 0);

	msg.range = (struct xfrm_spi_range){0x5000, 0x5000};
	ck_assert_int_eq(alloc(writer, msg, &got), 0);
	double_state.take_fails = -ENOSPC;
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_UPDSA, 1, 2, 0x5000)), -EIO);
	ck_assert_uint_eq(server.control->deadlines.count, 1);
	double_state.take_fails = 0;
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_UPDSA, 1, 2, 0x5000)), 0);
	ck_assert_uint_eq(server.control->deadlines.count, 0);
	xfrm_client_close(writer);
}
END_TEST

/* ---- ACQUIRE ------------------------------------------------------------------------------------ */

static _Atomic unsigned releases;

static void on_release(void *ctx)
{
	(void)ctx;
	releases++;
}

static struct policy *the_policy(void)
{
	const struct xfrm_message key = policy_message(0, POLICY_OUT, 1, 2);

	return sadb_policy_find(server.db, &key.policy.config);
}

/* What the packet thread does with the first packet. */
static void packet_waits(void *arg)
{
	struct policy *policy = the_policy();
	struct notice notice = {.kind = NOTICE_ACQUIRE, .flow = policy->config.sel};

	(void)arg;
	server.control->deps.release = on_release;
	notice.policy = policy->config.index;
	atomic_store(&policy->acquiring, true);
	control_on_notice(server.control, &notice);
}

START_TEST(test_acquire_is_said_once_and_answered)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_ACQUIRE);
	struct xfrm_message msg;

	releases = 0;
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	server_call(packet_waits, NULL);
	msg = event_of(hears, XFRM_MSG_ACQUIRE);
	ck_assert_uint_eq(msg.seq, 0);
	ck_assert_uint_ne(msg.acquire.seq, 0);
	ck_assert_uint_eq(msg.acquire.policy.config.index, the_policy()->config.index);
	ck_assert_uint_eq(msg.acquire.policy.config.tmpl.reqid, 2);
	ck_assert_uint_eq(msg.acquire.id.dst.bytes[3], 2);
	server_call(packet_waits, NULL);
	expect_none(hears);
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	ck_assert_uint_eq(releases, 0);
	/* An SA of another kind: whoever waits looks, and waits on. */
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 2, 1, 0x100)), 0);
	ck_assert_uint_eq(releases, 1);
	ck_assert(atomic_load(&the_policy()->acquiring));
	/* Replaced, the policy still waits. */
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_UPDPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert(atomic_load(&the_policy()->acquiring));
	/* The SA itself: the larval one is gone. */
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_NEWSA, 1, 2, 0x200)), 0);
	ck_assert(!atomic_load(&the_policy()->acquiring));
	ck_assert_uint_ge(releases, 3);
	ck_assert_uint_eq(sadb_sa_count(server.db), 2);
	ck_assert_ptr_null(server.control->acquires);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

START_TEST(test_acquire_ends_without_an_answer)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_ACQUIRE);
	uint64_t now = (uint64_t)time(NULL);

	releases = 0;
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	server_call(packet_waits, NULL);
	(void)event_of(hears, XFRM_MSG_ACQUIRE);
	time_is(now + larval_lifetime_s() + 1);
	ck_assert(!atomic_load(&the_policy()->acquiring));
	ck_assert_uint_eq(releases, 1);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	/* Again, and flushed away; and again, with nobody who listens. */
	server_call(packet_waits, NULL);
	(void)event_of(hears, XFRM_MSG_ACQUIRE);
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	ck_assert(!atomic_load(&the_policy()->acquiring));
	ck_assert_uint_eq(releases, 2);
	xfrm_client_close(hears);
	expect_nobody_listens();
	server_call(packet_waits, NULL);
	ck_assert(!atomic_load(&the_policy()->acquiring));
	ck_assert_uint_eq(releases, 3);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	xfrm_client_close(writer);
}
END_TEST

/* The policy goes while its packet waits; the wish stays until its time is over. */
START_TEST(test_acquire_outlives_its_policy)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_ACQUIRE);

	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	server_call(packet_waits, NULL);
	(void)event_of(hears, XFRM_MSG_ACQUIRE);
	releases = 0;
	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_DELPOLICY, POLICY_OUT, 1, 2)), 0);
	ck_assert_uint_eq(releases, 1);
	time_is((uint64_t)time(NULL) + larval_lifetime_s() + 1);
	ck_assert_uint_eq(sadb_sa_count(server.db), 0);
	ck_assert_ptr_null(server.control->acquires);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

/* An IKE daemon that answers names the ACQUIRE by its number. */
START_TEST(test_acquire_is_answered_by_number)
{
	struct xfrm_client *writer = open_client(0), *hears = open_client(XFRMGRP_ACQUIRE);
	struct xfrm_message msg, got, event;

	ck_assert_int_eq(request(writer, policy_message(XFRM_MSG_NEWPOLICY, POLICY_OUT, 1, 2)), 0);
	server_call(packet_waits, NULL);
	event = event_of(hears, XFRM_MSG_ACQUIRE);
	/* ALLOCSPI by number gives the wish its SPI, whatever else it says. */
	msg = sa_message(XFRM_MSG_ALLOCSPI, 1, 2, 0);
	msg.sa.config.reqid = 77;
	msg.sa.config.seq = event.acquire.seq;
	msg.range = (struct xfrm_spi_range){0x5000, 0x5000};
	ck_assert_int_eq(alloc(writer, msg, &got), 0);
	ck_assert_uint_eq(got.sa.config.id.spi, 0x5000);
	ck_assert_uint_eq(got.sa.config.reqid, 2);
	ck_assert_uint_eq(got.sa.config.seq, event.acquire.seq);
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	ck_assert_int_eq(alloc(writer, msg, &got), 0); /* it has one already */
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	ck_assert(atomic_load(&the_policy()->acquiring));
	ck_assert_int_eq(request(writer, sa_message(XFRM_MSG_UPDSA, 1, 2, 0x5000)), 0);
	ck_assert(!atomic_load(&the_policy()->acquiring));
	ck_assert_ptr_null(server.control->acquires);
	ck_assert_uint_eq(sadb_sa_count(server.db), 1);
	xfrm_client_close(hears);
	xfrm_client_close(writer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control life");
	TCase *tc = tcase_create("life");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, server_start, server_stop);
	tcase_add_test(tc, test_events_of_every_change);
	tcase_add_test(tc, test_ctl_sets_the_port_id);
	tcase_add_test(tc, test_slow_listener_loses_events_and_hears_of_it);
	tcase_add_test(tc, test_times_expire_softly_then_hard);
	tcase_add_test(tc, test_timer_fires_by_itself);
	tcase_add_test(tc, test_many_deadlines_one_timer);
	tcase_add_test(tc, test_counts_expire_on_notice);
	tcase_add_test(tc, test_a_limit_that_was_raised_is_told_of_again);
	tcase_add_test(tc, test_update_below_the_count_ends_it);
	tcase_add_test(tc, test_alloc_spi_sets_one_aside);
	tcase_add_test(tc, test_alloc_spi_uses_every_spi_once);
	tcase_add_test(tc, test_larval_sa_expires);
	tcase_add_test(tc, test_larval_sa_survives_a_failure);
	tcase_add_test(tc, test_acquire_is_said_once_and_answered);
	tcase_add_test(tc, test_acquire_ends_without_an_answer);
	tcase_add_test(tc, test_acquire_outlives_its_policy);
	tcase_add_test(tc, test_acquire_is_answered_by_number);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
