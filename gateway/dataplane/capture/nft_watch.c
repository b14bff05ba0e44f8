/*
 * nft_watch.c: see nft_watch.h. Follows the multicast group of nftables (linux/netfilter).
 */
#include "gateway/dataplane/capture/nft_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char ours[] = "cygnet";

struct nft_watch {
	struct mnl_socket *nl; /* owned */
	struct event *event;   /* owned */
	void (*fn)(void *ctx);
	void *ctx;
	bool deleted;
};

static int take_attr(const struct nlattr *attr, void *data)
{
	struct nft_watch *w = data;

	if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
	    strncmp(mnl_attr_get_str(attr), ours, sizeof(ours) - 1) == 0)
		w->deleted = true;
	return MNL_CB_OK;
}

static void take(struct nft_watch *w, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE) &&
	    mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nfgenmsg))
		(void)mnl_attr_parse(nlh, sizeof(struct nfgenmsg), take_attr, w);
}

static void on_news(evutil_socket_t fd, short what, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[8192];
	struct nft_watch *w = ctx;
	ssize_t n;

	(void)fd;
	(void)what;
	w->deleted = false;
	while ((n = mnl_socket_recvfrom(w->nl, buf, sizeof(buf))) > 0 || errno == ENOBUFS ||
	       errno == ENOSPC) {
		const struct nlmsghdr *nlh = (const void *)buf;
		int left = (int)n;

		w->deleted = w->deleted || n < 0; /* lost, so it may have been */
		for (; n > 0 && mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			take(w, nlh);
	}
	if (w->deleted)
		w->fn(w->ctx);
}

int nft_watch_open(struct nft_watch **out, struct event_base *base, void (*fn)(void *ctx),
		   void *ctx)
{
	struct nft_watch *w = calloc(1, sizeof(*w));
	int group = NFNLGRP_NFTABLES, err = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->ctx = ctx;
	w->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!w->nl || mnl_socket_bind(w->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(w->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		err = -errno;
		goto err_close_watch;
	}
	w->event = event_new(base, mnl_socket_get_fd(w->nl), EV_READ | EV_PERSIST, on_news, w);
	if (!w->event || event_add(w->event, NULL) < 0)
		goto err_close_watch;
	*out = w;
	return 0;

err_close_watch:
	nft_watch_close(w);
	return err;
}

void nft_watch_close(struct nft_watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	if (w->nl)
		mnl_socket_close(w->nl);
	free(w);
}
