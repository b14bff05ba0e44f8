/*
 * reserve.c: sequence numbers on disk, see reserve.h. One file of 32-byte records behind a header
 * of the same size, read whole at start into an array with a hash index; a record keeps its slot
 * for good, so that a change is one aligned 32-byte write.
 *
 *     0         16        24        32
 *     | magic             | version | 0      header
 *     | tag     | next    | iv mask |        one record a key, little-endian numbers
 *
 * The order that makes it safe: write, sync, then hand out (RFC 4106 §2 and §3: a nonce never
 * twice under one key). Giving back needs no sync: what a crash loses of it only skips numbers.
 * Called by the control thread: sa.c.
 */
#include "gateway/dataplane/control/reserve.h"

#include "gateway/dataplane/log.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TAG_LEN = 16,
	RECORD_LEN = 32,
	INDEX_MIN = 64, /* a power of two */
	RECORDS_MAX = 1 << 26,
};

#define FILE_NAME "sequence-numbers"
#define FILE_TEMP "sequence-numbers.new"
/* Filed under HMAC(key, this): the tag tells nothing about the key, and is no MAC of any packet. */
#define TAG_LABEL "cygnet sequence number reservation"

static const uint8_t magic[16] = "cygnet-sequence";

/* Both structs are bytes of the file. */
struct file_header {
	uint8_t magic[16];
	uint64_t version_le;
	uint64_t zero;
};

struct file_record {
	uint8_t tag[TAG_LEN];
	uint64_t next_le; /* first number nobody has; 0: all 2^64 - 1 are given out */
	uint64_t iv_mask_le;
};

static_assert(sizeof(struct file_header) == RECORD_LEN, "the header is one record long");
static_assert(sizeof(struct file_record) == RECORD_LEN, "records never straddle a sector");

struct record {
	uint8_t tag[TAG_LEN];
	uint64_t next;
	uint64_t iv_mask;
};

struct reserve {
	int dir_fd; /* locked: two daemons on one file would hand out the same numbers */
	int fd;
	struct record *records; /* owned; record i stands at (i + 1) * RECORD_LEN */
	uint32_t count, room;
	uint32_t *index; /* owned; open addressing, record number + 1, 0 is free */
	uint32_t index_size;
};

/* ---- index -------------------------------------------------------------------------------- */

/* Tags are HMAC outputs: any of their bytes are a hash already. */
static uint32_t *index_slot(const struct reserve *r, const uint8_t tag[static TAG_LEN])
{
	uint32_t hash;

	memcpy(&hash, tag, sizeof(hash));
	for (uint32_t i = hash;; i++) {
		uint32_t *slot = &r->index[i & (r->index_size - 1)];

		if (!*slot || memcmp(r->records[*slot - 1].tag, tag, TAG_LEN) == 0)
			return slot;
	}
}

static int index_grow(struct reserve *r)
{
	uint32_t size = r->index_size ? r->index_size * 2 : INDEX_MIN;
	uint32_t *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(r->index);
	r->index = index;
	r->index_size = size;
	for (uint32_t i = 0; i < r->count; i++)
		*index_slot(r, r->records[i].tag) = i + 1;
	return 0;
}

/* Room for one more record, in the array and (at most half full) in the index. */
static int make_room(struct reserve *r)
{
	if (r->count == RECORDS_MAX)
		return -ENOSPC;
	if (r->count == r->room) {
		uint32_t room = r->room ? r->room * 2 : INDEX_MIN;
		struct record *records = reallocarray(r->records, room, sizeof(*records));

		if (!records)
			return -ENOMEM;
		r->records = records;
		r->room = room;
	}
	if (r->count >= r->index_size / 2)
		return index_grow(r);
	return 0;
}

static struct record *record_find(const struct reserve *r, const uint8_t tag[static TAG_LEN])
{
	uint32_t slot = r->index_size ? *index_slot(r, tag) : 0;

	return slot ? &r->records[slot - 1] : NULL;
}

/* The caller has made room. */
static struct record *record_append(struct reserve *r, const struct record *record)
{
	assert(r->records && r->count < r->room);
	r->records[r->count] = *record;
	*index_slot(r, record->tag) = r->count + 1;
	return &r->records[r->count++];
}

/* ---- file --------------------------------------------------------------------------------- */

/* Writes all of it or says why not: a regular file takes less than asked only when it cannot take
 * more. */
