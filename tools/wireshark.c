/*
 * wireshark.c: tables of keys for Wireshark. Root writes them into a folder of somebody else's
 * choice, maybe somebody else's folder: so the new file is made where no link can stand, and put
 * in place by a rename.
 */
#include "tools/wireshark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char heading[] = "# Keys in clear, written by cygnet keys --wireshark.\n";

/* ---- the table of ESP ------------------------------------------------------------------------ */

/* NULL: Wireshark cannot. */
static const char *encryption_name(const struct esp_suite_spec *spec)
{
	switch (spec->encr) {
	case ESP_ENCR_NULL:
		return "NULL";
	case ESP_ENCR_AES_CBC:
		return "AES-CBC [RFC3602]";
	case ESP_ENCR_AES_CTR:
		return "AES-CTR [RFC3686]";
	case ESP_ENCR_AES_GCM:
		return spec->icv_len == 16   ? "AES-GCM with 16 octet ICV [RFC4106]"
		       : spec->icv_len == 12 ? "AES-GCM with 12 octet ICV [RFC4106]"
					     : "AES-GCM with 8 octet ICV [RFC4106]";
	default:
		return NULL;
	}
}

static const char *integrity_name(const struct esp_suite_spec *spec)
{
	switch (spec->integ) {
	case ESP_INTEG_NONE:
		return "NULL";
	case ESP_INTEG_HMAC_SHA1:
		return "HMAC-SHA-1-96 [RFC2404]";
	case ESP_INTEG_HMAC_SHA2_256:
		return "HMAC-SHA-256-128 [RFC4868]";
	case ESP_INTEG_HMAC_SHA2_384:
		return "HMAC-SHA-384-192 [RFC4868]";
	case ESP_INTEG_HMAC_SHA2_512:
		return "HMAC-SHA-512-256 [RFC4868]";
	default:
		return "ANY 96 bit authentication [no checking]";
	}
}

static void put_key(FILE *out, const uint8_t *key, size_t len)
{
	fputs(",\"", out);
	if (len)
		fputs("0x", out);
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", key[i]);
	fputc('"', out);
}

bool wireshark_esp_row(FILE *out, const struct sa_config *sa)
{
	struct esp_suite_spec spec = esp_suite_spec(&sa->suite);
	const char *encryption = encryption_name(&spec);
	bool open = sa_encap_is_udp(&sa->encap);
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	ip_addr_format(&sa->src, src);
	ip_addr_format(&sa->id.dst, dst);
	if (!encryption) {
		fprintf(out, "# SPI 0x%08x from %s to %s: Wireshark has no %s\n", sa->id.spi, src,
			dst, xfrm_encr_name(spec.encr, NULL));
		return false;
	}
	fprintf(out, "\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\"",
		sa->src.family == AF_INET6 ? "IPv6" : "IPv4", open ? "*" : src, open ? "*" : dst,
		sa->id.spi, encryption);
	put_key(out, sa->keys.encr, spec.encr_key_len);
	fprintf(out, ",\"%s\"", integrity_name(&spec));
	put_key(out, sa->keys.integ, spec.integ_key_len);
	fputc('\n', out);
	return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int refuse(struct xfrm_error *err, const char *dir, const char *name, const char *why)
{
	return xfrm_error_set(err, -errno, 0, "%s%s%s: %s", dir, name[0] ? "/" : "", name, why);
}

/* Somebody else's folder could be exchanged, and what is in it read, at any time. */
static bool may_write(const struct stat *st)
{
	const char *sudo = getenv("SUDO_UID");
	char *end = NULL;
	unsigned long uid = 0;

	if (st->st_uid == 0 || st->st_uid == geteuid())
		return true;
	if (!sudo || !sudo[0])
		return false;
	uid = strtoul(sudo, &end, 10);
	return !*end && st->st_uid == uid;
}

static int open_folder(const char *dir, struct stat *st, struct xfrm_error *err)
{
	bool made = mkdir(dir, 0700) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return refuse(err, dir, "", strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return refuse(err, dir, "", strerror(errno));
	if (fstat(fd, st) < 0) {
		(void)refuse(err, dir, "", strerror(errno));
		close(fd);
		return err->code;
	}
	if (!made && !may_write(st)) {
		close(fd);
		errno = EPERM;
		return refuse(err, dir, "", "belongs neither to root nor to who called sudo");
	}
	return fd;
}

/* True if there is nothing that somebody else wrote. */
static bool may_replace(int folder, const char *name)
{
	char start[sizeof(heading)] = "";
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return errno == ENOENT;
	got = read(fd, start, sizeof(heading) - 1);
	close(fd);
	return got == 0 || !strcmp(start, heading);
}

/* Fills the new file and closes it. 0 or -1 with errno. */
static int fill(int fd, const struct stat *owner, void (*rows)(FILE *out, void *ctx), void *ctx)
{
	FILE *out = fdopen(fd, "w");
	int failed;

	if (!out) {
		close(fd);
		return -1;
	}
	fputs(heading, out);
	rows(out, ctx);
	failed = fflush(out) != 0 || fchown(fd, owner->st_uid, owner->st_gid) < 0;
	return fclose(out) != 0 || failed ? -1 : 0;
}

static int replace(int folder, const char *name, const struct stat *owner,
		   void (*rows)(FILE *out, void *ctx), void *ctx)
{
	char fresh[64];
	int fd, rc;

	snprintf(fresh, sizeof(fresh), ".%s.%d", name, (int)getpid());
	fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	rc = fill(fd, owner, rows, ctx);
	if (rc == 0)
		rc = renameat(folder, fresh, folder, name);
	if (rc < 0) {
		int code = errno;

		(void)unlinkat(folder, fresh, 0);
		errno = code;
	}
	return rc;
}

int wireshark_table_write(const char *dir, const char *name, void (*rows)(FILE *out, void *ctx),
			  void *ctx, struct xfrm_error *err)
{
	struct stat owner = {0};
	int folder, rc = 0;

	*err = (struct xfrm_error){0};
	folder = open_folder(dir, &owner, err);
	if (folder < 0)
		return folder;
	if (!may_replace(folder, name)) {
		errno = EEXIST;
		rc = refuse(err, dir, name, "was not written by cygnet: name another folder");
	} else if (replace(folder, name, &owner, rows, ctx) < 0) {
		rc = refuse(err, dir, name, strerror(errno));
	}
	close(folder);
	return rc;
}
