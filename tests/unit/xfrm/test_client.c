/*
 * tests/unit/xfrm/test_client.c: the client against a server that says what the test wants: a thread
 * behind a SEQPACKET socket in a directory of its own. Good answers, refusals, dumps of many
 * datagrams, lies, silence at the wrong moment.
 */
#include "tests/unit/xfrm/wire.h"

#include "xfrm/client.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What the server does with one request: sends datagrams, or hangs up by returning false. */
typedef bool (*answer_fn)(int fd, const struct nlmsghdr *request);

static struct {
	char dir[64], path[96];
	int listen_fd;
	pthread_t thread;
	answer_fn answers[4];
} server;

static struct xfrm_message msg, reply;
static struct xfrm_error err;

static void *serve(void *arg)
{
	static struct sample_buffer in;
	int fd = accept(server.listen_fd, NULL, NULL);
	ssize_t got;

	(void)arg;
	for (size_t i = 0; fd >= 0 && i < 4 && server.answers[i]; i++) {
		got = recv(fd, in.bytes, sizeof(in.bytes), 0);
		if (got <= 0 || !server.answers[i](fd, wire_header(&in)))
			break;
	}
	/* What was sent stays readable after this. */
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int listen_at(const char *path, int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(strlen(path), sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static void make_dir(void)
{
	strcpy(server.dir, "/tmp/cygnet-client-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server.dir));
	snprintf(server.path, sizeof(server.path), "%s/xfrm.sock", server.dir);
}

static void remove_dir(void)
{
	unlink(server.path);
	rmdir(server.dir);
}

static struct xfrm_client *start(answer_fn first, answer_fn second, answer_fn third)
{
	struct xfrm_client *client;

	make_dir();
	server.answers[0] = first;
	server.answers[1] = second;
	server.answers[2] = third;
	server.listen_fd = listen_at(server.path, SOCK_SEQPACKET);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
	ck_assert_msg(xfrm_client_open(server.path, false, &client, &err) == 0, "%s", err.text);
	return client;
}

static void stop(struct xfrm_client *client)
{
	xfrm_client_close(client);
	pthread_join(server.thread, NULL);
	close(server.listen_fd);
	remove_dir();
}

static struct xfrm_message *request(uint16_t type)
{
	memset(&msg, 0, sizeof(msg));
	msg.type = type;
	msg.sa = sample_plain_sa();
	msg.policy = sample_plain_policy();
	return &msg;
}

/* ---- what the server can do ---- */

static void send_bytes(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void send_ack(int fd, const struct nlmsghdr *to, const struct xfrm_error *e)
{
	static struct sample_buffer out;

	out.len = xfrm_put_ack(out.bytes, sizeof(out.bytes), to, 0, e);
	send_bytes(fd, out.bytes, out.len);
}

static void entry(const struct nlmsghdr *to, uint32_t spi, struct sample_buffer *out)
{
	struct xfrm_message m;

	memset(&m, 0, sizeof(m));
	m.type = XFRM_MSG_NEWSA;
	m.flags = NLM_F_MULTI;
	m.seq = to->nlmsg_seq;
	m.sa = sample_plain_sa();
	m.sa.config.id.spi = spi;
	sample_put(&m, out);
}

static bool acknowledge(int fd, const struct nlmsghdr *to)
{
	ck_assert_uint_eq(to->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	send_ack(fd, to, NULL);
	return true;
}

static bool refuse(int fd, const struct nlmsghdr *to)
{
	struct xfrm_error e = {-EEXIST, 40, "there is one already"};

	send_ack(fd, to, &e);
	return true;
}

static bool refuse_silently(int fd, const struct nlmsghdr *to)
{
	struct xfrm_error e = {.code = -ESRCH};

	send_ack(fd, to, &e);
	return true;
}

/* An old kernel's refusal: the whole request comes back, and text behind it. */
static bool refuse_uncapped(int fd, const struct nlmsghdr *to)
{
	struct sample_buffer out;
	struct nlmsgerr body = {.error = -EINVAL, .msg = *to};
	struct nlmsghdr nlh = {.nlmsg_type = NLMSG_ERROR,
			       .nlmsg_flags = NLM_F_ACK_TLVS,
			       .nlmsg_seq = to->nlmsg_seq};

	memset(&out, 0, sizeof(out));
	memcpy(out.bytes, &nlh, sizeof(nlh));
	memcpy(out.bytes + sizeof(nlh), &body, sizeof(body));
	memcpy(out.bytes + sizeof(nlh) + sizeof(body), to + 1, to->nlmsg_len - sizeof(*to));
	out.len = sizeof(nlh) + sizeof(body) + to->nlmsg_len - sizeof(*to);
	wire_append(&out, NLMSGERR_ATTR_MSG, "behind the request", sizeof("behind the request"));
	send_bytes(fd, out.bytes, out.len);
	return true;
}

/* Leftovers of an earlier exchange come first. */
static bool acknowledge_after_stale(int fd, const struct nlmsghdr *to)
{
	struct nlmsghdr stale = *to;
	struct xfrm_error e = {-EIO, 0, "not for you"};

	stale.nlmsg_seq--;
	send_ack(fd, &stale, &e);
	send_ack(fd, to, NULL);
	return true;
}

static bool give_one(int fd, const struct nlmsghdr *to)
{
	static struct sample_buffer out;

	ck_assert_uint_eq(to->nlmsg_flags, NLM_F_REQUEST);
	entry(to, 0x77, &out);
	send_bytes(fd, out.bytes, out.len);
	return true;
}

enum { ENTRIES = 50, ENTRIES_PER_DATAGRAM = 7 };

static bool give_entries(int fd, const struct nlmsghdr *to)
{
	static struct sample_buffer all, one;

	ck_assert_uint_eq(to->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	all.len = 0;
	for (uint32_t i = 1; i <= ENTRIES; i++) {
		entry(to, i, &one);
		memcpy(all.bytes + all.len, one.bytes, one.len);
		all.len += NLMSG_ALIGN(one.len);
		if (i % ENTRIES_PER_DATAGRAM && i != ENTRIES)
			continue;
		send_bytes(fd, all.bytes, all.len);
		all.len = 0;
	}
	return true;
}

static bool dump(int fd, const struct nlmsghdr *to)
{
	uint8_t done[64] __attribute__((aligned(8)));

	give_entries(fd, to);
	send_bytes(fd, done, xfrm_put_done(done, sizeof(done), to->nlmsg_seq, 0));
	return true;
}

static bool dump_then_refuse(int fd, const struct nlmsghdr *to)
{
	struct xfrm_error e = {-ENOBUFS, 0, "in the middle"};

	give_entries(fd, to);
	send_ack(fd, to, &e);
	return true;
}

static bool dump_then_hang_up(int fd, const struct nlmsghdr *to)
{
	give_entries(fd, to);
	return false;
}

static bool dump_strange(int fd, const struct nlmsghdr *to)
{
	static struct sample_buffer one;

	for (uint32_t i = 1; i <= 3; i++) {
		entry(to, i, &one);
		if (i != 2)
			one.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, mode)] =
				XFRM_MODE_TRANSPORT;
		send_bytes(fd, one.bytes, one.len);
	}
	send_bytes(fd, one.bytes, xfrm_put_done(one.bytes, sizeof(one.bytes), to->nlmsg_seq, 0));
	return true;
}

static bool hang_up(int fd, const struct nlmsghdr *to)
{
	(void)fd;
	(void)to;
	return false;
}

static bool send_noise(int fd, const struct nlmsghdr *to)
{
	struct nlmsghdr lie = *to;

	lie.nlmsg_len = 4000; /* of 16 */
	send_bytes(fd, &lie, sizeof(lie));
	return true;
}

static bool send_crumb(int fd, const struct nlmsghdr *to)
{
	(void)to;
	send_bytes(fd, "abc", 3);
	return true;
}

static bool send_too_much(int fd, const struct nlmsghdr *to)
{
	static uint8_t big[40000];

	(void)to;
	send_bytes(fd, big, sizeof(big));
	return true;
}

static bool send_short_error(int fd, const struct nlmsghdr *to)
{
	struct nlmsghdr nlh = {
		.nlmsg_len = sizeof(nlh), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = to->nlmsg_seq};

	send_bytes(fd, &nlh, sizeof(nlh));
	return true;
}

static bool send_positive_error(int fd, const struct nlmsghdr *to)
{
	struct xfrm_error e = {.code = 17};

	send_ack(fd, to, &e);
	return true;
}

static bool acknowledge_only(int fd, const struct nlmsghdr *to)
{
	send_ack(fd, to, NULL);
	return true;
}

static bool send_done(int fd, const struct nlmsghdr *to)
{
	uint8_t done[64] __attribute__((aligned(8)));

	send_bytes(fd, done, xfrm_put_done(done, sizeof(done), to->nlmsg_seq, 0));
	return true;
}

/* ---- tests ---- */

START_TEST(test_request_is_acknowledged_or_refused)
{
	struct xfrm_client *client = start(acknowledge, refuse, refuse_silently);

	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), 0);
	ck_assert_int_eq(err.code, 0);
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), -EEXIST);
	ck_assert_str_eq(err.text, "there is one already");
	ck_assert_uint_eq(err.offset, 40);
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_DELSA), &err), -ESRCH);
	ck_assert_str_eq(err.text, strerror(ESRCH));
	stop(client);
}
END_TEST

