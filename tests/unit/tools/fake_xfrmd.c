/*
 * fake_xfrmd.c: see fake_xfrmd.h. Every time it tells is the same one, so that what setkey prints
 * can be compared byte for byte.
 */
#include "fake_xfrmd.h"

#include "xfrm/xfrm.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAKE_NOW = 1740992400 }; /* 2025-03-03 09:00:00 UTC */

struct fake {
	int fd;
	struct sadb *db;
	uint8_t request[XFRM_REQUEST_MAX] __attribute__((aligned(8)));
	uint8_t reply[XFRM_DATAGRAM_MAX] __attribute__((aligned(8)));
};

static const struct nlmsghdr *header(const struct fake *f)
{
	return (const struct nlmsghdr *)(const void *)f->request;
}

static void say(struct fake *f, size_t len)
{
	if (len == 0 || send(f->fd, f->reply, len, MSG_NOSIGNAL) < 0)
		abort();
}

static void acknowledge(struct fake *f, int code)
{
	struct xfrm_error err = {0};

	if (code)
		xfrm_error_set(&err, code, 0, "%s", strerror(-code));
	say(f, xfrm_put_ack(f->reply, sizeof(f->reply), header(f), 0, &err));
}

static void answer(struct fake *f, struct xfrm_message *msg)
{
	msg->seq = header(f)->nlmsg_seq;
	say(f, xfrm_put(f->reply, sizeof(f->reply), msg));
}

static void answer_sa(struct fake *f, const struct sa *sa)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWSA};

	msg.sa.config = sa->config;
	msg.sa.status = sa_status(sa);
	answer(f, &msg);
}

static void answer_policy(struct fake *f, const struct policy *policy)
{
	struct xfrm_message msg = {.type = XFRM_MSG_NEWPOLICY};

	msg.policy.config = policy->config;
	msg.policy.add_time = policy->add_time;
	answer(f, &msg);
}

static void answer_status(struct fake *f)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_STATUS};

	msg.status = (struct cygnet_status){
		.version = CYGNET_VERSION,
		.tun = "cyg0",
		.wire = "raw",
		.crypto = "OpenSSL",
		.workers = 1,
		.sas = sadb_sa_count(f->db),
		.policies = sadb_policy_count(f->db, POLICY_OUT),
		.started = FAKE_NOW,
		.forwarding = {true, false},
	};
	msg.status.verdict_in[V_ICV] = 3;
	answer(f, &msg);
}

static void dump(struct fake *f, const struct xfrm_message *msg)
{
	struct sadb_walk walk;
	struct policy *policy;
	struct sa *sa;

	sadb_walk_begin(f->db, &walk, msg->type != XFRM_MSG_GETSA);
	if (msg->type == XFRM_MSG_GETSA) {
		while ((sa = sadb_walk_sa(&walk))) {
			if (xfrm_sa_filter_matches(&msg->filter, &sa->config))
				answer_sa(f, sa);
		}
	} else {
		while ((policy = sadb_walk_policy(&walk))) {
			struct xfrm_message tunnel = {.type = CYGNET_MSG_TUNNEL};

			tunnel.tunnel = (struct cygnet_tunnel){
				.policy = policy->config, .outer_mtu = 1500, .inner_mtu = 1438};
			if (msg->type == XFRM_MSG_GETPOLICY)
				answer_policy(f, policy);
			else if (policy->config.dir == POLICY_OUT)
				answer(f, &tunnel);
		}
	}
	sadb_walk_end(&walk);
	say(f, xfrm_put_done(f->reply, sizeof(f->reply), header(f)->nlmsg_seq, 0));
}

/* The lowest SPI of the range, or, as the kernel says, none. */
static void set_aside(struct fake *f, const struct xfrm_message *msg)
{
	struct sa_grant grant = {.directions = 0};
	struct sa_config config = msg->sa.config;
	struct sa *sa;

	config.larval = true;
	config.id.spi = msg->range.min;
	if (sadb_sa_find(f->db, &config.id, &config.mark) ||
	    sadb_sa_add(f->db, &config, &grant, FAKE_NOW, &sa) < 0)
		acknowledge(f, -ENOENT);
	else
		answer_sa(f, sa);
}

/* Requests that are answered with an object, or refused. */
static void get(struct fake *f, const struct xfrm_message *msg)
{
	struct policy *policy;
	struct sa *sa;

	if (msg->type == XFRM_MSG_GETSA) {
		sa = sadb_sa_find(f->db, &msg->sa.config.id, &msg->sa.config.mark);
		if (sa)
			answer_sa(f, sa);
		else
			acknowledge(f, -ESRCH);
	} else if (msg->type == XFRM_MSG_GETPOLICY) {
		policy = sadb_policy_find(f->db, &msg->policy.config);
		if (policy)
			answer_policy(f, policy);
		else
			acknowledge(f, -ENOENT);
	} else {
		answer_status(f);
	}
}

