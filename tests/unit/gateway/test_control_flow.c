/*
 * test_control_flow.c: many clients at once. A dump of 10,000 SAs arrives whole while others change
 * them; a client that does not read, or goes away in the middle, hurts nobody; what waits for one
 * client is bounded; and strangers are shown the door.
 */
#include "control_double.h"
#include "control_server.h"
#include "gateway/dataplane/control/parts.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 10000, FIRST_SPI = 0x1000, EXTRA_SPI = 0x100000 };

static void add_many(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < MANY; i++) {
		/* Inbound: no numbers are needed, and there is nothing to seal with. */
		struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 2, 1, FIRST_SPI + i);
		const struct sa_grant grant = {.directions = SA_IN};
		struct sa *sa;

		ck_assert_int_eq(sadb_sa_add(server.db, &msg.sa.config, &grant, 1, &sa), 0);
	}
}

static struct xfrm_client *open_client(void)
{
	struct xfrm_client *client = NULL;
	struct xfrm_error err;

	ck_assert_int_eq(xfrm_client_open(server.path, false, &client, &err), 0);
	return client;
}

static int request(struct xfrm_client *client, struct xfrm_message msg)
{
	struct xfrm_error err;

	return xfrm_client_request(client, &msg, &err);
}

/* What has arrived of a dump. */
struct arrival {
	uint8_t seen[MANY];
	unsigned count, extra, datagrams;
	bool done;
};

/* Reads one datagram of a dump, of request seq. */
static void read_dump(int fd, uint32_t seq, struct arrival *a)
{
	_Alignas(8) uint8_t buf[65536];
	size_t len = raw_receive(fd, buf, sizeof(buf));
	struct nlmsghdr *nlh;
	size_t off = 0;

	ck_assert_uint_gt(len, 0);
	ck_assert_uint_le(len, XFRM_DATAGRAM_MAX);
	a->datagrams++;
	for (; off < len; off += NLMSG_ALIGN(nlh->nlmsg_len)) {
		struct xfrm_message msg;
		struct xfrm_error err;
		uint32_t i;

		nlh = (struct nlmsghdr *)(buf + off);
		ck_assert_uint_le(nlh->nlmsg_len, len - off);
		ck_assert_uint_eq(nlh->nlmsg_seq, seq);
		ck_assert_uint_eq(nlh->nlmsg_pid, 9);
		ck_assert(nlh->nlmsg_flags & NLM_F_MULTI);
		ck_assert(!a->done);
		a->done = nlh->nlmsg_type == NLMSG_DONE;
		if (a->done)
			continue;
		ck_assert_int_eq(xfrm_parse(nlh, len - off, &msg, &err), 0);
		i = msg.sa.config.id.spi - FIRST_SPI;
		if (i < MANY)
			a->seen[i]++;
		else
			a->extra++;
		a->count++;
	}
}

static void start_dump(int fd, uint32_t seq)
{
	_Alignas(8) uint8_t buf[256];
	struct xfrm_message msg = {.type = XFRM_MSG_GETSA, .dump = true};

	raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, NLM_F_DUMP, seq, 9));
}

static void expect_all(const struct arrival *a)
{
	ck_assert(a->done);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_msg(a->seen[i] == 1, "SA %u arrived %u times", i, a->seen[i]);
}

START_TEST(test_dump_arrives_whole)
{
	struct arrival a = {0};
	int fd = raw_connect();

	server_call(add_many, NULL);
	start_dump(fd, 5);
	while (!a.done)
		read_dump(fd, 5, &a);
	expect_all(&a);
	ck_assert_uint_eq(a.count, MANY);
	/* Packed: each datagram but the last has no room for one more. */
	ck_assert_uint_lt(a.datagrams, MANY / 5);
	raw_expect_silence(fd);
	/* And the connection is good for another. */
	a = (struct arrival){0};
	start_dump(fd, 6);
	while (!a.done)
		read_dump(fd, 6, &a);
	expect_all(&a);
	close(fd);
}
END_TEST

