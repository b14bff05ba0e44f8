/*
 * rtnl.c: requests to rtnetlink over libmnl (RFC 3549 §2). What libmnl leaves to its user is
 * done here: the sender must be the kernel (any process may send to a netlink port), the
 * sequence number ours, and a kernel that does not answer is given up after two seconds.
 */
#include "gateway/dataplane/capture/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWER_SECONDS = 2, REQUEST_MAX = 1024, ANSWER_MAX = 65536 };

struct rtnl {
	struct mnl_socket *nl; /* owned */
	uint32_t seq;
	/* Aligned for nlmsghdr. */
	uint32_t request[REQUEST_MAX / sizeof(uint32_t)];
	uint32_t answer[ANSWER_MAX / sizeof(uint32_t)];
};

int rtnl_open(struct rtnl **out)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct rtnl *r = calloc(1, sizeof(*r));
	int on = 1;
	int err;

	if (!r)
		return -ENOMEM;
	r->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!r->nl || mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		rtnl_close(r);
		return err;
	}
	if (setsockopt(mnl_socket_get_fd(r->nl), SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) < 0) {
		err = -errno;
		rtnl_close(r);
		return err;
	}
	/* Kernels before 4.20 do not filter dumps; readers check what they get anyway. */
	(void)mnl_socket_setsockopt(r->nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*out = r;
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->nl)
		mnl_socket_close(r->nl);
	free(r);
}

uint32_t rtnl_port(const struct rtnl *r)
{
	return mnl_socket_get_portid(r->nl);
}

struct nlmsghdr *rtnl_begin(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->request);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return nlh;
}

static int send_request(struct rtnl *r)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)r->request;

	nlh->nlmsg_seq = ++r->seq;
	if (mnl_socket_sendto(r->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return 0;
}

ssize_t rtnl_receive(int fd, void *buf, size_t size, int flags)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return -EPROTO;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return n;
}

/* The next datagram that belongs to the present request. */
static ssize_t next_answer(struct rtnl *r)
{
	for (int strangers = 0; strangers < 64; strangers++) {
		ssize_t n = rtnl_receive(mnl_socket_get_fd(r->nl), r->answer, sizeof(r->answer), 0);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)r->answer;

		if (n == -EPROTO)
			continue;
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : n;
		/* The end of a request that was given up before. */
		if (mnl_nlmsg_ok(nlh, (int)n) && nlh->nlmsg_seq != r->seq)
			continue;
		return n;
	}
	return -ETIMEDOUT;
}

static int error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return -EBADMSG;
	return err->error > 0 ? -err->error : err->error;
}

struct answer {
	void (*fn)(void *ctx, const struct nlmsghdr *nlh); /* NULL: an acknowledgement is all */
	void *ctx;
	bool done;
	bool interrupted;
	int error;
};

/* One datagram's messages. Sets done after the last one of the answer. */
static void take_datagram(const struct rtnl *r, struct answer *a, size_t n)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)r->answer;
	int left = (int)n;

	for (; mnl_nlmsg_ok(nlh, left) && !a->done; nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != r->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			a->interrupted = true;
		switch (nlh->nlmsg_type) {
		case NLMSG_NOOP:
			break;
		case NLMSG_ERROR:
			a->error = error_of(nlh);
			a->done = true;
			break;
		case NLMSG_DONE:
			/* A dump that failed half way says so here. */
			if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
				a->error = *(const int *)mnl_nlmsg_get_payload(nlh);
			a->done = true;
			break;
		default:
			if (a->fn)
				a->fn(a->ctx, nlh);
			a->done = a->fn && !(nlh->nlmsg_flags & NLM_F_MULTI);
		}
	}
}

static int exchange(struct rtnl *r, struct answer *a)
{
	int err = send_request(r);

	while (!err && !a->done) {
		ssize_t n = next_answer(r);

		if (n < 0)
			err = (int)n;
		else
			take_datagram(r, a, (size_t)n);
	}
	return err ? err : a->error;
}

int rtnl_ask(struct rtnl *r)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)r->request;
	struct answer a = {0};

	nlh->nlmsg_flags |= NLM_F_ACK;
	return exchange(r, &a);
}

int rtnl_read(struct rtnl *r, void (*fn)(void *ctx, const struct nlmsghdr *nlh), void *ctx)
{
	struct answer a = {.fn = fn, .ctx = ctx};
	int err = exchange(r, &a);

	return !err && a.interrupted ? -EINTR : err;
}

struct attr_table {
	const struct nlattr **tb;
	uint16_t max;
};

static int note_attr(const struct nlattr *attr, void *ctx)
{
	const struct attr_table *table = ctx;

	if (mnl_attr_get_type(attr) <= table->max)
		table->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

void rtnl_attrs(const struct nlmsghdr *nlh, size_t header_len, const struct nlattr **tb,
		uint16_t max)
{
	struct attr_table table = {tb, max};

	memset(tb, 0, (max + 1u) * sizeof(*tb));
	if (mnl_nlmsg_get_payload_len(nlh) >= header_len)
		(void)mnl_attr_parse(nlh, (unsigned)header_len, note_attr, &table);
}

void rtnl_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, uint16_t max)
{
	struct attr_table table = {tb, max};

	memset(tb, 0, (max + 1u) * sizeof(*tb));
	if (nest)
		(void)mnl_attr_parse_nested(nest, note_attr, &table);
}

struct ip_addr rtnl_addr(const struct nlattr *attr, uint8_t family)
{
	if (attr && family == AF_INET && mnl_attr_get_payload_len(attr) == 4)
		return ip_addr_v4(mnl_attr_get_payload(attr));
	if (attr && family == AF_INET6 && mnl_attr_get_payload_len(attr) == 16)
		return ip_addr_v6(mnl_attr_get_payload(attr));
	return (struct ip_addr){0};
}

uint32_t rtnl_u32(const struct nlattr *attr, uint32_t fallback)
{
	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return fallback;
	return mnl_attr_get_u32(attr);
}

void rtnl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *addr)
{
	mnl_attr_put(nlh, type, ip_addr_bits(addr) / 8u, addr->bytes);
}