static int write_at(int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t n;

	do {
		n = pwrite(fd, bytes, len, at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC;
}

static off_t record_offset(uint32_t i)
{
	return ((off_t)i + 1) * RECORD_LEN;
}

static int record_write(const struct reserve *r, uint32_t i, const struct record *record)
{
	struct file_record bytes = {
		.next_le = htole64(record->next),
		.iv_mask_le = htole64(record->iv_mask),
	};

	memcpy(bytes.tag, record->tag, TAG_LEN);
	return write_at(r->fd, &bytes, sizeof(bytes), record_offset(i));
}

/* Made under another name and renamed when it is on disk: a file of this name is always whole, so
 * an empty one has lost its contents and is refused. */
static int file_create(int dir_fd)
{
	struct file_header header = {.version_le = htole64(1)};
	int fd = openat(dir_fd, FILE_TEMP, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	int rc;

	if (fd < 0)
		return -errno;
	memcpy(header.magic, magic, sizeof(header.magic));
	rc = write_at(fd, &header, sizeof(header), 0);
	if (!rc && fsync(fd) < 0)
		rc = -errno;
	if (!rc && renameat(dir_fd, FILE_TEMP, dir_fd, FILE_NAME) < 0)
		rc = -errno;
	if (!rc && fsync(dir_fd) < 0)
		rc = -errno;
	if (rc) {
		(void)unlinkat(dir_fd, FILE_TEMP, 0); /* may be gone; the next start truncates it */
		close(fd);
		return rc;
	}
	return fd;
}

/* -errno or the descriptor. */
static int file_open(int dir_fd)
{
	int fd = openat(dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		return fd;
	return errno == ENOENT ? file_create(dir_fd) : -errno;
}

/* Reads record i into the table. A crash of the machine may leave zeros where an append was under
 * way; its numbers were not handed out, since the sync had not returned, so the slot at the very
 * end is simply free. Anywhere else zeros are damage. */
static int record_load(struct reserve *r, uint32_t i, bool last)
{
	static const struct file_record zeros;
	struct file_record bytes;
	struct record record;
	ssize_t n = pread(r->fd, &bytes, sizeof(bytes), record_offset(i));
	int rc;

	if (n != (ssize_t)sizeof(bytes))
		return n < 0 ? -errno : -EIO;
	if (last && memcmp(&bytes, &zeros, sizeof(bytes)) == 0)
		return 0;
	memcpy(record.tag, bytes.tag, TAG_LEN);
	record.next = le64toh(bytes.next_le);
	record.iv_mask = le64toh(bytes.iv_mask_le);
	/* Every record was written with a block taken, so 1 is never the next number. */
	if (memcmp(record.tag, zeros.tag, TAG_LEN) == 0 || record.next == 1 ||
	    record_find(r, record.tag))
		return -EBADMSG;
	rc = make_room(r);
	if (!rc)
		(void)record_append(r, &record);
	return rc;
}

/* Refuses what this program did not write: a wrong guess here repeats nonces. */
static int file_load(struct reserve *r, const char **why)
{
	struct file_header header;
	struct stat st;
	uint32_t records;

	*why = "cannot be read";
	if (fstat(r->fd, &st) < 0)
		return -errno;
	*why = "is not a file of mode 0600 that only its owner writes";
	if (!S_ISREG(st.st_mode) || (st.st_mode & 022))
		return -EPERM;
	if (st.st_uid != geteuid() && geteuid() != 0)
		return -EPERM;
	*why = "is damaged: its length is not a whole number of records";
	if (st.st_size < RECORD_LEN || st.st_size % RECORD_LEN ||
	    st.st_size / RECORD_LEN - 1 > RECORDS_MAX)
		return -EBADMSG;
	*why = "is not a file of sequence numbers of this version";
	if (pread(r->fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return -EIO;
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 || le64toh(header.version_le) != 1 ||
	    header.zero != 0)
		return -EBADMSG;
	*why = "holds a damaged record";
	records = (uint32_t)(st.st_size / RECORD_LEN - 1);
	for (uint32_t i = 0; i < records; i++) {
		int rc = record_load(r, i, i + 1 == records);

		if (rc)
			return rc;
	}
	return 0;
}

int reserve_open(struct reserve **out, const char *dir)
{
	struct reserve *r = calloc(1, sizeof(*r));
	const char *why = "cannot be opened";
	int rc;

	if (!r)
		return -ENOMEM;
	r->fd = -1;
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0) {
		rc = -errno;
		goto refuse;
	}
	if (flock(r->dir_fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		why = "is in use by another daemon";
		goto refuse;
	}
	r->fd = file_open(r->dir_fd);
	if (r->fd < 0) {
		rc = r->fd;
		goto refuse;
	}
	rc = file_load(r, &why);
	if (rc)
		goto refuse;
	*out = r;
	return 0;

refuse:
	errno = -rc;
	if (rc == -EBADMSG || rc == -EPERM)
		log_warnx("%s/%s %s", dir, FILE_NAME, why);
	else
		log_warn("%s/%s %s", dir, FILE_NAME, why);
	reserve_close(r);
	return rc;
}

void reserve_close(struct reserve *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	free(r->records);
	free(r->index);
	free(r);
}

/* ---- keys --------------------------------------------------------------------------------- */

/* By key material alone, whatever transform reads it: sharing a counter without need costs nothing,
 * not sharing one repeats nonces. The salt is part of the material: another salt is another
 * nonce. */
static int key_tag(const struct sa_config *config, uint8_t tag[static TAG_LEN])
{
	const struct esp_suite_spec spec = esp_suite_spec(&config->suite);
	uint8_t key[ESP_ENCR_KEY_MAX + ESP_INTEG_KEY_MAX];
	uint8_t digest[EVP_MAX_MD_SIZE];
	const int key_len = spec.encr_key_len + spec.integ_key_len;
	unsigned char *done;

	assert(spec.encr_key_len <= ESP_ENCR_KEY_MAX && spec.integ_key_len <= ESP_INTEG_KEY_MAX);
	memcpy(key, config->keys.encr, spec.encr_key_len);
	memcpy(key + spec.encr_key_len, config->keys.integ, spec.integ_key_len);
	done = HMAC(EVP_sha256(), key, key_len, (const unsigned char *)TAG_LABEL,
		    sizeof(TAG_LABEL) - 1, digest, NULL);
	OPENSSL_cleanse(key, sizeof(key));
	if (done)
		memcpy(tag, digest, TAG_LEN);
	OPENSSL_cleanse(digest, sizeof(digest));
	return done ? 0 : -ENOMEM;
}

/* ---- take and return ---------------------------------------------------------------------- */

/* The block that starts at next, as long as the limit allows; false if it allows none. */
static bool next_block(uint64_t next, bool esn, struct esp_grant *grant)
{
	const uint64_t limit = esp_seq_limit(esn);

	if (next == 0 || next > limit)
		return false;
	grant->first = next;
	grant->last = limit - next >= RESERVE_BLOCK ? next + RESERVE_BLOCK - 1 : limit;
	return true;
}

/* A record that was never synced must not stay half written behind the file's end. */
static int append_synced(struct reserve *r, const struct record *record)
{
	int rc = make_room(r);

	if (rc)
		return rc;
	rc = record_write(r, r->count, record);
	if (!rc && fdatasync(r->fd) < 0)
		rc = -errno;
	if (rc) {
		if (ftruncate(r->fd, record_offset(r->count)) < 0)
			log_warn("sequence numbers: cutting off a half-written record");
		return rc;
	}
	(void)record_append(r, record);
	return 0;
}

/* After a failed sync nobody knows what the disk holds, the old number or the new one. Neither
 * harms: the block was not handed out, so it is asked for again, and a crash at worst skips it. */
static int advance_synced(struct reserve *r, struct record *record, uint64_t next)
{
	const uint64_t before = record->next;
	int rc;

	record->next = next;
	rc = record_write(r, (uint32_t)(record - r->records), record);
	if (!rc && fdatasync(r->fd) < 0)
		rc = -errno;
	if (rc)
		record->next = before;
	return rc;
}

/* Where the next block begins: next, or above after if that is more; 0: nowhere. */
static uint64_t start_of_block(uint64_t next, uint64_t after)
{
	if (after == UINT64_MAX)
		return 0;
	return next != 0 && next <= after ? after + 1 : next;
}

int reserve_take(struct reserve *r, const struct sa_config *config, uint64_t after,
		 struct esp_grant *grant, uint64_t *iv_mask)
{
	struct record fresh = {.next = 1};
	struct esp_grant block;
	struct record *record;
	int rc;

	rc = key_tag(config, fresh.tag);
	if (rc)
		return rc;
	record = record_find(r, fresh.tag);
	if (!record && RAND_bytes((unsigned char *)&fresh.iv_mask, sizeof(fresh.iv_mask)) != 1)
		return -EIO;
	if (!next_block(start_of_block(record ? record->next : fresh.next, after), config->esn,
			&block))
		return -EOVERFLOW;
	if (record) {
		rc = advance_synced(r, record, block.last + 1); /* 2^64 becomes 0: none left */
	} else {
		fresh.next = block.last + 1;
		rc = append_synced(r, &fresh);
		record = &fresh;
	}
	if (rc)
		return rc;
	*grant = block;
	*iv_mask = record->iv_mask;
	return 0;
}

void reserve_return(struct reserve *r, const struct sa_config *config, uint64_t used_last,
		    const struct esp_grant *last_grant)
{
	uint8_t tag[TAG_LEN];
	struct record *record;
	uint64_t used = used_last;

	if (key_tag(config, tag))
		return;
	record = record_find(r, tag);
	/* Another SA of this key has taken a later block, or everything is used up. */
	if (!record || record->next != last_grant->last + 1)
		return;
	/* Only this block is given back: the one before it may be another SA's. */
	if (used < last_grant->first)
		used = last_grant->first - 1;
	if (used > last_grant->last || last_grant->last - used <= RESERVE_SLACK)
		return;
	record->next = used + RESERVE_SLACK + 1;
	/* If it does not reach the disk, the numbers are skipped after the next start: safe. */
	(void)record_write(r, (uint32_t)(record - r->records), record);
}