static int count_entry(void *ctx, const struct xfrm_message *entry)
{
	ck_assert_uint_eq(entry->type, XFRM_MSG_NEWSA);
	(*(unsigned *)ctx)++;
	return 0;
}

START_TEST(test_dump_filters)
{
	const struct {
		uint8_t dst, len, proto;
		unsigned count;
	} rows[] = {{1, 32, 0, MANY}, {1, 24, 0, MANY + 1}, {7, 32, 0, 1},
		    {7, 32, 50, 1},   {8, 32, 0, 0},	    {7, 32, 51, 0}};
	struct xfrm_client *client = open_client();

	server_call(add_many, NULL);
	ck_assert_int_eq(request(client, sa_message(XFRM_MSG_NEWSA, 1, 7, 1 << 24)), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xfrm_message msg = {.type = XFRM_MSG_GETSA};
		const uint8_t dst[4] = {10, 0, 0, rows[i].dst};
		struct xfrm_error err;
		unsigned count = 0;

		msg.filter.dst = (struct ip_prefix){ip_addr_v4(dst), rows[i].len};
		msg.filter.src = (struct ip_prefix){ip_addr_v4("\0\0\0"), 0};
		msg.filter.proto = rows[i].proto;
		ck_assert_int_eq(xfrm_client_dump(client, &msg, count_entry, &count, &err), 0);
		ck_assert_msg(count == rows[i].count, "row %u: %u", i, count);
	}
	xfrm_client_close(client);
}
END_TEST

/* The dump is read slowly; between its datagrams another client adds SAs and deletes them again.
 * Those that stay all the time must arrive exactly once. */
START_TEST(test_dump_arrives_whole_while_others_change)
{
	struct xfrm_client *other = open_client();
	struct arrival a = {0};
	uint32_t added = 0, deleted = 0;
	int fd = raw_connect();

	server_call(add_many, NULL);
	start_dump(fd, 5);
	while (!a.done) {
		read_dump(fd, 5, &a);
		for (int i = 0; i < 4 && added < 2000; i++)
			ck_assert_int_eq(request(other, sa_message(XFRM_MSG_NEWSA, 2, 1,
								   EXTRA_SPI + added++)),
					 0);
		if (deleted + 2 < added)
			ck_assert_int_eq(request(other, sa_message(XFRM_MSG_DELSA, 2, 1,
								   EXTRA_SPI + deleted++)),
					 0);
	}
	expect_all(&a);
	ck_assert_uint_gt(deleted, 100);
	ck_assert_uint_le(a.extra, added);
	close(fd);
	xfrm_client_close(other);
}
END_TEST

/* Deletes what the dump has not reached yet: nothing may arrive twice, and the end comes. */
START_TEST(test_dump_ends_when_everything_is_flushed)
{
	struct xfrm_client *other = open_client();
	struct arrival a = {0};
	int fd = raw_connect();

	server_call(add_many, NULL);
	start_dump(fd, 5);
	read_dump(fd, 5, &a);
	ck_assert_int_eq(request(other, sa_message(XFRM_MSG_FLUSHSA, 0, 0, 0)), 0);
	while (!a.done)
		read_dump(fd, 5, &a);
	ck_assert_uint_lt(a.count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_le(a.seen[i], 1);
	close(fd);
	xfrm_client_close(other);
}
END_TEST

START_TEST(test_second_dump_is_busy)
{
	struct arrival a = {0};
	int fd = raw_connect();
	_Alignas(8) uint8_t buf[65536];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	bool busy = false;

	server_call(add_many, NULL);
	start_dump(fd, 5);
	start_dump(fd, 6);
	/* The refusal stands somewhere between the datagrams of the first. */
	while (!a.done) {
		ssize_t len = recv(fd, buf, sizeof(buf), MSG_PEEK);

		ck_assert_int_gt(len, 0);
		if (nlh->nlmsg_seq == 6) {
			ck_assert_int_eq(raw_ack(fd, 6, 9), -EBUSY);
			busy = true;
		} else {
			read_dump(fd, 5, &a);
		}
	}
	expect_all(&a);
	ck_assert(busy);
	close(fd);
}
END_TEST

START_TEST(test_requests_are_answered_during_a_dump)
{
	_Alignas(8) uint8_t buf[65536];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS};
	struct arrival a = {0};
	bool answered = false;
	int fd = raw_connect();

	server_call(add_many, NULL);
	start_dump(fd, 5);
	raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, 0, 6, 9));
	while (!a.done) {
		ck_assert_int_gt(recv(fd, buf, sizeof(buf), MSG_PEEK), 0);
		if (nlh->nlmsg_seq != 6) {
			read_dump(fd, 5, &a);
			continue;
		}
		ck_assert_uint_eq(nlh->nlmsg_type, CYGNET_MSG_STATUS);
		(void)raw_receive(fd, buf, sizeof(buf));
		answered = true;
		ck_assert_uint_lt(a.count, MANY);
	}
	ck_assert(answered);
	expect_all(&a);
	close(fd);
}
END_TEST

