/*
 * control.c: the XFRM server's door: the lock, the listening socket, who may come in, and the end of
 * it all. What is said inside: parts.h lists the files. Runs on the control thread's event
 * base; called by cygnetd's main.
 */
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 64, GROUPS_INLINE = 64, LOCK_TRIES = 10, LOCK_WAIT_NS = 50000000 };

/* Abstract: it belongs to the network namespace and vanishes with the process. */
#define LOCK_NAME "cygnetd"

static socklen_t lock_address(struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(addr->sun_path + 1, LOCK_NAME, sizeof(LOCK_NAME) - 1);
	return offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(LOCK_NAME) - 1;
}

/* Anybody may bind an abstract name, so a name that is taken says little. A cygnetd listens on it,
 * did so while it was root, and takes who connects: a queue that stays full is a stranger's. */
static bool holder_is_root(void)
{
	const struct timespec wait = {.tv_nsec = LOCK_WAIT_NS};
	struct sockaddr_un addr;
	socklen_t addr_len = lock_address(&addr);
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool root = fd < 0; /* not knowing, believe the worse */
	int rc = -1;

	for (unsigned i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		rc = connect(fd, (const struct sockaddr *)&addr, addr_len);
		if (rc == 0 || errno != EAGAIN)
			break;
		nanosleep(&wait, NULL);
	}
	if (rc == 0)
		root = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.uid == 0;
	if (fd >= 0)
		close(fd);
	return root;
}

void control_lock_answer(int fd)
{
	int asks;

	while ((asks = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(asks);
}

int control_lock(int *fd)
{
	struct sockaddr_un addr;
	socklen_t len = lock_address(&addr);
	int lock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (lock < 0) {
		rc = -errno;
		log_warn("control: lock socket");
		return rc;
	}
	if (bind(lock, (const struct sockaddr *)&addr, len) == 0 && listen(lock, BACKLOG) == 0) {
		*fd = lock;
		return 0;
	}
	rc = -errno;
	if (rc == -EADDRINUSE && !holder_is_root()) {
		/* Nobody without privileges keeps a gateway from starting. The TUN device's name
		 * and the control socket still exclude most second ones. */
		log_warnx("a process without privileges holds the lock's name @" LOCK_NAME
			  ": going on without it");
		*fd = lock;
		return 0;
	}
	if (rc == -EADDRINUSE)
		log_err("another cygnetd runs in this network namespace");
	else
		log_warn("control: lock socket");
	close(lock);
	return rc;
}

/* ---- who may come in ------------------------------------------------------------------------- */

static bool group_listed(const gid_t *groups, size_t count, gid_t gid)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

/* Is the peer, by its supplementary groups when it connected, in the group? */
static bool peer_in_group(int fd, gid_t gid)
{
	gid_t inline_groups[GROUPS_INLINE];
	gid_t *groups = inline_groups, *heap = NULL;
	socklen_t len = sizeof(inline_groups);
	bool found = false;
	int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);

	if (rc < 0 && errno == ERANGE) { /* len says how much it takes */
		groups = heap = malloc(len);
		rc = heap ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, heap, &len) : -1;
	}
	if (rc == 0)
		found = group_listed(groups, len / sizeof(*groups), gid);
	free(heap);
	return found;
}

/* Whoever may talk may also read keys, as with CAP_NET_ADMIN in the kernel. */
static bool peer_allowed(const struct control *c, int fd, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	*uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	*uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid() || peer.gid == c->gid ||
	       peer_in_group(fd, c->gid);
}

static void refuse(struct control *c, int fd, uid_t uid, const char *why)
{
	time_t now = time(NULL);

	close(fd);
	if (now == c->refused_at)
		return;
	c->refused_at = now;
	log_warnx("control: a connection of user %u was refused: %s", uid, why);
}

static void admit(struct control *c, int fd)
{
	uid_t uid;

	if (!peer_allowed(c, fd, &uid))
		refuse(c, fd, uid, "not root, not in the control group");
	else if (c->client_count >= CONTROL_CLIENTS_MAX)
		refuse(c, fd, uid, "too many connections");
	else if (client_new(c, fd) < 0)
		log_warnx("control: no memory for another connection");
}

/* Out of descriptors or memory: the connection stays in the backlog, and asking for it at once
 * again would only burn time. */
static void pause_accepting(struct control *c)
{
	const struct timeval second = {.tv_sec = 1};

	log_warn("control: accept");
	if (event_add(c->retry, &second) == 0)
		(void)event_del(c->accepts); /* cannot fail for an event that is ours */
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct control *c = arg;

	(void)what;
	for (int i = 0; i < BACKLOG; i++) {
		int fd = accept4((int)listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			admit(c, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			pause_accepting(c);
		return;
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	if (event_add(c->accepts, NULL) < 0)
		log_warnx("control: no memory to accept connections again");
}

/* ---- beginning and end ----------------------------------------------------------------------- */

int control_open(struct control **out, struct event_base *base, int listen_fd, const char *path,
		 gid_t control_gid, const struct control_deps *deps)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		close(listen_fd);
		return -ENOMEM;
	}
	c->deps = *deps;
	c->base = base;
	c->gid = control_gid;
	c->listen_fd = listen_fd;
	c->path = strdup(path);
	c->accepts = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_accept, c);
	c->retry = event_new(base, -1, 0, on_retry, c);
	if (!c->path || !c->accepts || !c->retry || event_add(c->accepts, NULL) < 0) {
		control_close(c);
		return -ENOMEM;
	}
	if (lstat(path, &c->identity) < 0)
		memset(&c->identity, 0, sizeof(c->identity)); /* then there is nothing to remove */
	if (encap_open(c) < 0 || dummy_open(c) < 0) {
		control_close(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

/* Only if it is still ours: another daemon may have come after a stale socket was removed. */
static void remove_socket(const struct control *c)
{
	struct stat now;

	if (!c->path || lstat(c->path, &now) < 0)
		return;
	if (now.st_ino != c->identity.st_ino || now.st_dev != c->identity.st_dev)
		return;
	if (unlink(c->path) < 0)
		log_warn("control socket %s", c->path);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	while (c->clients)
		client_close(c->clients);
	if (c->accepts)
		event_free(c->accepts);
	if (c->retry)
		event_free(c->retry);
	encap_close(c);
	dummy_close(c);
	close(c->listen_fd);
	remove_socket(c);
	acquire_fini(c);
	life_fini(c);
	policy_life_fini(c);
	grants_return_all(c);
	free(c->path);
	free(c);
}
