/*
 * test_reserve.c: no sequence number twice under one key (RFC 4106 §3), not after a clean stop, not
 * after kill -9, not with a full disk, and not from a file that was damaged.
 */
#include "gateway/dataplane/control/reserve.h"

#include <check.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK  ((uint64_t)RESERVE_BLOCK)
#define SLACK  ((uint64_t)RESERVE_SLACK)
#define RECORD ((off_t)32)

static char dir[] = "/tmp/cygnet-reserve-XXXXXX";
static char path[128];

static void make_dir(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", sizeof("XXXXXX"));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sequence-numbers", dir);
}

static void remove_dir(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	(void)chmod(dir, 0700);
	while (d && (entry = readdir(d))) {
		char name[512];

		snprintf(name, sizeof(name), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.' && unlink(name) < 0)
			(void)rmdir(name);
	}
	if (d)
		closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* An AES-128-GCM SA whose key is made of key and whose salt is made of salt. */
static struct sa_config gcm_sa(uint8_t key, uint8_t salt)
{
	const struct esp_suite_spec spec = {
		.encr = ESP_ENCR_AES_GCM, .encr_key_len = 20, .icv_len = 16};
	struct sa_config config = {.id.spi = 0x1000};
	const char *why;

	ck_assert_int_eq(esp_suite_find(&spec, &config.suite, &why), 0);
	memset(config.keys.encr, key, 16);
	memset(config.keys.encr + 16, salt, 4);
	return config;
}

static struct sa_config aead_256_sa(enum esp_encr_id id, uint8_t key)
{
	const struct esp_suite_spec spec = {.encr = id, .encr_key_len = 36, .icv_len = 16};
	struct sa_config config = {.id.spi = 0x1000};
	const char *why;

	ck_assert_int_eq(esp_suite_find(&spec, &config.suite, &why), 0);
	memset(config.keys.encr, key, 36);
	return config;
}

static struct sa_config cbc_sa(uint8_t key, uint8_t integ)
{
	const struct esp_suite_spec spec = {.encr = ESP_ENCR_AES_CBC,
					    .integ = ESP_INTEG_HMAC_SHA2_256,
					    .encr_key_len = 16,
					    .integ_key_len = 32,
					    .icv_len = 16};
	struct sa_config config = {.id.spi = 0x1000};
	const char *why;

	ck_assert_int_eq(esp_suite_find(&spec, &config.suite, &why), 0);
	memset(config.keys.encr, key, 16);
	memset(config.keys.integ, integ, 32);
	return config;
}

static struct reserve *open_ok(void)
{
	struct reserve *r = NULL;

	ck_assert_int_eq(reserve_open(&r, dir), 0);
	ck_assert_ptr_nonnull(r);
	return r;
}

static struct esp_grant take_ok(struct reserve *r, const struct sa_config *config)
{
	struct esp_grant grant = {0};
	uint64_t mask;

	ck_assert_int_eq(reserve_take(r, config, 0, &grant, &mask), 0);
	ck_assert_uint_le(grant.first, grant.last);
	return grant;
}

static void expect_refused(struct reserve *r, const struct sa_config *config, int code)
{
	struct esp_grant grant = {7, 8};
	uint64_t mask = 9;

	ck_assert_int_eq(reserve_take(r, config, 0, &grant, &mask), code);
	ck_assert_uint_eq(grant.first, 7);
	ck_assert_uint_eq(grant.last, 8);
	ck_assert_uint_eq(mask, 9);
}

/* Overwrites bytes of the file behind the daemon's back. */
static void poke(off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static off_t file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

START_TEST(test_take_goes_on_after_reopening)
{
	struct sa_config config = gcm_sa(1, 2);
	struct reserve *r = open_ok();
	struct esp_grant grant;
	struct stat st;
	uint64_t mask[3];

	for (uint64_t i = 0; i < 3; i++) {
		ck_assert_int_eq(reserve_take(r, &config, 0, &grant, &mask[i]), 0);
		ck_assert_uint_eq(grant.first, i * BLOCK + 1);
		ck_assert_uint_eq(grant.last, (i + 1) * BLOCK);
		reserve_close(r);
		r = open_ok();
	}
	ck_assert_uint_eq(mask[0], mask[1]);
	ck_assert_uint_eq(mask[0], mask[2]);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	reserve_close(r);
}
END_TEST

START_TEST(test_take_shares_one_counter_by_key)
{
	const struct {
		struct sa_config a, b;
		bool shared;
	} rows[] = {
		{gcm_sa(1, 1), gcm_sa(1, 1), true},
		/* Two transforms that read the same key bytes share too: more than needed, never less. */
		{aead_256_sa(ESP_ENCR_AES_GCM, 2), aead_256_sa(ESP_ENCR_CHACHA20_POLY1305, 2),
		 true},
		{gcm_sa(3, 1), gcm_sa(4, 1), false},
		/* Another salt is another nonce, RFC 4106 §4. */
		{gcm_sa(5, 1), gcm_sa(5, 2), false},
		{cbc_sa(6, 1), cbc_sa(6, 1), true},
		{cbc_sa(7, 1), cbc_sa(7, 2), false},
	};
	struct reserve *r = open_ok();

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esp_grant a, b;
		uint64_t mask_a, mask_b;
		struct sa_config other = rows[i].b;

		other.id.spi++;
		ck_assert_int_eq(reserve_take(r, &rows[i].a, 0, &a, &mask_a), 0);
		ck_assert_int_eq(reserve_take(r, &other, 0, &b, &mask_b), 0);
		ck_assert_uint_eq(a.first, 1);
		ck_assert_msg(b.first == (rows[i].shared ? a.last + 1 : 1), "row %u", i);
		ck_assert_msg((mask_a == mask_b) == rows[i].shared, "row %u", i);
	}
	reserve_close(r);
}
END_TEST

/* An SA that is taken over has used numbers elsewhere, or says so: never below what is filed. */
START_TEST(test_take_begins_above_what_was_used)
{
	static const struct {
		uint64_t after, first;
		bool esn;
		int rc;
	} rows[] = {
		{0, 1, true, 0},
		{5, BLOCK + 1, true, 0}, /* the block that holds it is gone */
		{(uint64_t)5 * BLOCK, (uint64_t)5 * BLOCK + 1, true, 0},
		{UINT32_MAX, 0, false, -EOVERFLOW},
		{UINT32_MAX, (uint64_t)UINT32_MAX + 1, true, 0},
		{UINT64_MAX, 0, true, -EOVERFLOW},
	};
	struct reserve *r = open_ok();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_config config = cbc_sa(1, 1);
		struct esp_grant grant;
		uint64_t mask;

		config.esn = rows[i].esn;
		ck_assert_int_eq(reserve_take(r, &config, rows[i].after, &grant, &mask),
				 rows[i].rc);
		if (rows[i].rc == 0)
			ck_assert_uint_eq(grant.first, rows[i].first);
	}
	reserve_close(r);
}
END_TEST

START_TEST(test_return_gives_back_less_the_slack)
{
	const struct {
		uint64_t used; /* of the second block, which is BLOCK + 1 .. 2 * BLOCK */
		uint64_t next; /* first number of the block taken afterwards */
	} rows[] = {
		{0, BLOCK + SLACK + 1}, /* nothing sent: it may have started since */
		{1, BLOCK + SLACK + 1},
		{BLOCK, BLOCK + SLACK + 1},
		{BLOCK + 1, BLOCK + SLACK + 2},
		{BLOCK + 1000, BLOCK + SLACK + 1001},
		{2 * BLOCK - SLACK - 1, 2 * BLOCK},
		{2 * BLOCK - SLACK, 2 * BLOCK + 1},
		{2 * BLOCK - 1, 2 * BLOCK + 1},
		{2 * BLOCK, 2 * BLOCK + 1},
		{2 * BLOCK + 1, 2 * BLOCK + 1}, /* more than it had: believe nothing */
		{UINT64_MAX, 2 * BLOCK + 1},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_config config = gcm_sa((uint8_t)i, 0);
		struct reserve *r = open_ok();
		struct esp_grant grant;

		(void)take_ok(r, &config);
		grant = take_ok(r, &config);
		reserve_return(r, &config, rows[i].used, &grant);
		reserve_close(r);
		r = open_ok();
		ck_assert_msg(take_ok(r, &config).first == rows[i].next, "row %u", i);
		reserve_close(r);
	}
}
END_TEST

START_TEST(test_return_leaves_later_blocks_alone)
{
	struct sa_config config = gcm_sa(1, 1), unknown = gcm_sa(2, 1);
	struct reserve *r = open_ok();
	struct esp_grant one = take_ok(r, &config);
	struct esp_grant two = take_ok(r, &config);

	reserve_return(r, &config, 10, &one);
	ck_assert_uint_eq(take_ok(r, &config).first, two.last + 1);
	reserve_return(r, &config, two.first, &two);
	ck_assert_uint_eq(take_ok(r, &config).first, two.last + BLOCK + 1);
	reserve_return(r, &unknown, 10, &one);
	ck_assert_uint_eq(take_ok(r, &unknown).first, 1);
	reserve_close(r);
}
END_TEST

/* Sets the next number of the only key in the file. */
static struct reserve *reopen_at(struct reserve *r, uint64_t next)
{
	const uint64_t le = htole64(next);

	reserve_close(r);
	poke(32 + 16, &le, sizeof(le));
	return open_ok();
}

START_TEST(test_take_stops_at_the_last_number)
{
	const uint64_t limit32 = UINT32_MAX;
	struct sa_config config = gcm_sa(1, 1), esn = config;
	struct reserve *r = open_ok();
	struct esp_grant grant;

	esn.esn = true;
	(void)take_ok(r, &config);
	r = reopen_at(r, limit32 - 9);
	grant = take_ok(r, &config);
	ck_assert_uint_eq(grant.first, limit32 - 9);
	ck_assert_uint_eq(grant.last, limit32);
	expect_refused(r, &config, -EOVERFLOW);
	/* With ESN the same key still has numbers: the nonce holds all 64 bits. */
	ck_assert_uint_eq(take_ok(r, &esn).first, limit32 + 1);
	expect_refused(r, &config, -EOVERFLOW);

	r = reopen_at(r, limit32 - BLOCK + 1);
	grant = take_ok(r, &config);
	ck_assert_uint_eq(grant.last, limit32);
	expect_refused(r, &config, -EOVERFLOW);

	r = reopen_at(r, UINT64_MAX - 4);
	grant = take_ok(r, &esn);
	ck_assert_uint_eq(grant.first, UINT64_MAX - 4);
	ck_assert_uint_eq(grant.last, UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		expect_refused(r, &esn, -EOVERFLOW);
		expect_refused(r, &config, -EOVERFLOW);
		reserve_close(r);
		r = open_ok();
	}
	reserve_close(r);
}
END_TEST

START_TEST(test_open_refuses_damage)
{
	const struct {
		const char *what;
		int code;
		off_t size; /* truncate or extend to this; -1: leave */
		off_t at;
		size_t len; /* of poke */
		uint8_t bytes[32];
	} rows[] = {
		{"empty", -EBADMSG, 0, 0, 0, {0}},
		{"torn header", -EBADMSG, 31, 0, 0, {0}},
		{"torn record", -EBADMSG, RECORD * 3 - 1, 0, 0, {0}},
		{"a byte too many", -EBADMSG, RECORD * 3 + 1, 0, 0, {0}},
		{"wrong magic", -EBADMSG, -1, 0, 1, {'C'}},
		{"another version", -EBADMSG, -1, 16, 1, {2}},
		{"header not zero at its end", -EBADMSG, -1, 31, 1, {1}},
		{"a hole", -EBADMSG, -1, 32, 32, {0}},
		{"a tag of zeros", -EBADMSG, -1, 64, 16, {0}},
		{"next number 1", -EBADMSG, -1, 32 + 16, 8, {1}},
		{"two zero records", -EBADMSG, RECORD * 5, 0, 0, {0}},
		{"one zero record at the end", 0, RECORD * 4, 0, 0, {0}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_config a = gcm_sa(1, 1), b = gcm_sa(2, 1), c = gcm_sa(3, 1);
		struct reserve *r = open_ok();

		(void)take_ok(r, &a);
		(void)take_ok(r, &b);
		reserve_close(r);
		ck_assert_int_eq(file_size(), RECORD * 3);
		if (rows[i].size >= 0)
			ck_assert_int_eq(truncate(path, rows[i].size), 0);
		if (rows[i].len)
			poke(rows[i].at, rows[i].bytes, rows[i].len);
		r = NULL;
		ck_assert_msg(reserve_open(&r, dir) == rows[i].code, "%s", rows[i].what);
		if (r) { /* the free slot is used, and the file is whole again */
			ck_assert_uint_eq(take_ok(r, &c).first, 1);
			ck_assert_uint_eq(take_ok(r, &b).first, BLOCK + 1);
			ck_assert_int_eq(file_size(), RECORD * 4);
			reserve_close(r);
		}
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

START_TEST(test_open_refuses_a_key_filed_twice)
{
	struct sa_config config = gcm_sa(1, 1);
	struct reserve *r = open_ok();
	uint8_t record[32];
	int fd;

	(void)take_ok(r, &config);
	reserve_close(r);
	fd = open(path, O_RDWR | O_APPEND);
	ck_assert_int_eq(pread(fd, record, sizeof(record), 32), 32);
	ck_assert_int_eq(write(fd, record, sizeof(record)), 32);
	close(fd);
	ck_assert_int_eq(reserve_open(&r, dir), -EBADMSG);
}
END_TEST

START_TEST(test_open_refuses_what_is_not_its_file)
{
	struct reserve *r = open_ok(), *second = NULL;

	ck_assert_int_eq(reserve_open(&second, dir), -EBUSY);
	ck_assert_ptr_null(second);
	reserve_close(r);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_eq(reserve_open(&r, dir), -EPERM);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/etc/hostname", path), 0);
	ck_assert_int_eq(reserve_open(&r, dir), -ELOOP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(reserve_open(&r, dir), -EISDIR);
	ck_assert_int_eq(reserve_open(&r, "/nonexistent/cygnet"), -ENOENT);
}
END_TEST

/* Runs fn in a child that may change its limits and its user; its exit status is the verdict. */
static void in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

static void need(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "in the child: %s\n", what);
		_exit(1);
	}
}

/* Two keys fit; the third append ends in the middle of its record. */
static void fill_the_disk(void)
{
	struct sa_config config[3] = {gcm_sa(1, 1), gcm_sa(2, 1), gcm_sa(3, 1)};
	const struct rlimit limit = {RECORD * 3 + 10, RECORD * 3 + 10};
	struct esp_grant grant = {7, 8};
	struct reserve *r = NULL;
	uint64_t mask = 9;

	signal(SIGXFSZ, SIG_IGN);
	need(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
	need(reserve_open(&r, dir) == 0, "open");
	need(reserve_take(r, &config[0], 0, &grant, &mask) == 0, "first key");
	need(reserve_take(r, &config[1], 0, &grant, &mask) == 0, "second key");
	grant = (struct esp_grant){7, 8};
	for (int i = 0; i < 2; i++)
		need(reserve_take(r, &config[2], 0, &grant, &mask) < 0, "third key must not fit");
	need(grant.first == 7 && grant.last == 8, "grant untouched");
	need(file_size() == RECORD * 3, "the half record is cut off");
	need(reserve_take(r, &config[0], 0, &grant, &mask) == 0 && grant.first == BLOCK + 1,
	     "known keys go on");
}

START_TEST(test_take_refuses_on_a_full_disk)
{
	struct sa_config config = gcm_sa(3, 1), first = gcm_sa(1, 1);
	struct reserve *r;

	in_child(fill_the_disk);
	r = open_ok();
	ck_assert_uint_eq(take_ok(r, &config).first, 1);
	ck_assert_uint_eq(take_ok(r, &first).first, 2 * BLOCK + 1);
	reserve_close(r);
}
END_TEST

/* A disk that refuses for a while costs nothing: what was not handed out is handed out later. */
static void disk_refuses_for_a_while(void)
{
	struct sa_config config = gcm_sa(1, 1);
	const struct rlimit refuse = {RECORD, RLIM_INFINITY},
			    allow = {RLIM_INFINITY, RLIM_INFINITY};
	struct esp_grant grant;
	struct reserve *r = NULL;
	uint64_t mask;

	signal(SIGXFSZ, SIG_IGN);
	need(reserve_open(&r, dir) == 0, "open");
	need(reserve_take(r, &config, 0, &grant, &mask) == 0 && grant.first == 1, "first block");
	need(setrlimit(RLIMIT_FSIZE, &refuse) == 0, "setrlimit");
	for (int i = 0; i < 5000; i++)
		need(reserve_take(r, &config, 0, &grant, &mask) == -EFBIG, "the disk refuses");
	need(setrlimit(RLIMIT_FSIZE, &allow) == 0, "setrlimit back");
	need(reserve_take(r, &config, 0, &grant, &mask) == 0 && grant.first == BLOCK + 1,
	     "the second block, not the 5001st");
}

START_TEST(test_take_goes_on_after_the_disk_recovers)
{
	in_child(disk_refuses_for_a_while);
}
END_TEST

static void open_read_only(void)
{
	struct reserve *r = NULL;

	if (geteuid() == 0)
		need(setresuid(65534, 65534, 65534) == 0, "setresuid");
	need(reserve_open(&r, dir) == -EACCES, "a directory we may not write is refused");
	need(r == NULL, "no result");
}

START_TEST(test_open_refuses_a_read_only_directory)
{
	ck_assert_int_eq(chmod(dir, 0555), 0);
	in_child(open_read_only);
}
END_TEST

START_TEST(test_file_holds_no_key)
{
	struct sa_config config = gcm_sa(0, 0);
	struct reserve *r = open_ok();
	uint8_t bytes[256];
	ssize_t len;
	int fd;

	for (uint8_t i = 0; i < 20; i++)
		config.keys.encr[i] = (uint8_t)(0xa0 + i);
	(void)take_ok(r, &config);
	reserve_close(r);
	fd = open(path, O_RDONLY);
	len = read(fd, bytes, sizeof(bytes));
	close(fd);
	ck_assert_int_eq(len, 64);
	for (size_t i = 0; i < 17; i++)
		ck_assert_ptr_null(memmem(bytes, (size_t)len, config.keys.encr + i, 4));
}
END_TEST

enum { MANY = 1000 };

static struct sa_config numbered_sa(unsigned i)
{
	struct sa_config config = gcm_sa(0x55, 1);

	memcpy(config.keys.encr, &i, sizeof(i));
	return config;
}

START_TEST(test_take_keeps_many_keys_apart)
{
	struct reserve *r = open_ok();
	static uint64_t masks[MANY];
	struct esp_grant grant;
	uint64_t mask;

	for (unsigned i = 0; i < MANY; i++) {
		struct sa_config config = numbered_sa(i);

		ck_assert_int_eq(reserve_take(r, &config, 0, &grant, &masks[i]), 0);
		ck_assert_uint_eq(grant.first, 1);
	}
	reserve_close(r);
	r = open_ok();
	for (unsigned i = 0; i < MANY; i++) {
		struct sa_config config = numbered_sa(i);

		ck_assert_int_eq(reserve_take(r, &config, 0, &grant, &mask), 0);
		ck_assert_uint_eq(grant.first, BLOCK + 1);
		ck_assert_uint_eq(mask, masks[i]);
	}
	ck_assert_int_eq(file_size(), RECORD * (MANY + 1));
	reserve_close(r);
}
END_TEST

/* ---- kill -9 ------------------------------------------------------------------------------- */

enum { CRASHES = 25, CRASH_KEYS = 3 };

/* What the child says it may have used, after the call that allowed it returned. */
struct used {
	uint32_t key;
	uint64_t first, last;
};

/* Takes and sometimes gives back for ever; before a block is given back, only a little of it is
 * said to be used. */
static void use_numbers(int report, unsigned seed)
{
	struct reserve *r = NULL;

	need(reserve_open(&r, dir) == 0, "open after a crash");
	for (;;) {
		struct used used = {.key = (uint32_t)rand_r(&seed) % CRASH_KEYS};
		struct sa_config config = gcm_sa((uint8_t)used.key, 1);
		bool give_back = rand_r(&seed) % 2;
		struct esp_grant grant;
		uint64_t mask;

		config.esn = true;
		need(reserve_take(r, &config, 0, &grant, &mask) == 0, "take");
		used.first = grant.first;
		used.last = give_back ? grant.first + (unsigned)rand_r(&seed) % 1000 : grant.last;
		need(write(report, &used, sizeof(used)) == sizeof(used), "report");
		if (give_back)
			reserve_return(r, &config, used.last, &grant);
	}
}

START_TEST(test_numbers_never_repeat_after_kill)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	uint64_t last[CRASH_KEYS] = {0};
	unsigned reports = 0;

	printf("test_numbers_never_repeat_after_kill: seed %u\n", seed);
	for (int i = 0; i < CRASHES; i++) {
		struct timespec delay = {.tv_nsec = 1000000 + rand_r(&seed) % 20000000};
		struct used used;
		int pipe_fd[2];
		pid_t pid;
		int status;

		ck_assert_int_eq(pipe(pipe_fd), 0);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			close(pipe_fd[0]);
			use_numbers(pipe_fd[1], seed + (unsigned)i);
		}
		close(pipe_fd[1]);
		/* Every fifth one is killed at work, however slow the disk; the rest at any moment. */
		if (i % 5 == 0)
			ck_assert_int_eq(poll(&(struct pollfd){pipe_fd[0], POLLIN, 0}, 1, 20000),
					 1);
		nanosleep(&delay, NULL);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status), "the child gave up: %x", (unsigned)status);
		while (read(pipe_fd[0], &used, sizeof(used)) == sizeof(used)) {
			ck_assert_uint_gt(used.first, last[used.key]);
			last[used.key] = used.last;
			reports++;
		}
		close(pipe_fd[0]);
	}
	ck_assert_uint_ge(reports, CRASHES / 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reserve");
	TCase *tc = tcase_create("reserve");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, make_dir, remove_dir);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_take_goes_on_after_reopening);
	tcase_add_test(tc, test_take_shares_one_counter_by_key);
	tcase_add_test(tc, test_take_begins_above_what_was_used);
	tcase_add_test(tc, test_return_gives_back_less_the_slack);
	tcase_add_test(tc, test_return_leaves_later_blocks_alone);
	tcase_add_test(tc, test_take_stops_at_the_last_number);
	tcase_add_test(tc, test_open_refuses_damage);
	tcase_add_test(tc, test_open_refuses_a_key_filed_twice);
	tcase_add_test(tc, test_open_refuses_what_is_not_its_file);
	tcase_add_test(tc, test_take_refuses_on_a_full_disk);
	tcase_add_test(tc, test_take_goes_on_after_the_disk_recovers);
	tcase_add_test(tc, test_open_refuses_a_read_only_directory);
	tcase_add_test(tc, test_file_holds_no_key);
	tcase_add_test(tc, test_take_keeps_many_keys_apart);
	tcase_add_test(tc, test_numbers_never_repeat_after_kill);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