/* ---- clients that do not behave ------------------------------------------------------------- */

/* Sends until the socket takes no more; reads nothing. */
static unsigned stuff(int fd)
{
	_Alignas(8) uint8_t buf[256];
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS};
	size_t len = raw_request(buf, sizeof(buf), &msg, NLM_F_ACK, 1, 9);
	unsigned sent = 0, waits = 0;

	while (waits < 5) {
		if (send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
			sent++;
			waits = 0;
			continue;
		}
		ck_assert_int_eq(errno, EAGAIN);
		waits++;
		usleep(10000);
	}
	return sent;
}

START_TEST(test_a_client_that_never_reads_stops_only_itself)
{
	struct xfrm_client *other = open_client();
	struct arrival a = {0};
	int deaf[3];
	int fd = raw_connect();

	server_call(add_many, NULL);
	for (unsigned i = 0; i < 3; i++) {
		deaf[i] = raw_connect();
		start_dump(deaf[i], 1);
		/* It came to a halt: the server stopped reading. */
		ck_assert_uint_gt(stuff(deaf[i]), 10);
	}
	for (uint32_t i = 0; i < 200; i++)
		ck_assert_int_eq(request(other, sa_message(XFRM_MSG_NEWSA, 2, 1, EXTRA_SPI + i)),
				 0);
	start_dump(fd, 5);
	while (!a.done)
		read_dump(fd, 5, &a);
	expect_all(&a);
	/* When it reads at last, it gets what it asked for. */
	a = (struct arrival){0};
	while (!a.done) {
		_Alignas(8) uint8_t buf[65536];
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;

		ck_assert_int_gt(recv(deaf[0], buf, sizeof(buf), MSG_PEEK), 0);
		if (nlh->nlmsg_flags & NLM_F_MULTI) {
			struct nlmsghdr *mine = (struct nlmsghdr *)buf;

			ck_assert_uint_eq(mine->nlmsg_seq, 1);
			read_dump(deaf[0], 1, &a);
		} else {
			(void)raw_receive(deaf[0], buf, sizeof(buf));
		}
	}
	expect_all(&a);
	for (unsigned i = 0; i < 3; i++)
		close(deaf[i]);
	close(fd);
	xfrm_client_close(other);
}
END_TEST

START_TEST(test_clients_may_vanish_at_any_time)
{
	struct xfrm_client *other = open_client();
	struct xfrm_message msg = sa_message(XFRM_MSG_NEWSA, 2, 1, EXTRA_SPI);

	server_call(add_many, NULL);
	for (unsigned i = 0; i < 60; i++) {
		_Alignas(8) uint8_t buf[1024];
		struct arrival a = {0};
		int fd = raw_connect();

		if (i % 6 >= 1)
			start_dump(fd, 1);
		if (i % 6 >= 2)
			read_dump(fd, 1, &a);
		if (i % 6 == 3)
			(void)stuff(fd);
		if (i % 6 == 4) /* half a message last */
			raw_send(fd, buf, raw_request(buf, sizeof(buf), &msg, NLM_F_ACK, 2, 9) / 2);
		if (i % 6 == 5)
			(void)shutdown(fd, SHUT_WR);
		close(fd);
		msg.sa.config.id.spi++;
		ck_assert_int_eq(request(other, msg), 0);
	}
	xfrm_client_close(other);
}
END_TEST

