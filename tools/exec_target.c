/* exec_target.c: see exec_target.h. */
#include "tools/exec_target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Ehdr elf_header;
typedef Elf64_Phdr elf_segment;
enum { OWN_CLASS = ELFCLASS64 };
#else
typedef Elf32_Ehdr elf_header;
typedef Elf32_Phdr elf_segment;
enum { OWN_CLASS = ELFCLASS32 };
#endif

enum { SCRIPTS_DEEP = 4, LINE_MAX_BYTES = 256 };

/* ---- where it is --------------------------------------------------------------------------------- */

static int check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

static int join(const char *dir, size_t dir_len, const char *name, char *path, size_t size)
{
	int len;

	if (dir_len == 0) /* as the shell: an empty part is the working directory */
		len = snprintf(path, size, "./%s", name);
	else
		len = snprintf(path, size, "%.*s/%s", (int)dir_len, dir, name);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int exec_target_find(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH"), *end;
	int rc, denied = 0;

	if (strchr(name, '/')) {
		if (strlen(name) >= size)
			return -ENAMETOOLONG;
		memcpy(path, name, strlen(name) + 1);
		return check(path);
	}
	if (!*name)
		return -ENOENT;
	for (dirs = dirs ? dirs : "/bin:/usr/bin";; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		rc = join(dirs, (size_t)(end - dirs), name, path, size);
		if (!rc)
			rc = check(path);
		if (!rc)
			return 0;
		if (rc == -EACCES)
			denied = rc;
		if (!*end)
			return denied ? denied : -ENOENT;
	}
}

/* ---- what it is ---------------------------------------------------------------------------------- */

/* The dynamic linker of a program that gains rights ignores LD_PRELOAD. */
static const char *gains_rights(const char *path, const struct stat *st)
{
	if (st->st_mode & S_ISUID && st->st_uid != getuid())
		return "is set-user-ID: no library can be loaded into it. Become its owner first";
	if (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getgid())
		return "is set-group-ID: no library can be loaded into it. Become its group first";
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "has file capabilities: no library can be loaded into it, except as root";
	return NULL;
}

static bool has_interpreter(int fd, const elf_header *elf)
{
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)elf->e_phoff + (off_t)i * elf->e_phentsize;
		elf_segment segment;

		if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

static const char *judge_elf(int fd, const elf_header *elf)
{
	if (elf->e_ident[EI_CLASS] != OWN_CLASS)
		return "is a program of another word size than the library's";
	if (!has_interpreter(fd, elf))
		return "is statically linked: no library can be loaded into it";
	return NULL;
}

/* "#! /path arg" of a script, in line; NULL: it names none. */
static const char *interpreter_of(char *line)
{
	line += 2;
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return *line ? line : NULL;
}

static const char *judge(const char *path, unsigned depth)
{
	union {
		elf_header elf;
		char line[LINE_MAX_BYTES];
	} head = {0};
	const char *refusal, *interpreter;
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* One may run what one may not read: the kernel will tell. */
	if (fd < 0)
		return errno == EACCES ? NULL : "cannot be read";
	n = read(fd, &head, sizeof(head) - 1);
	refusal = n < 0 || fstat(fd, &st) < 0 ? "cannot be read" : NULL;
	if (!refusal && n >= 2 && memcmp(head.line, "#!", 2) == 0) {
		close(fd);
		interpreter = interpreter_of(head.line);
		return interpreter && depth ? judge(interpreter, depth - 1) : NULL;
	}
	if (!refusal)
		refusal = gains_rights(path, &st);
	if (!refusal &&
	    (n < (ssize_t)sizeof(head.elf) || memcmp(head.elf.e_ident, ELFMAG, SELFMAG) != 0))
		refusal = "is neither a program nor a script";
	if (!refusal)
		refusal = judge_elf(fd, &head.elf);
	close(fd);
	return refusal;
}

const char *exec_target_refusal(const char *path)
{
	return judge(path, SCRIPTS_DEEP);
}
