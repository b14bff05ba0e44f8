/* test_exec_target.c: which programs `cygnet exec` finds, and which it refuses with what reason. */
#include "tools/exec_target.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char dir[32];

static void setup(void)
{
	strcpy(dir, "/tmp/cygnet-exec-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A file of these bytes; its path lasts until the next one. */
static const char *file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	ck_assert_int_eq(chmod(path, mode), 0);
	return path;
}

START_TEST(test_find_goes_as_execvp)
{
	char path[64], expected[64];

	(void)file("tool", "#!/bin/sh\n", 10, 0755);
	snprintf(expected, sizeof(expected), "%s/tool", dir);
	snprintf(path, sizeof(path), "/nowhere:%s:/bin", dir);
	setenv("PATH", path, 1);
	ck_assert_int_eq(exec_target_find("tool", path, sizeof(path)), 0);
	ck_assert_str_eq(path, expected);
	ck_assert_int_eq(exec_target_find(expected, path, sizeof(path)), 0);
	ck_assert_int_eq(exec_target_find("no-such-tool", path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(exec_target_find("", path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(exec_target_find(dir, path, sizeof(path)), -EACCES);
	ck_assert_int_eq(exec_target_find(expected, path, 8), -ENAMETOOLONG);
	(void)file("data", "text", 4, 0644);
	ck_assert_int_eq(exec_target_find("data", path, sizeof(path)), -EACCES);
}
END_TEST

/* A header of this machine's word size and no segments: linked statically, or of the other size. */
static Elf64_Ehdr header(unsigned char word_size)
{
	Elf64_Ehdr elf = {.e_type = ET_EXEC, .e_phentsize = sizeof(Elf64_Phdr)};

	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = word_size;
	return elf;
}

START_TEST(test_refusals)
{
	const unsigned char own = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	const unsigned char foreign = own == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
	const Elf64_Ehdr fixed = header(own), other = header(foreign);
	const struct {
		const char *name;
		const void *bytes;
		size_t len;
		const char *refusal; /* its beginning; NULL: none */
	} rows[] = {
		{"static", &fixed, sizeof(fixed), "is statically linked"},
		{"other", &other, sizeof(other), "is a program of another word size"},
		{"cut", &fixed, 20, "is neither a program nor a script"},
		{"empty", "", 0, "is neither a program nor a script"},
		{"text", "text\n", 5, "is neither a program nor a script"},
		{"script", "#!/bin/sh\n", 10, NULL},
		{"option", "#!  /bin/sh -e\n", 15, NULL},
		{"lost", "#!/no/such/shell\n", 17, "cannot be read"},
		{"bare", "#!\n", 3, NULL}, /* the kernel will tell */
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *path = file(rows[i].name, rows[i].bytes, rows[i].len, 0755);
		const char *refusal = exec_target_refusal(path);

		ck_assert_msg(refusal ? rows[i].refusal && !strncmp(refusal, rows[i].refusal,
								    strlen(rows[i].refusal))
				      : !rows[i].refusal,
			      "%s: %s", rows[i].name, refusal ? refusal : "not refused");
	}
	ck_assert_ptr_null(exec_target_refusal("/proc/self/exe"));
}
END_TEST

/* Who may make another's file set-user-ID is root. */
START_TEST(test_programs_that_gain_rights_are_refused)
{
	static const struct {
		mode_t mode;
		uid_t uid;
		gid_t gid;
		const char *refusal;
	} rows[] = {
		{04755, 65534, 0, "is set-user-ID"},
		{02755, 0, 65534, "is set-group-ID"},
		{04755, 0, 0, "is statically linked"}, /* its owner's already */
		{0755, 65534, 65534, "is statically linked"},
	};
	const Elf64_Ehdr fixed = header(sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);

	if (getuid() != 0)
		return;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *path = file("program", &fixed, sizeof(fixed), 0755), *refusal;

		ck_assert_int_eq(chown(path, rows[i].uid, rows[i].gid), 0);
		ck_assert_int_eq(chmod(path, rows[i].mode), 0);
		refusal = exec_target_refusal(path);
		ck_assert_ptr_nonnull(refusal);
		ck_assert_msg(!strncmp(refusal, rows[i].refusal, strlen(rows[i].refusal)),
			      "row %zu: %s", i, refusal);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exec_target");
	TCase *tc = tcase_create("exec_target");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_find_goes_as_execvp);
	tcase_add_test(tc, test_refusals);
	tcase_add_test(tc, test_programs_that_gain_rights_are_refused);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
