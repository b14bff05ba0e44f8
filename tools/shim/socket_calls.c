/*
 * socket_calls.c: the calls that make, name and set up a socket. NETLINK_XFRM sockets become
 * connections to cygnetd here, and look like netlink to whoever asks.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <string.h>

enum { GROUPS_MAX = 32 };

/* ---- socket, bind, connect ----------------------------------------------------------------------- */

static int open_xfrm(int type)
{
	int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), fd;
	struct shim_guard guard;
	struct shim_socket *s;

	if (kind != SOCK_RAW && kind != SOCK_DGRAM) {
		errno = ESOCKTNOSUPPORT;
		return -1;
	}
	fd = link_connect(type & (SOCK_CLOEXEC | SOCK_NONBLOCK), true);
	if (fd < 0)
		return -1;
	shim_lock(&guard);
	s = fd < SHIM_NUMBERS_MAX ? sockets_new(kind) : NULL;
	if (s && sockets_adopt(s, fd))
		link_tell(s, fd, false);
	shim_unlock(&guard);
	if (!s) {
		next_calls()->close(fd);
		errno = EMFILE;
		return -1;
	}
	return fd;
}

int shim_socket(int domain, int type, int protocol) SHIM_CALL("socket");
int shim_socket(int domain, int type, int protocol)
{
	if (domain == AF_NETLINK && protocol == NETLINK_XFRM)
		return open_xfrm(type);
	return next_calls()->socket(domain, type, protocol);
}

static bool read_address(const struct sockaddr *from, socklen_t len, struct sockaddr_nl *out)
{
	if (from && len >= sizeof(*out)) {
		memcpy(out, from, sizeof(*out));
		if (out->nl_family == AF_NETLINK)
			return true;
	}
	errno = EINVAL;
	return false;
}

/* Under the lock. */
static void introduce(const struct shim_socket *s, int fd)
{
	if (s->groups & XFRMGRP_EXPIRE && !ledger_is_kept()) {
		ledger_keep();
		ledger_connected(fd); /* so far there is nothing to restore */
	}
	link_tell(s, fd, false);
}

int shim_bind(int fd, const struct sockaddr *addr, socklen_t len) SHIM_CALL("bind");
int shim_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct shim_socket *s = sockets_find(fd);
	struct shim_guard guard;
	struct sockaddr_nl nl;

	if (!s)
		return next_calls()->bind(fd, addr, len);
	if (!read_address(addr, len, &nl))
		return -1;
	shim_lock(&guard);
	if (nl.nl_pid)
		s->portid = nl.nl_pid;
	s->groups = nl.nl_groups;
	introduce(s, fd);
	shim_unlock(&guard);
	return 0;
}

int shim_connect(int fd, const struct sockaddr *addr, socklen_t len) SHIM_CALL("connect");
int shim_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_nl nl;

	if (!sockets_find(fd))
		return next_calls()->connect(fd, addr, len);
	if (!read_address(addr, len, &nl))
		return -1;
	if (nl.nl_pid) {
		errno = ECONNREFUSED;
		return -1;
	}
	return 0; /* the kernel's address: that is where every message goes */
}

int shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len) SHIM_CALL("getsockname");
int shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct shim_socket *s = sockets_find(fd);

	if (!s)
		return next_calls()->getsockname(fd, addr, len);
	transfer_address(s->portid, s->groups, addr, len);
	return 0;
}

int shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len) SHIM_CALL("getpeername");
int shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	if (!sockets_find(fd))
		return next_calls()->getpeername(fd, addr, len);
	transfer_address(0, 0, addr, len);
	return 0;
}

/* ---- options ---------------------------------------------------------------------------------------- */

static int refuse(int code)
{
	errno = code;
	return -1;
}

static int change_groups(struct shim_socket *s, int fd, int group, bool on)
{
	struct shim_guard guard;
	uint32_t bit;

	if (group < 1 || group > GROUPS_MAX)
		return refuse(EINVAL);
	bit = 1U << (group - 1);
	shim_lock(&guard);
	s->groups = on ? s->groups | bit : s->groups & ~bit;
	introduce(s, fd);
	shim_unlock(&guard);
	return 0;
}

static int set_netlink_option(struct shim_socket *s, int fd, int option, const void *value,
			      socklen_t len)
{
	struct shim_guard guard;
	int set;

	if (!value || len < (socklen_t)sizeof(set))
		return refuse(EINVAL);
	memcpy(&set, value, sizeof(set));
	switch (option) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		return change_groups(s, fd, set, option == NETLINK_ADD_MEMBERSHIP);
	case NETLINK_PKTINFO:
	case NETLINK_BROADCAST_ERROR:
	case NETLINK_NO_ENOBUFS:
	case NETLINK_LISTEN_ALL_NSID:
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
		break;
	default:
		return refuse(ENOPROTOOPT);
	}
	shim_lock(&guard);
	s->options = set ? s->options | 1U << option : s->options & ~(1U << option);
	shim_unlock(&guard);
	return 0;
}

int shim_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
	SHIM_CALL("setsockopt");
int shim_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	struct shim_socket *s = sockets_find(fd);
	int rc;

	if (s && level == SOL_NETLINK)
		return set_netlink_option(s, fd, option, value, len);
	if (!s && ike_socket_option(fd, level, option, value, len, &rc))
		return rc;
	return next_calls()->setsockopt(fd, level, option, value, len);
}

/* False: the option is not one in which a UNIX socket differs. */
static bool describe(const struct shim_socket *s, int level, int option, int *value)
{
	if (level == SOL_NETLINK) {
		*value = option == NETLINK_LIST_MEMBERSHIPS   ? (int)s->groups
			 : option >= 0 && option < GROUPS_MAX ? (s->options & 1U << option) != 0
							      : 0;
		return true;
	}
	if (level != SOL_SOCKET)
		return false;
	switch (option) {
	case SO_DOMAIN:
		*value = AF_NETLINK;
		return true;
	case SO_PROTOCOL:
		*value = NETLINK_XFRM;
		return true;
	case SO_TYPE:
		*value = s->type;
		return true;
	default:
		return false;
	}
}

int shim_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
	SHIM_CALL("getsockopt");
int shim_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	struct shim_socket *s = sockets_find(fd);
	int mine;

	if (!s || !describe(s, level, option, &mine))
		return next_calls()->getsockopt(fd, level, option, value, len);
	if (!value || !len || *len < (socklen_t)sizeof(mine))
		return refuse(EINVAL);
	memcpy(value, &mine, sizeof(mine));
	*len = sizeof(mine);
	return 0;
}