START_TEST(test_too_many_connections_are_refused)
{
	static int fds[CONTROL_CLIENTS_MAX];
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS};
	_Alignas(8) uint8_t buf[XFRM_DATAGRAM_MAX];
	struct xfrm_client *other;
	int fd;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = raw_connect();
		raw_send(fds[i], buf, raw_request(buf, sizeof(buf), &msg, 0, i, 0));
		ck_assert_uint_gt(raw_receive(fds[i], buf, sizeof(buf)), 0);
	}
	fd = raw_connect();
	ck_assert_uint_eq(raw_receive(fd, buf, sizeof(buf)), 0);
	close(fd);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	/* Room again, at the latest when the server has seen them go. */
	usleep(100000);
	other = open_client();
	ck_assert_int_eq(request(other, sa_message(XFRM_MSG_NEWSA, 2, 1, 1 << 20)), 0);
	xfrm_client_close(other);
}
END_TEST

/* ---- sessions without a socket --------------------------------------------------------------- */

/* A datagram full of requests that ask for much: what waits stays below the mark and one answer. */
static void fill_one_session(void *arg)
{
	static struct session s;
	struct xfrm_message msg = sa_message(XFRM_MSG_GETSA, 2, 1, FIRST_SPI);
	unsigned asked = 0, answered = 0;
	size_t len = 0, most = 0;

	(void)arg;
	session_init(&s, server.control);
	ck_assert(session_wants_input(&s));
	while (sizeof(s.in) - len > 256) {
		len += raw_request(s.in + len, sizeof(s.in) - len, &msg, NLM_F_ACK, asked++, 0);
		ck_assert_uint_gt(len, 0);
	}
	ck_assert_uint_gt(asked, 100);
	ck_assert_int_eq(session_received(&s, len), 0);
	for (;;) {
		struct datagram *d;

		ck_assert_int_eq(session_run(&s), 0);
		if (s.queued > most)
			most = s.queued;
		d = session_pop(&s);
		if (!d)
			break;
		answered++;
		datagram_free(d);
	}
	ck_assert_uint_eq(answered, asked + asked);
	ck_assert_uint_le(most, CONTROL_QUEUE_BYTES + 2 * XFRM_DATAGRAM_MAX);
	ck_assert(session_wants_input(&s));
	/* No request, hence no key, is left behind. */
	for (size_t i = 0; i < sizeof(s.in); i++)
		ck_assert_uint_eq(s.in[i], 0);
	session_fini(&s);
}

START_TEST(test_what_waits_for_a_client_is_bounded)
{
	server_call(add_many, NULL);
	server_call(fill_one_session, NULL);
}
END_TEST

static void take_keys(void *arg)
{
	static const struct {
		uid_t uid;
		int code;
	} rows[] = {{0, 0}, {1000, -EPERM}, {(uid_t)-1, -EPERM}};
	static struct session s;
	struct xfrm_message msg = {.type = CYGNET_MSG_TAKEKEYS};
	const struct nlmsgerr *answer;
	struct datagram *d;

	(void)arg;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		session_init(&s, server.control);
		s.peer.uid = rows[i].uid;
		ck_assert_int_eq(session_received(&s, raw_request(s.in, sizeof(s.in), &msg,
								  NLM_F_ACK, 1, 0)),
				 0);
		ck_assert_int_eq(session_run(&s), 0);
		d = session_pop(&s);
		ck_assert_ptr_nonnull(d);
		answer = NLMSG_DATA((struct nlmsghdr *)(void *)d->bytes);
		ck_assert_int_eq(answer->error, rows[i].code);
		datagram_free(d);
		session_fini(&s);
	}
}

START_TEST(test_only_root_takes_keys_for_a_file)
{
	server_call(take_keys, NULL);
}
END_TEST

