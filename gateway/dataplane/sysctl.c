/*
 * sysctl.c: numbers in /proc/sys. The ones under net/ may be written with CAP_NET_ADMIN alone, in
 * this process's network namespace. Called by capture.c.
 */
#include "gateway/dataplane/sysctl.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char src_valid_mark[] = "net/ipv4/conf/all/src_valid_mark";

static int read_number(const char *path, int *value)
{
	char text[32];
	char *end;
	ssize_t n;
	long number;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return n < 0 ? -EIO : -ENODATA;
	text[n] = '\0';
	number = strtol(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0') || number < INT_MIN || number > INT_MAX)
		return -EBADMSG;
	*value = (int)number;
	return 0;
}

static int write_number(const char *path, int flags, int value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", value);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		err = errno ? -errno : -EIO;
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

static int path_of(char out[static PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int sysctl_read(const char *path, int *value)
{
	char full[PATH_MAX];
	int err = path_of(full, "/proc/sys", path);

	return err ? err : read_number(full, value);
}

int sysctl_write(const char *path, int value)
{
	char full[PATH_MAX];
	int err = path_of(full, "/proc/sys", path);

	return err ? err : write_number(full, 0, value);
}

void rp_filter_off(const char *device)
{
	char path[PATH_MAX];
	int err;

	(void)snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", device);
	err = sysctl_write(path, 0);
	if (err)
		log_warnx("cannot switch %s off: %s", path, strerror(-err));
}

/* Complete or not there: a half-written file would be taken for a former value after a crash. */
static int remember(const char *path, int value)
{
	char fresh[PATH_MAX];
	int err;

	if (strlen(path) + sizeof(".new") > sizeof(fresh))
		return -ENAMETOOLONG;
	(void)stpcpy(stpcpy(fresh, path), ".new");
	err = write_number(fresh, O_CREAT | O_TRUNC, value);
	if (err)
		return err;
	return rename(fresh, path) < 0 ? -errno : 0;
}

int src_valid_mark_set(const char *state_dir)
{
	char path[PATH_MAX];
	int former = 0;
	int err = path_of(path, state_dir, "src_valid_mark");

	if (err)
		return err;
	if (read_number(path, &former) < 0) {
		err = sysctl_read(src_valid_mark, &former);
		if (!err)
			err = remember(path, former);
		if (err)
			return err;
	}
	return sysctl_write(src_valid_mark, 1);
}

int src_valid_mark_restore(const char *state_dir)
{
	char path[PATH_MAX];
	int former = 0;
	int err = path_of(path, state_dir, "src_valid_mark");

	if (!err)
		err = read_number(path, &former);
	if (!err)
		err = sysctl_write(src_valid_mark, former);
	if (!err && unlink(path) < 0)
		err = -errno;
	return err;
}