START_TEST(test_request_reads_old_forms)
{
	struct xfrm_client *client = start(acknowledge_after_stale, refuse_uncapped, NULL);

	ck_assert_msg(xfrm_client_request(client, request(XFRM_MSG_NEWPOLICY), &err) == 0, "%s",
		      err.text);
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWPOLICY), &err), -EINVAL);
	ck_assert_str_eq(err.text, "behind the request");
	stop(client);
}
END_TEST

START_TEST(test_get_returns_the_object)
{
	struct xfrm_client *client = start(give_one, refuse_silently, acknowledge_only);

	ck_assert_msg(xfrm_client_get(client, request(XFRM_MSG_GETSA), &reply, &err) == 0, "%s",
		      err.text);
	ck_assert_uint_eq(reply.type, XFRM_MSG_NEWSA);
	ck_assert_uint_eq(reply.sa.config.id.spi, 0x77);
	ck_assert_int_eq(xfrm_client_get(client, request(XFRM_MSG_GETSA), &reply, &err), -ESRCH);
	ck_assert_uint_eq(reply.sa.config.id.spi, 0x77); /* untouched */
	ck_assert_int_eq(xfrm_client_get(client, request(XFRM_MSG_GETSA), &reply, &err), -EBADMSG);
	stop(client);
}
END_TEST