static void dump_one_session(void *arg)
{
	static struct session s;
	struct xfrm_message msg = {.type = XFRM_MSG_GETSA, .dump = true};
	size_t most = 0;
	unsigned turns = 0;

	(void)arg;
	session_init(&s, server.control);
	ck_assert_int_eq(
		session_received(&s, raw_request(s.in, sizeof(s.in), &msg, NLM_F_DUMP, 1, 0)), 0);
	do {
		struct datagram *d;

		ck_assert_int_eq(session_run(&s), 0);
		if (s.queued > most)
			most = s.queued;
		while ((d = session_pop(&s)))
			datagram_free(d);
		turns++;
	} while (s.dump.active);
	ck_assert_uint_gt(turns, 100);
	ck_assert_uint_le(most, CONTROL_DUMP_BYTES + 2 * XFRM_DATAGRAM_MAX);
	/* In the middle of another one the session ends: the walk must be given back. */
	ck_assert_int_eq(
		session_received(&s, raw_request(s.in, sizeof(s.in), &msg, NLM_F_DUMP, 2, 0)), 0);
	ck_assert_int_eq(session_run(&s), 0);
	ck_assert(s.dump.active);
	session_fini(&s);
}

START_TEST(test_what_waits_of_a_dump_is_bounded)
{
	server_call(add_many, NULL);
	server_call(dump_one_session, NULL);
}
END_TEST

/* ---- who may come in -------------------------------------------------------------------------- */

enum { CONTROL_GID = 12345 };