static int change(struct fake *f, const struct xfrm_message *msg)
{
	struct sa_grant grant = {.directions = 0};
	struct policy *policy;
	struct sa *sa;

	switch (msg->type) {
	case XFRM_MSG_NEWSA:
		return sadb_sa_add(f->db, &msg->sa.config, &grant, FAKE_NOW, &sa);
	case XFRM_MSG_UPDSA:
		return sadb_sa_update(f->db, &msg->sa.config, &sa);
	case XFRM_MSG_DELSA:
		return sadb_sa_delete(f->db, &msg->sa.config.id, &msg->sa.config.mark);
	case XFRM_MSG_FLUSHSA:
		(void)sadb_sa_flush(f->db, msg->proto); /* none is no failure */
		return 0;
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		return sadb_policy_add(f->db, &msg->policy.config, msg->type == XFRM_MSG_UPDPOLICY,
				       FAKE_NOW, &policy);
	case XFRM_MSG_DELPOLICY:
		return sadb_policy_delete(f->db, &msg->policy.config);
	case XFRM_MSG_FLUSHPOLICY:
		(void)sadb_policy_flush(f->db);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Who listens is told one event of each kind, and that the server is gone. */
static void announce(struct fake *f)
{
	static const struct esp_suite_spec gcm = {ESP_ENCR_AES_GCM, ESP_INTEG_NONE, 20, 0, 16};
	struct xfrm_message msg = {.type = XFRM_MSG_NEWSA};
	const struct nlmsghdr overrun = {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = NLMSG_OVERRUN};
	const struct policy_template tmpl = {.proto = 50, .mode = XFRM_MODE_TUNNEL, .reqid = 7};
	struct sa_config *sa = &msg.sa.config;
	const char *why;

	acknowledge(f, 0);
	*sa = (struct sa_config){.mode = XFRM_MODE_TUNNEL, .id = {.spi = 4096, .proto = 50}};
	if (!ip_addr_parse("192.0.2.1", &sa->src) || !ip_addr_parse("192.0.2.2", &sa->id.dst) ||
	    esp_suite_find(&gcm, &sa->suite, &why) < 0)
		abort();
	sa->sel.family = AF_INET;
	memset(sa->keys.encr, 0xaa, 20);
	say(f, xfrm_put(f->reply, sizeof(f->reply), &msg));
	msg.type = XFRM_MSG_EXPIRE;
	say(f, xfrm_put(f->reply, sizeof(f->reply), &msg));
	msg.type = XFRM_MSG_MAPPING;
	msg.was = (struct sa_peer){sa->src, 4500};
	msg.is = (struct sa_peer){sa->id.dst, 4501};
	say(f, xfrm_put(f->reply, sizeof(f->reply), &msg));
	msg.type = XFRM_MSG_ACQUIRE;
	msg.acquire =
		(struct xfrm_acquire){.id = sa->id, .src = sa->src, .sel = {.family = AF_INET}};
	msg.acquire.policy.config =
		(struct policy_config){.sel = msg.acquire.sel, .tmpl = tmpl, .dir = POLICY_OUT};
	msg.acquire.policy.config.tmpl.src = sa->src;
	msg.acquire.policy.config.tmpl.dst = sa->id.dst;
	say(f, xfrm_put(f->reply, sizeof(f->reply), &msg));
	memcpy(f->reply, &overrun, sizeof(overrun));
	say(f, sizeof(overrun));
	shutdown(f->fd, SHUT_RDWR);
}

static void serve(struct fake *f, size_t len)
{
	struct xfrm_message msg;
	struct xfrm_error err;

	if (xfrm_parse(header(f), len, &msg, &err) < 0) {
		say(f, xfrm_put_ack(f->reply, sizeof(f->reply), header(f), 0, &err));
		return;
	}
	if (msg.dump)
		dump(f, &msg);
	else if (msg.type == CYGNET_MSG_CTL)
		announce(f);
	else if (msg.type == XFRM_MSG_ALLOCSPI)
		set_aside(f, &msg);
	else if (msg.type == XFRM_MSG_GETSA || msg.type == XFRM_MSG_GETPOLICY ||
		 msg.type == CYGNET_MSG_GETSTATUS)
		get(f, &msg);
	else
		acknowledge(f, change(f, &msg));
	xfrm_message_cleanse(&msg);
}

static void __attribute__((noreturn)) run(int listener)
{
	struct fake *f = calloc(1, sizeof(*f));
	ssize_t got;

	if (!f)
		abort();
	f->db = sadb_new((struct sadb_retire){0});
	while ((f->fd = accept(listener, NULL, NULL)) >= 0) {
		while ((got = recv(f->fd, f->request, sizeof(f->request), 0)) > 0)
			serve(f, (size_t)got);
		close(f->fd);
	}
	abort();
}

pid_t fake_xfrmd_start(char *path, size_t size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/cygnet-fake-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	ck_assert(listener >= 0 && mkdtemp(folder));
	snprintf(path, size, "%s/xfrm.sock", folder);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/xfrm.sock", folder);
	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run(listener);
	close(listener);
	return pid;
}

void fake_xfrmd_stop(pid_t pid, const char *path)
{
	char folder[128];
	char *slash;

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(folder, sizeof(folder), "%s", path);
	unlink(path);
	slash = strrchr(folder, '/');
	if (slash) {
		*slash = '\0';
		rmdir(folder);
	}
}
