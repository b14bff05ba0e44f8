/*
 * listen.c: see listen.h.
 */
#include "gateway/dataplane/listen.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

/* The directory is its user's, who must be able to remove the socket at the end. */
static int make_directory(const char *path, uid_t uid, gid_t gid)
{
	char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *dir;

	memcpy(copy, path, strlen(path) + 1); /* its length was checked */
	dir = dirname(copy);
	if (mkdir(dir, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	return lchown(dir, uid, gid) < 0 ? -errno : 0;
}

/* Removes a socket nobody listens on. -EADDRINUSE: somebody does; -EEXIST: it is no socket. */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Only a refusal says that nobody is there: a full backlog says EAGAIN. */
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	if (rc != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The socket stays root's: an IKE daemon of root's that gave up its capabilities (charon) comes in by
 * the owner's bits. */
static int bind_and_listen(const struct sockaddr_un *addr, gid_t gid, int *fd)
{
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int rc;

	if (s < 0)
		return -errno;
	mask = umask(0117); /* 0660 from the first moment on */
	rc = bind(s, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	(void)umask(mask); /* always succeeds */
	if (rc)
		goto err_close;
	if (lchown(addr->sun_path, (uid_t)-1, gid) < 0 || listen(s, BACKLOG) < 0) {
		rc = -errno;
		goto err_unlink;
	}
	*fd = s;
	return 0;

err_unlink:
	(void)unlink(addr->sun_path); /* the first error is the one to tell */
err_close:
	close(s);
	return rc;
}

int control_listen(const char *path, uid_t uid, gid_t gid, int *fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int rc;

	if (!*path || strlen(path) >= sizeof(addr.sun_path)) {
		log_err("control socket %s: a path has 1 to %zu bytes", path,
			sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	rc = make_directory(path, uid, gid);
	if (!rc)
		rc = remove_stale(&addr);
	if (!rc)
		rc = bind_and_listen(&addr, gid, fd);
	if (rc == -EADDRINUSE) {
		log_err("control socket %s: another daemon listens there", path);
	} else if (rc == -EEXIST) {
		log_err("control socket %s: a file that is no socket is in the way", path);
	} else if (rc) {
		errno = -rc;
		log_warn("control socket %s", path);
	}
	return rc;
}
