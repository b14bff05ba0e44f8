/*
 * xfrm/client_event.c: listening to what cygnetd or the kernel announces: to cygnetd by a CTL
 * message, to the kernel by joining multicast groups. Events come one a datagram.
 */
#include "xfrm/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static int join(const struct xfrm_client *client, uint32_t groups, struct xfrm_error *err)
{
	for (int group = 1; group <= 32; group++) {
		if (!(groups & 1U << (group - 1)))
			continue;
		if (setsockopt(client->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
			       sizeof(group)) < 0)
			return xfrm_error_set(err, -errno, 0, "listening to group %d: %s", group,
					      strerror(errno));
	}
	return 0;
}

int xfrm_client_subscribe(struct xfrm_client *client, uint32_t groups, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_CTL};
	int rc;

	*err = (struct xfrm_error){0};
	groups |= client->groups;
	msg.ctl.groups = groups;
	rc = client->kernel ? join(client, groups, err) : xfrm_client_request(client, &msg, err);
	if (rc == 0)
		client->groups = groups;
	return rc;
}

int xfrm_client_hear_misfits(struct xfrm_client *client, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_MISFITREG};

	*err = (struct xfrm_error){0};
	if (client->kernel)
		return xfrm_error_set(err, -EOPNOTSUPP, 0,
				      "a kernel does not tell which packets did not fit their SA");
	return xfrm_client_request(client, &msg, err);
}

int xfrm_client_fd(const struct xfrm_client *client)
{
	return client->fd;
}

/* 0: there is something to read. */
static int wait_readable(const struct xfrm_client *client, int timeout_ms, struct xfrm_error *err)
{
	struct pollfd wanted = {.fd = client->fd, .events = POLLIN};
	int n = poll(&wanted, 1, timeout_ms);

	if (n == 0 || (n < 0 && errno == EINTR))
		return xfrm_error_set(err, -EAGAIN, 0, "no event");
	if (n < 0)
		return xfrm_error_set(err, -errno, 0, "waiting for events: %s", strerror(errno));
	return 0;
}

/* One datagram. 0; -EAGAIN: not an event we know. */
static int take_event(const struct xfrm_client *client, size_t len, struct xfrm_message *out,
		      struct xfrm_error *err)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)client->buf;

	if (len < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
		return xfrm_error_set(err, -EBADMSG, 0, "an event is not a netlink message");
	if (nlh->nlmsg_type == NLMSG_OVERRUN)
		return xfrm_error_set(err, -ENOBUFS, 0, "events were lost");
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || xfrm_parse(nlh, len, out, err) < 0)
		return -EAGAIN;
	return 0;
}

int xfrm_client_event(struct xfrm_client *client, int timeout_ms, struct xfrm_message *out,
		      struct xfrm_error *err)
{
	ssize_t got;
	int rc;

	*err = (struct xfrm_error){0};
	do {
		rc = wait_readable(client, timeout_ms, err);
		if (rc)
			return rc;
		got = client_receive(client, err);
		/* The kernel's way to say that events were lost. */
		if (got == -ENOBUFS)
			return xfrm_error_set(err, -ENOBUFS, 0, "events were lost");
		if (got < 0)
			return (int)got;
		rc = take_event(client, (size_t)got, out, err);
		explicit_bzero(client->buf, (size_t)got);
	} while (rc == -EAGAIN);
	return rc;
}
