/*
 * load.c: --load: reads the configuration as whoever calls, checks it, and hands it to the daemon,
 * which has no right to read it, as a descriptor.
 */
#include "gateway/iked/check.h"

#include "gateway/iked/config/config.h"
#include "gateway/iked/control.h"
#include "gateway/iked/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 0 and a descriptor with the tree's bytes (owned). */
static int carry(const struct config_tree *tree, int *out)
{
	uint8_t *bytes;
	size_t len;
	int fd, rc = config_tree_carry(tree, &bytes, &len);

	if (rc)
		return rc;
	fd = memfd_create("cygnet.conf", MFD_CLOEXEC);
	if (fd < 0 || (len && write(fd, bytes, len) != (ssize_t)len)) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
	}
	config_bytes_free(bytes, len);
	if (!rc)
		*out = fd;
	return rc;
}

static int connect_control(const char *path, int *out)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
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

static int send_request(int socket_fd, int passed)
{
	static char text[] = "{\"verb\":\"load\"}";
	struct iovec iov = {text, sizeof(text) - 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &passed, sizeof(passed));
	return sendmsg(socket_fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Prints the answer's lines. 0: ok; -EINVAL: not; -errno. */
static int print_answer(int fd)
{
	static char buf[CONTROL_DATAGRAM_MAX];

	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);
		json_t *answer;
		const json_t *ok;
		const char *text;
		int rc;

		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		answer = json_loadb(buf, (size_t)got, 0, NULL);
		ok = json_object_get(answer, "ok");
		rc = json_is_true(ok) ? 0 : -EINVAL;
		text = json_string_value(json_object_get(answer, ok ? "text" : "line"));
		if (text)
			fprintf(rc == 0 ? stdout : stderr, "%s\n", text);
		json_decref(answer);
		if (ok)
			return rc;
	}
}

static int hand_over(const char *path, const struct config_tree *tree)
{
	int passed = -1, fd = -1;
	int rc = carry(tree, &passed);

	if (!rc)
		rc = connect_control(path, &fd);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		fprintf(stderr, "cygnet-iked is not running (%s: %s)\n", path, strerror(-rc));
	else if (rc)
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
	else
		rc = send_request(fd, passed);
	if (!rc)
		rc = print_answer(fd);
	if (passed >= 0)
		close(passed);
	if (fd >= 0)
		close(fd);
	return rc;
}

int iked_load(const struct iked_options *options)
{
	struct config_report report = report_to_stderr();
	struct config_tree *tree = NULL;
	struct iked_config *config = NULL;
	int rc = config_tree_read(options->config_path, &report, &tree);

	if (!rc)
		rc = iked_config_interpret(tree, &report, &config);
	iked_config_free(config);
	if (rc)
		fprintf(stderr, "%s is wrong: nothing was changed\n", options->config_path);
	else
		rc = hand_over(options->control_path, tree);
	config_tree_free(tree);
	return rc;
}
