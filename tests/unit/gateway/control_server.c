/*
 * control_server.c: see control_server.h.
 */
#include "control_server.h"

#include "control_double.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct server server;

struct call {
	void (*fn)(void *arg);
	void *arg;
};

static void on_call(evutil_socket_t fd, short what, void *arg)
{
	struct call call;

	(void)what;
	(void)arg;
	if (read((int)fd, &call, sizeof(call)) != sizeof(call)) {
		(void)event_base_loopbreak(server.base);
		return;
	}
	call.fn(call.arg);
	if (write((int)fd, "", 1) != 1)
		abort();
}

static void status(void *ctx, struct cygnet_status *out)
{
	(void)ctx;
	strcpy(out->tun, "cygnet0");
	out->workers = 3;
	out->verdict_in[V_REPLAY_DUP] = 42;
}

static void *serve(void *arg)
{
	struct event *calls =
		event_new(server.base, server.calls[1], EV_READ | EV_PERSIST, on_call, NULL);

	(void)arg;
	if (!calls || event_add(calls, NULL) < 0)
		abort();
	(void)event_base_dispatch(server.base);
	event_free(calls);
	return NULL;
}

void server_start(void)
{
	struct control_deps deps = {.status = status};
	int fd;

	double_reset();
	strcpy(server.dir, "/tmp/cygnet-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server.dir));
	/* Those who may not come in must reach the door. */
	ck_assert_int_eq(chmod(server.dir, 0755), 0);
	snprintf(server.path, sizeof(server.path), "%s/run/xfrm.sock", server.dir);
	server.base = event_base_new();
	server.db = sadb_new((struct sadb_retire){0});
	ck_assert(server.base && server.db);
	deps.db = server.db;
	ck_assert_int_eq(control_listen(server.path, geteuid(), getegid(), &fd), 0);
	ck_assert_int_eq(control_open(&server.control, server.base, fd, server.path, 12345, &deps),
			 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, server.calls), 0);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

void server_stop(void)
{
	char path[128];

	ck_assert_int_eq(shutdown(server.calls[0], SHUT_WR), 0);
	ck_assert_int_eq(pthread_join(server.thread, NULL), 0);
	control_close(server.control);
	sadb_free(server.db);
	event_base_free(server.base);
	close(server.calls[0]);
	close(server.calls[1]);
	/* Only if control_close removed the socket are these empty. */
	snprintf(path, sizeof(path), "%s/run", server.dir);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(server.dir), 0);
}

void server_call(void (*fn)(void *arg), void *arg)
{
	const struct call call = {fn, arg};
	char done;

	ck_assert_int_eq(write(server.calls[0], &call, sizeof(call)), sizeof(call));
	ck_assert_int_eq(read(server.calls[0], &done, 1), 1);
}

/* ---- bytes --------------------------------------------------------------------------------- */

int raw_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(addr.sun_path, server.path, strlen(server.path) + 1);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

void raw_send(int fd, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

size_t raw_receive(int fd, void *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size, 0);

	if (n < 0 && errno == ECONNRESET)
		return 0;
	ck_assert_msg(n >= 0, "recv: %s", strerror(errno));
	return (size_t)n;
}

void raw_expect_silence(int fd)
{
	const struct timeval brief = {.tv_usec = 50000}, patience = {.tv_sec = 10};
	char byte;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

size_t raw_request(void *buf, size_t size, struct xfrm_message *msg, uint16_t flags, uint32_t seq,
		   uint32_t pid)
{
	size_t len;

	msg->flags = (uint16_t)(NLM_F_REQUEST | flags);
	msg->seq = seq;
	msg->pid = pid;
	len = xfrm_put(buf, size, msg);
	ck_assert_uint_gt(len, 0);
	return len;
}

int raw_ack(int fd, uint32_t seq, uint32_t pid)
{
	_Alignas(8) uint8_t buf[XFRM_DATAGRAM_MAX];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	const struct nlmsgerr *body = NLMSG_DATA(nlh);
	size_t len = raw_receive(fd, buf, sizeof(buf));

	ck_assert_uint_ge(len, NLMSG_LENGTH(sizeof(*body)));
	ck_assert_uint_eq(nlh->nlmsg_len, len);
	ck_assert_uint_eq(nlh->nlmsg_type, NLMSG_ERROR);
	ck_assert_uint_eq(nlh->nlmsg_seq, seq);
	ck_assert_uint_eq(nlh->nlmsg_pid, pid);
	ck_assert_int_le(body->error, 0);
	return body->error;
}

/* ---- messages ------------------------------------------------------------------------------- */

static struct ip_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t bytes[4] = {a, b, c, d};

	return ip_addr_v4(bytes);
}

struct xfrm_message sa_message(uint16_t type, uint8_t src, uint8_t dst, uint32_t spi)
{
	const struct esp_suite_spec spec = {
		.encr = ESP_ENCR_AES_GCM, .encr_key_len = 20, .icv_len = 16};
	struct xfrm_message msg = {.type = type};
	struct sa_config *config = &msg.sa.config;
	const char *why;

	config->id = (struct sa_id){.dst = v4(10, 0, 0, dst), .spi = spi, .proto = IPPROTO_ESP};
	config->src = v4(10, 0, 0, src);
	config->mode = XFRM_MODE_TUNNEL;
	config->reqid = dst;
	config->replay_window = 32;
	config->limits = (struct sadb_limits){.soft_bytes = SADB_NO_LIMIT,
					      .hard_bytes = SADB_NO_LIMIT,
					      .soft_packets = SADB_NO_LIMIT,
					      .hard_packets = SADB_NO_LIMIT};
	ck_assert_int_eq(esp_suite_find(&spec, &config->suite, &why), 0);
	memset(config->keys.encr, 0x11, 20);
	memcpy(config->keys.encr, &spi, sizeof(spi));
	return msg;
}

struct xfrm_message policy_message(uint16_t type, uint8_t dir, uint8_t net, uint8_t peer)
{
	struct xfrm_message msg = {.type = type};
	struct policy_config *config = &msg.policy.config;

	config->dir = dir;
	config->action = POLICY_PROTECT;
	config->sel = (struct selector){.family = AF_INET,
					.src = {v4(192, 168, 0, 0), 24},
					.dst = {v4(192, 168, net, 0), 24}};
	config->limits = (struct sadb_limits){.soft_bytes = SADB_NO_LIMIT,
					      .hard_bytes = SADB_NO_LIMIT,
					      .soft_packets = SADB_NO_LIMIT,
					      .hard_packets = SADB_NO_LIMIT};
	config->tmpl = (struct policy_template){.src = v4(10, 0, 0, 1),
						.dst = v4(10, 0, 0, peer),
						.reqid = peer,
						.proto = IPPROTO_ESP,
						.mode = XFRM_MODE_TUNNEL,
						.aalgos = UINT32_MAX,
						.ealgos = UINT32_MAX,
						.calgos = UINT32_MAX};
	return msg;
}
