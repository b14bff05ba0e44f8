/*
 * iked.c: see iked.h.
 */
#include "tools/iked.h"

#include "xfrm/xfrm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char *socket_path(void)
{
	const char *named = getenv(CYGNET_IKED_SOCKET_ENV);

	return named && named[0] ? named : CYGNET_IKED_SOCKET_DEFAULT;
}

int iked_connect(int *out)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = socket_path();
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

void iked_complain(const char *verb, int rc)
{
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		fprintf(stderr, "cygnet: %s: cygnet-iked is not running (%s: %s)\n", verb,
			socket_path(), strerror(-rc));
	else if (rc == -ECONNRESET)
		fprintf(stderr, "cygnet: %s: cygnet-iked went away\n", verb);
	else if (rc == -EAGAIN)
		fprintf(stderr, "cygnet: %s: no answer yet; it goes on by itself (cygnet status)\n",
			verb);
	else
		fprintf(stderr, "cygnet: %s: %s: %s\n", verb, socket_path(), strerror(-rc));
}

/* 0 and an object (owned); -errno. */
static int receive(int fd, json_t **out)
{
	static char buf[65536];
	ssize_t got = recv(fd, buf, sizeof(buf), 0);
	json_t *answer;

	if (got <= 0)
		return got ? -errno : -ECONNRESET;
	answer = json_loadb(buf, (size_t)got, 0, NULL);
	explicit_bzero(buf, (size_t)got); /* it may be keys */
	if (!json_is_object(answer)) {
		json_decref(answer);
		return -EBADMSG;
	}
	*out = answer;
	return 0;
}

int iked_ask(int fd, json_t *request, void (*fn)(void *ctx, const json_t *answer), void *ctx,
	     unsigned timeout_s, json_t **last)
{
	const struct timeval patience = {.tv_sec = timeout_s};
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_t *answer = NULL;
	int rc = 0;

	json_decref(request);
	if (!text)
		return -ENOMEM;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		rc = -errno;
	free(text);
	while (!rc) {
		rc = receive(fd, &answer);
		if (rc)
			break;
		if (json_object_get(answer, "ok")) {
			*last = answer;
			return 0;
		}
		if (fn)
			fn(ctx, answer);
		json_decref(answer);
	}
	return rc;
}

static void add_sa(void *ctx, const json_t *answer)
{
	json_t *sa = json_object_get(answer, "sa");

	if (sa)
		(void)json_array_append(ctx, sa); /* one too few is all that can happen */
}

json_t *iked_status(void)
{
	json_t *array = json_array(), *last = NULL;
	int fd = -1, rc;

	if (iked_connect(&fd) < 0) {
		json_decref(array);
		return NULL;
	}
	rc = iked_ask(fd, json_pack("{s:s}", "verb", "status"), add_sa, array, 10, &last);
	close(fd);
	if (rc < 0) {
		json_decref(array);
		return NULL;
	}
	json_decref(last);
	return array;
}