static uint32_t seen, stop_at;

static int count_entry(void *ctx, const struct xfrm_message *e)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen++;
	ck_assert_uint_eq(e->type, XFRM_MSG_NEWSA);
	if (!stop_at)
		return 0;
	ck_assert_uint_eq(e->sa.config.id.spi, seen);
	return seen == stop_at ? 1234 : 0;
}

static int run_dump(struct xfrm_client *client)
{
	seen = 0;
	return xfrm_client_dump(client, request(XFRM_MSG_GETSA), count_entry, &seen, &err);
}

START_TEST(test_dump_hands_on_every_entry)
{
	struct xfrm_client *client = start(dump, dump_then_refuse, acknowledge);

	stop_at = ENTRIES + 1;
	ck_assert_msg(run_dump(client) == 0, "%s", err.text);
	ck_assert_uint_eq(seen, ENTRIES);
	ck_assert_int_eq(run_dump(client), -ENOBUFS);
	ck_assert_str_eq(err.text, "in the middle");
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), 0);
	stop(client);
}
END_TEST

START_TEST(test_dump_stops_when_told)
{
	struct xfrm_client *client = start(dump, acknowledge, NULL);

	stop_at = 9;
	ck_assert_int_eq(run_dump(client), 1234);
	ck_assert_uint_eq(seen, 9);
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), 0);
	stop(client);
}
END_TEST

START_TEST(test_dump_leaves_out_strange_entries)
{
	struct xfrm_client *client = start(dump_strange, NULL, NULL);

	stop_at = 0;
	ck_assert_int_eq(run_dump(client), -EOPNOTSUPP);
	ck_assert_uint_eq(seen, 1);
	ck_assert_ptr_nonnull(strstr(err.text, "2 entries left out"));
	ck_assert_ptr_nonnull(strstr(err.text, "transport mode"));
	stop(client);
}
END_TEST

START_TEST(test_end_of_connection_is_an_error)
{
	struct xfrm_client *client = start(dump_then_hang_up, NULL, NULL);

	stop_at = 0;
	ck_assert_int_eq(run_dump(client), -ECONNRESET);
	ck_assert_uint_eq(seen, ENTRIES);
	ck_assert_ptr_nonnull(strstr(err.text, "cygnetd closed the connection"));
	/* And once more: the socket is dead, the program is not (SIGPIPE). */
	ck_assert_int_eq(run_dump(client), -ECONNRESET);
	stop(client);
}
END_TEST

START_TEST(test_lies_are_errors)
{
	static const struct {
		answer_fn answer;
		int code;
	} lies[] = {
		{hang_up, -ECONNRESET},	      {send_noise, -EBADMSG},
		{send_crumb, -EBADMSG},	      {send_too_much, -EMSGSIZE},
		{send_short_error, -EBADMSG}, {send_positive_error, -EBADMSG},
		{send_done, -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct xfrm_client *client = start(lies[i].answer, NULL, NULL);
		int rc = xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err);

		ck_assert_msg(rc == lies[i].code, "lie %zu: %d (%s)", i, rc, err.text);
		ck_assert_int_eq(err.code, rc);
		ck_assert_int_ne(err.text[0], '\0');
		stop(client);
	}
}
END_TEST

static bool say_nothing(int fd, const struct nlmsghdr *to)
{
	(void)fd;
	(void)to;
	return true;
}