/* In a child with this identity: does a request get an answer? 0: yes, 1: shown the door. */
static int knock(uid_t uid, gid_t gid, size_t groups_count, const gid_t *groups)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS};
	struct xfrm_client *client;
	struct xfrm_message reply;
	struct xfrm_error err;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (setgroups(groups_count, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(3);
		if (xfrm_client_open(server.path, false, &client, &err) < 0)
			_exit(2);
		_exit(xfrm_client_get(client, &msg, &reply, &err) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_only_root_and_the_group_come_in)
{
	static gid_t many[1000];
	const gid_t others[] = {1, 2, 3}, member[] = {1, CONTROL_GID, 3};

	if (geteuid() != 0) {
		puts("test_only_root_and_the_group_come_in: needs root, nothing tested");
		return;
	}
	for (gid_t i = 0; i < 1000; i++)
		many[i] = 20000 + i;
	/* The mode keeps strangers out already; this is about the second lock. */
	ck_assert_int_eq(knock(65534, 65534, 3, others), 2);
	ck_assert_int_eq(chmod(server.path, 0666), 0);
	ck_assert_int_eq(knock(0, 0, 0, NULL), 0);
	ck_assert_int_eq(knock(0, 65534, 0, NULL), 0);
	ck_assert_int_eq(knock(65534, 65534, 0, NULL), 1);
	ck_assert_int_eq(knock(65534, 65534, 3, others), 1);
	ck_assert_int_eq(knock(65534, 65534, 3, member), 0);
	ck_assert_int_eq(knock(65534, CONTROL_GID, 0, NULL), 0);
	/* The list is longer than we look for at first. */
	ck_assert_int_eq(knock(65534, 65534, 1000, many), 1);
	many[999] = CONTROL_GID;
	ck_assert_int_eq(knock(65534, 65534, 1000, many), 0);
	/* A group of root's is no membership in ours. */
	ck_assert_int_eq(knock(65534, 0, 0, NULL), 1);
}
END_TEST

/* ---- the socket -------------------------------------------------------------------------------- */

START_TEST(test_listen_makes_a_private_socket)
{
	char path[200], deep[200];
	struct stat st;
	int fd, live;

	ck_assert_int_eq(stat(server.path, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFSOCK | 0660);
	/* Somebody listens there. */
	ck_assert_int_eq(control_listen(server.path, geteuid(), getegid(), &fd), -EADDRINUSE);
	/* A socket whose owner died is replaced. */
	snprintf(path, sizeof(path), "%s/stale.sock", server.dir);
	ck_assert_int_eq(control_listen(path, geteuid(), getegid(), &live), 0);
	close(live);
	ck_assert_int_eq(control_listen(path, geteuid(), getegid(), &fd), 0);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	/* Another kind of file is not, nor is a link followed. */
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_eq(control_listen(path, geteuid(), getegid(), &fd), -EEXIST);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(server.path, path), 0);
	ck_assert_int_eq(control_listen(path, geteuid(), getegid(), &fd), -EEXIST);
	ck_assert_int_eq(unlink(path), 0);
	/* One directory is made, not a tree. */
	snprintf(deep, sizeof(deep), "%s/a/b/c.sock", server.dir);
	ck_assert_int_eq(control_listen(deep, geteuid(), getegid(), &fd), -ENOENT);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	ck_assert_int_eq(control_listen(deep, geteuid(), getegid(), &fd), -ENAMETOOLONG);
	ck_assert_int_eq(control_listen("", geteuid(), getegid(), &fd), -ENAMETOOLONG);
}
END_TEST

/* A stranger binds the name, listens, and fills his own queue. */
static void squat(int ready)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const socklen_t len = offsetof(struct sockaddr_un, sun_path) + 8;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int asks;

	memcpy(addr.sun_path + 1, "cygnetd", 7);
	if (setgid(65534) < 0 || setuid(65534) < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 ||
	    listen(fd, 0) < 0)
		_exit(1);
	do {
		asks = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (connect(asks, (struct sockaddr *)&addr, len) == 0);
	if (write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

/* In a namespace of its own; the exit status. */
static int lock_beside_a_squatter(void)
{
	pid_t stranger;
	int ready[2], lock, rc;
	char byte;

	if (unshare(CLONE_NEWNET) < 0 || pipe(ready) < 0)
		return 1;
	stranger = fork();
	if (stranger == 0)
		squat(ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 2;
	rc = control_lock(&lock);
	kill(stranger, SIGKILL);
	return rc == 0 ? 0 : 3;
}

START_TEST(test_lock_cannot_be_squatted)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		puts("test_lock_cannot_be_squatted: needs root, nothing tested");
		return;
	}
	pid = fork();
	if (pid == 0)
		_exit(lock_beside_a_squatter());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_lock_is_one_per_network_namespace)
{
	int status, first, second;
	pid_t pid;

	if (geteuid() != 0) {
		puts("test_lock_is_one_per_network_namespace: needs root, nothing tested");
		return;
	}
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || control_lock(&first) != 0)
			_exit(1);
		if (control_lock(&second) != -EADDRINUSE)
			_exit(2);
		close(first);
		if (control_lock(&second) != 0)
			_exit(3);
		/* Another namespace has a lock of its own. */
		_exit(unshare(CLONE_NEWNET) < 0 || control_lock(&first) != 0 ? 4 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control flow");
	TCase *tc = tcase_create("control flow");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, server_start, server_stop);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_dump_arrives_whole);
	tcase_add_test(tc, test_dump_filters);
	tcase_add_test(tc, test_dump_arrives_whole_while_others_change);
	tcase_add_test(tc, test_dump_ends_when_everything_is_flushed);
	tcase_add_test(tc, test_second_dump_is_busy);
	tcase_add_test(tc, test_requests_are_answered_during_a_dump);
	tcase_add_test(tc, test_a_client_that_never_reads_stops_only_itself);
	tcase_add_test(tc, test_clients_may_vanish_at_any_time);
	tcase_add_test(tc, test_too_many_connections_are_refused);
	tcase_add_test(tc, test_what_waits_for_a_client_is_bounded);
	tcase_add_test(tc, test_only_root_takes_keys_for_a_file);
	tcase_add_test(tc, test_what_waits_of_a_dump_is_bounded);
	tcase_add_test(tc, test_only_root_and_the_group_come_in);
	tcase_add_test(tc, test_listen_makes_a_private_socket);
	tcase_add_test(tc, test_lock_is_one_per_network_namespace);
	tcase_add_test(tc, test_lock_cannot_be_squatted);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