/* The answer to the request that was given up comes late, and is not taken for the next one's. */
START_TEST(test_silence_ends)
{
	struct xfrm_client *client = start(say_nothing, acknowledge_after_stale, NULL);
	struct timeval soon = {.tv_usec = 20000}, later = {.tv_sec = 5};

	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(err.text, "cygnetd has not answered"));
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &later, sizeof(later));
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), 0);
	stop(client);
}
END_TEST

/* Neither requests nor answers stay in memory: they hold keys. */
START_TEST(test_buffer_is_wiped)
{
	struct xfrm_client *client = start(give_one, dump, NULL);

	stop_at = 0;
	ck_assert_int_eq(xfrm_client_get(client, request(XFRM_MSG_GETSA), &reply, &err), 0);
	ck_assert_ptr_null(memmem(client->buf, sizeof(client->buf), "KKKK", 4));
	ck_assert_int_eq(run_dump(client), 0);
	ck_assert_ptr_null(memmem(client->buf, sizeof(client->buf), "KKKK", 4));
	stop(client);
}
END_TEST

START_TEST(test_request_that_has_no_form_is_not_sent)
{
	struct xfrm_client *client = start(acknowledge, NULL, NULL);

	request(XFRM_MSG_NEWSA)->sa.config.replay_window = 5000;
	ck_assert_int_eq(xfrm_client_request(client, &msg, &err), -EINVAL);
	ck_assert_int_eq(xfrm_client_request(client, request(XFRM_MSG_NEWSA), &err), 0);
	stop(client);
}
END_TEST

static void expect_open(const char *path, int code, const char *words)
{
	struct xfrm_client *client = (void *)&server;
	int rc = xfrm_client_open(path, false, &client, &err);

	ck_assert_msg(rc == code, "%d (%s)", rc, err.text);
	ck_assert_msg(strstr(err.text, words), "\"%s\" lacks \"%s\"", err.text, words);
	ck_assert_ptr_eq(client, &server); /* written only on success */
}

START_TEST(test_open_says_what_is_wrong)
{
	char longest[300];
	FILE *file;
	int fd;

	make_dir();
	expect_open(server.path, -ENOENT, "cygnetd is not running (/tmp/");
	file = fopen(server.path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	expect_open(server.path, -ECONNREFUSED, "cygnetd is not running");
	unlink(server.path);
	fd = listen_at(server.path, SOCK_STREAM);
	expect_open(server.path, -EPROTOTYPE, "is not a socket of cygnetd");
	close(fd);
	unlink(server.path);
	/* A socket whose owner is gone, as after kill -9. */
	close(listen_at(server.path, SOCK_SEQPACKET));
	expect_open(server.path, -ECONNREFUSED, "cygnetd is not running");
	if (getuid() != 0) {
		chmod(server.dir, 0);
		expect_open(server.path, -EACCES, "no permission");
		chmod(server.dir, 0700);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	expect_open(longest, -ENAMETOOLONG, "at most 107 bytes");
	remove_dir();
}
END_TEST

START_TEST(test_open_finds_the_path)
{
	struct xfrm_client *client;
	int fd;

	make_dir();
	fd = listen_at(server.path, SOCK_SEQPACKET);
	setenv(CYGNET_SOCKET_ENV, server.path, 1);
	ck_assert_msg(xfrm_client_open(NULL, false, &client, &err) == 0, "%s", err.text);
	xfrm_client_close(client);
	/* A named path goes before the variable. */
	expect_open("/nonexistent/a.sock", -ENOENT, "(/nonexistent/a.sock");
	setenv(CYGNET_SOCKET_ENV, "/nonexistent/b.sock", 1);
	expect_open(NULL, -ENOENT, "(/nonexistent/b.sock");
	unsetenv(CYGNET_SOCKET_ENV);
	close(fd);
	remove_dir();
	xfrm_client_close(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xfrm client");
	TCase *tc = tcase_create("client");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_request_is_acknowledged_or_refused);
	tcase_add_test(tc, test_request_reads_old_forms);
	tcase_add_test(tc, test_get_returns_the_object);
	tcase_add_test(tc, test_dump_hands_on_every_entry);
	tcase_add_test(tc, test_dump_stops_when_told);
	tcase_add_test(tc, test_dump_leaves_out_strange_entries);
	tcase_add_test(tc, test_end_of_connection_is_an_error);
	tcase_add_test(tc, test_lies_are_errors);
	tcase_add_test(tc, test_silence_ends);
	tcase_add_test(tc, test_buffer_is_wiped);
	tcase_add_test(tc, test_request_that_has_no_form_is_not_sent);
	tcase_add_test(tc, test_open_says_what_is_wrong);
	tcase_add_test(tc, test_open_finds_the_path);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
